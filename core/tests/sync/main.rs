//! What tasks work together with, each in both scopes, polled by hand: so each future can be dropped
//! at each of its await points. With the wakers of others, and with those of our own tasks, for which there are shorter
//! ways.
#![cfg(feature = "std")]

mod cancel;
mod channels;
mod ends;
mod greedy;
mod locks;
mod notify;
mod points;
mod reports;
mod surface;
mod values;
mod words;

use std::cell::{Cell, RefCell};
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, Wake, Waker};

use polliwog_core::Executor;
use polliwog_core::conformance::ThreadReactor;
use polliwog_core::task::JoinHandle;

/// A future that is polled by hand.
struct Task<'a, T> {
    future: Pin<Box<dyn Future<Output = T> + 'a>>,
    wakes: Wakes,
}

/// What wakes such a future, and how often it has done so.
enum Wakes {
    Foreign(Arc<Foreign>),
    Ours(Ours),
}

#[derive(Default)]
struct Foreign(AtomicUsize);

impl Wake for Foreign {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

/// A task of an executor, which does nothing but count its polls.
struct Ours {
    waker: Waker,
    polls: Rc<Cell<usize>>,
    task: JoinHandle<()>,
}

std::thread_local! {
    static EXECUTOR: Executor<ThreadReactor> = Executor::with_capacity(4096, ThreadReactor::new());
    /// Whether futures are polled with wakers of that.
    static WITH_OURS: Cell<bool> = const { Cell::new(false) };
}

/// Has the tasks that have been woken count that.
fn count() {
    EXECUTOR.with(|executor| executor.run_until_stalled().unwrap());
}

impl Ours {
    fn new() -> Self {
        let waker = Rc::new(RefCell::new(None));
        let polls = Rc::new(Cell::new(0));
        let (to, counted) = (waker.clone(), polls.clone());
        let counting = poll_fn(move |cx| {
            to.borrow_mut().get_or_insert_with(|| cx.waker().clone());
            counted.set(counted.get() + 1);
            Poll::<()>::Pending
        });
        let task = EXECUTOR.with(|executor| executor.spawner().spawn(counting).unwrap());
        count();
        polls.set(0);
        let waker = waker.take().unwrap();
        Self { waker, polls, task }
    }
}

impl Drop for Ours {
    fn drop(&mut self) {
        self.task.abort();
    }
}

fn task<'a, T>(future: impl Future<Output = T> + 'a) -> Task<'a, T> {
    Task {
        future: Box::pin(future),
        wakes: if WITH_OURS.get() {
            Wakes::Ours(Ours::new())
        } else {
            Wakes::Foreign(Arc::default())
        },
    }
}

/// One that has been polled and waits.
#[track_caller]
fn waiting<'a, T>(future: impl Future<Output = T> + 'a) -> Task<'a, T> {
    let mut task = task(future);
    assert!(task.poll().is_pending());
    task
}

/// What a future gives at its first poll.
#[track_caller]
fn ready<T>(future: impl Future<Output = T>) -> T {
    task(future).ready()
}

impl<T> Task<'_, T> {
    fn waker(&self) -> Waker {
        match &self.wakes {
            Wakes::Foreign(wakes) => wakes.clone().into(),
            Wakes::Ours(own) => own.waker.clone(),
        }
    }

    fn poll(&mut self) -> Poll<T> {
        let waker = self.waker();
        // Those that came before are not the same as those that come now.
        self.wakes();
        self.future.as_mut().poll(&mut Context::from_waker(&waker))
    }

    #[track_caller]
    fn ready(&mut self) -> T {
        match self.poll() {
            Poll::Ready(value) => value,
            Poll::Pending => panic!("not ready"),
        }
    }

    /// How often it has been woken.
    fn wakes(&self) -> usize {
        if let Wakes::Ours(_) = self.wakes {
            count();
        }
        self.counted()
    }

    /// That, if all have counted.
    fn counted(&self) -> usize {
        match &self.wakes {
            Wakes::Foreign(wakes) => wakes.0.load(Ordering::Relaxed),
            Wakes::Ours(own) => own.polls.get(),
        }
    }

    #[track_caller]
    fn woken(&mut self) -> T {
        assert_eq!(self.wakes(), 1);
        self.ready()
    }
}

/// Tests that are run with the primitives of either scope; `Owner` is what counts its owners there.
#[macro_export]
macro_rules! both_scopes {
    ($($(#[$meta:meta])* fn $name:ident() $body:block)*) => {
        mod shared {
            #[allow(unused_imports)]
            use {super::*, polliwog_core::sync::*, std::sync::Arc as Owner};
            $($(#[$meta])* #[test] fn $name() $body)*
        }
        mod local {
            #[allow(unused_imports)]
            use {super::*, polliwog_core::sync::local::*, std::rc::Rc as Owner};
            $($(#[$meta])* #[test] fn $name() $body)*
        }
        /// As above, but that all are polled with wakers of our own tasks.
        mod local_ours {
            #[allow(unused_imports)]
            use {super::*, polliwog_core::sync::local::*, std::rc::Rc as Owner};
            $($(#[$meta])* #[test] fn $name() {
                $crate::WITH_OURS.set(true);
                $body
            })*
        }
    };
}
