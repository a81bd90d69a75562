//! Jobs that wait for jobs: a program of its own, since there is one pool for each process.

use std::sync::{Arc, Barrier, mpsc};
use std::time::Duration;

use polliwog_core::time::sleep;
use polliwog_core::{Handle, SpawnErrorKind};
use polliwog_mio::{block_on, blocking, fs, spawn_blocking};

const THREADS: usize = 2;

/// So deep that each of the pool's threads waits for another job, several times over.
fn descend(depth: usize) -> usize {
    // It finds nothing of the job that waits for it.
    let refused = polliwog_mio::spawn(async {}).unwrap_err();
    assert_eq!(refused.kind(), SpawnErrorKind::NoExecutor);
    if depth == 0 {
        return 0;
    }
    block_on(async move {
        // A task and a timer of the job's own runtime go on meanwhile.
        let task = polliwog_mio::spawn(sleep(Duration::from_micros(1))).unwrap();
        let below = spawn_blocking(move || descend(depth - 1)).await.unwrap();
        task.await.unwrap();
        below + 1
    })
}

#[test]
fn jobs_that_wait_for_jobs_end() {
    blocking::set_max_threads(THREADS);

    // Each of them waits for a file when all of them are there.
    let meet = Arc::new(Barrier::new(THREADS));
    let jobs: Vec<_> = (0..THREADS)
        .map(|_| {
            let meet = Arc::clone(&meet);
            spawn_blocking(move || {
                meet.wait();
                let program = std::env::current_exe().unwrap();
                block_on(fs::metadata(program)).unwrap().len()
            })
        })
        .collect();
    for job in jobs {
        assert!(block_on(job).unwrap() > 0);
    }

    // The same without a handle: by a channel.
    let meet = Arc::new(Barrier::new(THREADS));
    let jobs: Vec<_> = (0..THREADS)
        .map(|number| {
            let meet = Arc::clone(&meet);
            spawn_blocking(move || {
                meet.wait();
                let (send, receive) = mpsc::channel();
                drop(spawn_blocking(move || send.send(number)));
                receive.recv().unwrap()
            })
        })
        .collect();
    for (number, job) in jobs.into_iter().enumerate() {
        assert_eq!(block_on(job).unwrap(), number);
    }

    // Deeper than there are threads, and more of them.
    let jobs: Vec<_> = (0..3 * THREADS)
        .map(|_| spawn_blocking(|| descend(5 * THREADS)))
        .collect();
    for job in jobs {
        assert_eq!(block_on(job).unwrap(), 5 * THREADS);
    }

    // A job that is split into many.
    let sum = spawn_blocking(|| {
        let parts: Vec<_> = (0..500_u32).map(|n| spawn_blocking(move || n)).collect();
        let mut sum = 0;
        for part in parts {
            sum += block_on(part).unwrap();
        }
        sum
    });
    assert_eq!(block_on(sum).unwrap(), 500 * 499 / 2);

    // Whoever runs it, a job knows the runtime that it comes from.
    let (task, home) = block_on(async {
        let home = Handle::current().unwrap();
        let task = spawn_blocking(|| {
            let inner = spawn_blocking(|| {
                // Not this one's.
                block_on(async {
                    assert_ne!(Handle::current(), None);
                });
                Handle::current()
            });
            let found = block_on(inner).unwrap();
            assert_eq!(found, Handle::current());
            found.unwrap()
        });
        (task.await.unwrap(), home)
    });
    assert_eq!(task, home);
}
