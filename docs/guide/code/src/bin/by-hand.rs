//! An `async fn`, and the same function written as the enum that the compiler makes of it.
#![forbid(unsafe_code)]

use std::pin::Pin;
use std::task::{Context, Poll, Waker};

/// Pending once, ready at its second poll.
struct Pause {
    polled: bool,
}

impl Future for Pause {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        if self.polled {
            return Poll::Ready(());
        }
        self.polled = true;
        cx.waker().wake_by_ref();
        Poll::Pending
    }
}

fn pause() -> Pause {
    Pause { polled: false }
}

// ANCHOR: written
/// What one writes.
async fn sum(first: u32, second: u32) -> u32 {
    pause().await;
    let sum = first + second;
    pause().await;
    sum
}
// ANCHOR_END: written

// ANCHOR: made
/// What it becomes: a variant for each place where it may stop, with what lives across that place.
enum Sum {
    Start {
        first: u32,
        second: u32,
    },
    FirstPause {
        pause: Pause,
        first: u32,
        second: u32,
    },
    SecondPause {
        pause: Pause,
        sum: u32,
    },
    Done,
}

impl Future for Sum {
    type Output = u32;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<u32> {
        loop {
            let next = match &mut *self {
                Sum::Start { first, second } => Sum::FirstPause {
                    pause: pause(),
                    first: *first,
                    second: *second,
                },
                // `.await`: poll what is inside; if it is pending, so are we.
                Sum::FirstPause {
                    pause: inner,
                    first,
                    second,
                } => match Pin::new(inner).poll(cx) {
                    Poll::Pending => return Poll::Pending,
                    Poll::Ready(()) => Sum::SecondPause {
                        pause: pause(),
                        sum: *first + *second,
                    },
                },
                Sum::SecondPause { pause, sum } => match Pin::new(pause).poll(cx) {
                    Poll::Pending => return Poll::Pending,
                    Poll::Ready(()) => {
                        let sum = *sum;
                        *self = Sum::Done;
                        return Poll::Ready(sum);
                    }
                },
                Sum::Done => panic!("polled after it was ready"),
            };
            *self = next;
        }
    }
}
// ANCHOR_END: made

// ANCHOR: borrow
/// A local variable, and a reference to it that lives across an `.await`: the future holds both.
async fn refers_to_itself() -> usize {
    let text = String::from("quak");
    let word = text.as_str();
    pause().await;
    word.len()
}
// ANCHOR_END: borrow

// ANCHOR: poll
/// Polls a future until it is ready, and counts.
fn polls<F: Future>(future: F) -> (F::Output, u32) {
    let mut future = Box::pin(future);
    let mut cx = Context::from_waker(Waker::noop());
    for count in 1.. {
        if let Poll::Ready(output) = future.as_mut().poll(&mut cx) {
            return (output, count);
        }
    }
    unreachable!("a future that is never ready");
}
// ANCHOR_END: poll

fn main() {
    let (output, count) = polls(sum(40, 2));
    println!("async fn: {output} after {count} polls");
    let by_hand = Sum::Start {
        first: 40,
        second: 2,
    };
    let (output, count) = polls(by_hand);
    println!("by hand:  {output} after {count} polls");
    let (output, count) = polls(refers_to_itself());
    println!("refers to itself: {output} after {count} polls");
}
