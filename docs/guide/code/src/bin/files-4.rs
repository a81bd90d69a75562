//! A file server, fourth step: no name leads out of the folder, nothing but files is served, and so many clients
//! at a time.
#![forbid(unsafe_code)]

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use polliwog::net::{TcpListener, TcpStream};
use polliwog::sync::local::Semaphore;
use polliwog::time::timeout;
use polliwog::{spawn, spawn_blocking};

const PATIENCE: Duration = Duration::from_secs(30);
const MAX_CLIENTS: usize = 100;

async fn read_line(stream: &TcpStream) -> io::Result<String> {
    let (mut line, mut chunk) = (Vec::new(), [0; 512]);
    while !line.contains(&b'\n') {
        match stream.read(&mut chunk).await? {
            0 => return Err(io::ErrorKind::UnexpectedEof.into()),
            count => line.extend_from_slice(&chunk[..count]),
        }
        // Whatever a stranger sends has a limit.
        if line.len() > 4096 {
            return Err(io::Error::other("the name is too long"));
        }
    }
    let text = String::from_utf8_lossy(&line);
    Ok(text.lines().next().unwrap_or_default().to_owned())
}

// ANCHOR: open
/// Opens a file below `root`, which is canonical. It blocks: links have to be followed.
fn open(root: &Path, name: &str) -> io::Result<File> {
    let path = root.join(name).canonicalize()?;
    if !path.starts_with(root) {
        return Err(io::Error::other("the name leads out of the served folder"));
    }
    // Asked before it is opened: to open a pipe waits for whoever writes into it.
    if !path.metadata()?.is_file() {
        return Err(io::Error::other("not a regular file"));
    }
    File::open(path)
}
// ANCHOR_END: open

// ANCHOR: serve
async fn serve(stream: &TcpStream, root: Arc<Path>) -> io::Result<()> {
    stream.write_all(b"Please enter filename: ").await?;
    let name = timeout(PATIENCE, read_line(stream)).await??;
    // On a thread of the blocking pool, as is each read.
    let opened = spawn_blocking(move || open(&root, &name)).await;
    let mut file = match opened.map_err(io::Error::from)? {
        Ok(file) => file,
        Err(error) => {
            let line = format!("error: {error}\r\n");
            return stream.write_all(line.as_bytes()).await;
        }
    };
    let mut piece = vec![0; 64 * 1024];
    loop {
        let read = spawn_blocking(move || {
            let count = file.read(&mut piece)?;
            io::Result::Ok((file, piece, count))
        });
        let count;
        (file, piece, count) = read.await.map_err(io::Error::from)??;
        match count {
            0 => return Ok(()),
            _ => timeout(PATIENCE, stream.write_all(&piece[..count])).await??,
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
    let root: Arc<Path> = root.canonicalize()?.into();
    let seats = Rc::new(Semaphore::new(MAX_CLIENTS));
    let listener = TcpListener::bind(&*addr).await?;
    println!("listening on {}", listener.local_addr()?);
    loop {
        let (stream, peer) = listener.accept().await?;
        let Ok(seat) = seats.clone().try_acquire_owned() else {
            // A new connection has room for a line: this does not wait.
            let _ = stream.try_write(b"error: the server is full\r\n");
            continue;
        };
        let root = Arc::clone(&root);
        let client = async move {
            // The seat is free when the task ends, however it ends.
            let _seat = seat;
            if let Err(error) = serve(&stream, root).await {
                eprintln!("{peer}: {error}");
            }
        };
        let _ = spawn(client).map(|task| task.detach());
    }
}
// ANCHOR_END: main
