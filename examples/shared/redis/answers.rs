//! Answers, as Redis writes them.

use core::fmt::Write as _;

/// Answers that have not been sent.
pub(crate) struct Answers<const SIZE: usize> {
    bytes: [u8; SIZE],
    used: usize,
}

impl<const SIZE: usize> Answers<SIZE> {
    pub(crate) const fn new() -> Self {
        Self {
            bytes: [0; SIZE],
            used: 0,
        }
    }

    pub(crate) fn as_bytes(&self) -> &[u8] {
        &self.bytes[..self.used]
    }

    pub(crate) fn room(&self) -> usize {
        SIZE - self.used
    }

    pub(crate) fn clear(&mut self) {
        self.used = 0;
    }

    /// Takes back what came after the first `length` bytes.
    pub(crate) fn shorten(&mut self, length: usize) {
        self.used = self.used.min(length);
    }

    pub(crate) fn push(&mut self, bytes: &[u8]) {
        // The caller has made room, so nothing is ever cut off here.
        let room = &mut self.bytes[self.used..];
        let count = bytes.len().min(room.len());
        room[..count].copy_from_slice(&bytes[..count]);
        self.used += count;
    }

    pub(crate) fn ok(&mut self) {
        self.push(b"+OK\r\n");
    }

    pub(crate) fn nil(&mut self) {
        self.push(b"$-1\r\n");
    }

    pub(crate) fn bulk(&mut self, value: &[u8]) {
        let _ = write!(self, "${}\r\n", value.len());
        self.push(value);
        self.push(b"\r\n");
    }

    /// A value in two parts.
    pub(crate) fn bulk_of(&mut self, parts: [&[u8]; 2]) {
        let _ = write!(self, "${}\r\n", parts[0].len() + parts[1].len());
        self.push(parts[0]);
        self.push(parts[1]);
        self.push(b"\r\n");
    }

    pub(crate) fn bulk_or_nil(&mut self, value: Option<&[u8]>) {
        match value {
            Some(value) => self.bulk(value),
            None => self.nil(),
        }
    }

    pub(crate) fn integer(&mut self, value: i64) {
        let _ = write!(self, ":{value}\r\n");
    }

    /// So many elements follow.
    pub(crate) fn array(&mut self, count: usize) {
        let _ = write!(self, "*{count}\r\n");
    }

    pub(crate) fn error(&mut self, text: &str) {
        let _ = write!(self, "-{text}\r\n");
    }

    /// Text of a client's inside an error, which is a line.
    pub(crate) fn quoted(&mut self, text: &[u8]) {
        self.push(b"'");
        for &byte in text {
            self.push(&[if matches!(byte, b'\r' | b'\n') {
                b' '
            } else {
                byte
            }]);
        }
        self.push(b"'");
    }
}

impl<const SIZE: usize> core::fmt::Write for Answers<SIZE> {
    fn write_str(&mut self, text: &str) -> core::fmt::Result {
        self.push(text.as_bytes());
        Ok(())
    }
}
