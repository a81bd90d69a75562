//! An executor in sixty lines: tasks, a queue of those that are due, and a waker that puts a task there.
#![forbid(unsafe_code)]

use std::pin::Pin;
use std::sync::mpsc::{self, Receiver, Sender};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Wake, Waker};
use std::thread;
use std::time::Duration;

// ANCHOR: task
type BoxedFuture = Pin<Box<dyn Future<Output = ()> + Send>>;

/// A future that an executor polls, and the queue into which its waker puts it.
struct Task {
    /// `None` once it is ready.
    future: Mutex<Option<BoxedFuture>>,
    queue: Sender<Arc<Task>>,
}

impl Wake for Task {
    fn wake(self: Arc<Self>) {
        // Fails only if the executor is gone: nobody is left to poll.
        let _ = self.queue.send(Arc::clone(&self));
    }
}
// ANCHOR_END: task

// ANCHOR: executor
struct Executor {
    queue: Receiver<Arc<Task>>,
}

#[derive(Clone)]
struct Spawner {
    queue: Sender<Arc<Task>>,
}

impl Spawner {
    fn spawn(&self, future: impl Future<Output = ()> + Send + 'static) {
        let task = Arc::new(Task {
            future: Mutex::new(Some(Box::pin(future))),
            queue: self.queue.clone(),
        });
        // A new task is due at once: nobody else would poll it for the first time.
        task.wake();
    }
}

impl Executor {
    fn new() -> (Self, Spawner) {
        let (sender, queue) = mpsc::channel();
        (Self { queue }, Spawner { queue: sender })
    }

    /// Polls what is due, and waits for more; ends when nobody is left who could send any.
    fn run(self) {
        while let Ok(task) = self.queue.recv() {
            let mut slot = task.future.lock().unwrap_or_else(PoisonError::into_inner);
            // A task may be woken twice, or after it was ready.
            let Some(mut future) = slot.take() else {
                continue;
            };
            let waker = Waker::from(Arc::clone(&task));
            if future
                .as_mut()
                .poll(&mut Context::from_waker(&waker))
                .is_pending()
            {
                *slot = Some(future);
            }
        }
    }
}
// ANCHOR_END: executor

// ANCHOR: sleep
/// A timer on a thread of its own: wasteful, and enough here.
struct Sleep {
    shared: Arc<Mutex<(bool, Option<Waker>)>>,
}

fn sleep(duration: Duration) -> Sleep {
    let shared = Arc::new(Mutex::new((false, None::<Waker>)));
    let theirs = Arc::clone(&shared);
    thread::spawn(move || {
        thread::sleep(duration);
        let waker = {
            let mut state = theirs.lock().unwrap_or_else(PoisonError::into_inner);
            state.0 = true;
            state.1.take()
        };
        if let Some(waker) = waker {
            waker.wake();
        }
    });
    Sleep { shared }
}

impl Future for Sleep {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let mut state = self.shared.lock().unwrap_or_else(PoisonError::into_inner);
        if state.0 {
            return Poll::Ready(());
        }
        state.1 = Some(cx.waker().clone());
        Poll::Pending
    }
}
// ANCHOR_END: sleep

// ANCHOR: main
fn main() {
    let (executor, spawner) = Executor::new();
    for (name, millis) in [("slow", 100), ("quick", 20)] {
        spawner.spawn(async move {
            println!("{name}: begins");
            sleep(Duration::from_millis(millis)).await;
            println!("{name}: is done");
        });
    }
    // Tasks keep the queue open through their wakers; the program's own end of it is let go of here.
    drop(spawner);
    executor.run();
    println!("no task is left");
}
// ANCHOR_END: main
