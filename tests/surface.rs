//! docs/surface.md: one program of all that every network offers, compiled against each of them, and run where
//! a network is at hand; and that page says what the lists in docs/api say.
#![cfg_attr(not(any(feature = "mio", feature = "spin")), allow(unused))]

#[path = "support/lists.rs"]
mod lists;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::future::poll_fn;
use std::net::{Shutdown, SocketAddr};
use std::time::Duration;

/// The program. `$net` has a network's types, and `$error` is what its operations fail with. Only how a
/// listener and a connection come about differs: what that takes is up to the caller.
macro_rules! program {
    ($name:ident, $net:path, $error:ty) => {
        // A chip's network is not at hand here: its copy is compiled only.
        #[allow(dead_code)]
        mod $name {
            use super::*;
            use $net::{
                Incoming, OwnedReadHalf, OwnedWriteHalf, ReadHalf, ReuniteError, TcpListener,
                TcpStream, ToSocketAddrs, WriteHalf,
            };

            /// A name for what `bind` and `connect` take.
            pub(super) fn is_an_address(_: impl ToSocketAddrs) {}

            /// Greets four clients, each of them accepted in another way.
            pub(super) async fn serve(listener: TcpListener) -> Result<(), $error> {
                let at: SocketAddr = listener.local_addr()?;
                // As std has them.
                is_an_address(at);
                is_an_address(&at);
                is_an_address((at.ip(), at.port()));
                is_an_address("localhost:80");
                is_an_address(("localhost", 80));
                #[cfg(feature = "alloc")]
                is_an_address(String::from("localhost:80"));
                #[cfg(feature = "alloc")]
                is_an_address((String::from("localhost"), 80));
                is_an_address(&[at, at][..]);
                assert!(listener.take_error()?.is_none());
                let (stream, _peer): (TcpStream, SocketAddr) = listener.accept().await?;
                stream.write_all(b"1").await?;
                let (stream, _peer) = poll_fn(|cx| listener.poll_accept(cx)).await?;
                stream.write_all(b"2").await?;
                let mut incoming: Incoming<'_> = listener.incoming();
                if let Some(stream) = incoming.next().await {
                    stream?.write_all(b"3").await?;
                }
                let (stream, _peer) = loop {
                    match listener.try_accept() {
                        Ok(accepted) => break accepted,
                        Err(_) => polliwog::time::sleep(Duration::from_millis(1)).await,
                    }
                };
                last_client(stream).await
            }

            /// What a stream can do, and what its halves can.
            async fn last_client(stream: TcpStream) -> Result<(), $error> {
                stream.set_nodelay(true)?;
                assert!(stream.nodelay()?);
                let _: (SocketAddr, SocketAddr) = (stream.local_addr()?, stream.peer_addr()?);
                assert!(stream.take_error()?.is_none());
                stream.writable().await?;
                let _: usize = stream.try_write(b"4")?;
                {
                    let (reader, writer): (ReadHalf<'_>, WriteHalf<'_>) = stream.split();
                    let _: (&TcpStream, &TcpStream) = (reader.stream(), writer.stream());
                    let mut byte = [0];
                    reader.readable().await?;
                    assert_eq!(reader.peek(&mut byte).await?, 1);
                    assert_eq!(reader.try_read(&mut byte)?, 1);
                    writer.write_all(&byte).await?;
                    reader.read_exact(&mut byte).await?;
                    let _ = (reader.local_addr()?, reader.peer_addr()?);
                    let _ = (writer.local_addr()?, writer.peer_addr()?);
                    writer.writable().await?;
                    assert_eq!(writer.write(&byte).await?, 1);
                }
                let (reader, writer): (OwnedReadHalf, OwnedWriteHalf) = stream.into_split();
                let together: Result<TcpStream, ReuniteError> = reader.reunite(writer);
                let (reader, writer) = together.unwrap().into_split();
                let stream = writer.reunite(reader).unwrap();
                let (reader, writer) = stream.into_split();
                let _: (&TcpStream, &TcpStream) = (reader.stream(), writer.stream());
                let _ = writer.try_write(b"5")?;
                writer.shutdown()?;
                assert_eq!(reader.read(&mut [0]).await?, 0);
                writer.forget();
                Ok(())
            }

            /// The other end of [`last_client`].
            pub(super) async fn ask(stream: TcpStream) -> Result<(), $error> {
                let mut byte = [0];
                stream.readable().await?;
                assert_eq!(stream.peek(&mut byte).await?, 1);
                assert_eq!(stream.try_read(&mut byte)?, 1);
                assert_eq!(byte, *b"4");
                assert_eq!(stream.write(b"a").await?, 1);
                stream.read_exact(&mut byte).await?;
                assert_eq!(byte, *b"a");
                assert_eq!(poll_fn(|cx| stream.poll_write(cx, b"b")).await?, 1);
                assert_eq!(poll_fn(|cx| stream.poll_read(cx, &mut byte)).await?, 1);
                assert_eq!(byte, *b"b");
                assert_eq!(stream.read(&mut byte).await?, 1);
                assert_eq!(stream.read(&mut byte).await?, 0);
                stream.shutdown(Shutdown::Write)
            }

            /// The traits for libraries that know no network.
            fn is_a_stream<S>(stream: S)
            where
                S: embedded_io_async::Read + embedded_io_async::Write,
            {
                drop(stream);
            }

            fn library(stream: TcpStream) {
                is_a_stream(&stream);
                is_a_stream(stream);
            }
        }
    };
}

/// The program of datagrams.
#[cfg(any(feature = "mio", feature = "smoltcp"))]
macro_rules! datagrams {
    ($name:ident, $socket:path, $error:ty) => {
        #[allow(dead_code)]
        mod $name {
            use super::*;
            use $socket as UdpSocket;

            pub(super) async fn talk(one: UdpSocket, other: UdpSocket) -> Result<(), $error> {
                let (here, there): (SocketAddr, SocketAddr) =
                    (one.local_addr()?, other.local_addr()?);
                one.set_ttl(32)?;
                assert_eq!(one.ttl()?, 32);
                one.set_broadcast(true)?;
                assert!(one.broadcast()? && one.take_error()?.is_none());
                let mut buf = [0; 16];
                assert_eq!(one.send_to(b"hop", there).await?, 3);
                let _ = other.peek_from(&mut buf).await?;
                assert_eq!(other.recv_from(&mut buf).await?, (3, here));
                assert_eq!(one.try_send_to(b"hop", there)?, 3);
                other.readable().await?;
                assert_eq!(other.try_recv_from(&mut buf)?, (3, here));
                assert_eq!(poll_fn(|cx| one.poll_send_to(cx, b"hop", there)).await?, 3);
                let from: (usize, SocketAddr) =
                    poll_fn(|cx| other.poll_recv_from(cx, &mut buf)).await?;
                assert_eq!(from, (3, here));
                one.connect(there).await?;
                other.connect(here).await?;
                assert_eq!(one.peer_addr()?, there);
                assert_eq!(one.send(b"hop").await?, 3);
                assert_eq!(other.recv(&mut buf).await?, 3);
                one.writable().await?;
                assert_eq!(one.try_send(b"hop")?, 3);
                other.readable().await?;
                assert_eq!(other.try_recv(&mut buf)?, 3);
                Ok(())
            }
        }
    };
}

#[cfg(feature = "mio")]
program!(on_mio, polliwog::mio::net, std::io::Error);
#[cfg(feature = "spin")]
program!(in_memory, polliwog::spin::net, polliwog::spin::Error);
#[cfg(feature = "sim")]
program!(with_the_systems_errors, polliwog::sim::net, std::io::Error);
#[cfg(feature = "smoltcp")]
program!(on_the_stack, polliwog::spin::stack, polliwog::spin::Error);
#[cfg(feature = "mio")]
datagrams!(
    datagrams_on_mio,
    polliwog::mio::net::UdpSocket,
    std::io::Error
);
#[cfg(feature = "smoltcp")]
datagrams!(
    datagrams_on_the_stack,
    polliwog::spin::stack::UdpSocket,
    polliwog::spin::Error
);

/// Runs the program on a network whose listeners and connections need nothing but an address.
#[cfg(any(feature = "mio", feature = "spin"))]
macro_rules! runs {
    ($test:ident, $name:ident, $net:path, $block_on:path, $error:ty) => {
        #[test]
        fn $test() {
            use $net as net;
            let done: Result<(), $error> = $block_on(async {
                let listener = net::TcpListener::bind("127.0.0.1:0").await?;
                let at = listener.local_addr()?;
                let clients = async {
                    for greeting in *b"123" {
                        let stream = net::TcpStream::connect(at).await?;
                        let mut byte = [0];
                        stream.read_exact(&mut byte).await?;
                        assert_eq!(byte, [greeting]);
                    }
                    $name::ask(net::TcpStream::connect(at).await?).await
                };
                polliwog::try_join!($name::serve(listener), clients)?;
                let few = net::TcpListener::bind_with_backlog("127.0.0.1:0", 1).await?;
                drop(few);
                Ok(())
            });
            done.unwrap();
        }
    };
}

#[cfg(feature = "mio")]
runs!(
    the_program_runs_on_sockets,
    on_mio,
    polliwog::mio::net,
    polliwog::mio::block_on,
    std::io::Error
);
#[cfg(feature = "spin")]
runs!(
    the_program_runs_in_memory,
    in_memory,
    polliwog::spin::net,
    polliwog::spin::block_on,
    polliwog::spin::Error
);

#[cfg(feature = "sim")]
runs!(
    the_program_runs_with_the_systems_errors,
    with_the_systems_errors,
    polliwog::sim::net,
    polliwog::spin::block_on,
    std::io::Error
);

#[cfg(feature = "mio")]
#[test]
fn the_program_of_datagrams_runs_on_sockets() {
    let done: std::io::Result<()> = polliwog::mio::block_on(async {
        let one = polliwog::mio::net::UdpSocket::bind("127.0.0.1:0").await?;
        let other = polliwog::mio::net::UdpSocket::bind("127.0.0.1:0").await?;
        datagrams_on_mio::talk(one, other).await
    });
    done.unwrap();
}

/// What no reactor has to bring, by the short paths.
#[cfg(any(feature = "mio", all(feature = "spin", feature = "alloc")))]
#[test]
fn tasks_time_and_what_they_work_together_with_are_the_same_everywhere() {
    use polliwog::sync::{Mutex, Notify, mpsc, oneshot};
    use polliwog::time::{Instant, interval, sleep, sleep_until, timeout, timeout_at};

    polliwog::block_on(async {
        let (sender, mut receiver) = mpsc::channel(1);
        let task = polliwog::spawn(async move { sender.send(7).await }).unwrap();
        let abort = polliwog::spawn(std::future::pending::<()>()).unwrap();
        abort.abort_handle().abort();
        assert!(abort.await.unwrap_err().is_cancelled());
        assert_eq!(receiver.recv().await, Some(7));
        task.await.unwrap().unwrap();
        let (sender, answer) = oneshot::channel();
        sender.send(7).unwrap();
        let millis = Duration::from_millis(1);
        let mut ticks = interval(millis);
        let (_, answer, ()) = polliwog::join!(ticks.tick(), answer, sleep(millis));
        assert_eq!(answer, Ok(7));
        let soon = Instant::now() + millis;
        sleep_until(soon).await;
        let never = Notify::new();
        assert!(timeout(millis, never.notified()).await.is_err());
        assert!(timeout_at(soon, never.notified()).await.is_err());
        polliwog::select! {
            () = never.notified() => unreachable!(),
            () = polliwog::yield_now() => {}
        }
        *Mutex::<u32>::new(7).lock().await += 1;
    });
}

fn text(path: &str) -> String {
    let path = format!("{}/{path}", env!("CARGO_MANIFEST_DIR"));
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// A type's own methods, without those of traits, by the list of a crate's public interface.
fn methods(list: &str, of: &str) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    let mut own = false;
    for line in list.lines() {
        if line.starts_with("impl") {
            own = line.split_once(" for ").is_none();
        }
        let Some((_, name)) = line.split_once(&format!("fn {of}::")) else {
            continue;
        };
        if own {
            let end = name.find(['(', '<']).unwrap_or(name.len());
            found.insert(name[..end].to_owned());
        }
    }
    found
}

#[test]
fn the_page_of_the_surface_says_what_the_lists_say() {
    let (mio, spin) = (
        text("docs/api/polliwog-mio.txt"),
        text("docs/api/polliwog-spin.txt"),
    );
    // Those in memory are listed as generic over their errors.
    let networks = [
        (&mio, "polliwog_mio::net", ""),
        (&spin, "polliwog_spin::net::generic", "<E>"),
        (&spin, "polliwog_spin::stack", ""),
    ];
    // The networks that have it, by the type's and the method's name.
    let mut listed: BTreeMap<(&str, String), [bool; 3]> = BTreeMap::new();
    for of in ["TcpListener", "TcpStream", "UdpSocket"] {
        for (index, (list, module, generics)) in networks.iter().enumerate() {
            for name in methods(list, &format!("{module}::{of}{generics}")) {
                listed.entry((of, name)).or_default()[index] = true;
            }
        }
    }
    assert!(listed.len() > 60, "the lists have another form");

    let page = text("docs/surface.md");
    let mut on_page: BTreeMap<(&str, String), [bool; 3]> = BTreeMap::new();
    // What is there in memory in a simulation only.
    let mut simulated = BTreeSet::new();
    let mut of = "";
    for line in page.lines() {
        if let Some(heading) = line.strip_prefix("### ") {
            of = heading.trim_matches('`');
        }
        let cells: Vec<&str> = line.split('|').map(str::trim).collect();
        let [_, names, mio, memory, stack, ..] = cells[..] else {
            continue;
        };
        for name in names.split('`').skip(1).step_by(2) {
            let there = [mio, memory, stack].map(|cell| cell == "yes" || cell == "sim");
            if memory == "sim" {
                simulated.insert((of, name.to_owned()));
            }
            on_page.insert((of, name.to_owned()), there);
        }
    }
    on_page.retain(|(of, _), _| ["TcpListener", "TcpStream", "UdpSocket"].contains(of));
    let wrong: Vec<_> = listed
        .iter()
        .filter(|(item, there)| on_page.get(*item) != Some(*there))
        .collect();
    assert!(
        wrong.is_empty(),
        "docs/surface.md lacks or has otherwise: {wrong:#?}"
    );
    let stale: Vec<_> = on_page
        .keys()
        .filter(|item| !listed.contains_key(*item))
        .collect();
    assert!(
        stale.is_empty(),
        "docs/surface.md has what there is not: {stale:#?}"
    );

    // The program has all that is everywhere.
    let program = text("tests/surface.rs");
    for ((of, name), there) in &on_page {
        // In memory there are no datagrams.
        let memory = there[1] && !simulated.contains(&(*of, name.clone()));
        let everywhere = there[0] && there[2] && (memory || *of == "UdpSocket");
        let constructors = ["bind", "connect"];
        if everywhere && !constructors.contains(&name.as_str()) {
            assert!(program.contains(&format!(".{name}(")), "{of}::{name}");
        }
    }
}
