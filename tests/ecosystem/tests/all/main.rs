//! Other people's crates on polliwog, each with a server and a client on a real socket. What it takes is said
//! at the top of each module and in docs/other-crates.md.

mod axum;
mod capnp;
mod channels;
mod codecs;
mod dns;
mod edge;
mod futures;
mod h2;
mod hyper;
mod hyper_client;
mod layers;
mod mqtt;
mod picoserve;
mod postgres;
mod quinn;
mod redis;
mod reqwest;
mod sqlx;
mod streams;
mod text;
mod threads;
mod tls;
mod tokio;
mod tonic;
mod tungstenite;
mod waits;

use std::future::Future;
use std::time::Duration;

use polliwog::net::{TcpListener, TcpStream};

/// Runs a test, which fails instead of hanging.
fn run<T>(test: impl Future<Output = T>) -> T {
    polliwog::block_on(async {
        let test = polliwog::time::timeout(Duration::from_secs(60), test);
        test.await.expect("an end within a minute")
    })
}

/// tokio's runtime on a thread of its own, for what needs it beside the test.
fn tokio_beside() -> ::tokio::runtime::Runtime {
    let mut builder = ::tokio::runtime::Builder::new_multi_thread();
    builder.worker_threads(1).enable_all().build().unwrap()
}

/// Two ends of a connection.
async fn pair() -> (TcpStream, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let near = TcpStream::connect(listener.local_addr().unwrap())
        .await
        .unwrap();
    (near, listener.accept().await.unwrap().0)
}
