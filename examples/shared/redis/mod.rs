//! A small Redis: the same source on a server, on a microcontroller and in a test.
//!
//! Strings with the commands that go with them, keys that expire, channels to publish on and to subscribe to, as
//! `redis-cli` or a line of text sends them, several at once if the client likes. What it knows it answers as
//! Redis 7 does, by the RESP2 protocol. All memory is fixed: a connection has two buffers, all of them share
//! one [`Redis`], and what does not fit is refused with an error that says so, Redis' own where it has one.
//!
//! It needs `core`, the I/O traits, and one notification of `polliwog`'s.

pub(crate) mod answers;
mod commands;
mod glob;
mod hub;
pub(crate) mod others;
pub(crate) mod parse;
mod store;
mod table;

use core::cell::RefCell;
use core::future::poll_fn;
use core::pin::pin;
use core::task::Poll;

use embedded_io_async::{Read, Write};

use answers::Answers;
use commands::Context;
use hub::{Hub, Looked, Member, unless};
use others::{Alone, Others};
use parse::{Command, Wrong, parse};
use store::Store;
use table::{bound, keys};

/// What an answer needs beside the texts that it carries.
const FRAME: usize = 64;
/// There is always room for an answer that carries none. A buffer has to be longer.
const SHORT: usize = 192;
/// After so many commands in a row other tasks get their turn.
const PATIENCE: u32 = 64;

/// What all connections of a worker share: `BYTES` for keys and values, and twice `HUB` for names of channels and for
/// messages on their way to subscribers.
pub(crate) struct Redis<const BYTES: usize, const HUB: usize> {
    store: RefCell<Store<BYTES>>,
    hub: Hub<HUB>,
    now: fn() -> u64,
}

impl<const BYTES: usize, const HUB: usize> Redis<BYTES, HUB> {
    /// An empty one, which gets the time by `now`: milliseconds since an arbitrary start.
    pub(crate) const fn new(now: fn() -> u64) -> Self {
        Self {
            store: RefCell::new(Store::new()),
            hub: Hub::new(),
            now,
        }
    }

    /// Another client.
    pub(crate) fn join(&self) -> Member<'_, HUB> {
        self.hub.join()
    }

    /// How much room the answer to a command needs.
    fn needed(&self, command: Command<'_>, member: &Member<'_, HUB>) -> usize {
        let mut store = self.store.borrow_mut();
        store.expire((self.now)());
        bound(command, &store, member)
    }

    /// Whether a command, which is so long, is a message that makes others go. So that subscribers who are not slow can
    /// take what is there, others have to run before it.
    pub(crate) fn is_crowding(&self, command: Command<'_>, length: usize) -> bool {
        self.hub.is_full_for(length) && is_publish(command)
    }

    /// Executes a command. Returns whether the connection goes on.
    pub(crate) fn perform<const SIZE: usize>(
        &self,
        command: Command<'_>,
        member: &Member<'_, HUB>,
        answers: &mut Answers<SIZE>,
    ) -> bool {
        let now = (self.now)();
        let mut store = self.store.borrow_mut();
        store.expire(now);
        // Others may have made the values longer in the meantime.
        if bound(command, &store, member) > answers.room() {
            answers.error("ERR the answer is too long");
            return true;
        }
        let store = &mut *store;
        let hub = &self.hub;
        let mut context = Context {
            now,
            store,
            hub,
            member,
            answers,
        };
        context.execute(command)
    }
}

/// Serves a client until it closes or quits, or is too slow a subscriber, with two buffers of `SIZE` bytes: a
/// command, and an answer, can be almost that long. Returns how many commands there were.
pub(crate) fn serve<const SIZE: usize, const BYTES: usize, const HUB: usize, S>(
    stream: S,
    redis: &Redis<BYTES, HUB>,
) -> impl Future<Output = Result<u64, S::Error>>
where
    S: Read + Write,
{
    serve_with::<SIZE, _, _, _, _>(stream, redis, &Alone)
}

/// As [`serve`], with a store that has not all of the keys.
pub(crate) async fn serve_with<const SIZE: usize, const BYTES: usize, const HUB: usize, S, O>(
    mut stream: S,
    redis: &Redis<BYTES, HUB>,
    others: &O,
) -> Result<u64, S::Error>
where
    S: Read + Write,
    O: Others,
{
    const { assert!(SIZE > SHORT) };
    let mut input = [0; SIZE];
    let mut filled = 0;
    let mut answers = Answers::<SIZE>::new();
    let member = redis.join();
    let mut commands = 0;
    let mut in_a_row = 0;
    loop {
        let mut at = 0;
        let goes_on = loop {
            // What was published before a command comes before its answer.
            loop {
                match member.look(&mut answers) {
                    Looked::AllSeen => break,
                    Looked::TooSlow => return Ok(commands),
                    Looked::NoRoom => {}
                }
                if !send(&mut stream, &mut answers, &member).await? {
                    return Ok(commands);
                }
            }
            let (command, length) = match parse(&input[at..filled], SIZE) {
                Ok(Some(found)) => found,
                // What does not fit behind others fits when these are done.
                Ok(None) => break true,
                Err(what) => {
                    if !send(&mut stream, &mut answers, &member).await? {
                        return Ok(commands);
                    }
                    answers.push(b"-ERR Protocol error: ");
                    match what {
                        Wrong::Says(what) => answers.push(what.as_bytes()),
                        Wrong::Expected(got) => {
                            answers.push(b"expected '$', got ");
                            answers.quoted(&[got]);
                        }
                    }
                    answers.push(b"\r\n");
                    break false;
                }
            };
            at += length;
            commands += 1;
            if O::EXIST {
                let keys = keys::<SIZE>(command, member.count() > 0);
                if let Some(asked) = others.ask(command, keys) {
                    let answer = asked.await;
                    let answer = answer.as_ref();
                    if answer.len() > answers.room()
                        && !send(&mut stream, &mut answers, &member).await?
                    {
                        return Ok(commands);
                    }
                    answers.push(answer);
                    continue;
                }
            }
            let needed = redis.needed(command, &member);
            if needed > answers.room() && !send(&mut stream, &mut answers, &member).await? {
                return Ok(commands);
            }
            if redis.is_crowding(command, length) {
                let_others_run().await;
            }
            if !redis.perform(command, &member, &mut answers) {
                break false;
            }
            in_a_row += 1;
            if in_a_row == PATIENCE {
                in_a_row = 0;
                let_others_run().await;
            }
        };
        if !send(&mut stream, &mut answers, &member).await? {
            return Ok(commands);
        }
        stream.flush().await?;
        if !goes_on {
            return Ok(commands);
        }
        input.copy_within(at..filled, 0);
        filled -= at;
        // A read that is given up takes nothing.
        if let Some(read) = unless(stream.read(&mut input[filled..]), member.news()).await {
            match read? {
                0 => return Ok(commands),
                count => filled += count,
            }
        }
    }
}

fn is_publish(command: Command<'_>) -> bool {
    let name = command.words().next();
    name.is_some_and(|name| name.eq_ignore_ascii_case(b"publish"))
}

/// Writes all answers; `false`: it is a subscriber who does not take what is published. A stream that takes no
/// more says so at the next read.
async fn send<const SIZE: usize, const HUB: usize, S: Write>(
    stream: &mut S,
    answers: &mut Answers<SIZE>,
    member: &Member<'_, HUB>,
) -> Result<bool, S::Error> {
    let mut rest = answers.as_bytes();
    while !rest.is_empty() {
        match unless(stream.write(rest), pin!(member.is_too_slow())).await {
            None => return Ok(false),
            Some(Ok(0)) => break,
            Some(Ok(count)) => rest = &rest[count..],
            Some(Err(error)) => return Err(error),
        }
    }
    answers.clear();
    Ok(true)
}

/// Pending once, ready at once.
pub(crate) async fn let_others_run() {
    let mut waited = false;
    poll_fn(|cx| {
        if waited {
            return Poll::Ready(());
        }
        waited = true;
        cx.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}
