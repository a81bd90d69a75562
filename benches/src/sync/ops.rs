//! The benchmarks, each written once for all kits.

use std::cell::Cell;
use std::rc::Rc;

use crate::meter::{Clock, Figures, Meter, Plan};
use crate::micro::{Group, Notify, Yield};
use crate::rt::Runtime;
use crate::rt::polliwog::Polliwog;

/// Something that a number goes in at one end of and comes out at the other.
pub trait Pipe: 'static {
    type Tx: 'static;
    type Rx: 'static;
    fn pipe(capacity: usize) -> (Self::Tx, Self::Rx);
    fn send(tx: &mut Self::Tx, message: u64) -> impl Future<Output = ()>;
    fn recv(rx: &mut Self::Rx) -> impl Future<Output = u64>;
}

/// A pipe with several ends that send.
pub trait Many: Pipe {
    fn sender(tx: &Self::Tx) -> Self::Tx;
}

/// A pipe with several ends that receive everything.
pub trait Fan: Pipe {
    fn subscribe(tx: &Self::Tx) -> Self::Rx;
}

/// A channel for one number.
pub trait Once: 'static {
    type Tx: 'static;
    type Rx: 'static;
    fn once() -> (Self::Tx, Self::Rx);
    fn send(tx: Self::Tx, message: u64);
    fn recv(rx: Self::Rx) -> impl Future<Output = u64>;
}

/// What only so many tasks are in at a time.
pub trait Section: 'static {
    type Section: 'static;
    fn section() -> Self::Section;
    /// Goes in and out again; with `stay`, it lets others run in between.
    fn pass(section: &Self::Section, stay: bool) -> impl Future<Output = ()>;
}

/// Some receivers, of which the one that is chosen has a number.
pub trait Choice: 'static {
    fn choose(&mut self, which: usize) -> impl Future<Output = u64>;
}

fn run(plan: Plan, ops: u64, f: impl AsyncFnMut(u64) + 'static) -> Figures {
    let mut meter = Meter::new(plan, Clock::Cpu, ops);
    Polliwog::run(async move {
        meter.run(f).await;
        meter.finish()
    })
}

/// Two tasks send each other a number.
pub fn trip<P: Pipe>(plan: Plan) -> Figures {
    run(plan, 200_000, async |ops| {
        let ((mut to, mut their), (mut back, mut own)) = (P::pipe(1), P::pipe(1));
        let group = Group::new(2);
        let (first, second) = (group.clone(), group.clone());
        Polliwog::detach(async move {
            for number in 0..ops {
                P::send(&mut to, number).await;
                P::recv(&mut own).await;
            }
            first.leave();
        });
        Polliwog::detach(async move {
            for _ in 0..ops {
                let number = P::recv(&mut their).await;
                P::send(&mut back, number).await;
            }
            second.leave();
        });
        group.wait().await;
    })
}

/// One task hands the other an end to answer by.
pub fn trip_once<O: Once>(plan: Plan) -> Figures {
    run(plan, 200_000, async |ops| {
        let asked = Rc::new((Cell::new(None), Notify::default()));
        let group = Group::new(2);
        let (first, second) = (group.clone(), group.clone());
        let theirs = asked.clone();
        Polliwog::detach(async move {
            for _ in 0..ops {
                let (tx, rx) = O::once();
                asked.0.set(Some(tx));
                asked.1.notify();
                O::recv(rx).await;
            }
            first.leave();
        });
        Polliwog::detach(async move {
            for number in 0..ops {
                theirs.1.wait().await;
                O::send(theirs.0.take().unwrap(), number);
            }
            second.leave();
        });
        group.wait().await;
    })
}

/// Some tasks send, one receives.
pub fn throughput<P: Many>(plan: Plan, capacity: usize, senders: u64) -> Figures {
    run(plan, 400_000, async move |ops| {
        let (tx, mut rx) = P::pipe(capacity);
        let each = ops / senders;
        let group = Group::new(1);
        let done = group.clone();
        for _ in 0..senders {
            let mut tx = P::sender(&tx);
            Polliwog::detach(async move {
                for number in 0..each {
                    P::send(&mut tx, number).await;
                    // What is unbounded must not grow without a bound.
                    if number % 64 == 63 {
                        Yield::default().await;
                    }
                }
            });
        }
        Polliwog::detach(async move {
            for _ in 0..each * senders {
                P::recv(&mut rx).await;
            }
            done.leave();
        });
        group.wait().await;
        drop(tx);
    })
}

/// Some tasks go in and out of a section.
pub fn section<S: Section>(plan: Plan, tasks: u64) -> Figures {
    let ops = if tasks == 1 { 1_000_000 } else { 200_000 };
    run(plan, ops, async move |ops| {
        let section = Rc::new(S::section());
        let group = Group::new(tasks);
        for _ in 0..tasks {
            let (section, group) = (section.clone(), group.clone());
            Polliwog::detach(async move {
                for _ in 0..ops / tasks {
                    S::pass(&section, tasks > 1).await;
                }
                group.leave();
            });
        }
        group.wait().await;
    })
}

/// A number for each of some tasks, all of which wait for it.
pub fn broadcast<F: Fan>(plan: Plan, receivers: u64) -> Figures {
    run(plan, 200_000 / receivers, async move |ops| {
        let (mut tx, rx) = F::pipe(16);
        drop(rx);
        let group = Group::new(receivers);
        for _ in 0..receivers {
            let (mut rx, group) = (F::subscribe(&tx), group.clone());
            Polliwog::detach(async move {
                for _ in 0..ops {
                    F::recv(&mut rx).await;
                }
                group.leave();
            });
        }
        Yield::default().await;
        for number in 0..ops {
            F::send(&mut tx, number).await;
            Yield::default().await;
        }
        group.wait().await;
    })
}

/// One task chooses among `n` receivers, of which one has something.
pub fn select<C: Choice>(plan: Plan, n: usize, make: impl Fn() -> C + 'static) -> Figures {
    run(plan, 300_000, async move |ops| {
        let mut choice = make();
        for number in 0..ops as usize {
            choice.choose(number % n).await;
        }
    })
}

/// As [`trip`], with an executor on each of two threads.
pub fn threads<P: Pipe<Tx: Send, Rx: Send>>(plan: Plan) -> Figures {
    let mut meter = Meter::new(plan, Clock::Wall, 5_000);
    let ((mut to, mut their), (mut back, mut own)) = (P::pipe(1), P::pipe(1));
    let all = meter.ops() * u64::from(meter.rounds());
    let thread = std::thread::spawn(move || {
        Polliwog::run(async move {
            for _ in 0..all {
                let number = P::recv(&mut their).await;
                P::send(&mut back, number).await;
            }
        });
    });
    let figures = Polliwog::run(async move {
        meter
            .run(async |ops| {
                for number in 0..ops {
                    P::send(&mut to, number).await;
                    P::recv(&mut own).await;
                }
            })
            .await;
        meter.finish()
    });
    thread.join().unwrap();
    figures
}
