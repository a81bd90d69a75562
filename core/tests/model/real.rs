//! Programs on the executor.

use std::cell::{Cell, RefCell};
use std::convert::Infallible;
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::task::{Context, Poll, Waker};
use std::thread;
use std::time::Duration;

use polliwog_core::time::{Sleep, sleep};
use polliwog_core::{
    AbortHandle, Deadline, Executor, Instant, JoinError, JoinHandle, Reactor, SpawnErrorKind,
    Spawner, TaskPool, TaskState, yield_now,
};

use super::program::{Event, Last, Outcome, Program, SLOTS, SPAWNS, Script, Seen, Spawned, Step};

/// A clock that moves when it is told to.
#[derive(Clone, Default)]
struct Hand(Rc<Cell<Instant>>);

impl Reactor for Hand {
    type Error = Infallible;

    fn now(&self) -> Instant {
        self.0.get()
    }

    fn park(&self, until: Deadline) -> Result<(), Infallible> {
        assert_eq!(until, Deadline::Now, "the tests never wait");
        Ok(())
    }

    fn unparker(&self) -> Waker {
        Waker::noop().clone()
    }
}

/// What tasks reach.
struct World {
    scripts: Vec<Rc<Script>>,
    spawner: Spawner,
    /// By task.
    wakers: Vec<Option<Waker>>,
    aborts: Vec<Option<AbortHandle>>,
    handles: Vec<Option<Pin<Box<JoinHandle<Output>>>>>,
    trace: Vec<Seen>,
}

thread_local! {
    static WORLD: RefCell<Option<World>> = const { RefCell::new(None) };
}

/// Never calls foreign code while the world is borrowed.
fn world<T>(f: impl FnOnce(&mut World) -> T) -> T {
    WORLD.with_borrow_mut(|world| f(world.as_mut().expect("a program runs")))
}

fn see(seen: Seen) {
    world(|world| world.trace.push(seen));
}

struct Output(usize);

impl Drop for Output {
    fn drop(&mut self) {
        see(Seen::OutputDropped(self.0));
    }
}

struct Task {
    number: usize,
    script: Rc<Script>,
    step: usize,
    sleep: Option<Pin<Box<Sleep>>>,
    /// It has never been spawned.
    refused: bool,
}

impl Task {
    fn new(number: usize) -> Self {
        let script = world(|world| world.scripts[number % world.scripts.len()].clone());
        Self {
            number,
            script,
            step: 0,
            sleep: None,
            refused: false,
        }
    }
}

impl Future for Task {
    type Output = Output;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Output> {
        let number = self.number;
        see(Seen::Polled(number));
        world(|world| world.wakers[number] = Some(cx.waker().clone()));
        while let Some(&step) = self.script.steps.get(self.step) {
            match step {
                Step::Yield => {
                    self.step += 1;
                    assert!(pin!(yield_now()).poll(cx).is_pending());
                    return Poll::Pending;
                }
                Step::WakeSelf => {
                    self.step += 1;
                    cx.waker().wake_by_ref();
                    return Poll::Pending;
                }
                Step::Wait => {
                    self.step += 1;
                    return Poll::Pending;
                }
                Step::Sleep(by) => {
                    let sleep = self
                        .sleep
                        .get_or_insert_with(|| Box::pin(sleep(Duration::from_millis(by))));
                    if sleep.as_mut().poll(cx).is_pending() {
                        return Poll::Pending;
                    }
                    self.sleep = None;
                }
                Step::Wake(task) => wake(task),
                Step::WakeRemote(task) => wake_remote(task),
                Step::Abort(task) => abort(task),
                Step::AbortRemote(task) => abort_remote(task),
                Step::Spawn => spawn(),
                Step::SpawnRemote => spawn_remote(),
                Step::DropHandle(task) => drop_handle(task),
                Step::Join(task) => {
                    if !join(task, Some(number), cx) {
                        return Poll::Pending;
                    }
                }
                Step::Panic => {
                    self.step += 1;
                    // Without the hook, which would print it.
                    resume_unwind(Box::new("a task"));
                }
            }
            self.step += 1;
        }
        Poll::Ready(Output(number))
    }
}

impl Drop for Task {
    fn drop(&mut self) {
        if self.refused {
            return;
        }
        see(Seen::Dropped(self.number));
        match self.script.last {
            Last::Nothing => {}
            Last::Wake(task) => wake(task),
            Last::Abort(task) => abort(task),
            Last::DropHandle(task) => drop_handle(task),
            Last::Spawn => spawn(),
            Last::Panic => resume_unwind(Box::new("a destructor")),
        }
    }
}

/// The task that a number means.
fn pick(number: usize) -> Option<usize> {
    number.checked_rem(world(|world| world.handles.len()))
}

fn new_task() -> Option<usize> {
    world(|world| {
        let number = world.handles.len();
        (number < SPAWNS).then(|| {
            world.handles.push(None);
            world.wakers.push(None);
            world.aborts.push(None);
            number
        })
    })
}

fn kind(kind: SpawnErrorKind) -> Spawned {
    match kind {
        SpawnErrorKind::Closed => Spawned::Closed,
        SpawnErrorKind::TasksFull { capacity: SLOTS } => Spawned::TasksFull,
        SpawnErrorKind::StorageFull { capacity: SLOTS } => Spawned::StorageFull,
        SpawnErrorKind::InboxFull { capacity: SLOTS } => Spawned::InboxFull,
        other => panic!("{other}"),
    }
}

fn spawn() {
    let Some(number) = new_task() else { return };
    let spawner = world(|world| world.spawner);
    let spawned = match spawner.try_spawn(Task::new(number)) {
        Ok(handle) => {
            world(|world| {
                world.aborts[number] = Some(handle.abort_handle());
                world.handles[number] = Some(Box::pin(handle));
            });
            Spawned::Yes
        }
        Err(error) => {
            let refusal = kind(error.kind());
            error.into_inner().refused = true;
            refusal
        }
    };
    see(Seen::Spawn(number, spawned));
}

fn spawn_remote() {
    #[cfg(feature = "std")]
    if let Some(number) = new_task() {
        let handle = world(|world| world.spawner).handle();
        let spawned = thread::scope(|scope| {
            let spawn = move || match handle.spawn_with(move || Remote(Task::new(number))) {
                Ok(_) => Spawned::Queued,
                Err(error) => kind(error.kind()),
            };
            scope.spawn(spawn).join().expect("no panic")
        });
        see(Seen::Spawn(number, spawned));
    }
}

/// A task whose output goes to nobody. That of a remote handle has to be `Send`, which `Output`
/// is as well.
#[cfg(feature = "std")]
struct Remote(Task);

#[cfg(feature = "std")]
impl Future for Remote {
    type Output = Output;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Output> {
        Pin::new(&mut self.0).poll(cx)
    }
}

fn waker(task: usize) -> Option<Waker> {
    let task = pick(task)?;
    world(|world| world.wakers[task].clone())
}

fn wake(task: usize) {
    if let Some(waker) = waker(task) {
        waker.wake();
    }
}

fn wake_remote(task: usize) {
    if let Some(waker) = waker(task) {
        on_another_thread(move || waker.wake());
    }
}

fn abort_handle(task: usize) -> Option<AbortHandle> {
    let task = pick(task)?;
    world(|world| world.aborts[task])
}

fn abort(task: usize) {
    if let Some(handle) = abort_handle(task) {
        handle.abort();
    }
}

fn abort_remote(task: usize) {
    if let Some(handle) = abort_handle(task) {
        on_another_thread(move || handle.abort());
    }
}

fn on_another_thread(f: impl FnOnce() + Send + 'static) {
    thread::spawn(f).join().expect("no panic");
}

fn drop_handle(task: usize) {
    if let Some(task) = pick(task) {
        drop(world(|world| world.handles[task].take()));
    }
}

/// Joins a task. `false`: it has not ended yet.
fn join(task: usize, joiner: Option<usize>, cx: &mut Context<'_>) -> bool {
    let Some(task) = pick(task) else { return true };
    let Some(mut handle) = world(|world| world.handles[task].take()) else {
        return true;
    };
    let outcome = match handle.as_mut().poll(cx) {
        Poll::Pending => {
            world(|world| world.handles[task] = Some(handle));
            return false;
        }
        Poll::Ready(outcome) => outcome,
    };
    see(Seen::Joined(
        joiner,
        task,
        match &outcome {
            Ok(output) => Outcome::Output(output.0),
            Err(JoinError::Aborted) => Outcome::Aborted,
            Err(_) => Outcome::Panicked,
        },
    ));
    true
}

/// An executor over a pool that a test on another thread may have.
fn executor(hand: Hand) -> Executor<Hand> {
    static POOL: TaskPool<SLOTS, 256> = TaskPool::new();
    let mut reactor = hand;
    loop {
        match Executor::try_new(&POOL, reactor) {
            Ok(executor) => return executor,
            Err(taken) => reactor = taken.into_inner(),
        }
        thread::yield_now();
    }
}

pub(crate) fn run(program: &Program, seed: u64) -> Vec<Seen> {
    let hand = Hand::default();
    let executor = executor(hand.clone());
    #[cfg(feature = "std")]
    executor.set_schedule_seed(seed);
    let _ = seed;
    WORLD.set(Some(World {
        scripts: program.scripts.iter().cloned().map(Rc::new).collect(),
        spawner: executor.spawner(),
        wakers: Vec::new(),
        aborts: Vec::new(),
        handles: Vec::new(),
        trace: Vec::new(),
    }));
    for &event in &program.events {
        happen(event, &executor);
    }
    drop(executor);
    see(Seen::ExecutorDropped);
    for task in 0..world(|world| world.handles.len()) {
        assert!(join(task, None, &mut Context::from_waker(Waker::noop())));
    }
    WORLD.take().expect("still there").trace
}

fn happen(event: Event, executor: &Executor<Hand>) {
    match event {
        Event::Spawn => spawn(),
        Event::SpawnRemote => spawn_remote(),
        Event::Tick => drop(attempt(|| executor.tick())),
        Event::Stall => while !attempt(|| executor.run_until_stalled()) {},
        Event::Advance(by) => {
            let clock = &executor.reactor().0;
            clock.set(clock.get() + Duration::from_millis(by));
        }
        Event::Wake(task) => wake(task),
        Event::WakeRemote(task) => wake_remote(task),
        Event::Abort(task) => abort(task),
        Event::AbortRemote(task) => abort_remote(task),
        Event::DropHandle(task) => drop_handle(task),
        Event::Join(task) => {
            join(task, None, &mut Context::from_waker(Waker::noop()));
        }
        Event::List => {
            let list = executor.tasks().map(|task| {
                let state = match task.state {
                    TaskState::Idle => "idle",
                    TaskState::Ready => "ready",
                    TaskState::Aborting => "aborting",
                    _ => "unknown",
                };
                (task.index, state)
            });
            let list: Vec<_> = list.collect();
            assert_eq!(list.len(), executor.stats().live);
            see(Seen::List(list));
        }
    }
}

/// Runs; `false` if a panic has passed through.
fn attempt<E: std::fmt::Debug>(run: impl FnOnce() -> Result<usize, E>) -> bool {
    match catch_unwind(AssertUnwindSafe(run)) {
        Ok(polls) => {
            see(Seen::Ran(polls.expect("the reactor works")));
            true
        }
        Err(_) => {
            see(Seen::PanicPassed);
            false
        }
    }
}
