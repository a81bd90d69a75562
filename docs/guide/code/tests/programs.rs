//! The servers of the guide, each step of them, by clients.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use std::{fs, thread};

/// A program that runs, and is killed with the test.
struct Server {
    child: Child,
    addr: SocketAddr,
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Server {
    fn start(name: &str, arguments: &[&str]) -> Self {
        let test = std::env::current_exe().expect("the test's own path");
        let folder = test.ancestors().nth(2).expect("a target folder");
        let mut child =
            Command::new(folder.join(format!("{name}{}", std::env::consts::EXE_SUFFIX)))
                .args(arguments)
                .stdout(Stdio::piped())
                .stderr(Stdio::null())
                .spawn()
                .unwrap_or_else(|error| panic!("{name}: {error}"));
        let mut line = String::new();
        let stdout = child.stdout.as_mut().expect("a pipe");
        BufReader::new(stdout).read_line(&mut line).expect("a line");
        let addr = line.trim().strip_prefix("listening on ").map(str::parse);
        match addr {
            Some(Ok(addr)) => Self { child, addr },
            _ => panic!("{name}: the first line is {line:?}"),
        }
    }

    fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(self.addr).expect("a connection");
        stream
            .set_read_timeout(Some(Duration::from_secs(30)))
            .expect("an option");
        stream
    }

    fn ask(&self, name: &str) -> Vec<u8> {
        let mut stream = self.connect();
        stream
            .write_all(format!("{name}\r\n").as_bytes())
            .expect("room");
        rest(&mut stream)
    }
}

/// What comes after the prompt.
fn rest(stream: &mut TcpStream) -> Vec<u8> {
    let mut all = Vec::new();
    stream.read_to_end(&mut all).expect("an end");
    let prompt = b"Please enter filename: ";
    all.strip_prefix(prompt).map(<[u8]>::to_vec).unwrap_or(all)
}

/// A folder with something to serve, and something beside it that is not to be served.
struct Folder(PathBuf);

impl Folder {
    fn new() -> Self {
        static COUNT: AtomicUsize = AtomicUsize::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("polliwog-guide-{}-{number}", std::process::id());
        let folder = std::env::temp_dir().join(name);
        fs::create_dir_all(folder.join("served/sub")).expect("a folder");
        let this = Self(folder);
        fs::write(this.served().join("small.txt"), "quak").expect("a file");
        fs::write(this.served().join("sub/large"), large()).expect("a file");
        fs::write(this.0.join("secret.txt"), "secret").expect("a file");
        this
    }

    fn served(&self) -> PathBuf {
        self.0.join("served")
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn large() -> Vec<u8> {
    (0..300_000_u32).map(|n| (n % 251) as u8).collect()
}

fn serve(step: &str) -> (Server, Folder) {
    let folder = Folder::new();
    let server = Server::start(step, &["127.0.0.1:0", utf8(&folder.served())]);
    (server, folder)
}

fn utf8(path: &Path) -> &str {
    path.to_str().expect("UTF-8")
}

#[test]
fn each_step_serves_files_and_says_what_it_cannot() {
    for step in ["files-1", "files-2", "files-4", "files-5"] {
        let (server, _folder) = serve(step);
        assert_eq!(server.ask("small.txt"), b"quak", "{step}");
        assert!(server.ask("sub/large") == large(), "{step}");
        let missing = server.ask("missing");
        assert!(missing.starts_with(b"error: "), "{step}");
        assert!(missing.ends_with(b"\r\n"), "{step}");
        // A name may come in pieces.
        let mut slow = server.connect();
        slow.write_all(b"small").expect("room");
        thread::sleep(Duration::from_millis(20));
        slow.write_all(b".txt\n").expect("room");
        assert_eq!(rest(&mut slow), b"quak", "{step}");
    }
}

#[test]
fn from_the_second_step_on_nobody_waits_for_another() {
    for step in ["files-2", "files-4", "files-5"] {
        let (server, _folder) = serve(step);
        let _silent = server.connect();
        assert_eq!(server.ask("small.txt"), b"quak", "{step}");
    }
}

#[test]
fn the_fourth_step_serves_nothing_from_outside() {
    let (server, folder) = serve("files-4");
    let outside = b"error: the name leads out of the served folder\r\n";
    assert_eq!(server.ask("../secret.txt"), outside);
    assert_eq!(server.ask(utf8(&folder.0.join("secret.txt"))), outside);
    assert_eq!(server.ask("sub"), b"error: not a regular file\r\n");
    #[cfg(unix)]
    {
        let link = folder.served().join("link");
        std::os::unix::fs::symlink(folder.0.join("secret.txt"), link).expect("a link");
        assert_eq!(server.ask("link"), outside);
    }
}

#[test]
fn the_fourth_step_turns_away_whom_it_has_no_seat_for() {
    let (server, _folder) = serve("files-4");
    let mut here = Vec::new();
    for _ in 0..100 {
        let mut client = server.connect();
        // The prompt says that it has its seat.
        client.read_exact(&mut [0; 23]).expect("the prompt");
        here.push(client);
    }
    assert_eq!(
        rest(&mut server.connect()),
        b"error: the server is full\r\n"
    );
    drop(here.pop());
    // The seat is free once the server has seen that.
    let again = (0..1000).any(|_| {
        thread::sleep(Duration::from_millis(10));
        server.ask("small.txt") == b"quak"
    });
    assert!(again, "a seat is not given back");
}

#[cfg(unix)]
#[test]
fn the_fifth_step_lets_clients_finish() {
    let (mut server, folder) = serve("files-5");
    fs::write(folder.served().join("huge"), vec![7; 30_000_000]).expect("a file");
    // One that is being served, as it does not take what it is sent; and one that has not asked.
    let mut served = server.connect();
    served.write_all(b"huge\n").expect("room");
    let mut first = [0; 24];
    served
        .read_exact(&mut first)
        .expect("the first byte of the file");
    let mut silent = server.connect();
    silent.read_exact(&mut [0; 23]).expect("the prompt");
    let process = server.child.id().to_string();
    assert!(
        Command::new("kill")
            .args(["-INT", &process])
            .status()
            .expect("kill")
            .success()
    );
    assert_eq!(rest(&mut silent), b"error: the server is going away\r\n");
    assert_eq!(rest(&mut served).len(), 30_000_000 - 1);
    assert!(server.child.wait().expect("an end").success());
    TcpStream::connect(server.addr).expect_err("nobody listens any more");
}

#[test]
fn in_the_room_everybody_hears_the_others() {
    let server = Server::start("room", &["127.0.0.1:0"]);
    let mut ada = server.connect();
    let grace = server.connect();
    let mut heard = BufReader::new(grace).lines();
    // Until both are in the room: what is said before is not heard.
    let said = thread::spawn(move || {
        for _ in 0..1000 {
            thread::sleep(Duration::from_millis(10));
            if ada
                .write_all(b"hel")
                .and_then(|()| ada.write_all(b"lo\r\n"))
                .is_err()
            {
                break;
            }
        }
        ada
    });
    let line = heard.next().expect("a line").expect("UTF-8");
    assert!(line == "1: hello" || line == "2: hello", "{line}");
    drop((heard, server));
    let _ = said.join();
}

#[cfg(unix)]
#[test]
fn the_room_closes_in_an_orderly_way() {
    let mut server = Server::start("room-2", &["127.0.0.1:0"]);
    let mut clients = [server.connect(), server.connect()];
    // The second one hears the first one: both are in the room.
    clients[1]
        .set_read_timeout(Some(Duration::from_millis(10)))
        .expect("an option");
    let heard = (0..1000).any(|_| {
        clients[0].write_all(b"hello\n").expect("room");
        clients[1].read(&mut [0; 64]).is_ok_and(|count| count > 0)
    });
    assert!(heard, "they do not hear each other");
    clients[1]
        .set_read_timeout(Some(Duration::from_secs(30)))
        .expect("an option");
    let process = server.child.id().to_string();
    assert!(
        Command::new("kill")
            .args(["-INT", &process])
            .status()
            .expect("kill")
            .success()
    );
    for client in &mut clients {
        assert!(rest(client).ends_with(b"the room closes, good night\n"));
    }
    assert!(server.child.wait().expect("an end").success());
}

#[test]
fn the_first_program_answers_in_capitals() {
    // It has a port of its own, as its reader is told; somebody else may have it.
    if TcpStream::connect("127.0.0.1:7878").is_ok() {
        return eprintln!("skipped: port 7878 is in use");
    }
    let test = std::env::current_exe().expect("the test's own path");
    let folder = test.ancestors().nth(2).expect("a target folder");
    let mut child = Command::new(folder.join(format!("hello{}", std::env::consts::EXE_SUFFIX)))
        .spawn()
        .expect("the program");
    let stream = (0..1000).find_map(|_| {
        thread::sleep(Duration::from_millis(10));
        TcpStream::connect("127.0.0.1:7878").ok()
    });
    let heard = stream.map(|mut stream| {
        stream.write_all(b"quak").expect("room");
        let mut heard = [0; 4];
        stream.read_exact(&mut heard).map(|()| heard)
    });
    let _ = child.kill();
    let _ = child.wait();
    assert_eq!(heard.expect("it listens").expect("an answer"), *b"QUAK");
}
