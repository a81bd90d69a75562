//! Every socket, half and listener lends its socket on Windows, and every file, pipe and standard stream its handle.
#![cfg(windows)]

mod support;

use std::io::Read;
use std::net::Shutdown;
use std::os::windows::io::{
    AsHandle, AsRawHandle, AsRawSocket, AsSocket, OwnedHandle, OwnedSocket,
};
use std::process::Stdio;
use std::time::Duration;

use polliwog_mio::fs::File;
use polliwog_mio::net::{TcpListener, TcpSocket, TcpStream, UdpSocket};
use polliwog_mio::process::Command;
use polliwog_mio::{block_on, io};
use support::connection;

/// A socket that is open, and the same by both names.
fn lends_socket(of: &(impl AsSocket + AsRawSocket)) {
    assert_eq!(of.as_socket().as_raw_socket(), of.as_raw_socket());
    of.as_socket().try_clone_to_owned().unwrap();
}

/// A handle that is open, and the same by both names.
fn lends_handle(of: &(impl AsHandle + AsRawHandle)) {
    assert_eq!(of.as_handle().as_raw_handle(), of.as_raw_handle());
    of.as_handle().try_clone_to_owned().unwrap();
}

#[test]
fn sockets_lend_themselves() {
    block_on(async {
        lends_socket(&TcpListener::bind("127.0.0.1:0").await.unwrap());
        let (here, there) = connection().await;
        lends_socket(&here);
        let (reader, writer) = here.split();
        lends_socket(&reader);
        lends_socket(&writer);
        let (reader, writer) = there.into_split();
        lends_socket(&reader);
        lends_socket(&writer);
        lends_socket(&UdpSocket::bind("127.0.0.1:0").await.unwrap());
        lends_socket(&TcpSocket::new_v4().unwrap());
    });
}

/// What is set by what was borrowed is set, while the selector knows the socket.
#[test]
fn a_borrowed_socket_is_the_sockets_own() {
    block_on(async {
        let (here, there) = connection().await;
        let borrowed = here.as_socket();
        let linger = Some(Duration::from_secs(1));
        socket2::SockRef::from(&borrowed)
            .set_linger(linger)
            .unwrap();
        assert_eq!(here.linger().unwrap(), linger);
        // It registers meanwhile, and goes on.
        let mut buf = [0; 4];
        let (read, written) =
            futures_util::future::join(here.read_exact(&mut buf), there.write_all(b"quak")).await;
        read.and(written).unwrap();
        assert_eq!(&buf, b"quak");
        socket2::SockRef::from(&borrowed)
            .shutdown(Shutdown::Write)
            .unwrap();
        assert_eq!(there.read(&mut buf).await.unwrap(), 0);
    });
}

#[test]
fn sockets_go_to_the_standard_library_and_back() {
    block_on(async {
        let (here, there) = connection().await;
        let here: OwnedSocket = here.try_into().unwrap();
        let here = TcpStream::try_from(std::net::TcpStream::from(here)).unwrap();
        here.write_all(b"quak").await.unwrap();
        let mut there = std::net::TcpStream::try_from(there).unwrap();
        there.set_nonblocking(false).unwrap();
        let mut buf = [0; 4];
        there.read_exact(&mut buf).unwrap();
        assert_eq!(&buf, b"quak");
        let socket = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
        let addr = socket.local_addr().unwrap();
        let socket = UdpSocket::try_from(socket).unwrap();
        assert_eq!(socket.local_addr().unwrap(), addr);
    });
}

#[test]
fn files_and_pipes_lend_their_handles() {
    block_on(async {
        lends_handle(&io::stdin());
        lends_handle(&io::stdout());
        lends_handle(&io::stderr());
        let program = std::env::current_exe().unwrap();
        let file = File::open(&program).await.unwrap();
        lends_handle(&file);
        let owned = OwnedHandle::from(file.try_into_std().unwrap());
        lends_handle(&File::from(owned));
        let mut child = Command::new(program)
            .arg("--list")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let stdin = child.stdin.take().unwrap();
        assert!(!stdin.as_raw_handle().is_null());
        stdin.into_owned_handle().unwrap();
        lends_handle(&child.stderr.take().unwrap());
        let stdout = child.stdout.take().unwrap();
        lends_handle(&stdout);
        let mut list = String::new();
        std::fs::File::from(stdout.into_owned_handle().unwrap())
            .read_to_string(&mut list)
            .unwrap();
        assert!(
            list.contains("files_and_pipes_lend_their_handles"),
            "{list}"
        );
        child.wait().await.unwrap();
    });
}
