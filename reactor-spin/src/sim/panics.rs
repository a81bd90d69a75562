//! Panics: those of tasks, which end their host, and those that nobody wants to read.

use alloc::boxed::Box;
use alloc::format;
use alloc::string::String;
use alloc::sync::Arc;
use core::cell::RefCell;
use core::sync::atomic::{AtomicBool, Ordering};
use std::panic;
use std::sync::Once;
use std::thread;

use polliwog_core::Spawner;
use polliwog_core::task::{Panic, TaskId, watch_panics, watch_refusals};

use super::net::Net;
use crate::net::Network;

/// The first panic of a task in a turn of its host.
pub(crate) struct TaskPanic {
    pub(crate) task: TaskId,
    pub(crate) message: String,
    /// The task, in words.
    pub(crate) place: String,
}

/// What a task's panic said.
pub(crate) fn message(panic: &Panic) -> String {
    panic.message().unwrap_or_else(|| "(without a text)".into())
}

/// Lets hosts of simulations of this thread know of the panics of their tasks, and of what another reactor refuses them.
pub(crate) fn watch() {
    watch_panics(note);
    watch_refusals(note_refusal);
}

fn note_refusal() {
    if let Some(Net { world, host }) = Network::current_sim() {
        let _ = world.try_with(|state| state.hosts[host as usize].refused = true);
    }
}

fn note(id: TaskId, panic: &Panic) {
    let Some(Net { world, host }) = Network::current_sim() else {
        return;
    };
    let message = message(panic);
    let mut tasks = Spawner::current()
        .into_iter()
        .flat_map(|spawner| spawner.tasks());
    let place = match tasks.find(|task| task.id == id) {
        Some(task) => format!("the task {}", task.name.unwrap_or(task.type_name)),
        None => "the destructor of a task".into(),
    };
    let panic = TaskPanic {
        task: id,
        message,
        place,
    };
    let _ = world.try_with(|state| {
        let panicked = &mut state.hosts[host as usize].panicked;
        panicked.get_or_insert(panic);
    });
}

std::thread_local! {
    /// Whether panics of this thread are printed is said by this, as long as it is there; and the seed of the run.
    static QUIET: RefCell<Option<(Arc<AtomicBool>, u64)>> = const { RefCell::new(None) };
}

/// Runs `f`, whose panics are not printed while `quiet` is set, and with the seed else: one that ends the program, as within
/// another one, is the last that anybody hears of that run.
pub(crate) fn quietly<T>(quiet: &Arc<AtomicBool>, seed: u64, f: impl FnOnce() -> T) -> T {
    /// What was there before, which is so again after a panic, too.
    struct Former(Option<(Arc<AtomicBool>, u64)>);
    impl Drop for Former {
        fn drop(&mut self) {
            QUIET.replace(self.0.take());
        }
    }
    install();
    let _former = Former(QUIET.replace(Some((quiet.clone(), seed))));
    f()
}

/// Puts a hook before the one that is there, once for the whole process: a hook is the only way to keep a panic from being
/// printed. Whoever sets another one later has the panics of all runs printed again.
fn install() {
    static INSTALLED: Once = Once::new();
    // A thread that panics cannot set a hook.
    if thread::panicking() {
        return;
    }
    INSTALLED.call_once(|| {
        let former = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            let run = QUIET.try_with(|run| run.try_borrow().ok()?.clone());
            match run.ok().flatten() {
                None => former(info),
                Some((quiet, _)) if quiet.load(Ordering::Relaxed) => {}
                Some((_, seed)) => {
                    former(info);
                    std::eprintln!("that was in the run of seed {seed} of a search");
                }
            }
        }));
    });
}
