//! picoserve over the protocol stack of chips, in virtual time: its three traits take the lines of
//! `examples/shared/picoserve.rs`, with which the firmware example `pages` runs it on a chip, too. reqwless asks.

#[path = "../../../../examples/shared/picoserve.rs"]
mod pages;

use std::net::Ipv4Addr;
use std::rc::Rc;

use picoserve::{Config, Server};
use polliwog::spin::stack::{NalStack, Stack, TcpListener};
use reqwless::client::HttpClient;
use reqwless::request::{Method, RequestBuilder};

use super::edge::{Cable, stack};

const SERVER: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 1);
const CLIENT: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 2);

static CONFIG: Config = Config::const_default().keep_connection_alive();

async fn serve(stack: &'static Stack) {
    let pages = Rc::new(pages::pages());
    let listener = TcpListener::bind(stack, "0.0.0.0:80", 2).await.unwrap();
    loop {
        let (stream, _) = listener.accept().await.unwrap();
        let pages = pages.clone();
        let served = async move {
            let mut buf = [0; 1024];
            let server = Server::custom(&pages, pages::Polliwog, &CONFIG, &mut buf);
            server
                .serve(stream)
                .await
                .map(|end| end.handled_requests_count)
        };
        polliwog::spawn(served).unwrap().detach();
    }
}

#[test]
fn a_web_framework_on_the_protocol_stack() {
    polliwog::spin::test(1, async {
        let cable = Cable::default();
        let (server, client) = (stack(&cable, 0, SERVER), stack(&cable, 1, CLIENT));
        polliwog::spawn(serve(server)).unwrap().detach();
        polliwog::time::sleep(std::time::Duration::from_millis(1)).await;

        let net = NalStack::new(client);
        let mut http = HttpClient::new(&net, &net);
        let mut buf = [0; 16 << 10];
        for (path, status) in [("", 200), ("uptime", 200), ("long", 200), ("nowhere", 404)] {
            let url = format!("http://{SERVER}/{path}");
            let mut request = http.request(Method::GET, &url).await.unwrap();
            let response = request.send(&mut buf).await.unwrap();
            assert_eq!(response.status.0, status, "{path}");
            let page = response.body().read_to_end().await.unwrap();
            match path {
                "" => assert_eq!(page, b"<h1>polliwog</h1>\n"),
                "uptime" => assert!(page.ends_with(b" ms\n")),
                "long" => {
                    let lines: String = (0..2_000).map(|n| format!("{n}\n")).collect();
                    assert_eq!(page, lines.as_bytes());
                }
                _ => {}
            }
        }

        // More than fits into any buffer of the server, and on one connection.
        let url = format!("http://{SERVER}");
        let mut resource = http.resource(&url).await.unwrap();
        for length in [50_000, 0, 1] {
            let body = vec![0; length];
            let request = resource.post("/length").body(&body[..]);
            let response = request.send(&mut buf).await.unwrap();
            let page = response.body().read_to_end().await.unwrap();
            assert_eq!(page, format!("{length}\n").as_bytes());
        }
    });
}
