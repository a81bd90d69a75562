//! Seeds: the same one gives the same run, different ones give different runs.
#![cfg(feature = "std")]

use std::cell::RefCell;
use std::collections::HashSet;
use std::panic::catch_unwind;
use std::rc::Rc;
use std::time::Duration;

use polliwog_spin::Runtime;
use polliwog_spin::net::{TcpListener, TcpStream};
use polliwog_spin::time::sleep;

/// Who did what when, as text.
fn trace(seed: u64) -> String {
    let runtime = Runtime::new(seed);
    let clock = runtime.clock().clone();
    let log = Rc::new(RefCell::new(String::new()));
    let note = {
        let log = log.clone();
        move |what: &str| {
            use polliwog_spin::Clock;
            log.borrow_mut()
                .push_str(&format!("{:?} {what}\n", clock.now()));
        }
    };
    runtime.block_on(async {
        let listener = TcpListener::bind("10.0.0.1:0").await.unwrap();
        let addr = listener.local_addr().unwrap();
        let clients: Vec<_> = (0..5)
            .map(|number| {
                let note = note.clone();
                polliwog_spin::spawn(async move {
                    sleep(Duration::from_millis(10)).await;
                    let stream = TcpStream::connect(addr).await.unwrap();
                    note(&format!(
                        "client {number} from {}",
                        stream.local_addr().unwrap()
                    ));
                    stream.write_all(&[number]).await.unwrap();
                })
                .unwrap()
            })
            .collect();
        for _ in 0..5 {
            let (stream, peer) = listener.accept().await.unwrap();
            let mut buf = [0];
            stream.read_exact(&mut buf).await.unwrap();
            note(&format!("server got {} from {peer}", buf[0]));
        }
        for client in clients {
            client.await.unwrap();
        }
    });
    log.take()
}

#[test]
fn the_same_seed_gives_the_same_run() {
    for seed in 0..10 {
        assert_eq!(trace(seed), trace(seed));
    }
}

#[test]
fn seeds_differ() {
    let runs: HashSet<_> = (0..20).map(trace).collect();
    assert!(
        runs.len() > 5,
        "20 seeds gave {} different runs",
        runs.len()
    );
}

#[test]
fn test_runs_the_body_and_passes_panics_on() {
    assert_eq!(polliwog_spin::test(3, async { 4 }), 4);
    let panicked = catch_unwind(|| polliwog_spin::test(3, async { panic!("as planned") }));
    assert!(panicked.is_err());
    let mut seen = Vec::new();
    polliwog_spin::test_seeds(0..3, |seed| {
        seen.push(seed);
        async {}
    });
    assert_eq!(seen, [0, 1, 2]);
}
