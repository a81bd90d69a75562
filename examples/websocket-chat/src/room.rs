//! Who is in the room, and what they say.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::rc::Rc;
use std::time::Duration;

use async_tungstenite::WebSocketStream;
use async_tungstenite::tungstenite::protocol::CloseFrame;
use async_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use async_tungstenite::tungstenite::{Error, Message};
use futures_util::StreamExt;
use polliwog::net::TcpStream;
use polliwog::sync::local::{CancellationToken, broadcast};
use polliwog::time::{Instant, sleep_until, timeout};
use polliwog::{SendWrapper, select};

pub(crate) type Socket = WebSocketStream<SendWrapper<TcpStream>>;

/// Bytes of a message at most.
pub(crate) const MAX_MESSAGE: usize = 4096;
/// Characters of a name at most.
const MAX_NAME: usize = 20;
/// So many messages are kept for those who are slow.
const KEPT: usize = 64;
/// How long a client may take for a message, for its name, or for saying goodbye.
const PATIENCE: Duration = Duration::from_secs(10);
/// Who says nothing for so long is asked whether it is still there, and goes if it does not answer for as long.
const QUIET: Duration = Duration::from_secs(30);

pub(crate) struct Room {
    said: broadcast::Sender<Rc<str>>,
    names: RefCell<BTreeSet<String>>,
}

/// Somebody who is in the room, until it is dropped.
struct Guest<'a> {
    room: &'a Room,
    name: String,
}

/// What ends a talk.
enum End {
    /// The client has said goodbye, or it is gone.
    Gone,
    /// The server says goodbye, and why.
    Goodbye(CloseCode, &'static str),
}

impl From<Error> for End {
    fn from(error: Error) -> Self {
        match error {
            Error::Capacity(_) => End::Goodbye(CloseCode::Size, "the message is too long"),
            Error::Utf8(_) => End::Goodbye(CloseCode::Invalid, "this is no text"),
            Error::Protocol(_) => End::Goodbye(CloseCode::Protocol, "this is no WebSocket"),
            _ => End::Gone,
        }
    }
}

impl Room {
    pub(crate) fn new() -> Rc<Self> {
        Rc::new(Self {
            said: broadcast::channel(KEPT).0,
            names: RefCell::default(),
        })
    }

    fn say(&self, text: String) {
        // Nobody hears it: so be it.
        let _ = self.said.send(text.into());
    }

    fn enter(&self, name: &str) -> Result<Guest<'_>, End> {
        let name = name.trim();
        let length = name.chars().count();
        let refused = |why| Err(End::Goodbye(CloseCode::Policy, why));
        if !(1..=MAX_NAME).contains(&length) || name.chars().any(char::is_control) {
            return refused("a name has 1 to 20 characters");
        }
        if !self.names.borrow_mut().insert(name.to_owned()) {
            return refused("somebody else has this name");
        }
        self.say(format!("* {name} has come"));
        let name = name.to_owned();
        Ok(Guest { room: self, name })
    }

    /// Lets a client talk until it leaves or everything stops.
    pub(crate) async fn talk(&self, mut socket: Socket, stopping: CancellationToken) {
        let end = match self.listen(&mut socket, &stopping).await {
            Ok(never) => match never {},
            Err(end) => end,
        };
        if let End::Goodbye(code, reason) = end {
            let reason = reason.into();
            let goodbye = async {
                socket.close(Some(CloseFrame { code, reason })).await?;
                while socket.next().await.is_some_and(|message| message.is_ok()) {}
                Ok::<_, Error>(())
            };
            let _ = timeout(PATIENCE, goodbye).await;
        }
    }

    async fn listen(
        &self,
        socket: &mut Socket,
        stopping: &CancellationToken,
    ) -> Result<std::convert::Infallible, End> {
        let away = || End::Goodbye(CloseCode::Away, "the server stops");
        let named = select! {
            named = timeout(PATIENCE, next_text(socket)) => named,
            () = stopping.cancelled() => return Err(away()),
        };
        let name = named.map_err(|_| End::Goodbye(CloseCode::Policy, "a name is needed"))??;
        // It hears of its own coming, too.
        let mut said = self.said.subscribe();
        let guest = self.enter(&name)?;

        let (mut seen, mut asked) = (Instant::now(), false);
        loop {
            select! {
                message = socket.next() => {
                    (seen, asked) = (Instant::now(), false);
                    if let Some(text) = text_of(message)? {
                        self.say(format!("{}: {text}", guest.name));
                    }
                },
                heard = said.recv() => {
                    let text = match heard {
                        Ok(text) => text,
                        Err(broadcast::RecvError::Lagged(count)) => {
                            format!("* you have missed {count} messages").into()
                        }
                        Err(broadcast::RecvError::Closed) => return Err(End::Gone),
                    };
                    send(socket, Message::text(&*text)).await?;
                },
                () = sleep_until(seen + if asked { 2 * QUIET } else { QUIET }) => {
                    if asked {
                        return Err(End::Gone);
                    }
                    asked = true;
                    send(socket, Message::Ping(Default::default())).await?;
                },
                () = stopping.cancelled() => return Err(away()),
            }
        }
    }
}

/// Who does not take a message in time is let go.
async fn send(socket: &mut Socket, message: Message) -> Result<(), End> {
    match timeout(PATIENCE, socket.send(message)).await {
        Ok(sent) => sent.map_err(End::from),
        Err(_) => Err(End::Gone),
    }
}

async fn next_text(socket: &mut Socket) -> Result<String, End> {
    loop {
        if let Some(text) = text_of(socket.next().await)? {
            return Ok(text);
        }
    }
}

/// The text that has come; `None`: a question of the protocol, which has been answered.
fn text_of(message: Option<Result<Message, Error>>) -> Result<Option<String>, End> {
    match message.ok_or(End::Gone)?? {
        Message::Text(text) => Ok(Some(text.as_str().to_owned())),
        Message::Binary(_) => Err(End::Goodbye(CloseCode::Unsupported, "text is all there is")),
        Message::Ping(_) | Message::Pong(_) | Message::Frame(_) => Ok(None),
        // The answer to it goes out with the next read, which gives the end.
        Message::Close(_) => Ok(None),
    }
}

impl Drop for Guest<'_> {
    fn drop(&mut self) {
        self.room.names.borrow_mut().remove(&self.name);
        self.room.say(format!("* {} has left", self.name));
    }
}
