//! h2 itself, without hyper: our feature `tokio`. Its connections are futures, which we spawn.

use bytes::Bytes;
use polliwog::spawn;

use crate::{pair, run};

#[test]
fn bodies_larger_than_the_windows_both_ways() {
    const LENGTH: usize = 300_000;
    run(async {
        let (near, far) = pair().await;
        let server = spawn(async move {
            let mut connection = h2::server::handshake(far).await.unwrap();
            let mut count = 0;
            while let Some(request) = connection.accept().await {
                let (request, mut respond) = request.unwrap();
                count += 1;
                let answer = async move {
                    let mut body = request.into_body();
                    let mut got = Vec::new();
                    while let Some(data) = body.data().await {
                        let data = data.unwrap();
                        body.flow_control().release_capacity(data.len()).unwrap();
                        got.extend_from_slice(&data);
                    }
                    let mut answer = respond.send_response(Default::default(), false).unwrap();
                    answer.send_data(got.into(), true).unwrap();
                };
                spawn(answer).unwrap().detach();
            }
            count
        });
        let (sender, connection) = h2::client::handshake(near).await.unwrap();
        let connection = spawn(connection).unwrap();
        let mut asking = Vec::new();
        for n in 0..4_u8 {
            let mut sender = sender.clone().ready().await.unwrap();
            let request = hyper::Request::post("http://localhost/").body(()).unwrap();
            let (answer, mut body) = sender.send_request(request, false).unwrap();
            body.send_data(Bytes::from(vec![n; LENGTH]), true).unwrap();
            asking.push(async move {
                let mut body = answer.await.unwrap().into_body();
                let mut got = Vec::new();
                while let Some(data) = body.data().await {
                    let data = data.unwrap();
                    body.flow_control().release_capacity(data.len()).unwrap();
                    got.extend_from_slice(&data);
                }
                assert!(got == vec![n; LENGTH]);
            });
        }
        futures_util::future::join_all(asking).await;
        drop(sender);
        connection.await.unwrap().unwrap();
        assert_eq!(server.unwrap().await.unwrap(), 4);
    });
}
