//! A semaphore, and the permits that locks are made of.

use core::fmt;
use core::marker::PhantomData;

use super::Shared;
use super::scope::Scope;
use super::wait_list::{Access, Wait, WaitList};
use crate::loom::Cell;
use crate::task::wake_quietly;

mod acquire;
mod permit;
mod usual;

use acquire::{Acquire, AcquireThen};

#[cfg(feature = "alloc")]
pub use permit::OwnedSemaphorePermit;
pub use permit::SemaphorePermit;
use usual::{Many, Zero};
pub(super) use usual::{Once, One, Usual};

/// How many permits there are, and who waits for how many of them.
///
/// Permits go to waiters in the order in which they came; as long as somebody waits, nobody who comes
/// later gets any.
///
/// All zero bits while as many as [usual](Usual) are free, so that a static lock lies in `.bss`, whatever else is in it.
pub(super) struct Permits<S: Scope, U: Usual>(List<S, U>);

type List<S, U> = WaitList<S, State<U>, <U as Usual>::Many>;

pub(super) struct State<U: Usual> {
    /// How many more than usual are not given to anybody. Not enough for the first who waits, if somebody does.
    /// With [`CLOSED`] there are none to be had, whoever has some.
    beyond: Cell<usize>,
    _usual: PhantomData<fn() -> U>,
}

/// Added to the number of free permits: less than none, as a signed number.
const CLOSED: usize = isize::MIN as usize;

type View<'a, U> = Access<'a, State<U>, <U as Usual>::Many, 1>;

impl<U: Usual> State<U> {
    #[inline]
    fn word(&self) -> usize {
        self.beyond.get().wrapping_add(U::PERMITS)
    }

    #[inline]
    fn set_word(&self, word: usize) {
        self.beyond.set(word.wrapping_sub(U::PERMITS));
    }

    #[inline]
    fn free(&self) -> usize {
        self.word() & !CLOSED
    }

    #[inline]
    fn is_closed(&self) -> bool {
        U::CLOSES && self.word() & CLOSED != 0
    }

    #[inline]
    fn give(&self, permits: usize) {
        self.set_word(self.word() + permits);
    }

    /// Whether there are so many to be had; then they are had.
    #[inline]
    fn take(&self, permits: usize) -> bool {
        let word = self.word();
        let enough = word as isize >= permits as isize;
        if enough {
            self.set_word(word - permits);
        }
        enough
    }

    /// Why there were not enough.
    #[inline]
    fn refusal(&self) -> TryAcquireError {
        if self.is_closed() {
            TryAcquireError::Closed
        } else {
            TryAcquireError::NoPermits
        }
    }
}

#[inline]
fn try_take<U: Usual>(view: &View<'_, U>, permits: usize) -> Result<(), TryAcquireError> {
    let first = U::Many::ONE || permits == 0 || view.is_empty(0);
    if first && view.value().take(permits) {
        return Ok(());
    }
    Err(view.value().refusal())
}

/// Gives what is free to the first who waits, if it is enough.
#[inline]
fn grant<U: Usual>(view: &View<'_, U>) -> Option<core::task::Waker> {
    let permits = view.first(0)?;
    if view.value().take(permits.get()) {
        view.take_first(0)
    } else {
        None
    }
}

impl<S: Scope, U: Usual> Permits<S, U> {
    crate::loom::const_unless_loom! {
        pub(super) fn new(permits: usize) -> Self {
            Self(WaitList::with_value(State {
                beyond: Cell::new(permits.wrapping_sub(U::PERMITS)),
                _usual: PhantomData,
            }))
        }
    }

    #[inline]
    pub(super) fn free(&self) -> usize {
        self.0.with(|view| view.value().free())
    }

    #[inline]
    pub(super) fn try_acquire(&self, permits: usize) -> Result<(), TryAcquireError> {
        self.0.with(|view| try_take(view, permits))
    }

    #[inline]
    pub(super) fn acquire(&self, permits: usize) -> Acquire<'_, S, U> {
        Acquire {
            wait: Wait::new(&self.0, U::Many::of(permits)),
        }
    }

    /// [`acquire`](Self::acquire), and what is made of the permits then.
    #[inline]
    pub(super) fn acquire_then<F, T>(&self, permits: usize, finish: F) -> AcquireThen<'_, S, U, F>
    where
        F: Fn(Result<(), AcquireError>) -> T,
    {
        AcquireThen {
            acquire: self.acquire(permits),
            finish,
        }
    }

    /// # Panics
    ///
    /// If there would be more than [`MAX_PERMITS`](Self::MAX_PERMITS).
    #[inline]
    #[track_caller]
    pub(super) fn add(&self, permits: usize) {
        let fits = self.0.with(|view| {
            // Those that are out may be too many already; the limit leaves room for them.
            let fits = permits <= MAX_PERMITS.saturating_sub(view.value().free());
            if fits {
                view.value().give(permits);
            }
            fits
        });
        assert!(fits, "a semaphore has at most {MAX_PERMITS} permits");
        grant_more(&self.0);
    }

    /// Gives back what has been acquired.
    #[inline]
    pub(super) fn release(&self, permits: usize) {
        let first = self.0.with(|view| {
            if U::Many::ONE {
                // From hand to hand.
                let first = view.take_first(0);
                if first.is_none() {
                    view.value().give(permits);
                }
                return first;
            }
            view.value().give(permits);
            grant(view)
        });
        if let Some(first) = first {
            go_on_granting(&self.0, first);
        }
    }

    /// Takes up to so many of the free permits away for ever.
    fn forget(&self, permits: usize) -> usize {
        self.0.with(|view| {
            let state = view.value();
            let gone = state.free().min(permits);
            state.set_word(state.word() - gone);
            gone
        })
    }

    pub(super) fn close(&self) {
        // Else whoever comes later would take it for permits that are out, and wait.
        const { assert!(U::CLOSES) };
        self.0.with(|view| {
            let state = view.value();
            state.set_word(state.word() | CLOSED);
        });
        self.0.notify_all(0);
    }

    pub(super) fn is_closed(&self) -> bool {
        self.0.with(|view| view.value().is_closed())
    }
}

/// Wakes one who has got permits, and gives more of them to whoever can have them. Out of line: mostly
/// nobody waits.
#[inline(never)]
fn go_on_granting<S: Scope, U: Usual>(list: &List<S, U>, first: core::task::Waker) {
    wake_quietly(first);
    if !U::Many::ONE {
        grant_more(list);
    }
}

/// Gives permits to whoever can have them.
fn grant_more<S: Scope, U: Usual>(list: &List<S, U>) {
    while let Some(next) = list.with(grant) {
        wake_quietly(next);
    }
}

/// The largest number of permits that a semaphore can have.
pub(super) const MAX_PERMITS: usize = usize::MAX >> 3;

/// As many as are asked for. Where a word has 32 bits, that may be more than can be compared as a signed number, and
/// more than there can be anyway.
#[inline]
fn number(permits: u32) -> usize {
    (permits as usize).min(isize::MAX as usize)
}

/// A number of permits, which those who want some wait for in the order in which they came.
///
/// As in tokio. It takes no allocation, lies in a static, a structure, or behind an `Rc` or `Arc`, and
/// any number of tasks can wait.
///
/// ```
/// # use polliwog_core as polliwog;
/// use polliwog::sync::Semaphore;
///
/// static UPLOADS: Semaphore = Semaphore::new(3);
///
/// async fn upload() {
///     let _permit = UPLOADS.acquire().await.expect("nobody closes it");
///     // At most three of us are here at the same time.
/// }
/// ```
///
/// | operation | waits | from an interrupt handler |
/// |---|---|---|
/// | `acquire`, `acquire_many`, `acquire_owned`, … | yes, FIFO | no |
/// | `try_acquire`, …, `add_permits`, `close`, dropping a permit | no | yes, if [`Shared`] |
pub struct Semaphore<S: Scope = Shared>(Permits<S, Zero>);

impl<S: Scope> Semaphore<S> {
    /// The largest number of permits that a semaphore can have.
    pub const MAX_PERMITS: usize = MAX_PERMITS;

    crate::loom::const_unless_loom! {
        /// Makes a semaphore with so many permits.
        ///
        /// ```
        /// # use polliwog_core::conformance::facade as polliwog;
        /// use polliwog::sync::Semaphore;
        ///
        /// static UPLOADS: Semaphore = Semaphore::new(3);
        /// assert_eq!(UPLOADS.available_permits(), 3);
        /// ```
        ///
        /// # Panics
        ///
        /// If there are more than [`MAX_PERMITS`](Self::MAX_PERMITS).
        pub fn new(permits: usize) -> Self {
            assert!(permits <= MAX_PERMITS, "too many permits");
            Self(Permits::new(permits))
        }

        /// Makes a semaphore: [`new`](Self::new) by tokio's name.
        ///
        /// ```
        /// # use polliwog_core::conformance::facade as polliwog;
        /// use polliwog::sync::Semaphore;
        ///
        /// static UPLOADS: Semaphore = Semaphore::const_new(3);
        /// ```
        ///
        /// # Panics
        ///
        /// As there.
        pub fn const_new(permits: usize) -> Self {
            Self::new(permits)
        }
    }

    /// Returns how many permits can be had without waiting.
    ///
    /// ```
    /// # use polliwog_core::conformance::facade as polliwog;
    /// use polliwog::sync::Semaphore;
    ///
    /// let semaphore = Semaphore::new(2);
    /// let permit = semaphore.try_acquire();
    /// assert_eq!(semaphore.available_permits(), 1);
    /// drop(permit);
    /// assert_eq!(semaphore.available_permits(), 2);
    /// ```
    pub fn available_permits(&self) -> usize {
        self.0.free()
    }

    /// Adds permits, which wakes whoever can have them.
    ///
    /// ```
    /// # use polliwog_core::conformance::facade as polliwog;
    /// use polliwog::sync::Semaphore;
    ///
    /// polliwog::block_on(async {
    ///     static READY: Semaphore = Semaphore::new(0);
    ///     let waits = polliwog::spawn(async { READY.acquire().await.is_ok() }).unwrap();
    ///     READY.add_permits(1);
    ///     assert!(waits.await.unwrap());
    /// });
    /// ```
    ///
    /// # Panics
    ///
    /// If there would be more than [`MAX_PERMITS`](Self::MAX_PERMITS).
    #[track_caller]
    pub fn add_permits(&self, permits: usize) {
        self.0.add(permits);
    }

    /// Takes up to so many of the available permits away for ever; returns how many it were.
    ///
    /// ```
    /// # use polliwog_core::conformance::facade as polliwog;
    /// use polliwog::sync::Semaphore;
    ///
    /// let semaphore = Semaphore::new(5);
    /// assert_eq!(semaphore.forget_permits(2), 2);
    /// assert_eq!(semaphore.available_permits(), 3);
    /// ```
    pub fn forget_permits(&self, permits: usize) -> usize {
        self.0.forget(permits)
    }

    /// Waits for a permit.
    ///
    /// ```
    /// # use polliwog_core::conformance::facade as polliwog;
    /// use polliwog::sync::Semaphore;
    ///
    /// polliwog::block_on(async {
    ///     let semaphore = Semaphore::new(1);
    ///     let permit = semaphore.acquire().await.unwrap();
    ///     assert_eq!(semaphore.available_permits(), 0);
    ///     drop(permit); // gives it back
    ///     assert_eq!(semaphore.available_permits(), 1);
    /// });
    /// ```
    ///
    /// # Errors
    ///
    /// If the semaphore has been [closed](Self::close).
    ///
    /// # Cancel safety
    ///
    /// Dropped, it gives up its place in the queue; no permit is lost.
    #[inline]
    pub fn acquire(&self) -> impl Future<Output = Result<SemaphorePermit<'_, S>, AcquireError>> {
        self.permit(1)
    }

    /// Waits for so many permits at once. Meanwhile nobody who comes later gets any.
    ///
    /// ```
    /// # use polliwog_core::conformance::facade as polliwog;
    /// use polliwog::sync::Semaphore;
    ///
    /// polliwog::block_on(async {
    ///     let bytes = Semaphore::new(1024);
    ///     let _buffer = bytes.acquire_many(1000).await.unwrap();
    ///     assert_eq!(bytes.available_permits(), 24);
    /// });
    /// ```
    ///
    /// # Errors
    ///
    /// If the semaphore has been [closed](Self::close).
    ///
    /// # Cancel safety
    ///
    /// Dropped, it gives up its place in the queue; no permit is lost.
    #[inline]
    pub fn acquire_many(
        &self,
        permits: u32,
    ) -> impl Future<Output = Result<SemaphorePermit<'_, S>, AcquireError>> {
        self.permit(number(permits))
    }

    #[inline]
    fn permit(
        &self,
        permits: usize,
    ) -> impl Future<Output = Result<SemaphorePermit<'_, S>, AcquireError>> {
        self.0.acquire_then(permits, move |acquired| {
            acquired.map(|()| SemaphorePermit {
                semaphore: self,
                permits,
            })
        })
    }

    /// Takes a permit, if there is one and nobody waits.
    ///
    /// ```
    /// # use polliwog_core::conformance::facade as polliwog;
    /// use polliwog::sync::{Semaphore, TryAcquireError};
    ///
    /// let semaphore = Semaphore::new(1);
    /// let _permit = semaphore.try_acquire().unwrap();
    /// assert_eq!(semaphore.try_acquire().unwrap_err(), TryAcquireError::NoPermits);
    /// ```
    ///
    /// # Errors
    ///
    /// If there is none, or the semaphore has been [closed](Self::close).
    pub fn try_acquire(&self) -> Result<SemaphorePermit<'_, S>, TryAcquireError> {
        self.try_permit(1)
    }

    /// Takes so many permits, if they are there and nobody waits.
    ///
    /// ```
    /// # use polliwog_core::conformance::facade as polliwog;
    /// use polliwog::sync::Semaphore;
    ///
    /// let semaphore = Semaphore::new(3);
    /// assert!(semaphore.try_acquire_many(4).is_err());
    /// assert_eq!(semaphore.try_acquire_many(3).unwrap().num_permits(), 3);
    /// ```
    ///
    /// # Errors
    ///
    /// If there are not as many, or the semaphore has been [closed](Self::close).
    pub fn try_acquire_many(
        &self,
        permits: u32,
    ) -> Result<SemaphorePermit<'_, S>, TryAcquireError> {
        self.try_permit(number(permits))
    }

    #[inline]
    fn try_permit(&self, permits: usize) -> Result<SemaphorePermit<'_, S>, TryAcquireError> {
        self.0.try_acquire(permits)?;
        Ok(SemaphorePermit {
            semaphore: self,
            permits,
        })
    }

    /// Closes the semaphore: whoever waits, and whoever comes from now on, gets an error. Permits that
    /// have been given stay good.
    ///
    /// ```
    /// # use polliwog_core::conformance::facade as polliwog;
    /// use polliwog::sync::Semaphore;
    ///
    /// polliwog::block_on(async {
    ///     let semaphore = Semaphore::new(0);
    ///     semaphore.close();
    ///     assert!(semaphore.acquire().await.is_err());
    /// });
    /// ```
    pub fn close(&self) {
        self.0.close();
    }

    /// Returns whether the semaphore has been closed.
    ///
    /// ```
    /// # use polliwog_core::conformance::facade as polliwog;
    /// use polliwog::sync::Semaphore;
    ///
    /// let semaphore = Semaphore::new(1);
    /// semaphore.close();
    /// assert!(semaphore.is_closed());
    /// ```
    pub fn is_closed(&self) -> bool {
        self.0.is_closed()
    }
}

impl<S: Scope> fmt::Debug for Semaphore<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Semaphore")
            .field("available_permits", &self.available_permits())
            .finish_non_exhaustive()
    }
}

/// The semaphore has been closed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AcquireError(pub(super) ());

impl fmt::Display for AcquireError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the semaphore has been closed")
    }
}

impl core::error::Error for AcquireError {}

/// Why there is no permit at this moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum TryAcquireError {
    /// The semaphore has been closed.
    Closed,
    /// There are not enough permits, or somebody else waits for them.
    NoPermits,
}

impl fmt::Display for TryAcquireError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Closed => "the semaphore has been closed",
            Self::NoPermits => "no permits available",
        })
    }
}

impl core::error::Error for TryAcquireError {}
