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

/// The client for chips, on the same stream by the traits of `embedded_io_async`; it trusts whoever answers.
#[test]
fn embedded_tls_by_our_streams_as_they_are() {
    use embedded_tls::{Aes128GcmSha256, TlsConfig, TlsConnection, TlsContext, UnsecureProvider};
    run(async {
        let ((near, far), (server, _)) = (pair().await, configs());
        let echo = spawn(async move {
            let accepting = futures_rustls::TlsAcceptor::from(server).accept(far);
            let (reader, mut writer) = accepting.await.unwrap().split();
            let count = futures_util::io::copy(reader, &mut writer).await.unwrap();
            writer.close().await.unwrap();
            count
        })
        .unwrap();
        let (mut received, mut sent) = (vec![0; 17_000], vec![0; 17_000]);
        let mut client = TlsConnection::new(near, &mut received, &mut sent);
        let config = TlsConfig::new().with_server_name("localhost");
        let provider = UnsecureProvider::new::<Aes128GcmSha256>(rand_core::OsRng);
        client
            .open(TlsContext::new(&config, provider))
            .await
            .unwrap();
        for n in 0..20_u8 {
            let piece = vec![n; 10_000];
            embedded_io_async::Write::write_all(&mut client, &piece)
                .await
                .unwrap();
            client.flush().await.unwrap();
            let mut back = vec![0; piece.len()];
            embedded_io_async::Read::read_exact(&mut client, &mut back)
                .await
                .unwrap();
            assert!(back == piece);
        }
        client.close().await.map_err(|(_, error)| error).unwrap();
        assert_eq!(echo.await.unwrap(), 200_000);
    });
}
