//! [`Disk`]: a host's files, and what of them outlives a crash.

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::rc::Rc;
use alloc::sync::Arc;
#[cfg(unix)]
use alloc::sync::Weak;
use alloc::vec::Vec;
use core::time::Duration;
use std::io::{Error, ErrorKind, Result};
use std::path::Path;

pub(crate) use self::contents::Times;
use self::contents::{Contents, Edit, State};
use self::journal::Journal;
use self::names::{By, Last};
use self::tree::{Change, Entry, Tree};
use super::clock::HostClock;
use super::link::Latency;
use super::rng::Rng;
use super::settings::Settings;
pub(crate) use how::{Flags, How, Wait};
pub(crate) use opened::Opened;
use pages::Pages;
pub(crate) use pages::Span;

/// Nanoseconds that an operation takes which the system answers from its memory.
const CACHED: u64 = 100;
/// No file is longer than this: it is in memory as a whole, its holes, too.
const LONGEST: u64 = 1 << 30;

/// A file's number; its names may change.
pub(crate) type Inode = u64;

/// A host's disk. What programs see is what is safe and what has been done up to their instant; a crash leaves what is safe, and
/// by chance some of the rest.
pub(crate) struct Disk {
    /// What lies where, as whoever has looked last has found it, and what has been done to it since it was safe, in order.
    tree: Tree,
    journal: Journal<Change>,
    files: BTreeMap<Inode, Contents>,
    pub(crate) chance: Rng,
    clock: Rc<HostClock>,
    /// How long operations take, and syncs.
    pub(crate) operations: Latency,
    pub(crate) syncs: Latency,
    /// The probability that the system has in its memory what an operation is about.
    pub(crate) cached: f64,
    /// What it has there for certain, and the probability that it has not what an operation is about.
    pages: Pages,
    pub(crate) evictions: f64,
    /// Writes are torn between blocks of so many bytes.
    pub(crate) block: usize,
    /// Bytes that there is room for.
    pub(crate) capacity: u64,
    /// The probability that an operation fails.
    pub(crate) errors: f64,
    /// The probability that a read gives less than there is, and that of a wrong bit.
    pub(crate) short_reads: f64,
    pub(crate) wrong_reads: f64,
    pub(crate) trouble: Trouble,
    /// Whether a crash may leave half of a rename.
    torn_renames: bool,
    /// Nanoseconds until the system writes back what was not synced.
    write_back: u64,
    /// When what has been written back is looked for next, so that it takes no memory twice.
    sweep_at: u64,
    /// Since when its host's program is stopped.
    stopped: Option<u64>,
    /// Once there are more files than that, those without a name are looked for.
    tidy_at: usize,
    /// What numbers of files stand for, which the process has asked for: the first ones of those that are free.
    #[cfg(unix)]
    numbers: Vec<Weak<Opened>>,
}

/// What has been written back is looked for after so many nanoseconds at least.
const SWEEP: u64 = 1_000_000_000;

/// Files without a name are let go once there are twice as many files as after the last time, and more than these.
const TIDY: usize = 64;

/// What the faults that last now do to a disk.
#[derive(Default)]
pub(crate) struct Trouble {
    /// Thousandths of the operations that fail.
    pub(crate) errors: Vec<u32>,
    /// For each fault that leaves no room.
    pub(crate) full: Vec<()>,
    /// Factors of slowness.
    pub(crate) slow: Vec<u32>,
}

/// What there is to know of something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Found {
    pub(crate) kind: Kind,
    pub(crate) inode: Inode,
    pub(crate) len: u64,
    pub(crate) mode: u32,
    /// How many names it has.
    pub(crate) names: u32,
    pub(crate) times: Times,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Kind {
    File,
    Folder,
    Link,
    Socket,
}

fn not_found(path: &Path) -> Error {
    Error::new(
        ErrorKind::NotFound,
        alloc::format!("no such file or folder: {}", path.display()),
    )
}

pub(crate) fn failed() -> Error {
    Error::other("the disk has failed")
}

/// Numbers from here on are those of folders, the first one that of the root. Who has one open can sync it.
pub(crate) const FOLDER: Inode = 1 << 63;

impl Disk {
    pub(crate) fn new(chance: Rng, clock: Rc<HostClock>, settings: &Settings) -> Self {
        let how = &settings.disk;
        Self {
            tree: Tree::new(clock.wall_time()),
            journal: Journal::default(),
            files: BTreeMap::new(),
            chance,
            clock,
            operations: how.operations,
            syncs: how.syncs,
            cached: how.cached,
            pages: Pages::new(how.pages, how.page_bytes as u64),
            evictions: how.evictions,
            block: how.block,
            capacity: how.capacity,
            errors: how.errors,
            short_reads: how.short_reads,
            wrong_reads: how.wrong_reads,
            trouble: Trouble::default(),
            torn_renames: settings.torn_renames,
            write_back: settings.write_back,
            sweep_at: 0,
            stopped: None,
            tidy_at: TIDY,
            #[cfg(unix)]
            numbers: Vec::new(),
        }
    }

    /// Nanoseconds that an operation takes, and whether it fails.
    pub(crate) fn operation(&mut self, wait: Wait) -> (u64, bool) {
        let takes = match wait {
            Wait::Sync => self.syncs.draw(&mut self.chance),
            Wait::Disk => self.operations.draw(&mut self.chance),
            Wait::Read(span) if self.has_pages(span, false) => CACHED,
            Wait::Write(span) if self.has_pages(span, true) => CACHED,
            _ if self.chance.chance(self.cached) => CACHED,
            _ => self.operations.draw(&mut self.chance),
        };
        let slow = |takes: u64, times: &u32| takes.saturating_mul(u64::from(*times));
        let takes = self.trouble.slow.iter().fold(takes, slow);
        let mut fails = self.chance.chance(self.errors);
        for thousandths in &self.trouble.errors {
            fails |= self.chance.chance(f64::from(*thousandths) / 1000.0);
        }
        (takes, fails)
    }

    /// How many more bytes there is room for. A file without a name takes none.
    fn room(&mut self) -> u64 {
        if !self.trouble.full.is_empty() {
            return 0;
        }
        if self.capacity == u64::MAX {
            return u64::MAX;
        }
        self.look();
        let instant = self.instant();
        let files = self.files.iter_mut();
        let named = files.filter(|(inode, _)| self.tree.names(**inode) > 0);
        let lens = named.map(|(_, file)| {
            file.look(instant);
            file.now.data.len() as u64
        });
        self.capacity.saturating_sub(lens.sum())
    }

    fn change(&mut self, kind: tree::Kind) {
        self.sweep();
        let (wall, instant) = (self.clock.wall_time(), self.instant());
        let change = Change { kind, wall };
        let former = self.journal.push(&mut self.tree, instant, change);
        for (_, entry) in former.into_iter().flat_map(|former| &former.entries) {
            // What nobody can find any more is in memory no more.
            if let Some(Entry::File(inode)) = entry {
                let is_open = |file: &Contents| Arc::strong_count(&file.open) > 1;
                if self.tree.names(*inode) == 0 && !self.files.get(inode).is_some_and(is_open) {
                    self.pages.cut(*inode, 0);
                }
            }
        }
    }

    /// The instant of whoever uses the disk. While a program is stopped nothing of what it would do later is done, so what the
    /// test does meanwhile comes before that.
    fn instant(&self) -> u64 {
        self.until_stopped(self.clock.instant())
    }

    /// Up to when all is done that is to be done by now.
    fn done(&self) -> u64 {
        self.until_stopped(self.clock.now())
    }

    fn until_stopped(&self, instant: u64) -> u64 {
        self.stopped.map_or(instant, |stopped| stopped.min(instant))
    }

    /// Until when what was done is written back by now.
    fn old(&self) -> Option<u64> {
        let old = self.clock.now().checked_sub(self.write_back)?;
        Some(self.until_stopped(old))
    }

    /// Lets go what has been written back, now and then: a crash finds it safe in any case.
    fn sweep(&mut self) {
        let now = self.clock.now();
        if now < self.sweep_at {
            return;
        }
        self.sweep_at = now.saturating_add(self.write_back.max(SWEEP));
        self.settle();
        self.tidy();
    }

    /// What is safe by now is so from now on.
    fn settle(&mut self) {
        let (now, old) = (self.done(), self.old());
        self.settle_names(now, old);
        for file in self.files.values_mut() {
            file.settle(now, old);
        }
    }

    fn settle_names(&mut self, now: u64, old: Option<u64>) {
        self.journal.settle(&mut self.tree, now, old);
    }

    pub(crate) fn open(&mut self, path: &Path, how: How) -> Result<Inode> {
        let by = if how.by_test { By::Test } else { By::Program };
        let itself = how.flags.no_link || how.create_new;
        let last = match how.create || how.create_new {
            _ if itself && !names::ends_as_folder(path) => Last::Itself,
            true => Last::Made,
            false => Last::Followed,
        };
        let place = self.lead(path, last, by)?;
        if how.create_new && self.tree.get(&place).is_some() {
            return Err(ErrorKind::AlreadyExists.into());
        }
        match self.tree.get(&place) {
            Some(Entry::Link(..)) => return Err(how::is_link()),
            Some(Entry::Folder(inode)) => {
                if how.writes() {
                    return Err(ErrorKind::IsADirectory.into());
                }
                self.allows(*inode, how.needs())?;
                return Ok(*inode);
            }
            Some(_) if how.flags.folder => return Err(ErrorKind::NotADirectory.into()),
            Some(Entry::Socket(..)) => return Err(how::is_socket()),
            Some(Entry::File(inode)) => {
                let inode = *inode;
                self.allows(inode, how.needs())?;
                if how.truncate {
                    self.set_len(inode, 0)?;
                }
                return Ok(inode);
            }
            None => {}
        }
        if !how.create && !how.create_new {
            return Err(not_found(&place));
        }
        if !how.by_test {
            self.may_change(&place)?;
        }
        let inode = self.tree.number();
        if let Some(mode) = how.mode {
            self.make_mode(inode, mode);
        }
        let contents = Contents::new(self.clock.wall_time());
        self.files.insert(inode, contents);
        self.change(tree::Kind::Put(place, Entry::File(inode)));
        Ok(inode)
    }

    /// A file as whoever looks finds it.
    fn file(&mut self, inode: Inode) -> Result<&mut Contents> {
        let instant = self.instant();
        match self.files.get_mut(&inode) {
            Some(file) => {
                file.look(instant);
                Ok(file)
            }
            None if inode >= FOLDER => Err(ErrorKind::IsADirectory.into()),
            None => Err(ErrorKind::NotFound.into()),
        }
    }

    /// What a file or a folder that is open is.
    pub(crate) fn what(&mut self, inode: Inode) -> Result<Found> {
        self.look();
        match inode {
            FOLDER.. => Ok(self.known(Kind::Folder, inode, 0)),
            _ => {
                let State { data, times } = &self.file(inode)?.now;
                let (len, times) = (data.len() as u64, *times);
                let mut found = self.known(Kind::File, inode, len);
                found.times = Times {
                    changed: found.times.changed.max(times.changed),
                    ..times
                };
                Ok(found)
            }
        }
    }

    fn known(&self, kind: Kind, inode: Inode, len: u64) -> Found {
        Found {
            kind,
            inode,
            len,
            mode: match kind {
                Kind::Link => 0o777,
                _ => self.mode(inode),
            },
            names: match kind {
                Kind::Folder => 1,
                _ => self.tree.names(inode),
            },
            times: self.tree.times.get(&inode).copied().unwrap_or_default(),
        }
    }

    pub(crate) fn len(&mut self, inode: Inode) -> Result<u64> {
        Ok(self.file(inode)?.now.data.len() as u64)
    }

    pub(crate) fn read(&mut self, inode: Inode, at: u64, buf: &mut [u8]) -> Result<usize> {
        let now = self.clock.wall_time();
        let file = self.file(inode)?;
        file.now.times.accessed = now;
        let data = &file.now.data;
        let from = usize::try_from(at).unwrap_or(usize::MAX).min(data.len());
        let mut count = buf.len().min(data.len() - from);
        let (short, wrong) = (self.short_reads, self.wrong_reads);
        if count > 1 && self.chance.chance(short) {
            count = self.chance.between(1, count as u64 - 1) as usize;
        }
        let data = &self.file(inode)?.now.data;
        buf[..count].copy_from_slice(&data[from..from + count]);
        if count > 0 && self.chance.chance(wrong) {
            let bit = self.chance.below(count as u64 * 8) as usize;
            buf[bit / 8] ^= 1 << (bit % 8);
        }
        Ok(count)
    }

    /// All that a file holds.
    pub(crate) fn contents(&mut self, inode: Inode) -> Result<&[u8]> {
        Ok(&self.file(inode)?.now.data)
    }

    /// What keeps a file that has lost its name, for as long as it is open.
    pub(crate) fn keep(&mut self, inode: Inode) -> Result<Arc<()>> {
        match inode {
            FOLDER.. => Ok(Arc::default()),
            _ => Ok(self.file(inode)?.open.clone()),
        }
    }

    /// Lets files go that have no name, neither now nor after a crash, and that nobody has open.
    fn tidy(&mut self) {
        if self.files.len() <= self.tidy_at {
            return;
        }
        let changes = self.journal.iter();
        let former = changes.flat_map(|(change, former)| {
            let given = match &change.kind {
                tree::Kind::Put(_, entry) => Some(entry),
                _ => None,
            };
            let former = former.into_iter().flat_map(|former| &former.entries);
            former.filter_map(|(_, entry)| entry.as_ref()).chain(given)
        });
        let named = self.tree.named().chain(former.map(Entry::inode));
        let named: BTreeSet<Inode> = named.collect();
        self.files
            .retain(|inode, file| named.contains(inode) || Arc::strong_count(&file.open) > 1);
        let files = &self.files;
        self.tree
            .tidy(|inode| files.contains_key(&inode) || named.contains(&inode));
        self.tidy_at = TIDY.max(self.files.len() * 2);
    }

    fn edit(&mut self, inode: Inode, kind: contents::Kind, appends: bool, end: u64) -> Result<()> {
        let grows = end.saturating_sub(self.len(inode)?);
        if grows > 0 && grows > self.room() {
            return Err(ErrorKind::StorageFull.into());
        }
        self.sweep();
        let (instant, wall) = (self.instant(), self.clock.wall_time());
        let file = self.file(inode)?;
        let edit = Edit {
            kind,
            wall,
            appends,
        };
        file.journal.push(&mut file.now, instant, edit);
        Ok(())
    }

    /// Writes as much as there is room for.
    pub(crate) fn write(&mut self, inode: Inode, at: u64, data: &[u8]) -> Result<usize> {
        self.write_as(inode, at, data, contents::Kind::Write, false)
    }

    /// As [`write`](Self::write), in the way in which a file was opened.
    fn write_opened(&mut self, file: &Opened, at: u64, data: &[u8]) -> Result<usize> {
        let kind = match file.is_safe() {
            true => contents::Kind::SafeWrite,
            false => contents::Kind::Write,
        };
        let count = self.write_as(file.inode, at, data, kind, file.appends())?;
        if file.is_safe() {
            // A crash takes nothing of it, nor of the names until then.
            let now = self.instant();
            self.journal.sync(now, now);
        }
        Ok(count)
    }

    fn write_as(
        &mut self,
        inode: Inode,
        at: u64,
        data: &[u8],
        kind: fn(u64, Vec<u8>) -> contents::Kind,
        appends: bool,
    ) -> Result<usize> {
        if data.is_empty() {
            // Wherever that is, the file does not become longer.
            return Ok(0);
        }
        let end = at
            .checked_add(data.len() as u64)
            .filter(|end| *end <= LONGEST);
        let end = end.ok_or(ErrorKind::FileTooLarge)?;
        let most = self.len(inode)?.saturating_add(self.room());
        let data = match most.checked_sub(at) {
            Some(fits @ 1..) if end > most => &data[..fits as usize],
            _ => data,
        };
        let end = at + data.len() as u64;
        self.edit(inode, kind(at, data.into()), appends, end)?;
        Ok(data.len())
    }

    /// Writes the first part of it, by chance, since the disk fails meanwhile.
    fn write_torn(&mut self, file: &Opened, at: u64, data: &[u8]) {
        let count = self.chance.below(data.len() as u64 + 1) as usize;
        if count > 0 {
            // The disk has failed already.
            let (data, kind) = (&data[..count], contents::Kind::Write);
            let _ = self.write_as(file.inode, at, data, kind, file.appends());
        }
    }

    pub(crate) fn set_len(&mut self, inode: Inode, len: u64) -> Result<()> {
        if len > LONGEST {
            return Err(ErrorKind::FileTooLarge.into());
        }
        self.edit(inode, contents::Kind::Len(len), false, len)?;
        self.pages.cut(inode, len);
        Ok(())
    }

    /// Sets when a file or a folder was changed and read, as far as something is said of it.
    pub(crate) fn set_times(
        &mut self,
        inode: Inode,
        modified: Option<Duration>,
        accessed: Option<Duration>,
    ) -> Result<()> {
        if inode < FOLDER {
            let kind = contents::Kind::Times(modified, accessed);
            return self.edit(inode, kind, false, 0);
        }
        let mut times = self.what(inode)?.times;
        times.modified = modified.unwrap_or(times.modified);
        times.accessed = accessed.unwrap_or(times.accessed);
        times.changed = self.clock.wall_time();
        self.change(tree::Kind::Times(inode, times));
        Ok(())
    }

    /// What the file holds is safe from now on, and so is its name, with all that was done to names before.
    pub(crate) fn sync(&mut self, inode: Inode) -> Result<()> {
        self.sync_until(inode, self.instant())
    }

    /// As [`sync`](Self::sync), but only what was done up to the instant `until` is safe, at which it has begun.
    pub(crate) fn sync_until(&mut self, inode: Inode, until: u64) -> Result<()> {
        // A program that is ahead may come to its end before that.
        let (now, at) = (self.done(), self.instant());
        let until = until.min(at);
        if inode < FOLDER {
            let file = self.file(inode)?;
            file.journal.sync(until, at);
            file.settle(now, None);
        }
        self.journal.sync(until, at);
        self.settle_names(now, None);
        self.tidy();
        Ok(())
    }

    /// What lies at a path; a symbolic link itself, unless it is to be followed.
    pub(crate) fn find(&mut self, path: &Path, follow: bool) -> Result<Found> {
        let last = match follow {
            true => Last::Followed,
            false => names::last_of(path),
        };
        let place = self.lead(path, last, By::Program)?;
        match self.tree.get(&place) {
            Some(Entry::File(inode) | Entry::Folder(inode)) => self.what(*inode),
            Some(Entry::Link(inode, target)) => {
                let len = target.as_os_str().len() as u64;
                Ok(self.known(Kind::Link, *inode, len))
            }
            Some(Entry::Socket(inode, _)) => Ok(self.known(Kind::Socket, *inode, 0)),
            None => Err(not_found(&place)),
        }
    }
}

mod contents;
mod crash;
mod how;
mod journal;
mod modes;
mod names;
mod opened;
mod pages;
#[cfg(test)]
mod tests;
mod tree;
