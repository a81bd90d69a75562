//! What nodes and clients say to one another, in datagrams that serde and postcard make.

use serde::{Deserialize, Serialize};

/// What a client wants a node to do. Its number counts what this client has asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Request {
    pub(crate) client: u64,
    pub(crate) number: u64,
    pub(crate) key: u64,
    /// None: to read.
    pub(crate) write: Option<u64>,
}

/// A write, as it stands in the log. That of client 0, which is nobody, changes nothing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Command {
    pub(crate) client: u64,
    pub(crate) number: u64,
    pub(crate) key: u64,
    pub(crate) value: u64,
}

/// A place of the log.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Entry {
    pub(crate) term: u64,
    pub(crate) command: Command,
}

/// What nodes and clients say.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Message {
    /// A candidate asks for a vote; its log ends with this index and term.
    Campaign { term: u64, last: (u64, u64) },
    /// The answer.
    Vote { term: u64, granted: bool },
    /// A leader's entries, behind the one with this index and term.
    Append {
        term: u64,
        before: (u64, u64),
        entries: Vec<Entry>,
        commit: u64,
        round: u64,
    },
    /// The answer: up to which index the logs agree, or from which on the follower wants entries.
    Appended {
        term: u64,
        agrees: bool,
        index: u64,
        round: u64,
    },
    /// A client asks.
    Ask(Request),
    /// The answer to the request with this number. Without a value: ask somebody else.
    Answer { number: u64, value: Option<u64> },
}

impl Message {
    /// The datagram, which says who sends it.
    pub(crate) fn encode(&self, from: usize) -> Vec<u8> {
        postcard::to_allocvec(&(from, self)).expect("a message is numbers, in a vector that grows")
    }

    /// Reads a datagram; `None`, if it is none of these.
    pub(crate) fn decode(bytes: &[u8]) -> Option<(usize, Self)> {
        postcard::from_bytes(bytes).ok()
    }
}
