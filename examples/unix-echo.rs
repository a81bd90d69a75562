//! An echo server at a name in the file system, for programs on the same machine: it says who connects, and
//! sends back what it is sent until the client closes.
//!
//! ```text
//! cargo run --example unix-echo -- --path /tmp/echo.sock
//! nc -U /tmp/echo.sock
//! ```
//!
//! The first line that it prints is `listening on /tmp/echo.sock`; `RUST_LOG=info` shows connections.
//! Ctrl-C or `kill` (`SIGTERM`) ends it. What lies in the file system has to be cared for, which is most of
//! what there is to see here: a name that a server left behind when it was killed is taken over, that of a
//! server which lives is not, and in the end the name is removed.
#![forbid(unsafe_code)]

use std::process::ExitCode;

#[cfg(unix)]
#[path = "shared/echo.rs"]
mod echo;
// Servers at an address need more of it.
#[cfg(unix)]
#[allow(dead_code)]
#[path = "shared/options.rs"]
mod options;

#[cfg(unix)]
mod program {
    use std::fs;
    use std::io::{self, ErrorKind, Write};
    use std::os::unix::fs::FileTypeExt;
    use std::path::{Path, PathBuf};
    use std::pin::pin;

    use futures_util::future::{Either, select};
    use log::{info, warn};
    use polliwog::net::{UnixListener, UnixStream};
    use polliwog::signal::unix::{SignalKind, signal};
    use polliwog::{signal, spawn};

    use crate::echo::echo;
    use crate::options::{self, Asked};

    /// Bytes of a connection's buffer, which lies in its task.
    const BUFFER: usize = 4096;

    const HELP: &str = "\
Sends back what it is sent until the client closes, over a Unix socket.

Usage: unix-echo [OPTIONS]

  --path PATH         where to listen [/tmp/polliwog-echo.sock]
  --help              this text

RUST_LOG=info shows connections. Ctrl-C or SIGTERM ends the server.
";

    pub(crate) fn run() -> Result<(), (u8, String)> {
        let mut path = PathBuf::from("/tmp/polliwog-echo.sock");
        let asked = options::parse(std::env::args_os().skip(1), |name, value| {
            match name {
                "path" => path = value.into(),
                _ => return Ok(false),
            }
            Ok(true)
        });
        match asked {
            Ok(Asked::Run) => {}
            Ok(Asked::Help) => {
                let _ = io::stdout().write_all(HELP.as_bytes());
                return Ok(());
            }
            Err(error) => return Err((2, format!("{error}\nTry --help."))),
        }
        polliwog::block_on(until_told(&path))
            .map_err(|error| (1, format!("{}: {error}", path.display())))
    }

    /// Serves until Ctrl-C or `SIGTERM`.
    async fn until_told(path: &Path) -> io::Result<()> {
        // From here on, so that neither is missed; and the name is removed in any case.
        let mut terminate = signal(SignalKind::terminate())?;
        let interrupt = signal::ctrl_c();
        let listener = bind(path).await?;
        // Nobody may be reading that, which is no reason to stop.
        let _ = writeln!(io::stdout(), "listening on {}", path.display());
        spawn(serve(listener))?.detach();
        let result = match select(interrupt, pin!(terminate.recv())).await {
            Either::Left((result, _)) => result,
            Either::Right(_) => Ok(()),
        };
        // A second one ends the process at once, as it would any other.
        signal::restore_ctrl_c()?;
        fs::remove_file(path)?;
        result
    }

    /// Listens at a name, also at one that a server left behind.
    async fn bind(path: &Path) -> io::Result<UnixListener> {
        match UnixListener::bind(path) {
            Err(error) if error.kind() == ErrorKind::AddrInUse && is_left_behind(path).await => {
                info!("{}: taken over", path.display());
                fs::remove_file(path)?;
                UnixListener::bind(path)
            }
            result => result,
        }
    }

    /// Whether it is a socket that nobody listens at. A file of another kind is none of our business.
    async fn is_left_behind(path: &Path) -> bool {
        let is_socket = fs::symlink_metadata(path).is_ok_and(|file| file.file_type().is_socket());
        let refused = |error: io::Error| error.kind() == ErrorKind::ConnectionRefused;
        is_socket && UnixStream::connect(path).await.is_err_and(refused)
    }

    /// Accepts connections for ever. A lack of descriptors or memory is the listener's own care.
    async fn serve(listener: UnixListener) {
        loop {
            match listener.accept().await {
                Ok((stream, _)) => match spawn(handle(stream)) {
                    Ok(task) => task.detach(),
                    // Without room for another task the connection is dropped, which closes it.
                    Err(error) => warn!("dropped: {error}"),
                },
                Err(error) => return warn!("no longer listening: {error}"),
            }
        }
    }

    async fn handle(stream: UnixStream) {
        let who = match stream.peer_cred() {
            Ok(peer) => format!("user {}", peer.uid()),
            Err(error) => format!("somebody ({error})"),
        };
        info!("{who}: connected");
        match echo::<BUFFER, _>(stream).await {
            Ok(bytes) => info!("{who}: closed after {bytes} bytes"),
            Err(error) => info!("{who}: lost: {error}"),
        }
    }
}

#[cfg(not(unix))]
mod program {
    pub(crate) fn run() -> Result<(), (u8, String)> {
        Err((2, "there are no Unix sockets here".to_owned()))
    }
}

fn main() -> ExitCode {
    env_logger::Builder::from_env(env_logger::Env::default().default_filter_or("warn")).init();
    match program::run() {
        Ok(()) => ExitCode::SUCCESS,
        Err((code, error)) => {
            eprintln!("unix-echo: {error}");
            ExitCode::from(code)
        }
    }
}
