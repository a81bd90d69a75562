//! Other programs: their ends, their pipes, and what is left of them.
#![cfg(unix)]

use std::io;
use std::os::fd::AsRawFd;
use std::process::Command as StdCommand;
use std::time::{Duration, Instant};

use futures_util::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use futures_util::{AsyncWrite, TryStreamExt};
use polliwog_core::time::{sleep, timeout};
use polliwog_core::{join, try_join};
use polliwog_mio::process::{Child, Command, ExitStatus, Stdio};
use polliwog_mio::{Runtime, block_on, spawn};

/// Long enough that a test which needs it has failed.
const LONG: Duration = Duration::from_secs(60);

fn shell(script: &str) -> Command {
    let mut command = Command::new("sh");
    command.args(["-c", script]);
    command
}

/// What `/proc` says of a process: `R`, `S`, `Z` for a zombie, …; nothing if there is no such process.
#[cfg(target_os = "linux")]
fn state(id: u32) -> Option<char> {
    let stat = std::fs::read_to_string(format!("/proc/{id}/stat")).ok()?;
    stat.rsplit_once(") ")?.1.chars().next()
}

/// Waits, on this thread, until nothing is left of a process.
#[cfg(target_os = "linux")]
fn gone(id: u32) {
    let start = Instant::now();
    while let Some(state) = state(id) {
        assert!(start.elapsed() < LONG, "{id} is still there: {state}");
        std::thread::sleep(Duration::from_millis(1));
    }
}

#[test]
fn the_end_of_a_child_is_told_as_often_as_it_is_asked() {
    block_on(async {
        let mut child = shell("exit 3").spawn().unwrap();
        assert!(child.id().is_some());
        for _ in 0..2 {
            assert_eq!(child.wait().await.unwrap().code(), Some(3));
            assert_eq!(child.try_wait().unwrap().unwrap().code(), Some(3));
            assert_eq!(child.id(), None);
        }
        let error = child.kill().await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::InvalidInput);

        let status = shell("kill -9 $$").status().await.unwrap();
        assert_eq!(signal(status), Some(9));
        // It has ended, but nobody has been told.
        let mut child = shell("exit 0").spawn().unwrap();
        while child.try_wait().unwrap().is_none() {
            sleep(Duration::from_millis(1)).await;
        }
        assert!(child.wait().await.unwrap().success());
    });
}

fn signal(status: ExitStatus) -> Option<i32> {
    std::os::unix::process::ExitStatusExt::signal(&status)
}

#[test]
fn a_program_that_is_not_there_is_an_error() {
    block_on(async {
        for error in [
            Command::new("/no/such/program").spawn().map(drop),
            Command::new("/no/such/program").status().await.map(drop),
            Command::new("/no/such/program").output().await.map(drop),
            Command::new("true")
                .current_dir("/no/such")
                .spawn()
                .map(drop),
        ] {
            assert_eq!(error.unwrap_err().kind(), io::ErrorKind::NotFound);
        }
        let error = Command::new("/").spawn().unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::PermissionDenied);
    });
    // Nor is there anybody who would wait for it here.
    let error = Command::new("true").spawn().unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::NotConnected);
}

#[test]
fn output_and_errors_are_collected() {
    block_on(async {
        let output = shell("printf one; printf two >&2; exit 4");
        let output = { output }.output().await.unwrap();
        assert_eq!(output.status.code(), Some(4));
        assert_eq!(
            (&output.stdout[..], &output.stderr[..]),
            (&b"one"[..], &b"two"[..])
        );
        let mut command = shell("printf \"$WORD $0 $(pwd)\"");
        command
            .arg("argument")
            .env("WORD", "tadpole")
            .current_dir("/");
        let output = command.output().await.unwrap();
        assert_eq!(output.stdout, b"tadpole argument /");
        // Streams that are not piped are not there.
        let mut child = shell("exit 0").stdout(Stdio::null()).spawn().unwrap();
        assert!(child.stdin.is_none() && child.stdout.is_none() && child.stderr.is_none());
        let output = {
            child.wait().await.unwrap();
            child.wait_with_output().await.unwrap()
        };
        assert!(output.status.success() && output.stdout.is_empty());
    });
}

/// More than any pipe holds, in both directions and on both outputs, with one task.
#[test]
fn much_goes_both_ways_without_a_deadlock() {
    const SIZE: usize = 3 << 20;
    block_on(async {
        let mut child = shell("tee /dev/stderr");
        child
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut child = child.spawn().unwrap();
        let mut stdin = child.stdin.take().unwrap();
        let data: Vec<u8> = (0..SIZE).map(|n| (n / 3) as u8).collect();
        let write = async {
            stdin.write_all(&data).await?;
            stdin.close().await?;
            // It is closed.
            let error = stdin.write(b"more").await.unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::BrokenPipe);
            assert_eq!(stdin.as_raw_fd(), -1);
            io::Result::Ok(())
        };
        let ((), output) = try_join!(write, child.wait_with_output()).unwrap();
        assert!(output.status.success());
        assert!(output.stdout == data && output.stderr == data);
    });
}

/// Beside a child that neither reads nor ends the executor goes on.
#[test]
fn a_child_that_does_not_read_holds_up_nobody() {
    block_on(async {
        let mut child = Command::new("sleep");
        child.arg("1000").stdin(Stdio::piped()).kill_on_drop(true);
        let mut child = child.spawn().unwrap();
        let mut stdin = child.stdin.take().unwrap();
        let write = stdin.write_all(&[0; 1 << 20]);
        assert!(timeout(Duration::from_millis(20), write).await.is_err());
        // A child that has ended reads no more.
        child.kill().await.unwrap();
        let error = stdin.write_all(&[0; 1 << 20]).await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::BrokenPipe);
    });
}

#[test]
fn a_child_that_closes_its_output_early_goes_on() {
    block_on(async {
        let mut child = shell("printf word; exec >&-; read line; exit $line");
        child.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = child.spawn().unwrap();
        let mut stdout = child.stdout.take().unwrap();
        let mut all = Vec::new();
        stdout.read_to_end(&mut all).await.unwrap();
        assert_eq!(all, b"word");
        assert_eq!(stdout.read(&mut [0; 8]).await.unwrap(), 0);
        assert_eq!(child.try_wait().unwrap(), None, "it has not ended");
        let mut stdin = child.stdin.take().unwrap();
        stdin.write_all(b"7\n").await.unwrap();
        assert_eq!(child.wait().await.unwrap().code(), Some(7));
    });
}

/// `wait` closes the input, so that a child which reads it to the end does not wait for us.
#[test]
fn to_wait_closes_the_input() {
    block_on(async {
        let mut child = Command::new("cat").stdin(Stdio::piped()).spawn().unwrap();
        assert!(child.wait().await.unwrap().success());
        assert!(child.stdin.is_none());
    });
}

#[test]
fn lines_of_a_child_and_a_pipeline() {
    block_on(async {
        let mut first = shell("echo egg; echo tadpole; echo frog");
        let mut first = first.stdout(Stdio::piped()).spawn().unwrap();
        let between: Stdio = first.stdout.take().unwrap().try_into().unwrap();
        let mut second = Command::new("cat");
        let mut second = second
            .stdin(between)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = BufReader::new(second.stdout.take().unwrap()).lines();
        let lines: Vec<String> = lines.try_collect().await.unwrap();
        assert_eq!(lines, ["egg", "tadpole", "frog"]);
        let (one, two) = join!(first.wait(), second.wait());
        assert!(one.unwrap().success() && two.unwrap().success());

        // The other way round: one's output into the input of another that is there already.
        let mut last = Command::new("cat");
        last.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut last = last.spawn().unwrap();
        let into: Stdio = last.stdin.take().unwrap().try_into().unwrap();
        assert!(
            shell("printf quak")
                .stdout(into)
                .status()
                .await
                .unwrap()
                .success()
        );
        let mut quak = String::new();
        let mut stdout = last.stdout.take().unwrap();
        AsyncReadExt::read_to_string(&mut stdout, &mut quak)
            .await
            .unwrap();
        assert_eq!(quak, "quak");
    });
}

#[test]
fn a_hundred_children_at_once() {
    block_on(async {
        let tasks: Vec<_> = (0..100)
            .map(|number| {
                spawn(async move {
                    let output = shell(&format!("read line; echo $line; exit {number}"));
                    let mut child = { output };
                    child.stdin(Stdio::piped()).stdout(Stdio::piped());
                    let mut child = child.spawn().unwrap();
                    let mut stdin = child.stdin.take().unwrap();
                    stdin
                        .write_all(format!("{number}\n").as_bytes())
                        .await
                        .unwrap();
                    child.wait_with_output().await.unwrap()
                })
                .unwrap()
            })
            .collect();
        for (number, task) in tasks.into_iter().enumerate() {
            let output = task.await.unwrap();
            assert_eq!(output.status.code(), Some(number as i32));
            assert_eq!(output.stdout, format!("{number}\n").as_bytes());
        }
    });
}

/// Any number of waits for a child that has not ended may be given up.
#[test]
fn a_wait_that_was_given_up_loses_nothing() {
    block_on(async {
        let mut child = shell("read line; exit 5");
        let mut child = child.stdin(Stdio::piped()).spawn().unwrap();
        let mut stdin = child.stdin.take().unwrap();
        for _ in 0..10 {
            let wait = timeout(Duration::from_millis(1), child.wait());
            assert!(wait.await.is_err());
        }
        stdin.write_all(b"\n").await.unwrap();
        assert_eq!(child.wait().await.unwrap().code(), Some(5));
    });
}

/// A child that never ends, in each way in which it can be left.
#[cfg(target_os = "linux")]
#[test]
fn what_is_to_be_killed_when_dropped_is_killed_and_no_zombie_is_left() {
    let endless = || {
        let mut command = Command::new("sleep");
        command
            .arg("100000")
            .kill_on_drop(true)
            .stdout(Stdio::piped());
        command
    };
    assert!(endless().get_kill_on_drop());
    let id = |child: &Child| child.id().unwrap();
    let ids = block_on(async {
        let child = endless().spawn().unwrap();
        let mut ids = vec![id(&child)];
        drop(child);
        let child = endless().spawn().unwrap();
        ids.push(id(&child));
        assert!(
            timeout(Duration::from_millis(5), child.wait_with_output())
                .await
                .is_err()
        );
        // In a task that is aborted.
        let child = endless().spawn().unwrap();
        ids.push(id(&child));
        let task = spawn(child.wait_with_output()).unwrap();
        sleep(Duration::from_millis(1)).await;
        task.abort();
        assert!(task.await.is_err());
        let mut child = endless().spawn().unwrap();
        ids.push(id(&child));
        child.start_kill().unwrap();
        ids
    });
    ids.into_iter().for_each(gone);
    // With its runtime.
    let runtime = Runtime::new().unwrap();
    let (name, rest) = runtime.block_on(async {
        let child = endless().spawn().unwrap();
        (id(&child), spawn(child.wait_with_output()).unwrap())
    });
    drop(runtime);
    drop(rest);
    gone(name);
}

/// One that does not listen to a polite signal and closes none of its pipes: it holds up neither those who wait beside
/// it nor the end of the runtime, and a kill ends it.
#[cfg(target_os = "linux")]
#[test]
fn a_child_that_never_ends() {
    let runtime = polliwog_mio::Runtime::new().unwrap();
    let (mut child, id) = runtime.block_on(async {
        let mut child = shell("trap '' TERM; echo ready; while :; do sleep 1; done")
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let id = child.id().unwrap();
        let mut output = child.stdout.take().unwrap();
        let mut ready = [0; 6];
        output.read_exact(&mut ready).await.unwrap();
        let pid = rustix::process::Pid::from_raw(id as i32).unwrap();
        rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
        let soon = Duration::from_millis(20);
        assert!(timeout(soon, child.wait()).await.is_err());
        assert!(timeout(soon, output.read(&mut ready)).await.is_err());
        assert!(child.try_wait().unwrap().is_none());
        // Others go on beside it.
        let other = shell("echo quak").output().await.unwrap();
        assert_eq!(other.stdout, b"quak\n");
        (child, id)
    });
    // The runtime that waited for it has gone.
    drop(runtime);
    child.start_kill().unwrap();
    let status = block_on(child.wait()).or_else(|_| {
        // It belonged to that runtime.
        loop {
            if let Some(status) = child.try_wait()? {
                return Ok::<_, io::Error>(status);
            }
            std::thread::sleep(Duration::from_millis(1));
        }
    });
    assert_eq!(signal(status.unwrap()), Some(9));
    drop(child);
    gone(id);
}

/// They go on, and once they end nothing is left of them, whether a runtime is there or not.
#[cfg(target_os = "linux")]
#[test]
fn children_that_are_left_alone_end_without_a_zombie() {
    let ids = block_on(async {
        let mut ids = Vec::new();
        let mut inputs = Vec::new();
        for _ in 0..20 {
            let mut child = shell("read line");
            let mut child = child.stdin(Stdio::piped()).spawn().unwrap();
            inputs.push(child.stdin.take().unwrap());
            ids.push(child.id().unwrap());
        }
        for id in &ids {
            assert!(
                matches!(state(*id), Some(state) if state != 'Z'),
                "it goes on"
            );
        }
        for input in &mut inputs {
            input.write_all(b"\n").await.unwrap();
        }
        // Those that end before they are dropped and those that end after.
        let left = shell("exit 0").spawn().unwrap();
        ids.push(left.id().unwrap());
        while state(left.id().unwrap()) != Some('Z') {
            sleep(Duration::from_millis(1)).await;
        }
        drop(left);
        ids
    });
    ids.into_iter().for_each(gone);
}

/// The pipes are in blocking mode again, as programs expect them.
#[test]
fn pipes_go_to_the_standard_library_and_back() {
    block_on(async {
        let mut child = Command::new("cat");
        child.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = child.spawn().unwrap();
        let stdin = child.stdin.take().unwrap().into_owned_fd().unwrap();
        let stdout = child.stdout.take().unwrap().into_owned_fd().unwrap();
        let mut stdin = std::fs::File::from(stdin);
        io::Write::write_all(&mut stdin, b"quak").unwrap();
        drop(stdin);
        let mut all = String::new();
        io::Read::read_to_string(&mut std::fs::File::from(stdout), &mut all).unwrap();
        assert_eq!(all, "quak");
        assert!(child.wait().await.unwrap().success());

        let mut std = StdCommand::new("cat");
        std.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut command = Command::from(std);
        assert_eq!(command.as_std().get_program(), "cat");
        command.as_std_mut().arg("-");
        let mut std = command.into_std().spawn().unwrap();
        let mut stdin =
            polliwog_mio::process::ChildStdin::from_std(std.stdin.take().unwrap()).unwrap();
        let mut stdout =
            polliwog_mio::process::ChildStdout::from_std(std.stdout.take().unwrap()).unwrap();
        let bufs = [&b"qu"[..], b"", b"ak"].map(io::IoSlice::new);
        let n = std::future::poll_fn(|cx| {
            std::pin::Pin::new(&mut stdin).poll_write_vectored(cx, &bufs)
        });
        assert_eq!(n.await.unwrap(), 4);
        let mut buf = [0; 4];
        stdout.read_exact(&mut buf).await.unwrap();
        assert_eq!(&buf, b"quak");
        drop(stdin);
        let error = stdout.read_exact(&mut buf).await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::UnexpectedEof);
        std.wait().unwrap();
    });
}

#[test]
fn a_child_has_the_environment_and_the_group_that_it_is_given() {
    block_on(async {
        let mut command = shell("printf \"$ONE ${TWO-none} ${HOME-none}\"");
        command
            .env_clear()
            .envs([("ONE", "1"), ("TWO", "2")])
            .env_remove("TWO");
        assert_eq!(command.output().await.unwrap().stdout, b"1 none none");
        #[cfg(target_os = "linux")]
        {
            let mut command = shell("cut -d ' ' -f 5 /proc/$$/stat");
            command.process_group(0).stdout(Stdio::piped());
            let child = command.spawn().unwrap();
            let id = child.id().unwrap();
            let output = child.wait_with_output().await.unwrap();
            assert_eq!(output.stdout, format!("{id}\n").as_bytes());
        }
    });
}
