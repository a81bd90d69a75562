//! What the environment sets. It is read once in a process, so each case has one of its own.

use std::path::PathBuf;
use std::process::{Command, Output};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::{env, fs, process, thread};

use polliwog_core::time::{Instant, sleep, timeout};
use polliwog_spin::net::UdpSocket;
use polliwog_spin::sim::{
    self, CHECK_VARIABLE, CONFIG_VARIABLE, COUNT_VARIABLE, Latency, Link, REPLAY_VARIABLE,
    SEED_VARIABLE, Simulation, THREADS_VARIABLE, TIME_LIMIT_VARIABLE, explore, explore_guided,
};

use crate::{millis, secs, text};

/// Says which of the tests here is to do its part.
const CHILD: &str = "POLLIWOG_TESTS_CHILD";

/// A file that goes when it is dropped.
pub(crate) struct File(PathBuf);

impl File {
    pub(crate) fn new(name: &str, text: &str) -> Self {
        let name = format!("polliwog-environment-{}-{name}", process::id());
        let path = env::temp_dir().join(name);
        fs::write(&path, text).unwrap();
        Self(path)
    }

    pub(crate) fn path(&self) -> &str {
        self.0.to_str().unwrap()
    }
}

impl Drop for File {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}

pub(crate) fn is_child() -> bool {
    env::var_os(CHILD).is_some()
}

/// Runs a test of this program alone, with these variables. Whether it has passed, and what it has printed.
pub(crate) fn child(test: &str, variables: &[(&str, &str)]) -> (bool, String) {
    let mut child = Command::new(env::current_exe().unwrap());
    child.args(["--exact", test, "--nocapture"]);
    child.env(CHILD, "1").envs(variables.iter().copied());
    let Output {
        status,
        stdout,
        stderr,
    } = child.output().unwrap();
    let told = String::from_utf8_lossy(&stdout) + String::from_utf8_lossy(&stderr);
    (status.success(), told.into_owned())
}

/// What is in the line that says so.
fn told<'a>(output: &'a str, what: &str) -> &'a str {
    let line = output.lines().find_map(|line| line.split_once(what));
    line.unwrap_or_else(|| panic!("no {what}: {output}"))
        .1
        .trim()
}

#[test]
fn seeds_and_threads() {
    if is_child() {
        for search in [true, false] {
            let seeds = Mutex::new(Vec::new());
            let threads = Mutex::new(Vec::new());
            let test = |builder: sim::Builder| {
                seeds.lock().unwrap().push(builder.seed());
                let thread = thread::current().id();
                if !threads.lock().unwrap().contains(&thread) {
                    threads.lock().unwrap().push(thread);
                }
                // So that all threads have some.
                thread::sleep(millis(5));
                let mut simulation = builder.build();
                simulation.client("frog", async {});
                simulation.run()
            };
            let exploration = match search {
                true => explore(100..103, 1, test),
                false => explore_guided(100..103, 1, test),
            };
            let mut seeds = seeds.into_inner().unwrap();
            seeds.sort_unstable();
            let threads = threads.into_inner().unwrap().len();
            let tried = exploration.tried;
            eprintln!("{search}: {tried} tried, {threads} threads, {seeds:?}");
        }
        return;
    }
    let cases: &[(&[(&str, &str)], &str)] = &[
        (&[], "3 tried, 1 threads, [100, 101, 102]"),
        (&[(COUNT_VARIABLE, "2")], "2 tried, 1 threads, [100, 101]"),
        (&[(SEED_VARIABLE, "7")], "1 tried, 1 threads, [7]"),
        (&[(SEED_VARIABLE, "7..9")], "2 tried, 1 threads, [7, 8]"),
        (
            &[(SEED_VARIABLE, "7"), (COUNT_VARIABLE, "2")],
            "2 tried, 1 threads, [7, 8]",
        ),
        (
            &[(CHECK_VARIABLE, "1"), (COUNT_VARIABLE, "2")],
            "2 tried, 1 threads, [100, 100, 101, 101]",
        ),
    ];
    for (variables, expected) in cases {
        let (passed, output) = child("environment::seeds_and_threads", variables);
        assert!(passed, "{output}");
        assert_eq!(told(&output, "true: "), *expected, "{variables:?}");
        // This one chooses most seeds by itself.
        let guided = told(&output, "false: ");
        let tried = |text: &str| text.split_once(',').unwrap().0.to_string();
        assert_eq!(tried(guided), tried(expected), "{variables:?}");
    }
    let (_, output) = child(
        "environment::seeds_and_threads",
        &[(THREADS_VARIABLE, "3"), (COUNT_VARIABLE, "60")],
    );
    assert!(
        told(&output, "true: ").starts_with("60 tried, 3 threads"),
        "{output}"
    );
}

#[test]
fn the_time_limit() {
    if is_child() {
        let mut simulation = Simulation::builder(1).time_limit(secs(1000)).build();
        simulation.client("sleeper", sleep(secs(10)));
        eprintln!(
            "outcome: {}",
            simulation.run().map_or_else(text, |_| "well".into())
        );
        explore(3..4, 1, |builder| {
            let mut simulation = builder.time_limit(secs(1000)).build();
            simulation.client("sleeper", sleep(secs(10)));
            simulation.run()
        })
        .unwrap();
        return;
    }
    let (passed, output) = child(
        "environment::the_time_limit",
        &[(TIME_LIMIT_VARIABLE, "10.5s")],
    );
    assert!(passed && told(&output, "outcome: ") == "well", "{output}");
    let (passed, output) = child(
        "environment::the_time_limit",
        &[(TIME_LIMIT_VARIABLE, "9.5s")],
    );
    assert!(!passed, "{output}");
    let result = told(&output, "outcome: ");
    assert!(result.contains("the time limit was reached"), "{output}");
    // Whoever repeats it needs the same.
    let command = told(&output, "to repeat it: ");
    let begin = format!("{TIME_LIMIT_VARIABLE}=9.5s {SEED_VARIABLE}=3 ");
    assert!(command.starts_with(&begin), "{output}");
    let command = told(&output, "or with fewer faults: ");
    let begin = format!("{TIME_LIMIT_VARIABLE}=9.5s {REPLAY_VARIABLE}=");
    assert!(command.starts_with(&begin), "{output}");
}

#[test]
fn the_check() {
    if is_child() {
        let runs = AtomicU64::new(0);
        explore(0..10, 1, |builder| {
            let run = runs.fetch_add(1, Ordering::Relaxed);
            let mut simulation = builder.build();
            simulation.client("sleeper", async move {
                sleep(millis(1)).await;
                // From the system, in effect.
                sleep(millis(run)).await;
            });
            simulation.run()
        })
        .unwrap();
        return;
    }
    let (passed, output) = child("environment::the_check", &[]);
    assert!(passed, "{output}");
    let (passed, output) = child("environment::the_check", &[(CHECK_VARIABLE, "0")]);
    assert!(passed, "{output}");
    let (passed, output) = child("environment::the_check", &[(CHECK_VARIABLE, "1")]);
    assert!(!passed, "{output}");
    for part in [
        "two runs of that seed are not the same: ",
        "sleeper",
        "it did not happen again with the same seed",
    ] {
        assert!(output.contains(part), "{part}: {output}");
    }
}

#[test]
fn a_file_with_settings() {
    if is_child() {
        // Only what the file sets is in the place of what the test does.
        let link = Link::new(Latency::fixed(millis(50))).jitter(millis(1));
        let mut simulation = Simulation::builder(1).link(link).build();
        simulation.host("echo", || async {
            let socket = UdpSocket::bind("0.0.0.0:7").await?;
            loop {
                let (_, from) = socket.recv_from(&mut [0; 8]).await?;
                socket.send_to(b"quak", from).await?;
            }
            #[expect(unreachable_code)]
            Ok::<(), polliwog_spin::Error>(())
        });
        simulation.client("test", async {
            let socket = UdpSocket::bind("0.0.0.0:0").await.unwrap();
            let start = Instant::now();
            socket.send_to(b"quak", "echo:7").await.unwrap();
            let mut answer = [0; 8];
            match timeout(secs(10), socket.recv(&mut answer)).await {
                Ok(_) => eprintln!("answer: after {} s", start.elapsed().as_secs()),
                Err(_) => eprintln!("answer: none"),
            }
            let made = sim::fs::File::create("a").await.is_ok();
            eprintln!("made: {made}");
            // By hand it is as the test says.
            sim::control().set_disk_errors("test", 0.0);
            sleep(millis(1)).await;
            let file = sim::fs::File::create("a").await.unwrap();
            let start = Instant::now();
            file.sync_all().await.unwrap();
            eprintln!("synced: after {:?}", start.elapsed());
        });
        simulation.run().unwrap();
        return;
    }
    let run = |text: &str| {
        let file = File::new(&text.len().to_string(), text);
        let (passed, output) = child(
            "environment::a_file_with_settings",
            &[(CONFIG_VARIABLE, file.path())],
        );
        assert!(passed, "{output}");
        ["answer: ", "made: ", "synced: "].map(|what| told(&output, what).to_string())
    };
    let [answer, made, _] = run("");
    assert_eq!((&*answer, &*made), ("after 0 s", "true"));
    let [answer, _, synced] = run("latency = fixed 2s\ndisk_sync_latency = fixed 7ms");
    assert_eq!((&*answer, &*synced), ("after 4 s", "after 7ms"));
    let [answer, made, _] = run("loss = 1 # all of them\ndisk_errors = 1");
    assert_eq!((&*answer, &*made), ("none", "false"));
}

#[test]
fn what_is_wrong_ends_the_test() {
    if is_child() {
        let exploration = explore(0..10, 2, |builder| {
            let mut simulation = builder.build();
            simulation.client("frog", async {});
            simulation.run()
        });
        eprintln!("it goes on: {exploration:?}");
        return;
    }
    let file = File::new("wrong", "jitter = 1ms\n\nlosss = 1\n");
    let path = file.path();
    for (variable, value, error) in [
        (SEED_VARIABLE, "9..7", "there is no seed in that range"),
        (COUNT_VARIABLE, "x", "not a whole number"),
        (
            CONFIG_VARIABLE,
            path,
            "line 3: there is no key losss; there are latency, ",
        ),
        (CONFIG_VARIABLE, "/no/such/file", "No such file"),
        (REPLAY_VARIABLE, "/no/such/file", "No such file"),
        (
            REPLAY_VARIABLE,
            path,
            "the first line is not `seed` and a number",
        ),
        (
            "POLLIWOG_SIM_SEDE",
            "7",
            "there is no such variable; there are POLLIWOG_SIM_SEED, ",
        ),
    ] {
        let (passed, output) = child(
            "environment::what_is_wrong_ends_the_test",
            &[(variable, value)],
        );
        assert!(!passed && !output.contains("it goes on"), "{output}");
        // The text of the system is another one elsewhere.
        if cfg!(unix) || !error.starts_with("No such") {
            let whole = format!("{variable}={value}: {error}");
            assert!(output.contains(&whole), "{whole}: {output}");
        }
    }
}

#[test]
fn no_search() {
    if is_child() {
        for seed in [3, 4] {
            Simulation::new(seed).run().unwrap();
        }
    }
}

#[test]
fn a_test_without_a_search_tells_that_a_run_was_asked_for() {
    for (variable, value) in [(SEED_VARIABLE, "7"), (REPLAY_VARIABLE, "/a file")] {
        let (_, output) = child("environment::no_search", &[(variable, value)]);
        let line = format!(
            "{variable} is for searches: environment::no_search runs a simulation that is in none, with its own seed, 3"
        );
        assert_eq!(output.matches(&line).count(), 1, "{output}");
        assert_eq!(output.matches(" is for searches").count(), 1, "{output}");
    }
    // Those are other seeds, and no one run.
    let (_, output) = child("environment::no_search", &[(SEED_VARIABLE, "7..9")]);
    assert!(!output.contains(" is for searches"), "{output}");
    let (_, output) = child("environment::no_search", &[]);
    assert!(!output.contains(" is for searches"), "{output}");
}
