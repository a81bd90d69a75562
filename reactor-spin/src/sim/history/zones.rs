//! Decides of registers whose values are all written once, without looking through orders: Gibbons and Korach, Testing
//! Shared Memories (SIAM Journal on Computing 26(4), 1997).
//!
//! A write and the reads of its value come one after the other in any order that there is, with no other write between. So of
//! two values one comes first; it has to be the one of which some operation ended before one of the other began. If both
//! have to be, there is no order; and if no two are so, there is one.

use alloc::vec::Vec;

use super::{Op, Use};
use crate::sim::history::log::Moment;

/// A moment as a number; before all of them is 0, after them [`NEVER`].
type Time = u128;

const NEVER: Time = Time::MAX;

/// Whatever hosts do at one instant happens at once.
fn at_once(moment: Moment) -> Time {
    moment.at.as_nanos() + 1
}

/// What is done at one instant is done in the order in which it was told, which says more than anybody knows of two hosts.
fn in_order(moment: Moment) -> Time {
    at_once(moment) << 64 | Time::from(moment.order)
}

/// The operations on one value.
struct Cluster {
    /// When the write was called.
    written: Time,
    /// The first end of one of them, and the last beginning.
    first_end: Time,
    last_start: Time,
    /// The first end of a read.
    first_read: Time,
}

/// Whether there is an order, if that can be told: no value may be written twice, nor be the `first` one.
pub(super) fn decide<T: PartialEq>(first: &T, calls: &[Use<T>]) -> Option<bool> {
    let writes = || {
        (0..).zip(calls).filter_map(|(at, call)| match &call.call {
            Op::Write(value) => Some((at, value)),
            Op::Read => None,
        })
    };
    let is_written_twice = |(at, value): (usize, &T)| {
        value == first
            || writes()
                .take_while(|(other, _)| *other < at)
                .any(|(_, other)| other == value)
    };
    if writes().any(is_written_twice) {
        return None;
    }
    let values: Vec<&T> = writes().map(|(_, value)| value).collect();
    // 0 is the first value, which was written before all.
    let mut of = Vec::new();
    for call in calls {
        let value = match (&call.call, &call.answer) {
            (Op::Write(value), _) | (Op::Read, Some((_, Some(value)))) => value,
            (Op::Read, _) => continue,
        };
        let place = values.iter().position(|written| *written == value);
        match place {
            Some(place) => of.push((call, place + 1)),
            None if value == first => of.push((call, 0)),
            // Nobody has written that.
            None => return Some(false),
        }
    }
    let count = values.len() + 1;
    if is_ordered(&clusters(&of, count, in_order)) {
        return Some(true);
    }
    // What has no order when less is asked for has none.
    match is_ordered(&clusters(&of, count, at_once)) {
        true => None,
        false => Some(false),
    }
}

fn clusters<T>(of: &[(&Use<T>, usize)], count: usize, time: fn(Moment) -> Time) -> Vec<Cluster> {
    let mut clusters: Vec<Cluster> = (0..count)
        .map(|place| Cluster {
            written: 0,
            first_end: if place == 0 { 0 } else { NEVER },
            last_start: 0,
            first_read: NEVER,
        })
        .collect();
    for (call, place) in of {
        let cluster = &mut clusters[*place];
        let start = time(call.called);
        let end = call
            .answer
            .as_ref()
            .map_or(NEVER, |(moment, _)| time(*moment));
        cluster.first_end = cluster.first_end.min(end);
        cluster.last_start = cluster.last_start.max(start);
        match call.call {
            Op::Write(_) => cluster.written = start,
            Op::Read => cluster.first_read = cluster.first_read.min(end),
        }
    }
    clusters
}

fn is_ordered(clusters: &[Cluster]) -> bool {
    let is_read_too_early = |cluster: &Cluster| cluster.first_read < cluster.written;
    if clusters.iter().any(is_read_too_early) {
        return false;
    }
    // Those that last from their first end to their last start, when nothing else has a place ...
    let lasts = |cluster: &&Cluster| cluster.first_end < cluster.last_start;
    let mut lasting: Vec<&Cluster> = clusters.iter().filter(lasts).collect();
    lasting.sort_unstable_by_key(|cluster| cluster.first_end);
    let overlap = lasting
        .windows(2)
        .any(|pair| pair[1].first_end < pair[0].last_start);
    // ... and those that may have been at any moment between the two.
    let mut brief = clusters.iter().filter(|cluster| !lasts(cluster));
    let is_within = |cluster: &Cluster| {
        let before = lasting.partition_point(|lasting| lasting.first_end < cluster.last_start);
        before > 0 && cluster.first_end < lasting[before - 1].last_start
    };
    !overlap && !brief.any(is_within)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sim::history::search::MOST;
    use crate::sim::history::{Call, find_order, look, telling};
    use crate::sim::rng::Rng;
    use core::time::Duration;

    /// Of some clients, at few instants, so that much happens at once; now and then of one that got no answer.
    fn random(rng: &mut Rng) -> Vec<Use<u32>> {
        let mut calls = Vec::new();
        let mut order = 0;
        let mut moment = |at: u64| {
            order += 1;
            Moment {
                at: Duration::from_millis(at),
                order,
            }
        };
        let (clients, instants) = (1 + rng.below(4), 2 + rng.below(12));
        let mut free = alloc::vec![Some(0); clients as usize];
        let mut written = 0;
        for now in 0..instants {
            for client in 0..clients {
                let Some(from) = free[client as usize] else {
                    continue;
                };
                if from > now || rng.below(3) == 0 {
                    continue;
                }
                let called = moment(now);
                let end = now + rng.below(4);
                let answers = rng.below(8) > 0;
                free[client as usize] = answers.then_some(end);
                let call = match rng.below(2) {
                    0 => {
                        written += 1;
                        Op::Write(written)
                    }
                    _ => Op::Read,
                };
                // It has no other place among what happens at that instant: the order is that of the calls.
                let answer = answers.then(|| (moment(end), None));
                let client = alloc::format!("client-{client}").into();
                calls.push(Call {
                    client,
                    called,
                    call,
                    answer,
                });
            }
        }
        // What reads saw is anything that somebody writes.
        for call in &mut calls {
            if let (Op::Read, Some((_, saw))) = (&call.call, &mut call.answer) {
                *saw = Some(rng.below(u64::from(written) + 1) as u32);
            }
        }
        telling(calls)
    }

    #[test]
    fn it_says_what_a_search_finds() {
        let mut told = [0; 3];
        for seed in 0..20_000 {
            let calls = random(&mut Rng::new(seed, 1));
            let found = look(&0, calls.clone(), MOST).is_ok();
            let decided = decide(&0, &calls);
            told[decided.map_or(2, usize::from)] += 1;
            assert!(
                decided.is_none_or(|decided| decided == found),
                "{seed}: {calls:#?}"
            );
        }
        assert!(told[0] > 1000 && told[1] > 1000, "{told:?}");
    }

    /// Each of many clients does something all the time. More orders than that nobody looks through.
    #[test]
    fn many_clients_are_no_problem() {
        let (mut rng, mut order) = (Rng::new(1, 1), 0);
        // When each comes true, when it begins, and when it ends.
        let mut all: Vec<(u64, u64, u64, u64)> = Vec::new();
        for client in 0..30 {
            let mut now = rng.below(100);
            for _ in 0..100 {
                let (truth, end) = (now + rng.below(100), now + 100 + rng.below(100));
                all.push((truth, now, end, client));
                now = end + 1 + rng.below(10);
            }
        }
        all.sort_unstable();
        let mut moment = |at| {
            order += 1;
            Moment {
                at: Duration::from_millis(at),
                order,
            }
        };
        let mut value = 0;
        let mut calls: Vec<Use<u32>> = Vec::new();
        for (number, (_, start, end, client)) in (1..).zip(all) {
            let writes = rng.below(2) == 0;
            if writes {
                value = number;
            }
            calls.push(Call {
                client: alloc::format!("client-{client}").into(),
                called: moment(start),
                call: if writes { Op::Write(number) } else { Op::Read },
                answer: Some((moment(end), (!writes).then_some(value))),
            });
        }
        assert_eq!(find_order(&0, calls.clone()), Ok(()));
        let stale = calls[2500..].iter_mut().find(|call| call.call == Op::Read);
        if let Some((_, saw)) = stale.and_then(|call| call.answer.as_mut()) {
            *saw = Some(1);
        }
        assert!(!find_order(&0, calls).unwrap_err().given_up);
    }

    #[test]
    fn values_that_are_written_twice_it_does_not_know() {
        let moment = |at| Moment {
            at: Duration::from_millis(at),
            order: at,
        };
        let write = |at, value| Call {
            client: "client".into(),
            called: moment(at),
            call: Op::Write(value),
            answer: Some((moment(at + 1), None)),
        };
        assert_eq!(decide(&0, &[write(0, 1), write(2, 1)]), None);
        assert_eq!(decide(&0, &[write(0, 0)]), None);
        assert_eq!(decide(&0, &[write(0, 1), write(2, 2)]), Some(true));
    }
}
