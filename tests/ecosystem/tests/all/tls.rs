//! rustls: by futures-rustls unchanged, by tokio-rustls with our feature `tokio`.

use std::sync::Arc;

use futures_util::{AsyncReadExt, AsyncWriteExt};
use polliwog::spawn;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, RootCertStore, ServerConfig};

use crate::{pair, run};

/// Signed by itself, for `localhost`, for a hundred years.
const CERT: &[u8] = include_bytes!("keys/cert.pem");
const KEY: &[u8] = include_bytes!("keys/key.pem");
/// More than fits into the buffers of a connection.
const BYTES: usize = 3_000_000;

fn configs() -> (Arc<ServerConfig>, Arc<ClientConfig>) {
    let cert = CertificateDer::from_pem_slice(CERT).unwrap();
    let key = PrivateKeyDer::from_pem_slice(KEY).unwrap();
    let mut roots = RootCertStore::empty();
    roots.add(cert.clone()).unwrap();
    let server = ServerConfig::builder().with_no_client_auth();
    let server = server.with_single_cert(vec![cert], key).unwrap();
    let client = ClientConfig::builder()
        .with_root_certificates(roots)
        .with_no_client_auth();
    (Arc::new(server), Arc::new(client))
}

fn localhost() -> ServerName<'static> {
    "localhost".try_into().unwrap()
}

#[test]
fn futures_rustls_by_our_streams_as_they_are() {
    run(async {
        let ((near, far), (server, client)) = (pair().await, configs());
        let echo = spawn(async move {
            let stream = futures_rustls::TlsAcceptor::from(server)
                .accept(far)
                .await
                .unwrap();
            let (reader, mut writer) = stream.split();
            let count = futures_util::io::copy(reader, &mut writer).await.unwrap();
            writer.close().await.unwrap();
            count
        })
        .unwrap();
        let connector = futures_rustls::TlsConnector::from(client);
        let (mut reader, mut writer) = connector.connect(localhost(), near).await.unwrap().split();
        let sent = async {
            writer.write_all(&vec![7; BYTES]).await.unwrap();
            writer.close().await.unwrap();
        };
        let mut back = Vec::new();
        let (_, read) = polliwog::join!(sent, reader.read_to_end(&mut back));
        read.unwrap();
        assert_eq!(back.len(), BYTES);
        assert_eq!(echo.await.unwrap(), BYTES as u64);
    });
}

#[test]
fn tokio_rustls_with_our_feature() {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    run(async {
        let ((near, far), (server, client)) = (pair().await, configs());
        spawn(async move {
            let mut stream = tokio_rustls::TlsAcceptor::from(server)
                .accept(far)
                .await
                .unwrap();
            stream.write_all(&vec![7; BYTES]).await.unwrap();
            stream.shutdown().await.unwrap();
        })
        .unwrap()
        .detach();
        let connector = tokio_rustls::TlsConnector::from(client);
        let mut stream = connector.connect(localhost(), near).await.unwrap();
        let mut all = Vec::new();
        stream.read_to_end(&mut all).await.unwrap();
        assert_eq!(all.len(), BYTES);
    });
}

/// An error on that connection, on both sides.
#[test]
fn a_certificate_that_is_wrong() {
    run(async {
        let ((near, far), (server, client)) = (pair().await, configs());
        let acceptor = futures_rustls::TlsAcceptor::from(server);
        let connector = futures_rustls::TlsConnector::from(client);
        let (accepted, connected) = polliwog::join!(
            acceptor.accept(far),
            connector.connect("example.org".try_into().unwrap(), near)
        );
        assert!(accepted.is_err());
        let error = connected.expect_err("a name that is not in the certificate");
        assert!(error.to_string().contains("certificate"), "{error}");
    });
}
