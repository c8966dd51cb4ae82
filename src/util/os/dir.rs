//! What both kinds of systems agree on about [`super::Dir`].

use std::io;

use crate::util::filetime::FileTime;

/// The times of a file; those that are zero are left as they are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Times {
    /// When it was created; not every system can set it.
    pub creation: FileTime,
    /// When it was last read.
    pub access: FileTime,
    /// When it was last written.
    pub write: FileTime,
}

/// Refuses what is no single name. Callers have their own, finer rules; this one stands between any mistake in them and
/// the file system.
pub(super) fn check_name(name: &str) -> io::Result<()> {
    let separators: &[char] = if cfg!(windows) { &['/', '\\', ':', '\0'] } else { &['/', '\0'] };
    if matches!(name, "" | "." | "..") || name.contains(separators) {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, format!("{name:?} is no file name")));
    }
    Ok(())
}
