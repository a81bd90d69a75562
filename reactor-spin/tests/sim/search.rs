//! `explore`: seeds, shrinking, stories.

use std::cell::Cell;
use std::rc::Rc;
use std::sync::atomic::{AtomicU64, Ordering};

use polliwog_core::time::{sleep, timeout};
use polliwog_spin::net::{TcpListener, TcpStream};
use polliwog_spin::sim::{
    self, Builder, Failure, FaultKind, Nemesis, Reason, Report, Simulation, Strategy, explore, fs,
};

use crate::{millis, secs};

/// A run that fails only once is told all the same.
#[test]
fn what_does_not_fail_again_is_told() {
    for guided in [false, true] {
        let runs = AtomicU64::new(0);
        let test = |builder: Builder| {
            let number = runs.fetch_add(1, Ordering::Relaxed);
            let mut simulation = builder.build();
            simulation.client("frog", async move { assert_ne!(number, 20, "once") });
            simulation.run()
        };
        let exploration = match guided {
            false => explore(0..100, 1, test),
            true => sim::explore_guided(0..100, 1, test),
        };
        assert_eq!(exploration.tried, 21);
        let text = exploration.found.unwrap().to_string();
        assert!(
            text.contains("once") && text.contains("not repeatable"),
            "{text}"
        );
    }
}

/// A server that counts its clients, in memory or in a file; and a client that finds out whether it forgets.
fn counter(builder: Builder, synced: bool) -> Result<Report, Failure> {
    let nemesis = Nemesis::new("server")
        .faults(0, 6)
        .within(secs(10))
        .crashes()
        .pauses()
        .clock_jumps(secs(1));
    let mut simulation = builder.nemesis(nemesis).build();
    simulation.host("server", move || async move {
        let mut count = fs::read("count")
            .await
            .ok()
            .and_then(|bytes| bytes.first().copied())
            .unwrap_or(0);
        let listener = TcpListener::bind("0.0.0.0:7").await.unwrap();
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            count += 1;
            let mut file = fs::File::create("new").await.unwrap();
            file.write_all(&[count]).await.unwrap();
            if synced {
                file.sync_all().await.unwrap();
                fs::rename("new", "count").await.unwrap();
                file.sync_all().await.unwrap();
            } else {
                fs::rename("new", "count").await.unwrap();
            }
            stream.write_all(&[count]).await.ok();
        }
    });
    let last = Rc::new(Cell::new(0));
    simulation.client("client", async move {
        for _ in 0..40 {
            let attempt = async {
                let stream = TcpStream::connect("server:7").await?;
                let mut count = [0];
                stream.read_exact(&mut count).await?;
                Ok::<u8, polliwog_spin::Error>(count[0])
            };
            if let Ok(Ok(count)) = timeout(millis(500), attempt).await {
                assert!(
                    count > last.get(),
                    "it forgets: {count} after {}",
                    last.get()
                );
                last.set(count);
            }
            sleep(millis(200)).await;
        }
    });
    simulation.run()
}

#[test]
fn a_missing_sync_is_found_and_its_story_is_short() {
    let exploration = explore(0..200, 2, |builder| counter(builder, false));
    let found = exploration.found.expect("nothing was found");
    assert!(exploration.tried <= 100, "only after {}", exploration.tried);
    assert!(matches!(&found.failure.reason, Reason::Panic(text) if text.contains("it forgets")));
    // One crash is enough; pauses and jumps are left out.
    assert_eq!(found.faults.len(), 1, "{found}");
    assert!(
        matches!(found.faults[0].kind, FaultKind::Crash(_)),
        "{found}"
    );
    let story = found.to_string();
    for part in [
        "crash server",
        "server        crashes",
        "POLLIWOG_SIM_SEED=",
        "it forgets",
    ] {
        assert!(story.contains(part), "{part}: {story}");
    }
    let schedule = found.schedule();
    assert!(
        schedule.contains(&format!("\nseed {}\n", found.seed))
            && schedule.contains(": crash server\n")
    );
    let page = found.page();
    assert!(
        page.starts_with("<!doctype html>")
            && page.contains(">server</text>")
            && page.contains("class=down")
    );
    assert!(
        !page.contains("http://") || page.matches("http").count() == 1,
        "nothing is loaded"
    );
}

/// A crash at any time is noticed by a client that looks ten times a second.
fn watched(builder: Builder) -> Result<Report, Failure> {
    let nemesis = Nemesis::new("server")
        .faults(1, 1)
        .within(secs(60))
        .lasting(secs(1), secs(2))
        .crashes();
    let mut simulation = builder.nemesis(nemesis).build();
    simulation.host("server", std::future::pending::<()>);
    simulation.client("client", async {
        for _ in 0..700 {
            sleep(millis(100)).await;
            assert!(sim::control().is_up("server"), "it is down");
        }
    });
    simulation.run()
}

#[test]
fn a_failure_is_made_to_happen_sooner() {
    let found = explore(0..1, 1, watched).found.expect("a crash is seen");
    let strategy = Strategy::of_seed(found.seed);
    let builder = Simulation::builder(found.seed).strategy(strategy);
    let at_first = watched(builder).unwrap_err().at;
    assert!(found.failure.at * 10 < at_first, "{at_first:?}, {found}");
}

#[test]
fn with_the_sync_nothing_is_found() {
    let exploration = explore(0..300, 2, |builder| counter(builder, true));
    assert_eq!(exploration.tried, 300);
    exploration.unwrap();
}

#[test]
fn a_tests_own_panic_is_a_failure_too() {
    let exploration = explore(5..9, 1, |builder| {
        assert!(builder.seed() < 7, "seven");
        builder.build().run()
    });
    let found = exploration.found.unwrap();
    assert_eq!((found.seed, exploration.tried), (7, 3));
    assert_eq!(found.failure.reason, Reason::Test("seven".into()));
}
