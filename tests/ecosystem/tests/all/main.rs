//! Other people's crates on polliwog, each with a server and a client on a real socket. What it takes is said
//! at the top of each module and in docs/other-crates.md.

mod axum;
mod channels;
mod edge;
mod futures;
mod hyper;
mod hyper_client;
mod picoserve;
mod quinn;
mod redis;
mod reqwest;
mod sqlx;
mod streams;
mod text;
mod tls;
mod tokio;
mod tonic;
mod tungstenite;

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

/// Two ends of a connection.
async fn pair() -> (TcpStream, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let near = TcpStream::connect(listener.local_addr().unwrap())
        .await
        .unwrap();
    (near, listener.accept().await.unwrap().0)
}
