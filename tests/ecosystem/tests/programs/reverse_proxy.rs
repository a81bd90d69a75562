//! The reverse proxy, in front of the HTTP server and of upstreams that do all kinds of things; asked by curl.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::thread;
use std::time::Duration;

use super::{Folder, PATIENCE, Server, curl, example};

fn proxy(upstreams: &[SocketAddr], options: &[&str]) -> Server {
    let mut command = example("reverse-proxy");
    command.args(["--addr", "127.0.0.1:0"]);
    for upstream in upstreams {
        command.args(["--upstream", &upstream.to_string()]);
    }
    Server::start(command.env("RUST_LOG", "info").args(options))
}

/// A server of one's own for one connection after the other.
fn upstream(mut serve: impl FnMut(TcpStream) + Send + 'static) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let addr = listener.local_addr().unwrap();
    thread::spawn(move || {
        for stream in listener.incoming() {
            serve(stream.unwrap());
        }
    });
    addr
}

/// Answers with the head of the request.
fn mirror(stream: TcpStream) {
    let mut head = String::new();
    let mut reader = BufReader::new(&stream);
    while !head.ends_with("\r\n\r\n") && reader.read_line(&mut head).unwrap() > 0 {}
    let length = head.len();
    write!(
        &stream,
        "HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n\r\n{head}"
    )
    .unwrap();
}

/// An address at which nobody listens.
fn nobody() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[test]
fn files_through_the_proxy_by_curl() {
    let large: Vec<u8> = (0..5_000_001_u32).map(|n| (n / 7) as u8).collect();
    let folder = Folder::new(&[("hello.txt", b"a frog in a pond"), ("large", &large)]);
    let server = Server::http(&folder.0, &[]);
    for mode in ["tcp", "http"] {
        let proxy = proxy(&[server.addr], &["--mode", mode]);
        let out = proxy.curl(&["-i"], "hello.txt");
        let answer = text(&out.stdout);
        assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{mode}: {out:?}");
        assert!(answer.ends_with("\r\n\r\na frog in a pond"), "{answer}");
        assert!(proxy.curl(&[], "large").stdout == large);
        let part = proxy.curl(&["-r", "2-5"], "hello.txt");
        assert_eq!(text(&part.stdout), "frog");
        // Several over one connection, in the mode that leaves it open; over several in the other.
        let url = format!("http://{}/hello.txt", proxy.addr);
        let out = proxy.curl(&["-w", "%{num_connects} ", &url, &url], "hello.txt");
        let counts = if mode == "tcp" { [1, 0, 0] } else { [1, 1, 1] };
        let expected = counts.map(|count| format!("a frog in a pond{count} "));
        assert_eq!(text(&out.stdout), expected.concat());
        let missing = proxy.curl(&["-o", "/dev/null", "-w", "%{http_code}"], "missing");
        assert_eq!(text(&missing.stdout), "404");
        proxy.program.interrupt();
        proxy.program.finish().success();
    }
}

#[test]
fn a_header_says_who_asks() {
    let proxy = proxy(&[upstream(mirror)], &["--mode", "http"]);
    let lies = [
        "-H",
        "Forwarded: for=9.9.9.9",
        "-H",
        "x-FORWARDED-for: 9.9.9.9",
    ];
    let mut options = lies.to_vec();
    options.extend([
        "-H",
        "Connection: keep-alive",
        "-H",
        "X-Pond: deep",
        "--data",
        "q=1",
    ]);
    let head = text(&proxy.curl(&options, "a?b=c").stdout);
    assert!(
        head.starts_with("POST /a?b=c HTTP/1.1\r\nHost: 127.0.0.1:"),
        "{head}"
    );
    let lines: Vec<_> = head.trim_end().lines().collect();
    assert!(
        lines.contains(&"X-Pond: deep") && !head.contains("9.9.9.9"),
        "{head}"
    );
    let [.., forwarded, "Connection: close"] = lines[..] else {
        panic!("{head}");
    };
    let port = forwarded.strip_prefix("Forwarded: for=\"127.0.0.1:");
    let port = port.and_then(|rest| rest.strip_suffix("\";proto=http"));
    assert!(
        port.is_some_and(|port| port.parse::<u16>().is_ok()),
        "{head}"
    );
    // A WebSocket, say, stays one.
    let upgrade = [
        "-H",
        "Connection: keep-alive, Upgrade",
        "-H",
        "Upgrade: websocket",
    ];
    let head = text(&proxy.curl(&upgrade, "").stdout);
    assert!(
        head.contains("Upgrade: websocket\r\n") && head.ends_with("Connection: upgrade\r\n\r\n")
    );
}

#[test]
fn a_line_says_who_asks() {
    let proxy = proxy(
        &[upstream(|mut stream| {
            let mut all = String::new();
            stream.read_to_string(&mut all).unwrap();
            stream.write_all(all.as_bytes()).unwrap();
        })],
        &["--mode", "proxy"],
    );
    let mut client = proxy.connect();
    let ports = (client.local_addr().unwrap().port(), proxy.addr.port());
    client.write_all(b"any protocol\n").unwrap();
    client.shutdown(Shutdown::Write).unwrap();
    let mut answer = String::new();
    client.read_to_string(&mut answer).unwrap();
    let line = format!("PROXY TCP4 127.0.0.1 127.0.0.1 {} {}\r\n", ports.0, ports.1);
    assert_eq!(answer, line + "any protocol\n");
}

#[test]
fn upstreams_take_turns_and_one_that_is_away_costs_nobody_an_answer() {
    let named = |name: &'static str| {
        upstream(move |mut stream| {
            stream.write_all(name.as_bytes()).unwrap();
        })
    };
    let proxy = proxy(&[named("a"), nobody(), named("b")], &[]);
    let answers: String = (0..12).map(|_| proxy.ask("")).collect();
    let count = |name| answers.matches(name).count();
    assert!(
        answers.len() == 12 && count("a") >= 4 && count("b") >= 4,
        "{answers}"
    );
}

#[test]
fn an_upstream_that_is_away_is_a_page_or_an_end() {
    let tcp = proxy(&[nobody()], &[]);
    assert_eq!(tcp.ask("anything"), "");
    let proxy = proxy(&[nobody()], &["--mode", "http"]);
    let out = proxy.curl(&["-i"], "");
    let answer = text(&out.stdout);
    assert!(
        answer.starts_with("HTTP/1.1 502 Bad Gateway\r\n"),
        "{out:?}"
    );
    assert!(answer.contains("<h1>502 Bad Gateway</h1>"), "{answer}");
    // The page arrives in the middle of an upload, too.
    let upload = [("upload", &[b'x'; 3_000_000][..])];
    let folder = Folder::new(&upload);
    let file = format!("@{}", folder.0.join("upload").display());
    let out = proxy.curl(&["-H", "Expect:", "--data-binary", &file], "");
    assert!(
        text(&out.stdout).contains("<h1>502 Bad Gateway</h1>"),
        "{out:?}"
    );
}

#[test]
fn an_upstream_that_says_nothing_is_a_page() {
    let hangs_up = upstream(drop);
    let resets = upstream(|stream| {
        let stream = socket2::Socket::from(stream);
        stream.set_linger(Some(Duration::ZERO)).unwrap();
    });
    let mut kept = Vec::new();
    let keeps_silent = upstream(move |stream| kept.push(stream));
    for (upstream, status) in [(hangs_up, 502), (resets, 502), (keeps_silent, 504)] {
        let proxy = proxy(&[upstream], &["--mode", "http", "--idle-timeout", "0.3"]);
        let out = proxy.curl(&["-o", "/dev/null", "-w", "%{http_code}"], "");
        assert_eq!(text(&out.stdout), status.to_string(), "{out:?}");
    }
}

#[test]
fn what_is_no_request_is_refused() {
    let proxy = proxy(
        &[upstream(mirror)],
        &["--mode", "http", "--idle-timeout", "0.5"],
    );
    for (junk, status) in [
        (&b"quak\r\n\r\n"[..], "400"),
        (b"GET / HTTP/2.0\r\n\r\n", "400"),
        (b"GET / HTTP/1.1\r\nHost : x\r\n\r\n", "400"),
        (b"GET / HTTP/1.1\r\nA: b\r\n folded\r\n\r\n", "400"),
        (b"GET / HTTP/1.1\r\nA: b\rForwarded: for=me\r\n\r\n", "400"),
        (b"GET / HTTP/1.1\r\nno colon\r\n\r\n", "400"),
        (b"GET / HTTP/1.1\r\nHost: x\r\n", "408"),
        (&[b'x'; 16 << 10], "431"),
    ] {
        let answer = proxy.ask(junk);
        let start = format!("HTTP/1.1 {status} ");
        assert!(answer.starts_with(&start), "{}: {answer}", text(junk));
    }
    assert!(
        proxy
            .ask("GET / HTTP/1.0\n\n")
            .contains("GET / HTTP/1.0\r\n")
    );
}

/// A client that does not read stops the upstream, so that the proxy needs no memory for what lies between.
#[test]
fn a_client_that_does_not_read_stops_the_upstream() {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};
    const ALL: usize = 64 << 20;
    let sent = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&sent);
    let proxy = proxy(
        &[upstream(move |mut stream| {
            for _ in 0..ALL >> 16 {
                stream.write_all(&[7; 1 << 16]).unwrap();
                count.fetch_add(1 << 16, Ordering::Relaxed);
            }
        })],
        &[],
    );
    let mut client = proxy.connect();
    // Until nothing moves any more.
    let mut before = 1;
    let start = std::time::Instant::now();
    while sent.load(Ordering::Relaxed) != before {
        before = sent.load(Ordering::Relaxed).max(2);
        thread::sleep(Duration::from_millis(300));
        assert!(start.elapsed() < PATIENCE, "it never stops");
    }
    // What systems keep in their buffers varies, but none keeps as much as this.
    assert!(before < ALL, "{before} bytes have gone nowhere");
    let mut received = 0;
    let mut buf = vec![0; 1 << 16];
    while let count @ 1.. = client.read(&mut buf).unwrap() {
        received += count;
    }
    assert_eq!(received, ALL);
}

#[test]
fn after_ctrl_c_who_is_inside_may_finish_and_nobody_comes_in() {
    let large = vec![7; 20_000_000];
    let folder = Folder::new(&[("large", &large)]);
    let server = Server::http(&folder.0, &[]);
    let proxy = proxy(&[server.addr], &["--grace", "60"]);
    let mut client = proxy.connect();
    client
        .write_all(b"GET /large HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        .unwrap();
    client.read_exact(&mut [0; 100]).unwrap();
    proxy.program.interrupt();
    let start = std::time::Instant::now();
    while TcpStream::connect(proxy.addr).is_ok() {
        assert!(start.elapsed() < PATIENCE, "it still listens");
        thread::sleep(Duration::from_millis(5));
    }
    let mut rest = Vec::new();
    client.read_to_end(&mut rest).unwrap();
    assert!(rest.ends_with(&large));
    drop(client);
    proxy.program.finish().success();
    assert!(!curl(&proxy.addr, &[], "").status.success());
}

#[test]
fn wrong_options_are_explained() {
    let upstream = "--upstream=127.0.0.1:80";
    for arguments in [
        &[][..],
        &["--upstream", "nowhere"],
        &[upstream, "--mode", "gopher"],
        &[upstream, "--grace=0"],
        &[upstream, "--max-clients", "0"],
    ] {
        let out = super::support::run(example("reverse-proxy").args(arguments));
        assert_eq!(out.status.code(), Some(2), "{out:#?}");
        assert!(out.stderr.starts_with("reverse-proxy: "), "{out:#?}");
    }
}
