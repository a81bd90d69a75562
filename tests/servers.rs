//! Starts the file server as a user would and talks to them with clients of the standard
//! library: good ones, bad ones and dead ones.
#![cfg(feature = "mio")]

mod support;

use std::fs;
use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::sync::mpsc::RecvTimeoutError;
use std::thread;
use std::time::Duration;
#[cfg(unix)]
use std::{os::unix::fs::symlink, process::Command};

use support::server::{Folder, PROMPT, Server, assert_refused, bytes, read_all};
use support::{example, run, source};

#[test]
fn a_file_by_crlf_and_by_lf() {
    let expected = fs::read(source("examples/test.txt")).unwrap();
    let mut command = example("file-server");
    let server = Server::start(command.current_dir(source("")));
    for line in ["examples/test.txt\r\n", "examples/test.txt\n"] {
        assert_eq!(server.ask(line), expected);
    }
    let out = server.stop();
    assert!(out.stderr.contains("asks for \"examples/test.txt\""));
    assert_eq!(out.lines().len(), 1, "nothing but the address: {out:#?}");
}

#[test]
fn files_of_all_sizes() {
    const PIECE: usize = 64 * 1024;
    let folder = Folder::new();
    let server = Server::files(&folder.root(), &[]);
    let sizes = [0, 1, 4095, 4096, 4097, PIECE - 1, PIECE, PIECE + 1];
    for size in sizes.into_iter().chain([2 * PIECE, 10 * PIECE + 7]) {
        let contents = bytes(size);
        folder.write("sub/file", &contents);
        assert!(server.ask("sub/file\r\n") == contents, "{size} bytes");
    }
    server.stop();
}

#[cfg(unix)]
#[test]
fn names_that_are_refused_and_the_server_lives_on() {
    let folder = Folder::new();
    let root = folder.root();
    folder.write("good.txt", "good");
    folder.write("sub/good.txt", "also good");
    folder.write("ätsch.txt", "umlaut");
    fs::write(folder.0.join("secret.txt"), "secret").unwrap();
    fs::create_dir(folder.0.join("root-beside")).unwrap();
    fs::write(folder.0.join("root-beside/secret.txt"), "secret").unwrap();
    symlink("../secret.txt", root.join("link-out")).unwrap();
    symlink(folder.0.join("secret.txt"), root.join("link-out-absolute")).unwrap();
    symlink("..", root.join("link-up")).unwrap();
    symlink("../root-beside", root.join("link-beside")).unwrap();
    symlink("/dev/zero", root.join("link-device")).unwrap();
    symlink("sub/good.txt", root.join("link-inside")).unwrap();
    symlink("link-loop", root.join("link-loop")).unwrap();
    symlink("nowhere", root.join("link-dangling")).unwrap();
    let made = Command::new("mkfifo").arg(root.join("fifo")).status();
    assert!(made.expect("the command `mkfifo`").success());
    let _socket = std::os::unix::net::UnixListener::bind(root.join("socket")).unwrap();

    let server = Server::files(&root, &[]);
    let absolute = root.join("good.txt").display().to_string();
    let long = "x".repeat(4097);
    let longest = "./".repeat(2044) + "good.txt";
    assert_eq!(longest.len(), 4096);
    let outside = "the name leads out of the served folder";
    let table: &[(&[u8], &str)] = &[
        (b"../secret.txt", outside),
        (b"sub/../../secret.txt", outside),
        (b"sub/../good.txt", outside),
        (b"..", outside),
        (b"/etc/passwd", outside),
        (b"//etc/passwd", outside),
        (absolute.as_bytes(), outside),
        (b"link-out", outside),
        (b"link-out-absolute", outside),
        (b"link-up/secret.txt", outside),
        (b"link-up/root/good.txt/../../secret.txt", outside),
        (b"link-beside/secret.txt", outside),
        (b"link-device", outside),
        (b"link-loop", "the file cannot be read"),
        (b"link-dangling", "no such file"),
        (b".", "not a regular file"),
        (b"sub", "not a regular file"),
        (b"sub/", "not a regular file"),
        (b"fifo", "not a regular file"),
        (b"socket", "not a regular file"),
        (b"missing.txt", "no such file"),
        (b"missing/missing.txt", "no such file"),
        (b"good.txt/more", "no such file"),
        (b" good.txt", "no such file"),
        (b"good.txt\r", "no such file"),
        (b"", "the name is empty"),
        (b"good\xff.txt", "the name is not UTF-8"),
        (b"good.txt\0", "the name has a NUL byte"),
        (long.as_bytes(), "the name is longer than 4096 bytes"),
        (&long.as_bytes()[..300], "the name is too long"),
    ];
    for (name, reason) in table {
        assert_refused(&server.ask([name, &b"\r\n"[..]].concat()), reason);
        assert_eq!(server.ask("good.txt\n"), b"good", "after {name:?}");
    }
    assert_refused(&server.ask("\n"), "the name is empty");

    // What is not refused, so that the table does not pass by refusing everything.
    for (name, contents) in [
        ("link-inside", "also good"),
        ("./sub/./good.txt", "also good"),
        ("sub//good.txt", "also good"),
        ("link-up/root/good.txt", "good"),
        ("ätsch.txt", "umlaut"),
        (&longest, "good"),
    ] {
        let answer = server.ask(format!("{name}\n"));
        assert_eq!(String::from_utf8_lossy(&answer), contents, "{name}");
    }
    server.stop();
}

/// In whatever way a system writes them.
#[test]
fn names_that_lead_out_are_refused() {
    let folder = Folder::new();
    folder.write("good.txt", "good");
    fs::write(folder.0.join("secret.txt"), "secret").unwrap();
    let server = Server::files(&folder.root(), &[]);
    let absolute = folder.root().join("good.txt").display().to_string();
    let mut outside = vec!["../secret.txt", "sub/../../secret.txt", "/", &absolute];
    if cfg!(windows) {
        outside.extend([
            "..\\secret.txt",
            "sub\\..\\..\\secret.txt",
            "\\",
            "c:good.txt",
        ]);
        outside.extend(["\\\\server\\share\\file", "\\\\?\\C:\\windows\\win.ini"]);
    }
    for name in outside {
        let answer = server.ask(format!("{name}\n"));
        assert_refused(&answer, "the name leads out of the served folder");
    }
    assert_eq!(server.ask("sub/../good.txt\n")[..7], *b"error: ");
    assert_eq!(server.ask("./good.txt\n"), b"good");
    server.stop();
}

#[test]
fn a_name_without_end_of_line() {
    let folder = Folder::new();
    folder.write("good.txt", "good");
    let server = Server::files(&folder.root(), &[]);

    let mut stream = server.connect_and_wait();
    stream.write_all(b"good.txt").unwrap();
    stream.shutdown(Shutdown::Write).unwrap();
    let answer = read_all(&mut stream).unwrap();
    assert_refused(&answer, "the name has no end of line");

    // Longer than a name may be, and it never ends.
    let mut stream = server.connect_and_wait();
    stream.write_all(&[b'x'; 5000]).unwrap();
    let answer = read_all(&mut stream).unwrap();
    assert_refused(&answer, "the name is longer than 4096 bytes");

    // With an end, closing the other direction early does no harm.
    let mut stream = server.connect_and_wait();
    stream.write_all(b"good.txt\r\n").unwrap();
    stream.shutdown(Shutdown::Write).unwrap();
    assert_eq!(read_all(&mut stream).unwrap(), b"good");

    // Nothing at all.
    drop(server.connect());
    drop(server.connect_and_wait());
    assert_eq!(server.ask("good.txt\n"), b"good");
    server.stop();
}

#[test]
fn a_name_byte_by_byte_and_more_after_it() {
    let folder = Folder::new();
    let contents = bytes(300_000);
    folder.write("good.bin", &contents);
    let server = Server::files(&folder.root(), &[]);

    let mut stream = server.connect();
    stream.set_nodelay(true).unwrap();
    for byte in b"good.bin\r\n" {
        stream.write_all(&[*byte]).unwrap();
        thread::yield_now();
    }
    let answer = read_all(&mut stream).unwrap();
    assert!(answer == [PROMPT.as_bytes(), &contents].concat());

    // What comes after the name is thrown away, and the file arrives all the same.
    let mut line = b"good.bin\nsub\nmissing\r\n".to_vec();
    line.resize(100_000, b'?');
    assert!(server.ask(line) == contents);
    server.stop();
}

#[test]
fn fifty_clients_at_a_time_get_every_byte() {
    let folder = Folder::new();
    let contents = bytes(4_000_000);
    folder.write("four.bin", &contents);
    let server = Server::files(&folder.root(), &[]);
    thread::scope(|scope| {
        let clients: Vec<_> = (0..50).map(|_| server.connect_and_wait()).collect();
        for mut stream in clients {
            let contents = &contents;
            scope.spawn(move || {
                stream.write_all(b"four.bin\r\n").unwrap();
                let mut chunk = vec![0; 1 << 16];
                let mut done = 0;
                loop {
                    let count = stream.read(&mut chunk).unwrap();
                    if count == 0 {
                        break;
                    }
                    assert!(contents[done..].starts_with(&chunk[..count]));
                    done += count;
                }
                assert_eq!(done, contents.len());
            });
        }
    });
    server.stop();
}

/// A file that fits into no socket's buffers. It takes no room on the disk.
fn large_file(folder: &Folder, name: &str) -> u64 {
    const SIZE: u64 = 256 << 20;
    let file = fs::File::create(folder.root().join(name)).unwrap();
    file.set_len(SIZE).unwrap();
    SIZE
}

/// Reads until the connection breaks; how much that was. A file that was not sent to its end
/// must not look as if it were.
#[track_caller]
fn read_to_the_reset(stream: &mut TcpStream) -> u64 {
    let mut chunk = vec![0; 1 << 16];
    let mut total = 0;
    loop {
        match stream.read(&mut chunk) {
            // Wine shows a reset as an end.
            Ok(0) if cfg!(windows) => return total,
            Ok(0) => panic!("a clean end after {total} bytes"),
            Ok(count) => total += count as u64,
            Err(error) => {
                assert_eq!(error.kind(), ErrorKind::ConnectionReset, "{error}");
                return total;
            }
        }
    }
}

/// What is left of a file that somebody cuts short meanwhile is no whole.
#[cfg(unix)]
#[test]
fn a_file_that_is_cut_short_while_it_is_served_ends_with_a_reset() {
    let folder = Folder::new();
    folder.write("good.txt", "good");
    let size = large_file(&folder, "large.bin");
    let server = Server::files(&folder.root(), &[]);
    let mut stream = server.connect_and_wait();
    stream.write_all(b"large.bin\n").unwrap();
    stream.read_exact(&mut [0; 100_000]).unwrap();
    let path = folder.root().join("large.bin");
    let file = fs::File::options().write(true).open(path).unwrap();
    file.set_len(1000).unwrap();
    assert!(read_to_the_reset(&mut stream) < size);
    assert_eq!(server.ask("good.txt\n"), b"good");
    server.stop();
}

#[test]
fn a_client_that_vanishes_gives_its_seat_back() {
    let folder = Folder::new();
    folder.write("good.txt", "good");
    large_file(&folder, "large.bin");
    let mut server = Server::files(&folder.root(), &["--max-clients", "1"]);
    for _ in 0..3 {
        let mut stream = server.connect_and_wait();
        stream.write_all(b"large.bin\n").unwrap();
        stream.read_exact(&mut [0; 100_000]).unwrap();
        let name = format!("{}: lost", stream.local_addr().unwrap());
        drop(stream);
        server.program.wait_for_record(&name);
    }
    assert_eq!(server.ask("good.txt\n"), b"good");
    server.stop();
}

#[test]
fn a_client_that_sends_no_name_is_told_so() {
    let folder = Folder::new();
    let server = Server::files(&folder.root(), &["--stall-timeout", "2.5"]);
    let mut silent = server.connect_and_wait();
    let mut half = server.connect_and_wait();
    half.write_all(b"half a na").unwrap();
    for stream in [&mut silent, &mut half] {
        assert_refused(&read_all(stream).unwrap(), "no name within 2.5s");
    }
    server.stop();
}

#[test]
fn a_client_that_never_reads_costs_only_its_own_connection() {
    let folder = Folder::new();
    folder.write("good.txt", "good");
    let size = large_file(&folder, "large.bin");
    let mut server = Server::files(&folder.root(), &["--stall-timeout=3"]);
    let mut stalled: Vec<_> = (0..4).map(|_| server.connect_and_wait()).collect();
    for stream in &mut stalled {
        stream.write_all(b"large.bin\n").unwrap();
    }
    assert_eq!(server.ask("good.txt\n"), b"good");
    for stream in &mut stalled {
        let addr = stream.local_addr().unwrap();
        let record = format!("{addr}: lost: too slow, ");
        server.program.wait_for_record(&record);
        assert!(read_to_the_reset(stream) < size);
    }
    assert_eq!(server.ask("good.txt\n"), b"good");
    server.stop();
}

/// Whoever takes a little now and then does not stall, but may not keep a seat for ever.
#[test]
fn clients_that_read_too_slowly_give_their_seats_back() {
    let folder = Folder::new();
    folder.write("good.txt", "good");
    large_file(&folder, "large.bin");
    // More than a loopback has, but the buffers are filled at any rate.
    let options = [
        "--max-clients=2",
        "--stall-timeout=2",
        "--least-rate=1000000000000",
    ];
    let mut server = Server::files(&folder.root(), &options);
    let mut slow: Vec<_> = (0..2).map(|_| server.connect_and_wait()).collect();
    let mut records = Vec::new();
    for stream in &mut slow {
        stream.write_all(b"large.bin\n").unwrap();
        let addr = stream.local_addr().unwrap();
        records.push(format!("{addr}: lost: too slow, "));
    }
    let (stop, stopped) = std::sync::mpsc::channel::<()>();
    let reading = thread::spawn(move || {
        while stopped.recv_timeout(Duration::from_millis(50)) == Err(RecvTimeoutError::Timeout) {
            for stream in &mut slow {
                // Until the reset.
                let _ = stream.read_exact(&mut [0; 1024]);
            }
        }
    });
    for record in records {
        server.program.wait_for_record(&record);
    }
    assert_eq!(server.ask("good.txt\n"), b"good");
    drop(stop);
    reading.join().unwrap();
    server.stop();
}

/// What exists outside does not show, whichever way a link leads there.
#[cfg(unix)]
#[test]
fn links_do_not_tell_what_there_is_outside() {
    let folder = Folder::new();
    let root = folder.root();
    folder.write("good.txt", "good");
    let outside = folder.0.join("outside");
    fs::create_dir_all(outside.join("folder")).unwrap();
    fs::write(outside.join("secret.txt"), "secret").unwrap();
    symlink(&outside, root.join("absolute")).unwrap();
    symlink("../outside", root.join("relative")).unwrap();
    symlink("relative", root.join("twice")).unwrap();
    symlink("../../outside", root.join("sub/deep")).unwrap();
    symlink("sub/deep/folder", root.join("through")).unwrap();
    for there in ["folder", "missing"] {
        let back = outside.join(there).join("../../root/good.txt");
        symlink(back, root.join(format!("back-{there}"))).unwrap();
    }
    for there in ["secret.txt", "folder", "missing.txt", "missing/missing.txt"] {
        let name = there.replace('/', "-");
        symlink(outside.join(there), root.join(format!("to-{name}"))).unwrap();
        symlink(
            format!("../outside/{there}"),
            root.join(format!("up-{name}")),
        )
        .unwrap();
    }
    let server = Server::files(&root, &[]);
    let mut names = Vec::new();
    for link in ["absolute", "relative", "twice", "sub/deep", "through"] {
        for rest in [
            "",
            "/",
            "/secret.txt",
            "/secret.txt/more",
            "/folder",
            "/folder/x",
        ] {
            names.push(format!("{link}{rest}"));
        }
        for rest in [
            "/missing.txt",
            "/missing/missing.txt",
            "/missing/",
            "/folder/",
        ] {
            names.push(format!("{link}{rest}"));
        }
    }
    for name in ["secret.txt", "folder", "missing.txt", "missing-missing.txt"] {
        names.extend([
            format!("to-{name}"),
            format!("up-{name}"),
            format!("up-{name}/x"),
        ]);
    }
    names.extend(["back-folder".to_owned(), "back-missing".to_owned()]);
    for name in names {
        let answer = server.ask(format!("{name}\n"));
        let answer = String::from_utf8_lossy(&answer);
        assert_eq!(
            answer, "error: the name leads out of the served folder\r\n",
            "{name}"
        );
    }
    // Links inside work as ever, also those that name the folder from outside, or in odd ways.
    symlink(&root, root.join("self")).unwrap();
    symlink(root.join("good.txt"), root.join("inside-absolute")).unwrap();
    symlink("sub/../self/good.txt", root.join("inside-odd")).unwrap();
    symlink("../root/./good.txt", root.join("out-and-in")).unwrap();
    for name in [
        "self/good.txt",
        "self/self/good.txt",
        "inside-absolute",
        "inside-odd",
        "out-and-in",
    ] {
        assert_eq!(server.ask(format!("{name}\n")), b"good", "{name}");
    }
    assert_refused(&server.ask("good.txt/\n"), "no such file");
    assert_refused(&server.ask("good.txt/.\n"), "no such file");
    server.stop();
}

#[test]
fn a_full_server_says_so_and_has_room_again_later() {
    let folder = Folder::new();
    folder.write("good.txt", "good");
    let mut server = Server::files(&folder.root(), &["--max-clients", "2"]);
    let mut first = server.connect_and_wait();
    let second = server.connect_and_wait();

    let full = "the server is full, try again later";
    for _ in 0..5 {
        let mut third = server.connect();
        assert_refused(&read_all(&mut third).unwrap(), full);
        // Also if it talks before it listens.
        let mut third = server.connect();
        third.write_all(b"good.txt\r\n").unwrap();
        assert_refused(&read_all(&mut third).unwrap(), full);
    }
    // Refused clients that stay, more of them than are seen off with patience.
    let refused = |_| {
        let mut stream = server.connect();
        stream.read_exact(&mut [0; 6]).expect("a refusal");
        stream
    };
    let crowd: Vec<_> = (0..200).map(refused).collect();
    first.write_all(b"good.txt\n").unwrap();
    assert_eq!(read_all(&mut first).unwrap(), b"good");
    let record = format!("{}: closed", first.local_addr().unwrap());
    drop(first);
    server.program.wait_for_record(&record);
    assert_eq!(server.ask("good.txt\n"), b"good");
    drop((second, crowd));
    server.stop();
}

#[cfg(unix)]
#[test]
fn ctrl_c_ends_the_server_whatever_its_clients_do() {
    let folder = Folder::new();
    large_file(&folder, "large.bin");

    // None at all.
    let server = Server::files(&folder.root(), &[]);
    let addr = server.addr;
    server.stop();
    assert!(TcpStream::connect(addr).is_err());

    // One that asks for nothing, one that does not read.
    let server = Server::files(&folder.root(), &[]);
    let mut silent = server.connect_and_wait();
    let mut stalled = server.connect_and_wait();
    stalled.write_all(b"large.bin\n").unwrap();
    stalled.read_exact(&mut [0; 1000]).unwrap();
    server.stop();
    assert!(matches!(silent.read(&mut [0]), Ok(0) | Err(_)));
    read_to_the_reset(&mut stalled);

    // A second one cuts the grace short. The signals may come as one, so until it is heard.
    let mut server = Server::files(&folder.root(), &[]);
    let _silent = server.connect_and_wait();
    server.program.interrupt();
    server
        .program
        .wait_for_record("stopping, 1 clients are left");
    server.stop();
}

#[test]
fn wrong_arguments_are_explained() {
    let file = source("Cargo.toml");
    let file = file.to_str().expect("UTF-8");
    let table: &[(&[&str], &str)] = &[
        (&["--bogus"], "unknown option --bogus"),
        (&["--bogus=1"], "unknown option --bogus"),
        (&["extra"], "unexpected argument \"extra\""),
        (&["--addr"], "--addr needs a value"),
        (&["--addr", "127.0.0.1"], "is not an address with a port"),
        (&["--addr", "127.0.0.1:x"], "is not an address with a port"),
        (&["--addr=127.0.0.1:65536"], "is not an address with a port"),
        (
            &["--root", "/no/such/folder"],
            "cannot open /no/such/folder",
        ),
        (&["--root", file], "is not a folder"),
        (&["--max-clients", "0"], "a number from 1 to 1000000"),
        (&["--max-clients", "many"], "a number from 1 to 1000000"),
        (&["--stall-timeout", "0"], "a number of seconds above zero"),
        (&["--stall-timeout=-1"], "a number of seconds above zero"),
        (&["--stall-timeout=nan"], "a number of seconds above zero"),
    ];
    for (arguments, message) in table {
        let out = run(example("file-server").args(*arguments));
        assert_eq!(out.status.code(), Some(2), "{out:#?}");
        assert!(out.stderr.starts_with("file-server: "), "{out:#?}");
        assert!(out.stderr.contains(message), "{message}: {out:#?}");
        assert_eq!(out.stdout, "");
    }
    for help in ["--help", "-h"] {
        let out = run(example("file-server").arg(help)).success();
        assert!(out.stdout.contains("Usage: file-server [OPTIONS]"));
        assert!(out.stdout.contains("--stall-timeout S"), "{out:#?}");
    }
}

#[cfg(unix)]
#[test]
fn an_address_in_use_is_an_error() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let addr = taken.local_addr().unwrap().to_string();
    for name in ["file-server", "async-echo"] {
        let out = run(example(name).args(["--addr", &addr]));
        assert_eq!(out.status.code(), Some(1), "{out:#?}");
        assert!(out.stderr.contains(&addr), "{out:#?}");
        assert!(out.stderr.contains("in use"), "{out:#?}");
        assert_eq!(out.stdout, "");
    }
}
