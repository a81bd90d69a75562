//! Starts `unix-echo` and `dns-forwarder` as a user would, and talks to them with sockets of the standard
//! library.
#![cfg(feature = "mio")]

mod support;

use std::net::{SocketAddr, UdpSocket};
use std::thread;

use std::io::Write;

use support::server::{Server, read_all};
use support::{PATIENCE, example, run};

/// A query for the addresses of a name.
fn query(number: u16, name: &str) -> Vec<u8> {
    let mut query = number.to_be_bytes().to_vec();
    query.extend([1, 0, 0, 1, 0, 0, 0, 0, 0, 0]);
    for label in name.split('.') {
        query.push(label.len() as u8);
        query.extend(label.as_bytes());
    }
    query.extend([0, 0, 1, 0, 1]);
    query
}

/// The answer to a query, with one address.
fn answer(query: &[u8], address: [u8; 4]) -> Vec<u8> {
    let mut answer = query.to_vec();
    answer[2..4].copy_from_slice(&[0x81, 0x80]);
    answer[7] = 1;
    answer.extend([0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4]);
    answer.extend(address);
    answer
}

/// A server that knows names by their first letter: it answers, answers the second time, answers after
/// strangers' answers, or does not answer.
fn upstream() -> SocketAddr {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    let addr = socket.local_addr().unwrap();
    thread::spawn(move || {
        let mut buf = [0; 4096];
        let mut slow = false;
        // It ends with the test's process.
        while let Ok((len, from)) = socket.recv_from(&mut buf) {
            let query = &buf[..len];
            let good = answer(query, [10, 0, 0, query[13]]);
            match query[13] {
                b's' if !slow => slow = true,
                b'f' => {
                    let mut number = good.clone();
                    number[0] ^= 1;
                    let mut question = good.clone();
                    question[14] ^= 1;
                    for forged in [&number[..], &question, query, b"", &good[..11], &good] {
                        socket.send_to(forged, from).unwrap();
                    }
                }
                b'x' => {}
                _ => drop(socket.send_to(&good, from)),
            }
        }
    });
    addr
}

fn client() -> UdpSocket {
    let client = UdpSocket::bind("127.0.0.1:0").unwrap();
    // For a server that hangs: the test fails instead of hanging, too.
    client.set_read_timeout(Some(PATIENCE)).unwrap();
    client
}

fn forwarder(upstream: SocketAddr, options: &[&str]) -> Server {
    let mut command = example("dns-forwarder");
    command.args(["--upstream", &upstream.to_string()]);
    Server::start(command.args(options))
}

#[test]
fn queries_are_forwarded_and_answers_come_back() {
    // Longer than the upstream, a thread of this process, needs on a busy machine.
    let server = forwarder(upstream(), &["--timeout", "1500"]);
    let client = client();
    let ask = |query: &[u8]| {
        client.send_to(query, server.addr).unwrap();
        let mut buf = [0; 4096];
        let (len, from) = client.recv_from(&mut buf).expect("no answer");
        assert_eq!(from, server.addr);
        buf[..len].to_vec()
    };
    for (number, name) in [
        (7, "quick.example"),
        (8, "slow.example"),
        (9, "forged.example"),
    ] {
        let query = query(number, name);
        let expected = answer(&query, [10, 0, 0, name.as_bytes()[0]]);
        assert_eq!(ask(&query), expected, "{name}");
    }
    // Nobody answers: the server has failed.
    let query_x = query(0x1234, "x.example");
    let failed = ask(&query_x);
    assert_eq!(failed[..4], [0x12, 0x34, 0x81, 0x82]);
    assert_eq!(failed[12..], query_x[12..]);
    // What is no query has no answer, and what comes next has one.
    let good = query(1, "a.example");
    let mut endless = good.clone();
    endless[12] = 200;
    let mut two = good.clone();
    two[5] = 2;
    for wrong in [
        &b""[..],
        b"x",
        &good[..20],
        &endless,
        &two,
        &answer(&good, [0; 4]),
    ] {
        client.send_to(wrong, server.addr).unwrap();
    }
    assert_eq!(ask(&good)[..2], [0, 1]);
    let out = server.stop();
    assert_eq!(out.count("listening on "), 1, "{out:#?}");
}

#[test]
fn many_clients_at_once_each_get_their_own_answers() {
    let server = forwarder(upstream(), &[]);
    let addr = server.addr;
    let clients: Vec<_> = (0..8_u16)
        .map(|number| {
            thread::spawn(move || {
                let client = client();
                for round in 0..50 {
                    let query = query(number << 8 | round, "name.example");
                    client.send_to(&query, addr).unwrap();
                    let mut buf = [0; 4096];
                    let (len, _) = client.recv_from(&mut buf).expect("no answer");
                    assert_eq!(buf[..len], answer(&query, [10, 0, 0, b'n']));
                }
            })
        })
        .collect();
    for client in clients {
        client.join().unwrap();
    }
    server.stop();
}

#[test]
fn a_server_that_is_not_there_is_a_failure_and_too_many_queries_are_dropped() {
    let gone = UdpSocket::bind("127.0.0.1:0").unwrap();
    let nobody = gone.local_addr().unwrap();
    drop(gone);
    let server = forwarder(nobody, &["--timeout", "300"]);
    let client = client();
    client.send_to(&query(3, "a.example"), server.addr).unwrap();
    let mut buf = [0; 512];
    let (_, _) = client.recv_from(&mut buf).expect("no answer");
    assert_eq!(buf[..4], [0, 3, 0x81, 0x82]);
    server.stop();

    let mut server = forwarder(upstream(), &["--timeout", "60000", "--max-queries", "2"]);
    for number in 0..3 {
        let query = query(number, "x.example");
        client.send_to(&query, server.addr).unwrap();
    }
    server.program.wait_for_record("dropped: ");
    server.stop();

    for wrong in [
        &["--timeout", "0"][..],
        &["--upstream", "here"],
        &["--what", "1"],
    ] {
        let out = run(example("dns-forwarder").args(wrong));
        assert_eq!(out.status.code(), Some(2), "{out:#?}");
    }
}

#[cfg(unix)]
mod unix {
    use std::fs;
    use std::io::{Read, Write};
    use std::net::Shutdown;
    use std::os::unix::net::{UnixListener, UnixStream};
    use std::path::Path;
    use std::process::Command;
    use std::thread;

    use crate::support::server::{Folder, bytes};
    use crate::support::{PATIENCE, Running, example, run};

    fn start(path: &Path) -> Running {
        let mut command = example("unix-echo");
        let mut program = Running::start(command.arg("--path").arg(path).env("RUST_LOG", "info"));
        let expected = format!("listening on {}", path.display());
        assert_eq!(program.first_line(), expected);
        program
    }

    fn echoed(path: &Path, sent: &[u8]) -> Vec<u8> {
        let stream = UnixStream::connect(path).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        let mut writer = stream.try_clone().unwrap();
        thread::scope(|scope| {
            scope.spawn(move || {
                writer.write_all(sent).unwrap();
                writer.shutdown(Shutdown::Write).unwrap();
            });
            let mut got = Vec::new();
            (&stream).read_to_end(&mut got).unwrap();
            got
        })
    }

    #[test]
    fn what_is_sent_comes_back_and_the_name_goes_with_the_server() {
        let folder = Folder::new();
        let path = folder.0.join("echo.sock");
        let mut server = start(&path);
        let sent = bytes(3 << 20);
        assert!(echoed(&path, &sent) == sent);
        let user = Command::new("id").arg("-u").output().unwrap().stdout;
        let user = String::from_utf8(user).unwrap();
        server.wait_for_record(&format!(
            "user {}: closed after {}",
            user.trim(),
            sent.len()
        ));
        thread::scope(|scope| {
            for client in 0..8_u8 {
                let path = &path;
                scope.spawn(move || assert_eq!(echoed(path, &[client; 99]), [client; 99]));
            }
        });
        server.interrupt();
        server.finish().success();
        assert!(!path.exists());
    }

    #[test]
    fn a_name_that_was_left_behind_is_taken_over_and_others_are_left_alone() {
        let folder = Folder::new();
        let path = folder.0.join("echo.sock");
        drop(UnixListener::bind(&path).unwrap());
        let mut server = start(&path);
        server.wait_for_record("taken over");
        assert_eq!(echoed(&path, b"hop"), b"hop");
        // That of a server which lives is not.
        let out = run(example("unix-echo").arg("--path").arg(&path));
        assert_eq!(out.status.code(), Some(1), "{out:#?}");
        assert_eq!(echoed(&path, b"still there"), b"still there");
        // SIGTERM ends it as well.
        server.terminate();
        server.finish().success();
        assert!(!path.exists());

        let file = folder.0.join("file");
        fs::write(&file, "mine").unwrap();
        let out = run(example("unix-echo").arg("--path").arg(&file));
        assert_eq!(out.status.code(), Some(1), "{out:#?}");
        assert_eq!(fs::read(&file).unwrap(), b"mine");
        let out = run(example("unix-echo").arg("stray"));
        assert_eq!(out.status.code(), Some(2), "{out:#?}");
    }
}

#[test]
fn a_store_on_all_cores_keeps_each_key_once() {
    let mut command = example("sharded-store");
    command.args(["--addr", "127.0.0.1:0", "--workers", "3"]);
    let server = Server::start(&mut command);
    let say = |lines: &str| {
        let mut client = server.connect();
        client.write_all(lines.as_bytes()).unwrap();
        client.shutdown(std::net::Shutdown::Write).unwrap();
        String::from_utf8(read_all(&mut client).unwrap()).unwrap()
    };
    // Each line by a connection of its own, which may be on another worker than the one before.
    for n in 0..30 {
        assert_eq!(say(&format!("SET key{n} some value {n}\n")), "new\n");
    }
    for n in 0..30 {
        let expected = format!("value some value {n}\nchanged\nvalue x\n");
        assert_eq!(
            say(&format!("GET key{n}\nSET key{n} x\nGET key{n}\n")),
            expected
        );
    }
    assert_eq!(
        say("COUNT\nDEL key7\nDEL key7\nGET key7\nCOUNT\n"),
        "30\ndeleted\nnone\nnone\n29\n"
    );
    // What one worker publishes all others see.
    assert_eq!(say("LIMIT 3\n"), "limited\n");
    for n in 0..10 {
        let refused = "error: values have at most 3 bytes\n";
        assert_eq!(say(&format!("SET other{n} four\n")), refused);
    }
    assert_eq!(
        say("LIMIT x\nHOP\n")
            .lines()
            .filter(|line| line.starts_with("error: "))
            .count(),
        2
    );
    server.stop();
}
