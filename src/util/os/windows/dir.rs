//! Directories by path, on Windows: every name is checked to be a single name, and every directory to be no link, before it
//! is used.

use std::fs::{self, File, FileTimes, OpenOptions};
use std::io::{self, Write};
use std::os::windows::fs::{FileTimesExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use windows_sys::Win32::Foundation::ERROR_PRIVILEGE_NOT_HELD;
use windows_sys::Win32::Storage::FileSystem::{
    FILE_FLAG_BACKUP_SEMANTICS, FILE_FLAG_OPEN_REPARSE_POINT, FILE_READ_ATTRIBUTES, FILE_WRITE_ATTRIBUTES,
};

use super::super::dir::{Ownership, SpecialFile, Times, check_name};
use super::super::ntfs::{Abilities, CompactFormat, NotHeld, ReparsePoint, Restore};
use super::{restore, stream_path, volume};
use crate::util::filetime::FileTime;

/// No file system takes longer names, in UTF-16 code units.
const MAX_NAME_UNITS: usize = 255;

/// A directory. Names given to it are single names, never paths, and links are never followed.
#[derive(Debug)]
pub struct Dir(PathBuf);

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
        // The system would say so, too; but Wine says that there is no such file.
        if name.encode_utf16().count() > MAX_NAME_UNITS {
            return Err(io::ErrorKind::InvalidFilename.into());
        }
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
        let path = self.child(name)?;
        despite_readonly(&path, || fs::remove_file(&path))
    }

    /// Renames a file or link in this directory, in place of whatever file or link has the new name.
    ///
    /// # Errors
    /// What the system says.
    pub fn rename(&self, name: &str, new_name: &str) -> io::Result<()> {
        let (path, new_path) = (self.child(name)?, self.child(new_name)?);
        despite_readonly(&new_path, || fs::rename(&path, &new_path))
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

    /// How many bytes may still be written to the file system, if it says.
    pub fn free_bytes(&self) -> Option<u64> {
        volume::free_bytes(&self.0)
    }

    /// What the volume can hold.
    pub fn abilities(&self) -> Abilities {
        let flags = FILE_FLAG_BACKUP_SEMANTICS;
        let opened = OpenOptions::new().access_mode(FILE_READ_ATTRIBUTES).custom_flags(flags).open(&self.0);
        opened.map(|directory| volume::abilities(&directory)).unwrap_or_default()
    }

    /// Whether it is the root of a volume.
    pub fn is_volume_root(&self) -> bool {
        self.0.parent().is_none()
    }

    /// Its path as links have it: with a drive, or what stands for one, and without the prefix of the verbatim form.
    pub fn link_target(&self) -> Option<String> {
        let path = self.0.to_str()?;
        Some(path.strip_prefix(r"\\?\").unwrap_or(path).to_owned())
    }

    /// Gives what has the name in this directory what NTFS keeps of a file; `None`: this directory itself. Answers what it
    /// did not take.
    ///
    /// # Errors
    /// What the system says, if nothing can be restored, or not the times.
    pub fn restore(&self, name: Option<&str>, what: &Restore<'_>) -> io::Result<NotHeld> {
        match name {
            Some(name) => restore::restore(&self.child(name)?, what),
            None => restore::restore(&self.0, what),
        }
    }

    /// Gives a name in this directory an 8.3 name (UTF-16LE) beside it.
    ///
    /// # Errors
    /// What the system says: such names may be turned off, or the name be taken.
    pub fn set_short_name(&self, name: &str, short_name: &[u8]) -> io::Result<()> {
        restore::set_short_name(&self.child(name)?, short_name)
    }

    /// Makes a named stream, in place of one that is there; `None`: of this directory itself.
    ///
    /// # Errors
    /// What the system says.
    pub fn create_stream(&self, of: Option<&str>, stream: &str) -> io::Result<File> {
        let path = match of {
            Some(name) => self.child(name)?,
            None => self.0.clone(),
        };
        let flags = FILE_FLAG_BACKUP_SEMANTICS | FILE_FLAG_OPEN_REPARSE_POINT;
        OpenOptions::new().write(true).create(true).truncate(true).custom_flags(flags).open(stream_path(&path, stream)?)
    }

    /// Makes a reparse point in this directory.
    ///
    /// # Errors
    /// What the system says; [`io::ErrorKind::PermissionDenied`] if it needs a privilege.
    pub fn create_reparse_point(&self, name: &str, point: &ReparsePoint, is_directory: bool) -> io::Result<()> {
        let path = self.child(name)?;
        if is_directory {
            fs::create_dir(&path)?
        } else {
            drop(File::create_new(&path)?)
        }
        restore::set_reparse_point(&path, point).map_err(|error| {
            // What was made just now is empty; the error that led here matters more than one of the removal.
            if is_directory {
                fs::remove_dir(&path).ok()
            } else {
                fs::remove_file(&path).ok()
            };
            privilege(error)
        })
    }

    /// Makes what has the name in this directory a reparse point.
    ///
    /// # Errors
    /// As [`Self::create_reparse_point`].
    pub fn set_reparse_point(&self, name: &str, point: &ReparsePoint) -> io::Result<()> {
        restore::set_reparse_point(&self.child(name)?, point).map_err(privilege)
    }

    /// Tries out whether the Windows Overlay Filter compresses files here.
    ///
    /// # Errors
    /// What the system says, if not.
    pub fn check_compact(&self, format: CompactFormat) -> io::Result<()> {
        let name = crate::util::new_file::temporary_name();
        let mut file = self.create_file(&name)?;
        let tried = file.write_all(&[0; 64 << 10]).and_then(|()| {
            drop(file);
            restore::compact(&self.open_file(&name)?, format)
        });
        self.remove_file(&name)?;
        tried
    }
}

/// Does what is to take the place of `path`, or away with it, also if that may not be written to: it is not written to.
fn despite_readonly(path: &Path, change: impl Fn() -> io::Result<()>) -> io::Result<()> {
    let error = match change() {
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => error,
        result => return result,
    };
    let Ok(metadata) = fs::symlink_metadata(path) else { return Err(error) };
    let mut permissions = metadata.permissions();
    if metadata.is_dir() || !permissions.readonly() {
        return Err(error);
    }
    #[expect(clippy::permissions_set_readonly_false, reason = "that is about Unix, this is the attribute READONLY")]
    permissions.set_readonly(false);
    fs::set_permissions(path, permissions)?;
    change()
}

/// The standard library knows no kind for this one.
fn privilege(error: io::Error) -> io::Error {
    match error.raw_os_error() {
        Some(code) if code == ERROR_PRIVILEGE_NOT_HELD as i32 => io::Error::new(io::ErrorKind::PermissionDenied, error),
        _ => error,
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
