//! Tasks: spawned from outside, in great number, of unequal size.

use std::time::{Duration, Instant};

use super::{Taken, cluster, compute, thread_cpu_nanos, timed, tokio_runtime};
use crate::meter::cpu_nanos;

const SPAWNS: u64 = 100_000;

/// Spawns and joins; the spawning alone is measured by itself.
fn spawns<H>(mut spawn: impl FnMut() -> H, mut join: impl FnMut(Vec<H>)) -> Taken {
    let mut spent = 0;
    let (start, all) = (Instant::now(), cpu_nanos());
    // In parts, so that queues do not overflow.
    for _ in 0..SPAWNS / 10_000 {
        let start = thread_cpu_nanos();
        let handles = (0..10_000).map(|_| spawn()).collect();
        spent += thread_cpu_nanos() - start;
        join(handles);
    }
    let (wall, all) = (start.elapsed().as_nanos() as u64, cpu_nanos() - all);
    let per = |nanos: u64| nanos as f64 / SPAWNS as f64;
    vec![per(spent), per(all), per(wall)]
}

pub fn spawn_and_wait() -> Taken {
    let cluster = cluster(2);
    spawns(
        || cluster.spawn(async {}).expect("room"),
        |handles| {
            handles
                .into_iter()
                .for_each(|handle| handle.wait().expect("an end"))
        },
    )
}

/// Joined by a `block_on`, as tokio's are.
pub fn spawn_ours() -> Taken {
    let cluster = cluster(2);
    spawns(
        || cluster.spawn(async {}).expect("room"),
        |handles| {
            polliwog_mio::block_on(async {
                for handle in handles {
                    handle.await.expect("an end");
                }
            })
        },
    )
}

pub fn spawn_tokio() -> Taken {
    let runtime = tokio_runtime(2);
    spawns(
        || runtime.spawn(async {}),
        |handles| {
            runtime.block_on(async {
                for handle in handles {
                    handle.await.expect("an end");
                }
            })
        },
    )
}

const SMALL: Duration = Duration::from_micros(10);
const LARGE: Duration = Duration::from_millis(1);

pub fn fan_out_ours() -> Taken {
    let cluster = cluster(2);
    timed(|| {
        for _ in 0..10 {
            let tasks = (0..10_000).map(|_| cluster.spawn(async { compute(SMALL) }).expect("room"));
            let tasks: Vec<_> = tasks.collect();
            tasks
                .into_iter()
                .for_each(|task| task.wait().expect("an end"));
        }
    })
}

pub fn fan_out_tokio() -> Taken {
    let runtime = tokio_runtime(2);
    timed(|| {
        for _ in 0..10 {
            let tasks: Vec<_> = (0..10_000)
                .map(|_| runtime.spawn(async { compute(SMALL) }))
                .collect();
            runtime.block_on(async {
                for task in tasks {
                    task.await.expect("an end");
                }
            });
        }
    })
}

/// Tasks of which every hundredth takes a hundred times as long.
fn size(n: usize) -> Duration {
    if n % 100 == 0 { LARGE } else { SMALL }
}

pub fn skewed_ours() -> Taken {
    let cluster = cluster(2);
    let handle = cluster.handle();
    timed(|| {
        let all = async move {
            let tasks = (0..10_000).map(|n| handle.spawn(async move { compute(size(n)) }));
            let tasks: Vec<_> = tasks.collect();
            for task in tasks {
                task.expect("room").await.expect("an end");
            }
        };
        cluster
            .spawn_on(0, all)
            .expect("room")
            .wait()
            .expect("an end");
    })
}

pub fn skewed_tokio() -> Taken {
    let runtime = tokio_runtime(2);
    timed(|| {
        let all = runtime.spawn(async {
            let tasks: Vec<_> = (0..10_000)
                .map(|n| tokio::spawn(async move { compute(size(n)) }))
                .collect();
            for task in tasks {
                task.await.expect("an end");
            }
        });
        runtime.block_on(all).expect("an end");
    })
}
