//! tonic (gRPC): its server's and its client's half without `transport`, which is tokio's; hyper carries them, by
//! our feature `hyper`. Streams of answers that wait are in a `SendWrapper`.

use std::convert::Infallible;

use futures_util::TryStreamExt;
use hyper::Uri;
use hyper::body::Incoming;
use hyper::service::service_fn;
use polliwog::hyper::{PolliwogExecutor, PolliwogTimer};
use polliwog::net::TcpStream;
use polliwog::spawn;
use tonic::{Code, Request, Response, Status};

use crate::text::{Text, count};
use crate::{pair, run};

async fn greet(request: Request<String>) -> Result<Response<String>, Status> {
    match request.into_inner().as_str() {
        "" => Err(Status::invalid_argument("who?")),
        name => Ok(Response::new(format!("quak, {name}"))),
    }
}

async fn serve(stream: TcpStream) {
    let service = service_fn(async |request: hyper::Request<Incoming>| {
        let mut grpc = tonic::server::Grpc::new(Text);
        let answer = match request.uri().path() {
            "/frog/greet" => grpc.unary(tower::service_fn(greet), request).await,
            "/frog/count" => {
                grpc.server_streaming(tower::service_fn(count), request)
                    .await
            }
            _ => Status::unimplemented("no such method").into_http(),
        };
        Ok::<_, Infallible>(answer)
    });
    hyper::server::conn::http2::Builder::new(PolliwogExecutor)
        .timer(PolliwogTimer)
        .serve_connection(stream, service)
        .await
        .unwrap();
}

#[test]
fn calls_and_streams() {
    run(async {
        let (near, far) = pair().await;
        spawn(serve(far)).unwrap().detach();
        let (sender, connection) = hyper::client::conn::http2::Builder::new(PolliwogExecutor)
            .handshake(near)
            .await
            .unwrap();
        spawn(connection).unwrap().detach();
        let channel = tower::service_fn(move |request| {
            let mut sender = sender.clone();
            async move { sender.send_request(request).await }
        });
        let origin = Uri::from_static("http://localhost");
        let mut client = tonic::client::Grpc::with_origin(channel, origin);
        let greet = || "/frog/greet".parse().unwrap();

        client.ready().await.unwrap();
        let answer = client
            .unary(Request::new("tonic".to_owned()), greet(), Text)
            .await
            .unwrap();
        assert_eq!(answer.into_inner(), "quak, tonic");

        let refused = client
            .unary(Request::new(String::new()), greet(), Text)
            .await
            .unwrap_err();
        assert_eq!(refused.code(), Code::InvalidArgument);
        assert_eq!(refused.message(), "who?");

        let path = "/frog/count".parse().unwrap();
        let answers = client
            .server_streaming(Request::new("20".to_owned()), path, Text)
            .await
            .unwrap();
        let answers: Vec<String> = answers.into_inner().try_collect().await.unwrap();
        assert_eq!(answers.len(), 20);
        assert_eq!(answers[19], "19");
    });
}
