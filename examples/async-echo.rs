//! An echo server, the same on every reactor: it sends back what it is sent until the client
//! closes.
//!
//! With the reactor `mio` it serves the network, until Ctrl-C:
//!
//! ```text
//! cargo run --example async-echo -- --addr 127.0.0.1:7878
//! nc 127.0.0.1 7878
//! ```
//!
//! The first line that it prints is `listening on 127.0.0.1:7878`; `RUST_LOG=info` shows
//! connections. With the reactor `spin` it needs neither an operating system nor an allocator:
//! the network is in memory, the clients are built in, time is virtual, and it ends with a
//! summary of what they have seen:
//!
//! ```text
//! cargo run --example async-echo --no-default-features --features spin
//! ```
//!
//! The handler is in `shared/echo.rs`; a microcontroller's firmware compiles the same file.
#![forbid(unsafe_code)]

use std::process::ExitCode;

#[cfg(any(feature = "mio", feature = "spin"))]
#[path = "shared/echo.rs"]
mod echo;

#[cfg(feature = "mio")]
#[path = "shared/options.rs"]
mod options;

/// The server. Nothing in it depends on the reactor.
#[cfg(any(feature = "mio", feature = "spin"))]
mod server {
    use std::time::Duration;

    use log::{info, warn};
    use polliwog::net::{TcpListener, TcpStream};
    use polliwog::time::sleep;
    use polliwog::{spawn, yield_now};

    use crate::echo::echo;

    /// Bytes of a connection's buffer, which lies in its task.
    const BUFFER: usize = 1024;

    /// Accepts connections for ever.
    pub(crate) async fn serve(listener: TcpListener) {
        loop {
            match listener.accept().await {
                Ok((stream, peer)) => {
                    info!("{peer}: connected");
                    // Without room for another task the connection is dropped, which closes it.
                    match spawn(handle(stream, peer)) {
                        Ok(task) => task.detach(),
                        Err(error) => warn!("{peer}: dropped: {error}"),
                    }
                }
                Err(error) => {
                    warn!("cannot accept, trying again in a second: {error}");
                    sleep(Duration::from_secs(1)).await;
                }
            }
            yield_now().await; // However many arrive, those who are here get their turn.
        }
    }

    async fn handle(stream: TcpStream, peer: std::net::SocketAddr) {
        match echo::<BUFFER, _>(stream).await {
            Ok(bytes) => info!("{peer}: closed after {bytes} bytes"),
            Err(error) => info!("{peer}: lost: {error}"),
        }
    }
}

/// Serves the network until Ctrl-C.
#[cfg(feature = "mio")]
mod program {
    use std::io::{self, Write};

    use polliwog::net::TcpListener;
    use polliwog::{Runtime, signal, spawn};

    use crate::options::{self, Asked};

    const HELP: &str = "\
Sends back what it is sent until the client closes.

Usage: async-echo [OPTIONS]

  --addr HOST:PORT    where to listen [127.0.0.1:7878]; with port 0 any free port
  --max-tasks N       how many tasks there may be [1000000], one per client and two more;
                      further clients are dropped
  --help              this text

RUST_LOG=info shows connections. Ctrl-C ends the server.
";

    pub(crate) fn run() -> Result<(), (u8, String)> {
        let mut addr = "127.0.0.1:7878".to_owned();
        let mut max_tasks = 1_000_000;
        let asked = options::parse(std::env::args_os().skip(1), |name, value| {
            match name {
                "addr" => addr = options::address(value)?,
                "max-tasks" => {
                    let number = options::text(value)?.parse().ok();
                    max_tasks = number
                        .filter(|n| (3..=1_000_000).contains(n))
                        .ok_or("a number from 3 to 1000000 is needed")?;
                }
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
        let runtime = Runtime::builder().max_tasks(max_tasks).build();
        runtime
            .and_then(|runtime| runtime.block_on(until_ctrl_c(&addr)))
            .map_err(|error| (1, format!("{addr}: {error}")))
    }

    async fn until_ctrl_c(addr: &str) -> io::Result<()> {
        let ctrl_c = signal::ctrl_c();
        let listener = TcpListener::bind(addr).await?;
        // Nobody may be reading that, which is no reason to stop.
        let _ = writeln!(io::stdout(), "listening on {}", listener.local_addr()?);
        spawn(crate::server::serve(listener))?.detach();
        ctrl_c.await
    }
}

/// Clients and server in memory and in virtual time.
#[cfg(all(feature = "spin", not(feature = "mio")))]
mod program {
    use std::io;
    use std::time::Duration;

    use polliwog::net::{TcpListener, TcpStream};
    use polliwog::time::{now, sleep};
    use polliwog::{block_on, spawn};

    const CLIENTS: u8 = 8;
    const MESSAGES: usize = 100;

    pub(crate) fn run() -> Result<(), (u8, String)> {
        block_on(all_clients()).map_err(|error| (1, error))
    }

    async fn all_clients() -> Result<(), String> {
        let listener = TcpListener::bind("127.0.0.1:7878").await.map_err(text)?;
        let addr = listener.local_addr().map_err(text)?;
        println!("listening on {addr}, in memory");
        spawn(crate::server::serve(listener))
            .map_err(text)?
            .detach();

        let mut clients = [const { None }; CLIENTS as usize];
        for (number, client) in (0..).zip(&mut clients) {
            *client = Some(spawn(one_client(number)).map_err(text)?);
        }
        let mut total = 0;
        for client in clients.into_iter().flatten() {
            total += client.await.map_err(text)?.map_err(text)?;
        }
        let time = now().unwrap_or_default().as_duration();
        println!("{CLIENTS} clients, {MESSAGES} messages each: {total} bytes came back unharmed");
        println!("that took {time:?} of virtual time");
        Ok(())
    }

    /// Sends messages of growing length, one a second, and checks what comes back.
    async fn one_client(number: u8) -> io::Result<usize> {
        let stream = TcpStream::connect("127.0.0.1:7878").await?;
        let mut total = 0;
        for round in 0..MESSAGES {
            let mut message = [0; 10 * MESSAGES];
            let message = &mut message[..10 * round + 1];
            for (index, byte) in message.iter_mut().enumerate() {
                *byte = (index + round) as u8 ^ number;
            }
            stream.write_all(message).await?;
            let mut answer = [0; 10 * MESSAGES];
            let answer = &mut answer[..message.len()];
            stream.read_exact(answer).await?;
            assert!(answer == message, "round {round} came back changed");
            sleep(Duration::from_secs(1)).await;
            total += message.len();
        }
        Ok(total)
    }

    fn text(error: impl std::fmt::Display) -> String {
        error.to_string()
    }
}

#[cfg(not(any(feature = "mio", feature = "spin")))]
mod program {
    pub(crate) fn run() -> Result<(), (u8, String)> {
        Err((
            2,
            "built without a reactor: add --features spin or mio".to_owned(),
        ))
    }
}

fn main() -> ExitCode {
    env_logger::Builder::from_env(env_logger::Env::default().default_filter_or("warn")).init();
    match program::run() {
        Ok(()) => ExitCode::SUCCESS,
        Err((code, error)) => {
            eprintln!("async-echo: {error}");
            ExitCode::from(code)
        }
    }
}
