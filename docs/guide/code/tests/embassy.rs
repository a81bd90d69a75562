//! embassy's channels and combinators on an executor of polliwog, unchanged, as the chapter about them says.

use std::time::Duration;

use embassy_futures::join::join;
use embassy_futures::select::{Either, select};
use embassy_sync::blocking_mutex::raw::NoopRawMutex;
use embassy_sync::channel::Channel;
use embassy_sync::mutex::Mutex;
use embassy_sync::signal::Signal;
use polliwog::spin;
use polliwog::time::{now, sleep};

const SECOND: Duration = Duration::from_secs(1);

#[test]
fn embassy_sync_and_embassy_futures_work() {
    spin::test(1, async {
        let channel = Channel::<NoopRawMutex, u32, 2>::new();
        let sum = Mutex::<NoopRawMutex, u32>::new(0);
        let done = Signal::<NoopRawMutex, ()>::new();
        let send = async {
            for number in 1..=10 {
                channel.send(number).await;
                sleep(SECOND).await;
            }
            done.signal(());
        };
        let add = async {
            loop {
                match select(channel.receive(), done.wait()).await {
                    Either::First(number) => *sum.lock().await += number,
                    Either::Second(()) => return,
                }
                embassy_futures::yield_now().await;
            }
        };
        join(send, add).await;
        assert_eq!(*sum.lock().await, 55);
        assert_eq!(now().expect("in a task").as_duration(), 10 * SECOND);
    });
}
