//! Wakes from one runtime to another, each on a thread of its own.

use std::future::poll_fn;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::task::{Poll, Waker};
use std::thread;
use std::time::Instant;

use super::Taken;
use super::report::Column;
use crate::meter::{median, percentile};

/// A flag that another thread sets, and who waits for it.
#[derive(Default)]
struct Flag(AtomicBool, Mutex<Option<Waker>>);

impl Flag {
    fn set(&self) {
        self.0.store(true, Ordering::Release);
        if let Some(waker) = self.1.lock().expect("no panic").take() {
            waker.wake();
        }
    }

    async fn wait(&self) {
        poll_fn(|cx| {
            *self.1.lock().expect("no panic") = Some(cx.waker().clone());
            match self.0.swap(false, Ordering::Acquire) {
                true => Poll::Ready(()),
                false => Poll::Pending,
            }
        })
        .await;
    }
}

const TRIPS: usize = 3_000;

/// The columns of [`wake`].
pub const COLUMNS: &[Column] = &[("mean, µs", 1), ("median, µs", 1), ("99 %, µs", 1)];

/// Two runtimes, a thread each, whose tasks wake one another.
pub fn wake<const N: usize>(ours: bool, pins: [usize; N]) -> Taken {
    let flags = Arc::new([Flag::default(), Flag::default()]);
    let (send, trips) = mpsc::channel();
    let sides = [0, 1].map(|side| {
        let (flags, send) = (Arc::clone(&flags), send.clone());
        thread::spawn(move || {
            if let Some(cpu) = pins.get(side) {
                crate::echo::pin(*cpu);
            }
            let talk = async move {
                let mut trips = Vec::with_capacity(TRIPS);
                for _ in 0..TRIPS {
                    let start = Instant::now();
                    if side == 0 {
                        flags[1].set();
                        flags[0].wait().await;
                    } else {
                        flags[1].wait().await;
                        flags[0].set();
                    }
                    trips.push(start.elapsed().as_nanos() as f64 / 1e3);
                }
                if side == 0 {
                    let _ = send.send(trips);
                }
            };
            match ours {
                true => polliwog_mio::block_on(talk),
                false => tokio::runtime::Builder::new_current_thread()
                    .enable_all()
                    .build()
                    .expect("a runtime")
                    .block_on(talk),
            }
        })
    });
    sides
        .into_iter()
        .for_each(|side| side.join().expect("an end"));
    let mut trips = trips.recv().expect("times");
    trips.sort_by(f64::total_cmp);
    let mean = trips.iter().sum::<f64>() / trips.len() as f64;
    vec![mean, median(&trips), percentile(&trips, 0.99)]
}
