//! Clusters on the network: a listener for each worker.
#![cfg(unix)]

use std::io::{Read, Write};
use std::net;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use polliwog_mio::cluster::{Accepting, Cluster, PanicPolicy, Worker};

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

/// The workers that serve clients which all stay, by the order of the clients.
fn who_serves(clients: usize, workers: usize, accepting: Accepting) -> Vec<u8> {
    let cluster = Cluster::builder().workers(workers).build().unwrap();
    let addr = cluster
        .serve("127.0.0.1:0", accepting, |stream, _| async move {
            let here = Worker::current().unwrap().index() as u8;
            stream.write_all(&[here]).await.unwrap();
            while !matches!(stream.read(&mut [0; 64]).await, Ok(0) | Err(_)) {}
        })
        .unwrap();
    let connected: Vec<_> = (0..clients)
        .map(|_| {
            let mut client = net::TcpStream::connect(addr).unwrap();
            let mut by = [0];
            client.read_exact(&mut by).unwrap();
            (client, by[0])
        })
        .collect();
    connected.iter().map(|(_, by)| *by).collect()
}

#[test]
fn one_that_accepts_for_all_gives_each_worker_as_many_as_any_other() {
    let by = who_serves(40, 4, Accepting::OneForAll);
    for worker in 0..4 {
        assert_eq!(by.iter().filter(|by| **by == worker).count(), 10, "{by:?}");
    }
}

#[test]
fn what_each_worker_accepts_it_serves() {
    let by = who_serves(40, 4, Accepting::EachWorker);
    assert!(by.iter().all(|worker| *worker < 4));
    if cfg!(target_os = "linux") {
        // 40 connections that all go to one of four: 2 to the power of -78.
        assert!(by.iter().any(|worker| *worker != by[0]), "{by:?}");
    }
}

#[test]
fn a_server_without_room_makes_clients_wait_and_loses_none() {
    for accepting in [Accepting::EachWorker, Accepting::OneForAll] {
        // A root and the accepting task take places, too.
        let cluster = Cluster::builder()
            .workers(2)
            .max_tasks(3)
            .queue_capacity(1)
            .build()
            .unwrap();
        let addr = cluster
            .serve("127.0.0.1:0", accepting, |stream, _| async move {
                let mut buf = [0; 4];
                stream.read_exact(&mut buf).await.unwrap();
                stream.write_all(&buf).await.unwrap();
            })
            .unwrap();
        let clients: Vec<_> = (0..50_u32)
            .map(|n| (n, net::TcpStream::connect(addr).unwrap()))
            .collect();
        let done: Vec<_> = clients
            .into_iter()
            .map(|(n, mut client)| {
                std::thread::spawn(move || {
                    client.write_all(&n.to_le_bytes()).unwrap();
                    let mut back = Vec::new();
                    client.read_to_end(&mut back).unwrap();
                    assert_eq!(back, n.to_le_bytes());
                })
            })
            .collect();
        done.into_iter().for_each(|client| client.join().unwrap());
    }
}

#[test]
fn a_server_goes_on_when_its_worker_starts_again() {
    for accepting in [Accepting::EachWorker, Accepting::OneForAll] {
        let cluster = Cluster::builder()
            .workers(2)
            .on_panic(PanicPolicy::Restart { limit: 1 })
            .build()
            .unwrap();
        let served = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&served);
        let addr = cluster
            .serve("127.0.0.1:0", accepting, move |stream, _| {
                let count = Arc::clone(&count);
                async move {
                    stream.write_all(b"x").await.unwrap();
                    // Its own panic, and no other connection's.
                    let n = count.fetch_add(1, Ordering::SeqCst);
                    assert!(n % 5 != 0, "quak");
                }
            })
            .unwrap();
        let ask = || {
            let mut byte = [0];
            let mut client = net::TcpStream::connect(addr).unwrap();
            client.read_exact(&mut byte).unwrap();
        };
        (0..20).for_each(|_| ask());
        let panics = AtomicUsize::new(0);
        cluster
            .run(move |worker| {
                let first = worker.index() == 0 && panics.fetch_add(1, Ordering::SeqCst) == 0;
                async move { assert!(!first, "quak") }
            })
            .unwrap();
        (0..20).for_each(|_| ask());
        cluster.shutdown();
        let reports = cluster.join();
        assert_eq!(reports[0].restarts, 1);
    }
}

#[test]
fn a_server_of_a_cluster_that_is_gone_is_an_error() {
    let cluster = Cluster::builder().workers(1).build().unwrap();
    let taken = net::TcpListener::bind("127.0.0.1:0").unwrap();
    for accepting in [Accepting::EachWorker, Accepting::OneForAll] {
        let serve = |_, _| async {};
        let error = cluster.serve(taken.local_addr().unwrap(), accepting, serve);
        assert_eq!(error.unwrap_err().kind(), std::io::ErrorKind::AddrInUse);
    }
    cluster.shutdown();
    for accepting in [Accepting::EachWorker, Accepting::OneForAll] {
        let error = cluster.serve("127.0.0.1:0", accepting, |_, _| async {});
        assert!(error.unwrap_err().to_string().contains("shut down"));
    }
}
