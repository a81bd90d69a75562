//! Opening files for strangers, who must not get at anything outside of one folder.
//!
//! All of this blocks: it is meant for a thread of the blocking pool.

use std::fmt;
use std::fs::{self, File, Metadata, OpenOptions};
use std::io::{self, ErrorKind, Read};
use std::path::{Component, Path, PathBuf};

/// Why a file is not given out.
#[derive(Debug)]
pub(crate) enum Refusal {
    /// The name, or a symbolic link on the way, leads out of the folder.
    Outside,
    /// A folder, a device, a pipe, a socket.
    NotAFile,
    /// No file descriptor is free: it may be in a moment.
    OutOfDescriptors,
    /// What the system says.
    Io(io::Error),
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Refusal::Outside => "the name leads out of the served folder",
            Refusal::NotAFile => "not a regular file",
            Refusal::OutOfDescriptors => "the server has too many files open, try again later",
            Refusal::Io(error) => match error.kind() {
                ErrorKind::NotFound | ErrorKind::NotADirectory => "no such file",
                ErrorKind::PermissionDenied => "permission denied",
                _ if is_too_long(error) => "the name is too long",
                _ => "the file cannot be read",
            },
        })
    }
}

impl From<io::Error> for Refusal {
    fn from(error: io::Error) -> Self {
        if is_out_of_descriptors(&error) {
            Refusal::OutOfDescriptors
        } else {
            Refusal::Io(error)
        }
    }
}

/// Opens the regular file `name` inside of `root`, which has to be canonical.
///
/// `..` is refused even where it would stay inside: what exists outside shall not show in the
/// answers. Symbolic links are followed as long as they end inside.
///
/// # Between the look and the opening
///
/// Somebody who may write in the folder could put something else there in between. So the file
/// is opened without waiting (a pipe would block) and what has been opened is looked at again:
/// its kind, its identity, and where it lies.
///
/// # Errors
///
/// [`Refusal`]
pub(crate) fn open(root: &Path, name: &str) -> Result<File, Refusal> {
    let relative = Path::new(name);
    for component in relative.components() {
        match component {
            Component::Normal(_) | Component::CurDir => {}
            Component::ParentDir | Component::RootDir | Component::Prefix(_) => {
                return Err(Refusal::Outside);
            }
        }
    }
    let path = root.join(relative).canonicalize()?;
    if !path.starts_with(root) {
        return Err(Refusal::Outside);
    }
    // Merely to open a device can have effects.
    let before = fs::symlink_metadata(&path)?;
    if !before.is_file() {
        return Err(Refusal::NotAFile);
    }
    let file = without_waiting().open(&path)?;
    let after = file.metadata()?;
    if !after.is_file() {
        return Err(Refusal::NotAFile);
    }
    if is_same(&before, &after) && lies_inside(root, &path, &file)? {
        Ok(file)
    } else {
        Err(Refusal::Outside)
    }
}

fn without_waiting() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.read(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt;
        options.custom_flags(libc::O_NONBLOCK | libc::O_NOCTTY | libc::O_NOFOLLOW);
    }
    options
}

#[cfg(unix)]
fn is_same(one: &Metadata, other: &Metadata) -> bool {
    use std::os::unix::fs::MetadataExt;
    (one.dev(), one.ino()) == (other.dev(), other.ino())
}

/// The standard library tells no identity here.
#[cfg(not(unix))]
fn is_same(_: &Metadata, _: &Metadata) -> bool {
    true
}

/// Whether an open file lies inside of `root`: the system says where it does, or else it must
/// still be what `path` names.
fn lies_inside(root: &Path, path: &Path, file: &File) -> io::Result<bool> {
    if let Some(place) = place_of(file) {
        return Ok(place.starts_with(root));
    }
    let again = path.canonicalize()?;
    Ok(again.starts_with(root) && is_same(&fs::metadata(&again)?, &file.metadata()?))
}

/// Where an open file lies, if the system tells.
#[cfg(target_os = "linux")]
fn place_of(file: &File) -> Option<PathBuf> {
    use std::os::fd::AsRawFd;
    fs::read_link(format!("/proc/self/fd/{}", file.as_raw_fd())).ok()
}

#[cfg(not(target_os = "linux"))]
fn place_of(_: &File) -> Option<PathBuf> {
    None
}

fn is_out_of_descriptors(error: &io::Error) -> bool {
    #[cfg(unix)]
    return matches!(
        error.raw_os_error(),
        Some(libc::EMFILE | libc::ENFILE | libc::ENOMEM)
    );
    // ERROR_TOO_MANY_OPEN_FILES
    #[cfg(not(unix))]
    return error.raw_os_error() == Some(4);
}

fn is_too_long(error: &io::Error) -> bool {
    #[cfg(unix)]
    return error.raw_os_error() == Some(libc::ENAMETOOLONG);
    // ERROR_FILENAME_EXCED_RANGE
    #[cfg(not(unix))]
    return error.raw_os_error() == Some(206);
}

/// A file that is read piece by piece into one buffer, which travels with it.
#[derive(Debug)]
pub(crate) struct Pieces {
    file: File,
    buffer: Vec<u8>,
    len: usize,
    /// What is still to come of the length that the file had at first.
    missing: u64,
    at_end: bool,
}

impl Pieces {
    /// Reads the first piece. The buffer is as large as the file, but at most `limit` bytes.
    ///
    /// # Errors
    ///
    /// As [`File`]'s.
    pub(crate) fn of(file: File, limit: usize) -> io::Result<Self> {
        let missing = file.metadata()?.len();
        let size = usize::try_from(missing).unwrap_or(limit);
        // One more than the file has, so that the end shows at once; not too little for a file
        // that grows, or that does not know its size.
        let room = size.saturating_add(1).max(4096).min(limit);
        let pieces = Pieces {
            file,
            buffer: vec![0; room],
            len: 0,
            missing,
            at_end: false,
        };
        // If it ends here already, that is what it is: some files do not know their length.
        pieces.read()
    }

    /// Reads the next piece: a full one, unless it is the last.
    ///
    /// # Errors
    ///
    /// As [`File`]'s; [`ErrorKind::UnexpectedEof`] if somebody has cut the file short.
    pub(crate) fn next(self) -> io::Result<Self> {
        let pieces = self.read()?;
        if pieces.at_end && pieces.missing > 0 {
            return Err(ErrorKind::UnexpectedEof.into());
        }
        Ok(pieces)
    }

    fn read(mut self) -> io::Result<Self> {
        self.len = 0;
        while self.len < self.buffer.len() {
            match self.file.read(&mut self.buffer[self.len..]) {
                Ok(0) => {
                    self.at_end = true;
                    break;
                }
                Ok(count) => self.len += count,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        self.missing = self.missing.saturating_sub(self.len as u64);
        Ok(self)
    }

    /// The piece.
    pub(crate) fn bytes(&self) -> &[u8] {
        &self.buffer[..self.len]
    }

    /// Whether it is the last one.
    pub(crate) fn is_last(&self) -> bool {
        self.at_end
    }
}
