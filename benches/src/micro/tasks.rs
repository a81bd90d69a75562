//! Tasks: spawning, waking, memory.

use std::hint::black_box;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

use super::{Group, Notify, Yield};
use crate::alloc::Heap;
use crate::meter::{Clock, Figures, Meter, Plan};
use crate::rt::{Join, Runtime};

/// Spawns a task, awaits it, and so on.
pub fn spawn_one<R: Join>(plan: Plan) -> Figures {
    let mut meter = Meter::new(plan, Clock::Cpu, 200_000);
    R::run(async move {
        meter
            .run(async |ops| {
                for i in 0..ops {
                    let handle = R::spawn(async move { black_box(i) });
                    assert_eq!(R::value(handle.await), i);
                }
            })
            .await;
        meter.finish()
    })
}

/// Spawns `tasks` tasks, then joins them, and so on.
pub fn spawn_many<R: Join>(plan: Plan, tasks: u64) -> Figures {
    let mut meter = Meter::new(plan, Clock::Cpu, 200_000.max(tasks));
    R::run(async move {
        let mut handles = Vec::with_capacity(tasks as usize);
        meter
            .run(async |ops| {
                for _ in 0..ops / tasks {
                    for i in 0..tasks {
                        handles.push(R::spawn(async move { black_box(i) }));
                    }
                    let mut sum = 0;
                    for handle in handles.drain(..) {
                        sum += R::value(handle.await);
                    }
                    assert_eq!(sum, tasks * (tasks - 1) / 2);
                }
            })
            .await;
        meter.finish()
    })
}

/// Spawns 1000 tasks whose futures take a little more than `BYTES` bytes, and joins them.
pub fn spawn_sized<R: Join, const BYTES: usize>(plan: Plan) -> Figures {
    const TASKS: u64 = 1000;
    let mut meter = Meter::new(plan, Clock::Cpu, 20 * TASKS);
    R::run(async move {
        let mut handles = Vec::with_capacity(TASKS as usize);
        meter
            .run(async |ops| {
                for _ in 0..ops / TASKS {
                    for i in 0..TASKS {
                        let load = [i as u8; BYTES];
                        handles.push(R::spawn(async move {
                            Yield::default().await;
                            black_box(&load);
                            i
                        }));
                    }
                    for handle in handles.drain(..) {
                        black_box(R::value(handle.await));
                    }
                }
            })
            .await;
        meter.finish()
    })
}

/// `block_on` of a future that is ready.
pub fn block_on<R: Join>(plan: Plan) -> Figures {
    let mut meter = Meter::new(plan, Clock::Cpu, 20_000);
    meter.run_blocking(R::block_on_ready);
    meter.finish()
}

/// A future of 72 bytes that is polled once and then waits to be told to end.
struct Idle {
    notify: Rc<Notify>,
    _load: [u64; 8],
}

impl Future for Idle {
    type Output = u64;

    fn poll(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<u64> {
        match self.notify.set.get() {
            true => Poll::Ready(1),
            false => Poll::Pending,
        }
    }
}

/// Heap that a task takes, with 10 000 of them alive.
pub fn memory<R: Join>(_: Plan) -> Figures {
    const { assert!(size_of::<Idle>() == 72) };
    let tasks = 10_000_u64;
    R::run(async move {
        let notify = Rc::<Notify>::default();
        let mut figures = Figures::new();
        let mut handles = Vec::with_capacity(tasks as usize);
        // Once to warm up, once for good.
        for _ in 0..2 {
            let before = Heap::now();
            for _ in 0..tasks {
                let notify = notify.clone();
                handles.push(R::spawn(Idle {
                    notify,
                    _load: [0; 8],
                }));
            }
            for _ in 0..3 {
                Yield::default().await;
            }
            let spawned = Heap::now();
            let used = spawned.live() - before.live();
            let allocations = spawned.since(before).allocations;
            if figures.is_empty() {
                figures.insert("heap", used as f64 / tasks as f64);
            }
            figures.insert("allocations", allocations as f64 / tasks as f64);
            // Nobody ends them: that is not what is measured.
            handles.drain(..).for_each(std::mem::forget);
        }
        figures
    })
}

/// Tasks that wake themselves, by a future of ours or by the runtime's own.
pub fn yields<R: Runtime, const OWN: bool>(plan: Plan, tasks: u64) -> Figures {
    let mut meter = Meter::new(plan, Clock::Cpu, 1_000_000.max(tasks * 200));
    R::run(async move {
        meter
            .run(async |ops| {
                let group = Group::new(tasks);
                for _ in 0..tasks {
                    let group = group.clone();
                    R::detach(async move {
                        for _ in 0..ops / tasks {
                            match OWN {
                                true => R::yield_now().await,
                                false => Yield::default().await,
                            }
                        }
                        group.leave();
                    });
                }
                group.wait().await;
            })
            .await;
        meter.finish()
    })
}

/// Two tasks that wake each other in turn.
pub fn ping_pong<R: Runtime>(plan: Plan) -> Figures {
    let mut meter = Meter::new(plan, Clock::Cpu, 300_000);
    R::run(async move {
        meter
            .run(async |ops| {
                let pair = Rc::new((Notify::default(), Notify::default()));
                let group = Group::new(2);
                let (one, two) = (pair.clone(), pair);
                let (first, second) = (group.clone(), group.clone());
                R::detach(async move {
                    for _ in 0..ops {
                        one.0.notify();
                        one.1.wait().await;
                    }
                    first.leave();
                });
                R::detach(async move {
                    for _ in 0..ops {
                        two.0.wait().await;
                        two.1.notify();
                    }
                    second.leave();
                });
                group.wait().await;
            })
            .await;
        meter.finish()
    })
}
