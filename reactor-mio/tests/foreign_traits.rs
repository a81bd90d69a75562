//! tokio's and hyper's I/O traits: each stream and file behaves by them as by its own methods.
#![cfg(all(feature = "tokio", feature = "hyper"))]

use std::future::poll_fn;
use std::io::{self, IoSlice, SeekFrom};
use std::mem::MaybeUninit;
use std::pin::Pin;
use std::task::{Context, Poll};

use polliwog_mio::net::{TcpListener, TcpStream};
use tokio::io::{AsyncRead, AsyncSeek, AsyncWrite, ReadBuf};

async fn pair() -> (TcpStream, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let near = TcpStream::connect(listener.local_addr().unwrap())
        .await
        .unwrap();
    (near, listener.accept().await.unwrap().0)
}

/// Reads until the end, into memory that nobody has initialised and behind what is there already.
async fn read_all(mut from: impl AsyncRead + Unpin, room: usize) -> io::Result<Vec<u8>> {
    let mut all = Vec::new();
    loop {
        let mut memory = vec![MaybeUninit::uninit(); room + 1];
        let mut buf = ReadBuf::uninit(&mut memory);
        buf.put_slice(b"#");
        poll_fn(|cx| Pin::new(&mut from).poll_read(cx, &mut buf)).await?;
        assert_eq!(buf.filled()[0], b'#');
        match &buf.filled()[1..] {
            [] => return Ok(all),
            bytes => all.extend_from_slice(bytes),
        }
    }
}

async fn read_all_as_hyper(mut from: impl hyper::rt::Read + Unpin, room: usize) -> Vec<u8> {
    let mut all = Vec::new();
    loop {
        let mut memory = vec![MaybeUninit::uninit(); room];
        let mut buf = hyper::rt::ReadBuf::uninit(&mut memory);
        let read =
            poll_fn(|cx| hyper::rt::Read::poll_read(Pin::new(&mut from), cx, buf.unfilled()));
        read.await.unwrap();
        match buf.filled() {
            [] => return all,
            bytes => all.extend_from_slice(bytes),
        }
    }
}

/// All in one call: more than one buffer goes into one system call.
async fn write_two(mut to: impl AsyncWrite + Unpin) {
    assert!(to.is_write_vectored());
    let bufs = [
        IoSlice::new(b""),
        IoSlice::new(b"a frog "),
        IoSlice::new(b"in a pond"),
    ];
    let written = poll_fn(|cx| Pin::new(&mut to).poll_write_vectored(cx, &bufs)).await;
    assert_eq!(written.unwrap(), 16);
    poll_fn(|cx| Pin::new(&mut to).poll_flush(cx))
        .await
        .unwrap();
    poll_fn(|cx| Pin::new(&mut to).poll_shutdown(cx))
        .await
        .unwrap();
}

async fn write_two_as_hyper(mut to: impl hyper::rt::Write + Unpin) {
    assert!(to.is_write_vectored());
    let bufs = [IoSlice::new(b"a frog "), IoSlice::new(b"in a pond")];
    let written = poll_fn(|cx| Pin::new(&mut to).poll_write_vectored(cx, &bufs)).await;
    assert_eq!(written.unwrap(), 16);
    poll_fn(|cx| Pin::new(&mut to).poll_flush(cx))
        .await
        .unwrap();
    poll_fn(|cx| Pin::new(&mut to).poll_shutdown(cx))
        .await
        .unwrap();
}

#[test]
fn every_stream_and_half_is_one() {
    polliwog_mio::block_on(async {
        for room in [1, 5, 4096] {
            let (near, far) = pair().await;
            write_two(&near).await;
            assert_eq!(read_all(&far, room).await.unwrap(), b"a frog in a pond");
            write_two_as_hyper(far).await;
            assert_eq!(read_all_as_hyper(near, room).await, b"a frog in a pond");

            let (near, far) = pair().await;
            let (reader, writer) = near.split();
            let (far_reader, far_writer) = far.into_split();
            write_two(writer).await;
            assert_eq!(
                read_all(far_reader, room).await.unwrap(),
                b"a frog in a pond"
            );
            write_two_as_hyper(far_writer).await;
            assert_eq!(read_all_as_hyper(reader, room).await, b"a frog in a pond");
        }
    });
}

#[cfg(unix)]
#[test]
fn every_local_stream_and_half_is_one() {
    use polliwog_mio::net::UnixStream;
    polliwog_mio::block_on(async {
        let (near, far) = UnixStream::pair().unwrap();
        write_two(&near).await;
        assert_eq!(read_all(&far, 5).await.unwrap(), b"a frog in a pond");
        let (_reader, writer) = far.into_split();
        write_two_as_hyper(writer).await;
        assert_eq!(read_all_as_hyper(near, 5).await, b"a frog in a pond");
    });
}

#[cfg(windows)]
#[test]
fn both_ends_of_a_named_pipe_are_one() {
    use polliwog_mio::net::windows::named_pipe::{ClientOptions, ServerOptions};
    polliwog_mio::block_on(async {
        let name = format!(r"\\.\pipe\polliwog-foreign-{}", std::process::id());
        for room in [1, 5, 4096] {
            let near = ServerOptions::new().create(&name).unwrap();
            let far = ClientOptions::new().open(&name).unwrap();
            near.connect().await.unwrap();
            write_two(&near).await;
            let mut buf = [0; 16];
            far.read_exact(&mut buf).await.unwrap();
            assert_eq!(&buf, b"a frog in a pond");
            // A pipe ends when it is dropped.
            write_two(far).await;
            assert_eq!(read_all(near, room).await.unwrap(), b"a frog in a pond");

            let near = ServerOptions::new().create(&name).unwrap();
            let far = ClientOptions::new().open(&name).unwrap();
            near.connect().await.unwrap();
            write_two_as_hyper(near).await;
            assert_eq!(read_all_as_hyper(far, room).await, b"a frog in a pond");
        }
    });
}

/// What comes later wakes the reader, as often as there is something.
#[test]
fn a_reader_waits() {
    polliwog_mio::block_on(async {
        let (near, far) = pair().await;
        let reader = polliwog_mio::spawn(async move { read_all(near, 100).await }).unwrap();
        let sent: Vec<u8> = (0..3000_u32).map(|n| n as u8).collect();
        for bytes in sent.chunks(7) {
            far.write_all(bytes).await.unwrap();
            polliwog_core::yield_now().await;
        }
        drop(far);
        assert_eq!(reader.await.unwrap().unwrap(), sent);
    });
}

/// No room is no end of the stream, and takes nothing.
#[test]
fn a_full_buffer_is_ready_at_once() {
    polliwog_mio::block_on(async {
        let (mut near, far) = pair().await;
        let mut buf = ReadBuf::new(&mut []);
        poll_fn(|cx| Pin::new(&mut near).poll_read(cx, &mut buf))
            .await
            .unwrap();
        far.write_all(b"x").await.unwrap();
        drop(far);
        assert_eq!(read_all(near, 1).await.unwrap(), b"x");
    });
}

#[test]
fn an_error_fills_nothing() {
    polliwog_mio::block_on(async {
        let (mut near, far) = pair().await;
        far.set_linger(Some(std::time::Duration::ZERO)).unwrap();
        drop(far);
        let mut memory = [MaybeUninit::uninit(); 8];
        let mut buf = ReadBuf::uninit(&mut memory);
        let read = poll_fn(|cx| AsyncRead::poll_read(Pin::new(&mut near), cx, &mut buf)).await;
        // Wine takes a reset for an end.
        let reset = read.map_err(|error| error.kind());
        assert!(reset == Err(io::ErrorKind::ConnectionReset) || cfg!(windows) && reset == Ok(()));
        assert!(buf.filled().is_empty());
    });
}

async fn seek(file: &mut polliwog_mio::fs::File, to: SeekFrom) -> io::Result<u64> {
    Pin::new(&mut *file).start_seek(to)?;
    poll_fn(|cx: &mut Context<'_>| -> Poll<io::Result<u64>> {
        Pin::new(&mut *file).poll_complete(cx)
    })
    .await
}

#[test]
fn a_file_is_one() {
    let name = format!("polliwog-foreign-{}", std::process::id());
    let path = std::env::temp_dir().join(name);
    polliwog_mio::block_on(async {
        let mut options = polliwog_mio::fs::OpenOptions::new();
        options.read(true).write(true).create(true).truncate(true);
        let mut file = options.open(&path).await.unwrap();
        let written = poll_fn(|cx| Pin::new(&mut file).poll_write(cx, b"a frog in a pond")).await;
        assert_eq!(written.unwrap(), 16);
        poll_fn(|cx| AsyncWrite::poll_flush(Pin::new(&mut file), cx))
            .await
            .unwrap();
        assert_eq!(seek(&mut file, SeekFrom::Start(2)).await.unwrap(), 2);
        assert_eq!(read_all(&mut file, 3).await.unwrap(), b"frog in a pond");
        assert_eq!(seek(&mut file, SeekFrom::End(-4)).await.unwrap(), 12);
        // Without a seek it tells where it is.
        let at = poll_fn(|cx| Pin::new(&mut file).poll_complete(cx)).await;
        assert_eq!(at.unwrap(), 12);
        assert_eq!(read_all(&mut file, 100).await.unwrap(), b"pond");
        assert!(seek(&mut file, SeekFrom::Current(-100)).await.is_err());
        assert_eq!(seek(&mut file, SeekFrom::Current(-1)).await.unwrap(), 15);
    });
    std::fs::remove_file(path).unwrap();
}

/// The pipes of a child, and the program's own streams.
#[cfg(unix)]
#[test]
fn pipes_are_streams_of_tokios() {
    use polliwog_mio::process::Command;
    use std::process::Stdio;
    fn reads(_: impl tokio::io::AsyncRead + Unpin) {}
    reads(polliwog_mio::io::stdin());
    polliwog_mio::block_on(async {
        for room in [1, 5, 4096] {
            let mut cat = Command::new("cat")
                .stdin(Stdio::piped())
                .stdout(Stdio::piped())
                .spawn()
                .unwrap();
            // Its end closes the pipe.
            write_two(cat.stdin.take().unwrap()).await;
            let said = read_all(cat.stdout.take().unwrap(), room).await;
            assert_eq!(said.unwrap(), b"a frog in a pond");
            assert!(cat.wait().await.unwrap().success());
        }
        write_two(polliwog_mio::io::stderr()).await;
    });
}
