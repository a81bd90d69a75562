//! Programs of `examples/` that serve, each asked by clients that other people wrote, and by peers that do
//! what they should not.
#![cfg(unix)]

mod browser;
mod crowds;
mod faults;
mod fetch;
mod mini_redis;
mod reverse_proxy;
#[path = "../../../support/mod.rs"]
mod support;

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::process::{Command, Output};

use support::{PATIENCE, Running, example};

/// A program that says first where it listens.
struct Server {
    program: Running,
    addr: SocketAddr,
}

impl Server {
    #[track_caller]
    fn start(command: &mut Command) -> Self {
        let mut program = Running::start(command);
        let line = program.first_line();
        let addr = line.strip_prefix("listening on ").unwrap_or(&line);
        let addr = addr
            .trim_start_matches("https://")
            .trim_start_matches("http://")
            .trim_end_matches('/');
        let addr = addr
            .parse()
            .unwrap_or_else(|_| panic!("the first line is `{line}`"));
        Server { program, addr }
    }

    /// The files of a folder, by the example `http-server`.
    #[track_caller]
    fn http(root: &Path, options: &[&str]) -> Self {
        let mut command = package("http-server");
        command.args(["--addr", "127.0.0.1:0", "--root"]).arg(root);
        Self::start(command.args(options))
    }

    fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(self.addr).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.set_nodelay(true).unwrap();
        stream
    }

    /// What it answers to these bytes, until it closes.
    fn ask(&self, request: impl AsRef<[u8]>) -> String {
        let mut stream = self.connect();
        stream.write_all(request.as_ref()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    }

    fn curl(&self, options: &[&str], path: &str) -> Output {
        curl(&self.addr, options, path)
    }
}

fn curl(addr: &SocketAddr, options: &[&str], path: &str) -> Output {
    let url = format!("http://{addr}/{path}");
    let mut curl = Command::new("curl");
    curl.args(["-sS", "--max-time", "60"]).args(options);
    curl.arg(url).output().expect("curl")
}

/// The program of another package, which lies beside the folder of the tests. Of such programs `cargo test` may
/// not have built all when this test runs.
fn package(name: &str) -> Command {
    static BUILT: std::sync::Once = std::sync::Once::new();
    let test = std::env::current_exe().unwrap();
    let folder = test.ancestors().nth(2).unwrap();
    BUILT.call_once(|| {
        let built = Command::new(env!("CARGO"))
            .args(["build", "--quiet", "--workspace", "--bins", "--examples"])
            .current_dir(env!("CARGO_MANIFEST_DIR"))
            .env("CARGO_TARGET_DIR", folder.parent().unwrap())
            .status();
        assert!(built.unwrap().success(), "the programs cannot be built");
    });
    let program = folder.join(name);
    assert!(program.is_file(), "there is no {}", program.display());
    Command::new(program)
}

/// A folder that goes away with the test.
struct Folder(std::path::PathBuf);

impl Folder {
    fn new(files: &[(&str, &[u8])]) -> Self {
        use std::sync::atomic::{AtomicUsize, Ordering};
        static COUNT: AtomicUsize = AtomicUsize::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("polliwog-programs-{}-{count}", std::process::id());
        let path = std::env::temp_dir().join(name);
        std::fs::create_dir_all(&path).unwrap();
        for (name, contents) in files {
            std::fs::write(path.join(name), contents).unwrap();
        }
        Folder(path)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}
