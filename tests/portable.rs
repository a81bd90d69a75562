//! One body of tests for every reactor of the build that has a network: what works in memory and
//! in virtual time works on real sockets, by the same names.
#![cfg(any(feature = "mio", all(feature = "spin", feature = "alloc")))]

use std::cell::Cell;
use std::future::pending;
use std::io;
use std::net::Shutdown;
use std::rc::Rc;
use std::time::Duration;

use embedded_io_async::{Error, ErrorKind};
use futures_util::StreamExt;
use futures_util::future::join;
use polliwog::time::{sleep, timeout};
use polliwog::{JoinError, SpawnErrorKind, spawn, try_spawn, yield_now};

/// The byte at a place of a long stream.
fn byte_at(place: usize) -> u8 {
    (place ^ (place >> 8) ^ (place >> 16)) as u8
}

/// What a program has that names the errors of both networks.
#[derive(Debug)]
enum Own {
    Io(io::Error),
}

impl From<io::Error> for Own {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

#[cfg(feature = "spin")]
impl From<polliwog::spin::Error> for Own {
    fn from(error: polliwog::spin::Error) -> Self {
        Self::Io(error.into())
    }
}

/// Makes tests of the body: `$net` is a reactor's module `net`, `$runtime` makes a runtime for so
/// many tasks.
macro_rules! on {
    ($name:ident, $net:path, $runtime:expr) => {
        mod $name {
            use super::*;
            use $net::{TcpListener, TcpStream};

            async fn listen() -> (TcpListener, std::net::SocketAddr) {
                let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
                let addr = listener.local_addr().unwrap();
                (listener, addr)
            }

            /// Two ends of a connection.
            async fn pair() -> (TcpStream, TcpStream) {
                let (listener, addr) = listen().await;
                let client = TcpStream::connect(addr).await.unwrap();
                let (server, peer) = listener.accept().await.unwrap();
                assert_eq!(peer, client.local_addr().unwrap());
                assert_eq!(client.peer_addr().unwrap(), addr);
                (client, server)
            }

            async fn echo(stream: TcpStream) {
                let mut buf = [0; 100];
                loop {
                    let count = stream.read(&mut buf).await.unwrap();
                    if count == 0 {
                        return;
                    }
                    stream.write_all(&buf[..count]).await.unwrap();
                }
            }

            #[test]
            fn errors_are_of_io_and_of_the_programs_own() {
                async fn read(stream: &TcpStream) -> Result<u8, Own> {
                    let mut byte = [0; 1];
                    stream.read_exact(&mut byte).await?;
                    Ok(byte[0])
                }
                async fn write(stream: &TcpStream) -> io::Result<()> {
                    stream.write_all(b"7").await?;
                    Ok(())
                }
                $runtime(10).block_on(async {
                    let (listener, _) = listen().await;
                    let nobody = listener.try_accept().unwrap_err();
                    assert_eq!(nobody.kind(), io::ErrorKind::WouldBlock);
                    let (one, other) = pair().await;
                    write(&one).await.unwrap();
                    assert_eq!(read(&other).await.unwrap(), b'7');
                    drop(one);
                    let Own::Io(error) = read(&other).await.unwrap_err();
                    assert_eq!(error.kind(), io::ErrorKind::UnexpectedEof);
                });
            }

            #[test]
            fn echo_with_many_clients() {
                const CLIENTS: usize = 50;
                $runtime(1000).block_on(async {
                    let (listener, addr) = listen().await;
                    let server = spawn(async move {
                        let mut incoming = listener.incoming();
                        for _ in 0..CLIENTS {
                            let stream = StreamExt::next(&mut incoming).await.unwrap();
                            spawn(echo(stream.unwrap())).unwrap().detach();
                        }
                    });
                    let mut clients = Vec::new();
                    for client in 0..CLIENTS {
                        let task = async move {
                            let stream = TcpStream::connect(addr).await.unwrap();
                            for round in 0..20 {
                                let sent: Vec<_> = (0..50 * client + 1)
                                    .map(|place| byte_at(place + round))
                                    .collect();
                                stream.write_all(&sent).await.unwrap();
                                let mut got = vec![0; sent.len()];
                                stream.read_exact(&mut got).await.unwrap();
                                assert!(got == sent);
                            }
                        };
                        clients.push(spawn(task).unwrap());
                    }
                    for client in clients {
                        client.await.unwrap();
                    }
                    server.unwrap().await.unwrap();
                });
            }

            #[test]
            fn a_large_transfer_waits_for_the_reader() {
                const TOTAL: usize = 32 << 20;
                $runtime(10).block_on(async {
                    let (client, server) = pair().await;
                    let written = Rc::new(Cell::new(0));
                    let count = Rc::clone(&written);
                    let writer = spawn(async move {
                        let mut chunk = vec![0; 10_007];
                        while count.get() < TOTAL {
                            let len = chunk.len().min(TOTAL - count.get());
                            for (index, byte) in chunk[..len].iter_mut().enumerate() {
                                *byte = byte_at(count.get() + index);
                            }
                            client.write_all(&chunk[..len]).await.unwrap();
                            count.set(count.get() + len);
                        }
                    });
                    // However long nobody reads: it does not all fit.
                    sleep(Duration::from_millis(20)).await;
                    assert!(written.get() < TOTAL);
                    let mut chunk = vec![0; 70_001];
                    let mut read = 0;
                    loop {
                        let count = server.read(&mut chunk).await.unwrap();
                        if count == 0 {
                            break;
                        }
                        let right = |(index, byte): (usize, &u8)| *byte == byte_at(read + index);
                        assert!(chunk[..count].iter().enumerate().all(right));
                        read += count;
                    }
                    assert_eq!((read, written.get()), (TOTAL, TOTAL));
                    writer.unwrap().await.unwrap();
                });
            }

            #[test]
            fn the_end_of_the_stream_comes_after_the_data() {
                $runtime(10).block_on(async {
                    for by_shutdown in [true, false] {
                        let (client, server) = pair().await;
                        client.write_all(b"tadpole").await.unwrap();
                        let kept = if by_shutdown {
                            client.shutdown(Shutdown::Write).unwrap();
                            Some(client)
                        } else {
                            drop(client);
                            None
                        };
                        yield_now().await;
                        let mut buf = [0; 4];
                        server.read_exact(&mut buf).await.unwrap();
                        assert_eq!(&buf, b"tadp");
                        assert_eq!(server.peek(&mut buf).await.unwrap(), 3);
                        assert_eq!(server.read(&mut buf).await.unwrap(), 3);
                        assert_eq!(&buf[..3], b"ole");
                        for _ in 0..3 {
                            assert_eq!(server.read(&mut buf).await.unwrap(), 0);
                        }
                        // The other direction is still open.
                        if let Some(client) = kept {
                            server.write_all(b"frog").await.unwrap();
                            client.read_exact(&mut buf).await.unwrap();
                            assert_eq!(&buf, b"frog");
                            assert!(client.write_all(b"more").await.is_err());
                        }
                    }
                });
            }

            #[test]
            fn a_stream_that_ends_too_early_is_an_error() {
                $runtime(10).block_on(async {
                    let (client, server) = pair().await;
                    client.write_all(b"tad").await.unwrap();
                    drop(client);
                    assert!(server.read_exact(&mut [0; 4]).await.is_err());
                });
            }

            #[test]
            fn a_peer_that_is_gone_is_an_error_for_the_writer() {
                $runtime(10).block_on(async {
                    let (client, server) = pair().await;
                    drop(server);
                    // The first write may only provoke the answer that the peer is gone.
                    let error = loop {
                        match client.write(&[0; 100]).await {
                            Ok(_) => yield_now().await,
                            Err(error) => break error,
                        }
                    };
                    let kind = Error::kind(&error);
                    assert!(
                        matches!(kind, ErrorKind::BrokenPipe | ErrorKind::ConnectionReset),
                        "{error}"
                    );
                });
            }

            #[test]
            fn nobody_listens() {
                $runtime(10).block_on(async {
                    let (listener, addr) = listen().await;
                    drop(listener);
                    let error = TcpStream::connect(addr).await.unwrap_err();
                    assert_eq!(Error::kind(&error), ErrorKind::ConnectionRefused);
                });
            }

            #[test]
            fn a_listener_that_is_dropped_frees_its_address_and_its_clients() {
                $runtime(10).block_on(async {
                    let (listener, addr) = listen().await;
                    // Connected, never accepted.
                    let client = TcpStream::connect(addr).await.unwrap();
                    let accepting = spawn(async move {
                        listener.accept().await.unwrap();
                        listener.accept().await.map(drop)
                    });
                    let accepting = accepting.unwrap();
                    sleep(Duration::from_millis(1)).await;
                    let waiting = TcpStream::connect(addr).await.unwrap();
                    accepting.abort();
                    let _outcome = accepting.await;
                    // Both connections are dead, whichever of them was accepted by then.
                    for stream in [client, waiting] {
                        assert!(matches!(stream.read(&mut [0]).await, Ok(0) | Err(_)));
                    }
                    assert!(TcpStream::connect(addr).await.is_err());
                    let again = TcpListener::bind(addr).await.unwrap();
                    assert_eq!(again.local_addr().unwrap(), addr);
                });
            }

            #[test]
            fn an_address_in_use_is_an_error() {
                $runtime(10).block_on(async {
                    let (_listener, addr) = listen().await;
                    let error = TcpListener::bind(addr).await.unwrap_err();
                    assert_eq!(Error::kind(&error), ErrorKind::AddrInUse);
                });
            }

            #[test]
            fn halves_by_reference_in_one_task() {
                const TOTAL: usize = 1 << 20;
                $runtime(10).block_on(async {
                    let (client, server) = pair().await;
                    let server = spawn(echo(server)).unwrap();
                    {
                        let (reader, writer) = client.split();
                        let write = async {
                            let sent: Vec<_> = (0..TOTAL).map(byte_at).collect();
                            writer.write_all(&sent).await.unwrap();
                            writer.shutdown().unwrap();
                        };
                        let read = async {
                            let mut got = vec![0; TOTAL];
                            reader.read_exact(&mut got).await.unwrap();
                            assert!((0..TOTAL).all(|place| got[place] == byte_at(place)));
                            assert_eq!(reader.read(&mut got).await.unwrap(), 0);
                        };
                        join(write, read).await;
                    }
                    drop(client);
                    server.await.unwrap();
                });
            }

            #[test]
            fn owned_halves_in_two_tasks() {
                const TOTAL: usize = 1 << 20;
                $runtime(10).block_on(async {
                    let (client, server) = pair().await;
                    let server = spawn(echo(server)).unwrap();
                    let (reader, writer) = client.into_split();
                    let writing = spawn(async move {
                        let sent: Vec<_> = (0..TOTAL).map(byte_at).collect();
                        writer.write_all(&sent).await.unwrap();
                        writer
                    });
                    let reading = spawn(async move {
                        let mut got = vec![0; TOTAL];
                        reader.read_exact(&mut got).await.unwrap();
                        assert!((0..TOTAL).all(|place| got[place] == byte_at(place)));
                        reader
                    });
                    let writer = writing.unwrap().await.unwrap();
                    let reader = reading.unwrap().await.unwrap();
                    let client = reader.reunite(writer).unwrap();
                    // To drop the writing half alone ends the direction.
                    let (reader, writer) = client.into_split();
                    drop(writer);
                    assert_eq!(reader.read(&mut [0]).await.unwrap(), 0);
                    server.await.unwrap();
                });
            }

            #[test]
            fn a_read_can_be_given_up_and_tried_again() {
                $runtime(10).block_on(async {
                    let (client, server) = pair().await;
                    let mut buf = [0; 8];
                    assert!(client.try_read(&mut buf).is_err());
                    for _ in 0..3 {
                        let patience = Duration::from_millis(2);
                        assert!(timeout(patience, client.read(&mut buf)).await.is_err());
                    }
                    server.write_all(b"late").await.unwrap();
                    client.readable().await.unwrap();
                    assert_eq!(client.read(&mut buf).await.unwrap(), 4);
                    assert_eq!(&buf[..4], b"late");
                    // A limit that is not reached.
                    let hour = Duration::from_secs(3600);
                    let writing = async {
                        sleep(Duration::from_millis(2)).await;
                        server.write_all(b"early").await.unwrap();
                    };
                    let (read, ()) = join(timeout(hour, client.read(&mut buf)), writing).await;
                    assert_eq!(read.unwrap().unwrap(), 5);
                });
            }

            #[test]
            fn a_task_that_is_aborted_while_it_reads_closes_its_stream() {
                $runtime(10).block_on(async {
                    let (client, server) = pair().await;
                    let reading = spawn(async move { server.read(&mut [0; 8]).await.map(drop) });
                    let reading = reading.unwrap();
                    sleep(Duration::from_millis(1)).await;
                    assert!(!reading.is_finished());
                    reading.abort();
                    assert!(matches!(reading.await, Err(JoinError::Aborted)));
                    assert_eq!(client.read(&mut [0; 8]).await.unwrap(), 0);
                });
            }

            #[test]
            fn a_task_that_is_dropped_with_its_runtime_closes_its_stream() {
                let runtime = $runtime(10);
                let client = runtime.block_on(async {
                    let (client, server) = pair().await;
                    let reading = async move { server.read(&mut [0; 8]).await.map(drop) };
                    spawn(reading).unwrap().detach();
                    yield_now().await;
                    assert!(client.try_read(&mut [0]).is_err(), "nothing yet");
                    client
                });
                drop(runtime);
                drop(client);
            }

            #[test]
            fn a_limit_of_tasks_is_an_error_and_not_the_end() {
                $runtime(4).block_on(async {
                    // `block_on` takes the fourth place.
                    let tasks: Vec<_> = (0..3).map(|_| spawn(pending::<()>()).unwrap()).collect();
                    let (client, server) = pair().await;
                    let refused = try_spawn(echo(server)).unwrap_err();
                    assert_eq!(refused.kind(), SpawnErrorKind::TasksFull { capacity: 4 });
                    for task in tasks {
                        task.abort();
                        assert!(matches!(task.await, Err(JoinError::Aborted)));
                    }
                    // The future is unharmed, and the connection in it.
                    let echo = spawn(refused.into_inner()).unwrap();
                    client.write_all(b"quak").await.unwrap();
                    let mut buf = [0; 4];
                    client.read_exact(&mut buf).await.unwrap();
                    assert_eq!(&buf, b"quak");
                    drop(client);
                    echo.await.unwrap();
                });
            }

            #[test]
            fn many_short_connections_leave_nothing_behind() {
                $runtime(10).block_on(async {
                    let (listener, addr) = listen().await;
                    let server = spawn(async move {
                        loop {
                            let (stream, _) = listener.accept().await.unwrap();
                            let mut buf = [0; 1];
                            stream.read_exact(&mut buf).await.unwrap();
                            stream.write_all(&buf).await.unwrap();
                        }
                    });
                    for round in 0..500_u32 {
                        let stream = TcpStream::connect(addr).await.unwrap();
                        let byte = round as u8;
                        stream.write_all(&[byte]).await.unwrap();
                        let mut buf = [0; 2];
                        assert_eq!(stream.read(&mut buf).await.unwrap(), 1);
                        assert_eq!(buf[0], byte);
                        assert_eq!(stream.read(&mut buf).await.unwrap(), 0);
                    }
                    server.unwrap().abort();
                });
            }
        }
    };
}

#[cfg(feature = "mio")]
on!(mio, polliwog::mio::net, |tasks: usize| {
    let runtime = polliwog::mio::Runtime::builder().max_tasks(tasks).build();
    runtime.expect("a runtime")
});

#[cfg(all(feature = "spin", feature = "alloc"))]
on!(spin, polliwog::spin::net, |tasks: usize| {
    polliwog::spin::Runtime::builder().max_tasks(tasks).build()
});

// In another order, where the build can permute.
#[cfg(all(feature = "spin", feature = "alloc"))]
on!(spin_permuted, polliwog::spin::net, |tasks: usize| {
    let builder = polliwog::spin::Runtime::builder().max_tasks(tasks);
    builder.seed(7).build()
});

// The same sockets with the system's errors.
#[cfg(feature = "sim")]
on!(sim, polliwog::sim::net, |tasks: usize| {
    polliwog::spin::Runtime::builder().max_tasks(tasks).build()
});
