//! tokio that brings its own load: `multi_thread` with so many workers, and a runtime of one thread for each.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use super::{CLIENTS, COUNT_UP, ECHO, FAN, Gauge, Talk, Threads, get, small};
use crate::cluster::traffic::{Locked, count_up_tokio};
use crate::servers::http;

/// A runtime whose workers are on a processor each.
fn runtime(workers: usize) -> tokio::runtime::Runtime {
    let started = AtomicUsize::new(0);
    let mut builder = tokio::runtime::Builder::new_multi_thread();
    builder
        .worker_threads(workers)
        .enable_all()
        .on_thread_start(move || {
            crate::echo::pin(started.fetch_add(1, Ordering::Relaxed) % workers)
        });
    builder.build().expect("threads")
}

/// As many servers and clients as there are workers, each in tasks that run on any of them.
fn run<S, F>(workers: usize, gauge: Arc<Gauge>, talk: Talk, serve: S) -> Box<dyn Send>
where
    S: Fn(TcpStream, u64) -> F + Clone + Send + Sync + 'static,
    F: Future<Output = ()> + Send + 'static,
{
    let runtime = runtime(workers);
    for worker in 0..workers {
        runtime.spawn(one(worker, Arc::clone(&gauge), talk, serve.clone()));
    }
    Box::new(runtime)
}

/// A thread with a runtime for each worker.
fn run_each<S, F>(workers: usize, gauge: Arc<Gauge>, talk: Talk, serve: S) -> Box<dyn Send>
where
    S: Fn(TcpStream, u64) -> F + Clone + Send + Sync + 'static,
    F: Future<Output = ()> + Send + 'static,
{
    Box::new(Threads::start(workers, gauge, move |worker, gauge| {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build();
        runtime.expect("a runtime").block_on(async {
            tokio::spawn(one(worker, Arc::clone(gauge), talk, serve.clone()));
            // It looks for its end now and then, which costs next to nothing.
            while !gauge.has_ended() {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        });
    }))
}

async fn one<S, F>(worker: usize, gauge: Arc<Gauge>, talk: Talk, serve: S)
where
    S: Fn(TcpStream, u64) -> F + Clone + Send + Sync + 'static,
    F: Future<Output = ()> + Send + 'static,
{
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("an address");
    let addr = listener.local_addr().expect("an address");
    for client in 0..CLIENTS {
        let client = worker * CLIENTS + client;
        let stream = TcpStream::connect(addr).await.expect("a connection");
        let (served, _) = listener.accept().await.expect("a connection");
        tokio::spawn(serve(served, client as u64));
        tokio::spawn(ask(stream, talk, Arc::clone(&gauge), client));
    }
}

async fn ask(mut stream: TcpStream, talk: Talk, gauge: Arc<Gauge>, client: usize) {
    stream.set_nodelay(true).expect("an option");
    let mut buf = vec![0; talk.answer];
    while stream.write_all(talk.request).await.is_ok() && stream.read_exact(&mut buf).await.is_ok()
    {
        gauge.count(client, 1);
    }
}

async fn echo(mut stream: TcpStream, _: u64) {
    let mut buf = [0; 512];
    while let Ok(n @ 1..) = stream.read(&mut buf).await {
        if stream.write_all(&buf[..n]).await.is_err() {
            return;
        }
    }
}

async fn serve_http(stream: TcpStream, _: u64) {
    let _ = stream.set_nodelay(true);
    let io = hyper_util::rt::TokioIo::new(stream);
    http::one_with_timer(io, hyper_util::rt::TokioTimer::new()).await;
}

pub fn echo_tokio(workers: usize, gauge: Arc<Gauge>) -> Box<dyn Send> {
    run(workers, gauge, ECHO, echo)
}

pub fn echo_tokio_each(workers: usize, gauge: Arc<Gauge>) -> Box<dyn Send> {
    run_each(workers, gauge, ECHO, echo)
}

pub fn http_tokio(workers: usize, gauge: Arc<Gauge>) -> Box<dyn Send> {
    run(workers, gauge, get(), serve_http)
}

pub fn http_tokio_each(workers: usize, gauge: Arc<Gauge>) -> Box<dyn Send> {
    run_each(workers, gauge, get(), serve_http)
}

pub fn store_tokio(workers: usize, gauge: Arc<Gauge>) -> Box<dyn Send> {
    let store = Locked::default();
    let serve = move |stream, client| count_up_tokio(stream, client, store.clone());
    run(workers, gauge, COUNT_UP, serve)
}

pub fn store_tokio_each(workers: usize, gauge: Arc<Gauge>) -> Box<dyn Send> {
    let store = Locked::default();
    let serve = move |stream, client| count_up_tokio(stream, client, store.clone());
    run_each(workers, gauge, COUNT_UP, serve)
}

/// Tasks that spawn many and wait for all of them.
pub fn fan_out_tokio(workers: usize, gauge: Arc<Gauge>) -> Box<dyn Send> {
    let runtime = runtime(workers);
    for client in 0..workers * CLIENTS {
        let gauge = Arc::clone(&gauge);
        runtime.spawn(async move {
            loop {
                for task in [(); FAN].map(|()| tokio::spawn(async { small() })) {
                    // Where the runtime ends, there is nobody to count for.
                    if task.await.is_err() {
                        return;
                    }
                }
                gauge.count(client, FAN as u64);
            }
        });
    }
    Box::new(runtime)
}
