//! Programs, and the traces that they leave.

use proptest::collection::vec;
use proptest::prelude::*;

/// Slots of the executor.
pub(crate) const SLOTS: usize = 5;
/// How many spawns a program tries at most.
pub(crate) const SPAWNS: usize = 40;

/// What a task does, one step after the other. Numbers name tasks, modulo how many there have
/// been.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Step {
    /// Wakes itself and waits.
    WakeSelf,
    /// Lets everything else go first.
    Yield,
    /// Waits for any poll.
    Wait,
    /// Sleeps for milliseconds.
    Sleep(u64),
    Wake(usize),
    /// Wakes from another thread.
    WakeRemote(usize),
    Abort(usize),
    AbortRemote(usize),
    Spawn,
    /// Spawns as other threads do.
    SpawnRemote,
    DropHandle(usize),
    /// Waits for a task's output, if its handle is still there.
    Join(usize),
    Panic,
}

/// What the destructor of a task's future does.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Last {
    Nothing,
    Wake(usize),
    Abort(usize),
    DropHandle(usize),
    Spawn,
    Panic,
}

#[derive(Clone, Debug)]
pub(crate) struct Script {
    pub(crate) steps: Vec<Step>,
    pub(crate) last: Last,
}

/// What happens outside of tasks.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Event {
    Spawn,
    SpawnRemote,
    Tick,
    /// Runs until nothing is ready.
    Stall,
    /// Lets milliseconds pass.
    Advance(u64),
    Wake(usize),
    WakeRemote(usize),
    Abort(usize),
    AbortRemote(usize),
    DropHandle(usize),
    /// Polls a join handle.
    Join(usize),
    /// Lists the tasks.
    List,
}

#[derive(Clone, Debug)]
pub(crate) struct Program {
    /// The n-th task runs script n, modulo their number.
    pub(crate) scripts: Vec<Script>,
    pub(crate) events: Vec<Event>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    Output(usize),
    Aborted,
    Panicked,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Spawned {
    Yes,
    /// In the inbox.
    #[cfg_attr(lean, allow(dead_code))]
    Queued,
    TasksFull,
    StorageFull,
    InboxFull,
    Closed,
}

/// What can be seen from outside.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Seen {
    Spawn(usize, Spawned),
    Polled(usize),
    /// The future of a task is being dropped.
    Dropped(usize),
    /// The output of a task is being dropped.
    OutputDropped(usize),
    /// Task, or nobody in particular, has joined a task.
    Joined(Option<usize>, usize, Outcome),
    /// A panic came out of the executor.
    PanicPassed,
    /// A run has ended after that many polls.
    Ran(usize),
    /// Slots of the live tasks and what they do.
    List(Vec<(usize, &'static str)>),
    ExecutorDropped,
}

fn task() -> impl Strategy<Value = usize> {
    0..SPAWNS
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        3 => Just(Step::WakeSelf),
        4 => Just(Step::Yield),
        4 => Just(Step::Wait),
        3 => (0..6u64).prop_map(Step::Sleep),
        4 => task().prop_map(Step::Wake),
        1 => task().prop_map(Step::WakeRemote),
        3 => task().prop_map(Step::Abort),
        1 => task().prop_map(Step::AbortRemote),
        4 => Just(Step::Spawn),
        1 => Just(if cfg!(feature = "std") { Step::SpawnRemote } else { Step::Spawn }),
        2 => task().prop_map(Step::DropHandle),
        5 => task().prop_map(Step::Join),
        // Microcontrollers stop at a panic.
        1 => Just(if cfg!(lean) { Step::Yield } else { Step::Panic }),
    ]
}

fn last() -> impl Strategy<Value = Last> {
    // Without `std` a panicking destructor passes through; one in a failed poll's unwinding
    // would abort the process, as everywhere.
    let panic = if cfg!(feature = "std") { 1 } else { 0 };
    prop_oneof![
        6 => Just(Last::Nothing),
        1 => task().prop_map(Last::Wake),
        1 => task().prop_map(Last::Abort),
        1 => task().prop_map(Last::DropHandle),
        1 => Just(Last::Spawn),
        panic => Just(Last::Panic),
    ]
}

fn event() -> impl Strategy<Value = Event> {
    prop_oneof![
        6 => Just(Event::Spawn),
        1 => Just(if cfg!(feature = "std") { Event::SpawnRemote } else { Event::Spawn }),
        6 => Just(Event::Tick),
        3 => Just(Event::Stall),
        3 => (0..6u64).prop_map(Event::Advance),
        3 => task().prop_map(Event::Wake),
        1 => task().prop_map(Event::WakeRemote),
        2 => task().prop_map(Event::Abort),
        1 => task().prop_map(Event::AbortRemote),
        2 => task().prop_map(Event::DropHandle),
        3 => task().prop_map(Event::Join),
        1 => Just(Event::List),
    ]
}

impl Program {
    pub(crate) fn any() -> impl Strategy<Value = Program> {
        let script = (vec(step(), 0..8), last()).prop_map(|(steps, last)| Script { steps, last });
        (vec(script, 1..10), vec(event(), 0..40))
            .prop_map(|(scripts, events)| Program { scripts, events })
    }
}

/// What holds for every trace.
#[cfg_attr(not(any(lean, feature = "std")), allow(dead_code))]
pub(crate) fn check(trace: &[Seen]) {
    let count = |seen: Seen| trace.iter().filter(|one| **one == seen).count();
    for seen in trace {
        match *seen {
            // Dropped once, and not polled afterwards.
            Seen::Spawn(task, Spawned::Yes) => {
                assert_eq!(count(Seen::Dropped(task)), 1, "task {task}: {trace:?}");
                assert!(count(Seen::OutputDropped(task)) <= 1);
            }
            Seen::Spawn(task, Spawned::Queued) => assert!(count(Seen::Dropped(task)) <= 1),
            Seen::Spawn(task, _) => assert_eq!(count(Seen::Polled(task)), 0),
            Seen::Dropped(task) => {
                let dropped = trace.iter().position(|one| one == seen);
                let polled = trace.iter().rposition(|one| *one == Seen::Polled(task));
                assert!(polled < dropped, "task {task}: {trace:?}");
            }
            // Its destructor may have panicked after it had made its output.
            Seen::Joined(_, task, outcome) if outcome == Outcome::Output(task) => {
                assert_eq!(count(Seen::OutputDropped(task)), 1);
            }
            _ => {}
        }
    }
}
