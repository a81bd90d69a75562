//! Web pages from the chip: the HTTP server of `edge-http`, which is written against the traits of `edge-nal`
//! and knows nothing of polliwog.
//!
//! needs: thumbv7m thumbv7em thumbv8m.main
//! features: http
//! check: check-http 80
#![no_std]
#![no_main]
#![deny(unsafe_code)]

use core::fmt::{Debug, Display, Write as _};
use core::net::{Ipv4Addr, SocketAddr};

use board::ethernet::{self, Ethernet};
use board::{BoardReactor, entry, on_interrupt, println};
use edge_http::Method;
use edge_http::io::Error;
use edge_http::io::server::{Connection, Handler, Server};
use edge_nal::{TcpBind, TcpSplit};
use embedded_io_async::{Read, Write};
use polliwog::spin::stack::{Buffers, EdgeStack, Settings, Sockets, Stack};
use polliwog::{TaskPool, spawn_detached, time};
use static_cell::{ConstStaticCell, StaticCell};

/// Clients that are served at the same time, and sockets: there are two more, for those who come meanwhile.
const CLIENTS: usize = 4;
const CONNECTIONS: usize = CLIENTS + 2;
/// Bytes of a request's head.
const HEAD: usize = 1024;
const HEADERS: usize = 16;
/// How long a connection may be idle between two requests.
const IDLE: u32 = 5_000;
const LINES: u32 = 2_000;
const MAC: [u8; 6] = [0x52, 0x54, 0, 0x12, 0x34, 0x56];
const HTML: (&str, &str) = ("Content-Type", "text/html");
const TEXT: (&str, &str) = ("Content-Type", "text/plain");

static TASKS: TaskPool<2> = TaskPool::new();
static SOCKETS: ConstStaticCell<Sockets<CONNECTIONS, CONNECTIONS>> =
    ConstStaticCell::new(Sockets::new());
static BUFFERS: ConstStaticCell<Buffers<CONNECTIONS, 1024>> = ConstStaticCell::new(Buffers::new());
static DEVICE: ConstStaticCell<Ethernet> = ConstStaticCell::new(Ethernet::new());
static STACK: StaticCell<Stack> = StaticCell::new();
static SERVER: ConstStaticCell<Server<CLIENTS, HEAD, HEADERS>> =
    ConstStaticCell::new(Server::new());

on_interrupt!(ETHERNET, ethernet::on_interrupt());

/// Text in a few bytes; what does not fit is left out.
struct Line {
    bytes: [u8; 40],
    len: usize,
}

impl Line {
    fn of(args: core::fmt::Arguments<'_>) -> Self {
        let mut line = Self {
            bytes: [0; 40],
            len: 0,
        };
        let _ = line.write_fmt(args);
        line
    }

    fn as_bytes(&self) -> &[u8] {
        &self.bytes[..self.len]
    }
}

impl core::fmt::Write for Line {
    fn write_str(&mut self, text: &str) -> core::fmt::Result {
        let place = self.bytes.get_mut(self.len..self.len + text.len());
        place
            .ok_or(core::fmt::Error)?
            .copy_from_slice(text.as_bytes());
        self.len += text.len();
        Ok(())
    }
}

struct Pages;

impl Handler for Pages {
    type Error<E: Debug> = Error<E>;

    async fn handle<T, const N: usize>(
        &self,
        _: impl Display + Copy,
        connection: &mut Connection<'_, T, N>,
    ) -> Result<(), Error<T::Error>>
    where
        T: Read + Write + TcpSplit,
    {
        let request = connection.headers()?;
        match (request.method, request.path) {
            (Method::Get, "/") => {
                connection
                    .initiate_response(200, Some("OK"), &[HTML])
                    .await?;
                connection.write_all(b"<h1>polliwog</h1>\n").await
            }
            (Method::Get, "/uptime") => {
                connection
                    .initiate_response(200, Some("OK"), &[TEXT])
                    .await?;
                let now = time::now().unwrap_or_default().as_duration();
                let line = Line::of(format_args!("{} ms\n", now.as_millis()));
                connection.write_all(line.as_bytes()).await
            }
            // Far more than fits into any buffer.
            (Method::Get, "/long") => {
                connection
                    .initiate_response(200, Some("OK"), &[TEXT])
                    .await?;
                for n in 0..LINES {
                    let line = Line::of(format_args!("{n}\n"));
                    connection.write_all(line.as_bytes()).await?;
                }
                Ok(())
            }
            (Method::Post, "/length") => {
                let (mut buf, mut length) = ([0; 64], 0);
                loop {
                    match connection.read(&mut buf).await? {
                        0 => break,
                        count => length += count,
                    }
                }
                connection
                    .initiate_response(200, Some("OK"), &[TEXT])
                    .await?;
                let line = Line::of(format_args!("{length}\n"));
                connection.write_all(line.as_bytes()).await
            }
            _ => {
                connection
                    .initiate_response(404, Some("Not Found"), &[])
                    .await
            }
        }
    }
}

async fn network(stack: &'static Stack, device: &'static mut Ethernet) {
    stack.run(device).await;
}

async fn serve(stack: &'static Stack, server: &'static mut Server<CLIENTS, HEAD, HEADERS>) {
    let port = SocketAddr::from((Ipv4Addr::UNSPECIFIED, 80));
    let listener = EdgeStack::new(stack).with_backlog(2).bind(port).await;
    println!("listening on port 80");
    let ended = server
        .run(Some(IDLE), listener.expect("a free port"), Pages)
        .await;
    panic!("a listener has no errors: {:?}", ended.err());
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
        spawn_detached!(spawner, [serve](stack, SERVER.take())).expect("a free slot");
    })
}
