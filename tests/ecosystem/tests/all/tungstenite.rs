//! WebSockets: async-tungstenite unchanged, tokio-tungstenite with our feature `tokio`. Each talks to the other.

use futures_util::{SinkExt, StreamExt};
use polliwog::spawn;

use crate::{pair, run};

#[test]
fn one_kind_talks_to_the_other() {
    run(async {
        let (near, far) = pair().await;
        let echo = spawn(async move {
            let mut socket = tokio_tungstenite::accept_async(far).await.unwrap();
            let mut count = 0;
            while let Some(Ok(message)) = socket.next().await {
                if message.is_text() || message.is_binary() {
                    count += 1;
                    socket.send(message).await.unwrap();
                }
            }
            count
        })
        .unwrap();
        let client = async_tungstenite::client_async("ws://localhost/", near).await;
        let (mut socket, _) = client.unwrap();
        for size in [0, 5, 70_000] {
            let text = "x".repeat(size);
            socket.send(text.clone().into()).await.unwrap();
            let answer = socket.next().await.unwrap().unwrap();
            assert_eq!(answer.into_text().unwrap().as_str(), text);
        }
        socket.close(None).await.unwrap();
        while socket.next().await.is_some() {}
        assert_eq!(echo.await.unwrap(), 3);
    });
}
