//! The contract of every reactor, checked for this one.

use std::io::Write as _;
use std::net::{TcpListener, TcpStream};
use std::task::Context;

use polliwog_core::conformance::{check, check_source, check_threads};
use polliwog_mio::{AsyncSource, MioReactor};

fn reactor() -> MioReactor {
    MioReactor::new().unwrap()
}

#[test]
fn a_mio_reactor_keeps_the_contract() {
    check(reactor);
}

#[test]
fn also_towards_other_threads() {
    check_threads(reactor);
}

#[test]
fn sockets_are_sources() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let mut theirs = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    let (ours, _) = listener.accept().unwrap();
    ours.set_nonblocking(true).unwrap();
    let reactor = reactor();
    let ours = AsyncSource::with_reactor(&reactor, mio::net::TcpStream::from_std(ours));
    check_source(&reactor, |_, waker| {
        let mut cx = Context::from_waker(&waker);
        let read = |mut io: &mio::net::TcpStream| std::io::Read::read(&mut io, &mut [0; 16]);
        // Whatever came before is read; then the source waits, and only then something comes.
        while ours.poll_read_with(&mut cx, read).is_ready() {}
        theirs.write_all(b"x").unwrap();
    });
}
