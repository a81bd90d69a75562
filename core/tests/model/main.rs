//! Random programs on the executor and on a specification that is plain data: the same program
//! gives the same trace on both, event by event.
//!
//! A program is a list of scripts, one per task, and a list of things that happen outside:
//! turns, time passing, wakes and aborts from this thread and from others, handles dropped and
//! joined; at the end the executor is dropped. What a task can do is [`program::Step`].
//!
//! * `POLLIWOG_SOAK=n` multiplies the number of random programs by n; 500 take about an hour.
//! * With feature `std` panics stay inside tasks; without, they pass through the run loop. Both
//!   are specified. Builds without `alloc` keep futures in the pool, whose limits are, too.

mod program;
mod real;
#[cfg(not(lean))]
mod spec;

use program::Program;
use proptest::prelude::*;

fn cases() -> ProptestConfig {
    let soak: f64 = std::env::var("POLLIWOG_SOAK")
        .map_or(1.0, |n| n.parse().expect("POLLIWOG_SOAK is a number"));
    ProptestConfig {
        failure_persistence: None,
        max_shrink_iters: 20_000,
        ..ProptestConfig::with_cases(if cfg!(miri) {
            1
        } else {
            (1500.0 * soak) as u32
        })
    }
}

#[cfg(not(lean))]
proptest! {
    #![proptest_config(cases())]

    #[test]
    fn the_executor_does_what_the_specification_says(program in Program::any()) {
        let real = real::run(&program, 0);
        prop_assert_eq!(real, spec::run(&program));
    }
}

#[cfg(feature = "std")]
proptest! {
    #![proptest_config(cases())]

    /// In whichever order tasks are polled: nothing is lost or done twice, and the same seed
    /// gives the same trace.
    #[test]
    fn any_order_is_fair_and_can_be_repeated(program in Program::any(), seed in 1..u64::MAX) {
        let trace = real::run(&program, seed);
        prop_assert_eq!(&trace, &real::run(&program, seed));
        program::check(&trace);
    }
}

// The executor for microcontrollers polls in another order, which depends on the wakes that a
// former executor on the same slots has left, and may poll an aborted task once more: not
// specified event by event.
#[cfg(lean)]
proptest! {
    #![proptest_config(cases())]

    #[test]
    fn nothing_is_lost_or_done_twice(program in Program::any()) {
        program::check(&real::run(&program, 0));
    }
}
