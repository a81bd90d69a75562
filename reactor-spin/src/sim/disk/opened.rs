//! [`Opened`]: a file that a process has open, and the number that stands for it.

use alloc::sync::Arc;
use alloc::vec::Vec;
use std::io::Result;
#[cfg(unix)]
use std::sync::OnceLock;

use super::{Disk, Flags, How, Inode, Span, Wait, failed, how};
use crate::sim::settings::BLOCK;

/// The first number of a file, beyond those of the system: a call of the system's fails with it.
#[cfg(unix)]
const FIRST: i32 = 1 << 30;

/// A file that is open.
#[derive(Clone, Debug)]
pub(crate) struct Opened {
    pub(crate) inode: Inode,
    readable: bool,
    pub(crate) writable: bool,
    /// Each write is at the end.
    append: bool,
    flags: Flags,
    /// The file is there for as long as this is, whatever becomes of its name.
    _kept: Arc<()>,
    #[cfg(unix)]
    number: OnceLock<i32>,
}

impl Opened {
    pub(crate) fn new(disk: &mut Disk, inode: Inode, how: How) -> Result<Self> {
        Ok(Self {
            inode,
            readable: how.read,
            writable: how.writes(),
            append: how.append,
            flags: how.flags,
            _kept: disk.keep(inode)?,
            #[cfg(unix)]
            number: OnceLock::new(),
        })
    }

    /// What a read of so much waits for.
    pub(crate) fn reads(&self, offset: u64, len: usize) -> Wait {
        match self.flags.direct {
            true => Wait::Disk,
            false => Wait::Read(self.span(Some(offset), len)),
        }
    }

    /// What a write waits for.
    pub(crate) fn writes(&self, offset: u64, len: usize) -> Wait {
        match self.flags {
            Flags { safe: true, .. } => Wait::Sync,
            Flags { direct: true, .. } => Wait::Disk,
            _ => Wait::Write(self.span((!self.append).then_some(offset), len)),
        }
    }

    fn span(&self, at: Option<u64>, len: usize) -> Span {
        let inode = self.inode;
        Span { inode, at, len }
    }

    /// Each write is at the end.
    pub(super) fn appends(&self) -> bool {
        self.append
    }

    /// What is written is safe at once.
    pub(super) fn is_safe(&self) -> bool {
        self.flags.safe
    }

    /// Whether it was opened to be read.
    pub(crate) fn may_read(&self) -> Result<()> {
        match self.readable {
            true => Ok(()),
            false => Err(how::not_opened_for_it()),
        }
    }

    /// Whether it was opened to be written to.
    pub(crate) fn may_write(&self) -> Result<()> {
        match self.writable {
            true => Ok(()),
            false => Err(how::not_opened_for_it()),
        }
    }

    /// Whether so much may be read there. At the end, where there is nothing to be read, Linux does not look.
    pub(crate) fn check_read(&self, disk: &mut Disk, offset: u64, len: usize) -> Result<()> {
        self.may_read()?;
        match offset < disk.len(self.inode)? {
            true => self.check(disk, offset, len),
            false => Ok(()),
        }
    }

    /// Whether so much may be read or written there. Where the program's memory lies is not looked at: it may be another
    /// place in each run.
    fn check(&self, disk: &Disk, offset: u64, len: usize) -> Result<()> {
        let block = disk.logical_block();
        let whole = offset % block == 0 && len as u64 % block == 0;
        match self.flags.direct && !whole {
            true => Err(how::not_whole()),
            false => Ok(()),
        }
    }

    /// Reads as much as there is room for.
    pub(crate) fn read(&self, disk: &mut Disk, offset: u64, buf: &mut [u8]) -> Result<usize> {
        self.check_read(disk, offset, buf.len())?;
        self.fetch(disk, offset, buf)
    }

    /// As [`read`](Self::read), of what has been checked.
    pub(crate) fn fetch(&self, disk: &mut Disk, offset: u64, buf: &mut [u8]) -> Result<usize> {
        let count = disk.read(self.inode, offset, buf)?;
        if !self.flags.direct {
            disk.use_pages(self.inode, offset, count);
        }
        Ok(count)
    }

    /// Reads all that is left; returns how much that is.
    pub(crate) fn read_to_end(
        &self,
        disk: &mut Disk,
        offset: u64,
        buf: &mut Vec<u8>,
    ) -> Result<usize> {
        let left = disk.len(self.inode)?.saturating_sub(offset) as usize;
        self.check_read(disk, offset, left)?;
        let start = buf.len();
        buf.resize(start + left, 0);
        let mut count = 0;
        // A disk may give less than there is.
        while count < left {
            let at = offset + count as u64;
            count += self.fetch(disk, at, &mut buf[start + count..])?;
        }
        Ok(count)
    }

    /// Writes as much as there is room for; the first part of it, if the disk fails meanwhile. Returns where, and how
    /// much.
    pub(crate) fn write(
        &self,
        disk: &mut Disk,
        fails: bool,
        data: &[u8],
        offset: u64,
    ) -> Result<(u64, usize)> {
        // Nothing is written nowhere, so that the position stays.
        let at = match self.append && !data.is_empty() {
            true => disk.len(self.inode)?,
            false => offset,
        };
        self.check(disk, at, data.len())?;
        if fails {
            disk.write_torn(self, at, data);
            return Err(failed());
        }
        let count = disk.write_opened(self, at, data)?;
        match self.flags.direct {
            true => disk.drop_pages(self.inode, at, count),
            false => disk.use_pages(self.inode, at, count),
        }
        Ok((at, count))
    }
}

impl Disk {
    /// What is read and written past the system's memory begins and ends between blocks of so many bytes.
    fn logical_block(&self) -> u64 {
        match self.block {
            // Writes are never torn, which no real block does.
            usize::MAX => BLOCK as u64,
            block => block as u64,
        }
    }
}

#[cfg(unix)]
impl Disk {
    /// The number of a file that is open.
    pub(crate) fn number(&mut self, opened: &Arc<Opened>) -> i32 {
        *opened.number.get_or_init(|| {
            let free = |former: &alloc::sync::Weak<Opened>| former.strong_count() == 0;
            let found = self.numbers.iter().position(free);
            let at = found.unwrap_or_else(|| {
                self.numbers.push(alloc::sync::Weak::new());
                self.numbers.len() - 1
            });
            self.numbers[at] = Arc::downgrade(opened);
            FIRST + at as i32
        })
    }

    /// The open file that has a number.
    pub(crate) fn numbered(&self, number: i32) -> Option<Arc<Opened>> {
        let at = usize::try_from(number.checked_sub(FIRST)?).ok()?;
        self.numbers.get(at)?.upgrade()
    }

    /// The process is gone, with what it had open.
    pub(crate) fn close_all(&mut self) {
        self.numbers.clear();
    }
}
