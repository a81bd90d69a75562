//! [`Pipe`]: mio's pipe, and whether anybody is at its other end.

use std::cell::Cell;
use std::fmt;
use std::io::{self, IoSlice, IoSliceMut, Read, Write};
use std::os::windows::io::{AsRawHandle, RawHandle};

use mio::event::Source;
use mio::windows::NamedPipe;
use mio::{Interest, Registry, Token};

/// How many bytes are written at most by one operation. mio copies all that it is given, and has one operation under
/// way at a time.
const MOST: usize = 64 << 10;

/// One end of a named pipe.
pub(crate) struct Pipe {
    io: NamedPipe,
    connected: Cell<bool>,
}

impl Pipe {
    /// The end of a server that waits for a client.
    pub(super) fn server(io: NamedPipe) -> Self {
        Self {
            io,
            connected: Cell::new(false),
        }
    }

    /// The end of a client, which is connected from the beginning.
    pub(super) fn client(io: NamedPipe) -> Self {
        Self {
            io,
            connected: Cell::new(true),
        }
    }

    /// Whether somebody has connected since it was made or disconnected: who has left counts, as there may be
    /// something left to read.
    ///
    /// # Errors
    ///
    /// Otherwise: mio would have reads wait for a client.
    pub(super) fn connected(&self) -> io::Result<&NamedPipe> {
        match self.connected.get() {
            true => Ok(&self.io),
            false => Err(io::ErrorKind::NotConnected.into()),
        }
    }

    /// Connects to a client if there is one. Returns whether it was not connected before; then mio will report it to
    /// be ready.
    pub(super) fn connect(&self) -> io::Result<bool> {
        if self.connected.get() {
            return Ok(false);
        }
        self.io.connect()?;
        self.connected.set(true);
        Ok(true)
    }

    pub(super) fn disconnect(&self) -> io::Result<()> {
        self.io.disconnect()?;
        self.connected.set(false);
        Ok(())
    }
}

impl Read for &Pipe {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        self.connected()?.read(buf)
    }

    fn read_vectored(&mut self, bufs: &mut [IoSliceMut<'_>]) -> io::Result<usize> {
        self.connected()?.read_vectored(bufs)
    }
}

impl Write for &Pipe {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        self.connected()?.write(&buf[..buf.len().min(MOST)])
    }

    /// Writes the buffers at the beginning that are few enough bytes together, or some of the first one.
    fn write_vectored(&mut self, bufs: &[IoSlice<'_>]) -> io::Result<usize> {
        let mut room = MOST;
        let fits = |buf: &&IoSlice<'_>| match room.checked_sub(buf.len()) {
            Some(rest) => {
                room = rest;
                true
            }
            None => false,
        };
        match (bufs.iter().take_while(fits).count(), bufs) {
            (0, [first, ..]) => self.write(first),
            (whole, bufs) => self.connected()?.write_vectored(&bufs[..whole]),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Source for Pipe {
    fn register(
        &mut self,
        registry: &Registry,
        token: Token,
        interests: Interest,
    ) -> io::Result<()> {
        self.io.register(registry, token, interests)
    }

    fn reregister(
        &mut self,
        registry: &Registry,
        token: Token,
        interests: Interest,
    ) -> io::Result<()> {
        self.io.reregister(registry, token, interests)
    }

    fn deregister(&mut self, registry: &Registry) -> io::Result<()> {
        self.io.deregister(registry)
    }
}

impl AsRawHandle for Pipe {
    fn as_raw_handle(&self) -> RawHandle {
        self.io.as_raw_handle()
    }
}

impl fmt::Debug for Pipe {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.io.fmt(f)
    }
}
