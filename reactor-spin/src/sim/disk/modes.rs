//! Who may do what with a file or a folder of a [`Disk`]: programs are a user who owns all and is not root.

use std::io::{ErrorKind, Result};
use std::path::Path;

use super::tree::{Entry, Kind};
use super::{Disk, FOLDER, Inode};

/// What the process takes from the permissions of what it makes: its `umask`.
const MASK: u32 = 0o022;
pub(crate) const READ: u32 = 0o400;
pub(crate) const WRITE: u32 = 0o200;
/// Of a folder: what lies in it may be found by its name.
pub(crate) const SEARCH: u32 = 0o100;

impl Disk {
    /// The permissions of what is made without a word about them.
    const fn plain(inode: Inode) -> u32 {
        match inode >= FOLDER {
            true => 0o777 & !MASK,
            false => 0o666 & !MASK,
        }
    }

    pub(crate) fn mode(&self, inode: Inode) -> u32 {
        let mode = self.tree.modes.get(&inode).copied();
        mode.unwrap_or(Self::plain(inode))
    }

    /// What is new has these permissions from its beginning.
    pub(super) fn make_mode(&mut self, inode: Inode, mode: u32) {
        let mode = mode & 0o7777 & !MASK;
        if mode != Self::plain(inode) {
            self.tree.modes.insert(inode, mode);
        }
    }

    /// Sets permissions, which outlive a crash as names do.
    pub(crate) fn set_mode(&mut self, inode: Inode, mode: u32) {
        self.look();
        self.change(Kind::Mode(inode, mode & 0o7777));
    }

    /// Sets the permissions of what lies at a path.
    pub(crate) fn set_mode_at(&mut self, path: &Path, mode: u32) -> Result<()> {
        let inode = self.find(path, true)?.inode;
        self.set_mode(inode, mode);
        Ok(())
    }

    /// Whether all that is asked for is allowed.
    pub(super) fn allows(&self, inode: Inode, what: u32) -> Result<()> {
        match self.mode(inode) & what == what {
            true => Ok(()),
            false => Err(ErrorKind::PermissionDenied.into()),
        }
    }

    /// Whether the folder that a place is in lets names in it be made and removed.
    pub(super) fn may_change(&self, place: &Path) -> Result<()> {
        match place.parent().and_then(|folder| self.tree.folder(folder)) {
            Some(folder) => self.allows(folder, WRITE | SEARCH),
            None => Ok(()),
        }
    }

    /// Whether all that lies in a folder may be listed and removed.
    pub(super) fn may_empty(&self, place: &Path) -> Result<()> {
        let itself = self.tree.get(place).map(|entry| (place, entry));
        let below = self.tree.below(place);
        let mut all = itself
            .into_iter()
            .chain(below.map(|(path, entry)| (&**path, entry)));
        all.try_for_each(|(place, entry)| match entry {
            Entry::Folder(inode) if self.tree.is_empty(place) => self.allows(*inode, READ),
            Entry::Folder(inode) => self.allows(*inode, READ | WRITE | SEARCH),
            _ => Ok(()),
        })
    }
}
