//! Workers that come and go, and whole clusters, while clients check every byte. A second of it as a rule; with
//! `POLLIWOG_SOAK` as many times as much, as a factor of sixty seconds.
#![cfg(unix)]

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use polliwog_mio::cluster::{Accepting, Cluster, Outcome, PanicPolicy, Worker};

/// How long it takes, and with how many clients.
fn size() -> (Duration, usize) {
    let factor = std::env::var("POLLIWOG_SOAK").ok();
    match factor.and_then(|factor| factor.parse::<f64>().ok()) {
        Some(factor) if factor >= 1.0 => (Duration::from_secs_f64(60.0 * factor), 1000),
        _ => (Duration::from_secs(1), 50),
    }
}

/// An echo by two workers: each connection goes on elsewhere after every few answers.
fn serve(accepting: Accepting, lives: &Arc<AtomicUsize>) -> (Cluster, SocketAddr) {
    let lives = Arc::clone(lives);
    let cluster = Cluster::builder()
        .workers(3)
        .on_start(move |_| {
            lives.fetch_add(1, Ordering::SeqCst);
        })
        .on_panic(PanicPolicy::Restart { limit: usize::MAX })
        .build()
        .unwrap();
    let served = cluster.serve("127.0.0.1:0", accepting, |stream, _| async move {
        wander(stream, 0).await;
    });
    let addr = served.unwrap();
    (cluster, addr)
}

fn wander(
    stream: polliwog_mio::net::TcpStream,
    hops: usize,
) -> std::pin::Pin<Box<dyn Future<Output = ()>>> {
    Box::pin(async move {
        let mut buf = [0; 300];
        for _ in 0..4 {
            match stream.read(&mut buf).await {
                Ok(0) | Err(_) => return,
                Ok(n) => {
                    if stream.write_all(&buf[..n]).await.is_err() {
                        return;
                    }
                }
            }
        }
        let worker = Worker::current().unwrap();
        let cluster = worker.cluster();
        let next = (worker.index() + 1 + hops % 2) % cluster.workers();
        // Refused when the cluster ends: then so does the connection.
        let moved = cluster.hand_over_to(next, stream, move |stream| wander(stream, hops + 1));
        if let Ok(task) = moved {
            task.detach();
        }
    })
}

/// Sends and checks until it is told to end; counts bytes, and connections that were cut, as those of a worker
/// that starts again are.
fn client(addr: SocketAddr, seed: u8, end: &AtomicBool, bytes: &AtomicUsize, cut: &AtomicUsize) {
    let mut n = seed;
    'connect: while !end.load(Ordering::Relaxed) {
        let Ok(mut stream) = TcpStream::connect(addr) else {
            cut.fetch_add(1, Ordering::Relaxed);
            continue;
        };
        stream
            .set_read_timeout(Some(Duration::from_secs(60)))
            .unwrap();
        while !end.load(Ordering::Relaxed) {
            let sent: Vec<u8> = (0..200)
                .map(|i| n.wrapping_mul(31).wrapping_add(i))
                .collect();
            n = n.wrapping_add(1);
            let mut back = vec![0; sent.len()];
            let done = stream
                .write_all(&sent)
                .and_then(|()| stream.read_exact(&mut back));
            match done {
                Ok(()) => assert_eq!(back, sent),
                Err(error) => {
                    assert_ne!(
                        error.kind(),
                        std::io::ErrorKind::WouldBlock,
                        "nobody answers"
                    );
                    cut.fetch_add(1, Ordering::Relaxed);
                    continue 'connect;
                }
            }
            bytes.fetch_add(sent.len(), Ordering::Relaxed);
        }
    }
}

#[test]
fn workers_come_and_go_and_every_byte_is_right() {
    let (time, clients) = size();
    for accepting in [Accepting::EachWorker, Accepting::OneForAll] {
        let lives = Arc::new(AtomicUsize::new(0));
        let (cluster, addr) = serve(accepting, &lives);
        let end = Arc::new(AtomicBool::new(false));
        let counts = Arc::new([AtomicUsize::new(0), AtomicUsize::new(0)]);
        let threads: Vec<_> = (0..clients)
            .map(|seed| {
                let (end, counts) = (Arc::clone(&end), Arc::clone(&counts));
                thread::Builder::new()
                    .stack_size(256 << 10)
                    .spawn(move || client(addr, seed as u8, &end, &counts[0], &counts[1]))
                    .unwrap()
            })
            .collect();
        // One worker after the other starts again.
        let until = Instant::now() + time / 2;
        let mut restarts = 0;
        while Instant::now() < until || restarts < 3 {
            thread::sleep(Duration::from_millis(100));
            let once = AtomicBool::new(true);
            let victim = restarts % 3;
            let panics = move |worker: Worker| {
                let mine = worker.index() == victim && once.swap(false, Ordering::Relaxed);
                async move { assert!(!mine, "it goes") }
            };
            cluster.run(panics).unwrap();
            restarts += 1;
        }
        let until = Instant::now() + Duration::from_secs(60);
        while lives.load(Ordering::SeqCst) < 3 + restarts {
            assert!(Instant::now() < until, "a worker does not start again");
            thread::sleep(Duration::from_millis(1));
        }
        let before = counts[0].load(Ordering::Relaxed);
        let goes_on = Instant::now();
        while counts[0].load(Ordering::Relaxed) == before {
            assert!(
                goes_on.elapsed() < Duration::from_secs(60),
                "it has stopped"
            );
            thread::sleep(Duration::from_millis(1));
        }
        end.store(true, Ordering::Relaxed);
        threads
            .into_iter()
            .for_each(|thread| thread.join().unwrap());
        cluster.shutdown();
        let reports = cluster.join();
        assert!(
            reports
                .iter()
                .all(|report| matches!(report.outcome, Outcome::Stopped))
        );
        let restarted: usize = reports.iter().map(|report| report.restarts).sum();
        assert_eq!(restarted, restarts);
        assert!(counts[0].load(Ordering::Relaxed) > 0);
    }
}
