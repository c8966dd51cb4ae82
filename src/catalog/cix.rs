//! Container indices: which files a package's payload becomes, and out of what.
//!
//! An index is an XML document in the namespace `urn:ContainerIndex`. There are two kinds: of a PSF, a flat file in which the pieces
//! lie at offsets (`express.psf.cix.xml`), and of a cabinet, whose members are the pieces (`_manifest_.cix.xml`; the members are numbered). For each file
//! it tells the path, the size, the digest, and one way or several to get it: a piece as it is, or a delta, perhaps
//! against a *basis*, which is another file of the same index or one of the system that is updated.
//!
//! An older kind of index of a PSF, the `.psm`, is a text of sections, which tells less: see `psm`.

mod error;
mod parse;
mod psm;
#[cfg(test)]
mod tests;

pub use error::CixError;

use super::digest::Digest;
use crate::util::filetime::FileTime;

/// The names by which indices are found beside the payload.
pub const INDEX_SUFFIX: &str = ".cix.xml";
/// What indices of the older kind end with.
pub const PSM_SUFFIX: &str = ".psm";
/// The name of the index in a cabinet whose members are pieces.
pub const CABINET_INDEX: &str = "_manifest_.cix.xml";

/// The largest index, in bytes: those of cumulative updates have less than half of that.
pub const MAX_NBYTES: u64 = 128 << 20;

/// Where the pieces are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ContainerKind {
    /// At offsets of a PSF.
    Psf,
    /// In members of a cabinet.
    Cabinet,
}

/// A container index.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Index {
    /// The container's name, as it had when the package was made.
    pub name: String,
    /// Where the pieces are.
    pub kind: ContainerKind,
    /// The files, in the order of the index.
    pub files: Vec<IndexedFile>,
}

/// A file that is to be made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IndexedFile {
    /// By what others refer to it.
    pub id: u64,
    /// Its path, with `\` between the parts. It leads nowhere outside.
    pub name: String,
    /// Its size in bytes. A `.psm` does not tell that of a delta's target.
    pub size: Option<u64>,
    /// When it was written last.
    pub time: FileTime,
    /// Its attributes, as Windows counts them.
    pub attributes: u32,
    /// The digest of the whole file. A `.psm` has none.
    pub digest: Option<Digest>,
    /// The ways to get it, the preferred one first.
    pub ways: Vec<Way>,
}

/// One way to get a file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Way {
    /// The piece. None: the file is the same as its basis.
    pub piece: Option<Piece>,
    /// The file that a delta is against.
    pub basis: Option<Basis>,
}

/// A piece of the payload.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Piece {
    /// What it is: `RAW`, or a kind of delta.
    pub kind: PieceKind,
    /// Where it is.
    pub place: Place,
    /// Its digest.
    pub digest: Option<Digest>,
}

/// What a piece is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PieceKind {
    /// The file as it is.
    Raw,
    /// A PA30 delta.
    Pa30,
    /// A delta whose kind its first bytes tell.
    Delta,
    /// Something else, by the name that the index has for it.
    Other(String),
}

impl PieceKind {
    /// The name that indices have for it.
    pub fn name(&self) -> &str {
        match self {
            Self::Raw => "RAW",
            Self::Pa30 => "PA30",
            Self::Delta => "delta",
            Self::Other(name) => name,
        }
    }
}

/// Where a piece is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// In the PSF.
    Range {
        /// From this byte on.
        offset: u64,
        /// So many bytes.
        length: u64,
    },
    /// The member of the cabinet that has this name.
    Member(String),
}

/// The file that a delta is against.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Basis {
    /// The file of this id. Where the index has none, it is one of the system that is updated.
    pub file: Option<u64>,
}

impl Index {
    /// Reads an index: a document in XML, or a `.psm`, which is told by its first character.
    ///
    /// # Errors
    /// [`CixError`]: it is no XML, no container index, lacks something, contradicts itself, or has a path that leads outside.
    pub fn parse(document: &[u8]) -> Result<Self, CixError> {
        parse::parse(document)
    }
}
