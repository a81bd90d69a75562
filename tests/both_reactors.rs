//! With both reactors on, what is mio's fails on a simulated host at once, says why, and has done nothing.
#![cfg(all(feature = "mio", feature = "sim"))]

use std::future::Future;
use std::io;
use std::sync::atomic::{AtomicBool, Ordering};

use polliwog::sim::Simulation;
use polliwog::{fs, net, signal, spawn_blocking};

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
    for word in ["not mio's", "polliwog::sim::fs", "without feature `mio`"] {
        assert!(failure.contains(word), "{word}: {failure}");
    }
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
