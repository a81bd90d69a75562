//! redis, its client, against the example mini-redis. It asks the system for nothing.

use std::rc::Rc;

use polliwog::spin::Error;
use polliwog::spin::net::{TcpListener, TcpStream};
use polliwog::{SendWrapper, spawn};

use crate::twice;

#[allow(dead_code, unused_imports)]
#[path = "../../../../examples/shared/redis/mod.rs"]
mod server;

async fn serve() -> Result<(), Error> {
    let listener = TcpListener::bind("0.0.0.0:6379").await?;
    let store = Rc::new(server::Redis::<4096, 256>::new(|| 0));
    loop {
        let (stream, _) = listener.accept().await?;
        let store = store.clone();
        let serving = async move { server::serve::<4096, _, _, _>(stream, &store).await.ok() };
        spawn(serving).unwrap().detach();
    }
}

#[test]
fn commands_and_a_pipeline() {
    twice(|simulation| {
        simulation.host("redis", serve);
        for client in 0..3 {
            simulation.client(&format!("client-{client}"), async move {
                let stream = SendWrapper::new(TcpStream::connect("redis:6379").await.unwrap());
                let info = redis::RedisConnectionInfo::default().set_skip_set_lib_name();
                let config = redis::AsyncConnectionConfig::new().set_response_timeout(None);
                let connecting =
                    redis::aio::MultiplexedConnection::new_with_config(&info, stream, config);
                let (mut connection, driver) = connecting.await.unwrap();
                spawn(driver).unwrap().detach();
                let mut pipe = redis::pipe();
                for _ in 0..100 {
                    pipe.cmd("INCR").arg(client);
                }
                let counts: Vec<u32> = pipe.query_async(&mut connection).await.unwrap();
                assert_eq!(counts, (1..=100).collect::<Vec<_>>());
                for number in 0..10 {
                    let set = redis::cmd("SET").arg("frog").arg(number).to_owned();
                    set.exec_async(&mut connection).await.unwrap();
                }
                let last: u32 = redis::cmd("GET")
                    .arg("frog")
                    .query_async(&mut connection)
                    .await
                    .unwrap();
                assert!(last < 10);
            });
        }
    });
}
