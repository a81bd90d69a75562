//! Files: whole ones, streams, positions, and writes that fail when nobody looks.

#[cfg(unix)]
mod support;

use std::future::poll_fn;
use std::io::{self, SeekFrom};
use std::path::PathBuf;
use std::pin::pin;
use std::task::Poll;

#[cfg(unix)]
use polliwog_core::time::timeout;
use polliwog_mio::block_on;
use polliwog_mio::fs::{self, File, OpenOptions};
#[cfg(unix)]
use support::{LONG, once};

/// A path in the temporary directory, whose file is removed at the end.
struct Temporary(PathBuf);

impl Temporary {
    fn new(name: &str) -> Self {
        let name = format!("polliwog-test-{}-{name}", std::process::id());
        let path = std::env::temp_dir().join(name);
        // Of a process that was killed, and had the same number.
        let _ = std::fs::remove_file(&path);
        Self(path)
    }
}

impl Drop for Temporary {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

#[test]
fn whole_files_make_a_round_trip() {
    let path = Temporary::new("whole");
    block_on(async {
        fs::write(&path.0, "tadpole").await.unwrap();
        assert_eq!(fs::read(&path.0).await.unwrap(), b"tadpole");
        assert_eq!(fs::read_to_string(&path.0).await.unwrap(), "tadpole");
        assert_eq!(fs::metadata(&path.0).await.unwrap().len(), 7);
        assert!(fs::canonicalize(&path.0).await.unwrap().is_absolute());
        fs::remove_file(&path.0).await.unwrap();
        let error = fs::read(&path.0).await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::NotFound);
    });
}

#[test]
fn a_file_is_read_written_and_sought() {
    let path = Temporary::new("file");
    block_on(async {
        let data: Vec<u8> = (0..3 * fs::MAX_CHUNK / 2).map(|n| (n / 7) as u8).collect();
        let mut file = OpenOptions::new()
            .read(true)
            .write(true)
            .create_new(true)
            .open(&path.0)
            .await
            .unwrap();
        file.write_all(&data).await.unwrap();
        file.sync_all().await.unwrap();
        assert_eq!(file.metadata().await.unwrap().len(), data.len() as u64);
        assert_eq!(file.seek(SeekFrom::Start(0)).await.unwrap(), 0);
        let mut buf = vec![0; data.len()];
        let mut total = 0;
        while total < data.len() {
            let n = file.read(&mut buf[total..]).await.unwrap();
            assert!(n > 0 && n <= fs::MAX_CHUNK);
            total += n;
        }
        assert!(buf == data);
        assert_eq!(file.read(&mut buf).await.unwrap(), 0);
        file.set_len(10).await.unwrap();
        assert_eq!(file.seek(SeekFrom::End(-4)).await.unwrap(), 6);
        assert_eq!(file.read(&mut buf).await.unwrap(), 4);

        let mut file = File::open(&path.0).await.unwrap();
        assert!(file.write(b"not allowed").await.is_err());
        assert_eq!(file.read(&mut buf).await.unwrap(), 10);
    });
}

/// Begins to read at a position and gives it up.
async fn read_and_drop(file: &mut File, at: u64) {
    let mut pending = false;
    // The pool may be quick enough to have it read before the first poll ends.
    while !pending {
        file.seek(SeekFrom::Start(at)).await.unwrap();
        let mut buf = [0; 6];
        let mut read = pin!(file.read(&mut buf));
        pending = poll_fn(|cx| Poll::Ready(read.as_mut().poll(cx).is_pending())).await;
    }
}

#[test]
fn a_read_that_was_dropped_is_not_lost() {
    let path = Temporary::new("dropped");
    block_on(async {
        fs::write(&path.0, "0123456789").await.unwrap();
        let mut options = OpenOptions::new();
        let mut file = options.read(true).write(true).open(&path.0).await.unwrap();
        let mut buf = [0; 2];
        read_and_drop(&mut file, 0).await;
        assert_eq!(file.read(&mut buf).await.unwrap(), 2);
        assert_eq!(&buf, b"01");
        // The position is where the caller thinks it is.
        assert_eq!(file.seek(SeekFrom::Current(1)).await.unwrap(), 3);
        assert_eq!(file.read(&mut buf).await.unwrap(), 2);
        assert_eq!(&buf, b"34");
        // Nor does a move that leads nowhere throw away what was read.
        read_and_drop(&mut file, 0).await;
        let error = file.seek(SeekFrom::Current(i64::MIN)).await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::InvalidInput);
        // This one the system refuses, each with an error of its own.
        assert!(file.seek(SeekFrom::End(-100)).await.is_err());
        assert_eq!(file.seek(SeekFrom::Current(0)).await.unwrap(), 0);
        read_and_drop(&mut file, 5).await;
        file.write_all(b"xy").await.unwrap();
        assert_eq!(fs::read(&path.0).await.unwrap(), b"01234xy789");
    });
}

#[test]
fn files_are_streams() {
    use futures_util::io::{AsyncReadExt, AsyncWriteExt};
    let path = Temporary::new("stream");
    block_on(async {
        let mut file = File::create(&path.0).await.unwrap();
        for n in 0..100_u8 {
            AsyncWriteExt::write_all(&mut file, &[n; 1000])
                .await
                .unwrap();
        }
        file.close().await.unwrap();
        let mut file = File::open(&path.0).await.unwrap();
        let mut all = Vec::new();
        AsyncReadExt::read_to_end(&mut file, &mut all)
            .await
            .unwrap();
        assert_eq!(all.len(), 100_000);
        assert!(
            all.iter()
                .enumerate()
                .all(|(at, byte)| *byte == (at / 1000) as u8)
        );
    });
}

/// `futures_io`'s and `embedded_io_async`'s ways to move the position, also under a buffer.
#[test]
fn files_can_be_sought_through_the_traits() {
    use futures_util::io::{AsyncReadExt, AsyncSeekExt, BufReader};
    let path = Temporary::new("seek");
    block_on(async {
        fs::write(&path.0, "0123456789").await.unwrap();
        let mut reader = BufReader::new(File::open(&path.0).await.unwrap());
        let mut buf = [0; 2];
        reader.read_exact(&mut buf).await.unwrap();
        assert_eq!(&buf, b"01");
        assert_eq!(reader.seek(SeekFrom::Current(3)).await.unwrap(), 5);
        reader.read_exact(&mut buf).await.unwrap();
        assert_eq!(&buf, b"56");
        assert_eq!(reader.seek(SeekFrom::End(-1)).await.unwrap(), 9);

        let mut file = reader.into_inner();
        let to = embedded_io_async::SeekFrom::Start(3);
        let moved = embedded_io_async::Seek::seek(&mut file, to).await;
        assert_eq!(moved.unwrap(), 3);
        embedded_io_async::Read::read(&mut file, &mut buf)
            .await
            .unwrap();
        assert_eq!(&buf, b"34");
        // A read that nobody fetched does not count.
        read_and_drop(&mut file, 0).await;
        let moved = AsyncSeekExt::seek(&mut file, SeekFrom::Current(1)).await;
        assert_eq!(moved.unwrap(), 1);
        // A seek that was dropped is gone on with, not done twice.
        let mut pending = false;
        while !pending {
            file.seek(SeekFrom::Start(2)).await.unwrap();
            let mut seek = pin!(file.seek(SeekFrom::Current(2)));
            pending = poll_fn(|cx| Poll::Ready(seek.as_mut().poll(cx).is_pending())).await;
        }
        assert_eq!(file.seek(SeekFrom::Current(2)).await.unwrap(), 4);
        let before = AsyncSeekExt::seek(&mut file, SeekFrom::End(-100)).await;
        // Windows has an error of its own for that, which the standard library does not name.
        let error = before.unwrap_err();
        assert!(cfg!(windows) || error.kind() == io::ErrorKind::InvalidInput);
    });
}

/// A disk that is full.
#[cfg(target_os = "linux")]
async fn full() -> File {
    let mut options = OpenOptions::new();
    options.read(true).write(true);
    options.open("/dev/full").await.unwrap()
}

#[cfg(target_os = "linux")]
#[test]
fn a_write_that_fails_behind_its_callers_back_is_told_until_it_is_acknowledged() {
    use futures_util::io::{AsyncSeekExt, AsyncWriteExt};
    block_on(async {
        let mut file = full().await;
        assert_eq!(AsyncWriteExt::write(&mut file, b"lost").await.unwrap(), 4);
        let mut buf = [1; 2];
        assert_eq!(file.read(&mut buf).await.unwrap(), 2, "reading goes on");
        let full = |error: io::Error| error.kind() == io::ErrorKind::StorageFull;
        for _ in 0..2 {
            assert!(full(AsyncWriteExt::flush(&mut file).await.unwrap_err()));
            assert!(full(file.flush().await.unwrap_err()));
            assert!(full(AsyncWriteExt::close(&mut file).await.unwrap_err()));
            assert!(full(
                AsyncWriteExt::write(&mut file, b"x").await.unwrap_err()
            ));
            assert!(full(file.write(b"x").await.unwrap_err()));
            assert!(full(file.write(b"").await.unwrap_err()));
            assert!(full(file.write_all(b"x").await.unwrap_err()));
            let start = SeekFrom::Start(0);
            assert!(full(
                AsyncSeekExt::seek(&mut file, start).await.unwrap_err()
            ));
            assert!(full(file.metadata().await.unwrap_err()));
            assert!(full(file.set_len(0).await.unwrap_err()));
            assert!(full(file.sync_all().await.unwrap_err()));
        }
        assert!(full(file.take_error().unwrap()));
        assert!(file.take_error().is_none());
        file.flush().await.unwrap();
        file.metadata().await.unwrap();
    });
}

/// Who waited for the error knows of it.
#[cfg(target_os = "linux")]
#[test]
fn a_write_that_fails_in_its_callers_face_is_told_once() {
    block_on(async {
        let mut file = full().await;
        for _ in 0..2 {
            let error = file.write(b"lost").await.unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::StorageFull);
            file.flush().await.unwrap();
            let error = file.write_all(b"lost").await.unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::StorageFull);
            assert!(file.take_error().is_none());
        }
        // Unless it has given up.
        let mut pending = false;
        while !pending {
            let mut write = pin!(file.write(b"lost"));
            pending = poll_fn(|cx| Poll::Ready(write.as_mut().poll(cx).is_pending())).await;
        }
        for _ in 0..2 {
            let error = file.flush().await.unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::StorageFull);
        }
    });
}

/// A pipe, a terminal or a socket has no position that reads and writes share: what was read and not fetched stays.
#[cfg(unix)]
#[test]
fn what_cannot_seek_is_written_and_keeps_what_it_has_read() {
    use futures_util::io::AsyncWriteExt;
    use std::io::{Read, Write};
    use std::os::fd::OwnedFd;
    let (one, mut peer) = std::os::unix::net::UnixStream::pair().unwrap();
    let mut file = File::from_std(OwnedFd::from(one).into());
    let mut buf = [0; 16];
    block_on(async {
        give_up_a_read(&mut file).await;
        peer.write_all(b"hello").unwrap();
        assert_eq!(file.write(b"x").await.unwrap(), 1);
        assert_eq!(file.read(&mut buf[..2]).await.unwrap(), 2);
        assert_eq!(&buf[..2], b"he");
        AsyncWriteExt::write_all(&mut file, b"y").await.unwrap();
        // Nor does anything else that is not for such a file throw the rest away.
        let error = file.seek(SeekFrom::Start(0)).await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::NotSeekable);
        assert!(file.set_len(0).await.is_err());
        assert!(file.write_at(b"z", 0).await.is_err());
        let mut file = file.try_into_std().unwrap_err();
        assert_eq!(file.read(&mut buf).await.unwrap(), 3);
        assert_eq!(&buf[..3], b"llo");
        peer.read_exact(&mut buf[..2]).unwrap();
        assert_eq!(&buf[..2], b"xy");

        // The standard library's file has no place for it.
        give_up_a_read(&mut file).await;
        peer.write_all(b"quak").unwrap();
        let error = file.into_std().await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::NotSeekable);
        assert!(error.to_string().contains("4 bytes"), "{error}");
    });
}

/// What reads to the end stops before it when nobody waits for that any more: what has no end would fill the memory.
#[cfg(unix)]
#[test]
fn a_read_to_the_end_that_was_dropped_stops() {
    use std::io::Write;
    use std::os::fd::OwnedFd;
    block_on(async {
        let (one, mut peer) = std::os::unix::net::UnixStream::pair().unwrap();
        let mut file = File::from_std(OwnedFd::from(one).into());
        let mut all = Vec::new();
        for (word, begin) in [("hello", b"hel"), ("quak", b"loq")] {
            poll_once(file.read_to_end(&mut all)).await;
            peer.write_all(word.as_bytes()).unwrap();
            // By as many reads as it takes: whether the one that was given up had begun is chance.
            let mut buf = [0; 3];
            let read = timeout(LONG, file.read_exact(&mut buf)).await.unwrap();
            read.unwrap();
            assert_eq!(&buf, begin);
        }
        // Nothing is lost, and whoever asks again comes to the end.
        poll_once(file.read_to_end(&mut all)).await;
        peer.write_all(b"fr").unwrap();
        poll_once(file.read_to_end(&mut all)).await;
        peer.write_all(b"og").unwrap();
        drop(peer);
        timeout(LONG, file.read_to_end(&mut all))
            .await
            .unwrap()
            .unwrap();
        assert_eq!(all, b"uakfrog");

        let (one, peer) = std::os::unix::net::UnixStream::pair().unwrap();
        let mut file = File::from_std(OwnedFd::from(one).into());
        poll_once(file.read_to_string(&mut String::new())).await;
        drop(file);
        write_until_nobody_reads(peer);
    });
}

/// Of what comes in messages, as from some devices, a read without room for one loses the rest.
#[cfg(unix)]
#[test]
fn a_read_to_the_end_has_room_where_the_size_says_nothing() {
    use std::os::fd::OwnedFd;
    use std::os::unix::net::UnixDatagram;
    let (one, peer) = UnixDatagram::pair().unwrap();
    for message in [b"tadpole" as &[u8], &[7; 4000], b""] {
        peer.send(message).unwrap();
    }
    let mut file = File::from_std(OwnedFd::from(one).into());
    let mut all = Vec::new();
    block_on(file.read_to_end(&mut all)).unwrap();
    assert_eq!(all, [b"tadpole" as &[u8], &[7; 4000]].concat());
}

#[cfg(target_os = "linux")]
#[test]
fn a_whole_file_whose_read_was_dropped_is_closed() {
    use rustix::fs::{CWD, FileType, Mode, mknodat};
    let path = Temporary::new("endless");
    mknodat(CWD, &path.0, FileType::Fifo, Mode::RUSR | Mode::WUSR, 0).unwrap();
    block_on(async {
        poll_once(fs::read(&path.0)).await;
        write_until_nobody_reads(std::fs::File::options().write(true).open(&path.0).unwrap());
        poll_once(fs::read_to_string(&path.0)).await;
        write_until_nobody_reads(std::fs::File::options().write(true).open(&path.0).unwrap());
    });
}

/// Writes what is far too much for whoever has stopped to read.
#[cfg(unix)]
#[track_caller]
fn write_until_nobody_reads(mut writer: impl io::Write) {
    let error = (0..64).find_map(|_| writer.write_all(&[b'.'; 1 << 20]).err());
    assert_eq!(
        error.map(|error| error.kind()),
        Some(io::ErrorKind::BrokenPipe)
    );
}

/// Begins what has to wait, and gives it up.
#[cfg(unix)]
async fn poll_once<T>(future: impl Future<Output = T>) {
    assert!(once(future).await.is_pending());
}

/// Begins a read of what is not there yet.
#[cfg(unix)]
async fn give_up_a_read(file: &mut File) {
    poll_once(file.read(&mut [0; 16])).await;
}

/// Nor is "wait until you are woken" an answer, where nobody would wake.
#[cfg(unix)]
#[test]
fn a_file_in_non_blocking_mode_is_refused_where_it_would_have_to_wait() {
    use futures_util::io::{AsyncReadExt, AsyncWriteExt};
    use std::os::fd::OwnedFd;
    let (one, other) = std::os::unix::net::UnixStream::pair().unwrap();
    one.set_nonblocking(true).unwrap();
    let mut file = File::from_std(OwnedFd::from(one).into());
    let mut buf = [0; 4];
    block_on(async {
        let error = file.read(&mut buf).await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::Unsupported, "{error}");
        let error = AsyncReadExt::read(&mut file, &mut buf).await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::Unsupported, "{error}");
        assert_eq!(file.write(b"there is room").await.unwrap(), 13);
        let error = loop {
            match AsyncWriteExt::write(&mut file, &[0; 1 << 16]).await {
                Ok(_) => {}
                Err(error) => break error,
            }
        };
        assert_eq!(error.kind(), io::ErrorKind::Unsupported, "{error}");
    });
    drop(other);
}

#[test]
fn what_is_wrapped_to_be_sent_is_itself_here_and_an_error_elsewhere() {
    use std::pin::Pin;
    use std::task::{Context, Waker};

    use futures_util::io::{AsyncBufReadExt, AsyncSeekExt, AsyncWriteExt, BufReader};
    use futures_util::{AsyncBufRead, AsyncRead, AsyncSeek, AsyncWrite};
    use polliwog_core::{SendWrapper, WrongThread};

    let path = Temporary::new("wrapped");
    block_on(async {
        let mut options = OpenOptions::new();
        let file = options.read(true).write(true).create(true).open(&path.0);
        let mut file = SendWrapper::new(BufReader::new(file.await.unwrap()));
        file.write_all(b"one\ntwo\n").await.unwrap();
        file.flush().await.unwrap();
        assert_eq!(file.seek(SeekFrom::Start(4)).await.unwrap(), 4);
        let mut line = String::new();
        assert_eq!(file.read_line(&mut line).await.unwrap(), 4);
        assert_eq!(line, "two\n");

        let elsewhere = || {
            let mut cx = Context::from_waker(Waker::noop());
            let mut file = Pin::new(&mut file);
            let results = [
                file.as_mut().poll_read(&mut cx, &mut [0]).map_ok(drop),
                file.as_mut().poll_write(&mut cx, b"x").map_ok(drop),
                file.as_mut().poll_flush(&mut cx),
                file.as_mut().poll_close(&mut cx),
                file.as_mut()
                    .poll_seek(&mut cx, SeekFrom::End(0))
                    .map_ok(drop),
                file.as_mut().poll_fill_buf(&mut cx).map_ok(drop),
            ];
            results.map(|result| match result {
                Poll::Ready(Err(error)) => error.downcast::<WrongThread>().is_ok(),
                _ => false,
            })
        };
        let refused = std::thread::scope(|scope| scope.spawn(elsewhere).join().unwrap());
        assert_eq!(refused, [true; 6]);
        file.close().await.unwrap();
    });
    assert_eq!(std::fs::read(&path.0).unwrap(), b"one\ntwo\n");
}
