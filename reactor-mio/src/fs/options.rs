//! [`OpenOptions`].

use std::io;
use std::path::Path;

use super::file::File;
use super::hop;

/// How to open a file, as [`std::fs::OpenOptions`].
///
/// ```
/// # mod polliwog { pub use polliwog_core::{*, time}; pub use polliwog_mio::{*, io}; }
/// # fn main() -> std::io::Result<()> {
/// use polliwog::fs::{self, OpenOptions};
///
/// polliwog::block_on(async {
/// #     let path = std::env::temp_dir().join(format!("polliwog-doc-oo-{}", std::process::id()));
///     let file = OpenOptions::new().read(true).write(true).create(true).open(&path).await?;
///     assert_eq!(file.metadata().await?.len(), 0);
/// #     fs::remove_file(&path).await?;
///     Ok(())
/// })
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct OpenOptions(std::fs::OpenOptions);

impl Default for OpenOptions {
    fn default() -> Self {
        Self::new()
    }
}

impl From<std::fs::OpenOptions> for OpenOptions {
    fn from(options: std::fs::OpenOptions) -> Self {
        Self(options)
    }
}

impl OpenOptions {
    /// Makes options that allow nothing yet.
    ///
    /// ```
    /// # mod polliwog { pub use polliwog_core::{*, time}; pub use polliwog_mio::{*, io}; }
    /// # fn main() -> std::io::Result<()> {
    /// use polliwog::fs::OpenOptions;
    ///
    /// polliwog::block_on(async {
    ///     let mut options = OpenOptions::new();
    ///     options.read(true);
    ///     assert!(options.open("/nowhere/at/all").await.is_err());
    ///     Ok(())
    /// })
    /// # }
    /// ```
    pub fn new() -> Self {
        Self(std::fs::OpenOptions::new())
    }

    /// Opens a file.
    ///
    /// ```
    /// # mod polliwog { pub use polliwog_core::{*, time}; pub use polliwog_mio::{*, io}; }
    /// # fn main() -> std::io::Result<()> {
    /// use polliwog::fs::{self, OpenOptions};
    ///
    /// polliwog::block_on(async {
    /// #     let path = std::env::temp_dir().join(format!("polliwog-doc-oopen-{}", std::process::id()));
    ///     let mut file = OpenOptions::new().append(true).create(true).open(&path).await?;
    ///     file.write_all(b"one more line\n").await?;
    /// #     file.flush().await?;
    /// #     fs::remove_file(&path).await?;
    ///     Ok(())
    /// })
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// As [`std::fs::OpenOptions::open`].
    ///
    /// # Cancel safety
    ///
    /// Dropping the future closes the file again once it is open; it may have been created.
    pub async fn open(&self, path: impl AsRef<Path>) -> io::Result<File> {
        let path = path.as_ref().to_owned();
        let options = self.0.clone();
        hop(move || options.open(path)).await.map(File::from_std)
    }
}

macro_rules! options {
    ($($(#[$doc:meta])+ $name:ident;)+) => {
        impl OpenOptions {
            $(
                $(#[$doc])+
                pub fn $name(&mut self, $name: bool) -> &mut Self {
                    self.0.$name($name);
                    self
                }
            )+
        }
    };
}

options! {
    /// Whether the file can be read.
    read;
    /// Whether the file can be written.
    write;
    /// Whether each write goes to the end of the file.
    append;
    /// Whether the contents are thrown away.
    truncate;
    /// Whether the file is created if there is none.
    create;
    /// Whether the file is created, and an error if there is one.
    create_new;
}

#[cfg(unix)]
impl OpenOptions {
    /// Sets the permissions of a file that is created, before the process's mask (`umask`) takes some away;
    /// `0o666` if not set. Unix only.
    ///
    /// ```
    /// # mod polliwog { pub use polliwog_core::{*, time}; pub use polliwog_mio::{*, io}; }
    /// # fn main() -> std::io::Result<()> {
    /// use polliwog::fs::{self, OpenOptions};
    ///
    /// polliwog::block_on(async {
    /// #     let path = std::env::temp_dir().join(format!("polliwog-doc-omode-{}", std::process::id()));
    ///     let secret = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path).await?;
    /// #     drop(secret);
    /// #     fs::remove_file(&path).await?;
    ///     Ok(())
    /// })
    /// # }
    /// ```
    pub fn mode(&mut self, mode: u32) -> &mut Self {
        std::os::unix::fs::OpenOptionsExt::mode(&mut self.0, mode);
        self
    }

    /// Sets further flags for `open`, such as `libc::O_NOFOLLOW`, without those of the access mode. Unix only.
    pub fn custom_flags(&mut self, flags: i32) -> &mut Self {
        std::os::unix::fs::OpenOptionsExt::custom_flags(&mut self.0, flags);
        self
    }
}

#[cfg(windows)]
impl OpenOptions {
    /// `dwDesiredAccess` of `CreateFile`, in place of what [`read`](Self::read), [`write`](Self::write) and
    /// [`append`](Self::append) make of it. Windows only.
    pub fn access_mode(&mut self, access: u32) -> &mut Self {
        std::os::windows::fs::OpenOptionsExt::access_mode(&mut self.0, access);
        self
    }

    /// Sets `dwShareMode` of `CreateFile`: what others may do meanwhile; anything, if not set. Windows only.
    pub fn share_mode(&mut self, share: u32) -> &mut Self {
        std::os::windows::fs::OpenOptionsExt::share_mode(&mut self.0, share);
        self
    }

    /// Sets further flags for `CreateFile`. Windows only.
    pub fn custom_flags(&mut self, flags: u32) -> &mut Self {
        std::os::windows::fs::OpenOptionsExt::custom_flags(&mut self.0, flags);
        self
    }

    /// Sets the attributes of a file that is created. Windows only.
    pub fn attributes(&mut self, attributes: u32) -> &mut Self {
        std::os::windows::fs::OpenOptionsExt::attributes(&mut self.0, attributes);
        self
    }

    /// Sets what a server of named pipes may do in this process's name. Windows only.
    pub fn security_qos_flags(&mut self, flags: u32) -> &mut Self {
        std::os::windows::fs::OpenOptionsExt::security_qos_flags(&mut self.0, flags);
        self
    }
}
