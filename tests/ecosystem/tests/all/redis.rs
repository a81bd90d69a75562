//! redis: our feature `tokio`, and a `SendWrapper` around the stream. The server is that of the example
//! `mini-redis`.

use polliwog::{SendWrapper, spawn};

use crate::{pair, run};

#[allow(dead_code, unused_imports)]
#[path = "../../../../examples/shared/redis/mod.rs"]
mod server;

#[test]
fn commands_and_a_pipeline() {
    run(async {
        let (near, far) = pair().await;
        spawn(async move {
            let redis = server::Redis::<4096, 256>::new(|| 0);
            server::serve::<4096, _, _, _>(far, &redis).await
        })
        .unwrap()
        .detach();
        let info = redis::RedisConnectionInfo::default().set_skip_set_lib_name();
        let stream = SendWrapper::new(near);
        // Its timeouts are tokio's; `polliwog::time::timeout` around a command does the same.
        let config = redis::AsyncConnectionConfig::new().set_response_timeout(None);
        let connecting = redis::aio::MultiplexedConnection::new_with_config(&info, stream, config);
        let (mut connection, driver) = connecting.await.unwrap();
        spawn(driver).unwrap().detach();
        let set = redis::cmd("SET")
            .arg("frog")
            .arg("quak")
            .exec_async(&mut connection)
            .await;
        set.unwrap();
        let got: String = redis::cmd("GET")
            .arg("frog")
            .query_async(&mut connection)
            .await
            .unwrap();
        assert_eq!(got, "quak");
        let mut pipe = redis::pipe();
        for _ in 0..100 {
            pipe.cmd("INCR").arg("count");
        }
        let counts: Vec<u32> = pipe.query_async(&mut connection).await.unwrap();
        assert_eq!(counts, (1..=100).collect::<Vec<_>>());
    });
}
