//! Wakes from interrupt handlers.

use core::time::Duration;

use board::chip;
use board::sync::{Channel, Signal};
use polliwog::time::{now, timeout};
use polliwog::{Handle, SpawnErrorKind, Spawner, TaskPool, spawn, yield_now};

use crate::{Count, Test, executor};

pub(crate) const TESTS: &[Test] = &[
    ("a software interrupt wakes a task", soft),
    (
        "a periodic interrupt wakes a task out of sleep",
        out_of_sleep,
    ),
    ("an interrupt wakes among busy tasks", among_busy),
    (
        "promise 21: safe code in a handler reaches no executor but through a handle",
        promise_21_safe_code_in_a_handler_reaches_no_executor,
    ),
];

static PRESSED: Signal<u32> = Signal::new();
static TICKS: Channel<u32, 8> = Channel::new();
static TICKED: Count = Count::new();

board::on_interrupt!(SOFT0, {
    assert_outside();
    PRESSED.send(3);
});
board::on_interrupt!(TICK, {
    assert_outside();
    TICKED.add(1);
    let _ = TICKS.try_send(TICKED.get());
});

fn soft() {
    static POOL: TaskPool<2> = TaskPool::new();
    chip::enable_soft();
    let executor = executor(&POOL);
    executor.block_on(async {
        for _ in 0..1000 {
            chip::pend_soft0();
            assert_eq!(PRESSED.wait().await, 3);
        }
        assert!(
            timeout(Duration::from_millis(2), PRESSED.wait())
                .await
                .is_err()
        );
    });
}

fn out_of_sleep() {
    static POOL: TaskPool<2> = TaskPool::new();
    let executor = executor(&POOL);
    chip::start_tick(500);
    executor.block_on(async {
        let mut last = 0;
        for _ in 0..50 {
            let next = TICKS.receive().await;
            assert!(next > last);
            last = next;
        }
    });
    chip::stop_tick();
}

fn among_busy() {
    static POOL: TaskPool<3> = TaskPool::new();
    static TURNS: Count = Count::new();
    async fn busy() {
        loop {
            TURNS.add(1);
            yield_now().await;
        }
    }
    let executor = executor(&POOL);
    spawn!(executor.spawner(), [busy]())
        .expect("a free slot")
        .detach();
    chip::start_tick(500);
    executor.block_on(async {
        for _ in 0..50 {
            TICKS.receive().await;
        }
    });
    chip::stop_tick();
    assert!(TURNS.get() > 50);
}

/// Everything that asks for the executor at hand finds none in a handler.
fn assert_outside() {
    assert!(Spawner::current().is_none());
    assert!(Handle::current().is_none());
    assert!(now().is_none());
    let error = polliwog_core::spawn(async {}).expect_err("outside of any executor");
    assert_eq!(error.kind(), SpawnErrorKind::NoExecutor);
    ASKED.add(1);
}

static ASKED: Count = Count::new();

fn promise_21_safe_code_in_a_handler_reaches_no_executor() {
    static POOL: TaskPool<2> = TaskPool::new();
    chip::enable_soft();
    let executor = executor(&POOL);
    let asked = ASKED.get();
    executor.block_on(async {
        for _ in 0..100 {
            chip::pend_soft0();
            assert_eq!(PRESSED.wait().await, 3);
            // The task that was interrupted is where it was.
            assert!(now().is_some());
            assert_eq!(Spawner::current().expect("in a task").stats().capacity, 2);
        }
    });
    assert_eq!(ASKED.get(), asked + 100);
}
