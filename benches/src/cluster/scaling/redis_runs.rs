//! The example `mini-redis` on workers that bring their own load.

use std::sync::Arc;

use super::ours::run;
use super::{Gauge, Talk};
use crate::servers::mini_redis::redis;

#[allow(dead_code, reason = "its loop for one executor")]
#[path = "../../../../examples/shared/redis_server.rs"]
mod redis_server;
#[path = "../../../../examples/shared/redis_workers.rs"]
mod redis_workers;

const REQUEST: &[u8] = b"*3\r\n$3\r\nSET\r\n$1\r\na\r\n$5\r\nvalue\r\n";

/// Sets one key after the other.
const SET: Talk = Talk {
    request: REQUEST,
    key: Some(b"*3\r\n$3\r\nSET\r\n$1\r\n".len()),
    answer: b"+OK\r\n".len(),
};

pub fn redis_ours(workers: usize, gauge: Arc<Gauge>) -> Box<dyn Send> {
    run(workers, gauge, SET, |cluster| {
        let stores = redis_workers::Workers::new(cluster);
        // It logs who is there, which nobody reads here.
        move |stream, _| stores.clone().serve(stream, ([127, 0, 0, 1], 0).into())
    })
}
