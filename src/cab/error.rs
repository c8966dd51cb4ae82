//! Why a cabinet cannot be read.

use std::io;
use std::path::PathBuf;

use super::single_file;

/// A cabinet, or a set of them, that cannot be read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CabError {
    /// The file cannot be opened or read.
    #[error("{path}: {source}", path = path.display())]
    Io {
        /// Which file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// There is no cabinet in the file.
    #[error("{path}: this is no cabinet: offset 0x0: expected MSCF, and no cabinet was found further on", path = path.display())]
    NotACabinet {
        /// Which file.
        path: PathBuf,
    },
    /// The file contradicts itself, or its data cannot be decoded.
    #[error("{path}: offset {offset:#x}: {problem}", path = path.display())]
    Malformed {
        /// Which file.
        path: PathBuf,
        /// Where, from the beginning of the file.
        offset: u64,
        /// What is wrong.
        problem: String,
    },
    /// A file that was compressed by itself, and is too large to be kept in memory.
    #[error("{path}: {size} bytes are too many to be kept in memory, {limit} are the most", path = path.display())]
    TooLarge {
        /// Which file.
        path: PathBuf,
        /// How many bytes it has, or may become.
        size: u64,
        /// The limit.
        limit: u64,
    },
    /// Another cabinet of the set is needed.
    #[error("{path}: the {which} cabinet of the set is missing: {name}", path = path.display())]
    MissingPart {
        /// The cabinet that needs it.
        path: PathBuf,
        /// `next` or `previous`.
        which: &'static str,
        /// The name that is stored for it.
        name: String,
    },
    /// A cabinet that does not belong to the set.
    #[error("{path}: this cabinet does not go with {other}: {why}", path = path.display(), other = other.display())]
    ForeignPart {
        /// Which file.
        path: PathBuf,
        /// The one before it.
        other: PathBuf,
        /// What differs.
        why: String,
    },
}

impl CabError {
    /// How to mend it, where that can be said.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::MissingPart { .. } => Some("put it beside the others, or name it with --part".into()),
            Self::TooLarge { size, .. } => {
                let needed = size.saturating_mul(single_file::MEMORY_PER_BYTE).div_ceil(1 << 20);
                Some(format!("allow it: --memory {needed}M"))
            }
            _ => None,
        }
    }
}
