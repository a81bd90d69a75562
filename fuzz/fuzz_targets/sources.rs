//! The table of sources against a map: whatever the order of calls, and however stale the
//! tokens, a token reaches its own source or nothing.
#![no_main]

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::task::{Context, Poll, Wake, Waker};

use libfuzzer_sys::fuzz_target;
use polliwog_core::sources::{Direction, Entry, Pages, Readiness, Sources, Storage, Token};

#[derive(Default)]
struct Count(AtomicU32);

impl Wake for Count {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

/// A source in the model: what it is ready for, and who waits to read and to write.
#[derive(Default)]
struct Source {
    ready: u8,
    waiting: [Option<Arc<Count>>; 2],
}

const BITS: [Readiness; 5] = [
    Readiness::READABLE,
    Readiness::WRITABLE,
    Readiness::READ_CLOSED,
    Readiness::WRITE_CLOSED,
    Readiness::ERROR,
];
/// What ends a wait to read and to write; what can be cleared.
const MASKS: [u8; 2] = [0b10101, 0b11010];
const CLEARABLE: u8 = 0b00011;

fn readiness(bits: u8) -> Readiness {
    (0..5).fold(Readiness::NONE, |all, bit| {
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
        let bits = call[2] & 31;
        let side = usize::from(call[2] >> 7);
        let direction = [Direction::Read, Direction::Write][side];
        match (call[0] % 6, token) {
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
                assert_eq!(wakeups.reader.is_some(), source.waiting[0].is_some());
                assert_eq!(wakeups.writer.is_some(), source.waiting[1].is_some());
            }
            (2, Some(token)) => {
                let mut expected = Vec::new();
                if let Some(source) = model.get_mut(&token) {
                    source.ready |= bits;
                    for side in 0..2 {
                        if bits & MASKS[side] != 0 {
                            expected.extend(source.waiting[side].take());
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
                for waker in expected {
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
                let polled = sources.poll_ready(token, direction, &mut Context::from_waker(&waker));
                let expected = match model.get_mut(&token) {
                    None => Poll::Ready(Readiness::ERROR),
                    Some(source) if source.ready & MASKS[side] != 0 => {
                        Poll::Ready(readiness(source.ready & MASKS[side]))
                    }
                    Some(source) => {
                        source.waiting[side] = Some(count);
                        Poll::Pending
                    }
                };
                assert_eq!(polled, expected);
            }
            (5, Some(token)) => {
                let forgotten = sources.forget(token, direction);
                let expected = model
                    .get_mut(&token)
                    .and_then(|source| source.waiting[side].take());
                assert_eq!(forgotten.is_some(), expected.is_some());
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
        for waiting in source.waiting.into_iter().flatten() {
            assert_eq!(waiting.0.load(Ordering::Relaxed), 0);
        }
    }
}

fuzz_target!(|data: &[u8]| {
    check(Sources::new([const { Entry::new() }; 3], 9), 3, data);
    check(Sources::new(Pages::new(), 5), 5, data);
});
