//! [`Permissions`] of what lies on a simulated disk.

#[cfg(doc)]
use std::io::ErrorKind;
use std::io::Result;
use std::path::Path;

use super::disk::Wait;
use super::fs::{File, on, operation};
use super::metadata::Metadata;

const WRITERS: u32 = 0o222;

/// What may be done with a file or a folder: see [`Metadata::permissions`] and [`set_permissions`].
///
/// Programs of simulated hosts are a user who owns all that lies on the disk and is not root, whose `umask` is 022. What
/// the owner's bits do not allow fails with [`ErrorKind::PermissionDenied`]: to open a file for reading or for writing, to list a
/// folder, to make, rename and remove names in one, to look for something by a path through it. A file that is open stays so.
/// [`Control::read_file`](crate::sim::Control::read_file) and `write_file` are the test's, and may do all.
///
/// A change is as one for names: it outlives a crash for certain once anything has been synced after it, and without that
/// it does if all that was done to names before it does.
///
/// On Unix, [`PermissionsExt`](https://doc.rust-lang.org/std/os/unix/fs/trait.PermissionsExt.html) gives their bits.
///
/// ```
/// # mod polliwog { pub use polliwog_core::*; pub use polliwog_spin::{*, sim}; pub use polliwog_spin::sim::fs; }
/// use polliwog::fs::{self, File};
/// use polliwog::sim::Simulation;
/// use std::io::ErrorKind;
///
/// let mut simulation = Simulation::new(7);
/// simulation.client("one", async {
///     fs::write("log", "frog").await?;
///     let mut permissions = fs::metadata("log").await?.permissions();
///     permissions.set_readonly(true);
///     fs::set_permissions("log", permissions).await?;
///     let denied = File::create("log").await.unwrap_err();
///     assert_eq!(denied.kind(), ErrorKind::PermissionDenied);
///     assert_eq!(fs::read("log").await?, b"frog");
///     std::io::Result::Ok(())
/// });
/// simulation.run().unwrap();
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Permissions(u32);

impl Permissions {
    /// Whether nobody may write.
    pub fn readonly(&self) -> bool {
        self.0 & WRITERS == 0
    }

    /// Sets whether nobody may write, or everybody.
    pub fn set_readonly(&mut self, readonly: bool) {
        match readonly {
            true => self.0 &= !WRITERS,
            false => self.0 |= WRITERS,
        }
    }
}

/// The bits of [`chmod(2)`](https://man7.org/linux/man-pages/man2/chmod.2.html); those of the kind of file are with them if they
/// are what [`Metadata`] tells.
#[cfg(unix)]
impl std::os::unix::fs::PermissionsExt for Permissions {
    fn mode(&self) -> u32 {
        self.0
    }

    fn set_mode(&mut self, mode: u32) {
        self.0 = mode;
    }

    fn from_mode(mode: u32) -> Self {
        Self(mode)
    }
}

impl Metadata {
    /// What may be done with it.
    pub fn permissions(&self) -> Permissions {
        Permissions(self.raw_mode())
    }
}

impl File {
    /// Sets what may be done with the file: see [`Permissions`]. Dropped, it has done nothing.
    ///
    /// ```
    /// # mod polliwog { pub use polliwog_core::*; pub use polliwog_spin::{*, sim}; pub use polliwog_spin::sim::fs; }
    /// use polliwog::fs::File;
    ///
    /// async fn seal(file: &File) -> std::io::Result<()> {
    ///     let mut permissions = file.metadata().await?.permissions();
    ///     permissions.set_readonly(true);
    ///     file.set_permissions(permissions).await
    /// }
    /// ```
    ///
    /// # Errors
    ///
    /// When the disk fails.
    pub async fn set_permissions(&self, perm: Permissions) -> Result<()> {
        let net = operation(Wait::Any).await?;
        on(&net, |disk| {
            disk.set_mode(self.opened.inode, perm.0);
            Ok(())
        })
    }
}

/// Sets what may be done with a file or a folder: see [`Permissions`]. Dropped, it has done nothing.
///
/// # Errors
///
/// [`ErrorKind::NotFound`].
pub async fn set_permissions(path: impl AsRef<Path>, perm: Permissions) -> Result<()> {
    let net = operation(Wait::Any).await?;
    on(&net, |disk| disk.set_mode_at(path.as_ref(), perm.0))
}
