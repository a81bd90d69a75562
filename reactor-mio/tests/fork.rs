//! A process with a runtime and pool threads forks, and its child goes on by itself. A program of its
//! own, with one thread beside the pool's.
#![cfg(unix)]

use polliwog_core::time::sleep;
use polliwog_mio::net::{TcpListener, TcpStream};
use polliwog_mio::{Runtime, block_on, blocking, spawn, spawn_blocking};
use std::time::Duration;

/// Runs `f` in a child and returns its exit status; none if it hangs or is killed.
fn in_a_child(f: impl FnOnce()) -> Option<i32> {
    // SAFETY: what the child runs takes no lock that another thread may hold at the fork but the
    // allocator's, which the C library keeps usable. The threads beside are idle.
    let child = unsafe { libc::fork() };
    assert!(child >= 0);
    if child == 0 {
        // SAFETY: plain system calls; a child that hangs is ended by the first.
        unsafe { libc::alarm(60) };
        let done = std::panic::catch_unwind(std::panic::AssertUnwindSafe(f));
        // SAFETY: as above.
        unsafe { libc::_exit(if done.is_ok() { 0 } else { 1 }) };
    }
    let mut status = 0;
    // SAFETY: a place for the answer.
    unsafe { libc::waitpid(child, &mut status, 0) };
    libc::WIFEXITED(status).then(|| libc::WEXITSTATUS(status))
}

/// A connection, a task, a timer and two jobs.
async fn use_all() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let addr = listener.local_addr().unwrap();
    let client = spawn(async move {
        let client = TcpStream::connect(addr).await.unwrap();
        sleep(Duration::from_millis(1)).await;
        client.write_all(b"x").await.unwrap();
    });
    let (server, _) = listener.accept().await.unwrap();
    server.read_exact(&mut [0; 1]).await.unwrap();
    client.unwrap().await.unwrap();
    let inner = spawn_blocking(|| block_on(spawn_blocking(|| 7)).unwrap());
    assert_eq!(inner.await.unwrap(), 7);
}

#[test]
fn a_forked_child_has_a_runtime_and_a_pool_of_its_own() {
    // Before there is a pool.
    assert_eq!(in_a_child(|| block_on(use_all())), Some(0));
    // With threads that the child does not have, idle and busy.
    block_on(use_all());
    let (release, held) = std::sync::mpsc::channel::<()>();
    let busy = spawn_blocking(move || held.recv().is_err());
    blocking::set_max_threads(4);
    assert_eq!(in_a_child(|| block_on(use_all())), Some(0));
    assert_eq!(
        in_a_child(|| Runtime::new().unwrap().block_on(use_all())),
        Some(0)
    );
    // In a child of a child, too.
    let nested = in_a_child(|| {
        block_on(use_all());
        assert_eq!(in_a_child(|| block_on(use_all())), Some(0));
    });
    assert_eq!(nested, Some(0));
    // In the middle of the parent's default runtime, whose selector the child shares: the parent
    // does not notice.
    block_on(async {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let client = TcpStream::connect(listener.local_addr().unwrap())
            .await
            .unwrap();
        let (server, _) = listener.accept().await.unwrap();
        let mut buf = [0; 1];
        let reading = polliwog_core::time::timeout(Duration::from_millis(1), server.read(&mut buf));
        assert!(reading.await.is_err());
        assert_eq!(in_a_child(|| block_on(use_all())), Some(0));
        client.write_all(b"y").await.unwrap();
        assert_eq!(server.read(&mut buf).await.unwrap(), 1);
    });
    drop(release);
    assert!(block_on(busy).unwrap());
    block_on(use_all());
}
