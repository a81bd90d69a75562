//! What a path leads to on a [`Disk`], and what becomes of names and folders.

use alloc::vec::Vec;
use std::ffi::OsString;
use std::io::{Error, ErrorKind, Result};
use std::path::{Component, Path, PathBuf};

use super::modes::{READ, SEARCH, WRITE};
use super::tree::{Entry, Kind};
use super::{Disk, FOLDER, Inode, how, not_found};
use crate::sim::disk;
use crate::sim::unix::Bound;

/// So many symbolic links lead to a file at most, as on Linux.
const LINKS: usize = 40;
/// The most bytes of a name, and of a path with the zero at its end, as on Linux.
const LONGEST: usize = 255;
const LONGEST_PATH: usize = 4096;

/// Whether a symbolic link at the end of a path is meant itself, or what it leads to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Last {
    Itself,
    Followed,
    /// What it leads to may be made, as a file.
    Made,
}

impl From<bool> for Last {
    fn from(itself: bool) -> Self {
        match itself {
            true => Self::Itself,
            false => Self::Followed,
        }
    }
}

/// Who looks for something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum By {
    Program,
    /// Who may do all.
    Test,
}

/// Whether a path says by its end that it is about a folder.
pub(super) fn ends_as_folder(path: &Path) -> bool {
    let bytes = path.as_os_str().as_encoded_bytes();
    bytes.ends_with(b"/") || bytes.ends_with(b"/.")
}

/// A symbolic link at the end of a path is meant itself, unless the path says that it is about a folder.
pub(super) fn last_of(path: &Path) -> Last {
    (!ends_as_folder(path)).into()
}

/// What a path ends with, if that is no name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Dots {
    One,
    Two,
}

fn dots_of(path: &Path) -> Option<Dots> {
    let bytes = path.as_os_str().as_encoded_bytes();
    let mut parts = bytes.rsplit(|byte| *byte == b'/');
    match parts.find(|part| !part.is_empty()) {
        Some(b".") => Some(Dots::One),
        Some(b"..") => Some(Dots::Two),
        _ => None,
    }
}

fn check_path(path: &Path) -> Result<()> {
    let bytes = path.as_os_str().as_encoded_bytes();
    if bytes.is_empty() {
        return Err(not_found(path));
    }
    if bytes.contains(&0) {
        return Err(Error::new(ErrorKind::InvalidInput, "a zero byte in a path"));
    }
    let mut parts = path.components();
    let is_long = |part: Component<'_>| part.as_os_str().len() > LONGEST;
    match bytes.len() >= LONGEST_PATH || parts.any(is_long) {
        true => Err(how::too_long()),
        false => Ok(()),
    }
}

impl Disk {
    /// The names that are to be seen are those of the instant of whoever looks.
    pub(super) fn look(&mut self) {
        let instant = self.instant();
        self.journal.look(&mut self.tree, instant);
    }

    /// Where a path leads, from the root and without `.`, `..` and symbolic links; the last part may be one. The folder that it is
    /// in is there, and may be searched. With what it ends with if that is no name, but a folder that is there.
    fn place(&mut self, path: &Path) -> Result<(PathBuf, Option<Dots>)> {
        let dots = dots_of(path);
        let last = Last::from(dots.is_none());
        Ok((self.lead(path, last, By::Program)?, dots))
    }

    /// Where something new is to be.
    fn new_place(&mut self, path: &Path) -> Result<PathBuf> {
        let (place, _) = self.place(path)?;
        match self.tree.get(&place) {
            Some(_) => Err(ErrorKind::AlreadyExists.into()),
            None => Ok(place),
        }
    }

    /// As [`place`](Self::place), and the last part is none, either.
    pub(super) fn follow(&mut self, path: &Path) -> Result<PathBuf> {
        self.lead(path, Last::Followed, By::Program)
    }

    pub(super) fn lead(&mut self, path: &Path, last: Last, by: By) -> Result<PathBuf> {
        self.look();
        check_path(path)?;
        let (mut links, mut end) = (0, path);
        let mut place = PathBuf::from("/");
        let mut left: Vec<Component<'_>> = path.components().rev().collect();
        while let Some(part) = left.pop() {
            match part {
                Component::Normal(name) => {
                    self.enter(&place, by)?;
                    let is_last = left.is_empty() && dots_of(end).is_none();
                    if last == Last::Made && is_last && ends_as_folder(end) {
                        return Err(ErrorKind::IsADirectory.into());
                    }
                    place.push(name);
                }
                Component::ParentDir => {
                    self.enter(&place, by)?;
                    place.pop();
                }
                Component::RootDir => place = PathBuf::from("/"),
                _ => {}
            }
            let Some(target) = self.tree.link(&place) else {
                continue;
            };
            if last != Last::Itself || !left.is_empty() {
                links += 1;
                if left.is_empty() && !ends_as_folder(end) {
                    end = target;
                }
                if links > LINKS {
                    return Err(how::is_link());
                }
                place.pop();
                left.extend(target.components().rev());
            }
        }
        match self.tree.get(&place) {
            Some(Entry::Folder(_)) if dots_of(end) == Some(Dots::One) => {
                self.enter(&place, by)?;
                Ok(place)
            }
            Some(Entry::Folder(_)) => Ok(place),
            Some(_) if last != Last::Itself && ends_as_folder(end) => {
                Err(ErrorKind::NotADirectory.into())
            }
            None if dots_of(end).is_some() => Err(not_found(path)),
            _ => Ok(place),
        }
    }

    /// Whether something in it may be looked for.
    fn enter(&self, folder: &Path, by: By) -> Result<()> {
        match self.tree.get(folder) {
            Some(Entry::Folder(_)) if by == By::Test => Ok(()),
            Some(Entry::Folder(inode)) => self.allows(*inode, SEARCH),
            Some(_) => Err(ErrorKind::NotADirectory.into()),
            None => Err(not_found(folder)),
        }
    }

    fn entry(&self, place: &Path) -> Result<&Entry> {
        self.tree.get(place).ok_or_else(|| not_found(place))
    }

    /// The path from the root of what lies at a path.
    pub(crate) fn canonical(&mut self, path: &Path) -> Result<PathBuf> {
        let place = self.follow(path)?;
        self.entry(&place)?;
        Ok(place)
    }

    /// Makes a symbolic link.
    pub(crate) fn symlink(&mut self, target: &Path, link: &Path) -> Result<()> {
        check_path(target)?;
        let place = self.new_place(link)?;
        no_folder(link)?;
        self.may_change(&place)?;
        let inode = self.tree.number();
        self.change(Kind::Put(place, Entry::Link(inode, target.into())));
        Ok(())
    }

    /// What a symbolic link says.
    pub(crate) fn read_link(&mut self, link: &Path) -> Result<PathBuf> {
        let place = self.lead(link, last_of(link), By::Program)?;
        match self.entry(&place)? {
            Entry::Link(_, target) => Ok(target.to_path_buf()),
            _ => Err(ErrorKind::InvalidInput.into()),
        }
    }

    /// Gives a file one more name.
    pub(crate) fn link(&mut self, from: &Path, to: &Path) -> Result<()> {
        let from = self.lead(from, last_of(from), By::Program)?;
        let entry = self.entry(&from)?.clone();
        let place = self.new_place(to)?;
        no_folder(to)?;
        self.may_change(&place)?;
        if let Entry::Folder(_) = entry {
            return Err(ErrorKind::PermissionDenied.into());
        }
        self.change(Kind::Put(place, entry));
        Ok(())
    }

    /// The names of all that lies in a folder, in their order, each with its number.
    pub(crate) fn list(&mut self, path: &Path) -> Result<Vec<(OsString, Inode, disk::Kind)>> {
        let place = self.follow(path)?;
        let Entry::Folder(inode) = self.entry(&place)? else {
            return Err(ErrorKind::NotADirectory.into());
        };
        self.allows(*inode, READ)?;
        let inside = self.tree.below(&place);
        let inside = inside.filter(|(path, _)| path.parent() == Some(&place));
        let names = inside.filter_map(|(path, entry)| {
            let kind = match entry {
                Entry::File(_) => disk::Kind::File,
                Entry::Folder(_) => disk::Kind::Folder,
                Entry::Link(..) => disk::Kind::Link,
                Entry::Socket(..) => disk::Kind::Socket,
            };
            Some((path.file_name()?.into(), entry.inode(), kind))
        });
        Ok(names.collect())
    }

    /// Removes a folder, with all that lies in it if `all`.
    pub(crate) fn remove_folder(&mut self, path: &Path, all: bool) -> Result<()> {
        let (place, dots) = self.place(path)?;
        let entry = self.entry(&place)?;
        let is_link = all && !ends_as_folder(path) && matches!(entry, Entry::Link(..));
        let is_folder = matches!(entry, Entry::Folder(_));
        match dots {
            Some(Dots::One) => return Err(ErrorKind::InvalidInput.into()),
            Some(Dots::Two) => return Err(ErrorKind::DirectoryNotEmpty.into()),
            None if place.parent().is_none() => return Err(ErrorKind::ResourceBusy.into()),
            None => {}
        }
        if all && !is_link && !is_folder {
            return Err(ErrorKind::NotADirectory.into());
        }
        self.may_change(&place)?;
        if !is_link && !is_folder {
            return Err(ErrorKind::NotADirectory.into());
        }
        if !all && !self.tree.is_empty(&place) {
            return Err(ErrorKind::DirectoryNotEmpty.into());
        }
        if all {
            self.may_empty(&place)?;
        }
        self.change(Kind::Remove(place));
        Ok(())
    }

    pub(crate) fn rename(&mut self, from: &Path, to: &Path) -> Result<()> {
        let as_folder = ends_as_folder(from) || ends_as_folder(to);
        let ((from, from_dots), (to, to_dots)) = (self.place(from)?, self.place(to)?);
        let is_root = from.parent().is_none() || to.parent().is_none();
        if is_root || from_dots.is_some() || to_dots.is_some() {
            return Err(ErrorKind::ResourceBusy.into());
        }
        let (entry, taken) = (self.entry(&from)?, self.tree.get(&to));
        let is_folder = |entry: &Entry| matches!(entry, Entry::Folder(_));
        let (folder, onto_folder) = (is_folder(entry), taken.is_some_and(is_folder));
        if as_folder && !folder {
            return Err(ErrorKind::NotADirectory.into());
        }
        if to.starts_with(&from) && to != from {
            return Err(ErrorKind::InvalidInput.into());
        }
        if from.starts_with(&to) && to != from {
            return Err(ErrorKind::DirectoryNotEmpty.into());
        }
        // Of two names of one file none is gone, as in practice.
        if taken.is_some_and(|taken| taken.inode() == entry.inode()) {
            return Ok(());
        }
        self.may_change(&from)?;
        self.may_change(&to)?;
        match (folder, onto_folder) {
            (true, false) if taken.is_some() => return Err(ErrorKind::NotADirectory.into()),
            (false, true) => return Err(ErrorKind::IsADirectory.into()),
            _ => {}
        }
        if folder && from.parent() != to.parent() {
            // The folder says where it lies.
            self.allows(entry.inode(), WRITE)?;
        }
        if onto_folder && !self.tree.is_empty(&to) {
            return Err(ErrorKind::DirectoryNotEmpty.into());
        }
        self.change(Kind::Rename(from, to));
        Ok(())
    }

    /// Gives a Unix socket its name.
    pub(crate) fn bind(&mut self, path: &Path, bound: Bound) -> Result<()> {
        let place = self.new_place(path)?;
        no_folder(path)?;
        self.may_change(&place)?;
        let inode = self.tree.number();
        self.make_mode(inode, 0o777);
        self.change(Kind::Put(place, Entry::Socket(inode, bound)));
        Ok(())
    }

    /// The Unix socket of that name; none of a file.
    pub(crate) fn bound(&mut self, path: &Path) -> Result<Option<Bound>> {
        let place = self.follow(path)?;
        match self.entry(&place)? {
            Entry::Socket(_, bound) => Ok(Some(bound.clone())),
            _ => Ok(None),
        }
    }

    pub(crate) fn remove(&mut self, path: &Path) -> Result<()> {
        let (place, dots) = self.place(path)?;
        let is_folder = matches!(self.entry(&place)?, Entry::Folder(_));
        if ends_as_folder(path) && !is_folder {
            return Err(ErrorKind::NotADirectory.into());
        }
        if dots.is_none() && !ends_as_folder(path) {
            self.may_change(&place)?;
        }
        if is_folder {
            return Err(ErrorKind::IsADirectory.into());
        }
        self.change(Kind::Remove(place));
        Ok(())
    }

    /// Makes a folder.
    pub(crate) fn create_folder(&mut self, path: &Path, mode: u32) -> Result<()> {
        let place = self.new_place(path)?;
        self.may_change(&place)?;
        let inode = FOLDER + self.tree.number();
        self.make_mode(inode, mode);
        self.change(Kind::Put(place, Entry::Folder(inode)));
        Ok(())
    }

    /// Makes a folder and those that it is in, as far as they are not there: in the steps of the standard library, which says what
    /// one of them says.
    pub(crate) fn create_folders(&mut self, path: &Path, mode: u32) -> Result<()> {
        if path.as_os_str().is_empty() {
            return Ok(());
        }
        let mut made = self.create_folder(path, mode);
        if let (Err(error), Some(above)) = (&made, path.parent()) {
            if error.kind() == ErrorKind::NotFound {
                self.create_folders(above, mode)?;
                made = self.create_folder(path, mode);
            }
        }
        match (made, self.follow(path)) {
            (Err(_), Ok(place)) if self.tree.folder(&place).is_some() => Ok(()),
            (made, _) => made,
        }
    }

    /// Whether something lies where a path leads.
    pub(crate) fn exists(&mut self, path: &Path) -> Result<bool> {
        match self.canonical(path) {
            Ok(_) => Ok(true),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(false),
            Err(error) => Err(error),
        }
    }
}

/// A new name that ends as that of a folder is none.
fn no_folder(path: &Path) -> Result<()> {
    match ends_as_folder(path) {
        true => Err(not_found(path)),
        false => Ok(()),
    }
}
