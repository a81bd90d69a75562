//! What destructors of thread-locals can do, before and after those of ours: a panic in one of them
//! would abort the process.
//!
//! Not on Windows, where these destructors run under the loader's lock: nothing that has to wait for another
//! thread can be done in them there.
#![cfg(not(windows))]

use std::cell::RefCell;
use std::future::pending;
use std::sync::mpsc::{Sender, channel};
use std::thread;

use polliwog_core::SpawnErrorKind;
use polliwog_core::time::sleep;
use polliwog_core::yield_now;
use polliwog_mio::net::UdpSocket;
use polliwog_mio::{MioReactor, Runtime, block_on, spawn, spawn_blocking};
use std::time::Duration;

/// Does something when it is dropped.
struct OnDrop(Option<Box<dyn FnOnce()>>);

impl OnDrop {
    fn new(f: impl FnOnce() + 'static) -> Self {
        Self(Some(Box::new(f)))
    }
}

impl Drop for OnDrop {
    fn drop(&mut self) {
        if let Some(f) = self.0.take() {
            f();
        }
    }
}

thread_local! {
    // Destructors run in the reverse order of first uses, or in that order: so there is one each.
    static ONE: RefCell<Vec<OnDrop>> = const { RefCell::new(Vec::new()) };
    static OTHER: RefCell<Vec<OnDrop>> = const { RefCell::new(Vec::new()) };
    static MINE: RefCell<Option<Runtime>> = const { RefCell::new(None) };
}

/// On a thread that ends, `what` happens before and after the thread's default runtime is gone.
fn at_the_end(what: impl Fn() + Clone + Send + 'static) {
    let thread = thread::spawn(move || {
        let (one, other) = (what.clone(), what);
        ONE.with_borrow_mut(|place| place.push(OnDrop::new(one)));
        block_on(async {});
        OTHER.with_borrow_mut(|place| place.push(OnDrop::new(other)));
    });
    thread.join().unwrap();
}

#[test]
fn spawning_is_an_error() {
    let (send, receive) = channel();
    at_the_end(move || {
        send.send(spawn(async {}).unwrap_err().kind()).unwrap();
    });
    let kinds: Vec<_> = receive.iter().collect();
    assert_eq!(kinds, [SpawnErrorKind::NoExecutor; 2]);
}

#[test]
fn runtimes_run() {
    let (send, receive) = channel();
    at_the_end(move || {
        let run = async {
            let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
            sleep(Duration::from_micros(1)).await;
            let task = spawn(async { 1 }).unwrap();
            spawn_blocking(|| 2).await.unwrap()
                + task.await.unwrap()
                + socket.local_addr().is_ok() as i32
        };
        send.send(block_on(run)).unwrap();
        let runtime = Runtime::new().unwrap();
        send.send(runtime.block_on(async { spawn(async { 4 }).unwrap().await.unwrap() }))
            .unwrap();
    });
    assert_eq!(receive.iter().collect::<Vec<_>>(), [4, 4, 4, 4]);
}

/// A task that uses its runtime as it is dropped with it.
async fn uses_its_runtime_at_the_end(send: Sender<(bool, Option<SpawnErrorKind>)>) {
    let _end = OnDrop::new(move || {
        let socket = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
        let made = UdpSocket::from_std(socket).is_ok() && MioReactor::current().is_ok();
        let refusal = spawn(async {}).err().map(|error| error.kind());
        send.send((made, refusal)).unwrap();
    });
    pending().await
}

#[test]
fn tasks_that_end_with_a_runtime_in_a_thread_local_still_have_it() {
    let (send, receive) = channel();
    let thread = thread::spawn(move || {
        // The default one, and another one on both sides of it.
        for early in [true, false] {
            let sender = send.clone();
            let make = move || {
                let runtime = Runtime::new().unwrap();
                let task = runtime.spawn(uses_its_runtime_at_the_end(sender));
                task.unwrap().detach();
                // One turn for the task: a sleep that is due at once gives none.
                runtime.block_on(yield_now());
                runtime
            };
            if early {
                MINE.set(Some(make()));
                block_on(async {
                    let task = spawn(uses_its_runtime_at_the_end(send.clone()));
                    task.unwrap().detach();
                    yield_now().await;
                });
            } else {
                let runtime = make();
                OTHER.with_borrow_mut(|place| place.push(OnDrop::new(move || drop(runtime))));
            }
        }
    });
    thread.join().unwrap();
    let seen: Vec<_> = receive.iter().collect();
    assert_eq!(seen, [(true, Some(SpawnErrorKind::Closed)); 3]);
}
