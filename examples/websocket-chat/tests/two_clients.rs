//! The chat, by two clients and more that speak WebSocket.
#![cfg(unix)]

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use async_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use async_tungstenite::tungstenite::{Error, Message, WebSocket, client};

const PATIENCE: Duration = Duration::from_secs(60);

struct Server {
    program: Child,
    addr: SocketAddr,
}

impl Server {
    fn start() -> Self {
        let mut program = Command::new(env!("CARGO_BIN_EXE_websocket-chat"))
            .args(["--addr", "127.0.0.1:0"])
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        let mut output = BufReader::new(program.stdout.as_mut().unwrap());
        output.read_line(&mut line).unwrap();
        let addr = line.trim().strip_prefix("listening on http://");
        let addr = addr.and_then(|addr| addr.strip_suffix('/'));
        let addr = addr.unwrap_or_else(|| panic!("{line}")).parse().unwrap();
        Server { program, addr }
    }

    fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(self.addr).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.set_nodelay(true).unwrap();
        stream
    }

    fn client(&self) -> Client {
        let url = format!("ws://{}/chat", self.addr);
        Client(client(url, self.connect()).unwrap().0)
    }

    /// A client that is in the room.
    fn guest(&self, name: &str) -> Client {
        let mut client = self.client();
        client.say(name);
        assert_eq!(client.hear(), format!("* {name} has come"));
        client
    }

    fn ask(&self, request: &str) -> String {
        let mut stream = self.connect();
        write!(
            stream,
            "{request} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"
        )
        .unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    }

    fn interrupt(&self) {
        let id = self.program.id().to_string();
        let sent = Command::new("kill").args(["-INT", &id]).status();
        assert!(sent.unwrap().success());
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.program.kill();
        let _ = self.program.wait();
    }
}

struct Client(WebSocket<TcpStream>);

impl Client {
    fn say(&mut self, text: &str) {
        self.0.send(Message::text(text)).unwrap();
    }

    /// The next text.
    fn hear(&mut self) -> String {
        loop {
            match self.0.read().unwrap() {
                Message::Text(text) => return text.as_str().to_owned(),
                Message::Ping(_) | Message::Pong(_) => {}
                other => panic!("{other:?}"),
            }
        }
    }

    /// Why the server says goodbye.
    fn goodbye(mut self) -> (CloseCode, String) {
        loop {
            match self.0.read().unwrap() {
                Message::Close(frame) => {
                    let frame = frame.unwrap();
                    // The answer goes out, and the connection ends in good order.
                    assert!(matches!(self.0.read(), Err(Error::ConnectionClosed)));
                    return (frame.code, frame.reason.as_str().to_owned());
                }
                Message::Text(text) => assert!(text.as_str().starts_with('*'), "{text}"),
                _ => {}
            }
        }
    }
}

#[test]
fn what_one_says_all_hear() {
    let server = Server::start();
    let mut ada = server.guest("Ada");
    let mut grace = server.guest("Grace");
    assert_eq!(ada.hear(), "* Grace has come");
    ada.say("<b>quak</b> äöü 🐸");
    grace.say("quak");
    // Each hears all, in one order.
    let (first, second) = (ada.hear(), ada.hear());
    assert_eq!(
        [grace.hear(), grace.hear()],
        [first.clone(), second.clone()]
    );
    let mut both = [first, second];
    both.sort();
    assert_eq!(both, ["Ada: <b>quak</b> äöü 🐸", "Grace: quak"]);
    grace.0.close(None).unwrap();
    while grace.0.read().is_ok() {}
    assert_eq!(ada.hear(), "* Grace has left");
    // A name is free again, also after a connection that has broken.
    drop(server.guest("Grace").0);
    assert_eq!(ada.hear(), "* Grace has come");
    assert_eq!(ada.hear(), "* Grace has left");
    let _grace = server.guest("Grace");
}

#[test]
fn who_does_not_keep_to_the_rules_is_told_and_let_go() {
    let server = Server::start();
    let mut ada = server.guest("Ada");
    for name in ["", "   ", "Ada", " Ada ", "a\nb", "abcdefghijklmnopqrstu"] {
        let mut client = server.client();
        client.say(name);
        assert_eq!(client.goodbye().0, CloseCode::Policy, "{name:?}");
    }
    let mut client = server.guest("long");
    client.0.send(Message::text("x".repeat(5000))).unwrap();
    assert_eq!(client.goodbye().0, CloseCode::Size);
    let mut client = server.guest("binary");
    client.0.send(Message::binary(vec![1, 2, 3])).unwrap();
    assert_eq!(client.goodbye().0, CloseCode::Unsupported);
    let mut client = server.guest("unmasked");
    client.0.get_mut().write_all(b"\x81\x04quak").unwrap();
    assert_eq!(client.goodbye().0, CloseCode::Protocol);
    let mut client = server.guest("latin");
    // Masked by zeros, which leave it as it is.
    client
        .0
        .get_mut()
        .write_all(b"\x81\x81\0\0\0\0\xe4")
        .unwrap();
    assert_eq!(client.goodbye().0, CloseCode::Invalid);
    for name in ["long", "binary", "unmasked", "latin"] {
        assert_eq!(ada.hear(), format!("* {name} has come"));
        assert_eq!(ada.hear(), format!("* {name} has left"));
    }
}

/// Who reads nothing holds up nobody, and is told afterwards.
#[test]
fn a_slow_client_misses_something_and_the_others_nothing() {
    let server = Server::start();
    let mut slow = server.guest("slow");
    let mut ada = server.guest("Ada");
    let text = "x".repeat(4000);
    // More than the systems between have room for, and than the server keeps.
    for number in 0..5000 {
        ada.say(&format!("{number} {text}"));
        assert!(ada.hear().starts_with(&format!("Ada: {number} x")));
    }
    assert_eq!(slow.hear(), "* Ada has come");
    let (mut heard, mut missed) = (0, 0);
    while heard + missed < 5000 {
        let text = slow.hear();
        match text.strip_prefix("* you have missed ") {
            Some(rest) => missed += rest.split(' ').next().unwrap().parse::<u64>().unwrap(),
            None => {
                assert!(
                    text.starts_with(&format!("Ada: {} x", heard + missed)),
                    "in order"
                );
                heard += 1;
            }
        }
    }
    assert!(missed > 0 && heard > 0, "{heard} heard, {missed} missed");
    slow.say("sorry");
    assert_eq!(ada.hear(), "slow: sorry");
}

#[test]
fn the_page_and_what_is_no_page() {
    let server = Server::start();
    let page = server.ask("GET /");
    assert!(page.starts_with("HTTP/1.1 200 OK\r\n"), "{page}");
    assert!(page.contains("text/html") && page.ends_with("</html>\n"));
    assert!(server.ask("HEAD /").starts_with("HTTP/1.1 200 OK\r\n"));
    assert!(server.ask("GET /chat").starts_with("HTTP/1.1 426 "));
    assert!(server.ask("POST /").starts_with("HTTP/1.1 405 "));
    assert!(server.ask("GET /pond").starts_with("HTTP/1.1 404 "));
    // A name in the same packet as the request, before anybody has said yes.
    let mut stream = server.connect();
    stream
        .write_all(
            b"GET /chat HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
              Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n\
              \x81\x85\0\0\0\0early",
        )
        .unwrap();
    let mut answer = Vec::new();
    let end = b"* early has come";
    while !answer.ends_with(end) {
        let mut byte = [0];
        stream.read_exact(&mut byte).unwrap();
        answer.push(byte[0]);
    }
    let answer = String::from_utf8_lossy(&answer);
    assert!(answer.starts_with("HTTP/1.1 101 "), "{answer}");
    assert!(answer.contains("s3pPLMBiTxaQ9kYGzzhZRbK+xOo="), "{answer}");
}

#[test]
fn everybody_is_told_that_the_server_stops() {
    let mut server = Server::start();
    let ada = server.guest("Ada");
    let nameless = server.client();
    let idle = server.connect();
    server.interrupt();
    assert_eq!(ada.goodbye(), (CloseCode::Away, "the server stops".into()));
    assert_eq!(nameless.goodbye().0, CloseCode::Away);
    assert!(matches!((&idle).read(&mut [0; 10]), Ok(0) | Err(_)));
    assert!(server.program.wait().unwrap().success());
}
