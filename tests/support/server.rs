//! The example servers: starting, asking and stopping them.

use std::fs;
use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::{Finished, PATIENCE, Running, example};

/// What the file server says first.
pub(crate) const PROMPT: &str = "Please enter filename: ";

/// A folder that goes away with the test.
pub(crate) struct Folder(pub(crate) PathBuf);

impl Folder {
    pub(crate) fn new() -> Self {
        static COUNT: AtomicUsize = AtomicUsize::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("polliwog-servers-{}-{count}", std::process::id());
        let path = std::env::temp_dir().join(name);
        fs::create_dir_all(path.join("root/sub")).unwrap();
        Folder(path)
    }

    /// The folder that is served.
    pub(crate) fn root(&self) -> PathBuf {
        self.0.join("root")
    }

    pub(crate) fn write(&self, name: &str, contents: impl AsRef<[u8]>) {
        fs::write(self.root().join(name), contents).unwrap();
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// Bytes that differ at each place.
pub(crate) fn bytes(len: usize) -> Vec<u8> {
    let mut state = 0x2545_f491_4f6c_dd1d_u64;
    (0..len)
        .map(|_| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            state as u8
        })
        .collect()
}

pub(crate) struct Server {
    pub(crate) program: Running,
    pub(crate) addr: SocketAddr,
}

impl Server {
    #[track_caller]
    pub(crate) fn start(command: &mut Command) -> Self {
        let command = command.args(["--addr", "127.0.0.1:0"]);
        let mut program = Running::start(command.env("RUST_LOG", "info"));
        let line = program.first_line();
        let addr = line.strip_prefix("listening on ").map(str::parse);
        let Some(Ok(addr)) = addr else {
            panic!("the first line is `{line}`");
        };
        Server { program, addr }
    }

    #[track_caller]
    pub(crate) fn files(root: &Path, options: &[&str]) -> Self {
        let mut command = example("file-server");
        Self::start(command.arg("--root").arg(root).args(options))
    }

    #[track_caller]
    pub(crate) fn echo(options: &[&str]) -> Self {
        Self::start(example("async-echo").args(options))
    }

    #[track_caller]
    pub(crate) fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(self.addr).expect("a connection");
        // For a server that hangs: the test fails instead of hanging, too.
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.set_write_timeout(Some(PATIENCE)).unwrap();
        stream
    }

    /// Connects and reads the prompt: from now on the client has a seat.
    #[track_caller]
    pub(crate) fn connect_and_wait(&self) -> TcpStream {
        let mut stream = self.connect();
        let mut prompt = [0; PROMPT.len()];
        stream.read_exact(&mut prompt).expect("the prompt");
        assert_eq!(prompt, PROMPT.as_bytes());
        stream
    }

    /// Sends a line, returns what comes back after the prompt.
    #[track_caller]
    pub(crate) fn ask(&self, line: impl AsRef<[u8]>) -> Vec<u8> {
        let mut stream = self.connect_and_wait();
        stream.write_all(line.as_ref()).unwrap();
        read_all(&mut stream).expect("an answer and the end of the stream")
    }

    /// Presses Ctrl-C, and asserts that the server ends as it should.
    #[cfg(unix)]
    #[track_caller]
    pub(crate) fn stop(self) -> Finished {
        self.program.interrupt();
        self.program.finish().success()
    }

    /// Ends the server, which must have been running until now: a test cannot press Ctrl-C for
    /// another program here.
    #[cfg(not(unix))]
    #[track_caller]
    pub(crate) fn stop(self) -> Finished {
        self.program.end()
    }
}

pub(crate) fn read_all(stream: &mut TcpStream) -> io::Result<Vec<u8>> {
    let mut all = Vec::new();
    stream.read_to_end(&mut all)?;
    Ok(all)
}

#[track_caller]
pub(crate) fn assert_refused(answer: &[u8], reason: &str) {
    let answer = String::from_utf8_lossy(answer);
    assert_eq!(answer, format!("error: {reason}\r\n"));
}
