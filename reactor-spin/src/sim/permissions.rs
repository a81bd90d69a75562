//! [`Permissions`] of what lies on a simulated disk.

#[cfg(doc)]
use std::io::ErrorKind;
use std::io::Result;
use std::path::Path;

use super::disk::Wait;
use super::fs::{File, on, operation};
use super::metadata::Metadata;

/// What may be done with a file or a folder: the standard library's, which on Unix anybody can make.
#[cfg(unix)]
pub use std::fs::Permissions;

#[cfg(unix)]
use std::os::unix::fs::PermissionsExt;

/// What may be done with a file or a folder.
#[cfg(not(unix))]
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Permissions(u32);

#[cfg(not(unix))]
impl Permissions {
    const WRITERS: u32 = 0o222;

    /// Whether nobody may write.
    pub fn readonly(&self) -> bool {
        self.0 & Self::WRITERS == 0
    }

    /// Sets whether nobody may write, or everybody.
    pub fn set_readonly(&mut self, readonly: bool) {
        match readonly {
            true => self.0 &= !Self::WRITERS,
            false => self.0 |= Self::WRITERS,
        }
    }

    // The names of Unix's trait.
    fn from_mode(mode: u32) -> Self {
        Self(mode)
    }

    fn mode(&self) -> u32 {
        self.0
    }
}

impl Metadata {
    /// What may be done with it. On Unix,
    /// [`PermissionsExt`](https://doc.rust-lang.org/std/os/unix/fs/trait.PermissionsExt.html) gives the bits, of which those
    /// of the kind of file are some.
    pub fn permissions(&self) -> Permissions {
        Permissions::from_mode(self.raw_mode())
    }
}

impl File {
    /// Sets what may be done with the file: see [`set_permissions`]. Dropped, it has done nothing.
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
            disk.set_mode(self.opened.inode, perm.mode());
            Ok(())
        })
    }
}

/// Sets what may be done with a file or a folder. Dropped, it has done nothing.
///
/// Programs of simulated hosts are a user who owns all that lies on the disk and is not root, whose `umask` is 022. What
/// the owner's bits do not allow fails with [`ErrorKind::PermissionDenied`]: to open a file for reading or for writing, to list a
/// folder, to make, rename and remove names in one, to look for something by a path through it. A file that is open stays so.
/// [`Control::read_file`](crate::sim::Control::read_file) and `write_file` are the test's, and may do all.
///
/// A change is as one for names: it outlives a crash for certain once anything has been synced after it, and without that
/// it does if all that was done to names before it does.
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
///
/// # Errors
///
/// [`ErrorKind::NotFound`].
pub async fn set_permissions(path: impl AsRef<Path>, perm: Permissions) -> Result<()> {
    let net = operation(Wait::Any).await?;
    on(&net, |disk| disk.set_mode_at(path.as_ref(), perm.mode()))
}
