//! One static of each kind that a program has. Those that begin empty take no flash: they are all zero bits at
//! first, whatever the types in them are, and so lie in `.bss`. Those with a beginning of their own lie in flash
//! as they are, and are as small as the number below says, together. `run` looks at the program's sections.
//!
//! features: names
//! data: 88
#![no_std]
#![no_main]
#![deny(unsafe_code)]

use core::hint::black_box;
use core::num::NonZeroU32;

use board::{chip, entry, exit, on_interrupt, println};
use polliwog::executor::Pend;
use polliwog::spin::net::StaticNetwork;
use polliwog::spin::stack::{Buffers, DnsBuffers, Sockets, Stack, UdpBuffers};
use polliwog::sync::{
    Barrier, CancellationFlag, Mutex, Notify, OnceCell, RwLock, Semaphore, SetOnce, Signal,
    Tracker, broadcast, mpmc, mpsc, oneshot, wait_list::WaitList, watch,
};
use polliwog::time::{Duration, ExtendedCounter};
use polliwog::unpark::Flag;
use polliwog::{Executor, InterruptExecutor, TaskPool, select, spawn_detached, yield_now};
use static_cell::{ConstStaticCell, StaticCell};

/// An enumeration, as events are: an `Option` of it is one byte, and `None` is not the zero.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Event {
    Pressed,
    Held(bool),
}

on_interrupt!(SOFT0, URGENT.run());
on_interrupt!(SOFT1, ());
on_interrupt!(TICK, ());
#[cfg(target_arch = "arm")]
on_interrupt!(ETHERNET, ());

/// Pends the executor's interrupt.
struct Soft0;

impl Pend for Soft0 {
    fn pend(&self) {
        chip::pend_soft0();
    }
}

static TASKS: TaskPool<4> = TaskPool::new();
static BYTES: TaskPool<4, 256> = TaskPool::new();
static URGENT: InterruptExecutor<4, Soft0> = InterruptExecutor::new(Soft0);
static UNPARK: Flag = Flag::new();

/// Declares statics, and a function that keeps all of them in the program.
macro_rules! statics {
    ($($name:ident: $type:ty = $value:expr;)*) => {
        $(static $name: $type = $value;)*

        fn keep() {
            $(black_box(&$name);)*
            black_box((&TASKS, &BYTES, &URGENT, &UNPARK));
        }
    };
}

statics! {
    SIGNAL_UNIT: Signal<()> = Signal::new();
    SIGNAL_U32: Signal<u32> = Signal::new();
    SIGNAL_BOOL: Signal<bool> = Signal::new();
    SIGNAL_EVENT: Signal<Event> = Signal::new();
    SIGNAL_DURATION: Signal<Duration> = Signal::new();
    SIGNAL_TEXT: Signal<&'static str> = Signal::new();
    MPMC_U8: mpmc::Channel<u8, 16> = mpmc::Channel::new();
    MPMC_EVENT: mpmc::Channel<Event, 16> = mpmc::Channel::new();
    MPMC_RESULT: mpmc::Channel<Result<NonZeroU32, Event>, 3> = mpmc::Channel::new();
    MPSC_BOOL: ConstStaticCell<mpsc::Channel<bool, 1>> = ConstStaticCell::new(mpsc::Channel::new());
    MPSC_DURATION: ConstStaticCell<mpsc::Channel<Duration, 5>> = ConstStaticCell::new(mpsc::Channel::new());
    BROADCAST_EVENT: broadcast::Broadcast<Event, 8> = broadcast::Broadcast::new();
    BROADCAST_OPTION: broadcast::Broadcast<Option<bool>, 8> = broadcast::Broadcast::new();
    ONESHOT_EVENT: ConstStaticCell<oneshot::Oneshot<Event>> = ConstStaticCell::new(oneshot::Oneshot::new());
    WATCH_U32: watch::Watch<u32> = watch::Watch::new(0);
    MUTEX_ARRAY: Mutex<[u8; 64]> = Mutex::new([0; 64]);
    MUTEX_OPTION: Mutex<Option<u32>> = Mutex::new(None);
    RWLOCK_ARRAY: RwLock<[u32; 8]> = RwLock::new([0; 8]);
    ONCE_U32: OnceCell<u32> = OnceCell::new();
    ONCE_EVENT: OnceCell<Event> = OnceCell::new();
    SET_ONCE_BOOL: SetOnce<bool> = SetOnce::new();
    NOTIFY: Notify = Notify::new();
    CANCEL: CancellationFlag = CancellationFlag::new();
    TRACKER: Tracker = Tracker::new();
    WAITERS: WaitList<polliwog::sync::Shared> = WaitList::new();
    NETWORK: StaticNetwork<2, 3, 64> = StaticNetwork::new();
    SOCKETS: ConstStaticCell<Sockets<5, 4>> = ConstStaticCell::new(Sockets::new());
    BUFFERS: ConstStaticCell<Buffers<4, 256>> = ConstStaticCell::new(Buffers::new());
    UDP: ConstStaticCell<UdpBuffers<4, 512>> = ConstStaticCell::new(UdpBuffers::new());
    DNS: ConstStaticCell<DnsBuffers<2>> = ConstStaticCell::new(DnsBuffers::new());
    STACK: StaticCell<Stack> = StaticCell::new();
    SEMAPHORE: Semaphore = Semaphore::new(0);
    // With a beginning of their own.
    THREE_PERMITS: Semaphore = Semaphore::new(3);
    THREE_TASKS: Barrier = Barrier::new(3);
    WATCH_THREE: watch::Watch<u32> = watch::Watch::new(3);
    COUNTER: ExtendedCounter = ExtendedCounter::new(24, 16_000_000);
}

async fn task(event: Event) {
    // Which of the two comes first is drawn, from a state that is a static.
    let drawn = select! {
        () = yield_now() => true,
        () = core::future::ready(()) => false,
    };
    black_box((event, drawn));
}

#[entry]
fn main() -> ! {
    keep();
    // Bodies of a place in the source are statics, too.
    spawn_detached!(URGENT.handle(), [task; 3](Event::Pressed)).expect("a free slot");
    let executor = Executor::new(&TASKS, board::BoardReactor::new()).expect("a free pool");
    spawn_detached!(executor.spawner(), [task; 2](Event::Held(true))).expect("a free slot");
    MPMC_EVENT.try_send(Event::Held(false)).expect("room");
    assert_eq!(MPMC_EVENT.try_recv(), Ok(Event::Held(false)));
    println!("nothing that is zero at first lies in flash");
    exit(0)
}
