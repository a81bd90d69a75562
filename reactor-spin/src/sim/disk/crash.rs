//! What becomes of a [`Disk`] when its program is stopped, comes to its end, or loses its power.

use alloc::collections::BTreeSet;
use alloc::vec::Vec;
use std::path::PathBuf;

use super::contents::Edit;
use super::{Change, Disk, Inode, apply};

impl Disk {
    /// The program is stopped: until it goes on, it does nothing of what it would do from now on.
    pub(crate) fn stop(&mut self) {
        self.stopped = Some(self.clock.now());
    }

    /// The program goes on, and has done by now what its time was for.
    pub(crate) fn go_on(&mut self) {
        self.stopped = None;
    }

    /// The program has come to its end: what it would have done later, since it has run ahead, is not done.
    pub(crate) fn forget(&mut self) {
        let now = self.stopped.take().unwrap_or(self.clock.now());
        let wall = self.clock.wall_time();
        for file in self.files.values_mut() {
            if file.journal.forget(now) {
                file.renew(now);
                file.times.modified = file.times.modified.min(wall);
            }
        }
        if self.journal.forget(now) {
            self.renew_names(now);
            self.have_folders();
        }
    }

    /// Each name has its folder, even if that was removed and the name was not.
    fn have_folders(&mut self) {
        let names: Vec<PathBuf> = self.names.keys().cloned().collect();
        for folder in names.iter().flat_map(|name| name.ancestors().skip(1)) {
            self.make_folder(folder);
        }
    }

    /// The power is gone. Of what is not safe an operation on names is there if all before it are; each write is
    /// there, or not, or the first part of it.
    pub(crate) fn crash(&mut self) {
        self.sockets.clear();
        self.pages.clear();
        self.forget();
        self.settle();
        let kept = self.chance.below(self.journal.iter().count() as u64 + 1);
        let mut changes = self.journal.take();
        for change in changes.by_ref().take(kept as usize) {
            apply(&change, &mut self.safe_names, &mut self.safe_modes);
        }
        if let (true, Some(Change::Rename(from, to))) = (self.torn_renames, changes.next()) {
            // The new name is there already, or the old one is gone and the new one is not there yet.
            match self.safe_names.get(&from).copied() {
                Some(inode) if self.chance.chance(0.5) => {
                    self.safe_names.insert(to, inode);
                }
                Some(_) if self.chance.chance(0.5) => {
                    self.safe_names.remove(&from);
                    self.safe_names.remove(&to);
                }
                _ => {}
            }
        }
        // A folder is there for good, so that a file whose place it has taken is gone.
        self.safe_names
            .retain(|name, _| !self.folders.contains_key(name));
        self.names.clone_from(&self.safe_names);
        self.modes.clone_from(&self.safe_modes);
        self.have_folders();
        let live: BTreeSet<Inode> = self.names.values().copied().collect();
        self.files.retain(|inode, _| live.contains(inode));
        for file in self.files.values_mut() {
            let edits: Vec<Edit> = file.journal.take().collect();
            let is_safe = |edit: &Edit| matches!(edit, Edit::SafeWrite(..));
            let safe = edits.iter().rposition(is_safe).unwrap_or(0);
            for (number, edit) in edits.into_iter().enumerate() {
                if is_safe(&edit) || (number < safe && matches!(edit, Edit::Len(_))) {
                    // The system writes down lengths in their order, and none after it without those before it.
                    edit.apply(&mut file.safe);
                    continue;
                }
                match (self.chance.below(3), edit) {
                    (0, _) => {}
                    (1, Edit::Write(at, mut bytes)) => {
                        let blocks = bytes.len().div_ceil(self.block) as u64;
                        let whole = self.chance.below(blocks) as usize;
                        bytes.truncate(whole.saturating_mul(self.block));
                        if !bytes.is_empty() {
                            Edit::Write(at, bytes).apply(&mut file.safe);
                        }
                    }
                    (_, edit) => edit.apply(&mut file.safe),
                }
            }
            file.now.clone_from(&file.safe);
        }
    }
}
