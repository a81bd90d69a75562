//! rumqttc (MQTT): it opens its connection by tokio's sockets, so it takes the guard of tokio's runtime. The broker is
//! some lines on ours.

use futures_util::{AsyncReadExt, AsyncWriteExt};
use polliwog::net::{TcpListener, TcpStream};
use polliwog::spawn;
use rumqttc::{AsyncClient, Event, MqttOptions, Packet, QoS};

use crate::run;

/// Answers what one client sends, and sends its messages back to it, until it says goodbye.
async fn broker(mut stream: TcpStream) -> std::io::Result<u32> {
    let mut messages = 0;
    loop {
        // Each length in this test fits into one byte.
        let mut head = [0; 2];
        AsyncReadExt::read_exact(&mut stream, &mut head).await?;
        let mut body = vec![0; head[1].into()];
        AsyncReadExt::read_exact(&mut stream, &mut body).await?;
        let answer = match head[0] >> 4 {
            1 => vec![0x20, 2, 0, 0],
            8 => vec![0x90, 3, body[0], body[1], 0],
            3 => {
                messages += 1;
                [&head[..], &body].concat()
            }
            12 => vec![0xd0, 0],
            14 => return Ok(messages),
            other => panic!("a packet of type {other}"),
        };
        AsyncWriteExt::write_all(&mut stream, &answer).await?;
    }
}

#[test]
fn what_is_published_comes_to_who_has_subscribed() {
    let runtime = crate::tokio_beside();
    let _guard = runtime.enter();
    run(async {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let serving = spawn(async move { broker(listener.accept().await?.0).await }).unwrap();
        let options = MqttOptions::new("frog", "127.0.0.1", port);
        let (client, mut events) = AsyncClient::new(options, 4);
        let saying = spawn(async move {
            client.subscribe("pond", QoS::AtMostOnce).await.unwrap();
            for n in 0..20_u8 {
                let said = client.publish("pond", QoS::AtMostOnce, false, [n]).await;
                said.unwrap();
            }
            client
        });
        let mut heard = Vec::new();
        while heard.len() < 20 {
            if let Event::Incoming(Packet::Publish(said)) = events.poll().await.unwrap() {
                assert_eq!(said.topic, "pond");
                heard.extend_from_slice(&said.payload);
            }
        }
        assert_eq!(heard, Vec::from_iter(0..20));
        let client = saying.unwrap().await.unwrap();
        client.disconnect().await.unwrap();
        while events.poll().await.is_ok() {}
        assert_eq!(serving.await.unwrap().unwrap(), 20);
    });
}
