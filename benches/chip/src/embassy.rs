//! Those of embassy-sync, with either mutex.

use core::hint::black_box;

#[cfg(feature = "critical")]
use embassy_sync::blocking_mutex::raw::CriticalSectionRawMutex as Raw;
#[cfg(feature = "noop")]
use embassy_sync::blocking_mutex::raw::NoopRawMutex as Raw;

use crate::Alone;

pub mod channel {
    use super::*;

    static IT: Alone<embassy_sync::channel::Channel<Raw, u32, 4>> =
        Alone(embassy_sync::channel::Channel::new());

    pub async fn one() {
        let it = &IT.0;
        loop {
            it.send(black_box(1)).await;
        }
    }

    pub async fn two() {
        let it = &IT.0;
        loop {
            black_box(it.receive().await);
        }
    }
}

pub mod signal {
    use super::*;

    static IT: Alone<embassy_sync::signal::Signal<Raw, u32>> =
        Alone(embassy_sync::signal::Signal::new());

    pub async fn one() {
        let it = &IT.0;
        loop {
            it.signal(black_box(1));
            black_box(core::future::ready(())).await;
        }
    }

    pub async fn two() {
        let it = &IT.0;
        loop {
            black_box(it.wait().await);
        }
    }
}

pub mod mutex {
    use super::*;

    static IT: Alone<embassy_sync::mutex::Mutex<Raw, u32>> =
        Alone(embassy_sync::mutex::Mutex::new(0));

    pub async fn one() {
        let it = &IT.0;
        loop {
            *it.lock().await += 1;
        }
    }

    pub async fn two() {
        let it = &IT.0;
        loop {
            *it.lock().await += 2;
        }
    }
}

pub mod rwlock {
    use super::*;

    static IT: Alone<embassy_sync::rwlock::RwLock<Raw, u32>> =
        Alone(embassy_sync::rwlock::RwLock::new(0));

    pub async fn one() {
        let it = &IT.0;
        loop {
            black_box(*it.read().await);
        }
    }

    pub async fn two() {
        let it = &IT.0;
        loop {
            *it.write().await += 2;
        }
    }
}

pub mod semaphore {
    use embassy_sync::semaphore::Semaphore as _;

    use super::*;

    static IT: Alone<embassy_sync::semaphore::FairSemaphore<Raw, 4>> =
        Alone(embassy_sync::semaphore::FairSemaphore::new(2));

    pub async fn one() {
        let it = &IT.0;
        loop {
            black_box(it.acquire(1).await.is_ok());
        }
    }

    pub async fn two() {
        let it = &IT.0;
        loop {
            black_box(it.acquire(2).await.is_ok());
        }
    }
}

pub mod watch {
    use super::*;

    static IT: Alone<embassy_sync::watch::Watch<Raw, u32, 2>> =
        Alone(embassy_sync::watch::Watch::new());

    pub async fn one() {
        let it = &IT.0;
        let sender = it.sender();
        loop {
            sender.send(black_box(1));
            black_box(core::future::ready(())).await;
        }
    }

    pub async fn two() {
        let it = &IT.0;
        let Some(mut receiver) = it.receiver() else {
            return;
        };
        loop {
            black_box(receiver.changed().await);
        }
    }
}

pub mod broadcast {
    use super::*;

    static IT: Alone<embassy_sync::pubsub::PubSubChannel<Raw, u32, 4, 2, 1>> =
        Alone(embassy_sync::pubsub::PubSubChannel::new());

    pub async fn one() {
        let it = &IT.0;
        let Ok(sender) = it.publisher() else {
            return;
        };
        loop {
            sender.publish_immediate(black_box(1));
            black_box(core::future::ready(())).await;
        }
    }

    pub async fn two() {
        let it = &IT.0;
        let Ok(mut receiver) = it.subscriber() else {
            return;
        };
        loop {
            black_box(match receiver.next_message().await {
                embassy_sync::pubsub::WaitResult::Message(message) => Some(message),
                embassy_sync::pubsub::WaitResult::Lagged(_) => None,
            });
        }
    }
}

pub mod once {
    use super::*;

    static IT: Alone<embassy_sync::once_lock::OnceLock<u32>> =
        Alone(embassy_sync::once_lock::OnceLock::new());

    pub async fn one() {
        let it = &IT.0;
        it.init(black_box(1)).ok();
        core::future::pending::<()>().await;
    }

    pub async fn two() {
        let it = &IT.0;
        loop {
            black_box(*it.get().await);
        }
    }
}

pub mod select {
    use super::*;

    static IT: Alone<[embassy_sync::channel::Channel<Raw, u32, 1>; 2]> = Alone([
        embassy_sync::channel::Channel::new(),
        embassy_sync::channel::Channel::new(),
    ]);

    pub async fn one() {
        let it = &IT.0;
        loop {
            it[0].try_send(black_box(1)).ok();
            it[1].try_send(black_box(2)).ok();
            black_box(core::future::ready(())).await;
        }
    }

    pub async fn two() {
        let it = &IT.0;
        loop {
            match embassy_futures::select::select(it[0].receive(), it[1].receive()).await {
                embassy_futures::select::Either::First(got) => drop(black_box(got)),
                embassy_futures::select::Either::Second(got) => drop(black_box(got)),
            }
        }
    }
}
