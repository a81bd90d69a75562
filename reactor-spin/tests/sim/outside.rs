//! Real threads, where a program says that it waits for them.

use std::cell::Cell;
use std::future::pending;
use std::rc::Rc;
use std::thread;
use std::time::Duration;

use polliwog_core::sync::oneshot;
use polliwog_core::time::sleep;
use polliwog_spin::sim::{self, Reason, Simulation};

use crate::{millis, run, secs};

/// So long nothing takes that does not hang.
const PATIENCE: Duration = Duration::from_secs(60);

/// The answer of a real thread, after a real while.
async fn answer() -> u32 {
    let (sender, receiver) = oneshot::channel();
    let thread = thread::spawn(move || {
        thread::sleep(millis(20));
        sender.send(7).unwrap();
    });
    let answer = sim::outside(PATIENCE, receiver).await.unwrap();
    thread.join().unwrap();
    answer
}

#[test]
fn no_virtual_time_passes_while_a_thread_is_waited_for() {
    let mut simulation = Simulation::new(1);
    let others = Rc::new(Cell::new(0));
    let counts = others.clone();
    simulation.client("other", async move {
        for count in 1..4 {
            sleep(millis(5)).await;
            counts.set(count);
        }
    });
    simulation.client("client", async move {
        for count in 0..3 {
            let began = sim::control().elapsed();
            assert_eq!(answer().await, 7);
            assert_eq!(sim::control().elapsed(), began);
            assert_eq!(others.get(), count);
            sleep(millis(6)).await;
        }
    });
    assert_eq!(run(simulation).elapsed, millis(18));
}

#[test]
fn nobody_is_waited_for_for_ever() {
    let mut simulation = Simulation::new(1);
    simulation.client("client", sim::outside(millis(1), pending::<()>()));
    simulation.client("other", sleep(secs(1)));
    let failure = simulation.run().unwrap_err();
    let waiting = ["client", "other"].map(Into::into);
    assert_eq!(failure.reason, Reason::Stalled(waiting.into()));
    let text = failure.to_string();
    for told in ["sim::outside", "1ms", "client, other", "left:\n"] {
        assert!(text.contains(told), "{text}");
    }
    // Others have timers.
    assert!(!text.contains("no timer is set"), "{text}");
    let mut simulation = Simulation::new(1);
    simulation.client("client", pending::<()>());
    let text = simulation.run().unwrap_err().to_string();
    assert!(
        text.contains("no timer is set") && !text.contains("outside`"),
        "{text}"
    );
}

#[test]
fn a_host_that_does_nothing_holds_back_nobody() {
    for stop in ["pause", "crash"] {
        let mut simulation = Simulation::new(1);
        simulation.host("waits", || sim::outside(PATIENCE, pending::<()>()));
        simulation.client("client", async move {
            match stop {
                "pause" => sim::control().pause("waits"),
                _ => sim::control().crash("waits"),
            }
            sleep(secs(1)).await;
        });
        assert_eq!(run(simulation).elapsed, secs(1), "{stop}");
    }
}

#[test]
fn threads_that_nobody_waits_for_are_an_error_still() {
    let mut simulation = Simulation::new(1);
    simulation.client("client", async {
        assert_eq!(answer().await, 7);
        let (sender, receiver) = oneshot::channel();
        let thread = thread::spawn(move || sender.send(7));
        // It has sent, but nobody has waited yet; so this one is no wake.
        thread.join().unwrap().unwrap();
        assert_eq!(receiver.await, Ok(7));
        let (sender, receiver) = oneshot::channel::<u32>();
        let thread = thread::spawn(move || {
            thread::sleep(millis(20));
            let _ = sender.send(7);
        });
        let spins = async {
            while !thread.is_finished() {
                thread::sleep(millis(1));
                polliwog_core::yield_now().await;
            }
        };
        let _ = polliwog_core::join!(receiver, spins);
    });
    let failure = simulation.run().unwrap_err();
    assert!(
        matches!(failure.reason, Reason::ForeignThread { .. }),
        "{failure}"
    );
}

#[test]
fn without_a_simulation_it_is_the_future() {
    let outside = sim::outside(PATIENCE, async { 7 });
    assert_eq!(polliwog_spin::block_on(outside), 7);
}
