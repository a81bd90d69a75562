//! Claiming a slot and a static body: on a chip with a single core. All other builds have `multi.rs` in place of
//! this file.

use super::{DetachAt, Prepared, detach_here};
use crate::executor::error::{SpawnErrorKind, TrySpawnError};
use crate::executor::handle::Handle;
use crate::executor::shared::{Shared, SharedRef};
use crate::executor::spawner::{Spawner, refused};
use crate::task::body::Body;
use crate::task::joiner::Place;
use crate::task::memory::static_site::{Site, SiteBodies};
use crate::task::state::{Block, FULL};
use crate::task::task_fn::TaskFn;

/// Whether a task of an executor that runs for ever can end with it: a panic ends the whole program.
pub(super) const ENDS_WITH_EXECUTOR: bool = false;

/// Claims a slot and a body at a spawn site, both or none, and makes the future there.
#[inline]
pub(super) fn prepare<S, F, Args, J, const MORTAL: bool>(
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
    let mut shared = Some(spawner.shared_ref().shared());
    if MORTAL {
        shared = spawner
            .shared_ref()
            .get()
            .filter(|shared| !shared.closing.get());
    }
    let Some(shared) = shared else {
        return Err(TrySpawnError::new(SpawnErrorKind::Closed, args));
    };
    let bodies = S::BODIES;
    let block = shared.first_block();
    let (index, body) = match bodies.used() {
        // SAFETY: S1; a claimed core has a block.
        Some(used) => unsafe { Block::claim_and(block, used, bodies.len()) },
        None => claim_apart(shared, &bodies),
    };
    if index == FULL {
        let kind = if body == 0 {
            refused(shared)
        } else {
            let capacity = bodies.len();
            SpawnErrorKind::StorageFull { capacity }
        };
        return Err(TrySpawnError::new(kind, args));
    }
    let body = bodies.at(body);
    // SAFETY: S1; claimed just now.
    let slot = unsafe { Block::slot(block, index) };
    // A panic here keeps both for ever; but a lean build aborts on panics.
    // SAFETY: fresh memory of the right layout.
    unsafe { Body::<F::Future, J, ()>::make(body, function, args) };
    if MORTAL && spawner.shared_ref().get().is_none() {
        shared.release_slot(slot);
        return Ok(Prepared::Gone(slot.block(), body));
    }
    Ok(Prepared::Filled(shared, slot, body))
}

/// Claims a slot, then one of so many bodies that a word does not have bits for them: what
/// [`Block::claim_and`] does at once for fewer.
fn claim_apart(shared: &Shared, bodies: &SiteBodies) -> (usize, usize) {
    if let Some(slot) = shared.claim_slot() {
        if let Some(body) = bodies.claim() {
            return (slot.index(), body);
        }
        shared.release_slot(slot);
        return (FULL, bodies.len());
    }
    (FULL, 0)
}

/// Claiming, filling and publishing a slot leave no state in which an interrupt handler must not
/// do the same (S2).
impl<Fut: Send> DetachAt<Fut> for Handle {
    #[inline]
    fn detach<S, F, Args>(&self, function: F, args: Args) -> Result<(), TrySpawnError<Args>>
    where
        S: Site,
        F: TaskFn<Args, Future = Fut>,
        Fut: Future + 'static,
    {
        let (shared, epoch) = self.parts();
        let spawner = Spawner::new(SharedRef::new(shared, epoch));
        detach_here::<S, F, Args>(&spawner, true, function, args)
    }
}
