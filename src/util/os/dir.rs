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

/// Who owns a file, and what may be done with it, as Unix has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ownership {
    /// The user's number.
    pub uid: u32,
    /// The group's number.
    pub gid: u32,
    /// The lowest 12 bits count: who may read, write and execute, and set-user-id, set-group-id and sticky.
    pub mode: u32,
}

/// What has a name and is no file, directory or link. Numbers of devices are those of Linux.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SpecialFile {
    /// A named pipe.
    Fifo,
    /// A socket, which nobody listens to.
    Socket,
    /// A character device.
    CharacterDevice(u32),
    /// A block device.
    BlockDevice(u32),
}

/// What Unix keeps of a file besides its times.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UnixFacts {
    /// The user's number.
    pub uid: u32,
    /// The group's number.
    pub gid: u32,
    /// Kind of file, and permissions.
    pub mode: u32,
    /// The number of a device, as Linux has it; 0 for what is none.
    pub device: u32,
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
