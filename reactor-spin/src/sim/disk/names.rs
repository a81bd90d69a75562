//! What lies where on a [`Disk`], and what becomes of names and folders.

use alloc::vec::Vec;
use std::io::{ErrorKind, Result};
use std::path::{Path, PathBuf};

use super::{Change, Disk, is_folder, not_found, whole};
use crate::sim::unix::Bound;

impl Disk {
    /// The path from the root of what lies at a path.
    pub(crate) fn canonical(&self, path: &Path) -> Result<PathBuf> {
        self.find(path).map(|_| whole(path))
    }

    /// Gives a file one more name.
    pub(crate) fn link(&mut self, from: &Path, to: &Path) -> Result<()> {
        let (from, to) = (whole(from), whole(to));
        if self.folders.contains(&from) {
            return Err(ErrorKind::PermissionDenied.into());
        }
        let inode = self.names.get(&from).copied();
        let inode = inode.ok_or_else(|| not_found(&from))?;
        self.is_free(&to)?;
        self.change(Change::Name(to, inode));
        Ok(())
    }

    /// The paths of all that lies in a folder, in their order.
    pub(crate) fn list(&self, path: &Path) -> Result<Vec<PathBuf>> {
        let path = whole(path);
        if self.names.contains_key(&path) {
            return Err(ErrorKind::NotADirectory.into());
        }
        if !self.folders.contains(&path) {
            return Err(not_found(&path));
        }
        let paths = self.names.keys().chain(&self.folders);
        let paths = paths.chain(self.sockets.keys());
        let mut paths: Vec<PathBuf> = paths
            .filter(|other| other.parent() == Some(&path))
            .cloned()
            .collect();
        paths.sort_unstable();
        Ok(paths)
    }

    /// Removes a folder, with all that lies in it if `all`.
    pub(crate) fn remove_folder(&mut self, path: &Path, all: bool) -> Result<()> {
        let inside = self.list(path)?;
        let path = whole(path);
        if path.parent().is_none() {
            return Err(ErrorKind::PermissionDenied.into());
        }
        if !all && !inside.is_empty() {
            return Err(ErrorKind::DirectoryNotEmpty.into());
        }
        let inside = |name: &&PathBuf| name.starts_with(&path);
        let names: Vec<PathBuf> = self.names.keys().filter(inside).cloned().collect();
        for name in names {
            self.change(Change::Remove(name));
        }
        self.folders.retain(|folder| !folder.starts_with(&path));
        self.sockets.retain(|name, _| !name.starts_with(&path));
        Ok(())
    }

    pub(crate) fn rename(&mut self, from: &Path, to: &Path) -> Result<()> {
        let (from, to) = (whole(from), whole(to));
        if self.folders.contains(&from) {
            return self.rename_folder(&from, &to);
        }
        if let Some(bound) = self.sockets.get(&from).cloned() {
            self.is_free(&to)?;
            self.sockets.remove(&from);
            self.sockets.insert(to, bound);
            return Ok(());
        }
        // A file takes the place of a socket.
        if self.names.contains_key(&from) && self.has_folder(&to).is_ok() {
            self.sockets.remove(&to);
        }
        if !self.names.contains_key(&from) {
            return Err(not_found(&from));
        }
        if self.folders.contains(&to) {
            return Err(is_folder());
        }
        self.has_folder(&to)?;
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
        if self.names.contains_key(to) {
            return Err(ErrorKind::NotADirectory.into());
        }
        if self.folders.contains(to) && !self.list(to)?.is_empty() {
            return Err(ErrorKind::DirectoryNotEmpty.into());
        }
        self.has_folder(to)?;
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
        let folders: Vec<PathBuf> = self.folders.iter().filter_map(|path| moved(path)).collect();
        self.folders.retain(|folder| !folder.starts_with(from));
        self.folders.extend(folders);
        Ok(())
    }

    /// Whether a new name may lie there.
    fn is_free(&self, path: &Path) -> Result<()> {
        match self.exists(path) {
            true => Err(ErrorKind::AlreadyExists.into()),
            false => self.has_folder(path),
        }
    }

    /// Gives a Unix socket its name.
    pub(crate) fn bind(&mut self, path: &Path, bound: Bound) -> Result<()> {
        let path = whole(path);
        self.is_free(&path)?;
        self.sockets.insert(path, bound);
        Ok(())
    }

    /// The Unix socket of that name; none of a file.
    pub(crate) fn bound(&self, path: &Path) -> Result<Option<Bound>> {
        let path = whole(path);
        match self.sockets.get(&path) {
            Some(bound) => Ok(Some(bound.clone())),
            None if self.exists(&path) => Ok(None),
            None => Err(not_found(&path)),
        }
    }

    pub(crate) fn remove(&mut self, path: &Path) -> Result<()> {
        let path = whole(path);
        if self.sockets.remove(&path).is_some() {
            return Ok(());
        }
        if !self.names.contains_key(&path) {
            return Err(not_found(&path));
        }
        self.change(Change::Remove(path));
        Ok(())
    }

    pub(crate) fn create_folder(&mut self, path: &Path, all: bool) -> Result<()> {
        let path = whole(path);
        let taken = self.names.contains_key(&path) || self.sockets.contains_key(&path);
        if taken || (!all && self.folders.contains(&path)) {
            return Err(ErrorKind::AlreadyExists.into());
        }
        match all {
            // Folders are safe at once: no program was found that depends on it.
            true => self.folders.extend(path.ancestors().map(Path::to_path_buf)),
            false => {
                self.has_folder(&path)?;
                self.folders.insert(path);
            }
        }
        Ok(())
    }

    pub(crate) fn exists(&self, path: &Path) -> bool {
        let path = whole(path);
        self.names.contains_key(&path)
            || self.folders.contains(&path)
            || self.sockets.contains_key(&path)
    }
}
