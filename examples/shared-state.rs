//! State that several tasks change, in four ways, and when to choose which.
//!
//! 1. A `Cell` or `RefCell`: tasks of one executor take turns only where they `.await`, so without an
//!    await in between nothing else happens. The cheapest, and enough for most.
//! 2. A lock of `polliwog::sync`: where it is held *across* an await.
//! 3. Several locks, by a part of the key: where tasks would wait for one another too often.
//! 4. A task that owns the state (see the example `actor`): where changes take time, or should be in order.
//!
//! A trap: a guard of `RefCell` or of `std::sync::Mutex` that lives across an await. The next task that
//! wants it panics, or blocks the thread that would have let go of it. Clippy's `await_holding_lock` and
//! `await_holding_refcell_ref` find it.
//!
//! ```text
//! cargo run --example shared-state
//! cargo run --example shared-state --no-default-features --features spin,std
//! ```
#![forbid(unsafe_code)]

use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;

use polliwog::sync::local::Mutex;
use polliwog::task::JoinSet;
use polliwog::yield_now;

/// The first way. The borrow ends before anything is awaited.
async fn with_a_cell() -> Result<u32, Box<dyn std::error::Error>> {
    let state = Rc::new(RefCell::new(0));
    let mut tasks = JoinSet::new();
    for _ in 0..10 {
        let state = state.clone();
        tasks.spawn(async move {
            for _ in 0..10 {
                *state.borrow_mut() += 1;
                yield_now().await;
            }
        })?;
    }
    tasks.join_all().await;
    Ok(state.take())
}

/// The second way: read, wait, write, with nobody in between.
async fn with_a_lock() -> Result<u32, Box<dyn std::error::Error>> {
    let state = Rc::new(Mutex::new(0));
    let mut tasks = JoinSet::new();
    for _ in 0..10 {
        let state = state.clone();
        tasks.spawn(async move {
            for _ in 0..10 {
                let mut number = state.lock().await;
                let read = *number;
                yield_now().await;
                *number = read + 1;
            }
        })?;
    }
    tasks.join_all().await;
    Ok(*state.lock().await)
}

/// The third way: a map in parts, each with a lock of its own.
struct Sharded {
    shards: [Mutex<HashMap<u32, u32>>; 4],
}

impl Sharded {
    fn shard(&self, key: u32) -> &Mutex<HashMap<u32, u32>> {
        &self.shards[key as usize % self.shards.len()]
    }
}

async fn with_several_locks() -> Result<u32, Box<dyn std::error::Error>> {
    let state = Rc::new(Sharded {
        shards: Default::default(),
    });
    let mut tasks = JoinSet::new();
    for key in 0..10 {
        let state = state.clone();
        tasks.spawn(async move {
            for _ in 0..10 {
                let mut shard = state.shard(key).lock().await;
                yield_now().await;
                *shard.entry(key).or_default() += 1;
            }
        })?;
    }
    tasks.join_all().await;
    let mut sum = 0;
    for shard in &state.shards {
        sum += shard.lock().await.values().sum::<u32>();
    }
    Ok(sum)
}

pub(crate) async fn example() -> Result<Vec<String>, Box<dyn std::error::Error>> {
    Ok(vec![
        format!("a cell: {}", with_a_cell().await?),
        format!("a lock: {}", with_a_lock().await?),
        format!("several locks: {}", with_several_locks().await?),
    ])
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    for line in polliwog::block_on(example())? {
        println!("{line}");
    }
    Ok(())
}
