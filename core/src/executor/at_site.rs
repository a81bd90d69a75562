//! Starting tasks in the static bodies of a place in the source: what
//! [`spawn!`](crate::spawn!) and its sisters call.

use core::future::Future;

use super::Handle;
use super::core::{Core, CoreRef};
use super::error::{SpawnError, SpawnErrorKind, TrySpawnError};
use super::spawner::Spawner;
#[cfg(lean)]
use super::spawner::refused;
use crate::task::JoinHandle;
use crate::task::body::{Body, BodyIn, run_quietly};
use crate::task::joiner::{Joiner, Place};
use crate::task::ready::Block;
use crate::task::run::{never_start, start, start_detached};
use crate::task::site::{Site, SiteHome, SiteOf, TaskFn};
use crate::task::slot::SlotRef;

/// The function behind [`spawn!`](crate::spawn!).
///
/// # Errors
///
/// See there.
#[doc(hidden)]
#[inline]
pub fn spawn_site<S, F, Args, K>(
    spawner: &K,
    args: Args,
    (site, function): (SiteOf<S>, F),
) -> Result<JoinHandle<<F::Future as Future>::Output>, SpawnError>
where
    S: Site,
    F: TaskFn<Args>,
    F::Future: 'static,
    <F::Future as Future>::Output: 'static,
    K: SpawnAt,
{
    try_spawn_site(spawner, args, (site, function)).map_err(SpawnError::from)
}

/// The function behind [`try_spawn!`](crate::try_spawn!).
///
/// # Errors
///
/// See there.
#[doc(hidden)]
pub fn try_spawn_site<S, F, Args, K>(
    spawner: &K,
    args: Args,
    (site, function): (SiteOf<S>, F),
) -> Result<JoinHandle<<F::Future as Future>::Output>, TrySpawnError<Args>>
where
    S: Site,
    F: TaskFn<Args>,
    F::Future: 'static,
    <F::Future as Future>::Output: 'static,
    K: SpawnAt,
{
    let _ = site;
    let spawner = spawner.spawner();
    match prepare::<S, F, Args, Joiner, true>(&spawner, function, args)? {
        // SAFETY: the body was written and the slot claimed just now.
        Prepared::Filled(core, slot, body) => Ok(unsafe {
            start::<F::Future, SiteHome<S, Joiner, true>>(spawner.core_ref(), core, slot, body)
        }),
        // SAFETY: the body holds the future and is ours, and no slot knows of it.
        Prepared::Gone(block, body) => Ok(unsafe {
            never_start::<F::Future, SiteHome<S, Joiner, true>>(spawner.core_ref(), block, body)
        }),
    }
}

/// The function behind [`spawn_detached!`](crate::spawn_detached!).
///
/// # Errors
///
/// See there.
#[doc(hidden)]
#[inline]
pub fn spawn_site_detached<S, F, Args, K>(
    spawner: &K,
    args: Args,
    (site, function): (SiteOf<S>, F),
) -> Result<(), SpawnError>
where
    S: Site,
    F: TaskFn<Args>,
    F::Future: 'static,
    K: DetachAt<F::Future>,
{
    try_spawn_site_detached(spawner, args, (site, function)).map_err(SpawnError::from)
}

/// The function behind [`try_spawn_detached!`](crate::try_spawn_detached!).
///
/// # Errors
///
/// See there.
#[doc(hidden)]
pub fn try_spawn_site_detached<S, F, Args, K>(
    spawner: &K,
    args: Args,
    (site, function): (SiteOf<S>, F),
) -> Result<(), TrySpawnError<Args>>
where
    S: Site,
    F: TaskFn<Args>,
    F::Future: 'static,
    K: DetachAt<F::Future>,
{
    let _ = site;
    spawner.detach::<S, F, Args>(function, args)
}

/// Starts a detached task on the executor's own level or, on a lean build, above it. Whether it is
/// `mortal`, so that the executor's end can be the task's, is known to the compiler.
#[inline(always)]
fn detach_here<S, F, Args>(
    spawner: &Spawner,
    mortal: bool,
    function: F,
    args: Args,
) -> Result<(), TrySpawnError<Args>>
where
    S: Site,
    F: TaskFn<Args>,
    F::Future: 'static,
{
    if mortal {
        match prepare::<S, F, Args, (), true>(spawner, function, args)? {
            // SAFETY: the body was written and the slot claimed just now.
            Prepared::Filled(core, slot, body) => unsafe {
                start_detached::<F::Future, SiteHome<S, (), true>>(core, slot, body);
            },
            // SAFETY: the future is ours, and no slot knows of it.
            Prepared::Gone(_, body) => unsafe { forgo::<S, F::Future>(body) },
        }
    } else if let Prepared::Filled(core, slot, body) =
        prepare::<S, F, Args, (), false>(spawner, function, args)?
    {
        // SAFETY: as above.
        unsafe { start_detached::<F::Future, SiteHome<S, (), false>>(core, slot, body) };
    }
    Ok(())
}

/// What has come of a slot, a body and a function that makes a future.
enum Prepared {
    /// The future lies in the body.
    Filled(&'static Core, (SlotRef, usize), *mut ()),
    /// It does, but the function has dropped the executor. The slot is no longer ours, the body is.
    Gone(*const Block, *mut ()),
}

/// Drops a future that no task is made of, and gives its body back.
///
/// # Safety
///
/// `body` is one of the site's, ours, and holds the future.
#[cold]
unsafe fn forgo<S: Site, F: Future>(body: *mut ()) {
    // SAFETY: the caller's promise: the future is there, once, and nobody else knows of it.
    run_quietly(|| unsafe { BodyIn::<F, SiteHome<S, (), true>>::future(body).drop_in_place() });
    S::BODIES.give_back(body);
}

/// What starts joinable tasks at a site: a [`Spawner`], or one whose executor never ends.
#[doc(hidden)]
pub trait SpawnAt {
    /// The spawner as such.
    fn spawner(&self) -> Spawner;
}

/// What starts detached tasks with futures of type `F` at a site: the same, or a [`Handle`] on another
/// thread or core or in an interrupt handler, if the future is `Send`.
#[doc(hidden)]
pub trait DetachAt<Fut> {
    /// Makes the future in one of the site's bodies and sets it going.
    ///
    /// # Errors
    ///
    /// The arguments, with the limit that was hit.
    #[doc(hidden)]
    fn detach<S, F, Args>(&self, function: F, args: Args) -> Result<(), TrySpawnError<Args>>
    where
        S: Site,
        F: TaskFn<Args, Future = Fut>,
        Fut: Future + 'static;
}

impl SpawnAt for Spawner {
    #[inline]
    fn spawner(&self) -> Spawner {
        *self
    }
}

impl<Fut> DetachAt<Fut> for Spawner {
    #[inline]
    fn detach<S, F, Args>(&self, function: F, args: Args) -> Result<(), TrySpawnError<Args>>
    where
        S: Site,
        F: TaskFn<Args, Future = Fut>,
        Fut: Future + 'static,
    {
        detach_here::<S, F, Args>(self, true, function, args)
    }
}

/// Claiming, filling and publishing a slot leave no state in which an interrupt handler must not
/// do the same (S2 of `lean`).
#[cfg(lean)]
impl<Fut: Send> DetachAt<Fut> for Handle {
    #[inline]
    fn detach<S, F, Args>(&self, function: F, args: Args) -> Result<(), TrySpawnError<Args>>
    where
        S: Site,
        F: TaskFn<Args, Future = Fut>,
        Fut: Future + 'static,
    {
        detach_here::<S, F, Args>(&Spawner::new(self.executor()), true, function, args)
    }
}

/// From a handler, or from another core: what the executor does on its own level meanwhile is kept
/// out by the lock, under which the slot is claimed and, once the future is there, published.
#[cfg(all(not(lean), not(feature = "std")))]
impl<Fut: Send> DetachAt<Fut> for Handle {
    fn detach<S, F, Args>(&self, function: F, args: Args) -> Result<(), TrySpawnError<Args>>
    where
        S: Site,
        F: TaskFn<Args, Future = Fut>,
        Fut: Future + 'static,
    {
        use crate::task::{body::run, waker};
        const { S::BODIES.assert_fits::<Fut, ()>() };
        let (core, epoch) = self.core();
        let (slot, index) = match core.lend_slot(epoch) {
            Ok(lent) => lent,
            Err(kind) => return Err(TrySpawnError::new(kind, args)),
        };
        let Some(body) = S::BODIES.take() else {
            let block = slot.block_at(index);
            core.if_open(epoch, || core.release_slot(block, index));
            let capacity = S::BODIES.len();
            return Err(TrySpawnError::new(
                SpawnErrorKind::BodiesFull { capacity },
                args,
            ));
        };
        // A panic here keeps both for ever; but it ends the program.
        // SAFETY: fresh memory of the right layout.
        unsafe { Body::<Fut, (), ()>::make(body, function, args) };
        let published = core.if_open(epoch, || {
            // S2: the slot is still the one that was lent.
            slot.publish(run::<Fut, SiteHome<S, (), true>>, body);
        });
        match published {
            // SAFETY: the slot was claimed.
            Some(()) => unsafe { waker::wake(slot) },
            // SAFETY: the future is ours, and no slot knows of it.
            None => unsafe { forgo::<S, Fut>(body) },
        }
        Ok(())
    }
}

/// From another thread: slots are the executor's thread's, so the future goes to its body at once and
/// waits in the inbox for a slot.
#[cfg(feature = "std")]
impl<Fut: Send> DetachAt<Fut> for Handle {
    fn detach<S, F, Args>(&self, function: F, args: Args) -> Result<(), TrySpawnError<Args>>
    where
        S: Site,
        F: TaskFn<Args, Future = Fut>,
        Fut: Future + 'static,
    {
        const { S::BODIES.assert_fits::<Fut, ()>() };
        if let Err(kind) = self.has_room() {
            return Err(TrySpawnError::new(kind, args));
        }
        let Some(body) = S::BODIES.take() else {
            let capacity = S::BODIES.len();
            return Err(TrySpawnError::new(
                SpawnErrorKind::BodiesFull { capacity },
                args,
            ));
        };
        // Gives the body back if the function panics.
        let empty = Parcel::<S, Fut> {
            body,
            full: false,
            of: core::marker::PhantomData,
        };
        // SAFETY: fresh memory of the right layout.
        unsafe { Body::<Fut, (), ()>::make(body, function, args) };
        let parcel = empty.filled();
        // Should the executor be gone by now, the task has ended with it.
        self.submit_job(move |spawner| parcel.start(spawner));
        Ok(())
    }
}

/// A site's body on its way to the executor's thread.
#[cfg(feature = "std")]
struct Parcel<S: Site, F: Future> {
    body: *mut (),
    /// Whether there is a future in it.
    full: bool,
    of: core::marker::PhantomData<(fn(S), F)>,
}

// SAFETY: it owns the body, and the future in it is `Send`.
#[cfg(feature = "std")]
unsafe impl<S: Site, F: Future + Send> Send for Parcel<S, F> {}

#[cfg(feature = "std")]
impl<S: Site, F: Future + 'static> Parcel<S, F> {
    /// The same with a future in it.
    fn filled(mut self) -> Self {
        self.full = true;
        self
    }

    fn start(self, spawner: &Spawner) {
        // There is a free slot, or the inbox would not have come to this.
        if let Ok((core, slot)) = spawner.claim() {
            let body = core::mem::ManuallyDrop::new(self).body;
            // SAFETY: the executor's thread; the body holds the future, and the slot was claimed
            // just now.
            unsafe { start_detached::<F, SiteHome<S, (), true>>(core, slot, body) };
        }
    }
}

#[cfg(feature = "std")]
impl<S: Site, F: Future> Drop for Parcel<S, F> {
    fn drop(&mut self) {
        match self.full {
            // SAFETY: the future is ours, and no slot knows of it.
            true => unsafe { forgo::<S, F>(self.body) },
            false => S::BODIES.give_back(self.body),
        }
    }
}

/// The [`Spawner`] of an executor that never ends, as [`TaskPool::run`](crate::TaskPool::run) gives it to its first
/// tasks' maker.
///
/// A [detached](crate::spawn_detached) task that it spawns cannot be ended from outside, so that
/// a microcontroller need not keep the code for that.
#[derive(Clone, Copy, Debug)]
pub struct EndlessSpawner(Spawner);

impl EndlessSpawner {
    pub(super) fn new(executor: CoreRef) -> Self {
        Self(Spawner::new(executor))
    }
}

impl core::ops::Deref for EndlessSpawner {
    type Target = Spawner;

    fn deref(&self) -> &Spawner {
        &self.0
    }
}

impl SpawnAt for EndlessSpawner {
    #[inline]
    fn spawner(&self) -> Spawner {
        self.0
    }
}

impl<Fut> DetachAt<Fut> for EndlessSpawner {
    #[inline]
    fn detach<S, F, Args>(&self, function: F, args: Args) -> Result<(), TrySpawnError<Args>>
    where
        S: Site,
        F: TaskFn<Args, Future = Fut>,
        Fut: Future + 'static,
    {
        // Where a panic unwinds, it ends even an endless executor. And tasks want to be described.
        detach_here::<S, F, Args>(&self.0, cfg!(not(lean)), function, args)
    }
}

/// Claims a slot and a body at a spawn site, both or none, and makes the future there.
#[cfg(lean)]
#[inline]
fn prepare<S, F, Args, J, const MORTAL: bool>(
    spawner: &Spawner,
    function: F,
    args: Args,
) -> Result<Prepared, TrySpawnError<Args>>
where
    S: Site,
    F: TaskFn<Args>,
    J: Place,
{
    use crate::task::pool::FULL;
    const { S::BODIES.assert_fits::<F::Future, J>() };
    let mut core = Some(spawner.core_ref().shared());
    if MORTAL {
        core = spawner.core_ref().get().filter(|core| !core.closing.get());
    }
    let Some(core) = core else {
        return Err(TrySpawnError::new(SpawnErrorKind::Closed, args));
    };
    let bodies = S::BODIES;
    let block = core.first_block();
    // SAFETY: S1; a claimed core has a block.
    let (index, body) = unsafe { (*block).claim_and(bodies.used(), bodies.len()) };
    if index == FULL {
        let kind = if body >= core.capacity() {
            refused(core)
        } else {
            let capacity = bodies.len();
            SpawnErrorKind::BodiesFull { capacity }
        };
        return Err(TrySpawnError::new(kind, args));
    }
    let body = bodies.at(body);
    // SAFETY: S1; claimed just now.
    let slot = unsafe { Block::slot(block, index) };
    // A panic here keeps both for ever; but a lean build aborts on panics.
    // SAFETY: fresh memory of the right layout.
    unsafe { Body::<F::Future, J, ()>::make(body, function, args) };
    if MORTAL && spawner.core_ref().get().is_none() {
        core.release_slot(slot.block(), index);
        return Ok(Prepared::Gone(slot.block(), body));
    }
    Ok(Prepared::Filled(core, (slot, index), body))
}

#[cfg(not(lean))]
/// Claims a slot and a body at a spawn site and makes the future there.
#[inline]
fn prepare<S, F, Args, J, const MORTAL: bool>(
    spawner: &Spawner,
    function: F,
    args: Args,
) -> Result<Prepared, TrySpawnError<Args>>
where
    S: Site,
    F: TaskFn<Args>,
    J: Place,
{
    const { S::BODIES.assert_fits::<F::Future, J>() };
    let bodies = S::BODIES;
    let (core, slot) = match spawner.claim() {
        Ok(claimed) => claimed,
        Err(kind) => return Err(TrySpawnError::new(kind, args)),
    };
    let Some(body) = bodies.take() else {
        spawner.unclaim(core, slot);
        let capacity = bodies.len();
        return Err(TrySpawnError::new(
            SpawnErrorKind::BodiesFull { capacity },
            args,
        ));
    };
    // What holds both while the user's function runs, which may panic.
    struct Claimed<'a>(&'a Spawner, &'a Core, (SlotRef, usize), &'a dyn Fn());
    impl Drop for Claimed<'_> {
        fn drop(&mut self) {
            if self.0.core_ref().get().is_some() {
                self.0.unclaim(self.1, self.2);
            }
            (self.3)();
        }
    }
    let give_back = || bodies.give_back(body);
    let claimed = Claimed(spawner, core, slot, &give_back);
    // SAFETY: fresh memory of the right layout.
    unsafe { Body::<F::Future, J, ()>::make(body, function, args) };
    core::mem::forget(claimed);
    if spawner.core_ref().get().is_none() {
        // The user's function has dropped the executor; the slot is no longer ours.
        return Ok(Prepared::Gone(slot.0.block_at(slot.1), body));
    }
    Ok(Prepared::Filled(core, slot, body))
}
