//! Others' primitives.

use std::rc::Rc;

use super::kits::{many, pipe, section};
use super::ops::{self, Choice, Fan, Once};
use crate::meter::{Figures, Plan};
use crate::micro::Yield;

/// A pipe of one object that both ends share.
fn both<T>(owner: T) -> (T, T)
where
    T: Clone,
{
    (owner.clone(), owner)
}

mod tokio_sync {
    use tokio::sync::{broadcast, mpsc, oneshot, watch};

    use super::*;

    pipe!(
        Mpsc,
        mpsc::Sender<u64>,
        mpsc::Receiver<u64>,
        |n| mpsc::channel(n),
        |to, message| to.send(message).await.unwrap(),
        |own| own.recv().await.unwrap()
    );
    pipe!(
        Unbounded,
        mpsc::UnboundedSender<u64>,
        mpsc::UnboundedReceiver<u64>,
        |_| mpsc::unbounded_channel(),
        |to, message| to.send(message).unwrap(),
        |own| own.recv().await.unwrap()
    );
    pipe!(
        Watch,
        watch::Sender<u64>,
        watch::Receiver<u64>,
        |_| watch::channel(0),
        |to, message| {
            to.send_replace(message);
        },
        |own| {
            own.changed().await.unwrap();
            *own.borrow_and_update()
        }
    );
    pipe!(
        Broadcast,
        broadcast::Sender<u64>,
        broadcast::Receiver<u64>,
        |n| broadcast::channel(n),
        |to, message| {
            to.send(message).unwrap();
        },
        |own| own.recv().await.unwrap()
    );
    pipe!(
        Notify,
        Rc<tokio::sync::Notify>,
        Rc<tokio::sync::Notify>,
        |_| both(Rc::new(tokio::sync::Notify::new())),
        |to, _| to.notify_one(),
        |own| {
            own.notified().await;
            0
        }
    );
    many!(Mpsc Unbounded);

    impl Fan for Broadcast {
        fn subscribe(tx: &Self::Tx) -> Self::Rx {
            tx.subscribe()
        }
    }

    pub struct Oneshot;
    impl Once for Oneshot {
        type Tx = oneshot::Sender<u64>;
        type Rx = oneshot::Receiver<u64>;
        fn once() -> (Self::Tx, Self::Rx) {
            oneshot::channel()
        }
        fn send(tx: Self::Tx, message: u64) {
            tx.send(message).unwrap();
        }
        async fn recv(rx: Self::Rx) -> u64 {
            rx.await.unwrap()
        }
    }

    section!(
        Mutex,
        tokio::sync::Mutex<u64>,
        tokio::sync::Mutex::new(0),
        |mutex| {
            let mut guard = mutex.lock().await;
            *guard += 1;
            guard
        }
    );
    section!(
        Read,
        tokio::sync::RwLock<u64>,
        tokio::sync::RwLock::new(0),
        |lock| { lock.read().await }
    );
    section!(
        Semaphore,
        tokio::sync::Semaphore,
        tokio::sync::Semaphore::new(2),
        |semaphore| { semaphore.acquire().await.unwrap() }
    );

    pub struct Choose<const N: usize>([(mpsc::Sender<u64>, mpsc::Receiver<u64>); N]);

    pub fn choose<const N: usize>() -> Choose<N> {
        Choose(std::array::from_fn(|_| mpsc::channel(1)))
    }

    impl Choice for Choose<2> {
        async fn choose(&mut self, which: usize) -> u64 {
            self.0[which].0.try_send(1).unwrap();
            let [a, b] = &mut self.0;
            tokio::select! {
                Some(got) = a.1.recv() => got,
                Some(got) = b.1.recv() => got,
                else => 0,
            }
        }
    }

    impl Choice for Choose<8> {
        async fn choose(&mut self, which: usize) -> u64 {
            self.0[which].0.try_send(1).unwrap();
            let [a, b, c, d, e, f, g, h] = &mut self.0;
            tokio::select! {
                Some(got) = a.1.recv() => got,
                Some(got) = b.1.recv() => got,
                Some(got) = c.1.recv() => got,
                Some(got) = d.1.recv() => got,
                Some(got) = e.1.recv() => got,
                Some(got) = f.1.recv() => got,
                Some(got) = g.1.recv() => got,
                Some(got) = h.1.recv() => got,
                else => 0,
            }
        }
    }

    pub fn measure(name: &str, plan: Plan) -> Option<Figures> {
        Some(match name {
            "trip-mpsc" => ops::trip::<Mpsc>(plan),
            "trip-unbounded" => ops::trip::<Unbounded>(plan),
            "trip-oneshot" => ops::trip_once::<Oneshot>(plan),
            "trip-watch" => ops::trip::<Watch>(plan),
            "trip-broadcast" => ops::trip::<Broadcast>(plan),
            "trip-notify" => ops::trip::<Notify>(plan),
            "mpsc-1" => ops::throughput::<Mpsc>(plan, 1, 1),
            "mpsc-64" => ops::throughput::<Mpsc>(plan, 64, 1),
            "mpsc-unbounded" => ops::throughput::<Unbounded>(plan, 64, 1),
            "mpsc-1x8" => ops::throughput::<Mpsc>(plan, 1, 8),
            "mpsc-64x8" => ops::throughput::<Mpsc>(plan, 64, 8),
            "mpsc-unboundedx8" => ops::throughput::<Unbounded>(plan, 64, 8),
            "lock" => ops::section::<Mutex>(plan, 1),
            "lock-contended" => ops::section::<Mutex>(plan, 8),
            "read" => ops::section::<Read>(plan, 1),
            "semaphore" => ops::section::<Semaphore>(plan, 1),
            "semaphore-contended" => ops::section::<Semaphore>(plan, 8),
            "broadcast-1" => ops::broadcast::<Broadcast>(plan, 1),
            "broadcast-10" => ops::broadcast::<Broadcast>(plan, 10),
            "broadcast-100" => ops::broadcast::<Broadcast>(plan, 100),
            "select-2" => ops::select(plan, 2, choose::<2>),
            "select-8" => ops::select(plan, 8, choose::<8>),
            "threads-mpsc" => ops::threads::<Mpsc>(plan),
            "threads-unbounded" => ops::threads::<Unbounded>(plan),
            _ => return None,
        })
    }
}

mod asynchronous {
    use super::*;

    pipe!(
        Mpmc,
        async_channel::Sender<u64>,
        async_channel::Receiver<u64>,
        |n| async_channel::bounded(n),
        |to, message| to.send(message).await.unwrap(),
        |own| own.recv().await.unwrap()
    );
    pipe!(
        Unbounded,
        async_channel::Sender<u64>,
        async_channel::Receiver<u64>,
        |_| async_channel::unbounded(),
        |to, message| to.send(message).await.unwrap(),
        |own| own.recv().await.unwrap()
    );
    many!(Mpmc Unbounded);
    section!(
        Mutex,
        async_lock::Mutex<u64>,
        async_lock::Mutex::new(0),
        |mutex| {
            let mut guard = mutex.lock().await;
            *guard += 1;
            guard
        }
    );
    section!(
        Read,
        async_lock::RwLock<u64>,
        async_lock::RwLock::new(0),
        |lock| lock.read().await
    );
    section!(
        Semaphore,
        async_lock::Semaphore,
        async_lock::Semaphore::new(2),
        |semaphore| { semaphore.acquire().await }
    );

    pub fn measure(name: &str, plan: Plan) -> Option<Figures> {
        Some(match name {
            "trip-mpsc" | "trip-mpmc" => ops::trip::<Mpmc>(plan),
            "trip-unbounded" => ops::trip::<Unbounded>(plan),
            "mpsc-1" => ops::throughput::<Mpmc>(plan, 1, 1),
            "mpsc-64" => ops::throughput::<Mpmc>(plan, 64, 1),
            "mpsc-unbounded" => ops::throughput::<Unbounded>(plan, 64, 1),
            "mpsc-1x8" => ops::throughput::<Mpmc>(plan, 1, 8),
            "mpsc-64x8" => ops::throughput::<Mpmc>(plan, 64, 8),
            "mpsc-unboundedx8" => ops::throughput::<Unbounded>(plan, 64, 8),
            "lock" => ops::section::<Mutex>(plan, 1),
            "lock-contended" => ops::section::<Mutex>(plan, 8),
            "read" => ops::section::<Read>(plan, 1),
            "semaphore" => ops::section::<Semaphore>(plan, 1),
            "semaphore-contended" => ops::section::<Semaphore>(plan, 8),
            "threads-mpsc" => ops::threads::<Mpmc>(plan),
            "threads-unbounded" => ops::threads::<Unbounded>(plan),
            _ => return None,
        })
    }
}

mod futures_crate {
    use futures::channel::{mpsc, oneshot};
    use futures::{SinkExt, StreamExt};

    use super::*;

    // Its capacity is one more for each sender.
    pipe!(
        Mpsc,
        mpsc::Sender<u64>,
        mpsc::Receiver<u64>,
        |n| mpsc::channel(n - 1),
        |to, message| to.send(message).await.unwrap(),
        |own| own.next().await.unwrap()
    );
    pipe!(
        Unbounded,
        mpsc::UnboundedSender<u64>,
        mpsc::UnboundedReceiver<u64>,
        |_| mpsc::unbounded(),
        |to, message| to.unbounded_send(message).unwrap(),
        |own| own.next().await.unwrap()
    );
    many!(Mpsc Unbounded);

    pub struct Oneshot;
    impl Once for Oneshot {
        type Tx = oneshot::Sender<u64>;
        type Rx = oneshot::Receiver<u64>;
        fn once() -> (Self::Tx, Self::Rx) {
            oneshot::channel()
        }
        fn send(tx: Self::Tx, message: u64) {
            tx.send(message).unwrap();
        }
        async fn recv(rx: Self::Rx) -> u64 {
            rx.await.unwrap()
        }
    }

    section!(
        Mutex,
        futures::lock::Mutex<u64>,
        futures::lock::Mutex::new(0),
        |mutex| {
            let mut guard = mutex.lock().await;
            *guard += 1;
            guard
        }
    );

    pub fn measure(name: &str, plan: Plan) -> Option<Figures> {
        Some(match name {
            "trip-mpsc" => ops::trip::<Mpsc>(plan),
            "trip-unbounded" => ops::trip::<Unbounded>(plan),
            "trip-oneshot" => ops::trip_once::<Oneshot>(plan),
            "mpsc-1" => ops::throughput::<Mpsc>(plan, 1, 1),
            "mpsc-64" => ops::throughput::<Mpsc>(plan, 64, 1),
            "mpsc-unbounded" => ops::throughput::<Unbounded>(plan, 64, 1),
            "mpsc-1x8" => ops::throughput::<Mpsc>(plan, 1, 8),
            "mpsc-64x8" => ops::throughput::<Mpsc>(plan, 64, 8),
            "mpsc-unboundedx8" => ops::throughput::<Unbounded>(plan, 64, 8),
            "lock" => ops::section::<Mutex>(plan, 1),
            "lock-contended" => ops::section::<Mutex>(plan, 8),
            "threads-mpsc" => ops::threads::<Mpsc>(plan),
            "threads-unbounded" => ops::threads::<Unbounded>(plan),
            _ => return None,
        })
    }
}

mod local {
    use local_sync::{mpsc, oneshot, semaphore};

    use super::*;

    pipe!(
        Mpsc,
        mpsc::bounded::Tx<u64>,
        mpsc::bounded::Rx<u64>,
        |n| mpsc::bounded::channel(n),
        |to, message| to.send(message).await.ok().unwrap(),
        |own| own.recv().await.unwrap()
    );
    pipe!(
        Unbounded,
        mpsc::unbounded::Tx<u64>,
        mpsc::unbounded::Rx<u64>,
        |_| mpsc::unbounded::channel(),
        |to, message| to.send(message).ok().unwrap(),
        |own| own.recv().await.unwrap()
    );
    many!(Mpsc Unbounded);

    pub struct Oneshot;
    impl Once for Oneshot {
        type Tx = oneshot::Sender<u64>;
        type Rx = oneshot::Receiver<u64>;
        fn once() -> (Self::Tx, Self::Rx) {
            oneshot::channel()
        }
        fn send(tx: Self::Tx, message: u64) {
            tx.send(message).unwrap();
        }
        async fn recv(rx: Self::Rx) -> u64 {
            rx.await.unwrap()
        }
    }

    section!(
        Semaphore,
        semaphore::Semaphore,
        semaphore::Semaphore::new(2),
        |semaphore| { semaphore.acquire().await.unwrap() }
    );

    pub fn measure(name: &str, plan: Plan) -> Option<Figures> {
        Some(match name {
            "trip-mpsc" => ops::trip::<Mpsc>(plan),
            "trip-unbounded" => ops::trip::<Unbounded>(plan),
            "trip-oneshot" => ops::trip_once::<Oneshot>(plan),
            "mpsc-1" => ops::throughput::<Mpsc>(plan, 1, 1),
            "mpsc-64" => ops::throughput::<Mpsc>(plan, 64, 1),
            "mpsc-unbounded" => ops::throughput::<Unbounded>(plan, 64, 1),
            "mpsc-1x8" => ops::throughput::<Mpsc>(plan, 1, 8),
            "mpsc-64x8" => ops::throughput::<Mpsc>(plan, 64, 8),
            "mpsc-unboundedx8" => ops::throughput::<Unbounded>(plan, 64, 8),
            "semaphore" => ops::section::<Semaphore>(plan, 1),
            "semaphore-contended" => ops::section::<Semaphore>(plan, 8),
            _ => return None,
        })
    }
}

mod embassy {
    use embassy_sync::blocking_mutex::raw::NoopRawMutex;
    use embassy_sync::channel::Channel;
    use embassy_sync::semaphore::{FairSemaphore, Semaphore as _};

    use super::*;

    type Shared<const N: usize> = Rc<Channel<NoopRawMutex, u64, N>>;
    type Signals = Rc<embassy_sync::signal::Signal<NoopRawMutex, u64>>;
    type Locked = embassy_sync::mutex::Mutex<NoopRawMutex, u64>;
    type Read_ = embassy_sync::rwlock::RwLock<NoopRawMutex, u64>;
    type Permits = FairSemaphore<NoopRawMutex, 8>;

    pipe!(
        Mpmc1,
        Shared<1>,
        Shared<1>,
        |_| both(Rc::new(Channel::new())),
        |to, message| to.send(message).await,
        |own| own.receive().await
    );
    pipe!(
        Mpmc64,
        Shared<64>,
        Shared<64>,
        |_| both(Rc::new(Channel::new())),
        |to, message| to.send(message).await,
        |own| own.receive().await
    );
    pipe!(
        Signal,
        Signals,
        Signals,
        |_| both(Rc::new(embassy_sync::signal::Signal::new())),
        |to, message| to.signal(message),
        |own| own.wait().await
    );
    many!(Mpmc1 Mpmc64);
    section!(Mutex, Locked, Locked::new(0), |mutex| {
        let mut guard = mutex.lock().await;
        *guard += 1;
        guard
    });
    section!(Read, Read_, Read_::new(0), |lock| lock.read().await);
    section!(Semaphore, Permits, Permits::new(2), |semaphore| {
        semaphore.acquire(1).await.unwrap()
    });

    pub struct Choose<const N: usize>([Channel<NoopRawMutex, u64, 1>; N]);

    pub fn choose<const N: usize>() -> Choose<N> {
        Choose(std::array::from_fn(|_| Channel::new()))
    }

    impl<const N: usize> Choice for Choose<N> {
        async fn choose(&mut self, which: usize) -> u64 {
            self.0[which].try_send(1).unwrap();
            let all: [_; N] = std::array::from_fn(|index| self.0[index].receive());
            embassy_futures::select::select_array(all).await.0
        }
    }

    pub fn measure(name: &str, plan: Plan) -> Option<Figures> {
        Some(match name {
            "trip-mpsc" | "trip-mpmc" => ops::trip::<Mpmc1>(plan),
            "trip-signal" => ops::trip::<Signal>(plan),
            "mpsc-1" => ops::throughput::<Mpmc1>(plan, 1, 1),
            "mpsc-64" => ops::throughput::<Mpmc64>(plan, 64, 1),
            "mpsc-1x8" => ops::throughput::<Mpmc1>(plan, 1, 8),
            "mpsc-64x8" => ops::throughput::<Mpmc64>(plan, 64, 8),
            "lock" => ops::section::<Mutex>(plan, 1),
            "read" => ops::section::<Read>(plan, 1),
            "semaphore" => ops::section::<Semaphore>(plan, 1),
            "semaphore-contended" => ops::section::<Semaphore>(plan, 8),
            "select-2" => ops::select(plan, 2, choose::<2>),
            "select-8" => ops::select(plan, 8, choose::<8>),
            _ => return None,
        })
    }
}

/// Runs one benchmark with one peer's primitives.
pub fn measure(kit: &str, name: &str, plan: Plan) -> Option<Figures> {
    match kit {
        "tokio" => tokio_sync::measure(name, plan),
        "async" => asynchronous::measure(name, plan),
        "futures" => futures_crate::measure(name, plan),
        "local-sync" => local::measure(name, plan),
        "embassy" => embassy::measure(name, plan),
        _ => None,
    }
}
