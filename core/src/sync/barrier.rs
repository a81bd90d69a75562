//! Waiting for one another.

use core::fmt;
use core::pin::pin;

use super::Shared;
use super::scope::Scope;
use super::wait_list::{Wait, WaitList};
use crate::loom::Cell;
use crate::task::budget::consume_budget;
use crate::trace::waits;

/// Lets a number of tasks wait for one another: when as many have come, all go on.
///
/// As in tokio; it can be used again. It takes no allocation, and lies in a static, a structure, or
/// behind an `Rc` or `Arc`.
///
/// ```
/// # use polliwog_core as polliwog;
/// use polliwog::sync::Barrier;
///
/// static READY: Barrier = Barrier::new(3);
///
/// async fn part() {
///     if READY.wait().await.is_leader() {
///         // One of the three.
///     }
/// }
/// ```
pub struct Barrier<S: Scope = Shared>(WaitList<S, State>);

struct State {
    tasks: usize,
    /// How many have come in this round.
    here: Cell<usize>,
    round: Cell<usize>,
}

impl<S: Scope> Barrier<S> {
    crate::loom::const_unless_loom! {
        /// Makes a barrier for so many tasks; with zero or one, nobody waits.
        ///
        /// ```
        /// # use polliwog_core::conformance::facade as polliwog;
        /// use polliwog::sync::Barrier;
        ///
        /// static THREE_TASKS: Barrier = Barrier::new(3);
        /// ```
        pub fn new(tasks: usize) -> Self {
            Self(WaitList::with_value(State {
                tasks,
                here: Cell::new(0),
                round: Cell::new(0),
            }))
        }
    }

    /// Waits until all have come.
    ///
    /// ```
    /// # use polliwog_core::conformance::facade as polliwog;
    /// use polliwog::sync::Barrier;
    ///
    /// polliwog::block_on(async {
    ///     static BOTH: Barrier = Barrier::new(2);
    ///     let other = polliwog::spawn(async { BOTH.wait().await.is_leader() }).unwrap();
    ///     let leader = BOTH.wait().await.is_leader();
    ///     assert_ne!(leader, other.await.unwrap()); // one of the two
    /// });
    /// ```
    ///
    /// # Cancel safety
    ///
    /// Dropped before its end, it has not come: the others wait for another one.
    pub async fn wait(&self) -> BarrierWaitResult {
        consume_budget().await;
        let mut round = 0;
        let last = self.0.notify_all_if(0, |view| {
            let state = view.value();
            round = state.round.get();
            let here = state.here.get() + 1;
            if here < state.tasks {
                state.here.set(here);
                return false;
            }
            state.here.set(0);
            state.round.set(round.wrapping_add(1));
            true
        });
        if last.is_some() {
            return BarrierWaitResult(true);
        }
        let _here = Here {
            barrier: self,
            round,
        };
        let mut wait = pin!(Wait::<_>::new(&self.0, ()));
        core::future::poll_fn(|cx| {
            waits::method("Barrier::wait", || {
                wait.as_mut().poll_with(cx, |view, _| {
                    let over = view.value().round.get() != round;
                    over.then_some(())
                })
            })
        })
        .await;
        BarrierWaitResult(false)
    }
}

/// One who has come, and who is no longer here if it goes away in the same round.
struct Here<'a, S: Scope> {
    barrier: &'a Barrier<S>,
    round: usize,
}

impl<S: Scope> Drop for Here<'_, S> {
    fn drop(&mut self) {
        self.barrier.0.with(|view| {
            let state = view.value();
            if state.round.get() == self.round {
                state.here.set(state.here.get() - 1);
            }
        });
    }
}

impl<S: Scope> fmt::Debug for Barrier<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Barrier").finish_non_exhaustive()
    }
}

/// Who of those that a [`Barrier`] has let go on this is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BarrierWaitResult(bool);

impl BarrierWaitResult {
    /// Returns whether this task is the one that came last.
    ///
    /// ```
    /// # use polliwog_core::conformance::facade as polliwog;
    /// use polliwog::sync::Barrier;
    ///
    /// polliwog::block_on(async {
    ///     let alone = Barrier::new(1);
    ///     assert!(alone.wait().await.is_leader());
    /// });
    /// ```
    pub fn is_leader(&self) -> bool {
        self.0
    }
}
