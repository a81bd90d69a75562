//! What a node must not forget: its term, its vote and its log, in a file that only grows.
//!
//! A record has a checksum, since what was not synced before a crash may be there in part, or with a hole in it.
//! What lies behind the first record that is not whole is cut off before anything is written there again.

use std::io::{Result, SeekFrom};

use crc::{CRC_32_ISCSI, Crc};
use polliwog::sim::fs::{File, OpenOptions};
use serde::{Deserialize, Serialize};

use super::wire::Entry;

const CRC: Crc<u32> = Crc::<u32>::new(&CRC_32_ISCSI);

#[derive(Serialize, Deserialize)]
enum Record {
    State { term: u64, vote: Option<usize> },
    Entry { index: u64, entry: Entry },
}

impl Record {
    fn encode(&self) -> Vec<u8> {
        postcard::to_allocvec_crc32(self, CRC.digest())
            .expect("a record is numbers, in a vector that grows")
    }
}

/// Term, vote and log, on the disk and in memory.
pub(crate) struct Journal {
    file: File,
    pub(crate) term: u64,
    pub(crate) vote: Option<usize>,
    /// The entry with index 1 is the first.
    log: Vec<Entry>,
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
        let mut rest = bytes.as_slice();
        while let Ok((record, behind)) = postcard::take_from_bytes_crc32(rest, CRC.digest()) {
            journal.remember(record);
            rest = behind;
        }
        let good = (bytes.len() - rest.len()) as u64;
        journal.file.set_len(good).await?;
        journal.file.seek(SeekFrom::Start(good)).await?;
        journal.file.sync_all().await?;
        Ok(journal)
    }

    fn remember(&mut self, record: Record) {
        match record {
            Record::State { term, vote } => (self.term, self.vote) = (term, vote),
            Record::Entry { index, entry } => {
                // It takes the place of what stood there and behind it.
                self.log.truncate(index as usize - 1);
                self.log.push(entry);
            }
        }
    }

    /// Writes a record down, and remembers it. It is not safe before [`sync`](Self::sync).
    async fn write(&mut self, record: Record) -> Result<()> {
        let bytes = record.encode();
        self.remember(record);
        self.file.write_all(&bytes).await
    }

    /// Sets term and vote, safely.
    pub(crate) async fn set_term(&mut self, term: u64, vote: Option<usize>) -> Result<()> {
        self.write(Record::State { term, vote }).await?;
        self.sync().await
    }

    /// Puts entries into the log, from this index on; what stood there goes. They are not safe before
    /// [`sync`](Self::sync).
    pub(crate) async fn put(&mut self, index: u64, entries: &[Entry]) -> Result<()> {
        for (index, entry) in (index..).zip(entries) {
            let entry = *entry;
            self.write(Record::Entry { index, entry }).await?;
        }
        Ok(())
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
