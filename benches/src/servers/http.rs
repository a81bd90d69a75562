//! The protocols, once for all runtimes: hyper with the same service, and rustls.

use std::convert::Infallible;
use std::future::{Ready, ready};
use std::sync::Arc;

use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::rt::bounds::Http2ServerConnExec;
use hyper::rt::{Read, Timer, Write};
use hyper::server::conn::{http1, http2};
use hyper::service::Service;
use hyper::{Request, Response};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

static LARGE: [u8; 1 << 20] = [b'p'; 1 << 20];

/// Answers with a few bytes, and at `/large` with a megabyte, which is not copied.
#[derive(Clone, Copy)]
pub struct Answers;

pub type Answer = Result<Response<Full<Bytes>>, Infallible>;

impl Service<Request<Incoming>> for Answers {
    type Response = Response<Full<Bytes>>;
    type Error = Infallible;
    type Future = Ready<Answer>;

    fn call(&self, request: Request<Incoming>) -> Self::Future {
        let body = match request.uri().path() {
            "/large" => Bytes::from_static(&LARGE),
            _ => Bytes::from_static(b"Hello, world!"),
        };
        ready(Ok(Response::new(Full::new(body))))
    }
}

/// Serves a connection as hyper does by itself.
pub async fn one(io: impl Read + Write + Unpin) {
    let _ = http1::Builder::new().serve_connection(io, Answers).await;
}

/// The same with a timer, by which hyper limits how long the head of a request may take.
pub async fn one_with_timer(
    io: impl Read + Write + Unpin,
    timer: impl Timer + Send + Sync + 'static,
) {
    let mut builder = http1::Builder::new();
    let _ = builder.timer(timer).serve_connection(io, Answers).await;
}

/// Serves a connection by HTTP/2.
pub async fn two<E>(io: impl Read + Write + Unpin + 'static, executor: E)
where
    E: Http2ServerConnExec<Ready<Answer>, Full<Bytes>>,
{
    let builder = http2::Builder::new(executor);
    let _ = builder.serve_connection(io, Answers).await;
}

const CERTIFICATE: &[u8] = include_bytes!("../../../tests/ecosystem/tests/all/keys/cert.pem");
const KEY: &[u8] = include_bytes!("../../../tests/ecosystem/tests/all/keys/key.pem");

pub fn certificate() -> CertificateDer<'static> {
    CertificateDer::from_pem_slice(CERTIFICATE).unwrap()
}

/// How a server of TLS introduces itself.
pub fn tls() -> Arc<rustls::ServerConfig> {
    let key = PrivateKeyDer::from_pem_slice(KEY).unwrap();
    let config = rustls::ServerConfig::builder()
        .with_no_client_auth()
        .with_single_cert(vec![certificate()], key);
    Arc::new(config.unwrap())
}
