//! [`OpenOptions`]: how a file of a simulated host is opened.

#[cfg(doc)]
use std::io::ErrorKind;
use std::io::Result;
use std::path::Path;

#[cfg(unix)]
use super::disk::Flags;
use super::disk::{How, Opened, Wait};
use super::fs::{File, on, operation};

/// How to open a [`File`].
#[derive(Clone, Debug, Default)]
pub struct OpenOptions {
    how: How,
}

impl OpenOptions {
    /// Options of which none is set.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets whether to read, which the file's [permissions](super::fs::Permissions) have to allow.
    pub fn read(&mut self, read: bool) -> &mut Self {
        self.how.read = read;
        self
    }

    /// Sets whether to write.
    pub fn write(&mut self, write: bool) -> &mut Self {
        self.how.write = write;
        self
    }

    /// Sets whether to write, at the end: at that of each moment, whoever has written meanwhile.
    pub fn append(&mut self, append: bool) -> &mut Self {
        self.how.append = append;
        self
    }

    /// Sets whether the file is emptied.
    pub fn truncate(&mut self, truncate: bool) -> &mut Self {
        self.how.truncate = truncate;
        self
    }

    /// Sets whether the file is made if it is not there.
    pub fn create(&mut self, create: bool) -> &mut Self {
        self.how.create = create;
        self
    }

    /// Sets whether the file must not be there, and is made.
    pub fn create_new(&mut self, create_new: bool) -> &mut Self {
        self.how.create_new = create_new;
        self
    }

    /// Sets the permissions of a file that is created, of which the process's mask takes 022 away; 0o666, unless set. Unix only.
    ///
    /// ```
    /// # mod polliwog { pub use polliwog_core::*; pub use polliwog_spin::{*, sim}; pub use polliwog_spin::sim::fs; }
    /// use polliwog::fs::{File, OpenOptions};
    ///
    /// async fn secret() -> std::io::Result<File> {
    ///     OpenOptions::new().write(true).create_new(true).mode(0o600).open("key").await
    /// }
    /// ```
    #[cfg(unix)]
    pub fn mode(&mut self, mode: u32) -> &mut Self {
        self.how.mode = Some(mode);
        self
    }

    /// Sets flags of `open(2)`, without those of the access mode; they take the place of those set before. Unix only.
    ///
    /// * `O_DIRECT` (Linux): what is read and written is never in the system's memory, and waits for the disk each time. Offset
    ///   and length have to be multiples of the [disk's blocks](crate::sim::Control::set_disk_block), or it fails with `EINVAL`;
    ///   512 bytes, if these are never torn; but at a file's end nothing is read whatever they are. Where the program's memory lies is not looked at, since that may be another place
    ///   in each run. Nothing is safe before it is [synced](File::sync_all).
    /// * `O_SYNC`, `O_DSYNC`: a write takes as long as a sync, and is safe when it returns, and so is what was done to the
    ///   file's length and to names before. What was written before to other places of the file is not, as on Linux.
    /// * `O_NOFOLLOW`, `O_DIRECTORY`.
    /// * `O_CLOEXEC`, `O_NOCTTY`, `O_NONBLOCK`, `O_LARGEFILE`, which make no difference here.
    ///
    /// With any other one [`open`](Self::open) fails.
    ///
    /// ```
    /// # mod polliwog { pub use polliwog_core::*; pub use polliwog_spin::{*, sim}; pub use polliwog_spin::sim::fs; }
    /// # #[cfg(target_os = "linux")] {
    /// use polliwog::fs::OpenOptions;
    /// use polliwog::sim::Simulation;
    ///
    /// let mut simulation = Simulation::new(7);
    /// simulation.client("database", async {
    ///     let mut how = OpenOptions::new();
    ///     how.write(true).create(true).custom_flags(libc::O_DIRECT | libc::O_DSYNC);
    ///     let mut pages = how.open("pages").await?;
    ///     pages.write_all(&[7; 4096]).await?;
    ///     let part = pages.write(&[7; 100]).await;
    ///     assert_eq!(part.unwrap_err().raw_os_error(), Some(libc::EINVAL));
    ///     std::io::Result::Ok(())
    /// });
    /// simulation.run().unwrap();
    /// # }
    /// ```
    #[cfg(unix)]
    pub fn custom_flags(&mut self, flags: i32) -> &mut Self {
        self.how.flags = Flags::new(flags);
        self
    }

    /// Opens the file.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::NotFound`], [`ErrorKind::AlreadyExists`], [`ErrorKind::IsADirectory`]; [`ErrorKind::InvalidInput`] if it is
    /// neither to be read nor to be written to, or a file is to be made or emptied that is not to be written to, or to be emptied and appended to;
    /// [`ErrorKind::Unsupported`] with flags that are not simulated.
    pub async fn open(&self, path: impl AsRef<Path>) -> Result<File> {
        self.how.check()?;
        let net = operation(Wait::Any).await?;
        let opened = on(&net, |disk| {
            let inode = disk.open(path.as_ref(), self.how)?;
            Opened::new(disk, inode, self.how)
        })?;
        Ok(File::of(opened))
    }
}
