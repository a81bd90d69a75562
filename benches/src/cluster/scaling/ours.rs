//! Clusters that bring their own load.

use std::cell::RefCell;
use std::collections::HashMap;
use std::sync::Arc;

use polliwog_core::executor::spawn;
use polliwog_core::hyper::PolliwogTimer;
use polliwog_mio::cluster::{Cluster, ClusterHandle, PerWorker};
use polliwog_mio::net::{TcpListener, TcpStream};

use super::{CLIENTS, COUNT_UP, ECHO, FAN, Gauge, Talk, get, small};
use crate::cluster::traffic::{Locked, ask_workers, count_up_ours as count_up};
use crate::servers::http;

fn cluster(workers: usize) -> Cluster {
    let builder = Cluster::builder().workers(workers).pin(true);
    builder.build().expect("threads")
}

/// On each worker a server, by a listening socket of its own, and its clients.
pub fn run<S, F>(
    workers: usize,
    gauge: Arc<Gauge>,
    talk: Talk,
    server: impl FnOnce(&ClusterHandle) -> S,
) -> Box<dyn Send>
where
    S: Fn(TcpStream, u64) -> F + Clone + Send + Sync + 'static,
    F: Future<Output = ()> + 'static,
{
    let cluster = cluster(workers);
    let serve = server(&cluster);
    let started = cluster.run(move |worker| {
        let (serve, gauge) = (serve.clone(), Arc::clone(&gauge));
        async move {
            let listener = TcpListener::bind("127.0.0.1:0").await.expect("an address");
            let addr = listener.local_addr().expect("an address");
            for client in 0..CLIENTS {
                let client = worker.index() * CLIENTS + client;
                let stream = TcpStream::connect(addr).await.expect("a connection");
                let (served, _) = listener.accept().await.expect("a connection");
                let serving = serve(served, client as u64);
                spawn(serving).expect("room").detach();
                let asking = ask(stream, talk, Arc::clone(&gauge), client);
                spawn(asking).expect("room").detach();
            }
        }
    });
    started.expect("a cluster");
    Box::new(cluster)
}

async fn ask(stream: TcpStream, talk: Talk, gauge: Arc<Gauge>, client: usize) {
    stream.set_nodelay(true).expect("an option");
    let (mut request, mut answer) = (talk.request.to_vec(), vec![0; talk.answer]);
    for letter in (b'a'..=b'p').cycle().skip(client % CLIENTS) {
        if let Some(key) = talk.key {
            request[key] = letter;
        }
        if stream.write_all(&request).await.is_err()
            || stream.read_exact(&mut answer).await.is_err()
        {
            return;
        }
        gauge.count(client, 1);
    }
}

pub fn echo_ours(workers: usize, gauge: Arc<Gauge>) -> Box<dyn Send> {
    run(workers, gauge, ECHO, |_| {
        |stream: TcpStream, _| async move {
            let mut buf = [0; 512];
            while let Ok(n @ 1..) = stream.read(&mut buf).await {
                if stream.write_all(&buf[..n]).await.is_err() {
                    return;
                }
            }
        }
    })
}

pub fn http_ours(workers: usize, gauge: Arc<Gauge>) -> Box<dyn Send> {
    run(workers, gauge, get(), |_| {
        |stream: TcpStream, _| async move {
            let _ = stream.set_nodelay(true);
            http::one_with_timer(stream, PolliwogTimer).await;
        }
    })
}

pub fn store_by_worker(workers: usize, gauge: Arc<Gauge>) -> Box<dyn Send> {
    run(workers, gauge, COUNT_UP, |cluster| {
        let shards = PerWorker::new(cluster, |_| RefCell::new(HashMap::new()));
        let cluster = cluster.clone();
        move |stream, client| ask_workers(stream, client, cluster.clone(), shards.clone())
    })
}

pub fn store_by_locks(workers: usize, gauge: Arc<Gauge>) -> Box<dyn Send> {
    run(workers, gauge, COUNT_UP, |_| {
        let store = Locked::default();
        move |stream, client| count_up(stream, client, store.clone())
    })
}

/// On each worker tasks that spawn many, on whatever worker, and wait for all of them.
pub fn fan_out_ours(workers: usize, gauge: Arc<Gauge>) -> Box<dyn Send> {
    let cluster = cluster(workers);
    let started = cluster.run(move |worker| {
        let gauge = Arc::clone(&gauge);
        async move {
            for client in 0..CLIENTS {
                let client = worker.index() * CLIENTS + client;
                let (cluster, gauge) = (worker.cluster().clone(), Arc::clone(&gauge));
                let fans_out = async move {
                    loop {
                        let tasks = [(); FAN].map(|()| cluster.spawn(async { small() }));
                        for task in tasks {
                            // Where the cluster ends, there is nobody to count for.
                            let Ok(task) = task else { return };
                            if task.await.is_err() {
                                return;
                            }
                        }
                        gauge.count(client, FAN as u64);
                    }
                };
                spawn(fans_out).expect("room").detach();
            }
        }
    });
    started.expect("a cluster");
    Box::new(cluster)
}
