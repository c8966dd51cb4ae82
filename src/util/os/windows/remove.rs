//! Removing what was made with more rights than those of the user: files of an image belong to whom they belonged to.

use std::fs;
use std::io;
use std::os::windows::fs::MetadataExt;
use std::path::Path;

use windows_sys::Win32::Storage::FileSystem::{
    DELETE, FILE_ATTRIBUTE_DIRECTORY, FILE_ATTRIBUTE_NORMAL, FILE_ATTRIBUTE_REPARSE_POINT,
    FILE_DISPOSITION_FLAG_DELETE, FILE_DISPOSITION_FLAG_IGNORE_READONLY_ATTRIBUTE,
    FILE_DISPOSITION_FLAG_POSIX_SEMANTICS, FILE_WRITE_ATTRIBUTES, FileDispositionInfo, FileDispositionInfoEx,
};

use super::super::dir::Times;
use super::look::is_unknown;
use super::{handle, restore};

/// Removes what `root` names, if it is there: a directory with all that is in it, a link itself. SeRestorePrivilege, where it is
/// held, overcomes descriptors; READONLY does not matter.
///
/// # Errors
/// The first that could not be removed; all else is.
pub fn remove_tree(root: &Path) -> io::Result<()> {
    let Some(name) = root.file_name() else { return Err(io::ErrorKind::InvalidInput.into()) };
    let parent = root.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let parent = match parent.canonicalize() {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        parent => parent?,
    };
    let mut first_error = None;
    let mut pending = vec![(parent.join(name), false)];
    while let Some((path, is_listed)) = pending.pop() {
        let done = if !is_listed && is_plain_directory(&path) {
            pending.push((path.clone(), true));
            fs::read_dir(&path).map(|listing| pending.extend(listing.flatten().map(|entry| (entry.path(), false))))
        } else {
            remove_one(&path)
        };
        match done {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                first_error.get_or_insert_with(|| io::Error::new(error.kind(), format!("{}: {error}", path.display())));
            }
            _ => {}
        }
    }
    first_error.map_or(Ok(()), Err)
}

/// What is in a directory that is a reparse point is not its own.
fn is_plain_directory(path: &Path) -> bool {
    let attributes = fs::symlink_metadata(path).map_or(0, |metadata| metadata.file_attributes());
    attributes & (FILE_ATTRIBUTE_DIRECTORY | FILE_ATTRIBUTE_REPARSE_POINT) == FILE_ATTRIBUTE_DIRECTORY
}

fn remove_one(path: &Path) -> io::Result<()> {
    let file = restore::open(path, DELETE | FILE_WRITE_ATTRIBUTES)?;
    let how = FILE_DISPOSITION_FLAG_DELETE
        | FILE_DISPOSITION_FLAG_POSIX_SEMANTICS
        | FILE_DISPOSITION_FLAG_IGNORE_READONLY_ATTRIBUTE;
    match handle::set_information(&file, FileDispositionInfoEx, &how.to_le_bytes()) {
        Err(error) if is_unknown(&error) => {}
        result => return result,
    }
    // Before Windows 10 1809, and on other file systems.
    restore::set_basic(&file, FILE_ATTRIBUTE_NORMAL, &Times::default())?;
    handle::set_information(&file, FileDispositionInfo, &[1])
}
