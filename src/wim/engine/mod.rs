//! The reading engine: decodes requested blobs on all cores and hands them, hashed and in order, to a [`Sink`].
//!
//! Work goes in *batches* of a few megabytes. While the chunks of one batch are decoded in parallel, the batch before
//! it is hashed (different blobs in parallel) and given to the sink; so two batches are in memory, a slow sink
//! holds the decoders back, and nothing depends on the number of threads but the time it takes:
//!
//! ```text
//! plan batch 3 ▶ decode batch 3 (parallel) ─┐ both at once, sharing the
//!      hash batch 2 (parallel) ▶ sink       ─┘ threads by work stealing
//! ```
//!
//! Of chunks of solid resources, which may have 64 MiB each, fewer than two per thread are in memory: each is decoded into
//! a buffer that the batch before has given back, if there is one.

mod batch;
mod plan;
mod sink;

pub use plan::{BlobSource, Request};
pub use sink::{BlobEnd, Segment, Sink, Stopped};

use super::resource::DecoderPool;
use crate::util::progress::Control;
use crate::util::read_at::ReadAt;
use batch::{Batch, HashState, LargeBuffers};
use plan::Planner;

/// The least memory that work is given unless told otherwise, in bytes.
const LEAST_DEFAULT_MEMORY: u64 = 1 << 30;

/// Memory that work may use for data and codec contexts unless told otherwise, in bytes: a quarter of the machine's, but
/// at least 1 GiB. What is written does not depend on it.
pub fn default_memory() -> u64 {
    crate::util::os::physical_memory().map_or(0, |memory| memory / 4).max(LEAST_DEFAULT_MEMORY)
}
/// Uncompressed bytes per thread in a batch of small chunks: large enough to spread over the threads evenly, small
/// enough to be still in the cache when it is hashed.
const BATCH_BYTES_PER_THREAD: u64 = 2 << 20;

/// How much of the memory a batch may have: one is decoded while the one before is in use.
const BATCHES: u64 = 2;

/// The least memory with which [`read_blobs`] can read all of `requests`: what two of the largest chunk take.
pub fn memory_needed(requests: &[Request]) -> u64 {
    BATCHES * requests.iter().map(Request::largest_piece).max().unwrap_or(0)
}

/// Reads `requests` from `files` into `sink`.
///
/// Requests are best sorted by their place: those of one solid resource in the order of their offsets, or chunks are
/// decoded again. `memory` bounds the bytes of decoded data that are held at once; a blob with a chunk that does not
/// fit ends as unreadable ([`memory_needed`] tells before). Matches, for a sink that wants them, take eight bytes each besides.
///
/// # Errors
/// The sink failed, or the control asked to stop.
pub fn read_blobs<S: Sink>(
    files: &[&dyn ReadAt],
    requests: &[Request],
    sink: &mut S,
    decoders: &DecoderPool,
    memory: u64,
    control: Control<'_>,
) -> Result<(), Stopped<S::Error>> {
    let threads = rayon::current_num_threads().max(1);
    let mut planner = Planner::new(
        files,
        requests,
        plan::Budget { bytes: BATCH_BYTES_PER_THREAD * threads as u64, pieces: threads, memory: memory / BATCHES },
    );
    let large_buffers = LargeBuffers::new();
    let mut current = Batch::default();
    let mut next = Batch::default();
    let mut hashes = HashState::default();

    planner.fill(&mut current);
    let with_matches = sink.wants_matches();
    current.decode(files, decoders, &large_buffers, with_matches);
    while !current.is_empty() {
        if control.interrupted() {
            return Err(Stopped::Interrupted);
        }
        next.clear();
        planner.fill(&mut next);
        // First what gives back buffers: a thread that is alone decodes into those.
        let (outcome, ()) = rayon::join(
            || {
                let segments = current.finish(files, requests, &mut hashes);
                let result = sink.accept(&segments);
                control.progress.advance(segments.iter().map(|segment| segment.data.len() as u64).sum());
                current.release();
                result
            },
            || next.decode(files, decoders, &large_buffers, with_matches),
        );
        outcome.map_err(Stopped::Sink)?;
        std::mem::swap(&mut current, &mut next);
    }
    if control.interrupted() { Err(Stopped::Interrupted) } else { Ok(()) }
}

#[cfg(test)]
mod tests;
