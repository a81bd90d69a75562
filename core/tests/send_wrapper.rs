//! `SendWrapper`: what is used elsewhere is refused, what is dropped elsewhere goes home.
#![cfg(feature = "std")]

use std::cell::Cell;
use std::future::{pending, poll_fn};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, Waker};
use std::thread::{self, ThreadId};
use std::time::Duration;

use polliwog_core::conformance::ThreadReactor;
use polliwog_core::time::{sleep, timeout};
use polliwog_core::{Executor, SendWrapper};

fn executor(capacity: usize) -> Executor<ThreadReactor> {
    Executor::with_capacity(capacity, ThreadReactor::new())
}

/// Something that must not be dropped on another thread; counts where it was.
struct Local {
    home: ThreadId,
    dropped: Arc<AtomicUsize>,
    _local: Rc<()>,
}

fn local() -> (Local, Arc<AtomicUsize>) {
    let dropped = Arc::new(AtomicUsize::new(0));
    let local = Local {
        home: thread::current().id(),
        dropped: dropped.clone(),
        _local: Rc::new(()),
    };
    (local, dropped)
}

impl Drop for Local {
    fn drop(&mut self) {
        assert_eq!(
            thread::current().id(),
            self.home,
            "dropped on another thread"
        );
        self.dropped.fetch_add(1, Ordering::Relaxed);
    }
}

fn elsewhere<T: Send>(f: impl FnOnce() -> T + Send) -> T {
    thread::scope(|scope| scope.spawn(f).join().unwrap())
}

#[test]
fn used_at_home_it_is_what_it_wraps() {
    let mut number = SendWrapper::new(Cell::new(1));
    number.set(2);
    *number.get_mut() += 1;
    assert_eq!(number.get().unwrap().get(), 3);
    assert!(number.is_home());
    assert_eq!(format!("{number:?}"), "SendWrapper(Cell { value: 3 })");
    let other = number.clone();
    assert_eq!(number.into_inner().unwrap().get(), 3);
    assert_eq!(other.get().unwrap().get(), 3);
    let future = SendWrapper::new(async { Rc::new(4) });
    assert_eq!(*executor(1).block_on(future), 4);
}

/// Also on a thread that has values of its own.
#[test]
fn used_elsewhere_it_refuses() {
    let mut future = SendWrapper::new(pending::<()>());
    let value = SendWrapper::new(Cell::new(1));
    let value = elsewhere(move || {
        for _ in 0..2 {
            assert!(!value.is_home());
            assert!(value.get().is_err());
            let deref = catch_unwind(AssertUnwindSafe(|| value.set(2)));
            assert!(deref.is_err());
            assert!(catch_unwind(AssertUnwindSafe(|| value.clone())).is_err());
            assert!(future.get_pin_mut().is_err());
            let mut cx = Context::from_waker(Waker::noop());
            let poll = catch_unwind(AssertUnwindSafe(|| Pin::new(&mut future).poll(&mut cx)));
            assert!(poll.is_err());
            assert!(format!("{value:?}").starts_with("SendWrapper(of ThreadId"));
            assert_eq!(SendWrapper::new(Cell::new(5)).take(), 5);
        }
        // Back home, so that nothing is leaked.
        (future, value.into_inner().unwrap_err())
    });
    assert_eq!(value.1.into_inner().unwrap().get(), 1);
}

/// A value that belongs to an ended thread does not become a later one's.
#[test]
fn a_later_thread_is_another_one() {
    // Without size: it is leaked.
    let value = elsewhere(|| SendWrapper::new(()));
    for _ in 0..3 {
        elsewhere(|| {
            drop(SendWrapper::new(0));
            assert!(value.get().is_err());
        });
    }
    drop(value);
}

/// It is dropped in the executor's next turn, which its coming begins, although all tasks are in use.
#[test]
fn promise_10_what_is_dropped_elsewhere_goes_home() {
    let executor = executor(1);
    let (value, dropped) = local();
    executor.block_on(async {
        let value = SendWrapper::new(value);
        let thread = thread::spawn(move || {
            thread::yield_now();
            drop(value);
        });
        let look = poll_fn(|cx| match dropped.load(Ordering::Relaxed) {
            0 => {
                cx.waker().wake_by_ref();
                Poll::Pending
            }
            _ => Poll::Ready(()),
        });
        let soon = timeout(Duration::from_secs(60), look).await;
        soon.expect("an executor that is full drops it, too");
        thread.join().unwrap();
    });
    assert_eq!(dropped.load(Ordering::Relaxed), 1);
}

struct Wakes(Waker);

impl Drop for Wakes {
    fn drop(&mut self) {
        self.0.wake_by_ref();
    }
}

#[test]
fn coming_home_ends_a_park() {
    let executor = executor(1);
    executor.block_on(async {
        let mut thread = None;
        poll_fn(|cx| match &thread {
            // Woken by the destructor alone.
            Some(_) => Poll::Ready(()),
            None => {
                let value = SendWrapper::new(Wakes(cx.waker().clone()));
                thread = Some(thread::spawn(move || drop(value)));
                Poll::Pending
            }
        })
        .await;
    });
}

#[test]
fn an_executor_that_ends_drops_what_has_come() {
    let executor = executor(1);
    let (value, dropped) = local();
    let value = executor.block_on(async { SendWrapper::new(value) });
    let (second, also_dropped) = local();
    let second = executor.block_on(async { SendWrapper::new(second) });
    elsewhere(|| drop(value));
    // The next run would drop it; there is none.
    assert_eq!(dropped.load(Ordering::Relaxed), 0);
    drop(executor);
    assert_eq!(dropped.load(Ordering::Relaxed), 1);
    // At home it needs no executor.
    drop(second);
    assert_eq!(also_dropped.load(Ordering::Relaxed), 1);
}

/// Without size, so that nothing of it remains for a checker of leaks to see.
struct Never;

impl Drop for Never {
    fn drop(&mut self) {
        panic!("dropped on a thread that is not its own");
    }
}

#[test]
fn without_a_way_home_it_is_leaked() {
    let homeless = SendWrapper::new(Never);
    let gone = executor(1).block_on(async { SendWrapper::new(Never) });
    elsewhere(|| drop((homeless, gone)));
}

/// The timer queue points to it, so it has to stay where it is until it is dropped.
#[test]
fn a_pinned_value_stays_in_its_place() {
    let executor = executor(1);
    executor.block_on(async {
        let mut sleep = SendWrapper::new(sleep(Duration::from_secs(3600)));
        poll_fn(|cx| {
            assert!(Pin::new(&mut sleep).poll(cx).is_pending());
            Poll::Ready(())
        })
        .await;
        let thread = thread::spawn(move || drop(sleep));
        polliwog_core::time::sleep(Duration::from_millis(10)).await;
        thread.join().unwrap();
    });
}

struct Panics;

impl Drop for Panics {
    fn drop(&mut self) {
        panic!("a destructor");
    }
}

#[test]
fn a_destructor_that_panics_at_home_costs_nobody_else_anything() {
    let executor = executor(4);
    let (value, dropped) = local();
    let (panics, value) =
        executor.block_on(async { (SendWrapper::new(Panics), SendWrapper::new(value)) });
    elsewhere(|| {
        drop(panics);
        drop(value);
    });
    assert_eq!(executor.block_on(async { 7 }), 7);
    assert_eq!(dropped.load(Ordering::Relaxed), 1);
}

#[test]
#[cfg(feature = "futures-io")]
fn a_reader_elsewhere_gets_an_error() {
    use futures_io::AsyncRead;
    use futures_util::{AsyncReadExt, AsyncWriteExt, io::Cursor};

    let mut stream = SendWrapper::new(Cursor::new(vec![0; 3]));
    executor(1).block_on(async {
        stream.write_all(b"fro").await.unwrap();
        stream.set_position(0);
        let mut text = String::new();
        stream.read_to_string(&mut text).await.unwrap();
        assert_eq!(text, "fro");
    });
    // And back, so that nothing is leaked.
    let _stream = elsewhere(move || {
        let mut cx = Context::from_waker(Waker::noop());
        let read = Pin::new(&mut stream).poll_read(&mut cx, &mut [0]);
        assert!(matches!(read, Poll::Ready(Err(error)) if error.to_string().contains("thread")));
        stream
    });
}
