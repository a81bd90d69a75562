//! Wakes from other threads.

use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::task::{Context, Poll, Waker};
use std::thread;

use crate::meter::{Clock, Figures, Meter, Plan};
use crate::rt::Time;

/// What a task waits for and another thread sets.
#[derive(Default)]
struct Flag {
    set: AtomicBool,
    waker: Mutex<Option<Waker>>,
}

impl Flag {
    fn set(&self) {
        self.set.store(true, Ordering::Release);
        let waker = self.waker.lock().unwrap().take();
        if let Some(waker) = waker {
            waker.wake();
        }
    }
}

struct Wait<'a>(&'a Flag);

impl Future for Wait<'_> {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        if self.0.set.swap(false, Ordering::Acquire) {
            return Poll::Ready(());
        }
        *self.0.waker.lock().unwrap() = Some(cx.waker().clone());
        // It may have been set meanwhile, by somebody who found no waker.
        match self.0.set.swap(false, Ordering::Acquire) {
            true => Poll::Ready(()),
            false => Poll::Pending,
        }
    }
}

/// A task unparks a thread, which wakes the task: both wait in the kernel in between.
pub fn round_trip<R: Time>(plan: Plan) -> Figures {
    let mut meter = Meter::new(plan, Clock::Wall, 5_000);
    R::run(async move {
        let flag = Arc::new(Flag::default());
        let asked = Arc::new(AtomicU64::new(0));
        let (their_flag, their_asked) = (flag.clone(), asked.clone());
        let thread = thread::spawn(move || {
            let mut answered = 0;
            loop {
                match their_asked.load(Ordering::Acquire) {
                    u64::MAX => return,
                    n if n > answered => {
                        answered += 1;
                        their_flag.set();
                    }
                    _ => thread::park(),
                }
            }
        });
        let helper = thread.thread().clone();
        meter
            .run(async |ops| {
                for _ in 0..ops {
                    asked.fetch_add(1, Ordering::Release);
                    helper.unpark();
                    Wait(&flag).await;
                }
            })
            .await;
        asked.store(u64::MAX, Ordering::Release);
        helper.unpark();
        thread.join().unwrap();
        meter.finish()
    })
}

/// Another thread wakes `tasks` tasks, all of which wait, one after the other.
pub fn wake_many<R: Time>(plan: Plan, tasks: u64) -> Figures {
    let mut meter = Meter::new(plan, Clock::Cpu, 50 * tasks);
    R::run(async move {
        let flags: Arc<Vec<Flag>> = Arc::new((0..tasks).map(|_| Flag::default()).collect());
        let (sender, requests) = mpsc::channel::<()>();
        let theirs = flags.clone();
        let thread = thread::spawn(move || {
            for () in requests {
                theirs.iter().for_each(Flag::set);
            }
        });
        meter
            .run(async |ops| {
                let turns = (ops / tasks).max(1);
                let left = Arc::new((AtomicU64::new(0), Flag::default()));
                for i in 0..tasks as usize {
                    let (flags, left) = (flags.clone(), left.clone());
                    R::detach(async move {
                        for _ in 0..turns {
                            Wait(&flags[i]).await;
                            if left.0.fetch_sub(1, Ordering::Relaxed) == 1 {
                                left.1.set();
                            }
                        }
                    });
                }
                for _ in 0..turns {
                    left.0.store(tasks, Ordering::Relaxed);
                    sender.send(()).unwrap();
                    Wait(&left.1).await;
                }
            })
            .await;
        drop(sender);
        thread.join().unwrap();
        meter.finish()
    })
}
