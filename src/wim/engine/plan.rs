//! Cutting the requested blobs into batches of chunks.

use super::batch::{Batch, Use};
use crate::util::read_at::ReadAt;
use crate::util::sha1::Sha1;
use crate::wim::resource::{ChunkMap, ResourceError};
use std::ops::Range;
use std::sync::Arc;

/// A blob to read.
#[derive(Clone, Debug)]
pub struct Request {
    /// What its content must hash to.
    pub sha1: Sha1,
    /// Uncompressed size in bytes.
    pub size: u64,
    /// Which of the engine's files holds it.
    pub file: usize,
    /// Where it lies there.
    pub source: BlobSource,
}

impl Request {
    /// The most bytes of it that are decoded at once.
    pub(super) fn largest_piece(&self) -> u64 {
        match &self.source {
            BlobSource::Resource(map) => map.chunk_size().min(self.size),
            BlobSource::Solid { resource, .. } => resource.chunk_size().min(resource.uncompressed_size()),
            BlobSource::Broken(_) => 0,
        }
    }
}

/// Where a requested blob lies.
#[derive(Clone, Debug)]
pub enum BlobSource {
    /// It is a resource of its own.
    Resource(ChunkMap),
    /// It is a part of a solid resource.
    Solid {
        /// The solid resource; requests that share the same allocation share decoded chunks.
        resource: Arc<ChunkMap>,
        /// Where the blob begins in the uncompressed resource.
        offset: u64,
    },
    /// It cannot be read at all.
    Broken(ResourceError),
}

/// How large a batch becomes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Budget {
    /// A batch ends when it has at least so many uncompressed bytes …
    pub bytes: u64,
    /// … and at least so many pieces to spread over the threads …
    pub pieces: usize,
    /// … or when the next piece would take it beyond so many bytes.
    pub memory: u64,
}

/// So many pieces a batch has at most: what is kept of each takes more memory than the content of a very small file.
const MAX_PIECES: usize = 16 << 10;

/// Goes through the requests chunk by chunk.
pub(super) struct Planner<'a> {
    files: &'a [&'a dyn ReadAt],
    requests: &'a [Request],
    budget: Budget,
    /// The request that comes next …
    request: usize,
    /// … and how many bytes of it are planned already.
    done: u64,
}

impl<'a> Planner<'a> {
    pub(super) fn new(files: &'a [&'a dyn ReadAt], requests: &'a [Request], budget: Budget) -> Self {
        Self { files, requests, budget, request: 0, done: 0 }
    }

    /// Fills an empty batch; it stays empty when nothing is left.
    pub(super) fn fill(&mut self, batch: &mut Batch<'_>) {
        while let Some(request) = self.requests.get(self.request) {
            let is_large = batch.bytes >= self.budget.bytes && batch.pieces.len() >= self.budget.pieces;
            if is_large || batch.pieces.len() >= MAX_PIECES {
                break;
            }
            let planned = match &request.source {
                BlobSource::Broken(error) => Err(*error),
                BlobSource::Resource(map) => self.plan_resource(request, map, batch),
                BlobSource::Solid { resource, offset } => self.plan_solid(request, resource, *offset, batch),
            };
            match planned {
                Ok(Planned::More) => {}
                Ok(Planned::BatchIsFull) => break,
                Err(error) => {
                    batch.push_failed(self.request, self.done, error);
                    self.next_request();
                }
            }
        }
    }

    fn next_request(&mut self) {
        self.request += 1;
        self.done = 0;
    }

    /// Whether a piece of `size` bytes must wait for the next batch; an error if it fits in none.
    fn is_full(&self, size: u64, offset: u64, batch: &Batch<'_>) -> Result<bool, ResourceError> {
        if size > self.budget.memory {
            return Err(ResourceError::TooLarge { offset, size, limit: self.budget.memory });
        }
        Ok(batch.bytes + size > self.budget.memory)
    }

    /// Plans as many chunks of a resource as the batch takes.
    fn plan_resource(
        &mut self,
        request: &Request,
        map: &ChunkMap,
        batch: &mut Batch<'_>,
    ) -> Result<Planned, ResourceError> {
        let first = self.done / map.chunk_size();
        let left = map.chunk_count() - first;
        if left == 0 {
            // A resource of no bytes; tables do not list any, but a caller may ask.
            batch.push_empty(self.request);
            self.next_request();
            return Ok(Planned::More);
        }
        let chunk_bytes = request.largest_piece();
        if self.is_full(chunk_bytes, map.offset_in_wim(), batch)? {
            return Ok(Planned::BatchIsFull);
        }
        let by_bytes = self.budget.bytes.saturating_sub(batch.bytes).div_ceil(chunk_bytes);
        let by_pieces = self.budget.pieces.saturating_sub(batch.pieces.len()) as u64;
        let by_memory = (self.budget.memory - batch.bytes) / chunk_bytes;
        let count = by_bytes.max(by_pieces).min(by_memory).clamp(1, left);

        batch.chunks.clear();
        map.locate(self.files[request.file], first..first + count, &mut batch.chunks)?;
        for index in 0..batch.chunks.len() {
            let chunk = batch.chunks[index];
            let size = chunk.uncompressed_size;
            let is_last = self.done + size >= map.uncompressed_size();
            let offset = self.done;
            batch.push_chunk(request.file, chunk, map.coding());
            batch.push_use(Use { request: self.request, offset, range: 0..size as usize, is_last });
            self.done += size;
        }
        if self.done >= map.uncompressed_size() {
            self.next_request();
        }
        Ok(Planned::More)
    }

    /// Plans one chunk of a solid resource, with all consecutive requests that lie in it.
    fn plan_solid(
        &mut self,
        request: &Request,
        map: &Arc<ChunkMap>,
        offset: u64,
        batch: &mut Batch<'_>,
    ) -> Result<Planned, ResourceError> {
        if request.size == 0 {
            batch.push_empty(self.request);
            self.next_request();
            return Ok(Planned::More);
        }
        let index = (offset + self.done) / map.chunk_size();
        if index >= map.chunk_count() {
            let (offset, size, file_size) = (offset, request.size, map.uncompressed_size());
            return Err(ResourceError::OutsideFile { offset, size, file_size });
        }
        batch.chunks.clear();
        map.locate(self.files[request.file], index..index + 1, &mut batch.chunks)?;
        let chunk = batch.chunks[0];
        if self.is_full(chunk.uncompressed_size, chunk.offset_in_wim, batch)? {
            return Ok(Planned::BatchIsFull);
        }
        batch.push_chunk(request.file, chunk, map.coding());
        let span = index * map.chunk_size()..index * map.chunk_size() + chunk.uncompressed_size;
        while let Some((size, start)) = self.solid_position(map, &span) {
            let end = (start + (size - self.done)).min(span.end);
            let is_last = self.done + (end - start) == size;
            let range = (start - span.start) as usize..(end - span.start) as usize;
            batch.push_use(Use { request: self.request, offset: self.done, range, is_last });
            if is_last {
                self.next_request();
            } else {
                self.done += end - start;
                break;
            }
        }
        Ok(Planned::More)
    }

    /// The size of the next request and the position in the solid resource from which it goes on, if that lies in
    /// the same resource and inside `span`.
    fn solid_position(&self, map: &Arc<ChunkMap>, span: &Range<u64>) -> Option<(u64, u64)> {
        let request = self.requests.get(self.request)?;
        match &request.source {
            BlobSource::Solid { resource, offset } if Arc::ptr_eq(resource, map) && request.size > 0 => {
                let position = offset.checked_add(self.done)?;
                span.contains(&position).then_some((request.size, position))
            }
            _ => None,
        }
    }
}

enum Planned {
    More,
    BatchIsFull,
}
