//! Who has subscribed to what, and what was published, in memory of a fixed size.
//!
//! Messages lie in a ring, one after the other, and each subscriber knows how far it has come. Where there is no
//! room for another message, the oldest makes room; who has not read that one is too slow and loses its
//! connection, as in Redis, whose buffers have a limit as well.

use core::cell::{Cell, RefCell};
use core::future::poll_fn;
use core::pin::pin;
use core::task::Poll;

use polliwog::sync::Notify;

use super::answers::Answers;
use super::glob;

/// What a message needs in the ring beside its words.
const HEAD: usize = 4;

pub(crate) struct Hub<const BYTES: usize> {
    inner: RefCell<Inner<BYTES>>,
    published: Notify,
    clients: Cell<u32>,
}

struct Inner<const BYTES: usize> {
    /// Subscriptions: whose (four bytes), of which kind, length (two bytes), name.
    names: [u8; BYTES],
    names_used: usize,
    /// Messages: two lengths, channel, text. The byte number `n` since the beginning is at `n % BYTES`.
    ring: [u8; BYTES],
    first: u64,
    end: u64,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Channel,
    Pattern,
}

impl Kind {
    fn names(self) -> (&'static [u8], &'static [u8]) {
        match self {
            Kind::Channel => (b"subscribe", b"unsubscribe"),
            Kind::Pattern => (b"psubscribe", b"punsubscribe"),
        }
    }
}

/// What a subscription needs beside its name.
const MARK: usize = 7;

/// One client and what it has subscribed to, until it is dropped.
pub(crate) struct Member<'a, const BYTES: usize> {
    hub: &'a Hub<BYTES>,
    id: u32,
    /// What comes next for this one, in the ring.
    at: Cell<u64>,
    /// How many of its subscriptions have been told of that one.
    told: Cell<usize>,
    count: Cell<usize>,
}

impl<const BYTES: usize> Hub<BYTES> {
    pub(crate) const fn new() -> Self {
        Self {
            inner: RefCell::new(Inner {
                names: [0; BYTES],
                names_used: 0,
                ring: [0; BYTES],
                first: 0,
                end: 0,
            }),
            published: Notify::const_new(),
            clients: Cell::new(0),
        }
    }

    pub(crate) fn join(&self) -> Member<'_, BYTES> {
        let id = self.clients.get();
        self.clients.set(id.wrapping_add(1));
        Member {
            hub: self,
            id,
            at: Cell::new(0),
            told: Cell::new(0),
            count: Cell::new(0),
        }
    }

    /// Whether a message of so many bytes makes the oldest go.
    pub(crate) fn is_full_for(&self, length: usize) -> bool {
        let inner = self.inner.borrow();
        (inner.end - inner.first) as usize + HEAD + length > BYTES
    }

    /// Returns how many subscriptions it is for; `None`: it is too long.
    pub(crate) fn publish(&self, channel: &[u8], text: &[u8]) -> Option<usize> {
        let inner = &mut *self.inner.borrow_mut();
        let size = HEAD + channel.len() + text.len();
        let lengths = (u16::try_from(channel.len()), u16::try_from(text.len()));
        let (Ok(channel_length), Ok(text_length)) = lengths else {
            return None;
        };
        if size > BYTES {
            return None;
        }
        let receivers = inner
            .names()
            .filter(|name| name.wants(|at| channel.get(at).copied()))
            .count();
        if receivers == 0 {
            return Some(0);
        }
        while (inner.end - inner.first) as usize + size > BYTES {
            let (channel, text) = inner.lengths(inner.first);
            inner.first += (HEAD + channel + text) as u64;
        }
        for part in [
            &channel_length.to_le_bytes()[..],
            &text_length.to_le_bytes(),
            channel,
            text,
        ] {
            for &byte in part {
                inner.ring[(inner.end % BYTES as u64) as usize] = byte;
                inner.end += 1;
            }
        }
        self.published.notify_waiters();
        Some(receivers)
    }
}

/// Somebody's subscription.
struct Name<'a> {
    id: u32,
    kind: Kind,
    text: &'a [u8],
    start: usize,
}

impl Name<'_> {
    /// The channel is given by its bytes, one after the other.
    fn wants(&self, channel: impl Fn(usize) -> Option<u8>) -> bool {
        match self.kind {
            Kind::Channel => {
                let length = self.text.len();
                (0..length).all(|at| channel(at) == Some(self.text[at]))
                    && channel(length).is_none()
            }
            Kind::Pattern => glob::matches(self.text, channel),
        }
    }
}

impl<const BYTES: usize> Inner<BYTES> {
    fn names(&self) -> impl Iterator<Item = Name<'_>> {
        let mut at = 0;
        core::iter::from_fn(move || {
            let used = &self.names[at..self.names_used];
            let [a, b, c, d, kind, low, high, rest @ ..] = used else {
                return None;
            };
            let name = Name {
                id: u32::from_le_bytes([*a, *b, *c, *d]),
                kind: if *kind == 0 {
                    Kind::Channel
                } else {
                    Kind::Pattern
                },
                text: &rest[..usize::from(u16::from_le_bytes([*low, *high]))],
                start: at,
            };
            at += MARK + name.text.len();
            Some(name)
        })
    }

    fn byte(&self, at: u64) -> u8 {
        self.ring[(at % BYTES as u64) as usize]
    }

    fn lengths(&self, at: u64) -> (usize, usize) {
        let word = |at| usize::from(u16::from_le_bytes([self.byte(at), self.byte(at + 1)]));
        (word(at), word(at + 2))
    }

    /// What lies in the ring from `at` on, the part before its end and the one after.
    fn parts(&self, at: u64, length: usize) -> [&[u8]; 2] {
        let start = (at % BYTES as u64) as usize;
        let first = length.min(BYTES - start);
        [
            &self.ring[start..start + first],
            &self.ring[..length - first],
        ]
    }
}

/// What has become of a look for messages.
#[derive(PartialEq, Eq)]
pub(crate) enum Looked {
    /// There is no other one.
    AllSeen,
    /// There is no room in the answers for the next.
    NoRoom,
    /// Some of them are lost.
    TooSlow,
}

impl<const BYTES: usize> Member<'_, BYTES> {
    /// How many subscriptions it has.
    pub(crate) fn count(&self) -> usize {
        self.count.get()
    }

    fn has(&self, kind: Kind, name: &[u8]) -> bool {
        let inner = self.hub.inner.borrow();
        inner
            .names()
            .any(|other| self.is_own(&other, kind) && other.text == name)
    }

    fn is_own(&self, name: &Name<'_>, kind: Kind) -> bool {
        name.id == self.id && name.kind == kind
    }

    /// Subscribes, and says so; `false` if there is no room for that.
    pub(crate) fn subscribe<const SIZE: usize>(
        &self,
        kind: Kind,
        name: &[u8],
        answers: &mut Answers<SIZE>,
    ) -> bool {
        if !self.has(kind, name) {
            let inner = &mut *self.hub.inner.borrow_mut();
            let start = inner.names_used;
            let size = MARK + name.len();
            let (Some(room), Ok(length)) = (
                inner.names.get_mut(start..start + size),
                u16::try_from(name.len()),
            ) else {
                return false;
            };
            room[..4].copy_from_slice(&self.id.to_le_bytes());
            room[4] = kind as u8;
            room[5..MARK].copy_from_slice(&length.to_le_bytes());
            room[MARK..].copy_from_slice(name);
            inner.names_used += size;
            if self.count.get() == 0 {
                self.at.set(inner.end);
            }
            self.count.set(self.count.get() + 1);
        }
        self.answer(kind.names().0, Some(name), answers);
        true
    }

    /// Ends a subscription, and says so.
    pub(crate) fn unsubscribe<const SIZE: usize>(
        &self,
        kind: Kind,
        name: &[u8],
        answers: &mut Answers<SIZE>,
    ) {
        self.forget(|other| self.is_own(other, kind) && other.text == name);
        self.answer(kind.names().1, Some(name), answers);
    }

    /// Ends all of a kind.
    pub(crate) fn unsubscribe_all<const SIZE: usize>(
        &self,
        kind: Kind,
        answers: &mut Answers<SIZE>,
    ) {
        let mut none = true;
        loop {
            // The name is told before it is forgotten.
            let inner = self.hub.inner.borrow();
            let Some(name) = inner.names().find(|name| self.is_own(name, kind)) else {
                break;
            };
            none = false;
            let start = name.start;
            self.count.set(self.count.get() - 1);
            self.answer(kind.names().1, Some(name.text), answers);
            self.count.set(self.count.get() + 1);
            drop(inner);
            self.forget(|other| other.start == start);
        }
        if none {
            self.answer(kind.names().1, None, answers);
        }
    }

    fn answer<const SIZE: usize>(
        &self,
        what: &[u8],
        name: Option<&[u8]>,
        answers: &mut Answers<SIZE>,
    ) {
        answers.array(3);
        answers.bulk(what);
        answers.bulk_or_nil(name);
        answers.integer(self.count.get() as i64);
    }

    /// Forgets the first that is meant.
    fn forget(&self, meant: impl FnMut(&Name<'_>) -> bool) -> bool {
        let inner = &mut *self.hub.inner.borrow_mut();
        let Some((start, end)) = ({
            let found = inner.names().find(meant);
            found.map(|name| (name.start, name.start + MARK + name.text.len()))
        }) else {
            return false;
        };
        inner.names.copy_within(end..inner.names_used, start);
        inner.names_used -= end - start;
        self.count.set(self.count.get() - 1);
        true
    }

    /// How many bytes the answer to an end of all subscriptions of a kind takes, beside `each`.
    pub(crate) fn length_of_names(&self, kind: Kind, each: usize) -> usize {
        let inner = self.hub.inner.borrow();
        let own = inner.names().filter(|name| self.is_own(name, kind));
        own.map(|name| name.text.len() + each).sum()
    }

    /// Takes the messages that have come, as many as there is room for.
    pub(crate) fn look<const SIZE: usize>(&self, answers: &mut Answers<SIZE>) -> Looked {
        if self.count.get() == 0 {
            return Looked::AllSeen;
        }
        let inner = &*self.hub.inner.borrow();
        if self.at.get() < inner.first {
            return Looked::TooSlow;
        }
        while self.at.get() < inner.end {
            let at = self.at.get();
            let (channel_length, text_length) = inner.lengths(at);
            let channel = inner.parts(at + HEAD as u64, channel_length);
            let text = inner.parts((at + HEAD as u64) + channel_length as u64, text_length);
            let byte = |at: usize| match channel[0].get(at) {
                None => channel[1].get(at - channel[0].len()).copied(),
                found => found.copied(),
            };
            let wants = |name: &Name<'_>| name.id == self.id && name.wants(byte);
            // Redis tells those who asked for the channel first.
            let names = [Kind::Channel, Kind::Pattern].into_iter();
            let names = names.flat_map(|kind| inner.names().filter(move |name| name.kind == kind));
            for name in names.filter(wants).skip(self.told.get()) {
                let size = super::FRAME + name.text.len() + channel_length + text_length;
                if size > answers.room() {
                    return Looked::NoRoom;
                }
                match name.kind {
                    Kind::Channel => {
                        answers.array(3);
                        answers.bulk(b"message");
                    }
                    Kind::Pattern => {
                        answers.array(4);
                        answers.bulk(b"pmessage");
                        answers.bulk(name.text);
                    }
                }
                answers.bulk_of(channel);
                answers.bulk_of(text);
                self.told.set(self.told.get() + 1);
            }
            self.told.set(0);
            self.at
                .set(at + (HEAD + channel_length + text_length) as u64);
        }
        Looked::AllSeen
    }

    /// Waits until there is a message, for one that has subscribed to something.
    pub(crate) async fn news(&self) {
        self.until(|inner| self.at.get() < inner.end).await;
    }

    /// Waits until it has lost messages.
    pub(crate) async fn is_too_slow(&self) {
        self.until(|inner| self.at.get() < inner.first).await;
    }

    async fn until(&self, condition: impl Fn(&Inner<BYTES>) -> bool) {
        loop {
            let published = pin!(self.hub.published.notified());
            if self.count.get() > 0 && condition(&self.hub.inner.borrow()) {
                return;
            }
            published.await;
        }
    }
}

impl<const BYTES: usize> Drop for Member<'_, BYTES> {
    fn drop(&mut self) {
        while self.forget(|name| name.id == self.id) {}
    }
}

/// Does something until an end of the other comes first, which is `None`.
pub(crate) async fn unless<T>(
    something: impl Future<Output = T>,
    other: impl Future<Output = ()>,
) -> Option<T> {
    let (mut something, mut other) = (pin!(something), pin!(other));
    poll_fn(|cx| match something.as_mut().poll(cx) {
        Poll::Ready(value) => Poll::Ready(Some(value)),
        Poll::Pending => other.as_mut().poll(cx).map(|()| None),
    })
    .await
}
