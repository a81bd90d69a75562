//! hyper 1: our feature `hyper`. Streams are passed as they are; with upgrades, in a `SendWrapper`.

use std::cell::Cell;
use std::convert::Infallible;
use std::rc::Rc;
use std::time::Duration;

use futures_util::{AsyncReadExt, AsyncWriteExt};
use http_body_util::{BodyExt, Empty, Full};
use hyper::body::{Bytes, Incoming};
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode, header};
use polliwog::hyper::{PolliwogExecutor, PolliwogTimer};
use polliwog::net::TcpStream;
use polliwog::{SendWrapper, spawn};

use crate::{pair, run};

/// A handler that holds what is not `Send`.
async fn count(
    count: Rc<Cell<u32>>,
    request: Request<Incoming>,
) -> Result<Response<Full<Bytes>>, Infallible> {
    count.set(count.get() + 1);
    polliwog::time::sleep(Duration::from_millis(1)).await;
    let body = request.into_body().collect().await.unwrap().to_bytes();
    let answer = format!("{}: {} bytes", count.get(), body.len());
    Ok(Response::new(answer.into()))
}

fn post(bytes: usize) -> Request<Full<Bytes>> {
    let body = Full::from(vec![b'x'; bytes]);
    Request::post("http://localhost/")
        .header(header::HOST, "localhost")
        .body(body)
        .unwrap()
}

#[test]
fn http1_with_keep_alive() {
    run(async {
        let (near, far) = pair().await;
        let requests = Rc::new(Cell::new(0));
        let service = service_fn(move |request| count(requests.clone(), request));
        let serving = spawn(async move {
            hyper::server::conn::http1::Builder::new()
                .timer(PolliwogTimer)
                .header_read_timeout(Duration::from_secs(30))
                .serve_connection(far, service)
                .await
        });
        let (mut sender, connection) = hyper::client::conn::http1::handshake(near).await.unwrap();
        spawn(connection).unwrap().detach();
        for (n, bytes) in [(1, 0), (2, 10), (3, 300_000)] {
            let answer = sender.send_request(post(bytes)).await.unwrap();
            let body = answer.into_body().collect().await.unwrap().to_bytes();
            assert_eq!(body, format!("{n}: {bytes} bytes"));
        }
        drop(sender);
        serving.unwrap().await.unwrap().unwrap();
    });
}

#[test]
fn http2_with_many_requests_at_once() {
    run(async {
        let (near, far) = pair().await;
        let requests = Rc::new(Cell::new(0));
        let seen = requests.clone();
        let service = service_fn(move |request| count(requests.clone(), request));
        spawn(async move {
            hyper::server::conn::http2::Builder::new(PolliwogExecutor)
                .timer(PolliwogTimer)
                .keep_alive_interval(Duration::from_secs(10))
                .serve_connection(far, service)
                .await
        })
        .unwrap()
        .detach();
        // What the client spawns need not be `Send`, but its builder asks for a stream that is.
        let (sender, connection) = hyper::client::conn::http2::Builder::new(PolliwogExecutor)
            .timer(PolliwogTimer)
            .handshake(near)
            .await
            .unwrap();
        spawn(connection).unwrap().detach();
        let answers = (0..50).map(|n| {
            let mut sender = sender.clone();
            async move { sender.send_request(post(n * 1000)).await.unwrap().status() }
        });
        let answers = futures_util::future::join_all(answers).await;
        assert!(answers.iter().all(|status| *status == StatusCode::OK));
        assert_eq!(seen.get(), 50);
    });
}

/// Virtual time: nobody waits.
#[test]
fn a_client_that_sends_no_request_is_let_go() {
    polliwog::spin::test(7, async {
        use polliwog::spin::net::{TcpListener, TcpStream};
        let listener = TcpListener::bind("10.0.0.1:80").await.unwrap();
        let client = TcpStream::connect("10.0.0.1:80").await.unwrap();
        let (server, _) = listener.accept().await.unwrap();
        client.write_all(b"GET / HTTP/1.1\r\n").await.unwrap();
        let requests = Rc::default();
        let start = polliwog::time::Instant::now();
        let served = hyper::server::conn::http1::Builder::new()
            .timer(PolliwogTimer)
            .header_read_timeout(Duration::from_secs(3600))
            .serve_connection(
                server,
                service_fn(move |request| count(Rc::clone(&requests), request)),
            )
            .await;
        assert!(served.unwrap_err().is_timeout());
        assert_eq!(start.elapsed(), Duration::from_secs(3600));
    });
}

async fn upgrade(mut request: Request<Incoming>) -> Result<Response<Empty<Bytes>>, Infallible> {
    let upgraded = hyper::upgrade::on(&mut request);
    spawn(async move {
        let upgraded = upgraded.await.unwrap();
        // What was passed comes back.
        let parts = upgraded.downcast::<SendWrapper<TcpStream>>().unwrap();
        let mut stream = parts.io;
        let mut line = [0; 4];
        stream.read_exact(&mut line).await.unwrap();
        stream.write_all(&line).await.unwrap();
        stream.close().await.unwrap();
    })
    .unwrap()
    .detach();
    let mut response = Response::new(Empty::new());
    *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
    response
        .headers_mut()
        .insert(header::UPGRADE, "frog".parse().unwrap());
    Ok(response)
}

#[test]
fn upgrades() {
    run(async {
        let (near, far) = pair().await;
        spawn(
            hyper::server::conn::http1::Builder::new()
                .serve_connection(SendWrapper::new(far), service_fn(upgrade))
                .with_upgrades(),
        )
        .unwrap()
        .detach();
        let request = b"GET / HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: frog\r\n\r\n";
        near.write_all(request).await.unwrap();
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            let mut byte = [0];
            near.read_exact(&mut byte).await.unwrap();
            head.extend(byte);
        }
        assert!(head.starts_with(b"HTTP/1.1 101 "));
        near.write_all(b"quak").await.unwrap();
        let mut rest = String::new();
        (&near).read_to_string(&mut rest).await.unwrap();
        assert_eq!(rest, "quak");
    });
}
