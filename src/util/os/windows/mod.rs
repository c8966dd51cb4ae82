//! Windows.

mod dir;
mod handle;
mod look;
mod privileges;
mod remove;
mod restore;
mod security;
mod volume;

pub use dir::{Dir, finish_file};
pub use look::{Look, look};
pub use privileges::{missing_for_reading, missing_for_writing};
pub use remove::remove_tree;
pub use restore::make_sparse;
pub use volume::{file_system, physical_memory};

use std::fs::{File, OpenOptions};
use std::io;
use std::os::windows::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use windows_sys::Win32::Storage::FileSystem::{
    FILE_FLAG_BACKUP_SEMANTICS, FILE_FLAG_OPEN_REPARSE_POINT, FILE_READ_ATTRIBUTES,
};

/// Whether the file may be mapped. Windows refuses to shrink a file that is mapped on a local disk; of a network
/// share it cannot be told through the standard library, so files are read by position.
pub fn is_local(_: &File) -> bool {
    false
}

/// The standard library has no copy of a range inside the kernel here: nothing is copied, the caller does it.
///
/// # Errors
/// None.
pub fn copy_range(_: &File, _: u64, _: &File, _: u64, _: u64) -> io::Result<u64> {
    Ok(0)
}

/// What the system knows a file by, while it exists.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct FileId {
    volume: u64,
    file: u128,
}

/// The identity of what `path` names, and how many names it has; of a link itself.
pub fn identify(path: &Path) -> Option<(FileId, u64)> {
    let flags = FILE_FLAG_BACKUP_SEMANTICS | FILE_FLAG_OPEN_REPARSE_POINT;
    let file = OpenOptions::new().access_mode(FILE_READ_ATTRIBUTES).custom_flags(flags).open(path).ok()?;
    look::identify(&file)
}

/// The identity of an open file.
pub fn identify_open(file: &File) -> Option<FileId> {
    look::identify(file).map(|(id, _)| id)
}

/// The path of a directory in the form that has no length limit and gives no name a meaning; links in it are followed.
///
/// # Errors
/// What the system says.
pub fn verbatim(path: &Path) -> io::Result<PathBuf> {
    path.canonicalize()
}

/// Opens a file for changes that nobody else makes meanwhile. [`io::ErrorKind::WouldBlock`]: somebody does.
///
/// Not by a lock: on Windows that would keep readers out as well, this program among them.
///
/// # Errors
/// What the system says.
pub fn open_alone(path: &Path) -> io::Result<File> {
    const FILE_SHARE_READ: u32 = 1;
    const FILE_SHARE_DELETE: u32 = 4;
    const ERROR_SHARING_VIOLATION: i32 = 32;
    let shared = FILE_SHARE_READ | FILE_SHARE_DELETE;
    let opened = OpenOptions::new().read(true).write(true).share_mode(shared).open(path);
    opened.map_err(|error| match error.raw_os_error() {
        Some(ERROR_SHARING_VIOLATION) => io::ErrorKind::WouldBlock.into(),
        _ => error,
    })
}

/// Tag of a file whose content the system keeps together with that of others. Programs see it as a plain file.
const DEDUPLICATED: u32 = 0x8000_0013;

/// Opens a file for reading: never what a link leads to.
///
/// # Errors
/// What the system says.
pub fn open_unfollowed(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.read(true).custom_flags(FILE_FLAG_BACKUP_SEMANTICS | FILE_FLAG_OPEN_REPARSE_POINT);
    let file = options.open(path)?;
    if look::reparse_tag(&file) == Some(DEDUPLICATED) {
        // Only the filter can read it. Whoever put a link there meanwhile gave the name to another file, which shows.
        return options.custom_flags(FILE_FLAG_BACKUP_SEMANTICS).open(path);
    }
    Ok(file)
}

/// Opens a named stream for reading: never one of what a link leads to.
///
/// # Errors
/// What the system says.
pub fn open_stream(path: &Path, stream: &str) -> io::Result<File> {
    open_unfollowed(&stream_path(path, stream)?)
}

/// The path of a named stream.
fn stream_path(path: &Path, stream: &str) -> io::Result<PathBuf> {
    super::dir::check_name(stream)?;
    let mut path = path.as_os_str().to_owned();
    path.push(format!(":{stream}:$DATA"));
    Ok(path.into())
}

/// There is nothing of the kind here.
pub fn unix_facts(_: &std::fs::Metadata) -> Option<super::UnixFacts> {
    None
}
