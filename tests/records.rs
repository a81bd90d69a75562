//! What an operator has to know, though no call fails: the log is told.
#![cfg(all(feature = "mio", feature = "log", target_os = "linux"))]

use std::fs::File;
use std::process::Command;
use std::sync::{Mutex, mpsc};
use std::time::Duration;

use polliwog::net::{TcpListener, TcpStream};
use polliwog::{Runtime, block_on, spawn, spawn_blocking, time::sleep};

struct Log(Mutex<Vec<String>>);

static LOG: Log = Log(Mutex::new(Vec::new()));

impl log::Log for Log {
    fn enabled(&self, _: &log::Metadata<'_>) -> bool {
        true
    }

    fn log(&self, record: &log::Record<'_>) {
        self.0.lock().unwrap().push(record.args().to_string());
    }

    fn flush(&self) {}
}

impl Log {
    fn start() {
        let _ = log::set_logger(&LOG);
        log::set_max_level(log::LevelFilter::Warn);
    }

    /// How many warnings contain this.
    fn count(text: &str) -> usize {
        let records = LOG.0.lock().unwrap();
        records.iter().filter(|line| line.contains(text)).count()
    }
}

#[test]
fn that_jobs_wait_because_all_threads_are_busy() {
    Log::start();
    let runtime = Runtime::builder().blocking_threads(2).build().unwrap();
    runtime.block_on(async {
        let (ends, jobs): (Vec<_>, Vec<_>) = (0..2)
            .map(|_| {
                let (end, ended) = mpsc::channel::<()>();
                (end, spawn_blocking(move || ended.recv().is_err()))
            })
            .unzip();
        assert_eq!(Log::count("blocking threads are busy"), 0);
        let more = [(); 3].map(|()| spawn_blocking(|| ()));
        // Not for each of them.
        let told = Log::count("all 2 blocking threads are busy");
        assert!((1..3).contains(&told), "{told}");
        drop(ends);
        for job in jobs {
            assert!(job.await.unwrap());
        }
        for job in more {
            job.await.unwrap();
        }
    });
}

const CHILD: &str = "POLLIWOG_TEST_RECORDS_CHILD";

/// The limit holds for a whole process, hence a child process, which runs this test again.
#[test]
fn that_a_listener_rests_for_lack_of_descriptors() {
    if std::env::var_os(CHILD).is_some() {
        return out_of_descriptors();
    }
    let status = Command::new("sh")
        .args([
            "-c",
            r#"ulimit -n 32; exec "$0" --exact that_a_listener_rests_for_lack_of_descriptors"#,
        ])
        .arg(std::env::current_exe().unwrap())
        .env(CHILD, "1")
        .status();
    assert!(status.unwrap().success());
}

fn out_of_descriptors() {
    Log::start();
    block_on(async {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let _client = TcpStream::connect(listener.local_addr().unwrap())
            .await
            .unwrap();
        let mut held = Vec::new();
        while let Ok(file) = File::open("/dev/null") {
            held.push(file);
        }
        let server = spawn(async move { listener.accept().await.map(drop) }).unwrap();
        while Log::count("cannot accept, trying again in 10ms") == 0 {
            sleep(Duration::from_millis(1)).await;
        }
        assert!(!server.is_finished());
        drop(held);
        server.await.unwrap().unwrap();
    });
}
