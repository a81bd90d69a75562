//! Keys, values and when they expire, in memory of a fixed size.

/// Keys and values in `BYTES` bytes, one after the other. Looking for a key goes through all of
/// them, which a small memory forgives.
pub(crate) struct Store<const BYTES: usize> {
    bytes: [u8; BYTES],
    used: usize,
    /// Nothing expires before that.
    next: u64,
}

/// There is no room for that.
pub(crate) struct Full;

/// Where a key and its value are.
#[derive(Clone, Copy)]
struct Entry {
    start: usize,
    key: usize,
    value: usize,
    end: usize,
}

/// Lengths of a key and of a value, two bytes each. A key that expires is marked in its length, and has the
/// time behind these.
const HEADER: usize = 4;
const TIME: usize = 8;
const EXPIRES: u16 = 1 << 15;

impl<const BYTES: usize> Store<BYTES> {
    pub(crate) const fn new() -> Self {
        Self {
            bytes: [0; BYTES],
            used: 0,
            next: u64::MAX,
        }
    }

    fn entry(&self, start: usize) -> Entry {
        let word = |at: usize| u16::from_le_bytes([self.bytes[at], self.bytes[at + 1]]);
        let key_length = word(start);
        let time = if key_length & EXPIRES == 0 { 0 } else { TIME };
        let key = start + HEADER + time;
        let value = key + usize::from(key_length & !EXPIRES);
        Entry {
            start,
            key,
            value,
            end: value + usize::from(word(start + 2)),
        }
    }

    fn entries(&self) -> impl Iterator<Item = Entry> + '_ {
        let mut at = 0;
        core::iter::from_fn(move || {
            (at < self.used).then(|| {
                let entry = self.entry(at);
                at = entry.end;
                entry
            })
        })
    }

    fn find(&self, key: &[u8]) -> Option<Entry> {
        self.entries()
            .find(|entry| &self.bytes[entry.key..entry.value] == key)
    }

    fn time(&self, entry: Entry) -> Option<u64> {
        let time = &self.bytes[entry.start + HEADER..entry.key];
        time.try_into().ok().map(u64::from_le_bytes)
    }

    fn cut(&mut self, entry: Entry) {
        self.bytes.copy_within(entry.end..self.used, entry.start);
        self.used -= entry.end - entry.start;
    }

    /// Forgets what expires at `now` or before. To be called first.
    pub(crate) fn expire(&mut self, now: u64) {
        if now < self.next {
            return;
        }
        let mut at = 0;
        self.next = u64::MAX;
        while at < self.used {
            let entry = self.entry(at);
            match self.time(entry) {
                Some(time) if time <= now => {
                    self.cut(entry);
                    continue;
                }
                Some(time) => self.next = self.next.min(time),
                None => {}
            }
            at = entry.end;
        }
    }

    pub(crate) fn get(&self, key: &[u8]) -> Option<&[u8]> {
        self.find(key)
            .map(|entry| &self.bytes[entry.value..entry.end])
    }

    pub(crate) fn keys(&self) -> impl Iterator<Item = &[u8]> + Clone {
        let mut at = 0;
        core::iter::from_fn(move || {
            (at < self.used).then(|| {
                let entry = self.entry(at);
                at = entry.end;
                &self.bytes[entry.key..entry.value]
            })
        })
    }

    pub(crate) fn remove(&mut self, key: &[u8]) -> bool {
        let found = self.find(key);
        found.is_some_and(|entry| {
            self.cut(entry);
            true
        })
    }

    pub(crate) fn clear(&mut self) {
        self.used = 0;
        self.next = u64::MAX;
    }

    /// When a key expires, if there is such a key: `Some(None)` is never.
    pub(crate) fn expiry(&self, key: &[u8]) -> Option<Option<u64>> {
        self.find(key).map(|entry| self.time(entry))
    }

    /// Gives a key a value and says when it expires; on failure it keeps what it has.
    pub(crate) fn set(
        &mut self,
        key: &[u8],
        value: &[u8],
        expiry: Option<u64>,
    ) -> Result<(), Full> {
        let old = self.find(key).map_or(0, |entry| entry.end - entry.start);
        let time = expiry.map(u64::to_le_bytes);
        let time = time.as_ref().map_or(&[][..], |time| time);
        let size = HEADER + time.len() + key.len() + value.len();
        let lengths = (u16::try_from(key.len()), u16::try_from(value.len()));
        let (Ok(mut key_length), Ok(length)) = lengths else {
            return Err(Full);
        };
        if key_length >= EXPIRES || self.used - old + size > BYTES {
            return Err(Full);
        }
        self.remove(key);
        if let Some(expiry) = expiry {
            key_length |= EXPIRES;
            self.next = self.next.min(expiry);
        }
        for part in [
            &key_length.to_le_bytes()[..],
            &length.to_le_bytes(),
            time,
            key,
            value,
        ] {
            self.push(part);
        }
        Ok(())
    }

    fn push(&mut self, part: &[u8]) {
        self.bytes[self.used..self.used + part.len()].copy_from_slice(part);
        self.used += part.len();
    }

    /// Makes a value longer, which is none if there is no such key; on failure it stays as it is.
    pub(crate) fn append(&mut self, key: &[u8], more: &[u8]) -> Result<usize, Full> {
        let Some(entry) = self.find(key) else {
            return self.set(key, more, None).map(|()| more.len());
        };
        let length = entry.end - entry.value + more.len();
        let Ok(stored) = u16::try_from(length) else {
            return Err(Full);
        };
        if self.used + more.len() > BYTES {
            return Err(Full);
        }
        // It becomes the last one.
        self.bytes[entry.start..self.used].rotate_left(entry.end - entry.start);
        let start = self.used - (entry.end - entry.start);
        self.bytes[start + 2..start + HEADER].copy_from_slice(&stored.to_le_bytes());
        self.push(more);
        Ok(length)
    }

    /// Says when a key expires, if there is such a key; on failure it stays as it is.
    pub(crate) fn set_expiry(&mut self, key: &[u8], expiry: Option<u64>) -> Result<bool, Full> {
        let Some(entry) = self.find(key) else {
            return Ok(false);
        };
        match (self.time(entry), expiry) {
            (None, None) => {}
            (Some(_), None) => {
                let behind = entry.start + HEADER + TIME;
                self.bytes.copy_within(behind..self.used, behind - TIME);
                self.used -= TIME;
                self.bytes[entry.start + 1] &= !(EXPIRES.to_le_bytes()[1]);
            }
            (old, Some(expiry)) => {
                let behind = entry.start + HEADER;
                if old.is_none() {
                    if self.used + TIME > BYTES {
                        return Err(Full);
                    }
                    self.bytes.copy_within(behind..self.used, behind + TIME);
                    self.used += TIME;
                    self.bytes[entry.start + 1] |= EXPIRES.to_le_bytes()[1];
                }
                self.bytes[behind..behind + TIME].copy_from_slice(&expiry.to_le_bytes());
                self.next = self.next.min(expiry);
            }
        }
        Ok(true)
    }
}
