//! Timers.

use std::pin::{Pin, pin};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use crate::meter::{Clock, Figures, Meter, Plan, percentile};
use crate::rt::Time;

/// Polls a future once, in the present task's context.
async fn poll_once<F: Future>(future: Pin<&mut F>) {
    let mut future = future;
    std::future::poll_fn(|cx| {
        assert!(future.as_mut().poll(cx).is_pending());
        Poll::Ready(())
    })
    .await;
}

/// Deadlines between 30 and 60 seconds ahead, in no order.
fn far(i: u64) -> Duration {
    Duration::from_millis(30_000 + i.wrapping_mul(7919) % 30_000)
}

/// Creates, polls and drops one timer, `others` being alive meanwhile.
pub fn one_of<R: Time>(plan: Plan, others: u64) -> Figures {
    let mut meter = Meter::new(plan, Clock::Cpu, 200_000);
    R::run(async move {
        let mut alive: Vec<_> = (0..others).map(|i| Box::pin(R::sleep(far(i)))).collect();
        for sleep in &mut alive {
            poll_once(sleep.as_mut()).await;
        }
        meter
            .run(async |ops| {
                for i in 0..ops {
                    let sleep = pin!(R::sleep(far(i)));
                    poll_once(sleep).await;
                }
            })
            .await;
        meter.finish()
    })
}

/// Creates and polls 100 000 timers, then drops them.
pub fn many<R: Time>(plan: Plan) -> Figures {
    let mut meter = Meter::new(plan, Clock::Cpu, 100_000);
    R::run(async move {
        let mut alive = Vec::with_capacity(meter.ops() as usize);
        meter
            .run(async |ops| {
                std::future::poll_fn(|cx: &mut Context<'_>| {
                    for i in 0..ops as usize {
                        alive.push(R::sleep(far(i as u64)));
                        // SAFETY: the vector has room for all, and is only ever cleared.
                        let sleep = unsafe { Pin::new_unchecked(&mut alive[i]) };
                        assert!(sleep.poll(cx).is_pending());
                    }
                    alive.clear();
                    Poll::Ready(())
                })
                .await;
            })
            .await;
        meter.finish()
    })
}

/// 100 000 tasks that sleep for 1 to 100 ms.
pub fn fire<R: Time>(plan: Plan) -> Figures {
    let mut meter = Meter::new(plan, Clock::Cpu, 100_000);
    R::run(async move {
        let mut handles = Vec::with_capacity(meter.ops() as usize);
        meter
            .run(async |ops| {
                for i in 0..ops {
                    let duration = Duration::from_micros(1000 + i.wrapping_mul(7919) % 99_000);
                    handles.push(R::spawn(async move {
                        R::sleep(duration).await;
                        i
                    }));
                }
                for handle in handles.drain(..) {
                    handle.await;
                }
            })
            .await;
        meter.finish()
    })
}

/// How much too late `sleep(100 µs)` ends.
pub fn overshoot<R: Time>(plan: Plan) -> Figures {
    let meter = Meter::new(plan, Clock::Cpu, 500);
    R::run(async move {
        let duration = Duration::from_micros(100);
        let mut late = Vec::new();
        for _ in 0..meter.ops() {
            let start = Instant::now();
            R::sleep(duration).await;
            late.push((start.elapsed() - duration).as_nanos() as f64 / 1000.0);
        }
        late.sort_by(f64::total_cmp);
        let mut figures = Figures::new();
        figures.insert("p50_us", percentile(&late, 0.50));
        figures.insert("p99_us", percentile(&late, 0.99));
        figures
    })
}
