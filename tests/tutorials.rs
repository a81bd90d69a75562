//! The programs of the tutorials that took another crate once, on polliwog alone, by the names that
//! docs/tutorials.md has for them: on mio and in virtual time.
#![cfg(all(feature = "mio", feature = "spin"))]

use std::cell::Cell;
use std::future::Future;
use std::rc::Rc;
use std::time::Duration;

use polliwog::sync::{CancellationToken, Mutex, Notify, TaskTracker, mpmc, mpsc, oneshot, watch};
use polliwog::task::{JoinSet, consume_budget, spawn, unconstrained, yield_now};
use polliwog::time::{Instant, sleep, timeout};
use polliwog::{join, pin, select, task_local, try_join};

fn on_both<F: Future<Output = ()> + 'static>(program: impl Fn() -> F) {
    polliwog::mio::block_on(program());
    for seed in 0..5 {
        polliwog::spin::test(seed, program());
    }
}

macro_rules! programs {
    ($($name:ident $body:block)*) => {
        $(#[test] fn $name() { on_both(|| async $body) })*
    };
}

async fn soon<T>(value: T) -> T {
    sleep(Duration::from_millis(1)).await;
    value
}

programs! {
    m03_join {
        assert_eq!(join!(soon(1), soon("two")), (1, "two"));
    }
    m04_pin_select_stream {
        let (sender, mut numbers) = mpsc::unbounded_channel();
        (1..=3).for_each(|n| sender.send(n).unwrap());
        drop(sender);
        let end = sleep(Duration::from_secs(60));
        pin!(end);
        let mut sum = 0;
        loop {
            select! {
                Some(n) = numbers.recv() => sum += n,
                () = &mut end => unreachable!("an hour has passed"),
                else => break,
            }
            if sum == 6 {
                break;
            }
        }
    }
    m05_pin_two {
        pin! {
            let first = soon(1);
            let second = soon(2);
        }
        assert_eq!((first.await, second.await), (1, 2));
    }
    m06_select {
        let winner = select! {
            () = std::future::pending() => 1,
            two = soon(2) => two,
        };
        assert_eq!(winner, 2);
    }
    m07_task_local {
        task_local! { static NUMBER: u32; }
        let inner = NUMBER.scope(1, async {
            yield_now().await;
            NUMBER.scope(2, async { NUMBER.get() }).await + NUMBER.get()
        });
        assert_eq!(inner.await, 3);
    }
    t06_unconstrained {
        let (sender, mut receiver) = mpsc::unbounded_channel();
        (0..1000).for_each(|n| sender.send(n).unwrap());
        unconstrained(async {
            for n in 0..1000 {
                assert_eq!(receiver.recv().await, Some(n));
                consume_budget().await;
            }
        })
        .await;
    }
    j01_joinset {
        let mut set = JoinSet::new();
        for n in 0..10 {
            set.spawn(soon(n)).unwrap();
        }
        let mut seen = [false; 10];
        while let Some(ended) = set.join_next().await {
            seen[ended.unwrap()] = true;
        }
        assert_eq!(seen, [true; 10]);
    }
    j03_joinset_more {
        let mut set = JoinSet::new();
        for _ in 0..3 {
            set.spawn(std::future::pending::<()>()).unwrap();
        }
        set.abort_all();
        while let Some(ended) = set.join_next().await {
            assert!(ended.unwrap_err().is_cancelled());
        }
        set.spawn(std::future::pending()).unwrap();
        set.shutdown().await;
        let run = Rc::new(Cell::new(0));
        let count = run.clone();
        let detached = async move { count.set(count.get() + 1) };
        set.spawn(detached).unwrap();
        set.detach_all();
        sleep(Duration::from_millis(1)).await;
        assert!(run.get() == 1 && set.is_empty());
    }
    l02_localset_await {
        let mut set = JoinSet::new();
        let count = Rc::new(Cell::new(0));
        for _ in 0..3 {
            let count = count.clone();
            set.spawn(async move { count.set(count.get() + 1) }).unwrap();
        }
        set.join_all().await;
        assert_eq!(count.get(), 3);
    }
    x07_tokio_mutex {
        let count = Rc::new(Mutex::new(0));
        let tasks: Vec<_> = (0..5)
            .map(|_| {
                let count = count.clone();
                spawn(async move {
                    let mut count = count.lock().await;
                    let seen = *count;
                    yield_now().await;
                    *count = seen + 1;
                })
                .unwrap()
            })
            .collect();
        for task in tasks {
            task.await.unwrap();
        }
        assert_eq!(*count.lock().await, 5);
    }
    c01_manager {
        enum Command {
            Get(&'static str, oneshot::Sender<Option<u32>>),
            Set(&'static str, u32, oneshot::Sender<()>),
        }
        let (sender, mut commands) = mpsc::channel(32);
        let manager = spawn(async move {
            let mut map = std::collections::HashMap::new();
            while let Some(command) = commands.recv().await {
                match command {
                    Command::Get(key, answer) => drop(answer.send(map.get(key).copied())),
                    Command::Set(key, value, answer) => {
                        map.insert(key, value);
                        answer.send(()).unwrap();
                    }
                }
            }
        })
        .unwrap();
        let (answer, set) = oneshot::channel();
        sender.send(Command::Set("a", 1, answer)).await.ok().unwrap();
        set.await.unwrap();
        let (answer, got) = oneshot::channel();
        sender.send(Command::Get("a", answer)).await.ok().unwrap();
        assert_eq!(got.await, Ok(Some(1)));
        drop(sender);
        manager.await.unwrap();
    }
    d08_notify {
        let notify = Rc::new(Notify::new());
        let other = notify.clone();
        let task = spawn(async move { other.notify_one() }).unwrap();
        notify.notified().await;
        task.await.unwrap();
    }
    se01_oneshot {
        let ((one, first), (two, second)) = (oneshot::channel(), oneshot::channel::<&str>());
        spawn(async move { one.send("one").unwrap() }).unwrap().detach();
        let value = select! {
            value = first => value.unwrap(),
            value = second => value.unwrap(),
        };
        assert_eq!(value, "one");
        drop(two);
    }
    se02_closed {
        let (mut sender, receiver) = oneshot::channel::<u8>();
        let task = spawn(async move {
            select! {
                () = std::future::pending() => false,
                () = sender.closed() => true,
            }
        })
        .unwrap();
        drop(receiver);
        assert!(task.await.unwrap());
    }
    se05_value {
        async fn one() -> u32 { 1 }
        async fn two() -> u32 { 2 }
        assert_eq!(join!(one(), two()), (1, 2));
        assert!([1, 2].contains(&select! { n = one() => n, n = two() => n }));
    }
    se06_errors {
        async fn program() -> Result<(), Box<dyn std::error::Error>> {
            let (sender, receiver) = oneshot::channel::<()>();
            drop(sender);
            select! {
                received = receiver => received?,
                () = std::future::pending() => {}
            }
            Ok(())
        }
        assert!(program().await.is_err());
        async fn fails() -> Result<u32, &'static str> { Err("no") }
        assert_eq!(try_join!(async { Ok::<_, &str>(1) }, fails()), Err("no"));
    }
    se07_else {
        let (one, mut first) = mpsc::channel::<u32>(1);
        let (two, mut second) = mpsc::channel::<u32>(1);
        drop((one, two));
        let over = select! {
            Some(_) = first.recv() => false,
            Some(_) = second.recv() => false,
            else => true,
        };
        assert!(over);
    }
    se09_borrow_mut {
        let ((one, first), (two, second)) = (oneshot::channel(), oneshot::channel());
        let mut out = String::new();
        let sending = async move { (one.send(1), two.send(2)) };
        spawn(sending).unwrap().detach();
        select! {
            _ = first => out.push_str("first"),
            _ = second => out.push_str("second"),
        }
        assert!(!out.is_empty());
    }
    se10_loop {
        let ((one, mut first), (two, mut second)) = (mpsc::channel(8), mpsc::channel(8));
        (0..5).for_each(|n| (one.try_send(n).unwrap(), two.try_send(n).unwrap()).0);
        drop((one, two));
        let mut sum = 0;
        loop {
            let n = select! {
                Some(n) = first.recv() => n,
                Some(n) = second.recv() => n,
                else => break,
            };
            sum += n;
        }
        assert_eq!(sum, 20);
    }
    se11_resume {
        let operation = soon(7);
        pin!(operation);
        let (sender, mut ticks) = mpsc::channel(4);
        (0..3).for_each(|n| sender.try_send(n).unwrap());
        let mut seen = 0;
        let result = loop {
            select! {
                result = &mut operation => break result,
                Some(_) = ticks.recv() => seen += 1,
            }
        };
        assert_eq!((result, seen), (7, 3));
    }
    se12_modify {
        async fn action(input: Option<u32>) -> Option<String> {
            Some(soon(input?).await.to_string())
        }
        let (sender, mut numbers) = mpsc::channel(8);
        for n in [1, 3, 4, 5] {
            sender.try_send(n).unwrap();
        }
        let operation = action(None);
        pin!(operation);
        let mut done = false;
        let result = loop {
            select! {
                result = &mut operation, if !done => {
                    done = true;
                    if let Some(result) = result {
                        break result;
                    }
                }
                Some(n) = numbers.recv() => {
                    if n % 2 == 0 {
                        operation.set(action(Some(n)));
                        done = false;
                    }
                }
            }
        };
        assert_eq!(result, "4");
    }
    gs2_ctrl_c_or_mpsc {
        let (shutdown, mut told) = mpsc::channel::<()>(1);
        let tell = async move { shutdown.send(()).await.unwrap() };
        spawn(tell).unwrap().detach();
        select! {
            () = std::future::pending() => unreachable!("no signal"),
            Some(()) = told.recv() => {}
        }
    }
    gs3_token {
        let token = CancellationToken::new();
        let child = token.clone();
        let task = spawn(async move {
            select! {
                () = child.cancelled() => 5,
                () = sleep(Duration::from_secs(9999)) => 10,
            }
        })
        .unwrap();
        yield_now().await;
        token.cancel();
        assert_eq!(task.await.unwrap(), 5);
    }
    gs4_tracker {
        let tracker = TaskTracker::new();
        for n in 0..10 {
            tracker.spawn(soon(n)).unwrap().detach();
        }
        tracker.close();
        tracker.wait().await;
        assert!(tracker.is_empty());
    }
    ch1_async_channel {
        let (sender, receiver) = mpmc::channel(1);
        let other = receiver.clone();
        let tasks = [receiver, other].map(|own| spawn(async move {
            let mut sum = 0;
            while let Ok(n) = own.recv().await {
                sum += n;
            }
            sum
        })
        .unwrap());
        for n in 0..10 {
            sender.send(n).await.unwrap();
        }
        drop(sender);
        let [one, two] = tasks;
        assert_eq!(one.await.unwrap() + two.await.unwrap(), 45);
    }
    h12_async_recv {
        let (sender, receiver) = mpmc::unbounded_channel();
        sender.send(1).unwrap();
        assert_eq!(receiver.recv().await, Ok(1));
    }
    q02_two_sites {
        let (one, two) = join!(soon("one"), soon("two"));
        assert_eq!([one, two], ["one", "two"]);
    }
    q05_learn_sing_dance {
        let steps = std::cell::RefCell::new(Vec::new());
        let learn_and_sing = async {
            let song = soon("song").await;
            steps.borrow_mut().push(song);
        };
        join!(learn_and_sing, async { steps.borrow_mut().push("dance") });
        assert_eq!(*steps.borrow(), ["dance", "song"]);
    }
    q10_async_blocks {
        let text = String::from("quak");
        let (first, second) = (async { text.len() }, async { text.is_empty() });
        assert_eq!(join!(first, second), (4, false));
        let moved = async move { text };
        assert_eq!(moved.await, "quak");
    }
    ut_paused_time {
        let start = Instant::now();
        assert!(timeout(Duration::from_millis(2), std::future::pending::<()>()).await.is_err());
        assert!(start.elapsed() >= Duration::from_millis(2));
        let (sender, mut receiver) = watch::channel(1);
        sender.send(2).unwrap();
        receiver.changed().await.unwrap();
        assert_eq!(*receiver.borrow(), 2);
    }
}

/// Blocking functions in a set.
#[test]
fn j02_joinset_blocking() {
    polliwog::mio::block_on(async {
        let mut set = JoinSet::new();
        for n in 0..10 {
            let job = async move { polliwog::task::spawn_blocking(move || n * n).await };
            set.spawn(job).unwrap();
        }
        let mut sum = 0;
        while let Some(ended) = set.join_next().await {
            sum += ended.unwrap().unwrap();
        }
        assert_eq!(sum, 285);
    });
}

/// A runtime on a thread of its own, which others send work to without waiting.
#[test]
fn sy04_task_spawner() {
    let (sender, mut tasks) = mpsc::channel::<u32>(16);
    let (done, results) = std::sync::mpsc::channel();
    let thread = std::thread::spawn(move || {
        polliwog::mio::block_on(async {
            let tracker = TaskTracker::new();
            while let Some(task) = tasks.recv().await {
                let done = done.clone();
                tracker
                    .spawn(async move { done.send(soon(task).await).unwrap() })
                    .unwrap()
                    .detach();
            }
            tracker.close();
            tracker.wait().await;
        });
    });
    (0..10).for_each(|n| sender.blocking_send(n).unwrap());
    drop(sender);
    thread.join().unwrap();
    assert_eq!(results.iter().sum::<u32>(), 45);
}

/// A runtime that works while the thread that has made it does something else.
#[test]
fn sy03_background_tasks() {
    let (send, handle) = std::sync::mpsc::channel();
    let thread = std::thread::spawn(move || {
        polliwog::mio::block_on(async {
            let (stop, stopped) = oneshot::channel();
            send.send((polliwog::Handle::current().unwrap(), stop))
                .unwrap();
            stopped.await.unwrap();
        });
    });
    let (handle, stop) = handle.recv().unwrap();
    let tasks: Vec<_> = (0..10)
        .map(|n| handle.spawn_with(move || soon(n)).unwrap())
        .collect();
    let sum: u32 = tasks
        .into_iter()
        .map(|task| polliwog::mio::block_on(task).unwrap())
        .sum();
    assert_eq!(sum, 45);
    stop.send(()).unwrap();
    thread.join().unwrap();
}

/// A thread that runs what it has spawned elsewhere, and waits for it.
#[test]
fn r04_handle_thread() {
    polliwog::mio::block_on(async {
        let handle = polliwog::Handle::current().unwrap();
        let (sender, output) = oneshot::channel();
        std::thread::spawn(move || {
            let remote = handle.spawn(async { 7 }).unwrap();
            sender.send(polliwog::mio::block_on(remote)).ok().unwrap();
        });
        assert_eq!(output.await.unwrap().unwrap(), 7);
    });
}

#[test]
fn io2_read_to_end() {
    polliwog::mio::block_on(async {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/test.txt");
        let mut file = polliwog::fs::File::open(path).await.unwrap();
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes).await.unwrap();
        assert_eq!(bytes, std::fs::read(path).unwrap());
    });
}

mod sockets {
    use super::*;
    use polliwog::mio::net::{TcpListener, TcpStream};

    #[test]
    fn se03_connect_or_msg() {
        polliwog::mio::block_on(async {
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            let addr = listener.local_addr().unwrap();
            let (sender, message) = oneshot::channel::<&str>();
            let connected = select! {
                socket = TcpStream::connect(addr) => socket.is_ok(),
                _ = message => false,
            };
            assert!(connected);
            drop(sender);
        });
    }

    #[test]
    fn se04_accept_or_rx() {
        polliwog::mio::block_on(async {
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            let addr = listener.local_addr().unwrap();
            let (stop, mut stopped) = oneshot::channel::<()>();
            let server = spawn(async move {
                let mut accepted = 0;
                loop {
                    select! {
                        connection = listener.accept() => accepted += connection.iter().count(),
                        _ = &mut stopped => break accepted,
                    }
                }
            })
            .unwrap();
            for _ in 0..3 {
                let client = TcpStream::connect(addr).await.unwrap();
                // It has been accepted and dropped: the end.
                assert_eq!(client.read(&mut [0]).await.unwrap_or(0), 0);
            }
            stop.send(()).unwrap();
            assert_eq!(server.await.unwrap(), 3);
        });
    }

    #[test]
    fn se08_race() {
        polliwog::mio::block_on(async {
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            let addr = listener.local_addr().unwrap();
            let (a, b) = (TcpStream::connect(addr), TcpStream::connect(addr));
            let first = select! {
                Ok(stream) = a => stream,
                Ok(stream) = b => stream,
                else => panic!("none could connect"),
            };
            assert_eq!(first.peer_addr().unwrap(), addr);
        });
    }
}
