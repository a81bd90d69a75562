//! A file server, first step: one client at a time.
#![forbid(unsafe_code)]

use std::io;
use std::path::{Path, PathBuf};

use polliwog::fs;
use polliwog::net::{TcpListener, TcpStream};

// ANCHOR: serve
/// TCP is a stream of bytes: a line may come in pieces.
async fn read_line(stream: &TcpStream) -> io::Result<String> {
    let (mut line, mut chunk) = (Vec::new(), [0; 512]);
    while !line.contains(&b'\n') {
        match stream.read(&mut chunk).await? {
            0 => return Err(io::ErrorKind::UnexpectedEof.into()),
            count => line.extend_from_slice(&chunk[..count]),
        }
    }
    let text = String::from_utf8_lossy(&line);
    Ok(text.lines().next().unwrap_or_default().to_owned())
}

async fn serve(stream: TcpStream, root: &Path) -> io::Result<()> {
    stream.write_all(b"Please enter filename: ").await?;
    let name = read_line(&stream).await?;
    match fs::read(root.join(name)).await {
        Ok(bytes) => stream.write_all(&bytes).await,
        Err(error) => {
            stream
                .write_all(format!("error: {error}\r\n").as_bytes())
                .await
        }
    }
}
// ANCHOR_END: serve

// ANCHOR: main
#[polliwog::main]
async fn main() -> io::Result<()> {
    let mut arguments = std::env::args().skip(1);
    let addr = arguments.next().unwrap_or("127.0.0.1:7878".to_owned());
    let root = PathBuf::from(arguments.next().unwrap_or(".".to_owned()));
    let listener = TcpListener::bind(&*addr).await?;
    println!("listening on {}", listener.local_addr()?);
    loop {
        let (stream, peer) = listener.accept().await?;
        if let Err(error) = serve(stream, &root).await {
            eprintln!("{peer}: {error}");
        }
    }
}
// ANCHOR_END: main
