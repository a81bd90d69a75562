//! What each task waits for, and where it was spawned.
#![forbid(unsafe_code)]

use std::error::Error;
use std::rc::Rc;
use std::time::Duration;

use polliwog::sync::local::{Mutex, mpsc};
use polliwog::time::timeout;
use polliwog::{Handle, Spawner, yield_now};

// ANCHOR: dump
async fn stuck() -> Result<(), Box<dyn Error>> {
    let spawner = Spawner::current().ok_or("no executor runs here")?;
    let table = Rc::new(Mutex::new(7));
    let _forgotten = table.lock().await;
    let (sender, mut receiver) = mpsc::channel(1);
    let asked = Rc::clone(&table);
    let ask = async move {
        if let Ok(answer) = timeout(Duration::from_secs(60), asked.lock()).await {
            let _ = sender.send(*answer).await;
        }
    };
    let asking = spawner.spawn_named("asks", ask)?;
    let hear = async move { println!("{:?}", receiver.recv().await) };
    spawner.spawn_named("hears", hear)?.detach();
    let wait = async move { drop(asking.await) };
    spawner.spawn_named("waits", wait)?.detach();
    yield_now().await;
    print!("{}", Handle::try_current()?.dump());
    Ok(())
}
// ANCHOR_END: dump

fn main() -> Result<(), Box<dyn Error>> {
    polliwog::block_on(stuck())
}
