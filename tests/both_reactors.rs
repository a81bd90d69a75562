//! With both reactors on, what is mio's fails on a simulated host and in a test in virtual time at once, says why, and
//! has done nothing.
#![cfg(all(feature = "mio", feature = "sim"))]

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};

use polliwog::sim::Simulation;
use polliwog::time::timeout;
use polliwog::{fs, net, signal, spawn_blocking, spin};
use std::time::Duration;

/// What comes of something of mio's on a simulated host.
fn on_a_host<T>(
    program: impl Future<Output = io::Result<T>> + 'static,
) -> Result<(), polliwog::sim::Failure> {
    let mut simulation = Simulation::new(1);
    simulation.client("client", async move { program.await.map(drop) });
    simulation.run().map(drop)
}

#[track_caller]
fn assert_refused<T>(program: impl Future<Output = io::Result<T>> + 'static) {
    let failure = on_a_host(program).unwrap_err().to_string();
    assert!(failure.contains("client failed: "), "{failure}");
    assert_says_why(&failure);
}

#[track_caller]
fn assert_says_why(failure: &str) {
    for word in ["not mio's", "polliwog::sim::fs", "without feature `mio`"] {
        assert!(failure.contains(word), "{word}: {failure}");
    }
}

/// What comes of something of mio's in a test in virtual time, where a limit of time is over before a thread begins.
#[track_caller]
fn assert_refused_in_a_test<T>(program: impl Future<Output = io::Result<T>>) {
    let limited = timeout(Duration::from_secs(1), program);
    let Ok(Err(error)) = spin::test(1, limited) else {
        panic!("nobody was told");
    };
    assert_eq!(error.kind(), io::ErrorKind::NotConnected, "{error}");
    assert_says_why(&error.to_string());
}

/// It would fail again and again, and the client would be the first to give up.
#[test]
fn a_host_that_uses_mio_is_not_started_again() {
    let minute = Duration::from_secs(60);
    let uses: [fn() -> Pin<Box<dyn Future<Output = io::Result<()>>>>; 2] = [
        || Box::pin(async { net::TcpListener::bind("0.0.0.0:80").await.map(drop) }),
        || Box::pin(async { fs::read("a").await.map(drop) }),
    ];
    for program in uses {
        let builder = Simulation::builder(1).restart_failed("*", "*", minute);
        let mut simulation = builder.build();
        simulation.host("server", move || async move {
            // Whatever becomes of its text.
            program().await.map_err(|_| "no pond")
        });
        simulation.client("client", polliwog::time::sleep(minute));
        let failure = simulation.run().unwrap_err();
        assert_eq!(failure.at, Duration::ZERO, "{failure}");
        let text = failure.to_string();
        assert!(text.contains("server failed: no pond"), "{text}");
        assert!(text.contains("what another reactor has"), "{text}");
    }
    // Others are.
    let builder = Simulation::builder(1).restart_failed("*", "*", minute / 6);
    let mut simulation = builder.build();
    simulation.host("server", || async { Err::<(), _>("no pond") });
    simulation.client("client", polliwog::time::sleep(minute));
    assert!(simulation.run().unwrap().failed.len() > 4);
}

#[test]
fn a_test_in_virtual_time_waits_for_no_thread() {
    static RAN: AtomicBool = AtomicBool::new(false);
    let path = std::env::temp_dir().join(format!("polliwog-hasty-{}", std::process::id()));
    assert_refused_in_a_test(fs::read("Cargo.toml"));
    assert_refused_in_a_test(fs::write(&path, "x"));
    assert!(!path.exists());
    assert_refused_in_a_test(async {
        spawn_blocking(|| RAN.store(true, Ordering::Relaxed)).await?;
        Ok(())
    });
    assert_refused_in_a_test(net::lookup_host("localhost:80"));
    assert_refused_in_a_test(async { polliwog::io::stdin().read(&mut [0; 4]).await });
    assert_refused_in_a_test(net::TcpListener::bind("127.0.0.1:0"));
    assert_refused_in_a_test(async { signal::ctrl_c().await });
    assert_refused_in_a_test(async { polliwog::process::Command::new("true").output().await });
    assert!(!RAN.load(Ordering::Relaxed));
}

/// One that lies in static memory, and one that was made by hand, wait as little.
#[test]
fn whichever_way_an_executor_in_virtual_time_was_made() {
    use polliwog::{Executor, TaskPool, unpark::Flag};
    static POOL: TaskPool<4, 4096> = TaskPool::new();
    static FLAG: Flag = Flag::new();
    let runtime = spin::Runtime::builder().build_in(&POOL, &FLAG).unwrap();
    let error = runtime.block_on(fs::read("Cargo.toml")).unwrap_err();
    assert_says_why(&error.to_string());
    drop(runtime);
    let reactor = spin::SpinReactor::new(spin::VirtualClock::new(), spin::AutoAdvance::new());
    let executor = Executor::new(&POOL, &reactor).unwrap();
    let error = executor.block_on(fs::read("Cargo.toml")).unwrap_err();
    assert_says_why(&error.to_string());
    drop(executor);
    // The same memory, with somebody who waits.
    let reactor = spin::SpinReactor::new(spin::VirtualClock::new(), spin::AutoAdvance::or_wait());
    let executor = Executor::new(&POOL, reactor).unwrap();
    assert!(executor.block_on(fs::read("Cargo.toml")).is_ok());
}

#[test]
fn a_runtime_that_waits_for_threads_has_files_and_jobs() {
    let runtime = spin::Runtime::builder().wait_for_threads(true).build();
    runtime.block_on(async {
        assert_eq!(spawn_blocking(|| 7).await.unwrap(), 7);
        assert!(fs::read("Cargo.toml").await.is_ok());
    });
}

#[test]
fn a_file_is_not_written() {
    let path = std::env::temp_dir().join(format!("polliwog-both-{}", std::process::id()));
    assert_refused(fs::write(path.clone(), "x"));
    assert_refused(fs::File::create(path.clone()));
    assert!(!path.exists());
}

#[test]
fn no_thread_is_started() {
    static RAN: AtomicBool = AtomicBool::new(false);
    assert_refused(async {
        spawn_blocking(|| RAN.store(true, Ordering::Relaxed)).await?;
        Ok(())
    });
    assert_refused(net::lookup_host("localhost:80"));
    assert_refused(async {
        let mut out = polliwog::io::stdout();
        out.write_all(b"x").await?;
        out.flush().await
    });
    assert!(!RAN.load(Ordering::Relaxed));
}

#[test]
fn there_are_no_sockets() {
    assert_refused(net::TcpListener::bind("127.0.0.1:0"));
    assert_refused(net::UdpSocket::bind("127.0.0.1:0"));
    assert_refused(net::TcpStream::connect("localhost:9"));
    assert_refused(async { signal::ctrl_c().await });
    #[cfg(unix)]
    assert_refused(async { polliwog::process::Command::new("true").spawn() });
}

/// What blocks for real may be used for real, and time and tasks are the host's.
#[test]
fn a_runtime_of_its_own_works() {
    on_a_host(async {
        polliwog::time::sleep(std::time::Duration::from_secs(3600)).await;
        assert_eq!(polliwog::spawn(async { 7 })?.await.unwrap(), 7);
        assert_eq!(polliwog::block_on(async { spawn_blocking(|| 7).await })?, 7);
        Ok(())
    })
    .unwrap();
}
