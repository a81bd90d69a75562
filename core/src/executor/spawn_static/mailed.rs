//! Detached tasks from other threads: through the executor's inbox.

use core::future::Future;

use super::{DetachAt, forgo};
use crate::executor::error::{SpawnErrorKind, TrySpawnError};
use crate::executor::handle::Handle;
use crate::executor::spawner::Spawner;
use crate::task::body::Body;
use crate::task::memory::static_site::{Site, SiteHome};
use crate::task::run::start_detached;
use crate::task::task_fn::TaskFn;
use crate::trace::Origin;

/// From another thread: slots are the executor's thread's, so the future goes to its body at once and
/// waits in the inbox for a slot.
impl<Fut: Send> DetachAt<Fut> for Handle {
    #[cfg_attr(feature = "trace", track_caller)]
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
                SpawnErrorKind::StorageFull { capacity },
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
        let origin = Origin::here::<Fut>();
        self.submit_job(move |executor| origin.of(|| parcel.start(&Spawner::new(executor))));
        Ok(())
    }
}

/// A site's body on its way to the executor's thread.
struct Parcel<S: Site, F: Future> {
    body: *mut (),
    /// Whether there is a future in it.
    full: bool,
    of: core::marker::PhantomData<(fn(S), F)>,
}

// SAFETY: it owns the body, and the future in it is `Send`.
unsafe impl<S: Site, F: Future + Send> Send for Parcel<S, F> {}

impl<S: Site, F: Future + 'static> Parcel<S, F> {
    /// The parcel with a future in it.
    fn filled(mut self) -> Self {
        self.full = true;
        self
    }

    fn start(self, spawner: &Spawner) {
        // There is a free slot, or the inbox would not have come to this.
        if let Ok((shared, slot)) = spawner.claim() {
            let body = core::mem::ManuallyDrop::new(self).body;
            // SAFETY: the executor's thread; the body holds the future, and the slot was claimed
            // just now.
            unsafe { start_detached::<F, SiteHome<S, (), true>>(shared, slot, body) };
        }
    }
}

impl<S: Site, F: Future> Drop for Parcel<S, F> {
    fn drop(&mut self) {
        match self.full {
            // SAFETY: the future is ours, and no slot knows of it.
            true => unsafe { forgo::<S, F>(self.body) },
            false => S::BODIES.give_back(self.body),
        }
    }
}
