//! What the tests share that run programs of this repository as a user would.

// Every test binary has its own copy of this module, and few use all of it.
#![allow(dead_code)]

pub(crate) mod reactor;
pub(crate) mod server;

use std::env::consts::EXE_SUFFIX;
use std::io::Read;
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

/// How long a program may run before a test takes it to hang.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// For the environment of programs whose threads are to be [limited](Running::limit_threads): stacks of 64 megabytes.
pub(crate) const LARGE_STACKS: (&str, &str) = ("RUST_MIN_STACK", "67108864");

/// A command that runs an example of the facade.
///
/// `cargo test` builds the examples into a folder beside the one of the tests' own programs.
pub(crate) fn example(name: &str) -> Command {
    let test = std::env::current_exe().expect("the test's own path");
    let program = test
        .ancestors()
        .nth(2)
        .map(|profile| profile.join("examples").join(format!("{name}{EXE_SUFFIX}")))
        .unwrap_or_else(|| panic!("{} lies in no target folder", test.display()));
    assert!(
        program.is_file(),
        "example `{name}` has not been built: there is no {}. `cargo test` builds it; for one test \
         alone run `cargo build --examples` with the same features and profile first.",
        program.display()
    );
    Command::new(program)
}

/// The repository's file of that name, as it is in the sources.
pub(crate) fn source(path: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(path)
}

/// What a program has left behind.
#[derive(Debug)]
pub(crate) struct Finished {
    pub(crate) status: ExitStatus,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
    pub(crate) took: Duration,
}

impl Finished {
    /// Asserts that the program ended with exit code 0, and shows what it said if not.
    #[track_caller]
    pub(crate) fn success(self) -> Self {
        assert!(self.status.success(), "the program failed: {self:#?}");
        self
    }

    /// The lines of the standard output.
    pub(crate) fn lines(&self) -> Vec<&str> {
        self.stdout.lines().collect()
    }

    /// How many lines of the standard output contain `text`.
    pub(crate) fn count(&self, text: &str) -> usize {
        self.stdout.lines().filter(|l| l.contains(text)).count()
    }
}

/// Runs a program to its end and returns what it printed. One that takes longer than
/// [`PATIENCE`] is killed, and the test fails.
#[track_caller]
pub(crate) fn run(command: &mut Command) -> Finished {
    run_within(command, PATIENCE)
}

/// As [`run`], with another limit of time.
#[track_caller]
pub(crate) fn run_within(command: &mut Command, patience: Duration) -> Finished {
    let mut program = Running::start(command);
    let start = Instant::now();
    loop {
        if let Some(status) = program.child.try_wait().expect("the state of the program") {
            let (stdout, stderr) = program.collect();
            return Finished {
                status,
                stdout,
                stderr,
                took: start.elapsed(),
            };
        }
        if start.elapsed() > patience {
            program.kill();
            let (stdout, stderr) = program.collect();
            panic!(
                "{command:?} did not end within {patience:?} and was killed\n\
                 --- stdout\n{stdout}\n--- stderr\n{stderr}"
            );
        }
        thread::sleep(Duration::from_millis(5));
    }
}

/// A program that runs. It is killed when the test lets go of it, also in a panic, so that none
/// outlives the test.
pub(crate) struct Running {
    child: Child,
    stdout: Output,
    stderr: Output,
}

impl Running {
    /// Starts a program without input, and collects what it prints.
    #[track_caller]
    pub(crate) fn start(command: &mut Command) -> Self {
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap_or_else(|e| panic!("{command:?} does not start: {e}"));
        let stdout = Output::collect(child.stdout.take().expect("a pipe"));
        let stderr = Output::collect(child.stderr.take().expect("a pipe"));
        Running {
            child,
            stdout,
            stderr,
        }
    }

    /// The first line that it prints, as soon as it is there.
    #[track_caller]
    pub(crate) fn first_line(&mut self) -> String {
        let start = Instant::now();
        loop {
            let text = self.stdout.so_far();
            if let Some((line, _)) = text.split_once('\n') {
                return line.to_owned();
            }
            let ended = self.child.try_wait().expect("the state of the program");
            if ended.is_some() || start.elapsed() > PATIENCE {
                self.kill();
                let (stdout, stderr) = self.collect();
                panic!("no line of output: {ended:?}\n{stdout}\n--- stderr\n{stderr}");
            }
            thread::sleep(Duration::from_millis(2));
        }
    }

    /// Its number in the system.
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Waits until it has written `text` to its standard error.
    #[track_caller]
    pub(crate) fn wait_for_record(&mut self, text: &str) {
        let start = Instant::now();
        while !self.stderr.so_far().contains(text) {
            let ended = self.child.try_wait().expect("the state of the program");
            if ended.is_some() || start.elapsed() > PATIENCE {
                self.kill();
                let (_, stderr) = self.collect();
                panic!("nothing about `{text}`: {ended:?}\n--- stderr\n{stderr}");
            }
            thread::sleep(Duration::from_millis(2));
        }
    }

    /// Leaves it no room for the stack of another thread, if it has [`LARGE_STACKS`], but for whatever else it
    /// needs; or takes that limit away.
    #[cfg(target_os = "linux")]
    #[track_caller]
    pub(crate) fn limit_threads(&self, limited: bool) {
        const ROOM: u64 = 48 << 10;
        // It stands still meanwhile: a thread that began in between would take the room for all else.
        self.signal("-STOP");
        let start = Instant::now();
        while !self.is_stopped() {
            assert!(start.elapsed() < PATIENCE, "it does not stop");
            thread::sleep(Duration::from_millis(2));
        }
        let limit = match limited {
            true => ((self.status("VmSize") + ROOM) << 10).to_string(),
            false => "unlimited".to_owned(),
        };
        // The soft limit alone: what is lowered of the other cannot be raised again.
        let option = format!("--as={limit}:");
        let mut prlimit = Command::new("prlimit");
        prlimit.args(["--pid", &self.id().to_string(), &option]);
        assert!(prlimit.status().expect("prlimit, of util-linux").success());
        self.signal("-CONT");
    }

    /// Whether each of its threads has been stopped.
    #[cfg(target_os = "linux")]
    fn is_stopped(&self) -> bool {
        let threads = std::fs::read_dir(format!("/proc/{}/task", self.id())).unwrap();
        threads.flatten().all(|thread| {
            let status = std::fs::read_to_string(thread.path().join("status"));
            // One that has ended meanwhile has none.
            status.map_or(true, |status| status.contains("\nState:\tT"))
        })
    }

    /// A number that the system tells of it; of memory it is kilobytes.
    #[cfg(target_os = "linux")]
    #[track_caller]
    pub(crate) fn status(&self, name: &str) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.id())).unwrap();
        let mut lines = status.lines().filter_map(|line| line.split_once(':'));
        let found = lines.find(|(field, _)| *field == name);
        let (_, value) = found.unwrap_or_else(|| panic!("no {name}: {status}"));
        value.trim().trim_end_matches(" kB").parse().unwrap()
    }

    /// Presses Ctrl-C.
    #[cfg(unix)]
    #[track_caller]
    pub(crate) fn interrupt(&self) {
        self.signal("-INT");
    }

    /// Asks it to end, as a service manager would.
    #[cfg(unix)]
    #[track_caller]
    pub(crate) fn terminate(&self) {
        self.signal("-TERM");
    }

    #[cfg(unix)]
    #[track_caller]
    fn signal(&self, signal: &str) {
        let id = self.child.id().to_string();
        let sent = Command::new("kill").args([signal, &id]).status();
        assert!(sent.expect("the command `kill`").success());
    }

    /// Waits until the program has ended, and returns what it printed.
    #[track_caller]
    pub(crate) fn finish(mut self) -> Finished {
        let start = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait().expect("the state of the program") {
                let (stdout, stderr) = self.collect();
                return Finished {
                    status,
                    stdout,
                    stderr,
                    took: start.elapsed(),
                };
            }
            if start.elapsed() > PATIENCE {
                self.kill();
                let (stdout, stderr) = self.collect();
                panic!("it does not end\n--- stdout\n{stdout}\n--- stderr\n{stderr}");
            }
            thread::sleep(Duration::from_millis(2));
        }
    }

    /// Ends the program, which must be running, and returns what it printed.
    #[track_caller]
    pub(crate) fn end(mut self) -> Finished {
        let start = Instant::now();
        let ended = self.child.try_wait().expect("the state of the program");
        self.kill();
        let (stdout, stderr) = self.collect();
        assert_eq!(ended, None, "{stdout}\n--- stderr\n{stderr}");
        Finished {
            status: self.child.wait().expect("the state of the program"),
            stdout,
            stderr,
            took: start.elapsed(),
        }
    }

    /// Ends the program at once, if it still runs.
    pub(crate) fn kill(&mut self) {
        // Fails only if the program has ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    /// What it has printed: all of it, once it has ended.
    fn collect(&mut self) -> (String, String) {
        (self.stdout.finish(), self.stderr.finish())
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.kill();
    }
}

/// One output stream of a program. A thread empties it, or a program that prints much would wait
/// for ever on a full pipe.
struct Output {
    text: Arc<Mutex<Vec<u8>>>,
    reader: Option<thread::JoinHandle<()>>,
}

impl Output {
    fn collect(mut pipe: impl Read + Send + 'static) -> Self {
        let text = Arc::new(Mutex::new(Vec::new()));
        let copy = Arc::clone(&text);
        let reader = thread::spawn(move || {
            let mut chunk = [0; 4096];
            while let Ok(n @ 1..) = pipe.read(&mut chunk) {
                copy.lock()
                    .expect("no reader panics")
                    .extend_from_slice(&chunk[..n]);
            }
        });
        Output {
            text,
            reader: Some(reader),
        }
    }

    /// Waits for the end of the stream, then returns all of it.
    fn finish(&mut self) -> String {
        if let Some(reader) = self.reader.take() {
            reader.join().expect("no reader panics");
        }
        self.so_far()
    }

    fn so_far(&self) -> String {
        String::from_utf8_lossy(&self.text.lock().expect("no reader panics")).into_owned()
    }
}
