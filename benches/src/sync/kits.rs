//! Our own primitives, in both scopes.

use super::ops::{self, Choice, Fan, Once};
use crate::meter::{Figures, Plan};
use crate::micro::Yield;

/// Kinds of pipes by their functions.
macro_rules! pipe {
    ($name:ident, $tx:ty, $rx:ty, |$n:pat_param| $new:expr,
     |$to:ident, $message:pat_param| $send:expr, |$from:ident| $recv:expr) => {
        pub struct $name;
        impl $crate::sync::ops::Pipe for $name {
            type Tx = $tx;
            type Rx = $rx;
            fn pipe($n: usize) -> ($tx, $rx) {
                $new
            }
            #[inline]
            async fn send($to: &mut $tx, $message: u64) {
                $send
            }
            #[inline]
            async fn recv($from: &mut $rx) -> u64 {
                $recv
            }
        }
    };
}
pub(super) use pipe;

/// Pipes whose senders can be cloned.
macro_rules! many {
    ($($name:ident)*) => {
        $(impl $crate::sync::ops::Many for $name {
            fn sender(tx: &Self::Tx) -> Self::Tx {
                tx.clone()
            }
        })*
    };
}
pub(super) use many;

/// Sections by what is done in them.
macro_rules! section {
    ($name:ident, $section:ty, $new:expr, |$of:ident| $enter:expr) => {
        pub struct $name;
        impl $crate::sync::ops::Section for $name {
            type Section = $section;
            fn section() -> $section {
                $new
            }
            #[inline]
            async fn pass($of: &$section, stay: bool) {
                let _guard = $enter;
                if stay {
                    Yield::default().await;
                }
            }
        }
    };
}
pub(super) use section;

macro_rules! ours {
    ($kit:ident, $module:path, $owner:path) => {
        mod $kit {
            use polliwog_core::select;
            use $module as from;
            use $owner as Owner;

            use super::*;

            pipe!(Mpsc, from::mpsc::Sender<u64>, from::mpsc::Receiver<u64>,
                |n| from::mpsc::channel(n),
                |to, message| to.send(message).await.unwrap(),
                |own| own.recv().await.unwrap());
            pipe!(Unbounded, from::mpsc::UnboundedSender<u64>, from::mpsc::UnboundedReceiver<u64>,
                |_| from::mpsc::unbounded_channel(),
                |to, message| to.send(message).unwrap(),
                |own| own.recv().await.unwrap());
            pipe!(Mpmc, from::mpmc::Sender<u64>, from::mpmc::Receiver<u64>,
                |n| from::mpmc::channel(n),
                |to, message| to.send(message).await.unwrap(),
                |own| own.recv().await.unwrap());
            pipe!(Watch, from::watch::Sender<u64>, from::watch::Receiver<u64>,
                |_| from::watch::channel(0),
                |to, message| {
                    to.send_replace(message);
                },
                |own| {
                    own.changed().await.unwrap();
                    *own.borrow_and_update()
                });
            pipe!(Broadcast, from::broadcast::Sender<u64>, from::broadcast::Receiver<u64>,
                |n| from::broadcast::channel(n),
                |to, message| {
                    to.send(message).unwrap();
                },
                |own| own.recv().await.unwrap());
            pipe!(Notify, Owner<from::Notify>, Owner<from::Notify>,
                |_| {
                    let notify = Owner::new(from::Notify::new());
                    (notify.clone(), notify)
                },
                |to, _| to.notify_one(),
                |own| {
                    own.notified().await;
                    0
                });
            pipe!(Signal, Owner<from::Signal<u64>>, Owner<from::Signal<u64>>,
                |_| {
                    let signal = Owner::new(from::Signal::new());
                    (signal.clone(), signal)
                },
                |to, message| to.signal(message),
                |own| own.wait().await);
            many!(Mpsc Unbounded);

            impl Fan for Broadcast {
                fn subscribe(tx: &Self::Tx) -> Self::Rx {
                    tx.subscribe()
                }
            }

            pub struct Oneshot;
            impl Once for Oneshot {
                type Tx = from::oneshot::Sender<u64>;
                type Rx = from::oneshot::Receiver<u64>;
                fn once() -> (Self::Tx, Self::Rx) {
                    from::oneshot::channel()
                }
                fn send(tx: Self::Tx, message: u64) {
                    tx.send(message).unwrap();
                }
                async fn recv(rx: Self::Rx) -> u64 {
                    rx.await.unwrap()
                }
            }

            section!(Mutex, from::Mutex<u64>, from::Mutex::new(0), |mutex| {
                let mut guard = mutex.lock().await;
                *guard += 1;
                guard
            });
            section!(Read, from::RwLock<u64>, from::RwLock::new(0), |lock| lock.read().await);
            section!(Semaphore, from::Semaphore, from::Semaphore::new(2), |semaphore| {
                semaphore.acquire().await.unwrap()
            });

            type Ends<const N: usize> = [(from::mpsc::Sender<u64>, from::mpsc::Receiver<u64>); N];

            pub struct Choose<const N: usize>(Ends<N>);

            pub fn choose<const N: usize>() -> Choose<N> {
                Choose(std::array::from_fn(|_| from::mpsc::channel(1)))
            }

            impl Choice for Choose<2> {
                async fn choose(&mut self, which: usize) -> u64 {
                    self.0[which].0.try_send(1).unwrap();
                    let [a, b] = &mut self.0;
                    select! {
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
                    select! {
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
        }

        /// Runs one benchmark with this scope's primitives.
        pub fn $kit(name: &str, plan: Plan) -> Option<Figures> {
            use $kit::*;
            Some(match name {
                "trip-mpsc" => ops::trip::<Mpsc>(plan),
                "trip-unbounded" => ops::trip::<Unbounded>(plan),
                "trip-mpmc" => ops::trip::<Mpmc>(plan),
                "trip-oneshot" => ops::trip_once::<Oneshot>(plan),
                "trip-watch" => ops::trip::<Watch>(plan),
                "trip-broadcast" => ops::trip::<Broadcast>(plan),
                "trip-notify" => ops::trip::<Notify>(plan),
                "trip-signal" => ops::trip::<Signal>(plan),
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
                _ => return ours!(@threads $kit name plan),
            })
        }
    };
    (@threads local $name:ident $plan:ident) => {
        None
    };
    (@threads shared $name:ident $plan:ident) => {
        Some(match $name {
            "threads-mpsc" => ops::threads::<Mpsc>($plan),
            "threads-unbounded" => ops::threads::<Unbounded>($plan),
            _ => return None,
        })
    };
}

ours!(local, polliwog_core::sync::local, std::rc::Rc);
ours!(shared, polliwog_core::sync, std::sync::Arc);
