//! The room that ends: Ctrl-C tells everybody, and those who are writing may finish.
#![forbid(unsafe_code)]

use std::io;
use std::time::Duration;

use polliwog::net::{TcpListener, TcpStream};
use polliwog::sync::local::broadcast::{self, RecvError, TryRecvError};
use polliwog::sync::local::{CancellationToken, TaskTracker};
use polliwog::time::timeout;
use polliwog::{select, signal};

/// Lines of a stream. What has come of the next one is kept between calls.
struct Lines {
    buffer: Vec<u8>,
}

impl Lines {
    /// The next line without its end; `None` when the client has closed.
    ///
    /// It may be dropped at its only `.await`: nothing has been taken out of the stream then.
    async fn next(&mut self, stream: &TcpStream) -> io::Result<Option<String>> {
        loop {
            if let Some(end) = self.buffer.iter().position(|&byte| byte == b'\n') {
                let line: Vec<u8> = self.buffer.drain(..=end).collect();
                return Ok(Some(String::from_utf8_lossy(&line).trim_end().to_owned()));
            }
            if self.buffer.len() > 1024 {
                return Err(io::Error::other("the line is too long"));
            }
            let mut chunk = [0; 256];
            match stream.read(&mut chunk).await? {
                0 => return Ok(None),
                count => self.buffer.extend_from_slice(&chunk[..count]),
            }
        }
    }
}

// ANCHOR: client
/// What somebody has said, and who, by a number.
type Message = (u64, String);

async fn client(
    me: u64,
    stream: TcpStream,
    room: broadcast::Sender<Message>,
    stop: CancellationToken,
) -> io::Result<()> {
    let mut heard = room.subscribe();
    let mut lines = Lines { buffer: Vec::new() };
    loop {
        select! {
            line = lines.next(&stream) => match line? {
                // Fails if nobody listens: so be it.
                Some(line) => drop(room.send((me, line))),
                None => return Ok(()),
            },
            message = heard.recv() => match message {
                Ok((from, text)) if from != me => {
                    stream.write_all(format!("{from}: {text}\n").as_bytes()).await?;
                }
                Ok(_) => {}
                Err(RecvError::Lagged(missed)) => {
                    stream.write_all(format!("({missed} missed)\n").as_bytes()).await?;
                }
                Err(RecvError::Closed) => return Ok(()),
            },
            () = stop.cancelled() => break,
        }
    }
    // What has been said before is heard: nothing is lost.
    loop {
        match heard.try_recv() {
            Ok((from, text)) if from != me => {
                stream
                    .write_all(format!("{from}: {text}\n").as_bytes())
                    .await?;
            }
            Ok(_) | Err(TryRecvError::Lagged(_)) => {}
            Err(TryRecvError::Empty | TryRecvError::Closed) => break,
        }
    }
    stream.write_all(b"the room closes, good night\n").await
}
// ANCHOR_END: client

// ANCHOR: main
#[polliwog::main]
async fn main() -> io::Result<()> {
    let addr = std::env::args()
        .nth(1)
        .unwrap_or("127.0.0.1:7878".to_owned());
    let listener = TcpListener::bind(&*addr).await?;
    println!("listening on {}", listener.local_addr()?);
    let (room, _) = broadcast::channel(64);
    let (stop, clients) = (CancellationToken::new(), TaskTracker::new());
    let mut ctrl_c = signal::ctrl_c();
    let mut number = 0;
    loop {
        let (stream, _peer) = select! {
            client = listener.accept() => client?,
            pressed = &mut ctrl_c => break pressed?,
        };
        number += 1;
        let client = client(number, stream, room.clone(), stop.clone());
        let logged = async move {
            if let Err(error) = client.await {
                eprintln!("{number}: {error}");
            }
        };
        let _ = clients.spawn(logged).map(|task| task.detach());
    }
    drop(listener); // nobody new
    stop.cancel(); // a word to all
    clients.close();
    match timeout(Duration::from_secs(3), clients.wait()).await {
        Ok(()) => println!("everybody has left"),
        Err(_) => println!("gave up on {} clients", clients.len()),
    }
    Ok(())
}
// ANCHOR_END: main
