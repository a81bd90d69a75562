//! The two halves of a [`UnixStream`], borrowed and owned.

use core::fmt;

use super::{SocketAddr, UnixStream};
use crate::Error;
use crate::halves::halves;
use crate::net::Shutdown;
use crate::net::split::embedded_io;

halves!("net", UnixStream);

embedded_io!(ReadHalf<'_>, ReadHalf: Read);
embedded_io!(WriteHalf<'_>, WriteHalf: Write);
embedded_io!(OwnedReadHalf, OwnedReadHalf: Read);
embedded_io!(OwnedWriteHalf, OwnedWriteHalf: Write);
