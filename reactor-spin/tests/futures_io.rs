//! The traits of `futures-io`, by which code for real sockets runs on streams in memory.
#![cfg(feature = "std")]

use std::future::poll_fn;
use std::io::ErrorKind;
use std::pin::Pin;

use futures_io::{AsyncRead, AsyncWrite};
use polliwog_spin::io::duplex;
use polliwog_spin::net::{TcpListener, TcpStream};

/// Copies until the end and then closes.
async fn copy(
    mut from: impl AsyncRead + Unpin,
    mut to: impl AsyncWrite + Unpin,
) -> std::io::Result<usize> {
    let mut buf = [0; 5];
    let mut sum = 0;
    loop {
        let count = poll_fn(|cx| Pin::new(&mut from).poll_read(cx, &mut buf)).await?;
        if count == 0 {
            break;
        }
        let mut data = &buf[..count];
        while !data.is_empty() {
            let written = poll_fn(|cx| Pin::new(&mut to).poll_write(cx, data)).await?;
            data = &data[written..];
        }
        sum += count;
    }
    poll_fn(|cx| Pin::new(&mut to).poll_flush(cx)).await?;
    poll_fn(|cx| Pin::new(&mut to).poll_close(cx)).await?;
    Ok(sum)
}

#[test]
fn every_stream_is_one() {
    polliwog_spin::block_on(async {
        let listener = TcpListener::bind("10.0.0.1:7").await.unwrap();
        let client = TcpStream::connect("10.0.0.1:7").await.unwrap();
        let (server, _) = listener.accept().await.unwrap();
        let (near, far) = duplex(3);

        // near → far → (server → client), and the client closes in turn.
        let first = polliwog_spin::spawn(async move {
            let (reader, writer) = server.into_split();
            let there = copy(&far, writer).await;
            let back = copy(reader, &far).await;
            (there.unwrap(), back.unwrap())
        })
        .unwrap();
        let second = polliwog_spin::spawn(async move { copy(&client, &client).await.unwrap() });

        near.write_all(b"a frog in a pond").await.unwrap();
        near.close();
        assert_eq!(second.unwrap().await.unwrap(), 16);
        let closed = poll_fn(|cx| Pin::new(&mut &near).poll_write(cx, b"x")).await;
        assert_eq!(closed.unwrap_err().kind(), ErrorKind::BrokenPipe);
        let mut back = Vec::new();
        let mut buf = [0; 8];
        while let count @ 1.. = near.read(&mut buf).await.unwrap() {
            back.extend_from_slice(&buf[..count]);
        }
        assert_eq!(back, b"a frog in a pond");
        assert_eq!(first.await.unwrap(), (16, 16));
    });
}
