//! hyper 1, HTTP/1 and HTTP/2. Its header `date` is the system's time, whatever the timer says: in HTTP/1 it always has the
//! same length, in HTTP/2 not, so there it is left out.

use std::convert::Infallible;
use std::time::Duration;

use http_body_util::{BodyExt, Full};
use hyper::body::{Bytes, Incoming};
use hyper::server::conn::{http1, http2};
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use polliwog::hyper::{PolliwogExecutor, PolliwogTimer};
use polliwog::spin::Error;
use polliwog::spin::net::{TcpListener, TcpStream};
use polliwog::time::sleep;
use polliwog::{sim, spawn};

use crate::twice;

/// Answers after a while how long the question was.
async fn answer(request: Request<Incoming>) -> Result<Response<Full<Bytes>>, Infallible> {
    let length = request
        .into_body()
        .collect()
        .await
        .unwrap()
        .to_bytes()
        .len();
    sleep(Duration::from_millis(sim::random() % 50)).await;
    Ok(Response::new(format!("{length} bytes").into()))
}

fn post(bytes: usize) -> Request<Full<Bytes>> {
    Request::post("http://server/")
        .header("host", "server")
        .body(Full::from(vec![b'x'; bytes]))
        .unwrap()
}

#[test]
fn http1() {
    async fn serve() -> Result<(), Error> {
        let listener = TcpListener::bind("0.0.0.0:80").await?;
        loop {
            let (stream, _) = listener.accept().await?;
            let mut builder = http1::Builder::new();
            builder.timer(PolliwogTimer);
            let serving = builder.serve_connection(stream, service_fn(answer));
            spawn(serving).unwrap().detach();
        }
    }
    twice(|simulation| {
        simulation.host("server", serve);
        for client in 0..3 {
            simulation.client(&format!("client-{client}"), async {
                let stream = TcpStream::connect("server:80").await.unwrap();
                let handshake = hyper::client::conn::http1::handshake(stream);
                let (mut sender, connection) = handshake.await.unwrap();
                spawn(connection).unwrap().detach();
                for bytes in [0, 10, 100_000] {
                    let answer = sender.send_request(post(bytes)).await.unwrap();
                    let body = answer.into_body().collect().await.unwrap().to_bytes();
                    assert_eq!(body, format!("{bytes} bytes"));
                }
            });
        }
    });
}

#[test]
fn http2_with_many_requests_at_once() {
    async fn serve() -> Result<(), Error> {
        let listener = TcpListener::bind("0.0.0.0:80").await?;
        loop {
            let (stream, _) = listener.accept().await?;
            let mut builder = http2::Builder::new(PolliwogExecutor);
            builder.timer(PolliwogTimer).auto_date_header(false);
            let serving = builder.serve_connection(stream, service_fn(answer));
            spawn(serving).unwrap().detach();
        }
    }
    twice(|simulation| {
        simulation.host("server", serve);
        simulation.client("client", async {
            let stream = TcpStream::connect("server:80").await.unwrap();
            let builder = hyper::client::conn::http2::Builder::new(PolliwogExecutor);
            let (sender, connection) = builder.handshake(stream).await.unwrap();
            spawn(connection).unwrap().detach();
            let answers = (0..20).map(|n| {
                let mut sender = sender.clone();
                async move { sender.send_request(post(n * 1000)).await.unwrap().status() }
            });
            let answers = futures_util::future::join_all(answers).await;
            assert!(answers.iter().all(|status| *status == StatusCode::OK));
        });
    });
}
