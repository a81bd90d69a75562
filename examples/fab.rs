//! The Fibonacci numbers from a coroutine, written by hand: what a compiler makes of an
//! `async fn` or a generator.
//!
//! A coroutine is a function that can stop in the middle and be resumed there. Without help from
//! the language, "there" becomes a variant of an `enum`, the local variables that live across the
//! stop become its fields, and `resume` jumps by `match`. The same state machine is then dressed
//! as a `futures_core::Stream`: its `poll_next` may also say `Pending`, "nothing yet, I shall
//! wake you", and here does so before every third number. The numbers are the same.
//!
//! The sequence ends with the last number that a `u64` can hold: the addition is checked, and
//! overflow leads to the final state instead of to a wrong number or a panic.
//!
//! ```sh
//! cargo run --example fab          # prints ten numbers of each
//! cargo run --example fab -- 94    # prints all there are
//! ```
//!
//! It prints:
//!
//! ```text
//! state machine: 0 1 1 2 3 5 8 13 21 34 ...
//! stream:        0 1 1 2 3 5 8 13 21 34 ...
//! both end after 94 numbers, the last one is 12200160415121876738
//! the stream was pending 31 times on the way
//! ```

use std::pin::{Pin, pin};
use std::process::ExitCode;
use std::task::{Context, Poll, Waker};

use futures_core::Stream;

/// What a coroutine says when it stops.
#[derive(Debug, PartialEq, Eq)]
enum Step {
    Yielded(u64),
    Complete,
}

// ANCHOR: enum
/// Where the coroutine has stopped. As a function with a `yield` it would read:
///
/// ```text
/// let (mut a, mut b) = (0, 1);
/// loop {
///     yield a;
///     let Some(sum) = a.checked_add(b) else { break };
///     (a, b) = (b, sum);
/// }
/// yield b;
/// ```
#[derive(Debug)]
enum Fab {
    /// Before the first line.
    Start,
    /// After the `yield` in the loop.
    InLoop { a: u64, b: u64 },
    /// After the last `yield`.
    AfterLoop,
    /// Returned. Resuming again changes nothing.
    Done,
}
// ANCHOR_END: enum

impl Fab {
    // ANCHOR: resume
    /// Goes on from where the coroutine has stopped until it stops again.
    fn resume(&mut self) -> Step {
        let (state, step) = match *self {
            Fab::Start => (Fab::InLoop { a: 0, b: 1 }, Step::Yielded(0)),
            Fab::InLoop { a, b } => match a.checked_add(b) {
                Some(sum) => (Fab::InLoop { a: b, b: sum }, Step::Yielded(b)),
                None => (Fab::AfterLoop, Step::Yielded(b)),
            },
            Fab::AfterLoop | Fab::Done => (Fab::Done, Step::Complete),
        };
        *self = state;
        step
    }
    // ANCHOR_END: resume
}

/// The coroutine as a stream that is not always ready.
struct FabStream {
    coroutine: Fab,
    /// Numbers until the next pause.
    until_pause: u32,
}

impl FabStream {
    const BETWEEN_PAUSES: u32 = 3;

    fn new() -> Self {
        FabStream {
            coroutine: Fab::Start,
            until_pause: Self::BETWEEN_PAUSES - 1,
        }
    }
}

// ANCHOR: stream
impl Stream for FabStream {
    type Item = u64;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<u64>> {
        if self.until_pause == 0 {
            self.until_pause = Self::BETWEEN_PAUSES;
            // Whoever says `Pending` must see to it that the task is woken.
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        self.until_pause -= 1;
        Poll::Ready(match self.coroutine.resume() {
            Step::Yielded(number) => Some(number),
            Step::Complete => None,
        })
    }
}
// ANCHOR_END: stream

/// All numbers of the state machine.
fn by_hand() -> Vec<u64> {
    let mut coroutine = Fab::Start;
    let mut numbers = Vec::new();
    while let Step::Yielded(number) = coroutine.resume() {
        numbers.push(number);
    }
    numbers
}

/// All numbers of the stream, and how often it was pending. The executor is this loop: it polls
/// again whether or not somebody woke it, so a waker that does nothing will do.
fn by_stream() -> (Vec<u64>, u32) {
    let mut stream = pin!(FabStream::new());
    let mut cx = Context::from_waker(Waker::noop());
    let mut numbers = Vec::new();
    let mut pending = 0;
    loop {
        match stream.as_mut().poll_next(&mut cx) {
            Poll::Pending => pending += 1,
            Poll::Ready(Some(number)) => numbers.push(number),
            Poll::Ready(None) => return (numbers, pending),
        }
    }
}

fn show(name: &str, numbers: &[u64], count: usize) {
    let shown = &numbers[..count.min(numbers.len())];
    let text: Vec<String> = shown.iter().map(u64::to_string).collect();
    let rest = if shown.len() < numbers.len() {
        " ..."
    } else {
        ""
    };
    println!("{name:14} {}{rest}", text.join(" "));
}

fn main() -> ExitCode {
    let count = match std::env::args().nth(1).map(|text| text.parse::<usize>()) {
        None => 10,
        Some(Ok(count)) => count,
        Some(Err(_)) => {
            eprintln!("usage: fab [COUNT]");
            return ExitCode::from(2);
        }
    };

    let machine = by_hand();
    let (stream, pending) = by_stream();
    show("state machine:", &machine, count);
    show("stream:", &stream, count);
    if machine != stream {
        eprintln!("fab: the two disagree");
        return ExitCode::FAILURE;
    }
    match machine.last() {
        Some(last) => println!(
            "both end after {} numbers, the last one is {last}",
            machine.len()
        ),
        None => println!("both are empty"),
    }
    println!("the stream was pending {pending} times on the way");
    ExitCode::SUCCESS
}
