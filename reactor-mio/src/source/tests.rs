use super::*;
use mio::net::UnixStream;
use polliwog_core::{Deadline, Reactor};
use std::io::{Read, Write};
use std::task::Waker;

fn pair() -> (MioReactor, Registered<UnixStream>, UnixStream) {
    let reactor = MioReactor::with_limits(1, 16).unwrap();
    let (ours, theirs) = UnixStream::pair().unwrap();
    let ours = Registered::with_reactor(&reactor, ours);
    (reactor, ours, theirs)
}

#[test]
fn a_source_that_never_waits_is_never_registered() {
    let (reactor, ours, mut theirs) = pair();
    let mut cx = Context::from_waker(Waker::noop());
    theirs.write_all(b"x").unwrap();
    let mut buf = [0; 4];
    let read = ours.poll_read_with(&mut cx, |mut io| io.read(&mut buf));
    assert!(matches!(read, Poll::Ready(Ok(1))));
    let written = ours.poll_write_with(&mut cx, |mut io| io.write(b"y"));
    assert!(matches!(written, Poll::Ready(Ok(1))));
    assert_eq!(reactor.sources(), 0);
    let read = ours.poll_read_with(&mut cx, |mut io| io.read(&mut buf));
    assert!(read.is_pending());
    assert_eq!(reactor.sources(), 1);
    assert!(!ours.interest.get().unwrap().is_writable());
    drop(ours);
    assert_eq!(reactor.sources(), 0);
}

#[test]
fn the_limit_of_sources_is_an_error_of_the_one_too_many() {
    let (reactor, ours, _theirs) = pair();
    let (other, _open) = UnixStream::pair().unwrap();
    let other = Registered::with_reactor(&reactor, other);
    let mut cx = Context::from_waker(Waker::noop());
    assert!(ours.poll_read_ready(&mut cx).is_pending());
    let Poll::Ready(Err(error)) = other.poll_read_ready(&mut cx) else {
        panic!("there is room for one source only");
    };
    assert_eq!(error.kind(), io::ErrorKind::OutOfMemory);
    assert!(error.to_string().contains("all 1 sources"), "{error}");
    drop(ours);
    assert!(other.poll_read_ready(&mut cx).is_pending());
}

#[test]
fn after_a_short_read_the_next_one_waits_without_a_try() {
    if !TRUE_EDGES {
        return;
    }
    let (reactor, ours, mut theirs) = pair();
    let mut cx = Context::from_waker(Waker::noop());
    let mut tries = 0;
    let mut read = |cx: &mut Context<'_>| {
        let read = ours.poll_read_with(cx, |mut io| {
            tries += 1;
            io.read(&mut [0; 4])
        });
        if read.is_ready() {
            ours.read_short();
        }
        (read.is_ready(), tries)
    };
    theirs.write_all(b"x").unwrap();
    assert_eq!(read(&mut cx), (true, 1));
    assert_eq!(read(&mut cx), (false, 1));
    theirs.write_all(b"x").unwrap();
    reactor.park(Deadline::Never).unwrap();
    assert_eq!(read(&mut cx), (true, 2));
    assert_eq!(read(&mut cx), (false, 2));
    // The end of the stream stays visible: it is found although the read before was short.
    theirs.write_all(b"x").unwrap();
    drop(theirs);
    reactor.park(Deadline::Never).unwrap();
    assert_eq!(read(&mut cx), (true, 3));
    assert_eq!(read(&mut cx), (true, 4));
}

#[test]
fn what_is_hoped_for_is_no_news() {
    let (reactor, ours, mut theirs) = pair();
    let mut cx = Context::from_waker(Waker::noop());
    let mut buf = [0; 4];
    let read = ours.poll_read_with(&mut cx, |mut io| io.read(&mut buf));
    assert!(read.is_pending());
    // Watched for reading, not for writing: a write may be tried, but is not reported ready.
    assert!(ours.poll_write_ready(&mut cx).is_pending());
    reactor.park(Deadline::Never).unwrap();
    assert!(ours.poll_write_ready(&mut cx).is_ready());
    assert!(ours.poll_read_ready(&mut cx).is_pending());
    theirs.write_all(b"x").unwrap();
    reactor.park(Deadline::Never).unwrap();
    // What has been reported stays until it has been used up.
    assert!(ours.poll_read_ready(&mut cx).is_ready());
    assert!(ours.poll_read_ready(&mut cx).is_ready());
    let read = || ours.try_with(Direction::Read, |mut io| io.read(&mut [0; 1]));
    assert_eq!(read().unwrap(), 1);
    assert_eq!(read().unwrap_err().kind(), io::ErrorKind::WouldBlock);
    assert!(ours.poll_read_ready(&mut cx).is_pending());
}

#[test]
fn a_source_that_is_always_ready_pauses_now_and_then() {
    let (_reactor, ours, mut theirs) = pair();
    let mut cx = Context::from_waker(Waker::noop());
    theirs.write_all(&[0; 1000]).unwrap();
    let read = |cx: &mut Context<'_>| ours.poll_read_with(cx, |mut io| io.read(&mut [0; 1]));
    let pauses = (0..1000).filter(|_| read(&mut cx).is_pending()).count();
    assert_eq!(pauses, 1000 / (usize::from(STREAK) + 1));
}

#[test]
fn a_source_that_would_block_for_ever_does_not_hang_the_thread() {
    let (reactor, ours, theirs) = pair();
    let mut cx = Context::from_waker(Waker::noop());
    assert!(ours.poll_read_ready(&mut cx).is_pending());
    drop(theirs);
    reactor.park(Deadline::Never).unwrap();
    let block = |_: &UnixStream| Err::<(), _>(io::ErrorKind::WouldBlock.into());
    assert!(ours.poll_read_with(&mut cx, block).is_pending());
}

#[test]
fn a_source_can_be_taken_out_and_used_again() {
    let (reactor, ours, mut theirs) = pair();
    let mut cx = Context::from_waker(Waker::noop());
    assert!(ours.poll_read_ready(&mut cx).is_pending());
    let ours = Registered::with_reactor(&reactor, ours.into_inner().unwrap());
    assert_eq!(reactor.sources(), 0);
    assert!(ours.poll_read_ready(&mut cx).is_pending());
    theirs.write_all(b"x").unwrap();
    reactor.park(Deadline::Never).unwrap();
    assert!(ours.poll_read_ready(&mut cx).is_ready());
}
