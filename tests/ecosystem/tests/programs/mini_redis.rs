//! mini-redis beside a real Redis: the same commands, the same replies; and Redis' own clients.

use std::collections::BTreeSet;
use std::fmt::Debug;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::os::unix::net::UnixStream;
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use super::{Folder, PATIENCE, Server, example};
use crate::support::{Running, run};

/// One on a thread, and one whose keys are shared by two.
fn each_mini() -> impl Iterator<Item = Server> {
    ["1", "2"].into_iter().map(|workers| {
        let mut command = example("mini-redis");
        command.args(["--addr", "127.0.0.1:0", "--workers", workers]);
        Server::start(&mut command)
    })
}

/// A Redis of other people's, at a socket in the file system; `None` if there is none.
fn real() -> Option<(Running, Folder)> {
    let is_there = Command::new("redis-server")
        .arg("--version")
        .stdout(Stdio::null())
        .status()
        .is_ok_and(|status| status.success());
    if !is_there {
        eprintln!("skipped: there is no redis-server");
        return None;
    }
    let folder = Folder::new(&[]);
    let socket = folder.0.join("socket");
    let mut command = Command::new("redis-server");
    command.args(["--port", "0", "--save", "", "--appendonly", "no"]);
    command
        .arg("--unixsocket")
        .arg(&socket)
        .arg("--dir")
        .arg(&folder.0);
    let running = Running::start(&mut command);
    let start = Instant::now();
    while UnixStream::connect(&socket).is_err() {
        assert!(start.elapsed() < PATIENCE, "redis-server does not listen");
        thread::sleep(Duration::from_millis(10));
    }
    Some((running, folder))
}

#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Reply {
    /// A state, an error, a number: with its first character.
    Line(String),
    Bulk(Option<Vec<u8>>),
    Array(Vec<Reply>),
}

impl Debug for Reply {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Reply::Line(line) => f.write_str(line),
            Reply::Bulk(None) => f.write_str("nil"),
            Reply::Bulk(Some(bytes)) => write!(f, "\"{}\"", bytes.escape_ascii()),
            Reply::Array(all) => f.debug_list().entries(all).finish(),
        }
    }
}

trait Stream: Read + Write {}
impl<S: Read + Write> Stream for S {}

struct Client(BufReader<Box<dyn Stream>>);

impl Client {
    fn of_mini(server: &Server) -> Self {
        Self(BufReader::new(Box::new(server.connect())))
    }

    fn of_real(folder: &Folder) -> Self {
        let stream = UnixStream::connect(folder.0.join("socket")).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        Self(BufReader::new(Box::new(stream)))
    }

    fn send(&mut self, words: &[&[u8]]) {
        let stream = self.0.get_mut();
        stream.write_all(&encode(words)).unwrap();
    }

    fn reply(&mut self) -> Reply {
        let mut line = Vec::new();
        self.0.read_until(b'\n', &mut line).unwrap();
        let line = String::from_utf8(line).unwrap();
        let line = line.strip_suffix("\r\n").expect("the end of a line");
        let number = || line[1..].parse::<i64>().unwrap();
        match line.as_bytes()[0] {
            b'+' | b'-' | b':' => Reply::Line(line.to_owned()),
            b'$' if number() < 0 => Reply::Bulk(None),
            b'$' => {
                let mut bytes = vec![0; number() as usize + 2];
                self.0.read_exact(&mut bytes).unwrap();
                assert!(bytes.ends_with(b"\r\n"));
                bytes.truncate(bytes.len() - 2);
                Reply::Bulk(Some(bytes))
            }
            b'*' => Reply::Array((0..number()).map(|_| self.reply()).collect()),
            _ => panic!("a reply that begins as `{line}`"),
        }
    }

    /// Sends a command, and reads everything until the answer to a `PING` behind it.
    fn ask(&mut self, words: &[&[u8]]) -> Vec<Reply> {
        self.send(words);
        self.send(&[b"PING", b"the end"]);
        let mut replies = Vec::new();
        loop {
            match self.reply() {
                Reply::Bulk(Some(text)) if text == b"the end" => return replies,
                Reply::Array(pong)
                    if pong.last() == Some(&Reply::Bulk(Some(b"the end".into()))) =>
                {
                    return replies;
                }
                reply => replies.push(reply),
            }
        }
    }
}

fn encode(words: &[&[u8]]) -> Vec<u8> {
    let mut bytes = format!("*{}\r\n", words.len()).into_bytes();
    for word in words {
        bytes.extend_from_slice(format!("${}\r\n", word.len()).as_bytes());
        bytes.extend_from_slice(word);
        bytes.extend_from_slice(b"\r\n");
    }
    bytes
}

/// The words of a line; `''` is an empty one, `~` a line feed.
fn words(line: &str) -> Vec<Vec<u8>> {
    let word = |word: &str| match word {
        "''" => Vec::new(),
        word => word.replace('~', "\r\n").into_bytes(),
    };
    line.split(' ').map(word).collect()
}

/// The order of keys is nobody's promise.
fn sorted(words: &[&[u8]], mut replies: Vec<Reply>) -> Vec<Reply> {
    if words[0].eq_ignore_ascii_case(b"keys") {
        for reply in &mut replies {
            if let Reply::Array(all) = reply {
                all.sort();
            }
        }
    }
    replies
}

const SCRIPT: &str = "\
PING|PING hello|ping a b|ECHO x|ECHO|echo a b|GET nothing|SET key value|GET key|get KEY|GET|GET a b|SET key|SET
SET key '' |SET empty ''|GET empty|STRLEN empty|STRLEN key|STRLEN nothing|STRLEN
APPEND key more|GET key|APPEND fresh x~y|GET fresh|APPEND a|TYPE fresh|TYPE nothing
EXISTS key key nothing|DEL key nothing key|EXISTS key|UNLINK fresh|DEL|EXISTS
INCR n|INCR n|DECR n|INCRBY n 40|DECRBY n 2|GET n|INCRBY n x|INCRBY n|INCR n n|INCRBY n 01|INCRBY n +1|DECRBY n -3
SET n 9223372036854775807|INCR n|INCRBY n 1|DECR n|INCRBY n 9223372036854775808|SET n -9223372036854775808
DECR n|DECRBY n 1|DECRBY n -9223372036854775808|INCRBY n -9223372036854775808|SET n 01|INCR n|SET n -0|INCR n
SET n +1|INCR n|SET n ''|INCR n|SET n 1x|INCR n|SET n -5|INCR n|SET n 5~|INCR n
MSET a 1 b 2 c|MSET a 1 b 2|MGET a b nothing a|MGET|MSET|MGET a|GETSET a 3|GETSET new 1|GETDEL new|GETDEL new|GETSET a
SETNX a 9|SETNX d 9|GET d|SETNX d|DBSIZE|DBSIZE x
SET s 1 NX|SET s 2 NX|SET s 3 XX|GET s|SET t 1 XX|GET t|SET s 4 GET|SET u 1 GET|SET s 5 NX GET|SET v 1 NX GET|GET v
SET s 1 NX XX|SET s 1 XX NX|SET s 1 WHAT|SET s 1 EX|SET s 1 EX x|SET s 1 EX 0|SET s 1 EX -1|SET s 1 PX 0
SET s 1 EX 9223372036854775807|SET s 1 PX 9223372036854775807|SET s 1 EX 10 PX 10
SET s 1 EX 100|TTL s|PERSIST s|TTL s|PERSIST s|PERSIST nothing|TTL nothing|PTTL nothing|TTL|SET s 1 px 100000 nx get
SET s 2 EX 100 KEEPTTL|SET s 2 KEEPTTL EX 100|EXPIRE s 100|SET s 3 KEEPTTL|TTL s|SET s 4|TTL s|SET s 1 xx ex 100|TTL s
EXPIRE s 200|TTL s|EXPIRE nothing 1|EXPIRE s x|EXPIRE s|EXPIRE s 9223372036854775807|PEXPIRE s 9223372036854775807
PEXPIRE s x|PEXPIRE s 300000|TTL s|INCR s|TTL s|APPEND s 0|TTL s|GETSET s 5|TTL s|PTTL s|MSET s 1 t 2|TTL s
EXPIRE s 100 NX|EXPIRE s 200 NX|EXPIRE s 200 GT|EXPIRE s 100 GT|TTL s|EXPIRE s 50 LT|EXPIRE s 300 LT|TTL s
EXPIRE s 10 XX|EXPIRE t 10 XX|EXPIRE t 10 GT|EXPIRE t 10 LT|TTL t|EXPIRE s 10 NX XX|EXPIRE s 10 GT LT|EXPIRE s 10 HUH
EXPIRE s 10 NX GT|EXPIRE s 5 xx gt|EXPIRE s 100 XX gt|TTL s|EXPIRE s 0|GET s|SET s 1|EXPIRE s -1|EXISTS s|SET s 1
PEXPIRE s -5|DBSIZE|SET s 1|PEXPIRE s 1|SET k 1 PX 1
FLUSHALL|DBSIZE|MSET one 1 two 2 three 3 four* 4 f?ur 5 a[b 6 a]c 7 a\\d 8 ^x 9 x-y 10|KEYS *|KEYS|KEYS t*|KEYS *o*
KEYS ?|KEYS f?ur*|KEYS f\\?ur|KEYS f\\*|KEYS four\\*|KEYS [ot]*|KEYS [^ot]*|KEYS [a-f]*|KEYS [f-a]*|KEYS a[[]b|KEYS a\\[b
KEYS a[]]c|KEYS a\\]c|KEYS [^|KEYS [|KEYS t[h-h]*ee|KEYS a\\\\d|KEYS [\\^]x|KEYS x[-]y|KEYS x[+--]y|KEYS ''|KEYS **|KEYS *e*e*
KEYS *****e|KEYS [a|KEYS a[b-|KEYS on[a-e|KEYS on[xe|KEYS on\\e|KEYS one\\
FLUSHALL async|FLUSHALL SYNC|FLUSHALL what|FLUSHALL async sync|FLUSHDB|FLUSHDB what
FROBNICATE|frob a b|frob a~b '' c|FROB aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb ccc
FROB aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa x|''
PUBLISH nowhere text|PUBLISH x|PUBLISH|SUBSCRIBE|PSUBSCRIBE|UNSUBSCRIBE|UNSUBSCRIBE never|PUNSUBSCRIBE|PUNSUBSCRIBE a b";

/// Asserts that both say the same, time aside.
#[track_caller]
fn compare(what: &str, words: &[&[u8]], ours: Vec<Reply>, theirs: Vec<Reply>) {
    // Both were asked at about the same time, on a machine that may have been busy.
    let time = |replies: &[Reply]| match replies {
        [Reply::Line(line)] if words[0].to_ascii_lowercase().ends_with(b"ttl") => {
            line[1..].parse::<i64>().ok().filter(|time| *time > 0)
        }
        _ => None,
    };
    if let (Some(our), Some(their)) = (time(&ours), time(&theirs)) {
        let second = if words[0].len() == 3 { 1 } else { 1000 };
        assert!(
            (our - their).abs() < 30 * second,
            "{what}: {our} instead of {their}"
        );
        return;
    }
    assert_eq!(sorted(words, ours), sorted(words, theirs), "{what}");
}

#[test]
fn says_the_same_as_redis() {
    for server in each_mini() {
        let Some((_redis, folder)) = real() else {
            return;
        };
        let (mut ours, mut theirs) = (Client::of_mini(&server), Client::of_real(&folder));
        for command in SCRIPT.split(['|', '\n']) {
            let owned = words(command);
            let words: Vec<_> = owned.iter().map(Vec::as_slice).collect();
            compare(command, &words, ours.ask(&words), theirs.ask(&words));
            if command == "SET k 1 PX 1" {
                // Both have the time to notice.
                thread::sleep(Duration::from_millis(50));
                for command in [
                    &[&b"GET"[..], b"k"][..],
                    &[b"EXISTS", b"s"],
                    &[b"TTL", b"k"],
                ] {
                    compare("expired", command, ours.ask(command), theirs.ask(command));
                }
            }
        }
    }
}

#[test]
fn what_is_no_command_ends_as_with_redis() {
    for server in each_mini() {
        let Some((_redis, folder)) = real() else {
            return;
        };
        for junk in [
            &b"*1\r\n:5\r\n"[..],
            b"*x\r\n",
            b"*99999999999\r\n",
            b"*1\r\n$x\r\n",
            b"*1\r\n$-1\r\n",
            b"*1\r\n$99999999999\r\n",
            b"*2\r\n$4\r\nPING\r\nPING\r\n",
            b"*1\r\n\xff\r\n",
            b"*1\r\n*1\r\n",
            b"PING\r\n*1\r\n$3\r\nfoo\r\n*1\r\n!\r\nPING\r\n",
            // These are none of that kind.
            b"*-1\r\n*0\r\nPING\r\nQUIT\r\n",
            b" \r\n\n  PING  there \nQUIT\r\nPING\r\n",
        ] {
            let mut ours = Client::of_mini(&server);
            let mut theirs = Client::of_real(&folder);
            let answers = [&mut ours, &mut theirs].map(|client| {
                client.0.get_mut().write_all(junk).unwrap();
                let mut answer = Vec::new();
                // What is not read any more may be a reset.
                let _ = client.0.read_to_end(&mut answer);
                answer.escape_ascii().to_string()
            });
            assert_eq!(answers[0], answers[1], "{}", junk.escape_ascii());
            assert!(!answers[0].is_empty());
        }
    }
}

/// A generator of numbers, the same ones for the same seed.
struct Dice(u64);

impl Dice {
    fn below(&mut self, end: usize) -> usize {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % end
    }

    fn one_of(&mut self, all: &[&'static str]) -> &'static str {
        all[self.below(all.len())]
    }
}

/// Thousands of commands that nobody has thought of, with any number of words, many at once.
#[test]
fn says_the_same_as_redis_to_anything() {
    for server in each_mini() {
        let Some((_redis, folder)) = real() else {
            return;
        };
        const NAMES: &str = "get set set set set setnx getset getdel mget mset append strlen incr decr incrby decrby \
            del exists keys type dbsize expire pexpire ttl persist expire pexpire publish echo ping";
        let names: Vec<_> = NAMES.split_whitespace().collect();
        let keys = ["a", "b", "c", "d"];
        let texts = [
            "",
            "0",
            "1",
            "-1",
            "10",
            "007",
            "-0",
            "x",
            "9223372036854775807",
            "-9223372036854775808",
            "a*",
            "[ab]",
            "*",
            "nx",
            "XX",
            "get",
            "ex",
            "PX",
            "keepttl",
            "gt",
            "lt",
            "100000",
            "100000000",
            "-100000",
        ];
        for seed in 0..40 {
            let mut dice = Dice(seed);
            let (mut ours, mut theirs) = (Client::of_mini(&server), Client::of_real(&folder));
            let commands: Vec<Vec<&[u8]>> = (0..250)
                .map(|_| {
                    let mut words = vec![dice.one_of(&names), dice.one_of(&keys)];
                    if matches!(words[0], "dbsize" | "ping") && dice.below(4) > 0 {
                        words.pop();
                    }
                    // Seldom as many as it should be.
                    let more = match words[0] {
                        "set" => dice.below(5),
                        "expire" | "pexpire" => 1 + dice.below(3),
                        "setnx" | "getset" | "append" | "incrby" | "decrby" | "mset"
                        | "publish" => 1,
                        _ => 0,
                    };
                    let more = if dice.below(10) == 0 {
                        dice.below(4)
                    } else {
                        more
                    };
                    for number in 0..more {
                        // Nothing expires in the time that the test takes.
                        let may_be_time = matches!(words[0], "expire" | "pexpire")
                            || words[0] == "set" && number > 0;
                        let soon = |text: &&str| matches!(*text, "1" | "10");
                        let text = std::iter::repeat_with(|| dice.one_of(&texts))
                            .find(|text| !(may_be_time && soon(text)));
                        words.extend(text);
                    }
                    words.into_iter().map(str::as_bytes).collect()
                })
                .collect();
            let all: Vec<_> = commands.iter().flat_map(|words| encode(words)).collect();
            ours.0.get_mut().write_all(&all).unwrap();
            theirs.0.get_mut().write_all(&all).unwrap();
            for (number, words) in commands.iter().enumerate() {
                let what = String::from_utf8_lossy(&words.join(&b' ')).into_owned();
                let what = format!("seed {seed}, command {number}: {what}");
                let (our, their) = (vec![ours.reply()], vec![theirs.reply()]);
                compare(&what, words, our, their);
            }
            let flush = [&b"FLUSHALL"[..]];
            assert_eq!(ours.ask(&flush), theirs.ask(&flush));
        }
    }
}

/// Who says what: the number of a client and its command.
const TALK: &str = "\
0 SUBSCRIBE news
1 PSUBSCRIBE n*
2 PUBLISH news one
2 PUBLISH nothing two
2 PUBLISH other three
0 SUBSCRIBE other more news
0 PSUBSCRIBE ?ews
2 PUBLISH news four
2 PUBLISH other ''
0 GET x
0 PUBLISH news x
0 frobnicate
0 SUBSCRIBE
0 PING
0 UNSUBSCRIBE other
2 PUBLISH other five
1 SUBSCRIBE news
2 PUBLISH news six~seven
1 PUNSUBSCRIBE n*
2 PUBLISH news eight
1 UNSUBSCRIBE
1 GET x
2 PUBLISH news nine
0 PUNSUBSCRIBE
0 UNSUBSCRIBE more
0 UNSUBSCRIBE news
0 UNSUBSCRIBE
0 SET x 1
2 PUBLISH news ten
2 SUBSCRIBE news
0 PUBLISH news eleven
2 GET x";

#[test]
fn subscribers_hear_the_same_as_those_of_redis() {
    for server in each_mini() {
        let Some((_redis, folder)) = real() else {
            return;
        };
        let mut clients: Vec<_> = (0..3)
            .map(|_| (Client::of_mini(&server), Client::of_real(&folder)))
            .collect();
        for line in TALK.lines() {
            let (who, command) = line.split_once(' ').unwrap();
            let owned = words(command);
            let command: Vec<_> = owned.iter().map(Vec::as_slice).collect();
            let (ours, theirs) = &mut clients[who.parse::<usize>().unwrap()];
            compare(line, &command, ours.ask(&command), theirs.ask(&command));
            // What all have heard.
            for (number, (ours, theirs)) in clients.iter_mut().enumerate() {
                let what = format!("{line}: client {number}");
                compare(
                    &what,
                    &command,
                    ours.ask(&[b"PING"]),
                    theirs.ask(&[b"PING"]),
                );
            }
        }
        // A subscriber that goes away is none any more.
        let (gone, _) = clients.pop().unwrap();
        drop(gone);
        let (ours, _) = &mut clients[0];
        let start = Instant::now();
        while ours.ask(&[b"PUBLISH", b"news", b"x"]) != [Reply::Line(":0".into())] {
            assert!(start.elapsed() < PATIENCE, "it is still subscribed");
        }
    }
}

/// A fast publisher loses nobody who reads, and one who does not read loses its connection, nobody else anything.
#[test]
fn a_subscriber_that_does_not_read_is_closed() {
    for server in each_mini() {
        let mut lazy = server.connect();
        lazy.write_all(b"SUBSCRIBE news\r\n").unwrap();
        let mut reader = Client::of_mini(&server);
        assert_eq!(reader.ask(&[b"SUBSCRIBE", b"news"]).len(), 1);
        let mut publisher = Client::of_mini(&server);
        let text = [b'x'; 4000];
        let start = Instant::now();
        let mut count = 0;
        loop {
            publisher.send(&[b"PUBLISH", b"news", &text]);
            count += 1;
            let Reply::Line(receivers) = publisher.reply() else {
                panic!("a number");
            };
            let message = Reply::Array(
                [&b"message"[..], b"news", &text]
                    .map(|word| Reply::Bulk(Some(word.into())))
                    .into(),
            );
            assert_eq!(reader.reply(), message, "message {count}");
            match &*receivers {
                ":2" => assert!(start.elapsed() < PATIENCE, "it is never closed"),
                other => break assert_eq!(other, ":1"),
            }
        }
        // It gets what the systems between had in their buffers, then the end.
        let mut all = Vec::new();
        let _ = lazy.read_to_end(&mut all);
        assert!(all.len() < count * text.len());
    }
}

/// Whether Redis' own programs are there.
fn tools() -> bool {
    let found = Command::new("redis-cli").arg("--version").output().is_ok();
    if !found {
        eprintln!("skipped: there is no redis-cli");
    }
    found
}

#[test]
fn redis_cli_prints_the_same() {
    if !tools() {
        return;
    }
    for server in each_mini() {
        let Some((_redis, folder)) = real() else {
            return;
        };
        let port = server.addr.port().to_string();
        let socket = folder.0.join("socket");
        let input = "set greeting \"hello world\"\nget greeting\nttl greeting\nincr greeting\nmget greeting nothing\n\
            keys *\nexpire greeting 100\nfoo bar\nping\necho \"a\\nb\"\ndel greeting\nget greeting\nflushall\n";
        for form in ["--no-raw", "--raw"] {
            let output = |at: &[&std::ffi::OsStr]| {
                let mut cli = Command::new("redis-cli");
                cli.args(at)
                    .arg(form)
                    .stdin(Stdio::piped())
                    .stdout(Stdio::piped());
                let mut child = cli.spawn().unwrap();
                child
                    .stdin
                    .take()
                    .unwrap()
                    .write_all(input.as_bytes())
                    .unwrap();
                let out = child.wait_with_output().unwrap();
                assert!(out.status.success());
                String::from_utf8(out.stdout).unwrap()
            };
            let ours = output(&["-p".as_ref(), port.as_ref()]);
            assert_eq!(ours, output(&["-s".as_ref(), socket.as_ref()]));
            assert!(ours.contains("hello world"), "{ours}");
        }
        let out =
            run(Command::new("redis-cli").args(["-p", &port, "-r", "50", "incr", "visitors"]));
        let counts: Vec<_> = (1..=50).map(|n| n.to_string()).collect();
        assert_eq!(out.success().lines(), counts);
    }
}

#[test]
fn redis_cli_subscribes() {
    if !tools() {
        return;
    }
    for server in each_mini() {
        let port = server.addr.port().to_string();
        let mut cli = Command::new("redis-cli");
        cli.args(["-p", &port, "--raw", "subscribe", "news"])
            .stdout(Stdio::piped());
        let mut cli = cli.spawn().unwrap();
        let mut lines = BufReader::new(cli.stdout.take().unwrap())
            .lines()
            .map(Result::unwrap);
        let mut next = |count| lines.by_ref().take(count).collect::<Vec<_>>();
        assert_eq!(next(3), ["subscribe", "news", "1"]);
        let out = run(Command::new("redis-cli").args(["-p", &port, "publish", "news", "a frog"]));
        assert_eq!(out.success().stdout.trim(), "1");
        assert_eq!(next(3), ["message", "news", "a frog"]);
        cli.kill().unwrap();
        cli.wait().unwrap();
    }
}

#[test]
fn redis_benchmark_runs_without_an_error() {
    if !tools() {
        return;
    }
    for server in each_mini() {
        let port = server.addr.port().to_string();
        for pipeline in ["1", "16"] {
            let mut command = Command::new("redis-benchmark");
            command.args([
                "-p", &port, "-n", "2000", "-c", "20", "-r", "50", "--csv", "-P", pipeline,
            ]);
            command.args(["-t", "ping_inline,ping_mbulk,set,get,incr,mset"]);
            let out = run(&mut command).success();
            let names: BTreeSet<_> = out
                .lines()
                .iter()
                .skip(1)
                .filter_map(|line| line.split('"').nth(1))
                .map(str::to_owned)
                .collect();
            assert_eq!(names.len(), 6, "{out:#?}");
            for word in ["ERR", "Error", "WARNING"] {
                assert!(
                    !(out.stdout.clone() + &out.stderr).contains(word),
                    "{out:#?}"
                );
            }
        }
        // And the server is still there.
        let mut stream = TcpStream::connect(server.addr).unwrap();
        stream.write_all(b"QUIT\r\n").unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        assert_eq!(answer, "+OK\r\n");
    }
}
