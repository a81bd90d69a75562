//! [`Disk`]: a host's files, and what of them outlives a crash.

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::rc::Rc;
use alloc::sync::Arc;
#[cfg(unix)]
use alloc::sync::Weak;
use alloc::vec::Vec;
use std::io::{Error, ErrorKind, Result};
use std::path::{Component, Path, PathBuf};

pub(crate) use self::contents::Times;
use self::contents::{Contents, Edit};
use self::journal::Journal;
use super::clock::HostClock;
use super::link::Latency;
use super::rng::Rng;
use super::settings::Settings;
use super::unix::Bound;
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
    /// As whoever has looked last has found them.
    names: BTreeMap<PathBuf, Inode>,
    folders: BTreeMap<PathBuf, Inode>,
    /// Names of Unix sockets. They lie where they lie in practice, in a folder in memory: a crash leaves none.
    sockets: BTreeMap<PathBuf, Bound>,
    /// Symbolic links, each with what it says.
    links: BTreeMap<PathBuf, PathBuf>,
    files: BTreeMap<Inode, Contents>,
    /// The names that outlive a crash for certain, and what has been done to them since, in order.
    safe_names: BTreeMap<PathBuf, Inode>,
    /// Permissions of which something was said, and those that outlive a crash for certain.
    modes: BTreeMap<Inode, u32>,
    safe_modes: BTreeMap<Inode, u32>,
    journal: Journal<Change>,
    next: Inode,
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

/// What lies at a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Found {
    Folder,
    Socket,
    Link,
    /// Its length, and its times.
    File(u64, Times),
}

#[derive(Clone)]
enum Change {
    Name(PathBuf, Inode),
    Remove(PathBuf),
    Rename(PathBuf, PathBuf),
    Mode(Inode, u32),
}

/// A path from the root, without `.` and `..`.
fn whole(path: &Path) -> PathBuf {
    let mut whole = PathBuf::from("/");
    for part in path.components() {
        match part {
            Component::Normal(name) => whole.push(name),
            Component::ParentDir => {
                whole.pop();
            }
            _ => {}
        }
    }
    whole
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

fn is_folder() -> Error {
    Error::new(ErrorKind::IsADirectory, "this is a folder")
}

/// Numbers from here on are those of folders, the first one that of the root. Who has one open can sync it.
const FOLDER: Inode = 1 << 63;

impl Disk {
    pub(crate) fn new(chance: Rng, clock: Rc<HostClock>, settings: &Settings) -> Self {
        let how = &settings.disk;
        Self {
            names: BTreeMap::new(),
            folders: BTreeMap::from([(PathBuf::from("/"), FOLDER)]),
            sockets: BTreeMap::new(),
            links: BTreeMap::new(),
            files: BTreeMap::new(),
            safe_names: BTreeMap::new(),
            modes: BTreeMap::new(),
            safe_modes: BTreeMap::new(),
            journal: Journal::default(),
            next: 0,
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
        let named: BTreeSet<Inode> = self.names.values().copied().collect();
        let lens = named.iter().filter_map(|inode| self.len(*inode).ok());
        let used = lens.sum();
        self.capacity.saturating_sub(used)
    }

    /// Why nothing lies at a path from the root: nothing does, or the way to it leads through a file.
    fn missing(&self, path: &Path) -> Error {
        match self.leads_through_file(path) {
            true => ErrorKind::NotADirectory.into(),
            false => not_found(path),
        }
    }

    fn leads_through_file(&self, path: &Path) -> bool {
        let mut before = path.ancestors().skip(1);
        before.any(|path| self.names.contains_key(path) || self.sockets.contains_key(path))
    }

    fn has_folder(&self, path: &Path) -> Result<()> {
        match path.parent() {
            Some(folder) if !self.folders.contains_key(folder) => Err(self.missing(path)),
            _ => self.may_change(path),
        }
    }

    fn change(&mut self, change: Change) {
        self.sweep();
        apply(&change, &mut self.names, &mut self.modes);
        self.journal.push(self.instant(), change);
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
        self.see(now);
        for change in self.journal.safe(now, old) {
            apply(&change, &mut self.safe_names, &mut self.safe_modes);
        }
    }

    pub(crate) fn open(&mut self, path: &Path, how: How) -> Result<Inode> {
        let place = self.lead(path, false)?;
        if !how.by_test {
            self.may_search(&place)?;
        }
        if how.create_new && self.is_taken(&place) {
            return Err(ErrorKind::AlreadyExists.into());
        }
        if how.flags.no_link && self.links.contains_key(&place) {
            return Err(how::is_link());
        }
        let path = self.lead(&place, true)?;
        if !how.by_test {
            self.may_search(&path)?;
        }
        if how.flags.folder && self.is_taken(&path) && !self.folders.contains_key(&path) {
            return Err(ErrorKind::NotADirectory.into());
        }
        if let Some(inode) = self.folders.get(&path).copied() {
            if how.writes() {
                return Err(is_folder());
            }
            self.allows(inode, how.needs())?;
            return Ok(inode);
        }
        if self.sockets.contains_key(&path) {
            return Err(Error::other("this is a socket"));
        }
        if let Some(inode) = self.names.get(&path).copied() {
            self.allows(inode, how.needs())?;
            if how.truncate {
                self.set_len(inode, 0)?;
            }
            return Ok(inode);
        }
        if !how.create && !how.create_new {
            return Err(self.missing(&path));
        }
        let allowed = self.has_folder(&path);
        let denied = |error: &Error| error.kind() == ErrorKind::PermissionDenied;
        match allowed {
            Err(error) if how.by_test && denied(&error) => {}
            allowed => allowed?,
        }
        self.next += 1;
        let inode = self.next;
        if let Some(mode) = how.mode {
            self.make_mode(inode, mode);
        }
        let now = self.clock.wall_time();
        let contents = Contents {
            times: Times {
                created: now,
                modified: now,
                accessed: now,
            },
            ..Contents::default()
        };
        self.files.insert(inode, contents);
        self.change(Change::Name(path, inode));
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
            None if inode >= FOLDER => Err(is_folder()),
            None => Err(ErrorKind::NotFound.into()),
        }
    }

    /// What a file that is open is.
    pub(crate) fn what(&mut self, inode: Inode) -> Result<(Found, u32)> {
        let wall = self.clock.wall_time();
        let found = match inode {
            FOLDER.. => Found::Folder,
            _ => self.file(inode)?.found(wall),
        };
        self.look();
        Ok(self.with_mode(found, Some(inode)))
    }

    pub(crate) fn len(&mut self, inode: Inode) -> Result<u64> {
        Ok(self.file(inode)?.now.len() as u64)
    }

    pub(crate) fn read(&mut self, inode: Inode, at: u64, buf: &mut [u8]) -> Result<usize> {
        let now = self.clock.wall_time();
        let file = self.file(inode)?;
        file.times.accessed = now;
        let data = &file.now;
        let from = usize::try_from(at).unwrap_or(usize::MAX).min(data.len());
        let mut count = buf.len().min(data.len() - from);
        let (short, wrong) = (self.short_reads, self.wrong_reads);
        if count > 1 && self.chance.chance(short) {
            count = self.chance.between(1, count as u64 - 1) as usize;
        }
        let data = &self.file(inode)?.now;
        buf[..count].copy_from_slice(&data[from..from + count]);
        if count > 0 && self.chance.chance(wrong) {
            let bit = self.chance.below(count as u64 * 8) as usize;
            buf[bit / 8] ^= 1 << (bit % 8);
        }
        Ok(count)
    }

    /// All that a file holds.
    pub(crate) fn contents(&mut self, inode: Inode) -> Result<&[u8]> {
        Ok(&self.file(inode)?.now)
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
        let given = self.journal.iter().filter_map(|change| match change {
            Change::Name(_, inode) => Some(inode),
            _ => None,
        });
        let named = self.names.values().chain(self.safe_names.values());
        let named: BTreeSet<Inode> = named.chain(given).copied().collect();
        self.files
            .retain(|inode, file| named.contains(inode) || Arc::strong_count(&file.open) > 1);
        let files = &self.files;
        let is_there = |inode: &Inode, _: &mut u32| *inode >= FOLDER || files.contains_key(inode);
        self.modes.retain(is_there);
        self.safe_modes.retain(is_there);
        self.tidy_at = TIDY.max(self.files.len() * 2);
    }

    fn edit(&mut self, inode: Inode, edit: Edit, end: u64) -> Result<()> {
        let grows = end.saturating_sub(self.len(inode)?);
        if grows > 0 && grows > self.room() {
            return Err(ErrorKind::StorageFull.into());
        }
        self.sweep();
        let (instant, now) = (self.instant(), self.clock.wall_time());
        let file = self.file(inode)?;
        let modified = &mut file.times.modified;
        *modified = match file.journal.hides() {
            true => now.max(*modified),
            false => now,
        };
        edit.apply(&mut file.now);
        file.journal.push(instant, edit);
        Ok(())
    }

    /// Writes as much as there is room for.
    pub(crate) fn write(&mut self, inode: Inode, at: u64, data: &[u8]) -> Result<usize> {
        self.write_as(inode, at, data, Edit::Write)
    }

    /// As [`write`](Self::write); a crash takes nothing of it, nor of the names until then.
    pub(super) fn write_safe(&mut self, inode: Inode, at: u64, data: &[u8]) -> Result<usize> {
        let count = self.write_as(inode, at, data, Edit::SafeWrite)?;
        let now = self.instant();
        self.journal.sync(now, now);
        Ok(count)
    }

    fn write_as(
        &mut self,
        inode: Inode,
        at: u64,
        data: &[u8],
        edit: fn(u64, Vec<u8>) -> Edit,
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
        self.edit(inode, edit(at, data.into()), end)?;
        Ok(data.len())
    }

    /// Writes the first part of it, by chance, since the disk fails meanwhile.
    pub(crate) fn write_torn(&mut self, inode: Inode, at: u64, data: &[u8]) {
        let count = self.chance.below(data.len() as u64 + 1) as usize;
        if count > 0 {
            // The disk has failed already.
            let _ = self.write(inode, at, &data[..count]);
        }
    }

    pub(crate) fn set_len(&mut self, inode: Inode, len: u64) -> Result<()> {
        if len > LONGEST {
            return Err(ErrorKind::FileTooLarge.into());
        }
        self.edit(inode, Edit::Len(len), len)?;
        self.pages.cut(inode, len);
        Ok(())
    }

    /// Changes the times of a file.
    pub(crate) fn set_times(&mut self, inode: Inode, set: impl FnOnce(&mut Times)) -> Result<()> {
        set(&mut self.file(inode)?.times);
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
    pub(crate) fn find(&mut self, path: &Path, follow: bool) -> Result<(Found, u32)> {
        let path = match follow {
            true => self.follow(path)?,
            false => self.place(path)?,
        };
        if self.links.contains_key(&path) {
            return Ok(self.with_mode(Found::Link, None));
        }
        if let Some(inode) = self.folders.get(&path) {
            return Ok(self.with_mode(Found::Folder, Some(*inode)));
        }
        if self.sockets.contains_key(&path) {
            return Ok(self.with_mode(Found::Socket, None));
        }
        let inode = self.names.get(&path).copied();
        self.what(inode.ok_or_else(|| self.missing(&path))?)
    }
}

fn apply(change: &Change, names: &mut BTreeMap<PathBuf, Inode>, modes: &mut BTreeMap<Inode, u32>) {
    match change {
        Change::Name(path, inode) => {
            names.insert(path.clone(), *inode);
        }
        Change::Remove(path) => {
            names.remove(path);
        }
        Change::Rename(from, to) => {
            if let Some(inode) = names.remove(from) {
                names.insert(to.clone(), inode);
            }
        }
        Change::Mode(inode, mode) => {
            modes.insert(*inode, *mode);
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
