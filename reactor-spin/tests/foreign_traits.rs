//! tokio's and hyper's I/O traits on streams in memory, and hyper's timer by the virtual clock.
#![cfg(all(feature = "tokio", feature = "hyper"))]

use std::future::poll_fn;
use std::pin::Pin;
use std::time::Duration;

use hyper::rt::Timer;
use polliwog_core::hyper::PolliwogTimer;
use polliwog_core::time::{Instant, sleep};
use polliwog_spin::io::duplex;
use polliwog_spin::net::{TcpListener, TcpStream};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

async fn copy(mut from: impl AsyncRead + Unpin, mut to: impl AsyncWrite + Unpin) -> usize {
    let mut sum = 0;
    loop {
        let mut memory = [std::mem::MaybeUninit::uninit(); 5];
        let mut buf = ReadBuf::uninit(&mut memory);
        let read = poll_fn(|cx| Pin::new(&mut from).poll_read(cx, &mut buf));
        read.await.unwrap();
        let mut data = buf.filled();
        if data.is_empty() {
            break;
        }
        sum += data.len();
        while !data.is_empty() {
            let written = poll_fn(|cx| Pin::new(&mut to).poll_write(cx, data)).await;
            data = &data[written.unwrap()..];
        }
    }
    poll_fn(|cx| Pin::new(&mut to).poll_flush(cx))
        .await
        .unwrap();
    poll_fn(|cx| Pin::new(&mut to).poll_shutdown(cx))
        .await
        .unwrap();
    sum
}

async fn read_as_hyper(mut from: impl hyper::rt::Read + Unpin) -> Vec<u8> {
    let mut memory = [0; 64];
    let mut buf = hyper::rt::ReadBuf::new(&mut memory);
    loop {
        let before = buf.filled().len();
        let read =
            poll_fn(|cx| hyper::rt::Read::poll_read(Pin::new(&mut from), cx, buf.unfilled()));
        read.await.unwrap();
        if buf.filled().len() == before {
            return buf.filled().to_vec();
        }
    }
}

#[test]
fn every_stream_is_one() {
    polliwog_spin::test(7, async {
        let listener = TcpListener::bind("10.0.0.1:7").await.unwrap();
        let client = TcpStream::connect("10.0.0.1:7").await.unwrap();
        let (server, _) = listener.accept().await.unwrap();
        let (near, far) = duplex(3);
        // near → far → client → server → near
        let there = polliwog_spin::spawn(async move {
            let (reader, writer) = client.into_split();
            (copy(&far, writer).await, copy(reader, &far).await)
        })
        .unwrap();
        let echo = polliwog_spin::spawn(async move { copy(&server, &server).await }).unwrap();
        near.write_all(b"a frog in a pond").await.unwrap();
        near.close();
        assert_eq!(read_as_hyper(&near).await, b"a frog in a pond");
        assert_eq!(there.await.unwrap(), (16, 16));
        assert_eq!(echo.await.unwrap(), 16);
    });
}

/// Hyper's names of points in time go by the executor's clock, which here stands still.
#[test]
fn hypers_timer_goes_by_the_virtual_clock() {
    polliwog_spin::test(7, async {
        let timer = PolliwogTimer;
        let start = Instant::now();
        let hyper_start = timer.now();
        timer.sleep(Duration::from_secs(3600)).await;
        assert_eq!(start.elapsed(), Duration::from_secs(3600));
        assert_eq!(timer.now() - hyper_start, Duration::from_secs(3600));
        timer
            .sleep_until(hyper_start + Duration::from_secs(3602))
            .await;
        assert_eq!(start.elapsed(), Duration::from_secs(3602));

        // Later, earlier, and one that has passed already.
        let mut timeout = timer.sleep(Duration::from_secs(1));
        for (seconds, ends) in [(3700, 3700), (3650, 3700), (9000, 9000)] {
            timer.reset(&mut timeout, hyper_start + Duration::from_secs(seconds));
            (&mut timeout).await;
            assert_eq!(start.elapsed(), Duration::from_secs(ends));
        }
        sleep(Duration::from_secs(1)).await;
    });
}
