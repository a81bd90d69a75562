//! What differs for those who come from tokio, each as a program.
#![forbid(unsafe_code)]

use std::cell::RefCell;
use std::error::Error;
use std::rc::Rc;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use polliwog::sync::local;
use polliwog::task::AbortOnDrop;
use polliwog::time::sleep;
use polliwog::{JoinError, Runtime, SendWrapper, block_on, spawn};

// ANCHOR: result
async fn spawn_is_fallible() -> Result<u32, Box<dyn Error>> {
    let task = spawn(async { 6 * 7 })?; // `?`: there may be no room for one more
    Ok(task.await?) // `?`: it may have panicked, as in tokio
}
// ANCHOR_END: result

// ANCHOR: local
async fn tasks_stay_on_their_thread() -> Result<usize, Box<dyn Error>> {
    let names = Rc::new(RefCell::new(Vec::new())); // neither `Arc` nor `Mutex`
    let mut tasks = Vec::new();
    for name in ["Ada", "Grace"] {
        let names = Rc::clone(&names);
        tasks.push(spawn(async move {
            sleep(Duration::from_millis(1)).await;
            names.borrow_mut().push(name); // no `.await` while it is borrowed
        })?);
    }
    for task in tasks {
        task.await?;
    }
    Ok(names.borrow().len())
}
// ANCHOR_END: local

// ANCHOR: guard
/// Whoever holds a lock over an `.await` takes one that waits in its task.
async fn a_lock_across_an_await() -> Result<u32, Box<dyn Error>> {
    let count = Rc::new(local::Mutex::new(0));
    let mut tasks = Vec::new();
    for _ in 0..10 {
        let count = Rc::clone(&count);
        tasks.push(spawn(async move {
            let mut guard = count.lock().await;
            let seen = *guard;
            sleep(Duration::from_millis(1)).await;
            *guard = seen + 1;
        })?);
    }
    for task in tasks {
        task.await?;
    }
    Ok(*count.lock().await)
}
// ANCHOR_END: guard

// ANCHOR: std_guard
/// A lock of the standard library, let go of before the `.await`, is as right as in tokio.
async fn a_std_lock(count: Arc<Mutex<u32>>) {
    if let Ok(mut count) = count.lock() {
        *count += 1;
    } // here
    sleep(Duration::from_millis(1)).await;
}
// ANCHOR_END: std_guard

// ANCHOR: abort
async fn dropping_a_handle_detaches() -> Result<bool, Box<dyn Error>> {
    let task = AbortOnDrop::new(spawn(std::future::pending::<()>())?);
    let watch = task.abort_handle();
    drop(task); // a plain `JoinHandle` would let it go on, as in tokio
    sleep(Duration::from_millis(1)).await;
    Ok(watch.is_finished())
}
// ANCHOR_END: abort

// ANCHOR: panic
async fn a_panic_is_an_error() -> Result<Option<String>, Box<dyn Error>> {
    match spawn(async { panic!("a bug") })?.await {
        Err(JoinError::Panicked(panic)) => Ok(panic.message()),
        Err(other) => Err(other.into()),
        Ok(()) => unreachable!(),
    }
}
// ANCHOR_END: panic

// ANCHOR: send
fn needs_send<T: Send>(value: T) -> T {
    value
}

async fn a_library_that_asks_for_send() -> u32 {
    let local = Rc::new(42);
    needs_send(SendWrapper::new(async move { *local })).await
}
// ANCHOR_END: send

// ANCHOR: threads
fn from_another_thread() -> Result<u32, Box<dyn Error>> {
    let runtime = Runtime::new()?;
    let handle = runtime.handle(); // `Send`, unlike the runtime
    let asked = std::thread::spawn(move || handle.spawn(async { 42 }));
    runtime.block_on(async {
        let task = polliwog::spawn_blocking(move || asked.join()).await?;
        let task = task.map_err(|_| "the thread panicked")??;
        Ok(task.await?)
    })
}
// ANCHOR_END: threads

// ANCHOR: blocking
fn a_job_that_nobody_awaits() -> Result<bool, Box<dyn Error>> {
    let runtime = Runtime::new()?;
    let (saved, was_saved) = std::sync::mpsc::channel();
    runtime.block_on(async {
        // To await it here would be the first choice.
        drop(polliwog::spawn_blocking(move || saved.send(())));
    });
    // To drop the runtime would wait for no job, and the end of `main` cuts off what has not ended.
    runtime.shutdown_timeout(Duration::from_secs(60));
    Ok(was_saved.try_recv().is_ok())
}
// ANCHOR_END: blocking

fn main() -> Result<(), Box<dyn Error>> {
    block_on(async {
        println!("result: {}", spawn_is_fallible().await?);
        println!("local: {}", tasks_stay_on_their_thread().await?);
        println!("lock: {}", a_lock_across_an_await().await?);
        let count = Arc::new(Mutex::new(0));
        a_std_lock(Arc::clone(&count)).await;
        println!("std lock: {:?}", count.lock().map(|count| *count).ok());
        println!("aborted: {}", dropping_a_handle_detaches().await?);
        println!("panic: {:?}", a_panic_is_an_error().await?);
        println!("send: {}", a_library_that_asks_for_send().await);
        Ok::<_, Box<dyn Error>>(())
    })?;
    println!("thread: {}", from_another_thread()?);
    println!("job: {}", a_job_that_nobody_awaits()?);
    Ok(())
}
