//! Futures that are large, on a thread with a stack of the usual 2 MiB, also without optimisation.

use std::thread;

use polliwog_mio::{Runtime, block_on, spawn, try_spawn};

const SIZE: usize = 256 << 10;

async fn large() -> usize {
    let bytes = [1_u8; SIZE];
    std::future::ready(()).await;
    bytes.iter().map(|byte| usize::from(*byte)).sum()
}

fn on_a_usual_stack(test: fn()) {
    let thread = thread::Builder::new().stack_size(2 << 20).spawn(test);
    thread.unwrap().join().unwrap();
}

#[test]
fn blocked_on() {
    on_a_usual_stack(|| assert_eq!(block_on(large()), SIZE));
}

#[test]
fn spawned() {
    on_a_usual_stack(|| {
        block_on(async { assert_eq!(spawn(large()).unwrap().await.unwrap(), SIZE) });
    });
    on_a_usual_stack(|| {
        let runtime = Runtime::new().unwrap();
        let task = runtime.spawn(large()).unwrap();
        assert_eq!(runtime.block_on(task).unwrap(), SIZE);
    });
}

#[test]
fn tried() {
    on_a_usual_stack(|| {
        block_on(async { assert_eq!(try_spawn(large()).unwrap().await.unwrap(), SIZE) });
    });
}
