//! Looking into an image as into a file system: entries by name, attributes, listings, contents, streams.
//!
//! This is what a mount shows; it knows nothing of FUSE and works on every system. What is seen:
//!
//! * Names as [`extract`](super::extract) makes them on Unix; what it refuses is not seen. A name is looked up as it is written,
//!   then without regard to letter case.
//! * `FILE:STREAM` finds a named stream, but is not listed.
//! * `FILE.wim!` beside a WIM is a directory with its images as `1`, `2` … It is listed only if
//!   [`Options::nested`] says so, but always found: paths are then those of addresses,
//!   `sources/install.wim!/1/Windows/System32/Recovery/winre.wim!/1/Windows`.
//! * Symbolic links and junctions as relative links where the image was captured so, again as `extract` makes them.
//!
//! Nothing is decoded before it is read, and decoded chunks are kept in one [`ChunkCache`].

mod directory;
mod error;
mod hash_check;
mod inode;
mod nested;
mod open_file;
mod place;
#[cfg(test)]
mod tests;
mod xattr;

pub use directory::Line;
pub use error::BrowseError;
pub use inode::Inode;
pub use open_file::OpenFile;
pub use xattr::MAX_VALUE_NBYTES;

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;

use super::blob_reader::BlobReader;
use super::chunk_cache::ChunkCache;
use super::engine::default_memory;
use super::extract::NameRules;
use super::metadata::reparse::{self, Link};
use super::metadata::{Entry, Metadata, Name, Stream, StreamKind};
use super::reader::{ImageIndex, Wim};
use crate::util::filetime::FileTime;
use crate::util::utf16;
use inode::Facet;
use open_file::Damaged;
use place::{Archive, Place, Places};

/// How an image is looked into.
#[derive(Clone, Debug)]
pub struct Options {
    /// Bytes of decoded chunks that are kept in memory.
    pub cache: u64,
    /// Where a file without a name keeps large chunks, those of solid resources, once they were decoded. Without it files of
    /// such a resource are read in its order fast, and in any other one very slowly.
    pub scratch: Option<PathBuf>,
    /// Bytes that a decoded chunk, and that the trees of nested WIMs may have.
    pub memory: u64,
    /// List the directories that nested WIMs are looked into by.
    pub nested: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self { cache: 64 << 20, scratch: None, memory: default_memory(), nested: false }
    }
}

impl Options {
    fn chunk_cache(&self) -> Result<Arc<ChunkCache>, BrowseError> {
        let Some(directory) = &self.scratch else { return Ok(ChunkCache::new(self.cache)) };
        let cache = ChunkCache::with_scratch(self.cache, directory);
        cache.map_err(|source| BrowseError::Scratch { path: directory.clone(), source })
    }
}

/// What something is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A directory.
    Directory,
    /// A file, or a named stream.
    File,
    /// A symbolic link or junction.
    Link,
}

/// What there is to know about a file before it is opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Attributes {
    /// Its number.
    pub inode: Inode,
    /// What it is.
    pub kind: Kind,
    /// Bytes; of a link, those of its target.
    pub size: u64,
    /// Names of a file; of a directory two more than it has directories in it.
    pub links: u32,
    /// When it was created.
    pub creation_time: FileTime,
    /// When it was last read.
    pub access_time: FileTime,
    /// When it was last written.
    pub write_time: FileTime,
}

/// How much there is to be seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Totals {
    /// Files and directories.
    pub entries: u64,
    /// Bytes of all files.
    pub bytes: u64,
}

/// One or all images of a WIM, to be looked into.
pub struct Browser {
    places: Places,
    /// The places of nested WIMs that were looked into.
    inside: HashMap<Inode, u16>,
    cache: Arc<ChunkCache>,
    damaged: Damaged,
    /// Bytes that trees of nested WIMs may still have.
    tree_memory: u64,
    options: Options,
}

/// An entry of some image.
struct Found<'a> {
    inode: Inode,
    archive: &'a Archive,
    image: ImageIndex,
    tree: &'a Metadata,
    entry: Entry<'a>,
}

impl Browser {
    /// Shows one image: its root is the root.
    ///
    /// # Errors
    /// The image cannot be read.
    pub fn image(wim: Arc<Wim>, image: ImageIndex, options: Options) -> Result<Self, BrowseError> {
        let cache = options.chunk_cache()?;
        let mut browser = Self::new(Places::with_image(wim, cache.share(), image), cache, options);
        browser.load(0)?;
        Ok(browser)
    }

    /// Shows all images: the root has a directory for each, `1`, `2` …
    ///
    /// # Errors
    /// There are too many.
    pub fn all_images(wim: Arc<Wim>, options: Options) -> Result<Self, BrowseError> {
        let cache = options.chunk_cache()?;
        Ok(Self::new(Places::with_all_images(wim, cache.share())?, cache, options))
    }

    fn new(places: Places, cache: Arc<ChunkCache>, options: Options) -> Self {
        let (inside, damaged) = (HashMap::new(), Damaged::default());
        Self { places, inside, cache, damaged, tree_memory: options.memory, options }
    }

    /// The entry of this name in a directory.
    ///
    /// # Errors
    /// [`BrowseError::NotFound`], or why the directory cannot be looked into.
    pub fn lookup(&mut self, directory: Inode, name: &str) -> Result<Inode, BrowseError> {
        if let Some(archive) = self.archive_at(directory)? {
            let number = name.parse().ok().filter(|number: &u32| number.to_string() == name).and_then(ImageIndex::new);
            let image = number.filter(|image| image.get() <= archive.wim.image_count()).ok_or(BrowseError::NotFound)?;
            return Ok(Inode::root_of(archive.first_image + image.zero_based() as u16));
        }
        self.load(directory.place)?;
        let found = self.find(directory)?;
        if found.kind() != Kind::Directory {
            return Err(BrowseError::NotADirectory { path: found.path() });
        }
        if let Some(child) = found.child(name) {
            return Ok(child.inode);
        }
        let outer = name.strip_suffix('!').and_then(|name| found.child(name));
        if let Some(outer) = outer.filter(|outer| self.is_wim(outer)) {
            return Ok(outer.inode.with(Facet::Inside));
        }
        if let Some((name, stream)) = name.split_once(':')
            && let Some(file) = found.child(name)
            && let Some((number, _)) = file.stream(stream)
        {
            return Ok(file.inode.with(Facet::Stream(number)));
        }
        Err(BrowseError::NotFound)
    }

    /// What there is to know about a file.
    ///
    /// # Errors
    /// [`BrowseError::NotFound`]; or the image cannot be read.
    pub fn attributes(&mut self, inode: Inode) -> Result<Attributes, BrowseError> {
        if let Some(archive) = self.archive_at(inode)? {
            let links = 2 + archive.wim.image_count();
            let times = match self.find(inode.with(Facet::Itself)) {
                Ok(outer) => outer.attributes(Kind::Directory, 0, links),
                Err(_) => Attributes::of_directory(inode, links),
            };
            return Ok(Attributes { inode, ..times });
        }
        self.load(inode.place)?;
        let found = self.find(inode)?;
        if let Facet::Stream(number) = inode.facet {
            let stream = found.entry.streams().filter(is_named).nth(number.into()).ok_or(BrowseError::NotFound)?;
            return Ok(found.attributes(Kind::File, found.size_of(&stream), 1));
        }
        let entry = found.entry;
        Ok(match found.kind() {
            Kind::Directory => {
                let directories = entry.children().filter(|child| kind_of(child) == Kind::Directory).count();
                found.attributes(Kind::Directory, 0, 2 + directories as u32)
            }
            Kind::Link => {
                let target = self.target_of(&found);
                // Why there is none is told when it is asked for.
                found.attributes(Kind::Link, target.map_or(0, |target| target.len() as u64), 1)
            }
            Kind::File => {
                let size = entry.stream(StreamKind::Data).map_or(0, |stream| found.size_of(&stream));
                found.attributes(Kind::File, size, entry.link_count() as u32)
            }
        })
    }

    /// Where a symbolic link or junction leads.
    ///
    /// # Errors
    /// It is no link; its data is damaged; or leads to what cannot be a path here.
    pub fn read_link(&mut self, inode: Inode) -> Result<String, BrowseError> {
        self.load(inode.place)?;
        let found = self.find(inode)?;
        if inode.facet == Facet::Itself && found.kind() == Kind::Link {
            self.target_of(&found)
        } else {
            Err(BrowseError::NotALink { path: found.path() })
        }
    }

    /// Opens a file or stream.
    ///
    /// # Errors
    /// It is no file, encrypted, or its content is not at hand.
    pub fn open(&mut self, inode: Inode) -> Result<OpenFile, BrowseError> {
        self.load(inode.place)?;
        let found = self.find(inode)?;
        if inode.facet == Facet::Inside || inode.facet == Facet::Itself && found.kind() != Kind::File {
            return Err(BrowseError::IsADirectory { path: found.path() });
        }
        if found.entry.is_encrypted() {
            return Err(BrowseError::Encrypted { path: found.path() });
        }
        match inode.facet {
            Facet::Stream(number) => {
                let stream = found.entry.streams().filter(is_named).nth(number.into()).ok_or(BrowseError::NotFound)?;
                self.open_stream(&found, &stream)
            }
            Facet::Itself | Facet::Inside => match found.entry.stream(StreamKind::Data) {
                Some(stream) => self.open_stream(&found, &stream),
                None => Ok(OpenFile::empty(found.path())),
            },
        }
    }

    /// How much there is to be seen, nested WIMs apart.
    pub fn totals(&self) -> Totals {
        match self.places.get(0) {
            Some(Place::Archive(archive)) => {
                let blobs = archive.wim.contents().map(|contents| &contents.blobs[..]).unwrap_or_default();
                let bytes = blobs.iter().map(|blob| blob.size).fold(0, u64::saturating_add);
                Totals { entries: blobs.len() as u64, bytes }
            }
            _ => {
                let Ok(found) = self.find(Inode::ROOT) else { return Totals { entries: 0, bytes: 0 } };
                let contents = found.archive.wim.contents().ok();
                let size = |sha1: &_| contents.and_then(|contents| contents.find(sha1)).map_or(0, |blob| blob.size);
                let statistics = found.tree.statistics(size);
                Totals { entries: found.tree.len() as u64, bytes: statistics.total_bytes }
            }
        }
    }

    /// Entries of the image that is the root that are not seen, as [`NameRules::Unix`] refuses their names.
    pub fn unseen(&self) -> u64 {
        let Ok(root) = self.find(Inode::ROOT) else { return 0 };
        root.tree.entries().skip(1).filter(|entry| NameRules::Unix.target_name(entry).is_err()).count() as u64
    }

    /// The archive whose images are the entries of `inode`, if it is such a directory; opened if need be.
    fn archive_at(&mut self, inode: Inode) -> Result<Option<&Archive>, BrowseError> {
        let place = match inode.facet {
            Facet::Inside => self.open_nested(inode)?,
            Facet::Itself if inode.entry == 0 => inode.place,
            _ => return Ok(None),
        };
        Ok(self.places.archive(place))
    }

    /// Reads the tree at `place`, unless it was.
    fn load(&mut self, place: u16) -> Result<(), BrowseError> {
        let image = self.places.image(place).ok_or(BrowseError::NotFound)?;
        if image.tree.is_some() {
            return Ok(());
        }
        let archive = self.places.archive(image.archive).ok_or(BrowseError::NotFound)?;
        let tree = archive.wim.metadata(image.index)?;
        if archive.depth > 0 {
            let nbytes = tree.as_bytes().len() as u64;
            let path = || format!("{}!/{}", archive.name, image.index);
            let left = self.tree_memory.checked_sub(nbytes);
            let too_many = || BrowseError::TooMany { path: path(), what: "the trees of nested images fill the memory" };
            self.tree_memory = left.ok_or_else(too_many)?;
        }
        if let Some(image) = self.places.image_mut(place) {
            image.tree = Some(Arc::new(tree));
        }
        Ok(())
    }

    /// The entry of an inode whose tree was read.
    fn find(&self, inode: Inode) -> Result<Found<'_>, BrowseError> {
        let image = self.places.image(inode.place).ok_or(BrowseError::NotFound)?;
        let archive = self.places.archive(image.archive).ok_or(BrowseError::NotFound)?;
        let tree = image.tree.as_deref().ok_or(BrowseError::NotFound)?;
        let entry = tree.numbered(inode.entry).ok_or(BrowseError::NotFound)?;
        Ok(Found { inode, archive, image: image.index, tree, entry })
    }

    fn open_stream(&self, found: &Found<'_>, stream: &Stream<'_>) -> Result<OpenFile, BrowseError> {
        let path = match stream.kind {
            StreamKind::Named => format!("{}:{}", found.path(), stream.name),
            _ => found.path(),
        };
        if stream.is_empty() {
            return Ok(OpenFile::empty(path));
        }
        let archive = found.archive;
        let blob = archive.wim.contents()?.find(&stream.sha1);
        let Some(blob) = blob else { return Err(BrowseError::MissingBlob { path, sha1: stream.sha1 }) };
        let (wim, share) = (Arc::clone(&archive.wim), archive.share.clone());
        let reader = BlobReader::with_cache(wim, blob, self.options.memory, share)?;
        Ok(OpenFile::new(path, stream.sha1, reader, Arc::clone(&self.damaged)))
    }

    fn target_of(&self, found: &Found<'_>) -> Result<String, BrowseError> {
        let data = match found.entry.stream(StreamKind::Reparse) {
            Some(stream) => self.open_stream(found, &stream)?.read_all(reparse::MAX_NBYTES)?,
            None => Vec::new(),
        };
        let link = Link::parse(found.entry.reparse_tag().unwrap_or_default(), &data);
        let target = link.and_then(|link| link.unix_target(found.depth(), found.entry.is_reparse_not_fixed()));
        target.map_err(|error| BrowseError::Link { path: found.path(), error })
    }
}

impl std::fmt::Debug for Browser {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Browser").field("options", &self.options).finish_non_exhaustive()
    }
}

impl<'a> Found<'a> {
    fn kind(&self) -> Kind {
        if self.inode.facet == Facet::Inside { Kind::Directory } else { kind_of(&self.entry) }
    }

    /// The file that a dentry of the same tree is a name of.
    fn sibling(&self, dentry: Entry<'a>) -> Self {
        let inode = Inode::of(self.inode.place, dentry.first_link());
        Self {
            inode,
            archive: self.archive,
            image: self.image,
            tree: self.tree,
            entry: self.tree.entry(dentry.first_link()),
        }
    }

    fn child(&self, name: &str) -> Option<Self> {
        let child = self.entry.child(Name::new(&utf16::from_str(name)))?;
        NameRules::Unix.target_name(&child).ok()?;
        Some(self.sibling(child))
    }

    /// The named stream of this name, and its number: the exact one, else the first that differs in case only.
    fn stream(&self, name: &str) -> Option<(u16, Stream<'a>)> {
        let wanted = utf16::from_str(name);
        let wanted = Name::new(&wanted);
        let named = || (0..=u16::MAX).zip(self.entry.streams().filter(is_named));
        let exact = named().find(|(_, stream)| stream.name == wanted);
        exact.or_else(|| named().find(|(_, stream)| stream.name.eq_ignore_case(wanted)))
    }

    fn size_of(&self, stream: &Stream<'_>) -> u64 {
        let blob = self.archive.wim.contents().ok().and_then(|contents| contents.find(&stream.sha1));
        blob.filter(|_| !stream.is_empty()).map_or(0, |blob| blob.size)
    }

    /// The address that messages call it by.
    fn path(&self) -> String {
        format!("{}!/{}{}", self.archive.name, self.image, self.entry.path())
    }

    /// How many directories are between it and the root of its image.
    fn depth(&self) -> usize {
        let mut depth = 0;
        let mut parent = self.entry.parent();
        while parent != self.tree.root().id() {
            parent = self.tree.entry(parent).parent();
            depth += 1;
        }
        depth
    }

    fn attributes(&self, kind: Kind, size: u64, links: u32) -> Attributes {
        let entry = self.entry;
        Attributes {
            inode: self.inode,
            kind,
            size,
            links,
            creation_time: entry.creation_time(),
            access_time: entry.access_time(),
            write_time: entry.write_time(),
        }
    }
}

impl Attributes {
    /// Of a directory that no image has.
    fn of_directory(inode: Inode, links: u32) -> Self {
        let time = FileTime::ZERO;
        let (creation_time, access_time, write_time) = (time, time, time);
        Self { inode, kind: Kind::Directory, size: 0, links, creation_time, access_time, write_time }
    }
}

fn is_named(stream: &Stream<'_>) -> bool {
    stream.kind == StreamKind::Named
}

fn kind_of(entry: &Entry<'_>) -> Kind {
    match entry.reparse_tag() {
        Some(tag) if reparse::is_link_tag(tag) => Kind::Link,
        _ if entry.is_directory() => Kind::Directory,
        _ => Kind::File,
    }
}
