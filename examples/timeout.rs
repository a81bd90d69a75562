//! Giving up on a server that is too slow, and asking again with more patience.
//!
//! ```text
//! cargo run --example timeout
//! cargo run --example timeout --no-default-features --features spin
//! ```
//!
//! It runs on `mio` (in real time) and on `spin` (in virtual time, at once) and prints:
//!
//! ```text
//! with 50ms of patience: gave up, deadline has elapsed
//! with 10s of patience: the answer is 42
//! ```
#![forbid(unsafe_code)]

use std::process::ExitCode;

#[cfg(any(feature = "mio", feature = "spin"))]
mod program {
    use std::error::Error;
    use std::time::Duration;

    use polliwog::net::{TcpListener, TcpStream};
    use polliwog::time::{sleep, timeout};
    use polliwog::{block_on, spawn};

    /// How long the server thinks about each question.
    const THINKING: Duration = Duration::from_millis(200);

    async fn server(listener: TcpListener) {
        while let Ok((stream, _)) = listener.accept().await {
            sleep(THINKING).await;
            // The client may have given up, which the server does not mind.
            let _ = stream.write_all(&[42]).await;
        }
    }

    async fn program() -> Result<(), Box<dyn Error>> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let addr = listener.local_addr()?;
        spawn(server(listener))?.detach();

        for patience in [Duration::from_millis(50), Duration::from_secs(10)] {
            print!("with {patience:?} of patience: ");
            let ask = async {
                let stream = TcpStream::connect(addr).await?;
                let mut answer = [0];
                stream.read_exact(&mut answer).await?;
                Ok::<_, Box<dyn Error>>(answer[0])
            };
            // When the time is up the question is dropped, and its connection closed.
            match timeout(patience, ask).await {
                Ok(answer) => println!("the answer is {}", answer?),
                Err(elapsed) => println!("gave up, {elapsed}"),
            }
        }
        Ok(())
    }

    pub(crate) fn run() -> Result<(), Box<dyn Error>> {
        block_on(program())
    }
}

#[cfg(not(any(feature = "mio", feature = "spin")))]
mod program {
    pub(crate) fn run() -> Result<(), Box<dyn std::error::Error>> {
        Err("built without a reactor: add --features spin or mio".into())
    }
}

fn main() -> ExitCode {
    match program::run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("timeout: {error}");
            ExitCode::FAILURE
        }
    }
}
