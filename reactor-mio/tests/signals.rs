//! The signals of Unix. A file of its own: signals are the whole process's.
#![cfg(unix)]

use std::cell::RefCell;
use std::env;
use std::io::ErrorKind;
use std::os::unix::process::ExitStatusExt;
use std::process::Command;
use std::rc::Rc;
use std::sync::{Mutex, PoisonError, mpsc};
use std::task::{Context, Waker};
use std::thread;
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::future::join;
use polliwog_core::time::timeout;
use polliwog_core::yield_now;
use polliwog_mio::signal::unix::{Signal, SignalKind, restore_default, signal};
use polliwog_mio::signal::{ctrl_c, restore_ctrl_c};
use polliwog_mio::{Runtime, block_on, spawn};
use signal_hook::low_level::raise;

/// Longer than anything here takes; only a wait without end comes to it.
const LONG: Duration = Duration::from_secs(30);

/// Held by the test that has children, whose ends are signals, and by the one that counts those.
static CHILDREN: Mutex<()> = Mutex::new(());

/// Whether a signal has come already.
fn has_come(signal: &mut Signal) -> bool {
    let mut cx = Context::from_waker(Waker::noop());
    signal.poll_recv(&mut cx).is_ready()
}

#[test]
fn every_kind_is_a_stream_and_signals_that_nobody_looked_at_are_one() {
    let _alone = CHILDREN.lock().unwrap_or_else(PoisonError::into_inner);
    block_on(async {
        let kinds = [
            SignalKind::alarm(),
            SignalKind::child(),
            SignalKind::hangup(),
            SignalKind::io(),
            SignalKind::pipe(),
            SignalKind::quit(),
            SignalKind::terminate(),
            SignalKind::window_change(),
        ];
        for kind in kinds {
            let mut first = signal(kind).unwrap();
            let mut second = signal(kind).unwrap();
            assert_eq!(first.kind(), kind);
            for _ in 0..2 {
                assert!(!has_come(&mut first) && !has_come(&mut second));
                for _ in 0..1000 {
                    raise(kind.as_raw_value()).unwrap();
                }
                let both = join(first.recv(), second.next());
                let both = timeout(LONG, both).await.expect("a lost signal");
                assert_eq!(both, (Some(()), Some(())));
            }
            // One that came before is not for one that comes late.
            raise(kind.as_raw_value()).unwrap();
            let mut late = signal(kind).unwrap();
            assert!(has_come(&mut first) && has_come(&mut second));
            assert!(!has_come(&mut late));
            drop((first, second));
            raise(kind.as_raw_value()).unwrap();
            timeout(LONG, late.recv()).await.unwrap().unwrap();
        }
    });
}

#[test]
fn who_reads_for_another_wakes_it() {
    block_on(async {
        let (one, other) = (SignalKind::user_defined1(), SignalKind::user_defined2());
        let log = Rc::new(RefCell::new(Vec::new()));
        let listen = |kind, count| {
            let log = log.clone();
            let mut signal = signal(kind).unwrap();
            let task = async move {
                for _ in 0..count {
                    signal.recv().await.unwrap();
                    log.borrow_mut().push(kind);
                }
            };
            spawn(task).ok().unwrap()
        };
        let tasks = [listen(one, 2), listen(other, 1), listen(other, 1)];
        yield_now().await;
        // Two at once; then whoever is polled first finds both.
        raise(one.as_raw_value()).unwrap();
        raise(other.as_raw_value()).unwrap();
        let [again, second, third] = tasks;
        let both = timeout(LONG, join(second, third)).await;
        let (second, third) = both.expect("a lost signal");
        second.unwrap();
        third.unwrap();
        while log.borrow().len() < 3 {
            yield_now().await;
        }
        raise(one.as_raw_value()).unwrap();
        timeout(LONG, again).await.expect("a lost signal").unwrap();
        let ones = log.borrow().iter().filter(|kind| **kind == one).count();
        assert_eq!((ones, log.borrow().len()), (2, 4));
    });
}

#[cfg(target_os = "linux")]
#[test]
fn every_runtime_hears_of_it_and_real_time_signals_too() {
    const KIND: SignalKind = SignalKind::from_raw(40);
    let (ready, all_ready) = mpsc::channel();
    let threads: Vec<_> = (0..3)
        .map(|_| {
            let ready = ready.clone();
            thread::spawn(move || {
                block_on(async {
                    let mut signal = signal(KIND).unwrap();
                    ready.send(()).unwrap();
                    timeout(LONG, signal.recv()).await.unwrap().unwrap();
                })
            })
        })
        .collect();
    for _ in &threads {
        all_ready.recv().unwrap();
    }
    raise(KIND.as_raw_value()).unwrap();
    for thread in threads {
        thread.join().unwrap();
    }
    let error = restore_default(KIND).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unsupported);
}

#[test]
fn what_cannot_be_listened_to_is_an_error() {
    let outside = signal(SignalKind::hangup()).unwrap_err();
    assert_eq!(outside.kind(), ErrorKind::NotConnected);
    block_on(async {
        for number in [9, 11, 0, -1, 4000] {
            let error = signal(SignalKind::from_raw(number)).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::InvalidInput, "{number}");
        }
    });
    let runtime = Runtime::new().unwrap();
    // One that no other test raises.
    let kind = SignalKind::from_raw(signal_hook::consts::SIGPROF);
    let mut gone = runtime.block_on(async { signal(kind).unwrap() });
    let mut ctrl_c = runtime.enter(ctrl_c);
    block_on(async {
        assert_eq!(gone.recv().await, None);
        assert!((&mut ctrl_c).await.is_err());
    });
    drop(runtime);
    block_on(async {
        assert_eq!(gone.next().await, None);
        let error = ctrl_c.await.unwrap_err();
        assert!(error.to_string().contains("has ended"), "{error}");
    });
}

#[test]
fn listeners_give_back_what_they_took() {
    let runtime = Runtime::new().unwrap();
    runtime.block_on(async {
        let descriptors = || std::fs::read_dir("/dev/fd").unwrap().count();
        // What stays for ever.
        drop(signal(SignalKind::hangup()).unwrap());
        drop(signal(SignalKind::quit()).unwrap());
        let before = descriptors();
        let many: Vec<_> = (0..100)
            .map(|at| match at % 2 {
                0 => signal(SignalKind::hangup()).unwrap(),
                _ => signal(SignalKind::quit()).unwrap(),
            })
            .collect();
        // Others run tests in this process, so no exact number.
        assert!(descriptors() < before + 50);
        drop(many);
    });
}

/// Signals that end the process, in a process of their own: what its tests do there.
fn scene(name: &str) {
    let end = |kind: SignalKind| {
        raise(kind.as_raw_value()).unwrap();
        std::process::exit(7);
    };
    block_on(async {
        match name {
            "interrupt" => {
                let mut press = ctrl_c();
                raise(SignalKind::interrupt().as_raw_value()).unwrap();
                (&mut press).await.unwrap();
                restore_ctrl_c().unwrap();
                end(SignalKind::interrupt());
            }
            "again" => {
                drop(ctrl_c());
                restore_ctrl_c().unwrap();
                let press = ctrl_c();
                raise(SignalKind::interrupt().as_raw_value()).unwrap();
                press.await.unwrap();
                std::process::exit(8);
            }
            "terminate" => {
                let kind = SignalKind::terminate();
                // Not listened to: it is as it was.
                restore_default(kind).unwrap();
                let mut listener = signal(kind).unwrap();
                raise(kind.as_raw_value()).unwrap();
                listener.recv().await.unwrap();
                restore_default(kind).unwrap();
                end(kind);
            }
            "ignored" => {
                // What is ignored by default can still be listened to.
                let kind = SignalKind::window_change();
                let mut listener = signal(kind).unwrap();
                restore_default(kind).unwrap();
                raise(kind.as_raw_value()).unwrap();
                listener.recv().await.unwrap();
                std::process::exit(8);
            }
            _ => panic!("no such scene: {name}"),
        }
    });
}

#[test]
fn there_is_a_way_back_to_the_default() {
    const SCENE: &str = "POLLIWOG_SIGNAL_SCENE";
    if let Ok(name) = env::var(SCENE) {
        return scene(&name);
    }
    let _alone = CHILDREN.lock().unwrap_or_else(PoisonError::into_inner);
    let run = |name: &str| {
        let mut command = Command::new(env::current_exe().unwrap());
        command.args(["--exact", "there_is_a_way_back_to_the_default"]);
        let status = command.env(SCENE, name).status().unwrap();
        (status.code(), status.signal())
    };
    assert_eq!(run("interrupt"), (None, Some(2)));
    assert_eq!(run("terminate"), (None, Some(15)));
    assert_eq!(run("again"), (Some(8), None));
    assert_eq!(run("ignored"), (Some(8), None));
}
