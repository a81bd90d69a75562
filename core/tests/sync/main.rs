//! What tasks work together with, each in both scopes, polled by hand: so each future can be dropped
//! at each of its await points.
#![cfg(feature = "std")]

mod cancel;
mod channels;
mod greedy;
mod locks;
mod notify;
mod reports;
mod surface;
mod values;
mod words;

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, Wake, Waker};

/// A future that is polled by hand.
struct Task<'a, T> {
    future: Pin<Box<dyn Future<Output = T> + 'a>>,
    wakes: Arc<Wakes>,
}

#[derive(Default)]
struct Wakes(AtomicUsize);

impl Wake for Wakes {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

fn task<'a, T>(future: impl Future<Output = T> + 'a) -> Task<'a, T> {
    Task {
        future: Box::pin(future),
        wakes: Arc::default(),
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
    fn poll(&mut self) -> Poll<T> {
        let waker = Waker::from(self.wakes.clone());
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
        self.wakes.0.load(Ordering::Relaxed)
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
    };
}
