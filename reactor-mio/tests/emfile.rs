//! A listener without file descriptors rests instead of spinning, and recovers.
#![cfg(unix)]

use std::cell::Cell;
use std::future::poll_fn;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::process::{Command, Stdio};
use std::rc::Rc;
use std::time::Duration;

use polliwog_core::time::sleep;
use polliwog_mio::net::TcpListener;
use polliwog_mio::{block_on, spawn};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

const CHILD: &str = "POLLIWOG_TEST_EMFILE_CHILD";
/// More than the child may open.
const CONNECTIONS: usize = 64;
const LIMIT: u64 = 32;

/// The limit holds for a whole process, hence a child process, which runs this test again.
#[test]
fn promise_14_emfile_does_not_spin() {
    if std::env::var_os(CHILD).is_some() {
        return child();
    }
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "promise_14_emfile_does_not_spin", "--nocapture"])
        .env(CHILD, "1")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let addr: SocketAddr = loop {
        let line = lines.next().expect("the child ended early").unwrap();
        if let Some(addr) = line.split("address ").nth(1) {
            break addr.parse().unwrap();
        }
    };
    let mut streams: Vec<_> = (0..CONNECTIONS)
        .map(|_| TcpStream::connect(addr).unwrap())
        .collect();
    child
        .stdin
        .take()
        .unwrap()
        .write_all(b"all there\n")
        .unwrap();
    // Once the child has given back what it held, every connection gets its answer.
    for stream in &mut streams {
        let mut buf = [0; 1];
        stream.read_exact(&mut buf).unwrap();
        assert_eq!(&buf, b"!");
    }
    drop(streams);
    let rest: Vec<_> = lines.map_while(Result::ok).collect();
    assert!(child.wait().unwrap().success(), "{}", rest.join("\n"));
}

fn child() {
    block_on(async {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        println!("address {}", listener.local_addr().unwrap());
        std::io::stdin().lines().next().unwrap().unwrap();

        let limits = Rlimit {
            current: Some(LIMIT),
            ..getrlimit(Resource::Nofile)
        };
        setrlimit(Resource::Nofile, limits).unwrap();

        let polls = Rc::new(Cell::new(0_u32));
        let held = Rc::new(Cell::new(Vec::new()));
        let server = {
            let (polls, held) = (Rc::clone(&polls), Rc::clone(&held));
            spawn(async move {
                for _ in 0..CONNECTIONS {
                    let accepted = poll_fn(|cx| {
                        polls.set(polls.get() + 1);
                        listener.poll_accept(cx)
                    });
                    let (stream, _) = accepted.await.unwrap();
                    stream.write_all(b"!").await.unwrap();
                    let mut streams = held.take();
                    streams.push(stream);
                    held.set(streams);
                }
            })
            .unwrap()
        };
        // However long this takes, a listener that rests has little to do in the meantime:
        // one poll per rest, and the connections before.
        sleep(Duration::from_millis(400)).await;
        assert!(!server.is_finished());
        let polls_before = polls.get();
        sleep(Duration::from_millis(400)).await;
        let rests = polls.get() - polls_before;
        assert!(rests < 100, "{rests} polls without a free descriptor");
        // It has not stopped trying either.
        while polls.get() == polls_before {
            sleep(Duration::from_millis(5)).await;
        }
        // Now and then give all back, until every connection has been accepted.
        while !server.is_finished() {
            drop(held.take());
            sleep(Duration::from_millis(5)).await;
        }
        server.await.unwrap();
    });
}
