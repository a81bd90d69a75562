//! Starting tasks in the static bodies of a place in the source: what
//! [`spawn!`](crate::spawn!) and its sisters call.

use core::future::Future;

#[cfg(lean)]
use super::Handle;
use super::core::{Core, CoreRef};
use super::error::{SpawnError, SpawnErrorKind, TrySpawnError};
use super::spawner::Spawner;
#[cfg(lean)]
use super::spawner::refused;
use crate::task::JoinHandle;
use crate::task::body::Body;
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
    let spawner = spawner.any_spawner();
    if K::MORTAL {
        match prepare::<S, F, Args, (), true>(&spawner, function, args)? {
            // SAFETY: the body was written and the slot claimed just now.
            Prepared::Filled(core, slot, body) => unsafe {
                start_detached::<F::Future, SiteHome<S, (), true>>(core, slot, body);
            },
            // SAFETY: the future is ours, and no slot knows of it.
            Prepared::Gone(_, body) => unsafe { forgo::<S, F::Future>(body) },
        }
    } else if let Prepared::Filled(core, slot, body) =
        prepare::<S, F, Args, (), false>(&spawner, function, args)?
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
    // SAFETY: the caller's promise. Moved out, so that a panic of its destructor finds the body
    // given back.
    let future = unsafe { body.cast::<F>().read() };
    S::BODIES.give_back(body);
    drop(future);
}

/// What starts joinable tasks at a site: a [`Spawner`], or one whose executor never ends.
#[doc(hidden)]
pub trait SpawnAt {
    /// The spawner as such.
    fn spawner(&self) -> Spawner;
}

/// What starts detached tasks with futures of type `F` at a site: the same, or a [`Handle`] in an
/// interrupt handler if the future is `Send`.
#[doc(hidden)]
pub trait DetachAt<F> {
    /// Whether the executor's end can be the task's.
    const MORTAL: bool = true;

    /// The spawner to use, on this executor's level or above it.
    fn any_spawner(&self) -> Spawner;
}

impl SpawnAt for Spawner {
    #[inline]
    fn spawner(&self) -> Spawner {
        *self
    }
}

impl<F> DetachAt<F> for Spawner {
    #[inline]
    fn any_spawner(&self) -> Spawner {
        *self
    }
}

/// Claiming, filling and publishing a slot leave no state in which an interrupt handler must not
/// do the same (S2 of `lean`).
#[cfg(lean)]
impl<F: Send> DetachAt<F> for Handle {
    #[inline]
    fn any_spawner(&self) -> Spawner {
        Spawner::new(self.executor())
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

impl<F> DetachAt<F> for EndlessSpawner {
    // Where a panic unwinds, it ends even an endless executor. And tasks want to be described.
    const MORTAL: bool = cfg!(not(lean));

    #[inline]
    fn any_spawner(&self) -> Spawner {
        self.0
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
    let block = core.blocks.get();
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
