//! The upper bound: a process for each worker, so that they share nothing but the machine.

use std::io::{self, BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use super::{Done, Running, Start, Taken, compared, echo_ours, echo_raw};

/// What a process can be asked to run, by name.
const KINDS: &[(&str, Start)] = &[("polliwog", echo_ours), ("raw", echo_raw)];

/// A process with a worker on a processor of its own.
struct Process {
    child: Child,
    asks: ChildStdin,
    answers: BufReader<ChildStdout>,
}

impl Process {
    fn start(kind: &str, processor: usize) -> Self {
        let program = std::env::current_exe().expect("this program");
        let child = Command::new(program)
            .args(["scaling", kind, &processor.to_string()])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn();
        let mut child = child.expect("a process");
        let asks = child.stdin.take().expect("a pipe");
        let answers = BufReader::new(child.stdout.take().expect("a pipe"));
        let mut process = Self {
            child,
            asks,
            answers,
        };
        assert_eq!(process.line(), "ready");
        process
    }

    fn line(&mut self) -> String {
        let mut line = String::new();
        self.answers.read_line(&mut line).expect("a line");
        line.trim_end().to_owned()
    }

    fn done(&mut self) -> Done {
        let line = self.line();
        let mut numbers = line
            .split(' ')
            .map(|number| number.parse().expect("a number"));
        let mut next = || numbers.next().expect("three numbers");
        Done {
            requests: next(),
            cpu_nanos: next(),
            nanos: next(),
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn measure(kind: &str, count: usize) -> [f64; 3] {
    let mut processes: Vec<_> = (0..count).map(|n| Process::start(kind, n)).collect();
    for process in &mut processes {
        process.asks.write_all(b"measure\n").expect("a reader");
    }
    let done: Vec<_> = processes.iter_mut().map(Process::done).collect();
    let sum = |of: fn(&Done) -> f64| done.iter().map(of).sum::<f64>();
    let all = Done {
        requests: sum(|done| done.requests),
        cpu_nanos: sum(|done| done.cpu_nanos),
        nanos: sum(|done| done.nanos) / count as f64,
    };
    all.figures(count)
}

/// One process, then two.
pub fn processes(kind: &str) -> Taken {
    let [one, two] = [1, 2].map(|count| measure(kind, count));
    compared(one, two)
}

/// What such a process does: it says what it has done when it is asked.
pub fn child(kind: &str, processor: &str) -> Result<(), String> {
    let kind = KINDS.iter().find(|(name, _)| *name == kind);
    let ((_, start), Ok(processor)) = (kind.ok_or("no such kind")?, processor.parse()) else {
        return Err("no such processor".to_owned());
    };
    crate::echo::pin(processor);
    let running = Running::new(*start, 1);
    println!("ready");
    let mut line = String::new();
    while io::stdin().read_line(&mut line).is_ok_and(|n| n > 0) {
        let done = running.measure();
        println!("{} {} {}", done.requests, done.cpu_nanos, done.nanos);
    }
    Ok(())
}
