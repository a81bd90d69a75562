//! hyper-util's client with its pool of connections: our feature `hyper-util`, which has a connector.

use std::convert::Infallible;
use std::time::Duration;

use http_body_util::{BodyExt, Empty, Full};
use hyper::Response;
use hyper::body::Bytes;
use hyper::service::service_fn;
use hyper_util::client::legacy::Client;
use polliwog::hyper::{PolliwogConnector, PolliwogExecutor, PolliwogTimer};
use polliwog::net::TcpListener;
use polliwog::spawn;

use crate::run;

#[test]
fn a_pool_of_connections() {
    run(async {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let addr = listener.local_addr().unwrap();
        let server = spawn(async move {
            // One connection for all requests.
            let (stream, _) = listener.accept().await.unwrap();
            let service = service_fn(|request: hyper::Request<_>| async move {
                let answer = Full::new(Bytes::from(request.uri().path().to_owned()));
                Ok::<_, Infallible>(Response::new(answer))
            });
            let connection = hyper::server::conn::http1::Builder::new();
            connection.serve_connection(stream, service).await
        })
        .unwrap();
        let client: Client<_, Empty<Bytes>> = Client::builder(PolliwogExecutor)
            .pool_timer(PolliwogTimer)
            .timer(PolliwogTimer)
            .build(PolliwogConnector::new().nodelay(true));
        for path in ["/a", "/b", "/c"] {
            let uri = format!("http://{addr}{path}").parse().unwrap();
            let answer = client.get(uri).await.unwrap();
            assert_eq!(answer.into_body().collect().await.unwrap().to_bytes(), path);
        }
        drop(client);
        server.await.unwrap().unwrap();
    });
}

#[test]
fn a_connector_gives_up_and_says_why() {
    use tower::Service;
    run(async {
        // A backlog that is full: nobody accepts, and the next connection is not made.
        let socket =
            socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).unwrap();
        let any: std::net::SocketAddr = "127.0.0.1:0".parse().unwrap();
        socket.bind(&any.into()).unwrap();
        socket.listen(0).unwrap();
        let addr = socket.local_addr().unwrap().as_socket().unwrap();
        let patience = Some(Duration::from_millis(50));
        let mut connector = PolliwogConnector::new().connect_timeout(patience);
        let mut connections = Vec::new();
        let error = loop {
            match connector
                .call(format!("http://{addr}/").parse().unwrap())
                .await
            {
                Ok(connection) => connections.push(connection.into_inner().unwrap()),
                Err(error) => break error,
            }
            assert!(connections.len() < 100);
        };
        assert_eq!(error.kind(), std::io::ErrorKind::TimedOut);
        let error = connector
            .call("/only/a/path".parse().unwrap())
            .await
            .unwrap_err();
        assert!(error.to_string().contains("names no host"), "{error}");
        // Brackets are of the URI, not of the address; and nobody listens there.
        let error = connector
            .call("http://[::1]:1/".parse().unwrap())
            .await
            .unwrap_err();
        assert!(error.kind() != std::io::ErrorKind::InvalidInput, "{error}");
    });
}
