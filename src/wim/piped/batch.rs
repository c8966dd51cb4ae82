//! Blobs on their way from the pipe to who wants them: a batch is read while the one before is decoded, hashed and taken in.

use std::collections::HashMap;
use std::io::Read;

use rayon::prelude::*;

use super::error::PipedError;
use super::stream::{PipedResource, ResourceStream, StoredPiece};
use crate::util::progress::Control;
use crate::util::sha1::{Hasher, Sha1};
use crate::wim::engine::{BlobEnd, Segment, Sink, Stopped};
use crate::wim::resource::{DecoderPool, ResourceError};

/// Uncompressed bytes per thread in a batch.
const BATCH_BYTES_PER_THREAD: u64 = 2 << 20;

/// Why blobs did not all come.
pub(super) enum Broken<E> {
    Pipe(PipedError),
    Stopped(Stopped<E>),
}

/// Reads all blobs that are left in the stream, and gives `sink` those in `wanted`; requests are numbers in that. Answers the
/// sizes of those that came.
pub(super) fn transfer<R: Read + Send, S: Sink>(
    stream: &mut ResourceStream<R>,
    wanted: &[Sha1],
    sink: &mut S,
    control: Control<'_>,
) -> Result<Vec<Option<u64>>, Broken<S::Error>> {
    let decoders = DecoderPool::new();
    let numbers = wanted.iter().copied().zip(0..).collect();
    let budget = BATCH_BYTES_PER_THREAD * rayon::current_num_threads().max(1) as u64;
    let mut source = Source { stream, numbers, sizes: vec![None; wanted.len()], budget, open: None, is_done: false };
    let mut carried = None;
    let mut current = source.fill().map_err(Broken::Pipe)?;
    while !(current.is_empty() && source.is_done) {
        if control.interrupted() {
            return Err(Broken::Stopped(Stopped::Interrupted));
        }
        let (accepted, next) = rayon::join(
            || {
                let decoded: Vec<Piece<Decoded>> =
                    current.into_par_iter().map(|piece| piece.decode(&decoders)).collect();
                let (segments, open) = hash(&decoded, wanted, carried.take());
                carried = open;
                control.progress.advance(segments.iter().map(|segment| segment.data.len() as u64).sum());
                sink.accept(&segments)
            },
            || source.fill(),
        );
        accepted.map_err(|error| Broken::Stopped(Stopped::Sink(error)))?;
        current = next.map_err(Broken::Pipe)?;
    }
    Ok(source.sizes)
}

/// A chunk of a blob that is wanted.
struct Piece<T> {
    /// Which blob.
    blob: usize,
    offset: u64,
    content: T,
    is_last: bool,
}

/// A chunk, decoded.
type Decoded = Result<Vec<u8>, ResourceError>;

impl Piece<StoredPiece> {
    fn decode(self, decoders: &DecoderPool) -> Piece<Decoded> {
        let Self { blob, offset, content, is_last } = self;
        Piece { blob, offset, content: decode(content, decoders), is_last }
    }
}

/// Decodes a chunk.
pub(super) fn decode(piece: StoredPiece, decoders: &DecoderPool) -> Result<Vec<u8>, ResourceError> {
    let StoredPiece { bytes: stored, offset, uncompressed_size, coding } = piece;
    let Some(coding) = coding else { return Ok(stored) };
    // No larger than a chunk.
    let mut bytes = vec![0; uncompressed_size as usize];
    let decoded = decoders.get(coding)?.decompress(&stored, &mut bytes);
    decoded.map_err(|error| ResourceError::Decode { offset, format: coding.0, error })?;
    Ok(bytes)
}

/// The reading half.
struct Source<'a, R> {
    stream: &'a mut ResourceStream<R>,
    numbers: HashMap<Sha1, usize>,
    sizes: Vec<Option<u64>>,
    budget: u64,
    /// The blob that goes on in the next batch.
    open: Option<(usize, PipedResource)>,
    is_done: bool,
}

impl<R: Read> Source<'_, R> {
    /// The next batch, which may be empty before all is done.
    fn fill(&mut self) -> Result<Vec<Piece<StoredPiece>>, PipedError> {
        let mut pieces = Vec::new();
        let mut nbytes = 0_u64;
        while nbytes < self.budget && !self.is_done {
            let Some((blob, mut resource)) = self.open.take() else {
                nbytes = nbytes.saturating_add(self.next_blob()?);
                continue;
            };
            let offset = resource.size - resource.left();
            let Some(stored) = self.stream.next_piece(&mut resource)? else { continue };
            nbytes += stored.uncompressed_size;
            let is_last = resource.left() == 0;
            pieces.push(Piece { blob, offset, content: stored, is_last });
            self.open = Some((blob, resource)).filter(|_| !is_last);
        }
        Ok(pieces)
    }

    /// Goes to the next blob that is wanted, or over one that is not; answers how many bytes were passed over.
    fn next_blob(&mut self) -> Result<u64, PipedError> {
        let resource = self.stream.next_resource()?;
        // Behind the last blob comes the blob table.
        if resource.is_metadata() {
            self.is_done = true;
            self.stream.drain()?;
            return Ok(0);
        }
        let number = self.numbers.get(&resource.sha1).copied();
        match number.filter(|number| self.sizes[*number].is_none() && resource.size > 0) {
            Some(number) => {
                self.sizes[number] = Some(resource.size);
                self.open = Some((number, resource));
                Ok(0)
            }
            None => {
                self.stream.skip(resource)?;
                Ok(resource.size.max(1))
            }
        }
    }
}

/// How far the hash of a blob has come.
struct Carried {
    blob: usize,
    hasher: Hasher,
    /// A chunk of it did not decode: what follows is nobody's.
    is_broken: bool,
}

/// Hashes what was decoded, blobs side by side; also answers the blob that is not at its end.
fn hash<'a>(
    batch: &'a [Piece<Decoded>],
    wanted: &[Sha1],
    carried: Option<Carried>,
) -> (Vec<Segment<'a>>, Option<Carried>) {
    let groups: Vec<&[Piece<Decoded>]> = batch.chunk_by(|a, b| a.blob == b.blob).collect();
    let begun = |group: &[Piece<Decoded>]| match &carried {
        Some(carried) if carried.blob == group[0].blob => (carried.hasher.clone(), carried.is_broken),
        _ => (Hasher::new(), false),
    };
    let hashed: Vec<(Vec<Segment<'_>>, Carried)> = groups
        .into_par_iter()
        .map(|group| {
            let (mut hasher, mut is_broken) = begun(group);
            let (blob, mut segments) = (group[0].blob, Vec::with_capacity(group.len()));
            for piece in group {
                if is_broken {
                    break;
                }
                let (data, end) = match &piece.content {
                    Ok(data) => {
                        hasher.update(data);
                        (&data[..], piece.is_last.then(|| end_of(hasher.clone().finish(), wanted[blob])))
                    }
                    Err(error) => {
                        is_broken = true;
                        (&[][..], Some(BlobEnd::Unreadable(*error)))
                    }
                };
                segments.push(Segment { request: blob, offset: piece.offset, data, matches: &[], end });
            }
            (segments, Carried { blob, hasher, is_broken })
        })
        .collect();
    let is_open = batch.last().is_some_and(|piece| !piece.is_last);
    let mut last = None;
    let segments = hashed
        .into_iter()
        .flat_map(|(segments, carried)| {
            last = Some(carried);
            segments
        })
        .collect();
    (segments, last.filter(|_| is_open))
}

fn end_of(found: Sha1, expected: Sha1) -> BlobEnd {
    if found == expected { BlobEnd::Intact } else { BlobEnd::Mismatch { found } }
}
