//! Decoding every compressed chunk of a file by strict rules.
//!
//! A pass of its own over whole resources, those of the tables and of the metadata included: here chunks are judged and
//! not blobs. What cannot be located or read at all is left to the ordinary passes.

use super::{Finding, VerifyError};
use crate::util::progress::Control;
use crate::wim::blob_table::Location;
use crate::wim::header::ResourceHeader;
use crate::wim::reader::{Wim, WimFile};
use crate::wim::resource::{ChunkMap, DecoderPool, ResourceError, StoredChunk, read_chunk};
use rayon::prelude::*;

/// Uncompressed bytes per thread between two looks at the control: a fraction of a second for a strict decoder.
const BATCH_BYTES_PER_THREAD: u64 = 2 << 20;

/// Decodes every chunk of the file itself, and returns a finding per resource with chunks that are refused.
///
/// # Errors
/// The blob tables cannot be read, or the work was interrupted.
pub(super) fn check_chunks(wim: &Wim, memory: u64, control: Control<'_>) -> Result<Vec<Finding>, VerifyError> {
    let resources = compressed_resources(wim)?;
    control.progress.begin("Verifying strictly", resources.iter().map(|(_, map)| map.uncompressed_size()).sum());
    let threads = rayon::current_num_threads().max(1);
    let mut checker = Checker { decoders: DecoderPool::strict(), control, batch: Vec::new(), findings: Vec::new() };
    let mut bytes = 0;
    let mut chunks = Vec::new();
    for (index, (file, map)) in resources.iter().enumerate() {
        let group_len = BATCH_BYTES_PER_THREAD.div_ceil(map.chunk_size());
        let mut next = 0;
        while next < map.chunk_count() {
            let group = next..map.chunk_count().min(next + group_len);
            chunks.clear();
            if map.locate(&*file.source, group.clone(), &mut chunks).is_err() {
                break;
            }
            for (number, chunk) in group.clone().zip(&chunks) {
                let size = chunk.uncompressed_size;
                let is_enough = bytes >= BATCH_BYTES_PER_THREAD * threads as u64 && checker.batch.len() >= threads;
                if is_enough || bytes + size > memory {
                    checker.decode_batch()?;
                    bytes = 0;
                }
                // For what is too large by itself, the ordinary passes ask for more memory.
                if size <= memory {
                    checker.batch.push(Piece { resource: index, file, map, number, chunk: *chunk });
                    bytes += size;
                }
            }
            next = group.end;
        }
    }
    checker.decode_batch()?;
    Ok(checker.findings.into_iter().map(|(_, finding)| finding).collect())
}

/// The compressed resources of the file itself, in the order in which they lie there.
fn compressed_resources(wim: &Wim) -> Result<Vec<(&WimFile, ChunkMap)>, VerifyError> {
    let contents = wim.contents()?;
    let files = wim.own_files();
    let metadata = contents.metadata.iter().map(|entry| (0, entry.resource));
    let tables = (0..files.len())
        .flat_map(|file| [files[file].header.blob_table, files[file].header.xml].map(|table| (file, table)));
    let blobs = contents.blobs[..contents.own_blobs].iter().filter_map(|blob| match blob.location {
        Location::Plain(resource) => Some((blob.file, resource)),
        Location::Solid { .. } => None,
    });
    let plain = tables.chain(metadata).chain(blobs).filter_map(|(file, resource): (usize, ResourceHeader)| {
        let WimFile { header, source, .. } = &files[file];
        Some((file, ChunkMap::new(&resource, header, source.size()).ok()?))
    });
    let solid = contents.solid_resources.iter().filter(|(file, ..)| *file < files.len());
    let solid = solid.filter_map(|(file, _, map)| Some((*file, ChunkMap::clone(map.as_ref().ok()?))));
    let mut resources: Vec<_> = plain.chain(solid).filter(|(_, map)| map.coding().is_some()).collect();
    resources.sort_by_key(|(file, map)| (*file, map.offset_in_wim()));
    Ok(resources.into_iter().map(|(file, map)| (&files[file], map)).collect())
}

/// A chunk to judge.
struct Piece<'a> {
    /// Index of the resource.
    resource: usize,
    file: &'a WimFile,
    map: &'a ChunkMap,
    /// 0-based number of the chunk in its resource.
    number: u64,
    chunk: StoredChunk,
}

struct Checker<'a> {
    decoders: DecoderPool,
    control: Control<'a>,
    batch: Vec<Piece<'a>>,
    /// With the index of the resource.
    findings: Vec<(usize, Finding)>,
}

impl Checker<'_> {
    /// Decodes the chunks of the batch side by side, and empties it.
    fn decode_batch(&mut self) -> Result<(), VerifyError> {
        if self.control.interrupted() {
            return Err(VerifyError::Interrupted);
        }
        let refused: Vec<Option<ResourceError>> = self
            .batch
            .par_iter()
            .map(|Piece { file, map, chunk, .. }| {
                let mut content = vec![0; chunk.uncompressed_size as usize];
                let result = read_chunk(&*file.source, chunk, map.coding(), &self.decoders, &mut content);
                self.control.progress.advance(chunk.uncompressed_size);
                result.err()
            })
            .collect();
        for (piece, error) in self.batch.drain(..).zip(refused) {
            let Some(ResourceError::Decode { offset: chunk_offset, format, error }) = error else { continue };
            match self.findings.last_mut() {
                Some((resource, Finding::Chunk { others, .. })) if *resource == piece.resource => *others += 1,
                _ => {
                    let finding = Finding::Chunk {
                        file: piece.file.path.clone(),
                        offset: piece.map.offset_in_wim(),
                        chunk: piece.number,
                        chunk_offset,
                        format,
                        error,
                        others: 0,
                    };
                    self.findings.push((piece.resource, finding));
                }
            }
        }
        Ok(())
    }
}
