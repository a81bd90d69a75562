//! The two halves of a [`UnixStream`], borrowed and owned.

use core::fmt;

use super::{SocketAddr, UnixStream};
use crate::Error;
use crate::halves::halves;
use crate::io::vectored::vectored;
use crate::net::Shutdown;
use crate::net::split::{embedded_io, readiness};

halves!("net", UnixStream);

embedded_io!(ReadHalf<'_>, ReadHalf: Read);
embedded_io!(WriteHalf<'_>, WriteHalf: Write);
embedded_io!(OwnedReadHalf, OwnedReadHalf: Read);
embedded_io!(OwnedWriteHalf, OwnedWriteHalf: Write);

readiness! {
    ReadReady, read_ready, is_read_ready:
    UnixStream: stream => stream;
    &UnixStream: stream => stream;
    ReadHalf<'_>: half => half.stream();
    OwnedReadHalf: half => half.stream();
}
readiness! {
    WriteReady, write_ready, is_write_ready:
    UnixStream: stream => stream;
    &UnixStream: stream => stream;
    WriteHalf<'_>: half => half.stream();
    OwnedWriteHalf: half => half.stream();
}

vectored!(@reading UnixStream: ReadHalf<'_>, OwnedReadHalf);
vectored!(@writing UnixStream: WriteHalf<'_>, OwnedWriteHalf);
