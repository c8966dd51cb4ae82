//! What can be wrong with a delta.

use super::dcm::Kind;
use super::pa30::FileType;

/// A delta that cannot be applied.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DeltaError {
    /// Neither a delta nor a compressed manifest.
    #[error("a delta begins with \"PA30\", this with \"{}\"", found.escape_ascii())]
    Signature {
        /// The first bytes, four at most.
        found: Vec<u8>,
    },
    /// It is what it should be, but how to read it is not known.
    #[error("unsupported: {0}")]
    Unsupported(#[from] Unsupported),
    /// It contradicts itself, or ends too early.
    #[error("{problem} (byte {offset} of the delta)")]
    Malformed {
        /// What is wrong.
        problem: Malformed,
        /// About where in the delta, in bytes.
        offset: usize,
    },
    /// The target is larger than the caller allows.
    #[error("the target has {size} bytes, the limit is {limit}")]
    TooLarge {
        /// The target's size in bytes, as the delta tells it.
        size: u64,
        /// The limit in bytes.
        limit: u64,
    },
    /// The target's digest is another one than the delta tells: the source is the wrong one, or the delta is damaged.
    #[error("the target's {algorithm} is {found}, the delta tells {expected}")]
    Hash {
        /// The algorithm's name.
        algorithm: &'static str,
        /// The digest that the delta tells, in hexadecimal digits.
        expected: String,
        /// The digest of what came out.
        found: String,
    },
    /// A compressed manifest whose source was not given.
    #[error("a file of the kind {kind} needs {}, which is not there", kind.needs())]
    NoSource {
        /// Which kind.
        kind: Kind,
    },
}

impl DeltaError {
    /// How to mend it, where that can be said.
    pub fn hint(&self) -> Option<&'static str> {
        match self {
            Self::NoSource { kind: Kind::Dcm } => Some(
                "give the base manifest with --base: resource 614 of wcp.dll, which is in the servicing stack of the image that the \
                 manifest is from, below Windows\\WinSxS\\*_microsoft-windows-servicingstack_*",
            ),
            _ => None,
        }
    }
}

/// What is not known how to be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Unsupported {
    /// Another generation of deltas.
    #[error("deltas of the kind {0}")]
    Generation(&'static str),
    /// A delta between executables of which the preprocessing is not known.
    #[error("file type {0}")]
    FileType(FileType),
    /// A transformation of executables that is not known.
    #[error("the transformations {flags:#x} of file type {file_type}")]
    Transformations {
        /// The file type.
        file_type: FileType,
        /// Those bits of the delta's flags that are not known.
        flags: u64,
    },
    /// An executable with metadata of .NET.
    #[error("file type {0} with metadata of .NET")]
    ManagedCode(FileType),
    /// A delta that leads from the target back to the source.
    #[error("a reverse delta")]
    Reverse,
    /// A digest by an algorithm that is not known.
    #[error("digests of the kind {0:#x}")]
    HashAlgorithm(u64),
    /// A compressed file of a kind whose layout is not known.
    #[error("compressed files of the kind {0}")]
    Kind(Kind),
}

/// How a delta can be malformed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Malformed {
    /// The bits end before what is to be read.
    #[error("the delta ends too early")]
    Truncated,
    /// A number of more than 64 bits.
    #[error("a number is too long")]
    Number,
    /// A digest that has not as many bytes as its algorithm gives.
    #[error("a digest of {size} bytes for {algorithm}")]
    HashSize {
        /// The algorithm's name.
        algorithm: &'static str,
        /// How many bytes there are.
        size: usize,
    },
    /// More sets of codes than a delta can need.
    #[error("{0} sets of codes are too many")]
    BlockCount(u64),
    /// Sets of codes that do not begin one behind the other.
    #[error("a set of codes begins before the one in front of it")]
    BlockStart,
    /// A code that is over-subscribed or incomplete, or empty and yet used.
    #[error("the {0} has impossible codeword lengths")]
    BadCode(&'static str),
    /// A run of codeword lengths passes their end, or begins where there is none to repeat; a length beyond 16.
    #[error("the codeword lengths are malformed")]
    BadLengths,
    /// More entries of a rift table than bits for them, or than any real file needs.
    #[error("a rift table of {0} entries is longer than the delta, or than 2^20")]
    RiftSize(u64),
    /// Tables of the source overlap so that they are beyond what a real executable has.
    #[error("the source's tables take too much work")]
    TooMuchWork,
    /// A match refers to what lies outside of the source and of what is made of the target.
    #[error("a match at byte {position} of the target reaches {distance} bytes back, which is outside")]
    Distance {
        /// Where in the target.
        position: u64,
        /// How far it reaches back; the source stands before the target.
        distance: i64,
    },
    /// A match runs past the end of the target.
    #[error("a match of {length} bytes at byte {position} runs past the target's end")]
    Length {
        /// Where in the target.
        position: u64,
        /// Its length in bytes.
        length: u64,
    },
    /// An LZMS block that is larger than the file, or than the file that is to come of it.
    #[error("a compressed block has an impossible size")]
    BlockSize,
    /// An LZMS block that cannot be decoded.
    #[error("a compressed block is malformed: {0}")]
    Lzms(crate::codec::DecodeError),
    /// The compressed blocks become more or fewer bytes than the header tells.
    #[error("the compressed blocks become {found} bytes, the header tells {expected}")]
    TotalSize {
        /// What the header tells, in bytes.
        expected: u64,
        /// What the blocks add up to.
        found: u64,
    },
}
