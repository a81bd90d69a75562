//! Waits, roots and sockets, while workers and clusters end.

use super::*;

#[test]
fn blocking_on_another_cluster_in_a_ring_is_an_error_or_an_end() {
    in_time(|| {
        let (one, other) = (cluster(1), cluster(1));
        let (a, b) = (one.handle(), other.handle());
        let (back, there) = (a.clone(), b.clone());
        // A worker of the one blocks on the other, whose worker asks the first one, which is blocked: by a task, which
        // waits for no thread.
        let task = a.spawn(async move {
            let asked = there.block_on(async move {
                let task = back.spawn(async { 7 }).unwrap();
                task.abort();
                task.await
            });
            asked.unwrap()
        });
        assert!(task.unwrap().wait().unwrap().unwrap_err().is_aborted());
        // On itself through another thread's handle.
        let own = a.clone();
        let task =
            a.spawn(async move { matches!(own.block_on(async {}), Err(BlockOnError::OnWorker)) });
        assert!(task.unwrap().wait().unwrap());
        drop((one, other));
        assert!(matches!(b.block_on(async {}), Err(BlockOnError::Spawn(_))));
    });
}

#[test]
fn a_cluster_is_dropped_by_each_of_its_own_workers_in_turn() {
    for worker in 0..3 {
        in_time(move || {
            let alive = Arc::new(AtomicUsize::new(0));
            let cluster = cluster(3);
            let handle = cluster.handle();
            let others: Vec<_> = (0..3)
                .map(|n| {
                    let counted = Counted::new(&alive);
                    let task = async move {
                        let _counted = counted;
                        pending::<()>().await;
                    };
                    handle.spawn_on(n, task).unwrap()
                })
                .collect();
            let drops = handle.spawn_on_with(worker, move || async move { drop(cluster) });
            // It ends in its first poll, as the cluster does; either is an end.
            let _ = drops.unwrap().wait();
            for task in others {
                assert!(task.wait().unwrap_err().is_aborted());
            }
            assert!(handle.is_shut_down());
            until(|| alive.load(Ordering::SeqCst) == 0);
        });
    }
}

#[test]
fn a_cluster_that_is_dropped_in_a_queue_or_by_a_root_ends() {
    in_time(|| {
        // In the queue of another cluster, whose end drops it.
        let (outer, inner) = (cluster(1), cluster(2));
        let handle = inner.handle();
        let (release, blocked) = block(&outer, 0);
        outer.spawn(async move { drop(inner) }).unwrap().detach();
        outer.shutdown();
        until(|| handle.is_shut_down());
        drop(release);
        let _ = blocked.wait();
        outer.join();
        // By a root of its own.
        let cluster = self::cluster(2);
        let handle = cluster.handle();
        let slot = Mutex::new(Some(cluster));
        handle
            .run(move |_| {
                let cluster = slot.lock().unwrap().take();
                async move { drop(cluster) }
            })
            .unwrap();
        until(|| handle.is_shut_down());
    });
}

#[test]
fn a_shutdown_with_a_blocked_worker_gives_up_on_it_and_only_it() {
    in_time(|| {
        let cluster = cluster(2);
        let handle = cluster.handle();
        let alive = Arc::new(AtomicUsize::new(0));
        let counted = Counted::new(&alive);
        let (release, blocked) = block(&handle, 0);
        let started = handle.spawn_on(1, async move {
            let _counted = counted;
            pending::<()>().await;
        });
        handle.spawn_on(1, async {}).unwrap().wait().unwrap();
        let reports = cluster.shutdown_timeout(Duration::from_millis(1));
        assert!(matches!(reports[0].outcome, Outcome::Unfinished));
        // The other one has ended, or is about to.
        assert!(started.unwrap().wait().unwrap_err().is_aborted());
        assert_eq!(alive.load(Ordering::SeqCst), 0);
        drop(release);
        // What was in its poll comes to its end, and is heard of.
        blocked.wait().unwrap();
    });
}

#[test]
fn roots_are_added_while_workers_come_and_go_and_each_runs_on_each() {
    in_time(|| {
        let cluster = Cluster::builder()
            .workers(3)
            .on_panic(PanicPolicy::Restart { limit: usize::MAX })
            .build()
            .unwrap();
        let seen = Arc::new(Mutex::new(std::collections::BTreeSet::new()));
        for root in 0..20 {
            let (seen, once) = (Arc::clone(&seen), AtomicBool::new(root % 4 == 0));
            cluster
                .run(move |worker| {
                    let goes = worker.index() == root % 3 && once.swap(false, Ordering::SeqCst);
                    seen.lock().unwrap().insert((root, worker.index()));
                    async move { assert!(!goes, "it goes") }
                })
                .unwrap();
        }
        until(|| seen.lock().unwrap().len() == 60);
        let added = cluster.handle();
        cluster.shutdown();
        assert_eq!(cluster.join().len(), 3);
        assert!(added.run(|_| async {}).is_err());
    });
}

#[test]
fn a_root_that_panics_while_all_is_full_is_heard() {
    in_time(|| {
        let cluster = Cluster::builder()
            .workers(1)
            .max_tasks(2)
            .on_panic(PanicPolicy::Restart { limit: 1 })
            .build()
            .unwrap();
        let (go, goes) = mpsc::channel::<()>();
        let goes = Mutex::new(Some(goes));
        cluster
            .run(move |_| {
                let goes = goes.lock().unwrap().take();
                async move {
                    while let Some(goes) = &goes {
                        if goes.try_recv() == Err(mpsc::TryRecvError::Disconnected) {
                            panic!("it goes");
                        }
                        yield_now().await;
                    }
                }
            })
            .unwrap();
        let stays = cluster.spawn(pending::<()>()).unwrap();
        let waits = cluster.spawn(async { 7 }).unwrap();
        until(|| cluster.load(0) == 2);
        drop(go);
        // The one that had begun ends with the worker, the one that waited has room then; that may be either of them.
        until(|| stays.is_finished() || waits.is_finished());
        cluster.shutdown();
        assert_eq!(cluster.join().len(), 1);
        let _ = (stays.wait(), waits.wait());
    });
}

#[test]
fn handles_are_awaited_and_waited_for_by_many_at_once() {
    in_time(|| {
        let cluster = cluster(2);
        let threads: Vec<_> = (0..4)
            .map(|thread| {
                let handle = cluster.handle();
                thread::spawn(move || {
                    for n in 0..TURNS {
                        // Polled by one runtime, then given to another, and waited for by a thread at last.
                        let mut task = handle
                            .spawn(async move {
                                yield_now().await;
                                n
                            })
                            .unwrap();
                        let early = block_on(async {
                            let task = &mut task;
                            std::future::poll_fn(|cx| {
                                std::task::Poll::Ready(std::pin::Pin::new(&mut *task).poll(cx))
                            })
                            .await
                        });
                        let output = match early {
                            std::task::Poll::Ready(output) => output,
                            std::task::Poll::Pending if thread % 2 == 0 => task.wait(),
                            std::task::Poll::Pending => {
                                thread::spawn(move || block_on(task)).join().unwrap()
                            }
                        };
                        assert_eq!(output.unwrap(), n);
                    }
                })
            })
            .collect();
        threads
            .into_iter()
            .for_each(|thread| thread.join().unwrap());
    });
}

#[test]
fn waits_in_a_destructor_of_a_thread_local_come_to_an_end() {
    thread_local! {
        static LAST: RefCell<Option<Waits>> = const { RefCell::new(None) };
    }
    struct Waits(ClusterHandle, mpsc::Sender<u32>);
    impl Drop for Waits {
        fn drop(&mut self) {
            let task = self.0.spawn(async {
                yield_now().await;
                7
            });
            let _ = self.1.send(task.unwrap().wait().unwrap());
        }
    }
    in_time(|| {
        let cluster = cluster(1);
        let (send, receive) = mpsc::channel();
        for waits_before in [false, true] {
            let (handle, send) = (cluster.handle(), send.clone());
            let thread = thread::spawn(move || {
                LAST.set(Some(Waits(handle.clone(), send)));
                if waits_before {
                    handle.spawn(async {}).unwrap().wait().unwrap();
                }
            });
            assert_eq!(receive.recv().unwrap(), 7);
            thread.join().unwrap();
        }
    });
}

#[test]
fn an_output_that_nobody_takes_is_dropped_wherever_that_is() {
    in_time(|| {
        let alive = Arc::new(AtomicUsize::new(0));
        let cluster = cluster(2);
        for n in 0..20 * TURNS {
            let output = Counted::new(&alive);
            let task = cluster.spawn(async move { output }).unwrap();
            match n % 3 {
                0 => drop(task),
                1 => {
                    let abort = task.abort_handle();
                    drop(task);
                    abort.abort();
                }
                _ => {
                    until(|| task.is_finished());
                    task.abort();
                }
            }
        }
        drop(cluster);
        assert_eq!(alive.load(Ordering::SeqCst), 0);
    });
}

#[test]
fn a_task_that_spawns_on_all_workers_while_they_end_is_told() {
    for _ in 0..TURNS {
        in_time(|| {
            let cluster = cluster(3);
            let handle = cluster.handle();
            let (begin, begun) = mpsc::channel();
            let inner = handle.clone();
            let task = handle.spawn(async move {
                for n in 0.. {
                    match inner.spawn_on(n % 3, async {}) {
                        Ok(task) if n % 5 == 0 => drop(task.await),
                        Ok(task) => task.detach(),
                        Err(refused) => {
                            assert_eq!(refused.kind(), SpawnErrorKind::Closed);
                            return;
                        }
                    }
                    let _ = begin.send(());
                }
            });
            begun.recv().unwrap();
            handle.shutdown();
            cluster.join();
            let end = task.unwrap().wait();
            assert!(matches!(end, Ok(()) | Err(JoinError::Aborted)), "{end:?}");
        });
    }
}

#[cfg(unix)]
#[test]
fn a_half_read_stream_moves_with_what_was_read_and_what_was_not() {
    use polliwog_mio::net::TcpStream;
    use std::io::{Read, Write};
    in_time(|| {
        let cluster = cluster(2);
        let handle = cluster.handle();
        for turn in 0..TURNS {
            let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
            let mut client = std::net::TcpStream::connect(listener.local_addr().unwrap()).unwrap();
            let server = listener.accept().unwrap().0;
            client.write_all(b"one line\nand another\n").unwrap();
            let handle = handle.clone();
            let task = handle.clone().spawn_on_with(turn % 2, move || async move {
                let stream = TcpStream::from_std(server).unwrap();
                // A buffer of the program's own has more than it wants.
                let mut buf = vec![0; 12];
                stream.read_exact(&mut buf).await.unwrap();
                let rest = buf.split_off(9);
                assert_eq!(buf, b"one line\n");
                let moved = handle.hand_over_to(1 - turn % 2, stream, move |stream| async move {
                    let mut all = rest;
                    let mut byte = [0];
                    while all.last() != Some(&b'\n') {
                        stream.read_exact(&mut byte).await.unwrap();
                        all.push(byte[0]);
                    }
                    stream.write_all(&all).await.unwrap();
                });
                moved.unwrap().await.unwrap();
            });
            let mut back = String::new();
            client.read_to_string(&mut back).unwrap();
            assert_eq!(back, "and another\n");
            task.unwrap().wait().unwrap();
        }
    });
}

#[cfg(unix)]
#[test]
fn a_socket_handed_over_while_its_receiver_stops_is_served_closed_or_given_back() {
    use polliwog_mio::net::TcpStream;
    use std::io::Read;
    for turn in 0..TURNS {
        in_time(move || {
            let cluster = cluster(2);
            let handle = cluster.handle();
            let ended = thread::spawn(move || {
                for _ in 0..turn {
                    thread::yield_now();
                }
                cluster.shutdown();
                cluster.join()
            });
            block_on(async {
                loop {
                    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
                    let addr = listener.local_addr().unwrap();
                    let mut client = std::net::TcpStream::connect(addr).unwrap();
                    let server = TcpStream::from_std(listener.accept().unwrap().0).unwrap();
                    let moved = handle.hand_over(server, |stream| async move {
                        let _ = stream.write_all(b"served").await;
                    });
                    let mut all = String::new();
                    match moved {
                        Ok(task) => {
                            // Nobody has the socket any more, whatever has become of the task.
                            client.read_to_string(&mut all).unwrap();
                            let end = task.await;
                            let served = all == "served";
                            assert!(served || all.is_empty(), "{all}");
                            assert!(served || end.is_err(), "{end:?}");
                        }
                        Err(refused) => {
                            let stream = refused.into_inner();
                            stream.write_all(b"back").await.unwrap();
                            drop(stream);
                            client.read_to_string(&mut all).unwrap();
                            assert_eq!(all, "back");
                            return;
                        }
                    }
                }
            });
            assert_eq!(ended.join().unwrap().len(), 2);
        });
    }
}
