//! reqwest, which needs tokio's runtime: its guard in two lines, and requests to a server on this one.

use polliwog::net::TcpListener;
use polliwog::spawn;

use crate::run;

#[test]
fn a_request_with_tokios_runtime_beside() {
    let runtime = crate::tokio_beside();
    let _guard = runtime.enter();
    run(async {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/", listener.local_addr().unwrap());
        let server = spawn(async move {
            for _ in 0..2 {
                let (stream, _) = listener.accept().await.unwrap();
                let mut head = Vec::new();
                while !head.ends_with(b"\r\n\r\n") {
                    let mut byte = [0];
                    stream.read_exact(&mut byte).await.unwrap();
                    head.push(byte[0]);
                }
                let answer =
                    b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\nConnection: close\r\n\r\nquak";
                stream.write_all(answer).await.unwrap();
            }
        })
        .unwrap();
        let client = reqwest::Client::builder().no_proxy().build().unwrap();
        for _ in 0..2 {
            let answer = client.get(&url).send().await.unwrap();
            assert_eq!(answer.text().await.unwrap(), "quak");
        }
        server.await.unwrap();
    });
}
