//! Installation media: a directory or an ISO image, whose paths ignore letter case; the images in it and their facts.

pub mod boot;
mod error;
pub mod images;
pub mod lang_ini;

pub use error::MediaError;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use crate::address;
use crate::cab::target_path;
use crate::iso::read::IsoImage;
use crate::util::read_at::{self, PositionedFile, ReadAt};
use crate::wim::OpenOptions;

/// A medium has some thousand files; one with more than this is something else.
const MAX_FILES: usize = 1_000_000;

/// Names under which the images of the system may be there, in the order in which Setup looks for them.
pub const INSTALL_ARCHIVES: [&str; 3] = ["sources/install.wim", "sources/install.esd", "sources/install.swm"];
/// Where Windows PE and Setup are.
pub const BOOT_ARCHIVE: &str = "sources/boot.wim";

/// The files of media.
#[derive(Clone, Debug)]
pub struct Media {
    root: PathBuf,
    /// Paths below the root, by how they are compared.
    files: BTreeMap<String, PathBuf>,
    /// The image that they are in.
    iso: Option<Arc<IsoImage>>,
}

/// A path as it is compared: letter case does not count, and parts are separated by `/`.
fn comparable(path: &Path) -> String {
    let parts: Vec<String> = path.iter().map(|part| part.to_string_lossy().to_lowercase()).collect();
    parts.join("/")
}

impl Media {
    /// Lists the files below `root`, or in the ISO image `root`.
    ///
    /// # Errors
    /// [`MediaError`]: it is neither a directory nor an image, has links or other special files in it, or names that Windows
    /// cannot have or cannot tell apart.
    pub fn open(root: &Path) -> Result<Self, MediaError> {
        let io = |path: &Path| {
            let path = path.to_owned();
            move |source| MediaError::Io { path, source }
        };
        if !fs::metadata(root).map_err(io(root))?.is_dir() {
            return Self::open_iso(root);
        }
        let mut files = BTreeMap::new();
        let mut waiting = vec![PathBuf::new()];
        while let Some(directory) = waiting.pop() {
            let place = root.join(&directory);
            for entry in fs::read_dir(&place).map_err(io(&place))? {
                let entry = entry.map_err(io(&place))?;
                let path = directory.join(entry.file_name());
                let kind = entry.file_type().map_err(io(&entry.path()))?;
                if kind.is_dir() {
                    waiting.push(path);
                } else if !kind.is_file() {
                    return Err(MediaError::Special { path: entry.path() });
                } else if let Some(other) = files.insert(comparable(&path), path) {
                    return Err(MediaError::CaseCollision { path: entry.path(), other: root.join(other) });
                }
                if files.len() > MAX_FILES {
                    return Err(MediaError::TooMany { path: root.to_owned(), limit: MAX_FILES });
                }
            }
        }
        Ok(Self { root: root.to_owned(), files, iso: None })
    }

    fn open_iso(path: &Path) -> Result<Self, MediaError> {
        let source = read_at::open(path, true).map_err(|source| MediaError::Io { path: path.to_owned(), source })?;
        if !IsoImage::is_one(&*source) {
            return Err(MediaError::NotMedia { path: path.to_owned() });
        }
        let iso = IsoImage::open(source, path).map_err(|error| MediaError::Iso(Box::new(error)))?;
        // No two files have names that differ in letter case alone: the image's reader shows the first.
        let mut files = BTreeMap::new();
        for file in iso.files() {
            let unsafe_name = |_| MediaError::UnsafeName { path: path.to_owned(), name: file.path.clone() };
            let inside: PathBuf = target_path(&file.path).map_err(unsafe_name)?.into_iter().collect();
            files.insert(comparable(&inside), inside);
        }
        let mut root = path.as_os_str().to_owned();
        root.push("!");
        Ok(Self { root: root.into(), files, iso: Some(Arc::new(iso)) })
    }

    /// Whether they are in an ISO image.
    pub fn is_iso(&self) -> bool {
        self.iso.is_some()
    }

    /// Where the media are: a directory, or what [addresses](crate::address) of files in an image begin with.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Opens a file by its path below the root, as [`Media::files`] tells it; with the time when it was written last.
    ///
    /// # Errors
    /// It cannot be read.
    pub fn open_file(&self, path: &Path) -> Result<(Box<dyn ReadAt>, SystemTime), MediaError> {
        let whole = self.root.join(path);
        let io = |source| MediaError::Io { path: whole.clone(), source };
        let Some(iso) = &self.iso else {
            let file = fs::File::open(&whole).map_err(io)?;
            let modified = file.metadata().and_then(|metadata| metadata.modified()).map_err(io)?;
            return Ok((Box::new(PositionedFile::new(file).map_err(io)?), modified));
        };
        let file = iso.find(&comparable(path)).ok_or_else(|| io(std::io::ErrorKind::NotFound.into()))?;
        let (seconds, nanoseconds) = file.time.to_unix();
        let since = Duration::new(u64::try_from(seconds).unwrap_or_default(), nanoseconds);
        // An image may tell a time that the system has no number for.
        let modified = SystemTime::UNIX_EPOCH.checked_add(since).unwrap_or(SystemTime::UNIX_EPOCH);
        Ok((iso.contents(file), modified))
    }

    /// The file at a path below the root, with `/` between its parts; letter case does not count.
    pub fn find(&self, path: &str) -> Option<PathBuf> {
        self.files.get(&path.to_lowercase()).map(|path| self.root.join(path))
    }

    /// Where a file would be: the existing one's path, or the one as it is given.
    pub fn place(&self, path: &str) -> PathBuf {
        self.find(path).unwrap_or_else(|| self.root.join(path))
    }

    /// Paths below the root, in a fixed order: as they are compared, and as they are.
    pub fn files(&self) -> impl Iterator<Item = (&str, &Path)> {
        self.files.iter().map(|(compared, path)| (compared.as_str(), path.as_path()))
    }

    /// The archives with the images of the system: one, if all is well.
    pub fn install_archives(&self) -> Vec<PathBuf> {
        INSTALL_ARCHIVES.iter().filter_map(|path| self.find(path)).collect()
    }

    /// Opens a file on disk, or in an ISO image by its address.
    ///
    /// # Errors
    /// It cannot be read.
    pub fn source(path: &Path) -> Result<Box<dyn ReadAt>, MediaError> {
        Ok(address::open_wim(path, &OpenOptions { no_mmap: true, ..OpenOptions::default() })?)
    }

    /// The bytes of a small file, as [`Media::source`] finds it.
    ///
    /// # Errors
    /// It cannot be read, or has more than `limit` bytes.
    pub fn read(path: &Path, limit: u64) -> Result<Vec<u8>, MediaError> {
        let io = |source| MediaError::Io { path: path.to_owned(), source };
        let source = Self::source(path)?;
        let size = source.size();
        if size > limit {
            return Err(MediaError::TooLarge { path: path.to_owned(), size, limit });
        }
        Ok(read_at::bytes_at(&*source, 0, size as usize).map_err(io)?.into_owned())
    }
}
