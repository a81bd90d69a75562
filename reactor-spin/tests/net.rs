//! TCP in memory: what a program may rely on, in a static network and on the heap.

use std::future::Future;
use std::net::{Ipv4Addr, SocketAddr};
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, Wake, Waker};

use polliwog_spin::io::{Read, Write};
use polliwog_spin::net::{Network, Shutdown, StaticNetwork, TcpListener, TcpStream};
use polliwog_spin::{Error, Limit};

/// How often a task has been woken.
#[derive(Default)]
struct Count(AtomicUsize);

impl Wake for Count {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

/// Polls with a waker that counts.
fn poll_counted<F: Future>(future: std::pin::Pin<&mut F>, count: &Arc<Count>) -> Poll<F::Output> {
    future.poll(&mut Context::from_waker(&Waker::from(count.clone())))
}

/// Polls once.
fn poll<F: Future>(future: std::pin::Pin<&mut F>) -> Poll<F::Output> {
    future.poll(&mut Context::from_waker(Waker::noop()))
}

/// The output of a future that need not wait.
fn now<F: Future>(future: F) -> F::Output {
    match poll(pin!(future)) {
        Poll::Ready(output) => output,
        Poll::Pending => panic!("has to wait"),
    }
}

/// A connected pair: client, server.
fn pair(network: &Network) -> (TcpStream, TcpStream) {
    let listener = network.listen("127.0.0.1:0").unwrap();
    let client = now(network.connect(listener.local_addr().unwrap())).unwrap();
    let (server, peer) = now(listener.accept()).unwrap();
    assert_eq!(peer, client.local_addr().unwrap());
    (client, server)
}

/// Runs a test in a static network of its own and, with feature `alloc`, in one on the heap.
macro_rules! in_each_network {
    ($($(#[$attr:meta])* fn $name:ident($network:ident) $body:block)*) => {$(
        $(#[$attr])*
        fn $name() {
            fn check($network: Network) $body
            static NET: StaticNetwork<3, 4, 8> = StaticNetwork::new();
            check(NET.network());
            // Once more: the first round must have left nothing behind.
            check(NET.network());
            #[cfg(feature = "alloc")]
            check(Network::with_limits(4, 8));
        }
    )*};
}

in_each_network! {
    #[test]
    fn whoever_waits_to_accept_gets_its_connection(network) {
        let listener = network.listen("10.0.0.1:80").unwrap();
        let counts: Vec<_> = (0..4).map(|_| Arc::new(Count::default())).collect();
        let mut accepts: Vec<_> = (0..4).map(|_| Box::pin(listener.accept())).collect();
        for (accept, count) in accepts.iter_mut().zip(&counts) {
            assert!(poll_counted(accept.as_mut(), count).is_pending());
        }
        // One that waits gives up, and one that has been woken.
        drop(accepts.remove(1));
        let _given_up = now(network.connect("10.0.0.1:80")).unwrap();
        drop(accepts.remove(0));
        for left in (0..2).rev() {
            let woken = |count: &Arc<Count>| count.0.swap(0, Ordering::Relaxed) > 0;
            let awake = [woken(&counts[2]), woken(&counts[3])];
            assert!(awake[0] || awake[1] || left == 0, "somebody waits for ever");
            let ready = accepts.iter_mut().position(|accept| poll(accept.as_mut()).is_ready());
            drop(accepts.remove(ready.unwrap()));
            if left > 0 {
                assert!(poll_counted(accepts[0].as_mut(), &counts[3]).is_pending());
                let _next = now(network.connect("10.0.0.1:80")).unwrap();
                assert!(woken(&counts[3]));
                assert!(poll(accepts[0].as_mut()).is_ready());
                break;
            }
        }
    }
}

#[cfg(feature = "alloc")]
in_each_network! {
    #[test]
    fn promise_17_a_connection_wakes_the_one_that_has_waited_longest(network) {
        let listener = network.listen("10.0.0.1:80").unwrap();
        let counts: Vec<_> = (0..4).map(|_| Arc::new(Count::default())).collect();
        let woken = || -> Vec<_> {
            counts.iter().map(|count| count.0.load(Ordering::Relaxed)).collect()
        };
        let mut accepts: Vec<_> = (0..4).map(|_| Some(Box::pin(listener.accept()))).collect();
        for (accept, count) in accepts.iter_mut().flatten().zip(&counts) {
            assert!(poll_counted(accept.as_mut(), count).is_pending());
        }
        // One gives up while it waits.
        accepts[1] = None;
        let _one = now(network.connect("10.0.0.1:80")).unwrap();
        assert_eq!(woken(), [1, 0, 0, 0]);
        // One that was woken gives up: the next is woken, and no other.
        accepts[0] = None;
        assert_eq!(woken(), [1, 0, 1, 0]);
        let _other = now(network.connect("10.0.0.1:80")).unwrap();
        assert_eq!(woken(), [1, 0, 1, 1]);
        for accept in accepts[2..].iter_mut().flatten() {
            assert!(poll(accept.as_mut()).is_ready());
        }
        assert_eq!(woken(), [1, 0, 1, 1]);
        // Nobody's waker is left.
        drop(accepts);
        let _third = now(network.connect("10.0.0.1:80")).unwrap();
        assert_eq!(woken(), [1, 0, 1, 1]);
        assert!(counts.iter().all(|count| Arc::strong_count(count) == 1));
    }

    #[test]
    fn a_connection_that_moves_up_wakes_one_that_accepts(network) {
        let listener = network.listen_with_backlog("10.0.0.1:80", 1).unwrap();
        let counts = [(); 2].map(|()| Arc::new(Count::default()));
        let (mut one, mut other) = (Box::pin(listener.accept()), Box::pin(listener.accept()));
        assert!(poll_counted(one.as_mut(), &counts[0]).is_pending());
        assert!(poll_counted(other.as_mut(), &counts[1]).is_pending());
        let _first = now(network.connect("10.0.0.1:80")).unwrap();
        let mut second = Box::pin(network.connect("10.0.0.1:80"));
        assert!(poll(second.as_mut()).is_pending());
        assert_eq!(counts[1].0.load(Ordering::Relaxed), 0);
        assert!(poll(one.as_mut()).is_ready());
        assert_eq!(counts[1].0.load(Ordering::Relaxed), 1);
        assert!(poll(other.as_mut()).is_ready() && poll(second.as_mut()).is_ready());
    }

    #[test]
    fn an_acceptor_that_takes_what_it_was_not_woken_for_is_out_of_the_way(network) {
        let listener = network.listen("10.0.0.1:80").unwrap();
        let counts = [(); 2].map(|()| Arc::new(Count::default()));
        let (mut one, mut other) = (Box::pin(listener.accept()), Box::pin(listener.accept()));
        assert!(poll_counted(one.as_mut(), &counts[0]).is_pending());
        assert!(poll_counted(other.as_mut(), &counts[1]).is_pending());
        let _first = now(network.connect("10.0.0.1:80")).unwrap();
        // For another reason than the connection.
        assert!(poll(other.as_mut()).is_ready());
        assert!(poll_counted(one.as_mut(), &counts[0]).is_pending());
        let _second = now(network.connect("10.0.0.1:80")).unwrap();
        assert_eq!(counts[0].0.load(Ordering::Relaxed), 2);
        assert_eq!(counts[1].0.load(Ordering::Relaxed), 0);
    }
}

in_each_network! {
    #[test]
    fn addresses(network) {
        let listener = network.listen("10.0.0.1:80").unwrap();
        let client = now(network.connect("10.0.0.1:80")).unwrap();
        let (server, peer) = now(listener.accept()).unwrap();
        assert_eq!(client.peer_addr().unwrap(), "10.0.0.1:80".parse().unwrap());
        assert_eq!(server.local_addr(), client.peer_addr());
        assert_eq!(server.peer_addr(), client.local_addr());
        assert_eq!(server.peer_addr(), Ok(peer));
        assert!(peer.port() >= 49_152);
        assert!(format!("{client:?}").contains("10.0.0.1:80"));
    }

    #[test]
    fn bind_conflicts(network) {
        let any = network.listen("0.0.0.0:80").unwrap();
        assert_eq!(network.listen("10.0.0.1:80").unwrap_err(), Error::AddrInUse);
        assert_eq!(network.listen("0.0.0.0:80").unwrap_err(), Error::AddrInUse);
        drop(any);
        let one = network.listen("10.0.0.1:80").unwrap();
        let other = network.listen("10.0.0.2:80").unwrap();
        assert_eq!(network.listen("[::]:80").unwrap_err(), Error::AddrInUse);
        let third = network.listen("127.0.0.1:0").unwrap();
        assert_ne!(third.local_addr().unwrap().port(), 0);
        drop((one, other, third));
        assert_eq!(network.listen("nonsense").unwrap_err(), Error::InvalidAddress);
    }

    #[test]
    fn the_exact_address_wins(network) {
        let first = network.listen("10.0.0.1:80").unwrap();
        let second = network.listen("10.0.0.2:80").unwrap();
        let _client = now(network.connect("10.0.0.2:80")).unwrap();
        assert_eq!(first.try_accept().unwrap_err(), Error::WouldBlock);
        assert!(second.try_accept().is_ok());
        // An unspecified destination is this machine.
        let any = network.listen("0.0.0.0:81").unwrap();
        let client = now(network.connect("0.0.0.0:81")).unwrap();
        assert_eq!(client.peer_addr().unwrap().ip(), Ipv4Addr::LOCALHOST);
        drop(any);
    }

    #[test]
    fn nobody_listens(network) {
        assert_eq!(now(network.connect("10.0.0.1:80")).unwrap_err(), Error::ConnectionRefused);
        assert_eq!(now(network.connect("10.0.0.1:0")).unwrap_err(), Error::ConnectionRefused);
        drop(network.listen("10.0.0.1:80").unwrap());
        assert_eq!(now(network.connect("10.0.0.1:80")).unwrap_err(), Error::ConnectionRefused);
    }

    #[test]
    fn a_full_backlog_makes_connects_wait_in_order(network) {
        let listener = network.listen_with_backlog("10.0.0.1:80", 1).unwrap();
        let first = now(network.connect("10.0.0.1:80")).unwrap();
        let mut second = pin!(network.connect("10.0.0.1:80"));
        let mut third = pin!(network.connect("10.0.0.1:80"));
        assert!(poll(second.as_mut()).is_pending());
        assert!(poll(third.as_mut()).is_pending());

        let (server, peer) = now(listener.accept()).unwrap();
        assert_eq!(Ok(peer), first.local_addr());
        assert!(poll(third.as_mut()).is_pending());
        let Poll::Ready(Ok(second)) = poll(second.as_mut()) else { panic!("there is room") };
        let (_, peer) = now(listener.accept()).unwrap();
        assert_eq!(Ok(peer), second.local_addr());
        let Poll::Ready(Ok(third)) = poll(third.as_mut()) else { panic!("there is room") };
        let (_, peer) = now(listener.accept()).unwrap();
        assert_eq!(Ok(peer), third.local_addr());
        assert_eq!(listener.try_accept().unwrap_err(), Error::WouldBlock);
        drop(server);
    }

    #[test]
    fn connects_that_are_dropped_leave_nothing_behind(network) {
        let listener = network.listen_with_backlog("10.0.0.1:80", 1).unwrap();
        let first = now(network.connect("10.0.0.1:80")).unwrap();
        let mut keep = Box::pin(network.connect("10.0.0.1:80"));
        assert!(poll(keep.as_mut()).is_pending());
        // The head, the middle and the tail of those that wait.
        for _ in 0..3 {
            let mut late = Box::pin(network.connect("10.0.0.1:80"));
            assert!(poll(late.as_mut()).is_pending());
            let mut later = Box::pin(network.connect("10.0.0.1:80"));
            assert!(poll(later.as_mut()).is_pending());
            drop(late);
            drop(std::mem::replace(&mut keep, later));
        }
        let _accepted = now(listener.accept()).unwrap();
        let Poll::Ready(Ok(kept)) = poll(keep.as_mut()) else { panic!("there is room") };
        let (_, peer) = now(listener.accept()).unwrap();
        assert_eq!(Ok(peer), kept.local_addr());
        assert_eq!(listener.try_accept().unwrap_err(), Error::WouldBlock);
        drop(first);
    }

    #[test]
    fn a_listener_that_goes_resets_and_refuses(network) {
        let listener = network.listen_with_backlog("10.0.0.1:80", 1).unwrap();
        let queued = now(network.connect("10.0.0.1:80")).unwrap();
        let mut waiting = pin!(network.connect("10.0.0.1:80"));
        assert!(poll(waiting.as_mut()).is_pending());
        drop(listener);
        assert_eq!(now(queued.read(&mut [0])), Err(Error::ConnectionReset));
        assert_eq!(now(queued.write(b"x")), Err(Error::BrokenPipe));
        let Poll::Ready(refused) = poll(waiting.as_mut()) else { panic!("it is over") };
        assert_eq!(refused.unwrap_err(), Error::ConnectionRefused);
    }

    #[test]
    fn a_client_that_left_early_is_still_accepted(network) {
        let listener = network.listen("10.0.0.1:80").unwrap();
        let client = now(network.connect("10.0.0.1:80")).unwrap();
        now(client.write_all(b"bye")).unwrap();
        drop(client);
        let (server, _) = now(listener.accept()).unwrap();
        let mut buf = [0; 8];
        assert_eq!(now(server.read(&mut buf)), Ok(3));
        assert_eq!(now(server.read(&mut buf)), Ok(0));
        assert_eq!(now(server.write(b"x")), Err(Error::BrokenPipe));
    }

    #[test]
    fn limits_are_named_and_recover(network) {
        let listener = network.listen("10.0.0.1:80").unwrap();
        let clients: Vec<_> =
            (0..4).map(|_| now(network.connect("10.0.0.1:80")).unwrap()).collect();
        let full = Error::LimitReached(Limit::Connections);
        assert_eq!(now(network.connect("10.0.0.1:80")).unwrap_err(), full);
        let (server, _) = now(listener.accept()).unwrap();
        let mut clients = clients.into_iter();
        drop(clients.next());
        // The other end still has it.
        assert_eq!(now(network.connect("10.0.0.1:80")).unwrap_err(), full);
        drop(server);
        assert!(now(network.connect("10.0.0.1:80")).is_ok());
    }

    #[test]
    fn data_then_the_end(network) {
        let (client, server) = pair(&network);
        let mut buf = [0; 3];
        assert_eq!(client.try_read(&mut buf), Err(Error::WouldBlock));
        now(server.write_all(b"frog")).unwrap();
        drop(server);
        assert_eq!(now(client.peek(&mut buf)), Ok(3));
        assert_eq!(now(client.read(&mut buf)), Ok(3));
        assert_eq!(&buf, b"fro");
        assert_eq!(now(client.read(&mut buf)), Ok(1));
        assert_eq!(now(client.read(&mut buf)), Ok(0));
        assert_eq!(now(client.peek(&mut buf)), Ok(0));
        assert_eq!(now(client.write(b"x")), Err(Error::BrokenPipe));
        assert_eq!(now(client.read_exact(&mut buf)), Err(Error::UnexpectedEof));
    }

    #[test]
    fn dropping_unread_bytes_resets(network) {
        let (client, server) = pair(&network);
        now(client.write_all(b"ignored")).unwrap();
        now(server.write_all(b"ok")).unwrap();
        drop(server);
        let mut buf = [0; 8];
        assert_eq!(now(client.read(&mut buf)), Ok(2));
        assert_eq!(now(client.read(&mut buf)), Err(Error::ConnectionReset));
    }

    #[test]
    fn back_pressure(network) {
        let (client, server) = pair(&network);
        assert_eq!(client.try_write(b"0123456789"), Ok(8));
        assert_eq!(client.try_write(b"89"), Err(Error::WouldBlock));
        let mut writable = pin!(client.writable());
        assert!(poll(writable.as_mut()).is_pending());
        now(server.read(&mut [0; 2])).unwrap();
        assert!(poll(writable.as_mut()).is_ready());
        assert_eq!(client.try_write(b"89"), Ok(2));
        // The other direction has its own buffer.
        assert_eq!(server.try_write(b"01234567"), Ok(8));
    }

    #[test]
    fn shutdown_of_each_direction(network) {
        let (client, server) = pair(&network);
        now(client.write_all(b"ab")).unwrap();
        client.shutdown(Shutdown::Write).unwrap();
        assert_eq!(now(client.write(b"c")), Err(Error::BrokenPipe));
        let mut buf = [0; 8];
        assert_eq!(now(server.read(&mut buf)), Ok(2));
        assert_eq!(now(server.read(&mut buf)), Ok(0));
        now(server.write_all(b"xyz")).unwrap();
        assert_eq!(now(client.read(&mut buf)), Ok(3));

        client.shutdown(Shutdown::Read).unwrap();
        assert_eq!(now(client.read(&mut buf)), Ok(0));
        // More than the buffer holds: nobody wants it, nobody waits.
        now(server.write_all(&[0; 100])).unwrap();
        assert_eq!(now(client.read(&mut buf)), Ok(0));
        drop(client);
        assert_eq!(now(server.write(b"x")), Err(Error::BrokenPipe));
        server.shutdown(Shutdown::Both).unwrap();
        assert_eq!(now(server.read(&mut buf)), Ok(0));
    }

    #[test]
    fn halves(network) {
        let (client, server) = pair(&network);
        let (reader, writer) = client.split();
        now(writer.write_all(b"1")).unwrap();
        assert_eq!(reader.try_read(&mut [0]), Err(Error::WouldBlock));

        let (reader, writer) = client.into_split();
        let (other_reader, other_writer) = server.into_split();
        let wrong = reader.reunite(other_writer).unwrap_err();
        let (reader, other_writer) = (wrong.0, wrong.1);
        let server = other_reader.reunite(other_writer).unwrap();
        drop(writer);
        let mut buf = [0; 8];
        assert_eq!(now(server.read(&mut buf)), Ok(1));
        assert_eq!(now(server.read(&mut buf)), Ok(0));
        now(server.write_all(b"2")).unwrap();
        assert_eq!(now(reader.read(&mut buf)), Ok(1));
        drop(reader);
        assert_eq!(now(server.write(b"3")), Err(Error::BrokenPipe));
    }

    #[test]
    fn a_reunited_stream_was_not_shut_down(network) {
        let (client, server) = pair(&network);
        let (reader, writer) = client.into_split();
        let client = writer.reunite(reader).unwrap();
        now(client.write_all(b"1")).unwrap();
        assert_eq!(now(server.read(&mut [0; 2])), Ok(1));
        drop(client);
        assert_eq!(now(server.read(&mut [0; 2])), Ok(0));
    }

    #[test]
    fn cancelled_operations_have_done_nothing(network) {
        let (client, server) = pair(&network);
        let mut buf = [0; 8];
        assert!(poll(pin!(server.read(&mut buf))).is_pending());
        assert_eq!(client.try_write(b"01234567"), Ok(8));
        assert!(poll(pin!(client.write(b"8"))).is_pending());
        assert_eq!(now(server.read(&mut buf)), Ok(8));
        assert_eq!(server.try_read(&mut buf), Err(Error::WouldBlock));

        let listener = network.listen("10.0.0.9:9").unwrap();
        assert!(poll(pin!(listener.accept())).is_pending());
        let _client = now(network.connect("10.0.0.9:9")).unwrap();
        assert!(listener.try_accept().is_ok());
    }
}

/// The same handler source serves real sockets.
async fn echo(mut stream: impl Read<Error = Error> + Write) {
    let mut buf = [0; 16];
    while let Ok(count @ 1..) = stream.read(&mut buf).await {
        if stream.write_all(&buf[..count]).await.is_err() {
            return;
        }
    }
}

/// In whatever network is current: without `alloc` that is the one of the whole program, so this
/// is one test.
#[test]
fn many_clients_echo() {
    const CLIENTS: usize = if cfg!(feature = "alloc") { 1000 } else { 20 };
    polliwog_spin::block_on(async {
        let listener = TcpListener::bind("localhost:0").await.unwrap();
        let addr = listener.local_addr().unwrap();
        let server = polliwog_spin::spawn(async move {
            let mut incoming = listener.incoming();
            for _ in 0..CLIENTS {
                let stream = incoming.next().await.unwrap().unwrap();
                let _handler = polliwog_spin::spawn(echo(stream)).unwrap();
            }
        })
        .unwrap();
        let clients: Vec<_> = (0..CLIENTS)
            .map(|number| polliwog_spin::spawn(client(addr, number)).unwrap())
            .collect();
        for client in clients {
            client.await.unwrap();
        }
        server.await.unwrap();
        assert_eq!(
            TcpStream::connect(addr).await.unwrap_err(),
            Error::ConnectionRefused
        );
    });
}

async fn client(addr: SocketAddr, number: usize) {
    let stream = TcpStream::connect(addr).await.unwrap();
    for round in 0..10_usize {
        let message = [number as u8, (number >> 8) as u8, round as u8];
        stream.write_all(&message).await.unwrap();
        let mut back = [0; 3];
        stream.read_exact(&mut back).await.unwrap();
        assert_eq!(back, message);
    }
}

#[cfg(feature = "alloc")]
mod ambient {
    use super::*;
    use polliwog_spin::Runtime;

    #[test]
    fn each_runtime_has_its_own_network() {
        let one = Runtime::new(0);
        let other = Runtime::new(0);
        let listener = one.block_on(TcpListener::bind("10.0.0.1:80")).unwrap();
        assert!(other.block_on(TcpStream::connect("10.0.0.1:80")).is_err());
        one.block_on(async {
            other.block_on(async {
                assert!(TcpStream::connect("10.0.0.1:80").await.is_err());
            });
            assert!(TcpStream::connect("10.0.0.1:80").await.is_ok());
        });
        drop(listener);

        let shared = Runtime::builder().network(one.network()).build();
        let _listener = shared.block_on(TcpListener::bind("10.0.0.1:80")).unwrap();
        assert!(one.block_on(TcpStream::connect("10.0.0.1:80")).is_ok());
    }

    #[test]
    fn a_network_can_be_entered() {
        let lab = Network::new();
        let _listener = lab.listen("10.0.0.1:80").unwrap();
        {
            let _current = lab.set_current();
            assert!(now(TcpStream::connect("10.0.0.1:80")).is_ok());
        }
        assert!(now(TcpStream::connect("10.0.0.1:80")).is_err());
    }

    #[test]
    fn streams_outlive_their_runtime() {
        let runtime = Runtime::new(0);
        let (client, server) = pair(runtime.network());
        drop(runtime);
        now(client.write_all(b"x")).unwrap();
        assert_eq!(now(server.read(&mut [0])), Ok(1));
    }

    #[test]
    fn ports_come_round() {
        let network = Network::new();
        let listener = network.listen("10.0.0.1:80").unwrap();
        let kept = now(network.connect("10.0.0.1:80")).unwrap();
        let _server = now(listener.accept()).unwrap();
        for _ in 0..20_000 {
            let client = now(network.connect("10.0.0.1:80")).unwrap();
            assert_ne!(client.local_addr(), kept.local_addr());
            now(listener.accept()).unwrap();
        }
    }
}

/// A task that is dropped with its runtime still finds the runtime's network, also where the runtime
/// is in a thread-local and the thread ends.
#[cfg(feature = "std")]
#[test]
fn what_a_runtime_drops_at_its_end_finds_its_network() {
    use std::cell::RefCell;
    use std::sync::mpsc::{Sender, channel};

    use polliwog_spin::Runtime;

    struct BindOnDrop(Sender<Result<(), Error>>);
    impl Drop for BindOnDrop {
        fn drop(&mut self) {
            let bound = now(TcpListener::bind("10.0.0.1:80")).map(drop);
            self.0.send(bound).unwrap();
        }
    }
    /// A runtime in whose network the address is in use.
    fn make(send: Sender<Result<(), Error>>) -> Runtime {
        let runtime = Runtime::new(0);
        let bind = BindOnDrop(send);
        let task = runtime.spawn(async move {
            // Dropped in this order.
            let _listener = TcpListener::bind("10.0.0.1:80").await.unwrap();
            let _bind = bind;
            core::future::pending::<()>().await;
        });
        task.unwrap().detach();
        runtime.run_until_stalled();
        runtime
    }
    thread_local! {
        static EARLY: RefCell<Option<Runtime>> = const { RefCell::new(None) };
        static LATE: RefCell<Option<Runtime>> = const { RefCell::new(None) };
    }

    let (send, receive) = channel();
    drop(make(send.clone()));
    let thread = std::thread::spawn(move || {
        EARLY.with(|_| ());
        let (early, late) = (make(send.clone()), make(send));
        EARLY.set(Some(early));
        LATE.set(Some(late));
    });
    thread.join().unwrap();
    let seen: Vec<_> = receive.iter().collect();
    assert_eq!(seen, [Err(Error::AddrInUse); 3]);
}
