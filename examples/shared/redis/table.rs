//! What is known of each command before it is executed: how many words it has, which of them are keys, and how long
//! its answer can be.

use super::hub::{Kind, Member};
use super::others::Keys;
use super::parse::Command;
use super::store::Store;
use super::{FRAME, SHORT};

const TOO_LONG: &str = "ERR string exceeds maximum allowed size (proto-max-bulk-len)";

/// How long an answer can be.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Length {
    /// A number, an error.
    Short,
    /// The words of the command.
    Words,
    /// The values of the keys that the words are.
    Values,
    /// The keys of the store.
    Keys,
}

/// Name, number of words (or, below zero, how many at least), how long the answer can be, and which words are keys.
const COMMANDS: [(&str, i8, Length, Keys); 36] = [
    ("append", 3, Length::Short, Keys::First),
    // What redis-cli asks first, and redis-benchmark; they do without an answer.
    ("command", -1, Length::Short, Keys::None),
    ("config", -2, Length::Words, Keys::None),
    ("dbsize", 1, Length::Short, Keys::Everywhere),
    ("decr", 2, Length::Short, Keys::First),
    ("decrby", 3, Length::Short, Keys::First),
    ("del", -2, Length::Short, Keys::All),
    ("echo", 2, Length::Words, Keys::None),
    ("exists", -2, Length::Short, Keys::All),
    ("expire", -3, Length::Short, Keys::First),
    ("flushall", -1, Length::Short, Keys::Everywhere),
    ("flushdb", -1, Length::Short, Keys::Everywhere),
    ("get", 2, Length::Values, Keys::First),
    ("getdel", 2, Length::Values, Keys::First),
    ("getset", 3, Length::Values, Keys::First),
    ("incr", 2, Length::Short, Keys::First),
    ("incrby", 3, Length::Short, Keys::First),
    ("keys", 2, Length::Keys, Keys::Everywhere),
    ("mget", -2, Length::Values, Keys::All),
    ("mset", -3, Length::Short, Keys::Pairs),
    ("persist", 2, Length::Short, Keys::First),
    ("pexpire", -3, Length::Short, Keys::First),
    ("ping", -1, Length::Words, Keys::None),
    ("psubscribe", -2, Length::Words, Keys::None),
    ("pttl", 2, Length::Short, Keys::First),
    ("publish", 3, Length::Short, Keys::Everywhere),
    ("punsubscribe", -1, Length::Words, Keys::None),
    ("quit", -1, Length::Short, Keys::None),
    ("set", -3, Length::Values, Keys::First),
    ("setnx", 3, Length::Short, Keys::First),
    ("strlen", 2, Length::Short, Keys::First),
    ("subscribe", -2, Length::Words, Keys::None),
    ("ttl", 2, Length::Short, Keys::First),
    ("type", 2, Length::Short, Keys::First),
    ("unlink", -2, Length::Short, Keys::All),
    ("unsubscribe", -1, Length::Words, Keys::None),
];

/// Whether the name of a command is this one, in capitals or not.
pub(super) fn is(name: &[u8], other: &str) -> bool {
    name.eq_ignore_ascii_case(other.as_bytes())
}

pub(super) fn look_up(name: &[u8]) -> Option<(&'static str, i8, Length, Keys)> {
    let mut all = COMMANDS.iter();
    all.find(|command| is(name, command.0)).copied()
}

/// Whether a command has so many words.
pub(super) fn takes((name, arity, ..): (&str, i8, Length, Keys), count: usize) -> bool {
    let wanted = usize::from(arity.unsigned_abs());
    !(count < wanted || arity > 0 && count > wanted || name == "ping" && count > 2)
}

/// Which words of a command are keys, unless it is refused anyway whatever their values are.
pub(crate) fn keys<const SIZE: usize>(command: Command<'_>, is_subscriber: bool) -> Keys {
    let mut words = command.words();
    let known = words.next().and_then(look_up);
    let count = command.words().count();
    let Some(known) = known.filter(|known| !is_subscriber && takes(*known, count)) else {
        return Keys::None;
    };
    let fits = |value: &[u8]| check::<SIZE>(value.len()).is_ok();
    match known.3 {
        Keys::Pairs if count % 2 == 0 || !words.skip(1).step_by(2).all(fits) => Keys::None,
        keys => keys,
    }
}

/// A value has to fit into a buffer when it is asked for.
pub(super) fn check<const SIZE: usize>(length: usize) -> Result<(), &'static str> {
    if length > SIZE - FRAME {
        Err(TOO_LONG)
    } else {
        Ok(())
    }
}

/// How long the answer to a command can be at most.
pub(crate) fn bound<const BYTES: usize, const HUB: usize>(
    command: Command<'_>,
    store: &Store<BYTES>,
    member: &Member<'_, HUB>,
) -> usize {
    let mut words = command.words();
    let name = words.next().unwrap_or_default();
    let length = look_up(name).map_or(Length::Words, |command| command.2);
    let values = || {
        words
            .clone()
            .map(|key| store.get(key).map_or(0, <[u8]>::len))
    };
    let carried: usize = match length {
        Length::Short => 0,
        Length::Words => {
            let subscribes = name.len() >= "subscribe".len();
            let each = if subscribes { FRAME } else { 16 };
            let kind = match is(name, "punsubscribe") {
                true => Kind::Pattern,
                false => Kind::Channel,
            };
            let words = command.words().map(|word| word.len() + each);
            words.sum::<usize>() + member.length_of_names(kind, each)
        }
        Length::Values if is(name, "mget") => values().map(|length| length + 16).sum(),
        // The first of the words is the key.
        Length::Values => values().next().unwrap_or(0),
        Length::Keys => store.keys().map(|key| key.len() + 16).sum(),
    };
    (carried + FRAME).max(SHORT)
}
