//! A file server in some sixty lines: the lesson beside the product.
//!
//! It speaks the protocol of `file-server`: the server asks for a name, the client sends one and a line
//! feed, the server sends the file, or one line with `error: …`, and closes. One task for each
//! client, each of them ordinary code from top to bottom: no state machine, no callbacks, no locks.
//!
//! ```text
//! cargo run --example file-server-lesson -- 127.0.0.1:7878 .     # an address, and the folder to serve
//! printf 'examples/test.txt\r\n' | nc 127.0.0.1 7878             # in another shell
//! ```
//!
//! The first line that it prints is `listening on 127.0.0.1:7878`. Then read `file-server.rs` for what
//! strangers make necessary: links that lead out of the folder and pipes that never end, clients that read
//! one byte a minute, more clients than there is room for, a file that fails in the middle (here the client
//! cannot tell that from its end; the product resets the connection), Ctrl-C that lets clients finish.
//!
//! It needs the reactor `mio`.
#![forbid(unsafe_code)]

use std::io;
use std::path::{Component, Path, PathBuf};
use std::time::Duration;

use polliwog::fs::File;
use polliwog::net::{TcpListener, TcpStream};
use polliwog::time::timeout;

/// How long a client may take to send its name, and to take each piece of its file.
const PATIENCE: Duration = Duration::from_secs(30);

// ANCHOR: line
/// TCP is a stream of bytes: a line may come in pieces.
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
    let name = String::from_utf8_lossy(&line);
    Ok(name.lines().next().unwrap_or_default().to_owned())
}
// ANCHOR_END: line

/// Opens a file below `root`: on a thread of the blocking pool, as is each read.
async fn open(root: &Path, name: &str) -> io::Result<File> {
    let mut parts = Path::new(name).components();
    if name.is_empty() || !parts.all(|part| matches!(part, Component::Normal(_))) {
        return Err(io::Error::other("the name leads out of the served folder"));
    }
    let file = File::open(root.join(name)).await?;
    if !file.metadata().await?.is_file() {
        return Err(io::Error::other("not a regular file"));
    }
    Ok(file)
}

// ANCHOR: serve
pub(crate) async fn serve(stream: TcpStream, root: PathBuf) -> io::Result<()> {
    stream.write_all(b"Please enter filename: ").await?;
    // Two question marks: one for the time that is up, one for what went wrong in time.
    let name = timeout(PATIENCE, read_line(&stream)).await??;
    let mut file = match open(&root, &name).await {
        Ok(file) => file,
        Err(error) => {
            let answer = format!("error: {error}\r\n");
            stream.write_all(answer.as_bytes()).await?;
            return Ok(());
        }
    };
    // However large the file is, one piece of it is in memory.
    let mut piece = vec![0; 64 * 1024];
    loop {
        match file.read(&mut piece).await? {
            0 => return Ok(()),
            count => timeout(PATIENCE, stream.write_all(&piece[..count])).await??,
        }
    }
}
// ANCHOR_END: serve

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
