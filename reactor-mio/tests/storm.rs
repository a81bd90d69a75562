//! Random operations on both ends of connections, given up at random: no byte is lost, doubled
//! or out of place, and nobody waits for what is there already.

use std::future::poll_fn;
use std::io::{self, IoSlice, IoSliceMut};
use std::net::Shutdown;
use std::pin::pin;
use std::task::Poll;

use futures_util::future::{join, join_all};
use polliwog_core::yield_now;
use polliwog_mio::net::{TcpListener, TcpStream};
use polliwog_mio::{block_on, spawn};

const BYTES: usize = 300_000;

struct Dice(u64);

impl Dice {
    fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 20) as usize % limit
    }

    /// Mostly small numbers, now and then a large one.
    fn size(&mut self) -> usize {
        let limit = [1, 2, 30, 1000, 70_000][self.below(5)];
        self.below(limit + 1)
    }
}

/// What is at a place of the stream that a seed stands for.
fn byte(seed: u64, place: usize) -> u8 {
    (place as u64)
        .wrapping_mul(0x9E37_79B9)
        .wrapping_add(seed)
        .to_le_bytes()[2]
}

/// Polls so many times at most, then drops the future.
async fn give_up<T>(polls: usize, future: impl Future<Output = T>) -> Option<T> {
    let mut future = pin!(future);
    for _ in 0..polls {
        let poll = poll_fn(|cx| Poll::Ready(future.as_mut().poll(cx))).await;
        match poll {
            Poll::Ready(value) => return Some(value),
            Poll::Pending => yield_now().await,
        }
    }
    None
}

/// A try that found nothing is as good as one that was given up.
fn tried(result: io::Result<usize>) -> Option<io::Result<usize>> {
    match result {
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => None,
        result => Some(result),
    }
}

async fn receive(stream: &TcpStream, seed: u64) {
    let dice = &mut Dice(seed | 1);
    let mut place = 0;
    let mut buf = vec![0; 70_001];
    loop {
        let size = dice.size();
        let polls = 1 + dice.below(3);
        let chunk = &mut buf[..size];
        let read = match dice.below(6) {
            0 => Some(stream.read(chunk).await),
            1 => give_up(polls, stream.read(chunk)).await,
            2 => tried(stream.try_read(chunk)),
            3 => {
                stream.readable().await.unwrap();
                tried(stream.try_read(chunk))
            }
            4 => {
                let pieces = chunk.chunks_mut(1 + dice.below(20));
                let mut bufs: Vec<_> = pieces.map(IoSliceMut::new).collect();
                let read = poll_fn(|cx| stream.poll_read_vectored(cx, &mut bufs));
                give_up(polls, read).await
            }
            _ => {
                // Peeks, and finds the same again later.
                let count = give_up(polls, stream.peek(chunk)).await;
                let count = count.map_or(0, |count| count.unwrap());
                for (at, seen) in chunk[..count].iter().enumerate() {
                    assert_eq!(*seen, byte(seed, place + at), "{}", place + at);
                }
                None
            }
        };
        let Some(count) = read else {
            continue;
        };
        let count = count.unwrap();
        if count == 0 && size > 0 {
            assert_eq!(place, BYTES, "the end has come too early");
            return;
        }
        for seen in &buf[..count] {
            assert_eq!(*seen, byte(seed, place), "{place}");
            place += 1;
        }
    }
}

async fn send(stream: &TcpStream, seed: u64) {
    let dice = &mut Dice(seed | 3);
    let bytes: Vec<u8> = (0..BYTES).map(|place| byte(seed, place)).collect();
    let mut rest = &bytes[..];
    while !rest.is_empty() {
        let size = dice.size().min(rest.len());
        let polls = 1 + dice.below(3);
        let chunk = &rest[..size];
        let written = match dice.below(5) {
            0 => Some(stream.write(chunk).await),
            1 => give_up(polls, stream.write(chunk)).await,
            2 => tried(stream.try_write(chunk)),
            3 => {
                stream.writable().await.unwrap();
                tried(stream.try_write(chunk))
            }
            _ => {
                let bufs: Vec<_> = chunk.chunks(1 + dice.below(20)).map(IoSlice::new).collect();
                let write = poll_fn(|cx| stream.poll_write_vectored(cx, &bufs));
                give_up(polls, write).await
            }
        };
        if let Some(count) = written {
            rest = &rest[count.unwrap()..];
        }
    }
    stream.shutdown(Shutdown::Write).unwrap();
}

#[test]
fn whatever_is_given_up_no_byte_is_lost() {
    let soak = std::env::var("POLLIWOG_SOAK").ok();
    let rounds = soak.and_then(|rounds| rounds.parse().ok()).unwrap_or(1);
    (0..rounds).for_each(round);
}

fn round(round: u64) {
    block_on(async {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let addr = listener.local_addr().unwrap();
        let pairs = (0..8_u64).map(|number| {
            let listener = &listener;
            async move {
                let (client, server) = join(TcpStream::connect(addr), listener.accept()).await;
                let (client, server) = (client.unwrap(), server.unwrap().0);
                let task = |stream: TcpStream, out: u64, back: u64| {
                    let both = async move {
                        join(send(&stream, out), receive(&stream, back)).await;
                    };
                    spawn(both).unwrap()
                };
                let seed = round * 1_000_003 + number * 7919;
                let (out, back) = (1000 + seed, 77 + seed * 13);
                (task(client, out, back), task(server, back, out))
            }
        });
        // One after the other, so that both ends of a pair belong together.
        let mut tasks = Vec::new();
        for pair in pairs {
            let (client, server) = pair.await;
            tasks.extend([client, server]);
        }
        for task in join_all(tasks).await {
            task.unwrap();
        }
    });
}
