//! The two halves of a [`TcpStream`].

use std::error::Error;
use std::fmt;
use std::io::{self, IoSlice, IoSliceMut};
use std::net::SocketAddr;
use std::rc::Rc;

use super::TcpStream;
use super::halves::halves;

halves!(TcpStream, SocketAddr);
