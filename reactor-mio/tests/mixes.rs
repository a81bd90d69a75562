//! Files, children and signals whose users give up in the middle, or mix what is rarely mixed.
#![cfg(unix)]

mod support;

use std::fs;
use std::io::Write as _;

use futures_util::future::join;
use futures_util::io::AsyncWriteExt;
use polliwog_core::yield_now;
use polliwog_mio::{Runtime, block_on, spawn};
use support::{Folder, once, soon};

/// Files: everything that moves the position, in any order.
#[test]
fn appends_reads_and_moves_mix() {
    use polliwog_mio::fs::{File, OpenOptions};
    use std::io::SeekFrom;
    let folder = Folder::new("mix");
    let path = folder.join("file");
    block_on(async {
        let mut options = OpenOptions::new();
        let mut log = options
            .append(true)
            .read(true)
            .create(true)
            .open(&path)
            .await
            .unwrap();
        let mut plain = File::create(&path).await.unwrap();
        plain.write_all(b"0123456789").await.unwrap();
        // At the end, wherever the position is; which is at the end then.
        log.seek(SeekFrom::Start(2)).await.unwrap();
        let mut two = [0; 2];
        log.read_exact(&mut two).await.unwrap();
        assert_eq!(&two, b"23");
        log.write_all(b"ab").await.unwrap();
        assert_eq!(log.seek(SeekFrom::Current(0)).await.unwrap(), 12);
        // The other's position is its own, and there it writes.
        plain.write_all(b"XY").await.unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"0123456789XY");
        // A read ahead that is given up, then a write that appends, then the rest of the file.
        log.seek(SeekFrom::Start(0)).await.unwrap();
        let _ = once(log.read(&mut [0; 4])).await;
        log.write_all(b"!").await.unwrap();
        log.seek(SeekFrom::Start(10)).await.unwrap();
        let mut rest = String::new();
        log.read_to_string(&mut rest).await.unwrap();
        assert_eq!(rest, "XY!");
        // Cut off behind its back: the end comes, and what is written is put at the new end.
        plain.set_len(3).await.unwrap();
        assert_eq!(log.read(&mut [0; 4]).await.unwrap(), 0);
        log.write_all(b"z").await.unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"012z");
    });
}

#[test]
fn a_buffered_reader_that_is_dropped_leaves_a_file_that_can_be_moved() {
    use futures_util::io::{AsyncBufReadExt, BufReader};
    use polliwog_mio::fs::File;
    use std::io::SeekFrom;
    let folder = Folder::new("buffered");
    let path = folder.join("file");
    let text: String = (0..5000).map(|n| format!("line {n}\n")).collect();
    fs::write(&path, &text).unwrap();
    block_on(async {
        let mut file = File::open(&path).await.unwrap();
        for round in 0..20_u64 {
            file.seek(SeekFrom::Start(round)).await.unwrap();
            let mut reader = BufReader::with_capacity(100, &mut file);
            let mut line = String::new();
            reader.read_line(&mut line).await.unwrap();
            assert!(text[round as usize..].starts_with(&line));
            // One more, given up in the middle.
            let _ = once(reader.read_line(&mut line)).await;
        }
        file.seek(SeekFrom::End(-10)).await.unwrap();
        let mut last = String::new();
        file.read_to_string(&mut last).await.unwrap();
        assert!(text.ends_with(&last) && last.len() == 10);
        // What is written through a buffer and flushed is there, whoever is dropped first.
        let mut writer = futures_util::io::BufWriter::new(File::create(&path).await.unwrap());
        writer.write_all(b"kept").await.unwrap();
        writer.flush().await.unwrap();
        drop(writer);
        assert_eq!(fs::read(&path).unwrap(), b"kept");
    });
}

/// A child whose three pipes are all full, and that ends with a grandchild that keeps one of them.
#[test]
fn children_with_full_pipes_and_heirs() {
    use polliwog_mio::process::{Command, Stdio};
    block_on(async {
        let mut command = Command::new("sh");
        command.args([
            "-c",
            "head -c 300000 /dev/zero >&2; head -c 300000 /dev/zero; exec wc -c",
        ]);
        command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let mut input = child.stdin.take().unwrap();
        let write = async {
            input.write_all(&vec![b'x'; 300_000]).await.unwrap();
            drop(input);
        };
        let ((), output) = soon(join(write, child.wait_with_output())).await;
        let output = output.unwrap();
        assert_eq!(output.stderr.len(), 300_000);
        assert!(output.stdout.len() > 300_000 && output.stdout.ends_with(b"300000\n"));

        // The child has ended, its heir has not: the end is told, and the pipe is open.
        let mut command = Command::new("sh");
        command.args(["-c", "exec 3<&0; (read line; echo heir) <&3 & exit 4"]);
        let (heirs, to_heir) = rustix::pipe::pipe().unwrap();
        command
            .stdin(std::fs::File::from(heirs))
            .stdout(Stdio::piped());
        let mut child = command.spawn().unwrap();
        drop(command);
        assert_eq!(soon(child.wait()).await.unwrap().code(), Some(4));
        let mut output = child.stdout.take().unwrap();
        assert!(once(output.read(&mut [0; 9])).await.is_pending());
        std::fs::File::from(to_heir).write_all(b"\n").unwrap();
        let mut all = Vec::new();
        soon(output.read_to_end(&mut all)).await.unwrap();
        assert_eq!(all, b"heir\n");
    });
}

/// Of a runtime that ends while signals come in, the next one knows nothing, and hears its own.
#[test]
fn signals_during_the_end_of_a_runtime() {
    use polliwog_mio::signal::unix::{SignalKind, signal};
    // One that no other test raises.
    let kind = SignalKind::user_defined2();
    for _ in 0..20 {
        let runtime = Runtime::new().unwrap();
        let kept = runtime.block_on(async {
            let mut first = signal(kind).unwrap();
            let waiting = spawn(async move { first.recv().await });
            waiting.unwrap().detach();
            yield_now().await;
            signal_hook::low_level::raise(kind.as_raw_value()).unwrap();
            signal(kind).unwrap()
        });
        signal_hook::low_level::raise(kind.as_raw_value()).unwrap();
        drop(runtime);
        signal_hook::low_level::raise(kind.as_raw_value()).unwrap();
        drop(kept);
        block_on(async {
            let mut own = signal(kind).unwrap();
            assert!(once(own.recv()).await.is_pending());
            signal_hook::low_level::raise(kind.as_raw_value()).unwrap();
            assert_eq!(soon(own.recv()).await, Some(()));
        });
    }
}
