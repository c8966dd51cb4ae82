//! Directories by descriptor, on Unix: no path is ever built, so nothing on the way can be swapped for a link.

use std::fs::File;
use std::io;
use std::os::fd::OwnedFd;
use std::path::Path;
use std::sync::OnceLock;

use rustix::fs::{AtFlags, CWD, FileType, Mode, OFlags, Timespec, Timestamps};

use super::dir::{Times, check_name};
use crate::util::filetime::FileTime;

/// An open directory. Names given to it are single names, never paths, and links are never followed.
#[derive(Debug)]
pub struct Dir(OwnedFd);

const OPEN_DIRECTORY: OFlags = OFlags::RDONLY.union(OFlags::DIRECTORY).union(OFlags::CLOEXEC);

impl Dir {
    /// Opens the directory at `path`, which the user has named: links in it are followed.
    ///
    /// # Errors
    /// What the system says.
    pub fn open(path: &Path) -> io::Result<Self> {
        Ok(Self(rustix::fs::openat(CWD, path, OPEN_DIRECTORY, Mode::empty())?))
    }

    /// Opens a directory in this one.
    ///
    /// # Errors
    /// What the system says; a link is no directory.
    pub fn open_child(&self, name: &str) -> io::Result<Self> {
        check_name(name)?;
        Ok(Self(rustix::fs::openat(&self.0, name, OPEN_DIRECTORY | OFlags::NOFOLLOW, Mode::empty())?))
    }

    /// Makes a directory in this one; answers false if there is one already.
    ///
    /// # Errors
    /// What the system says; [`io::ErrorKind::AlreadyExists`] if something else has the name.
    pub fn create_child(&self, name: &str) -> io::Result<bool> {
        check_name(name)?;
        match rustix::fs::mkdirat(&self.0, name, Mode::from_raw_mode(0o777)) {
            Ok(()) => Ok(true),
            Err(error @ rustix::io::Errno::EXIST) => {
                let stat = rustix::fs::statat(&self.0, name, AtFlags::SYMLINK_NOFOLLOW)?;
                let is_directory = FileType::from_raw_mode(stat.st_mode).is_dir();
                if is_directory { Ok(false) } else { Err(error.into()) }
            }
            Err(error) => Err(error.into()),
        }
    }

    /// Makes a file in this one, which nobody else may read before [`finish_file`].
    ///
    /// # Errors
    /// What the system says; [`io::ErrorKind::AlreadyExists`] if anything has the name, a link included.
    pub fn create_file(&self, name: &str) -> io::Result<File> {
        check_name(name)?;
        let flags = OFlags::RDWR | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        Ok(rustix::fs::openat(&self.0, name, flags, Mode::RUSR | Mode::WUSR)?.into())
    }

    /// Opens a file in this one for reading.
    ///
    /// # Errors
    /// What the system says; on Unix, if it is a link.
    pub fn open_file(&self, name: &str) -> io::Result<File> {
        check_name(name)?;
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        Ok(rustix::fs::openat(&self.0, name, flags, Mode::empty())?.into())
    }

    /// Removes a file or link in this one; a directory is left alone.
    ///
    /// # Errors
    /// What the system says.
    pub fn remove_file(&self, name: &str) -> io::Result<()> {
        check_name(name)?;
        Ok(rustix::fs::unlinkat(&self.0, name, AtFlags::empty())?)
    }

    /// Renames a file or link in this directory, in place of whatever file or link has the new name.
    ///
    /// # Errors
    /// What the system says.
    pub fn rename(&self, name: &str, new_name: &str) -> io::Result<()> {
        check_name(name)?;
        check_name(new_name)?;
        Ok(rustix::fs::renameat(&self.0, name, &self.0, new_name)?)
    }

    /// Gives the file `name` of this directory another name in the directory `to`.
    ///
    /// # Errors
    /// What the system says.
    pub fn hard_link(&self, name: &str, to: &Self, new_name: &str) -> io::Result<()> {
        check_name(name)?;
        check_name(new_name)?;
        Ok(rustix::fs::linkat(&self.0, name, &to.0, new_name, AtFlags::empty())?)
    }

    /// Makes a symbolic link in this directory. Only Windows tells links to directories from others.
    ///
    /// # Errors
    /// What the system says.
    pub fn symlink(&self, target: &str, name: &str, _to_directory: bool) -> io::Result<()> {
        check_name(name)?;
        Ok(rustix::fs::symlinkat(target, &self.0, name)?)
    }

    /// Sets the times of this directory.
    ///
    /// # Errors
    /// What the system says.
    pub fn set_times(&self, times: &Times) -> io::Result<()> {
        Ok(rustix::fs::futimens(&self.0, &timestamps(times))?)
    }

    /// Sets the times of a link in this directory, not those of what it leads to.
    ///
    /// # Errors
    /// What the system says.
    pub fn set_link_times(&self, name: &str, times: &Times) -> io::Result<()> {
        check_name(name)?;
        Ok(rustix::fs::utimensat(&self.0, name, &timestamps(times), AtFlags::SYMLINK_NOFOLLOW)?)
    }

    /// Whether something in this directory has the name, be it in other letter case where the file system is so minded.
    ///
    /// # Errors
    /// What the system says.
    pub fn contains(&self, name: &str) -> io::Result<bool> {
        check_name(name)?;
        match rustix::fs::statat(&self.0, name, AtFlags::SYMLINK_NOFOLLOW) {
            Ok(_) => Ok(true),
            Err(rustix::io::Errno::NOENT) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }

    /// Removes an empty directory in this one.
    ///
    /// # Errors
    /// What the system says.
    pub fn remove_child(&self, name: &str) -> io::Result<()> {
        check_name(name)?;
        Ok(rustix::fs::unlinkat(&self.0, name, AtFlags::REMOVEDIR)?)
    }

    /// How many bytes may still be written to the file system, if it says.
    pub fn free_bytes(&self) -> Option<u64> {
        let stat = rustix::fs::fstatvfs(&self.0).ok()?;
        Some(stat.f_bavail.saturating_mul(stat.f_frsize))
    }
}

/// Gives a file made by [`Dir::create_file`] its times, and the mode that files usually have.
///
/// # Errors
/// What the system says.
pub fn finish_file(file: &File, times: &Times) -> io::Result<()> {
    rustix::fs::fchmod(file, Mode::from_raw_mode(0o666) & !umask())?;
    Ok(rustix::fs::futimens(file, &timestamps(times))?)
}

/// The process's mask, which can only be read by setting it: once.
fn umask() -> Mode {
    static UMASK: OnceLock<u32> = OnceLock::new();
    let bits = UMASK.get_or_init(|| {
        let mask = rustix::process::umask(Mode::RWXG | Mode::RWXO);
        rustix::process::umask(mask);
        // The width of a mode differs between systems; a mask has nine bits.
        mask.bits() as u32
    });
    Mode::from_bits_truncate(*bits as _)
}

fn timestamps(times: &Times) -> Timestamps {
    let spec = |time: FileTime| {
        let (tv_sec, nanoseconds) = time.to_unix();
        // As wide as the system has it: 32 or 64 bits.
        let tv_nsec = if time.is_zero() { rustix::fs::UTIME_OMIT } else { nanoseconds as _ };
        Timespec { tv_sec, tv_nsec }
    };
    Timestamps { last_access: spec(times.access), last_modification: spec(times.write) }
}
