//! What interrupt handlers and tasks talk through.

use core::cell::RefCell;
use core::future::poll_fn;
use core::task::{Poll, Waker};

use critical_section::Mutex;

/// The latest value that somebody has sent, and the one task that waits for it.
///
/// ```ignore
/// static PRESSED: Signal<u32> = Signal::new();
/// board::on_interrupt!(SOFT0, PRESSED.send(1));
/// // in a task
/// let button = PRESSED.wait().await;
/// ```
#[derive(Debug)]
pub struct Signal<T>(Mutex<RefCell<(Option<T>, Option<Waker>)>>);

impl<T> Signal<T> {
    /// A signal that nobody has sent.
    pub const fn new() -> Self {
        Self(Mutex::new(RefCell::new((None, None))))
    }

    /// Leaves a value, in the place of one that was not taken, and wakes the task. Callable from
    /// anywhere.
    pub fn send(&self, value: T) {
        let waker = critical_section::with(|cs| {
            let mut state = self.0.borrow_ref_mut(cs);
            state.0 = Some(value);
            state.1.take()
        });
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    /// Waits for a value and takes it.
    ///
    /// # Cancel safety
    ///
    /// A wait that is given up loses no value.
    pub async fn wait(&self) -> T {
        poll_fn(|cx| {
            critical_section::with(|cs| {
                let mut state = self.0.borrow_ref_mut(cs);
                if let Some(value) = state.0.take() {
                    return Poll::Ready(value);
                }
                if !state
                    .1
                    .as_ref()
                    .is_some_and(|old| old.will_wake(cx.waker()))
                {
                    state.1 = Some(cx.waker().clone());
                }
                Poll::Pending
            })
        })
        .await
    }
}

impl<T> Default for Signal<T> {
    fn default() -> Self {
        Self::new()
    }
}

/// A queue of up to `N` values for one task.
#[derive(Debug)]
pub struct Channel<T, const N: usize>(Mutex<RefCell<Queue<T, N>>>);

#[derive(Debug)]
struct Queue<T, const N: usize> {
    values: [Option<T>; N],
    first: usize,
    len: usize,
    receiver: Option<Waker>,
}

impl<T, const N: usize> Channel<T, N> {
    /// An empty channel.
    pub const fn new() -> Self {
        Self(Mutex::new(RefCell::new(Queue {
            values: [const { None }; N],
            first: 0,
            len: 0,
            receiver: None,
        })))
    }

    /// Adds a value, or gives it back if there is no room. Callable from anywhere.
    ///
    /// # Errors
    ///
    /// The value.
    pub fn try_send(&self, value: T) -> Result<(), T> {
        let waker = critical_section::with(|cs| {
            let mut queue = self.0.borrow_ref_mut(cs);
            if queue.len == N {
                return Err(value);
            }
            let last = (queue.first + queue.len) % N;
            queue.values[last] = Some(value);
            queue.len += 1;
            Ok(queue.receiver.take())
        })?;
        if let Some(waker) = waker {
            waker.wake();
        }
        Ok(())
    }

    /// Waits for a value and takes it.
    ///
    /// # Cancel safety
    ///
    /// A wait that is given up loses no value.
    pub async fn receive(&self) -> T {
        poll_fn(|cx| {
            critical_section::with(|cs| {
                let mut queue = self.0.borrow_ref_mut(cs);
                let first = queue.first;
                if let Some(value) = queue.values[first].take() {
                    queue.first = (first + 1) % N;
                    queue.len -= 1;
                    return Poll::Ready(value);
                }
                queue.receiver = Some(cx.waker().clone());
                Poll::Pending
            })
        })
        .await
    }
}

impl<T, const N: usize> Default for Channel<T, N> {
    fn default() -> Self {
        Self::new()
    }
}
