//! [`Opened`]: a file that a process has open, and the number that stands for it.

use alloc::sync::Arc;
use std::io::Result;
#[cfg(unix)]
use std::sync::OnceLock;

use super::{Disk, Inode, failed};

/// The first number of a file, beyond those of the system: a call of the system's fails with it.
#[cfg(unix)]
const FIRST: i32 = 1 << 30;

/// A file that is open.
#[derive(Clone, Debug)]
pub(crate) struct Opened {
    pub(crate) inode: Inode,
    pub(crate) writable: bool,
    /// Each write is at the end.
    append: bool,
    /// The file is there for as long as this is, whatever becomes of its name.
    _kept: Arc<()>,
    #[cfg(unix)]
    number: OnceLock<i32>,
}

impl Opened {
    pub(crate) fn new(disk: &mut Disk, inode: Inode, writable: bool, append: bool) -> Result<Self> {
        Ok(Self {
            inode,
            writable,
            append,
            _kept: disk.keep(inode)?,
            #[cfg(unix)]
            number: OnceLock::new(),
        })
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
        let at = match self.append {
            true => disk.len(self.inode)?,
            false => offset,
        };
        if fails {
            disk.write_torn(self.inode, at, data);
            return Err(failed());
        }
        Ok((at, disk.write(self.inode, at, data)?))
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
