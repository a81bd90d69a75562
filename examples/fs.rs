//! Files read by worker threads, with callbacks on the main thread.
//!
//! An operating system can say when a socket is ready, but a file always claims to be: reading it
//! may block all the same. So a few threads do the blocking calls, and what is to happen next is
//! a callback, which travels back through a channel and runs on the main thread. Callbacks start
//! further jobs: here the callback that gets a file's size starts the read. Two of them in a row
//! can still be read; ten are why `async` exists.
//!
//! The queue of jobs is bounded: whoever asks for too much waits until a worker is free. The
//! queue of completions is not, so a worker never waits for the main thread, and the two cannot
//! block each other for ever.
//!
//! ```sh
//! cargo run --example fs                 # examples/test.txt, and a file that does not exist
//! cargo run --example fs -- FILE...      # other files
//! ```
//!
//! It prints, in no fixed order, two lines for a file that can be read, `NAME: 297 bytes
//! expected` and `NAME: 297 bytes read, 6 lines, on thread main`; for any other
//! `NAME: cannot be read: …`; and at the end `done: 1 read, 1 failed`. A failed file is not a
//! failure of the program: it ends with exit code 0.

use std::any::Any;
use std::io;
use std::panic::{self, AssertUnwindSafe};
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::mpsc::{self, Receiver, Sender, SyncSender};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};

const WORKERS: usize = 2;
const QUEUE: usize = 4;

/// What a worker does; it returns what the main thread is to do next.
type Job = Box<dyn FnOnce() -> Completion + Send>;
type Completion = Box<dyn FnOnce(&mut Pool) + Send>;

struct Pool {
    jobs: SyncSender<Job>,
    completions: Receiver<Completion>,
    workers: Vec<JoinHandle<()>>,
    pending: usize,
    read: usize,
    failed: usize,
}

impl Pool {
    fn new() -> io::Result<Pool> {
        let (jobs, queue) = mpsc::sync_channel(QUEUE);
        let (done, completions) = mpsc::channel();
        let queue = Arc::new(Mutex::new(queue));
        let workers = (0..WORKERS)
            .map(|number| {
                let (queue, done) = (Arc::clone(&queue), done.clone());
                thread::Builder::new()
                    .name(format!("worker-{number}"))
                    .spawn(move || work(&queue, &done))
            })
            .collect::<io::Result<_>>()?;
        Ok(Pool {
            jobs,
            completions,
            workers,
            pending: 0,
            read: 0,
            failed: 0,
        })
    }

    // ANCHOR: submit
    /// Has `job` done by a worker, then `callback` by the main thread.
    fn submit<T: Send + 'static>(
        &mut self,
        job: impl FnOnce() -> T + Send + 'static,
        callback: impl FnOnce(&mut Pool, T) + Send + 'static,
    ) {
        let job: Job = Box::new(move || {
            let result = job();
            Box::new(move |pool| callback(pool, result))
        });
        match self.jobs.send(job) {
            Ok(()) => self.pending += 1,
            // Cannot happen: workers catch panics, and leave only when the pool goes.
            Err(_) => panic!("the workers are gone"),
        }
    }
    // ANCHOR_END: submit

    // ANCHOR: run
    /// Runs callbacks until no job is left.
    fn run(&mut self) {
        while self.pending > 0 {
            let Ok(callback) = self.completions.recv() else {
                panic!("the workers are gone");
            };
            self.pending -= 1;
            callback(self);
        }
    }
    // ANCHOR_END: run

    /// Lets the workers end, and waits for them.
    fn close(self) {
        drop(self.jobs);
        for worker in self.workers {
            if worker.join().is_err() {
                eprintln!("fs: a worker panicked");
            }
        }
    }
}

fn work(queue: &Mutex<Receiver<Job>>, done: &Sender<Completion>) {
    loop {
        // Only one idle worker waits for the channel, the others for the lock.
        let job = queue.lock().unwrap_or_else(PoisonError::into_inner).recv();
        let Ok(job) = job else { return };
        let completion = panic::catch_unwind(AssertUnwindSafe(job)).unwrap_or_else(panicked);
        if done.send(completion).is_err() {
            return;
        }
    }
}

/// A job's panic belongs to whoever asked for the job: it goes on on the main thread.
fn panicked(payload: Box<dyn Any + Send>) -> Completion {
    Box::new(move |_| panic::resume_unwind(payload))
}

// ANCHOR: read
/// Asks for a file's size, then reads it: one callback starts the next job.
fn read(pool: &mut Pool, path: PathBuf) {
    let name = path.file_name().unwrap_or(path.as_os_str());
    let name = name.to_string_lossy().into_owned();
    let failed = |pool: &mut Pool, name: &str, e: io::Error| {
        println!("{name}: cannot be read: {e}");
        pool.failed += 1;
    };
    let file = path.clone();
    pool.submit(
        move || std::fs::metadata(&file).map(|data| data.len()),
        move |pool, size| match size {
            Err(e) => failed(pool, &name, e),
            Ok(size) => {
                println!("{name}: {size} bytes expected");
                pool.submit(
                    move || std::fs::read(&path),
                    move |pool, data| match data {
                        Err(e) => failed(pool, &name, e),
                        Ok(data) => {
                            let lines = data.split_inclusive(|&byte| byte == b'\n').count();
                            let thread = thread::current();
                            println!(
                                "{name}: {} bytes read, {lines} lines, on thread {}",
                                data.len(),
                                thread.name().unwrap_or("without a name")
                            );
                            pool.read += 1;
                        }
                    },
                );
            }
        },
    );
}
// ANCHOR_END: read

fn main() -> ExitCode {
    let mut files: Vec<PathBuf> = std::env::args_os().skip(1).map(PathBuf::from).collect();
    if files.is_empty() {
        let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("examples");
        files = vec![folder.join("test.txt"), folder.join("no-such-file.txt")];
    }
    let mut pool = match Pool::new() {
        Ok(pool) => pool,
        Err(e) => {
            eprintln!("fs: cannot start a thread: {e}");
            return ExitCode::FAILURE;
        }
    };
    for file in files {
        read(&mut pool, file);
    }
    pool.run();
    println!("done: {} read, {} failed", pool.read, pool.failed);
    pool.close();
    ExitCode::SUCCESS
}
