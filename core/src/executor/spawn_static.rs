//! Starting tasks in the static bodies of a place in the source: what
//! [`spawn!`](crate::spawn!) and its sisters call.

use core::future::Future;

use super::error::{SpawnError, TrySpawnError};
use super::shared::{Shared, SharedRef};
use super::spawner::Spawner;
use crate::task::body::{BodyIn, Kind, Started};
use crate::task::failure::Failure;
use crate::task::join::JoinHandle;
use crate::task::joiner::{Joiner, Place};
use crate::task::memory::static_site::{Site, SiteHome, SiteOf};
use crate::task::run::{start, start_detached};
use crate::task::state::{Block, SlotRef};
use crate::task::task_fn::TaskFn;
use crate::task::unwind::run_quietly;

#[cfg_attr(lean, path = "spawn_static/single.rs")]
#[cfg_attr(not(lean), path = "spawn_static/multi.rs")]
mod prepare;

#[cfg(all(not(lean), not(feature = "std")))]
mod lent;
#[cfg(feature = "std")]
mod mailed;

use prepare::{ENDS_WITH_EXECUTOR, prepare};

/// The function behind [`spawn!`](crate::spawn!).
///
/// # Errors
///
/// See there.
#[doc(hidden)]
#[inline]
#[cfg_attr(feature = "trace", track_caller)]
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
#[cfg_attr(feature = "trace", track_caller)]
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
        Prepared::Filled(shared, slot, body) => Ok(unsafe {
            let started = start::<F::Future, SiteHome<S, Joiner, true>>(shared, slot, body);
            JoinHandle::new(spawner.shared_ref(), started)
        }),
        Prepared::Gone(block, body) => {
            // SAFETY: the body holds the future and is ours, and no slot knows of it.
            Ok(unsafe { never_start::<F::Future, S>(spawner.shared_ref(), block, body) })
        }
    }
}

/// The function behind [`spawn_detached!`](crate::spawn_detached!).
///
/// # Errors
///
/// See there.
#[doc(hidden)]
#[inline]
#[cfg_attr(feature = "trace", track_caller)]
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
#[cfg_attr(feature = "trace", track_caller)]
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
#[cfg_attr(feature = "trace", track_caller)]
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
            Prepared::Filled(shared, slot, body) => unsafe {
                start_detached::<F::Future, SiteHome<S, (), true>>(shared, slot, body);
            },
            // SAFETY: the future is ours, and no slot knows of it.
            Prepared::Gone(_, body) => unsafe { forgo::<S, F::Future>(body) },
        }
    } else if let Prepared::Filled(shared, slot, body) =
        prepare::<S, F, Args, (), false>(spawner, function, args)?
    {
        // SAFETY: as above.
        unsafe { start_detached::<F::Future, SiteHome<S, (), false>>(shared, slot, body) };
    }
    Ok(())
}

/// What has come of a slot, a body and a function that makes a future.
enum Prepared {
    /// The future lies in the body.
    Filled(&'static Shared, SlotRef, *mut ()),
    /// The future is there, but its function has dropped the executor. The slot is no longer ours, the body is.
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
    #[cfg_attr(feature = "trace", track_caller)]
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

/// Functions are given a spawner by reference.
impl<K: SpawnAt> SpawnAt for &K {
    #[inline]
    fn spawner(&self) -> Spawner {
        (**self).spawner()
    }
}

impl<Fut, K: DetachAt<Fut>> DetachAt<Fut> for &K {
    #[inline]
    #[cfg_attr(feature = "trace", track_caller)]
    fn detach<S, F, Args>(&self, function: F, args: Args) -> Result<(), TrySpawnError<Args>>
    where
        S: Site,
        F: TaskFn<Args, Future = Fut>,
        Fut: Future + 'static,
    {
        (**self).detach::<S, F, Args>(function, args)
    }
}

impl<Fut> DetachAt<Fut> for Spawner {
    #[inline]
    #[cfg_attr(feature = "trace", track_caller)]
    fn detach<S, F, Args>(&self, function: F, args: Args) -> Result<(), TrySpawnError<Args>>
    where
        S: Site,
        F: TaskFn<Args, Future = Fut>,
        Fut: Future + 'static,
    {
        detach_here::<S, F, Args>(self, true, function, args)
    }
}

/// The [`Spawner`] of an executor that never ends, as [`TaskPool::run`](crate::TaskPool::run) gives it to its first
/// tasks' maker.
///
/// A [detached](crate::spawn_detached) task that it spawns cannot be ended from outside, so that
/// a microcontroller need not keep the code for that.
#[derive(Clone, Copy, Debug)]
pub struct StaticSpawner(Spawner);

impl StaticSpawner {
    pub(super) fn new(executor: SharedRef) -> Self {
        Self(Spawner::new(executor))
    }
}

impl core::ops::Deref for StaticSpawner {
    type Target = Spawner;

    fn deref(&self) -> &Spawner {
        &self.0
    }
}

impl SpawnAt for StaticSpawner {
    #[inline]
    fn spawner(&self) -> Spawner {
        self.0
    }
}

impl<Fut> DetachAt<Fut> for StaticSpawner {
    #[inline]
    #[cfg_attr(feature = "trace", track_caller)]
    fn detach<S, F, Args>(&self, function: F, args: Args) -> Result<(), TrySpawnError<Args>>
    where
        S: Site,
        F: TaskFn<Args, Future = Fut>,
        Fut: Future + 'static,
    {
        // Where a panic unwinds, it ends even an endless executor. And tasks want to be described.
        detach_here::<S, F, Args>(&self.0, ENDS_WITH_EXECUTOR, function, args)
    }
}

/// Ends a task whose executor was dropped while its future was being made: its handle says that
/// it was aborted.
///
/// # Safety
///
/// The thread of the former executor `executor`. `body` is ours and holds a future as one of the site's bodies;
/// `block` is any block of that executor.
#[cold]
unsafe fn never_start<F: Future, S: Site>(
    executor: SharedRef,
    block: *const Block,
    body: *mut (),
) -> JoinHandle<F::Output> {
    type In<F, S> = BodyIn<F, SiteHome<S, Joiner, true>>;
    // SAFETY: the caller's promise: the future is there, once, and nobody else knows of it.
    run_quietly(|| unsafe { In::<F, S>::future(body).drop_in_place() });
    // SAFETY: B1: room for an output, which the handle takes, as `executor` is gone. S1 for the
    // slot: the block's first one, for which S4 holds even if it was never used. It may be
    // another task's by now, so the handle gets the name of a former tenant.
    unsafe {
        crate::task::body::output::<F::Output>(body).write(Err(Failure::Aborted));
        let joiner = In::<F, S>::joiner(body);
        joiner.as_ref().finish();
        let slot = Block::slot(block, 0);
        JoinHandle::new(
            executor,
            Started {
                slot,
                generation: slot.generation().wrapping_sub(1),
                kind: Kind::of::<F, SiteHome<S, Joiner, true>>(),
                body,
                joiner,
            },
        )
    }
}
