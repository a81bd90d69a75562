//! The server, asked by curl as a user would.
#![cfg(unix)]

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Child, Command, Output, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};

struct Server {
    program: Child,
    url: String,
    /// What is served is `root` in it.
    folder: PathBuf,
}

impl Server {
    fn start(options: &[&str]) -> Self {
        static COUNT: AtomicUsize = AtomicUsize::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("polliwog-http-{}-{count}", std::process::id());
        let folder = std::env::temp_dir().join(name);
        let root = folder.join("root");
        fs::create_dir_all(root.join("sub")).unwrap();
        fs::write(root.join("hello.txt"), "a frog in a pond").unwrap();
        fs::write(root.join("sub/<b>&\"x y\".html"), "<p>quak</p>").unwrap();
        fs::write(folder.join("secret.txt"), "secret").unwrap();
        std::os::unix::fs::symlink("../secret.txt", root.join("link")).unwrap();
        let mut program = Command::new(env!("CARGO_BIN_EXE_http-server"))
            .args(["--addr", "127.0.0.1:0", "--root"])
            .arg(&root)
            .args(options)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(program.stdout.take().unwrap())
            .read_line(&mut line)
            .unwrap();
        let url = line
            .trim_end()
            .strip_prefix("listening on ")
            .expect(&line)
            .to_owned();
        Server {
            program,
            url,
            folder,
        }
    }

    fn curl(&self, options: &[&str], path: &str) -> Output {
        let mut command = Command::new("curl");
        command
            .args(["-sS", "--max-time", "60", "--path-as-is"])
            .args(options);
        command
            .arg(format!("{}{path}", self.url))
            .output()
            .expect("curl")
    }

    /// The head, in lower case, and the body.
    #[track_caller]
    fn get(&self, options: &[&str], path: &str) -> (String, String) {
        let out = self.curl(&[&["-i"], options].concat(), path);
        assert!(out.status.success(), "{out:?}");
        let text = String::from_utf8(out.stdout).unwrap();
        let (head, body) = text.split_once("\r\n\r\n").unwrap();
        (head.to_ascii_lowercase() + "\r\n", body.to_owned())
    }

    /// Presses Ctrl-C.
    #[track_caller]
    fn stop(mut self) {
        let id = rustix::process::Pid::from_child(&self.program);
        rustix::process::kill_process(id, rustix::process::Signal::INT).unwrap();
        assert!(self.program.wait().unwrap().success());
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.program.kill();
        let _ = self.program.wait();
        let _ = fs::remove_dir_all(&self.folder);
    }
}

/// The value of a header in a head as above.
#[track_caller]
fn header<'a>(head: &'a str, name: &str) -> &'a str {
    let line = head
        .lines()
        .find_map(|line| line.strip_prefix(&format!("{name}: ")));
    line.unwrap_or_else(|| panic!("no {name} in {head}"))
}

#[track_caller]
fn status(head: &str, expected: u16) {
    assert!(head.starts_with(&format!("http/1.1 {expected} ")), "{head}");
}

#[test]
fn files_heads_and_what_is_not_there() {
    let server = Server::start(&[]);
    let (head, body) = server.get(&[], "hello.txt");
    status(&head, 200);
    assert_eq!(body, "a frog in a pond");
    assert_eq!(header(&head, "content-type"), "text/plain; charset=utf-8");
    assert_eq!(header(&head, "content-length"), "16");
    assert_eq!(header(&head, "x-content-type-options"), "nosniff");
    let (head, body) = server.get(&["-I"], "hello.txt");
    status(&head, 200);
    assert_eq!((header(&head, "content-length"), body.as_str()), ("16", ""));
    let (head, _) = server.get(&["-d", "x"], "hello.txt");
    status(&head, 405);
    assert_eq!(header(&head, "allow"), "get, head");
    let outside = [
        "nothing",
        "../secret.txt",
        "%2e%2e/secret.txt",
        "sub/../../secret.txt",
        "link",
    ];
    for path in outside
        .into_iter()
        .chain(["..%2fsecret.txt", "/etc/passwd", "hello.txt/"])
    {
        let (head, body) = server.get(&[], path);
        status(&head, 404);
        assert_eq!(body, "no such file\n", "{path}");
    }
    for path in ["%", "%zz", "%00", "%ff"] {
        status(&server.get(&[], path).0, 400);
    }
    server.stop();
}

#[test]
fn one_connection_for_several_requests() {
    let server = Server::start(&[]);
    let again = format!("{}hello.txt", server.url);
    let out = server.curl(&["-w", "%{num_connects} ", &again], "hello.txt");
    let expected = "a frog in a pond1 a frog in a pond0 ";
    assert_eq!(String::from_utf8(out.stdout).unwrap(), expected);
    server.stop();
}

#[test]
fn ranges_and_conditions() {
    let server = Server::start(&[]);
    for (range, expected, content) in [
        ("2-5", "frog", "bytes 2-5/16"),
        ("12-", "pond", "bytes 12-15/16"),
        ("-4", "pond", "bytes 12-15/16"),
        ("0-999", "a frog in a pond", "bytes 0-15/16"),
        ("-999", "a frog in a pond", "bytes 0-15/16"),
    ] {
        let (head, body) = server.get(&["-r", range], "hello.txt");
        status(&head, 206);
        assert_eq!(
            (body.as_str(), header(&head, "content-range")),
            (expected, content)
        );
    }
    for beyond in ["16-", "-0"] {
        let (head, _) = server.get(&["-r", beyond], "hello.txt");
        status(&head, 416);
        assert_eq!(header(&head, "content-range"), "bytes */16");
    }
    for whole in [
        "Range: bytes=5-2",
        "Range: bytes=0-1,3-4",
        "Range: frogs=1-2",
        "Range: bytes=a-b",
    ] {
        status(&server.get(&["-H", whole], "hello.txt").0, 200);
    }

    let (head, _) = server.get(&[], "hello.txt");
    let tag = header(&head, "etag").to_owned();
    // Not in lower case, as a date has capitals.
    let raw = String::from_utf8(server.curl(&["-i"], "hello.txt").stdout).unwrap();
    let date = raw
        .lines()
        .find_map(|line| line.strip_prefix("last-modified: "))
        .unwrap();
    let old = "Sat, 01 Jan 2000 00:00:00 GMT";
    for (condition, expected) in [
        (format!("If-None-Match: {tag}"), 304),
        (format!("If-None-Match: \"other\", W/{tag}"), 304),
        ("If-None-Match: *".to_owned(), 304),
        ("If-None-Match: \"other\"".to_owned(), 200),
        (format!("If-Modified-Since: {date}"), 304),
        (format!("If-Modified-Since: {old}"), 200),
        (format!("If-Match: {tag}"), 200),
        ("If-Match: \"other\"".to_owned(), 412),
        (format!("If-Match: W/{tag}"), 412),
        (format!("If-Unmodified-Since: {old}"), 412),
        (format!("If-Unmodified-Since: {date}"), 200),
    ] {
        let (head, body) = server.get(&["-H", &condition], "hello.txt");
        status(&head, expected);
        assert_eq!(body.is_empty(), expected != 200, "{condition}");
    }
    for (since, expected) in [
        (tag.as_str(), 206),
        (date, 206),
        ("\"other\"", 200),
        (old, 200),
    ] {
        let since = format!("If-Range: {since}");
        status(
            &server.get(&["-r", "2-5", "-H", &since], "hello.txt").0,
            expected,
        );
    }
    server.stop();
}

#[test]
fn a_page_lists_a_folder() {
    let server = Server::start(&[]);
    let (head, _) = server.get(&[], "sub");
    status(&head, 301);
    assert_eq!(header(&head, "location"), "/sub/");
    let (head, body) = server.get(&[], "sub/");
    status(&head, 200);
    assert_eq!(header(&head, "content-type"), "text/html; charset=utf-8");
    let row = "<a href=\"./%3Cb%3E%26%22x%20y%22.html\">&lt;b&gt;&amp;&quot;x y&quot;.html</a></td><td>11 B";
    assert!(body.contains(row), "{body}");
    let (head, body) = server.get(&[], "sub/%3Cb%3E%26%22x%20y%22.html");
    status(&head, 200);
    assert_eq!(body, "<p>quak</p>");
    // The link leads outside, so there is nothing.
    let (_, body) = server.get(&[], "");
    assert!(
        body.contains("hello.txt") && body.contains("sub/") && !body.contains("link"),
        "{body}"
    );
    fs::write(server.folder.join("root/index.html"), "an index").unwrap();
    assert_eq!(server.get(&[], "").1, "an index");
    server.stop();
}

#[test]
fn a_large_file_over_tls() {
    let keys = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../tests/ecosystem/tests/all/keys"
    );
    let server = Server::start(&["--tls", keys]);
    assert!(server.url.starts_with("https://"));
    let bytes: Vec<u8> = (0..3_000_001_u32).map(|n| (n / 7) as u8).collect();
    fs::write(server.folder.join("root/large"), &bytes).unwrap();
    let out = server.curl(&["-k"], "large");
    assert!(out.status.success() && out.stdout == bytes);
    // Whom it does not know, curl does not trust.
    assert!(!server.curl(&[], "large").status.success());
    server.stop();
}

/// Ctrl-C lets an answer that has begun go to its end, and closes what is idle.
#[test]
fn a_download_survives_the_end_of_the_server() {
    let server = Server::start(&[]);
    let bytes = vec![7; 20_000_000];
    fs::write(server.folder.join("root/large"), &bytes).unwrap();
    let url = format!("{}large", server.url);
    let mut idle = std::net::TcpStream::connect(url.split('/').nth(2).unwrap()).unwrap();
    let mut curl = Command::new("curl");
    curl.args(["-sS", "--max-time", "60", &url])
        .stdout(Stdio::piped());
    let mut curl = curl.spawn().unwrap();
    let mut output = curl.stdout.take().unwrap();
    let mut first = [0];
    // Under way, and more than the buffers between the two hold.
    std::io::Read::read_exact(&mut output, &mut first).unwrap();
    let reader = std::thread::spawn(move || {
        let mut all = Vec::new();
        std::io::Read::read_to_end(&mut output, &mut all).unwrap();
        all
    });
    server.stop();
    let all = reader.join().unwrap();
    assert!(curl.wait().unwrap().success());
    assert_eq!(all.len() + 1, bytes.len());
    assert!(matches!(
        std::io::Read::read(&mut idle, &mut first),
        Ok(0) | Err(_)
    ));
}
