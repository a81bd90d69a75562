//! Claiming a slot and a static body: on servers, and on chips with several cores. Chips with a single core have
//! `single.rs` in place of this file.

use super::Prepared;
use crate::executor::error::{SpawnErrorKind, TrySpawnError};
use crate::executor::shared::Shared;
use crate::executor::spawner::Spawner;
use crate::task::body::Body;
use crate::task::joiner::Place;
use crate::task::memory::static_site::Site;
use crate::task::state::SlotRef;
use crate::task::task_fn::TaskFn;

/// Whether a task of an executor that runs for ever can end with it: where a panic unwinds, it does. And tasks
/// want to be described.
pub(super) const ENDS_WITH_EXECUTOR: bool = true;

/// Claims a slot and a body at a spawn site and makes the future there.
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
    let bodies = S::BODIES;
    let (shared, slot) = match spawner.claim() {
        Ok(claimed) => claimed,
        Err(kind) => return Err(TrySpawnError::new(kind, args)),
    };
    let Some(body) = bodies.take() else {
        spawner.unclaim(shared, slot);
        let capacity = bodies.len();
        return Err(TrySpawnError::new(
            SpawnErrorKind::BodiesFull { capacity },
            args,
        ));
    };
    // What holds both while the user's function runs, which may panic.
    struct Claimed<'a>(&'a Spawner, &'a Shared, SlotRef, &'a dyn Fn());
    impl Drop for Claimed<'_> {
        fn drop(&mut self) {
            if self.0.shared_ref().get().is_some() {
                self.0.unclaim(self.1, self.2);
            }
            (self.3)();
        }
    }
    let give_back = || bodies.give_back(body);
    let claimed = Claimed(spawner, shared, slot, &give_back);
    // SAFETY: fresh memory of the right layout.
    unsafe { Body::<F::Future, J, ()>::make(body, function, args) };
    core::mem::forget(claimed);
    if spawner.shared_ref().get().is_none() {
        // The user's function has dropped the executor; the slot is no longer ours.
        return Ok(Prepared::Gone(slot.block(), body));
    }
    Ok(Prepared::Filled(shared, slot, body))
}
