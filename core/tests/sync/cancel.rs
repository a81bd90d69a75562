use std::cell::Cell;
use std::future::{pending, ready as at_once};
use std::rc::Rc;

use polliwog_core::conformance::ThreadReactor;
use polliwog_core::{Executor, yield_now};

use super::{both_scopes, ready, task, waiting};

both_scopes! {
    fn all_who_wait_are_told_and_it_stays_so() {
        let token = CancellationToken::new();
        let clone = token.clone();
        assert!(token == clone && token != CancellationToken::default());
        let mut waits = [waiting(token.cancelled()), waiting(clone.clone().cancelled_owned())];
        let gone = waiting(clone.cancelled());
        drop(gone);
        assert!(!clone.is_cancelled());
        token.cancel();
        token.cancel();
        assert!(clone.is_cancelled());
        for task in &mut waits {
            task.woken();
        }
        ready(token.cancelled());
    }

    fn children_are_cancelled_with_their_parent_not_the_other_way() {
        let root = CancellationToken::new();
        let child = root.child_token();
        let grandchild = child.child_token();
        let other = root.child_token();
        let mut wait = waiting(grandchild.cancelled());
        child.cancel();
        wait.woken();
        assert!(!root.is_cancelled() && !other.is_cancelled());
        // Whoever is gone is not missed.
        drop(other);
        let kept = root.child_token();
        root.cancel();
        assert!(kept.is_cancelled() && root.child_token().is_cancelled());
    }

    fn a_line_of_children_may_be_long() {
        let root = CancellationToken::new();
        let mut last = root.child_token();
        let mut line = Vec::new();
        for _ in 0..if cfg!(miri) { 100 } else { 100_000 } {
            let next = last.child_token();
            line.push(std::mem::replace(&mut last, next));
        }
        root.cancel();
        assert!(last.is_cancelled());
    }

    fn a_guard_cancels_unless_it_is_disarmed() {
        let token = CancellationToken::new();
        let guard = token.clone().drop_guard();
        assert!(!guard.disarm().is_cancelled());
        drop(token.clone().drop_guard());
        assert!(token.is_cancelled());
    }

    fn a_future_runs_until_cancelled() {
        let token = CancellationToken::new();
        assert_eq!(ready(token.run_until_cancelled(at_once(7))), Some(7));
        let dropped = Rc::new(());
        let kept = dropped.clone();
        let mut running = waiting(token.clone().run_until_cancelled_owned(async move {
            let _kept = kept;
            pending::<()>().await;
        }));
        token.cancel();
        assert_eq!(running.woken(), None);
        drop(running);
        assert_eq!(Rc::strong_count(&dropped), 1);
        assert_eq!(ready(token.run_until_cancelled(at_once(7))), None);
    }

    fn without_a_heap() {
        let flag = CancellationFlag::new();
        let mut wait = waiting(flag.run_until_cancelled(pending::<()>()));
        flag.cancel();
        assert_eq!(wait.woken(), None);
        ready(flag.cancelled());
    }

    fn a_tracker_waits_until_it_is_closed_and_nothing_is_left() {
        let tracker = Tracker::new();
        let mut wait = waiting(tracker.wait());
        let token = tracker.token();
        let future = tracker.track_future(at_once(1));
        assert_eq!(tracker.len(), 2);
        let other = token.clone();
        drop(token);
        assert!(tracker.close() && !tracker.close() && tracker.is_closed());
        assert_eq!(ready(future), 1);
        assert!(wait.poll().is_pending());
        drop(other);
        wait.woken();
        assert!(tracker.is_empty() && tracker.reopen() && !tracker.is_closed());
        drop(waiting(tracker.wait()));
        tracker.close();
        ready(tracker.wait());
    }

    fn a_tracked_future_counts_until_what_it_owns_is_gone() {
        struct Looks(Rc<Cell<usize>>, TaskTracker);
        impl Drop for Looks {
            fn drop(&mut self) {
                self.0.set(self.1.len());
            }
        }
        let tracker = TaskTracker::new();
        let seen = Rc::new(Cell::new(0));
        for ends in [true, false] {
            seen.set(0);
            let looks = Looks(seen.clone(), tracker.clone());
            let mut tracked = task(tracker.track_future(async move {
                let _looks = looks;
                if !ends {
                    pending::<()>().await;
                }
            }));
            assert_eq!(tracked.poll().is_ready(), ends);
            assert_eq!(tracker.len(), usize::from(!ends));
            drop(tracked);
            assert_eq!(seen.get(), 1);
        }
    }

    fn tasks_end_when_they_are_told_to_and_none_is_lost() {
        let executor = Executor::with_capacity(16, ThreadReactor::new());
        let ended = Rc::new(Cell::new(0));
        executor.block_on(async {
            let (token, tracker) = (CancellationToken::new(), TaskTracker::new());
            for _ in 0..5 {
                let (token, ended) = (token.child_token(), ended.clone());
                let task = tracker.spawn(async move {
                    token.cancelled().await;
                    yield_now().await;
                    ended.set(ended.get() + 1);
                });
                drop(task.unwrap());
            }
            yield_now().await;
            assert_eq!((tracker.len(), ended.get()), (5, 0));
            token.cancel();
            tracker.close();
            tracker.wait().await;
        });
        assert_eq!(ended.get(), 5);
    }
}

#[test]
fn what_is_shared_can_go_to_other_threads() {
    use polliwog_core::sync::{CancellationToken, TaskTracker};
    fn check<T: Send + Sync>(value: T) -> T {
        value
    }
    let token = check(CancellationToken::new());
    let tracker = check(TaskTracker::new());
    drop(check(tracker.track_future(token.clone().cancelled_owned())));
    let threads: Vec<_> = (0..2)
        .map(|_| {
            let token = token.clone();
            std::thread::spawn(move || {
                for _ in 0..20 {
                    let child = token.child_token();
                    assert!(child.child_token() != child);
                }
                token.cancel();
            })
        })
        .collect();
    for thread in threads {
        thread.join().unwrap();
    }
    assert!(token.is_cancelled());
}
