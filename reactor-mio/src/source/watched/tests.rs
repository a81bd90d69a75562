use super::*;
use crate::source::hold::Exclusive;
use mio::net::UnixStream;
use polliwog_core::{Deadline, Reactor};
use std::io::{Read, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Wake, Waker};

/// What [`AsyncSource`](crate::AsyncSource) has.
impl<H: Hold> Watched<H> {
    fn poll_read_with<T>(
        &self,
        cx: &mut Context<'_>,
        op: impl FnMut(&H::Source) -> io::Result<T>,
    ) -> Poll<io::Result<T>> {
        self.poll_op(WaiterId::ANONYMOUS, Direction::Read, cx, op, |_| 0)
    }

    fn poll_write_with<T>(
        &self,
        cx: &mut Context<'_>,
        op: impl FnMut(&H::Source) -> io::Result<T>,
    ) -> Poll<io::Result<T>> {
        self.poll_op(WaiterId::ANONYMOUS, Direction::Write, cx, op, |_| 0)
    }

    fn poll_read_ready(&self, cx: &mut Context<'_>) -> Poll<io::Result<Readiness>> {
        self.poll_ready(WaiterId::ANONYMOUS, Direction::Read, cx)
    }

    fn poll_write_ready(&self, cx: &mut Context<'_>) -> Poll<io::Result<Readiness>> {
        self.poll_ready(WaiterId::ANONYMOUS, Direction::Write, cx)
    }
}

fn pair() -> (MioReactor, Watched<Exclusive<UnixStream>>, UnixStream) {
    let reactor = MioReactor::with_limits(1, 16).unwrap();
    let (ours, theirs) = UnixStream::pair().unwrap();
    let ours = Watched::<Exclusive<_>>::with_reactor(&reactor, ours);
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
    let other = Watched::<Exclusive<_>>::with_reactor(&reactor, other);
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
    if !SHORT_READS_TELL {
        return;
    }
    let (reactor, ours, mut theirs) = pair();
    ours.set_tells(true);
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
fn a_source_that_is_always_ready_leaves_room_for_others_within_an_executor() {
    use polliwog_core::Executor;
    let (reactor, ours, mut theirs) = pair();
    theirs.write_all(&[0; 1000]).unwrap();
    let read = |cx: &mut Context<'_>| ours.poll_read_with(cx, |mut io| io.read(&mut [0; 1]));
    let executor = Executor::with_capacity(1, reactor);
    let mut reads = vec![0];
    executor.block_on(std::future::poll_fn(|cx| {
        while reads.iter().sum::<usize>() < 1000 {
            if read(cx).is_pending() {
                reads.push(0);
                return Poll::Pending;
            }
            *reads.last_mut().unwrap() += 1;
        }
        Poll::Ready(())
    }));
    assert_eq!(reads, [128, 128, 128, 128, 128, 128, 128, 104]);
    // Outside of one nobody else waits for the thread.
    theirs.write_all(&[0; 1000]).unwrap();
    let mut cx = Context::from_waker(Waker::noop());
    assert!((0..1000).all(|_| read(&mut cx).is_ready()));
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
    let ours = Watched::<Exclusive<_>>::with_reactor(&reactor, ours.into_inner().unwrap());
    assert_eq!(reactor.sources(), 0);
    assert!(ours.poll_read_ready(&mut cx).is_pending());
    theirs.write_all(b"x").unwrap();
    reactor.park(Deadline::Never).unwrap();
    assert!(ours.poll_read_ready(&mut cx).is_ready());
}

#[derive(Default)]
struct Count(AtomicUsize);

impl Wake for Count {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

fn counted() -> (Arc<Count>, Waker) {
    let count = Arc::new(Count::default());
    (Arc::clone(&count), Waker::from(count))
}

#[test]
fn promise_17_all_who_wait_are_woken_whoever_gives_up() {
    let (reactor, ours, mut theirs) = pair();
    let tasks: Vec<_> = (0..5).map(|_| counted()).collect();
    let mut waits: Vec<_> = tasks
        .iter()
        .map(|(_, waker)| {
            let mut wait = Box::pin(polliwog_core::sources::Operation::read(
                &ours,
                |io, cx, id| io.poll_ready(id, Direction::Read, cx),
            ));
            assert!(
                wait.as_mut()
                    .poll(&mut Context::from_waker(waker))
                    .is_pending()
            );
            wait
        })
        .collect();
    // The first, which is in the row, and one of the others.
    drop(waits.remove(3));
    drop(waits.remove(0));
    theirs.write_all(b"x").unwrap();
    reactor.park(Deadline::Never).unwrap();
    let woken: Vec<_> = tasks
        .iter()
        .map(|(count, _)| count.0.load(Ordering::Relaxed))
        .collect();
    assert_eq!(woken, [0, 1, 1, 0, 1]);
    // Nobody keeps a waker of those that are gone.
    assert_eq!(Arc::strong_count(&tasks[0].0), 2);
    assert_eq!(Arc::strong_count(&tasks[3].0), 2);
}

#[test]
fn those_that_only_poll_are_told_apart_by_their_wakers() {
    let (reactor, ours, mut theirs) = pair();
    let tasks: Vec<_> = (0..3).map(|_| counted()).collect();
    for _ in 0..2 {
        for (_, waker) in &tasks {
            assert!(
                ours.poll_read_ready(&mut Context::from_waker(waker))
                    .is_pending()
            );
        }
    }
    assert_eq!(Arc::strong_count(&tasks[2].0), 3);
    theirs.write_all(b"x").unwrap();
    reactor.park(Deadline::Never).unwrap();
    for (count, _) in &tasks {
        assert_eq!(count.0.load(Ordering::Relaxed), 1);
    }
}

#[test]
fn a_source_that_goes_takes_its_waiters_along() {
    let (reactor, ours, _theirs) = pair();
    let (count, waker) = counted();
    let mut cx = Context::from_waker(&waker);
    assert!(ours.poll_read_ready(&mut cx).is_pending());
    assert!(
        ours.poll_write_ready(&mut Context::from_waker(Waker::noop()))
            .is_pending()
    );
    assert_eq!(Arc::strong_count(&count), 3);
    drop(ours);
    assert_eq!(Arc::strong_count(&count), 2);
    assert_eq!(reactor.sources(), 0);
}

#[test]
fn a_hang_up_that_was_not_the_end_is_waited_over() {
    // What a named pipe says when its last writer has gone and another one has come.
    let (reactor, ours, mut theirs) = pair();
    let mut cx = Context::from_waker(Waker::noop());
    assert!(ours.poll_read_ready(&mut cx).is_pending());
    let row = ours.row().unwrap();
    let closed = Readiness::READABLE | Readiness::READ_CLOSED | Readiness::WRITE_CLOSED;
    row.set_ready(closed).wake();
    let tries = Cell::new(0);
    let read = |cx: &mut Context<'_>| {
        ours.poll_read_with(cx, |mut io| {
            tries.set(tries.get() + 1);
            io.read(&mut [0; 4])
        })
    };
    let (count, waker) = counted();
    let mut cx = Context::from_waker(&waker);
    for _ in 0..10 {
        assert!(read(&mut cx).is_pending());
    }
    assert_eq!(tries.get(), 1);
    assert_eq!(
        count.0.load(Ordering::Relaxed),
        0,
        "it waits, it does not spin"
    );
    // The same by hand.
    row.set_ready(closed).wake();
    let error = ours.try_with(Direction::Read, |mut io| io.read(&mut [0; 4]));
    assert_eq!(error.unwrap_err().kind(), io::ErrorKind::WouldBlock);
    assert!(ours.poll_read_ready(&mut cx).is_pending());
    theirs.write_all(b"more").unwrap();
    reactor.park(Deadline::Never).unwrap();
    assert!(matches!(read(&mut cx), Poll::Ready(Ok(4))));
}

#[test]
fn a_source_that_cannot_be_watched_works_as_long_as_it_need_not_wait() {
    // Which `mio` sources of a platform cannot be watched is its own affair; a full table refuses all.
    let reactor = MioReactor::with_limits(0, 16).unwrap();
    let (ours, mut theirs) = UnixStream::pair().unwrap();
    let ours = Watched::<Exclusive<_>>::with_reactor(&reactor, ours);
    let mut cx = Context::from_waker(Waker::noop());
    for _ in 0..3 {
        assert!(matches!(ours.poll_read_ready(&mut cx), Poll::Ready(Err(_))));
        assert!(matches!(
            ours.poll_write_ready(&mut cx),
            Poll::Ready(Err(_))
        ));
        theirs.write_all(b"x").unwrap();
        let read = ours.poll_read_with(&mut cx, |mut io| io.read(&mut [0; 4]));
        assert!(matches!(read, Poll::Ready(Ok(1))), "{read:?}");
        let written = ours.poll_write_with(&mut cx, |mut io| io.write(b"y"));
        assert!(matches!(written, Poll::Ready(Ok(1))), "{written:?}");
        // What has to wait is an error; the next try is a try again.
        let read = ours.poll_read_with(&mut cx, |mut io| io.read(&mut [0; 4]));
        assert!(matches!(read, Poll::Ready(Err(_))));
        theirs.write_all(b"x").unwrap();
        let read = ours.poll_read_with(&mut cx, |mut io| io.read(&mut [0; 4]));
        assert!(matches!(read, Poll::Ready(Ok(1))), "{read:?}");
    }
}

/// A named pipe, which has another writer after the last one has gone, for real. mio's selector for
/// `poll(2)`, which is no system's default here, forgets a source that has hung up.
#[test]
#[cfg(not(mio_unsupported_force_poll_poll))]
fn a_named_pipe_goes_on_with_its_next_writer() {
    use std::fs::File;
    use std::os::fd::AsRawFd;
    use std::os::unix::fs::OpenOptionsExt;
    let path = std::env::temp_dir().join(format!("polliwog-fifo-{}", std::process::id()));
    let made = std::process::Command::new("mkfifo").arg(&path).status();
    if !made.is_ok_and(|status| status.success()) {
        return;
    }
    let nonblocking = rustix::fs::OFlags::NONBLOCK.bits() as i32;
    let reader = File::options()
        .read(true)
        .custom_flags(nonblocking)
        .open(&path)
        .unwrap();
    let reactor = MioReactor::new().unwrap();
    let fd = reader.as_raw_fd();
    let source = Watched::<Exclusive<_>>::with_reactor(&reactor, mio::unix::SourceFd(&fd));
    let (count, waker) = counted();
    let mut cx = Context::from_waker(&waker);
    let mut buf = [0; 8];
    let mut read = |cx: &mut Context<'_>| source.poll_read_with(cx, |_| (&reader).read(&mut buf));
    for _ in 0..3 {
        let mut writer = File::options().write(true).open(&path).unwrap();
        assert!(read(&mut cx).is_pending());
        let before = count.0.load(Ordering::Relaxed);
        reactor.park(Deadline::Now).unwrap();
        assert!(read(&mut cx).is_pending());
        reactor.park(Deadline::Now).unwrap();
        assert_eq!(
            count.0.load(Ordering::Relaxed),
            before,
            "it waits, it does not spin"
        );
        writer.write_all(b"hello").unwrap();
        reactor.park(Deadline::Never).unwrap();
        assert!(matches!(read(&mut cx), Poll::Ready(Ok(5))));
        drop(writer);
        reactor.park(Deadline::Now).unwrap();
        assert!(matches!(read(&mut cx), Poll::Ready(Ok(0))));
    }
    drop(source);
    std::fs::remove_file(&path).unwrap();
}

/// Whoever has asked for the descriptor may have a duplicate of it.
#[test]
fn a_source_that_was_exposed_leaves_no_registration_behind() {
    let reactor = MioReactor::new().unwrap();
    let (ours, _theirs) = std::os::unix::net::UnixStream::pair().unwrap();
    let kept = ours.try_clone().unwrap();
    let mut cx = Context::from_waker(Waker::noop());
    for exposed in [true, false] {
        // A file of the same description and, as a rule, the same number as the one before.
        let copy = kept.try_clone().unwrap();
        copy.set_nonblocking(true).unwrap();
        let copy = Watched::<Exclusive<_>>::owning(&reactor, UnixStream::from_std(copy));
        assert!(copy.poll_read_ready(&mut cx).is_pending(), "{exposed}");
        if exposed {
            copy.expose();
        }
    }
}

#[test]
fn a_source_that_moves_keeps_what_is_known_of_it() {
    let (reactor, ours, mut theirs) = pair();
    ours.set_flag(CLOSES | TELLS, true);
    let mut cx = Context::from_waker(Waker::noop());
    let mut buf = [0; 4];
    // It has been found empty, and is registered.
    let read = ours.poll_read_with(&mut cx, |mut io| io.read(&mut buf));
    assert!(read.is_pending());
    theirs.write_all(b"x").unwrap();
    let parts = ours.detach().unwrap();
    assert_eq!(reactor.sources(), 0);

    let other = MioReactor::with_limits(1, 16).unwrap();
    let ours = Watched::<Exclusive<_>>::reattach(&other, parts);
    assert!(ours.is(CLOSES) && ours.is(TELLS) && !ours.is(ONE_READER));
    assert!(!ours.is_ready(Direction::Read) && ours.is_ready(Direction::Write));
    // What has come on the way is reported when it is registered, though nobody has tried to read.
    let read = ours.poll_read_with(&mut cx, |_| -> io::Result<()> { panic!("not yet") });
    assert!(read.is_pending());
    assert_eq!(other.sources(), 1);
    other.park(Deadline::Now).unwrap();
    let read = ours.poll_read_with(&mut cx, |mut io| io.read(&mut buf));
    assert!(matches!(read, Poll::Ready(Ok(1))));
}

/// A source that the selector does not let go as long as the flag is set.
struct Sticky(UnixStream, Arc<AtomicUsize>);

impl Source for Sticky {
    fn register(
        &mut self,
        registry: &mio::Registry,
        token: mio::Token,
        interest: Interest,
    ) -> io::Result<()> {
        self.0.register(registry, token, interest)
    }

    fn reregister(
        &mut self,
        registry: &mio::Registry,
        token: mio::Token,
        interest: Interest,
    ) -> io::Result<()> {
        self.0.reregister(registry, token, interest)
    }

    fn deregister(&mut self, registry: &mio::Registry) -> io::Result<()> {
        if self.1.load(Ordering::Relaxed) != 0 {
            return Err(io::Error::other("sticky"));
        }
        self.0.deregister(registry)
    }
}

#[test]
fn a_source_that_does_not_leave_its_reactor_is_given_back_as_it_was() {
    let reactor = MioReactor::with_limits(1, 16).unwrap();
    let (ours, mut theirs) = UnixStream::pair().unwrap();
    let sticky = Arc::new(AtomicUsize::new(1));
    let ours = Watched::<Exclusive<_>>::with_reactor(&reactor, Sticky(ours, Arc::clone(&sticky)));
    let mut cx = Context::from_waker(Waker::noop());
    let mut buf = [0; 4];
    let read = ours.poll_read_with(&mut cx, |source| (&source.0).read(&mut buf));
    assert!(read.is_pending());
    let Err((ours, error)) = ours.detach() else {
        panic!("it is sticky");
    };
    assert_eq!(error.to_string(), "sticky");
    assert_eq!(reactor.sources(), 1);
    theirs.write_all(b"x").unwrap();
    reactor.park(Deadline::Now).unwrap();
    let read = ours.poll_read_with(&mut cx, |source| (&source.0).read(&mut buf));
    assert!(matches!(read, Poll::Ready(Ok(1))));
    sticky.store(0, Ordering::Relaxed);
}
