//! The primitives for the tasks of one executor: no lock, no atomics, neither `Send` nor `Sync`.
//!
//! What is shared lies in an `Rc`, and what owns a share wants one: `acquire_owned`, `lock_owned`, `read_owned`, `notified_owned`
//! and the like are methods of an `Rc<Semaphore>` here, as they are of an `Arc<Semaphore>` in [`sync`](super). An `Arc` of
//! a local one has no such methods, though it lends the others.

crate::sync::all_names!(crate::sync::Local, alloc::rc::Rc);
