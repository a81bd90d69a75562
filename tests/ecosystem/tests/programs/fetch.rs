//! fetch, from the HTTP server and from servers that do all kinds of things.

use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use super::support::{Finished, LARGE_STACKS, Running, run};
use super::{Folder, Server, package};

fn fetch(into: &Folder, options: &[&str], urls: &[String]) -> Finished {
    let mut command = package("fetch");
    command.arg("--into").arg(&into.0).args(options).args(urls);
    run(&mut command)
}

/// The names and contents of all files in a folder.
fn files(folder: &Folder) -> BTreeMap<String, Vec<u8>> {
    let entries = fs::read_dir(&folder.0).unwrap().map(Result::unwrap);
    entries
        .map(|entry| {
            let name = entry.file_name().into_string().unwrap();
            (name, fs::read(entry.path()).unwrap())
        })
        .collect()
}

/// A server that answers each request by a function of its path, which may close the connection by `None`.
fn server(
    answer: impl Fn(&str, &TcpStream) -> Option<String> + Send + Sync + 'static,
) -> (SocketAddr, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let addr = listener.local_addr().unwrap();
    let (answer, connections) = (Arc::new(answer), Arc::new(AtomicUsize::new(0)));
    let count = Arc::clone(&connections);
    thread::spawn(move || {
        for stream in listener.incoming() {
            let (stream, answer) = (stream.unwrap(), Arc::clone(&answer));
            count.fetch_add(1, Ordering::SeqCst);
            thread::spawn(move || {
                let mut reader = BufReader::new(&stream);
                loop {
                    let mut head = String::new();
                    while !head.ends_with("\r\n\r\n") {
                        if reader.read_line(&mut head).unwrap_or(0) == 0 {
                            return;
                        }
                    }
                    let path = head.split(' ').nth(1).unwrap();
                    match answer(path, &stream) {
                        Some(answer) => (&stream).write_all(answer.as_bytes()).unwrap(),
                        None => return,
                    }
                }
            });
        }
    });
    (addr, connections)
}

fn ok(body: &str) -> Option<String> {
    let length = body.len();
    Some(format!(
        "HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n\r\n{body}"
    ))
}

#[test]
fn many_files_of_the_http_server() {
    let contents: Vec<_> = (0..40_u32)
        .map(|n| {
            let bytes: Vec<u8> = (0..n * n * 1000).map(|k| (k / 7 + n) as u8).collect();
            (format!("file {n}.bin"), bytes)
        })
        .collect();
    let given: Vec<_> = contents
        .iter()
        .map(|(name, bytes)| (&**name, &**bytes))
        .collect();
    let root = Folder::new(&given);
    let server = Server::http(&root.0, &[]);
    let urls: Vec<_> = (0..40)
        .map(|n| format!("http://{}/file%20{n}.bin", server.addr))
        .collect();
    let into = Folder::new(&[]);
    let out = fetch(&into, &["--jobs", "5"], &urls).success();
    let got = files(&into);
    assert_eq!(got.len(), 40);
    for (n, (_, bytes)) in contents.iter().enumerate() {
        let name = format!("file_20{n}.bin");
        assert!(got[&name] == *bytes, "{name}");
        let line = format!("{name}: {} bytes", bytes.len());
        assert!(out.lines().contains(&&*line), "{line} in {out:#?}");
    }
    assert_eq!(out.stderr, "", "no bar where there is no terminal");
}

/// So many at a time and no more, and one connection for each job.
#[test]
fn jobs_are_bounded_and_keep_their_connections() {
    let now = Arc::new(AtomicUsize::new(0));
    let most = Arc::new(AtomicUsize::new(0));
    let (running, high) = (Arc::clone(&now), Arc::clone(&most));
    let (addr, connections) = server(move |path, _| {
        high.fetch_max(running.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
        thread::sleep(Duration::from_millis(5));
        running.fetch_sub(1, Ordering::SeqCst);
        ok(path)
    });
    let urls: Vec<_> = (0..60).map(|n| format!("http://{addr}/{n}")).collect();
    let into = Folder::new(&[]);
    fetch(&into, &["--jobs", "3"], &urls).success();
    assert_eq!(files(&into).len(), 60);
    assert!(most.load(Ordering::SeqCst) <= 3);
    assert_eq!(connections.load(Ordering::SeqCst), 3);
}

#[test]
fn what_may_pass_is_tried_again() {
    let asked = Mutex::new(BTreeMap::<String, usize>::new());
    let (addr, _) = server(move |path, mut stream| {
        let mut asked = asked.lock().unwrap();
        let count = asked.entry(path.to_owned()).or_default();
        *count += 1;
        let (path, count) = (path.to_owned(), *count);
        drop(asked);
        match (&*path, count) {
            ("/busy", 1) => Some("HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n".into()),
            ("/breaks", 1) => {
                let begin = b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf of i";
                stream.write_all(begin).unwrap();
                None
            }
            ("/hangs-up", 1) => None,
            ("/silent", 1) => {
                thread::sleep(Duration::from_secs(60));
                None
            }
            ("/never", _) => None,
            ("/missing", 1) => Some("HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n".into()),
            ("/missing", _) => panic!("asked for again"),
            _ => ok(&format!("{path} {count}")),
        }
    });
    let urls = [
        "busy", "breaks", "hangs-up", "silent", "never", "missing", "plain",
    ];
    let urls = urls.map(|path| format!("http://{addr}/{path}"));
    let into = Folder::new(&[]);
    let out = fetch(&into, &["--stall-timeout", "4", "--tries", "2"], &urls);
    assert_eq!(out.status.code(), Some(1), "{out:#?}");
    let got = files(&into);
    let expected = ["breaks 2", "busy 2", "hangs-up 2", "plain 1", "silent 2"];
    let got: Vec<_> = got
        .into_values()
        .map(|bytes| String::from_utf8(bytes).unwrap())
        .collect();
    assert_eq!(
        got,
        expected.map(|text| format!("/{text}")),
        "and no beginning of one"
    );
    let mut errors: Vec<_> = out.stderr.lines().collect();
    errors.sort_unstable();
    assert_eq!(errors.len(), 2, "{out:#?}");
    assert_eq!(
        errors[0],
        format!("fetch: http://{addr}/missing: 404 Not Found")
    );
    assert!(errors[1].starts_with(&format!("fetch: http://{addr}/never: ")));
}

#[test]
fn it_goes_where_it_is_sent() {
    let (addr, _) = server(move |path, _| {
        let to = |place: &str| {
            Some(format!(
                "HTTP/1.1 302 Found\r\nLocation: {place}\r\nContent-Length: 0\r\n\r\n"
            ))
        };
        match path {
            "/there" => to("/here"),
            "/round" => to("/round"),
            "/out" => to("https://localhost/"),
            _ => ok(path),
        }
    });
    let urls = ["there", "round", "out"].map(|path| format!("http://{addr}/{path}"));
    let into = Folder::new(&[]);
    let out = fetch(&into, &[], &urls);
    assert_eq!(out.status.code(), Some(1));
    assert_eq!(
        files(&into),
        BTreeMap::from([("there".into(), b"/here".to_vec())])
    );
    assert!(
        out.stderr
            .contains("/round: it is sent from one place to the other\n"),
        "{out:#?}"
    );
    assert!(
        out.stderr
            .contains("/out: it is sent to https://localhost/\n"),
        "{out:#?}"
    );
}

#[test]
fn names_stay_in_the_folder() {
    let (addr, _) = server(|path, _| ok(path));
    let paths = [
        "",
        "a/..%2f..%2fx",
        ".hidden",
        "a.txt",
        "b/a.txt",
        "?q=1",
        "..",
        "a.txt?x",
    ];
    let urls = paths.map(|path| format!("http://{addr}/{path}"));
    let into = Folder::new(&[]);
    fetch(&into, &[], &urls).success();
    let names: Vec<_> = files(&into).into_keys().collect();
    let expected = [
        "_2f.._2fx",
        "a-2.txt",
        "a-3.txt",
        "a.txt",
        "hidden",
        "index-2.html",
        "index-3.html",
        "index.html",
    ];
    assert_eq!(names, expected);
}

#[test]
fn after_ctrl_c_there_are_no_beginnings() {
    let (addr, connections) = server(|_, mut stream| {
        let head = b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n";
        stream.write_all(head).unwrap();
        stream.write_all(&[b'x'; 5000]).unwrap();
        thread::sleep(Duration::from_secs(60));
        None
    });
    let into = Folder::new(&[]);
    let mut command = package("fetch");
    let urls = [1, 2, 3].map(|n| format!("http://{addr}/{n}"));
    command.arg("--into").arg(&into.0).args(&urls);
    let program = Running::start(&mut command);
    let start = std::time::Instant::now();
    // Under way, on the disk as well.
    while files(&into).len() < 3 {
        assert!(start.elapsed() < super::PATIENCE, "{connections:?}");
        thread::sleep(Duration::from_millis(5));
    }
    program.interrupt();
    let out = program.finish();
    assert_eq!(out.status.code(), Some(1), "{out:#?}");
    assert_eq!(files(&into), BTreeMap::new());
}

/// A disk that takes no more: what does not fit is an error, what fits is there.
#[test]
fn a_full_disk_is_an_error_of_one_file() {
    let (addr, _) = server(|path, _| ok(&"x".repeat(path[1..].parse().unwrap())));
    let urls = [100, 400_000, 200].map(|n| format!("http://{addr}/{n}"));
    let into = Folder::new(&[]);
    // No file can be larger than so many blocks; without the signal a write fails, as on a full disk.
    let script = "trap '' XFSZ; ulimit -f 100; exec \"$0\" \"$@\"";
    let mut command = std::process::Command::new("sh");
    command
        .args(["-c", script])
        .arg(package("fetch").get_program());
    let out = run(command.arg("--into").arg(&into.0).args(&urls));
    assert_eq!(out.status.code(), Some(1), "{out:#?}");
    let sizes: Vec<_> = files(&into)
        .into_values()
        .map(|bytes| bytes.len())
        .collect();
    assert_eq!(sizes, [100, 200]);
    assert!(
        out.stderr
            .starts_with(&format!("fetch: http://{addr}/400000: ")),
        "{out:#?}"
    );
    assert_eq!(out.stderr.lines().count(), 1);
}

#[test]
fn wrong_options_are_explained() {
    let url = "http://localhost/";
    for arguments in [
        &[][..],
        &["file.txt"],
        &["https://localhost/"],
        &["http:///x"],
        &["--jobs", "0", url],
        &["--what", url],
    ] {
        let out = run(package("fetch").args(arguments));
        assert_eq!(out.status.code(), Some(2), "{arguments:?}: {out:#?}");
        assert!(out.stderr.starts_with("fetch: "), "{out:#?}");
    }
}

/// Without a thread there is no file, and that is said; with a few of them all are fetched all the same.
#[test]
#[cfg(target_os = "linux")]
fn files_are_fetched_with_the_threads_that_there_are() {
    let (release, held) = std::sync::mpsc::channel::<()>();
    let held = Mutex::new(held);
    let body = "a frog in a pond ".repeat(10_000);
    let answered = body.clone();
    let (addr, connections) = server(move |_, _| {
        // Once it is let go, all of it.
        let _ = held.lock().unwrap().recv();
        ok(&answered)
    });
    let urls: Vec<_> = (0..40).map(|n| format!("http://{addr}/{n}")).collect();
    let into = Folder::new(&[]);
    let mut command = package("fetch");
    command.arg("--into").arg(&into.0).args(&urls);
    // The stack of a thread has room in no address space.
    let none = run(command.env(LARGE_STACKS.0, (1_u64 << 47).to_string()));
    assert_eq!(none.status.code(), Some(1), "{none:#?}");
    assert!(none.stderr.starts_with("fetch: "), "{none:#?}");
    assert_eq!(connections.load(Ordering::SeqCst), 0);

    let (name, large) = LARGE_STACKS;
    let program = Running::start(command.env(name, large));
    let start = std::time::Instant::now();
    // The one that has made sure that the folder is there.
    while connections.load(Ordering::SeqCst) < 8 {
        assert!(start.elapsed() < super::PATIENCE);
        thread::sleep(Duration::from_millis(5));
    }
    program.limit_threads(true);
    drop(release);
    let out = program.finish().success();
    let got = files(&into);
    assert_eq!((got.len(), out.lines().len()), (40, 40), "{out:#?}");
    assert!(got.values().all(|bytes| bytes == body.as_bytes()));
}
