//! Putting the files of a package together out of its payload, after its [index](super::cix).
//!
//! A file is a piece of the payload as it is, or comes of a delta: against nothing, or against another file of the package, which
//! then is made first. Deltas against files of the system that is updated, and kinds of deltas that are not known, are
//! *refused*: nothing is wrong with them. A file *failed* if its piece is not there, does not have its digest, or does not become what
//! the index says. Every file that is handed out has the digest that the index tells, if it tells one.

mod order;
mod pieces;
#[cfg(test)]
mod tests;

pub use pieces::{Members, Pieces, Psf};

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};

use super::cix::{Index, IndexedFile, Piece, PieceKind, Place, Way};
use super::digest::Digest;
use crate::codec::delta::{DeltaError, Unsupported, pa30};
use order::Order;

/// How files are put together.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// A file with more bytes is not made.
    pub max_file: u64,
    /// As many bytes may be kept of files that others are made of.
    pub max_kept: u64,
}

impl Default for Options {
    fn default() -> Self {
        Self { max_file: 1 << 31, max_kept: 2 << 30 }
    }
}

/// Why a file was not made.
enum Fate {
    Refused(Refusal),
    Failed(Failure),
}

/// Why a file is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Refusal {
    /// A kind of piece that cannot be read.
    #[error("pieces of the type {0} are not supported")]
    PieceKind(String),
    /// A delta of a kind that cannot be applied.
    #[error("a delta that is not supported: {0}")]
    Delta(Unsupported),
    /// A delta between executables that makes another file than it should, although neither it nor what it is against is
    /// damaged: how this executable is prepared is not fully known.
    #[error("a delta between executables whose preparation is not fully known: {0}")]
    Executable(DeltaError),
    /// The delta is against a file of the system that is updated.
    #[error("a delta against a file of the system that is updated, which is not in the package")]
    NeedsBasis,
    /// The delta is against another file of the package, which was not made.
    #[error("a delta against {0}, which was not made")]
    BasisNotMade(String),
    /// Too much would have to be kept in memory.
    #[error("a delta against {basis}, for which no memory is left: {limit} bytes may be kept")]
    BasisNotKept {
        /// The path of the file that the delta is against.
        basis: String,
        /// The limit.
        limit: u64,
    },
}

impl Refusal {
    /// What it is counted under.
    pub fn kind(&self) -> String {
        match self {
            Self::PieceKind(kind) => kind.clone(),
            Self::Delta(Unsupported::Generation(name)) => (*name).to_owned(),
            Self::Delta(unsupported) => format!("PA30, {unsupported}"),
            Self::Executable(_) => "PA30, an executable that is not fully understood".to_owned(),
            Self::NeedsBasis => "needs a file of the system".to_owned(),
            Self::BasisNotMade(_) | Self::BasisNotKept { .. } => "needs a file that was not made".to_owned(),
        }
    }
}

/// Why a file could not be made.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Failure {
    /// The index has no way to it.
    #[error("the index does not say how to get it")]
    NoWay,
    /// Its way leads back to it.
    #[error("it is to be made out of itself")]
    Circle,
    /// The piece lies outside of the payload.
    #[error("its piece of {length} bytes at offset {offset} lies outside of the payload, which has {size}")]
    Outside {
        /// Where it begins.
        offset: u64,
        /// How long it is.
        length: u64,
        /// How long the payload is.
        size: u64,
    },
    /// The cabinet has no such member.
    #[error("its piece {0:?} is not in the package")]
    NoMember(String),
    /// The payload cannot be read.
    #[error("its piece cannot be read: {0}")]
    Read(String),
    /// The piece has another digest than the index tells.
    #[error("its piece has the {algorithm} {found}, the index tells {expected}", algorithm = expected.algorithm())]
    PieceDigest {
        /// What the index tells.
        expected: Digest,
        /// What it is.
        found: Digest,
    },
    /// The delta is malformed, or is against something else.
    #[error("its delta: {0}")]
    Delta(DeltaError),
    /// It is larger than what is to be made.
    #[error("it has {size} bytes, the limit is {limit}")]
    TooLarge {
        /// Its size as the index tells it.
        size: u64,
        /// The limit.
        limit: u64,
    },
    /// It has another size than the index tells.
    #[error("it became {found} bytes, the index tells {expected}")]
    Size {
        /// What the index tells.
        expected: u64,
        /// What it is.
        found: u64,
    },
    /// It has another digest than the index tells.
    #[error("it has the {algorithm} {found}, the index tells {expected}", algorithm = expected.algorithm())]
    FileDigest {
        /// What the index tells.
        expected: Digest,
        /// What it is.
        found: Digest,
    },
}

/// What came of all files.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Outcome {
    /// How many were made.
    pub decoded: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Those that were refused, by their place in the index.
    pub refused: Vec<(usize, Refusal)>,
    /// Those that failed, by their place in the index.
    pub failed: Vec<(usize, Failure)>,
}

impl Outcome {
    /// How many were refused for what.
    pub fn refused_by_kind(&self) -> BTreeMap<String, u64> {
        let mut kinds = BTreeMap::new();
        self.refused.iter().for_each(|(_, refusal)| *kinds.entry(refusal.kind()).or_default() += 1);
        kinds
    }
}

impl From<Refusal> for Fate {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

impl From<Failure> for Fate {
    fn from(failure: Failure) -> Self {
        Self::Failed(failure)
    }
}

/// Makes the `chosen` files of the index, by their places in it, and those that they need, and hands those that are chosen to
/// `sink`. Those that are made of others come after them.
///
/// # Errors
/// What the sink answers.
pub fn reconstruct<E>(
    index: &Index,
    pieces: &dyn Pieces,
    chosen: &[usize],
    options: &Options,
    mut sink: impl FnMut(usize, &[u8]) -> Result<(), E>,
) -> Result<Outcome, E> {
    let mut order = Order::new(index, chosen);
    let mut kept = Kept { files: HashMap::new(), size: 0, limit: options.max_kept };
    let mut outcome = Outcome::default();
    while let Some(place) = order.next() {
        let file = &index.files[place];
        let basis = order.basis(place);
        let result = kept.source(basis, index).and_then(|source| make(file, order.way(place), source, pieces, options));
        match result {
            Ok(bytes) => {
                if order.is_chosen(place) {
                    sink(place, &bytes)?;
                    outcome.decoded += 1;
                    outcome.bytes += bytes.len() as u64;
                }
                if order.is_needed(place) {
                    kept.keep(place, bytes);
                }
            }
            Err(Fate::Refused(refusal)) if order.is_chosen(place) => outcome.refused.push((place, refusal)),
            Err(Fate::Failed(failure)) if order.is_chosen(place) => outcome.failed.push((place, failure)),
            Err(_) => {}
        }
        if let Some(basis) = basis.filter(|_| order.was_last_of_its_basis(place)) {
            kept.forget(basis);
        }
    }
    let circles = chosen.iter().filter(|place| !order.is_done(**place));
    outcome.failed.extend(circles.map(|place| (*place, Failure::Circle)));
    outcome.refused.sort_by_key(|(place, _)| *place);
    outcome.failed.sort_by_key(|(place, _)| *place);
    Ok(outcome)
}

/// Files that others are made of.
struct Kept {
    /// Those that were made; `None` where there was no room.
    files: HashMap<usize, Option<Vec<u8>>>,
    size: u64,
    limit: u64,
}

impl Kept {
    fn keep(&mut self, place: usize, bytes: Cow<'_, [u8]>) {
        let size = bytes.len() as u64;
        let bytes = (size <= self.limit - self.size).then(|| bytes.into_owned());
        self.size += bytes.as_ref().map_or(0, |_| size);
        self.files.insert(place, bytes);
    }

    fn forget(&mut self, place: usize) {
        if let Some(Some(bytes)) = self.files.remove(&place) {
            self.size -= bytes.len() as u64;
        }
    }

    /// What a delta is against: a file that was made, or nothing.
    fn source(&self, basis: Option<usize>, index: &Index) -> Result<Option<&[u8]>, Fate> {
        let Some(basis) = basis else { return Ok(None) };
        let name = || index.files[basis].name.clone();
        match self.files.get(&basis) {
            Some(Some(bytes)) => Ok(Some(bytes)),
            Some(None) => Err(Refusal::BasisNotKept { basis: name(), limit: self.limit }.into()),
            None => Err(Refusal::BasisNotMade(name()).into()),
        }
    }
}

/// Makes one file; `source` is what its delta is against.
fn make<'a>(
    file: &IndexedFile,
    way: Option<&Way>,
    source: Option<&[u8]>,
    pieces: &'a dyn Pieces,
    options: &Options,
) -> Result<Cow<'a, [u8]>, Fate> {
    let way = way.ok_or(Failure::NoWay)?;
    if let Some(size) = file.size.filter(|size| *size > options.max_file) {
        return Err(Failure::TooLarge { size, limit: options.max_file }.into());
    }
    let bytes = match (&way.piece, source) {
        (None, None) if way.basis.is_none() => return Err(Failure::NoWay.into()),
        (None, None) => return Err(Refusal::NeedsBasis.into()),
        (None, Some(same)) => Cow::Owned(same.to_vec()),
        (Some(Piece { kind: PieceKind::Other(kind), .. }), _) => return Err(Refusal::PieceKind(kind.clone()).into()),
        (Some(Piece { kind: PieceKind::Pa30 | PieceKind::Delta, .. }), None) if way.basis.is_some() => {
            return Err(Refusal::NeedsBasis.into());
        }
        (Some(piece), source) => {
            // A piece that is larger than what it becomes is none.
            if let Place::Range { length, .. } = piece.place
                && length > options.max_file
            {
                return Err(Failure::TooLarge { size: length, limit: options.max_file }.into());
            }
            let content = pieces.read(&piece.place)?;
            if let Some((expected, found)) = piece.digest.and_then(|digest| other_digest(digest, &content)) {
                return Err(Failure::PieceDigest { expected, found }.into());
            }
            match piece.kind {
                PieceKind::Raw => content,
                _ => match pa30::apply(source.unwrap_or_default(), &content, file.size.unwrap_or(options.max_file)) {
                    Ok(bytes) => Cow::Owned(bytes),
                    Err(DeltaError::Unsupported(unsupported)) => return Err(Refusal::Delta(unsupported).into()),
                    Err(error) if piece.digest.is_some() && is_of_executables(&content) => {
                        return Err(Refusal::Executable(error).into());
                    }
                    Err(error) => return Err(Failure::Delta(error).into()),
                },
            }
        }
    };
    if let Some(expected) = file.size.filter(|size| *size != bytes.len() as u64) {
        return Err(Failure::Size { expected, found: bytes.len() as u64 }.into());
    }
    match file.digest.and_then(|digest| other_digest(digest, &bytes)) {
        Some((expected, found)) => Err(Failure::FileDigest { expected, found }.into()),
        None => Ok(bytes),
    }
}

/// Whether a delta is one for which the source is prepared.
fn is_of_executables(delta: &[u8]) -> bool {
    pa30::Header::read(delta).is_ok_and(|header| header.file_type != pa30::FileType::RAW)
}

/// The digest that was expected and the one that was found, where they are not the same.
fn other_digest(expected: Digest, bytes: &[u8]) -> Option<(Digest, Digest)> {
    let found = expected.of_same_kind(bytes);
    (found != expected).then_some((expected, found))
}
