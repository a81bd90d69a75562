//! tower's services and tower-http's layers: unchanged; the worker of a buffer is a future that we spawn. tower's
//! timeouts and rate limits take the guard of tokio's runtime.

use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use hyper::header::{HeaderValue, SERVER};
use polliwog::time::sleep;
use polliwog::{SendWrapper, spawn};
use tower::buffer::Buffer;
use tower::{Service, ServiceBuilder, ServiceExt, service_fn};
use tower_http::set_header::SetResponseHeaderLayer;

use crate::run;

#[test]
fn a_buffer_a_limit_and_load_that_is_shed() {
    run(async {
        let counts = Arc::new([const { AtomicUsize::new(0) }; 2]);
        let counting = Arc::clone(&counts);
        let service = service_fn(move |n: u32| {
            let counts = Arc::clone(&counting);
            async move {
                let [now, most] = &*counts;
                most.fetch_max(now.fetch_add(1, Relaxed) + 1, Relaxed);
                SendWrapper::new(sleep(Duration::from_millis(2))).await;
                now.fetch_sub(1, Relaxed);
                Ok::<_, Infallible>(n * 2)
            }
        });
        let service = ServiceBuilder::new().concurrency_limit(3).service(service);
        let (service, worker) = Buffer::pair(service, 20);
        let worker = spawn(worker).unwrap();
        let asking = (0..20).map(|n| service.clone().oneshot(n));
        let answers = futures_util::future::join_all(asking).await;
        let answers: Vec<_> = answers.into_iter().map(Result::unwrap).collect();
        assert_eq!(answers, (0..20).map(|n| n * 2).collect::<Vec<_>>());
        assert_eq!(counts[1].load(Relaxed), 3);
        drop(service);
        worker.await.unwrap();

        let forever = service_fn(|()| std::future::pending::<Result<(), Infallible>>());
        let layers = ServiceBuilder::new().load_shed().concurrency_limit(1);
        let mut service = layers.service(forever);
        let _first = service.ready().await.unwrap().call(());
        let refused = service.ready().await.unwrap().call(()).await.unwrap_err();
        assert!(refused.is::<tower::load_shed::error::Overloaded>());
    });
}

#[test]
fn a_header_on_each_response() {
    run(async {
        let answer = service_fn(async |_: hyper::Request<()>| {
            Ok::<_, Infallible>(hyper::Response::new("quak"))
        });
        let frog = HeaderValue::from_static("frog");
        let layer = SetResponseHeaderLayer::if_not_present(SERVER, frog);
        let service = ServiceBuilder::new().layer(layer).service(answer);
        let response = service.oneshot(hyper::Request::new(())).await.unwrap();
        assert_eq!(response.headers()[SERVER], "frog");
    });
}

#[test]
fn a_timeout_with_the_guard() {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_time()
        .build()
        .unwrap();
    let _guard = runtime.enter();
    run(async {
        let forever = service_fn(|()| std::future::pending::<Result<(), Infallible>>());
        let limit = Duration::from_millis(20);
        let service = ServiceBuilder::new().timeout(limit).service(forever);
        let error = service.oneshot(()).await.unwrap_err();
        assert!(error.is::<tower::timeout::error::Elapsed>());
    });
}
