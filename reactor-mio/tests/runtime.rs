//! Runtimes, the blocking pool, events from threads, files and Ctrl-C.

use std::cell::Cell;
use std::future::{pending, poll_fn};
use std::io::{self, SeekFrom};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::pin::pin;
use std::rc::Rc;
use std::sync::mpsc;
use std::task::Poll;
use std::thread;
use std::time::Duration;

use polliwog_core::time::{sleep, timeout};
use polliwog_mio::fs::{self, File, OpenOptions};
use polliwog_mio::{BlockingError, Runtime, UserEvent, block_on, spawn, spawn_blocking};

/// A path in the temporary directory, whose file is removed at the end.
struct Temporary(PathBuf);

impl Temporary {
    fn new(name: &str) -> Self {
        let name = format!("polliwog-test-{}-{name}", std::process::id());
        Self(std::env::temp_dir().join(name))
    }
}

impl Drop for Temporary {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

#[test]
fn tasks_spawned_before_block_on_run_in_it() {
    let task = spawn(async { 7 }).unwrap();
    assert_eq!(block_on(task).unwrap(), 7);
}

#[test]
fn nested_block_on_says_what_is_wrong() {
    let runtime = Runtime::new().unwrap();
    let nested = || runtime.block_on(async { runtime.block_on(async {}) });
    let panic = catch_unwind(AssertUnwindSafe(nested)).unwrap_err();
    let text = panic.downcast_ref::<&str>().unwrap();
    assert!(text.contains("`block_on` inside of `block_on`"), "{text}");
    // The runtime is as good as before, and another one may run inside.
    let inner = Runtime::new().unwrap();
    assert_eq!(runtime.block_on(async { inner.block_on(async { 1 }) }), 1);
}

#[test]
fn dropping_a_runtime_drops_its_tasks() {
    struct Count(Rc<Cell<u32>>);
    impl Drop for Count {
        fn drop(&mut self) {
            self.0.set(self.0.get() + 1);
        }
    }
    let dropped = Rc::new(Cell::new(0));
    let runtime = Runtime::new().unwrap();
    for _ in 0..3 {
        let count = Count(Rc::clone(&dropped));
        let task = async move {
            let _count = count;
            pending::<()>().await
        };
        drop(runtime.spawn(task).unwrap());
    }
    runtime.block_on(sleep(Duration::from_millis(1)));
    assert_eq!(dropped.get(), 0);
    drop(runtime);
    assert_eq!(dropped.get(), 3);
}

#[test]
fn the_limit_of_tasks_is_an_error() {
    let runtime = Runtime::builder().max_tasks(4).build().unwrap();
    let mut tasks = 0;
    while let Ok(task) = runtime.spawn(pending::<()>()) {
        drop(task);
        tasks += 1;
        assert!(tasks < 1000);
    }
    assert!(tasks >= 4);
}

#[test]
fn timers_work() {
    block_on(async {
        let before = polliwog_core::time::now().unwrap();
        let nap = Duration::from_micros(300);
        sleep(nap).await;
        assert!(polliwog_core::time::now().unwrap() >= before + nap);
        assert!(timeout(nap, pending::<()>()).await.is_err());
    });
}

#[test]
fn an_event_from_a_thread_wakes_its_task() {
    const ROUNDS: u32 = 500;
    let mut event = UserEvent::new();
    let trigger = event.trigger_handle();
    let (sender, receiver) = mpsc::channel();
    let thread = thread::spawn(move || {
        for round in 0..ROUNDS {
            assert_eq!(receiver.recv(), Ok(round));
            trigger.trigger();
            trigger.trigger();
        }
        trigger
    });
    block_on(async {
        let mut round = 0;
        sender.send(round).unwrap();
        while round < ROUNDS - 1 {
            event.wait().await;
            // Of two triggers the second may come after the wait: then this round is one more.
            round += 1;
            if sender.send(round).is_err() {
                break;
            }
        }
    });
    let trigger = thread.join().unwrap();
    assert!(trigger.is_attached());
    drop(event);
    assert!(!trigger.is_attached());
}

#[test]
fn a_panic_in_a_blocking_job_is_an_error() {
    block_on(async {
        let error = spawn_blocking(|| -> u32 { panic!("croak") })
            .await
            .unwrap_err();
        assert_eq!(error.to_string(), "a blocking job panicked: croak");
        let BlockingError::Panicked(panic) = error else {
            unreachable!("the job was accepted");
        };
        let payload = panic.into_payload();
        assert_eq!(payload.downcast_ref::<&str>(), Some(&"croak"));
        assert_eq!(spawn_blocking(|| 1).await.unwrap(), 1);
    });
}

#[test]
fn blocking_jobs_run_side_by_side_and_a_dropped_handle_stops_nothing() {
    block_on(async {
        // The first job ends only if the second runs meanwhile.
        let (sender, receiver) = mpsc::channel();
        let first = spawn_blocking(move || receiver.recv());
        drop(spawn_blocking(move || sender.send(5)));
        assert_eq!(first.await.unwrap(), Ok(5));
        let jobs: Vec<_> = (0..200).map(|n| spawn_blocking(move || n * 2)).collect();
        for (n, job) in jobs.into_iter().enumerate() {
            assert_eq!(job.await.unwrap(), n * 2);
        }
    });
}

#[test]
fn whole_files_make_a_round_trip() {
    let path = Temporary::new("whole");
    block_on(async {
        fs::write(&path.0, "tadpole").await.unwrap();
        assert_eq!(fs::read(&path.0).await.unwrap(), b"tadpole");
        assert_eq!(fs::read_to_string(&path.0).await.unwrap(), "tadpole");
        assert_eq!(fs::metadata(&path.0).await.unwrap().len(), 7);
        assert!(fs::canonicalize(&path.0).await.unwrap().is_absolute());
        fs::remove_file(&path.0).await.unwrap();
        let error = fs::read(&path.0).await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::NotFound);
    });
}

#[test]
fn a_file_is_read_written_and_sought() {
    let path = Temporary::new("file");
    block_on(async {
        let data: Vec<u8> = (0..3 * fs::MAX_CHUNK / 2).map(|n| (n / 7) as u8).collect();
        let mut file = OpenOptions::new()
            .read(true)
            .write(true)
            .create_new(true)
            .open(&path.0)
            .await
            .unwrap();
        file.write_all(&data).await.unwrap();
        file.sync_all().await.unwrap();
        assert_eq!(file.metadata().await.unwrap().len(), data.len() as u64);
        assert_eq!(file.seek(SeekFrom::Start(0)).await.unwrap(), 0);
        let mut buf = vec![0; data.len()];
        let mut total = 0;
        while total < data.len() {
            let n = file.read(&mut buf[total..]).await.unwrap();
            assert!(n > 0 && n <= fs::MAX_CHUNK);
            total += n;
        }
        assert!(buf == data);
        assert_eq!(file.read(&mut buf).await.unwrap(), 0);
        file.set_len(10).await.unwrap();
        assert_eq!(file.seek(SeekFrom::End(-4)).await.unwrap(), 6);
        assert_eq!(file.read(&mut buf).await.unwrap(), 4);

        let mut file = File::open(&path.0).await.unwrap();
        assert!(file.write(b"not allowed").await.is_err());
        assert_eq!(file.read(&mut buf).await.unwrap(), 10);
    });
}

/// Begins to read at a position and gives it up.
async fn read_and_drop(file: &mut File, at: u64) {
    let mut pending = false;
    // The pool may be quick enough to have it read before the first poll ends.
    while !pending {
        file.seek(SeekFrom::Start(at)).await.unwrap();
        let mut buf = [0; 6];
        let mut read = pin!(file.read(&mut buf));
        pending = poll_fn(|cx| Poll::Ready(read.as_mut().poll(cx).is_pending())).await;
    }
}

#[test]
fn a_read_that_was_dropped_is_not_lost() {
    let path = Temporary::new("dropped");
    block_on(async {
        fs::write(&path.0, "0123456789").await.unwrap();
        let mut options = OpenOptions::new();
        let mut file = options.read(true).write(true).open(&path.0).await.unwrap();
        let mut buf = [0; 2];
        read_and_drop(&mut file, 0).await;
        assert_eq!(file.read(&mut buf).await.unwrap(), 2);
        assert_eq!(&buf, b"01");
        // The position is where the caller thinks it is.
        assert_eq!(file.seek(SeekFrom::Current(1)).await.unwrap(), 3);
        assert_eq!(file.read(&mut buf).await.unwrap(), 2);
        assert_eq!(&buf, b"34");
        // Nor does a move that leads nowhere throw away what was read.
        read_and_drop(&mut file, 0).await;
        let error = file.seek(SeekFrom::Current(i64::MIN)).await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::InvalidInput);
        // This one the system refuses, each with an error of its own.
        assert!(file.seek(SeekFrom::End(-100)).await.is_err());
        assert_eq!(file.seek(SeekFrom::Current(0)).await.unwrap(), 0);
        read_and_drop(&mut file, 5).await;
        file.write_all(b"xy").await.unwrap();
        assert_eq!(fs::read(&path.0).await.unwrap(), b"01234xy789");
    });
}

#[test]
fn files_are_streams() {
    use futures_util::io::{AsyncReadExt, AsyncWriteExt};
    let path = Temporary::new("stream");
    block_on(async {
        let mut file = File::create(&path.0).await.unwrap();
        for n in 0..100_u8 {
            AsyncWriteExt::write_all(&mut file, &[n; 1000])
                .await
                .unwrap();
        }
        file.close().await.unwrap();
        let mut file = File::open(&path.0).await.unwrap();
        let mut all = Vec::new();
        file.read_to_end(&mut all).await.unwrap();
        assert_eq!(all.len(), 100_000);
        assert!(
            all.iter()
                .enumerate()
                .all(|(at, byte)| *byte == (at / 1000) as u8)
        );
    });
}

#[cfg(unix)]
#[test]
fn ctrl_c_reaches_every_task_that_waits_and_again() {
    use polliwog_mio::signal::ctrl_c;
    use rustix::process::{Signal, getpid, kill_process};
    let press = || kill_process(getpid(), Signal::INT).unwrap();
    block_on(async {
        let mut first = ctrl_c();
        let second = ctrl_c();
        let task = spawn(second).unwrap();
        press();
        (&mut first).await.unwrap();
        task.await.unwrap().unwrap();
        press();
        first.await.unwrap();
    });
}

/// Tasks that are dropped with their runtime still find its reactor.
#[test]
fn a_dropped_runtime_drops_its_tasks_in_context() {
    struct BindOnDrop(std::sync::mpsc::Sender<bool>);
    impl Drop for BindOnDrop {
        fn drop(&mut self) {
            let made = polliwog_mio::MioReactor::current().is_ok();
            self.0.send(made).unwrap();
        }
    }
    let runtime = polliwog_mio::Runtime::new().unwrap();
    let (send, receive) = std::sync::mpsc::channel();
    let bind = BindOnDrop(send);
    let task = runtime.spawn(async move {
        let _bind = bind;
        std::future::pending::<()>().await;
    });
    task.unwrap().detach();
    drop(runtime);
    assert!(receive.recv().unwrap());
    assert!(polliwog_mio::MioReactor::current().is_err());
}
