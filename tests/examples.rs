//! Runs the small examples as a user would, and checks what they print.

#[path = "../examples/shared/channel_reactor.rs"]
mod channel_reactor;
mod support;

use std::time::Duration;

#[cfg(feature = "mio")]
use support::{
    Running,
    server::{Folder, Server, bytes},
};
use support::{example, run, run_within, source};

/// The guard itself: a program that takes too long is killed, and fails the test.
#[test]
#[should_panic(expected = "did not end within 20ms and was killed")]
fn a_program_that_hangs_is_killed() {
    // One that merely takes its time may have ended before this thread looks again.
    let mut hangs = std::process::Command::new(std::env::current_exe().unwrap());
    hangs.args(["--exact", "never_ends", "--ignored"]);
    run_within(&mut hangs, Duration::from_millis(20));
}

#[test]
#[ignore = "run by `a_program_that_hangs_is_killed`"]
fn never_ends() {
    loop {
        std::thread::park();
    }
}

#[test]
#[should_panic(expected = "example `no-such-example` has not been built")]
fn an_example_that_is_not_built_is_named() {
    example("no-such-example");
}

#[test]
fn tcp_plays_three_rounds_in_order() {
    let out = run(&mut example("tcp")).success();
    assert_eq!(
        out.lines(),
        [
            "server: got ping 1",
            "client: got pong 1",
            "server: got ping 2",
            "client: got pong 2",
            "server: got ping 3",
            "client: got pong 3",
            "server: the client has closed the connection",
            "done: 3 rounds, 6 messages",
        ]
    );
}

#[test]
fn tcp_plays_as_many_rounds_as_it_is_told() {
    let out = run(example("tcp").arg("500")).success();
    assert_eq!(out.count("client: got pong "), 500);
    assert_eq!(out.lines().last(), Some(&"done: 500 rounds, 1000 messages"));
}

#[test]
fn tcp_refuses_what_is_not_a_number_of_rounds() {
    for argument in ["0", "-1", "many"] {
        let out = run(example("tcp").arg(argument));
        assert_eq!(out.status.code(), Some(2), "{out:#?}");
        assert!(out.stderr.starts_with("usage: tcp"), "{out:#?}");
        assert_eq!(out.stdout, "");
    }
}

/// The number between two pieces of a line.
#[track_caller]
fn number_between(line: &str, before: &str, after: &str) -> u64 {
    line.split_once(before)
        .and_then(|(_, rest)| rest.split_once(after))
        .and_then(|(number, _)| number.parse().ok())
        .unwrap_or_else(|| panic!("no number between `{before}` and `{after}` in `{line}`"))
}

#[test]
fn poll_timeout_waits_in_vain_then_returns_early() {
    let out = run(&mut example("poll-timeout")).success();
    let lines = out.lines();
    assert_eq!(lines.len(), 2, "{out:#?}");

    assert!(lines[0].starts_with("timeout of 200 ms, nothing sent: no events after "));
    let waited = number_between(lines[0], "no events after ", " ms");
    assert!(waited >= 200, "too early: {waited} ms");

    assert!(lines[1].starts_with("timeout of 60000 ms, sent after 50 ms: an event after "));
    assert!(lines[1].ends_with(", `hello`"));
    let waited = number_between(lines[1], "an event after ", " ms");
    assert!((50..60_000).contains(&waited), "after {waited} ms");
}

#[test]
fn spurious_events_are_tolerated() {
    let out = run(&mut example("spurious-events")).success();
    let lines = out.lines();
    assert_eq!(out.count("scene "), 3, "{out:#?}");
    assert_eq!(out.count("but WouldBlock: spurious"), 1, "{out:#?}");
    assert_eq!(out.count("its token is unknown: stale, ignored"), 1);
    assert_eq!(out.count("of an older generation: stale, ignored"), 1);
    assert_eq!(out.count("would go to the new source"), 1, "{out:#?}");
    assert_eq!(lines.last(), Some(&"tolerated: 3 events, failures: 0"));
}

/// Size and number of lines of the file that the file examples read by themselves.
fn test_txt() -> (usize, usize) {
    let text = std::fs::read(source("examples/test.txt")).expect("examples/test.txt");
    let lines = text.split_inclusive(|&byte| byte == b'\n').count();
    (text.len(), lines)
}

#[test]
fn fs_reads_a_file_and_reports_a_missing_one() {
    let out = run(&mut example("fs")).success();
    let (size, lines) = test_txt();
    let expected = format!("test.txt: {size} bytes expected");
    let read = format!("test.txt: {size} bytes read, {lines} lines, on thread main");
    let position = |line: &str| out.lines().iter().position(|l| *l == line);
    assert!(position(&expected).is_some(), "{out:#?}");
    assert!(position(&expected) < position(&read), "{out:#?}");
    assert_eq!(out.count("no-such-file.txt: cannot be read: "), 1);
    assert_eq!(out.lines().last(), Some(&"done: 1 read, 1 failed"));
}

#[test]
fn fs_serves_more_files_than_its_queue_holds() {
    let file = source("examples/test.txt");
    let out = run(example("fs").args(std::iter::repeat_n(&file, 100))).success();
    assert_eq!(out.count(" bytes read, "), 100, "{out:#?}");
    assert_eq!(out.lines().last(), Some(&"done: 100 read, 0 failed"));
}

// mio's poll(2) selector loses a wake now and then (its issue 1874): registering or deregistering
// any source throws away a notification that has not been seen yet. So no `mio::Waker` there.
#[cfg_attr(
    mio_unsupported_force_poll_poll,
    ignore = "mio's poll(2) selector loses wakes (mio issue 1874)"
)]
#[test]
fn fs_mio_serves_files_and_a_socket_in_one_loop() {
    let out = run(&mut example("fs-mio")).success();
    let (size, lines) = test_txt();
    let read = format!("test.txt: {size} bytes read, {lines} lines, on thread main");
    assert_eq!(out.count(&read), 8, "{out:#?}");
    assert_eq!(out.count("no-such-file.txt: cannot be read: "), 1);
    assert_eq!(out.count("socket: a callback says \"test.txt\""), 8);
    assert_eq!(
        out.count("socket: a callback says \"no-such-file.txt\""),
        1,
        "{out:#?}"
    );
    assert_eq!(
        out.lines().last(),
        Some(&"done: 8 read, 1 failed, 9 datagrams")
    );
}

#[cfg_attr(
    mio_unsupported_force_poll_poll,
    ignore = "mio's poll(2) selector loses wakes (mio issue 1874)"
)]
#[test]
fn fs_mio_serves_more_files_than_its_queue_holds() {
    let file = source("examples/test.txt");
    let out = run(example("fs-mio").args(std::iter::repeat_n(&file, 100))).success();
    assert_eq!(
        out.lines().last(),
        Some(&"done: 100 read, 0 failed, 100 datagrams")
    );
}

#[test]
fn fab_prints_the_same_numbers_twice() {
    let out = run(&mut example("fab")).success();
    assert_eq!(
        out.lines(),
        [
            "state machine: 0 1 1 2 3 5 8 13 21 34 ...",
            "stream:        0 1 1 2 3 5 8 13 21 34 ...",
            "both end after 94 numbers, the last one is 12200160415121876738",
            "the stream was pending 31 times on the way",
        ]
    );
}

#[test]
fn fab_ends_where_a_number_would_overflow() {
    let out = run(example("fab").arg("1000")).success();
    let lines = out.lines();
    let numbers = |line: &str| -> Vec<u64> {
        line.split_whitespace()
            .filter_map(|word| word.parse().ok())
            .collect()
    };
    let all = numbers(lines[0]);
    assert_eq!(all, numbers(lines[1]));
    assert_eq!(all.len(), 94);
    assert!(all.windows(3).all(|w| w[0].checked_add(w[1]) == Some(w[2])));
    assert!(all[92].checked_add(all[93]).is_none());
    assert!(!lines[0].ends_with("..."), "nothing was left out");
}

#[cfg(feature = "mio")]
#[test]
fn timer_future_is_polled_once_more_when_the_thread_wakes_it() {
    let out = run(&mut example("timer-future")).success();
    assert_eq!(out.lines(), ["waiting", "done after 2 polls"]);
    assert!(out.took >= Duration::from_millis(200), "{out:#?}");
}

#[test]
fn mini_executor_reads_its_thermometers() {
    let out = run(&mut example("mini-executor")).success();
    assert_eq!(
        out.lines(),
        [
            "thermometer 1: 3 readings, 20 degrees on average",
            "thermometer 2: 3 readings, -5 degrees on average",
            "the clock has ticked 3 times",
        ]
    );
}

/// The reactor of that example keeps the contract.
#[test]
fn mini_executors_reactor_conforms() {
    use channel_reactor::{ChannelReactor, Event};
    use polliwog::conformance::{check, check_source, check_threads};
    use std::task::Context;

    check(|| ChannelReactor::new().0);
    check_threads(|| ChannelReactor::new().0);

    let (reactor, sender) = ChannelReactor::new();
    let source = reactor.source(7);
    check_source(&reactor, |_, waker| {
        let mut cx = Context::from_waker(&waker);
        // The value of the last round, then nothing.
        while source.poll_next(&mut cx).is_ready() {}
        let sender = sender.clone();
        std::thread::spawn(move || sender.send(Event::Value(7, 1)));
    });
}

#[cfg(feature = "mio")]
#[test]
fn file_server_lesson_serves_several_clients_and_refuses_what_it_should() {
    use std::io::Write;

    let folder = Folder::new();
    let large = bytes(300_000);
    folder.write("sub/large", &large);
    folder.write("small.txt", "quak");
    std::fs::write(folder.0.join("secret.txt"), "secret").unwrap();
    let mut program = Running::start(
        example("file-server-lesson")
            .args(["127.0.0.1:0"])
            .arg(folder.root()),
    );
    let line = program.first_line();
    let addr = line
        .strip_prefix("listening on ")
        .and_then(|addr| addr.parse().ok());
    let addr = addr.unwrap_or_else(|| panic!("the first line is `{line}`"));
    let server = Server { program, addr };

    // One that asks for nothing holds up nobody, and neither does one that sends half a name.
    let _silent = server.connect_and_wait();
    let mut slow = server.connect_and_wait();
    slow.write_all(b"small").unwrap();
    assert!(server.ask("sub/large\r\n") == large);
    assert_eq!(server.ask("small.txt\n"), b"quak");
    slow.write_all(b".txt\r\n").unwrap();
    assert_eq!(support::server::read_all(&mut slow).unwrap(), b"quak");

    for (name, answer) in [
        ("../secret.txt", "the name leads out of the served folder"),
        (
            "sub/../small.txt",
            "the name leads out of the served folder",
        ),
        ("/etc/passwd", "the name leads out of the served folder"),
        ("", "the name leads out of the served folder"),
        ("sub", "not a regular file"),
        #[cfg(unix)]
        ("missing", "No such file or directory (os error 2)"),
    ] {
        // A folder cannot even be opened everywhere.
        if cfg!(unix) || name != "sub" {
            support::server::assert_refused(&server.ask(format!("{name}\r\n")), answer);
        }
    }
    // What has no end in sight is given up, and the server lives on.
    let mut endless = server.connect_and_wait();
    let _ = endless.write_all(&[b'x'; 10_000]);
    let _ = support::server::read_all(&mut endless);
    assert_eq!(server.ask("small.txt\r\n"), b"quak");
    let out = server.program.end();
    assert!(out.stderr.contains("the name is too long"), "{out:#?}");
}

#[cfg(any(feature = "mio", feature = "spin"))]
#[test]
fn timeout_gives_up_and_asks_again() {
    let out = run(&mut example("timeout")).success();
    assert_eq!(
        out.lines(),
        [
            "with 50ms of patience: gave up, deadline has elapsed",
            "with 10s of patience: the answer is 42",
        ]
    );
}

#[cfg(any(feature = "mio", feature = "spin"))]
#[test]
fn interval_ticks_in_three_ways() {
    let out = run(&mut example("interval")).success();
    let lines = out.lines();
    assert_eq!(lines.len(), 3, "{out:#?}");
    for (line, name) in lines.iter().zip(["burst:", "delay:", "skip:"]) {
        assert!(line.starts_with(name), "{out:#?}");
        let ticks: Vec<u64> = line.split(' ').filter_map(|at| at.parse().ok()).collect();
        assert_eq!(ticks.len(), 7, "{out:#?}");
        assert!(ticks[1] >= 100 && ticks[2] >= 450, "{out:#?}");
        assert!(ticks.is_sorted(), "{out:#?}");
    }
    if cfg!(not(feature = "mio")) {
        // Virtual time is exact.
        assert_eq!(lines[0], "burst: ticks at 0 100 | 450 450 450 500 600");
        assert_eq!(lines[1], "delay: ticks at 0 100 | 450 550 650 750 850");
        assert_eq!(lines[2], "skip:  ticks at 0 100 | 450 500 600 700 800");
    }
}

#[cfg(feature = "sim")]
#[test]
fn lease() {
    let out = run(example("lease").arg("200")).success();
    let lines = out.lines();
    let has = |text: &str| lines.iter().any(|line| line.contains(text));
    assert!(
        has("hold the lock") && has("careful: nothing in 200 seeds"),
        "{lines:?}"
    );
}

#[cfg(feature = "sim")]
#[test]
fn queue() {
    let out = run(example("queue").arg("200")).success();
    let lines = out.lines();
    let has = |text: &str| lines.iter().any(|line| line.contains(text));
    assert!(
        has("was paid twice") && has("careful: nothing in 200 seeds"),
        "{lines:?}"
    );
}

#[cfg(feature = "spin")]
#[test]
fn paused_time_runs_a_thousand_hours() {
    let out = run(&mut example("paused-time")).success();
    let lines = out.lines();
    assert_eq!(
        lines[..3],
        [
            "a thousand hours: asked 1000 times",
            "a broken device: asked after 0 1 3 7 15 31 55 79 hours",
            "by hand: asked 1, 1, 2 and 5 times",
        ]
    );
    assert!(lines[3].starts_with("1084 hours of virtual time took "));
}

#[cfg(all(feature = "spin", not(feature = "mio")))]
#[test]
fn async_echo_in_memory_checks_itself_and_ends() {
    let out = run(&mut example("async-echo")).success();
    assert_eq!(
        out.lines(),
        [
            "listening on 127.0.0.1:7878, in memory",
            "8 clients, 100 messages each: 396800 bytes came back unharmed",
            "that took 100s of virtual time",
        ]
    );
}

#[cfg(not(any(feature = "mio", feature = "spin")))]
#[test]
fn without_a_reactor_the_portable_examples_say_so() {
    for name in ["async-echo", "timeout", "interval"] {
        let out = run(&mut example(name));
        assert!(!out.status.success());
        assert!(out.stderr.contains("built without a reactor"), "{out:#?}");
    }
}

#[cfg(feature = "mio")]
#[test]
fn metrics_are_served_to_prometheus() {
    use std::io::{Read, Write};
    use std::net::{SocketAddr, TcpStream};

    let mut program = Running::start(example("metrics").args(["--addr", "127.0.0.1:0"]));
    let line = program.first_line();
    let addr = line.strip_prefix("listening on ").map(str::parse);
    let Some(Ok(addr)) = addr else {
        panic!("the first line is `{line}`")
    };
    let ask = |addr: SocketAddr, path: &str| {
        let mut stream = TcpStream::connect(addr).unwrap();
        write!(stream, "GET {path} HTTP/1.1\r\nhost: here\r\n\r\n").unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    };
    let answer = ask(addr, "/metrics");
    let (head, body) = answer.split_once("\r\n\r\n").expect("a head");
    assert!(head.starts_with("HTTP/1.1 200 OK\r\n"), "{head}");
    assert!(
        head.contains(&format!("content-length: {}\r\n", body.len())),
        "{head}"
    );
    let value = |name: &str| {
        let line = body.lines().find_map(|line| line.strip_prefix(name));
        line.unwrap_or_else(|| panic!("no {name}: {body}"))
            .trim()
            .parse::<f64>()
            .unwrap()
    };
    // `block_on`'s own, the worker, and the one that serves.
    assert_eq!(value("polliwog_tasks "), 3.0);
    assert!(value("polliwog_polls_total ") >= 3.0);
    assert_eq!(value("polliwog_spawns_refused_total "), 0.0);
    assert!(value("polliwog_task_polls_total{task=\"worker\"} ") >= 1.0);
    for line in body.lines().filter(|line| !line.starts_with('#')) {
        let name = line.split(['{', ' ']).next().unwrap();
        assert!(body.contains(&format!("# TYPE {name} ")), "{line}");
    }
    assert!(ask(addr, "/").starts_with("HTTP/1.1 404 "));
    program.end();
}

/// Feature `trace` is not among those of the other tests, so `.ci/run guide` runs this one.
#[cfg(feature = "trace")]
#[test]
fn timeline_draws_what_the_executor_did() {
    let folder = std::env::temp_dir().join(format!("polliwog-timeline-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let out = run(example("timeline").arg(&folder)).success();
    let lines = out.lines();
    assert!(lines[0].starts_with("5 tasks, "), "{out:#?}");
    assert_eq!(lines[1], "the longest poll is one of `greedy`");
    assert_eq!(lines[2], "written: timeline.json, timeline.html");
    let json = std::fs::read_to_string(folder.join("timeline.json")).unwrap();
    for name in [
        "server",
        "client",
        "ticker",
        "greedy",
        "woken by a timer",
        "woken by the reactor",
    ] {
        assert!(json.contains(name), "no {name}: {json}");
    }
    assert_eq!(json.matches('{').count(), json.matches('}').count());
    assert!(
        json.contains(concat!(file!(), ":")) || json.contains("timeline/main.rs:"),
        "{json}"
    );
    let page = std::fs::read_to_string(folder.join("timeline.html")).unwrap();
    assert!(page.starts_with("<!doctype html>") && page.ends_with("</html>\n"));
    assert!(!page.contains("http"), "it needs nothing else");
    std::fs::remove_dir_all(&folder).unwrap();
}
