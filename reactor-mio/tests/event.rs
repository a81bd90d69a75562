//! [`UserEvent`] where a trigger crosses a wait.

use std::cell::RefCell;
use std::task::{Context, RawWaker, RawWakerVTable, Waker};

use polliwog_mio::{Trigger, UserEvent};

thread_local! {
    static ON_CLONE: RefCell<Option<Trigger>> = const { RefCell::new(None) };
}

static VTABLE: RawWakerVTable = RawWakerVTable::new(
    |data| {
        if let Some(trigger) = ON_CLONE.take() {
            trigger.trigger();
        }
        RawWaker::new(data, &VTABLE)
    },
    |_| {},
    |_| {},
    |_| {},
);

/// The trigger comes after the wait has looked for one, and before it has left its waker.
#[test]
fn a_trigger_between_the_look_and_the_waker_is_seen() {
    // SAFETY: the functions do nothing with the pointer.
    let waker = unsafe { Waker::from_raw(RawWaker::new(std::ptr::null(), &VTABLE)) };
    let mut cx = Context::from_waker(&waker);
    let mut event = UserEvent::new();
    ON_CLONE.set(Some(event.trigger_handle()));
    assert!(event.poll_wait(&mut cx).is_ready());
    assert!(
        ON_CLONE.with_borrow(Option::is_none),
        "it has come meanwhile"
    );
    // It is used up, and others come as ever.
    assert!(event.poll_wait(&mut cx).is_pending());
    event.trigger();
    assert!(event.poll_wait(&mut cx).is_ready());
}
