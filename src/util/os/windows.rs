//! Windows.

use std::fs::File;
use std::io;

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

/// The standard library does not tell: unknown.
pub fn physical_memory() -> Option<u64> {
    None
}

/// What the system knows a file by, while it exists. The standard library does not tell it here.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum FileId {}

/// Unknown: see [`FileId`].
pub fn identify(_: &std::fs::Metadata) -> Option<(FileId, u64)> {
    None
}

/// Opens a file for changes that nobody else makes meanwhile. [`io::ErrorKind::WouldBlock`]: somebody does.
///
/// Not by a lock: on Windows that would keep readers out as well, this program among them.
///
/// # Errors
/// What the system says.
pub fn open_alone(path: &std::path::Path) -> io::Result<File> {
    use std::os::windows::fs::OpenOptionsExt;
    const FILE_SHARE_READ: u32 = 1;
    const FILE_SHARE_DELETE: u32 = 4;
    const ERROR_SHARING_VIOLATION: i32 = 32;
    let shared = FILE_SHARE_READ | FILE_SHARE_DELETE;
    let opened = std::fs::OpenOptions::new().read(true).write(true).share_mode(shared).open(path);
    opened.map_err(|error| match error.raw_os_error() {
        Some(ERROR_SHARING_VIOLATION) => io::ErrorKind::WouldBlock.into(),
        _ => error,
    })
}

/// Opens a file for reading: never what a link leads to.
///
/// # Errors
/// What the system says.
pub fn open_unfollowed(path: &std::path::Path) -> io::Result<File> {
    use std::os::windows::fs::OpenOptionsExt;
    const FILE_FLAG_OPEN_REPARSE_POINT: u32 = 0x0020_0000;
    std::fs::OpenOptions::new().read(true).custom_flags(FILE_FLAG_OPEN_REPARSE_POINT).open(path)
}

/// There is nothing of the kind here.
pub fn unix_facts(_: &std::fs::Metadata) -> Option<super::UnixFacts> {
    None
}
