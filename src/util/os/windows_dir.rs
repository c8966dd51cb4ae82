//! Directories by path, on Windows, as far as the standard library goes: every name is checked to be a single name, and
//! every directory to be no link, before it is used.

use std::fs::{self, File, FileTimes, OpenOptions};
use std::io;
use std::os::windows::fs::{FileTimesExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use super::dir::{Ownership, SpecialFile, Times, check_name};
use crate::util::filetime::FileTime;

/// A directory. Names given to it are single names, never paths, and links are never followed.
#[derive(Debug)]
pub struct Dir(PathBuf);

/// Lets a directory be opened.
const FILE_FLAG_BACKUP_SEMANTICS: u32 = 0x0200_0000;
/// Opens a link itself.
const FILE_FLAG_OPEN_REPARSE_POINT: u32 = 0x0020_0000;
/// Allows times to be set.
const FILE_WRITE_ATTRIBUTES: u32 = 0x0100;

impl Dir {
    /// Opens the directory at `path`, which the user has named: links in it are followed.
    ///
    /// # Errors
    /// What the system says.
    pub fn open(path: &Path) -> io::Result<Self> {
        // The verbatim form has no length limit and gives device names no meaning.
        let path = fs::canonicalize(path)?;
        if fs::metadata(&path)?.is_dir() { Ok(Self(path)) } else { Err(io::ErrorKind::NotADirectory.into()) }
    }

    fn child(&self, name: &str) -> io::Result<PathBuf> {
        check_name(name)?;
        Ok(self.0.join(name))
    }

    /// Opens a directory in this one.
    ///
    /// # Errors
    /// What the system says; a link is no directory.
    pub fn open_child(&self, name: &str) -> io::Result<Self> {
        let path = self.child(name)?;
        let kind = fs::symlink_metadata(&path)?.file_type();
        if kind.is_dir() { Ok(Self(path)) } else { Err(io::ErrorKind::NotADirectory.into()) }
    }

    /// Makes a directory in this one; answers false if there is one already.
    ///
    /// # Errors
    /// What the system says; [`io::ErrorKind::AlreadyExists`] if something else has the name.
    pub fn create_child(&self, name: &str) -> io::Result<bool> {
        let path = self.child(name)?;
        match fs::create_dir(&path) {
            Ok(()) => Ok(true),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                if fs::symlink_metadata(&path)?.file_type().is_dir() { Ok(false) } else { Err(error) }
            }
            Err(error) => Err(error),
        }
    }

    /// As [`Self::create_child`]: a directory inherits here who may do what with it.
    ///
    /// # Errors
    /// As [`Self::create_child`].
    pub fn create_private_child(&self, name: &str) -> io::Result<bool> {
        self.create_child(name)
    }

    /// There is nothing of the kind here.
    ///
    /// # Errors
    /// [`io::ErrorKind::Unsupported`].
    pub fn make_special(&self, _: &str, _: SpecialFile, _: &Ownership, _: &Times) -> io::Result<bool> {
        Err(io::ErrorKind::Unsupported.into())
    }

    /// Owners have no numbers here: nothing is set.
    ///
    /// # Errors
    /// None.
    pub fn set_ownership(&self, _: &Ownership) -> io::Result<bool> {
        Ok(false)
    }

    /// Owners have no numbers here: nothing is set.
    ///
    /// # Errors
    /// None.
    pub fn set_link_owner(&self, _: &str, _: &Ownership) -> io::Result<bool> {
        Ok(false)
    }

    /// Makes a file in this one.
    ///
    /// # Errors
    /// What the system says; [`io::ErrorKind::AlreadyExists`] if anything has the name, a link included.
    pub fn create_file(&self, name: &str) -> io::Result<File> {
        OpenOptions::new().read(true).write(true).create_new(true).open(self.child(name)?)
    }

    /// Opens a file in this one for reading.
    ///
    /// # Errors
    /// What the system says; on Unix, if it is a link.
    pub fn open_file(&self, name: &str) -> io::Result<File> {
        let path = self.child(name)?;
        OpenOptions::new().read(true).custom_flags(FILE_FLAG_OPEN_REPARSE_POINT).open(path)
    }

    /// Removes a file or link in this one; a directory is left alone.
    ///
    /// # Errors
    /// What the system says.
    pub fn remove_file(&self, name: &str) -> io::Result<()> {
        fs::remove_file(self.child(name)?)
    }

    /// Renames a file or link in this directory, in place of whatever file or link has the new name.
    ///
    /// # Errors
    /// What the system says.
    pub fn rename(&self, name: &str, new_name: &str) -> io::Result<()> {
        fs::rename(self.child(name)?, self.child(new_name)?)
    }

    /// Gives the file `name` of this directory another name in the directory `to`.
    ///
    /// # Errors
    /// What the system says.
    pub fn hard_link(&self, name: &str, to: &Self, new_name: &str) -> io::Result<()> {
        fs::hard_link(self.child(name)?, to.child(new_name)?)
    }

    /// Makes a symbolic link in this directory.
    ///
    /// # Errors
    /// What the system says, such as that links need a privilege.
    pub fn symlink(&self, target: &str, name: &str, to_directory: bool) -> io::Result<()> {
        let (target, path) = (target.replace('/', "\\"), self.child(name)?);
        if to_directory {
            std::os::windows::fs::symlink_dir(target, path)
        } else {
            std::os::windows::fs::symlink_file(target, path)
        }
    }

    /// Sets the times of this directory.
    ///
    /// # Errors
    /// What the system says.
    pub fn set_times(&self, times: &Times) -> io::Result<()> {
        open_for_times(&self.0)?.set_times(file_times(times))
    }

    /// Sets the times of a link in this directory, not those of what it leads to.
    ///
    /// # Errors
    /// What the system says.
    pub fn set_link_times(&self, name: &str, times: &Times) -> io::Result<()> {
        open_for_times(&self.child(name)?)?.set_times(file_times(times))
    }

    /// Whether something in this directory has the name, be it in other letter case where the file system is so minded.
    ///
    /// # Errors
    /// What the system says.
    pub fn contains(&self, name: &str) -> io::Result<bool> {
        match fs::symlink_metadata(self.child(name)?) {
            Ok(_) => Ok(true),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Removes an empty directory in this one.
    ///
    /// # Errors
    /// What the system says.
    pub fn remove_child(&self, name: &str) -> io::Result<()> {
        fs::remove_dir(self.child(name)?)
    }

    /// How many bytes may still be written to the file system: the standard library does not say.
    pub fn free_bytes(&self) -> Option<u64> {
        None
    }
}

/// Gives a file made by [`Dir::create_file`] its times. Owners have no numbers here: answers whether none are given.
///
/// # Errors
/// What the system says.
pub fn finish_file(file: &File, times: &Times, ownership: Option<&Ownership>) -> io::Result<bool> {
    file.set_times(file_times(times))?;
    Ok(ownership.is_none())
}

fn open_for_times(path: &Path) -> io::Result<File> {
    let flags = FILE_FLAG_BACKUP_SEMANTICS | FILE_FLAG_OPEN_REPARSE_POINT;
    OpenOptions::new().access_mode(FILE_WRITE_ATTRIBUTES).custom_flags(flags).open(path)
}

fn file_times(times: &Times) -> FileTimes {
    let mut set = FileTimes::new();
    if let Some(time) = system_time(times.access) {
        set = set.set_accessed(time);
    }
    if let Some(time) = system_time(times.write) {
        set = set.set_modified(time);
    }
    if let Some(time) = system_time(times.creation) {
        set = set.set_created(time);
    }
    set
}

fn system_time(time: FileTime) -> Option<SystemTime> {
    if time.is_zero() {
        return None;
    }
    let (seconds, nanoseconds) = time.to_unix();
    let since = Duration::new(seconds.unsigned_abs(), 0);
    let whole =
        if seconds < 0 { SystemTime::UNIX_EPOCH.checked_sub(since) } else { SystemTime::UNIX_EPOCH.checked_add(since) };
    whole?.checked_add(Duration::from_nanos(nanoseconds.into()))
}
