//! Where the tasks of a runtime and of a cluster were spawned, as `Handle::dump` lists them.
#![cfg(all(feature = "trace", feature = "mio"))]

use std::future::pending;

use polliwog::cluster::Accepting;
use polliwog::net::UdpSocket;
use polliwog::trace::Dump;
use polliwog::{Cluster, Handle, Runtime, yield_now};

/// The lines of this file that spawned tasks.
fn lines_of(dump: &Dump) -> Vec<u32> {
    let places = dump.tasks().iter().filter_map(|task| task.place);
    let own = places.filter(|place| place.file() == file!());
    own.map(|place| place.line()).collect()
}

#[test]
fn a_runtimes_tasks_have_places() {
    let runtime = Runtime::new().unwrap();
    let first = line!() + 1;
    runtime.spawn(pending::<()>()).unwrap().detach();
    runtime.try_spawn(pending::<()>()).ok().unwrap().detach();
    let dump = runtime.block_on(async { Handle::current().unwrap().dump() });
    assert_eq!(lines_of(&dump), [first, first + 1, first + 2]);
    let dump = polliwog::block_on(async { Handle::current().unwrap().dump() });
    assert_eq!(lines_of(&dump), [line!() - 1]);
}

#[test]
fn a_clusters_tasks_have_places() {
    let built = line!() + 1;
    let cluster = Cluster::builder().workers(1).build().unwrap();
    let first = line!() + 1;
    cluster.spawn(pending::<()>()).unwrap().detach();
    cluster.spawn_with(pending::<()>).unwrap().detach();
    cluster.spawn_on(0, pending::<()>()).unwrap().detach();
    cluster.spawn_on_with(0, pending::<()>).unwrap().detach();
    cluster.spawn_keyed(7, pending::<()>()).unwrap().detach();
    cluster.spawn_keyed_with(7, pending::<()>).unwrap().detach();
    let given = || polliwog::block_on(UdpSocket::bind("127.0.0.1:0")).unwrap();
    let task = cluster.hand_over(given(), |_| pending::<()>());
    let other = cluster.hand_over_to(0, given(), |_| pending::<()>());
    task.unwrap().detach();
    other.unwrap().detach();
    let last = line!() + 1;
    let lines = cluster.block_on(async {
        // A worker has several queues, and starts what is in them when it comes to it.
        loop {
            let mut lines = lines_of(&Handle::current().unwrap().dump());
            lines.sort();
            if lines.len() == 10 {
                return lines;
            }
            yield_now().await;
        }
    });
    // The worker's own task is of whoever has built the cluster.
    let mut expected = vec![built];
    expected.extend(first..first + 6);
    expected.extend([first + 7, first + 8, last]);
    assert_eq!(lines.unwrap(), expected);
}

#[test]
fn a_dump_says_what_tasks_wait_for() {
    use polliwog::net::{TcpListener, TcpStream};
    use polliwog::trace::Wait;
    use polliwog::{spawn, spawn_blocking};
    use std::sync::mpsc;

    polliwog::block_on(async {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let addr = listener.local_addr().unwrap();
        let (go_on, wait) = mpsc::channel::<()>();
        let job = spawn_blocking(move || wait.recv());
        let job = spawn(async move { drop(job.await) }).unwrap();
        let _accepting = spawn(async move { drop(listener.accept().await) }).unwrap();
        let idle = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let idle_addr = idle.local_addr().unwrap();
        let (ours, theirs) = polliwog::join!(TcpStream::connect(idle_addr), idle.accept());
        let (ours, _theirs) = (ours.unwrap(), theirs.unwrap());
        let _reading = spawn(async move { drop(ours.read(&mut [0; 8]).await) }).unwrap();
        let _event = spawn(async { polliwog::UserEvent::new().wait().await }).unwrap();
        for _ in 0..10 {
            yield_now().await;
        }
        let dump = Handle::current().unwrap().dump();
        let of = |index: usize| dump.tasks()[index].waits_for.as_slice();
        let source = [Wait::Source(polliwog::sources::Direction::Read)];
        assert_eq!(of(1), [Wait::Method("spawn_blocking")], "{dump}");
        assert_eq!(of(2), source, "{dump}");
        assert_eq!(of(3), source, "{dump}");
        assert_eq!(of(4), [Wait::Method("UserEvent::wait")], "{dump}");
        drop(go_on);
        job.await.unwrap();
        drop(TcpStream::connect(addr).await);
    });
}

#[test]
fn a_clusters_workers_roots_and_connections_have_places() {
    for accepting in [Accepting::default(), Accepting::OneForAll] {
        let first = line!() + 1;
        let cluster = Cluster::builder().workers(1).build().unwrap();
        cluster.run(|_| pending::<()>()).unwrap();
        let addr = cluster.serve("127.0.0.1:0", accepting, |_, _| pending::<()>());
        let _client = std::net::TcpStream::connect(addr.unwrap()).unwrap();
        let last = line!() + 1;
        let lines = cluster.block_on(async {
            // The connection comes when the server does.
            loop {
                let mut lines = lines_of(&Handle::current().unwrap().dump());
                lines.sort();
                if lines.len() == 5 {
                    return lines;
                }
                yield_now().await;
            }
        });
        // What accepts and what serves a connection are both the server's.
        let expected = [first, first + 1, first + 2, first + 2, last];
        assert_eq!(lines.unwrap(), expected);
    }
}
