//! Primitives between threads: what each adds to the wait list.

use core::pin::pin;
use core::task::{Context, Poll};
use std::boxed::Box;
use std::sync::Arc as StdArc;
use std::task::Waker;

use loom::sync::Arc;
use loom::thread;

use super::wait_list::parker;
use crate::sync::mpmc::{Channel, TryRecvError};
use crate::sync::{Barrier, Mutex, Notify, Semaphore, broadcast, watch};

fn block_on<F: Future>(future: F) -> F::Output {
    let (parker, waker) = parker();
    let mut cx = Context::from_waker(&waker);
    let mut future = pin!(future);
    loop {
        match future.as_mut().poll(&mut cx) {
            Poll::Ready(output) => return output,
            Poll::Pending => parker.park(),
        }
    }
}

fn check(preemptions: usize, f: impl Fn() + Sync + Send + 'static) {
    let mut model = loom::model::Builder::new();
    model.preemption_bound = Some(preemptions);
    model.check(f);
}

/// One who gives up and one who waits: of one notification one of them knows.
#[test]
fn a_notification_reaches_one_or_is_kept() {
    check(3, || {
        let notify = Arc::new(Notify::new());
        let waits = {
            let notify = notify.clone();
            thread::spawn(move || block_on(notify.notified()))
        };
        let gives_up = {
            let notify = notify.clone();
            thread::spawn(move || {
                let mut cx = Context::from_waker(Waker::noop());
                let mut notified = Box::pin(notify.notified());
                notified.as_mut().poll(&mut cx).is_ready()
            })
        };
        notify.notify_one();
        if gives_up.join().unwrap() {
            notify.notify_one();
        }
        waits.join().unwrap();
        assert!(!pin!(notify.notified()).enable());
    });
}

/// A notification that is made after the round of all has been seen is for one that comes later.
#[test]
fn a_notification_after_that_of_all_is_kept() {
    check(4, || {
        let notify = Arc::new(Notify::new());
        let mut cx = Context::from_waker(Waker::noop());
        let (mut one, mut other) = (pin!(notify.notified()), pin!(notify.notified()));
        assert!(one.as_mut().poll(&mut cx).is_pending());
        assert!(other.as_mut().poll(&mut cx).is_pending());
        let all = {
            let notify = notify.clone();
            thread::spawn(move || notify.notify_waiters())
        };
        let seen = other.as_mut().poll(&mut cx).is_ready();
        if seen {
            notify.notify_one();
        }
        all.join().unwrap();
        assert!(one.as_mut().poll(&mut cx).is_ready());
        assert_eq!(pin!(notify.notified()).enable(), seen);
    });
}

/// Who leaves a round and waits for the next one does not take the end of the former for its end.
#[test]
fn nobody_passes_a_barrier_alone() {
    check(4, || {
        let barrier = Arc::new(Barrier::new(2));
        let mut cx = Context::from_waker(Waker::noop());
        let mut first = Box::pin(barrier.wait());
        assert!(first.as_mut().poll(&mut cx).is_pending());
        let comes = {
            let barrier = barrier.clone();
            thread::spawn(move || block_on(barrier.wait()).is_leader())
        };
        if first.as_mut().poll(&mut cx).is_ready() {
            let mut next = Box::pin(barrier.wait());
            assert!(next.as_mut().poll(&mut cx).is_pending());
            assert!(comes.join().unwrap());
            assert!(next.as_mut().poll(&mut cx).is_pending(), "alone");
        } else {
            assert!(comes.join().unwrap());
            assert!(first.as_mut().poll(&mut cx).is_ready());
        }
    });
}

/// One who gives up, at whatever moment, gives back what it has been given.
#[test]
fn who_gives_up_keeps_no_permit() {
    check(4, || {
        let semaphore = Arc::new(Semaphore::new(0));
        let releases = {
            let semaphore = semaphore.clone();
            thread::spawn(move || semaphore.add_permits(1))
        };
        let mut cx = Context::from_waker(Waker::noop());
        let mut gives_up = Box::pin(semaphore.acquire());
        let _ = gives_up.as_mut().poll(&mut cx);
        drop(gives_up);
        releases.join().unwrap();
        assert_eq!(semaphore.available_permits(), 1);
    });
}

/// Permits that are given back while some want one and one wants two: all get theirs, none is lost.
#[test]
fn no_permit_is_lost() {
    check(2, || {
        let semaphore = Arc::new(Semaphore::new(2));
        let threads: [_; 2] = core::array::from_fn(|index| {
            let semaphore = semaphore.clone();
            thread::spawn(move || drop(block_on(semaphore.acquire_many(1 + index as u32)).unwrap()))
        });
        {
            let mut cx = Context::from_waker(Waker::noop());
            let mut gives_up = Box::pin(semaphore.acquire_many(2));
            let _ = gives_up.as_mut().poll(&mut cx);
        }
        for thread in threads {
            thread.join().unwrap();
        }
        assert_eq!(semaphore.available_permits(), 2);
    });
}

/// What one does with the value the next sees.
#[test]
fn a_mutex_is_had_by_one_at_a_time() {
    check(3, || {
        let mutex = Arc::new(Mutex::new(0));
        let threads: [_; 2] = core::array::from_fn(|_| {
            let mutex = mutex.clone();
            thread::spawn(move || *block_on(mutex.lock()) += 1)
        });
        *block_on(mutex.lock()) += 1;
        for thread in threads {
            thread.join().unwrap();
        }
        assert_eq!(*block_on(mutex.lock()), 3);
    });
}

/// A full channel: two send, one receives, one gives up sending. Each message that was sent arrives.
#[test]
fn each_message_arrives() {
    check(2, || {
        let channel = Arc::new(Channel::<u8, 1>::new());
        let threads: [_; 2] = core::array::from_fn(|index| {
            let channel = channel.clone();
            thread::spawn(move || block_on(channel.send(1 << index)).unwrap())
        });
        let first = {
            let mut cx = Context::from_waker(Waker::noop());
            let mut gives_up = Box::pin(channel.recv());
            match gives_up.as_mut().poll(&mut cx) {
                Poll::Ready(message) => Some(message),
                Poll::Pending => None,
            }
        };
        let first = first.unwrap_or_else(|| block_on(channel.recv()));
        assert_eq!(first | block_on(channel.recv()), 3);
        for thread in threads {
            thread.join().unwrap();
        }
        assert_eq!(channel.try_recv(), Err(TryRecvError::Empty));
        assert_eq!(channel.capacity(), 1);
    });
}

/// The last end that sends goes away while one waits to receive.
#[test]
fn the_end_is_seen() {
    check(3, || {
        let channel = Arc::new(Channel::<u8, 1>::new());
        channel.try_send(7).unwrap();
        let sends = {
            let channel = channel.clone();
            let (ready, started) = loom::sync::mpsc::channel();
            let thread = thread::spawn(move || {
                let sender = channel.sender();
                ready.send(()).unwrap();
                drop(sender);
            });
            started.recv().unwrap();
            thread
        };
        let receiver = channel.receiver();
        assert_eq!(block_on(receiver.recv()), Ok(7));
        assert!(block_on(receiver.recv()).is_err());
        sends.join().unwrap();
    });
}

/// Two who receive, one of whom has given up once: a message reaches both, and so does the end.
#[test]
fn all_receive_each_message() {
    check(3, || {
        let (sender, mut one) = broadcast::channel(2);
        let mut other = sender.subscribe();
        let waits = thread::spawn(move || block_on(one.recv()));
        // It is not dropped before both have received: its end would wake them, too.
        let sends = thread::spawn(move || {
            sender.send(1).unwrap();
            sender
        });
        let first = {
            let mut cx = Context::from_waker(Waker::noop());
            match pin!(other.recv()).poll(&mut cx) {
                Poll::Ready(message) => Some(message),
                Poll::Pending => None,
            }
        };
        let first = first.unwrap_or_else(|| block_on(other.recv()));
        assert_eq!((first, waits.join().unwrap()), (Ok(1), Ok(1)));
        drop(sends.join().unwrap());
        assert_eq!(block_on(other.recv()), Err(broadcast::RecvError::Closed));
    });
}

/// One who goes away while a message replaces the one that it had not received gives up that one only.
#[test]
fn who_leaves_takes_no_message_of_others() {
    check(4, || {
        let (sender, mut stays) = broadcast::channel(1);
        let leaves = sender.subscribe();
        sender.send(StdArc::new(1)).unwrap();
        let gone = thread::spawn(move || drop(leaves));
        let latest = StdArc::new(2);
        sender.send(latest.clone()).unwrap();
        gone.join().unwrap();
        assert_eq!(stays.try_recv(), Err(broadcast::TryRecvError::Lagged(1)));
        assert_eq!(stays.try_recv().as_deref(), Ok(&2));
        // It was the last who received it, so that it was moved to it.
        assert_eq!((StdArc::strong_count(&latest), sender.len()), (1, 0));
    });
}

/// Two who watch: each sees the last change, and then that there will be none any more.
#[test]
fn all_see_the_last_change() {
    check(3, || {
        let (sender, mut receiver) = watch::channel(0);
        let mut other = receiver.clone();
        let watches = thread::spawn(move || {
            block_on(other.changed()).unwrap();
            other.get()
        });
        // It is not dropped before both have seen it: its end would wake them, too.
        let changes = thread::spawn(move || {
            sender.send(1).unwrap();
            sender
        });
        block_on(receiver.changed()).unwrap();
        assert_eq!((receiver.get(), watches.join().unwrap()), (1, 1));
        drop(changes.join().unwrap());
        assert!(block_on(receiver.changed()).is_err());
    });
}
