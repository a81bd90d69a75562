//! [`OpenOptions`].

use std::io;
use std::path::Path;

use super::file::File;
use super::hop;

/// How to open a file, as [`std::fs::OpenOptions`].
#[derive(Clone, Debug)]
pub struct OpenOptions(std::fs::OpenOptions);

impl OpenOptions {
    /// With nothing allowed yet.
    #[allow(clippy::new_without_default)] // As in the standard library.
    pub fn new() -> Self {
        Self(std::fs::OpenOptions::new())
    }

    /// Opens a file.
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
