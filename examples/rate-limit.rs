//! Not too many at once, and not too many in a time.
//!
//! * A semaphore with three permits: at most three are under way at the same time.
//! * A token bucket, a semaphore that an interval fills: so many for each period, and as many at once
//!   as have been saved up.
//!
//! ```text
//! cargo run --example rate-limit
//! cargo run --example rate-limit --no-default-features --features spin,std
//! ```
#![forbid(unsafe_code)]

use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;

use polliwog::spawn;
use polliwog::sync::local::Semaphore;
use polliwog::task::{AbortOnDrop, JoinSet};
use polliwog::time::{interval, now, sleep};

const PERIOD: Duration = Duration::from_millis(5);

/// Lets so many through at once, and one more for each period.
struct TokenBucket {
    tokens: Rc<Semaphore>,
    _filling: AbortOnDrop<()>,
}

impl TokenBucket {
    fn new(size: usize, period: Duration) -> Result<Self, polliwog::SpawnError> {
        let tokens = Rc::new(Semaphore::new(size));
        let bucket = tokens.clone();
        let filling = spawn(async move {
            let mut ticks = interval(period);
            // The first tick is at once.
            ticks.tick().await;
            loop {
                ticks.tick().await;
                if bucket.available_permits() < size {
                    bucket.add_permits(1);
                }
            }
        })?;
        Ok(Self {
            tokens,
            _filling: filling.into(),
        })
    }

    async fn take(&self) {
        // It is used up, not given back. Nobody closes the semaphore.
        if let Ok(token) = self.tokens.acquire().await {
            token.forget();
        }
    }
}

pub(crate) async fn example() -> Result<Vec<String>, Box<dyn std::error::Error>> {
    let permits = Rc::new(Semaphore::new(3));
    let (running, most) = (Rc::new(Cell::new(0)), Rc::new(Cell::new(0)));
    let mut tasks = JoinSet::new();
    for _ in 0..12 {
        let (permits, running, most) = (permits.clone(), running.clone(), most.clone());
        tasks.spawn(async move {
            let _permit = permits.acquire().await;
            running.set(running.get() + 1);
            most.set(most.get().max(running.get()));
            sleep(PERIOD).await;
            running.set(running.get() - 1);
        })?;
    }
    tasks.join_all().await;
    let mut lines = vec![format!("at most {} at once", most.get())];

    let bucket = TokenBucket::new(4, PERIOD)?;
    let start = now();
    for _ in 0..10 {
        bucket.take().await;
    }
    // Four at once, six more one after the other.
    let took = now().zip(start).map(|(end, start)| end - start);
    assert!(took >= Some(PERIOD * 6), "{took:?}");
    lines.push("ten took six periods or more".to_owned());
    Ok(lines)
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    for line in polliwog::block_on(example())? {
        println!("{line}");
    }
    Ok(())
}
