//! Compressing blobs into resources, on all cores.
//!
//! Data comes in segments, a batch at a time; each batch is cut at chunk boundaries, its chunks are compressed in parallel,
//! and the results are written in order. What is left over of an unfinished chunk waits for the next batch.

use super::engine::Segment;
use super::header::{ResourceHeader, resource_flag};
use super::output::Output;
use super::resource::DecoderPool;
use crate::codec::{Compressor, Format, KnownMatch, Level};
use crate::util::pool::Pool;
use crate::util::read_at::ReadAt;
use crate::util::sha1::Sha1;
use rayon::prelude::*;
use std::borrow::Cow;
use std::io;

/// How resources are compressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Encoding {
    /// The format.
    pub format: Format,
    /// Nominal uncompressed size of a chunk, in bytes.
    pub chunk_size: u32,
    /// How hard to try.
    pub level: Level,
}

/// A blob that was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct StoredBlob {
    /// Its identity.
    pub sha1: Sha1,
    /// Uncompressed size in bytes.
    pub size: u64,
    /// Where it is. In a solid resource: `offset_in_wim` counts in the uncompressed resource and `size_in_wim` is the
    /// uncompressed size, as the blob table wants it.
    pub resource: ResourceHeader,
    /// How many stream references there are, as far as they were counted.
    pub reference_count: u32,
}

/// Bytes at hand that are compressed at once: how much is held in both forms. A multiple of the usual chunk sizes.
const WRITE_ALL_PIECE: usize = 8 << 20;

/// A compressor with room for its result.
struct Worker {
    compressor: Box<dyn Compressor>,
    room: Vec<u8>,
}

/// Compresses chunks in parallel with reusable contexts.
pub(super) struct ChunkEncoder {
    encoding: Encoding,
    workers: Pool<(), Worker>,
}

impl ChunkEncoder {
    pub(super) fn new(encoding: Encoding) -> Self {
        Self { encoding, workers: Pool::new() }
    }

    pub(super) fn encoding(&self) -> Encoding {
        self.encoding
    }

    /// Compresses each chunk, some of whose matches may be known; `None` = it does not shrink, store it as it is.
    pub(super) fn encode<'a>(
        &self,
        chunks: impl IntoParallelIterator<Item = (&'a [u8], &'a [KnownMatch]), Iter: IndexedParallelIterator>,
    ) -> Vec<Option<Vec<u8>>> {
        chunks.into_par_iter().map(|(chunk, matches)| self.encode_one(chunk, matches)).collect()
    }

    fn encode_one(&self, chunk: &[u8], matches: &[KnownMatch]) -> Option<Vec<u8>> {
        let Encoding { format, chunk_size, level } = self.encoding;
        let make = || format.compressor(chunk_size, level).map(|compressor| Worker { compressor, room: Vec::new() });
        let mut worker = self.workers.get_or_make((), make).expect("the chunk size was checked with the options");
        let Worker { compressor, room } = &mut *worker;
        if room.len() < chunk.len() {
            room.resize(chunk.len(), 0);
        }
        let size = compressor.compress_with_matches(chunk, matches, &mut room[..chunk.len()])?;
        Some(room[..size].to_vec())
    }
}

/// Writes blobs as resources of their own.
pub(super) struct PlainEncoder {
    /// `None`: blobs are stored as they are.
    chunks: Option<ChunkEncoder>,
    open: Option<OpenResource>,
    /// Bytes of the open resource that do not yet fill a chunk.
    carry: Vec<u8>,
}

/// A resource being written.
struct OpenResource {
    start: u64,
    size: u64,
    /// Stored sizes of the chunks so far.
    stored: Vec<u32>,
}

/// A chunk of the batch at hand.
struct Job<'a> {
    request: usize,
    data: Cow<'a, [u8]>,
    /// Those of the chunk that it was, if it was one.
    matches: &'a [KnownMatch],
}

impl PlainEncoder {
    pub(super) fn new(encoding: Option<Encoding>) -> Self {
        Self { chunks: encoding.map(ChunkEncoder::new), open: None, carry: Vec::new() }
    }

    /// Whether matches that are known help.
    pub(super) fn uses_matches(&self) -> bool {
        self.chunks.as_ref().is_some_and(|ChunkEncoder { encoding, .. }| encoding.format.uses_matches(encoding.level))
    }

    /// Takes in segments of blobs whose (hash, size) `blob` tells; blobs that end are appended to `stored`.
    ///
    /// # Errors
    /// The output cannot be written.
    pub(super) fn push(
        &mut self,
        segments: &[Segment<'_>],
        blob: impl Fn(usize) -> (Sha1, u64),
        output: &mut Output,
        stored: &mut Vec<StoredBlob>,
    ) -> io::Result<()> {
        let jobs = self.cut(segments);
        let packed = match &self.chunks {
            Some(encoder) => encoder.encode(jobs.iter().map(|job| (&*job.data, job.matches)).collect::<Vec<_>>()),
            None => Vec::new(),
        };
        let mut packed = packed.into_iter();
        for job in &jobs {
            let (sha1, size) = blob(job.request);
            let packed = packed.next().flatten();
            if let Some(resource) = self.write_chunk(&job.data, packed.as_deref(), size, output)? {
                stored.push(StoredBlob { sha1, size, resource, reference_count: 0 });
            }
        }
        Ok(())
    }

    /// Cuts a batch at the chunk boundaries of its blobs.
    fn cut<'a>(&mut self, segments: &[Segment<'a>]) -> Vec<Job<'a>> {
        let chunk_size = self.chunks.as_ref().map_or(usize::MAX, |chunks| chunks.encoding.chunk_size as usize);
        let mut jobs = Vec::new();
        for segment in segments {
            let request = segment.request;
            let mut data = segment.data;
            if self.chunks.is_none() {
                jobs.push(Job { request, data: Cow::Borrowed(data), matches: &[] });
                continue;
            }
            if !self.carry.is_empty() {
                let (head, rest) = data.split_at(data.len().min(chunk_size - self.carry.len()));
                self.carry.extend_from_slice(head);
                data = rest;
                if self.carry.len() == chunk_size || segment.end.is_some() {
                    jobs.push(Job { request, data: Cow::Owned(std::mem::take(&mut self.carry)), matches: &[] });
                }
            }
            while data.len() >= chunk_size || (segment.end.is_some() && !data.is_empty()) {
                let (chunk, rest) = data.split_at(data.len().min(chunk_size));
                let matches = if chunk.len() == segment.data.len() { segment.matches } else { &[] };
                jobs.push(Job { request, data: Cow::Borrowed(chunk), matches });
                data = rest;
            }
            self.carry.extend_from_slice(data);
        }
        jobs
    }

    /// Writes the next chunk of the open resource (or of a new one of `size` bytes); returns the resource if that
    /// completes it.
    fn write_chunk(
        &mut self,
        data: &[u8],
        packed: Option<&[u8]>,
        size: u64,
        output: &mut Output,
    ) -> io::Result<Option<ResourceHeader>> {
        let Some(encoding) = self.chunks.as_ref().map(ChunkEncoder::encoding) else {
            let start = self.open.get_or_insert_with(|| OpenResource::new(output.position(), size)).start;
            output.write(data)?;
            if output.position() - start < size {
                return Ok(None);
            }
            self.open = None;
            return Ok(Some(raw_resource(start, size)));
        };
        let chunk_count = size.div_ceil(encoding.chunk_size.into());
        let table_size = (chunk_count - 1) * entry_size(size);
        if self.open.is_none() {
            self.open = Some(OpenResource::new(output.position(), size));
            output.reserve(table_size)?;
        }
        let open = self.open.as_mut().expect("opened above");
        let bytes = packed.unwrap_or(data);
        open.stored.push(bytes.len() as u32);
        output.write(bytes)?;
        if (open.stored.len() as u64) < chunk_count {
            return Ok(None);
        }
        let OpenResource { start, size, stored } = self.open.take().expect("opened above");
        let size_in_wim = output.position() - start;
        if size_in_wim >= size {
            if chunk_count > 1 {
                store_raw(output, start, size, encoding, &stored, table_size)?;
            }
            return Ok(Some(raw_resource(start, size)));
        }
        output.patch(&chunk_table(&stored, size), start)?;
        Ok(Some(ResourceHeader {
            size_in_wim,
            flags: resource_flag::COMPRESSED,
            offset_in_wim: start,
            uncompressed_size: size,
        }))
    }

    /// Writes bytes that are at hand as one resource.
    ///
    /// # Errors
    /// The output cannot be written.
    pub(super) fn write_all(&mut self, data: &[u8], output: &mut Output) -> io::Result<ResourceHeader> {
        debug_assert!(self.open.is_none() && self.carry.is_empty());
        if data.is_empty() {
            return Ok(raw_resource(output.position(), 0));
        }
        let mut stored = Vec::new();
        let mut offset = 0;
        for piece in data.chunks(WRITE_ALL_PIECE) {
            let is_last = offset + piece.len() == data.len();
            let end = is_last.then_some(super::engine::BlobEnd::Intact);
            let segment = Segment { request: 0, offset: offset as u64, data: piece, matches: &[], end };
            self.push(&[segment], |_| (Sha1::ZERO, data.len() as u64), output, &mut stored)?;
            offset += piece.len();
        }
        Ok(stored[0].resource)
    }
}

impl OpenResource {
    fn new(start: u64, size: u64) -> Self {
        Self { start, size, stored: Vec::new() }
    }
}

fn raw_resource(start: u64, size: u64) -> ResourceHeader {
    ResourceHeader { size_in_wim: size, flags: 0, offset_in_wim: start, uncompressed_size: size }
}

fn entry_size(uncompressed_size: u64) -> u64 {
    if uncompressed_size > u64::from(u32::MAX) { 8 } else { 4 }
}

/// The chunk table: where each chunk but the first begins, from the end of the table.
fn chunk_table(stored: &[u32], uncompressed_size: u64) -> Vec<u8> {
    let mut offset = 0_u64;
    let mut table = Vec::with_capacity((stored.len() - 1) * entry_size(uncompressed_size) as usize);
    for size in &stored[..stored.len() - 1] {
        offset += u64::from(*size);
        match entry_size(uncompressed_size) {
            4 => table.extend((offset as u32).to_le_bytes()),
            _ => table.extend(offset.to_le_bytes()),
        }
    }
    table
}

/// Turns a resource that did not shrink into an uncompressed one, from its own chunks and in place.
///
/// The chunks saved no more bytes than the table takes, so the raw bytes of chunk *i* end no later than where chunk
/// *i + 1* is stored: nothing is overwritten before it was read.
fn store_raw(
    output: &mut Output,
    start: u64,
    size: u64,
    encoding: Encoding,
    stored: &[u32],
    table_size: u64,
) -> io::Result<()> {
    output.flush()?;
    let decoders = DecoderPool::new();
    let mut from = start + table_size;
    let mut to = start;
    for stored_size in stored {
        let uncompressed_size = (start + size - to).min(encoding.chunk_size.into());
        let chunk = super::resource::StoredChunk {
            offset_in_wim: from,
            stored_size: u64::from(*stored_size),
            uncompressed_size,
        };
        let mut data = vec![0; uncompressed_size as usize];
        let coding = Some((encoding.format, encoding.chunk_size));
        super::resource::read_chunk(output as &dyn ReadAt, &chunk, coding, &decoders, &mut data)
            .map_err(io::Error::other)?;
        output.patch(&data, to)?;
        from += u64::from(*stored_size);
        to += uncompressed_size;
    }
    output.rewind(to)
}

/// Writes blobs into one solid resource.
pub(super) struct SolidEncoder {
    encoder: ChunkEncoder,
    start: u64,
    total: u64,
    /// Chunks that are compressed at once.
    parallel: usize,
    full: Vec<Vec<u8>>,
    carry: Vec<u8>,
    /// Bytes taken in so far.
    taken: u64,
    stored: Vec<u32>,
    /// Where the blob at hand begins in the uncompressed resource.
    blob_start: u64,
}

/// Bytes before the table of chunk sizes in a solid resource.
const SOLID_HEADER_SIZE: u64 = 16;

impl SolidEncoder {
    /// Begins a solid resource that will hold exactly `total` uncompressed bytes, compressing as many chunks at once
    /// as `memory` bytes allow (at least one).
    ///
    /// # Errors
    /// The output cannot be written.
    pub(super) fn begin(encoding: Encoding, total: u64, memory: u64, output: &mut Output) -> io::Result<Self> {
        let chunk_size = u64::from(encoding.chunk_size);
        let chunk_count = total.div_ceil(chunk_size);
        // A chunk, its result, and the context.
        let context = encoding.format.compressor_memory(encoding.chunk_size, encoding.level);
        let each = 2 * chunk_size.min(total) + context;
        let parallel = (memory / each.max(1)).clamp(1, rayon::current_num_threads() as u64) as usize;
        let start = output.position();
        output.reserve(SOLID_HEADER_SIZE + 4 * chunk_count)?;
        Ok(Self {
            encoder: ChunkEncoder::new(encoding),
            start,
            total,
            parallel,
            full: Vec::new(),
            carry: Vec::new(),
            taken: 0,
            stored: Vec::new(),
            blob_start: 0,
        })
    }

    /// Takes in segments, as [`PlainEncoder::push`].
    ///
    /// # Errors
    /// The output cannot be written.
    pub(super) fn push(
        &mut self,
        segments: &[Segment<'_>],
        blob: impl Fn(usize) -> (Sha1, u64),
        output: &mut Output,
        stored: &mut Vec<StoredBlob>,
    ) -> io::Result<()> {
        let chunk_size = self.encoder.encoding.chunk_size as usize;
        for segment in segments {
            let mut data = segment.data;
            while !data.is_empty() {
                if self.carry.capacity() == 0 {
                    let left = self.total - (self.taken - self.carry.len() as u64);
                    self.carry.reserve_exact(left.min(chunk_size as u64) as usize);
                }
                let (head, rest) = data.split_at(data.len().min(chunk_size - self.carry.len()));
                self.carry.extend_from_slice(head);
                self.taken += head.len() as u64;
                data = rest;
                if self.carry.len() == chunk_size {
                    self.full.push(std::mem::take(&mut self.carry));
                    if self.full.len() == self.parallel {
                        self.write_full(output)?;
                    }
                }
            }
            if segment.end.is_some() {
                let (sha1, size) = blob(segment.request);
                let resource = ResourceHeader {
                    size_in_wim: size,
                    flags: resource_flag::SOLID,
                    offset_in_wim: self.blob_start,
                    uncompressed_size: 0,
                };
                stored.push(StoredBlob { sha1, size, resource, reference_count: 0 });
                self.blob_start = self.taken;
            }
        }
        Ok(())
    }

    fn write_full(&mut self, output: &mut Output) -> io::Result<()> {
        let packed = self.encoder.encode(self.full.iter().map(|chunk| (&chunk[..], &[][..])).collect::<Vec<_>>());
        for (raw, packed) in self.full.drain(..).zip(packed) {
            let bytes = packed.as_deref().unwrap_or(&raw);
            output.write(bytes)?;
            self.stored.push(bytes.len() as u32);
        }
        Ok(())
    }

    /// Writes what is left and the resource's own header.
    ///
    /// # Errors
    /// The output cannot be written.
    pub(super) fn finish(mut self, output: &mut Output) -> io::Result<ResourceHeader> {
        debug_assert_eq!(self.taken, self.total);
        if !self.carry.is_empty() {
            self.full.push(std::mem::take(&mut self.carry));
        }
        self.write_full(output)?;
        let encoding = self.encoder.encoding;
        let mut head = Vec::with_capacity(SOLID_HEADER_SIZE as usize + 4 * self.stored.len());
        head.extend(self.total.to_le_bytes());
        head.extend(encoding.chunk_size.to_le_bytes());
        let format = match encoding.format {
            Format::Xpress => 1_u32,
            Format::Lzx => 2,
            Format::Lzms => 3,
        };
        head.extend(format.to_le_bytes());
        head.extend(self.stored.iter().flat_map(|size| size.to_le_bytes()));
        output.patch(&head, self.start)?;
        Ok(ResourceHeader {
            size_in_wim: output.position() - self.start,
            flags: resource_flag::SOLID,
            offset_in_wim: self.start,
            uncompressed_size: super::blob_table::SOLID_RESOURCE_MARKER,
        })
    }
}
