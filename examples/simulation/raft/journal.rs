//! What a node must not forget: its term, its vote and its log, in a file that only grows.
//!
//! A record has a checksum, since what was not synced before a crash may be there in part, or with a hole in it.
//! What lies behind the first record that is not whole is cut off before anything is written there again.

use std::io::{Result, SeekFrom};

use polliwog::sim::fs::{File, OpenOptions};

use super::wire::{Command, Entry};

/// A record: its checksum, its kind and what it says.
const WORDS: usize = 8;
const STATE: u64 = 1;
const ENTRY: u64 = 2;

/// Term, vote and log, on the disk and in memory.
pub(crate) struct Journal {
    file: File,
    pub(crate) term: u64,
    pub(crate) vote: Option<usize>,
    /// The entry with index 1 is the first.
    log: Vec<Entry>,
}

fn checksum(words: &[u64]) -> u64 {
    words.iter().fold(0xCBF2_9CE4_8422_2325, |sum, word| {
        (sum ^ word)
            .wrapping_mul(0x0000_0100_0000_01B3)
            .rotate_left(29)
    })
}

fn record(kind: u64, says: &[u64]) -> Vec<u8> {
    let mut words = vec![kind];
    words.extend(says);
    words.resize(WORDS - 1, 0);
    let sum = checksum(&words);
    let words = [sum].into_iter().chain(words);
    words.flat_map(u64::to_le_bytes).collect()
}

impl Journal {
    /// Reads what there is.
    pub(crate) async fn open() -> Result<Self> {
        let mut options = OpenOptions::new();
        let file = options.read(true).write(true).create(true);
        let mut journal = Self {
            file: file.open("journal").await?,
            term: 0,
            vote: None,
            log: Vec::new(),
        };
        let mut bytes = Vec::new();
        journal.file.read_to_end(&mut bytes).await?;
        let mut good = 0;
        for record in bytes.chunks(8 * WORDS) {
            let words = record
                .chunks(8)
                .map(|word| word.try_into().map_or(0, u64::from_le_bytes));
            let words: Vec<u64> = words.collect();
            if words.len() < WORDS || checksum(&words[1..]) != words[0] {
                break;
            }
            journal.remember(&words[1..]);
            good += record.len() as u64;
        }
        journal.file.set_len(good).await?;
        journal.file.seek(SeekFrom::Start(good)).await?;
        journal.file.sync_all().await?;
        Ok(journal)
    }

    fn remember(&mut self, words: &[u64]) {
        match *words {
            [STATE, term, vote, ..] => {
                self.term = term;
                self.vote = usize::try_from(vote)
                    .ok()
                    .and_then(|vote| vote.checked_sub(1));
            }
            [ENTRY, index, term, client, number, key, value] => {
                let command = Command {
                    client,
                    number,
                    key,
                    value,
                };
                // It takes the place of what stood there and behind it.
                self.log.truncate(index as usize - 1);
                self.log.push(Entry { term, command });
            }
            _ => {}
        }
    }

    async fn write(&mut self, records: &[u8]) -> Result<()> {
        self.file.write_all(records).await
    }

    /// Sets term and vote, safely if `sync`.
    pub(crate) async fn set_term(&mut self, term: u64, vote: Option<usize>) -> Result<()> {
        (self.term, self.vote) = (term, vote);
        let vote = vote.map_or(0, |vote| vote as u64 + 1);
        self.write(&record(STATE, &[term, vote])).await?;
        self.file.sync_all().await
    }

    /// Puts entries into the log, from this index on; what stood there goes. They are not safe before
    /// [`sync`](Self::sync).
    pub(crate) async fn put(&mut self, index: u64, entries: &[Entry]) -> Result<()> {
        let mut records = Vec::new();
        for (index, Entry { term, command }) in (index..).zip(entries) {
            let Command {
                client,
                number,
                key,
                value,
            } = *command;
            records.extend(record(ENTRY, &[index, *term, client, number, key, value]));
        }
        self.log.truncate(index as usize - 1);
        self.log.extend(entries);
        self.write(&records).await
    }

    pub(crate) async fn sync(&mut self) -> Result<()> {
        self.file.sync_all().await
    }

    /// The index of the last entry.
    pub(crate) fn last(&self) -> u64 {
        self.log.len() as u64
    }

    /// The term of an entry; before the first it is 0.
    pub(crate) fn term_of(&self, index: u64) -> Option<u64> {
        match index {
            0 => Some(0),
            _ => Some(self.log.get(index as usize - 1)?.term),
        }
    }

    /// The entries from an index on.
    pub(crate) fn from(&self, index: u64) -> &[Entry] {
        self.log.get(index as usize - 1..).unwrap_or_default()
    }

    /// The entries up to an index.
    pub(crate) fn up_to(&self, index: u64) -> &[Entry] {
        &self.log[..self.log.len().min(index as usize)]
    }
}
