//! Histories of services that a model describes.

use std::cell::Cell;
use std::time::Duration;

use polliwog_core::time::{sleep, timeout};
use polliwog_spin::sim::fs::File;
use polliwog_spin::sim::{
    self, Builder, Endpoint, Failure, History, Model, ModelHistory, Nemesis, Reason, Report,
    Request, Simulation, explore,
};

use crate::{Done, millis};

/// Numbers for who asks, each once.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
struct Tickets(u64);

#[derive(Clone, Debug)]
struct Draw;

impl Model for Tickets {
    type Call = Draw;
    type Answer = u64;

    fn apply(&mut self, _: &Draw) -> u64 {
        self.0 += 1;
        self.0
    }
}

impl Request for Draw {
    type Response = u64;
}

/// The service, whose file has the last number. `forgets`: it is not safe there when it is given away.
async fn serve(forgets: bool) -> Done {
    let mut options = File::options();
    let file = options
        .read(true)
        .write(true)
        .create(true)
        .open("last")
        .await
        .unwrap();
    file.sync_all().await.unwrap();
    File::open("/").await.unwrap().sync_all().await.unwrap();
    let mut last = [0; 8];
    // Less than that at its first start.
    let _ = file.read_at(&mut last, 0).await;
    let given = Cell::new(u64::from_le_bytes(last));
    let endpoint = Endpoint::bind("0.0.0.0:7").await?;
    endpoint
        .serve(async |Draw, _from| {
            given.set(given.get() + 1);
            file.write_at(&given.get().to_le_bytes(), 0).await.unwrap();
            if !forgets {
                file.sync_all().await.unwrap();
            }
            given.get()
        })
        .await
}

fn test(builder: Builder, forgets: bool) -> Result<Report, Failure> {
    let nemesis = Nemesis::new("server")
        .faults(0, 3)
        .within(millis(500))
        .lasting(millis(1), millis(100))
        .crashes()
        .losses();
    let mut simulation = builder.nemesis(nemesis).build();
    simulation.host("server", move || serve(forgets));
    let history = ModelHistory::new(Tickets::default());
    for client in 0..3 {
        let history = history.clone();
        simulation.client(&format!("client-{client}"), async move {
            let endpoint = Endpoint::bind("0.0.0.0:0").await?;
            for _ in 0..10 {
                let call = history.call(Draw);
                let answer = endpoint.call("server:7", Draw);
                // What is late may have been done, or not.
                if let Ok(answer) = timeout(millis(50), answer).await {
                    call.answered(answer?);
                }
                sleep(Duration::from_micros(sim::random() % 20_000)).await;
            }
            Ok::<_, polliwog_spin::Error>(())
        });
    }
    let report = simulation.run()?;
    history.check().unwrap();
    Ok(report)
}

#[test]
fn a_service_is_compared_with_its_model() {
    explore(0..100, 2, |builder| test(builder, false)).unwrap();
    let found = explore(0..100, 2, |builder| test(builder, true))
        .found
        .unwrap();
    match &found.failure.reason {
        Reason::Test(text) => assert!(
            text.contains("not linearizable") && text.contains("Draw -> "),
            "{text}"
        ),
        other => panic!("{other:?}"),
    }
    assert!(
        found.faults.len() == 1 && found.to_string().contains("crash server"),
        "{found}"
    );
}

#[test]
fn one_that_nobody_checks_is_told() {
    let mut simulation = Simulation::new(1);
    let history = ModelHistory::new(Tickets::default());
    simulation.client("frog", async move { history.call(Draw).answered(1) });
    let failure = simulation.run().unwrap_err();
    let text = "a history was never checked: 1 operation; it was made at ";
    let Reason::Test(told) = &failure.reason else {
        panic!("{failure}");
    };
    assert!(
        told.starts_with(text) && told.contains("histories.rs:"),
        "{told}"
    );
}

#[test]
fn what_is_around_the_mark_is_shown() {
    let history = ModelHistory::new(Tickets::default());
    let told = history.clone();
    let mut simulation = Simulation::new(1);
    simulation.client("frog", async move {
        for answer in (1..=100).map(|it| if it == 60 { 7 } else { it }) {
            told.call(Draw).answered(answer);
            sleep(millis(1)).await;
        }
    });
    simulation.run().unwrap();
    let error = history.check().unwrap_err();
    assert_eq!(error.history.lines().count(), 100);
    let text = error.to_string();
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines.len(), 1 + 12 + 1 + 4, "{text}");
    let head = "59 of 100 operations can be put in order; 47 before these, 36 after them";
    assert!(lines[0].contains(head), "{text}");
    assert!(lines[13].ends_with("7  <--"), "{text}");
    assert!(
        lines[1].contains("-> 48") && lines[17].contains("-> 64"),
        "{text}"
    );
    let all = format!("{error:#}");
    assert_eq!(all.lines().count(), 101, "{all}");
}

#[test]
fn clones_are_the_same() {
    let history = ModelHistory::new(Tickets::default());
    assert!(history.is_empty());
    let mut simulation = Simulation::new(1);
    for answer in [1, 2] {
        let history = history.clone();
        simulation.client(&format!("frog-{answer}"), async move {
            sleep(millis(answer)).await;
            history.call(Draw).answered(answer);
        });
    }
    simulation.run().unwrap();
    assert_eq!((history.len(), history.clone().check()), (2, Ok(())));
    assert!(history.check_within(0).unwrap_err().given_up);
}

/// At one instant a host does one thing after the other, and hosts do things in any order.
#[test]
fn what_comes_first_at_an_instant() {
    for same in [true, false] {
        let history = History::new(0);
        let mut simulation = Simulation::new(1);
        let (writer, reader) = (history.clone(), history.clone());
        simulation.client("writer", async move {
            let write = writer.write(7);
            sleep(millis(5)).await;
            write.done();
            if same {
                writer.read().saw(0);
            }
        });
        simulation.client("reader", async move {
            sleep(millis(5)).await;
            if !same {
                reader.read().saw(0);
            }
        });
        simulation.run().unwrap();
        assert_eq!(history.check().is_err(), same);
    }
}
