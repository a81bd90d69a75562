//! What becomes of a [`Disk`] when its program is stopped, comes to its end, or loses its power.

use super::Disk;
use super::contents::{self, Edit};
use super::journal::Step;
use super::tree::Kind;

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
        for file in self.files.values_mut() {
            file.journal.forget(&mut file.now, now);
        }
        self.journal.forget(&mut self.tree, now);
    }

    /// The power is gone. Of what is not safe an operation on names is there if all before it are; each write is
    /// there, or not, or the first part of it.
    pub(crate) fn crash(&mut self) {
        self.pages.clear();
        self.forget();
        self.settle();
        let kept = self.chance.below(self.journal.len() as u64 + 1);
        let lost = self.journal.cut(&mut self.tree, kept as usize);
        if let (true, Some(Kind::Rename(from, to))) =
            (self.torn_renames, lost.first().map(|change| &change.kind))
        {
            if self.chance.chance(0.5) {
                self.tree.tear(from, to, true);
            } else if self.chance.chance(0.5) {
                self.tree.tear(from, to, false);
            }
        }
        self.tree.drop_sockets();
        let tree = &self.tree;
        self.files.retain(|inode, _| tree.names(*inode) > 0);
        for file in self.files.values_mut() {
            let edits = file.journal.cut(&mut file.now, 0);
            let is_safe = |edit: &Edit| matches!(edit.kind, contents::Kind::SafeWrite(..));
            let safe = edits.iter().rposition(is_safe).unwrap_or(0);
            for (number, mut edit) in edits.into_iter().enumerate() {
                // What is lost before it leaves a hole.
                edit.appends = false;
                let is_len = matches!(edit.kind, contents::Kind::Len(_));
                if is_safe(&edit) || (number < safe && is_len) {
                    // The system writes down lengths in their order, and none after it without those before it.
                    edit.apply(&mut file.now);
                    continue;
                }
                match (self.chance.below(3), &mut edit.kind) {
                    (0, _) => continue,
                    (1, contents::Kind::Write(_, bytes)) => {
                        let blocks = bytes.len().div_ceil(self.block) as u64;
                        let whole = self.chance.below(blocks) as usize;
                        bytes.truncate(whole.saturating_mul(self.block));
                        if bytes.is_empty() {
                            continue;
                        }
                    }
                    _ => {}
                }
                edit.apply(&mut file.now);
            }
        }
    }
}
