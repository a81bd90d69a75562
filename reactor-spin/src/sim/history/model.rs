//! [`ModelHistory`]: histories of whatever a model says.

use alloc::format;
use alloc::vec::Vec;
use core::fmt::Debug;
use core::hash::Hash;

use super::log::{Call, Log};
use super::search::{MOST, NotLinearizable, search};

/// What a service does that is asked for one thing after the other: a counter, a queue, a lock, a whole store.
///
/// It is cloned, compared and hashed often, so it should be small: a history for each part of which calls are about one
/// only (a key of a store) is found out about much faster than one for all.
///
/// ```
/// # mod polliwog { pub use polliwog_core::*; pub use polliwog_spin::{*, sim}; }
/// use polliwog::sim::Model;
///
/// /// A number that is changed if it is what the caller believes.
/// #[derive(Clone, Default, PartialEq, Eq, Hash)]
/// struct Cell(u64);
///
/// #[derive(Clone, Debug)]
/// enum Call {
///     Get,
///     CompareAndSet(u64, u64),
/// }
///
/// impl Model for Cell {
///     type Call = Call;
///     /// What was there before.
///     type Answer = u64;
///
///     fn apply(&mut self, call: &Call) -> u64 {
///         let before = self.0;
///         match call {
///             Call::CompareAndSet(old, new) if *old == before => self.0 = *new,
///             _ => {}
///         }
///         before
///     }
/// }
/// # assert_eq!(Cell::default().apply(&Call::CompareAndSet(0, 1)), 0);
/// # assert_eq!(Cell(1).apply(&Call::Get), 1);
/// ```
pub trait Model: Clone + Eq + Hash {
    /// What a client asks for.
    type Call: Clone + Debug;
    /// What it is answered.
    type Answer: Clone + PartialEq + Debug;

    /// Does what a client asks for, and answers. The same state and the same call lead to the same state and the same answer.
    fn apply(&mut self, call: &Self::Call) -> Self::Answer;
}

/// What clients did with a service that a [`Model`] describes, and when: a checker for linearizability, as
/// [`History`](super::super::History) is one for a register, which is faster for these.
///
/// It is linearizable if there is an order of all calls in which each takes effect at one instant between its call and its
/// answer, and each is answered as the model does. A call whose answer never came may have taken effect at any time after
/// it, or not at all.
///
/// Clones are the same history. As with [`History`](super::super::History), one that nobody has checked fails the run, or
/// panics when it is dropped.
///
/// ```
/// # mod polliwog { pub use polliwog_core::*; pub use polliwog_spin::{*, sim}; }
/// use polliwog::sim::{Model, ModelHistory, Simulation};
/// use polliwog::time::sleep_millis;
/// use std::collections::VecDeque;
/// use std::{cell::RefCell, rc::Rc};
///
/// /// First in, first out.
/// #[derive(Clone, Default, PartialEq, Eq, Hash)]
/// struct Queue(VecDeque<u32>);
///
/// #[derive(Clone, Debug)]
/// enum Call { Push(u32), Pop }
///
/// impl Model for Queue {
///     type Call = Call;
///     type Answer = Option<u32>;
///
///     fn apply(&mut self, call: &Call) -> Option<u32> {
///         match call {
///             Call::Push(item) => { self.0.push_back(*item); None }
///             Call::Pop => self.0.pop_front(),
///         }
///     }
/// }
///
/// let history = ModelHistory::new(Queue::default());
/// // The service does not what it should: it is a stack.
/// let stack = Rc::new(RefCell::new(vec![]));
/// let mut simulation = Simulation::new(1);
/// let told = history.clone();
/// simulation.client("frog", async move {
///     for item in [1, 2] {
///         let call = told.call(Call::Push(item));
///         sleep_millis(5).await;
///         stack.borrow_mut().push(item);
///         call.answered(None);
///     }
///     let call = told.call(Call::Pop);
///     sleep_millis(5).await;
///     call.answered(stack.borrow_mut().pop());
/// });
/// simulation.run().unwrap();
/// let error = history.check().unwrap_err();
/// assert!(error.history.contains("Pop -> Some(2)  <--"));
/// ```
#[derive(Debug)]
#[must_use = "a history that nobody checks tests nothing"]
pub struct ModelHistory<M: Model> {
    first: M,
    log: Log<M::Call, M::Answer>,
}

impl<M: Model> Clone for ModelHistory<M> {
    fn clone(&self) -> Self {
        Self {
            first: self.first.clone(),
            log: self.log.clone(),
        }
    }
}

/// A call whose answer has not come yet. Dropped, it never does.
#[derive(Debug)]
#[must_use = "without an answer the call may have taken effect or not"]
pub struct Calling<M: Model>(Log<M::Call, M::Answer>, usize);

impl<M: Model> ModelHistory<M> {
    /// The history of a service that is like `first` at the beginning.
    #[track_caller]
    pub fn new(first: M) -> Self {
        Self {
            first,
            log: Log::new(),
        }
    }

    /// A client asks for something, now.
    ///
    /// # Panics
    ///
    /// Outside of a simulation.
    #[track_caller]
    pub fn call(&self, call: M::Call) -> Calling<M> {
        Calling(self.log.clone(), self.log.call(call))
    }

    /// How many calls there are.
    pub fn len(&self) -> usize {
        self.log.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Looks for an order, through a million states at most.
    ///
    /// # Errors
    ///
    /// [`NotLinearizable`] if there is none, or if it would take longer to look for it: see [`check_within`](Self::check_within).
    pub fn check(&self) -> Result<(), NotLinearizable> {
        self.check_within(MOST)
    }

    /// As [`check`](Self::check), through at most so many states, each of them a set of calls that are done and what the
    /// model has come to by them. They are in memory meanwhile; calls that are tried in vain count a little, too.
    ///
    /// Their number grows with that of calls that go on at once, and the most by calls without an answer, as these go on for ever.
    ///
    /// # Errors
    ///
    /// [`NotLinearizable`] if there is no order; or with [`given_up`](NotLinearizable::given_up) if nobody knows.
    pub fn check_within(&self, states: usize) -> Result<(), NotLinearizable> {
        find_order(&self.first, self.log.calls(), states)
    }
}

impl<M: Model> Calling<M> {
    /// The answer is there.
    pub fn answered(self, answer: M::Answer) {
        self.0.answer(self.1, answer);
    }
}

fn find_order<M: Model>(
    first: &M,
    calls: Vec<Call<M::Call, M::Answer>>,
    states: usize,
) -> Result<(), NotLinearizable> {
    let step = |calls: &[Call<M::Call, M::Answer>], state: &M, at: usize| {
        let Call { call, answer, .. } = &calls[at];
        let mut after = state.clone();
        let says = after.apply(call);
        let is_so = answer.as_ref().is_none_or(|(_, answer)| *answer == says);
        is_so.then_some(after)
    };
    search(calls, first.clone(), states, step, |call| {
        match &call.answer {
            Some((_, answer)) => format!("{:?} -> {answer:?}", call.call),
            None => format!("{:?}", call.call),
        }
    })
}

#[cfg(test)]
mod tests {
    use super::super::log::Moment;
    use super::*;
    use crate::sim::rng::Rng;
    use alloc::string::ToString;
    use core::time::Duration;

    /// A bag of numbers, of which the least is taken first.
    #[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
    struct Bag(Vec<u8>);

    #[derive(Clone, Debug, PartialEq)]
    enum Op {
        Put(u8),
        Take,
    }

    impl Model for Bag {
        type Call = Op;
        type Answer = Option<u8>;

        fn apply(&mut self, call: &Op) -> Option<u8> {
            match call {
                Op::Put(item) => {
                    self.0.push(*item);
                    self.0.sort_unstable();
                    None
                }
                Op::Take => (!self.0.is_empty()).then(|| self.0.remove(0)),
            }
        }
    }

    type Row = Call<Op, Option<u8>>;

    fn at(nanos: u64) -> Moment {
        Moment {
            at: Duration::from_nanos(nanos),
            order: 0,
        }
    }

    fn row(called: u64, returned: Option<u64>, call: Op, answer: Option<u8>) -> Row {
        Row {
            client: "c".into(),
            called: at(called),
            call,
            answer: returned.map(|returned| (at(returned), answer)),
        }
    }

    /// Whether there is an order, by trying all of them.
    fn by_force(state: &Bag, left: &[Row]) -> bool {
        if left.iter().all(|row| row.answer.is_none()) {
            return true;
        }
        let first = left.iter().filter_map(Call::returned).min();
        (0..left.len()).any(|at| {
            let mut after = state.clone();
            let says = after.apply(&left[at].call);
            let is_so = left[at].answer.as_ref().is_none_or(|(_, it)| *it == says);
            let mut rest = left.to_vec();
            rest.remove(at);
            first.is_none_or(|first| left[at].called.at <= first)
                && is_so
                && by_force(&after, &rest)
        })
    }

    #[test]
    fn it_says_what_trying_all_orders_says() {
        let mut counts = [0, 0];
        for seed in 0..4000 {
            let mut rng = Rng::new(seed, 0);
            let count = 1 + rng.below(6);
            let rows: Vec<Row> = (0..count)
                .map(|_| {
                    let called = rng.below(20);
                    let returned = (rng.below(5) > 0).then(|| called + rng.below(10));
                    match rng.below(2) {
                        0 => row(called, returned, Op::Put(rng.below(3) as u8), None),
                        _ => {
                            let answer = rng.below(4) as u8;
                            row(called, returned, Op::Take, answer.checked_sub(1))
                        }
                    }
                })
                .collect();
            let expected = by_force(&Bag::default(), &rows);
            let found = find_order(&Bag::default(), rows.clone(), MOST);
            assert_eq!(found.is_ok(), expected, "{rows:?}");
            assert!(!found.is_err_and(|error| error.given_up));
            counts[usize::from(expected)] += 1;
        }
        assert!(counts.iter().all(|count| *count > 500), "{counts:?}");
    }

    #[test]
    fn long_histories_are_no_problem() {
        // Three at a time, for a long while.
        let mut rows = Vec::new();
        for round in 0..5000_u64 {
            let from = round * 10;
            let item = (round % 200) as u8;
            rows.push(row(from, Some(from + 9), Op::Put(item), None));
            rows.push(row(from + 1, Some(from + 9), Op::Take, Some(item)));
            rows.push(row(from + 2, Some(from + 9), Op::Take, None));
        }
        assert_eq!(find_order(&Bag::default(), rows.clone(), 100_000), Ok(()));
        let end = 5000 * 10;
        rows.push(row(end, Some(end + 1), Op::Take, Some(7)));
        let error = find_order(&Bag::default(), rows, MOST).unwrap_err();
        assert_eq!((error.longest, error.given_up), (15_000, false));
        assert!(error.history.ends_with("Take -> Some(7)  <--\n"), "{error}");
    }

    #[test]
    fn a_search_that_would_take_too_long_is_given_up() {
        // Each set of those without an answer is a state of its own.
        let mut rows: Vec<Row> = (0..40)
            .map(|at| row(at, None, Op::Put(at as u8), None))
            .collect();
        rows.push(row(50, Some(51), Op::Take, Some(99)));
        let error = find_order(&Bag::default(), rows.clone(), 1000).unwrap_err();
        assert!(
            error.given_up && error.to_string().starts_with("too many orders"),
            "{error}"
        );
        // What one of them has done is found at once.
        rows.pop();
        rows.push(row(50, Some(51), Op::Take, Some(20)));
        assert_eq!(find_order(&Bag::default(), rows, 1000), Ok(()));
        // In vain, in each state: that comes to an end, too.
        let takes = (0..5000).map(|at| row(at, None, Op::Take, None));
        let never = [row(6000, Some(6001), Op::Take, Some(1))];
        let rows: Vec<Row> = takes.chain(never).collect();
        let error = find_order(&Bag::default(), rows.clone(), 10).unwrap_err();
        assert!(error.given_up);
        assert!(
            !find_order(&Bag::default(), rows, 1000)
                .unwrap_err()
                .given_up
        );
    }
}
