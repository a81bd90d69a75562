use std::cell::Cell;
use std::error::Error;
use std::future::pending;
use std::pin::pin;
use std::rc::Rc;

use futures_util::StreamExt;
use polliwog_core::sync::SetError;

use super::{both_scopes, ready, task, waiting};

/// Counts its clones, and how many of it there are.
struct Counted<'a>(&'a Cell<usize>, &'a Cell<usize>);

impl<'a> Counted<'a> {
    fn new(clones: &'a Cell<usize>, alive: &'a Cell<usize>) -> Self {
        alive.set(alive.get() + 1);
        Self(clones, alive)
    }
}

impl Clone for Counted<'_> {
    fn clone(&self) -> Self {
        self.0.set(self.0.get() + 1);
        Self::new(self.0, self.1)
    }
}

impl Drop for Counted<'_> {
    fn drop(&mut self) {
        self.1.set(self.1.get() - 1);
    }
}

both_scopes! {
    fn a_signal_keeps_the_latest_value_for_one() {
        let signal = Signal::default();
        signal.signal(1);
        signal.signal(2);
        assert!(signal.signaled());
        assert_eq!(ready(signal.wait()), 2);
        assert_eq!(signal.try_take(), None);
        let first = waiting(signal.wait());
        let mut second = waiting(signal.wait());
        signal.signal(3);
        assert_eq!((first.wakes(), second.wakes()), (1, 0));
        // One who gives up leaves it to the next.
        drop(first);
        assert_eq!(second.woken(), 3);
        signal.signal(4);
        signal.reset();
        assert!(!signal.signaled());
    }

    fn all_go_on_when_the_last_has_come() {
        let barrier = Barrier::new(3);
        for _ in 0..2 {
            let mut tasks = [waiting(barrier.wait()), waiting(barrier.wait())];
            assert!(ready(barrier.wait()).is_leader());
            for task in &mut tasks {
                assert!(!task.woken().is_leader());
            }
        }
        assert!(ready(Barrier::new(0).wait()).is_leader());
        assert!(ready(Barrier::new(1).wait()).is_leader());
    }

    fn one_who_goes_away_has_not_come() {
        let barrier = Barrier::new(2);
        drop(barrier.wait());
        drop(waiting(barrier.wait()));
        let mut first = waiting(barrier.wait());
        let last = task(barrier.wait());
        // One who has been let go on and does not look is not missing in the next round.
        let gone = {
            let mut last = last;
            assert!(last.ready().is_leader());
            waiting(barrier.wait())
        };
        assert!(!first.ready().is_leader());
        assert!(ready(barrier.wait()).is_leader());
        drop(gone);
        let next = waiting(barrier.wait());
        drop(next);
        assert!(task(barrier.wait()).poll().is_pending());
    }

    fn a_value_is_made_once() {
        let cell = OnceCell::new();
        let calls = Cell::new(0);
        let signal = Signal::new();
        let make = || async {
            calls.set(calls.get() + 1);
            signal.wait().await
        };
        let mut first = waiting(cell.get_or_init(make));
        let mut second = waiting(cell.get_or_init(make));
        let mut third = waiting(cell.get_or_init(make));
        assert_eq!(cell.set(9), Err(SetError::InitializingError(9)));
        signal.signal(7);
        assert_eq!(*first.woken(), 7);
        assert_eq!((*second.woken(), *third.woken(), calls.get()), (7, 7, 1));
        assert_eq!((cell.get(), cell.initialized()), (Some(&7), true));
        let error = cell.set(9).unwrap_err();
        let _: &dyn Error = &error;
        assert_eq!(error, SetError::AlreadyInitializedError(9));
        drop((first, second, third));
        assert_eq!(*ready(cell.get_or_init(make)), 7);
        let mut cell = cell;
        *cell.get_mut().unwrap() += 1;
        assert_eq!(cell.take(), Some(8));
        assert_eq!(cell.into_inner(), None);
        assert_eq!(OnceCell::from(3).get(), Some(&3));
    }

    fn the_next_makes_what_one_has_not() {
        let cell = OnceCell::new();
        let first = waiting(cell.get_or_init(pending));
        let mut second = waiting(cell.get_or_try_init(|| async { Err("failed") }));
        let mut third = waiting(cell.get_or_init(|| async { 5 }));
        drop(first);
        assert_eq!(second.woken(), Err("failed"));
        assert_eq!(*third.woken(), 5);
        let lazy = LazyCell::new(|| async { 6 });
        assert_eq!(lazy.get(), None);
        assert_eq!((*ready(lazy.force()), lazy.get()), (6, Some(&6)));
    }

    fn each_receiver_gets_each_message() {
        let (sender, mut one) = broadcast::channel(4);
        let mut two = sender.subscribe();
        let mut waits = [waiting(one.recv()), waiting(two.recv())];
        assert_eq!(sender.send("a"), Ok(2));
        for task in &mut waits {
            assert_eq!(task.woken(), Ok("a"));
        }
        drop(waits);
        sender.send("b").unwrap();
        let mut three = one.resubscribe();
        sender.send("c").unwrap();
        assert_eq!(sender.receiver_count(), 3);
        assert_eq!((one.len(), three.len()), (2, 1));
        assert_eq!(ready(one.recv()), Ok("b"));
        assert_eq!(three.try_recv(), Ok("c"));
        assert_eq!(three.try_recv(), Err(broadcast::TryRecvError::Empty));
        drop(waiting(three.recv()));
        let mut last = waiting(three.recv());
        drop(sender);
        assert_eq!(last.woken(), Err(broadcast::RecvError::Closed));
        assert_eq!(one.try_recv(), Ok("c"));
        assert_eq!(one.try_recv(), Err(broadcast::TryRecvError::Closed));
        assert!(one.is_empty());
    }

    fn whoever_is_behind_is_told_how_far() {
        let (sender, mut receiver) = broadcast::channel(2);
        for number in 0..5 {
            sender.send(number).unwrap();
        }
        let error = ready(receiver.recv()).unwrap_err();
        let _: &dyn Error = &error;
        assert_eq!(error, broadcast::RecvError::Lagged(3));
        assert_eq!(ready(receiver.recv()), Ok(3));
        assert_eq!(receiver.try_recv(), Ok(4));
        for number in 5..8 {
            sender.send(number).unwrap();
        }
        assert_eq!(receiver.try_recv(), Err(broadcast::TryRecvError::Lagged(1)));
        let mut stream = pin!(receiver.stream());
        assert_eq!(ready(stream.next()), Some(Ok(6)));
        sender.send(8).unwrap();
        sender.send(9).unwrap();
        drop(sender);
        assert_eq!(ready(stream.next()), Some(Err(1)));
        assert_eq!(ready(stream.next()), Some(Ok(8)));
        assert_eq!(ready(stream.next()), Some(Ok(9)));
        assert_eq!(ready(stream.next()), None);
    }

    fn a_message_is_cloned_for_all_but_the_last_and_kept_no_longer() {
        let (clones, alive) = (Cell::new(0), Cell::new(0));
        let (sender, mut one) = broadcast::channel(2);
        let mut two = sender.subscribe();
        let three = sender.subscribe();
        assert!(sender.send(Counted::new(&clones, &alive)).is_ok());
        drop(one.try_recv());
        drop(three);
        assert_eq!((clones.get(), alive.get()), (1, 1));
        drop(two.try_recv());
        assert_eq!((clones.get(), alive.get()), (1, 0));
        for _ in 0..5 {
            assert!(sender.send(Counted::new(&clones, &alive)).is_ok());
        }
        assert_eq!(alive.get(), 2);
        drop(one);
        assert_eq!(alive.get(), 2);
        drop(two);
        assert_eq!(alive.get(), 0);
        assert!(sender.send(Counted::new(&clones, &alive)).is_err());
        assert_eq!(alive.get(), 0);
    }

    fn a_broadcast_without_a_heap() {
        let channel = broadcast::Broadcast::<_, 2>::new();
        channel.send(1).unwrap_err();
        let mut receiver = channel.subscribe();
        channel.send(2).unwrap();
        let sender = channel.sender();
        sender.send(3).unwrap();
        assert_eq!(ready(receiver.recv()), Ok(2));
        drop(sender.clone());
        assert_eq!(ready(receiver.recv()), Ok(3));
        drop(sender);
        assert_eq!(ready(receiver.recv()), Err(broadcast::RecvError::Closed));
    }

    fn those_who_watch_see_the_latest_value() {
        let (sender, mut one) = watch::channel(0);
        let mut two = one.clone();
        assert!(!one.has_changed().unwrap() && one.same_channel(&two));
        let mut waits = waiting(one.changed());
        sender.send(1).unwrap();
        sender.send(2).unwrap();
        waits.ready().unwrap();
        drop(waits);
        assert_eq!(*one.borrow(), 2);
        assert!(!one.has_changed().unwrap() && two.has_changed().unwrap());
        assert_eq!(*two.borrow_and_update(), 2);
        assert!(!two.has_changed().unwrap());
        assert!(!sender.send_if_modified(|_| false));
        assert!(task(two.changed()).poll().is_pending());
        sender.send_modify(|value| *value += 1);
        ready(two.changed()).unwrap();
        assert_eq!((two.get(), one.with(|value| *value)), (3, 3));
        one.mark_unchanged();
        one.mark_changed();
        assert!(one.has_changed().unwrap());
        assert_eq!(one.get(), 3);
        drop(waiting(one.changed()));
        let mut last = waiting(one.changed());
        drop(sender);
        let _: &dyn Error = &last.woken().unwrap_err();
        drop(last);
        one.has_changed().unwrap_err();
    }

    fn one_may_wait_for_a_certain_value() {
        let (sender, mut receiver) = watch::channel(1);
        assert_eq!(ready(receiver.wait_until(|value| *value == 1)), Ok(1));
        let mut wait = waiting(receiver.wait_until(|value| *value > 2));
        sender.send(2).unwrap();
        assert!(wait.poll().is_pending());
        assert_eq!(sender.send_replace(3), 2);
        assert_eq!(wait.ready(), Ok(3));
        drop(wait);
        let mut wait = waiting(receiver.wait_until(|value| *value == 9));
        sender.send(4).unwrap();
        drop(sender.clone());
        drop(sender);
        wait.ready().unwrap_err();
    }

    fn nobody_watches() {
        let (sender, receiver) = watch::channel(1);
        let mut closed = waiting(sender.closed());
        assert!(!sender.is_closed());
        drop(receiver);
        closed.woken();
        assert_eq!(sender.send(2).unwrap_err().0, 2);
        assert_eq!(sender.send_replace(3), 1);
        let receiver = sender.subscribe();
        assert_eq!((*receiver.borrow(), sender.receiver_count()), (3, 1));
    }

    fn a_watch_without_a_heap() {
        let watch = watch::Watch::new(1);
        let mut receiver = watch.subscribe();
        let sender = watch.sender();
        sender.send(2).unwrap();
        ready(receiver.changed()).unwrap();
        assert_eq!((watch.get(), receiver.get()), (2, 2));
        drop(sender);
        ready(receiver.changed()).unwrap_err();
        let sender = watch.sender();
        sender.send(3).unwrap();
        ready(receiver.changed()).unwrap();
        drop(Rc::new(()));
    }
}

#[test]
fn what_is_shared_can_go_to_other_threads() {
    use polliwog_core::sync::{OnceCell, Signal, broadcast, watch};
    fn check<T: Send + Sync>() {}
    check::<Signal<Cell<u8>>>();
    check::<OnceCell<u8>>();
    check::<broadcast::Receiver<Cell<u8>>>();
    check::<watch::Receiver<u8>>();
    static WATCH: watch::Watch<u32> = watch::Watch::new(0);
    static TICKS: broadcast::Broadcast<u32, 4> = broadcast::Broadcast::new();
    const EACH: u32 = if cfg!(miri) { 20 } else { 2_000 };
    let mut seen = WATCH.subscribe();
    let mut ticks = TICKS.subscribe();
    let sender = WATCH.sender();
    let threads = [
        std::thread::spawn(move || {
            for number in 1..=EACH {
                sender.send(number).unwrap();
            }
        }),
        std::thread::spawn(|| {
            let sender = TICKS.sender();
            for number in 1..=EACH {
                sender.send(number).unwrap();
            }
        }),
    ];
    let last = block_on(seen.wait_until(|value| *value == EACH));
    assert_eq!(last, Ok(EACH));
    let (mut got, mut missed) = (0, 0);
    loop {
        match ticks.blocking_recv() {
            Ok(number) => {
                got += 1;
                assert_eq!(u64::from(number), got + missed);
            }
            Err(broadcast::RecvError::Lagged(number)) => missed += number,
            Err(broadcast::RecvError::Closed) => break,
        }
    }
    assert_eq!(got + missed, u64::from(EACH));
    for thread in threads {
        thread.join().unwrap();
    }
}

/// Runs a future on this thread.
fn block_on<F: Future>(future: F) -> F::Output {
    use polliwog_core::{Executor, conformance::ThreadReactor};
    Executor::with_capacity(2, ThreadReactor::new()).block_on(future)
}

/// Foreign code that a shared channel runs under its lock, and that uses the channel, does not wait for itself in silence.
#[test]
fn who_would_wait_for_itself_is_told() {
    use polliwog_core::sync::{broadcast, watch};
    use std::panic::{AssertUnwindSafe, catch_unwind};

    /// Its clones use a channel first.
    struct Uses(broadcast::Sender<Uses>);
    impl Clone for Uses {
        fn clone(&self) -> Self {
            assert!(self.0.len() < 2);
            Self(self.0.clone())
        }
    }
    fn panics<U>(f: impl FnOnce() -> U) {
        let payload = catch_unwind(AssertUnwindSafe(f)).err().expect("a panic");
        let message = payload.downcast_ref::<&str>().unwrap();
        assert!(message.contains("wait for itself"), "{message}");
    }

    let (sender, mut one) = broadcast::channel(2);
    let two = sender.subscribe();
    sender.send(Uses(sender.clone())).ok().unwrap();
    panics(|| one.try_recv());
    // The message is still there.
    drop(two);
    assert!(one.try_recv().is_ok() && one.is_empty());
    // Another channel is not this one.
    let (other, _others) = broadcast::channel(2);
    let _two = sender.subscribe();
    sender.send(Uses(other)).ok().unwrap();
    assert!(one.try_recv().is_ok());

    let (sender, receiver) = watch::channel(1);
    panics(|| receiver.with(|_| sender.send(2)));
    panics(|| sender.send_modify(|_| assert_eq!(sender.get(), 1)));
    panics(|| sender.send_modify(|_| sender.send(2).unwrap()));
    let borrowed = receiver.borrow();
    panics(|| sender.send(2));
    // Also the second time, and of several.
    let again = (receiver.borrow(), receiver.borrow());
    panics(|| sender.send(2));
    drop((borrowed, again));
    sender.send(3).unwrap();
    assert_eq!(*receiver.borrow(), 3);
}
