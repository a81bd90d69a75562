//! [`Tree`]: what lies where on a disk, and what is done to that.

use alloc::collections::BTreeMap;
use alloc::rc::Rc;
use alloc::vec::Vec;
use core::ops::Bound::{Excluded, Unbounded};
use core::time::Duration;
use std::path::{Path, PathBuf};

use super::contents::Times;
use super::journal::Step;
use super::{FOLDER, Inode};
use crate::sim::unix::Bound;

/// What lies at a place.
#[derive(Clone)]
pub(super) enum Entry {
    File(Inode),
    Folder(Inode),
    /// A symbolic link, with what it says.
    Link(Inode, Rc<Path>),
    /// The name of a Unix socket. It lies where it lies in practice, in a folder in memory: a crash leaves none.
    Socket(Inode, Bound),
}

impl Entry {
    pub(super) fn inode(&self) -> Inode {
        match self {
            Self::File(inode)
            | Self::Folder(inode)
            | Self::Link(inode, _)
            | Self::Socket(inode, _) => *inode,
        }
    }
}

pub(super) struct Tree {
    /// All that lies in a folder comes right behind it.
    entries: BTreeMap<PathBuf, Entry>,
    /// How many names there are of each.
    named: BTreeMap<Inode, u32>,
    /// Permissions of which something was said.
    pub(super) modes: BTreeMap<Inode, u32>,
    /// The times of all that is no file; of a file when its names and its permissions were changed.
    pub(super) times: BTreeMap<Inode, Times>,
    last: Inode,
}

impl Tree {
    pub(super) fn new(wall: Duration) -> Self {
        let root = PathBuf::from("/");
        Self {
            entries: BTreeMap::from([(root, Entry::Folder(FOLDER))]),
            named: BTreeMap::from([(FOLDER, 1)]),
            modes: BTreeMap::new(),
            times: BTreeMap::from([(FOLDER, Times::new(wall))]),
            last: 0,
        }
    }

    /// The number of something new.
    pub(super) fn number(&mut self) -> Inode {
        self.last += 1;
        self.last
    }

    pub(super) fn get(&self, place: &Path) -> Option<&Entry> {
        self.entries.get(place)
    }

    pub(super) fn folder(&self, place: &Path) -> Option<Inode> {
        match self.entries.get(place) {
            Some(Entry::Folder(inode)) => Some(*inode),
            _ => None,
        }
    }

    pub(super) fn link(&self, place: &Path) -> Option<&Rc<Path>> {
        match self.entries.get(place) {
            Some(Entry::Link(_, target)) => Some(target),
            _ => None,
        }
    }

    /// All that lies below a place.
    pub(super) fn below(&self, place: &Path) -> impl Iterator<Item = (&PathBuf, &Entry)> {
        let all = self.entries.range::<Path, _>((Excluded(place), Unbounded));
        all.take_while(move |(path, _)| path.starts_with(place))
    }

    pub(super) fn is_empty(&self, folder: &Path) -> bool {
        self.below(folder).next().is_none()
    }

    /// How many names something has.
    pub(super) fn names(&self, inode: Inode) -> u32 {
        self.named.get(&inode).copied().unwrap_or(0)
    }

    /// All that has a name.
    pub(super) fn named(&self) -> impl Iterator<Item = Inode> {
        self.named.keys().copied()
    }

    /// Returns what lay there.
    fn set(&mut self, place: &Path, entry: Option<Entry>) -> Option<Entry> {
        if let Some(entry) = &entry {
            *self.named.entry(entry.inode()).or_default() += 1;
        }
        let former = match entry {
            Some(entry) => self.entries.insert(place.into(), entry),
            None => self.entries.remove(place),
        };
        if let Some(inode) = former.as_ref().map(Entry::inode) {
            match self.names(inode) {
                0 | 1 => drop(self.named.remove(&inode)),
                names => drop(self.named.insert(inode, names - 1)),
            }
        }
        former
    }

    /// The names of sockets are gone.
    pub(super) fn drop_sockets(&mut self) {
        let all = self.entries.iter();
        let sockets = all.filter(|(_, entry)| matches!(entry, Entry::Socket(..)));
        let sockets: Vec<PathBuf> = sockets.map(|(place, _)| place.clone()).collect();
        for place in sockets {
            self.set(&place, None);
        }
    }

    /// Lets go what was said of what is not there any more.
    pub(super) fn tidy(&mut self, is_there: impl Fn(Inode) -> bool) {
        self.modes.retain(|inode, _| is_there(*inode));
        self.times.retain(|inode, _| is_there(*inode));
    }
}

/// What is done to names, and when.
#[derive(Clone)]
pub(super) struct Change {
    pub(super) kind: Kind,
    pub(super) wall: Duration,
}

#[derive(Clone)]
pub(super) enum Kind {
    Put(PathBuf, Entry),
    /// With all that lies in it.
    Remove(PathBuf),
    /// It takes the place of what lies there.
    Rename(PathBuf, PathBuf),
    Mode(Inode, u32),
    Times(Inode, Times),
}

/// What was before, in the order in which it was changed.
#[derive(Default)]
pub(super) struct Former {
    pub(super) entries: Vec<(PathBuf, Option<Entry>)>,
    modes: Vec<(Inode, Option<u32>)>,
    times: Vec<(Inode, Option<Times>)>,
}

/// A tree that is changed, and what it was.
struct Changing<'a> {
    tree: &'a mut Tree,
    former: Former,
    wall: Duration,
}

impl Changing<'_> {
    fn set(&mut self, place: &Path, entry: Option<Entry>) {
        let former = self.tree.set(place, entry);
        self.former.entries.push((place.into(), former));
    }

    fn set_times(&mut self, inode: Inode, set: impl FnOnce(&mut Times)) {
        let former = self.tree.times.get(&inode).copied();
        let mut times = former.unwrap_or(Times::new(self.wall));
        set(&mut times);
        self.tree.times.insert(inode, times);
        self.former.times.push((inode, former));
    }

    /// Nothing is to be known of it any more.
    fn lose(&mut self, inode: Inode) {
        let mode = self.tree.modes.remove(&inode);
        self.former.modes.push((inode, mode));
        let times = self.tree.times.remove(&inode);
        self.former.times.push((inode, times));
    }

    /// Something was changed that is not in what it holds.
    fn touch(&mut self, inode: Inode) {
        let wall = self.wall;
        self.set_times(inode, |times| times.changed = wall);
    }

    /// A name in the folder of that place was changed.
    fn touch_folder(&mut self, place: &Path) {
        let wall = self.wall;
        if let Some(folder) = place.parent().and_then(|path| self.tree.folder(path)) {
            self.set_times(folder, |times| {
                (times.modified, times.changed) = (wall, wall);
            });
        }
    }

    fn clear(&mut self, place: &Path) {
        let mut gone: Vec<PathBuf> = self
            .tree
            .below(place)
            .map(|(path, _)| path.clone())
            .collect();
        gone.push(place.into());
        for path in gone {
            let Some(entry) = self.tree.get(&path).cloned() else {
                continue;
            };
            self.set(&path, None);
            match entry {
                // Somebody may have it open.
                Entry::File(inode) => self.touch(inode),
                _ if self.tree.names(entry.inode()) == 0 => self.lose(entry.inode()),
                _ => {}
            }
        }
    }

    /// Whoever puts something there has found its folders. Others may have removed them before that, while it was ahead.
    fn have_folders(&mut self, place: &Path) {
        let above: Vec<&Path> = place.ancestors().skip(1).collect();
        for folder in above.into_iter().rev() {
            if self.tree.folder(folder).is_none() {
                let inode = FOLDER + self.tree.number();
                self.set(folder, Some(Entry::Folder(inode)));
                self.touch(inode);
            }
        }
    }
}

impl Step for Change {
    type On = Tree;
    type Undo = Former;

    fn apply(&mut self, tree: &mut Tree) -> Former {
        let mut on = Changing {
            tree,
            former: Former::default(),
            wall: self.wall,
        };
        match &self.kind {
            Kind::Put(place, entry) => {
                on.clear(place);
                on.have_folders(place);
                on.set(place, Some(entry.clone()));
                on.touch(entry.inode());
                on.touch_folder(place);
            }
            Kind::Remove(place) => {
                on.clear(place);
                on.touch_folder(place);
            }
            Kind::Rename(from, to) => {
                let Some(entry) = on.tree.get(from).cloned() else {
                    return on.former;
                };
                let below = on.tree.below(from);
                let below: Vec<(PathBuf, Entry)> = below
                    .map(|(path, entry)| (path.clone(), entry.clone()))
                    .collect();
                on.clear(to);
                on.have_folders(to);
                on.touch(entry.inode());
                on.set(from, None);
                on.set(to, Some(entry));
                for (path, entry) in below {
                    on.set(&path, None);
                    if let Ok(path) = path.strip_prefix(from) {
                        on.set(&to.join(path), Some(entry));
                    }
                }
                on.touch_folder(from);
                on.touch_folder(to);
            }
            Kind::Mode(inode, mode) => {
                let former = on.tree.modes.insert(*inode, *mode);
                on.former.modes.push((*inode, former));
                on.touch(*inode);
            }
            Kind::Times(inode, times) => on.set_times(*inode, |former| *former = *times),
        }
        on.former
    }

    fn undo(former: Former, tree: &mut Tree) {
        fn put_back<T>(to: &mut BTreeMap<Inode, T>, former: Vec<(Inode, Option<T>)>) {
            for (inode, former) in former.into_iter().rev() {
                match former {
                    Some(former) => to.insert(inode, former),
                    None => to.remove(&inode),
                };
            }
        }
        for (place, entry) in former.entries.into_iter().rev() {
            tree.set(&place, entry);
        }
        put_back(&mut tree.modes, former.modes);
        put_back(&mut tree.times, former.times);
    }
}

impl Tree {
    /// Leaves half of a rename of a file, which a crash has come into: the new name is there already, or the old one is gone and
    /// the new one is not there yet.
    pub(super) fn tear(&mut self, from: &Path, to: &Path, both: bool) {
        match self.get(from) {
            Some(Entry::File(inode)) if both => drop(self.set(to, Some(Entry::File(*inode)))),
            Some(Entry::File(_)) => {
                self.set(from, None);
                self.set(to, None);
            }
            _ => {}
        }
    }
}
