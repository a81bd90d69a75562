//! [`stdin`].

use std::fmt;
use std::future::poll_fn;
use std::io::{self, Read};
use std::pin::Pin;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker, ready};

use polliwog_core::__reactor::waits_for;
use polliwog_core::task::budget::poll_proceed;
use polliwog_core::task::wake_quietly;

use crate::blocking::{Rejected, Stream, try_spawn_for};
use crate::budget::poll_nothing;

/// How many bytes the thread asks for at a time.
const CHUNK: usize = 64 * 1024;

/// Returns the program's input. Any number of these may be there; what one of them reads no other does.
///
/// Bytes are read from the system when somebody asks for some, as many as there are. They lie in a buffer of
/// the whole process then, until they are fetched: so a read that is dropped loses nothing, not even
/// together with its `Stdin`. A program that is started with the same input does not get them any more.
///
/// ```no_run
/// use polliwog_mio::io::stdin;
///
/// # polliwog_mio::block_on(async {
/// let mut buf = [0; 100];
/// let n = stdin().read(&mut buf).await?;
/// println!("{n} bytes");
/// # std::io::Result::Ok(())
/// # }).unwrap();
/// ```
pub fn stdin() -> Stdin {
    let mut input = input();
    input.handles += 1;
    Stdin {
        std: std::io::stdin(),
        name: input.handles,
    }
}

/// The program's input; made by [`stdin`].
///
/// ```no_run
/// # mod polliwog { pub use polliwog_core::{*, time}; pub use polliwog_mio::{*, io}; }
/// # fn main() -> std::io::Result<()> {
/// polliwog::block_on(async {
///     let mut buf = [0; 1024];
///     let n = polliwog::io::stdin().read(&mut buf).await?;
///     println!("{n} bytes");
///     Ok(())
/// })
/// # }
/// ```
pub struct Stdin {
    std: std::io::Stdin,
    /// Which one it is of those that wait.
    name: u64,
}

/// What the thread has read.
struct Input {
    bytes: Vec<u8>,
    /// So many of them have been fetched.
    start: usize,
    /// What came instead of bytes: the end, or an error.
    other: Option<io::Result<()>>,
    /// The thread reads, or is about to.
    reading: bool,
    /// Who waits for it, by the handle's name: a wait takes the place of the same handle's one before, which
    /// was given up.
    waiters: Vec<(u64, Waker)>,
    /// The name of the latest handle.
    handles: u64,
}

static INPUT: Mutex<Input> = Mutex::new(Input {
    bytes: Vec::new(),
    start: 0,
    other: None,
    reading: false,
    waiters: Vec::new(),
    handles: 0,
});

impl Input {
    fn forget(&mut self, name: u64) -> Option<Waker> {
        let at = self.waiters.iter().position(|(other, _)| *other == name)?;
        Some(self.waiters.remove(at).1)
    }
}

fn input() -> MutexGuard<'static, Input> {
    // Nothing is left half done under the lock.
    INPUT.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Stdin {
    /// Reads what is there, or waits for something; zero at the end. At a terminal more may come after that.
    ///
    /// ```no_run
    /// # mod polliwog { pub use polliwog_core::{*, time}; pub use polliwog_mio::{*, io}; }
    /// # fn main() -> std::io::Result<()> {
    /// polliwog::block_on(async {
    ///     let mut input = polliwog::io::stdin();
    ///     let mut buf = [0; 1024];
    ///     while input.read(&mut buf).await? > 0 {}
    ///     Ok(())
    /// })
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// What the system reports, or that it gives no thread.
    ///
    /// # Cancel safety
    ///
    /// Nothing is lost.
    pub async fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        poll_fn(|cx| self.poll_read_input(cx, buf)).await
    }

    /// Returns whether the input is a terminal, at which somebody types.
    ///
    /// ```
    /// # mod polliwog { pub use polliwog_core::{*, time}; pub use polliwog_mio::{*, io}; }
    /// # fn main() -> std::io::Result<()> {
    /// polliwog::block_on(async {
    ///     if polliwog::io::stdin().is_terminal() {
    ///         println!("type away");
    ///     }
    ///     Ok(())
    /// })
    /// # }
    /// ```
    pub fn is_terminal(&self) -> bool {
        std::io::IsTerminal::is_terminal(&self.std)
    }

    fn poll_read_input(&self, cx: &mut Context<'_>, buf: &mut [u8]) -> Poll<io::Result<usize>> {
        if buf.is_empty() {
            return poll_nothing(cx);
        }
        self.poll_fetch(cx, |bytes| {
            let n = bytes.len().min(buf.len());
            buf[..n].copy_from_slice(&bytes[..n]);
            n
        })
    }

    /// Hands what is there to `fetch`, which takes some of it and says how much.
    fn poll_fetch(
        &self,
        cx: &mut Context<'_>,
        fetch: impl FnOnce(&[u8]) -> usize,
    ) -> Poll<io::Result<usize>> {
        waits_for("Stdin::read", || self.poll_input(cx, fetch))
    }

    fn poll_input(
        &self,
        cx: &mut Context<'_>,
        fetch: impl FnOnce(&[u8]) -> usize,
    ) -> Poll<io::Result<usize>> {
        let permit = ready!(poll_proceed(cx));
        // Foreign code perhaps: outside of the lock.
        let waker = cx.waker().clone();
        let mut input = input();
        let rest = &input.bytes[input.start..];
        if !rest.is_empty() {
            let n = fetch(rest);
            input.start += n;
            permit.charge(n);
            return Poll::Ready(Ok(n));
        }
        if let Some(other) = input.other.take() {
            permit.charge(0);
            return Poll::Ready(other.map(|()| 0));
        }
        if !input.reading {
            match try_spawn_for(Stream::Input, Reading, Reading::read) {
                // Whoever waits is woken by the thread itself.
                Ok(handle) => drop(handle),
                Err(Rejected { job, reason }) => {
                    std::mem::forget(job);
                    return Poll::Ready(Err(reason.into()));
                }
            }
            input.reading = true;
        }
        let former = input.forget(self.name);
        input.waiters.push((self.name, waker));
        drop(input);
        // Not under the lock: it is foreign code perhaps.
        drop(former);
        Poll::Pending
    }
}

impl Drop for Stdin {
    fn drop(&mut self) {
        let former = input().forget(self.name);
        drop(former);
    }
}

/// The thread's job. However it ends, those who wait look again.
struct Reading;

impl Reading {
    fn read(self) {
        // All of it has been fetched.
        let mut bytes = std::mem::take(&mut input().bytes);
        bytes.resize(CHUNK, 0);
        let mut stdin = std::io::stdin().lock();
        let result = read(&mut stdin, &mut bytes);
        drop(stdin);
        bytes.truncate(*result.as_ref().unwrap_or(&0));
        let mut input = input();
        input.start = 0;
        if bytes.is_empty() {
            input.other = Some(result.map(drop));
        }
        input.bytes = bytes;
        drop(input);
        // `self` ends here.
    }
}

impl Drop for Reading {
    fn drop(&mut self) {
        let mut input = input();
        input.reading = false;
        let waiters = std::mem::take(&mut input.waiters);
        drop(input);
        for (_, waker) in waiters {
            wake_quietly(waker);
        }
    }
}

#[cfg(unix)]
fn read(stdin: &mut std::io::StdinLock<'static>, buf: &mut [u8]) -> io::Result<usize> {
    super::insist(&std::io::stdin(), rustix::event::PollFlags::IN, || {
        stdin.read(buf)
    })
}

#[cfg(not(unix))]
fn read(stdin: &mut std::io::StdinLock<'static>, buf: &mut [u8]) -> io::Result<usize> {
    loop {
        match stdin.read(buf) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            result => return result,
        }
    }
}

impl futures_io::AsyncRead for Stdin {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        self.poll_read_input(cx, buf)
    }
}

#[cfg(feature = "tokio")]
impl tokio::io::AsyncRead for Stdin {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut tokio::io::ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        polliwog_core::spare::Spare::of_tokio(buf, |spare| match spare.is_empty() {
            true => poll_nothing(cx).map_ok(drop),
            false => self
                .poll_fetch(cx, |bytes| spare.put_slice(bytes))
                .map_ok(drop),
        })
    }
}

impl embedded_io::ErrorType for Stdin {
    type Error = io::Error;
}

impl embedded_io_async::Read for Stdin {
    async fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        Stdin::read(self, buf).await
    }
}

#[cfg(any(unix, windows))]
files! {
    Stdin: stream => stream.std;
}

impl fmt::Debug for Stdin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Stdin").finish_non_exhaustive()
    }
}
