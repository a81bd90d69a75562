//! HTTP without an allocator, over the protocol stack of chips, in virtual time: edge-http as server and client
//! needs feature `edge-nal` (and `embassy-time`, for its time-outs), and takes an `EdgeStack` as it is; reqwless
//! needs feature `embedded-nal-async`, and takes a `NalStack`.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::fmt::{Debug, Display};
use std::net::{Ipv4Addr, SocketAddr};
use std::rc::Rc;
use std::task::Waker;

use edge_http::Method;
use edge_http::io::client::Connection as ClientConnection;
use edge_http::io::server::{Connection, Handler, Server};
use edge_nal::{TcpBind, TcpSplit};
use embedded_io_async::{Read, Write};
use polliwog::spin::stack::smoltcp::phy::{Device, DeviceCapabilities, Medium, RxToken, TxToken};
use polliwog::spin::stack::smoltcp::time::Instant;
use polliwog::spin::stack::{Buffers, Driver, EdgeStack, NalStack, Settings, Sockets, Stack};
use reqwless::client::HttpClient;
use reqwless::request::Method as RequestMethod;

const SERVER: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 1);
const CLIENT: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 2);
const PAGE: &str = "<h1>polliwog</h1>";

/// Frames on their way to each end, and who waits for them.
pub type Cable = Rc<[(RefCell<VecDeque<Vec<u8>>>, RefCell<Option<Waker>>); 2]>;

pub struct End(Cable, usize);

pub struct Frame(Vec<u8>);

impl RxToken for Frame {
    fn consume<R, F: FnOnce(&[u8]) -> R>(self, f: F) -> R {
        f(&self.0)
    }
}

pub struct Room<'a>(&'a End);

impl TxToken for Room<'_> {
    fn consume<R, F: FnOnce(&mut [u8]) -> R>(self, len: usize, f: F) -> R {
        let mut frame = vec![0; len];
        let result = f(&mut frame);
        let (frames, waker) = &self.0.0[1 - self.0.1];
        frames.borrow_mut().push_back(frame);
        if let Some(waker) = waker.borrow().as_ref() {
            waker.wake_by_ref();
        }
        result
    }
}

impl Device for End {
    type RxToken<'a> = Frame;
    type TxToken<'a> = Room<'a>;

    fn receive(&mut self, _: Instant) -> Option<(Frame, Room<'_>)> {
        let frame = self.0[self.1].0.borrow_mut().pop_front()?;
        Some((Frame(frame), Room(self)))
    }

    fn transmit(&mut self, _: Instant) -> Option<Room<'_>> {
        Some(Room(self))
    }

    fn capabilities(&self) -> DeviceCapabilities {
        let mut capabilities = DeviceCapabilities::default();
        capabilities.medium = Medium::Ethernet;
        capabilities.max_transmission_unit = 1514;
        capabilities
    }
}

impl Driver for End {
    fn register(&mut self, waker: &Waker) {
        *self.0[self.1].1.borrow_mut() = Some(waker.clone());
    }
}

pub fn stack(cable: &Cable, side: usize, address: Ipv4Addr) -> &'static Stack {
    let settings = Settings {
        mac: [2, 0, 0, 0, 0, side as u8],
        address,
        prefix: 24,
        gateway: None,
        seed: 7 + side as u64,
    };
    let sockets = Box::leak(Box::new(Sockets::<4, 4>::new()));
    let buffers = Box::leak(Box::new(Buffers::<4, 1024>::new()));
    let mut end = End(cable.clone(), side);
    let stack: &'static Stack =
        Box::leak(Box::new(Stack::new(&settings, sockets, buffers, &mut end)));
    let run = async move {
        stack.run(&mut end).await;
    };
    polliwog::spawn(run).unwrap().detach();
    stack
}

struct Pages;

impl Handler for Pages {
    type Error<E: Debug> = edge_http::io::Error<E>;

    async fn handle<T, const N: usize>(
        &self,
        _: impl Display + Copy,
        connection: &mut Connection<'_, T, N>,
    ) -> Result<(), edge_http::io::Error<T::Error>>
    where
        T: Read + Write + TcpSplit,
    {
        if connection.headers()?.path != "/" {
            return connection
                .initiate_response(404, Some("Not Found"), &[("Content-Length", "0")])
                .await;
        }
        connection
            .initiate_response(200, Some("OK"), &[("Content-Length", "17")])
            .await?;
        connection.write_all(PAGE.as_bytes()).await
    }
}

async fn serve(stack: &'static Stack) {
    let mut server = Server::<2, 1024, 16>::new();
    let port = SocketAddr::from((Ipv4Addr::UNSPECIFIED, 80));
    let listener = EdgeStack::new(stack).bind(port).await.unwrap();
    server.run(Some(60_000), listener, Pages).await.unwrap();
}

#[test]
fn http_clients_without_an_allocator() {
    polliwog::spin::test(1, async {
        let cable = Cable::default();
        let (server, client) = (stack(&cable, 0, SERVER), stack(&cable, 1, CLIENT));
        polliwog::spawn(serve(server)).unwrap().detach();
        polliwog::time::sleep(std::time::Duration::from_millis(1)).await;

        let net = EdgeStack::new(client);
        let mut buf = [0; 1024];
        let mut connection: ClientConnection<'_, _, 16> =
            ClientConnection::new(&mut buf, &net, (SERVER, 80).into());
        let host = [("Host", "10.0.0.1")];
        // Twice on the same connection.
        for _ in 0..2 {
            let asked = connection.initiate_request(true, Method::Get, "/", &host);
            asked.await.unwrap();
            connection.initiate_response().await.unwrap();
            assert_eq!(connection.headers().unwrap().code, 200);
            let mut page = [0; PAGE.len()];
            connection.read_exact(&mut page).await.unwrap();
            assert_eq!(page, PAGE.as_bytes());
            connection.complete().await.unwrap();
        }
        drop(connection);

        let (net, mut buf) = (NalStack::new(client), [0; 1024]);
        let mut http = HttpClient::new(&net, &net);
        for (url, status) in [("http://10.0.0.1/", 200), ("http://10.0.0.1/nowhere", 404)] {
            let mut request = http.request(RequestMethod::GET, url).await.unwrap();
            let response = request.send(&mut buf).await.unwrap();
            assert_eq!(response.status.0, status);
            if status == 200 {
                let page = response.body().read_to_end().await.unwrap();
                assert_eq!(page, PAGE.as_bytes());
            }
        }
        let gone = http.request(RequestMethod::GET, "http://10.0.0.9/").await;
        assert!(gone.is_err(), "nobody is there");
    });
}
