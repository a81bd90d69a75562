//! A file server, fifth step: Ctrl-C lets those finish who are being served.
#![forbid(unsafe_code)]

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use polliwog::fs;
use polliwog::net::{TcpListener, TcpStream};
use polliwog::sync::local::{CancellationToken, TaskTracker};
use polliwog::time::timeout;
use polliwog::{select, signal};

const PATIENCE: Duration = Duration::from_secs(30);
/// How long clients may go on after Ctrl-C.
const GRACE: Duration = Duration::from_secs(3);

async fn read_line(stream: &TcpStream) -> io::Result<String> {
    let (mut line, mut chunk) = (Vec::new(), [0; 512]);
    while !line.contains(&b'\n') {
        match stream.read(&mut chunk).await? {
            0 => return Err(io::ErrorKind::UnexpectedEof.into()),
            count => line.extend_from_slice(&chunk[..count]),
        }
        if line.len() > 4096 {
            return Err(io::Error::other("the name is too long"));
        }
    }
    let text = String::from_utf8_lossy(&line);
    Ok(text.lines().next().unwrap_or_default().to_owned())
}

// ANCHOR: serve
async fn serve(stream: TcpStream, root: Arc<Path>, stop: CancellationToken) -> io::Result<()> {
    stream.write_all(b"Please enter filename: ").await?;
    let name = select! {
        name = timeout(PATIENCE, read_line(&stream)) => name??,
        // It has asked for nothing yet, so nothing of it is lost.
        () = stop.cancelled() => {
            return stream.write_all(b"error: the server is going away\r\n").await;
        }
    };
    // From here on the client is served to its end.
    match fs::read(root.join(name)).await {
        Ok(bytes) => timeout(PATIENCE, stream.write_all(&bytes)).await?,
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
    let root: Arc<Path> = PathBuf::from(arguments.next().unwrap_or(".".to_owned())).into();
    let (stop, clients) = (CancellationToken::new(), TaskTracker::new());
    let mut ctrl_c = signal::ctrl_c();
    let listener = TcpListener::bind(&*addr).await?;
    println!("listening on {}", listener.local_addr()?);
    loop {
        let (stream, peer) = select! {
            client = listener.accept() => client?,
            pressed = &mut ctrl_c => break pressed?,
        };
        let client = serve(stream, Arc::clone(&root), stop.clone());
        let logged = async move {
            if let Err(error) = client.await {
                eprintln!("{peer}: {error}");
            }
        };
        let _ = clients.spawn(logged).map(|task| task.detach());
    }
    // In this order: nobody new, a word to all, and then wait, but not for ever.
    drop(listener);
    stop.cancel();
    clients.close();
    match timeout(GRACE, clients.wait()).await {
        Ok(()) => println!("all clients have been served"),
        Err(_) => println!("gave up on {} clients", clients.len()),
    }
    Ok(())
}
// ANCHOR_END: main
