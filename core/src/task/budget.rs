//! How much a task may do in one poll.
//!
//! Everything of ours that can be ready many times in a row (sources, files, pipes, channels, timers)
//! draws from one budget of the task that is being polled: an operation costs a unit, and one more for
//! each 4 KiB that it moves. A poll has 128 units, so that it moves half a megabyte at most, give or
//! take its last operation. Once they are used up, every operation wakes its task and is
//! [pending](Poll::Pending) *before* it has had any effect, so that nothing is lost: the other tasks and
//! the reactor have their turn, then the task goes on. The first operation of a poll always goes ahead.
//!
//! Futures of one task (in `join!`, a biased `select!`, `FuturesUnordered`) share its budget, and the first of them may use
//! it up in each poll. So after the first operation that is refused others go ahead by chance, one of two for a while and
//! then one of 32: each of the futures gets on, those behind a busy one by an operation or two in each poll. In an
//! executor with a seed chance is the same in each run.
//!
//! Outside of this crate's executors the budget has no end. A task of an executor inside a task draws
//! from its own.
//!
//! An executor of another crate that blocks inside a task (`futures::executor::block_on`) begins no new
//! poll of ours; it tries the same operation again until chance lets it go ahead.
//!
//! # For reactors and primitives
//!
//! Whatever may be ready for ever asks [`poll_proceed`] before it has an effect, and tells by
//! [`Permit::charge`] what it has done. What turns out to have to wait drops the permit, which costs
//! nothing.
//!
//! ```
//! # use polliwog_core as polliwog;
//! use polliwog::task::budget::poll_proceed;
//! use std::cell::RefCell;
//! use std::collections::VecDeque;
//! use std::task::{Context, Poll, Waker, ready};
//!
//! struct Mailbox {
//!     letters: RefCell<VecDeque<String>>,
//!     reader: RefCell<Option<Waker>>,
//! }
//!
//! impl Mailbox {
//!     fn poll_letter(&self, cx: &mut Context<'_>) -> Poll<String> {
//!         let permit = ready!(poll_proceed(cx));
//!         match self.letters.borrow_mut().pop_front() {
//!             Some(letter) => {
//!                 permit.charge(letter.len());
//!                 Poll::Ready(letter)
//!             }
//!             None => {
//!                 *self.reader.borrow_mut() = Some(cx.waker().clone());
//!                 Poll::Pending
//!             }
//!         }
//!     }
//! }
//! ```

use core::future::Future;
use core::marker::PhantomData;
use core::pin::Pin;
use core::task::{Context, Poll, ready};

use pin_project_lite::pin_project;

use super::waker::wake_last;
use crate::executor::budget::UNLIMITED;
use crate::executor::random::random_below;
use crate::executor::state;

/// How many bytes cost a unit.
const BYTES: usize = 4096;
/// Once the budget is used up, so many attempts but the first are as likely to go ahead as not.
const EARLY: isize = 128;
/// Of the first and of those after them one in so many goes ahead.
const SELDOM: u32 = 32;

/// Leave to go on with one operation, for which there is a unit left; see [`poll_proceed`].
///
/// Dropped without [`charge`](Self::charge), it draws nothing. One that is charged for counts alone: what other
/// operations of the same task have drawn since it was had is forgotten. For what is made of others that draw there
/// is [`poll_within`].
#[derive(Debug)]
#[must_use = "an operation that has been done has to be charged for"]
pub struct Permit {
    /// What was left before.
    left: isize,
    /// The answer is about the poll that is under way, on this thread.
    _not_send: PhantomData<*const ()>,
}

impl Permit {
    /// To be called when the operation is done, with the number of bytes that it has moved: draws a unit, and
    /// another one for each 4 KiB.
    ///
    /// An operation may cost more than is left; then it was the last one of its poll.
    #[inline]
    pub fn charge(self, bytes: usize) {
        state::set_budget(self.left - 1);
        if bytes >= BYTES {
            charge_for(bytes);
        }
    }
}

/// Few operations move that much. Inlined, it makes all of them longer: an echo by 30 instructions.
#[inline(never)]
fn charge_for(bytes: usize) {
    let cost = (bytes / BYTES) as isize;
    let left = state::budget();
    state::set_budget((left - cost).max(left.min(0)));
}

/// Ready with leave to go on, unless the budget of the current poll is used up; then it wakes the task,
/// so that it goes on in its next poll.
///
/// To be called before an operation has any effect, as late as possible: an operation that has to wait
/// anyway should rather wait.
#[inline]
pub fn poll_proceed(cx: &mut Context<'_>) -> Poll<Permit> {
    let mut left = state::budget();
    if left <= 0 {
        ready!(beyond(cx));
        left = state::budget();
    }
    Poll::Ready(Permit {
        left,
        _not_send: PhantomData,
    })
}

/// Polls what may be ready for ever, within the budget of the current poll: at the price of a unit if it is.
/// With nothing left of the budget it does not poll, and wakes the task, so that it goes on in its next poll.
///
/// For what moves no bytes, or few; else [`poll_proceed`].
///
/// ```
/// # use polliwog_core as polliwog;
/// use polliwog::task::budget::poll_within;
/// use std::future::poll_fn;
/// use std::task::Poll;
///
/// /// The next number, of which there is always one: other tasks have their turn all the same.
/// async fn next(numbers: &mut impl Iterator<Item = u32>) -> Option<u32> {
///     poll_fn(|cx| poll_within(cx, |_| Poll::Ready(numbers.next()))).await
/// }
/// ```
#[inline]
pub fn poll_within<T>(
    cx: &mut Context<'_>,
    poll: impl FnOnce(&mut Context<'_>) -> Poll<T>,
) -> Poll<T> {
    if !state::has_left() {
        ready!(beyond(cx));
    }
    let polled = poll(cx);
    if polled.is_ready() {
        // What `poll` has drawn counts, too.
        state::draw();
    }
    polled
}

/// What happens when the budget is used up. Attempts are counted below zero.
#[cold]
#[inline(never)]
fn beyond(cx: &mut Context<'_>) -> Poll<()> {
    if state::renew_outside() {
        return Poll::Ready(());
    }
    let left = (state::budget() - 1).max(-EARLY);
    state::set_budget(left);
    // Who comes after the one that has used up all would never have a turn, if that one comes first in each poll. Nobody
    // knows who asks, so chance decides. The first to ask is likely to be the one that has used it up. At last it is
    // seldom, or a future that tries one thing after another would never end its poll; with a hundred of them it
    // does so after some thousand operations.
    let is_early = (1 - EARLY..-1).contains(&left);
    if random_below(if is_early { 2 } else { SELDOM }) == 0 {
        return Poll::Ready(());
    }
    wake_last(cx.waker());
    Poll::Pending
}

/// Whether the current poll has some of its budget left. Always so outside of an executor.
///
/// For a loop over things that do not draw from the budget; see [`consume_budget`].
///
/// ```
/// # use polliwog_core as polliwog;
/// use polliwog::task::has_budget;
///
/// assert!(has_budget());
/// ```
#[inline]
pub fn has_budget() -> bool {
    state::has_left()
}

/// Draws one unit, and yields first if the budget is used up: for loops that would otherwise never
/// wait, as those over a channel of another crate, or over much to compute.
///
/// A single call is a few instructions, so it can stand in a loop that is short.
///
/// ```
/// # use polliwog_core as polliwog;
/// use polliwog::task::consume_budget;
///
/// async fn sum(numbers: &[u64]) -> u64 {
///     let mut sum = 0;
///     for chunk in numbers.chunks(1000) {
///         sum += chunk.iter().sum::<u64>();
///         consume_budget().await;
///     }
///     sum
/// }
/// ```
///
/// # Cancel safety
///
/// Nothing is lost when the future is dropped.
#[inline]
pub fn consume_budget() -> ConsumeBudget {
    ConsumeBudget(())
}

/// The future of [`consume_budget`].
#[derive(Debug)]
#[must_use = "futures do nothing unless they are awaited"]
pub struct ConsumeBudget(());

impl Future for ConsumeBudget {
    type Output = ();

    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        ready!(poll_proceed(cx)).charge(0);
        Poll::Ready(())
    }
}

/// Runs a future without a budget: what it does costs nothing, and nothing of ours is pending in it
/// that could go on.
///
/// Such a future can keep everything else of its executor from running, timers and sockets included.
///
/// ```
/// # use polliwog_core as polliwog;
/// use polliwog::task::{has_budget, unconstrained};
/// # use polliwog_core::{Executor, TaskPool, conformance::ThreadReactor, task::consume_budget};
/// # static POOL: TaskPool<1> = TaskPool::new();
/// # let executor = Executor::new(&POOL, ThreadReactor::new()).unwrap();
///
/// executor.block_on(unconstrained(async {
///     for _ in 0..1000 {
///         consume_budget().await;
///     }
///     assert!(has_budget());
/// }));
/// ```
pub fn unconstrained<F: Future>(future: F) -> Unconstrained<F> {
    Unconstrained { future }
}

pin_project! {
    /// The future of [`unconstrained`].
    #[derive(Debug)]
    #[must_use = "futures do nothing unless they are awaited"]
    pub struct Unconstrained<F> {
        #[pin]
        future: F,
    }
}

impl<F: Future> Future for Unconstrained<F> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        let _restore = Restore(state::budget());
        state::set_budget(UNLIMITED);
        self.project().future.poll(cx)
    }
}

/// Gives the poll back what it had left, also when a panic passes by.
struct Restore(isize);

impl Drop for Restore {
    fn drop(&mut self) {
        state::set_budget(self.0);
    }
}

#[cfg(all(test, feature = "std", not(loom)))]
mod tests {
    use super::*;
    use core::pin::pin;
    use core::task::Waker;

    #[test]
    fn outside_of_executors_it_never_ends() {
        // As after more operations than a word of 32 bits can count.
        state::set_budget(1);
        let mut cx = Context::from_waker(Waker::noop());
        for _ in 0..10 {
            assert!(pin!(consume_budget()).poll(&mut cx).is_ready());
        }
        assert!(has_budget());
    }
}
