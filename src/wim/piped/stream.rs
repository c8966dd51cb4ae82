//! The bytes of a pipable WIM, one resource after the other.
//!
//! Before each resource stands a header of 40 bytes:
//!
//! | offset | size | field |
//! |---|---|---|
//! | 0 | 8 | magic, `0x2B9B9BA2443DB9D8` |
//! | 8 | 8 | uncompressed size in bytes |
//! | 16 | 20 | SHA-1 of the content |
//! | 36 | 4 | flags, as those of a resource header |
//!
//! Of a compressed resource, each chunk follows its stored size (`u32`); the chunk table comes last, and tells nothing new.

use std::io::{self, Read};

use super::error::PipedError;
use crate::util::le;
use crate::util::sha1::Sha1;
use crate::wim::header::{HEADER_SIZE, Header, resource_flag};
use crate::wim::resource::{Coding, ResourceError};

const MAGIC: u64 = 0x2B9B_9BA2_443D_B9D8;
const RESOURCE_HEADER_NBYTES: usize = 40;
/// Pieces in which what is not compressed is read, in bytes.
const RAW_PIECE: u64 = 1 << 20;

/// What comes next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct PipedResource {
    pub(super) sha1: Sha1,
    pub(super) size: u64,
    pub(super) flags: u32,
    /// Where its bytes begin.
    pub(super) offset: u64,
    left: u64,
}

impl PipedResource {
    pub(super) fn is_metadata(&self) -> bool {
        self.flags & u32::from(resource_flag::METADATA) != 0
    }

    /// Uncompressed bytes that have not come yet.
    pub(super) fn left(&self) -> u64 {
        self.left
    }

    fn is_compressed(&self) -> bool {
        self.flags & u32::from(resource_flag::COMPRESSED) != 0
    }
}

/// A chunk as it is stored.
#[derive(Debug)]
pub(super) struct StoredPiece {
    pub(super) bytes: Vec<u8>,
    /// Where its first byte lies.
    pub(super) offset: u64,
    pub(super) uncompressed_size: u64,
    /// How it is compressed; `None`: not at all.
    pub(super) coding: Option<Coding>,
}

/// Reads resources in the order in which they come.
pub(super) struct ResourceStream<R> {
    pub(super) name: String,
    pub(super) header: Header,
    reader: R,
    coding: Option<Coding>,
    offset: u64,
}

impl<R: Read> ResourceStream<R> {
    pub(super) fn open(reader: R, name: &str) -> Result<Self, PipedError> {
        let header = Header::new(None, 0);
        let mut stream = Self { name: name.to_owned(), header, reader, coding: None, offset: 0 };
        let mut bytes = [0; HEADER_SIZE];
        stream.fill(&mut bytes)?;
        let wrong = |error| PipedError::Header { name: name.to_owned(), error };
        let header = Header::decode(&bytes).map_err(wrong)?;
        if !header.pipable {
            return Err(PipedError::NotPipable { name: name.to_owned() });
        }
        if header.total_parts != 1 {
            let (part, total) = (header.part_number, header.total_parts);
            return Err(PipedError::Split { name: name.to_owned(), part, total });
        }
        if let Some(format) = header.format().map_err(wrong)? {
            format.check_chunk_size(header.chunk_size).map_err(|error| stream.broken("header", error.into()))?;
            stream.coding = Some((format, header.chunk_size));
        }
        stream.header = header;
        Ok(stream)
    }

    pub(super) fn broken(&self, what: &'static str, error: ResourceError) -> PipedError {
        PipedError::Resource { name: self.name.clone(), what, error }
    }

    fn fill(&mut self, buf: &mut [u8]) -> Result<(), PipedError> {
        let (name, offset) = (&self.name, self.offset);
        self.reader.read_exact(buf).map_err(|source| PipedError::Io { name: name.clone(), offset, source })?;
        self.offset += buf.len() as u64;
        Ok(())
    }

    /// The header of the next resource, whose bytes must then be read or skipped.
    pub(super) fn next_resource(&mut self) -> Result<PipedResource, PipedError> {
        let offset = self.offset;
        let mut bytes = [0; RESOURCE_HEADER_NBYTES];
        self.fill(&mut bytes)?;
        let found = le::u64(&bytes, 0).expect("there are 40 bytes");
        if found != MAGIC {
            return Err(PipedError::Magic { name: self.name.clone(), offset, expected: MAGIC, found });
        }
        let size = le::u64(&bytes, 8).expect("there are 40 bytes");
        let sha1 = Sha1(le::array(&bytes, 16).expect("there are 40 bytes"));
        let flags = le::u32(&bytes, 36).expect("there are 40 bytes");
        Ok(PipedResource { sha1, size, flags, offset: self.offset, left: size })
    }

    /// The next chunk of a resource; `None` at its end.
    pub(super) fn next_piece(&mut self, resource: &mut PipedResource) -> Result<Option<StoredPiece>, PipedError> {
        if resource.left == 0 {
            return Ok(None);
        }
        let (mut stored, mut coding) = (resource.left.min(RAW_PIECE), None);
        let mut uncompressed_size = stored;
        if resource.is_compressed() {
            let no_format = || self.broken("header", ResourceError::NoFormat { offset: resource.offset });
            let (format, chunk_size) = self.coding.ok_or_else(no_format)?;
            uncompressed_size = resource.left.min(chunk_size.into());
            let (offset, chunk) = (self.offset, (resource.size - resource.left) / u64::from(chunk_size));
            let mut bytes = [0; 4];
            self.fill(&mut bytes)?;
            stored = u32::from_le_bytes(bytes).into();
            if stored == 0 || stored > uncompressed_size {
                let bounds = ResourceError::ChunkBounds {
                    offset,
                    chunk,
                    stored: stored.into(),
                    uncompressed: uncompressed_size,
                };
                return Err(self.broken("chunk", bounds));
            }
            coding = Some((format, chunk_size)).filter(|_| stored < uncompressed_size);
        }
        let offset = self.offset;
        // No larger than a chunk, which the format bounds.
        let mut bytes = vec![0; stored as usize];
        self.fill(&mut bytes)?;
        resource.left -= uncompressed_size;
        if resource.left == 0 && resource.is_compressed() {
            self.skip_table(resource)?;
        }
        Ok(Some(StoredPiece { bytes, offset, uncompressed_size, coding }))
    }

    fn skip_table(&mut self, resource: &PipedResource) -> Result<(), PipedError> {
        let chunk_size = u64::from(self.header.chunk_size);
        let entry_nbytes = if resource.size > u64::from(u32::MAX) { 8 } else { 4 };
        self.skip_bytes((resource.size.div_ceil(chunk_size) - 1) * entry_nbytes)
    }

    fn skip_bytes(&mut self, nbytes: u64) -> Result<(), PipedError> {
        let (name, offset) = (&self.name, self.offset);
        let failed = |source| PipedError::Io { name: name.clone(), offset, source };
        let skipped = io::copy(&mut (&mut self.reader).take(nbytes), &mut io::sink()).map_err(failed)?;
        if skipped < nbytes {
            return Err(failed(io::ErrorKind::UnexpectedEof.into()));
        }
        self.offset += nbytes;
        Ok(())
    }

    /// Passes over what is left of a resource.
    pub(super) fn skip(&mut self, mut resource: PipedResource) -> Result<(), PipedError> {
        if !resource.is_compressed() {
            return self.skip_bytes(resource.left);
        }
        while self.next_piece(&mut resource)?.is_some() {}
        Ok(())
    }

    /// Passes over all the rest, so that whoever writes it is not cut off.
    pub(super) fn drain(&mut self) -> Result<(), PipedError> {
        let (name, offset) = (&self.name, self.offset);
        let drained = io::copy(&mut self.reader, &mut io::sink());
        drained.map(drop).map_err(|source| PipedError::Io { name: name.clone(), offset, source })
    }
}
