//! What can be done with a file beside reading and writing at its position, and files that change under
//! one's hands.

mod support;

use std::future::poll_fn;
use std::io::{self, IoSlice, IoSliceMut, Read, Seek, SeekFrom, Write};
use std::pin::{Pin, pin};
use std::task::Poll;

use polliwog_core::{join, try_join};
use polliwog_mio::block_on;
use polliwog_mio::fs::{self, File};
use support::Folder;

/// Polls an operation once and drops it, until it was dropped while it waited: the pool may be quick enough
/// to be done before the first poll ends. Moves the position before, if it is told where to.
macro_rules! begin_and_drop {
    ($operation:expr) => {
        begin_and_drop!({}, $operation)
    };
    ($file:ident at $position:expr, $operation:expr) => {
        begin_and_drop!(
            {
                $file.seek(SeekFrom::Start($position)).await.unwrap();
            },
            $operation
        )
    };
    ($before:block, $operation:expr) => {
        loop {
            $before
            let mut operation = pin!($operation);
            if poll_fn(|cx| Poll::Ready(operation.as_mut().poll(cx).is_pending())).await {
                break;
            }
        }
    };
}

#[test]
fn the_rest_of_a_file_is_read_in_one_go() {
    let folder = Folder::new("rest");
    block_on(async {
        let data: Vec<u8> = (0..fs::MAX_CHUNK * 3).map(|n| (n / 5) as u8).collect();
        fs::write(folder.join("data"), data.clone()).await.unwrap();
        let mut file = File::open(folder.join("data")).await.unwrap();
        let mut buf = [0; 10];
        file.read_exact(&mut buf).await.unwrap();
        assert_eq!(buf, data[..10]);
        // What dropped reads have read comes first, once.
        begin_and_drop!(file at 10, file.read(&mut buf));
        // This one may be done at once, with what is there already.
        let mut peeked = Vec::new();
        let done = {
            let mut operation = pin!(file.read_to_end(&mut peeked));
            poll_fn(|cx| Poll::Ready(operation.as_mut().poll(cx).is_ready())).await
        };
        if done {
            assert!(peeked == data[10..]);
            file.seek(SeekFrom::Start(10)).await.unwrap();
        }
        file.read_exact(&mut buf).await.unwrap();
        assert_eq!(buf, data[10..20]);
        let mut rest = vec![1, 2, 3];
        let n = file.read_to_end(&mut rest).await.unwrap();
        assert_eq!(n, data.len() - 20);
        assert!(rest[..3] == [1, 2, 3] && rest[3..] == data[20..]);
        assert_eq!(file.read_to_end(&mut rest).await.unwrap(), 0);
        let error = file.read_exact(&mut buf).await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::UnexpectedEof);

        let mut none = Vec::new();
        begin_and_drop!(file at 4, file.read_to_end(&mut none));
        assert_eq!(file.seek(SeekFrom::Current(1)).await.unwrap(), 5);
        let mut text = String::from("as it was");
        let error = file.read_to_string(&mut text).await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::InvalidData);
        assert_eq!(text, "as it was");
    });
}

#[test]
fn reads_and_writes_at_offsets_leave_the_position_alone() {
    let folder = Folder::new("offsets");
    block_on(async {
        let mut options = File::options();
        options.read(true).write(true).create_new(true);
        let mut file = options.open(folder.join("file")).await.unwrap();
        file.write_all(b"0123456789").await.unwrap();
        let position = file.seek(SeekFrom::Start(2)).await.unwrap();
        let (mut one, mut two) = ([0; 2], [0; 3]);
        // Several at once, and what is written is seen.
        let written = try_join!(file.write_at(b"abc", 4), file.write_at(b"z", 9)).unwrap();
        assert_eq!(written, (3, 1));
        let read = try_join!(file.read_at(&mut one, 0), file.read_at(&mut two, 5)).unwrap();
        assert_eq!(read, (2, 3));
        assert_eq!((&one, &two), (b"01", b"bc7"));
        assert_eq!(file.read_at(&mut one, 10).await.unwrap(), 0);
        if cfg!(unix) {
            assert_eq!(file.seek(SeekFrom::Current(0)).await.unwrap(), position);
        }
        assert_eq!(fs::read(folder.join("file")).await.unwrap(), b"0123abc78z");
        // All of it, in pieces.
        file.set_max_buf_size(3);
        file.write_all_at(b"tadpole", 1).await.unwrap();
        let mut all = [0; 8];
        file.read_exact_at(&mut all, 2).await.unwrap();
        assert_eq!(&all, b"adpole8z");
        let error = file.read_exact_at(&mut all, 3).await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::UnexpectedEof);
        if cfg!(unix) {
            assert_eq!(file.seek(SeekFrom::Current(0)).await.unwrap(), position);
        }
    });
}

#[test]
fn a_file_goes_to_the_standard_library_and_back() {
    let folder = Folder::new("std");
    let path = folder.join("file");
    block_on(async {
        fs::write(&path, "0123456789").await.unwrap();
        let mut file = File::open(&path).await.unwrap();
        let mut buf = [0; 4];
        file.read_exact(&mut buf).await.unwrap();
        begin_and_drop!(file at 4, file.read(&mut buf));
        // A read is under way, whose bytes nobody has: neither now nor once it has ended.
        let mut file = file.try_into_std().unwrap_err();
        file.flush().await.unwrap();
        let file = file.try_into_std().unwrap_err();
        let mut file = file.into_std().await.unwrap();
        assert_eq!(file.stream_position().unwrap(), 4);
        let mut rest = String::new();
        file.read_to_string(&mut rest).unwrap();
        assert_eq!(rest, "456789");
        let mut file = File::from(file);
        file.seek(SeekFrom::Start(1)).await.unwrap();
        let file = file.try_into_std().unwrap();

        // Two handles of one open file.
        let mut one = File::from_std(file);
        let mut two = one.try_clone().await.unwrap();
        one.read_exact(&mut buf).await.unwrap();
        two.read_exact(&mut buf).await.unwrap();
        assert_eq!(&buf, b"5678");

        let mut new = File::create_new(folder.join("new")).await.unwrap();
        let error = File::create_new(folder.join("new")).await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::AlreadyExists);
        // Bytes that were given to the file are in it before it is given away.
        let write = pin!(futures_util::io::AsyncWriteExt::write_all(
            &mut new, b"late"
        ));
        write.await.unwrap();
        let mut new = new.into_std().await.unwrap();
        new.write_all(b"r").unwrap();
        assert_eq!(std::fs::read(folder.join("new")).unwrap(), b"later");
    });
}

#[test]
fn lengths_and_times_are_set() {
    use std::time::{Duration, SystemTime};
    let folder = Folder::new("lengths");
    block_on(async {
        let mut file = File::create(folder.join("file")).await.unwrap();
        file.write_all(b"tadpole").await.unwrap();
        file.sync_data().await.unwrap();
        // By reference, several at once, one after the other.
        let (one, two, data) = join!(file.set_len(3), file.sync_all(), file.metadata());
        one.unwrap();
        two.unwrap();
        assert_eq!(data.unwrap().len(), 3);
        let then = SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000_000);
        file.set_modified(then).await.unwrap();
        let data = file.metadata().await.unwrap();
        assert_eq!(data.modified().unwrap(), then);
        let times = fs::FileTimes::new().set_accessed(then);
        file.set_times(times).await.unwrap();
        let data = file.metadata().await.unwrap();
        assert_eq!(data.accessed().unwrap(), then);
    });
}

#[test]
fn several_buffers_make_one_trip() {
    use futures_util::io::{AsyncReadExt, AsyncWriteExt};
    let folder = Folder::new("vectored");
    block_on(async {
        let mut file = File::create(folder.join("file")).await.unwrap();
        let bufs = [&b""[..], b"tad", b"", b"pole"].map(IoSlice::new);
        assert_eq!(file.write_vectored(&bufs).await.unwrap(), 7);
        file.set_max_buf_size(5);
        assert_eq!(file.max_buf_size(), 5);
        assert_eq!(file.write_vectored(&bufs).await.unwrap(), 5);
        assert_eq!(file.write_vectored(&bufs[..1]).await.unwrap(), 0);
        AsyncWriteExt::flush(&mut file).await.unwrap();
        assert_eq!(file.write(b"123456").await.unwrap(), 5);
        let mut file = File::open(folder.join("file")).await.unwrap();
        let (mut one, mut two, mut three) = ([0; 4], [0; 0], [0; 20]);
        let mut bufs = [&mut one[..], &mut two, &mut three].map(IoSliceMut::new);
        assert_eq!(file.read_vectored(&mut bufs).await.unwrap(), 17);
        assert_eq!((&one, &three[..13]), (b"tadp", &b"oletadpo12345"[..]));
    });
}

/// A change is as a write: what nobody has heard of is told until it is acknowledged.
#[cfg(target_os = "linux")]
#[test]
fn a_change_that_was_dropped_and_fails_is_told() {
    let folder = Folder::new("changes");
    block_on(async {
        fs::write(folder.join("file"), "0123").await.unwrap();
        let mut file = File::open(folder.join("file")).await.unwrap();
        // It is open for reading only.
        let error = file.set_len(1).await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::InvalidInput);
        file.flush().await.unwrap();
        begin_and_drop!(file.set_len(1));
        let mut buf = [0; 4];
        for _ in 0..2 {
            assert!(file.flush().await.is_err());
            assert!(file.metadata().await.is_err());
            assert!(file.read_at(&mut buf, 0).await.is_err());
            assert!(file.write_at(b"x", 0).await.is_err());
            assert!(file.try_clone().await.is_err());
        }
        assert_eq!(file.read(&mut buf).await.unwrap(), 4, "reading goes on");
        file = file.try_into_std().map(drop).unwrap_err();
        let error = file.take_error().unwrap();
        assert_eq!(error.kind(), io::ErrorKind::InvalidInput);
        file.metadata().await.unwrap();
        file.try_into_std().unwrap();
    });
}

/// Wherever the error of a full disk comes to light, it does.
#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_is_an_error_of_whoever_writes() {
    use futures_util::io::{AsyncWriteExt, BufWriter};
    let folder = Folder::new("full");
    let is_full = |error: io::Error| assert_eq!(error.kind(), io::ErrorKind::StorageFull);
    block_on(async {
        fs::write(folder.join("file"), "some bytes").await.unwrap();
        is_full(fs::write("/dev/full", "bytes").await.unwrap_err());
        is_full(
            fs::copy(folder.join("file"), "/dev/full")
                .await
                .unwrap_err(),
        );
        let open = || async {
            let mut options = File::options();
            options.write(true).open("/dev/full").await.unwrap()
        };
        let mut buffered = BufWriter::new(open().await);
        buffered.write_all(b"in the buffer").await.unwrap();
        is_full(buffered.close().await.unwrap_err());
        let file = open().await;
        is_full(file.write_at(b"x", 0).await.unwrap_err());
        // Told already.
        file.metadata().await.unwrap();
        let mut file = file;
        AsyncWriteExt::write_all(&mut file, b"x").await.unwrap();
        is_full(file.into_std().await.unwrap_err());
        // What others do goes on.
        assert_eq!(fs::read(folder.join("file")).await.unwrap(), b"some bytes");
    });
}

#[test]
fn a_file_that_grows_or_shrinks_is_read_as_it_is() {
    let folder = Folder::new("grows");
    let path = folder.join("file");
    block_on(async {
        fs::write(&path, "egg").await.unwrap();
        let mut file = File::open(&path).await.unwrap();
        let mut text = String::new();
        file.read_to_string(&mut text).await.unwrap();
        let mut writer = File::options().append(true).open(&path).await.unwrap();
        assert_eq!(file.read(&mut [0; 8]).await.unwrap(), 0);
        // The end is no end for ever.
        writer.write_all(b", tadpole").await.unwrap();
        file.read_to_string(&mut text).await.unwrap();
        assert_eq!(text, "egg, tadpole");
        writer.set_len(1).await.unwrap();
        assert_eq!(file.read(&mut [0; 8]).await.unwrap(), 0);
        file.seek(SeekFrom::Start(0)).await.unwrap();
        text.clear();
        file.read_to_string(&mut text).await.unwrap();
        assert_eq!(text, "e");
    });
}

/// Who has it open keeps it; who opens it afterwards is told.
#[cfg(unix)]
#[test]
fn a_file_that_vanishes_is_read_to_its_end() {
    let folder = Folder::new("vanishes");
    let path = folder.join("file");
    block_on(async {
        let data: Vec<u8> = (0..2 * fs::MAX_CHUNK).map(|n| n as u8).collect();
        fs::write(&path, data.clone()).await.unwrap();
        let mut file = File::open(&path).await.unwrap();
        let mut start = vec![0; 1000];
        file.read_exact(&mut start).await.unwrap();
        fs::remove_file(&path).await.unwrap();
        file.read_to_end(&mut start).await.unwrap();
        assert!(start == data);
        let error = File::open(&path).await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::NotFound);

        // So with an entry of a folder between its listing and its use.
        fs::write(&path, "").await.unwrap();
        let mut entries = fs::read_dir(folder.path()).await.unwrap();
        let entry = entries.next_entry().await.unwrap().unwrap();
        fs::remove_file(&path).await.unwrap();
        let error = entry.metadata().await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::NotFound);
        assert!(entries.next_entry().await.unwrap().is_none());
    });
}

/// A write that is under way keeps a question waiting, asked through a shared reference, and by several.
#[test]
fn questions_wait_for_what_is_being_written() {
    let folder = Folder::new("questions");
    block_on(async {
        for round in 0..50_u64 {
            let mut file = File::create(folder.join("file")).await.unwrap();
            let data = vec![0; 100_000 + round as usize];
            poll_fn(|cx| futures_util::AsyncWrite::poll_write(Pin::new(&mut file), cx, &data))
                .await
                .unwrap();
            let (one, two) = join!(file.metadata(), file.metadata());
            assert_eq!(one.unwrap().len(), 100_000 + round);
            assert_eq!(two.unwrap().len(), 100_000 + round);
        }
    });
}
