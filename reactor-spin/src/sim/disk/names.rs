//! What lies where on a [`Disk`], and what becomes of names and folders.

use alloc::vec::Vec;
use std::io::{Error, ErrorKind, Result};
use std::path::{Component, Path, PathBuf};

use super::modes::{READ, WRITE};
use super::{Change, Disk, FOLDER, Inode, apply, is_folder, whole};
use crate::sim::unix::Bound;

/// So many symbolic links lead to a file at most, as on Linux.
const LINKS: usize = 40;

impl Disk {
    /// The names that are to be seen are those that are safe, and what has been done to them up to the instant of whoever looks.
    pub(super) fn look(&mut self) {
        let instant = self.instant();
        if self.journal.has_seen_beyond(instant) {
            self.renew_names(instant);
        }
        self.see(instant);
    }

    /// As [`look`](Self::look), when what has been seen is not so any more.
    pub(super) fn renew_names(&mut self, instant: u64) {
        self.journal.unsee();
        self.names.clone_from(&self.safe_names);
        self.modes.clone_from(&self.safe_modes);
        self.see(instant);
    }

    pub(super) fn see(&mut self, until: u64) {
        for change in self.journal.see(until) {
            apply(change, &mut self.names, &mut self.modes);
        }
    }

    /// Where a path leads, from the root and without `.`, `..` and symbolic links; the last part may be one.
    pub(super) fn place(&mut self, path: &Path) -> Result<PathBuf> {
        let place = self.lead(path, false)?;
        self.may_search(&place)?;
        Ok(place)
    }

    /// As [`place`](Self::place), and the last part is none, either.
    pub(super) fn follow(&mut self, path: &Path) -> Result<PathBuf> {
        let place = self.lead(path, true)?;
        self.may_search(&place)?;
        Ok(place)
    }

    pub(super) fn lead(&mut self, path: &Path, to_the_end: bool) -> Result<PathBuf> {
        self.look();
        if self.links.is_empty() {
            return Ok(whole(path));
        }
        let mut links = 0;
        let mut place = PathBuf::from("/");
        let mut left: Vec<Component<'_>> = path.components().rev().collect();
        while let Some(part) = left.pop() {
            match part {
                Component::Normal(name) => place.push(name),
                Component::ParentDir => {
                    place.pop();
                }
                Component::RootDir => place = PathBuf::from("/"),
                _ => {}
            }
            let Some(target) = self.links.get(&place) else {
                continue;
            };
            if to_the_end || !left.is_empty() {
                links += 1;
                if links > LINKS {
                    return Err(Error::other("too many symbolic links"));
                }
                place.pop();
                left.extend(target.components().rev());
            }
        }
        Ok(place)
    }

    /// The path from the root of what lies at a path.
    pub(crate) fn canonical(&mut self, path: &Path) -> Result<PathBuf> {
        self.find(path, true)?;
        self.follow(path)
    }

    /// Makes a symbolic link. As with folders, it is safe at once.
    pub(crate) fn symlink(&mut self, target: &Path, link: &Path) -> Result<()> {
        let link = self.place(link)?;
        self.is_free(&link)?;
        self.links.insert(link, target.into());
        Ok(())
    }

    /// What a symbolic link says.
    pub(crate) fn read_link(&mut self, link: &Path) -> Result<PathBuf> {
        let link = self.place(link)?;
        match self.links.get(&link) {
            Some(target) => Ok(target.clone()),
            None if self.is_taken(&link) => Err(ErrorKind::InvalidInput.into()),
            None => Err(self.missing(&link)),
        }
    }

    /// Gives a file one more name.
    pub(crate) fn link(&mut self, from: &Path, to: &Path) -> Result<()> {
        let (from, to) = (self.place(from)?, self.place(to)?);
        if let Some(target) = self.links.get(&from).cloned() {
            return self.symlink(&target, &to);
        }
        if self.folders.contains_key(&from) {
            return Err(ErrorKind::PermissionDenied.into());
        }
        let inode = self.names.get(&from).copied();
        let inode = inode.ok_or_else(|| self.missing(&from))?;
        self.is_free(&to)?;
        self.change(Change::Name(to, inode));
        Ok(())
    }

    /// The paths of all that lies in a folder, in their order.
    pub(crate) fn list(&mut self, path: &Path) -> Result<Vec<PathBuf>> {
        let path = self.follow(path)?;
        if self.names.contains_key(&path) {
            return Err(ErrorKind::NotADirectory.into());
        }
        let folder = self.folders.get(&path);
        self.allows(*folder.ok_or_else(|| self.missing(&path))?, READ)?;
        let mut paths: Vec<PathBuf> = self.inside(&path).cloned().collect();
        paths.sort_unstable();
        Ok(paths)
    }

    /// The paths of all that lies in a folder.
    pub(super) fn inside(&self, folder: &Path) -> impl Iterator<Item = &PathBuf> {
        let paths = self.names.keys().chain(self.folders.keys());
        let paths = paths.chain(self.sockets.keys()).chain(self.links.keys());
        paths.filter(move |other| other.parent() == Some(folder))
    }

    /// Makes a folder, unless it is there.
    pub(super) fn make_folder(&mut self, path: &Path) {
        if !self.folders.contains_key(path) {
            self.next += 1;
            self.folders.insert(path.into(), FOLDER + self.next);
        }
    }

    /// Removes a folder, with all that lies in it if `all`.
    pub(crate) fn remove_folder(&mut self, path: &Path, all: bool) -> Result<()> {
        let path = self.place(path)?;
        if self.links.contains_key(&path) {
            if !all {
                return Err(ErrorKind::NotADirectory.into());
            }
            self.may_change(&path)?;
            self.links.remove(&path);
            return Ok(());
        }
        let folder = self.folders.get(&path).copied();
        if folder.is_none() {
            // It says why.
            self.list(&path)?;
        }
        if path.parent().is_none() {
            return Err(ErrorKind::PermissionDenied.into());
        }
        self.may_change(&path)?;
        if !all && self.inside(&path).next().is_some() {
            return Err(ErrorKind::DirectoryNotEmpty.into());
        }
        if all {
            self.may_empty(&path)?;
        }
        let inside = |name: &&PathBuf| name.starts_with(&path);
        let names: Vec<PathBuf> = self.names.keys().filter(inside).cloned().collect();
        for name in names {
            self.change(Change::Remove(name));
        }
        self.folders.retain(|folder, _| !folder.starts_with(&path));
        self.sockets.retain(|name, _| !name.starts_with(&path));
        self.links.retain(|name, _| !name.starts_with(&path));
        Ok(())
    }

    pub(crate) fn rename(&mut self, from: &Path, to: &Path) -> Result<()> {
        let (from, to) = (self.place(from)?, self.place(to)?);
        if self.folders.contains_key(&from) {
            return self.rename_folder(&from, &to);
        }
        if let Some(bound) = self.sockets.get(&from).cloned() {
            self.may_change(&from)?;
            self.is_free(&to)?;
            self.sockets.remove(&from);
            self.sockets.insert(to, bound);
            return Ok(());
        }
        if !self.is_taken(&from) {
            return Err(self.missing(&from));
        }
        if self.folders.contains_key(&to) {
            return Err(is_folder());
        }
        self.may_change(&from)?;
        self.has_folder(&to)?;
        if from == to {
            return Ok(());
        }
        // A file takes the place of a socket and of a link, and a link that of a file.
        self.sockets.remove(&to);
        self.links.remove(&to);
        if let Some(target) = self.links.remove(&from) {
            if self.names.contains_key(&to) {
                self.change(Change::Remove(to.clone()));
            }
            self.links.insert(to, target);
            return Ok(());
        }
        // Of two names of one file none is gone, as in practice.
        if self.names.get(&from) != self.names.get(&to) {
            self.change(Change::Rename(from, to));
        }
        Ok(())
    }

    fn rename_folder(&mut self, from: &Path, to: &Path) -> Result<()> {
        if to.starts_with(from) || from.parent().is_none() {
            return if to == from {
                Ok(())
            } else {
                Err(ErrorKind::InvalidInput.into())
            };
        }
        if self.names.contains_key(to) || self.links.contains_key(to) {
            return Err(ErrorKind::NotADirectory.into());
        }
        if self.folders.contains_key(to) && self.inside(to).next().is_some() {
            return Err(ErrorKind::DirectoryNotEmpty.into());
        }
        self.may_change(from)?;
        self.has_folder(to)?;
        if let (Some(inode), true) = (self.folders.get(from), from.parent() != to.parent()) {
            // The folder says where it lies.
            self.allows(*inode, WRITE)?;
        }
        let moved = |path: &Path| Some(to.join(path.strip_prefix(from).ok()?));
        let names: Vec<(PathBuf, PathBuf)> = self
            .names
            .keys()
            .filter_map(|name| Some((name.clone(), moved(name)?)))
            .collect();
        for (from, to) in names {
            self.change(Change::Rename(from, to));
        }
        // As with all folders, it is safe at once.
        let folders: Vec<(PathBuf, Inode)> = self
            .folders
            .iter()
            .filter_map(|(path, inode)| Some((moved(path)?, *inode)))
            .collect();
        self.folders.retain(|folder, _| !folder.starts_with(from));
        self.folders.extend(folders);
        let links = core::mem::take(&mut self.links).into_iter();
        let place = |(path, target): (PathBuf, PathBuf)| (moved(&path).unwrap_or(path), target);
        self.links = links.map(place).collect();
        for (name, bound) in core::mem::take(&mut self.sockets) {
            self.sockets.insert(moved(&name).unwrap_or(name), bound);
        }
        Ok(())
    }

    /// Whether a new name may lie there.
    fn is_free(&self, path: &Path) -> Result<()> {
        match self.is_taken(path) {
            true => Err(ErrorKind::AlreadyExists.into()),
            false => self.has_folder(path),
        }
    }

    /// Gives a Unix socket its name.
    pub(crate) fn bind(&mut self, path: &Path, bound: Bound) -> Result<()> {
        let path = self.place(path)?;
        self.is_free(&path)?;
        self.sockets.insert(path, bound);
        Ok(())
    }

    /// The Unix socket of that name; none of a file.
    pub(crate) fn bound(&mut self, path: &Path) -> Result<Option<Bound>> {
        let path = self.follow(path)?;
        match self.sockets.get(&path) {
            Some(bound) => Ok(Some(bound.clone())),
            None if self.is_taken(&path) => Ok(None),
            None => Err(self.missing(&path)),
        }
    }

    pub(crate) fn remove(&mut self, path: &Path) -> Result<()> {
        let path = self.place(path)?;
        if self.is_taken(&path) {
            self.may_change(&path)?;
        }
        if self.sockets.remove(&path).is_some() || self.links.remove(&path).is_some() {
            return Ok(());
        }
        if self.folders.contains_key(&path) {
            return Err(is_folder());
        }
        if !self.names.contains_key(&path) {
            return Err(self.missing(&path));
        }
        self.change(Change::Remove(path));
        Ok(())
    }

    pub(crate) fn create_folder(&mut self, path: &Path, all: bool) -> Result<()> {
        let path = match all {
            true => self.follow(path)?,
            false => self.place(path)?,
        };
        let is_there = all && self.folders.contains_key(&path);
        if !is_there && self.is_taken(&path) {
            return Err(ErrorKind::AlreadyExists.into());
        }
        if self.leads_through_file(&path) {
            return Err(ErrorKind::NotADirectory.into());
        }
        match all {
            // Folders are safe at once: no program was found that depends on it.
            true => {
                let is_missing = |path: &&Path| !self.folders.contains_key(*path);
                let missing: Vec<&Path> = path.ancestors().take_while(is_missing).collect();
                if let Some(first) = missing.last() {
                    self.may_change(first)?;
                }
                for path in missing {
                    self.make_folder(path);
                }
            }
            false => {
                self.has_folder(&path)?;
                self.make_folder(&path);
            }
        }
        Ok(())
    }

    /// Whether something lies where a path leads.
    pub(crate) fn exists(&mut self, path: &Path) -> bool {
        self.follow(path).is_ok_and(|path| self.is_taken(&path))
    }

    /// Whether something lies at a place.
    pub(super) fn is_taken(&self, place: &Path) -> bool {
        self.names.contains_key(place)
            || self.folders.contains_key(place)
            || self.sockets.contains_key(place)
            || self.links.contains_key(place)
    }
}
