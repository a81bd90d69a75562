//! HTTPS: rustls takes a stream with tokio's traits, which feature `tokio` gives ours.

use std::io;
use std::path::Path;
use std::sync::Arc;

use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::TlsAcceptor;

pub(crate) type Acceptor = TlsAcceptor;

/// Reads `cert.pem` and `key.pem` in a folder. It blocks, which before the start hurts nobody.
pub(crate) fn acceptor(folder: &Path) -> io::Result<Acceptor> {
    let (cert, key) = (folder.join("cert.pem"), folder.join("key.pem"));
    let failed = |path: &Path, error: &dyn std::fmt::Display| {
        io::Error::other(format!("--tls: {}: {error}", path.display()))
    };
    let chain = CertificateDer::pem_file_iter(&cert)
        .and_then(Iterator::collect)
        .map_err(|error| failed(&cert, &error))?;
    let secret = PrivateKeyDer::from_pem_file(&key).map_err(|error| failed(&key, &error))?;
    let mut config = ServerConfig::builder()
        .with_no_client_auth()
        .with_single_cert(chain, secret)
        .map_err(|error| failed(&cert, &error))?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(Arc::new(config).into())
}
