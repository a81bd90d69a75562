//! The wait list between threads.

use core::pin::{Pin, pin};
use core::task::{Context, Poll};
use std::boxed::Box;
use std::sync::Arc as StdArc;
use std::task::{Wake, Waker};

use loom::sync::Arc;
use loom::thread;

use super::Parker;
use crate::loom::Cell;
use crate::sync::Shared;
use crate::sync::wait_list::{ListRef, Wait, WaitList, WaitState};

struct Unpark(Arc<Parker>);

impl Wake for Unpark {
    fn wake(self: StdArc<Self>) {
        self.0.unpark();
    }
}

pub(super) fn parker() -> (Arc<Parker>, Waker) {
    let parker = Arc::new(Parker::new());
    let waker = StdArc::new(Unpark(parker.clone())).into();
    (parker, waker)
}

type Permits = WaitList<Shared, Cell<usize>>;

fn permits() -> Arc<Permits> {
    Arc::new(WaitList::with_value(Cell::new(0)))
}

fn release(list: &Permits) {
    let first = list.with(|access| {
        access.value().set(access.value().get() + 1);
        access.take_first(0)
    });
    if let Some(waker) = first {
        waker.wake();
    }
}

fn poll<R>(wait: Pin<&mut Wait<R>>, waker: &Waker) -> Poll<()>
where
    R: ListRef<Value = Cell<usize>>,
{
    wait.poll_with(&mut Context::from_waker(waker), |access, _| {
        let left = access.value().get();
        (left > 0).then(|| access.value().set(left - 1))
    })
}

fn acquire(list: &Permits) {
    let (parker, waker) = parker();
    let mut wait = pin!(Wait::<_>::new(list, ()));
    while poll(wait.as_mut(), &waker).is_pending() {
        parker.park();
    }
}

/// Two who wait and two who release, in any order: each of the former goes on.
#[test]
fn no_notification_is_lost() {
    let mut model = loom::model::Builder::new();
    model.preemption_bound = Some(3);
    model.check(|| {
        let list = permits();
        let threads: [_; 2] = core::array::from_fn(|_| {
            let list = list.clone();
            thread::spawn(move || acquire(&list))
        });
        release(&list);
        release(&list);
        for thread in threads {
            thread.join().unwrap();
        }
        assert!(list.is_empty(0));
    });
}

/// One who gives up, at whatever moment, passes on what it has been given.
#[test]
fn giving_up_passes_the_notification_on() {
    let mut model = loom::model::Builder::new();
    model.preemption_bound = Some(3);
    model.check(|| {
        let list = permits();
        let (_, waker) = parker();
        let mut first = Box::pin(Wait::<_>::new(&*list, ()));
        let polled = first
            .as_mut()
            .poll_with(&mut Context::from_waker(&waker), |_, _| None::<()>);
        assert!(polled.is_pending());
        let second = {
            let list = list.clone();
            thread::spawn(move || acquire(&list))
        };
        let third = {
            let list = list.clone();
            thread::spawn(move || release(&list))
        };
        drop(first);
        second.join().unwrap();
        third.join().unwrap();
        assert!(list.is_empty(0));
    });
}

/// While all are notified, one goes away, another comes: the one who stays is notified once, the
/// one who comes either way.
#[test]
fn all_are_notified_while_others_come_and_go() {
    let mut model = loom::model::Builder::new();
    model.preemption_bound = Some(3);
    model.check(|| {
        let list = Arc::new(WaitList::<Shared>::new());
        let (_, noop) = parker();
        let mut goes = Box::pin(list.wait());
        let mut stays = Box::pin(list.wait());
        let mut cx = Context::from_waker(&noop);
        assert!(goes.as_mut().poll(&mut cx).is_pending());
        assert!(stays.as_mut().poll(&mut cx).is_pending());
        let notifier = {
            let list = list.clone();
            thread::spawn(move || list.notify_all(0))
        };
        let mut comes = Box::pin(list.wait());
        let came = comes.as_mut().poll(&mut cx).is_ready();
        drop(goes);
        let notified = notifier.join().unwrap();
        assert!(stays.as_mut().poll(&mut cx).is_ready());
        assert!((1..=3).contains(&notified));
        let state = comes
            .as_mut()
            .cancel_with(|_, state, ()| state)
            .unwrap_or(WaitState::New);
        assert!(!came && matches!(state, WaitState::Waiting | WaitState::NotifiedWithAll));
        assert!(list.is_empty(0));
    });
}

/// The waker is replaced while another thread notifies: one of the two is woken, and whoever polls
/// sees it.
#[test]
fn a_waker_may_be_replaced_meanwhile() {
    let mut model = loom::model::Builder::new();
    model.preemption_bound = Some(4);
    model.check(|| {
        let list = permits();
        let (_, old) = parker();
        let mut wait = Box::pin(Wait::<_>::new(&*list, ()));
        let ready = poll(wait.as_mut(), &old).is_ready();
        assert!(!ready);
        let releaser = {
            let list = list.clone();
            thread::spawn(move || release(&list))
        };
        let (parker, waker) = parker();
        while poll(wait.as_mut(), &waker).is_pending() {
            parker.park();
        }
        releaser.join().unwrap();
    });
}
