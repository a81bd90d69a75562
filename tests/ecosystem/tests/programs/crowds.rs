//! Ever so many connections, idle and busy; claims to more memory than there is; and certificates that are wrong. Each
//! beside good clients, of whom none may notice anything, with a count of what was lost.

use std::io::Write;
use std::process::{Command, Output};
use std::thread;

use super::faults::{Kind, read_to_any_end};
use super::{Server, package};

const KINDS: [Kind; 3] = [Kind::Http, Kind::Redis, Kind::Echo];

/// So that the HTTP server waits for idle clients, and has room for all.
fn patient(kind: Kind) -> &'static [&'static str] {
    match kind {
        Kind::Http => &["--stall-timeout", "60", "--max-clients", "20000"],
        _ => &[],
    }
}

/// As many as the test may have descriptors for, beside what other tests need.
fn as_many_as(number: usize) -> usize {
    let limit = Command::new("sh")
        .args(["-c", "ulimit -n"])
        .output()
        .unwrap();
    let limit = String::from_utf8(limit.stdout).unwrap();
    let limit = limit.trim().parse().unwrap_or(usize::MAX);
    number.min(limit / 2)
}

#[test]
fn a_thousand_idle_clients() {
    idle_clients(1000);
}

#[test]
#[ignore = "takes half a minute and twenty thousand descriptors: `cargo test --test programs crowds -- --ignored`"]
fn ten_thousand_idle_clients() {
    idle_clients(10_000);
}

fn idle_clients(number: usize) {
    for kind in KINDS {
        let number = as_many_as(number);
        let target = kind.start_with(None, patient(kind));
        let witness = target.witness();
        let mut idle: Vec<_> = (0..number).map(|_| target.server.connect()).collect();
        // All of them are there, and the last is as good as the first.
        for stream in idle.iter_mut().step_by(100) {
            stream.write_all(kind.question()).unwrap();
            kind.read_answer(stream).unwrap();
        }
        witness.check_out();
        let memory = target.memory().map(|bytes| bytes / number);
        println!("{kind:?}: {number} idle clients, {memory:?} bytes each");
        drop(idle);
        target.is_clean();
    }
}

#[test]
fn three_hundred_busy_clients() {
    busy_clients(300);
}

#[test]
#[ignore = "takes half a minute: `cargo test --test programs crowds -- --ignored`"]
fn two_thousand_busy_clients() {
    busy_clients(2000);
}

fn busy_clients(number: usize) {
    const ROUNDS: usize = 5;
    for kind in KINDS {
        let number = as_many_as(number);
        let target = kind.start_with(None, patient(kind));
        let witness = target.witness();
        let mut busy: Vec<_> = (0..number).map(|_| target.server.connect()).collect();
        let mut answers = 0;
        for _ in 0..ROUNDS {
            // All of them at once.
            for stream in &mut busy {
                stream.write_all(kind.question()).unwrap();
            }
            for stream in &mut busy {
                answers += usize::from(kind.read_answer(stream).is_ok());
            }
        }
        assert_eq!(answers, number * ROUNDS, "{kind:?}");
        witness.check_out();
        drop(busy);
        target.is_clean();
    }
}

/// Clients who announce more than all memory, and who ask for more than they read.
#[test]
fn claims_to_memory() {
    // More than any of them takes, with what the allocator reserves for each thread, and a small part of what is
    // claimed.
    let limit = "ulimit -v 3000000";
    for kind in KINDS {
        let target = kind.start_with(Some(limit), patient(kind));
        let witness = target.witness();
        let mut greedy = Vec::new();
        for _ in 0..50 {
            let mut stream = target.server.connect();
            let claim: &[u8] = match kind {
                Kind::Http => {
                    b"POST /hello.txt HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000000000\r\n\r\nx"
                }
                Kind::Redis => b"*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$536870912\r\nx",
                _ => b"a frog in a pond",
            };
            stream.write_all(claim).unwrap();
            greedy.push(stream);
            // Questions without end, whose answers nobody reads, as long as they are taken.
            let mut stream = target.server.connect();
            stream.set_nonblocking(true).unwrap();
            let question = kind.question().repeat(100);
            let mut taken = 0;
            while let Ok(more) = stream.write(&question) {
                taken += more;
                assert!(taken < 100_000_000, "{kind:?} takes everything");
            }
            greedy.push(stream);
        }
        witness.check_out();
        drop(greedy);
        target.is_clean();
    }
}

const CERTIFICATE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/all/keys/cert.pem");

/// By curl, to whom no certificate is known but that.
fn https(server: &Server, name: &str, options: &[&str]) -> Output {
    let port = server.addr.port();
    let mut curl = Command::new("curl");
    curl.args(["-sS", "--max-time", "60", "--resolve"])
        .arg(format!("{name}:{port}:127.0.0.1"))
        .args(options)
        .arg(format!("https://{name}:{port}/hello.txt"));
    curl.output().expect("curl")
}

/// Clients to whom the certificate is wrong, and others who speak no TLS at all: they lose their own connection. A
/// server with a certificate that is wrong says so and does not start.
#[test]
fn certificates_that_are_wrong() {
    let keys = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/all/keys");
    let folder = super::Folder::new(&[("hello.txt", b"a frog in a pond")]);
    let server = Server::http(&folder.0, &["--tls", keys, "--stall-timeout", "2"]);
    let trusted = ["--cacert", CERTIFICATE];
    let is_well = || {
        let answer = https(&server, "localhost", &trusted);
        let error = String::from_utf8_lossy(&answer.stderr);
        assert_eq!(answer.stdout, b"a frog in a pond", "{error}");
    };
    is_well();
    let mut lost = 0;
    thread::scope(|scope| {
        let witness = scope.spawn(|| (0..5).for_each(|_| is_well()));
        for _ in 0..2 {
            // It is signed by nobody whom this one knows; and it is another one's.
            for (name, options) in [("localhost", &[][..]), ("example.org", &trusted[..])] {
                let answer = https(&server, name, options);
                // "Peer certificate cannot be authenticated with known CA certificates", and its name is another.
                assert_eq!(answer.status.code(), Some(60), "{name}");
                lost += 1;
            }
            let nonsense: [&[u8]; 3] = [
                b"GET / HTTP/1.1\r\n\r\n",
                &[0x16, 3, 1, 0xff, 0xff, 0],
                &[0; 100],
            ];
            let streams = nonsense.map(|nonsense| {
                let mut stream = server.connect();
                // It may be closed in the middle of it.
                let _ = stream.write_all(nonsense);
                stream
            });
            for mut stream in streams {
                assert!(!read_to_any_end(&mut stream).starts_with(b"HTTP"));
                lost += 1;
            }
        }
        witness.join().unwrap();
    });
    assert_eq!(lost, 10);
    is_well();
    // Neither a key without its certificate nor something else in its place.
    let key = std::fs::read(format!("{keys}/key.pem")).unwrap();
    for (cert, key) in [(&b""[..], &key[..]), (b"quak", &key), (&key, b"quak")] {
        let wrong = super::Folder::new(&[("cert.pem", cert), ("key.pem", key)]);
        let mut command = package("http-server");
        command
            .args(["--addr", "127.0.0.1:0", "--tls"])
            .arg(&wrong.0);
        let output = command.output().unwrap();
        assert!(!output.status.success());
        assert!(!output.stderr.is_empty() && !output.stdout.starts_with(b"listening"));
    }
}
