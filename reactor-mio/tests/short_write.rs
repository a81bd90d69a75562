//! A file that may not grow any further: a program of its own, since the limit is the process's.
#![cfg(target_os = "linux")]

use std::{env, fs, process};

use polliwog_mio::block_on;
use polliwog_mio::fs::File;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// As in the standard library: an error says that no byte was written.
#[test]
fn a_write_that_fits_in_part_returns_how_much_that_was() {
    // A limit also raises a signal, which ends the process unless somebody handles it.
    let seen = std::sync::Arc::new(std::sync::atomic::AtomicBool::new(false));
    signal_hook::flag::register(signal_hook::consts::SIGXFSZ, seen).unwrap();
    let path = env::temp_dir().join(format!("polliwog-short-write-{}", process::id()));
    block_on(async {
        let mut file = File::create(&path).await.unwrap();
        let before = getrlimit(Resource::Fsize);
        let limit = Rlimit {
            current: Some(10_000),
            maximum: before.maximum,
        };
        setrlimit(Resource::Fsize, limit).unwrap();
        assert_eq!(file.write(&[1; 16_000]).await.unwrap(), 10_000);
        assert!(file.write(&[1; 6_000]).await.is_err());
        assert_eq!(fs::metadata(&path).unwrap().len(), 10_000);
        // Now there is room again, and nothing else to be acknowledged.
        setrlimit(Resource::Fsize, before).unwrap();
        file.write_all(&[1; 6_000]).await.unwrap();
        assert_eq!(fs::metadata(&path).unwrap().len(), 16_000);
    });
    fs::remove_file(&path).unwrap();
}
