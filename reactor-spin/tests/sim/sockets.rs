//! What is set of a TCP socket, before it is connected and afterwards.

use std::cell::RefCell;
use std::net::SocketAddr;
use std::rc::Rc;

use polliwog_core::time::{Instant, sleep, timeout};
use polliwog_core::{spawn, try_join};
use polliwog_spin::Error;
use polliwog_spin::net::{Shutdown, TcpListener, TcpSocket, TcpStream};
use polliwog_spin::sim::{self, Latency, Link, Simulation};

use crate::{Done, echo, millis, run, secs};

fn at(port: u16) -> SocketAddr {
    ([0, 0, 0, 0], port).into()
}

fn of(host: &str, port: u16) -> SocketAddr {
    SocketAddr::new(sim::control().addr(host).unwrap(), port)
}

/// Accepts one connection and holds it, without reading.
async fn silent() -> Done {
    let listener = TcpListener::bind("0.0.0.0:7").await?;
    let (_stream, _) = listener.accept().await?;
    std::future::pending().await
}

#[test]
fn what_is_set_is_told() {
    let mut simulation = Simulation::builder(1).tcp_window(5000).build();
    simulation.host("echo", echo);
    simulation.client("client", async {
        let socket = TcpSocket::new_v4()?;
        assert!(!socket.nodelay()? && !socket.reuseaddr()? && !socket.reuseport()?);
        assert_eq!(
            (socket.recv_buffer_size()?, socket.send_buffer_size()?),
            (5000, 5000)
        );
        assert_eq!(socket.local_addr()?, at(0));
        socket.set_nodelay(true)?;
        socket.set_send_buffer_size(3000)?;
        socket.set_linger(Some(millis(2900)))?;
        let stream = socket.connect(of("echo", 7)).await?;
        assert!(stream.nodelay()?);
        assert_eq!(stream.send_buffer_size()?, 3000);
        // Whole seconds.
        assert_eq!(stream.linger()?, Some(secs(2)));
        assert_eq!(stream.ttl()?, 64);
        stream.set_ttl(3)?;
        assert_eq!(stream.ttl()?, 3);
        for none in [0, 256] {
            assert_eq!(stream.set_ttl(none), Err(Error::InvalidInput));
        }
        assert!(!stream.keepalive()?);
        assert_eq!(stream.keepalive_time()?, secs(7200));
        stream.set_keepalive_time(secs(60))?;
        assert!(stream.keepalive()?);
        assert_eq!(stream.keepalive_time()?, secs(60));
        Done::Ok(())
    });
    run(simulation);
    assert_eq!(TcpSocket::new_v4().unwrap_err(), Error::Unsupported);
}

#[test]
fn a_listener_hands_its_options_on() {
    let mut simulation = Simulation::new(1);
    simulation.client("client", async {
        let socket = TcpSocket::new_v4()?;
        socket.set_keepalive(true)?;
        socket.set_recv_buffer_size(1000)?;
        socket.bind(at(7))?;
        let listener = socket.listen(1)?;
        listener.set_ttl(9)?;
        let client = TcpStream::connect("127.0.0.1:7").await?;
        let (server, _) = listener.accept().await?;
        assert!(server.keepalive()? && !client.keepalive()?);
        assert_eq!((server.ttl()?, client.ttl()?), (9, 64));
        // The client knows how much there is room for.
        assert_eq!(client.write(&[0; 4000]).await?, 1000);
        Done::Ok(())
    });
    run(simulation);
}

#[test]
fn zero_linger_resets_at_drop() {
    for zero in [false, true] {
        let mut simulation = Simulation::builder(1)
            .link(Link::new(Latency::fixed(millis(5))))
            .build();
        simulation.host("server", move || async move {
            let listener = TcpListener::bind("0.0.0.0:7").await?;
            let (stream, _) = listener.accept().await?;
            stream.write_all(b"x").await?;
            if zero {
                stream.set_zero_linger()?;
            }
            sleep(millis(50)).await;
            Done::Ok(())
        });
        simulation.client("client", async move {
            let stream = TcpStream::connect("server:7").await?;
            let mut byte = [0];
            stream.read_exact(&mut byte).await?;
            let end = stream.read(&mut byte).await;
            assert_eq!(
                end,
                if zero {
                    Err(Error::ConnectionReset)
                } else {
                    Ok(0)
                }
            );
            Done::Ok(())
        });
        run(simulation);
    }
}

#[test]
fn what_both_have_ended_is_not_reset() {
    let mut simulation = Simulation::new(1);
    simulation.host("server", || async {
        let listener = TcpListener::bind("0.0.0.0:7").await?;
        let (stream, _) = listener.accept().await?;
        assert_eq!(stream.read(&mut [0]).await?, 0);
        stream.set_zero_linger()?;
        stream.shutdown(Shutdown::Write)
    });
    simulation.client("client", async {
        let stream = TcpStream::connect("server:7").await?;
        stream.shutdown(Shutdown::Write)?;
        sleep(secs(1)).await;
        assert_eq!(stream.read(&mut [0]).await?, 0);
        Done::Ok(())
    });
    run(simulation);
}

/// A client with `keepalive`, and when and how its read ends if at one second `fault` happens.
fn looked_after(
    keepalive: bool,
    server: fn() -> std::pin::Pin<Box<dyn Future<Output = Done>>>,
    fault: impl FnOnce() + 'static,
) -> Result<(Result<usize, Error>, u64), ()> {
    let seen = Rc::new(RefCell::new(Err(())));
    let mut simulation = Simulation::builder(1)
        .link(Link::new(Latency::fixed(millis(5))))
        .build();
    simulation.host("server", server);
    let result = seen.clone();
    simulation.client("client", async move {
        let stream = TcpStream::connect("server:7").await?;
        let start = Instant::now();
        stream.set_keepalive_time(secs(10))?;
        stream.set_keepalive_interval(secs(2))?;
        stream.set_keepalive_retries(3)?;
        stream.set_keepalive(keepalive)?;
        spawn(async move {
            sleep(secs(1)).await;
            fault();
        })
        .unwrap()
        .detach();
        if let Ok(end) = timeout(secs(100), stream.read(&mut [0])).await {
            *result.borrow_mut() = Ok((end, start.elapsed().as_secs()));
        }
        Done::Ok(())
    });
    run(simulation);
    *seen.borrow()
}

#[test]
fn a_peer_that_is_gone_is_found_by_looks() {
    let cut = || sim::control().partition("client", "server");
    // Ten seconds of silence, three looks, two seconds after each of them.
    let found = looked_after(true, || Box::pin(silent()), cut);
    assert_eq!(found, Ok((Err(Error::TimedOut), 16)));
    assert_eq!(looked_after(false, || Box::pin(silent()), cut), Err(()));
    // A host that is there again and knows of nothing.
    let restart = || {
        sim::control().crash("server");
        sim::control().restart("server");
    };
    let found = looked_after(true, || Box::pin(silent()), restart);
    assert_eq!(found, Ok((Err(Error::ConnectionReset), 10)));
    // Who is there answers, for as long as it takes.
    assert_eq!(looked_after(true, || Box::pin(silent()), || {}), Err(()));
}

#[test]
fn what_was_sent_is_not_given_up_by_looks() {
    let mut simulation = Simulation::builder(1).build();
    simulation.host("echo", echo);
    simulation.client("client", async {
        let stream = TcpStream::connect("echo:7").await?;
        stream.set_keepalive_time(secs(1))?;
        stream.set_keepalive_interval(secs(1))?;
        stream.set_keepalive_retries(1)?;
        sim::control().partition("client", "echo");
        stream.write_all(b"x").await?;
        let early = timeout(secs(60), stream.read(&mut [0])).await;
        assert!(early.is_err(), "{early:?}");
        sim::control().repair("client", "echo");
        stream.read_exact(&mut [0]).await
    });
    run(simulation);
}

#[test]
fn buffers_bound_what_is_on_its_way() {
    let mut simulation = Simulation::new(1);
    simulation.host("silent", silent);
    simulation.client("client", async {
        let stream = TcpStream::connect("silent:7").await?;
        stream.set_send_buffer_size(100)?;
        assert_eq!(stream.try_write(&[0; 1000])?, 100);
        assert_eq!(stream.try_write(&[0; 1000]), Err(Error::WouldBlock));
        // What has arrived is there no more.
        assert_eq!(stream.write(&[0; 1000]).await?, 100);
        sleep(secs(1)).await;
        sim::control().partition("client", "silent");
        assert_eq!(stream.try_write(&[0; 1000])?, 100);
        // More room wakes whoever waits for it.
        let wider = async {
            sleep(secs(1)).await;
            stream.set_send_buffer_size(150)
        };
        let (written, ()) = try_join!(stream.write(&[0; 1000]), wider)?;
        assert_eq!(written, 50);
        Done::Ok(())
    });
    run(simulation);
}

#[test]
fn a_reader_changes_its_buffer_while_the_connection_is_open() {
    let mut simulation = Simulation::new(1);
    simulation.host("server", || async {
        let listener = TcpListener::bind("0.0.0.0:7").await?;
        let (stream, _) = listener.accept().await?;
        stream.set_recv_buffer_size(10)?;
        sleep(secs(2)).await;
        let mut all = vec![0; 500];
        stream.read_exact(&mut all).await?;
        assert!(
            all.iter()
                .zip(0..)
                .all(|(byte, at)| *byte == (at % 250) as u8)
        );
        stream.write_all(b".").await
    });
    simulation.client("client", async {
        let stream = TcpStream::connect("server:7").await?;
        sleep(secs(1)).await;
        let all: Vec<u8> = (0..500).map(|at| (at % 250) as u8).collect();
        assert_eq!(stream.try_write(&all)?, 10);
        stream.write_all(&all[10..]).await?;
        stream.read_exact(&mut [0]).await
    });
    run(simulation);
}

#[test]
fn a_socket_is_bound_before_it_connects() {
    let mut simulation = Simulation::new(1);
    simulation.host("echo", echo);
    simulation.client("client", async {
        let echo = of("echo", 7);
        let socket = TcpSocket::new_v4()?;
        socket.bind(at(1000))?;
        assert_eq!(socket.bind(at(1001)), Err(Error::InvalidInput));
        let stream = socket.connect(echo).await?;
        assert_eq!(stream.local_addr()?, of("client", 1000));
        // The port is the connection's.
        let again = TcpSocket::new_v4()?;
        assert_eq!(again.bind(at(1000)), Err(Error::AddrInUse));
        again.set_reuseaddr(true)?;
        again.bind(at(1000))?;
        assert_eq!(
            again.connect(echo).await.unwrap_err(),
            Error::AddrNotAvailable
        );
        // Who closes first waits for stragglers.
        drop(stream);
        sleep(secs(1)).await;
        assert_eq!(TcpSocket::new_v4()?.bind(at(1000)), Err(Error::AddrInUse));
        sleep(secs(60)).await;
        TcpSocket::new_v4()?.bind(at(1000))?;
        // Of another host, and of the other family.
        let wrong = TcpSocket::new_v4()?;
        assert_eq!(wrong.bind(echo), Err(Error::AddrNotAvailable));
        assert_eq!(
            wrong.bind("[::]:7".parse().unwrap()),
            Err(Error::InvalidInput)
        );
        let wrong = TcpSocket::new_v6()?;
        assert_eq!(wrong.connect(echo).await.unwrap_err(), Error::InvalidInput);
        Done::Ok(())
    });
    run(simulation);
}

#[test]
fn nobody_is_heard_where_nobody_listens_yet() {
    let mut simulation = Simulation::new(1);
    simulation.client("client", async {
        let socket = TcpSocket::new_v4()?;
        socket.bind(at(7))?;
        assert_eq!(
            TcpListener::bind("0.0.0.0:7").await.unwrap_err(),
            Error::AddrInUse
        );
        let refused = TcpStream::connect("127.0.0.1:7").await;
        assert_eq!(refused.unwrap_err(), Error::ConnectionRefused);
        // One waits to be accepted, and the next to wait.
        let listener = socket.listen(0)?;
        let _first = TcpStream::connect("127.0.0.1:7").await?;
        let second = TcpStream::connect_timeout("127.0.0.1:7", secs(1)).await;
        assert_eq!(second.unwrap_err(), Error::TimedOut);
        drop(listener);
        TcpListener::bind("0.0.0.0:7").await?;
        Done::Ok(())
    });
    run(simulation);
}

#[test]
fn several_listeners_share_an_address() {
    let mut simulation = Simulation::new(1);
    simulation.client("client", async {
        let bound = |reuseport| {
            let socket = TcpSocket::new_v4()?;
            socket.set_reuseport(reuseport)?;
            socket.bind(at(7)).map(|()| socket)
        };
        let listeners = [bound(true)?.listen(100)?, bound(true)?.listen(100)?];
        assert_eq!(bound(false).unwrap_err(), Error::AddrInUse);
        let mut clients = Vec::new();
        for _ in 0..20 {
            clients.push(TcpStream::connect("127.0.0.1:7").await?);
        }
        let accepted =
            listeners.map(|listener| std::iter::from_fn(|| listener.try_accept().ok()).count());
        assert!(accepted[0] > 0 && accepted[1] > 0, "{accepted:?}");
        assert_eq!(accepted[0] + accepted[1], 20);
        Done::Ok(())
    });
    run(simulation);
}
