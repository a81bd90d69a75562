//! What is written against `futures` and `futures-io`: unchanged.

use std::time::Duration;

use futures_util::stream::FuturesUnordered;
use futures_util::{
    AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, FutureExt, StreamExt, TryStreamExt,
};
use polliwog::{spawn, time::sleep};

use crate::{pair, run};

#[test]
fn readers_and_writers() {
    run(async {
        let (near, far) = pair().await;
        let echo = spawn(async move { futures_util::io::copy(&far, &mut &far).await.unwrap() });
        let (reader, mut writer) = near.into_split();
        writer.write_all(b"a frog\nin a pond\n").await.unwrap();
        writer.close().await.unwrap();
        let lines = futures_util::io::BufReader::new(reader).lines();
        let lines: Vec<String> = lines.try_collect().await.unwrap();
        assert_eq!(lines, ["a frog", "in a pond"]);
        // The half that is left open keeps the echo from its end, which `shutdown` has told it.
        assert_eq!(echo.unwrap().await.unwrap(), 17);
    });
}

#[test]
fn combinators() {
    run(async {
        let tasks: FuturesUnordered<_> = (1..=100)
            .map(|n| spawn(sleep(Duration::from_micros(n)).map(move |()| n)).unwrap())
            .collect();
        let sum = tasks
            .fold(0, |sum, n| async move { sum + n.unwrap() })
            .await;
        assert_eq!(sum, 5050);
        let mut late = sleep(Duration::from_secs(60)).boxed_local().fuse();
        let mut soon = sleep(Duration::from_millis(1)).boxed_local().fuse();
        futures_util::select! {
            () = late => panic!("a minute has passed"),
            () = soon => {}
        }
    });
}

#[test]
fn compression() {
    use async_compression::futures::{bufread::GzipDecoder, write::GzipEncoder};
    run(async {
        let (near, far) = pair().await;
        let sending = spawn(async move {
            let mut encoder = GzipEncoder::new(near);
            encoder.write_all(&[7; 1_000_000]).await.unwrap();
            encoder.close().await.unwrap();
        });
        let mut all = Vec::new();
        let mut decoder = GzipDecoder::new(futures_util::io::BufReader::new(far));
        decoder.read_to_end(&mut all).await.unwrap();
        assert!(all == [7; 1_000_000]);
        sending.unwrap().await.unwrap();
    });
}
