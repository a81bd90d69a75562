//! The two halves of a [`UnixStream`].

use std::error::Error;
use std::fmt;
use std::io::{self, IoSlice, IoSliceMut};
use std::os::unix::net::SocketAddr;
use std::rc::Rc;

use super::UnixStream;
use crate::net::halves::halves;

halves!(UnixStream, SocketAddr);
