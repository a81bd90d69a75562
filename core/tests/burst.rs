//! What a burst of wakes from another thread costs: one unpark, however many tasks it wakes or spawns.
#![cfg(feature = "std")]

use std::convert::Infallible;
use std::future::poll_fn;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, mpsc};
use std::task::{Poll, Wake, Waker};
use std::thread;

use polliwog_core::{Deadline, Executor, Instant, Reactor};

/// Sleeps until it has been unparked and the gate is open, so that a whole burst comes in one sleep.
#[derive(Default)]
struct Gate {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    unparks: usize,
    open: bool,
    asleep: bool,
}

impl Wake for Gate {
    fn wake(self: Arc<Self>) {
        self.state.lock().unwrap().unparks += 1;
        self.changed.notify_all();
    }
}

impl Gate {
    fn wait_until(&self, is: impl Fn(&State) -> bool) {
        let state = self.state.lock().unwrap();
        drop(self.changed.wait_while(state, |state| !is(state)).unwrap());
    }

    fn set(&self, set: impl FnOnce(&mut State)) {
        set(&mut self.state.lock().unwrap());
        self.changed.notify_all();
    }
}

struct Gated(Arc<Gate>);

impl Reactor for Gated {
    type Error = Infallible;

    fn now(&self) -> Instant {
        Instant::from_nanos(0)
    }

    fn park(&self, until: Deadline) -> Result<(), Infallible> {
        if until != Deadline::Now {
            self.0.set(|state| state.asleep = true);
            self.0.wait_until(|state| state.unparks > 0 && state.open);
        }
        Ok(())
    }

    fn unparker(&self) -> Waker {
        Arc::clone(&self.0).into()
    }
}

const TASKS: usize = 1000;

#[test]
fn a_burst_of_wakes_and_spawns_costs_one_unpark() {
    let gate = Arc::new(Gate::default());
    let theirs = Arc::clone(&gate);
    let (send, wakers) = mpsc::channel();
    let (send_handle, handle) = mpsc::channel();
    let go = Arc::new(AtomicBool::new(false));
    let flag = Arc::clone(&go);
    let executor = thread::spawn(move || {
        let executor = Executor::with_capacity(3 * TASKS, Gated(theirs));
        send_handle.send(executor.handle()).unwrap();
        executor.block_on(async {
            let tasks: Vec<_> = (0..TASKS)
                .map(|_| {
                    let (flag, send) = (Arc::clone(&flag), send.clone());
                    let mut sent = false;
                    let wait = poll_fn(move |cx| {
                        if flag.load(Ordering::SeqCst) {
                            return Poll::Ready(());
                        }
                        if !std::mem::replace(&mut sent, true) {
                            send.send(cx.waker().clone()).unwrap();
                        }
                        Poll::Pending
                    });
                    polliwog_core::spawn(wait).unwrap()
                })
                .collect();
            for task in tasks {
                task.await.unwrap();
            }
        });
    });
    let handle = handle.recv().unwrap();
    let wakers: Vec<Waker> = (0..TASKS).map(|_| wakers.recv().unwrap()).collect();
    gate.wait_until(|state| state.asleep);
    go.store(true, Ordering::SeqCst);
    for waker in wakers {
        waker.wake_by_ref();
        waker.wake();
        handle.spawn(async {}).unwrap().detach();
    }
    assert_eq!(gate.state.lock().unwrap().unparks, 1);
    gate.set(|state| state.open = true);
    executor.join().unwrap();
}
