//! A small Redis: the same source on a server, on a microcontroller and in a test.
//!
//! `PING`, `ECHO`, `GET`, `SET`, `DEL`, `EXISTS`, `INCR`, `APPEND`, `DBSIZE`, `QUIT`, as `redis-cli` or
//! a line of text sends them, several at once if the client likes. All memory is fixed: a
//! connection has two buffers, all connections share one [`Store`], and what does not fit is
//! refused with an error that says so.
//!
//! It needs `core` and the I/O traits, nothing else.

use core::cell::RefCell;
use core::fmt::Write as _;
use core::future::poll_fn;
use core::str;
use core::task::Poll;

use embedded_io_async::{Read, Write};

/// Words of a command at most.
const WORDS: usize = 16;
/// What an answer needs beside the text that it carries.
const FRAME: usize = 64;
/// After so many commands in a row other tasks get their turn.
const PATIENCE: u32 = 64;

/// Keys and values in `BYTES` bytes, one after the other. Looking for a key goes through all of
/// them, which a small memory forgives.
pub(crate) struct Store<const BYTES: usize> {
    bytes: [u8; BYTES],
    used: usize,
}

/// There is no room for that.
struct Full;

/// Where a key and its value are.
#[derive(Clone, Copy)]
struct Entry {
    start: usize,
    value: usize,
    end: usize,
}

/// Lengths of a key and of a value, two bytes each.
const HEADER: usize = 4;

impl<const BYTES: usize> Store<BYTES> {
    /// An empty store.
    pub(crate) const fn new() -> Self {
        Self {
            bytes: [0; BYTES],
            used: 0,
        }
    }

    fn entry(&self, start: usize) -> Entry {
        let length =
            |at: usize| usize::from(u16::from_le_bytes([self.bytes[at], self.bytes[at + 1]]));
        let value = start + HEADER + length(start);
        Entry {
            start,
            value,
            end: value + length(start + 2),
        }
    }

    fn entries(&self) -> impl Iterator<Item = Entry> + '_ {
        let mut at = 0;
        core::iter::from_fn(move || {
            (at < self.used).then(|| {
                let entry = self.entry(at);
                at = entry.end;
                entry
            })
        })
    }

    fn find(&self, key: &[u8]) -> Option<Entry> {
        self.entries()
            .find(|entry| &self.bytes[entry.start + HEADER..entry.value] == key)
    }

    fn get(&self, key: &[u8]) -> Option<&[u8]> {
        self.find(key)
            .map(|entry| &self.bytes[entry.value..entry.end])
    }

    fn remove(&mut self, key: &[u8]) -> bool {
        let Some(entry) = self.find(key) else {
            return false;
        };
        self.bytes.copy_within(entry.end..self.used, entry.start);
        self.used -= entry.end - entry.start;
        true
    }

    /// Gives a key the value `parts`, one after the other; on failure it keeps the one it has.
    fn set(&mut self, key: &[u8], parts: [&[u8]; 2]) -> Result<(), Full> {
        let old = self.find(key).map_or(0, |entry| entry.end - entry.start);
        let length = parts[0].len() + parts[1].len();
        let size = HEADER + key.len() + length;
        let lengths = (u16::try_from(key.len()), u16::try_from(length));
        let (Ok(key_length), Ok(length)) = lengths else {
            return Err(Full);
        };
        if self.used - old + size > BYTES {
            return Err(Full);
        }
        self.remove(key);
        for part in [
            &key_length.to_le_bytes()[..],
            &length.to_le_bytes(),
            key,
            parts[0],
            parts[1],
        ] {
            self.bytes[self.used..self.used + part.len()].copy_from_slice(part);
            self.used += part.len();
        }
        Ok(())
    }
}

/// The words of a command.
struct Command<'a> {
    words: [&'a [u8]; WORDS],
    count: usize,
}

impl<'a> Command<'a> {
    const fn new() -> Self {
        Self {
            words: [&[]; WORDS],
            count: 0,
        }
    }

    fn push(&mut self, word: &'a [u8]) -> Result<(), &'static str> {
        *self.words.get_mut(self.count).ok_or("too many words")? = word;
        self.count += 1;
        Ok(())
    }

    fn words(&self) -> &[&'a [u8]] {
        &self.words[..self.count]
    }
}

/// Takes the first command of `input`, and says how many bytes it was; `None`: it is not all here.
fn parse(input: &[u8]) -> Result<Option<(Command<'_>, usize)>, &'static str> {
    let mut command = Command::new();
    let Some((line, mut at)) = line(input, 0) else {
        return Ok(None);
    };
    let Some(count) = line.strip_prefix(b"*") else {
        let blank = |byte: &u8| byte.is_ascii_whitespace();
        for word in line.split(blank).filter(|word| !word.is_empty()) {
            command.push(word)?;
        }
        return Ok(Some((command, at)));
    };
    for _ in 0..number(count)? {
        let Some((head, start)) = self::line(input, at) else {
            return Ok(None);
        };
        let length = number(head.strip_prefix(b"$").ok_or("expected '$'")?)?;
        let end = start.checked_add(length).ok_or("invalid bulk length")?;
        let Some(word) = input.get(start..end) else {
            return Ok(None);
        };
        match input.get(end..end + 2) {
            None => return Ok(None),
            Some(b"\r\n") => {}
            Some(_) => return Err("a word has no end"),
        }
        command.push(word)?;
        at = end + 2;
    }
    Ok(Some((command, at)))
}

/// The line that begins at `start`, and where the next one does.
fn line(input: &[u8], start: usize) -> Option<(&[u8], usize)> {
    let rest = input.get(start..)?;
    let end = rest.iter().position(|byte| *byte == b'\n')?;
    let line = &rest[..end];
    Some((line.strip_suffix(b"\r").unwrap_or(line), start + end + 1))
}

fn number(text: &[u8]) -> Result<usize, &'static str> {
    let digits = !text.is_empty() && text.iter().all(u8::is_ascii_digit);
    let text = str::from_utf8(text).ok().filter(|_| digits);
    text.and_then(|text| text.parse().ok())
        .ok_or("invalid length")
}

/// Answers that have not been sent.
struct Answers<const SIZE: usize> {
    bytes: [u8; SIZE],
    used: usize,
}

impl<const SIZE: usize> Answers<SIZE> {
    fn push(&mut self, bytes: &[u8]) {
        // The caller has made room, so nothing is ever cut off here.
        let room = &mut self.bytes[self.used..];
        let count = bytes.len().min(room.len());
        room[..count].copy_from_slice(&bytes[..count]);
        self.used += count;
    }

    fn bulk(&mut self, value: &[u8]) {
        let _ = write!(self, "${}\r\n", value.len());
        self.push(value);
        self.push(b"\r\n");
    }

    fn integer(&mut self, value: i64) {
        let _ = write!(self, ":{value}\r\n");
    }
}

impl<const SIZE: usize> core::fmt::Write for Answers<SIZE> {
    fn write_str(&mut self, text: &str) -> core::fmt::Result {
        self.push(text.as_bytes());
        Ok(())
    }
}

/// Executes a command. Returns whether the connection goes on.
fn execute<const SIZE: usize, const BYTES: usize>(
    words: &[&[u8]],
    store: &mut Store<BYTES>,
    answers: &mut Answers<SIZE>,
) -> bool {
    let Some((name, arguments)) = words.split_first() else {
        return true; // An empty line.
    };
    let mut upper = [0; 8];
    let name = match upper.get_mut(..name.len()) {
        Some(upper) => {
            upper.copy_from_slice(name);
            upper.make_ascii_uppercase();
            &*upper
        }
        None => &[],
    };
    // A value has to fit into a buffer when it is asked for.
    let longest = SIZE - FRAME;
    match (name, arguments) {
        (b"PING", []) => answers.push(b"+PONG\r\n"),
        (b"PING", [text]) | (b"ECHO", [text]) => answers.bulk(text),
        (b"GET", [key]) => match store.get(key) {
            Some(value) => answers.bulk(value),
            None => answers.push(b"$-1\r\n"),
        },
        (b"SET", [_, value]) if value.len() > longest => {
            answers.push(b"-ERR the value is too long\r\n");
        }
        (b"SET", [key, value]) => match store.set(key, [value, &[]]) {
            Ok(()) => answers.push(b"+OK\r\n"),
            Err(Full) => answers.push(b"-OOM the store is full\r\n"),
        },
        (b"APPEND", [key, more]) => {
            let mut old = [0; SIZE];
            let value = store.get(key).unwrap_or(&[]);
            let old = &mut old[..value.len()];
            old.copy_from_slice(value);
            if old.len() + more.len() > longest {
                answers.push(b"-ERR the value would be too long\r\n");
            } else if store.set(key, [old, more]).is_ok() {
                answers.integer((old.len() + more.len()) as i64);
            } else {
                answers.push(b"-OOM the store is full\r\n");
            }
        }
        (b"INCR", [key]) => {
            let old = store.get(key).map_or(Some(0), |value| {
                str::from_utf8(value).ok()?.parse::<i64>().ok()
            });
            let mut text: Answers<20> = Answers {
                bytes: [0; 20],
                used: 0,
            };
            match old.and_then(|old| old.checked_add(1)) {
                None => {
                    answers.push(b"-ERR value is not an integer or out of range\r\n");
                }
                Some(new) => {
                    let _ = write!(text, "{new}");
                    match store.set(key, [&text.bytes[..text.used], &[]]) {
                        Ok(()) => answers.integer(new),
                        Err(Full) => answers.push(b"-OOM the store is full\r\n"),
                    }
                }
            }
        }
        (b"DEL", [_, ..]) => {
            let removed = arguments.iter().filter(|key| store.remove(key)).count();
            answers.integer(removed as i64);
        }
        (b"EXISTS", [_, ..]) => {
            let there = arguments.iter().filter(|key| store.find(key).is_some());
            answers.integer(there.count() as i64);
        }
        (b"DBSIZE", []) => answers.integer(store.entries().count() as i64),
        // What redis-cli asks first; it does without an answer.
        (b"COMMAND", _) => answers.push(b"*0\r\n"),
        (b"QUIT", _) => {
            answers.push(b"+OK\r\n");
            return false;
        }
        (
            b"PING" | b"ECHO" | b"GET" | b"SET" | b"APPEND" | b"INCR" | b"DEL" | b"EXISTS"
            | b"DBSIZE",
            _,
        ) => answers.push(b"-ERR wrong number of arguments\r\n"),
        _ => answers.push(b"-ERR unknown command\r\n"),
    }
    true
}

/// How long the answer to a command can be at most.
fn bound<const BYTES: usize>(words: &[&[u8]], store: &Store<BYTES>) -> usize {
    let carried = match words {
        [_, word] => store.get(word).map_or(0, <[u8]>::len).max(word.len()),
        _ => 0,
    };
    carried + FRAME
}

/// Serves a client until it closes or quits, with two buffers of `SIZE` bytes: a command, and an
/// answer, can be almost that long. Returns how many commands there were.
pub(crate) async fn serve<const SIZE: usize, const BYTES: usize, S: Read + Write>(
    mut stream: S,
    store: &RefCell<Store<BYTES>>,
) -> Result<u64, S::Error> {
    let mut input = [0; SIZE];
    let mut filled = 0;
    let mut answers = Answers {
        bytes: [0; SIZE],
        used: 0,
    };
    let mut commands = 0;
    let mut in_a_row = 0;
    loop {
        let mut at = 0;
        let goes_on = loop {
            let (command, length) = match parse(&input[at..filled]) {
                Ok(Some(found)) => found,
                Ok(None) if at == 0 && filled == SIZE => {
                    send(&mut stream, &mut answers).await?;
                    answers.push(b"-ERR the command is too long\r\n");
                    break false;
                }
                Ok(None) => break true,
                Err(what) => {
                    send(&mut stream, &mut answers).await?;
                    let _ = write!(answers, "-ERR Protocol error: {what}\r\n");
                    break false;
                }
            };
            at += length;
            commands += 1;
            // No borrow is held across a wait, for other connections use the store, too.
            let needed = bound(command.words(), &store.borrow());
            if needed > SIZE {
                send(&mut stream, &mut answers).await?;
                answers.push(b"-ERR the answer would be too long\r\n");
                continue;
            }
            if SIZE - answers.used < needed {
                send(&mut stream, &mut answers).await?;
            }
            if !execute(command.words(), &mut store.borrow_mut(), &mut answers) {
                break false;
            }
            in_a_row += 1;
            if in_a_row == PATIENCE {
                in_a_row = 0;
                let_others_run().await;
            }
        };
        send(&mut stream, &mut answers).await?;
        stream.flush().await?;
        if !goes_on {
            return Ok(commands);
        }
        input.copy_within(at..filled, 0);
        filled -= at;
        match stream.read(&mut input[filled..]).await? {
            0 => return Ok(commands),
            count => filled += count,
        }
    }
}

/// Writes all answers. A stream that takes no more says so at the next read.
async fn send<const SIZE: usize, S: Write>(
    stream: &mut S,
    answers: &mut Answers<SIZE>,
) -> Result<(), S::Error> {
    let mut rest = &answers.bytes[..answers.used];
    while !rest.is_empty() {
        match stream.write(rest).await? {
            0 => break,
            count => rest = &rest[count..],
        }
    }
    answers.used = 0;
    Ok(())
}

/// Pending once, ready at once.
async fn let_others_run() {
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
