//! Web pages from the chip by the web framework `picoserve`, which knows nothing of polliwog: what it takes is in
//! `examples/shared/picoserve.rs`.
//!
//! needs: thumbv7m thumbv7em thumbv8m.main
//! features: pages
//! check: check-http 80
#![no_std]
#![no_main]
#![deny(unsafe_code)]

#[path = "../../../shared/picoserve.rs"]
mod pages;

use core::net::Ipv4Addr;

use board::ethernet::{self, Ethernet};
use board::{BoardReactor, entry, on_interrupt, println};
use pages::{Polliwog, pages};
use picoserve::time::Duration;
use picoserve::{Config, Server, Timeouts};
use polliwog::spin::stack::{Buffers, Settings, Sockets, Stack, TcpListener};
use polliwog::{TaskPool, spawn_detached};
use static_cell::{ConstStaticCell, StaticCell};

/// Clients that are served at the same time, and sockets: there are two more, for those who come meanwhile.
const CLIENTS: usize = 4;
const CONNECTIONS: usize = CLIENTS + 2;
/// Bytes of a request's head, and of as much of its body as is taken at once.
const REQUEST: usize = 1024;
const MAC: [u8; 6] = [0x52, 0x54, 0, 0x12, 0x34, 0x56];
/// Who says nothing for so long has to connect anew.
const IDLE: Duration = Duration::from_secs(5);

static CONFIG: Config = Config::new(Timeouts {
    start_read_request: IDLE,
    persistent_start_read_request: IDLE,
    read_request: IDLE,
    write: IDLE,
})
.keep_connection_alive();

static TASKS: TaskPool<{ CLIENTS + 2 }> = TaskPool::new();
static SOCKETS: ConstStaticCell<Sockets<CONNECTIONS, CONNECTIONS>> =
    ConstStaticCell::new(Sockets::new());
static BUFFERS: ConstStaticCell<Buffers<CONNECTIONS, 1024>> = ConstStaticCell::new(Buffers::new());
static DEVICE: ConstStaticCell<Ethernet> = ConstStaticCell::new(Ethernet::new());
static STACK: StaticCell<Stack> = StaticCell::new();
static LISTENER: StaticCell<TcpListener> = StaticCell::new();

on_interrupt!(ETHERNET, ethernet::on_interrupt());

async fn network(stack: &'static Stack, device: &'static mut Ethernet) {
    stack.run(device).await;
}

async fn listen(stack: &'static Stack) {
    let listener = TcpListener::bind(stack, "0.0.0.0:80", 2).await;
    let listener = LISTENER.init(listener.expect("a free port"));
    println!("listening on port 80");
    let spawner = polliwog::Spawner::current().expect("in a task");
    for _ in 0..CLIENTS {
        spawn_detached!(spawner, [serve; CLIENTS](listener)).expect("a free slot");
    }
}

/// Serves one client after the other.
async fn serve(listener: &'static TcpListener) {
    let pages = pages();
    let mut buffer = [0; REQUEST];
    loop {
        let Ok((stream, _)) = listener.accept().await else {
            continue;
        };
        let server = Server::custom(&pages, Polliwog, &CONFIG, &mut buffer);
        // A lost connection is its client's business.
        let _ = server.serve(stream).await;
    }
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
    TASKS.run(reactor, |spawner| {
        spawn_detached!(spawner, [network](stack, device)).expect("a free slot");
        spawn_detached!(spawner, [listen](stack)).expect("a free slot");
    })
}
