//! Servers that the system gives no more threads: an address space in which no stack has room. They say so, or do
//! what they can do without; they neither hang nor end, and nobody loses what he was about to get.
#![cfg(all(feature = "mio", target_os = "linux"))]

mod support;

use std::io::{Read, Write};
use std::net::UdpSocket;
use std::thread;

use support::server::{Folder, Server, assert_refused, bytes, read_all};
use support::{LARGE_STACKS, PATIENCE, example};

fn files(folder: &Folder, options: &[&str]) -> Server {
    let mut command = example("file-server");
    command.env(LARGE_STACKS.0, LARGE_STACKS.1);
    Server::start(command.arg("--root").arg(folder.root()).args(options))
}

#[test]
fn files_that_need_a_thread_are_refused_in_time_and_given_out_later() {
    let folder = Folder::new();
    folder.write("good.txt", "good");
    let server = files(&folder, &["--stall-timeout", "1"]);
    // No file has been asked for yet, so no thread is there.
    server.program.limit_threads(true);
    let asking = || {
        let mut client = server.connect_and_wait();
        client.write_all(b"good.txt\n").unwrap();
        client
    };
    let clients = [(); 10].map(|()| asking());
    for mut client in clients {
        let late = "the file cannot be opened in time, try again later";
        assert_refused(&read_all(&mut client).unwrap(), late);
    }
    server.program.limit_threads(false);
    assert_eq!(server.ask("good.txt\n"), b"good");
    server.stop();
}

/// Some are in the middle of their files, others ask for one, and all have to share few threads.
#[test]
fn nobody_loses_a_file_where_there_are_few_threads_for_all() {
    const CLIENTS: usize = 8;
    let folder = Folder::new();
    folder.write("good.txt", "good");
    // More than the buffers on the way hold.
    let large = bytes(24 << 20);
    folder.write("large.bin", &large);
    let patient = ["--stall-timeout=300", "--least-rate=0"];
    let server = files(&folder, &patient);
    // One after the other, so that fewer threads than clients do for them.
    let begun = [(); CLIENTS].map(|()| {
        let mut client = server.connect_and_wait();
        client.write_all(b"large.bin\n").unwrap();
        client.read_exact(&mut [0; 1000]).unwrap();
        client
    });
    server.program.limit_threads(true);
    let threads = server.program.status("Threads");
    let got = thread::scope(|scope| {
        let reading = begun.map(|mut client| scope.spawn(move || read_all(&mut client).unwrap()));
        for _ in 0..CLIENTS {
            assert_eq!(server.ask("good.txt\n"), b"good");
        }
        reading.map(|reading| reading.join().unwrap())
    });
    for (number, got) in got.iter().enumerate() {
        assert!(*got == large[1000..], "{number}: {} bytes", got.len());
    }
    assert!(server.program.status("Threads") <= threads);
    server.stop();
}

/// It needs none, whatever becomes of the queries.
#[test]
fn queries_are_answered_without_threads() {
    let upstream = UdpSocket::bind("127.0.0.1:0").unwrap();
    let addr = upstream.local_addr().unwrap().to_string();
    thread::spawn(move || {
        let mut buf = [0; 512];
        // It ends with the test's process.
        while let Ok((len, from)) = upstream.recv_from(&mut buf) {
            buf[2] |= 0x80;
            // The answer to one is lost on its way.
            if buf[1] != 7 {
                upstream.send_to(&buf[..len], from).unwrap();
            }
        }
    });
    let mut command = example("dns-forwarder");
    command.args(["--upstream", &addr, "--timeout", "1500"]);
    command.env(LARGE_STACKS.0, LARGE_STACKS.1);
    let server = Server::start(&mut command);
    server.program.limit_threads(true);
    let client = UdpSocket::bind("127.0.0.1:0").unwrap();
    client.set_read_timeout(Some(PATIENCE)).unwrap();
    let mut answered = 0;
    for number in 0..40 {
        let query = [
            &[0, number, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0][..],
            b"\x04frog\0\0\x01\0\x01",
        ]
        .concat();
        client.send_to(&query, server.addr).unwrap();
        let mut buf = [0; 512];
        let (len, _) = client.recv_from(&mut buf).expect("an answer");
        assert_eq!((&buf[..2], &buf[12..len]), (&query[..2], &query[12..]));
        // "SERVFAIL" for that one.
        assert_eq!(buf[3] & 15, if number == 7 { 2 } else { 0 });
        answered += 1;
    }
    assert_eq!(answered, 40);
    assert_eq!(server.program.status("Threads"), 1);
    server.stop();
}
