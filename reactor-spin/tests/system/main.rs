//! `sim::replace_system!`: what asks the system for time and chance is answered by the simulation. A binary of its own, since
//! the macro acts on all of it.
#![cfg(all(
    any(target_os = "linux", target_os = "macos"),
    any(target_arch = "x86_64", target_arch = "aarch64")
))]
// Those that the macro brings along are not this text's.
#![deny(unsafe_code)]

mod learned;
mod machine;
#[cfg(not(target_feature = "crt-static"))]
mod network;
/// The C library's own, for which no crate has a name without `unsafe`.
#[allow(unsafe_code)]
mod c {
    // SAFETY: these are the signatures of `<unistd.h>`, `<stdlib.h>` and `<sys/random.h>`.
    unsafe extern "C" {
        pub(crate) safe fn sleep(seconds: u32) -> u32;
        pub(crate) safe fn usleep(micros: u32) -> i32;
        pub(crate) safe fn arc4random() -> u32;
        pub(crate) safe fn arc4random_uniform(bound: u32) -> u32;
        #[cfg(target_os = "linux")]
        fn getrandom(memory: *mut u8, len: usize, flags: u32) -> isize;
    }

    /// The processor's own counter.
    #[cfg(target_arch = "x86_64")]
    pub(crate) fn ticks() -> u64 {
        // SAFETY: no system that these tests are for forbids it.
        unsafe { core::arch::x86_64::_rdtsc() }
    }

    #[cfg(target_os = "linux")]
    pub(crate) fn random(flags: u32) -> [u8; 8] {
        let mut bytes = [0; 8];
        // SAFETY: these are so many bytes.
        let got = unsafe { getrandom(bytes.as_mut_ptr(), bytes.len(), flags) };
        assert_eq!(got, 8);
        bytes
    }
}
mod polliwog {
    pub(crate) use polliwog_core::*;
    pub(crate) use polliwog_spin::sim;
}

use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::process::{Command, Stdio};
use std::sync::{Arc, Condvar, Mutex, mpsc};
use std::thread;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use polliwog::sim::{self, Builder, Failure, Reason, Report, Simulation};
use polliwog::time::sleep;
use polliwog::yield_now;
use rand::Rng as _;

sim::replace_system!();

/// What a row of crates gets of the system, by name.
type Answers = Vec<(&'static str, String)>;

/// Chance, in all ways that there are to ask for it.
fn chance() -> Answers {
    let mut bytes = [[0; 21]; 4];
    getrandom_02::getrandom(&mut bytes[0]).unwrap();
    getrandom_03::fill(&mut bytes[1]).unwrap();
    getrandom_04::fill(&mut bytes[2]).unwrap();
    rand::rng().fill(&mut bytes[3][..]);
    let table: HashMap<u32, ()> = (0..50).map(|key| (key, ())).collect();
    let order: Vec<u32> = table.into_keys().collect();
    vec![
        ("getrandom 0.2", format!("{:?}", bytes[0])),
        ("getrandom 0.3", format!("{:?}", bytes[1])),
        ("getrandom 0.4", format!("{:?}", bytes[2])),
        ("rand::rng()", format!("{:?}", bytes[3])),
        // `GRND_NONBLOCK`, `GRND_RANDOM`.
        #[cfg(target_os = "linux")]
        ("getrandom", format!("{:?}", [1, 2].map(c::random))),
        ("arc4random", c::arc4random().to_string()),
        (
            "arc4random_uniform",
            c::arc4random_uniform(u32::MAX).to_string(),
        ),
        ("keys", RandomState::new().hash_one("frog").to_string()),
        ("order of a table", format!("{order:?}")),
        ("uuid v4", uuid::Uuid::new_v4().to_string()),
    ]
}

fn time() -> Answers {
    let since_1970 = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    vec![
        ("SystemTime", format!("{since_1970:?}")),
        ("Instant", format!("{:?}", Instant::now())),
        ("chrono", format!("{:?}", chrono::Utc::now())),
    ]
}

/// What a host is told, before and after a sleep, and again after a crash.
fn on_a_host(builder: Builder) -> (Result<Report, Failure>, Answers) {
    let told = Arc::new(Mutex::new(Vec::new()));
    let answers = told.clone();
    let mut simulation = builder.build();
    simulation.host("frog", move || {
        let answers = answers.clone();
        async move {
            loop {
                answers.lock().unwrap().extend(chance());
                answers.lock().unwrap().extend(time());
                // Not `now_v7`, whose counter is one for the whole process.
                let now = uuid::Timestamp::now(uuid::NoContext);
                let v7 = uuid::Uuid::new_v7(now).to_string();
                answers.lock().unwrap().push(("uuid v7", v7));
                sleep(Duration::from_millis(1234)).await;
            }
        }
    });
    simulation.client("hand", async {
        sleep(Duration::from_secs(3)).await;
        sim::control().restart("frog");
        sleep(Duration::from_secs(2)).await;
    });
    let result = simulation.run();
    drop(simulation);
    let answers = Arc::into_inner(told).unwrap().into_inner().unwrap();
    (result, answers)
}

fn isolated(seed: u64) -> Answers {
    sim::isolated(seed, || {
        let (result, answers) = on_a_host(Simulation::builder(seed));
        result.unwrap();
        answers
    })
}

#[test]
fn a_host_gets_what_the_seed_says() {
    let first = isolated(7);
    assert_eq!(first, isolated(7));
    for ((name, one), (_, other)) in first.iter().zip(isolated(8)) {
        let is_chance = !matches!(*name, "SystemTime" | "Instant" | "chrono");
        assert_eq!(*one != other, is_chance, "{name}: {one}");
    }
    assert!(first.len() > 40, "{first:?}");
}

#[test]
fn nothing_is_told_twice() {
    let mut chance: Answers = isolated(7);
    let all = chance.len();
    chance.sort();
    chance.dedup();
    assert_eq!(chance.len(), all, "{chance:?}");
}

#[test]
fn what_was_asked_before_does_not_matter() {
    // This thread has keys and a generator already, which are the system's.
    chance();
    let before = isolated(7);
    chance();
    assert_eq!(before, isolated(7));
}

#[test]
fn many_at_once_are_the_same_as_one() {
    let alone: Vec<Answers> = (0..8).map(isolated).collect();
    let found: Mutex<Vec<(u64, Answers)>> = Mutex::default();
    let exploration = sim::explore(0..8, 3, |builder| {
        let seed = builder.seed();
        // Else each third one is run by another strategy.
        let builder = builder.strategy(sim::Strategy::Uniform);
        let (result, answers) = on_a_host(builder);
        found.lock().unwrap().push((seed, answers));
        result
    });
    assert!(exploration.found.is_none());
    let mut found = found.into_inner().unwrap();
    found.sort();
    let found: Vec<Answers> = found.into_iter().map(|(_, answers)| answers).collect();
    assert_eq!(found, alone);
}

#[test]
fn chance_within_a_bound_is_below_it() {
    for bound in [1, 2, 6, 1000, (1 << 31) + 1] {
        let mut by_chance = (0..100).map(|_| c::arc4random_uniform(bound));
        assert!(by_chance.all(|number| number < bound), "{bound}");
    }
    assert_eq!(c::arc4random_uniform(0), 0);
    let dice: std::collections::BTreeSet<u32> =
        sim::isolated(7, || (0..100).map(|_| c::arc4random_uniform(6)).collect());
    assert_eq!(dice, (0..6).collect());
}

/// What [`sim::check`] finds without the macro: see its documentation.
#[test]
fn a_program_that_depends_on_the_system_is_repeatable() {
    for seed in 0..20 {
        sim::check(seed, |builder| {
            let mut simulation = builder.build();
            simulation.client("sleeper", async {
                let nanos = RandomState::new().hash_one("frog") % 1_000_000;
                sleep(Duration::from_nanos(nanos)).await;
                let nanos = rand::rng().random_range(0..1_000_000);
                sleep(Duration::from_nanos(nanos)).await;
            });
            simulation.run()
        })
        .unwrap();
    }
}

/// Chance is the seed's from the beginning, since what is kept for a thread may be asked for before a host runs.
#[test]
fn a_test_gets_the_chance_of_its_seed_and_the_real_time() {
    let ask = || (chance(), SystemTime::now());
    let ((one, then), (other, now)) = (sim::isolated(7, ask), sim::isolated(7, ask));
    assert_eq!(one, other);
    assert_ne!(one, sim::isolated(8, chance));
    assert!(is_real(then) && is_real(now));
}

#[test]
fn time_is_the_hosts() {
    let mut simulation = Simulation::new(7);
    simulation.host("frog", || async {
        let (wall, steady) = (SystemTime::now(), Instant::now());
        assert_eq!(wall, sim::system_time());
        sleep(Duration::from_secs(100)).await;
        assert_eq!(steady.elapsed(), Duration::from_secs(100));
        // Somebody has set its clock.
        let forward = Duration::from_secs(3600 + 100);
        assert_eq!(SystemTime::now(), wall + forward);
        assert_eq!(SystemTime::now(), sim::system_time());
    });
    simulation.client("hand", async {
        sleep(Duration::from_secs(1)).await;
        sim::control().clock_forward("frog", Duration::from_secs(3600));
        sleep(Duration::from_secs(200)).await;
    });
    simulation.run().unwrap();
}

fn is_real(time: SystemTime) -> bool {
    // A file's time is the kernel's.
    let path = std::env::temp_dir().join(format!("polliwog-system-{:?}", thread::current().id()));
    std::fs::write(&path, "").unwrap();
    let kernel = std::fs::metadata(&path).unwrap().modified().unwrap();
    std::fs::remove_file(&path).unwrap();
    kernel.duration_since(time).unwrap_or_default() < Duration::from_secs(24 * 3600)
        && time.duration_since(kernel).unwrap_or_default() < Duration::from_secs(24 * 3600)
}

#[test]
fn elsewhere_it_is_the_system() {
    assert!(is_real(SystemTime::now()));
    let utc = chrono::Utc::now();
    assert!(is_real(utc.into()));
    let before = Instant::now();
    thread::sleep(Duration::from_millis(2));
    assert!(before.elapsed() >= Duration::from_millis(2));
    let ask = || thread::spawn(chance).join().unwrap();
    for ((name, one), (_, other)) in ask().into_iter().zip(ask()) {
        assert_ne!(one, other, "{name}");
    }
    // A thread that a host's program starts is on no host.
    let mut simulation = Simulation::new(7);
    simulation.client("frog", async {
        let now = thread::spawn(SystemTime::now).join().unwrap();
        assert!(is_real(now));
    });
    simulation.run().unwrap();
}

/// Others ask the kernel in the same way, and errors come back.
#[test]
fn other_calls_are_the_kernels() {
    let error = std::fs::File::open("/no/such/file").unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::NotFound);
    // The standard library's locks wait by `syscall`, six arguments of it.
    let (sender, receiver) = std::sync::mpsc::channel::<()>();
    let waited = receiver.recv_timeout(Duration::from_millis(1));
    assert_eq!(waited, Err(std::sync::mpsc::RecvTimeoutError::Timeout));
    let waiting = thread::spawn(move || receiver.recv());
    sender.send(()).unwrap();
    assert_eq!(waiting.join().unwrap(), Ok(()));
}

/// A way to block a thread for a while, by name. It panics if it ends otherwise.
type Wait = (&'static str, fn(Duration));

/// Those of the standard library.
const WAITS: [Wait; 5] = [
    ("sleep", thread::sleep),
    ("park_timeout", thread::park_timeout),
    ("wait_timeout", |limit| {
        let flag = Mutex::new(());
        let waited = Condvar::new().wait_timeout(flag.lock().unwrap(), limit);
        assert!(waited.unwrap().1.timed_out());
    }),
    ("wait_timeout_while", |limit| {
        let flag = Mutex::new(());
        let waited = Condvar::new().wait_timeout_while(flag.lock().unwrap(), limit, |()| true);
        assert!(waited.unwrap().1.timed_out());
    }),
    ("recv_timeout", |limit| {
        let (_sender, receiver) = mpsc::channel::<()>();
        let timeout = Err(mpsc::RecvTimeoutError::Timeout);
        assert_eq!(receiver.recv_timeout(limit), timeout);
    }),
];

/// `wait_timeout_while` asks once more when its time is over to the nanosecond, which takes one more.
fn is_about(passed: Duration, expected: Duration) -> bool {
    (expected..expected + Duration::from_nanos(10)).contains(&passed)
}

#[test]
fn a_wait_takes_virtual_time() {
    for (name, wait) in WAITS {
        let mut simulation = Simulation::new(7);
        let limit = Duration::from_secs(1000);
        simulation.client("frog", async move {
            let (wall, steady) = (SystemTime::now(), Instant::now());
            let timer = polliwog::spawn(sleep(Duration::from_millis(1))).unwrap();
            // So that the timer is there.
            yield_now().await;
            for round in 1..=3 {
                wait(limit);
                assert!(is_about(steady.elapsed(), limit * round), "{name}");
                assert!(is_about(wall.elapsed().unwrap(), limit * round), "{name}");
            }
            // Nothing else has gone on.
            assert!(!timer.is_finished(), "{name}");
            timer.await.unwrap();
            assert!(is_about(steady.elapsed(), limit * 3), "{name}");
        });
        simulation.client("newt", async {
            let before = Instant::now();
            sleep(Duration::from_secs(1)).await;
            assert_eq!(before.elapsed(), Duration::from_secs(1));
        });
        let report = simulation.run().unwrap();
        assert!(is_about(report.elapsed, limit * 3), "{name}");
    }
}

#[test]
fn whoever_is_notified_does_not_wait() {
    let limit = Duration::from_secs(1000);
    let mut simulation = Simulation::new(7);
    simulation.client("frog", async move {
        let before = Instant::now();
        thread::current().unpark();
        thread::park_timeout(limit);
        let flag = Mutex::new(false);
        let waited = Condvar::new().wait_timeout_while(flag.lock().unwrap(), limit, |wait| *wait);
        assert!(!waited.unwrap().1.timed_out());
        let (sender, receiver) = mpsc::channel();
        sender.send("croak").unwrap();
        assert_eq!(receiver.recv_timeout(limit), Ok("croak"));
        drop(sender);
        let gone = Err(mpsc::RecvTimeoutError::Disconnected);
        assert_eq!(receiver.recv_timeout(limit), gone);
        thread::sleep(Duration::ZERO);
        assert_eq!(before.elapsed(), Duration::ZERO);
        // What was notified once is no more.
        thread::park_timeout(limit);
        assert_eq!(before.elapsed(), limit);
    });
    simulation.run().unwrap();
}

#[test]
fn waits_of_the_c_library_take_virtual_time() {
    let mut simulation = Simulation::new(7);
    simulation.client("frog", async {
        let before = Instant::now();
        assert_eq!(c::sleep(1000), 0);
        assert_eq!(before.elapsed(), Duration::from_secs(1000));
        assert_eq!(c::usleep(2_500_000), 0);
        assert_eq!(before.elapsed(), Duration::from_micros(1_002_500_000));
    });
    simulation.run().unwrap();
    let before = Instant::now();
    assert_eq!(c::usleep(2000), 0);
    assert!(before.elapsed() >= Duration::from_millis(2));
}

#[test]
fn a_wait_of_a_job_holds_up_nobody_else() {
    let mut simulation = Simulation::new(7);
    simulation.client("frog", async {
        let before = Instant::now();
        let jobs =
            WAITS.map(|(_, wait)| sim::spawn_blocking(move || wait(Duration::from_secs(1000))));
        sleep(Duration::from_secs(1)).await;
        assert_eq!(before.elapsed(), Duration::from_secs(1));
        for job in jobs {
            job.await.unwrap();
        }
        // Each on a thread of its own, as it were, and after a while of the job's own.
        let took = before.elapsed().as_secs();
        assert!((1000..1001).contains(&took), "{took}");
    });
    simulation.run().unwrap();
}

/// More than there is of virtual time.
#[test]
fn a_sleep_without_end_ends_with_time_itself() {
    let mut simulation = Simulation::new(7);
    simulation.client("frog", async {
        let before = Instant::now();
        thread::sleep(Duration::MAX);
        assert!(before.elapsed() > Duration::from_secs(500 * 365 * 24 * 3600));
    });
    let failure = simulation.run().unwrap_err();
    assert!(matches!(failure.reason, Reason::TimeLimit(_)), "{failure}");
}

#[test]
fn waits_are_repeatable() {
    for seed in 0..20 {
        sim::check(seed, |builder| {
            let mut simulation = builder.build();
            for name in ["frog", "newt", "toad"] {
                simulation.client(name, async {
                    for (_, wait) in WAITS {
                        let nanos = rand::rng().random_range(0..1_000_000_000);
                        wait(Duration::from_nanos(nanos));
                        sleep(Duration::from_nanos(nanos / 2)).await;
                        sim::note(format!("{:?}", SystemTime::now()));
                    }
                });
            }
            simulation.run()
        })
        .unwrap();
    }
}

/// What the test below starts.
#[test]
#[ignore = "run by `a_host_does_not_let_a_test_pass_by_ending_it`; ends the program"]
fn a_host_that_ends_the_program() {
    let mut simulation = Simulation::new(7);
    simulation.client("frog", async { std::process::exit(0) });
    _ = simulation.run();
}

/// And this.
#[test]
#[ignore = "run by `a_host_does_not_let_a_test_pass_by_ending_it`; ends the program"]
fn a_test_that_ends_the_program() {
    std::process::exit(7);
}

#[cfg(not(target_feature = "crt-static"))]
#[test]
fn a_host_does_not_let_a_test_pass_by_ending_it() {
    let run = |test| {
        let mut program = Command::new(std::env::current_exe().unwrap());
        program
            .args(["--exact", test, "--ignored"])
            .output()
            .unwrap()
    };
    let ended = run("a_host_that_ends_the_program");
    assert!(!ended.status.success(), "{ended:?}");
    let told = String::from_utf8(ended.stderr).unwrap();
    for name in ["\"frog\"", "\"a_host_that_ends_the_program\"", "`exit(0)`"] {
        assert!(told.contains(name), "{told}");
    }
    let ended = run("a_test_that_ends_the_program");
    assert_eq!(ended.status.code(), Some(7));
}

/// What the test below starts: it waits for a thread that waits for a line of it.
#[test]
#[ignore = "waits for whoever has started it"]
fn a_host_that_waits_for_a_thread() {
    let mut simulation = Simulation::new(7);
    simulation.client("frog", async {
        let (sender, receiver) = mpsc::channel();
        let thread = thread::spawn(move || {
            let mut line = String::new();
            std::io::stdin().read_line(&mut line).unwrap();
            sender.send(line).unwrap();
        });
        let before = Instant::now();
        assert_eq!(receiver.recv().unwrap(), "croak\n");
        assert_eq!(before.elapsed(), Duration::ZERO);
        thread.join().unwrap();
    });
    simulation.run().unwrap();
}

#[test]
fn a_wait_without_limit_is_told() {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "a_host_that_waits_for_a_thread", "--ignored"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = String::new();
    let mut told = BufReader::new(child.stderr.take().unwrap());
    told.read_line(&mut line).unwrap();
    assert!(line.contains("\"frog\""), "{line}");
    assert!(
        line.contains("\"a_host_that_waits_for_a_thread\""),
        "{line}"
    );
    child.stdin.take().unwrap().write_all(b"croak\n").unwrap();
    // Once, and it goes on.
    let mut rest = String::new();
    told.read_to_string(&mut rest).unwrap();
    assert_eq!(rest, "");
    let end = child.wait_with_output().unwrap();
    assert!(end.status.success(), "{end:?}");
}
