//! axum: unchanged, served by hyper with our feature `hyper`. What a handler holds over an `await` has to be
//! `Send`: ours goes into a `SendWrapper`.

use std::time::Duration;

use axum::Router;
use axum::extract::{Path, Query};
use axum::routing::get;
use http_body_util::{BodyExt, Empty};
use hyper::body::Bytes;
use hyper::{Request, header};
use hyper_util::service::TowerToHyperService;
use polliwog::hyper::PolliwogTimer;
use polliwog::time::sleep;
use polliwog::{SendWrapper, spawn};

use crate::{pair, run};

async fn hello(
    Path(name): Path<String>,
    Query(how): Query<std::collections::HashMap<String, String>>,
) -> String {
    SendWrapper::new(sleep(Duration::from_millis(1))).await;
    format!("{} {name}", how["greeting"])
}

#[test]
fn a_router() {
    run(async {
        let (near, far) = pair().await;
        let app = Router::new().route("/hello/{name}", get(hello));
        spawn(
            hyper::server::conn::http1::Builder::new()
                .timer(PolliwogTimer)
                .serve_connection(far, TowerToHyperService::new(app)),
        )
        .unwrap()
        .detach();
        let (mut sender, connection) = hyper::client::conn::http1::handshake(near).await.unwrap();
        spawn(connection).unwrap().detach();
        for (uri, expected) in [("/hello/frog?greeting=quak", 200), ("/nowhere", 404)] {
            let request = Request::get(uri).header(header::HOST, "localhost");
            let answer = sender.send_request(request.body(Empty::<Bytes>::new()).unwrap());
            let answer = answer.await.unwrap();
            assert_eq!(answer.status(), expected);
            let body = answer.into_body().collect().await.unwrap().to_bytes();
            assert_eq!(body, if expected == 200 { "quak frog" } else { "" });
        }
    });
}
