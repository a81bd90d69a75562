//! What several tests use.

use std::path::{Path, PathBuf};

/// A folder of one's own, which is removed at the end with all that is in it.
pub(crate) struct Folder(PathBuf);

impl Folder {
    pub(crate) fn new(name: &str) -> Self {
        let name = format!("polliwog-test-{}-{name}", std::process::id());
        let path = std::env::temp_dir().join(name);
        // Of a process that was killed, and had the same number.
        let _ = std::fs::remove_dir_all(&path);
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    #[allow(dead_code, reason = "not all tests need it")]
    pub(crate) fn path(&self) -> &Path {
        &self.0
    }

    pub(crate) fn join(&self, name: impl AsRef<Path>) -> PathBuf {
        self.0.join(name)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}
