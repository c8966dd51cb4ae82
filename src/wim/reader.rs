//! Opening a WIM: one file, a split set, or a delta with the archives it refers to.

use super::blob_table::{BlobTable, BlobTableError, Location, MetadataEntry, Oddities};
use super::engine::{BlobSource, Request, default_memory, memory_needed};
use super::error::WimError;
use super::header::{HEADER_SIZE, Header, HeaderError, ResourceHeader, flag};
use super::integrity::{IntegrityTable, IntegrityTableError};
use super::metadata::{Metadata, ParseOptions, Statistics};
use super::resource::{ChunkMap, DecoderPool, ResourceError, read_all};
use super::xml::WimXml;
use crate::util::read_at::{self, ReadAt};
use crate::util::sha1::Sha1;
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

/// The largest XML document that is read, in bytes.
const MAX_XML_SIZE: u64 = 64 << 20;
/// The largest metadata resource that is read, in bytes …
const MAX_METADATA_SIZE: u64 = 2 << 30;
/// … and how many times its stored size it may have: more is no tree but a bomb.
const MAX_METADATA_RATIO: u64 = 512;
/// The largest blob table that is read, in bytes: 42 million blobs.
const MAX_BLOB_TABLE_SIZE: u64 = 2 << 30;

/// The largest integrity table that is read, in bytes: enough for 32 TiB in pieces of 10 MiB.
const MAX_INTEGRITY_TABLE_SIZE: u64 = 64 << 20;

/// Opens the source of a WIM that a path stands for.
pub type Opener = fn(&Path, &OpenOptions) -> Result<Box<dyn ReadAt>, WimError>;

/// How a WIM is opened.
#[derive(Clone, Debug)]
pub struct OpenOptions {
    /// Read by position instead of mapping files into memory.
    pub no_mmap: bool,
    /// What paths stand for: files ([`open_plain`]), or addresses too ([`crate::address::open_wim`]).
    pub opener: Opener,
    /// Bytes that a decoded chunk may have where a file lies in another WIM.
    pub memory: u64,
    /// Further parts of a split set. Empty: they are looked for beside the file.
    pub parts: Vec<PathBuf>,
    /// Archives in which blobs that the file lacks are looked up, in this order.
    pub references: Vec<PathBuf>,
    /// Leave out what contradicts itself in blob tables, and list it in [`Contents::faults`]. Otherwise it is an error.
    pub lenient: bool,
}

impl Default for OpenOptions {
    fn default() -> Self {
        Self {
            no_mmap: false,
            opener: open_plain,
            memory: default_memory(),
            parts: Vec::new(),
            references: Vec::new(),
            lenient: false,
        }
    }
}

/// Opens a file.
///
/// # Errors
/// What the system says.
pub fn open_plain(path: &Path, options: &OpenOptions) -> Result<Box<dyn ReadAt>, WimError> {
    read_at::open(path, options.no_mmap).map_err(|source| WimError::Io { path: path.to_owned(), source })
}

/// A 1-based image number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ImageIndex(std::num::NonZeroU32);

impl ImageIndex {
    /// The first image.
    pub const FIRST: Self = Self(std::num::NonZeroU32::MIN);

    /// The image numbered `index`; `None` for 0.
    pub fn new(index: u32) -> Option<Self> {
        std::num::NonZeroU32::new(index).map(Self)
    }

    /// The number, from 1.
    pub fn get(self) -> u32 {
        self.0.get()
    }

    /// The number, from 0.
    pub fn zero_based(self) -> usize {
        self.get() as usize - 1
    }
}

impl std::fmt::Display for ImageIndex {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

/// One of the files that a [`Wim`] reads from.
pub struct WimFile {
    /// Where it is.
    pub path: PathBuf,
    /// Its bytes.
    pub source: Box<dyn ReadAt>,
    /// Its header.
    pub header: Header,
}

impl std::fmt::Debug for WimFile {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("WimFile").field("path", &self.path).field("header", &self.header).finish_non_exhaustive()
    }
}

/// A blob that some file at hand holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KnownBlob {
    /// Its identity.
    pub sha1: Sha1,
    /// Uncompressed size in bytes.
    pub size: u64,
    /// Stream references that the blob table claims.
    pub reference_count: u32,
    /// Which of [`Wim::files`] holds it.
    pub file: usize,
    /// Where. `Solid::resource` is an index into [`Contents::solid_resources`].
    pub location: Location,
}

/// What the blob tables of all files say.
#[derive(Debug, Default)]
pub struct Contents {
    /// The k-th entry belongs to image k.
    pub metadata: Vec<MetadataEntry>,
    /// Blobs in the order of their tables: the file's own, its parts', the references'.
    pub blobs: Vec<KnownBlob>,
    /// Solid resources, with the file that holds each. A broken one says how.
    pub solid_resources: Vec<(usize, ResourceHeader, Result<Arc<ChunkMap>, ResourceError>)>,
    /// Blobs of the file and its parts come first in `blobs`: so many.
    pub own_blobs: usize,
    /// Tolerated oddities of the tables.
    pub warnings: Vec<String>,
    /// Contradictions in the tables; what they concern is left out. None unless the file was opened leniently.
    pub faults: Vec<TableFault>,
    by_sha1: HashMap<Sha1, u32>,
}

/// A contradiction in a blob table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TableFault {
    /// Which of [`Wim::files`] has the table.
    pub file: usize,
    /// What is wrong.
    pub error: BlobTableError,
}

impl Contents {
    /// The blob with this content.
    pub fn find(&self, sha1: &Sha1) -> Option<&KnownBlob> {
        self.by_sha1.get(sha1).map(|index| &self.blobs[*index as usize])
    }
}

/// An open WIM.
///
/// Opening reads the header and the XML document; the blob table and the metadata of an image are read when asked for.
pub struct Wim {
    files: Vec<WimFile>,
    /// The file itself and its parts come first in `files`: so many.
    own_files: usize,
    decoders: DecoderPool,
    xml: WimXml,
    /// Whether `xml` is not what is stored.
    xml_damaged: bool,
    /// As [`OpenOptions::lenient`].
    lenient: bool,
    contents: OnceLock<Contents>,
    warnings: Vec<String>,
}

impl std::fmt::Debug for Wim {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Wim").field("files", &self.files).finish_non_exhaustive()
    }
}

impl Wim {
    /// Opens the WIM at `path`, with its other parts and references.
    ///
    /// # Errors
    /// A file cannot be opened or is no WIM; parts do not belong together; part 1 is missing.
    pub fn open(path: &Path, options: &OpenOptions) -> Result<Self, WimError> {
        let first = open_file(path, options)?;
        let mut warnings = Vec::new();
        let mut files = vec![first];
        if files[0].header.total_parts > 1 {
            files = collect_parts(files.remove(0), options, &mut warnings)?;
        } else if let Some(part) = options.parts.first() {
            return Err(WimError::ForeignPart {
                path: part.clone(),
                first: path.to_owned(),
                why: format!("{} stands alone", path.display()),
            });
        }
        let own_files = files.len();
        for reference in &options.references {
            files.push(open_file(reference, options)?);
        }
        Self::from_files(files, own_files, options.lenient, warnings)
    }

    /// Opens a WIM in memory, or behind any other source; `name` stands for its path in messages.
    ///
    /// # Errors
    /// As [`Wim::open`].
    pub fn from_source(source: Box<dyn ReadAt>, name: &str) -> Result<Self, WimError> {
        let file = read_header(source, PathBuf::from(name))?;
        Self::from_files(vec![file], 1, false, Vec::new())
    }

    fn from_files(
        files: Vec<WimFile>,
        own_files: usize,
        lenient: bool,
        mut warnings: Vec<String>,
    ) -> Result<Self, WimError> {
        for file in &files {
            if file.header.has(flag::WRITE_IN_PROGRESS) {
                warnings.push(format!(
                    "{}: a program was writing this file and did not finish; it shows what was there before",
                    file.path.display()
                ));
            }
        }
        let header = &files[0].header;
        if header.boot_index > header.image_count {
            warnings.push(format!(
                "{}: offset 0x78: the boot index is {}, but there are {} images; no image is bootable",
                files[0].path.display(),
                header.boot_index,
                header.image_count
            ));
        }
        let mut wim = Self {
            files,
            own_files,
            decoders: DecoderPool::new(),
            xml: WimXml::new(),
            xml_damaged: false,
            lenient,
            contents: OnceLock::new(),
            warnings,
        };
        wim.load_xml()?;
        Ok(wim)
    }

    /// Parses the XML document; a damaged one gives way to what the metadata tells.
    fn load_xml(&mut self) -> Result<(), WimError> {
        let parsed = match self.xml_bytes() {
            Ok(bytes) => WimXml::parse(&bytes, self.image_count()).map_err(|error| error.to_string()),
            Err(error @ WimError::Io { .. }) => return Err(error),
            Err(error) => Err(error.to_string()),
        };
        match parsed {
            Ok(xml) if xml.is_encrypted() => return Err(WimError::Encrypted { path: self.path().to_owned() }),
            Ok(xml) => self.xml = xml,
            Err(error) => {
                let mut xml = WimXml::fallback(self.image_count());
                // A table that names one tree for thousands of images must not make opening take minutes.
                let mut unclaimed = self.files[0].source.size();
                for image in self.images() {
                    // Where the metadata is damaged too, the image keeps nothing but its number.
                    let statistics = self.image_statistics(image, &mut unclaimed);
                    if let Some((statistics, image)) = statistics.zip(xml.image_mut(image.get())) {
                        image.set_statistics(&statistics);
                    }
                }
                self.xml = xml;
                self.xml_damaged = true;
                self.warnings.push(format!(
                    "{}: {error}; names and properties of the images are lost, their contents are not",
                    self.path().display()
                ));
            }
        }
        Ok(())
    }

    /// What the tree of an image tells; `None` where it cannot be read, or its resource takes more than is `unclaimed` of
    /// the file.
    fn image_statistics(&self, image: ImageIndex, unclaimed: &mut u64) -> Option<Statistics> {
        let contents = self.contents().ok()?;
        *unclaimed = unclaimed.checked_sub(self.metadata_entry(image).ok()?.resource.size_in_wim)?;
        let metadata = self.metadata(image).ok()?;
        Some(metadata.statistics(|sha1| contents.find(sha1).map_or(0, |blob| blob.size)))
    }

    /// Whether the stored XML document cannot be understood, so that names and properties of the images are unknown.
    pub fn is_xml_damaged(&self) -> bool {
        self.xml_damaged
    }

    /// The XML document. If the stored one is damaged, what the metadata tells, and a warning.
    pub fn xml(&self) -> &WimXml {
        &self.xml
    }

    /// The path it was opened by (of a split set: part 1's).
    pub fn path(&self) -> &Path {
        &self.files[0].path
    }

    /// The header (of a split set: part 1's).
    pub fn header(&self) -> &Header {
        &self.files[0].header
    }

    /// All files that are read from: the file itself (part 1 first), then references.
    pub fn files(&self) -> &[WimFile] {
        &self.files
    }

    /// The file itself, or the parts of the set.
    pub fn own_files(&self) -> &[WimFile] {
        &self.files[..self.own_files]
    }

    /// The sources of [`Wim::files`], as the engine wants them.
    pub fn sources(&self) -> Vec<&dyn ReadAt> {
        self.files.iter().map(|file| &*file.source).collect()
    }

    /// Reusable decoder contexts.
    pub fn decoders(&self) -> &DecoderPool {
        &self.decoders
    }

    /// Numbers of the parts of the set that were not found.
    pub fn missing_parts(&self) -> Vec<u16> {
        let present: Vec<u16> = self.own_files().iter().map(|file| file.header.part_number).collect();
        (1..=self.header().total_parts).filter(|part| !present.contains(part)).collect()
    }

    /// All images.
    pub fn images(&self) -> impl Iterator<Item = ImageIndex> {
        (1..=self.image_count()).filter_map(ImageIndex::new)
    }

    /// How many images there are.
    pub fn image_count(&self) -> u32 {
        self.header().image_count
    }

    /// The bootable image.
    pub fn boot_index(&self) -> Option<ImageIndex> {
        ImageIndex::new(self.header().boot_index).filter(|image| image.get() <= self.image_count())
    }

    /// What was tolerated so far.
    pub fn warnings(&self) -> impl Iterator<Item = &str> {
        let contents = self.contents.get().into_iter().flat_map(|contents| &contents.warnings);
        self.warnings.iter().chain(contents).map(String::as_str)
    }

    /// The XML document as stored: UTF-16LE, usually with a byte order mark.
    ///
    /// # Errors
    /// It cannot be read, or is larger than 64 MiB.
    pub fn xml_bytes(&self) -> Result<Vec<u8>, WimError> {
        let file = &self.files[0];
        self.read_resource(file, &file.header.xml, MAX_XML_SIZE).map_err(resource_error(file, "XML document"))
    }

    /// What the blob tables say; read at the first call.
    ///
    /// # Errors
    /// A table cannot be read or contradicts itself.
    pub fn contents(&self) -> Result<&Contents, WimError> {
        if let Some(contents) = self.contents.get() {
            return Ok(contents);
        }
        let contents = self.read_contents()?;
        Ok(self.contents.get_or_init(|| contents))
    }

    fn read_contents(&self) -> Result<Contents, WimError> {
        let mut contents = Contents::default();
        for (index, file) in self.files.iter().enumerate() {
            let header = &file.header;
            let bytes = self
                .read_resource(file, &header.blob_table, MAX_BLOB_TABLE_SIZE.min(file.source.size()))
                .map_err(resource_error(file, "blob table"))?;
            let mut maps = Vec::new();
            // Each has a list of its chunks. A table that names one range again and again must not multiply it.
            let mut unclaimed = file.source.size();
            let solid_size = |resource: &ResourceHeader| {
                let map = match unclaimed.checked_sub(resource.size_in_wim) {
                    Some(left) => {
                        unclaimed = left;
                        ChunkMap::solid(&*file.source, resource).map(Arc::new)
                    }
                    None => Err(ResourceError::OutsideFile {
                        offset: resource.offset_in_wim,
                        size: resource.size_in_wim,
                        file_size: unclaimed,
                    }),
                };
                // Where the resource's own header is broken, its blobs are still listed; reading them tells why.
                let size = map.as_ref().map_or(u64::MAX >> 8, |map| map.uncompressed_size());
                maps.push(map);
                size
            };
            let (table, oddities) =
                BlobTable::parse(&bytes, header.version, header.part_number, header.image_count, solid_size);
            drop(bytes);
            if let (Some(error), false) = (table.faults.first(), self.lenient) {
                let offset = header.blob_table.offset_in_wim;
                return Err(WimError::BlobTable { path: file.path.clone(), offset, error: *error });
            }
            contents.faults.extend(table.faults.iter().map(|error| TableFault { file: index, error: *error }));
            describe(&oddities, file, &mut contents.warnings);
            let first_solid = contents.solid_resources.len();
            contents
                .solid_resources
                .extend(table.solid_resources.iter().zip(maps).map(|(resource, map)| (index, *resource, map)));
            contents.blobs.reserve(table.blobs.len());
            contents.by_sha1.reserve(table.blobs.len());
            for blob in table.blobs {
                let location = match blob.location {
                    Location::Solid { resource, offset_in_resource } => {
                        Location::Solid { resource: first_solid + resource, offset_in_resource }
                    }
                    plain @ Location::Plain(_) => plain,
                };
                let number = contents.blobs.len() as u32;
                let std::collections::hash_map::Entry::Vacant(vacant) = contents.by_sha1.entry(blob.sha1) else {
                    continue; // the first one counts
                };
                vacant.insert(number);
                contents.blobs.push(KnownBlob {
                    sha1: blob.sha1,
                    size: blob.size,
                    reference_count: blob.reference_count,
                    file: index,
                    location,
                });
            }
            if index == 0 {
                if table.metadata.len() < header.image_count as usize {
                    contents.warnings.push(format!(
                        "{}: the header declares {} images, the blob table lists metadata for {}",
                        file.path.display(),
                        header.image_count,
                        table.metadata.len()
                    ));
                }
                contents.metadata = table.metadata;
            }
            if index < self.own_files {
                contents.own_blobs = contents.blobs.len();
            }
        }
        Ok(contents)
    }

    /// The metadata resource of an image, decoded and checked against its hash.
    ///
    /// # Errors
    /// There is no such image, or its metadata cannot be read or hashes to something else.
    pub fn metadata_bytes(&self, image: ImageIndex) -> Result<Vec<u8>, WimError> {
        let file = &self.files[0];
        let entry = self.metadata_entry(image)?;
        let limit = MAX_METADATA_SIZE.min(entry.resource.size_in_wim.saturating_mul(MAX_METADATA_RATIO));
        let what = format!("metadata of image {image}");
        let bytes = self.read_resource(file, &entry.resource, limit).map_err(resource_error(file, &what))?;
        let found = Sha1::of(&bytes);
        if found != entry.sha1 {
            return Err(WimError::MetadataHash {
                path: file.path.clone(),
                image: image.get(),
                offset: entry.resource.offset_in_wim,
                expected: entry.sha1,
                found,
            });
        }
        Ok(bytes)
    }

    /// The tree of an image.
    ///
    /// # Errors
    /// As [`Wim::metadata_bytes`]; the metadata contradicts itself.
    pub fn metadata(&self, image: ImageIndex) -> Result<Metadata, WimError> {
        let bytes = self.metadata_bytes(image)?;
        Metadata::parse(bytes, &ParseOptions::default()).map_err(|error| WimError::Metadata {
            path: self.path().to_owned(),
            image: image.get(),
            error,
        })
    }

    /// The integrity table of one of the files; `None` if it has none.
    ///
    /// # Errors
    /// It cannot be read, or contradicts itself.
    pub fn integrity_table(&self, file: &WimFile) -> Result<Option<IntegrityTable>, IntegrityTableError> {
        let resource = file.header.integrity;
        if resource.is_absent() {
            return Ok(None);
        }
        let bytes = self.read_resource(file, &resource, MAX_INTEGRITY_TABLE_SIZE)?;
        Ok(Some(IntegrityTable::decode(&bytes)?))
    }

    /// Where the metadata of an image is stored.
    ///
    /// # Errors
    /// There is no such image, or the blob table does not list its metadata.
    pub fn metadata_entry(&self, image: ImageIndex) -> Result<&MetadataEntry, WimError> {
        if image.get() > self.image_count() {
            return Err(WimError::NoSuchImage {
                path: self.path().to_owned(),
                wanted: image.to_string(),
                count: self.image_count(),
            });
        }
        let entry = self.contents()?.metadata.get(image.zero_based());
        entry.ok_or_else(|| WimError::NoMetadata { path: self.path().to_owned(), image: image.get() })
    }

    /// What the engine needs to read `blob`. What is wrong with its resource comes out when it is read.
    ///
    /// # Errors
    /// The blob tables cannot be read.
    pub fn request(&self, blob: &KnownBlob) -> Result<Request, WimError> {
        let file = &self.files[blob.file];
        let source = match blob.location {
            Location::Plain(resource) => match ChunkMap::new(&resource, &file.header, file.source.size()) {
                Ok(map) => BlobSource::Resource(map),
                Err(error) => BlobSource::Broken(error),
            },
            Location::Solid { resource, offset_in_resource } => match &self.contents()?.solid_resources[resource].2 {
                Ok(map) => BlobSource::Solid { resource: Arc::clone(map), offset: offset_in_resource },
                Err(error) => BlobSource::Broken(*error),
            },
        };
        Ok(Request { sha1: blob.sha1, size: blob.size, file: blob.file, source })
    }

    /// Whether `requests` can be read with so much memory.
    ///
    /// # Errors
    /// [`WimError::Memory`], if they cannot.
    pub fn check_memory(&self, requests: &[Request], limit: u64) -> Result<(), WimError> {
        let needed = memory_needed(requests);
        if needed > limit {
            return Err(WimError::Memory { path: self.path().to_owned(), needed, limit });
        }
        Ok(())
    }

    fn read_resource(&self, file: &WimFile, resource: &ResourceHeader, limit: u64) -> Result<Vec<u8>, ResourceError> {
        let map = ChunkMap::new(resource, &file.header, file.source.size())?;
        read_all(&*file.source, &map, limit, &self.decoders)
    }
}

/// A position that sorts blobs in the order in which they are best read.
pub fn reading_order(blob: &KnownBlob, contents: &Contents) -> (usize, u64, u64) {
    match blob.location {
        Location::Plain(resource) => (blob.file, resource.offset_in_wim, 0),
        Location::Solid { resource, offset_in_resource } => {
            (blob.file, contents.solid_resources[resource].1.offset_in_wim, offset_in_resource)
        }
    }
}

fn resource_error(file: &WimFile, what: &str) -> impl FnOnce(ResourceError) -> WimError {
    let (path, what) = (file.path.clone(), what.to_owned());
    move |error| WimError::Resource { path, what, error }
}

fn describe(oddities: &Oddities, file: &WimFile, warnings: &mut Vec<String>) {
    let mut warn = |count: usize, what: &str| {
        if count > 0 {
            warnings.push(format!("{}: the blob table: {count} {what}", file.path.display()));
        }
    };
    warn(oddities.trailing_bytes, "bytes behind the last whole entry are ignored");
    warn(oddities.without_hash, "entries without a hash are ignored");
    warn(oddities.extra_metadata, "metadata entries beyond the header's image count are ignored");
}

fn open_file(path: &Path, options: &OpenOptions) -> Result<WimFile, WimError> {
    read_header((options.opener)(path, options)?, path.to_owned())
}

fn read_header(source: Box<dyn ReadAt>, path: PathBuf) -> Result<WimFile, WimError> {
    let size = source.size();
    let wrong = |error| WimError::Header { path: path.clone(), error };
    let decode_at = |offset: u64| {
        let mut bytes = [0; HEADER_SIZE];
        source.read_exact_at(&mut bytes, offset).map_err(|source| WimError::Io { path: path.clone(), source })?;
        Header::decode(&bytes).map_err(wrong)
    };
    if size < HEADER_SIZE as u64 {
        return Err(wrong(HeaderError::TooShort { size }));
    }
    let mut header = decode_at(0)?;
    if header.pipable {
        // The front header of a pipable WIM knows no offsets; the one at the end does.
        let at = size - HEADER_SIZE as u64;
        header =
            decode_at(at).ok().filter(|header| header.pipable).ok_or(wrong(HeaderError::NoTrailingHeader { at }))?;
    }
    header.check_ranges(size).map_err(wrong)?;
    Ok(WimFile { path, source, header })
}

/// All parts of the set that `first` belongs to, part 1 first.
fn collect_parts(first: WimFile, options: &OpenOptions, warnings: &mut Vec<String>) -> Result<Vec<WimFile>, WimError> {
    let named = !options.parts.is_empty();
    let candidates = if named { options.parts.clone() } else { sibling_parts(&first.path) };
    let mut parts = vec![first];
    for path in candidates {
        let part = match open_file(&path, options) {
            Ok(part) => part,
            Err(_) if !named => continue, // a neighbour that only looks like a part
            Err(error) => return Err(error),
        };
        let foreign = |why: String| WimError::ForeignPart { path: path.clone(), first: parts[0].path.clone(), why };
        let ours = &parts[0].header;
        if part.header.guid != ours.guid || part.header.total_parts != ours.total_parts {
            if named {
                return Err(foreign("its GUID or number of parts differs".into()));
            }
            continue;
        }
        if let Some(other) = parts.iter().find(|other| other.header.part_number == part.header.part_number) {
            // Naming the file itself among its parts is no mistake.
            if named && !same_file(&other.path, &part.path) {
                let number = part.header.part_number;
                return Err(foreign(format!("part {number} is already there: {}", other.path.display())));
            }
            continue;
        }
        parts.push(part);
    }
    parts.sort_by_key(|part| part.header.part_number);
    let Header { part_number, total_parts, .. } = parts[0].header;
    if part_number != 1 {
        return Err(WimError::NoFirstPart { path: parts[0].path.clone(), part: part_number, total: total_parts });
    }
    if parts.len() < total_parts as usize {
        let found: Vec<String> = parts.iter().map(|part| part.header.part_number.to_string()).collect();
        warnings.push(format!(
            "{}: of {total_parts} parts only {} were found; files stored in the others cannot be read",
            parts[0].path.display(),
            found.join(", ")
        ));
    }
    Ok(parts)
}

fn same_file(a: &Path, b: &Path) -> bool {
    a == b || matches!((a.canonicalize(), b.canonicalize()), (Ok(a), Ok(b)) if a == b)
}

/// Files beside `path` that are named as parts of its set: `base.swm`, `base2.swm`, `base3.swm` …
fn sibling_parts(path: &Path) -> Vec<PathBuf> {
    let (Some(stem), Some(directory)) = (path.file_stem().and_then(|stem| stem.to_str()), path.parent()) else {
        return Vec::new();
    };
    let directory = if directory.as_os_str().is_empty() { Path::new(".") } else { directory };
    let base = stem.trim_end_matches(|c: char| c.is_ascii_digit());
    let same_extension = |other: &Path| match (path.extension(), other.extension()) {
        (Some(ours), Some(theirs)) => ours.eq_ignore_ascii_case(theirs),
        (ours, theirs) => ours == theirs,
    };
    let belongs = |other: &Path| {
        let rest = other.file_stem().and_then(|other| other.to_str()).and_then(|other| {
            let head = other.get(..base.len())?;
            head.eq_ignore_ascii_case(base).then(|| &other[base.len()..])
        });
        rest.is_some_and(|rest| rest.bytes().all(|b| b.is_ascii_digit())) && same_extension(other)
    };
    let Ok(entries) = std::fs::read_dir(directory) else { return Vec::new() };
    let mut parts: Vec<PathBuf> = entries.filter_map(|entry| Some(entry.ok()?.path())).collect();
    parts.retain(|other| belongs(other) && other.file_name() != path.file_name());
    parts.sort();
    parts
}
