//! The two halves of a [`UnixStream`], borrowed and owned.

use core::fmt;

use super::stream::UnixStream;
use crate::halves::halves;
use crate::io::vectored::vectored;
use crate::net::Shutdown;
use crate::net::split::{embedded_io, readiness};

halves!("net", UnixStream<E>, E, E::UnixAddr);

embedded_io!(ReadHalf<'_, E>, ReadHalf: Read);
embedded_io!(WriteHalf<'_, E>, WriteHalf: Write);
embedded_io!(OwnedReadHalf<E>, OwnedReadHalf: Read);
embedded_io!(OwnedWriteHalf<E>, OwnedWriteHalf: Write);

readiness! {
    ReadReady, read_ready, is_read_ready:
    UnixStream<E>: stream => stream;
    &UnixStream<E>: stream => stream;
    ReadHalf<'_, E>: half => half.stream();
    OwnedReadHalf<E>: half => half.stream();
}
readiness! {
    WriteReady, write_ready, is_write_ready:
    UnixStream<E>: stream => stream;
    &UnixStream<E>: stream => stream;
    WriteHalf<'_, E>: half => half.stream();
    OwnedWriteHalf<E>: half => half.stream();
}

vectored!(@reading UnixStream: ReadHalf<'_, E>, OwnedReadHalf<E>);
vectored!(@writing UnixStream: WriteHalf<'_, E>, OwnedWriteHalf<E>);
