//! Talking to a peer that the test plays: a pipe in memory instead of a socket, and a network in memory.
#![forbid(unsafe_code)]

use std::error::Error;
use std::time::Duration;

use polliwog::io::{DuplexStream, duplex};
use polliwog::spin::net::{TcpListener, TcpStream};
use polliwog::spin::{self, Error as NetError};
use polliwog::time::{sleep, timeout};
use polliwog::{join, spawn};

// ANCHOR: greet
/// Says hello and waits for the answer, ten seconds at most.
async fn greet(stream: &DuplexStream) -> Result<String, Box<dyn Error>> {
    stream.write_all(b"hello\n").await?;
    let mut answer = [0; 64];
    let length = timeout(Duration::from_secs(10), stream.read(&mut answer)).await??;
    Ok(String::from_utf8_lossy(&answer[..length]).into_owned())
}
// ANCHOR_END: greet

// ANCHOR: duplex
async fn polite() -> Result<String, Box<dyn Error>> {
    let (ours, theirs) = duplex(1024);
    let peer = async {
        let mut heard = [0; 6];
        let length = theirs.read(&mut heard).await?;
        assert_eq!(&heard[..length], b"hello\n");
        theirs.write_all(b"good day").await
    };
    let (answer, played) = join!(greet(&ours), peer);
    played?;
    answer
}

async fn silent() -> Result<String, Box<dyn Error>> {
    // `_theirs`, not `_`: the other end stays open, and says nothing.
    let (ours, _theirs) = duplex(1024);
    greet(&ours).await
}
// ANCHOR_END: duplex

// ANCHOR: network
/// A server and its client by the names of `polliwog::net`, without an operating system.
async fn network() -> Result<(), Box<dyn Error>> {
    let listener = TcpListener::bind("192.0.2.1:80").await?;
    let server = spawn(async move {
        let (stream, peer) = listener.accept().await?;
        sleep(Duration::from_secs(3600)).await;
        stream
            .write_all(format!("welcome, {}", peer.ip()).as_bytes())
            .await?;
        Ok::<_, NetError>(())
    })?;
    let stream = TcpStream::connect("192.0.2.1:80").await?;
    let mut welcome = [0; 64];
    let length = stream.read(&mut welcome).await?;
    println!("{}", String::from_utf8_lossy(&welcome[..length]));
    server.await??;
    Ok(())
}
// ANCHOR_END: network

fn main() {
    spin::test(1, async {
        println!("polite: {:?}", polite().await.ok());
        println!(
            "silent: {:?}",
            silent().await.map_err(|error| error.to_string())
        );
        network().await.expect("a network in memory");
    });
}
