//! Random calls on a small network, against a model that is obviously right.

use std::collections::VecDeque;
use std::future::Future;
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};

use polliwog_spin::net::{Network, StaticNetwork, TcpListener, TcpStream};
use polliwog_spin::{Error, Limit};

const CONNECTIONS: usize = 5;
const BYTES: usize = 4;
const ADDR: &str = "10.0.0.1:80";

struct Random(u64);

impl Random {
    fn below(&mut self, limit: usize) -> usize {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % limit
    }
}

type Connect = Pin<Box<dyn Future<Output = Result<TcpStream, Error>>>>;

/// One end of an open connection, as the model sees it.
struct Side {
    stream: TcpStream,
    me: SocketAddr,
    /// What can be read.
    inbox: VecDeque<u8>,
    peer: Peer,
}

#[derive(Clone, Copy, PartialEq)]
enum Peer {
    Here,
    Left,
    LeftWithUnread,
}

struct World {
    network: Network,
    listener: Option<TcpListener>,
    backlog: usize,
    /// Connects in the order in which they came; the ones beyond the backlog wait.
    connects: VecDeque<Connect>,
    /// Clients whose connection was not accepted.
    queued: VecDeque<TcpStream>,
    sides: Vec<Side>,
}

impl World {
    fn rows(&self) -> usize {
        let pairs = self.sides.iter().filter(|side| {
            // Counted once per pair, by the client or by whoever is left.
            side.peer != Peer::Here || side.me.port() != 80
        });
        self.connects.len() + self.queued.len() + pairs.count()
    }

    fn connect(&mut self) {
        let network = self.network.clone();
        let mut connect: Connect = Box::pin(async move { network.connect(ADDR).await });
        let expected = if self.listener.is_none() {
            Some(Error::ConnectionRefused)
        } else if self.rows() == CONNECTIONS {
            Some(Error::LimitReached(Limit::Connections))
        } else {
            None
        };
        match (poll(&mut connect), expected) {
            (Poll::Ready(Err(error)), Some(expected)) => assert_eq!(error, expected),
            (Poll::Ready(Ok(stream)), None) => {
                assert!(self.queued.len() < self.backlog && self.connects.is_empty());
                self.queued.push_back(stream);
            }
            (Poll::Pending, None) => {
                assert!(self.queued.len() == self.backlog);
                self.connects.push_back(connect);
            }
            (polled, expected) => panic!("{polled:?}, not {expected:?}"),
        }
    }

    fn accept(&mut self) {
        let Some(listener) = &self.listener else {
            return;
        };
        let Some(client) = self.queued.pop_front() else {
            assert_eq!(listener.try_accept().unwrap_err(), Error::WouldBlock);
            return;
        };
        let (server, from) = listener.try_accept().unwrap();
        assert_eq!(client.local_addr(), Ok(from));
        for (number, connect) in self.connects.iter_mut().enumerate() {
            match poll(connect) {
                Poll::Ready(stream) => {
                    assert_eq!(number, 0);
                    self.queued.push_back(stream.unwrap());
                }
                Poll::Pending => assert_ne!(number, 0),
            }
        }
        self.connects.pop_front();
        for stream in [client, server] {
            let me = stream.local_addr().unwrap();
            self.sides.push(Side {
                stream,
                me,
                inbox: VecDeque::new(),
                peer: Peer::Here,
            });
        }
    }

    fn cancel(&mut self, random: &mut Random) {
        if !self.connects.is_empty() {
            let victim = random.below(self.connects.len());
            drop(self.connects.remove(victim));
        }
    }

    fn toggle_listener(&mut self, random: &mut Random) {
        match self.listener.take() {
            Some(listener) => {
                drop(listener);
                for client in self.queued.drain(..) {
                    assert_eq!(client.try_read(&mut [0]), Err(Error::ConnectionReset));
                }
                for mut connect in self.connects.drain(..) {
                    let Poll::Ready(refused) = poll(&mut connect) else {
                        panic!("nobody is left to accept");
                    };
                    assert_eq!(refused.unwrap_err(), Error::ConnectionRefused);
                }
            }
            None => {
                self.backlog = 1 + random.below(3);
                let backlog = self.backlog as u32;
                self.listener = Some(self.network.listen_with_backlog(ADDR, backlog).unwrap());
            }
        }
    }

    /// The other end of a connection, if it is still there.
    fn peer_of(&self, index: usize) -> Option<usize> {
        let far = self.sides[index].stream.peer_addr().unwrap();
        let near = self.sides[index].me;
        self.sides
            .iter()
            .position(|side| side.me == far && side.stream.peer_addr() == Ok(near))
    }

    fn leave(&mut self, random: &mut Random) {
        if self.sides.is_empty() {
            return;
        }
        let index = random.below(self.sides.len());
        let peer = self.peer_of(index);
        let unread = !self.sides[index].inbox.is_empty();
        if let Some(peer) = peer {
            self.sides[peer].peer = if unread {
                Peer::LeftWithUnread
            } else {
                Peer::Left
            };
        }
        drop(self.sides.swap_remove(index));
    }

    fn write(&mut self, random: &mut Random) {
        if self.sides.is_empty() {
            return;
        }
        let index = random.below(self.sides.len());
        let data: Vec<u8> = (0..1 + random.below(6))
            .map(|_| random.below(256) as u8)
            .collect();
        let written = self.sides[index].stream.try_write(&data);
        match self.peer_of(index) {
            Some(peer) => {
                let inbox = &mut self.sides[peer].inbox;
                match data.len().min(BYTES - inbox.len()) {
                    0 => assert_eq!(written, Err(Error::WouldBlock)),
                    room => {
                        assert_eq!(written, Ok(room));
                        inbox.extend(&data[..room]);
                    }
                }
            }
            None => assert_eq!(written, Err(Error::BrokenPipe)),
        }
    }

    fn read(&mut self, random: &mut Random) {
        if self.sides.is_empty() {
            return;
        }
        let index = random.below(self.sides.len());
        let side = &mut self.sides[index];
        let mut buf = vec![0; 1 + random.below(6)];
        let read = side.stream.try_read(&mut buf);
        let expected: Vec<u8> = side
            .inbox
            .drain(..buf.len().min(side.inbox.len()))
            .collect();
        if !expected.is_empty() {
            assert_eq!(read, Ok(expected.len()));
            assert_eq!(buf[..expected.len()], expected);
            return;
        }
        match side.peer {
            Peer::Here => assert_eq!(read, Err(Error::WouldBlock)),
            Peer::Left => assert_eq!(read, Ok(0)),
            Peer::LeftWithUnread => assert_eq!(read, Err(Error::ConnectionReset)),
        }
    }
}

fn poll(connect: &mut Connect) -> Poll<Result<TcpStream, Error>> {
    connect
        .as_mut()
        .poll(&mut Context::from_waker(Waker::noop()))
}

fn run(network: &Network, seed: u64, steps: usize) {
    let mut random = Random(seed);
    let mut world = World {
        network: network.clone(),
        listener: None,
        backlog: 0,
        connects: VecDeque::new(),
        queued: VecDeque::new(),
        sides: Vec::new(),
    };
    for _ in 0..steps {
        match random.below(16) {
            0..=3 => world.connect(),
            4..=6 => world.accept(),
            7 => world.cancel(&mut random),
            8 if random.below(4) == 0 || world.listener.is_none() => {
                world.toggle_listener(&mut random);
            }
            8 | 9 => world.leave(&mut random),
            10..=12 => world.write(&mut random),
            _ => world.read(&mut random),
        }
    }
}

#[test]
fn static_network() {
    static NET: StaticNetwork<1, CONNECTIONS, BYTES> = StaticNetwork::new();
    for seed in 0..100 {
        run(&NET.network(), seed, 1000);
    }
}

#[cfg(feature = "alloc")]
#[test]
fn network_on_the_heap() {
    let network = Network::with_limits(CONNECTIONS, BYTES);
    for seed in 0..100 {
        run(&network, seed, 1000);
    }
}
