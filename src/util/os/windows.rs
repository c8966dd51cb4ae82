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
