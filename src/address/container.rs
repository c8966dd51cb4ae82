//! Files that hold files: a cabinet, an image of a disc, or a WIM's image, as update packages are since Windows 11 24H2. And
//! files that were compressed by themselves, which hold one.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::{AddressError, open_entry};
use crate::cab::single_file::SingleFile;
use crate::cab::{self, Cabinet};
use crate::iso::read::IsoImage;
use crate::util::filetime::FileTime;
use crate::util::read_at::{ReadAt, bytes_at};
use crate::wim::engine::default_memory;
use crate::wim::header::MAGIC;
use crate::wim::metadata::{DentryId, Entry, Metadata};
use crate::wim::{ImageIndex, Wim};

/// How a container is opened.
#[derive(Clone, Debug)]
pub struct ContainerOptions {
    /// For cabinets. Whether files are mapped counts for images, too.
    pub cab: cab::OpenOptions,
    /// Bytes that decoding may need.
    pub memory: u64,
}

impl Default for ContainerOptions {
    fn default() -> Self {
        Self { cab: cab::OpenOptions::default(), memory: default_memory() }
    }
}

/// What a file that holds files is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A cabinet.
    Cabinet,
    /// A WIM.
    Image,
    /// An ISO image.
    Iso,
    /// One compressed file.
    SingleFile,
}

impl Kind {
    /// What `source` begins as, if it is a container.
    pub fn of(source: &dyn ReadAt) -> Option<Self> {
        let begins = |magic: &[u8]| bytes_at(source, 0, magic.len()).is_ok_and(|bytes| *bytes == *magic);
        match () {
            () if begins(&MAGIC) => Some(Self::Image),
            () if begins(b"MSCF") => Some(Self::Cabinet),
            () if IsoImage::is_one(source) => Some(Self::Iso),
            () => SingleFile::is_one(source).then_some(Self::SingleFile),
        }
    }
}

/// A container that was opened.
#[derive(Debug)]
pub struct Container {
    path: PathBuf,
    content: Content,
    members: Vec<Member>,
    memory: u64,
}

/// What the container is made of.
#[derive(Debug)]
pub enum Content {
    /// A cabinet, perhaps of several files. Members are its files.
    Cabinet(Box<Cabinet>),
    /// The only image of a WIM.
    Image {
        /// The WIM.
        wim: Arc<Wim>,
        /// The image's tree.
        tree: Box<Metadata>,
        /// The entry of each member.
        files: Vec<DentryId>,
    },
    /// An ISO image. Members are its files.
    Iso(Box<IsoImage>),
    /// One file, decoded.
    SingleFile(SingleFile),
}

/// A file in a container.
#[derive(Clone, Debug)]
pub struct Member {
    /// Its path, with `\` between the parts.
    pub path: String,
    /// Bytes.
    pub size: u64,
    /// When it was written last.
    pub time: FileTime,
    /// Attributes of Windows; in cabinets also to be executed 0x40 and name in UTF-8 0x80.
    pub attributes: u32,
    /// How it is compressed, in words; what is stored together shares them.
    pub compression: Arc<str>,
}

impl Container {
    /// Opens the container at an address.
    ///
    /// # Errors
    /// [`AddressError`]: the address leads nowhere; what is there is no container, or damaged; or a WIM of several images.
    pub fn open(address: &Path, options: &ContainerOptions) -> Result<Self, AddressError> {
        let (no_mmap, memory) = (options.cab.no_mmap, options.memory);
        let wim_options = crate::wim::OpenOptions { no_mmap, memory, ..crate::wim::OpenOptions::default() };
        Self::from_source(super::open(address, &wim_options)?, address, options)
    }

    /// Opens a container in `source`; `path` is what messages call it, and others of a cabinet's set are looked for beside it.
    ///
    /// # Errors
    /// As [`Container::open`].
    pub fn from_source(source: Box<dyn ReadAt>, path: &Path, options: &ContainerOptions) -> Result<Self, AddressError> {
        let (content, members) = match Kind::of(&*source) {
            Some(Kind::Image) => open_image(source, path)?,
            Some(Kind::Iso) => open_iso(source, path)?,
            Some(Kind::SingleFile) => {
                let file = SingleFile::read(&*source, path, options.memory)?;
                let member = Member {
                    path: file.name.clone(),
                    size: file.content.len() as u64,
                    time: FileTime::ZERO,
                    attributes: 0,
                    compression: file.method.into(),
                };
                (Content::SingleFile(file), vec![member])
            }
            // Also where it does not begin as one: it may stand further on.
            Some(Kind::Cabinet) | None => {
                let cabinet = Cabinet::from_source(source, path, &options.cab)?;
                let methods: Vec<Arc<str>> =
                    (0..cabinet.folder_count()).map(|folder| cabinet.compression(folder).into()).collect();
                let member = |file: &cab::File| Member {
                    path: file.name.clone(),
                    size: file.size,
                    time: file.time,
                    attributes: file.attributes.into(),
                    compression: Arc::clone(&methods[file.folder]),
                };
                let members = cabinet.files().iter().map(member).collect();
                (Content::Cabinet(Box::new(cabinet)), members)
            }
        };
        Ok(Self { path: path.to_owned(), content, members, memory: options.memory })
    }

    /// Gives a file that was compressed by itself another name.
    pub fn rename_single_file(&mut self, name: &str) {
        if let Content::SingleFile(file) = &mut self.content {
            name.clone_into(&mut file.name);
            name.clone_into(&mut self.members[0].path);
        }
    }

    /// What it was opened as: an address.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// What it is made of.
    pub fn content(&self) -> &Content {
        &self.content
    }

    /// The files in it, in the order in which it lists them. Directories and links are no members.
    pub fn members(&self) -> &[Member] {
        &self.members
    }

    /// What was tolerated.
    pub fn warnings(&self) -> Vec<String> {
        match &self.content {
            Content::Cabinet(cabinet) => cabinet.warnings().to_vec(),
            Content::Image { wim, .. } => wim.warnings().map(str::to_owned).collect(),
            Content::Iso(image) => image.warnings().to_vec(),
            Content::SingleFile(_) => Vec::new(),
        }
    }

    /// Whether all that is in it is listed. What is not is told by [`Container::warnings`].
    pub fn lists_all(&self) -> bool {
        match &self.content {
            Content::Cabinet(cabinet) => cabinet.lists_all(),
            Content::Image { .. } | Content::Iso(_) | Content::SingleFile(_) => true,
        }
    }

    /// The files it consists of.
    pub fn paths(&self) -> Vec<&Path> {
        match &self.content {
            Content::Cabinet(cabinet) => cabinet.paths().collect(),
            Content::Image { wim, .. } => vec![wim.path()],
            Content::Iso(_) | Content::SingleFile(_) => vec![&self.path],
        }
    }

    /// Opens members, by their indices, for reading at any place. What is stored together is decoded once. `receive` gets every
    /// one with its index: its content, or why it cannot be had.
    pub fn open_members(
        &self,
        members: &[usize],
        receive: &mut dyn FnMut(usize, Result<Box<dyn ReadAt>, AddressError>),
    ) {
        match &self.content {
            Content::Cabinet(cabinet) => cabinet.open_files(members, &mut |member, opened| {
                receive(member, opened.map_err(|error| self.inside(member, error.to_string())));
            }),
            Content::Image { wim, tree, files } => members.iter().for_each(|member| {
                let (entry, path) = (tree.entry(files[*member]), &self.members[*member].path);
                receive(*member, open_entry(wim, entry, self.memory, &self.path, path));
            }),
            Content::Iso(image) => members.iter().for_each(|member| {
                receive(*member, Ok(image.contents(&image.files()[*member])));
            }),
            Content::SingleFile(file) => members.iter().for_each(|member| {
                receive(*member, Ok(Box::new(std::io::Cursor::new(file.content.clone()))));
            }),
        }
    }

    /// The content of a member, of `limit` bytes at most.
    ///
    /// # Errors
    /// [`AddressError::Inside`]: it is damaged or larger.
    pub fn read(&self, member: usize, limit: usize) -> Result<Vec<u8>, AddressError> {
        let size = usize::try_from(self.members[member].size).ok().filter(|size| *size <= limit);
        let Some(size) = size else {
            let problem = format!("it has {} bytes, {limit} are the most here", self.members[member].size);
            return Err(self.inside(member, problem));
        };
        let source = self.open_member(member)?;
        let bytes = bytes_at(&*source, 0, size).map_err(|error| self.inside(member, error.to_string()))?;
        Ok(bytes.into_owned())
    }

    /// Opens one member.
    ///
    /// # Errors
    /// [`AddressError`]: it is damaged, or cannot be kept.
    pub fn open_member(&self, member: usize) -> Result<Box<dyn ReadAt>, AddressError> {
        let mut answer = None;
        self.open_members(&[member], &mut |_, opened| answer = Some(opened));
        answer.unwrap_or_else(|| Err(self.inside(member, "it was not found")))
    }

    fn inside(&self, member: usize, problem: impl Into<String>) -> AddressError {
        AddressError::inside(&self.path, &self.members[member].path, problem)
    }
}

/// An ISO image and its files.
fn open_iso(source: Box<dyn ReadAt>, path: &Path) -> Result<(Content, Vec<Member>), AddressError> {
    let image = IsoImage::open(source, path)?;
    let stored: Arc<str> = "stored".into();
    let member = |file: &crate::iso::read::File| Member {
        path: file.path.replace('/', "\\"),
        size: file.size,
        time: file.time,
        attributes: 0,
        compression: Arc::clone(&stored),
    };
    let members = image.files().iter().map(member).collect();
    Ok((Content::Iso(Box::new(image)), members))
}

/// The only image of a WIM, and its files.
fn open_image(source: Box<dyn ReadAt>, path: &Path) -> Result<(Content, Vec<Member>), AddressError> {
    let wim = Wim::from_source(source, &path.to_string_lossy())?;
    if wim.image_count() != 1 {
        return Err(AddressError::NotOneImage { path: path.to_owned(), count: wim.image_count() });
    }
    let tree = wim.metadata(ImageIndex::FIRST)?;
    let is_file = |entry: &Entry<'_>| !entry.is_directory() && !entry.is_reparse_point();
    let files: Vec<DentryId> = tree.pre_order(DentryId::ROOT).filter(is_file).map(|entry| entry.id()).collect();
    let contents = wim.contents()?;
    let format = wim.header().format().ok().flatten();
    let compression: Arc<str> = format.map_or("stored", |format| format.name()).into();
    let member = |id: &DentryId| {
        let entry = tree.entry(*id);
        let blob = entry.data_hash().and_then(|sha1| contents.find(&sha1));
        Member {
            path: entry.path().trim_start_matches('/').replace('/', "\\"),
            size: blob.map_or(0, |blob| blob.size),
            time: entry.write_time(),
            attributes: entry.attributes().0,
            compression: Arc::clone(&compression),
        }
    };
    let members = files.iter().map(member).collect();
    Ok((Content::Image { wim: Arc::new(wim), tree: Box::new(tree), files }, members))
}
