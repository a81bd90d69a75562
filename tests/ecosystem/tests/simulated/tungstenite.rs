//! WebSockets: tokio-tungstenite for the server, async-tungstenite for the client. Keys and masks are the system's
//! chance, and always have the same length.

use futures_util::{SinkExt, StreamExt};
use polliwog::spawn;
use polliwog::spin::Error;
use polliwog::spin::net::{TcpListener, TcpStream};

use crate::twice;

async fn serve() -> Result<(), Error> {
    let listener = TcpListener::bind("0.0.0.0:80").await?;
    loop {
        let (stream, _) = listener.accept().await?;
        let serving = async {
            let mut socket = tokio_tungstenite::accept_async(stream).await.unwrap();
            while let Some(Ok(message)) = socket.next().await {
                if message.is_text() || message.is_binary() {
                    socket.send(message).await.unwrap();
                }
            }
        };
        spawn(serving).unwrap().detach();
    }
}

#[test]
fn an_echo() {
    twice(|simulation| {
        simulation.host("server", serve);
        simulation.client("client", async {
            let stream = TcpStream::connect("server:80").await.unwrap();
            let client = async_tungstenite::client_async("ws://server/", stream).await;
            let (mut socket, _) = client.unwrap();
            for size in [0, 5, 70_000] {
                let text = "x".repeat(size);
                socket.send(text.clone().into()).await.unwrap();
                let answer = socket.next().await.unwrap().unwrap();
                assert_eq!(answer.into_text().unwrap().as_str(), text);
            }
            socket.close(None).await.unwrap();
            while socket.next().await.is_some() {}
        });
    });
}
