//! The primitives for the tasks of one executor: no lock, no atomics, neither `Send` nor `Sync`.

crate::sync::all_names!(crate::sync::Local, alloc::rc::Rc);
