//! Looks for an order in which calls could have happened.

use alloc::boxed::Box;
use alloc::collections::BinaryHeap;
use alloc::format;
use alloc::rc::Rc;
use alloc::string::String;
use alloc::vec::Vec;
use core::cmp::Reverse;
use core::fmt;
use core::hash::{BuildHasherDefault, Hash};
use core::time::Duration;
use std::collections::HashSet;
use std::hash::DefaultHasher;

use super::log::Call;

/// More states than that are not looked at, unless somebody says otherwise.
pub(super) const MOST: usize = 1 << 20;

/// Nor more than that where it is known that there is no order.
pub(super) const SHOWN: usize = 1 << 12;

/// So many calls that are tried count as one state, so that a search comes to an end that tries many calls in each.
const TRIES: usize = 64;

/// Which calls are done, by their places.
#[derive(Clone, Default, PartialEq, Eq, Hash)]
struct Done {
    /// In so many words before all are done.
    before: usize,
    /// In the first of these not all are done, in the last some are, and after it none is.
    words: Box<[u64]>,
}

impl Done {
    fn has(&self, at: usize) -> bool {
        match (at / 64).checked_sub(self.before) {
            None => true,
            Some(word) => self
                .words
                .get(word)
                .is_some_and(|bits| bits >> (at % 64) & 1 == 1),
        }
    }

    /// These, and one more.
    fn with(&self, at: usize) -> Self {
        let word = at / 64 - self.before;
        let mut words = self.words.to_vec();
        words.resize(words.len().max(word + 1), 0);
        words[word] |= 1 << (at % 64);
        let whole = words.iter().take_while(|bits| **bits == u64::MAX).count();
        Self {
            before: self.before + whole,
            words: words[whole..].into(),
        }
    }

    fn count(&self) -> usize {
        let bits: usize = self
            .words
            .iter()
            .map(|bits| bits.count_ones() as usize)
            .sum();
        self.before * 64 + bits
    }

    /// The place of the first call that may not be done.
    fn start(&self) -> usize {
        self.before * 64
    }
}

/// What may be reached by some of the calls.
#[derive(PartialEq, Eq, Hash)]
struct Node<S> {
    done: Done,
    state: S,
}

/// Of the calls that are not done the first answer, if there is any to come.
fn first_answer<C, A>(calls: &[Call<C, A>], done: &Done) -> Option<Duration> {
    let mut first = None;
    for (at, call) in calls.iter().enumerate().skip(done.start()) {
        if first.is_some_and(|first| call.called.at > first) {
            break;
        }
        if let Some(returned) = call.returned().filter(|_| !done.has(at)) {
            first = Some(first.map_or(returned, |first: Duration| first.min(returned)));
        }
    }
    first
}

/// Whether its own host has been answered before it has called at that instant, and the call that was is not done.
fn has_to_wait<C, A>(calls: &[Call<C, A>], done: &Done, at: usize, first_answer: Duration) -> bool {
    let call = &calls[at];
    // All calls before it are in order of their moments.
    let mut before = (done.start()..at).filter(|other| !done.has(*other));
    call.called.at == first_answer && before.any(|other| calls[other].is_just_before(call))
}

/// Looks through the orders of calls (Wing and Gong), each state once (Lowe): on from where the most answers are
/// explained, and by as few calls as can be that were never answered, since each set of those is another state.
///
/// `step` says what comes of a state by a call, unless its answer is another one; `show` what a reader is told of a call.
pub(super) fn search<C, A, S: Clone + Eq + Hash>(
    mut calls: Vec<Call<C, A>>,
    first: S,
    most: usize,
    step: impl Fn(&[Call<C, A>], &S, usize) -> Option<S>,
    show: impl Fn(&Call<C, A>) -> String,
) -> Result<(), NotLinearizable> {
    calls.sort_by_key(|call| call.called);
    let calls = &*calls;
    let count = calls.len();
    let first = Rc::new(Node {
        done: Done::default(),
        state: first,
    });
    // Always with the same keys: this may run on a simulated host.
    let mut seen = HashSet::<_, BuildHasherDefault<DefaultHasher>>::default();
    let mut nodes = alloc::vec![first];
    // How many answers are explained, by how many calls without one, the number of the node, and what is tried next there.
    let mut open = BinaryHeap::from([(0, Reverse(0), 0, 0)]);
    let (mut best, mut explained) = (nodes[0].clone(), 0);
    let mut tries = 0;
    while let Some((answered, Reverse(unanswered), number, mut next)) = open.pop() {
        let node = nodes[number].clone();
        let Some(first_answer) = first_answer(calls, &node.done) else {
            return Ok(());
        };
        // What was called before anything that is left was answered may be the next; the second time around what was not
        // answered, which need not be at all.
        while next < 2 * count {
            let (at, is_answered) = (next % count, next < count);
            if at < node.done.start() {
                next += node.done.start() - at;
                continue;
            }
            if calls[at].called.at > first_answer {
                next = if is_answered { count } else { 2 * count };
                continue;
            }
            next += 1;
            if node.done.has(at)
                || calls[at].answer.is_some() != is_answered
                || has_to_wait(calls, &node.done, at, first_answer)
            {
                continue;
            }
            tries += 1;
            let after = step(calls, &node.state, at);
            // Without an answer and without an effect it is as if it was not.
            let after = after.filter(|after| is_answered || *after != node.state);
            if let Some(state) = after {
                let done = node.done.with(at);
                let after = Rc::new(Node { done, state });
                if seen.insert(after.clone()) {
                    let answered = answered + usize::from(is_answered);
                    let unanswered = unanswered + usize::from(!is_answered);
                    if answered > explained {
                        (best, explained) = (after.clone(), answered);
                    }
                    open.push((answered, Reverse(unanswered), nodes.len(), 0));
                    nodes.push(after);
                    break;
                }
            }
            if seen.len() + tries / TRIES > most {
                break;
            }
        }
        if seen.len() + tries / TRIES > most {
            return Err(NotLinearizable::new(calls, &best.done, true, show));
        }
        if next < 2 * count {
            open.push((answered, Reverse(unanswered), number, next));
        }
    }
    Err(NotLinearizable::new(calls, &best.done, false, show))
}

/// There is no order in which a [`History`](super::super::History) could have happened, or a
/// [`ModelHistory`](super::super::ModelHistory).
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct NotLinearizable {
    /// The longest part for which an order was found: so many operations.
    pub longest: usize,
    /// Whether the search was given up, so that there may be an order.
    pub given_up: bool,
    /// The history, a line for each operation, in the order in which they were called, with the host that has called. An
    /// arrow is at the one that has to come next after the longest part, and cannot.
    pub history: String,
}

impl NotLinearizable {
    /// It is known that there is no order, whether or not that was found by looking through all.
    pub(super) fn proven(self) -> Self {
        Self {
            given_up: false,
            ..self
        }
    }

    /// `done`: the longest part for which there is an order.
    fn new<C, A>(
        calls: &[Call<C, A>],
        done: &Done,
        given_up: bool,
        show: impl Fn(&Call<C, A>) -> String,
    ) -> Self {
        let longest = done.count();
        let left = (0..calls.len()).filter(|at| !done.has(*at));
        let stuck = left.filter(|at| calls[*at].answer.is_some());
        let stuck = stuck.min_by_key(|at| calls[*at].returned());
        let mut history = String::new();
        for (at, call) in calls.iter().enumerate() {
            let returned = match call.returned() {
                Some(at) => format!("{at:?}"),
                None => "…".into(),
            };
            let mark = if stuck == Some(at) { MARK } else { "" };
            let Call { client, called, .. } = call;
            let called = called.at;
            let what = show(call);
            history += &format!("  {called:?} to {returned}: {client}: {what}{mark}\n");
        }
        Self {
            longest,
            given_up,
            history,
        }
    }
}

/// At the operation that cannot come next.
const MARK: &str = "  <--";

/// So many operations before that one and after it are shown: who looks for a reason finds it there, and the text of a failure is
/// printed more than once.
const BEFORE: usize = 12;
const AFTER: usize = 4;

/// All operations, if they are few, else those around the one with the mark; with `{:#}` all of them.
impl fmt::Display for NotLinearizable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let what = if self.given_up {
            "too many orders to look through"
        } else {
            "not linearizable"
        };
        let lines: Vec<&str> = self.history.lines().collect();
        let marked = lines.iter().position(|line| line.ends_with(MARK));
        let marked = marked.unwrap_or_default();
        let (mut from, mut to) = (marked.saturating_sub(BEFORE), marked + 1 + AFTER);
        if f.alternate() || lines.len() <= BEFORE + 1 + AFTER {
            (from, to) = (0, lines.len());
        }
        let shown = &lines[from..to.min(lines.len())];
        let (before, after) = (from, lines.len() - from - shown.len());
        let (longest, all) = (self.longest, lines.len());
        match before + after {
            0 => writeln!(
                f,
                "{what}: {longest} of these operations can be put in order:"
            )?,
            _ => writeln!(
                f,
                "{what}: {longest} of {all} operations can be put in order; {before} before these, {after} after them, and \
                 all in `NotLinearizable::history`:"
            )?,
        }
        shown.iter().try_for_each(|line| writeln!(f, "{line}"))
    }
}

// What `unwrap` shows.
impl fmt::Debug for NotLinearizable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl core::error::Error for NotLinearizable {}
