//! Linux, macOS and the BSDs.

use std::fs::{File, Metadata};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// Whether the file lies on a file system of this machine. Network and FUSE file systems can cut a mapped file short
/// or fail a page at any time, which kills the process that touches it.
#[cfg(target_os = "linux")]
pub fn is_local(file: &File) -> bool {
    /// `f_type` of file systems that another machine or process serves (`statfs(2)`, `linux/magic.h`).
    const REMOTE: [u32; 11] = [
        0x0000_6969, // NFS
        0x0000_517B, // SMB
        0xFF53_4D42, // CIFS
        0xFE53_4D42, // SMB2
        0x6573_5546, // FUSE
        0x0102_1997, // 9P
        0x00C3_6400, // Ceph
        0x5346_414F, // AFS
        0x6B41_4653, // kAFS
        0x7375_7245, // Coda
        0x0BD0_0BD0, // Lustre
    ];
    // The magic numbers are 32 bits wide; `f_type` is a signed word of the platform's size.
    rustix::fs::fstatfs(file).is_ok_and(|stat| !REMOTE.contains(&(stat.f_type as u32)))
}

/// Whether the file lies on a file system of this machine.
#[cfg(not(target_os = "linux"))]
pub fn is_local(file: &File) -> bool {
    #[cfg(any(target_os = "macos", target_os = "ios", target_os = "freebsd"))]
    {
        /// `MNT_LOCAL` of `sys/mount.h`, the same on macOS and FreeBSD.
        const MNT_LOCAL: u64 = 0x1000;
        rustix::fs::fstatfs(file).is_ok_and(|stat| stat.f_flags as u64 & MNT_LOCAL != 0)
    }
    #[cfg(not(any(target_os = "macos", target_os = "ios", target_os = "freebsd")))]
    {
        let _ = file;
        false
    }
}

/// Copies `length` bytes between two files inside the kernel, sharing extents where the file system can.
///
/// Returns how many bytes were copied; fewer than `length` (also 0) when the system cannot go on this way: the caller
/// copies the rest itself.
///
/// # Errors
/// An error of the copy itself, such as a full disk.
#[cfg(any(target_os = "linux", target_os = "android"))]
pub fn copy_range(from: &File, from_offset: u64, to: &File, to_offset: u64, length: u64) -> io::Result<u64> {
    use rustix::io::Errno;
    // A bounded piece per call keeps the copy interruptible.
    const PIECE: u64 = 1 << 30;
    let mut done = 0;
    while done < length {
        let (mut source, mut target) = (from_offset + done, to_offset + done);
        let piece = (length - done).min(PIECE) as usize;
        match rustix::fs::copy_file_range(from, Some(&mut source), to, Some(&mut target), piece) {
            Ok(0) => break,
            Ok(n) => done += n as u64,
            Err(Errno::INTR) => {}
            Err(Errno::XDEV | Errno::INVAL | Errno::NOSYS | Errno::OPNOTSUPP | Errno::BADF | Errno::PERM) => break,
            Err(error) => return Err(error.into()),
        }
    }
    Ok(done)
}

/// This system has no such call: nothing is copied.
///
/// # Errors
/// None.
#[cfg(not(any(target_os = "linux", target_os = "android")))]
pub fn copy_range(_: &File, _: u64, _: &File, _: u64, _: u64) -> io::Result<u64> {
    Ok(0)
}

/// How much memory the machine has, in bytes.
#[cfg(any(target_os = "linux", target_os = "android"))]
#[allow(clippy::useless_conversion, reason = "the word is narrower on 32-bit systems")]
pub fn physical_memory() -> Option<u64> {
    let info = rustix::system::sysinfo();
    u64::from(info.totalram).checked_mul(u64::from(info.mem_unit))
}

/// No safe call tells it on this system.
#[cfg(not(any(target_os = "linux", target_os = "android")))]
pub fn physical_memory() -> Option<u64> {
    None
}

/// What the system knows a file by, while it exists.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct FileId {
    device: u64,
    inode: u64,
}

/// The identity of what `path` names, and how many names it has; of a link itself.
pub fn identify(path: &Path) -> Option<(FileId, u64)> {
    path.symlink_metadata().ok().map(|metadata| identity(&metadata))
}

fn identity(metadata: &Metadata) -> (FileId, u64) {
    (FileId { device: metadata.dev(), inode: metadata.ino() }, metadata.nlink())
}

/// The identity of an open file.
pub fn identify_open(file: &File) -> Option<FileId> {
    file.metadata().ok().map(|metadata| identity(&metadata).0)
}

/// What a name stands for.
#[derive(Debug)]
pub struct Look {
    /// What the standard library tells.
    pub metadata: Metadata,
    /// What the system knows it by, and how many names it has.
    pub identity: Option<(FileId, u64)>,
    /// What NTFS keeps of it: nothing here.
    pub windows: Option<super::WindowsFacts>,
}

/// Looks at what `path` names; at a link itself.
///
/// # Errors
/// What the system says.
pub fn look(path: &Path) -> io::Result<Look> {
    let metadata = path.symlink_metadata()?;
    Ok(Look { identity: Some(identity(&metadata)), metadata, windows: None })
}

/// The path by which a directory is opened: any will do here.
///
/// # Errors
/// None.
pub fn verbatim(path: &Path) -> io::Result<PathBuf> {
    Ok(path.to_owned())
}

/// Who may read a file here may read all that an image keeps of it.
pub fn missing_for_reading() -> Vec<&'static str> {
    Vec::new()
}

/// What needs root is counted where it is restored.
pub fn missing_for_writing() -> Vec<&'static str> {
    Vec::new()
}

/// File systems are told from each other by what they can do here.
pub fn file_system(_: &Path) -> Option<String> {
    None
}

/// Removes what `root` names, if it is there: a directory with all that is in it.
///
/// # Errors
/// What the system says.
pub fn remove_tree(root: &Path) -> io::Result<()> {
    match std::fs::remove_dir_all(root) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        result => result,
    }
}

/// Every file may have holes here.
pub fn make_sparse(_: &File) -> bool {
    true
}

/// There is nothing of the kind here.
///
/// # Errors
/// [`io::ErrorKind::Unsupported`].
pub fn open_stream(_: &Path, _: &str) -> io::Result<File> {
    Err(io::ErrorKind::Unsupported.into())
}

/// Opens a file for changes that nobody else makes meanwhile. [`io::ErrorKind::WouldBlock`]: somebody does.
///
/// # Errors
/// What the system says.
pub fn open_alone(path: &Path) -> io::Result<File> {
    use std::fs::{OpenOptions, TryLockError};
    let file = OpenOptions::new().read(true).write(true).open(path)?;
    match file.try_lock() {
        // A file system without locks: go on, as every writer there must.
        Ok(()) | Err(TryLockError::Error(_)) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(io::ErrorKind::WouldBlock.into()),
    }
}

/// Opens a file for reading: never what a link leads to, and never waiting for the other end of a pipe.
///
/// # Errors
/// What the system says.
pub fn open_unfollowed(path: &Path) -> io::Result<File> {
    use rustix::fs::{CWD, Mode, OFlags, openat};
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    Ok(openat(CWD, path, flags, Mode::empty())?.into())
}

/// Owner, group, mode and device number.
pub fn unix_facts(metadata: &Metadata) -> Option<super::UnixFacts> {
    // Other systems count devices in other ways. On Linux, a number has 32 bits.
    let device = if cfg!(target_os = "linux") { metadata.rdev() as u32 } else { 0 };
    Some(super::UnixFacts { uid: metadata.uid(), gid: metadata.gid(), mode: metadata.mode(), device })
}
