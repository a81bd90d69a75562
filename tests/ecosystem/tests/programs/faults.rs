//! Peers that reset, close one half, stall, trickle, send garbage and urgent bytes, and take all descriptors: each
//! beside good clients, of whom none may notice anything. Nothing but the faulty connection is lost, and nothing
//! of that is left behind. Also a system that gives no threads.

use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use super::support::LARGE_STACKS;
use super::{Folder, PATIENCE, Server, example, package};

const BODY: &str = "a frog in a pond";

/// What is under fire.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Kind {
    Http,
    Redis,
    /// The reverse proxy, in front of the HTTP server.
    Proxy,
    /// The echo server.
    Echo,
}

const KINDS: [Kind; 3] = [Kind::Http, Kind::Redis, Kind::Proxy];

pub(super) struct Target {
    kind: Kind,
    pub(super) server: Arc<Server>,
    before: usize,
    folder: Folder,
    /// What is behind the proxy.
    _upstream: Option<Server>,
}

impl Kind {
    /// A question with a short answer; the connection goes on.
    pub(super) fn question(self) -> &'static [u8] {
        match self {
            Kind::Http | Kind::Proxy => b"GET /hello.txt HTTP/1.1\r\nHost: a\r\n\r\n",
            Kind::Redis => b"*2\r\n$3\r\nGET\r\n$5\r\nhello\r\n",
            Kind::Echo => b"a frog in a pond",
        }
    }

    /// One with an answer that no buffer on the way holds.
    fn large_question(self) -> Vec<u8> {
        match self {
            Kind::Http | Kind::Proxy => b"GET /large HTTP/1.1\r\nHost: a\r\n\r\n".to_vec(),
            Kind::Redis => b"GET large\n".repeat(10_000),
            Kind::Echo => vec![b'x'; 40_000_000],
        }
    }

    /// Reads an answer, which has to be the right one.
    pub(super) fn read_answer(self, stream: &mut TcpStream) -> std::io::Result<()> {
        let mut answer = String::new();
        let (start, end) = match self {
            Kind::Http | Kind::Proxy => ("HTTP/1.1 200 OK\r\n", BODY.to_owned()),
            Kind::Redis => ("$16\r\n", format!("{BODY}\r\n")),
            Kind::Echo => ("", BODY.to_owned()),
        };
        while !answer.ends_with(&end) {
            let mut byte = [0];
            stream.read_exact(&mut byte)?;
            answer.push(byte[0].into());
        }
        assert!(answer.starts_with(start), "{self:?}: {answer}");
        Ok(())
    }

    fn start(self) -> Target {
        self.start_with(None, &[])
    }

    /// Starts the server with options of its own, and in a shell that has run a command before if that is said.
    pub(super) fn start_with(self, before: Option<&str>, options: &[&str]) -> Target {
        let large = vec![b'x'; 40_000_000];
        let files = [("hello.txt", BODY.as_bytes()), ("large", &large)];
        let has_files = matches!(self, Kind::Http | Kind::Proxy);
        let folder = Folder::new(if has_files { &files } else { &[] });
        let stall = ["--stall-timeout", "4"];
        let upstream = (self == Kind::Proxy).then(|| Server::http(&folder.0, &stall));
        let mut command = match self {
            Kind::Http => package("http-server"),
            Kind::Redis => example("mini-redis"),
            Kind::Proxy => example("reverse-proxy"),
            Kind::Echo => example("async-echo"),
        };
        if self == Kind::Http {
            command.args(stall).arg("--root").arg(&folder.0);
        }
        if let Some(upstream) = &upstream {
            command.args(["--upstream", &upstream.addr.to_string()]);
        }
        command.args(["--addr", "127.0.0.1:0"]).args(options);
        if let Some(before) = before {
            let mut limited = Command::new("sh");
            let script = format!("{before}; exec \"$0\" \"$@\"");
            limited.args(["-c", &script]).arg(command.get_program());
            limited.args(command.get_args());
            command = limited;
        }
        let server = Server::start(command.env(LARGE_STACKS.0, LARGE_STACKS.1));
        if self == Kind::Redis {
            let value = "x".repeat(10_000);
            let mut stream = server.connect();
            write!(stream, "SET large {value}\nSET hello 1\n").unwrap();
            let set = format!("*3\r\n$3\r\nSET\r\n$5\r\nhello\r\n$16\r\n{BODY}\r\nQUIT\r\n");
            stream.write_all(set.as_bytes()).unwrap();
            stream.read_to_end(&mut Vec::new()).unwrap();
        }
        let kind = self;
        let server = Arc::new(server);
        let mut target = Target {
            kind,
            server,
            before: 0,
            folder,
            _upstream: upstream,
        };
        // What it needs for its first client it keeps.
        target.is_well();
        thread::sleep(Duration::from_millis(50));
        target.before = target.descriptors();
        target
    }
}

/// Good clients, who go on asking: one over one connection, one over a new one each time.
pub(super) struct Witness {
    stop: Arc<AtomicBool>,
    threads: Vec<JoinHandle<u64>>,
}

impl Witness {
    /// Ends it, and asserts that all of its questions were answered.
    pub(super) fn check_out(self) {
        self.stop.store(true, Ordering::SeqCst);
        for thread in self.threads {
            assert!(thread.join().expect("nobody is disturbed") > 0);
        }
    }
}

impl Target {
    pub(super) fn witness(&self) -> Witness {
        let stop = Arc::new(AtomicBool::new(false));
        let threads = [false, true].map(|anew| {
            let (server, kind, stop) = (Arc::clone(&self.server), self.kind, Arc::clone(&stop));
            thread::spawn(move || {
                let mut stream = server.connect();
                let mut count = 0;
                while !stop.load(Ordering::SeqCst) || count == 0 {
                    if anew {
                        stream = server.connect();
                    }
                    stream.write_all(kind.question()).unwrap();
                    kind.read_answer(&mut stream).unwrap();
                    count += 1;
                    thread::sleep(Duration::from_millis(1));
                }
                count
            })
        });
        let threads = threads.into();
        Witness { stop, threads }
    }

    /// Asserts that it answers somebody new.
    #[track_caller]
    fn is_well(&self) {
        let mut stream = self.server.connect();
        stream.write_all(self.kind.question()).unwrap();
        self.kind.read_answer(&mut stream).unwrap();
    }

    /// How many descriptors the server has open, where the system tells.
    fn descriptors(&self) -> usize {
        let folder = format!("/proc/{}/fd", self.server.program.id());
        std::fs::read_dir(folder).map_or(0, Iterator::count)
    }

    /// How much memory the server has in use, where the system tells.
    pub(super) fn memory(&self) -> Option<usize> {
        let path = format!("/proc/{}/statm", self.server.program.id());
        let pages = std::fs::read_to_string(path).ok()?;
        let resident: usize = pages.split(' ').nth(1)?.parse().ok()?;
        Some(resident * 4096)
    }

    /// Asserts that it is well, and that nothing is left of all who are gone.
    #[track_caller]
    pub(super) fn is_clean(&self) {
        self.is_well();
        let start = Instant::now();
        while self.descriptors() > self.before {
            let now = self.descriptors();
            assert!(
                start.elapsed() < PATIENCE,
                "{now} descriptors instead of {}",
                self.before
            );
            thread::sleep(Duration::from_millis(10));
        }
    }
}

/// Does something to each kind of server while good clients are at work.
fn under_fire(fire: impl Fn(&Target)) {
    for kind in KINDS {
        let target = kind.start();
        let witness = target.witness();
        fire(&target);
        witness.check_out();
        target.is_clean();
    }
}

/// Closes a connection so that the peer gets a reset.
fn reset(stream: TcpStream) {
    let stream = socket2::Socket::from(stream);
    stream.set_linger(Some(Duration::ZERO)).unwrap();
}

/// Reads to the end, whatever kind of end that is.
#[track_caller]
pub(super) fn read_to_any_end(stream: &mut TcpStream) -> Vec<u8> {
    let mut all = Vec::new();
    match stream.read_to_end(&mut all) {
        Ok(_) => {}
        Err(error) if error.kind() == ErrorKind::ConnectionReset => {}
        Err(error) => panic!("after {} bytes: {error}", all.len()),
    }
    all
}

#[test]
fn peers_that_reset() {
    under_fire(|target| {
        let question = target.kind.question();
        let large = target.kind.large_question();
        for round in 0..150 {
            let mut stream = target.server.connect();
            let sent = match round % 3 {
                0 => &question[..round % question.len()],
                1 => question,
                // In the middle of an answer.
                _ => &large,
            };
            stream.write_all(sent).unwrap();
            if round % 6 == 5 {
                stream.read_exact(&mut [0; 1000]).unwrap();
            }
            reset(stream);
        }
    });
}

/// Who says that there is nothing more gets the answer all the same, as `nc -N` does.
#[test]
fn peers_that_close_their_half() {
    under_fire(|target| {
        let question = target.kind.question();
        for _ in 0..50 {
            let mut stream = target.server.connect();
            stream.write_all(question).unwrap();
            stream.shutdown(Shutdown::Write).unwrap();
            target.kind.read_answer(&mut stream).unwrap();
            assert_eq!(read_to_any_end(&mut stream), b"");
        }
        // In the middle of a question there is nothing to answer.
        for end in 0..question.len() {
            let mut stream = target.server.connect();
            stream.write_all(&question[..end]).unwrap();
            stream.shutdown(Shutdown::Write).unwrap();
            let answer = read_to_any_end(&mut stream);
            assert!(!answer.ends_with(BODY.as_bytes()));
        }
    });
}

#[test]
fn peers_that_trickle() {
    under_fire(|target| {
        let clients: Vec<_> = (0..20)
            .map(|_| {
                let (kind, server) = (target.kind, Arc::clone(&target.server));
                thread::spawn(move || {
                    let mut stream = server.connect();
                    for _ in 0..2 {
                        for byte in kind.question() {
                            stream.write_all(&[*byte]).unwrap();
                            thread::sleep(Duration::from_millis(1));
                        }
                        kind.read_answer(&mut stream).unwrap();
                    }
                })
            })
            .collect();
        clients
            .into_iter()
            .for_each(|client| client.join().unwrap());
    });
}

#[test]
fn garbage() {
    under_fire(|target| {
        let mut seed = 1_u64;
        let mut dice = move || {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            (seed >> 40) as usize
        };
        for round in 0..200 {
            let mut bytes: Vec<u8> = (0..dice() % 3000).map(|_| dice() as u8).collect();
            if round % 2 == 0 {
                // It begins well, or nearly.
                let question = target.kind.question();
                bytes.splice(0..0, question[..dice() % question.len()].iter().copied());
            }
            let mut stream = target.server.connect();
            // It may have closed already.
            let _ = stream.write_all(&bytes);
            let _ = stream.shutdown(Shutdown::Write);
            read_to_any_end(&mut stream);
        }
    });
}

/// An urgent byte is no part of what is said, and what comes behind it is heard.
#[test]
fn urgent_bytes() {
    under_fire(|target| {
        let question = target.kind.question();
        for at in 0..question.len() {
            let mut stream = target.server.connect();
            stream.write_all(&question[..at]).unwrap();
            let socket = socket2::SockRef::from(&stream);
            assert_eq!(socket.send_out_of_band(b"!").unwrap(), 1);
            if at % 2 == 0 {
                // So that it is on its way alone.
                thread::sleep(Duration::from_millis(2));
            }
            stream.write_all(&question[at..]).unwrap();
            target.kind.read_answer(&mut stream).unwrap();
        }
    });
}

/// They say nothing, or begin, or ask and do not listen.
#[test]
fn peers_that_stall() {
    under_fire(|target| {
        let question = target.kind.question();
        let large = target.kind.large_question();
        let mut all: Vec<_> = (0..150)
            .map(|round| {
                let mut stream = target.server.connect();
                match round % 3 {
                    0 => {}
                    1 => stream.write_all(&question[..question.len() / 2]).unwrap(),
                    _ => stream.write_all(&large).unwrap(),
                }
                stream
            })
            .collect();
        target.is_well();
        if target.kind != Kind::Redis {
            // These have had their four seconds.
            for (round, stream) in all.iter_mut().enumerate() {
                if round % 3 != 2 {
                    read_to_any_end(stream);
                }
            }
        }
    });
}

/// With all descriptors taken, those who are inside go on, those outside wait, and the server does not spin.
#[test]
fn no_descriptors() {
    for kind in KINDS {
        let target = kind.start_with(Some("ulimit -n 64"), &[]);
        let mut inside = target.server.connect();
        let mut ask = || {
            inside.write_all(kind.question()).unwrap();
            kind.read_answer(&mut inside)
        };
        ask().unwrap();
        let start = Instant::now();
        let before = cpu_time(&target);
        // Connections that want an answer, more than there are descriptors.
        let mut many: Vec<_> = (0..100).map(|_| target.server.connect()).collect();
        for stream in &mut many {
            stream.write_all(kind.question()).unwrap();
        }
        // There are so many that none is left; the numbers begin at zero.
        while before.is_some() && target.descriptors() < 64 {
            assert!(start.elapsed() < PATIENCE, "{}", target.descriptors());
            thread::sleep(Duration::from_millis(1));
        }
        let mut rounds = 0;
        // A file that is to be served needs a descriptor as well: an answer may say that there is none.
        while start.elapsed() < Duration::from_secs(2) {
            if kind == Kind::Redis {
                ask().unwrap();
            }
            rounds += 1;
            thread::sleep(Duration::from_millis(20));
        }
        if let (Some(before), Some(after)) = (before, cpu_time(&target)) {
            // However busy the machine is, it uses less, not more.
            let used = after - before;
            assert!(used < start.elapsed() / 2, "{used:?} in {rounds} rounds");
        }
        // Those who wait get their answer when others leave. The proxy needs another descriptor for each of them,
        // and closes what it cannot pass on; the HTTP server needs one for the file, and says so.
        for mut stream in many {
            match kind {
                Kind::Redis | Kind::Echo => kind.read_answer(&mut stream).unwrap(),
                Kind::Http => stream.read_exact(&mut [0]).unwrap(),
                Kind::Proxy => match stream.read_exact(&mut [0]) {
                    Ok(()) => {}
                    Err(error) => assert_eq!(error.kind(), ErrorKind::UnexpectedEof),
                },
            }
        }
        drop(inside);
        target.is_clean();
    }
}

/// A system that gives a server no more threads, which files need: an address space in which no stack has room.
#[test]
#[cfg(target_os = "linux")]
fn no_threads() {
    let folder = Folder::new(&[("hello.txt", BODY.as_bytes())]);
    let mut command = package("http-server");
    command.args(["--addr", "127.0.0.1:0", "--root"]);
    command.arg(&folder.0).env(LARGE_STACKS.0, LARGE_STACKS.1);
    let server = Server::start(&mut command);
    // No file has been asked for yet, so no thread is there.
    server.program.limit_threads(true);
    let mut stream = server.connect();
    for _ in 0..3 {
        stream.write_all(Kind::Http.question()).unwrap();
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            let mut byte = [0];
            stream.read_exact(&mut byte).unwrap();
            head.push(byte[0].into());
        }
        assert!(head.starts_with("HTTP/1.1 503 "), "{head}");
        let length = head.split("content-length: ").nth(1).unwrap();
        let length = length.split("\r\n").next().unwrap().parse().unwrap();
        stream.read_exact(&mut vec![0; length]).unwrap();
    }
    // When there are threads again, the same connection gets what it asks for.
    server.program.limit_threads(false);
    stream.write_all(Kind::Http.question()).unwrap();
    Kind::Http.read_answer(&mut stream).unwrap();
}

/// Clients in the middle of their files and others that begin have to share few threads: each gets all of it.
#[test]
#[cfg(target_os = "linux")]
fn few_threads_for_all_files() {
    let target = Kind::Http.start();
    // One after the other, so that fewer threads than clients do for them.
    let begun = [(); 8].map(|()| {
        let mut stream = target.server.connect();
        let question = b"GET /large HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";
        stream.write_all(question).unwrap();
        stream.read_exact(&mut [0; 1000]).unwrap();
        stream
    });
    target.server.program.limit_threads(true);
    let threads = target.server.program.status("Threads");
    let witness = target.witness();
    let reading = begun.map(|mut stream| thread::spawn(move || read_to_any_end(&mut stream).len()));
    for reading in reading {
        // The head is shorter than what has been read before.
        let left = reading.join().unwrap();
        assert!(left > 40_000_000 - 1000, "{left} bytes");
    }
    witness.check_out();
    assert!(target.server.program.status("Threads") <= threads);
    target.server.program.limit_threads(false);
    target.is_clean();
}

/// Who needs no threads for what it serves does not miss them: nothing is lost, of those who are there and of
/// those who come.
#[test]
#[cfg(target_os = "linux")]
fn no_threads_for_those_who_need_none() {
    for kind in [Kind::Redis, Kind::Proxy, Kind::Echo] {
        let target = kind.start();
        let threads = target.server.program.status("Threads");
        target.server.program.limit_threads(true);
        let witness = target.witness();
        for _ in 0..50 {
            target.is_well();
        }
        assert_eq!(target.server.program.status("Threads"), threads, "{kind:?}");
        target.server.program.limit_threads(false);
        witness.check_out();
        target.is_clean();
    }
}

/// A file that shrinks, grows or vanishes while it is on its way.
#[test]
fn files_that_change_meanwhile() {
    for kind in [Kind::Http, Kind::Proxy] {
        let target = kind.start();
        let witness = target.witness();
        let path = target.folder.0.join("large");
        let length = std::fs::metadata(&path).unwrap().len();
        let begin = || {
            let mut stream = target.server.connect();
            stream.write_all(&kind.large_question()).unwrap();
            let mut head = String::new();
            while !head.ends_with("\r\n\r\n") {
                let mut byte = [0];
                stream.read_exact(&mut byte).unwrap();
                head.push(byte[0].into());
            }
            assert!(
                head.contains(&format!("content-length: {length}\r\n")),
                "{head}"
            );
            stream
        };
        let file = std::fs::File::options().append(true).open(&path).unwrap();
        // What was announced comes, no more, and the connection goes on.
        let mut stream = begin();
        (&file).write_all(b"more").unwrap();
        stream.read_exact(&mut vec![0; length as usize]).unwrap();
        stream.write_all(kind.question()).unwrap();
        kind.read_answer(&mut stream).unwrap();
        drop(stream);
        file.set_len(length).unwrap();
        // What is missing cannot come: the connection ends.
        let mut stream = begin();
        file.set_len(length / 2).unwrap();
        let got = read_to_any_end(&mut stream).len() as u64;
        assert!(got <= length / 2, "{got} bytes");
        drop(stream);
        file.set_len(length).unwrap();
        // What is open stays.
        let mut stream = begin();
        std::fs::remove_file(&path).unwrap();
        stream.read_exact(&mut vec![0; length as usize]).unwrap();
        drop((stream, file));
        witness.check_out();
        target.is_clean();
    }
}

/// Processor time of the server, where the system tells.
fn cpu_time(target: &Target) -> Option<Duration> {
    let stat = format!("/proc/{}/stat", target.server.program.id());
    let text = std::fs::read_to_string(stat).ok()?;
    // The name in parentheses may hold anything.
    let mut fields = text.rsplit_once(") ")?.1.split(' ').skip(11);
    let mut ticks = || fields.next()?.parse::<u64>().ok();
    // A hundred a second, on every Linux there is.
    Some(Duration::from_millis(10 * (ticks()? + ticks()?)))
}
