//! The examples of tasks that work together, on mio and on spin.
#![cfg(all(feature = "spin", feature = "std"))]

/// The modules of examples, whose `main` nobody calls, and what each prints.
macro_rules! examples {
    ($($name:ident $file:literal: $lines:expr;)*) => {
        $(
            #[path = $file]
            #[allow(dead_code)]
            mod $name;
        )*

        mod on_mio {
            $(
                #[cfg(feature = "mio")]
                #[test]
                fn $name() {
                    super::check(polliwog::mio::block_on(super::$name::example()), &$lines);
                }
            )*
        }

        mod on_spin {
            $(
                #[test]
                fn $name() {
                    for seed in 0..5 {
                        let lines = polliwog::spin::test(seed, super::$name::example());
                        super::check(lines, &$lines);
                    }
                }
            )*
        }
    };
}

#[track_caller]
fn check<E: std::fmt::Debug>(lines: Result<Vec<String>, E>, expected: &[&str]) {
    assert_eq!(lines.unwrap(), expected);
}

examples! {
    actor "../examples/actor.rs": ["sum: 250", "the actor has ended with 250"];
    graceful_shutdown "../examples/graceful-shutdown.rs":
        ["signal: shutting down", "all work has ended", "lost: 0"];
    select_loop "../examples/select-loop.rs": ["square: Some(1)", "square: Some(4)", "square: Some(9)", "stopped"];
    shared_state "../examples/shared-state.rs":
        ["a cell: 100", "a lock: 100", "several locks: 100"];
    chat "../examples/chat.rs":
        ["Ada has heard 20 messages", "Grace has heard 20 messages", "Linus has missed some"];
    rate_limit "../examples/rate-limit.rs":
        ["at most 3 at once", "ten took six periods or more"];
    supervisor "../examples/supervisor.rs": [
        "attempt 1: no connection",
        "attempt 2: panicked",
        "attempt 3: ended well",
        "attempt 1: no connection",
        "attempt 2: no connection",
        "given up: failed too often",
    ];
}

#[path = "../examples/blocking-client.rs"]
#[allow(dead_code)]
mod blocking_client;

/// On mio: in virtual time a thread beside the runtime does nothing that would keep it from being stalled.
#[test]
#[cfg(feature = "mio")]
fn a_blocking_client_works_in_three_ways() {
    let lines = blocking_client::program::example().unwrap();
    assert_eq!(lines, ["inside: 6", "beside: 20", "for one call: 4"]);
}

/// What a user's `select!`s choose, and what comes of it, under one seed.
fn trace(seed: u64) -> Vec<(usize, u32)> {
    use polliwog::sync::local::{mpsc, oneshot};
    use polliwog::time::sleep_millis;

    polliwog::spin::test(seed, async {
        let (sender, mut receiver) = mpsc::channel(2);
        let mut trace = Vec::new();
        for task in 0..3 {
            let sender = sender.clone();
            let work = async move {
                for number in 0..4 {
                    sleep_millis(1).await;
                    sender.send(10 * task + number).await.unwrap();
                }
            };
            polliwog::spawn(work).unwrap().detach();
        }
        drop(sender);
        let (stop, mut stopped) = oneshot::channel::<u32>();
        let mut stop = Some(stop);
        loop {
            polliwog::select! {
                Some(number) = receiver.recv() => trace.push((0, number)),
                () = sleep_millis(1) => trace.push((1, 0)),
                Ok(last) = &mut stopped => {
                    trace.push((2, last));
                    break;
                }
            }
            if trace.len() == 30 {
                let _ = stop.take().map(|stop| stop.send(7));
            }
            if trace.len() > 200 {
                break;
            }
        }
        trace
    })
}

#[test]
fn a_select_makes_the_same_choices_under_the_same_seed_a_thousand_times() {
    let first = trace(7);
    for _ in 0..1000 {
        assert_eq!(trace(7), first);
    }
    assert!((8..30).any(|seed| trace(seed) != first));
}
