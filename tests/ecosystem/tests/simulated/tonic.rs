//! tonic (gRPC), its halves without `transport`, over hyper's HTTP/2 without the header `date` (see there).

use std::convert::Infallible;

use futures_util::TryStreamExt;
use hyper::Uri;
use hyper::body::Incoming;
use hyper::server::conn::http2;
use hyper::service::service_fn;
use polliwog::hyper::{PolliwogExecutor, PolliwogTimer};
use polliwog::spawn;
use polliwog::spin::Error;
use polliwog::spin::net::{TcpListener, TcpStream};
use tonic::Request;

use crate::text::{Text, count};
use crate::twice;

async fn serve() -> Result<(), Error> {
    let listener = TcpListener::bind("0.0.0.0:80").await?;
    loop {
        let (stream, _) = listener.accept().await?;
        let service = service_fn(async |request: hyper::Request<Incoming>| {
            let mut grpc = tonic::server::Grpc::new(Text);
            let method = tower::service_fn(count);
            Ok::<_, Infallible>(grpc.server_streaming(method, request).await)
        });
        let mut builder = http2::Builder::new(PolliwogExecutor);
        builder.timer(PolliwogTimer).auto_date_header(false);
        spawn(builder.serve_connection(stream, service))
            .unwrap()
            .detach();
    }
}

#[test]
fn streams_of_answers() {
    twice(|simulation| {
        simulation.host("server", serve);
        for client in 0..2 {
            simulation.client(&format!("client-{client}"), async {
                let stream = TcpStream::connect("server:80").await.unwrap();
                let builder = hyper::client::conn::http2::Builder::new(PolliwogExecutor);
                let (sender, connection) = builder.handshake(stream).await.unwrap();
                spawn(connection).unwrap().detach();
                let channel = tower::service_fn(move |request| {
                    let mut sender = sender.clone();
                    async move { sender.send_request(request).await }
                });
                let origin = Uri::from_static("http://server");
                let mut client = tonic::client::Grpc::with_origin(channel, origin);
                for most in [1, 20] {
                    client.ready().await.unwrap();
                    let path = "/frog/count".parse().unwrap();
                    let answers = client
                        .server_streaming(Request::new(most.to_string()), path, Text)
                        .await
                        .unwrap();
                    let answers: Vec<String> = answers.into_inner().try_collect().await.unwrap();
                    assert_eq!(answers.len(), most);
                }
            });
        }
    });
}
