//! A batch: some chunks, decoded side by side, and which parts of them belong to which request.

use super::plan::Request;
use super::sink::{BlobEnd, Segment};
use crate::codec::KnownMatch;
use crate::util::pool::{Loan, Pool};
use crate::util::read_at::ReadAt;
use crate::util::sha1::Hasher;
use crate::wim::resource::{Coding, DecoderPool, ResourceError, StoredChunk, read_chunk, read_chunk_with_matches};
use rayon::prelude::*;
use std::ops::Range;

/// Chunks of more bytes, which are those of solid resources, are decoded into buffers of their own: so the batch being
/// decoded takes over what the batch before it no longer needs, chunk by chunk.
const LARGE_CHUNK: u64 = 8 << 20;

/// Buffers for large chunks.
pub(super) type LargeBuffers = Pool<(), Vec<u8>>;

/// A chunk to decode.
#[derive(Debug)]
pub(super) struct Piece<'b> {
    pub file: usize,
    pub chunk: StoredChunk,
    pub coding: Option<Coding>,
    pub place: Place<'b>,
    /// What the chunk consists of, if that is of interest.
    pub matches: Vec<KnownMatch>,
    pub error: Option<ResourceError>,
}

/// Where a piece's uncompressed bytes are.
#[derive(Debug)]
pub(super) enum Place<'b> {
    /// Nowhere: the piece failed before it was read.
    None,
    /// In the batch's buffer.
    Buffer(Range<usize>),
    /// In a buffer of its own, at its beginning.
    Large(Loan<'b, (), Vec<u8>>),
    /// In the source itself, which is memory or mapped, and stores them as they are.
    Source,
}

/// A part of a piece that belongs to a request.
#[derive(Debug)]
pub(super) struct Use {
    pub request: usize,
    /// Where the part begins in the request's blob.
    pub offset: u64,
    /// Which bytes of the piece.
    pub range: Range<usize>,
    /// Whether the blob ends here.
    pub is_last: bool,
}

/// The blob that goes on from one batch to the next.
#[derive(Debug, Default)]
pub(super) struct HashState {
    carried: Option<Carried>,
}

#[derive(Debug)]
struct Carried {
    request: usize,
    /// `None` once the blob has failed: what still comes of it is dropped.
    hasher: Option<Hasher>,
}

/// See the module. Its allocations are kept from one filling to the next.
#[derive(Debug, Default)]
pub(super) struct Batch<'b> {
    pub pieces: Vec<Piece<'b>>,
    /// Uncompressed bytes of all pieces.
    pub bytes: u64,
    /// Scratch of the planner.
    pub chunks: Vec<StoredChunk>,
    /// (index of the piece, use), in the order of the requests.
    uses: Vec<(usize, Use)>,
    buffer: Vec<u8>,
}

impl<'b> Batch<'b> {
    pub(super) fn clear(&mut self) {
        self.pieces.clear();
        self.uses.clear();
        self.bytes = 0;
    }

    /// Gives back the buffers of large chunks. No segment of the batch is in use any more.
    pub(super) fn release(&mut self) {
        for piece in &mut self.pieces {
            if matches!(piece.place, Place::Large(_)) {
                piece.place = Place::None;
            }
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.uses.is_empty()
    }

    /// Adds a chunk of a file.
    pub(super) fn push_chunk(&mut self, file: usize, chunk: StoredChunk, coding: Option<Coding>) {
        self.bytes += chunk.uncompressed_size;
        self.pieces.push(Piece { file, chunk, coding, place: Place::None, matches: Vec::new(), error: None });
    }

    /// Adds a use of the piece pushed last.
    pub(super) fn push_use(&mut self, part: Use) {
        self.uses.push((self.pieces.len() - 1, part));
    }

    /// Adds a request that ends here with an error.
    pub(super) fn push_failed(&mut self, request: usize, offset: u64, error: ResourceError) {
        self.push_nothing(Some(error));
        self.push_use(Use { request, offset, range: 0..0, is_last: true });
    }

    /// Adds a request of no bytes.
    pub(super) fn push_empty(&mut self, request: usize) {
        self.push_nothing(None);
        self.push_use(Use { request, offset: 0, range: 0..0, is_last: true });
    }

    fn push_nothing(&mut self, error: Option<ResourceError>) {
        let chunk = StoredChunk { offset_in_wim: 0, stored_size: 0, uncompressed_size: 0 };
        self.pieces.push(Piece { file: 0, chunk, coding: None, place: Place::None, matches: Vec::new(), error });
    }

    /// Decodes all pieces, in parallel; with their matches, if those are of interest.
    pub(super) fn decode(
        &mut self,
        files: &[&dyn ReadAt],
        decoders: &DecoderPool,
        large: &'b LargeBuffers,
        with_matches: bool,
    ) {
        let mut needed = 0;
        for piece in &mut self.pieces {
            let size = piece.chunk.uncompressed_size;
            let is_raw = piece.coding.is_none() || piece.chunk.stored_size == size;
            if is_raw && size > 0 && files[piece.file].as_slice().is_some() {
                piece.place = Place::Source;
            } else if size > 0 && size <= LARGE_CHUNK {
                needed += size as usize;
                piece.place = Place::Buffer(needed - size as usize..needed);
            }
        }
        if self.buffer.len() < needed {
            // Not `resize`: the old bytes need not be copied.
            self.buffer = vec![0; needed];
        }
        let mut rest = &mut self.buffer[..needed];
        let work: Vec<(&mut Piece<'b>, Option<&mut [u8]>)> = self
            .pieces
            .iter_mut()
            .filter_map(|piece| match &piece.place {
                Place::Buffer(range) => {
                    let (mine, others) = std::mem::take(&mut rest).split_at_mut(range.len());
                    rest = others;
                    Some((piece, Some(mine)))
                }
                Place::None if piece.chunk.uncompressed_size > 0 => Some((piece, None)),
                Place::None | Place::Source | Place::Large(_) => None,
            })
            .collect();
        work.into_par_iter().for_each(|(piece, dst)| {
            let read = |dst: &mut [u8]| read_chunk(files[piece.file], &piece.chunk, piece.coding, decoders, dst);
            let result = match dst {
                Some(dst) if with_matches => {
                    read_chunk_with_matches(files[piece.file], &piece.chunk, piece.coding, decoders, dst)
                        .map(|matches| piece.matches = matches)
                }
                Some(dst) => read(dst),
                None => {
                    let mut buffer = large.get_or_default(());
                    let size = piece.chunk.uncompressed_size as usize;
                    if buffer.len() < size {
                        *buffer = Vec::new();
                        *buffer = vec![0; size];
                    }
                    let result = read(&mut buffer[..size]);
                    piece.place = Place::Large(buffer);
                    result
                }
            };
            piece.error = result.err();
        });
    }

    /// Hashes what was decoded and makes the segments for the sink.
    pub(super) fn finish<'a>(
        &'a self,
        files: &[&'a dyn ReadAt],
        requests: &[Request],
        state: &mut HashState,
    ) -> Vec<Segment<'a>> {
        let mut segments: Vec<Segment<'a>> = Vec::with_capacity(self.uses.len());
        // Consecutive segments of one request; a request that failed in an earlier batch has none.
        let mut groups: Vec<Group> = Vec::new();
        for (index, part) in &self.uses {
            let group = match groups.last_mut() {
                Some(group) if group.request == part.request => group,
                _ => {
                    let carried = state.carried.take_if(|carried| carried.request == part.request);
                    let hasher = carried.map_or_else(|| Some(Hasher::new()), |carried| carried.hasher);
                    let failed = hasher.is_none();
                    let start = segments.len();
                    groups.push(Group {
                        request: part.request,
                        segments: start..start,
                        hasher,
                        failed,
                        is_last: false,
                    });
                    groups.last_mut().expect("just pushed")
                }
            };
            group.is_last |= part.is_last;
            if group.failed {
                continue;
            }
            let piece = &self.pieces[*index];
            let (data, end) = match piece.error {
                Some(error) => (&[][..], Some(BlobEnd::Unreadable(error))),
                None => (self.data(piece, files, &part.range), None),
            };
            group.failed = end.is_some();
            group.segments.end += 1;
            // Of a part of a chunk they would not be.
            let is_whole = data.len() as u64 == piece.chunk.uncompressed_size;
            let matches = if is_whole { &piece.matches[..] } else { &[] };
            segments.push(Segment { request: part.request, offset: part.offset, data, matches, end });
        }

        let ends: Vec<Option<BlobEnd>> = groups
            .par_iter_mut()
            .map(|group| {
                if group.failed {
                    group.hasher = None;
                    return None;
                }
                let hasher = group.hasher.as_mut()?;
                for segment in &segments[group.segments.clone()] {
                    hasher.update(segment.data);
                }
                if !group.is_last {
                    return None;
                }
                let found = group.hasher.take()?.finish();
                let request = &requests[group.request];
                // A blob of no bytes is known by the zero hash, not by its own.
                let intact = found == request.sha1 || (request.size == 0 && request.sha1.is_zero());
                Some(if intact { BlobEnd::Intact } else { BlobEnd::Mismatch { found } })
            })
            .collect();
        for (group, end) in groups.iter().zip(ends) {
            if let (Some(end), Some(last)) = (end, segments[group.segments.clone()].last_mut()) {
                last.end = Some(end);
            }
        }
        state.carried = match groups.pop() {
            Some(group) if !group.is_last => Some(Carried { request: group.request, hasher: group.hasher }),
            _ => None,
        };
        segments
    }

    fn data<'a>(&'a self, piece: &'a Piece<'_>, files: &[&'a dyn ReadAt], range: &Range<usize>) -> &'a [u8] {
        match &piece.place {
            Place::None => &[],
            Place::Buffer(whole) => &self.buffer[whole.clone()][range.clone()],
            Place::Large(buffer) => &buffer[range.clone()],
            Place::Source => {
                let all = files[piece.file].as_slice().expect("a piece left in its source has a slice");
                &all[piece.chunk.offset_in_wim as usize..][range.clone()]
            }
        }
    }
}

/// What a batch holds of one request.
struct Group {
    request: usize,
    segments: Range<usize>,
    hasher: Option<Hasher>,
    failed: bool,
    is_last: bool,
}
