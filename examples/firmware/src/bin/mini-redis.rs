//! A small Redis on the chip's Ethernet: commands and store are the very files that the host's
//! example `mini-redis` compiles.
//!
//! needs: thumbv7m thumbv7em thumbv8m.main
//! check: check-redis 6379
#![no_std]
#![no_main]
#![deny(unsafe_code)]

#[path = "../../../shared/redis/mod.rs"]
mod redis;

use core::net::Ipv4Addr;

use board::ethernet::{self, Ethernet};
use board::{BoardReactor, entry, on_interrupt, println};
use polliwog::spin::stack::{Buffers, Settings, Sockets, Stack, TcpListener, TcpStream};
use polliwog::{TaskPool, spawn_detached};
use redis::Redis;
use static_cell::{ConstStaticCell, StaticCell};

/// Connections at the same time.
const CONNECTIONS: usize = 4;
/// Bytes of a connection's two buffers each, which lie in its task.
const BUFFER: usize = 512;
/// Bytes of all keys and values.
const STORE: usize = 8 << 10;
/// Bytes of messages on their way, and of names of channels.
const HUB: usize = 1 << 10;
const MAC: [u8; 6] = [0x52, 0x54, 0, 0x12, 0x34, 0x56];

static TASKS: TaskPool<{ CONNECTIONS + 2 }> = TaskPool::new();
static SOCKETS: ConstStaticCell<Sockets<CONNECTIONS, CONNECTIONS>> =
    ConstStaticCell::new(Sockets::new());
static BUFFERS: ConstStaticCell<Buffers<CONNECTIONS, 2048>> = ConstStaticCell::new(Buffers::new());
static DEVICE: ConstStaticCell<Ethernet> = ConstStaticCell::new(Ethernet::new());
static SERVED: StaticCell<Redis<STORE, HUB>> = StaticCell::new();
static STACK: StaticCell<Stack> = StaticCell::new();

on_interrupt!(ETHERNET, ethernet::on_interrupt());

/// Milliseconds, for keys that expire.
fn now() -> u64 {
    polliwog::Instant::now().as_nanos() / 1_000_000
}

async fn network(stack: &'static Stack, device: &'static mut Ethernet) {
    stack.run(device).await;
}

async fn serve(stack: &'static Stack, redis: &'static Redis<STORE, HUB>) {
    let spawner = polliwog::Spawner::current().expect("in a task");
    let listener = TcpListener::bind(stack, "0.0.0.0:6379", CONNECTIONS)
        .await
        .expect("a free port");
    println!("listening on port 6379");
    loop {
        let Ok((stream, _)) = listener.accept().await else {
            continue;
        };
        // Without room for another task the connection is dropped, which closes it.
        let _ = spawn_detached!(spawner, [handle; CONNECTIONS](stream, redis));
    }
}

async fn handle(stream: TcpStream, redis: &'static Redis<STORE, HUB>) {
    // A lost connection is its client's business.
    let _ = redis::serve::<BUFFER, _, _, _>(stream, redis).await;
}

#[entry]
fn main() -> ! {
    let reactor = BoardReactor::new();
    let device = DEVICE.take();
    device.start(MAC);
    let settings = Settings {
        mac: MAC,
        address: Ipv4Addr::new(10, 0, 2, 15),
        prefix: 24,
        gateway: Some(Ipv4Addr::new(10, 0, 2, 2)),
        // The emulator has no source of randomness; a real board has to use its own.
        seed: 0x5EED,
    };
    let (sockets, buffers) = (SOCKETS.take(), BUFFERS.take());
    let stack: &'static Stack = STACK.init(Stack::new(&settings, sockets, buffers, device));
    // It holds the clock, so as a constant all of it would lie in flash, too.
    let redis: &'static Redis<STORE, HUB> = SERVED.init_with(|| Redis::new(now));
    TASKS.run(reactor, |spawner| {
        spawn_detached!(spawner, [network](stack, device)).expect("a free slot");
        spawn_detached!(spawner, [serve](stack, redis)).expect("a free slot");
    })
}
