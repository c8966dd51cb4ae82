//! Who receives the data of blobs: verification, extraction and export are sinks on one reading engine.

use crate::codec::KnownMatch;
use crate::util::sha1::Sha1;
use crate::wim::resource::ResourceError;

/// A piece of one requested blob.
#[derive(Clone, Debug)]
pub struct Segment<'a> {
    /// Which request, as an index into the slice the engine was given.
    pub request: usize,
    /// Where the piece begins in the blob, in bytes.
    pub offset: u64,
    /// The uncompressed bytes. Empty when the blob ends here because it cannot be read.
    pub data: &'a [u8],
    /// The matches that the chunk consists of that `data` is the content of, if the sink [asks for them](Sink::wants_matches).
    pub matches: &'a [KnownMatch],
    /// `Some` on the last segment of its blob.
    pub end: Option<BlobEnd>,
}

/// How a blob ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BlobEnd {
    /// All bytes came, and their SHA-1 is the blob's.
    Intact,
    /// All bytes came, and hash to something else.
    Mismatch {
        /// What they hash to.
        found: Sha1,
    },
    /// A chunk cannot be read or decoded; nothing more comes.
    Unreadable(ResourceError),
}

/// Receives blobs.
///
/// Segments arrive in the order of the requests, each blob's from its beginning to its end, a batch at a time. One
/// batch holds the ends of some blobs and whole small ones: a sink may work on different blobs of a batch in parallel.
/// While a sink works on one batch the engine decodes the next; a slow sink holds the engine back.
pub trait Sink: Send {
    /// What can go wrong in the sink.
    type Error: Send;

    /// Whether segments shall come with their matches: to compress what comes in chunks as it is stored in.
    fn wants_matches(&self) -> bool {
        false
    }

    /// Takes in a batch. Segments' data is gone when this returns.
    ///
    /// # Errors
    /// Stops the engine.
    fn accept(&mut self, batch: &[Segment<'_>]) -> Result<(), Self::Error>;
}

/// Why the engine stopped early.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stopped<E> {
    /// It was asked to.
    Interrupted,
    /// The sink failed.
    Sink(E),
}
