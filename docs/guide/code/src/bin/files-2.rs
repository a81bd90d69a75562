//! A file server, second step: a task for each client, and one piece of each file in memory.
#![forbid(unsafe_code)]

use std::io;
use std::path::PathBuf;

use polliwog::fs::File;
use polliwog::net::{TcpListener, TcpStream};

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

// ANCHOR: serve
async fn serve(stream: TcpStream, root: PathBuf) -> io::Result<()> {
    stream.write_all(b"Please enter filename: ").await?;
    let name = read_line(&stream).await?;
    let mut file = match File::open(root.join(name)).await {
        Ok(file) => file,
        Err(error) => {
            let line = format!("error: {error}\r\n");
            return stream.write_all(line.as_bytes()).await;
        }
    };
    // However large the file is, one piece of it is in memory.
    let mut piece = vec![0; 64 * 1024];
    loop {
        match file.read(&mut piece).await? {
            0 => return Ok(()),
            count => stream.write_all(&piece[..count]).await?,
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
        let client = serve(stream, root.clone());
        let logged = async move {
            if let Err(error) = client.await {
                eprintln!("{peer}: {error}");
            }
        };
        // Nobody waits for this task. If there is no room for one more, its client is dropped.
        let _ = polliwog::spawn(logged).map(|task| task.detach());
    }
}
// ANCHOR_END: main
