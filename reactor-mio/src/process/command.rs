//! [`Command`].

use std::ffi::OsStr;
use std::fmt;
use std::io;
use std::path::Path;
use std::process::{ExitStatus, Output, Stdio};

use super::child::Child;
use crate::reactor::MioReactor;

/// Which program to start, and how; as [`std::process::Command`], which has the details.
///
/// ```
/// # #[cfg(unix)]
/// # polliwog_mio::block_on(async {
/// use polliwog_mio::process::Command;
///
/// let status = Command::new("test").args(["-d", "."]).status().await?;
/// assert!(status.success());
/// # std::io::Result::Ok(())
/// # }).unwrap();
/// ```
///
/// What is to happen in the child before the program starts (`pre_exec`) is said to the standard library's
/// command, from which this one can be [made](From).
pub struct Command {
    std: std::process::Command,
    kill_on_drop: bool,
}

impl Command {
    /// Makes a command without arguments, with this process's environment, folder and standard streams.
    ///
    /// ```
    /// # mod polliwog { pub use polliwog_core::{*, time}; pub use polliwog_mio::{*, io}; }
    /// # fn main() -> std::io::Result<()> {
    /// use polliwog::process::Command;
    ///
    /// polliwog::block_on(async {
    /// #     #[cfg(unix)]
    ///     assert!(Command::new("true").status().await?.success());
    ///     Ok(())
    /// })
    /// # }
    /// ```
    pub fn new(program: impl AsRef<OsStr>) -> Command {
        std::process::Command::new(program).into()
    }

    /// Returns the standard library's command behind this one.
    ///
    /// ```
    /// # mod polliwog { pub use polliwog_core::{*, time}; pub use polliwog_mio::{*, io}; }
    /// # fn main() -> std::io::Result<()> {
    /// use polliwog::process::Command;
    ///
    /// polliwog::block_on(async {
    ///     assert_eq!(Command::new("frog").as_std().get_program(), "frog");
    ///     Ok(())
    /// })
    /// # }
    /// ```
    pub fn as_std(&self) -> &std::process::Command {
        &self.std
    }

    /// Returns the standard library's command behind this one, to be changed.
    ///
    /// ```
    /// # mod polliwog { pub use polliwog_core::{*, time}; pub use polliwog_mio::{*, io}; }
    /// use polliwog::process::Command;
    ///
    /// let mut command = Command::new("frog");
    /// command.as_std_mut().arg("quak");
    /// ```
    pub fn as_std_mut(&mut self) -> &mut std::process::Command {
        &mut self.std
    }

    /// Turns the command into one of the standard library.
    ///
    /// ```
    /// # mod polliwog { pub use polliwog_core::{*, time}; pub use polliwog_mio::{*, io}; }
    /// use polliwog::process::Command;
    ///
    /// let command: std::process::Command = Command::new("frog").into_std();
    /// ```
    pub fn into_std(self) -> std::process::Command {
        self.std
    }

    /// Adds an argument.
    ///
    /// ```
    /// # mod polliwog { pub use polliwog_core::{*, time}; pub use polliwog_mio::{*, io}; }
    /// # fn main() -> std::io::Result<()> {
    /// use polliwog::process::Command;
    ///
    /// polliwog::block_on(async {
    /// #     #[cfg(unix)] {
    ///     let output = Command::new("echo").arg("quak").output().await?;
    ///     assert_eq!(output.stdout, b"quak\n");
    /// #     }
    ///     Ok(())
    /// })
    /// # }
    /// ```
    pub fn arg(&mut self, arg: impl AsRef<OsStr>) -> &mut Command {
        self.std.arg(arg);
        self
    }

    /// Adds arguments.
    ///
    /// ```
    /// # mod polliwog { pub use polliwog_core::{*, time}; pub use polliwog_mio::{*, io}; }
    /// # fn main() -> std::io::Result<()> {
    /// use polliwog::process::Command;
    ///
    /// polliwog::block_on(async {
    /// #     #[cfg(unix)] {
    ///     let output = Command::new("echo").args(["quak", "quak"]).output().await?;
    ///     assert_eq!(output.stdout, b"quak quak\n");
    /// #     }
    ///     Ok(())
    /// })
    /// # }
    /// ```
    pub fn args<I, S>(&mut self, args: I) -> &mut Command
    where
        I: IntoIterator<Item = S>,
        S: AsRef<OsStr>,
    {
        self.std.args(args);
        self
    }

    /// Sets a variable of the environment.
    ///
    /// ```
    /// # mod polliwog { pub use polliwog_core::{*, time}; pub use polliwog_mio::{*, io}; }
    /// # fn main() -> std::io::Result<()> {
    /// use polliwog::process::Command;
    ///
    /// polliwog::block_on(async {
    /// #     #[cfg(unix)] {
    ///     let output = Command::new("sh").args(["-c", "echo $FROG"]).env("FROG", "quak").output().await?;
    ///     assert_eq!(output.stdout, b"quak\n");
    /// #     }
    ///     Ok(())
    /// })
    /// # }
    /// ```
    pub fn env(&mut self, key: impl AsRef<OsStr>, val: impl AsRef<OsStr>) -> &mut Command {
        self.std.env(key, val);
        self
    }

    /// Sets variables of the environment.
    ///
    /// ```
    /// # mod polliwog { pub use polliwog_core::{*, time}; pub use polliwog_mio::{*, io}; }
    /// use polliwog::process::Command;
    ///
    /// let mut command = Command::new("frog");
    /// command.envs([("POND", "large"), ("COLOUR", "green")]);
    /// ```
    pub fn envs<I, K, V>(&mut self, vars: I) -> &mut Command
    where
        I: IntoIterator<Item = (K, V)>,
        K: AsRef<OsStr>,
        V: AsRef<OsStr>,
    {
        self.std.envs(vars);
        self
    }

    /// Takes a variable out of the environment.
    ///
    /// ```
    /// # mod polliwog { pub use polliwog_core::{*, time}; pub use polliwog_mio::{*, io}; }
    /// use polliwog::process::Command;
    ///
    /// let mut command = Command::new("frog");
    /// command.env_remove("SECRET");
    /// ```
    pub fn env_remove(&mut self, key: impl AsRef<OsStr>) -> &mut Command {
        self.std.env_remove(key);
        self
    }

    /// Begins with an empty environment.
    ///
    /// ```
    /// # mod polliwog { pub use polliwog_core::{*, time}; pub use polliwog_mio::{*, io}; }
    /// use polliwog::process::Command;
    ///
    /// let mut command = Command::new("frog");
    /// command.env_clear().env("PATH", "/usr/bin");
    /// ```
    pub fn env_clear(&mut self) -> &mut Command {
        self.std.env_clear();
        self
    }

    /// Sets the folder that the child starts in.
    ///
    /// ```
    /// # mod polliwog { pub use polliwog_core::{*, time}; pub use polliwog_mio::{*, io}; }
    /// # fn main() -> std::io::Result<()> {
    /// use polliwog::process::Command;
    ///
    /// polliwog::block_on(async {
    /// #     #[cfg(unix)] {
    ///     let output = Command::new("pwd").current_dir("/").output().await?;
    ///     assert_eq!(output.stdout, b"/\n");
    /// #     }
    ///     Ok(())
    /// })
    /// # }
    /// ```
    pub fn current_dir(&mut self, dir: impl AsRef<Path>) -> &mut Command {
        self.std.current_dir(dir);
        self
    }

    /// Sets where the child's input comes from: this process's, if not set.
    ///
    /// ```
    /// # mod polliwog { pub use polliwog_core::{*, time}; pub use polliwog_mio::{*, io}; }
    /// # fn main() -> std::io::Result<()> {
    /// use polliwog::process::{Command, Stdio};
    ///
    /// polliwog::block_on(async {
    /// #     #[cfg(unix)] {
    ///     let output = Command::new("cat").stdin(Stdio::null()).output().await?;
    ///     assert!(output.stdout.is_empty());
    /// #     }
    ///     Ok(())
    /// })
    /// # }
    /// ```
    pub fn stdin(&mut self, cfg: impl Into<Stdio>) -> &mut Command {
        self.std.stdin(cfg);
        self
    }

    /// Sets where the child's output goes: to this process's, if not set.
    ///
    /// ```
    /// # mod polliwog { pub use polliwog_core::{*, time}; pub use polliwog_mio::{*, io}; }
    /// # fn main() -> std::io::Result<()> {
    /// use polliwog::process::{Command, Stdio};
    ///
    /// polliwog::block_on(async {
    /// #     #[cfg(unix)] {
    ///     let mut child = Command::new("echo").arg("quak").stdout(Stdio::piped()).spawn()?;
    ///     let mut said = Vec::new();
    ///     child.stdout.take().unwrap().read_to_end(&mut said).await?;
    ///     assert_eq!(said, b"quak\n");
    ///     child.wait().await?;
    /// #     }
    ///     Ok(())
    /// })
    /// # }
    /// ```
    pub fn stdout(&mut self, cfg: impl Into<Stdio>) -> &mut Command {
        self.std.stdout(cfg);
        self
    }

    /// Sets where the child's errors go: to this process's, if not set.
    ///
    /// ```
    /// # mod polliwog { pub use polliwog_core::{*, time}; pub use polliwog_mio::{*, io}; }
    /// # fn main() -> std::io::Result<()> {
    /// use polliwog::process::{Command, Stdio};
    ///
    /// polliwog::block_on(async {
    /// #     #[cfg(unix)]
    ///     Command::new("true").stderr(Stdio::null()).status().await?;
    ///     Ok(())
    /// })
    /// # }
    /// ```
    pub fn stderr(&mut self, cfg: impl Into<Stdio>) -> &mut Command {
        self.std.stderr(cfg);
        self
    }

    /// Sets whether a [`Child`] that is dropped before its end is killed; not, if not set. So are the futures
    /// of [`status`](Self::status), [`output`](Self::output) and [`Child::wait_with_output`].
    ///
    /// ```
    /// # mod polliwog { pub use polliwog_core::{*, time}; pub use polliwog_mio::{*, io}; }
    /// # fn main() -> std::io::Result<()> {
    /// use polliwog::process::Command;
    ///
    /// polliwog::block_on(async {
    /// #     #[cfg(unix)] {
    ///     let child = Command::new("sleep").arg("60").kill_on_drop(true).spawn()?;
    ///     drop(child); // which ends it
    /// #     }
    ///     Ok(())
    /// })
    /// # }
    /// ```
    pub fn kill_on_drop(&mut self, kill_on_drop: bool) -> &mut Command {
        self.kill_on_drop = kill_on_drop;
        self
    }

    /// Returns whether a [`Child`] that is dropped before its end is killed.
    ///
    /// ```
    /// # mod polliwog { pub use polliwog_core::{*, time}; pub use polliwog_mio::{*, io}; }
    /// use polliwog::process::Command;
    ///
    /// assert!(!Command::new("frog").get_kill_on_drop());
    /// ```
    pub fn get_kill_on_drop(&self) -> bool {
        self.kill_on_drop
    }

    /// Starts the program.
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
    /// As [`std::process::Command::spawn`]: [`io::ErrorKind::NotFound`] if there is no such program.
    /// [`io::ErrorKind::NotConnected`] outside of a runtime.
    pub fn spawn(&mut self) -> io::Result<Child> {
        // Not a child that nobody could wait for.
        let reactor = MioReactor::current()?;
        Child::new(&reactor, self.std.spawn()?, self.kill_on_drop)
    }

    /// Starts the program and waits for its end. Of a stream that is piped this process's end is closed at
    /// once.
    ///
    /// The program starts with the call, not with the first poll.
    ///
    /// ```
    /// # mod polliwog { pub use polliwog_core::{*, time}; pub use polliwog_mio::{*, io}; }
    /// # fn main() -> std::io::Result<()> {
    /// use polliwog::process::Command;
    ///
    /// polliwog::block_on(async {
    /// #     #[cfg(unix)]
    ///     assert!(!Command::new("false").status().await?.success());
    ///     Ok(())
    /// })
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// As [`spawn`](Self::spawn) and [`Child::wait`].
    ///
    /// # Cancel safety
    ///
    /// Dropping the future leaves the child alone, or [kills](Self::kill_on_drop) it.
    pub fn status(&mut self) -> impl Future<Output = io::Result<ExitStatus>> + use<> {
        let child = self.spawn();
        async {
            let mut child = child?;
            drop((child.stdin.take(), child.stdout.take(), child.stderr.take()));
            child.wait().await
        }
    }

    /// Starts the program, collects what it writes, and waits for its end. Output and errors are piped,
    /// whatever has been set before.
    ///
    /// The program starts with the call, not with the first poll.
    ///
    /// ```
    /// # mod polliwog { pub use polliwog_core::{*, time}; pub use polliwog_mio::{*, io}; }
    /// # fn main() -> std::io::Result<()> {
    /// use polliwog::process::Command;
    ///
    /// polliwog::block_on(async {
    /// #     #[cfg(unix)] {
    ///     let output = Command::new("echo").arg("quak").output().await?;
    ///     assert_eq!(output.stdout, b"quak\n");
    /// #     }
    ///     Ok(())
    /// })
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// As [`spawn`](Self::spawn) and [`Child::wait_with_output`].
    ///
    /// # Cancel safety
    ///
    /// Dropping the future leaves the child alone, or [kills](Self::kill_on_drop) it.
    pub fn output(&mut self) -> impl Future<Output = io::Result<Output>> + use<> {
        self.std.stdout(Stdio::piped());
        self.std.stderr(Stdio::piped());
        let child = self.spawn();
        async { child?.wait_with_output().await }
    }
}

#[cfg(unix)]
impl Command {
    /// Sets the user that the child runs as. Unix only.
    pub fn uid(&mut self, id: u32) -> &mut Command {
        std::os::unix::process::CommandExt::uid(&mut self.std, id);
        self
    }

    /// Sets the group that the child runs as. Unix only.
    pub fn gid(&mut self, id: u32) -> &mut Command {
        std::os::unix::process::CommandExt::gid(&mut self.std, id);
        self
    }

    /// Sets what the child finds as its own name. Unix only.
    pub fn arg0(&mut self, arg: impl AsRef<OsStr>) -> &mut Command {
        std::os::unix::process::CommandExt::arg0(&mut self.std, arg);
        self
    }

    /// Sets the group of processes that the child belongs to; zero for one of its own. Unix only.
    pub fn process_group(&mut self, pgroup: i32) -> &mut Command {
        std::os::unix::process::CommandExt::process_group(&mut self.std, pgroup);
        self
    }
}

#[cfg(windows)]
impl Command {
    /// Sets flags for `CreateProcess`. Windows only.
    pub fn creation_flags(&mut self, flags: u32) -> &mut Command {
        std::os::windows::process::CommandExt::creation_flags(&mut self.std, flags);
        self
    }

    /// Adds to the command line as it is, without quotes. Windows only.
    pub fn raw_arg(&mut self, text: impl AsRef<OsStr>) -> &mut Command {
        std::os::windows::process::CommandExt::raw_arg(&mut self.std, text);
        self
    }
}

impl From<std::process::Command> for Command {
    fn from(std: std::process::Command) -> Command {
        Command {
            std,
            kill_on_drop: false,
        }
    }
}

impl fmt::Debug for Command {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Command")
            .field("std", &self.std)
            .field("kill_on_drop", &self.kill_on_drop)
            .finish()
    }
}
