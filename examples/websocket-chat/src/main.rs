//! A chat in the browser: a page and its WebSocket, by hyper and async-tungstenite as they are.
//!
//! ```text
//! cargo run --release --manifest-path examples/websocket-chat/Cargo.toml
//! ```
//!
//! The first line on the standard output is `listening on http://127.0.0.1:8081/`, to be opened in two windows.
//! The first message of a client is its name, then each goes to all. Whoever is slower than the talk is told
//! how much it has missed, and holds up nobody; whoever takes nothing at all for ten seconds is closed.
//!
//! On Ctrl-C everybody is told, and has three seconds to say goodbye.

#[path = "../../shared/options.rs"]
mod options;
mod room;
#[allow(dead_code, reason = "some of it is for other servers")]
#[path = "../../shared/seats.rs"]
mod seats;

use std::convert::Infallible;
use std::io::{self, Write};
use std::pin::pin;
use std::process::ExitCode;
use std::rc::Rc;
use std::time::Duration;

use async_tungstenite::WebSocketStream;
use async_tungstenite::tungstenite::handshake::server::create_response_with_body;
use async_tungstenite::tungstenite::protocol::{Role, WebSocketConfig};
use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::header::{ALLOW, CONTENT_TYPE, HeaderValue};
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use polliwog::hyper::PolliwogTimer;
use polliwog::net::{TcpListener, TcpStream};
use polliwog::sync::local::CancellationToken;
use polliwog::time::{sleep, timeout};
use polliwog::{Runtime, SendWrapper, select, spawn};

use options::Asked;
use room::{MAX_MESSAGE, Room};
use seats::{Seat, Seats};

const HELP: &str = "\
A chat in the browser.

Usage: websocket-chat [OPTIONS]

  --addr HOST:PORT     where to listen [127.0.0.1:8081]; with port 0 any free port
  --max-clients N      how many connections there are at a time [1000]; others are closed
  --help               this text
";

const PAGE: &str = include_str!("page.html");
/// How long clients have to say goodbye.
const GRACE: Duration = Duration::from_secs(3);
/// How long a client may take for the head of a request.
const HEAD: Duration = Duration::from_secs(10);

type Reply = Response<Full<Bytes>>;

struct Server {
    room: Rc<Room>,
    stopping: CancellationToken,
}

impl Server {
    async fn accept(self: Rc<Self>, listener: TcpListener, seats: Rc<Seats>) {
        loop {
            match listener.accept().await {
                Ok((stream, _peer)) => {
                    // Without a seat the connection is closed.
                    let Some(seat) = seats.take() else { continue };
                    if let Ok(task) = spawn(Rc::clone(&self).serve(stream, Rc::new(seat))) {
                        task.detach();
                    }
                }
                Err(error) => {
                    eprintln!("websocket-chat: cannot accept, trying again in a second: {error}");
                    sleep(Duration::from_secs(1)).await;
                }
            }
        }
    }

    async fn serve(self: Rc<Self>, stream: TcpStream, seat: Rc<Seat>) {
        let _ = stream.set_nodelay(true);
        let service = service_fn(|request| {
            let reply = self.reply(request, &seat);
            async { Ok::<_, Infallible>(reply) }
        });
        let mut connection = pin!(
            hyper::server::conn::http1::Builder::new()
                .timer(PolliwogTimer)
                .header_read_timeout(HEAD)
                // hyper asks for `Send` here, and never leaves the thread.
                .serve_connection(SendWrapper::new(stream), service)
                .with_upgrades()
        );
        // Its errors are the client's: a reset, a timeout, no HTTP.
        let _ = select! {
            ended = connection.as_mut() => ended,
            () = self.stopping.cancelled() => {
                connection.as_mut().graceful_shutdown();
                connection.await
            }
        };
    }

    fn reply(&self, mut request: Request<Incoming>, seat: &Rc<Seat>) -> Reply {
        let path = request.uri().path();
        if !matches!(path, "/" | "/chat") {
            return text(StatusCode::NOT_FOUND, "There is nothing here.\n");
        }
        if request.method() != Method::GET && request.method() != Method::HEAD {
            let mut reply = text(StatusCode::METHOD_NOT_ALLOWED, "GET is all there is.\n");
            let allowed = HeaderValue::from_static("GET, HEAD");
            reply.headers_mut().insert(ALLOW, allowed);
            return reply;
        }
        if path == "/" {
            let mut reply = text(StatusCode::OK, PAGE);
            let html = HeaderValue::from_static("text/html; charset=utf-8");
            reply.headers_mut().insert(CONTENT_TYPE, html);
            return reply;
        }
        let Ok(accepted) = create_response_with_body(&request, Full::default) else {
            return text(StatusCode::UPGRADE_REQUIRED, "This is a WebSocket.\n");
        };
        let upgrading = hyper::upgrade::on(&mut request);
        let (room, stopping) = (Rc::clone(&self.room), self.stopping.clone());
        let seat = Rc::clone(seat);
        let talking = spawn(async move {
            let _seat = seat;
            let Ok(upgraded) = upgrading.await else {
                return;
            };
            // What was passed to hyper comes back, with what it has read already.
            let Ok(parts) = upgraded.downcast::<SendWrapper<TcpStream>>() else {
                return;
            };
            let config = WebSocketConfig::default()
                .max_message_size(Some(MAX_MESSAGE))
                .max_frame_size(Some(MAX_MESSAGE));
            let (stream, early) = (parts.io, parts.read_buf.to_vec());
            let socket =
                WebSocketStream::from_partially_read(stream, early, Role::Server, Some(config));
            room.talk(socket.await, stopping).await;
        });
        match talking {
            Ok(task) => {
                task.detach();
                accepted
            }
            Err(_) => text(StatusCode::SERVICE_UNAVAILABLE, "There is no room left.\n"),
        }
    }
}

fn text(status: StatusCode, text: &'static str) -> Reply {
    let mut reply = Response::new(Full::from(text));
    *reply.status_mut() = status;
    let plain = HeaderValue::from_static("text/plain; charset=utf-8");
    reply.headers_mut().insert(CONTENT_TYPE, plain);
    reply
}

async fn run(addr: &str, max_clients: usize) -> io::Result<()> {
    let mut ctrl_c = polliwog::signal::ctrl_c();
    let listener = TcpListener::bind(addr)
        .await
        .map_err(|error| io::Error::new(error.kind(), format!("cannot listen: {error}")))?;
    // Nobody may be reading that, which is no reason to stop.
    let _ = writeln!(
        io::stdout(),
        "listening on http://{}/",
        listener.local_addr()?
    );
    let seats = Seats::new(max_clients);
    let server = Rc::new(Server {
        room: Room::new(),
        stopping: CancellationToken::new(),
    });
    let accepting = spawn(Rc::clone(&server).accept(listener, Rc::clone(&seats)))?;
    (&mut ctrl_c).await?;
    accepting.abort();
    let _ = accepting.await; // Now the listener is closed.
    server.stopping.cancel();
    let _ = timeout(GRACE, seats.all_free()).await;
    Ok(())
}

fn main() -> ExitCode {
    let (mut addr, mut max_clients) = ("127.0.0.1:8081".to_owned(), 1000);
    let asked = options::parse(std::env::args_os().skip(1), |name, value| {
        match name {
            "addr" => addr = options::address(value)?,
            "max-clients" => {
                let number = options::text(value)?.parse().ok();
                max_clients = number
                    .filter(|n| (1..=1_000_000).contains(n))
                    .ok_or("a number from 1 to 1000000 is needed")?;
            }
            _ => return Ok(false),
        }
        Ok(true)
    });
    match asked {
        Ok(Asked::Run) => {}
        Ok(Asked::Help) => {
            let _ = io::stdout().write_all(HELP.as_bytes());
            return ExitCode::SUCCESS;
        }
        Err(error) => {
            eprintln!("websocket-chat: {error}\nTry --help.");
            return ExitCode::from(2);
        }
    }
    // Two for each client, while it becomes a WebSocket, and the one that accepts.
    let runtime = Runtime::builder().max_tasks(2 * max_clients + 1).build();
    match runtime.and_then(|runtime| runtime.block_on(run(&addr, max_clients))) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("websocket-chat: {error}");
            ExitCode::FAILURE
        }
    }
}
