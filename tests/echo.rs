//! Starts the echo server as a user would and talks to it with clients of the standard library: many, and one too
//! many.
#![cfg(feature = "mio")]

mod support;

use std::ffi::OsStr;
use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};
use std::thread;

use support::server::{Server, bytes};
use support::{example, run};

/// Sends everything in one thread while another checks what comes back.
fn check_echo(stream: &TcpStream, contents: &[u8]) {
    thread::scope(|scope| {
        scope.spawn(move || {
            let mut stream = stream;
            stream.write_all(contents).unwrap();
            stream.shutdown(Shutdown::Write).unwrap();
        });
        let mut all = Vec::new();
        let mut stream = stream;
        stream.read_to_end(&mut all).unwrap();
        assert!(all == contents, "{} of {} bytes", all.len(), contents.len());
    });
}

#[test]
fn echo_to_many_clients() {
    let server = Server::echo(&[]);
    let contents = bytes(1_000_000);
    thread::scope(|scope| {
        for client in 0..20 {
            let stream = server.connect();
            let contents = &contents[..50_000 * client];
            scope.spawn(move || check_echo(&stream, contents));
        }
    });
    // One that leaves in the middle does no harm.
    let mut rude = server.connect();
    rude.write_all(&contents[..10_000]).unwrap();
    drop(rude);
    check_echo(&server.connect(), b"quak");
    server.stop();
}

#[test]
fn echo_without_room_for_another_task_drops_the_client() {
    // One task accepts, one waits for Ctrl-C, one serves.
    let server = Server::echo(&["--max-tasks", "3"]);
    let mut first = server.connect();
    let mut quak = [0; 4];
    first.write_all(b"quak").unwrap();
    first.read_exact(&mut quak).unwrap();
    for _ in 0..10 {
        let mut second = server.connect();
        assert!(matches!(second.read(&mut quak), Ok(0) | Err(_)));
    }
    first.write_all(b"still").unwrap();
    first.read_exact(&mut quak).unwrap();
    assert_eq!(&quak, b"stil");
    server.stop();
}

#[test]
fn echo_explains_wrong_arguments() {
    let table: &[(&[&str], &str)] = &[
        (&["--addr", "nowhere"], "is not an address with a port"),
        (&["--max-tasks", "2"], "a number from 3 to 1000000"),
        (&["--root", "."], "unknown option --root"),
    ];
    for (arguments, message) in table {
        let out = run(example("async-echo").args(arguments.iter().map(OsStr::new)));
        assert_eq!(out.status.code(), Some(2), "{out:#?}");
        assert!(out.stderr.contains(message), "{out:#?}");
    }
    let out = run(example("async-echo").arg("--help")).success();
    assert!(out.stdout.contains("Usage: async-echo [OPTIONS]"));
}
