//! The first program of the guide: what a client sends comes back in capitals.
#![forbid(unsafe_code)]

// ANCHOR: program
use polliwog::net::{TcpListener, TcpStream};
use std::io;

async fn shout(stream: TcpStream) -> io::Result<()> {
    let mut buffer = [0; 1024];
    loop {
        let count = stream.read(&mut buffer).await?;
        if count == 0 {
            return Ok(()); // the client has closed
        }
        buffer[..count].make_ascii_uppercase();
        stream.write_all(&buffer[..count]).await?;
    }
}

#[polliwog::main]
async fn main() -> io::Result<()> {
    let listener = TcpListener::bind("127.0.0.1:7878").await?;
    loop {
        let (stream, _peer) = listener.accept().await?;
        polliwog::spawn(shout(stream))?.detach();
    }
}
// ANCHOR_END: program
