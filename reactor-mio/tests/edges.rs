//! What is rarely tried: empty and very many buffers, names without an address, runtimes with
//! room for nothing, the end of a thread.

mod support;

use std::cell::{Cell, RefCell};
use std::future::poll_fn;
use std::io::{self, IoSlice, IoSliceMut};
use std::net::SocketAddr;
use std::rc::Rc;
use std::task::Poll;
use std::thread;

use futures_util::future::join;
use polliwog_mio::net::{TcpListener, TcpStream, lookup_host};
use polliwog_mio::{Runtime, block_on, spawn, spawn_blocking};
use support::{connection, once};

/// Waits until so many bytes can be read.
async fn arrived(stream: &TcpStream, count: usize) {
    let mut buf = vec![0; count];
    while stream.peek(&mut buf).await.unwrap() < count {
        polliwog_core::yield_now().await;
    }
}

#[test]
fn an_empty_buffer_never_waits() {
    use embedded_io_async::{Read, Write};
    block_on(async {
        let (client, server) = connection().await;
        client.write_all(b"x").await.unwrap();
        assert_eq!(server.read(&mut [0; 8]).await.unwrap(), 1);
        // The read was short, so the next one would wait.
        assert!(once(server.read(&mut [0; 8])).await.is_pending());
        let empty = |poll: Poll<io::Result<usize>>| matches!(poll, Poll::Ready(Ok(0)));
        assert!(empty(once(server.read(&mut [])).await));
        assert!(empty(once(server.peek(&mut [])).await));
        assert!(empty(once(Read::read(&mut &server, &mut [])).await));
        let vectored = poll_fn(|cx| server.poll_read_vectored(cx, &mut []));
        assert!(empty(once(vectored).await));

        // Full in both senses: until the system takes no more, and it is known.
        while client.try_write(&[0; 1 << 16]).is_ok() {}
        assert!(once(client.write(&[0; 8])).await.is_pending());
        assert!(empty(once(client.write(&[])).await));
        assert!(empty(once(Write::write(&mut &client, &[])).await));
        let vectored = poll_fn(|cx| client.poll_write_vectored(cx, &[]));
        assert!(empty(once(vectored).await));
    });
}

#[test]
fn more_buffers_than_the_system_takes_at_once() {
    const BUFFERS: usize = 3000;
    block_on(async {
        let (client, server) = connection().await;
        let sent: Vec<u8> = (0..BUFFERS).map(|n| n as u8).collect();
        client.write_all(&sent).await.unwrap();
        arrived(&server, BUFFERS).await;
        let mut bytes = vec![0; BUFFERS];
        let mut done = 0;
        while done < BUFFERS {
            let mut bufs: Vec<_> = bytes[done..].chunks_mut(1).map(IoSliceMut::new).collect();
            let read = poll_fn(|cx| server.poll_read_vectored(cx, &mut bufs));
            // Everything is there: nothing to wait for.
            match once(read).await {
                Poll::Ready(count) => done += count.unwrap(),
                Poll::Pending => panic!("waits after {done} bytes"),
            }
        }
        assert!(bytes == sent);

        // Empty ones before them are not the end of the stream.
        let mut bufs = vec![IoSlice::new(&[]); BUFFERS];
        bufs.push(IoSlice::new(b"end"));
        let written = poll_fn(|cx| client.poll_write_vectored(cx, &bufs)).await;
        assert_eq!(written.unwrap(), 3);
        let mut end = [0; 3];
        let mut bufs: Vec<_> = (0..BUFFERS).map(|_| IoSliceMut::new(&mut [])).collect();
        bufs.push(IoSliceMut::new(&mut end));
        let read = poll_fn(|cx| server.poll_read_vectored(cx, &mut bufs)).await;
        assert_eq!((read.unwrap(), &end), (3, b"end"));
    });
}

/// Few bytes go to the system as one buffer, more as a list: nobody sees which.
#[test]
fn few_bytes_and_many_from_several_buffers_arrive_in_order() {
    block_on(async {
        let (client, server) = connection().await;
        for len in [1, 2047, 2048, 2049, 8192] {
            let sent: Vec<u8> = (0..len).map(|n| n as u8).collect();
            for split in [0, 1, len / 3, len - 1] {
                let (head, body) = sent.split_at(split);
                let (body, end) = body.split_at(body.len() / 2);
                let bufs = [head, body, &[], end].map(IoSlice::new);
                assert_eq!(client.write_vectored(&bufs).await.unwrap(), len);
                let mut bytes = vec![0; len];
                server.read_exact(&mut bytes).await.unwrap();
                assert!(bytes == sent, "{len} bytes, the first {split} apart");
            }
        }
    });
}

#[test]
fn names_and_addresses_that_lead_nowhere_are_errors() {
    block_on(async {
        for name in ["", ":", "host", "host:http", "a b:1", "nul\0nul:1"] {
            assert!(lookup_host(name).await.is_err(), "{name:?}");
            assert!(TcpStream::connect(name).await.is_err(), "{name:?}");
        }
        let none: &[SocketAddr] = &[];
        let error = TcpStream::connect(none).await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::InvalidInput);
        assert!(TcpListener::bind(none).await.is_err());
    });
}

#[test]
fn a_conversation_over_ipv6() {
    block_on(async {
        // Not everywhere is there one.
        let Ok(listener) = TcpListener::bind("[::1]:0").await else {
            return;
        };
        let addr = listener.local_addr().unwrap();
        let (client, server) = join(TcpStream::connect(addr), listener.accept()).await;
        let (client, (server, peer)) = (client.unwrap(), server.unwrap());
        assert_eq!(peer, client.local_addr().unwrap());
        client.write_all(b"six").await.unwrap();
        let mut buf = [0; 3];
        server.read_exact(&mut buf).await.unwrap();
        assert_eq!(&buf, b"six");
    });
}

#[test]
fn a_runtime_without_room_for_tasks_has_room_for_the_one_that_is_waited_for() {
    let runtime = Runtime::builder().max_tasks(0).build().unwrap();
    assert_eq!(runtime.block_on(async { 1 }), 1);
}

#[test]
fn sockets_outlive_their_runtime() {
    let runtime = Runtime::new().unwrap();
    let (client, server) = runtime.block_on(connection());
    runtime.block_on(async {
        assert!(once(server.read(&mut [0; 1])).await.is_pending());
    });
    drop(runtime);
    assert_eq!(client.try_write(b"late").unwrap(), 4);
    let server = server.into_std().unwrap();
    server.set_nonblocking(false).unwrap();
    let mut buf = [0; 4];
    io::Read::read_exact(&mut &server, &mut buf).unwrap();
    assert_eq!(&buf, b"late");
    assert!(client.peer_addr().is_ok());
}

#[test]
fn a_runtime_inside_a_task_of_another() {
    block_on(async {
        let (client, server) = connection().await;
        client.write_all(b"outer").await.unwrap();
        let inner = Runtime::new().unwrap();
        let sum = inner.block_on(async {
            let (client, server) = connection().await;
            let task = spawn(async move { server.read(&mut [0; 8]).await.unwrap() }).unwrap();
            client.write_all(b"inner!").await.unwrap();
            task.await.unwrap() + spawn_blocking(|| 100).await.unwrap()
        });
        assert_eq!(sum, 106);
        assert_eq!(server.read(&mut [0; 8]).await.unwrap(), 5);
    });
}

/// What a thread leaves behind in its locals is dropped in an order that nobody chooses.
#[test]
fn a_thread_may_end_with_tasks_sockets_and_handles_alive() {
    struct Last(Rc<Cell<u32>>, Option<Box<dyn FnOnce()>>);
    impl Drop for Last {
        fn drop(&mut self) {
            self.0.set(self.0.get() + 1);
            if let Some(action) = self.1.take() {
                action();
            }
        }
    }
    thread_local!(static KEPT: RefCell<Vec<Last>> = const { RefCell::new(Vec::new()) });

    for before in [true, false] {
        let thread = thread::spawn(move || {
            let count = Rc::new(Cell::new(0));
            if before {
                KEPT.with_borrow_mut(Vec::clear);
            }
            let kept = block_on(async {
                let (client, server) = connection().await;
                let witness = Last(count.clone(), Some(Box::new(|| drop(spawn(async {})))));
                let task = spawn(async move {
                    let _witness = witness;
                    server.read(&mut [0; 1]).await
                })
                .unwrap();
                let sleep = polliwog_core::time::sleep(std::time::Duration::from_secs(3600));
                let mut sleep = Box::pin(sleep);
                assert!(once(sleep.as_mut()).await.is_pending());
                polliwog_core::yield_now().await;
                let mut task = Box::pin(task);
                assert!(once(task.as_mut()).await.is_pending());
                (client, task, sleep)
            });
            let action: Box<dyn FnOnce()> = Box::new(move || {
                kept.1.abort();
                let _ = kept.0.try_write(b"x");
                drop(kept);
            });
            KEPT.with_borrow_mut(|all| all.push(Last(count, Some(action))));
        });
        thread.join().unwrap();
    }
}

#[test]
fn sockets_say_what_they_are() {
    block_on(async {
        let address = "127.0.0.1:0";
        let listener = TcpListener::bind(address).await.unwrap();
        let text = format!("{listener:?}");
        assert!(text.contains("TcpListener"), "{text}");
        let (client, server) = connection().await;
        let text = format!("{client:?} {server:?}");
        assert!(text.contains("TcpStream"), "{text}");
    });
}

/// A peer that always has something to say does not keep the thread to its connection.
#[test]
fn a_task_that_waits_and_tries_leaves_room_for_others() {
    block_on(async {
        let (client, server) = connection().await;
        client.write_all(&[0; 10_000]).await.unwrap();
        arrived(&server, 10_000).await;
        let others = Rc::new(Cell::new(0));
        let seen = others.clone();
        let other = async move {
            loop {
                seen.set(seen.get() + 1);
                polliwog_core::yield_now().await;
            }
        };
        let other = spawn(other).unwrap();
        server.readable().await.unwrap();
        others.set(0);
        for _ in 0..10_000 {
            server.readable().await.unwrap();
            assert_eq!(server.try_read(&mut [0; 1]).unwrap(), 1);
        }
        assert!(others.get() > 10, "{} turns", others.get());
        other.abort();
    });
}
