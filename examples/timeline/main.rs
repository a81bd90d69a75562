//! A picture of what an executor did: which task was polled when and for how long, who woke it, and when there was
//! nothing to do.
//!
//! A client and a server talk over a socket, a ticker ticks, and one task computes too long at a time: look for the
//! long block, and for who has to wait for it.
//!
//! ```text
//! cargo run --example timeline --features trace                 # into timeline.json and timeline.html
//! cargo run --example timeline --features trace -- FOLDER       # into that folder
//! ```
//!
//! Open `timeline.html` in any browser, or `timeline.json` in Perfetto or `chrome://tracing`. It prints:
//!
//! ```text
//! 5 tasks, … polls, … wakes
//! the longest poll is one of `greedy`
//! written: timeline.json, timeline.html
//! ```
//!
//! It needs feature `trace` and the reactor `mio`.
#![forbid(unsafe_code)]

mod page;
mod recorder;

use std::error::Error;
use std::path::PathBuf;
use std::time::Duration;
use std::{fs, thread};

use polliwog::net::{TcpListener, TcpStream};
use polliwog::time::{interval, sleep};
use polliwog::trace::set_tracer;
use polliwog::{Spawner, yield_now};

use recorder::Recorder;

async fn server(listener: TcpListener) -> std::io::Result<()> {
    let (stream, _) = listener.accept().await?;
    let mut buffer = [0; 64];
    loop {
        match stream.read(&mut buffer).await? {
            0 => return Ok(()),
            count => stream.write_all(&buffer[..count]).await?,
        }
    }
}

async fn client(addr: std::net::SocketAddr) -> std::io::Result<()> {
    let stream = TcpStream::connect(addr).await?;
    for _ in 0..12 {
        stream.write_all(b"quak").await?;
        stream.read_exact(&mut [0; 4]).await?;
        sleep(Duration::from_micros(1500)).await;
    }
    Ok(())
}

async fn ticker() {
    let mut ticks = interval(Duration::from_millis(2));
    for _ in 0..12 {
        ticks.tick().await;
    }
}

// ANCHOR: greedy
/// What one should not do: compute for milliseconds between two yields.
async fn greedy() {
    sleep(Duration::from_millis(8)).await;
    for _ in 0..2 {
        thread::sleep(Duration::from_millis(4));
        yield_now().await;
    }
}
// ANCHOR_END: greedy

async fn scene() -> Result<(), Box<dyn Error>> {
    let spawner = Spawner::current().ok_or("no executor runs")?;
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let addr = listener.local_addr()?;
    let server = spawner.spawn_named("server", server(listener))?;
    let client = spawner.spawn_named("client", client(addr))?;
    let ticker = spawner.spawn_named("ticker", ticker())?;
    let greedy = spawner.spawn_named("greedy", greedy())?;
    client.await??;
    server.await??;
    ticker.await?;
    greedy.await?;
    Ok(())
}

fn main() -> Result<(), Box<dyn Error>> {
    let folder = std::env::args_os()
        .nth(1)
        .map_or(PathBuf::from("."), PathBuf::from);
    let recorder: &'static Recorder = Box::leak(Box::new(Recorder::new()));
    set_tracer(Some(recorder));
    let done = polliwog::block_on(scene());
    set_tracer(None);
    done?;

    let recording = recorder.take();
    println!("{recording}");
    if let Some(name) = recording.longest() {
        println!("the longest poll is one of `{name}`");
    }
    fs::write(folder.join("timeline.json"), recording.to_json())?;
    fs::write(folder.join("timeline.html"), page::draw(&recording))?;
    println!("written: timeline.json, timeline.html");
    Ok(())
}
