//! An echo server on the chip's Ethernet: the handler is the very file that the host's example
//! `async-echo` compiles.
//!
//! needs: thumbv7m thumbv7em thumbv8m.main
//! check: check-echo 7
//! wire: check-wire 7
#![no_std]
#![no_main]
#![deny(unsafe_code)]

#[path = "../../../shared/echo.rs"]
mod echo;

use core::net::Ipv4Addr;

use board::ethernet::{self, Ethernet};
use board::{BoardReactor, entry, on_interrupt, println};
use polliwog::spin::stack::{Buffers, Settings, Sockets, Stack, TcpListener, TcpStream};
use polliwog::{TaskPool, spawn_detached};
use static_cell::{ConstStaticCell, StaticCell};

/// Connections at the same time.
const CONNECTIONS: usize = 6;
const MAC: [u8; 6] = [0x52, 0x54, 0, 0x12, 0x34, 0x56];

// ANCHOR: statics
static TASKS: TaskPool<{ CONNECTIONS + 2 }> = TaskPool::new();
static SOCKETS: ConstStaticCell<Sockets<CONNECTIONS, CONNECTIONS>> =
    ConstStaticCell::new(Sockets::new());
static BUFFERS: ConstStaticCell<Buffers<CONNECTIONS, 2048>> = ConstStaticCell::new(Buffers::new());
static DEVICE: ConstStaticCell<Ethernet> = ConstStaticCell::new(Ethernet::new());
static STACK: StaticCell<Stack> = StaticCell::new();
// ANCHOR_END: statics

on_interrupt!(ETHERNET, ethernet::on_interrupt());

// ANCHOR: tasks
async fn network(stack: &'static Stack, device: &'static mut Ethernet) {
    stack.run(device).await;
}

async fn serve(stack: &'static Stack) {
    let spawner = polliwog::Spawner::current().expect("in a task");
    let listener = TcpListener::bind(stack, "0.0.0.0:7", CONNECTIONS)
        .await
        .expect("a free port");
    println!("listening on port 7");
    loop {
        let Ok((stream, _)) = listener.accept().await else {
            continue;
        };
        // Without room for another task the connection is dropped, which closes it.
        let _ = spawn_detached!(spawner, [handle; CONNECTIONS](stream));
    }
}

async fn handle(stream: TcpStream) {
    // A lost connection is its client's business.
    let _ = echo::echo::<512, _>(stream).await;
}
// ANCHOR_END: tasks

// ANCHOR: main
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
    TASKS.run(reactor, |spawner| {
        spawn_detached!(spawner, [network](stack, device)).expect("a free slot");
        spawn_detached!(spawner, [serve](stack)).expect("a free slot");
    })
}
// ANCHOR_END: main
