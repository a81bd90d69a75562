//! What the server tells of its tasks when it is asked by a signal.
#![cfg(all(unix, feature = "trace"))]

use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};

#[test]
fn sigusr1_prints_the_tasks() {
    let mut program = Command::new(env!("CARGO_BIN_EXE_http-server"))
        .args([
            "--addr",
            "127.0.0.1:0",
            "--root",
            env!("CARGO_MANIFEST_DIR"),
        ])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // Once it listens it takes signals.
    let mut line = String::new();
    BufReader::new(program.stdout.take().unwrap())
        .read_line(&mut line)
        .unwrap();
    let process = program.id().to_string();
    assert!(
        Command::new("kill")
            .args(["-USR1", &process])
            .status()
            .unwrap()
            .success()
    );
    let mut said = BufReader::new(program.stderr.take().unwrap())
        .lines()
        .map(Result::unwrap);
    let head = said.next().unwrap();
    let count: usize = head.strip_suffix(" tasks").unwrap().parse().unwrap();
    let tasks: Vec<String> = said.take(count).collect();
    program.kill().unwrap();
    program.wait().unwrap();
    assert!(count >= 3, "{tasks:#?}");
    let places = tasks
        .iter()
        .filter(|task| task.contains("spawned at ") && task.contains("main.rs:"));
    // Those two that it has spawned, and the one that it blocks on.
    assert_eq!(places.count(), 3, "{tasks:#?}");
    assert!(
        tasks.iter().any(|task| task.contains("(block_on): ")),
        "{tasks:#?}"
    );
}
