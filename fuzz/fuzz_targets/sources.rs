//! The table of sources against a map: whatever the order of calls, and however stale the
//! tokens, a token reaches its own source or nothing.
#![no_main]

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::task::{Context, Poll, Wake, Waker};

use libfuzzer_sys::fuzz_target;
use polliwog_core::sources::{Direction, Entry, Pages, Readiness, Sources, Storage, Token, WaiterId};

#[derive(Default)]
struct Count(AtomicU32);

impl Wake for Count {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

/// A source in the model: what it is ready for, and who waits to read and to write, by the number of the
/// waiter.
#[derive(Default)]
struct Source {
    ready: u8,
    waiting: [Vec<(usize, Arc<Count>)>; 2],
}

/// Waiters that come and go: their addresses are their identities.
static WAITERS: [u8; 4] = [0; 4];

const BITS: [Readiness; 6] = [
    Readiness::READABLE,
    Readiness::WRITABLE,
    Readiness::READ_CLOSED,
    Readiness::WRITE_CLOSED,
    Readiness::ERROR,
    Readiness::PRIORITY,
];
/// What ends a wait to read and to write; what can be cleared.
const MASKS: [u8; 2] = [0b10101, 0b11010];
const CLEARABLE: u8 = 0b00011;
/// What an operation that would have blocked takes back.
const BLOCKED: [u8; 2] = [0b110101, 0b11010];

fn readiness(bits: u8) -> Readiness {
    (0..6).fold(Readiness::NONE, |all, bit| {
        if bits >> bit & 1 == 1 {
            all | BITS[bit]
        } else {
            all
        }
    })
}

fn check<S: Storage>(mut sources: Sources<S>, room: usize, data: &[u8]) {
    let mut model: HashMap<Token, Source> = HashMap::new();
    let mut tokens: Vec<Token> = Vec::new();
    for call in data.chunks_exact(3) {
        let token = tokens.get(call[1] as usize % tokens.len().max(1)).copied();
        let bits = call[2] & 63;
        let side = usize::from(call[2] >> 7);
        let direction = [Direction::Read, Direction::Write][side];
        let number = usize::from(call[0] >> 6);
        match (call[0] % 64 % 7, token) {
            (0, _) => match sources.insert() {
                Ok(token) => {
                    assert!(model.len() < room);
                    assert!(model.insert(token, Source::default()).is_none());
                    tokens.push(token);
                }
                Err(full) => {
                    assert_eq!(model.len(), room);
                    assert_eq!(full.capacity, sources.capacity());
                }
            },
            (1, Some(token)) => {
                let wakeups = sources.remove(token);
                let source = model.remove(&token).unwrap_or_default();
                let [readers, writers] = &source.waiting;
                assert_eq!(wakeups.reader.is_some(), !readers.is_empty());
                assert_eq!(wakeups.writer.is_some(), !writers.is_empty());
                assert_eq!(wakeups.len(), readers.len() + writers.len());
            }
            (2, Some(token)) => {
                let mut expected = Vec::new();
                if let Some(source) = model.get_mut(&token) {
                    source.ready |= bits;
                    for side in 0..2 {
                        if bits & MASKS[side] != 0 {
                            expected.append(&mut source.waiting[side]);
                        }
                    }
                }
                // As a reactor does: by the number that the system kept.
                let found = sources.find(token.to_usize());
                assert_eq!(found, model.contains_key(&token).then_some(token));
                let number = token.to_usize();
                match found.filter(|_| side == 0) {
                    Some(found) => sources.set_ready(found, readiness(bits)).wake(),
                    None => sources.report(number, readiness(bits)).wake(),
                }
                for (_, waker) in expected {
                    assert_eq!(waker.0.load(Ordering::Relaxed), 1);
                }
            }
            (3, Some(token)) => {
                sources.clear_ready(token, readiness(bits));
                if let Some(source) = model.get_mut(&token) {
                    source.ready &= !(bits & CLEARABLE);
                }
            }
            (4, Some(token)) => {
                let count = Arc::new(Count::default());
                let waker = Waker::from(count.clone());
                let id = WaiterId::of(&WAITERS[number]);
                let mut cx = Context::from_waker(&waker);
                let ready = sources.ready(token) & direction.mask();
                let polled = match sources.contains(token) && ready.is_empty() {
                    true => {
                        sources.wait(token, direction, id, waker.clone()).let_go();
                        Poll::Pending
                    }
                    // Keeps no waker.
                    false => sources.poll_ready(token, direction, &mut cx),
                };
                let expected = match model.get_mut(&token) {
                    None => Poll::Ready(Readiness::ERROR),
                    Some(source) if source.ready & MASKS[side] != 0 => {
                        Poll::Ready(readiness(source.ready & MASKS[side]))
                    }
                    Some(source) => {
                        let waiting = &mut source.waiting[side];
                        match waiting.iter_mut().find(|waiter| waiter.0 == number) {
                            Some(known) => known.1 = count,
                            None => waiting.push((number, count)),
                        }
                        Poll::Pending
                    }
                };
                assert_eq!(polled, expected);
            }
            (5, Some(token)) => {
                let id = WaiterId::of(&WAITERS[number]);
                let forgotten = sources.forget(token, direction, id);
                let expected = model.get_mut(&token).and_then(|source| {
                    let waiting = &mut source.waiting[side];
                    let at = waiting.iter().position(|waiter| waiter.0 == number)?;
                    Some(waiting.remove(at))
                });
                assert_eq!(forgotten.is_some(), expected.is_some());
            }
            (6, Some(token)) => {
                sources.would_block(token, direction);
                if let Some(source) = model.get_mut(&token) {
                    source.ready &= !BLOCKED[side];
                }
            }
            _ => {}
        }
        assert_eq!(sources.len(), model.len());
        if let Some(token) = token {
            assert_eq!(sources.contains(token), model.contains_key(&token));
            let ready = model.get(&token).map_or(0, |source| source.ready);
            assert_eq!(sources.ready(token), readiness(ready));
        }
    }
    for (_, source) in model {
        for (_, waiting) in source.waiting.into_iter().flatten() {
            assert_eq!(waiting.0.load(Ordering::Relaxed), 0);
        }
    }
}

fuzz_target!(|data: &[u8]| {
    check(Sources::new([const { Entry::new() }; 3], 9), 3, data);
    check(Sources::new(Pages::new(), 5), 5, data);
});
