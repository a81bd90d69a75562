//! Named pipes: clients in turn and at once, ends that vanish, back-pressure, waits that are given up.
#![cfg(windows)]

use std::io::{self, ErrorKind, IoSlice, Read, Write};
use std::os::windows::io::{AsHandle, AsRawHandle};
use std::sync::atomic::{AtomicUsize, Ordering};

use futures_util::future::{FutureExt, join, join_all};
use polliwog_core::task::yield_now;
use polliwog_mio::net::windows::named_pipe::{
    ClientOptions, ERROR_PIPE_BUSY, NamedPipeClient, NamedPipeServer, ServerOptions,
};
use polliwog_mio::{block_on, spawn, spawn_blocking};

/// What a client gets to read from once the server has disconnected (`ERROR_PIPE_NOT_CONNECTED`).
const NOT_CONNECTED: i32 = 233;

/// A name that no other test has.
fn name() -> String {
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    let n = NEXT.fetch_add(1, Ordering::Relaxed);
    format!(r"\\.\pipe\polliwog-{}-{n}", std::process::id())
}

fn serve(name: &str) -> NamedPipeServer {
    ServerOptions::new().create(name).unwrap()
}

fn open(name: &str) -> NamedPipeClient {
    ClientOptions::new().open(name).unwrap()
}

/// A server's end and a client's.
async fn pair() -> (NamedPipeServer, NamedPipeClient) {
    let name = name();
    let server = serve(&name);
    let (connected, client) = join(server.connect(), async { open(&name) }).await;
    connected.unwrap();
    (server, client)
}

/// Sends back what comes, until the end.
async fn echo(pipe: &NamedPipeServer) -> io::Result<()> {
    let mut buf = [0; 1000];
    loop {
        match pipe.read(&mut buf).await? {
            0 => return Ok(()),
            n => pipe.write_all(&buf[..n]).await?,
        }
    }
}

async fn ask(client: &NamedPipeClient, text: &[u8]) {
    client.write_all(text).await.unwrap();
    let mut buf = vec![0; text.len()];
    client.read_exact(&mut buf).await.unwrap();
    assert_eq!(buf, text);
}

/// Lets the reactor report what has happened so far, and everybody see it.
async fn settle() {
    for _ in 0..20 {
        spawn_blocking(|| ()).await.unwrap();
        yield_now().await;
    }
}

#[test]
fn bytes_go_both_ways() {
    block_on(async {
        let (server, client) = pair().await;
        ask_both(&server, &client).await;
        // As something else of this process knows it.
        assert_eq!(client.as_handle().as_raw_handle(), client.as_raw_handle());
        assert!(server.as_handle().try_clone_to_owned().is_ok());
    });
}

async fn ask_both(server: &NamedPipeServer, client: &NamedPipeClient) {
    client.write_all(b"ping").await.unwrap();
    let mut buf = [0; 4];
    server.read_exact(&mut buf).await.unwrap();
    assert_eq!(&buf, b"ping");
    let parts = [IoSlice::new(b""), IoSlice::new(b"po"), IoSlice::new(b"ng")];
    assert_eq!(server.write_vectored(&parts).await.unwrap(), 4);
    client.read_exact(&mut buf).await.unwrap();
    assert_eq!(&buf, b"pong");
}

#[test]
fn one_instance_serves_one_client_after_the_other() {
    block_on(async {
        let name = name();
        let server = serve(&name);
        let rounds = async {
            for _ in 0..20 {
                server.connect().await.unwrap();
                echo(&server).await.unwrap();
                server.disconnect().unwrap();
            }
        };
        let clients = async {
            for round in 0..20_usize {
                let client = loop {
                    match ClientOptions::new().open(&name) {
                        Ok(client) => break client,
                        Err(error) => assert_eq!(error.raw_os_error(), Some(ERROR_PIPE_BUSY)),
                    }
                    yield_now().await;
                };
                ask(&client, format!("round {round}").as_bytes()).await;
            }
        };
        join(rounds, clients).await;
    });
}

#[test]
fn many_clients_are_served_at_once() {
    const CLIENTS: usize = 30;
    block_on(async {
        let name = name();
        let of_clients = name.clone();
        let serving = spawn(async move {
            let mut next = ServerOptions::new()
                .first_pipe_instance(true)
                .create(&name)
                .unwrap();
            let mut served = Vec::new();
            for _ in 0..CLIENTS {
                next.connect().await.unwrap();
                let pipe = std::mem::replace(&mut next, serve(&name));
                served.push(spawn(async move { echo(&pipe).await }).unwrap());
            }
            for served in served {
                served.await.unwrap().unwrap();
            }
        })
        .unwrap();
        let clients = (0..CLIENTS).map(|number| {
            let name = &of_clients;
            async move {
                let client = loop {
                    match ClientOptions::new().open(name) {
                        Ok(client) => break client,
                        // The server has not come this far.
                        Err(error) => assert!(
                            error.raw_os_error() == Some(ERROR_PIPE_BUSY)
                                || error.kind() == ErrorKind::NotFound,
                            "{error}"
                        ),
                    }
                    yield_now().await;
                };
                ask(&client, b"here I am").await;
                // All are there at the same time.
                client
            }
            .map(move |client| (number, client))
        });
        let all = join_all(clients).await;
        for (number, client) in &all {
            ask(client, format!("client {number}").as_bytes()).await;
        }
        drop(all);
        serving.await.unwrap();
    });
}

#[test]
fn a_pipe_whose_instances_are_taken_is_busy() {
    block_on(async {
        let name = name();
        let missing = ClientOptions::new().open(&name).unwrap_err();
        assert_eq!(missing.kind(), ErrorKind::NotFound);
        let server = serve(&name);
        // Whoever opens it has the instance, also before the server connects.
        let first = open(&name);
        let busy = ClientOptions::new().open(&name).unwrap_err();
        assert_eq!(busy.raw_os_error(), Some(ERROR_PIPE_BUSY));
        server.connect().await.unwrap();
        drop(first);
        assert_eq!(server.read(&mut [0; 8]).await.unwrap(), 0);
        server.disconnect().unwrap();
        let (connected, second) = join(server.connect(), async { open(&name) }).await;
        connected.unwrap();
        ask_both(&server, &second).await;
    });
}

#[test]
fn a_name_in_use_is_refused_to_whoever_wants_it_alone() {
    block_on(async {
        let name = name();
        let mut options = ServerOptions::new();
        options.first_pipe_instance(true).max_instances(2);
        let _first = options.create(&name).unwrap();
        // Wine lets anybody be the first.
        if !std::path::Path::new(r"C:\windows\system32\wineboot.exe").exists() {
            let again = options.create(&name).unwrap_err();
            assert_eq!(again.kind(), ErrorKind::PermissionDenied);
        }
        options.first_pipe_instance(false);
        let _second = options.create(&name).unwrap();
        let third = options.create(&name).unwrap_err();
        assert_eq!(third.raw_os_error(), Some(ERROR_PIPE_BUSY));
        for count in [0, 255, 256, usize::MAX] {
            let error = options.max_instances(count).create(&name).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::InvalidInput);
        }
        for name in [r"\\.\pipe\pol", r"\\.\pipe\polli"].map(|name| format!("{name}\0wog")) {
            let error = ServerOptions::new().create(&name).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::InvalidInput);
            let error = ClientOptions::new().open(&name).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::InvalidInput);
        }
    });
    let outside = ServerOptions::new().create(name()).unwrap_err();
    assert_eq!(outside.kind(), ErrorKind::NotConnected);
    let outside = ClientOptions::new().open(name()).unwrap_err();
    assert_eq!(outside.kind(), ErrorKind::NotConnected);
}

#[test]
fn a_pipe_may_go_one_way_only() {
    block_on(async {
        let name = name();
        let server = ServerOptions::new()
            .access_inbound(false)
            .create(&name)
            .unwrap();
        let both = ClientOptions::new().open(&name).unwrap_err();
        assert_eq!(both.kind(), ErrorKind::PermissionDenied);
        let client = ClientOptions::new().write(false).open(&name).unwrap();
        server.connect().await.unwrap();
        server.write_all(b"news").await.unwrap();
        let mut buf = [0; 4];
        client.read_exact(&mut buf).await.unwrap();
        assert_eq!(&buf, b"news");
        assert!(client.write(b"x").await.is_err());
    });
}

#[test]
fn a_client_that_goes_away_is_an_end_and_then_an_error() {
    block_on(async {
        let (server, client) = pair().await;
        client.write_all(b"last words").await.unwrap();
        client.flush().await.unwrap();
        drop(client);
        let mut buf = [0; 64];
        let n = server.read(&mut buf).await.unwrap();
        assert_eq!(&buf[..n], b"last words");
        for _ in 0..3 {
            assert_eq!(server.read(&mut buf).await.unwrap(), 0);
        }
        // Nothing waits, and it stays connected to nobody until it is disconnected.
        server.connect().await.unwrap();
        let error = loop {
            if let Err(error) = server.write(b"quak").await {
                break error;
            }
        };
        assert_eq!(error.kind(), ErrorKind::BrokenPipe);
    });
}

#[test]
fn a_client_that_goes_away_before_the_server_connects_is_an_end() {
    block_on(async {
        let name = name();
        let server = serve(&name);
        drop(open(&name));
        server.connect().await.unwrap();
        assert_eq!(server.read(&mut [0; 8]).await.unwrap(), 0);
        server.disconnect().unwrap();
        let (connected, client) = join(server.connect(), async { open(&name) }).await;
        connected.unwrap();
        ask_both(&server, &client).await;
    });
}

#[test]
fn a_client_that_goes_away_in_the_middle_of_a_write_is_an_error() {
    block_on(async {
        let (server, client) = pair().await;
        let write = spawn(async move { server.write_all(&vec![7; 1 << 20]).await }).unwrap();
        let mut buf = [0; 100];
        client.read_exact(&mut buf).await.unwrap();
        assert_eq!(buf, [7; 100]);
        settle().await;
        assert!(!write.is_finished());
        drop(client);
        let error = write.await.unwrap().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::BrokenPipe);
    });
}

#[test]
fn a_server_that_is_dropped_is_an_end_for_a_client_that_waits() {
    block_on(async {
        let (server, client) = pair().await;
        let read = spawn(async move {
            let mut all = Vec::new();
            let mut buf = [0; 3];
            loop {
                match client.read(&mut buf).await? {
                    0 => return io::Result::Ok(all),
                    n => all.extend_from_slice(&buf[..n]),
                }
            }
        })
        .unwrap();
        settle().await;
        assert!(!read.is_finished());
        server.write_all(b"last words").await.unwrap();
        server.flush().await.unwrap();
        drop(server);
        assert_eq!(read.await.unwrap().unwrap(), b"last words");
        // One that nobody has connected to yet.
        let name = name();
        let waiting = server_that_waits(&name);
        let client = open(&name);
        drop(waiting);
        assert_eq!(client.read(&mut [0; 8]).await.unwrap(), 0);
        let gone = ClientOptions::new().open(&name).unwrap_err();
        assert_eq!(gone.kind(), ErrorKind::NotFound);
    });
}

fn server_that_waits(name: &str) -> NamedPipeServer {
    let server = serve(name);
    assert!(server.connect().now_or_never().is_none());
    server
}

#[test]
fn a_megabyte_goes_through_and_waits_for_its_reader() {
    const BYTES: usize = 1 << 20;
    block_on(async {
        for vectored in [false, true] {
            let (server, client) = pair().await;
            let data: Vec<u8> = (0..BYTES).map(|i| (i * 31 / 7) as u8).collect();
            let copy = data.clone();
            let write = spawn(async move {
                let mut rest = &copy[..];
                while !rest.is_empty() {
                    let (head, tail) = rest.split_at(rest.len().min(1000));
                    let n = match vectored {
                        true => server.write_vectored(&[head, tail].map(IoSlice::new)).await,
                        false => server.write(rest).await,
                    };
                    let n = n.unwrap();
                    assert!((1..=64 << 10).contains(&n), "{n}");
                    rest = &rest[n..];
                }
                server.flush().await.unwrap();
            })
            .unwrap();
            settle().await;
            // The pipe is full, long before all of it is in.
            assert!(!write.is_finished());
            let (mut all, mut buf) = (Vec::new(), vec![0; 10_000]);
            loop {
                match client.read(&mut buf).await.unwrap() {
                    0 => break,
                    n => all.extend_from_slice(&buf[..n]),
                }
            }
            assert!(all == data, "{} bytes came, not those sent", all.len());
            write.await.unwrap();
        }
    });
}

#[test]
fn flushing_waits_until_the_pipe_has_what_was_written() {
    block_on(async {
        let (server, client) = pair().await;
        server.flush().await.unwrap();
        let mut written = 0;
        loop {
            match server.try_write(&[1; 1000]) {
                Ok(n) => written += n,
                Err(error) => {
                    assert_eq!(error.kind(), ErrorKind::WouldBlock);
                    // One may be under way, and then there is room again.
                    settle().await;
                    if server.writable().now_or_never().is_none() {
                        break;
                    }
                }
            }
            assert!(written < 1 << 24, "a pipe without an end");
        }
        assert!(server.flush().now_or_never().is_none());
        let read = spawn(async move { client.read_exact(&mut vec![0; written]).await });
        server.flush().await.unwrap();
        read.unwrap().await.unwrap().unwrap();
    });
}

/// What connecting makes the system report is not taken for the end of the first write.
#[test]
fn flushing_waits_for_the_first_write_too() {
    block_on(async {
        for client_is_early in [false, true] {
            let name = name();
            // It has no room for what is written.
            let server = ServerOptions::new()
                .out_buffer_size(100)
                .create(&name)
                .unwrap();
            let client = if client_is_early {
                let client = open(&name);
                server.connect().await.unwrap();
                client
            } else {
                let (connected, client) = join(server.connect(), async { open(&name) }).await;
                connected.unwrap();
                client
            };
            assert_eq!(server.write(&[7; 60_000]).await.unwrap(), 60_000);
            // That it is done, if it is, has not been reported yet.
            assert!(server.flush().now_or_never().is_none());
            settle().await;
            assert!(server.flush().now_or_never().is_none());
            client.read_exact(&mut [0; 60_000]).await.unwrap();
            server.flush().await.unwrap();
        }
    });
}

/// That a pipe is new is reported, too: a write that does not wait for that would find it to be its own end.
#[test]
fn a_write_that_does_not_wait_comes_after_the_first_report() {
    block_on(async {
        let name = name();
        let server = ServerOptions::new()
            .in_buffer_size(100)
            .create(&name)
            .unwrap();
        let client = open(&name);
        server.connect().await.unwrap();
        let early = client.try_write(&[7; 60_000]);
        if let Err(error) = &early {
            assert_eq!(error.kind(), ErrorKind::WouldBlock);
            client.writable().await.unwrap();
            assert_eq!(client.try_write(&[7; 60_000]).unwrap(), 60_000);
        }
        settle().await;
        assert!(client.flush().now_or_never().is_none());
        server.read_exact(&mut [0; 60_000]).await.unwrap();
        client.flush().await.unwrap();
    });
}

#[test]
fn a_connect_that_is_given_up_loses_no_client() {
    block_on(async {
        let name = name();
        let server = serve(&name);
        for _ in 0..3 {
            // Given up as long as nobody is there.
            assert!(server.connect().now_or_never().is_none());
            assert!(server.connect().now_or_never().is_none());
            // The client comes while nobody waits.
            let first = open(&name);
            settle().await;
            server.connect().await.unwrap();
            ask_both(&server, &first).await;
            // Who is there already is no reason to wait.
            server.connect().now_or_never().unwrap().unwrap();
            server.disconnect().unwrap();
            let error = first.read(&mut [0; 8]).await.unwrap_err();
            assert_eq!(error.raw_os_error(), Some(NOT_CONNECTED));
        }
        // Two that wait for the same client.
        let waiting = join(server.connect(), server.connect());
        let ((one, two), client) = join(waiting, async { open(&name) }).await;
        one.and(two).unwrap();
        ask_both(&server, &client).await;
    });
}

#[test]
fn without_a_client_reads_and_writes_are_errors() {
    block_on(async {
        let new = serve(&name());
        let error = new.read(&mut [0; 8]).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NotConnected);
        for error in [
            new.try_write(b"x").unwrap_err(),
            new.write(b"x").await.unwrap_err(),
            new.flush().await.unwrap_err(),
        ] {
            assert_eq!(error.kind(), ErrorKind::NotConnected);
        }
        let (server, client) = pair().await;
        let server = std::rc::Rc::new(server);
        let reader = server.clone();
        let read = spawn(async move { reader.read(&mut [0; 8]).await }).unwrap();
        settle().await;
        assert!(!read.is_finished());
        server.disconnect().unwrap();
        let error = read.await.unwrap().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NotConnected);
        for error in [
            server.read(&mut [0; 8]).await.unwrap_err(),
            server.try_read(&mut [0; 8]).unwrap_err(),
            server.write(b"x").await.unwrap_err(),
            server.try_write(b"x").unwrap_err(),
            server.flush().await.unwrap_err(),
        ] {
            assert_eq!(error.kind(), ErrorKind::NotConnected);
        }
        drop(client);
        // A connect waits for the next client, whatever is disconnected meanwhile.
        let waiting = server.clone();
        let connect = spawn(async move { waiting.connect().await }).unwrap();
        settle().await;
        let _ = server.disconnect();
        settle().await;
        assert!(!connect.is_finished());
    });
}

#[test]
fn a_program_that_knows_nothing_of_it_is_a_client() {
    block_on(async {
        let name = name();
        let server = serve(&name);
        let theirs = spawn_blocking(move || {
            let mut file = std::fs::OpenOptions::new()
                .read(true)
                .write(true)
                .open(name)?;
            file.write_all(b"plain")?;
            let mut buf = [0; 5];
            file.read_exact(&mut buf)?;
            io::Result::Ok(buf)
        });
        server.connect().await.unwrap();
        echo(&server).await.unwrap();
        assert_eq!(&theirs.await.unwrap().unwrap(), b"plain");
    });
}

#[test]
fn the_traits_read_and_write_by_reference() {
    use embedded_io_async::ReadReady;
    use futures_util::{AsyncReadExt, AsyncWriteExt};
    block_on(async {
        let (server, client) = pair().await;
        assert!(!(&client).read_ready().unwrap());
        AsyncWriteExt::write_all(&mut &server, b"hop")
            .await
            .unwrap();
        client.readable().await.unwrap();
        assert!((&client).read_ready().unwrap());
        let mut buf = [0; 3];
        AsyncReadExt::read_exact(&mut &client, &mut buf)
            .await
            .unwrap();
        assert_eq!(&buf, b"hop");
        embedded_io_async::Write::write_all(&mut &client, b"back")
            .await
            .unwrap();
        embedded_io_async::Write::flush(&mut &client).await.unwrap();
        AsyncWriteExt::close(&mut &client).await.unwrap();
        drop(client);
        let mut all = String::new();
        (&server).read_to_string(&mut all).await.unwrap();
        assert_eq!(all, "back");
        // The end is something to be read, as often as one asks.
        assert!((&server).read_ready().unwrap() && (&server).read_ready().unwrap());
        assert_eq!(server.read(&mut [0; 8]).await.unwrap(), 0);
    });
}
