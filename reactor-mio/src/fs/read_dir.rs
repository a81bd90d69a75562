//! [`read_dir`], a folder's entries.

use std::collections::VecDeque;
use std::ffi::OsString;
use std::fmt;
use std::fs::{FileType, Metadata};
use std::future::poll_fn;
use std::io;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use futures_core::Stream;
use polliwog_core::task::budget::poll_proceed;

use super::hop;
use crate::blocking::{BlockingError, BlockingHandle, Rejected, try_spawn_with};

/// How many entries one trip to the pool brings at most.
const BATCH: usize = 128;

/// Returns the entries of a folder, without `.` and `..`, in no particular order.
///
/// One trip to the pool brings many of them. What is added or removed meanwhile may be among them or not.
///
/// ```
/// use polliwog_mio::fs;
///
/// # polliwog_mio::block_on(async {
/// let mut entries = fs::read_dir(".").await?;
/// while let Some(entry) = entries.next_entry().await? {
///     println!("{}", entry.path().display());
/// }
/// # std::io::Result::Ok(())
/// # }).unwrap();
/// ```
///
/// # Errors
///
/// As [`std::fs::read_dir`].
///
/// # Cancel safety
///
/// Nothing is lost.
pub async fn read_dir(path: impl AsRef<Path>) -> io::Result<ReadDir> {
    let path = path.as_ref().to_owned();
    let (rest, batch) = hop(|| Ok(fetch(std::fs::read_dir(path)?))).await?;
    Ok(ReadDir {
        batch,
        state: rest.into(),
    })
}

/// Takes the next entries out of a folder, and the folder, unless it has come to its end.
fn fetch(mut folder: std::fs::ReadDir) -> (Option<std::fs::ReadDir>, Batch) {
    let mut batch = Batch::new();
    while batch.len() < BATCH {
        match folder.next() {
            None => return (None, batch),
            Some(Ok(entry)) => batch.push_back(Ok(DirEntry {
                // Known already almost everywhere.
                file_type: entry.file_type().ok(),
                entry: Arc::new(entry),
            })),
            Some(Err(error)) => {
                batch.push_back(Err(error));
                break;
            }
        }
    }
    (Some(folder), batch)
}

type Batch = VecDeque<io::Result<DirEntry>>;

/// A folder that is being read; made by [`read_dir`]. Also a [`Stream`].
///
/// ```
/// use futures_util::TryStreamExt;
/// use polliwog_mio::fs;
///
/// # polliwog_mio::block_on(async {
/// let entries: Vec<fs::DirEntry> = fs::read_dir(".").await?.try_collect().await?;
/// assert!(entries.iter().any(|entry| entry.file_name() == "Cargo.toml"));
/// # std::io::Result::Ok(())
/// # }).unwrap();
/// ```
#[must_use = "streams do nothing unless polled"]
pub struct ReadDir {
    batch: Batch,
    state: State,
}

#[cfg_attr(
    windows,
    expect(
        clippy::large_enum_variant,
        reason = "the system's entry lies in it, and a batch of entries goes with each move"
    )
)]
enum State {
    Idle(std::fs::ReadDir),
    Busy(BlockingHandle<(Option<std::fs::ReadDir>, Batch)>),
    Ended,
}

impl From<Option<std::fs::ReadDir>> for State {
    fn from(rest: Option<std::fs::ReadDir>) -> Self {
        rest.map_or(State::Ended, State::Idle)
    }
}

impl ReadDir {
    /// Returns the next entry; `None` at the end.
    ///
    /// ```
    /// # mod polliwog { pub use polliwog_core::{*, time}; pub use polliwog_mio::{*, io}; }
    /// # fn main() -> std::io::Result<()> {
    /// use polliwog::fs;
    ///
    /// polliwog::block_on(async {
    ///     let mut entries = fs::read_dir(std::env::temp_dir()).await?;
    ///     while let Some(entry) = entries.next_entry().await? {
    ///         println!("{}", entry.path().display());
    ///     }
    ///     Ok(())
    /// })
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// What the system reports of this entry, or that the blocking pool is full; it may be called again.
    ///
    /// # Cancel safety
    ///
    /// Nothing is lost.
    pub async fn next_entry(&mut self) -> io::Result<Option<DirEntry>> {
        poll_fn(|cx| self.poll_next_entry(cx)).await
    }

    /// [`next_entry`](Self::next_entry) as a poll function.
    ///
    /// # Errors
    ///
    /// As [`next_entry`](Self::next_entry).
    pub fn poll_next_entry(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<Option<DirEntry>>> {
        loop {
            if !self.batch.is_empty() {
                // What is here already would never have to wait.
                ready!(poll_proceed(cx)).charge(0);
                return Poll::Ready(self.batch.pop_front().transpose());
            }
            match std::mem::replace(&mut self.state, State::Ended) {
                State::Ended => return Poll::Ready(Ok(None)),
                State::Idle(folder) => match try_spawn_with(folder, fetch) {
                    Ok(job) => self.state = State::Busy(job),
                    Err(Rejected { job, reason }) => {
                        self.state = State::Idle(job);
                        return Poll::Ready(Err(BlockingError::Rejected(reason).into()));
                    }
                },
                State::Busy(mut job) => match Pin::new(&mut job).poll(cx) {
                    Poll::Pending => {
                        self.state = State::Busy(job);
                        return Poll::Pending;
                    }
                    // If the job was lost, so was the folder.
                    Poll::Ready(done) => {
                        let (rest, batch) = done?;
                        self.state = rest.into();
                        self.batch = batch;
                    }
                },
            }
        }
    }
}

impl Stream for ReadDir {
    type Item = io::Result<DirEntry>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.poll_next_entry(cx).map(Result::transpose)
    }
}

impl fmt::Debug for ReadDir {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ReadDir").finish_non_exhaustive()
    }
}

/// An entry of a folder; comes out of a [`ReadDir`].
///
/// ```
/// # mod polliwog { pub use polliwog_core::{*, time}; pub use polliwog_mio::{*, io}; }
/// # fn main() -> std::io::Result<()> {
/// use polliwog::fs;
///
/// polliwog::block_on(async {
///     let mut entries = fs::read_dir(".").await?;
///     while let Some(entry) = entries.next_entry().await? {
///         if entry.file_type().await?.is_dir() {
///             println!("{}/", entry.file_name().to_string_lossy());
///         }
///     }
///     Ok(())
/// })
/// # }
/// ```
pub struct DirEntry {
    file_type: Option<FileType>,
    entry: Arc<std::fs::DirEntry>,
}

impl DirEntry {
    /// Returns the path: that of the folder, as it was given, and the name.
    ///
    /// ```
    /// # mod polliwog { pub use polliwog_core::{*, time}; pub use polliwog_mio::{*, io}; }
    /// # fn main() -> std::io::Result<()> {
    /// use polliwog::fs;
    ///
    /// polliwog::block_on(async {
    ///     let mut entries = fs::read_dir(".").await?;
    ///     if let Some(entry) = entries.next_entry().await? {
    ///         assert!(entry.path().starts_with("."));
    ///     }
    ///     Ok(())
    /// })
    /// # }
    /// ```
    pub fn path(&self) -> PathBuf {
        self.entry.path()
    }

    /// Returns the name within the folder.
    ///
    /// ```
    /// # mod polliwog { pub use polliwog_core::{*, time}; pub use polliwog_mio::{*, io}; }
    /// # fn main() -> std::io::Result<()> {
    /// use polliwog::fs;
    ///
    /// polliwog::block_on(async {
    ///     let mut entries = fs::read_dir(".").await?;
    ///     if let Some(entry) = entries.next_entry().await? {
    ///         assert!(entry.path().ends_with(entry.file_name()));
    ///     }
    ///     Ok(())
    /// })
    /// # }
    /// ```
    pub fn file_name(&self) -> OsString {
        self.entry.file_name()
    }

    /// Returns what the system knows of the entry; of a symbolic link itself.
    ///
    /// ```
    /// # mod polliwog { pub use polliwog_core::{*, time}; pub use polliwog_mio::{*, io}; }
    /// # fn main() -> std::io::Result<()> {
    /// use polliwog::fs;
    ///
    /// polliwog::block_on(async {
    ///     let mut total = 0;
    ///     let mut entries = fs::read_dir(".").await?;
    ///     while let Some(entry) = entries.next_entry().await? {
    ///         total += entry.metadata().await?.len();
    ///     }
    ///     println!("{total} bytes");
    ///     Ok(())
    /// })
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// As [`std::fs::DirEntry::metadata`]: it may be gone for example.
    ///
    /// # Cancel safety
    ///
    /// Nothing is lost.
    pub async fn metadata(&self) -> io::Result<Metadata> {
        let entry = Arc::clone(&self.entry);
        hop(move || entry.metadata()).await
    }

    /// Returns whether it is a file, a folder, a symbolic link or something else. Known already as a rule.
    ///
    /// ```
    /// # mod polliwog { pub use polliwog_core::{*, time}; pub use polliwog_mio::{*, io}; }
    /// # fn main() -> std::io::Result<()> {
    /// use polliwog::fs;
    ///
    /// polliwog::block_on(async {
    ///     let mut folders = 0;
    ///     let mut entries = fs::read_dir(".").await?;
    ///     while let Some(entry) = entries.next_entry().await? {
    ///         folders += usize::from(entry.file_type().await?.is_dir());
    ///     }
    ///     println!("{folders} folders");
    ///     Ok(())
    /// })
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// As [`std::fs::DirEntry::file_type`].
    ///
    /// # Cancel safety
    ///
    /// Nothing is lost.
    pub async fn file_type(&self) -> io::Result<FileType> {
        if let Some(known) = self.file_type {
            return Ok(known);
        }
        let entry = Arc::clone(&self.entry);
        hop(move || entry.file_type()).await
    }

    /// Returns the number of the entry's inode. Unix only.
    #[cfg(unix)]
    pub fn ino(&self) -> u64 {
        std::os::unix::fs::DirEntryExt::ino(&*self.entry)
    }
}

impl fmt::Debug for DirEntry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.entry.fmt(f)
    }
}
