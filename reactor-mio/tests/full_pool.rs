//! A pool that takes no more jobs: an error that loses nothing. A program of its own, since there is
//! one pool for each process.

use std::io::SeekFrom;
use std::sync::mpsc;
use std::task::{Context, Waker};
use std::{env, fs, process};

use polliwog_mio::fs::File;
use polliwog_mio::{block_on, blocking, spawn_blocking};

#[test]
fn a_file_whose_job_is_refused_keeps_what_it_has_read() {
    let path = env::temp_dir().join(format!("polliwog-full-pool-{}", process::id()));
    fs::write(&path, b"0123456789").unwrap();
    blocking::set_max_threads(1);
    block_on(async {
        let mut options = fs::File::options();
        let mut file = File::from_std(options.read(true).write(true).open(&path).unwrap());
        // Given up, so that more is read than is fetched. The pool may be so quick that there is
        // nothing to give up.
        let mut pending = false;
        while !pending {
            file.seek(SeekFrom::Start(0)).await.unwrap();
            let mut buf = [0; 10];
            let mut read = std::pin::pin!(file.read(&mut buf));
            let mut cx = Context::from_waker(Waker::noop());
            pending = read.as_mut().poll(&mut cx).is_pending();
        }
        let mut buf = [0; 4];
        assert_eq!(file.read(&mut buf).await.unwrap(), 4);

        let (release, held) = mpsc::channel::<()>();
        let (started, running) = mpsc::channel();
        let hold = spawn_blocking(move || {
            started.send(()).unwrap();
            let _ = held.recv();
        });
        running.recv().unwrap();
        let mut last = None;
        let refused = loop {
            match blocking::try_spawn_blocking(|| ()) {
                Ok(job) => last = Some(job),
                Err(refused) => break refused,
            }
        };
        assert!(matches!(
            refused.reason,
            blocking::RejectReason::QueueFull(_)
        ));
        for _ in 0..2 {
            let error = file.seek(SeekFrom::Current(2)).await.unwrap_err();
            assert!(error.to_string().contains("waiting"), "{error}");
            let error = file.write(b"x").await.unwrap_err();
            assert!(error.to_string().contains("waiting"), "{error}");
        }
        drop(release);
        hold.await.unwrap();
        last.unwrap().await.unwrap();

        assert_eq!(file.read(&mut buf).await.unwrap(), 4);
        assert_eq!(&buf, b"4567");
        assert_eq!(file.write(b"x").await.unwrap(), 1);
        assert_eq!(file.read(&mut buf).await.unwrap(), 1);
        assert_eq!(&buf[..1], b"9");
    });
    assert_eq!(fs::read(&path).unwrap(), b"01234567x9");
    fs::remove_file(&path).unwrap();
}
