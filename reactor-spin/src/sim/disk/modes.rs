//! Who may do what with a file or a folder of a [`Disk`]: programs are a user who owns all and is not root.

use std::io::{ErrorKind, Result};
use std::path::Path;

use super::{Change, Disk, FOLDER, Found, Inode};

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
        let mode = self.modes.get(&inode).copied();
        mode.unwrap_or(Self::plain(inode))
    }

    /// What lies at a path, with the permissions that Unix gives it.
    pub(super) fn with_mode(&self, found: Found, inode: Option<Inode>) -> (Found, u32) {
        (found, inode.map_or(0o777, |inode| self.mode(inode)))
    }

    /// A new file or folder has these permissions from its beginning.
    pub(super) fn make_mode(&mut self, inode: Inode, mode: u32) {
        let mode = mode & 0o7777 & !MASK;
        if mode != Self::plain(inode) {
            self.modes.insert(inode, mode);
            self.safe_modes.insert(inode, mode);
        }
    }

    /// A file's permissions outlive a crash as names do; a folder's are safe at once, as it is.
    pub(crate) fn set_mode(&mut self, inode: Inode, mode: u32) {
        self.look();
        let mode = mode & 0o7777;
        if inode >= FOLDER {
            self.modes.insert(inode, mode);
            self.safe_modes.insert(inode, mode);
        } else if self.mode(inode) != mode {
            self.change(Change::Mode(inode, mode));
        }
    }

    /// Sets the permissions of what lies at a path.
    pub(crate) fn set_mode_at(&mut self, path: &Path, mode: u32) -> Result<()> {
        let path = self.follow(path)?;
        let inode = self.folders.get(&path).or_else(|| self.names.get(&path));
        match inode.copied() {
            Some(inode) => {
                self.set_mode(inode, mode);
                Ok(())
            }
            None if self.is_taken(&path) => Err(ErrorKind::Unsupported.into()),
            None => Err(self.missing(&path)),
        }
    }

    /// Whether all that is asked for is allowed.
    pub(super) fn allows(&self, inode: Inode, what: u32) -> Result<()> {
        match self.mode(inode) & what == what {
            true => Ok(()),
            false => Err(ErrorKind::PermissionDenied.into()),
        }
    }

    /// Whether the folder that a place is in, if it is there, lets names in it be made and removed.
    pub(super) fn may_change(&self, place: &Path) -> Result<()> {
        match place.parent().and_then(|folder| self.folders.get(folder)) {
            Some(folder) => self.allows(*folder, WRITE | SEARCH),
            None => Ok(()),
        }
    }

    /// Whether all folders that a place is in may be searched.
    pub(super) fn may_search(&self, place: &Path) -> Result<()> {
        let mut folders = place.ancestors().skip(1);
        folders.try_for_each(|folder| match self.folders.get(folder) {
            Some(folder) => self.allows(*folder, SEARCH),
            None => Ok(()),
        })
    }

    /// Whether all that lies in a folder may be listed and removed.
    pub(super) fn may_empty(&self, path: &Path) -> Result<()> {
        let mut inside = self.folders.iter().filter(|(at, _)| at.starts_with(path));
        inside.try_for_each(|(at, inode)| match self.inside(at).next() {
            Some(_) => self.allows(*inode, READ | WRITE | SEARCH),
            None => self.allows(*inode, READ),
        })
    }
}
