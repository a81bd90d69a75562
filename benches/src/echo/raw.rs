//! The practical limit of an echo server: a loop on mio, written by hand, without an executor.

use std::io::{ErrorKind, Read, Write};
use std::net::TcpListener as StdListener;

use mio::net::{TcpListener, TcpStream};
use mio::{Events, Interest, Poll, Token};

const LISTENER: Token = Token(usize::MAX);

struct Connection {
    stream: TcpStream,
    buf: Vec<u8>,
    /// Received and not yet sent.
    sent: usize,
    filled: usize,
}

enum State {
    Waiting,
    Closed,
}

pub fn serve(listener: StdListener, buffer: usize) {
    let mut listener = TcpListener::from_std(listener);
    let mut poll = Poll::new().unwrap();
    let mut events = Events::with_capacity(1024);
    poll.registry()
        .register(&mut listener, LISTENER, Interest::READABLE)
        .unwrap();
    let mut connections: Vec<Option<Connection>> = Vec::new();
    let mut free: Vec<usize> = Vec::new();
    loop {
        if let Err(error) = poll.poll(&mut events, None) {
            assert_eq!(error.kind(), ErrorKind::Interrupted);
            continue;
        }
        for event in &events {
            if event.token() == LISTENER {
                while let Ok((stream, _)) = listener.accept() {
                    stream.set_nodelay(true).unwrap();
                    let mut connection = Connection {
                        stream,
                        buf: vec![0; buffer],
                        sent: 0,
                        filled: 0,
                    };
                    // Try first, register when there is nothing to read: as ours does.
                    if let State::Closed = connection.echo(false) {
                        continue;
                    }
                    let index = free.pop().unwrap_or_else(|| {
                        connections.push(None);
                        connections.len() - 1
                    });
                    let interest = Interest::READABLE | Interest::WRITABLE;
                    poll.registry()
                        .register(&mut connection.stream, Token(index), interest)
                        .unwrap();
                    connections[index] = Some(connection);
                }
                continue;
            }
            let index = event.token().0;
            if let Some(connection) = &mut connections[index] {
                if !event.is_readable() && connection.filled == 0 {
                    continue;
                }
                if let State::Closed = connection.echo(event.is_read_closed()) {
                    connections[index] = None;
                    free.push(index);
                }
            }
        }
    }
}

impl Connection {
    /// Sends back what has come, until there is nothing more to receive or no room to send. The
    /// peer's end has been reported if `ended`: there will be no other event to see it by.
    fn echo(&mut self, ended: bool) -> State {
        loop {
            while self.sent < self.filled {
                match self.stream.write(&self.buf[self.sent..self.filled]) {
                    Ok(n) => self.sent += n,
                    Err(error) if error.kind() == ErrorKind::WouldBlock => return State::Waiting,
                    Err(_) => return State::Closed,
                }
            }
            // A short read has emptied the socket: the next arrival is an event.
            if !ended && self.filled != 0 && self.filled < self.buf.len() {
                (self.sent, self.filled) = (0, 0);
                return State::Waiting;
            }
            (self.sent, self.filled) = (0, 0);
            match self.stream.read(&mut self.buf) {
                Ok(0) => return State::Closed,
                Ok(n) => self.filled = n,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return State::Waiting,
                Err(_) => return State::Closed,
            }
        }
    }
}
