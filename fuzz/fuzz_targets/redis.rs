//! What strangers send to `mini-redis`: whatever it is, and in whatever pieces it comes, the answers
//! are the same and well-formed, and the store stays whole.
#![no_main]

#[allow(dead_code)]
#[path = "../../examples/shared/redis/mod.rs"]
mod redis;

extern crate polliwog_core as polliwog;

use std::convert::Infallible;
use std::pin::pin;
use std::task::{Context, Poll, Waker};

use embedded_io_async::{ErrorType, Read, Write};
use libfuzzer_sys::fuzz_target;
use redis::{Redis, serve};

/// Gives `data` in pieces, and takes answers in pieces, too.
struct Stream<'a> {
    data: &'a [u8],
    piece: usize,
    answers: &'a mut Vec<u8>,
}

impl ErrorType for Stream<'_> {
    type Error = Infallible;
}

impl Read for Stream<'_> {
    async fn read(&mut self, buffer: &mut [u8]) -> Result<usize, Infallible> {
        assert!(!buffer.is_empty(), "a read into nothing looks like the end");
        let count = self.piece.min(self.data.len()).min(buffer.len());
        let (head, rest) = self.data.split_at(count);
        buffer[..count].copy_from_slice(head);
        self.data = rest;
        Ok(count)
    }
}

impl Write for Stream<'_> {
    async fn write(&mut self, bytes: &[u8]) -> Result<usize, Infallible> {
        let count = self.piece.min(bytes.len());
        self.answers.extend_from_slice(&bytes[..count]);
        Ok(count)
    }

    async fn flush(&mut self) -> Result<(), Infallible> {
        Ok(())
    }
}

fn run(data: &[u8], piece: usize, redis: &Redis<96, 64>) -> (u64, Vec<u8>) {
    let mut answers = Vec::new();
    let stream = Stream {
        data,
        piece,
        answers: &mut answers,
    };
    let mut cx = Context::from_waker(Waker::noop());
    let commands = {
        let mut serving = pin!(serve::<256, 96, 64, _>(stream, redis));
        loop {
            if let Poll::Ready(Ok(commands)) = serving.as_mut().poll(&mut cx) {
                break commands;
            }
        }
    };
    (commands, answers)
}

/// Takes an answer away.
fn answer(answers: &mut &[u8]) {
    let end = answers.windows(2).position(|two| two == b"\r\n");
    let (line, rest) = answers.split_at(end.expect("the end of a line"));
    *answers = &rest[2..];
    let number = || {
        let text = std::str::from_utf8(&line[1..]).ok();
        text.and_then(|text| text.parse::<i64>().ok())
            .expect("a number")
    };
    match line[0] {
        b'+' | b'-' => {}
        b':' => {
            number();
        }
        b'*' => (0..number()).for_each(|_| answer(answers)),
        b'$' if line == b"$-1" => {}
        b'$' => {
            let length = number() as usize;
            assert_eq!(&answers[length..length + 2], b"\r\n");
            *answers = &answers[length + 2..];
        }
        other => panic!("an answer that begins with {other}"),
    }
}

/// How many answers these bytes are.
fn count(mut answers: &[u8]) -> u64 {
    let mut count = 0;
    while !answers.is_empty() {
        answer(&mut answers);
        count += 1;
    }
    count
}

fuzz_target!(|data: &[u8]| {
    let Some((&first, data)) = data.split_first() else {
        return;
    };
    let stores = [const { Redis::new(|| 0) }; 3];
    let whole = run(data, usize::MAX, &stores[0]);
    assert_eq!(run(data, 1, &stores[1]), whole);
    assert_eq!(run(data, 1 + usize::from(first), &stores[2]), whole);
    // One for each command, but none for an empty line, one for each name of `SUBSCRIBE` and its like, and
    // one for what ends the connection.
    let names = whole.1.windows(9).filter(|text| text == b"subscribe");
    assert!(count(&whole.1) <= whole.0 + 1 + names.count() as u64);
    // The store still gives out what it takes.
    let (_, answers) = run(
        b"DEL a b c\r\nDBSIZE\r\nSET a b\r\nGET a\r\n",
        7,
        &stores[0],
    );
    let count = count(&answers);
    assert_eq!(count, 4, "{:?}", String::from_utf8_lossy(&answers));
});
