//! Sleeps and timeouts by the chip's own clock.

use core::future::poll_fn;
use core::pin::pin;
use core::task::{Context, Poll};
use core::time::Duration;

use board::{BoardReactor, chip};
use polliwog::spin::{Clock, SpinLoop, SpinReactor, Unpark};
use polliwog::time::{sleep, sleep_until, timeout};
use polliwog::unpark::Flag;
use polliwog::{Deadline, Instant, TaskPool, spawn};

use crate::tasks::board_cell::Shared;
use crate::{Test, executor, own_waker};

pub(crate) const TESTS: &[Test] = &[
    ("the board's reactor conforms", conforms),
    ("polliwog's reactor conforms on this chip", spin_conforms),
    // On the other board it is the clock.
    #[cfg(not(board = "lm3s6965evb"))]
    ("the processor's own timer is a reactor", own_timer),
    ("sleeps end in order and never early", in_order),
    ("the end of time, then a short sleep", end_of_time),
    ("a sleep wakes who polled it last", other_waker),
    ("a timeout, and a sleep that is dropped", timeouts),
];

const MILLI: Duration = Duration::from_millis(1);

fn in_order() {
    static POOL: TaskPool<4> = TaskPool::new();
    static ENDED: Shared<([u32; 3], usize)> = Shared::new(([0; 3], 0));
    async fn note(millis: u32) {
        let start = chip::now();
        sleep(MILLI * millis).await;
        assert!(chip::now() - start >= MILLI * millis, "early");
        ENDED.with(|(order, len)| {
            order[*len] = millis;
            *len += 1;
        });
    }
    let executor = executor(&POOL);
    let spawner = executor.spawner();
    executor.block_on(async {
        let all = [30, 10, 20].map(|millis| spawn!(spawner, [note; 3](millis)).expect("a body"));
        for handle in all {
            handle.await.expect("it ends");
        }
    });
    assert_eq!(ENDED.with(|(order, _)| *order), [10, 20, 30]);
}

fn end_of_time() {
    static POOL: TaskPool<2> = TaskPool::new();
    let executor = executor(&POOL);
    executor.block_on(async {
        let mut never = pin!(sleep_until(Instant::MAX));
        let mut long = pin!(sleep(Duration::MAX));
        let mut short = pin!(sleep(MILLI));
        poll_fn(|cx| {
            assert!(never.as_mut().poll(cx).is_pending());
            assert!(long.as_mut().poll(cx).is_pending());
            short.as_mut().poll(cx)
        })
        .await;
    });
}

fn other_waker() {
    static POOL: TaskPool<2> = TaskPool::new();
    let executor = executor(&POOL);
    executor.block_on(async {
        let mut timer = pin!(sleep(MILLI));
        let mut nobody = Context::from_waker(core::task::Waker::noop());
        assert!(timer.as_mut().poll(&mut nobody).is_pending());
        timer.await;

        let mut timer = pin!(sleep(MILLI));
        let mine = own_waker().await;
        assert!(
            timer
                .as_mut()
                .poll(&mut Context::from_waker(&mine))
                .is_pending()
        );
        assert!(timer.as_mut().poll(&mut nobody).is_pending());
        let mut other = pin!(sleep(MILLI * 5));
        poll_fn(|cx| other.as_mut().poll(cx)).await;
        assert!(timer.is_elapsed());
        assert_eq!(timer.poll(&mut nobody), Poll::Ready(()));
    });
}

fn timeouts() {
    static POOL: TaskPool<2> = TaskPool::new();
    let executor = executor(&POOL);
    executor.block_on(async {
        assert!(timeout(MILLI * 3, sleep(MILLI * 50)).await.is_err());
        assert!(timeout(MILLI * 50, sleep(MILLI * 3)).await.is_ok());
        for _ in 0..100 {
            assert!(
                timeout(Duration::from_secs(1000), async { 1 })
                    .await
                    .is_ok()
            );
        }
    });
}

fn conforms() {
    polliwog_core::conformance::check(BoardReactor::new);
}

fn spin_conforms() {
    struct Hardware;
    impl Clock for Hardware {
        fn now(&self) -> Instant {
            chip::now()
        }
        fn set_alarm(&self, at: Deadline) {
            chip::set_alarm(at);
        }
    }
    static FLAG: Flag = Flag::new();
    chip::start_clock();
    let sleep = |_: Deadline, _: &Unpark<'_>| chip::wait_for_interrupt();
    polliwog_core::conformance::check(|| SpinReactor::with_flag(Hardware, sleep, &FLAG));
    // It has no alarm and does not wait: the executor looks again and again.
    polliwog_core::conformance::check(|| SpinReactor::with_flag(Hardware, SpinLoop, &FLAG));
    // Virtual time, in the shortest way there is.
    let slept = polliwog::block_on(async {
        let start = polliwog::time::now();
        polliwog::time::sleep(Duration::from_secs(3_600)).await;
        (start, polliwog::time::now())
    });
    assert_eq!(
        slept,
        (Some(Instant::ZERO), Some(Instant::from_millis(3_600_000)))
    );
}

#[cfg(not(board = "lm3s6965evb"))]
fn own_timer() {
    static POOL: TaskPool<2> = TaskPool::new();
    polliwog_core::conformance::check(chip::own_timer);
    chip::start_clock();
    let executor = polliwog::Executor::new(&POOL, chip::own_timer()).expect("nobody has it");
    let start = chip::now();
    executor.block_on(sleep(MILLI * 50));
    let took = chip::now() - start;
    // In this emulator a periodic timer may run at half its speed while the chip sleeps.
    assert!((MILLI * 48..MILLI * 120).contains(&took), "{took:?}");
}
