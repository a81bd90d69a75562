//! The program's own input and output, whatever they are, and what a program may inherit. This one starts
//! itself, with an argument that says what the child does.

#[cfg(unix)]
fn main() {
    unix::main();
}

#[cfg(not(unix))]
fn main() {}

#[cfg(unix)]
mod unix {
    use std::fs::OpenOptions;
    use std::future::poll_fn;
    use std::io::{ErrorKind, Read, Write};
    use std::os::fd::OwnedFd;
    use std::os::unix::net::UnixStream;
    use std::pin::pin;
    use std::task::Poll;

    use futures_util::TryStreamExt;
    use futures_util::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
    use polliwog_core::time::{Duration, Instant, sleep, timeout};
    use polliwog_core::yield_now;
    use polliwog_mio::io::{stderr, stdin, stdout};
    use polliwog_mio::process::{Child, Command, Stdio};
    use polliwog_mio::{Runtime, block_on, spawn};

    const FLOOD: usize = 1 << 20;

    fn flood() -> Vec<u8> {
        (0..FLOOD).map(|n| (n / 11) as u8).collect()
    }

    pub(super) fn main() {
        let mut args = std::env::args().skip(1);
        match args.next().as_deref() {
            Some("--as") => std::process::exit(child(&args.next().unwrap())),
            // As libtest's programs do.
            Some("--list") => return,
            _ => {}
        }
        let tests: [(&str, fn()); 12] = [
            ("lines_go_through_pipes", lines_go_through_pipes),
            ("files_are_read_and_written", files_are_read_and_written),
            ("a_terminal_is_talked_to", a_terminal_is_talked_to),
            ("an_output_that_nobody_reads_holds_up_nobody", nobody_reads),
            ("an_output_that_was_closed_is_an_error", nobody_will_read),
            ("a_full_disk_is_an_error", full_disk),
            ("closed_descriptors_are_an_end_and_a_sink", closed),
            ("non_blocking_mode_is_waited_for", non_blocking),
            ("a_read_that_was_dropped_is_not_lost", dropped),
            ("a_read_under_way_keeps_no_program_alive", abandoned),
            (
                "a_child_that_the_system_forgets_is_no_wait_for_ever",
                ignored,
            ),
            ("output_comes_in_the_order_in_which_it_was_written", order),
        ];
        for (name, test) in tests {
            test();
            println!("test {name} ... ok");
        }
    }

    /// This program in another role.
    fn this(role: &str) -> Command {
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.args(["--as", role]).kill_on_drop(true);
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        command
    }

    async fn success(mut child: Child) {
        let status = child.wait().await.unwrap();
        assert!(status.success(), "{status}");
    }

    /// What the child does; its exit status.
    fn child(role: &str) -> i32 {
        match role {
            "cat" => block_on(async {
                let mut lines = BufReader::new(stdin()).lines();
                while let Some(line) = lines.try_next().await.unwrap() {
                    let line = format!("{line}!\n");
                    stdout().write_all(line.as_bytes()).await.unwrap();
                }
                // The end stays the end.
                assert_eq!(stdin().read(&mut [0; 8]).await.unwrap(), 0);
                0
            }),
            "flood" => block_on(async {
                let ticker = spawn(async {
                    loop {
                        stderr().write_all(b"tick\n").await.unwrap();
                        sleep(Duration::from_millis(1)).await;
                    }
                });
                let bytes = flood();
                stdout().write_all(&bytes).await.unwrap();
                ticker.unwrap().abort();
                0
            }),
            "flood or fail" => block_on(async {
                match stdout().write_all(&flood()).await {
                    Ok(()) => 0,
                    Err(error) if error.kind() == ErrorKind::BrokenPipe => 2,
                    Err(error) if error.kind() == ErrorKind::StorageFull => 3,
                    Err(_) => 4,
                }
            }),
            "late" => block_on(async {
                let mut out = stdout();
                let taken = AsyncWriteExt::write(&mut out, b"lost").await.unwrap();
                let error = AsyncWriteExt::flush(&mut out).await.unwrap_err();
                assert_eq!((taken, error.kind()), (4, ErrorKind::StorageFull));
                // Told once; what comes then is asked of the system anew.
                out.flush().await.unwrap();
                assert!(out.write(b"more").await.is_err());
                0
            }),
            "closed" => block_on(async {
                assert_eq!(stdin().read(&mut [0; 8]).await.unwrap(), 0);
                stdout().write_all(b"to nobody").await.unwrap();
                stderr().write_all(b"to nobody").await.unwrap();
                0
            }),
            "dropped" => block_on(async {
                let mut buf = [0; 8];
                for _ in 0..100_000 {
                    let mut input = stdin();
                    let mut read = pin!(input.read(&mut buf));
                    let is_pending = |read: Poll<_>| Poll::Ready(read.is_pending());
                    assert!(poll_fn(|cx| is_pending(read.as_mut().poll(cx))).await);
                }
                let mut input = stdin();
                let wait = timeout(Duration::from_millis(1), input.read(&mut buf));
                assert!(wait.await.is_err());
                stdout().write_all(b"ready\n").await.unwrap();
                let (mut one, mut two) = (stdin(), stdin());
                assert_eq!(one.read(&mut buf[..2]).await.unwrap(), 2);
                assert_eq!(two.read(&mut buf[2..]).await.unwrap(), 3);
                assert_eq!(&buf[..5], b"hello");
                0
            }),
            "abandoned" => {
                let runtime = Runtime::new().unwrap();
                runtime.block_on(async {
                    drop(spawn(async { stdin().read(&mut [0; 8]).await }));
                    yield_now().await;
                    sleep(Duration::from_millis(1)).await;
                    stdout().write_all(b"bye").await.unwrap();
                });
                // It would wait for ever.
                let start = Instant::now();
                runtime.shutdown_timeout(Duration::from_secs(3600));
                assert!(start.elapsed() < Duration::from_secs(3600));
                0
            }
            "ignored" => block_on(async {
                // The system keeps nothing of what has ended, as long as nobody handles the signal. It is
                // an error then, and no wait for ever.
                let mut errors = 0;
                for _ in 0..20 {
                    match Command::new("true").status().await {
                        Ok(status) => assert!(status.success()),
                        Err(error) => {
                            assert_eq!(error.raw_os_error(), Some(libc::ECHILD));
                            errors += 1;
                        }
                    }
                }
                assert!(errors > 0);
                drop(Command::new("true").spawn().unwrap());
                let mut child = this("cat").spawn().unwrap();
                if let Err(error) = child.kill().await {
                    assert_eq!(error.raw_os_error(), Some(libc::ECHILD));
                }
                0
            }),
            "order" => block_on(async {
                for round in 0..100 {
                    print!("std {round} ");
                    let (mut one, mut two) = (stdout(), stdout());
                    for (out, text) in [(&mut one, "one "), (&mut two, "two ")] {
                        let taken = AsyncWriteExt::write(out, text.as_bytes()).await;
                        assert_eq!(taken.unwrap(), 4);
                    }
                    two.flush().await.unwrap();
                    println!("end");
                }
                0
            }),
            other => panic!("no role {other}"),
        }
    }

    fn lines_go_through_pipes() {
        block_on(async {
            let mut child = this("cat").spawn().unwrap();
            let mut input = child.stdin.take().unwrap();
            let mut output = BufReader::new(child.stdout.take().unwrap()).lines();
            for word in ["egg", "tadpole", "frog"] {
                input
                    .write_all(format!("{word}\n").as_bytes())
                    .await
                    .unwrap();
                let answer = output.try_next().await.unwrap();
                assert_eq!(answer, Some(format!("{word}!")));
            }
            drop(input);
            assert_eq!(output.try_next().await.unwrap(), None);
            success(child).await;
        });
    }

    fn files_are_read_and_written() {
        let folder = std::env::temp_dir().join(format!("polliwog-stdio-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let text: String = (0..50_000).map(|n| format!("{n}\n")).collect();
        std::fs::write(folder.join("in"), &text).unwrap();
        block_on(async {
            let mut command = this("cat");
            command.stdin(std::fs::File::open(folder.join("in")).unwrap());
            command.stdout(std::fs::File::create(folder.join("out")).unwrap());
            success(command.spawn().unwrap()).await;
        });
        let out = std::fs::read_to_string(folder.join("out")).unwrap();
        assert!(out == text.replace('\n', "!\n"));
        std::fs::remove_dir_all(folder).unwrap();
    }

    fn a_terminal_is_talked_to() {
        use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
        let us = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
        grantpt(&us).unwrap();
        unlockpt(&us).unwrap();
        let name = ptsname(&us, Vec::new()).unwrap().into_string().unwrap();
        let open = || {
            OpenOptions::new()
                .read(true)
                .write(true)
                .open(&name)
                .unwrap()
        };
        let mut us = std::fs::File::from(us);
        block_on(async {
            let mut command = this("cat");
            let child = command.stdin(open()).stdout(open()).spawn().unwrap();
            // Our copies of its end go with the command.
            drop(command);
            us.write_all(b"hello\n").unwrap();
            let mut seen = String::new();
            // What is typed is shown, too.
            while !seen.contains("hello!\r\n") {
                let mut buf = [0; 100];
                let n = us.read(&mut buf).unwrap();
                seen.push_str(std::str::from_utf8(&buf[..n]).unwrap());
            }
            // Ctrl-D.
            us.write_all(&[4]).unwrap();
            // Its second read sees no end of its own: at a terminal more may come.
            us.write_all(&[4]).unwrap();
            success(child).await;
        });
    }

    /// The ticker of the child goes on while its output is full.
    fn nobody_reads() {
        block_on(async {
            let mut child = this("flood").stderr(Stdio::piped()).spawn().unwrap();
            let mut ticks = BufReader::new(child.stderr.take().unwrap()).lines();
            for _ in 0..20 {
                assert_eq!(ticks.try_next().await.unwrap().as_deref(), Some("tick"));
            }
            let mut all = Vec::new();
            let mut output = child.stdout.take().unwrap();
            let drain = spawn(async move { while let Ok(Some(_)) = ticks.try_next().await {} });
            output.read_to_end(&mut all).await.unwrap();
            assert!(all == flood());
            success(child).await;
            drain.unwrap().await.unwrap();
        });
    }

    fn nobody_will_read() {
        block_on(async {
            let mut child = this("flood or fail").spawn().unwrap();
            drop(child.stdout.take());
            assert_eq!(child.wait().await.unwrap().code(), Some(2));
        });
    }

    fn full_disk() {
        if !cfg!(target_os = "linux") {
            return;
        }
        let full = || OpenOptions::new().write(true).open("/dev/full").unwrap();
        block_on(async {
            let status = this("flood or fail").stdout(full()).status().await;
            assert_eq!(status.unwrap().code(), Some(3));
            let status = this("late").stdout(full()).status().await;
            assert!(status.unwrap().success());
        });
    }

    fn closed() {
        let this = std::env::current_exe().unwrap();
        block_on(async {
            let mut command = Command::new("sh");
            command.args(["-c", "exec \"$0\" --as closed <&- >&- 2>&-"]);
            success(command.arg(this).spawn().unwrap()).await;
        });
    }

    /// As others leave a terminal behind; or as a socket is made.
    fn non_blocking() {
        let (us, its) = UnixStream::pair().unwrap();
        its.set_nonblocking(true).unwrap();
        let output = OwnedFd::from(its.try_clone().unwrap());
        block_on(async {
            let mut command = this("flood or fail");
            let child = command.stdout(output).spawn().unwrap();
            drop(command);
            drop(its);
            let reader = std::thread::spawn(move || {
                let mut all = Vec::new();
                let mut us = us;
                us.read_to_end(&mut all).unwrap();
                all
            });
            success(child).await;
            assert!(reader.join().unwrap() == flood());
        });
        let (mut us, its) = UnixStream::pair().unwrap();
        its.set_nonblocking(true).unwrap();
        block_on(async {
            let mut command = this("cat");
            let mut child = command.stdin(OwnedFd::from(its)).spawn().unwrap();
            drop(command);
            let mut output = BufReader::new(child.stdout.take().unwrap()).lines();
            for _ in 0..3 {
                // It has asked in vain meanwhile.
                sleep(Duration::from_millis(5)).await;
                us.write_all(b"quak\n").unwrap();
                assert_eq!(output.try_next().await.unwrap().unwrap(), "quak!");
            }
            drop(us);
            success(child).await;
        });
    }

    fn dropped() {
        block_on(async {
            let mut child = this("dropped").spawn().unwrap();
            let mut ready = [0; 6];
            let mut output = child.stdout.take().unwrap();
            output.read_exact(&mut ready).await.unwrap();
            let mut input = child.stdin.take().unwrap();
            input.write_all(b"hello").await.unwrap();
            success(child).await;
        });
    }

    fn abandoned() {
        block_on(async {
            let mut child = this("abandoned").spawn().unwrap();
            // Kept open to the end.
            let input = child.stdin.take().unwrap();
            let output = child.wait_with_output().await.unwrap();
            assert!(output.status.success());
            assert_eq!(output.stdout, b"bye");
            drop(input);
        });
    }

    fn ignored() {
        if !cfg!(target_os = "linux") {
            return;
        }
        block_on(async {
            let mut command = Command::new("env");
            command.arg("--ignore-signal=CHLD");
            command.arg(std::env::current_exe().unwrap());
            success(command.args(["--as", "ignored"]).spawn().unwrap()).await;
        });
    }

    fn order() {
        block_on(async {
            let output = this("order").output().await.unwrap();
            let expected: String = (0..100).map(|n| format!("std {n} one two end\n")).collect();
            assert_eq!(String::from_utf8(output.stdout).unwrap(), expected);
        });
    }
}
