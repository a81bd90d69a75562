//! Tasks that could go on for ever.

use polliwog::task::consume_budget;

use super::*;

/// Operations that never have to wait leave timers, foreign wakes and the other tasks their turn.
pub(crate) fn operations_that_never_wait<R: Reactor>(reactor: R) {
    // More than any machine does while the others come to their end; without a budget there is no end.
    const MOST: u64 = 2_000_000_000;
    static POOL: TaskPool<4, 512> = TaskPool::new();
    let executor = claim(&POOL, reactor);
    let spawner = executor.spawner();
    let done = Rc::new(Cell::new(false));
    let greedy = [(); 2].map(|()| {
        let done = done.clone();
        let task = async move {
            for _ in 0..MOST {
                if done.get() {
                    return;
                }
                consume_budget().await;
            }
            panic!("the others have not come to their end");
        };
        spawner.spawn(task).unwrap()
    });
    // Virtual time goes on only when nothing else is left to do, which never happens here.
    let now = || executor.enter(|| time::now().expect("there is a clock"));
    let start = now();
    thread::sleep(Duration::from_millis(1));
    let sleeps = if now() > start { 3 } else { 0 };
    let patient = spawner.spawn(async move {
        for _ in 0..sleeps {
            time::sleep(Duration::from_micros(100)).await;
        }
    });
    executor.block_on(async {
        patient.unwrap().await.unwrap();
        let (send, receive) = mpsc::channel::<Waker>();
        let helper = thread::spawn(move || receive.recv().unwrap().wake());
        let mut sent = false;
        poll_fn(|cx| match sent {
            true => Poll::Ready(()),
            false => {
                sent = true;
                send.send(cx.waker().clone()).unwrap();
                Poll::Pending
            }
        })
        .await;
        helper.join().unwrap();
        done.set(true);
        for task in greedy {
            task.await.unwrap();
        }
    });
}
