//! asynchronous-codec and yamux, on our streams: unchanged.

use std::future::poll_fn;

use asynchronous_codec::{Framed, LinesCodec};
use futures_util::{AsyncReadExt, AsyncWriteExt, SinkExt, StreamExt};
use polliwog::spawn;

use crate::{pair, run};

#[test]
fn frames_of_lines() {
    run(async {
        let (near, far) = pair().await;
        let echo = spawn(async move {
            let mut lines = Framed::new(far, LinesCodec);
            let mut count = 0;
            while let Some(line) = lines.next().await {
                lines.send(line.unwrap().to_uppercase()).await.unwrap();
                count += 1;
            }
            count
        });
        let mut lines = Framed::new(near, LinesCodec);
        for n in 0..100 {
            lines.send(format!("frog {n}\n")).await.unwrap();
            let line = lines.next().await.unwrap().unwrap();
            assert_eq!(line, format!("FROG {n}\n"));
        }
        lines.close().await.unwrap();
        assert!(lines.next().await.is_none());
        assert_eq!(echo.unwrap().await.unwrap(), 100);
    });
}

/// Many streams in one connection, each with more than its window.
#[test]
fn streams_in_a_connection() {
    const LENGTH: usize = 600_000;
    run(async {
        let (near, far) = pair().await;
        let server = spawn(async move {
            let config = yamux::Config::default();
            let mut connection = yamux::Connection::new(far, config, yamux::Mode::Server);
            while let Some(stream) = poll_fn(|cx| connection.poll_next_inbound(cx)).await {
                let Ok(stream) = stream else { break };
                let echo = async move {
                    let (reader, mut writer) = AsyncReadExt::split(stream);
                    futures_util::io::copy(reader, &mut writer).await.unwrap();
                    writer.close().await.unwrap();
                };
                spawn(echo).unwrap().detach();
            }
        });
        let config = yamux::Config::default();
        let mut connection = yamux::Connection::new(near, config, yamux::Mode::Client);
        let mut clients = Vec::new();
        for n in 0..5_u8 {
            let stream = poll_fn(|cx| connection.poll_new_outbound(cx))
                .await
                .unwrap();
            let client = spawn(async move {
                let (mut reader, mut writer) = AsyncReadExt::split(stream);
                let write = async {
                    writer.write_all(&vec![n; LENGTH]).await.unwrap();
                    writer.close().await.unwrap();
                };
                let mut got = Vec::new();
                let (_, read) = futures_util::join!(write, reader.read_to_end(&mut got));
                read.unwrap();
                got
            });
            clients.push(client.unwrap());
        }
        // It works as long as it is polled.
        let driver = spawn(async move {
            while let Some(Ok(_)) = poll_fn(|cx| connection.poll_next_inbound(cx)).await {}
        });
        for (n, client) in clients.into_iter().enumerate() {
            assert!(client.await.unwrap() == vec![n as u8; LENGTH]);
        }
        driver.unwrap().abort();
        server.unwrap().await.unwrap();
    });
}
