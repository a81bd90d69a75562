//! What `std::fs` does with paths.

use alloc::string::String;
use alloc::vec::Vec;
use std::io::Result;
use std::path::{Path, PathBuf};

use super::{Metadata, Permissions, ReadDir};
use crate::sim::fs::{self, at_once};

/// As [`std::fs::read`].
///
/// # Errors
///
/// Those of [`sim::fs::read`](fs::read()).
pub fn read<P: AsRef<Path>>(path: P) -> Result<Vec<u8>> {
    at_once(fs::read(path))
}

/// As [`std::fs::read_to_string`].
///
/// # Errors
///
/// Those of [`sim::fs::read_to_string`](fs::read_to_string).
pub fn read_to_string<P: AsRef<Path>>(path: P) -> Result<String> {
    at_once(fs::read_to_string(path))
}

/// As [`std::fs::metadata`].
///
/// # Errors
///
/// Those of [`sim::fs::metadata`](fs::metadata()).
pub fn metadata<P: AsRef<Path>>(path: P) -> Result<Metadata> {
    at_once(fs::metadata(path))
}

/// As [`std::fs::canonicalize`].
///
/// # Errors
///
/// Those of [`sim::fs::canonicalize`](fs::canonicalize).
pub fn canonicalize<P: AsRef<Path>>(path: P) -> Result<PathBuf> {
    at_once(fs::canonicalize(path))
}

/// As [`std::fs::create_dir`].
///
/// # Errors
///
/// Those of [`sim::fs::create_dir`](fs::create_dir).
pub fn create_dir<P: AsRef<Path>>(path: P) -> Result<()> {
    at_once(fs::create_dir(path))
}

/// As [`std::fs::create_dir_all`].
///
/// # Errors
///
/// Those of [`sim::fs::create_dir_all`](fs::create_dir_all).
pub fn create_dir_all<P: AsRef<Path>>(path: P) -> Result<()> {
    at_once(fs::create_dir_all(path))
}

/// As [`std::fs::remove_dir`].
///
/// # Errors
///
/// Those of [`sim::fs::remove_dir`](fs::remove_dir).
pub fn remove_dir<P: AsRef<Path>>(path: P) -> Result<()> {
    at_once(fs::remove_dir(path))
}

/// As [`std::fs::remove_dir_all`].
///
/// # Errors
///
/// Those of [`sim::fs::remove_dir_all`](fs::remove_dir_all).
pub fn remove_dir_all<P: AsRef<Path>>(path: P) -> Result<()> {
    at_once(fs::remove_dir_all(path))
}

/// As [`std::fs::remove_file`].
///
/// # Errors
///
/// Those of [`sim::fs::remove_file`](fs::remove_file).
pub fn remove_file<P: AsRef<Path>>(path: P) -> Result<()> {
    at_once(fs::remove_file(path))
}

/// As [`std::fs::symlink_metadata`].
///
/// # Errors
///
/// Those of [`sim::fs::symlink_metadata`](fs::symlink_metadata).
pub fn symlink_metadata<P: AsRef<Path>>(path: P) -> Result<Metadata> {
    at_once(fs::symlink_metadata(path))
}

/// As [`std::fs::read_link`].
///
/// # Errors
///
/// Those of [`sim::fs::read_link`](fs::read_link).
pub fn read_link<P: AsRef<Path>>(path: P) -> Result<PathBuf> {
    at_once(fs::read_link(path))
}

/// As [`std::fs::exists`].
///
/// # Errors
///
/// Those of [`sim::fs::try_exists`](fs::try_exists).
pub fn exists<P: AsRef<Path>>(path: P) -> Result<bool> {
    at_once(fs::try_exists(path))
}

/// As [`std::fs::read_dir`].
///
/// # Errors
///
/// Those of [`sim::fs::read_dir`](fs::read_dir).
pub fn read_dir<P: AsRef<Path>>(path: P) -> Result<ReadDir> {
    at_once(fs::read_dir(path)).map(ReadDir::of)
}

/// As [`std::fs::write`].
///
/// # Errors
///
/// Those of [`sim::fs::write`](fs::write()).
pub fn write<P: AsRef<Path>, C: AsRef<[u8]>>(path: P, contents: C) -> Result<()> {
    at_once(fs::write(path, contents))
}

/// As [`std::fs::copy`].
///
/// # Errors
///
/// Those of [`sim::fs::copy`](fs::copy).
pub fn copy<P: AsRef<Path>, Q: AsRef<Path>>(from: P, to: Q) -> Result<u64> {
    at_once(fs::copy(from, to))
}

/// As [`std::fs::rename`].
///
/// # Errors
///
/// Those of [`sim::fs::rename`](fs::rename).
pub fn rename<P: AsRef<Path>, Q: AsRef<Path>>(from: P, to: Q) -> Result<()> {
    at_once(fs::rename(from, to))
}

/// As [`std::fs::hard_link`].
///
/// # Errors
///
/// Those of [`sim::fs::hard_link`](fs::hard_link).
pub fn hard_link<P: AsRef<Path>, Q: AsRef<Path>>(from: P, to: Q) -> Result<()> {
    at_once(fs::hard_link(from, to))
}

/// As [`std::fs::set_permissions`].
///
/// # Errors
///
/// Those of [`sim::fs::set_permissions`](fs::set_permissions).
pub fn set_permissions<P: AsRef<Path>>(path: P, perm: Permissions) -> Result<()> {
    at_once(fs::set_permissions(path, perm))
}
