//! Clusters on the network: a listener for each worker, connections that change their worker.
#![cfg(unix)]

use std::io::{Read, Write};
use std::sync::atomic::{AtomicUsize, Ordering};

use polliwog_mio::cluster::{Cluster, PanicPolicy, Worker};
use polliwog_mio::net::TcpStream;

#[test]
fn every_worker_serves_the_same_port() {
    let cluster = Cluster::builder()
        .workers(2)
        .on_panic(PanicPolicy::Restart { limit: 1 })
        .build()
        .unwrap();
    let listeners = cluster.listen("127.0.0.1:0").unwrap();
    assert!(listeners.here().is_err(), "this is no worker");
    let addr = listeners.local_addr().unwrap();
    // Connected before anybody accepts, and before one worker is restarted.
    let clients: Vec<_> = (0..64)
        .map(|_| std::net::TcpStream::connect(addr).unwrap())
        .collect();
    let panics = AtomicUsize::new(0);
    cluster
        .run(move |worker| {
            let listener = listeners.here().unwrap();
            let first = worker.index() == 0 && panics.fetch_add(1, Ordering::SeqCst) == 0;
            async move {
                assert!(!first, "quak");
                loop {
                    let (stream, _peer) = listener.accept().await.unwrap();
                    stream.write_all(&[worker.index() as u8]).await.unwrap();
                }
            }
        })
        .unwrap();
    let mut served = [0; 2];
    for mut client in clients {
        let mut by = Vec::new();
        client.read_to_end(&mut by).unwrap();
        served[usize::from(by[0])] += 1;
    }
    assert_eq!(served[0] + served[1], 64);
    if cfg!(target_os = "linux") {
        assert!(served[0] > 0 && served[1] > 0, "{served:?}");
    }
}

#[test]
fn a_connection_goes_from_worker_to_worker_without_loss() {
    let cluster = Cluster::builder().workers(2).build().unwrap();
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let mut client = std::net::TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    let mut stream = listener.accept().unwrap().0;
    let sent: Vec<u8> = (0..100).collect();
    // One half waits in the socket from the start, the other comes while some worker waits for it.
    let (now, later) = sent.split_at(55);
    client.write_all(now).unwrap();
    let mut received = Vec::new();
    for round in 0..10 {
        let worker = round % 2;
        let there = move || async move {
            let stream = TcpStream::from_std(stream)?;
            let mut buf = [0; 10];
            stream.read_exact(&mut buf).await?;
            stream
                .write_all(&[Worker::current().unwrap().index() as u8])
                .await?;
            std::io::Result::Ok((stream.into_std()?, buf))
        };
        let task = cluster.spawn_on_with(worker, there).unwrap();
        if round == 5 {
            client.write_all(later).unwrap();
        }
        let (back, buf) = task.wait().unwrap().unwrap();
        received.extend(buf);
        stream = back;
    }
    drop(stream);
    assert_eq!(received, sent);
    let mut workers = Vec::new();
    client.read_to_end(&mut workers).unwrap();
    assert_eq!(workers, [0, 1].repeat(5));
}
