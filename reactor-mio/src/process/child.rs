//! [`Child`].

use std::fmt;
use std::future::poll_fn;
use std::io;
use std::process::{ExitStatus, Output};
use std::task::{Context, Poll, ready};

use polliwog_core::__reactor::waits_for;
use polliwog_core::task::budget::poll_proceed;
use polliwog_core::try_join;

use super::exit::Exit;
use super::pipes::{ChildStderr, ChildStdin, ChildStdout};
use crate::reactor::MioReactor;

/// A program that was started by [`Command::spawn`](super::Command::spawn).
///
/// Dropped before its end it goes on, or is [killed](super::Command::kill_on_drop); no zombie is left either
/// way.
///
/// ```
/// # #[cfg(unix)]
/// # polliwog_mio::block_on(async {
/// use polliwog_core::time::{Duration, timeout};
/// use polliwog_mio::process::Command;
///
/// let mut child = Command::new("sleep").arg("1000").kill_on_drop(true).spawn()?;
/// if timeout(Duration::from_millis(10), child.wait()).await.is_err() {
///     child.kill().await?;
/// }
/// # std::io::Result::Ok(())
/// # }).unwrap();
/// ```
pub struct Child {
    /// To write what the child reads, if that is piped.
    pub stdin: Option<ChildStdin>,
    /// To read what the child writes, if that is piped.
    pub stdout: Option<ChildStdout>,
    /// To read what the child writes of errors, if that is piped.
    pub stderr: Option<ChildStderr>,
    life: Life,
    kill_on_drop: bool,
}

enum Life {
    Running(std::process::Child, Exit),
    Ended(ExitStatus),
}

impl Child {
    pub(super) fn new(
        reactor: &MioReactor,
        mut child: std::process::Child,
        kill_on_drop: bool,
    ) -> io::Result<Self> {
        let (stdin, stdout, stderr) =
            (child.stdin.take(), child.stdout.take(), child.stderr.take());
        let exit = Exit::of(reactor, &child);
        // From here on it is killed and waited for if anything fails.
        let mut this = Child {
            stdin: None,
            stdout: None,
            stderr: None,
            life: Life::Running(child, exit),
            kill_on_drop: true,
        };
        this.stdin = stdin.map(|io| ChildStdin::new(reactor, io)).transpose()?;
        this.stdout = stdout.map(|io| ChildStdout::new(reactor, io)).transpose()?;
        this.stderr = stderr.map(|io| ChildStderr::new(reactor, io)).transpose()?;
        this.kill_on_drop = kill_on_drop;
        Ok(this)
    }

    /// Returns the system's number of the process; `None` once its end has been told, as another process may
    /// have that number then.
    ///
    /// ```
    /// # mod polliwog { pub use polliwog_core::{*, time}; pub use polliwog_mio::{*, io}; }
    /// # fn main() -> std::io::Result<()> {
    /// use polliwog::process::Command;
    ///
    /// polliwog::block_on(async {
    /// #     #[cfg(unix)] {
    ///     let mut child = Command::new("true").spawn()?;
    ///     println!("process {:?}", child.id());
    ///     child.wait().await?;
    ///     assert_eq!(child.id(), None);
    /// #     }
    ///     Ok(())
    /// })
    /// # }
    /// ```
    pub fn id(&self) -> Option<u32> {
        match &self.life {
            Life::Running(child, _) => Some(child.id()),
            Life::Ended(_) => None,
        }
    }

    /// Asks the system to end the process at once (`SIGKILL` on Unix), and does not wait for that.
    ///
    /// ```
    /// # mod polliwog { pub use polliwog_core::{*, time}; pub use polliwog_mio::{*, io}; }
    /// # fn main() -> std::io::Result<()> {
    /// use polliwog::process::Command;
    ///
    /// polliwog::block_on(async {
    /// #     #[cfg(unix)] {
    ///     let mut child = Command::new("sleep").arg("60").spawn()?;
    ///     child.start_kill()?;
    ///     assert!(!child.wait().await?.success());
    /// #     }
    ///     Ok(())
    /// })
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// [`io::ErrorKind::InvalidInput`] if its end has been told, or what the system reports.
    pub fn start_kill(&mut self) -> io::Result<()> {
        match &mut self.life {
            Life::Running(child, _) => child.kill(),
            Life::Ended(_) => Err(io::Error::new(
                io::ErrorKind::InvalidInput,
                "the process has ended already",
            )),
        }
    }

    /// [Asks](Self::start_kill) the system to end the process, and waits until it has ended.
    ///
    /// ```
    /// # mod polliwog { pub use polliwog_core::{*, time}; pub use polliwog_mio::{*, io}; }
    /// # fn main() -> std::io::Result<()> {
    /// use polliwog::process::Command;
    ///
    /// polliwog::block_on(async {
    /// #     #[cfg(unix)] {
    ///     let mut child = Command::new("sleep").arg("60").spawn()?;
    ///     child.kill().await?;
    ///     assert!(child.try_wait()?.is_some());
    /// #     }
    ///     Ok(())
    /// })
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// As [`start_kill`](Self::start_kill) and [`wait`](Self::wait).
    ///
    /// # Cancel safety
    ///
    /// The process ends, whether the future is dropped or not.
    pub async fn kill(&mut self) -> io::Result<()> {
        self.start_kill()?;
        self.wait().await.map(drop)
    }

    /// Waits for the end of the process, and says how it has ended; again and again if it is asked so.
    ///
    /// Closes [`stdin`](Self::stdin) before, if it has not been taken, so that the child does not wait for
    /// more. Reads nothing: a child that writes more than a pipe holds waits until somebody reads it, see
    /// [`wait_with_output`](Self::wait_with_output).
    ///
    /// ```
    /// # mod polliwog { pub use polliwog_core::{*, time}; pub use polliwog_mio::{*, io}; }
    /// # fn main() -> std::io::Result<()> {
    /// use polliwog::process::Command;
    ///
    /// polliwog::block_on(async {
    /// #     #[cfg(unix)] {
    ///     let mut child = Command::new("true").spawn()?;
    ///     assert!(child.wait().await?.success());
    /// #     }
    ///     Ok(())
    /// })
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// What the system reports, if somebody else has waited for this process for example.
    ///
    /// # Cancel safety
    ///
    /// Nothing is lost, but `stdin` is closed.
    pub async fn wait(&mut self) -> io::Result<ExitStatus> {
        drop(self.stdin.take());
        poll_fn(|cx| self.poll_exit(cx)).await
    }

    /// Returns how the process has ended; `None` if it has not.
    ///
    /// ```
    /// # mod polliwog { pub use polliwog_core::{*, time}; pub use polliwog_mio::{*, io}; }
    /// # fn main() -> std::io::Result<()> {
    /// use polliwog::process::Command;
    ///
    /// polliwog::block_on(async {
    /// #     #[cfg(unix)] {
    ///     let mut child = Command::new("sleep").arg("60").spawn()?;
    ///     assert!(child.try_wait()?.is_none()); // it still sleeps
    ///     child.kill().await?;
    /// #     }
    ///     Ok(())
    /// })
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// As [`wait`](Self::wait).
    pub fn try_wait(&mut self) -> io::Result<Option<ExitStatus>> {
        match &mut self.life {
            Life::Ended(status) => Ok(Some(*status)),
            Life::Running(child, _) => {
                let status = child.try_wait()?;
                if let Some(status) = status {
                    self.life = Life::Ended(status);
                }
                Ok(status)
            }
        }
    }

    /// Closes the child's input, collects what it writes to the pipes that there are, and waits for its end.
    ///
    /// That is when all ends of these pipes are closed, too: a program that the child has left behind in the
    /// background may keep them.
    ///
    /// ```
    /// # mod polliwog { pub use polliwog_core::{*, time}; pub use polliwog_mio::{*, io}; }
    /// # fn main() -> std::io::Result<()> {
    /// use polliwog::process::{Command, Stdio};
    ///
    /// polliwog::block_on(async {
    /// #     #[cfg(unix)] {
    ///     let child = Command::new("echo").arg("quak").stdout(Stdio::piped()).spawn()?;
    ///     assert_eq!(child.wait_with_output().await?.stdout, b"quak\n");
    /// #     }
    ///     Ok(())
    /// })
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// As [`wait`](Self::wait), and what the system reports about the pipes.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future drops the child, and what it has written is lost.
    pub async fn wait_with_output(mut self) -> io::Result<Output> {
        let (stdout, stderr) = (self.stdout.take(), self.stderr.take());
        let stdout = async {
            let mut bytes = Vec::new();
            if let Some(mut pipe) = stdout {
                pipe.read_to_end(&mut bytes).await?;
            }
            Ok(bytes)
        };
        let stderr = async {
            let mut bytes = Vec::new();
            if let Some(mut pipe) = stderr {
                pipe.read_to_end(&mut bytes).await?;
            }
            Ok(bytes)
        };
        let (status, stdout, stderr) = try_join!(self.wait(), stdout, stderr)?;
        Ok(Output {
            status,
            stdout,
            stderr,
        })
    }

    fn poll_exit(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<ExitStatus>> {
        let status = match &mut self.life {
            Life::Ended(status) => {
                ready!(poll_proceed(cx)).charge(0);
                *status
            }
            Life::Running(child, exit) => {
                ready!(waits_for("process::Child::wait", || exit.poll(cx, child)))?
            }
        };
        self.life = Life::Ended(status);
        Poll::Ready(Ok(status))
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        if self.kill_on_drop {
            // It may have ended by itself.
            let _ = self.start_kill();
        }
        if !matches!(self.try_wait(), Ok(None)) {
            return;
        }
        // Whoever adopts it needs no status.
        let ended = Life::Ended(ExitStatus::default());
        if let Life::Running(child, exit) = std::mem::replace(&mut self.life, ended) {
            drop(exit);
            super::exit::orphan(child);
        }
    }
}

impl fmt::Debug for Child {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut out = f.debug_struct("Child");
        match &self.life {
            Life::Running(child, _) => out.field("id", &child.id()),
            Life::Ended(status) => out.field("status", status),
        };
        out.field("kill_on_drop", &self.kill_on_drop)
            .finish_non_exhaustive()
    }
}
