//! Ours, in either scope.

use core::hint::black_box;

#[cfg(feature = "shared")]
use polliwog_core::sync as from;
#[cfg(feature = "local")]
use polliwog_core::sync::local as from;

use crate::Alone;

pub mod channel {
    use super::*;

    static IT: Alone<from::mpmc::Channel<u32, 4>> = Alone(from::mpmc::Channel::new());

    pub async fn one() {
        let it = &IT.0;
        loop {
            it.send(black_box(1)).await.ok();
        }
    }

    pub async fn two() {
        let it = &IT.0;
        loop {
            black_box(it.recv().await);
        }
    }
}

pub mod signal {
    use super::*;

    static IT: Alone<from::Signal<u32>> = Alone(from::Signal::new());

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

    static IT: Alone<from::Mutex<u32>> = Alone(from::Mutex::new(0));

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

    static IT: Alone<from::RwLock<u32>> = Alone(from::RwLock::new(0));

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
    use super::*;

    static IT: Alone<from::Semaphore> = Alone(from::Semaphore::new(2));

    pub async fn one() {
        let it = &IT.0;
        loop {
            black_box(it.acquire().await.is_ok());
        }
    }

    pub async fn two() {
        let it = &IT.0;
        loop {
            black_box(it.acquire_many(2).await.is_ok());
        }
    }
}

pub mod watch {
    use super::*;

    static IT: Alone<from::watch::Watch<u32>> = Alone(from::watch::Watch::new(0));

    pub async fn one() {
        let it = &IT.0;
        let sender = it.sender();
        loop {
            sender.send_replace(black_box(1));
            black_box(core::future::ready(())).await;
        }
    }

    pub async fn two() {
        let it = &IT.0;
        let mut receiver = it.subscribe();
        loop {
            black_box(receiver.changed().await.is_ok());
            black_box(receiver.get());
        }
    }
}

pub mod broadcast {
    use super::*;

    static IT: Alone<from::broadcast::Broadcast<u32, 4>> = Alone(from::broadcast::Broadcast::new());

    pub async fn one() {
        let it = &IT.0;
        let sender = it.sender();
        loop {
            sender.send(black_box(1)).ok();
            black_box(core::future::ready(())).await;
        }
    }

    pub async fn two() {
        let it = &IT.0;
        let mut receiver = it.subscribe();
        loop {
            black_box(receiver.recv().await.ok());
        }
    }
}

pub mod once {
    use super::*;

    static IT: Alone<from::SetOnce<u32>> = Alone(from::SetOnce::new());

    pub async fn one() {
        let it = &IT.0;
        it.set(black_box(1)).ok();
        core::future::pending::<()>().await;
    }

    pub async fn two() {
        let it = &IT.0;
        loop {
            black_box(*it.wait().await);
        }
    }
}

pub mod select {
    use super::*;

    static IT: Alone<[from::mpmc::Channel<u32, 1>; 2]> =
        Alone([from::mpmc::Channel::new(), from::mpmc::Channel::new()]);

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
            polliwog_core::select! {
                got = it[0].recv() => drop(black_box(got)),
                got = it[1].recv() => drop(black_box(got)),
            }
        }
    }
}

pub mod notify {
    use super::*;

    static IT: Alone<from::Notify> = Alone(from::Notify::new());

    pub async fn one() {
        let it = &IT.0;
        loop {
            it.notify_one();
            black_box(core::future::ready(())).await;
        }
    }

    pub async fn two() {
        let it = &IT.0;
        loop {
            it.notified().await;
        }
    }
}
