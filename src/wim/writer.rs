//! Writing a WIM: resources first, then the blob table, the XML document, the integrity table and, last, the header.

use super::blob_table::{ENTRY_SIZE, Entry, Location};
use super::encoder::{Encoding, PlainEncoder, SolidEncoder, StoredBlob};
use super::engine::Segment;
use super::export::ExportError;
use super::header::{HEADER_SIZE, Header, ResourceHeader, Version, flag, resource_flag};
use super::integrity::{DEFAULT_PIECE_SIZE, IntegrityTable};
use super::output::Output;
use super::reader::{ImageIndex, KnownBlob, Wim};
use super::xml::{WimXml, XmlError};
use crate::util::progress::Control;
use crate::util::read_at::ReadAt;
use crate::util::sha1::Sha1;
use std::io;
use std::ops::Range;
use std::path::Path;

/// Piece sizes of an existing integrity table that are kept; others give way to the default.
const KEPT_PIECE_SIZES: std::ops::RangeInclusive<u32> = 4096..=128 << 20;

/// Collects resources and writes the tables that describe them.
pub(super) struct WimWriter {
    output: Output,
    header: Header,
    plain: PlainEncoder,
    /// Blobs in resources of their own.
    blobs: Vec<StoredBlob>,
    solid: Vec<SolidResource>,
    metadata: Vec<(ResourceHeader, Sha1)>,
}

struct SolidResource {
    resource: ResourceHeader,
    uncompressed_size: u64,
    /// Offsets count from the beginning of the uncompressed resource.
    blobs: Vec<StoredBlob>,
}

/// What a new file is to be.
#[derive(Clone, Debug)]
pub(super) struct NewFile {
    /// How plain resources, and the file by its header, are compressed.
    pub encoding: Option<Encoding>,
    /// Further header flags.
    pub flags: u32,
    /// The header of the file that it replaces, whose identity it keeps; `None`: that is derived from the content.
    pub replaces: Option<Header>,
}

impl WimWriter {
    /// Begins a new file that will replace `path`.
    pub(super) fn create(path: &Path, new: &NewFile) -> io::Result<Self> {
        let format = new.encoding.map(|encoding| encoding.format);
        let mut header = Header::new(format, new.encoding.map_or(0, |encoding| encoding.chunk_size));
        header.flags |= new.flags;
        let output = match &new.replaces {
            None => Output::create(path)?,
            Some(replaced) => {
                header.guid = replaced.guid;
                Output::replace(path, replaced)?
            }
        };
        Self::with_header(output, header, new.encoding)
    }

    /// Begins a part of a split set, into which resources are only copied.
    pub(super) fn part(output: Output, header: Header) -> io::Result<Self> {
        Self::with_header(output, header, None)
    }

    fn with_header(mut output: Output, header: Header, encoding: Option<Encoding>) -> io::Result<Self> {
        // A file that is never completed must not look like one that is.
        let unfinished = Header {
            flags: header.flags | flag::WRITE_IN_PROGRESS,
            blob_table: ResourceHeader::default(),
            xml: ResourceHeader::default(),
            ..header.clone()
        };
        output.write(&unfinished.encode())?;
        Ok(Self {
            output,
            header,
            plain: PlainEncoder::new(encoding),
            blobs: Vec::new(),
            solid: Vec::new(),
            metadata: Vec::new(),
        })
    }

    /// Goes on behind the end of `wim`, keeping all it has.
    ///
    /// The caller has made sure that the file may be appended to and that its tables can be read.
    pub(super) fn append(wim: &Wim, encoding: Option<Encoding>, end: u64) -> Result<Self, AppendError> {
        let contents = wim.contents().map_err(AppendError::Wim)?;
        let mut solid = Vec::with_capacity(contents.solid_resources.len());
        for (_, resource, map) in &contents.solid_resources {
            let map = map.as_ref().map_err(|error| AppendError::Resource(*error))?;
            solid.push(SolidResource {
                resource: *resource,
                uncompressed_size: map.uncompressed_size(),
                blobs: Vec::new(),
            });
        }
        let mut blobs = Vec::new();
        for &KnownBlob { sha1, size, reference_count, location, .. } in &contents.blobs[..contents.own_blobs] {
            match location {
                Location::Plain(resource) => blobs.push(StoredBlob { sha1, size, resource, reference_count }),
                Location::Solid { resource, offset_in_resource } => {
                    let blob = solid_blob(sha1, size, offset_in_resource);
                    solid[resource].blobs.push(StoredBlob { reference_count, ..blob });
                }
            }
        }
        Ok(Self {
            output: Output::append(wim.path(), wim.header(), end).map_err(AppendError::Io)?,
            header: wim.header().clone(),
            plain: PlainEncoder::new(encoding),
            blobs,
            solid,
            metadata: contents.metadata.iter().map(|entry| (entry.resource, entry.sha1)).collect(),
        })
    }

    pub(super) fn header(&self) -> &Header {
        &self.header
    }

    pub(super) fn position(&self) -> u64 {
        self.output.position()
    }

    /// Copies a range of another file as it is and returns where it begins now; `None` = interrupted.
    pub(super) fn copy_range(
        &mut self,
        source: &dyn ReadAt,
        range: Range<u64>,
        control: Control<'_>,
    ) -> io::Result<Option<u64>> {
        let start = self.output.position();
        Ok(self.output.copy_from(source, range, control)?.then_some(start))
    }

    /// Records a blob whose bytes were copied.
    pub(super) fn add_blob(&mut self, blob: StoredBlob) {
        self.blobs.push(blob);
    }

    /// Records a solid resource whose bytes were copied, with its blobs and their offsets in it.
    pub(super) fn add_solid(
        &mut self,
        resource: ResourceHeader,
        uncompressed_size: u64,
        blobs: impl Iterator<Item = (Sha1, u64, u64)>,
    ) {
        let blobs = blobs.map(|(sha1, size, offset)| solid_blob(sha1, size, offset)).collect();
        self.solid.push(SolidResource { resource, uncompressed_size, blobs });
    }

    /// Whether [`WimWriter::push`] makes use of the segments' matches.
    pub(super) fn uses_matches(&self) -> bool {
        self.plain.uses_matches()
    }

    /// Compresses segments into resources of their own.
    pub(super) fn push(&mut self, segments: &[Segment<'_>], blob: impl Fn(usize) -> (Sha1, u64)) -> io::Result<()> {
        self.plain.push(segments, blob, &mut self.output, &mut self.blobs)
    }

    /// Begins a solid resource of `total` uncompressed bytes; segments then go through [`WimWriter::push_solid`].
    pub(super) fn begin_solid(&mut self, encoding: Encoding, total: u64, memory: u64) -> io::Result<OpenSolid> {
        let encoder = SolidEncoder::begin(encoding, total, memory, &mut self.output)?;
        Ok(OpenSolid { encoder, total, blobs: Vec::new() })
    }

    /// Compresses segments into the open solid resource.
    pub(super) fn push_solid(
        &mut self,
        open: &mut OpenSolid,
        segments: &[Segment<'_>],
        blob: impl Fn(usize) -> (Sha1, u64),
    ) -> io::Result<()> {
        open.encoder.push(segments, blob, &mut self.output, &mut open.blobs)
    }

    /// Completes a solid resource.
    pub(super) fn finish_solid(&mut self, open: OpenSolid) -> io::Result<()> {
        let resource = open.encoder.finish(&mut self.output)?;
        self.solid.push(SolidResource { resource, uncompressed_size: open.total, blobs: open.blobs });
        Ok(())
    }

    /// Writes the metadata of the next image.
    pub(super) fn write_metadata(&mut self, bytes: &[u8]) -> io::Result<()> {
        let mut resource = self.plain.write_all(bytes, &mut self.output)?;
        resource.flags |= resource_flag::METADATA;
        self.metadata.push((resource, Sha1::of(bytes)));
        Ok(())
    }

    /// Writes the metadata of an image that has some already.
    pub(super) fn rewrite_metadata(&mut self, image: ImageIndex, bytes: &[u8]) -> io::Result<()> {
        self.write_metadata(bytes)?;
        self.metadata.swap_remove(image.zero_based());
        Ok(())
    }

    /// Records the metadata of the next image, whose bytes were copied.
    pub(super) fn add_metadata(&mut self, resource: ResourceHeader, sha1: Sha1) {
        self.metadata.push((resource, sha1));
    }

    /// Removes the metadata of an image: those behind it move up.
    pub(super) fn remove_metadata(&mut self, image: ImageIndex) {
        self.metadata.remove(image.zero_based());
    }

    /// States how many stream references there are to each blob: what `count` makes of the number so far.
    pub(super) fn count_references(&mut self, count: impl Fn(&Sha1, u32) -> u32) {
        let solid = self.solid.iter_mut().flat_map(|solid| &mut solid.blobs);
        for blob in self.blobs.iter_mut().chain(solid) {
            blob.reference_count = count(&blob.sha1, blob.reference_count);
        }
    }

    /// Drops those of the candidates from the blob table that have no references; returns how many bytes they had,
    /// uncompressed. Only what was counted in the trees may be a candidate: what a table says may be too little.
    pub(super) fn drop_unreferenced(&mut self, is_candidate: impl Fn(&Sha1) -> bool) -> u64 {
        let mut dropped = 0;
        let mut keep = |blob: &StoredBlob| {
            let keep = blob.reference_count > 0 || !is_candidate(&blob.sha1);
            dropped += if keep { 0 } else { blob.size };
            keep
        };
        self.blobs.retain(&mut keep);
        for solid in &mut self.solid {
            solid.blobs.retain(&mut keep);
        }
        self.solid.retain(|solid| !solid.blobs.is_empty());
        dropped
    }

    /// Takes blobs out of the blob table that were written without a hash: what they were to hold could not be had. Their
    /// bytes stay, as a hole.
    pub(super) fn drop_nameless(&mut self) {
        self.blobs.retain(|blob| !blob.sha1.is_zero());
        for solid in &mut self.solid {
            solid.blobs.retain(|blob| !blob.sha1.is_zero());
        }
        self.solid.retain(|solid| !solid.blobs.is_empty());
    }

    /// Makes an image bootable, or none.
    pub(super) fn set_boot(&mut self, image: Option<ImageIndex>) {
        self.header.boot_index = image.map_or(0, ImageIndex::get);
    }

    /// As [`WimWriter::finish`], for a part of a split set: the header declares all `images`, whichever part has their
    /// metadata.
    pub(super) fn finish_part(
        mut self,
        xml: &mut WimXml,
        images: u32,
        integrity: Option<u32>,
        control: Control<'_>,
    ) -> Result<Finished, FinishError> {
        self.header.image_count = images;
        self.finish_tables(xml, integrity, control)
    }

    /// Writes all tables. `integrity`: the piece size of the integrity table to write.
    pub(super) fn finish(
        mut self,
        xml: &mut WimXml,
        integrity: Option<u32>,
        control: Control<'_>,
    ) -> Result<Finished, FinishError> {
        self.header.image_count = self.metadata.len() as u32;
        self.finish_tables(xml, integrity, control)
    }

    fn finish_tables(
        mut self,
        xml: &mut WimXml,
        integrity: Option<u32>,
        control: Control<'_>,
    ) -> Result<Finished, FinishError> {
        let table = self.blob_table();
        self.header.blob_table = table_resource(self.output.position(), table.len());
        self.output.write(&table)?;
        let table_end = self.output.position();

        if self.header.total_parts == 1 {
            xml.set_total_bytes(table_end);
        }
        let document = xml.encode()?;
        self.header.xml = table_resource(table_end, document.len());
        self.output.write(&document)?;

        if self.header.version == Version::Ordinary && !self.solid.is_empty() {
            self.header.version = Version::Solid;
        }
        if self.header.guid == [0; 16] {
            self.header.guid = content_guid(&self.header, &table, &document);
        }
        self.header.boot_metadata = match ImageIndex::new(self.header.boot_index) {
            Some(image) => {
                self.metadata.get(image.zero_based()).map_or_else(Default::default, |(resource, _)| *resource)
            }
            None => ResourceHeader::default(),
        };
        self.header.flags &= !flag::WRITE_IN_PROGRESS;

        self.header.integrity = ResourceHeader::default();
        if let Some(piece_size) = integrity {
            self.output.flush()?;
            let Some(table) = IntegrityTable::compute(&self.output, table_end, piece_size, control)? else {
                return Ok(Finished::Interrupted);
            };
            let bytes = table.encode();
            self.header.integrity = ResourceHeader { flags: 0, ..table_resource(self.output.position(), bytes.len()) };
            self.output.write(&bytes)?;
        }
        if control.interrupted() {
            return Ok(Finished::Interrupted);
        }
        Ok(Finished::Ready(Box::new(Ready { output: self.output, header: self.header })))
    }

    /// The blob table: metadata in image order, plain blobs by offset, each solid resource with its blobs by offset.
    fn blob_table(&mut self) -> Vec<u8> {
        let part_number = self.header.part_number;
        let mut table = Vec::with_capacity((self.metadata.len() + self.blobs.len()) * ENTRY_SIZE);
        let mut put = |resource, reference_count, sha1| {
            table.extend(Entry { resource, part_number, reference_count, sha1 }.encode());
        };
        for (resource, sha1) in &self.metadata {
            put(*resource, 1, *sha1);
        }
        self.blobs.sort_by_key(|blob| blob.resource.offset_in_wim);
        for blob in &self.blobs {
            put(blob.resource, blob.reference_count, blob.sha1);
        }
        self.solid.sort_by_key(|solid| solid.resource.offset_in_wim);
        // All solid entries form one run, in which offsets count over all its resources.
        let mut base = 0;
        for solid in &mut self.solid {
            put(solid.resource, 1, Sha1::ZERO);
            solid.blobs.sort_by_key(|blob| blob.resource.offset_in_wim);
            for blob in &solid.blobs {
                let offset_in_wim = base + blob.resource.offset_in_wim;
                put(ResourceHeader { offset_in_wim, ..blob.resource }, blob.reference_count, blob.sha1);
            }
            base += solid.uncompressed_size;
        }
        table
    }
}

/// How writing ended.
#[derive(Debug)]
pub(super) enum Finished {
    /// Everything but the header is written.
    Ready(Box<Ready>),
    /// It was asked to stop; nothing has changed.
    Interrupted,
}

impl Finished {
    /// Makes the file of `path` appear; returns its size.
    pub(super) fn commit(self, path: &Path) -> Result<u64, ExportError> {
        match self {
            Self::Ready(ready) => {
                let size = ready.output.position();
                let committed = ready.output.commit(&ready.header);
                committed.map_err(|source| ExportError::Output { path: path.to_owned(), source })?;
                Ok(size)
            }
            Self::Interrupted => Err(ExportError::Interrupted),
        }
    }
}

/// A file that is complete but for its header, and has not appeared yet. Whoever reads the file that it will replace can close
/// that first: some systems replace no open file.
#[derive(Debug)]
pub(super) struct Ready {
    output: Output,
    header: Header,
}

/// Why the tables cannot be written.
#[derive(Debug, thiserror::Error)]
pub(super) enum FinishError {
    #[error(transparent)]
    Io(#[from] io::Error),
    #[error(transparent)]
    Xml(#[from] XmlError),
}

impl FinishError {
    /// The error of the file `path`.
    pub(super) fn at(self, path: &Path) -> ExportError {
        match self {
            Self::Io(source) => ExportError::Output { path: path.to_owned(), source },
            Self::Xml(error) => ExportError::Xml { path: path.to_owned(), error },
        }
    }
}

/// Why a file cannot be appended to.
#[derive(Debug)]
pub(super) enum AppendError {
    Wim(super::WimError),
    Resource(super::resource::ResourceError),
    Io(io::Error),
}

impl AppendError {
    /// The error of the file `path`.
    pub(super) fn at(self, path: &Path) -> ExportError {
        match self {
            Self::Wim(error) => error.into(),
            Self::Io(source) if source.kind() == io::ErrorKind::WouldBlock => {
                ExportError::Locked { path: path.to_owned() }
            }
            Self::Io(source) => ExportError::Output { path: path.to_owned(), source },
            Self::Resource(error) => {
                super::WimError::Resource { path: path.to_owned(), what: "solid resource".into(), error }.into()
            }
        }
    }
}

/// A solid resource being written.
pub(super) struct OpenSolid {
    encoder: SolidEncoder,
    total: u64,
    blobs: Vec<StoredBlob>,
}

/// The piece size to use for a file that had an integrity table, or is to have one.
pub(super) fn piece_size(existing: Option<&IntegrityTable>) -> u32 {
    existing.map(|table| table.piece_size).filter(|size| KEPT_PIECE_SIZES.contains(size)).unwrap_or(DEFAULT_PIECE_SIZE)
}

fn solid_blob(sha1: Sha1, size: u64, offset: u64) -> StoredBlob {
    let resource =
        ResourceHeader { size_in_wim: size, flags: resource_flag::SOLID, offset_in_wim: offset, uncompressed_size: 0 };
    StoredBlob { sha1, size, resource, reference_count: 0 }
}

/// The blob table and the XML document are stored uncompressed, with a flag that means nothing there.
fn table_resource(offset: u64, size: usize) -> ResourceHeader {
    ResourceHeader {
        size_in_wim: size as u64,
        flags: resource_flag::METADATA,
        offset_in_wim: offset,
        uncompressed_size: size as u64,
    }
}

/// An identity that depends on nothing but the content, so that the same input gives the same file: a name-based
/// UUID (version 5 layout) over the header's parameters, the blob table and the XML document.
fn content_guid(header: &Header, table: &[u8], document: &[u8]) -> [u8; 16] {
    let mut hasher = crate::util::sha1::Hasher::new();
    hasher.update(&header.encode()[..HEADER_SIZE]);
    hasher.update(table);
    hasher.update(document);
    let mut guid: [u8; 16] = hasher.finish().0[..16].try_into().expect("SHA-1 has 20 bytes");
    guid[7] = (guid[7] & 0x0F) | 0x50; // version, in the little-endian third field
    guid[8] = (guid[8] & 0x3F) | 0x80; // variant
    guid
}
