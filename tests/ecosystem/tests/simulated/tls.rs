//! rustls, by futures-rustls, with chance by the seed. The secrets of the key exchange are ring's, which asks the system:
//! so the bytes of the messages differ from run to run, their sizes and times do not.

use std::sync::Arc;

use futures_util::{AsyncReadExt, AsyncWriteExt};
use polliwog::spawn;
use polliwog::spin::Error;
use polliwog::spin::net::{TcpListener, TcpStream};

use crate::{keys, twice};

const BYTES: usize = 300_000;

async fn serve() -> Result<(), Error> {
    let acceptor = futures_rustls::TlsAcceptor::from(Arc::new(keys::server()));
    let listener = TcpListener::bind("0.0.0.0:443").await?;
    loop {
        let (stream, _) = listener.accept().await?;
        let accepting = acceptor.accept(stream);
        let serving = async {
            let (reader, mut writer) = accepting.await.unwrap().split();
            futures_util::io::copy(reader, &mut writer).await.unwrap();
            writer.close().await.unwrap();
        };
        spawn(serving).unwrap().detach();
    }
}

#[test]
fn an_echo() {
    twice(|simulation| {
        simulation.host("server", serve);
        for client in 0..2 {
            simulation.client(&format!("client-{client}"), async {
                let stream = TcpStream::connect("server:443").await.unwrap();
                let connector = futures_rustls::TlsConnector::from(Arc::new(keys::client()));
                let connecting = connector.connect("localhost".try_into().unwrap(), stream);
                let (mut reader, mut writer) = connecting.await.unwrap().split();
                let sent = async {
                    writer.write_all(&vec![7; BYTES]).await.unwrap();
                    writer.close().await.unwrap();
                };
                let mut back = Vec::new();
                let (_, read) = polliwog::join!(sent, reader.read_to_end(&mut back));
                read.unwrap();
                assert!(back == vec![7; BYTES]);
            });
        }
    });
}
