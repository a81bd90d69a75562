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
fn check(lines: Result<Vec<String>, Box<dyn std::error::Error>>, expected: &[&str]) {
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
