//! Folders that are made and removed.

use std::io;
use std::path::Path;

use super::hop;

/// Makes a folder within one that exists.
///
/// ```
/// # mod polliwog { pub use polliwog_core::{*, time}; pub use polliwog_mio::{*, io}; }
/// # fn main() -> std::io::Result<()> {
/// use polliwog::fs;
///
/// polliwog::block_on(async {
/// #     let path = std::env::temp_dir().join(format!("polliwog-doc-dir-{}", std::process::id()));
///     fs::create_dir(&path).await?;
///     assert!(fs::metadata(&path).await?.is_dir());
/// #     fs::remove_dir(&path).await?;
///     Ok(())
/// })
/// # }
/// ```
///
/// # Errors
///
/// As [`std::fs::create_dir`].
///
/// # Cancel safety
///
/// Dropping the future leaves it to end in the background.
pub async fn create_dir(path: impl AsRef<Path>) -> io::Result<()> {
    let path = path.as_ref().to_owned();
    hop(|| std::fs::create_dir(path)).await
}

/// Makes a folder and all that are missing above it. Fine if it is there already.
///
/// ```
/// # mod polliwog { pub use polliwog_core::{*, time}; pub use polliwog_mio::{*, io}; }
/// # fn main() -> std::io::Result<()> {
/// use polliwog::fs;
///
/// polliwog::block_on(async {
/// #     let path = std::env::temp_dir().join(format!("polliwog-doc-dirs-{}", std::process::id()));
///     fs::create_dir_all(path.join("a/b")).await?;
///     fs::create_dir_all(path.join("a/b")).await?; // fine
/// #     fs::remove_dir_all(&path).await?;
///     Ok(())
/// })
/// # }
/// ```
///
/// # Errors
///
/// As [`std::fs::create_dir_all`].
///
/// # Cancel safety
///
/// Dropping the future leaves it to end in the background; some of the folders may be there then.
pub async fn create_dir_all(path: impl AsRef<Path>) -> io::Result<()> {
    let path = path.as_ref().to_owned();
    hop(|| std::fs::create_dir_all(path)).await
}

/// Removes an empty folder.
///
/// ```
/// # mod polliwog { pub use polliwog_core::{*, time}; pub use polliwog_mio::{*, io}; }
/// # fn main() -> std::io::Result<()> {
/// use polliwog::fs;
///
/// polliwog::block_on(async {
/// #     let path = std::env::temp_dir().join(format!("polliwog-doc-rmdir-{}", std::process::id()));
///     fs::create_dir(&path).await?;
///     fs::remove_dir(&path).await?;
///     assert!(!fs::try_exists(&path).await?);
///     Ok(())
/// })
/// # }
/// ```
///
/// # Errors
///
/// As [`std::fs::remove_dir`].
///
/// # Cancel safety
///
/// Dropping the future leaves it to end in the background.
pub async fn remove_dir(path: impl AsRef<Path>) -> io::Result<()> {
    let path = path.as_ref().to_owned();
    hop(|| std::fs::remove_dir(path)).await
}

/// Removes a folder with everything in it, all in one trip to the pool; a symbolic link in it as such, not
/// what it leads to.
///
/// ```
/// # mod polliwog { pub use polliwog_core::{*, time}; pub use polliwog_mio::{*, io}; }
/// # fn main() -> std::io::Result<()> {
/// use polliwog::fs;
///
/// polliwog::block_on(async {
/// #     let path = std::env::temp_dir().join(format!("polliwog-doc-rmdirs-{}", std::process::id()));
///     fs::create_dir_all(path.join("a/b")).await?;
///     fs::remove_dir_all(&path).await?;
///     Ok(())
/// })
/// # }
/// ```
///
/// # Errors
///
/// As [`std::fs::remove_dir_all`].
///
/// # Cancel safety
///
/// Dropping the future leaves the removal to end in the background.
pub async fn remove_dir_all(path: impl AsRef<Path>) -> io::Result<()> {
    let path = path.as_ref().to_owned();
    hop(|| std::fs::remove_dir_all(path)).await
}

/// How to make a folder, as [`std::fs::DirBuilder`].
///
/// ```
/// use polliwog_mio::fs::{self, DirBuilder};
///
/// # polliwog_mio::block_on(async {
/// # let folder = std::env::temp_dir().join(format!("polliwog-doc-dir-{}", std::process::id()));
/// let mut builder = DirBuilder::new();
/// #[cfg(unix)]
/// builder.mode(0o700);
/// builder.recursive(true).create(folder.join("mine/alone")).await?;
/// assert!(fs::metadata(folder.join("mine/alone")).await?.is_dir());
/// fs::remove_dir_all(&folder).await
/// # }).unwrap();
/// ```
#[derive(Clone, Debug, Default)]
pub struct DirBuilder {
    recursive: bool,
    #[cfg(unix)]
    mode: Option<u32>,
}

impl DirBuilder {
    /// Makes a builder for one folder, within one that exists.
    ///
    /// ```
    /// # mod polliwog { pub use polliwog_core::{*, time}; pub use polliwog_mio::{*, io}; }
    /// # fn main() -> std::io::Result<()> {
    /// use polliwog::fs::{self, DirBuilder};
    ///
    /// polliwog::block_on(async {
    /// #     let path = std::env::temp_dir().join(format!("polliwog-doc-builder-{}", std::process::id()));
    ///     DirBuilder::new().create(&path).await?;
    /// #     fs::remove_dir(&path).await?;
    ///     Ok(())
    /// })
    /// # }
    /// ```
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets whether to make all folders that are missing above it, too, and to be content if it is there.
    ///
    /// ```
    /// # mod polliwog { pub use polliwog_core::{*, time}; pub use polliwog_mio::{*, io}; }
    /// # fn main() -> std::io::Result<()> {
    /// use polliwog::fs::{self, DirBuilder};
    ///
    /// polliwog::block_on(async {
    /// #     let path = std::env::temp_dir().join(format!("polliwog-doc-recursive-{}", std::process::id()));
    ///     DirBuilder::new().recursive(true).create(path.join("a/b")).await?;
    /// #     fs::remove_dir_all(&path).await?;
    ///     Ok(())
    /// })
    /// # }
    /// ```
    pub fn recursive(&mut self, recursive: bool) -> &mut Self {
        self.recursive = recursive;
        self
    }

    /// Sets the permissions of what is made, before the process's mask (`umask`) takes some away; all, if not
    /// set. Unix only.
    ///
    /// ```
    /// # mod polliwog { pub use polliwog_core::{*, time}; pub use polliwog_mio::{*, io}; }
    /// # fn main() -> std::io::Result<()> {
    /// use polliwog::fs::{self, DirBuilder};
    ///
    /// polliwog::block_on(async {
    /// #     let path = std::env::temp_dir().join(format!("polliwog-doc-mode-{}", std::process::id()));
    ///     DirBuilder::new().mode(0o700).create(&path).await?;
    /// #     fs::remove_dir(&path).await?;
    ///     Ok(())
    /// })
    /// # }
    /// ```
    #[cfg(unix)]
    pub fn mode(&mut self, mode: u32) -> &mut Self {
        self.mode = Some(mode);
        self
    }

    /// Makes the folder.
    ///
    /// # Errors
    ///
    /// As [`std::fs::DirBuilder::create`].
    ///
    /// # Cancel safety
    ///
    /// Dropping the future leaves it to end in the background; some of the folders may be there then.
    pub async fn create(&self, path: impl AsRef<Path>) -> io::Result<()> {
        let path = path.as_ref().to_owned();
        let mut builder = std::fs::DirBuilder::new();
        builder.recursive(self.recursive);
        #[cfg(unix)]
        if let Some(mode) = self.mode {
            use std::os::unix::fs::DirBuilderExt;
            builder.mode(mode);
        }
        hop(move || builder.create(path)).await
    }
}
