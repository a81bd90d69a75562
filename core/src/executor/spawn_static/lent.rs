//! Detached tasks from interrupt handlers and other cores, where there are no threads: into a slot that is lent.

use core::future::Future;

use super::{DetachAt, forgo};
use crate::executor::error::{SpawnErrorKind, TrySpawnError};
use crate::executor::handle::Handle;
use crate::task::body::{Body, run};
use crate::task::memory::static_site::{Site, SiteHome};
use crate::task::state::Description;
use crate::task::task_fn::TaskFn;
use crate::task::waker;
use crate::trace;

/// From a handler, or from another core: what the executor does on its own level meanwhile is kept
/// out by the lock, under which the slot is claimed and, once the future is there, published.
impl<Fut: Send> DetachAt<Fut> for Handle {
    #[cfg_attr(feature = "trace", track_caller)]
    fn detach<S, F, Args>(&self, function: F, args: Args) -> Result<(), TrySpawnError<Args>>
    where
        S: Site,
        F: TaskFn<Args, Future = Fut>,
        Fut: Future + 'static,
    {
        const { S::BODIES.assert_fits::<Fut, ()>() };
        let (shared, epoch) = self.parts();
        let slot = match shared.lend_slot(epoch) {
            Ok(lent) => lent,
            Err(kind) => return Err(TrySpawnError::new(kind, args)),
        };
        let Some(body) = S::BODIES.take() else {
            shared.if_open(epoch, || shared.release_slot(slot));
            let capacity = S::BODIES.len();
            return Err(TrySpawnError::new(
                SpawnErrorKind::StorageFull { capacity },
                args,
            ));
        };
        // A panic here keeps both for ever; but it ends the program.
        // SAFETY: fresh memory of the right layout.
        unsafe { Body::<Fut, (), ()>::make(body, function, args) };
        let published = shared.if_open(epoch, || {
            // S2: the slot is still the one that was lent.
            slot.publish(run::<Fut, SiteHome<S, (), true>>, body);
        });
        match published {
            // SAFETY: the slot was claimed.
            Some(()) => unsafe {
                trace::spawned(shared, slot, || Description {
                    name: None,
                    type_name: core::any::type_name::<Fut>(),
                    size: size_of::<Fut>(),
                });
                waker::wake(slot);
            },
            // SAFETY: the future is ours, and no slot knows of it.
            None => unsafe { forgo::<S, Fut>(body) },
        }
        Ok(())
    }
}
