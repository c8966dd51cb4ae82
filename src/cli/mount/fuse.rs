//! What the kernel asks, answered by a [`Browser`].
//!
//! One thread takes the kernel's requests. What needs decoding, reading files, it hands to the pool, which answers; all else
//! is a matter of microseconds.

use super::super::printer::{talk, visible};
use fuser::consts::{
    FOPEN_CACHE_DIR, FOPEN_KEEP_CACHE, FUSE_CACHE_SYMLINKS, FUSE_DO_READDIRPLUS, FUSE_READDIRPLUS_AUTO,
};
use fuser::{
    FileAttr, FileType, Filesystem, KernelConfig, ReplyAttr, ReplyData, ReplyDirectory, ReplyDirectoryPlus, ReplyEmpty,
    ReplyEntry, ReplyOpen, ReplyStatfs, ReplyXattr, Request,
};
use rustix::io::Errno;
use std::collections::{HashMap, HashSet};
use std::ffi::{OsStr, c_int};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};
use wimkit::util::filetime::FileTime;
use wimkit::wim::browse::{Attributes, BrowseError, Browser, Inode, Kind, MAX_VALUE_NBYTES, OpenFile};

/// How long the kernel may believe what it was told: nothing changes.
const FOREVER: Duration = Duration::from_secs(365 * 24 * 3600);
/// The block that sizes are told in, in bytes.
const BLOCK: u32 = 4096;
/// Messages of damage that are remembered, so that none is said twice.
const MAX_TOLD: usize = 10_000;

/// Whom files belong to.
#[derive(Clone, Copy, Debug)]
pub(super) struct Owner {
    pub(super) uid: u32,
    pub(super) gid: u32,
}

/// An image as the kernel sees it.
pub(super) struct ImageFs {
    browser: Browser,
    owner: Owner,
    /// By inode: what is open, and how many times.
    open: HashMap<u64, (Arc<OpenFile>, u32)>,
    told: Arc<Told>,
}

/// Damage that was told on standard error.
#[derive(Default)]
struct Told(Mutex<HashSet<String>>);

impl Told {
    /// The kernel's number for an error; tells of damage the first time.
    fn errno(&self, error: &BrowseError) -> c_int {
        if error.is_damage() {
            let text = error.to_string();
            let mut told = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            if told.len() < MAX_TOLD && told.insert(text.clone()) {
                talk(format_args!("error: {}", visible(&text)));
            }
        }
        let errno = match error {
            BrowseError::NotFound => Errno::NOENT,
            BrowseError::NotADirectory { .. } => Errno::NOTDIR,
            BrowseError::IsADirectory { .. } => Errno::ISDIR,
            BrowseError::NotALink { .. } => Errno::INVAL,
            BrowseError::Encrypted { .. } => Errno::ACCESS,
            BrowseError::TooLarge { .. } => Errno::TOOBIG,
            BrowseError::TooMany { .. } => Errno::NFILE,
            _ => Errno::IO,
        };
        errno.raw_os_error()
    }
}

impl ImageFs {
    pub(super) fn new(browser: Browser, owner: Owner) -> Self {
        Self { browser, owner, open: HashMap::new(), told: Arc::default() }
    }

    fn attr(&self, attributes: &Attributes) -> FileAttr {
        let (kind, perm) = match attributes.kind {
            Kind::Directory => (FileType::Directory, 0o555),
            Kind::File => (FileType::RegularFile, 0o444),
            Kind::Link => (FileType::Symlink, 0o777),
        };
        FileAttr {
            ino: attributes.inode.to_u64(),
            size: attributes.size,
            blocks: attributes.size.div_ceil(512),
            atime: system_time(attributes.access_time),
            mtime: system_time(attributes.write_time),
            ctime: system_time(attributes.write_time),
            crtime: system_time(attributes.creation_time),
            kind,
            perm,
            nlink: attributes.links,
            uid: self.owner.uid,
            gid: self.owner.gid,
            rdev: 0,
            blksize: BLOCK,
            flags: 0,
        }
    }

    fn look_up(&mut self, parent: u64, name: &OsStr) -> Result<FileAttr, BrowseError> {
        // Names that are not UTF-8 are nobody's.
        let name = name.to_str().ok_or(BrowseError::NotFound)?;
        let inode = self.browser.lookup(inode(parent)?, name)?;
        let attributes = self.browser.attributes(inode)?;
        Ok(self.attr(&attributes))
    }

    fn open(&mut self, ino: u64) -> Result<(), BrowseError> {
        if let Some((_, count)) = self.open.get_mut(&ino) {
            *count += 1;
        } else {
            let file = self.browser.open(inode(ino)?)?;
            self.open.insert(ino, (Arc::new(file), 1));
        }
        Ok(())
    }
}

fn inode(ino: u64) -> Result<Inode, BrowseError> {
    Inode::from_u64(ino).ok_or(BrowseError::NotFound)
}

fn file_type(kind: Kind) -> FileType {
    match kind {
        Kind::Directory => FileType::Directory,
        Kind::File => FileType::RegularFile,
        Kind::Link => FileType::Symlink,
    }
}

/// The epoch for times that cannot be told.
fn system_time(time: FileTime) -> SystemTime {
    let (seconds, nanoseconds) = time.to_unix();
    let whole = Duration::from_secs(seconds.unsigned_abs());
    let base =
        if seconds < 0 { SystemTime::UNIX_EPOCH.checked_sub(whole) } else { SystemTime::UNIX_EPOCH.checked_add(whole) };
    base.and_then(|base| base.checked_add(Duration::from_nanos(nanoseconds.into()))).unwrap_or(SystemTime::UNIX_EPOCH)
}

/// Answers with the value of an attribute, or with its size alone where no more is asked.
fn reply_xattr(value: &[u8], size: u32, reply: ReplyXattr) {
    match u32::try_from(value.len()) {
        Ok(nbytes) if size == 0 => reply.size(nbytes),
        Ok(nbytes) if nbytes <= size => reply.data(value),
        _ => reply.error(Errno::RANGE.raw_os_error()),
    }
}

impl Filesystem for ImageFs {
    fn init(&mut self, _: &Request<'_>, config: &mut KernelConfig) -> Result<(), c_int> {
        // Each by itself: older kernels lack some.
        for capability in [FUSE_DO_READDIRPLUS, FUSE_READDIRPLUS_AUTO, FUSE_CACHE_SYMLINKS] {
            let _ = config.add_capabilities(capability);
        }
        Ok(())
    }

    fn lookup(&mut self, _: &Request<'_>, parent: u64, name: &OsStr, reply: ReplyEntry) {
        match self.look_up(parent, name) {
            Ok(attr) => reply.entry(&FOREVER, &attr, 0),
            Err(error) => reply.error(self.told.errno(&error)),
        }
    }

    fn getattr(&mut self, _: &Request<'_>, ino: u64, _: Option<u64>, reply: ReplyAttr) {
        match inode(ino).and_then(|inode| self.browser.attributes(inode)) {
            Ok(attributes) => reply.attr(&FOREVER, &self.attr(&attributes)),
            Err(error) => reply.error(self.told.errno(&error)),
        }
    }

    fn readlink(&mut self, _: &Request<'_>, ino: u64, reply: ReplyData) {
        match inode(ino).and_then(|inode| self.browser.read_link(inode)) {
            Ok(target) => reply.data(target.as_bytes()),
            Err(error) => reply.error(self.told.errno(&error)),
        }
    }

    fn open(&mut self, _: &Request<'_>, ino: u64, _: i32, reply: ReplyOpen) {
        match ImageFs::open(self, ino) {
            Ok(()) => reply.opened(0, FOPEN_KEEP_CACHE),
            Err(error) => reply.error(self.told.errno(&error)),
        }
    }

    fn read(
        &mut self,
        _: &Request<'_>,
        ino: u64,
        _: u64,
        offset: i64,
        size: u32,
        _: i32,
        _: Option<u64>,
        reply: ReplyData,
    ) {
        let (Some((file, _)), Ok(offset)) = (self.open.get(&ino), u64::try_from(offset)) else {
            return reply.error(Errno::INVAL.raw_os_error());
        };
        let (file, told) = (Arc::clone(file), Arc::clone(&self.told));
        rayon::spawn(move || match file.read(offset, size as usize) {
            Ok(bytes) => reply.data(&bytes),
            Err(error) => reply.error(told.errno(&error)),
        });
    }

    fn release(&mut self, _: &Request<'_>, ino: u64, _: u64, _: i32, _: Option<u64>, _: bool, reply: ReplyEmpty) {
        if let Some((_, count)) = self.open.get_mut(&ino) {
            *count -= 1;
            if *count == 0 {
                self.open.remove(&ino);
            }
        }
        reply.ok();
    }

    fn opendir(&mut self, _: &Request<'_>, _: u64, _: i32, reply: ReplyOpen) {
        reply.opened(0, FOPEN_KEEP_CACHE | FOPEN_CACHE_DIR);
    }

    fn readdir(&mut self, _: &Request<'_>, ino: u64, _: u64, offset: i64, mut reply: ReplyDirectory) {
        let from = u64::try_from(offset).unwrap_or_default();
        let listed = inode(ino).and_then(|inode| {
            // The reply answers whether it is full.
            self.browser.list(inode, from, &mut |line| {
                !reply.add(line.inode.to_u64(), line.next as i64, file_type(line.kind), line.name)
            })
        });
        match listed {
            Ok(()) => reply.ok(),
            Err(error) => reply.error(self.told.errno(&error)),
        }
    }

    fn readdirplus(&mut self, _: &Request<'_>, ino: u64, _: u64, offset: i64, mut reply: ReplyDirectoryPlus) {
        /// Lines that are taken from a listing at once; more than fit in an answer of the usual size.
        const LINES: usize = 128;
        let from = u64::try_from(offset).unwrap_or_default();
        let mut lines = Vec::with_capacity(LINES);
        let listed = inode(ino).and_then(|inode| {
            self.browser.list(inode, from, &mut |line| {
                lines.push((line.inode, line.next, line.name.to_owned()));
                lines.len() < LINES
            })
        });
        if let Err(error) = listed {
            return reply.error(self.told.errno(&error));
        }
        for (inode, next, name) in lines {
            // What cannot be looked at is seen no less: looking tells why.
            let Ok(attributes) = self.browser.attributes(inode) else { continue };
            if reply.add(inode.to_u64(), next as i64, name, &FOREVER, &self.attr(&attributes), 0) {
                break;
            }
        }
        reply.ok();
    }

    fn statfs(&mut self, _: &Request<'_>, _: u64, reply: ReplyStatfs) {
        let totals = self.browser.totals();
        reply.statfs(totals.bytes.div_ceil(BLOCK.into()), 0, 0, totals.entries, 0, BLOCK, 255, BLOCK);
    }

    fn getxattr(&mut self, _: &Request<'_>, ino: u64, name: &OsStr, size: u32, reply: ReplyXattr) {
        let name = name.to_str().unwrap_or_default();
        match inode(ino).and_then(|inode| self.browser.xattr(inode, name)) {
            Ok(Some(value)) => reply_xattr(&value, size, reply),
            Ok(None) => reply.error(Errno::NODATA.raw_os_error()),
            Err(error) => reply.error(self.told.errno(&error)),
        }
    }

    fn listxattr(&mut self, _: &Request<'_>, ino: u64, size: u32, reply: ReplyXattr) {
        match inode(ino).and_then(|inode| self.browser.xattr_names(inode)) {
            Ok(names) => {
                let mut list: Vec<u8> = names.iter().flat_map(|name| name.bytes().chain([0])).collect();
                // The kernel takes no longer list; whole names only.
                if list.len() as u64 > MAX_VALUE_NBYTES {
                    let fits = list[..MAX_VALUE_NBYTES as usize].iter().rposition(|byte| *byte == 0);
                    list.truncate(fits.map_or(0, |end| end + 1));
                }
                reply_xattr(&list, size, reply);
            }
            Err(error) => reply.error(self.told.errno(&error)),
        }
    }
}
