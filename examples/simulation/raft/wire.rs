//! What nodes and clients say to one another, as words of eight bytes in datagrams.

/// What a client wants a node to do. Its number counts what this client has asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Request {
    pub(crate) client: u64,
    pub(crate) number: u64,
    pub(crate) key: u64,
    /// None: to read.
    pub(crate) write: Option<u64>,
}

/// A write, as it stands in the log. That of client 0, which is nobody, changes nothing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Command {
    pub(crate) client: u64,
    pub(crate) number: u64,
    pub(crate) key: u64,
    pub(crate) value: u64,
}

/// A place of the log.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Entry {
    pub(crate) term: u64,
    pub(crate) command: Command,
}

/// What nodes and clients say.
#[derive(Clone, Debug, PartialEq, Eq)]
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

fn option(value: Option<u64>) -> [u64; 2] {
    [u64::from(value.is_some()), value.unwrap_or(0)]
}

impl Message {
    /// The datagram, which says who sends it.
    pub(crate) fn encode(&self, from: usize) -> Vec<u8> {
        let mut words = vec![from as u64];
        match self {
            Self::Campaign { term, last } => words.extend([0, *term, last.0, last.1]),
            Self::Vote { term, granted } => words.extend([1, *term, u64::from(*granted)]),
            Self::Append {
                term,
                before,
                entries,
                commit,
                round,
            } => {
                words.extend([2, *term, before.0, before.1, *commit, *round]);
                for Entry { term, command } in entries {
                    let Command {
                        client,
                        number,
                        key,
                        value,
                    } = *command;
                    words.extend([*term, client, number, key, value]);
                }
            }
            Self::Appended {
                term,
                agrees,
                index,
                round,
            } => words.extend([3, *term, u64::from(*agrees), *index, *round]),
            Self::Ask(request) => {
                words.extend([4, request.client, request.number, request.key]);
                words.extend(option(request.write));
            }
            Self::Answer { number, value } => {
                words.extend([5, *number]);
                words.extend(option(*value));
            }
        }
        words.into_iter().flat_map(u64::to_le_bytes).collect()
    }

    /// Reads a datagram; `None`, if it is none of these.
    pub(crate) fn decode(bytes: &[u8]) -> Option<(usize, Self)> {
        let words = bytes
            .chunks(8)
            .map(|word| Some(u64::from_le_bytes(word.try_into().ok()?)));
        let words: Vec<u64> = words.collect::<Option<_>>()?;
        let (from, words) = words.split_first()?;
        let message = match *words {
            [0, term, index, last] => Self::Campaign {
                term,
                last: (index, last),
            },
            [1, term, granted] => Self::Vote {
                term,
                granted: granted != 0,
            },
            [2, term, index, before, commit, round, ref entries @ ..] => Self::Append {
                term,
                before: (index, before),
                entries: entries.chunks(5).map(entry).collect::<Option<_>>()?,
                commit,
                round,
            },
            [3, term, agrees, index, round] => Self::Appended {
                term,
                agrees: agrees != 0,
                index,
                round,
            },
            [4, client, number, key, is_write, value] => Self::Ask(Request {
                client,
                number,
                key,
                write: (is_write != 0).then_some(value),
            }),
            [5, number, is_there, value] => Self::Answer {
                number,
                value: (is_there != 0).then_some(value),
            },
            _ => return None,
        };
        Some((usize::try_from(*from).ok()?, message))
    }
}

fn entry(words: &[u64]) -> Option<Entry> {
    let [term, client, number, key, value] = *words else {
        return None;
    };
    let command = Command {
        client,
        number,
        key,
        value,
    };
    Some(Entry { term, command })
}
