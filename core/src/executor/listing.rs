//! What an executor tells of itself.

use core::marker::PhantomData;

use super::shared::SharedRef;
use crate::task::body::describe;
use crate::task::id::{TaskId, TaskKey};
use crate::task::state::Block;

/// Counters of an executor, always on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Stats {
    /// Tasks that exist now.
    pub live: usize,
    /// Tasks that can exist at the same time.
    pub capacity: usize,
    /// Polls since the executor was made; not counted, like refused spawns, on a single-core
    /// build without `task-info`.
    pub polls: u64,
    /// Spawns that were refused for lack of room.
    pub refused: usize,
    /// Bytes of heap that the executor's tasks hold: in use, or kept for the next ones.
    pub heap_bytes: usize,
}

impl Stats {
    pub(super) fn of(executor: SharedRef) -> Self {
        let Some(shared) = executor.get() else {
            return Self::default();
        };
        Self {
            live: shared.live(),
            capacity: shared.capacity(),
            polls: shared.polls(),
            refused: shared.refused(),
            #[cfg(feature = "alloc")]
            heap_bytes: shared.heap.held(),
            #[cfg(not(feature = "alloc"))]
            heap_bytes: 0,
        }
    }
}

/// What a task is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum TaskState {
    /// The task waits to be woken.
    Idle,
    /// The task has been woken and waits for its turn.
    Ready,
    /// The task has been aborted and will be dropped in its turn.
    Aborting,
}

/// A live task.
#[derive(Clone, Debug)]
#[non_exhaustive]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct TaskInfo {
    /// Index of its slot in the executor.
    pub index: usize,
    /// Its identity.
    pub id: TaskId,
    /// The name that it was spawned by.
    pub name: Option<&'static str>,
    /// The type of its future; empty on a single-core build without `task-info`, to save flash.
    pub type_name: &'static str,
    /// Bytes that its future and output take; zero where the type is not known either.
    pub size: usize,
    /// What it is doing. A task that is being polled right now counts as idle.
    pub state: TaskState,
    /// How often it has been polled; `None` in a build that does not count (no feature `std`
    /// or `task-info`).
    pub polls: Option<u32>,
}

/// Iterator over the live tasks of an executor: see [`Spawner::tasks`](super::Spawner::tasks).
#[derive(Debug)]
pub struct Tasks {
    block: *const Block,
    first: usize,
    index: usize,
    _same_thread: PhantomData<SharedRef>,
    executor: SharedRef,
}

impl Tasks {
    pub(super) fn of(executor: SharedRef) -> Self {
        let block = executor
            .get()
            .map_or(core::ptr::null(), |shared| shared.first_block());
        Self {
            block,
            first: 0,
            index: 0,
            _same_thread: PhantomData,
            executor,
        }
    }
}

impl Iterator for Tasks {
    type Item = TaskInfo;

    fn next(&mut self) -> Option<TaskInfo> {
        let shared = self.executor.get()?;
        while !self.block.is_null() {
            // SAFETY: S1; the executor still has its blocks.
            let head = unsafe { &*self.block };
            while self.index < head.len() {
                let index = self.index;
                self.index += 1;
                // SAFETY: below the block's length.
                let slot = unsafe { Block::slot(self.block, index) };
                let (Some(run), body) = slot.task() else {
                    continue;
                };
                if !slot.is_live() {
                    continue;
                }
                // SAFETY: S3: the slot is live.
                let description = unsafe { describe(slot, run, body) };
                return Some(TaskInfo {
                    index: self.first + index,
                    id: TaskId(TaskKey {
                        slot,
                        generation: slot.generation(),
                    }),
                    name: description.name,
                    type_name: description.type_name,
                    size: description.size,
                    state: if slot.is_aborting() {
                        TaskState::Aborting
                    } else if shared.is_ready(slot) {
                        TaskState::Ready
                    } else {
                        TaskState::Idle
                    },
                    polls: slot.polls(),
                });
            }
            self.first += head.len();
            self.index = 0;
            self.block = shared.block_after(self.block);
        }
        None
    }
}
