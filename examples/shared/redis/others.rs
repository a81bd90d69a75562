//! Where keys and subscribers are that are not here.

use core::future::Ready;

use super::parse::Command;

/// Which words of a command are keys.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Keys {
    /// None, and it is for nobody but the connection that it came by.
    None,
    First,
    /// All but the name.
    All,
    /// Every second one: a value is behind each.
    Pairs,
    /// None, but it is for all keys, or for all subscribers.
    Everywhere,
}

/// Other stores, each with keys and subscribers of its own, which with this one are a whole.
pub(crate) trait Others {
    /// Whether there can be any.
    const EXIST: bool;

    /// Has a command executed by whoever has its keys, and returns the answer: not longer than any other. `None`: all of
    /// them are here.
    fn ask(
        &self,
        command: Command<'_>,
        keys: Keys,
    ) -> Option<impl Future<Output = impl AsRef<[u8]>>>;
}

/// There are no others.
pub(crate) struct Alone;

impl Others for Alone {
    const EXIST: bool = false;

    fn ask(&self, _: Command<'_>, _: Keys) -> Option<impl Future<Output = impl AsRef<[u8]>>> {
        None::<Ready<[u8; 0]>>
    }
}
