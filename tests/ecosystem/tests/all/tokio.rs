//! tokio's own: `tokio::sync` unchanged, `tokio::io` and tokio-util's codecs with our feature `tokio`, and what needs
//! tokio's runtime under its guard.

use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use polliwog::spawn;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt};
use tokio_util::codec::{Framed, LengthDelimitedCodec, LinesCodec};

use crate::{pair, run};

#[test]
fn channels_and_locks_are_unchanged() {
    run(async {
        let (sender, mut receiver) = tokio::sync::mpsc::channel(2);
        let (done, end) = tokio::sync::oneshot::channel();
        let mutex = std::rc::Rc::new(tokio::sync::Mutex::new(0));
        let sum = mutex.clone();
        spawn(async move {
            while let Some(n) = receiver.recv().await {
                *sum.lock().await += n;
            }
            done.send(()).unwrap();
        })
        .unwrap()
        .detach();
        for n in 1..=100 {
            sender.send(n).await.unwrap();
        }
        drop(sender);
        end.await.unwrap();
        assert_eq!(*mutex.lock().await, 5050);
    });
}

#[test]
fn io_with_our_feature() {
    run(async {
        let (near, far) = pair().await;
        let echo = spawn(async move {
            let (reader, mut writer) = far.into_split();
            let mut lines = tokio::io::BufReader::new(reader).lines();
            let mut count = 0;
            while let Some(line) = lines.next_line().await.unwrap() {
                count += 1;
                AsyncWriteExt::write_all(&mut writer, format!("{line}!\n").as_bytes())
                    .await
                    .unwrap();
            }
            count
        })
        .unwrap();
        let (mut reader, mut writer) = near.into_split();
        AsyncWriteExt::write_all(&mut writer, b"a frog\nin a pond\n")
            .await
            .unwrap();
        AsyncWriteExt::shutdown(&mut writer).await.unwrap();
        let mut text = String::new();
        reader.read_to_string(&mut text).await.unwrap();
        assert_eq!(text, "a frog!\nin a pond!\n");
        assert_eq!(echo.await.unwrap(), 2);
    });
}

#[test]
fn codecs_with_our_feature() {
    run(async {
        let (near, far) = pair().await;
        let (mut near, mut far) = (
            Framed::new(near, LinesCodec::new()),
            Framed::new(far, LinesCodec::new()),
        );
        near.send("a frog").await.unwrap();
        near.send("in a pond").await.unwrap();
        assert_eq!(far.next().await.unwrap().unwrap(), "a frog");
        assert_eq!(far.next().await.unwrap().unwrap(), "in a pond");
        let (near, far) = (near.into_inner(), far.into_inner());
        let mut near = Framed::new(near, LengthDelimitedCodec::new());
        let mut far = Framed::new(far, LengthDelimitedCodec::new());
        let frame = vec![7; 100_000];
        let bytes = hyper::body::Bytes::from(frame.clone());
        let (sent, got) = polliwog::join!(near.send(bytes), far.next());
        sent.unwrap();
        assert_eq!(got.unwrap().unwrap(), frame);
    });
}

/// A thread of tokio's tells the time and runs what is spawned there.
#[test]
fn under_the_guard_of_its_runtime() {
    let mut builder = tokio::runtime::Builder::new_multi_thread();
    let runtime = builder.worker_threads(1).enable_all().build().unwrap();
    let _guard = runtime.enter();
    run(async {
        tokio::time::sleep(Duration::from_millis(1)).await;
        let task = tokio::spawn(async { tokio::time::sleep(Duration::from_millis(1)).await });
        task.await.unwrap();
    });
}
