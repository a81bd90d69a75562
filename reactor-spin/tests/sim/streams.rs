//! What streams have beside reading and writing: several buffers at once, questions, connects that give up.

use std::io::{IoSlice, IoSliceMut};
use std::pin::Pin;

use embedded_io_async::{ReadReady, WriteReady};
use futures_io::{AsyncRead, AsyncWrite};
use polliwog_core::time::Instant;
use polliwog_spin::Error;
use polliwog_spin::net::{TcpListener, TcpStream, UnixStream, lookup_host};
use polliwog_spin::sim::{self, Simulation, What};

use crate::{Done, echo, millis, run, secs};

/// Whatever the type of the streams, which are connected with each other.
macro_rules! vectored_both_ways {
    ($one:ident, $other:ident) => {{
        assert!(!$other.read_ready()? && $other.write_ready()?);
        let words = [&b"fr"[..], b"", b"og"].map(IoSlice::new);
        assert_eq!($one.write_vectored(&words).await?, 4);
        $other.readable().await?;
        assert!($other.read_ready()?);
        let (mut head, mut body) = ([0; 3], [0; 3]);
        let mut bufs = [&mut [][..], &mut head, &mut body].map(IoSliceMut::new);
        assert_eq!($other.read_vectored(&mut bufs).await?, 4);
        assert_eq!((&head, &body), (b"fro", b"g\0\0"));
        let mut bufs = [IoSliceMut::new(&mut head)];
        assert_eq!($other.try_read_vectored(&mut bufs), Err(Error::WouldBlock));
        assert_eq!($one.try_write_vectored(&words)?, 4);
        // By halves, and by the traits of `futures-io`.
        let (reader, _writer) = $other.split();
        assert_eq!(
            reader
                .read_vectored(&mut [IoSliceMut::new(&mut head)])
                .await?,
            3
        );
        let (_reader, mut writer) = $one.split();
        assert_eq!(writer.write_vectored(&words).await?, 4);
        assert!(writer.write_ready()?);
        let wrote = std::future::poll_fn(|cx| {
            AsyncWrite::poll_write_vectored(Pin::new(&mut writer), cx, &words)
        });
        assert_eq!(wrote.await.unwrap(), 4);
        let mut rest = vec![0; 9];
        let (mut reader, mut done) = ($other.split().0, 0);
        while done < rest.len() {
            let (head, body) = rest[done..].split_at_mut(1);
            let mut bufs = [head, body].map(IoSliceMut::new);
            done += std::future::poll_fn(|cx| {
                AsyncRead::poll_read_vectored(Pin::new(&mut reader), cx, &mut bufs)
            })
            .await
            .unwrap();
        }
        assert_eq!(rest, b"gfrogfrog");
        assert!(!reader.read_ready()?);
        // At the end a read does not wait.
        writer.shutdown()?;
        reader.readable().await?;
        assert!(reader.read_ready()?);
        assert_eq!(
            reader
                .read_vectored(&mut [IoSliceMut::new(&mut head)])
                .await?,
            0
        );
        Done::Ok(())
    }};
}

#[test]
fn several_buffers_travel_together() {
    let mut simulation = Simulation::builder(1).trace(1000).build();
    simulation.client("both", async {
        let listener = TcpListener::bind("0.0.0.0:7").await?;
        let one = TcpStream::connect("127.0.0.1:7").await?;
        let (mut other, _) = listener.accept().await?;
        vectored_both_ways!(one, other)
    });
    let report = run(simulation);
    let sizes = |event: &sim::TraceEvent| match event.what {
        What::Sent {
            kind: "data",
            bytes,
            ..
        } => Some(bytes),
        _ => None,
    };
    let sent: Vec<usize> = report.trace.iter().filter_map(sizes).collect();
    assert_eq!(
        sent,
        [4, 4, 4, 4],
        "one message for the buffers of each write"
    );
}

#[test]
fn several_buffers_on_a_unix_socket() {
    let mut simulation = Simulation::new(1);
    simulation.client("both", async {
        let (one, mut other) = UnixStream::pair()?;
        vectored_both_ways!(one, other)
    });
    run(simulation);
}

#[test]
fn a_connect_gives_up_after_its_time() {
    let mut simulation = Simulation::new(1);
    simulation.host("echo", echo);
    simulation.client("client", async {
        TcpStream::connect_timeout("echo:7", secs(1)).await?;
        let refused = TcpStream::connect_timeout("echo:8", secs(1)).await;
        assert_eq!(refused.unwrap_err(), Error::ConnectionRefused);
        sim::control().partition("client", "echo");
        let start = Instant::now();
        let late = TcpStream::connect_timeout("echo:7", millis(1500)).await;
        assert_eq!(late.unwrap_err(), Error::TimedOut);
        assert_eq!(start.elapsed(), millis(1500));
        Done::Ok(())
    });
    run(simulation);
}

#[test]
fn names_are_those_of_the_hosts() {
    let mut simulation = Simulation::new(1);
    simulation.host("echo", echo);
    simulation.client("client", async {
        let found = lookup_host("echo:7").await?;
        assert_eq!(found.len(), 1);
        let stream = TcpStream::connect(found[0]).await?;
        assert_eq!(stream.peer_addr()?, found[0]);
        assert_eq!(lookup_host("nobody:7").await, Err(Error::NameNotFound));
        Done::Ok(())
    });
    run(simulation);
}
