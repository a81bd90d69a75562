use std::pin::pin;

use polliwog_core::sync::{Local, Scope, Shared, scoped};

use super::{both_scopes, ready, task, waiting};

both_scopes! {
    fn a_permit_is_kept_and_only_one() {
        let notify = Notify::new();
        notify.notify_one();
        notify.notify_one();
        ready(notify.notified());
        let mut next = waiting(notify.notified());
        notify.notify_one();
        next.woken();
        assert!(task(notify.notified()).poll().is_pending());
    }

    fn waiters_are_notified_in_their_order() {
        let notify = Notify::default();
        let mut first = waiting(notify.notified());
        let mut second = waiting(notify.notified());
        notify.notify_one();
        assert!(second.poll().is_pending());
        first.woken();
        notify.notify_one();
        second.woken();
    }

    fn all_are_notified_also_those_not_polled_yet_and_none_later() {
        let notify = Notify::new();
        let mut made = task(notify.notified());
        let mut polled = waiting(notify.notified());
        notify.notify_waiters();
        made.ready();
        polled.woken();
        assert!(task(notify.notified()).poll().is_pending());
    }

    fn one_who_is_dropped_passes_on_or_gives_the_permit_back() {
        let notify = Notify::new();
        let first = waiting(notify.notified());
        let mut second = waiting(notify.notified());
        notify.notify_one();
        drop(first);
        second.woken();

        let third = waiting(notify.notified());
        notify.notify_one();
        drop(third);
        ready(notify.notified());

        // Of all, nobody has anything to pass on.
        let fourth = waiting(notify.notified());
        notify.notify_waiters();
        drop(fourth);
        drop(waiting(notify.notified()));
        assert!(task(notify.notified()).poll().is_pending());
    }

    fn an_enabled_one_has_its_place() {
        let notify = Notify::new();
        let mut enabled = pin!(notify.notified());
        assert!(!enabled.as_mut().enable());
        let mut second = waiting(notify.notified());
        notify.notify_one();
        assert!(second.poll().is_pending());
        assert!(enabled.as_mut().enable());
        // It stays ready.
        let mut enabled = task(enabled);
        enabled.ready();
        drop(enabled);
        assert!(second.poll().is_pending());
    }
}

#[test]
fn sizes() {
    fn of<S: Scope>() -> usize {
        size_of::<scoped::Notify<S>>() / size_of::<usize>()
    }
    assert_eq!((of::<Local>(), of::<Shared>()), (3, 4));
}

#[test]
fn what_is_shared_can_go_to_other_threads() {
    fn check<T: Send + Sync>() {}
    check::<polliwog_core::sync::Notify>();
    check::<polliwog_core::sync::Notified<'_>>();
}
