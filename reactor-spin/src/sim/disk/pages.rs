//! [`Pages`]: what of its files a disk's system has in memory.

use alloc::collections::BTreeMap;
use core::ops::Range;
use std::io::Result;

use super::{Disk, FOLDER, Inode};

/// The pages of files that were used last. They say how long an operation takes, and hold nothing.
pub(super) struct Pages {
    most: usize,
    /// Bytes of a page.
    size: u64,
    /// When each was used last, as a number that grows, and the same the other way round.
    used: BTreeMap<(Inode, u64), u64>,
    order: BTreeMap<u64, (Inode, u64)>,
    next: u64,
}

/// A part of a file.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Span {
    pub(crate) inode: Inode,
    /// Where it begins; at the file's end, if nowhere else.
    pub(crate) at: Option<u64>,
    pub(crate) len: usize,
}

impl Pages {
    pub(super) fn new(most: usize, size: u64) -> Self {
        Self {
            most,
            size: size.max(1),
            used: BTreeMap::new(),
            order: BTreeMap::new(),
            next: 0,
        }
    }

    /// The pages that have bytes of these.
    fn numbers(&self, bytes: &Range<u64>) -> Range<u64> {
        match bytes.is_empty() {
            true => 0..0,
            false => bytes.start / self.size..(bytes.end - 1) / self.size + 1,
        }
    }

    fn has(&self, inode: Inode, mut numbers: Range<u64>) -> bool {
        // There is no room for more.
        let fits = numbers.end.saturating_sub(numbers.start) <= self.most as u64;
        fits && numbers.all(|number| self.used.contains_key(&(inode, number)))
    }

    /// Whether all of it is there.
    fn can_read(&self, inode: Inode, bytes: &Range<u64>) -> bool {
        self.has(inode, self.numbers(bytes))
    }

    /// Whether all is there that has to be read before it is written to a file of that length: the pages that keep a part of what
    /// the file holds.
    fn can_write(&self, inode: Inode, bytes: &Range<u64>, len: u64) -> bool {
        let numbers = self.numbers(bytes);
        let keeps = |number: &u64| {
            let page = number * self.size..(number + 1).saturating_mul(self.size).min(len);
            page.start < page.end && (page.start < bytes.start || bytes.end < page.end)
        };
        // The pages between the first one and the last one are written as a whole.
        let ends = [numbers.start, numbers.end.saturating_sub(1)];
        let mut kept = ends.iter().filter(|number| keeps(number));
        numbers.is_empty() || kept.all(|number| self.has(inode, *number..number + 1))
    }

    /// These have been used, in their order.
    fn touch(&mut self, inode: Inode, bytes: &Range<u64>) {
        let mut numbers = self.numbers(bytes);
        numbers.start = numbers
            .start
            .max(numbers.end.saturating_sub(self.most as u64));
        for number in numbers {
            let key = (inode, number);
            if let Some(former) = self.used.insert(key, self.next) {
                self.order.remove(&former);
            }
            self.order.insert(self.next, key);
            self.next += 1;
            if self.used.len() > self.most {
                self.drop_oldest();
            }
        }
    }

    fn drop_oldest(&mut self) {
        if let Some((_, key)) = self.order.pop_first() {
            self.used.remove(&key);
        }
    }

    fn drop(&mut self, inode: Inode, numbers: Range<u64>) {
        let inside = self
            .used
            .range((inode, numbers.start)..(inode, numbers.end));
        let inside: alloc::vec::Vec<_> = inside.map(|(key, used)| (*key, *used)).collect();
        for (key, used) in inside {
            self.used.remove(&key);
            self.order.remove(&used);
        }
    }

    /// The file has become so short.
    pub(super) fn cut(&mut self, inode: Inode, len: u64) {
        self.drop(inode, len.div_ceil(self.size)..u64::MAX);
    }

    pub(super) fn clear(&mut self) {
        self.used.clear();
        self.order.clear();
    }
}

impl Disk {
    /// Sets how many pages there is room for, and how many bytes one has.
    pub(crate) fn set_pages(&mut self, most: usize, size: usize) {
        let size = size.max(1) as u64;
        if self.pages.size != size {
            self.pages = Pages::new(most, size);
        }
        self.pages.most = most;
        while self.pages.used.len() > most {
            self.pages.drop_oldest();
        }
    }

    /// Whether the system has in its memory what is needed to read or to write a part of a file.
    pub(super) fn has_pages(&mut self, span: Span, writes: bool) -> bool {
        if self.pages.most == 0 || span.inode >= FOLDER {
            return false;
        }
        let Ok((bytes, len)) = self.bytes_of(span) else {
            return false;
        };
        if self.chance.chance(self.evictions) {
            let numbers = self.pages.numbers(&bytes);
            self.pages.drop(span.inode, numbers);
        }
        match writes {
            true => self.pages.can_write(span.inode, &bytes, len),
            false => {
                let bytes = bytes.start..bytes.end.min(len);
                self.pages.can_read(span.inode, &bytes)
            }
        }
    }

    fn bytes_of(&mut self, span: Span) -> Result<(Range<u64>, u64)> {
        let len = self.len(span.inode)?;
        let at = span.at.unwrap_or(len);
        Ok((at..at.saturating_add(span.len as u64), len))
    }

    /// A part of a file was read or written by way of the system's memory.
    pub(super) fn use_pages(&mut self, inode: Inode, at: u64, count: usize) {
        if self.pages.most > 0 {
            self.pages
                .touch(inode, &(at..at.saturating_add(count as u64)));
        }
    }

    /// A part of a file was written past the system's memory, so that what was there is not so any more.
    pub(super) fn drop_pages(&mut self, inode: Inode, at: u64, count: usize) {
        let bytes = at..at.saturating_add(count as u64);
        let numbers = self.pages.numbers(&bytes);
        self.pages.drop(inode, numbers);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a page of four bytes each says of reads and writes of a file of ten.
    #[test]
    fn a_write_needs_the_pages_that_it_leaves_a_part_of() {
        let mut pages = Pages::new(2, 4);
        let writes = |pages: &Pages, bytes: Range<u64>| pages.can_write(7, &bytes, 10);
        // Nothing is kept of whole pages, nor beyond the end.
        assert!(
            [0..4, 0..8, 8..10, 8..11, 4..12, 12..13, 3..3].map(|at| writes(&pages, at))
                == [true; 7]
        );
        assert!(
            [0..3, 1..4, 8..9, 9..10, 2..9, 0..9, 10..12].map(|at| writes(&pages, at))
                == [false; 7]
        );
        pages.touch(7, &(9..10));
        assert!(writes(&pages, 9..10) && writes(&pages, 0..9) && !writes(&pages, 2..9));
        assert!(
            pages.can_read(7, &(8..10))
                && !pages.can_read(7, &(7..10))
                && !pages.can_read(8, &(8..10))
        );
        pages.touch(7, &(0..1));
        assert!(writes(&pages, 2..9));
        // It is used again, so the other one goes.
        pages.touch(7, &(11..12));
        pages.touch(8, &(0..1));
        assert!(pages.can_read(7, &(8..9)) && !pages.can_read(7, &(0..1)));
        pages.cut(7, 9);
        assert!(pages.can_read(7, &(8..9)));
        pages.cut(7, 8);
        assert!(!pages.can_read(7, &(8..9)) && pages.can_read(8, &(0..1)));
    }

    #[test]
    fn there_are_no_more_than_there_is_room_for() {
        let mut pages = Pages::new(100, 4096);
        for inode in 1..1000 {
            pages.touch(inode, &(0..1 << 30));
            assert_eq!((pages.used.len(), pages.order.len()), (100, 100));
            assert!(!pages.can_read(inode, &(0..1 << 30)));
            assert!(pages.can_read(inode, &((1 << 30) - 100 * 4096..1 << 30)));
        }
        pages.touch(1, &(u64::MAX - 5000..u64::MAX));
        assert!(pages.can_read(1, &(u64::MAX - 1..u64::MAX)));
        pages.clear();
        assert_eq!((pages.used.len(), pages.order.len()), (0, 0));
    }
}
