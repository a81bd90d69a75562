//! embassy-executor on its platform for `std`. It has no join handles, and its timers belong
//! to another crate.

use std::cell::Cell;
use std::rc::Rc;

use embassy_executor::{Executor, Spawner, raw::TaskStorage};

use super::Runtime;

pub struct Embassy;

thread_local! {
    static SPAWNER: Cell<Option<Spawner>> = const { Cell::new(None) };
}

/// Each task's storage is static in embassy; here it is leaked.
fn start<F: Future<Output = ()> + 'static>(spawner: Spawner, task: F) {
    let storage: &'static TaskStorage<F> = Box::leak(Box::new(TaskStorage::new()));
    spawner.spawn(storage.spawn(|| task).unwrap());
}

impl Runtime for Embassy {
    fn run<T: 'static>(main: impl Future<Output = T> + 'static) -> T {
        let executor: &'static mut Executor = Box::leak(Box::new(Executor::new()));
        let output = Rc::new(Cell::new(None));
        let is_done = Rc::new(Cell::new(false));
        let (result, done) = (output.clone(), is_done.clone());
        executor.run_until(
            move |spawner| {
                SPAWNER.set(Some(spawner));
                start(spawner, async move {
                    result.set(Some(main.await));
                    done.set(true);
                });
            },
            move || is_done.get(),
        );
        output.take().unwrap()
    }

    fn detach(task: impl Future<Output = ()> + 'static) {
        start(SPAWNER.get().unwrap(), task);
    }
}
