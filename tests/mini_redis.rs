//! Starts the example `mini-redis` as a user would and talks to it as Redis' clients do. The
//! firmware's `check-redis` goes further, with `redis-cli`, and checks the chip's server, too;
//! `tests/ecosystem` compares it with a real Redis.
#![cfg(all(unix, feature = "mio"))]

mod support;

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::thread;
use std::time::{Duration, Instant};

use support::{PATIENCE, Running, example, run};

fn start() -> (Running, SocketAddr) {
    start_with(1)
}

fn start_with(workers: usize) -> (Running, SocketAddr) {
    let mut command = example("mini-redis");
    command.args(["--addr", "127.0.0.1:0", "--workers", &workers.to_string()]);
    let mut program = Running::start(&mut command);
    let line = program.first_line();
    let addr = line.strip_prefix("listening on ").map(str::parse);
    let Some(Ok(addr)) = addr else {
        panic!("the first line is `{line}`");
    };
    (program, addr)
}

/// Tests a server of one worker, and one of two.
fn with_any(test: impl Fn(SocketAddr)) {
    for workers in [1, 2] {
        let (_program, addr) = start_with(workers);
        test(addr);
    }
}

fn connect(addr: SocketAddr) -> TcpStream {
    let client = TcpStream::connect(addr).unwrap();
    client.set_read_timeout(Some(PATIENCE)).unwrap();
    client.set_nodelay(true).unwrap();
    client
}

/// Asserts that exactly these bytes come.
#[track_caller]
fn expect(client: &mut TcpStream, answer: &[u8]) {
    let mut got = vec![0; answer.len()];
    client.read_exact(&mut got).unwrap();
    assert_eq!(
        String::from_utf8_lossy(&got),
        String::from_utf8_lossy(answer)
    );
}

/// Asserts that exactly these bytes come, then the end.
#[track_caller]
fn expect_end(client: &mut TcpStream, answer: &[u8]) {
    let mut got = Vec::new();
    client.read_to_end(&mut got).unwrap();
    assert_eq!(
        String::from_utf8_lossy(&got),
        String::from_utf8_lossy(answer)
    );
}

#[test]
fn answers_commands_of_both_forms() {
    with_any(|addr| {
        let mut client = connect(addr);
        for (command, answer) in [
            (&b"PING\r\n"[..], &b"+PONG\r\n"[..]),
            (b"*1\r\n$4\r\nping\r\n", b"+PONG\r\n"),
            (b"*2\r\n$4\r\nECHO\r\n$4\r\na\r\nb\r\n", b"$4\r\na\r\nb\r\n"),
            (b"GET key\n", b"$-1\r\n"),
            (b"SET key value\n", b"+OK\r\n"),
            (b"  GET   key  \r\n", b"$5\r\nvalue\r\n"),
            (b"APPEND key s\n", b":6\r\n"),
            (b"GET key\n", b"$6\r\nvalues\r\n"),
            (b"EXISTS key key other\n", b":2\r\n"),
            (b"INCR count\n", b":1\r\n"),
            (b"INCR count\n", b":2\r\n"),
            (b"DBSIZE\n", b":2\r\n"),
            (b"DEL key count other\n", b":2\r\n"),
            (
                b"GET\n",
                b"-ERR wrong number of arguments for 'get' command\r\n",
            ),
            (
                b"FROBNICATE\n",
                b"-ERR unknown command 'FROBNICATE', with args beginning with: \r\n",
            ),
        ] {
            client.write_all(command).unwrap();
            expect(&mut client, answer);
        }
        client.write_all(b"QUIT\r\n").unwrap();
        expect_end(&mut client, b"+OK\r\n");
    });
}

#[test]
fn takes_commands_in_any_pieces() {
    with_any(|addr| {
        let mut client = connect(addr);
        for byte in b"*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$2\r\n\r\n\r\nGET k\r\n" {
            client.write_all(&[*byte]).unwrap();
            thread::sleep(Duration::from_millis(1));
        }
        expect(&mut client, b"+OK\r\n$2\r\n\r\n\r\n");
        // Thousands at once, whose answers are longer than any buffer on the way.
        let value = [b'v'; 1000];
        client
            .write_all(b"*3\r\n$3\r\nSET\r\n$1\r\nl\r\n$4\r\n1000\r\n")
            .unwrap();
        expect(&mut client, b"+OK\r\n");
        let mut set = b"*3\r\n$3\r\nSET\r\n$1\r\nl\r\n$1000\r\n".to_vec();
        set.extend_from_slice(&value);
        set.extend_from_slice(b"\r\n");
        client.write_all(&set).unwrap();
        expect(&mut client, b"+OK\r\n");
        let mut sender = client.try_clone().unwrap();
        let sending = thread::spawn(move || sender.write_all(&b"GET l\n".repeat(5_000)).unwrap());
        let answer = [b"$1000\r\n", &value[..], b"\r\n"].concat();
        for _ in 0..5_000 {
            expect(&mut client, &answer);
        }
        sending.join().unwrap();
    });
}

#[test]
fn says_which_limit_was_hit() {
    let (_program, addr) = start();
    let mut client = connect(addr);
    let set = |key: usize, len: usize| {
        let (key, value) = (format!("{key:04}"), "v".repeat(len));
        format!("*3\r\n$3\r\nSET\r\n$4\r\n{key}\r\n${len}\r\n{value}\r\n")
    };
    // A value that could be stored but never sent.
    let longest = (16 << 10) - 64;
    client.write_all(set(0, longest + 1).as_bytes()).unwrap();
    expect(
        &mut client,
        b"-ERR string exceeds maximum allowed size (proto-max-bulk-len)\r\n",
    );
    client.write_all(set(0, longest).as_bytes()).unwrap();
    expect(&mut client, b"+OK\r\n");
    client.write_all(b"APPEND 0000 v\n").unwrap();
    expect(
        &mut client,
        b"-ERR string exceeds maximum allowed size (proto-max-bulk-len)\r\n",
    );
    // Keys, values and four bytes for each in 256 KiB.
    let rest = (256 << 10) - (8 + longest);
    let (full, last) = (rest / (8 + 1000), rest % (8 + 1000));
    for key in 1..=full {
        client.write_all(set(key, 1000).as_bytes()).unwrap();
        expect(&mut client, b"+OK\r\n");
    }
    client
        .write_all(set(9999, last - 8 + 1).as_bytes())
        .unwrap();
    expect(
        &mut client,
        b"-OOM command not allowed when used memory > 'maxmemory'.\r\n",
    );
    client.write_all(set(9999, last - 8).as_bytes()).unwrap();
    expect(&mut client, b"+OK\r\n");
    client.write_all(b"INCR x\nDEL 0000\nINCR x\n").unwrap();
    expect(
        &mut client,
        b"-OOM command not allowed when used memory > 'maxmemory'.\r\n:1\r\n:1\r\n",
    );
}

#[test]
fn ends_the_connection_after_what_is_no_command() {
    with_any(|addr| {
        let mut other = connect(addr);
        for (junk, answer) in [
            (
                &b"*1\r\n:5\r\n"[..],
                &b"-ERR Protocol error: expected '$', got ':'\r\n"[..],
            ),
            (
                b"*x\r\n",
                b"-ERR Protocol error: invalid multibulk length\r\n",
            ),
            (
                b"*1\r\n$99999999999999999999\r\n",
                b"-ERR Protocol error: invalid bulk length\r\n",
            ),
            (
                b"*1\r\n$1\r\nxyz",
                b"-ERR Protocol error: a word has no end\r\n",
            ),
            (
                &[b'x'; 16 << 10],
                b"-ERR Protocol error: too big inline request\r\n",
            ),
        ] {
            let mut client = connect(addr);
            client.write_all(junk).unwrap();
            expect_end(&mut client, answer);
        }
        other.write_all(b"PING\n").unwrap();
        expect(&mut other, b"+PONG\r\n");
    });
}

#[test]
fn one_store_for_all() {
    with_any(|addr| {
        let clients: Vec<_> = (0..4)
            .map(|_| {
                thread::spawn(move || {
                    let mut client = connect(addr);
                    client.write_all(&b"INCR together\n".repeat(500)).unwrap();
                    client.write_all(b"QUIT\n").unwrap();
                    let mut answers = String::new();
                    client.read_to_string(&mut answers).unwrap();
                    assert_eq!(answers.lines().count(), 501);
                })
            })
            .collect();
        for client in clients {
            client.join().unwrap();
        }
        let mut client = connect(addr);
        client.write_all(b"GET together\n").unwrap();
        expect(&mut client, b"$4\r\n2000\r\n");
    });
}

#[test]
fn keys_expire_and_those_without_a_time_stay() {
    with_any(|addr| {
        let mut client = connect(addr);
        client
            .write_all(b"SET a 1 PX 1\nSET b 1 EX 1000\nSET c 1\nEXPIRE c 0\nSET d 1\n")
            .unwrap();
        expect(&mut client, b"+OK\r\n+OK\r\n+OK\r\n:1\r\n+OK\r\n");
        thread::sleep(Duration::from_millis(20));
        client
            .write_all(b"GET a\nDBSIZE\nTTL d\nPERSIST b\nTTL b\n")
            .unwrap();
        expect(&mut client, b"$-1\r\n:2\r\n:-1\r\n:1\r\n:-1\r\n");
    });
}

#[test]
fn what_is_published_goes_to_whoever_wants_it() {
    with_any(|addr| {
        let (mut one, mut other, mut publisher) = (connect(addr), connect(addr), connect(addr));
        one.write_all(b"SUBSCRIBE pond\n").unwrap();
        expect(&mut one, b"*3\r\n$9\r\nsubscribe\r\n$4\r\npond\r\n:1\r\n");
        other.write_all(b"PSUBSCRIBE [op]*\n").unwrap();
        expect(
            &mut other,
            b"*3\r\n$10\r\npsubscribe\r\n$5\r\n[op]*\r\n:1\r\n",
        );
        publisher
            .write_all(b"PUBLISH pond frog\nPUBLISH ocean whale\nPUBLISH lake none\n")
            .unwrap();
        expect(&mut publisher, b":2\r\n:1\r\n:0\r\n");
        expect(
            &mut one,
            b"*3\r\n$7\r\nmessage\r\n$4\r\npond\r\n$4\r\nfrog\r\n",
        );
        let head = b"*4\r\n$8\r\npmessage\r\n$5\r\n[op]*\r\n";
        expect(
            &mut other,
            &[&head[..], b"$4\r\npond\r\n$4\r\nfrog\r\n"].concat(),
        );
        expect(
            &mut other,
            &[&head[..], b"$5\r\nocean\r\n$5\r\nwhale\r\n"].concat(),
        );
        // Messages are limited, so that every subscriber has room for one.
        let text = "x".repeat(9 << 10);
        publisher
            .write_all(format!("PUBLISH pond {text}\n").as_bytes())
            .unwrap();
        expect(&mut publisher, b"-ERR the message is too long\r\n");
        one.write_all(b"UNSUBSCRIBE\nPING\n").unwrap();
        expect(
            &mut one,
            b"*3\r\n$11\r\nunsubscribe\r\n$4\r\npond\r\n:0\r\n+PONG\r\n",
        );
    });
}

/// Connections that are on both of two workers, but for one chance in thousands.
fn many_of_two_workers() -> (Running, Vec<TcpStream>) {
    let (program, addr) = start_with(2);
    (program, (0..16).map(|_| connect(addr)).collect())
}

#[test]
fn a_command_for_keys_of_both_workers_has_one_answer() {
    let (_program, mut clients) = many_of_two_workers();
    let names: Vec<_> = (0..40).map(|n| format!("key{n}")).collect();
    let pairs: Vec<_> = names
        .iter()
        .map(|name| format!("{name} of-{name}"))
        .collect();
    let value = |name: &str| format!("${}\r\nof-{name}\r\n", name.len() + 3);
    let values: String = names.iter().map(|name| value(name)).collect();
    let (names, pairs) = (names.join(" "), pairs.join(" "));
    for client in &mut clients {
        let mut say = |command: &str, answer: &str| {
            client.write_all(command.as_bytes()).unwrap();
            client.write_all(b"\n").unwrap();
            expect(client, answer.as_bytes());
        };
        say(&format!("MSET {pairs}"), "+OK\r\n");
        say("DBSIZE", ":40\r\n");
        // In the order of the words, those that are none and those that are there twice.
        say(
            &format!("MGET {names} nothing key7 key7"),
            &format!("*43\r\n{values}$-1\r\n{0}{0}", value("key7")),
        );
        say(&format!("EXISTS {names} nothing key7"), ":41\r\n");
        say(&format!("DEL {names} nothing key7"), ":40\r\n");
        say("DBSIZE", ":0\r\n");
        say(&format!("MSET {pairs}"), "+OK\r\n");
        // Refused at once, so nothing of it is done.
        let long = "v".repeat((16 << 10) - 60);
        let refused = "-ERR string exceeds maximum allowed size (proto-max-bulk-len)\r\n";
        say(&format!("MSET a 1 b 2 c 3 d {long}"), refused);
        say(
            "MSET a 1 b 2 c 3 d",
            "-ERR wrong number of arguments for 'mset' command\r\n",
        );
        say("EXISTS a b c d", ":0\r\n");
        // Braces with nothing in them, or not closed, are letters as any others.
        say("MSET {} 1 { 2 } 3 {}x 4 }{x} 5 {{x}} 6", "+OK\r\n");
        say("DEL {} { } {}x }{x} {{x}}", ":6\r\n");
        say("FLUSHALL what", "-ERR syntax error\r\n");
        say("DBSIZE", ":40\r\n");
        client.write_all(b"KEYS *\n").unwrap();
        expect(client, b"*40\r\n");
        let keys: usize = names.split(' ').map(|name| name.len() + 6).sum();
        let mut all = vec![0; keys];
        client.read_exact(&mut all).unwrap();
        let all = String::from_utf8(all).unwrap();
        let mut got: Vec<_> = all.lines().filter(|line| line.starts_with("key")).collect();
        let mut wanted: Vec<_> = names.split(' ').collect();
        got.sort_unstable();
        wanted.sort_unstable();
        assert_eq!(got, wanted);
        client.write_all(b"FLUSHALL\nDBSIZE\n").unwrap();
        expect(client, b"+OK\r\n:0\r\n");
    }
}

#[test]
fn an_answer_that_is_too_long_in_sum_is_an_error() {
    let (_program, mut clients) = many_of_two_workers();
    let client = &mut clients[0];
    let value = "v".repeat(1000);
    for n in 0..20 {
        client
            .write_all(format!("SET {n} {value}\n").as_bytes())
            .unwrap();
        expect(client, b"+OK\r\n");
    }
    // Neither worker has sixteen of them, both have more than that.
    let names: Vec<_> = (0..20).map(|n| n.to_string()).collect();
    client
        .write_all(format!("MGET {}\nPING\n", names.join(" ")).as_bytes())
        .unwrap();
    expect(client, b"-ERR the answer is too long\r\n+PONG\r\n");
}

#[test]
fn answers_come_in_the_order_of_the_commands_whoever_has_the_keys() {
    let (_program, mut clients) = many_of_two_workers();
    for (number, client) in clients.iter_mut().enumerate() {
        let (mut commands, mut answers) = (String::new(), String::new());
        for n in 0..200 {
            commands +=
                &format!("SET {number}:{n} {n}\nGET {number}:{n}\nDEL {number}:{n} x\nPING\n");
            let text = n.to_string();
            answers += &format!("+OK\r\n${}\r\n{text}\r\n:1\r\n+PONG\r\n", text.len());
        }
        client.write_all(commands.as_bytes()).unwrap();
        expect(client, answers.as_bytes());
    }
}

#[test]
fn keys_with_the_same_braces_change_at_once() {
    let (_program, mut clients) = many_of_two_workers();
    let readers = clients.split_off(8);
    // Not all on one worker, as these are each: several tags.
    let write = |number: usize, mut client: TcpStream| {
        let tag = number % 4;
        for n in 0..300 {
            let value = format!("{number}-{n}");
            let set = format!("MSET {{{tag}}}a {value} {{{tag}}}b {value} c{{{tag}}} {value}\n");
            client.write_all(set.as_bytes()).unwrap();
            expect(&mut client, b"+OK\r\n");
        }
    };
    let read = |number: usize, mut client: TcpStream| {
        let tag = number % 4;
        for _ in 0..300 {
            let get = format!("MGET {{{tag}}}a {{{tag}}}b c{{{tag}}}\n");
            client.write_all(get.as_bytes()).unwrap();
            expect(&mut client, b"*3\r\n");
            let [a, b, c] = [(); 3].map(|()| bulk(&mut client));
            assert!(a == b && b == c, "{a:?} {b:?} {c:?}");
        }
    };
    thread::scope(|scope| {
        for (number, client) in clients.into_iter().enumerate() {
            scope.spawn(move || write(number, client));
        }
        for (number, client) in readers.into_iter().enumerate() {
            scope.spawn(move || read(number, client));
        }
    });
}

fn line(client: &mut TcpStream) -> String {
    let mut line = Vec::new();
    while !line.ends_with(b"\r\n") {
        let mut byte = [0];
        client.read_exact(&mut byte).unwrap();
        line.extend(byte);
    }
    String::from_utf8(line).unwrap().trim_end().to_owned()
}

/// A value, if there is one.
fn bulk(client: &mut TcpStream) -> Option<Vec<u8>> {
    let length = line(client);
    let length = length.strip_prefix('$').unwrap().parse::<usize>();
    let mut value = vec![0; length.ok()? + 2];
    client.read_exact(&mut value).unwrap();
    Some(value)
}

#[test]
fn subscribers_on_both_workers_hear_each_message_in_order() {
    let (_program, mut subscribers) = many_of_two_workers();
    let mut publishers = subscribers.split_off(12);
    for (number, client) in subscribers.iter_mut().enumerate() {
        match number % 2 {
            0 => client.write_all(b"SUBSCRIBE pond\n").unwrap(),
            _ => client.write_all(b"PSUBSCRIBE po*\n").unwrap(),
        }
        let answer = match number % 2 {
            0 => &b"*3\r\n$9\r\nsubscribe\r\n$4\r\npond\r\n:1\r\n"[..],
            _ => b"*3\r\n$10\r\npsubscribe\r\n$3\r\npo*\r\n:1\r\n",
        };
        expect(client, answer);
    }
    // Many at once, each of which all of them get.
    for (number, client) in publishers.iter_mut().enumerate() {
        let text: String = (0..100)
            .map(|n| format!("PUBLISH pond {number}{n:02}\n"))
            .collect();
        client.write_all(text.as_bytes()).unwrap();
        expect(client, b":12\r\n".repeat(100).as_slice());
    }
    for (number, client) in subscribers.iter_mut().enumerate() {
        let head = match number % 2 {
            0 => "*3\r\n$7\r\nmessage\r\n",
            _ => "*4\r\n$8\r\npmessage\r\n$3\r\npo*\r\n",
        };
        for publisher in 0..4 {
            for n in 0..100 {
                let message = format!("{head}$4\r\npond\r\n$3\r\n{publisher}{n:02}\r\n");
                expect(client, message.as_bytes());
            }
        }
        client.write_all(b"PING\n").unwrap();
        expect(client, b"*2\r\n$4\r\npong\r\n$0\r\n\r\n");
    }
    drop(subscribers);
    // Who has gone hears nothing any more.
    let start = Instant::now();
    loop {
        publishers[0].write_all(b"PUBLISH pond x\n").unwrap();
        if line(&mut publishers[0]) == ":0" {
            break;
        }
        assert!(start.elapsed() < PATIENCE, "somebody is still subscribed");
    }
}

#[test]
fn wrong_options_are_explained() {
    for arguments in [
        &["--addr"][..],
        &["--addr", "nowhere"],
        &["--port", "1"],
        &["--workers", "0"],
        &["--workers", "many"],
    ] {
        let out = run(example("mini-redis").args(arguments));
        assert_eq!(out.status.code(), Some(2), "{out:#?}");
        assert!(out.stderr.starts_with("mini-redis: "), "{out:#?}");
    }
    let out = run(example("mini-redis").arg("--help")).success();
    assert!(out.stdout.contains("Usage: mini-redis [OPTIONS]"));
}
