//! Runs the examples of input, output and other programs as a user would, and checks what they print.
#![cfg(feature = "mio")]

mod support;

use std::io::{BufRead, BufReader, Read};
use std::process::Stdio;

use support::{example, run};

#[test]
fn process_pipes_talks_to_workers_and_ends_a_lazy_one() {
    let out = run(&mut example("process-pipes")).success();
    let mut lines = out.lines();
    assert_eq!(lines.pop(), Some("the lazy worker: killed"), "{out:#?}");
    lines.sort();
    let answers = |number| {
        format!("worker {number}: 1000 answers, the last one is \"QUAK 1000\", exit code 0")
    };
    assert_eq!(lines, [1, 2, 3].map(answers));
}

/// While nobody reads, another task has its turns.
#[test]
fn println_prints_without_blocking() {
    let mut command = example("println");
    command
        .arg("20000")
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let mut errors = BufReader::new(child.stderr.take().unwrap());
    for n in 1..=3 {
        let mut line = String::new();
        errors.read_line(&mut line).unwrap();
        assert_eq!(line, format!("tick {n}\n"));
    }
    let mut text = String::new();
    child
        .stdout
        .take()
        .unwrap()
        .read_to_string(&mut text)
        .unwrap();
    let expected: String = (1..=20_000)
        .map(|n| format!("line {n} of 20000: quak\n"))
        .collect();
    assert!(text == expected);
    let mut rest = String::new();
    errors.read_to_string(&mut rest).unwrap();
    let last = rest.lines().last().unwrap();
    assert!(last.starts_with("20000 lines, "), "{last}");
    assert!(child.wait().unwrap().success());
}

#[test]
fn println_ends_when_its_reader_does() {
    let mut command = example("println");
    command
        .arg("1000000")
        .stdout(Stdio::piped())
        .stderr(Stdio::null());
    let mut child = command.spawn().unwrap();
    let mut line = String::new();
    let mut out = BufReader::new(child.stdout.take().unwrap());
    out.read_line(&mut line).unwrap();
    assert_eq!(line, "line 1 of 1000000: quak\n");
    drop(out);
    assert!(child.wait().unwrap().success());
}
