//! Directories by descriptor, on Unix: no path is ever built, so nothing on the way can be swapped for a link.

use std::fs::File;
use std::io;
#[cfg(target_os = "linux")]
use std::os::fd::AsRawFd;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::Path;
use std::sync::OnceLock;

use rustix::fs::{AtFlags, CWD, FileType, Gid, Mode, OFlags, Timespec, Timestamps, Uid};

use super::dir::{Ownership, SpecialFile, Times, check_name};
use super::ntfs::{Abilities, CompactFormat, NotHeld, ReparsePoint, Restore};
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
        self.make_child(name, Mode::from_raw_mode(0o777))
    }

    /// As [`Self::create_child`], a directory that is nobody else's business before [`Self::set_ownership`].
    ///
    /// # Errors
    /// As [`Self::create_child`].
    pub fn create_private_child(&self, name: &str) -> io::Result<bool> {
        self.make_child(name, Mode::RWXU)
    }

    fn make_child(&self, name: &str, mode: Mode) -> io::Result<bool> {
        check_name(name)?;
        match rustix::fs::mkdirat(&self.0, name, mode) {
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

    /// Makes what is no file, directory or link. Answers whether it belongs to whom it should, with the mode it should have.
    ///
    /// # Errors
    /// What the system says; [`io::ErrorKind::PermissionDenied`] where devices need a privilege.
    #[cfg(target_os = "linux")]
    pub fn make_special(
        &self,
        name: &str,
        special: SpecialFile,
        ownership: &Ownership,
        times: &Times,
    ) -> io::Result<bool> {
        check_name(name)?;
        let (kind, device) = match special {
            SpecialFile::Fifo => (FileType::Fifo, 0),
            SpecialFile::Socket => (FileType::Socket, 0),
            SpecialFile::CharacterDevice(device) => (FileType::CharacterDevice, device),
            SpecialFile::BlockDevice(device) => (FileType::BlockDevice, device),
        };
        rustix::fs::mknodat(&self.0, name, kind, Mode::RUSR | Mode::WUSR, device.into())?;
        // Opened by path alone: opening a device itself may do anything. Whatever has the name by now, it is no link that is
        // followed.
        let flags = OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let node = rustix::fs::openat(&self.0, name, flags, Mode::empty())?;
        let owner = rustix::fs::chownat(&node, "", uid(ownership), gid(ownership), AtFlags::EMPTY_PATH);
        let is_owned = is_permitted(owner)? && names_an_owner(ownership);
        // Such a descriptor takes no mode, but the name that it has in /proc does.
        let path = format!("/proc/self/fd/{}", node.as_raw_fd());
        let mode = rustix::fs::chmodat(CWD, path.as_str(), mode(ownership, is_owned), AtFlags::empty());
        let is_complete = match mode {
            Err(rustix::io::Errno::NOENT) => false, // no /proc here
            result => is_permitted(result)? && is_owned,
        };
        self.set_link_times(name, times)?;
        Ok(is_complete)
    }

    /// Devices are counted in other ways here.
    ///
    /// # Errors
    /// [`io::ErrorKind::Unsupported`].
    #[cfg(not(target_os = "linux"))]
    pub fn make_special(&self, _: &str, _: SpecialFile, _: &Ownership, _: &Times) -> io::Result<bool> {
        Err(io::ErrorKind::Unsupported.into())
    }

    /// Sets owner, group and mode of this directory. Answers whether all of it could be.
    ///
    /// # Errors
    /// What the system says, but for a privilege that is missing.
    pub fn set_ownership(&self, ownership: &Ownership) -> io::Result<bool> {
        own(self.0.as_fd(), ownership)
    }

    /// Sets owner and group of a link in this directory, which has no mode. Answers whether they could be.
    ///
    /// # Errors
    /// What the system says, but for a privilege that is missing.
    pub fn set_link_owner(&self, name: &str, ownership: &Ownership) -> io::Result<bool> {
        check_name(name)?;
        let (uid, gid) = (uid(ownership), gid(ownership));
        let owner = rustix::fs::chownat(&self.0, name, uid, gid, AtFlags::SYMLINK_NOFOLLOW);
        Ok(is_permitted(owner)? && names_an_owner(ownership))
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

    /// What NTFS keeps of files, this system does not.
    pub fn abilities(&self) -> Abilities {
        Abilities::default()
    }

    /// There is nothing of the kind here.
    pub fn is_volume_root(&self) -> bool {
        false
    }

    /// Links here are made without regard to where the image goes.
    pub fn link_target(&self) -> Option<String> {
        None
    }

    /// What NTFS keeps of files, this system does not.
    ///
    /// # Errors
    /// [`io::ErrorKind::Unsupported`].
    pub fn restore(&self, _: Option<&str>, _: &Restore<'_>) -> io::Result<NotHeld> {
        Err(io::ErrorKind::Unsupported.into())
    }

    /// There is nothing of the kind here.
    ///
    /// # Errors
    /// [`io::ErrorKind::Unsupported`].
    pub fn set_short_name(&self, _: &str, _: &[u8]) -> io::Result<()> {
        Err(io::ErrorKind::Unsupported.into())
    }

    /// There is nothing of the kind here.
    ///
    /// # Errors
    /// [`io::ErrorKind::Unsupported`].
    pub fn create_stream(&self, _: Option<&str>, _: &str) -> io::Result<File> {
        Err(io::ErrorKind::Unsupported.into())
    }

    /// There is nothing of the kind here.
    ///
    /// # Errors
    /// [`io::ErrorKind::Unsupported`].
    pub fn create_reparse_point(&self, _: &str, _: &ReparsePoint, _: bool) -> io::Result<()> {
        Err(io::ErrorKind::Unsupported.into())
    }

    /// There is nothing of the kind here.
    ///
    /// # Errors
    /// [`io::ErrorKind::Unsupported`].
    pub fn set_reparse_point(&self, _: &str, _: &ReparsePoint) -> io::Result<()> {
        Err(io::ErrorKind::Unsupported.into())
    }

    /// Only Windows has the filter that reads such files.
    ///
    /// # Errors
    /// [`io::ErrorKind::Unsupported`].
    pub fn check_compact(&self, _: CompactFormat) -> io::Result<()> {
        Err(io::ErrorKind::Unsupported.into())
    }
}

/// Gives a file made by [`Dir::create_file`] its times, and its owner, group and mode: where none are given, the mode that
/// files usually have. Answers whether all of it could be set.
///
/// # Errors
/// What the system says, but for a privilege that is missing.
pub fn finish_file(file: &File, times: &Times, ownership: Option<&Ownership>) -> io::Result<bool> {
    let is_complete = match ownership {
        Some(ownership) => own(file.as_fd(), ownership)?,
        None => {
            rustix::fs::fchmod(file, Mode::from_raw_mode(0o666) & !umask())?;
            true
        }
    };
    rustix::fs::futimens(file, &timestamps(times))?;
    Ok(is_complete)
}

/// Sets owner and group, and then the mode: a change of the owner takes the set-user-id bit away.
fn own(file: BorrowedFd<'_>, ownership: &Ownership) -> io::Result<bool> {
    let owner = rustix::fs::fchown(file, uid(ownership), gid(ownership));
    let is_owned = is_permitted(owner)? && names_an_owner(ownership);
    Ok(is_permitted(rustix::fs::fchmod(file, mode(ownership, is_owned)))? && is_owned)
}

/// The number with all bits set stands for "leave it": nobody has it.
fn uid(ownership: &Ownership) -> Option<Uid> {
    Some(ownership.uid).filter(|uid| *uid != u32::MAX).map(Uid::from_raw)
}

fn gid(ownership: &Ownership) -> Option<Gid> {
    Some(ownership.gid).filter(|gid| *gid != u32::MAX).map(Gid::from_raw)
}

fn names_an_owner(ownership: &Ownership) -> bool {
    ownership.uid != u32::MAX && ownership.gid != u32::MAX
}

/// What belongs to somebody else than it should must not lend them its owner's rights.
fn mode(ownership: &Ownership, is_owned: bool) -> Mode {
    let bits = ownership.mode & if is_owned { 0o7777 } else { 0o1777 };
    Mode::from_raw_mode(bits as _)
}

/// Whether something was done, or would have needed a privilege. A namespace answers that it does not know an owner.
fn is_permitted(result: Result<(), rustix::io::Errno>) -> io::Result<bool> {
    match result {
        Ok(()) => Ok(true),
        Err(rustix::io::Errno::PERM | rustix::io::Errno::INVAL) => Ok(false),
        Err(error) => Err(error.into()),
    }
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
