//! What an executor tells of itself with feature `trace`.
#![cfg(all(feature = "trace", feature = "std"))]

use polliwog_core::conformance::facade as polliwog;

use std::sync::{Mutex, mpsc};
use std::thread;
use std::time::Duration;

use polliwog::trace::{Cause, Event, Stall, State, Tracer, set_stall_limit, set_tracer};
use polliwog::{Handle, Spawner, block_on, spawn, time::sleep, yield_now};

/// Tracers and limits are the whole program's: one test at a time.
static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());

#[derive(Default)]
struct Log(Mutex<Vec<(thread::ThreadId, Event)>>);

impl Tracer for Log {
    fn event(&self, event: &Event) {
        let entry = (thread::current().id(), event.clone());
        self.0.lock().unwrap().push(entry);
    }
}

/// The events of this thread.
fn events_of(program: impl FnOnce()) -> Vec<Event> {
    let log: &'static Log = Box::leak(Box::default());
    set_tracer(Some(log));
    program();
    set_tracer(None);
    let here = thread::current().id();
    let mut log = log.0.lock().unwrap();
    log.retain(|(thread, _)| *thread == here);
    log.drain(..).map(|(_, event)| event).collect()
}

fn one_at_a_time() -> std::sync::MutexGuard<'static, ()> {
    ONE_AT_A_TIME.lock().unwrap_or_else(|e| e.into_inner())
}

#[test]
fn a_task_is_spawned_polled_woken_and_ends() {
    let _one = one_at_a_time();
    let events = events_of(|| {
        block_on(async {
            let spawner = Spawner::current().unwrap();
            let task = spawner.spawn_named("sleeper", sleep(Duration::from_millis(5)));
            task.unwrap().await.unwrap();
        });
    });
    let number = events.iter().find_map(|event| match event {
        Event::Spawned {
            task,
            name: Some("sleeper"),
            ..
        } => Some(*task),
        _ => None,
    });
    let number = number.expect("it was spawned");
    let of_it: Vec<&Event> = events
        .iter()
        .filter(|event| match event {
            Event::Spawned { task, .. }
            | Event::Woken { task, .. }
            | Event::PollBegin { task, .. }
            | Event::PollEnd { task, .. }
            | Event::Ended { task, .. } => *task == number,
            _ => false,
        })
        .collect();
    assert!(
        matches!(
            of_it[..],
            [
                Event::Spawned { .. },
                Event::PollBegin { .. },
                Event::PollEnd { .. },
                Event::Woken {
                    by: Cause::Timer,
                    ..
                },
                Event::PollBegin { .. },
                Event::PollEnd { .. },
                Event::Ended { .. },
            ]
        ),
        "{of_it:#?}"
    );
    // It waited in between, and whoever joins it was woken by its end.
    let count = |of: fn(&Event) -> bool| events.iter().filter(|event| of(event)).count();
    let parked = count(|event| matches!(event, Event::Parked { .. }));
    let unparked = count(|event| matches!(event, Event::Unparked { .. }));
    assert!(parked > 0 && parked == unparked, "{events:#?}");
}

#[test]
fn who_wakes_is_known() {
    let _one = one_at_a_time();
    let events = events_of(|| {
        block_on(async {
            // Woken by the task that it joins, by another thread, and by itself.
            spawn(async {}).unwrap().await.unwrap();
            let (sender, receiver) = polliwog::sync::oneshot::channel();
            let other = thread::spawn(move || sender.send(()));
            receiver.await.unwrap();
            other.join().unwrap().unwrap();
            yield_now().await;
        });
    });
    let by: Vec<Cause> = events
        .iter()
        .filter_map(|event| match event {
            Event::Woken { by, .. } => Some(*by),
            _ => None,
        })
        .collect();
    let Some(Event::Spawned { task: root, .. }) = events.first() else {
        panic!("{events:?}");
    };
    assert!(by.contains(&Cause::Task(*root)), "by itself: {by:?}");
}

#[test]
fn a_dump_lists_tasks_with_their_places() {
    let _one = one_at_a_time();
    block_on(async {
        let waiting = spawn(std::future::pending::<()>()).unwrap();
        let line = line!() - 1;
        yield_now().await;
        let ready = spawn(std::future::pending::<()>()).unwrap();
        let dump = Handle::current().unwrap().dump();
        let [root, first, second] = dump.tasks() else {
            panic!("{dump}");
        };
        assert_eq!(root.state, State::Polled);
        assert_eq!((first.state, first.polls), (State::Waiting, 1));
        assert_eq!((second.state, second.polls), (State::Ready, 0));
        let place = first.place.expect("spawned here");
        assert_eq!((place.file(), place.line()), (file!(), line));
        assert!(dump.to_string().contains(&format!("spawned at {place}")));
        waiting.abort();
        yield_now().await;
        yield_now().await;
        assert_eq!(Handle::current().unwrap().dump().tasks().len(), 2);
        drop(ready);
    });
}

/// Whatever way a task is spawned, it is the program's line that is told, and the type of the program's future.
#[test]
fn every_way_to_spawn_tells_its_place() {
    use polliwog::sync::TaskTracker;
    use polliwog::task::{FixedJoinSet, JoinSet};
    use polliwog::{Executor, TaskPool, conformance::ThreadReactor};
    use polliwog::{spawn_detached, try_spawn, try_spawn_detached};
    use std::mem::forget;

    async fn waits() {
        std::future::pending().await
    }

    fn let_go<T>(_: T) {}

    static POOL: TaskPool<32, 512> = TaskPool::new();
    let _one = one_at_a_time();
    let executor = Executor::new(&POOL, ThreadReactor::new()).unwrap();
    let begin = line!() + 1;
    executor.block_on(async {
        let root = &Handle::current().unwrap().dump().tasks()[0].clone();
        assert_eq!(root.place.unwrap().line(), begin);
        let (at, handle) = (Spawner::current().unwrap(), Handle::current().unwrap());
        let mut set = JoinSet::new();
        let mut fixed: FixedJoinSet<(), 2> = FixedJoinSet::new();
        let tracker: TaskTracker = TaskTracker::new();
        let mut ways = Vec::new();
        macro_rules! ways {
            ($($way:expr;)*) => {$(
                let_go($way.unwrap());
                // What came from elsewhere is there after a turn.
                yield_now().await;
                yield_now().await;
                let dump = handle.dump();
                let newest = dump.tasks().last().unwrap().clone();
                ways.push((stringify!($way), newest));
            )*};
        }
        let first = line!() + 2;
        ways! {
            spawn(waits());
            polliwog::try_spawn(waits()).map_err(drop);
            at.spawn(waits());
            at.try_spawn(waits()).map_err(drop);
            at.spawn_named("named", waits());
            at.try_spawn_named("named", waits()).map_err(drop);
            at.spawn_in(&POOL, waits());
            at.try_spawn_in(&POOL, waits()).map_err(drop);
            polliwog::spawn!(at, [waits]());
            try_spawn!(at, [waits]()).map_err(drop);
            spawn_detached!(at, [waits]());
            try_spawn_detached!(at, [waits]()).map_err(drop);
            spawn_detached!(handle, [waits]());
            try_spawn_detached!(handle, [waits]()).map_err(drop);
            handle.spawn(waits());
            handle.try_spawn(waits()).map_err(drop);
            handle.spawn_with(waits);
            handle.try_spawn_with(waits).map_err(drop);
            set.spawn(waits());
            set.spawn_on(waits(), &at);
            fixed.spawn(waits());
            fixed.spawn_on(waits(), &at);
            tracker.spawn(waits());
            tracker.spawn_on(waits(), &at);
        }
        for (line, (way, task)) in (first..).zip(&ways) {
            let place = task.place.unwrap_or_else(|| panic!("{way}: no place"));
            assert_eq!((place.file(), place.line()), (file!(), line), "{way}");
            assert!(
                task.type_name.contains("::waits::"),
                "{way}: {}",
                task.type_name
            );
        }
        let numbers = ways.iter().map(|(_, task)| task.number);
        assert!(numbers.is_sorted_by(|one, next| one < next), "a task each");
        assert_eq!(ways.len(), 24);
        // The sets' drops abort, which is not what is looked at here.
        forget((set, fixed, tracker));
    });
}

#[test]
fn another_thread_sees_the_task_that_keeps_the_executor_busy() {
    let _one = one_at_a_time();
    let (ask, asked) = mpsc::channel::<Handle>();
    let (answer, answered) = mpsc::channel();
    let observer = thread::spawn(move || {
        let dump = asked.recv().unwrap().dump();
        answer.send(dump).unwrap();
    });
    block_on(async {
        let spawner = Spawner::current().unwrap();
        let busy = spawner.spawn_named("busy", async move {
            ask.send(Handle::current().unwrap()).unwrap();
            // In the middle of its poll.
            answered.recv().unwrap()
        });
        let dump = busy.unwrap().await.unwrap();
        let busy = dump.tasks().iter().find(|task| task.name == Some("busy"));
        assert_eq!(busy.map(|task| task.state), Some(State::Polled), "{dump}");
    });
    observer.join().unwrap();
}

#[test]
fn a_stall_names_its_task() {
    static SEEN: Mutex<Vec<Stall>> = Mutex::new(Vec::new());
    let _one = one_at_a_time();
    set_stall_limit(Some(Duration::from_millis(10)), |stall| {
        SEEN.lock().unwrap().push(stall.clone());
    });
    block_on(async {
        let spawner = Spawner::current().unwrap();
        let slow = spawner.spawn_named("slow", async {
            thread::sleep(Duration::from_millis(20));
        });
        slow.unwrap().await.unwrap();
    });
    set_stall_limit(None, |_| {});
    let seen = SEEN.lock().unwrap();
    let stall = seen.iter().find(|stall| stall.task.name == Some("slow"));
    let stall = stall.expect("it took too long");
    assert!(stall.took >= Duration::from_millis(20));
    let told = stall.to_string();
    assert!(told.contains("(slow) kept its executor busy for"), "{told}");
    assert!(
        told.contains("core/tests/trace.rs") || told.contains("tests/trace.rs"),
        "{told}"
    );
}

#[test]
fn a_tracers_panic_hurts_nobody() {
    struct Panics;
    impl Tracer for Panics {
        fn event(&self, _: &Event) {
            panic!("a tracer's bug");
        }
    }
    let _one = one_at_a_time();
    set_tracer(Some(&Panics));
    let sum = block_on(async { 40 + spawn(async { 2 }).unwrap().await.unwrap() });
    set_tracer(None);
    assert_eq!(sum, 42);
}
