//! Opening files for strangers, who must not get at anything outside of one folder.
//!
//! All of this blocks: it is meant for a thread of the blocking pool.

use std::ffi::OsString;
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
/// `..` is refused even where it would stay inside. Symbolic links are followed as long as they
/// end inside. What exists outside does not show in the answers, whatever leads there: nothing
/// outside is looked at.
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
    let path = resolve(root, Path::new(name))?;
    // Once more by the system, which on some has more than one way to write a name.
    let path = path.canonicalize()?;
    if !path.starts_with(root) {
        return Err(Refusal::Outside);
    }
    // Merely to open a device can have effects.
    let before = fs::symlink_metadata(&path)?;
    if !before.is_file() {
        return Err(Refusal::NotAFile);
    }
    // A name that ends so is a folder's.
    if let Some("" | ".") = name.rsplit(std::path::is_separator).next() {
        return Err(io::Error::from(ErrorKind::NotADirectory).into());
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

/// What is in a folder: its name, and what the system says about it.
#[allow(dead_code, reason = "some servers list no folders")]
pub(crate) type Entry = (OsString, Metadata);

/// Lists the folder `name` inside of `root`, which has to be canonical, under the conditions of [`open`]. Links
/// are left out that cannot be opened by that; what is a folder need not be one that can be listed.
///
/// # Errors
///
/// [`Refusal`]; [`ErrorKind::NotADirectory`] if it is none.
#[allow(dead_code, reason = "some servers list no folders")]
pub(crate) fn list(root: &Path, name: &str) -> Result<Vec<Entry>, Refusal> {
    let path = resolve(root, Path::new(name))?.canonicalize()?;
    if !path.starts_with(root) {
        return Err(Refusal::Outside);
    }
    let before = fs::symlink_metadata(&path)?;
    if !before.is_dir() {
        return Err(io::Error::from(ErrorKind::NotADirectory).into());
    }
    #[cfg(target_os = "linux")]
    let (_opened, path) = {
        use std::os::fd::AsRawFd;
        let opened = without_waiting().open(&path)?;
        if !is_same(&before, &opened.metadata()?) || !lies_inside(root, &path, &opened)? {
            return Err(Refusal::Outside);
        }
        // What has been opened, whatever has its name by now.
        let path = PathBuf::from(format!("/proc/self/fd/{}", opened.as_raw_fd()));
        (opened, path)
    };
    let mut entries = Vec::new();
    for entry in fs::read_dir(&path)? {
        let entry = entry?;
        // One that goes away meanwhile is not there.
        let Ok(mut about) = entry.metadata() else {
            continue;
        };
        if about.is_symlink() {
            let Some(inner) = entry
                .file_name()
                .to_str()
                .map(|last| format!("{name}/{last}"))
            else {
                continue;
            };
            let target = resolve(root, Path::new(&inner)).map(fs::symlink_metadata);
            let Ok(Ok(target)) = target else { continue };
            about = target;
        }
        if about.is_file() || about.is_dir() {
            entries.push((entry.file_name(), about));
        }
    }
    Ok(entries)
}

/// How many symbolic links there may be on the way to a file, as on Linux.
const MAX_LINKS: usize = 40;

/// A part of a way that is still to go.
enum Step {
    Down(OsString),
    Up,
}

/// Where `name` lies in `root`, by a way without symbolic links.
///
/// The system's own way to find out would tell a link out of the folder to what exists from one to
/// what does not. This one goes step by step, reads the links by itself, and looks at nothing
/// outside: there it follows the letters of a link alone, which may lead back.
fn resolve(root: &Path, name: &Path) -> Result<PathBuf, Refusal> {
    // The next step is the last element.
    let mut steps = Vec::new();
    for component in name.components().rev() {
        match component {
            Component::Normal(name) => steps.push(Step::Down(name.to_owned())),
            Component::CurDir => {}
            Component::ParentDir | Component::RootDir | Component::Prefix(_) => {
                return Err(Refusal::Outside);
            }
        }
    }
    let mut place = root.to_owned();
    let mut links = 0;
    while let Some(step) = steps.pop() {
        match step {
            Step::Up => {
                place.pop();
            }
            Step::Down(name) => {
                place.push(name);
                // The root itself may be a link's end, but is none.
                if !place.starts_with(root) || place == root {
                    continue;
                }
                let about = fs::symlink_metadata(&place)?;
                if about.is_symlink() {
                    links += 1;
                    if links > MAX_LINKS {
                        return Err(io::Error::other("too many symbolic links").into());
                    }
                    let target = fs::read_link(&place)?;
                    place.pop();
                    follow(root, &mut place, &mut steps, &target)?;
                } else if !steps.is_empty() && !about.is_dir() {
                    return Err(io::Error::from(ErrorKind::NotADirectory).into());
                }
            }
        }
    }
    if place.starts_with(root) {
        Ok(place)
    } else {
        Err(Refusal::Outside)
    }
}

/// Puts the way to a link's target before the steps that are left.
fn follow(
    root: &Path,
    place: &mut PathBuf,
    steps: &mut Vec<Step>,
    target: &Path,
) -> Result<(), Refusal> {
    let mut rest = target;
    if target.has_root() {
        // There may be more than one way to write where the root lies; but not one that goes up,
        // which would tell what there is on the way.
        let mut above = target.ancestors();
        let inside = above.find(|above| {
            let goes_up = above.components().any(|part| part == Component::ParentDir);
            !goes_up && above.canonicalize().is_ok_and(|above| above == root)
        });
        let Some(inside) = inside.and_then(|inside| target.strip_prefix(inside).ok()) else {
            return Err(Refusal::Outside);
        };
        root.clone_into(place);
        rest = inside;
    }
    for component in rest.components().rev() {
        match component {
            Component::Normal(name) => steps.push(Step::Down(name.to_owned())),
            Component::ParentDir => steps.push(Step::Up),
            Component::CurDir => {}
            Component::RootDir | Component::Prefix(_) => return Err(Refusal::Outside),
        }
    }
    Ok(())
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
