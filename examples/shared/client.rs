//! A client of the file server, and talking with it: none of this waits for a client longer
//! than it may take.

use std::cell::Cell;
use std::io;
use std::net::{Shutdown, SocketAddr};
use std::time::{Duration, Instant};

use polliwog::net::TcpStream;
use polliwog::time::timeout;
use polliwog::yield_now;

use crate::line::Line;

/// How long a client has to close after all was said.
const FAREWELL: Duration = Duration::from_secs(2);

/// Why a client does not get its file.
pub(crate) enum Trouble {
    /// It is told so.
    Refused(String),
    /// It cannot be told: it is gone, or has a part of the file already.
    Lost(io::Error),
}

impl From<io::Error> for Trouble {
    fn from(error: io::Error) -> Self {
        Trouble::Lost(error)
    }
}

/// What the client is to be told, as an error.
pub(crate) fn refuse<T>(reason: impl Into<String>) -> Result<T, Trouble> {
    Err(Trouble::Refused(reason.into()))
}

/// How long a client may keep us waiting.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Patience {
    /// For its name, or for a byte of its file to be taken.
    pub(crate) stall: Duration,
    /// How many bytes it has to take in each second that we wait for it, on average over each
    /// `stall`. Otherwise a few clients that take a byte now and then would have all seats.
    pub(crate) least_rate: u64,
}

/// A connection, and how long its other end may keep us waiting.
pub(crate) struct Client {
    stream: TcpStream,
    peer: SocketAddr,
    patience: Patience,
    /// For how long we have waited since the client's pace was judged last.
    waited: Cell<Duration>,
    /// How many bytes it has taken meanwhile.
    taken: Cell<u64>,
}

impl Client {
    pub(crate) fn new(stream: TcpStream, peer: SocketAddr, patience: Patience) -> Self {
        Self {
            stream,
            peer,
            patience,
            waited: Cell::default(),
            taken: Cell::default(),
        }
    }

    pub(crate) fn peer(&self) -> SocketAddr {
        self.peer
    }

    /// Sends a line to a client that has been sent nothing yet, without waiting: a new
    /// connection has room for it. If not, the client is not one to wait for.
    pub(crate) fn try_send(&self, line: &[u8]) {
        let _ = self.stream.try_write(line);
    }

    // ANCHOR: send
    /// Sends all of `bytes`. The client may take its time, within our patience.
    ///
    /// The system calls a socket writable only when a good part of its buffer is free again, and
    /// a client that is slow is not one that has stalled: so a wait in vain is not the end, only
    /// a write that too little comes of after it.
    pub(crate) async fn send(&self, mut bytes: &[u8]) -> io::Result<()> {
        while !bytes.is_empty() {
            match self.stream.try_write(bytes) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(sent) => {
                    self.taken.set(self.taken.get() + sent as u64);
                    bytes = &bytes[sent..];
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    let (left, began) = (self.judge()?, Instant::now());
                    if let Ok(writable) = timeout(left, self.stream.writable()).await {
                        writable?;
                    }
                    self.waited.set(self.waited.get() + began.elapsed());
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }
    // ANCHOR_END: send

    // ANCHOR: judge
    /// How much longer we may wait before the client's pace is judged.
    fn judge(&self) -> io::Result<Duration> {
        let Patience { stall, least_rate } = self.patience;
        if let Some(left) = stall.checked_sub(self.waited.get()) {
            if !left.is_zero() {
                return Ok(left);
            }
        }
        let taken = self.taken.take();
        let waited = self.waited.take();
        let least = (waited.as_secs_f64() * least_rate as f64).max(1.0);
        if (taken as f64) < least {
            let what = format!("too slow, {taken} bytes in {waited:.1?}");
            return Err(io::Error::new(io::ErrorKind::TimedOut, what));
        }
        Ok(stall)
    }
    // ANCHOR_END: judge

    /// Reads the line with the name. What comes after it is nobody's.
    pub(crate) async fn read_name(&self) -> Result<String, Trouble> {
        let stall = self.patience.stall;
        match timeout(stall, self.read_line()).await {
            Ok(line) => line?.name().map_err(Trouble::Refused),
            Err(_) => refuse(format!("no name within {stall:?}")),
        }
    }

    async fn read_line(&self) -> Result<Line, Trouble> {
        let mut line = Line::default();
        let mut chunk = [0; 512];
        loop {
            let count = self.stream.read(&mut chunk).await?;
            if count == 0 && line.is_empty() {
                return Err(Trouble::Lost(io::ErrorKind::UnexpectedEof.into()));
            }
            if count == 0 {
                return refuse("the name has no end of line");
            }
            if line.push(&chunk[..count]).map_err(Trouble::Refused)? {
                return Ok(line);
            }
        }
    }

    // ANCHOR: part
    /// Ends a connection so that what was sent arrives. To close while the client still sends
    /// would reset it, so we let the client close first, for a while.
    pub(crate) async fn part(&self) -> io::Result<()> {
        self.stream.shutdown(Shutdown::Write)?;
        let drain = async {
            let mut chunk = [0; 512];
            while self.stream.read(&mut chunk).await? > 0 {
                yield_now().await;
            }
            Ok(())
        };
        timeout(FAREWELL, drain).await.unwrap_or(Ok(()))
    }
    // ANCHOR_END: part

    /// From now on the connection ends with a reset, for whatever reason it ends.
    pub(crate) fn reset_on_drop(&self) -> ResetOnDrop<'_> {
        ResetOnDrop {
            stream: &self.stream,
            armed: true,
        }
    }
}

/// Made by [`Client::reset_on_drop`].
pub(crate) struct ResetOnDrop<'a> {
    stream: &'a TcpStream,
    armed: bool,
}

impl ResetOnDrop<'_> {
    /// The connection ends as usual after all.
    pub(crate) fn disarm(mut self) {
        self.armed = false;
    }
}

// ANCHOR: reset
impl Drop for ResetOnDrop<'_> {
    fn drop(&mut self) {
        if self.armed {
            // If that fails, the connection is gone already.
            let _ = self.stream.set_linger(Some(Duration::ZERO));
        }
    }
}
// ANCHOR_END: reset
