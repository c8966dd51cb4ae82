//! Why an ISO image cannot be read.

use std::io;
use std::path::PathBuf;

/// An image that cannot be read.
#[derive(Debug, thiserror::Error)]
#[error("{path}: {problem}", path = path.display())]
pub struct IsoError {
    /// Which one.
    pub path: PathBuf,
    /// What is wrong.
    #[source]
    pub problem: Problem,
}

/// What is wrong with an image.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Problem {
    /// Neither file system is there.
    #[error("no ISO image: neither UDF nor ISO 9660 is announced from byte 32768 on")]
    NotAnImage,
    /// It cannot be read, or ends early.
    #[error("{0}")]
    Io(#[from] io::Error),
    /// Something lies beyond the image's end.
    #[error("offset {offset:#X}: {what} of {length} bytes, but the image ends at {end:#X}")]
    Truncated {
        /// Where it begins.
        offset: u64,
        /// What it is.
        what: &'static str,
        /// Its bytes.
        length: u64,
        /// The image's size in bytes.
        end: u64,
    },
    /// A descriptor that is none, or damaged.
    #[error("offset {offset:#X}: no valid {expected}: {found}")]
    Descriptor {
        /// Where it should be.
        offset: u64,
        /// What should be there.
        expected: &'static str,
        /// What is there instead.
        found: String,
    },
    /// A field with a value that it cannot have.
    #[error("offset {offset:#X}: {field} is {found}; expected {expected}")]
    Field {
        /// Where the descriptor begins.
        offset: u64,
        /// Which field.
        field: &'static str,
        /// Its value.
        found: u64,
        /// What it may be.
        expected: &'static str,
    },
    /// A kind of partition that is not read.
    #[error("offset {offset:#X}: a partition map {name:?}, which is not supported; only plain partitions are")]
    PartitionMap {
        /// Where the map is.
        offset: u64,
        /// What it calls itself.
        name: String,
    },
    /// A name that cannot be one.
    #[error("offset {offset:#X}: the name {name:?}, which no file may have")]
    Name {
        /// Where the list is.
        offset: u64,
        /// The name.
        name: String,
    },
    /// A directory in itself, or too deep in others.
    #[error("offset {offset:#X}: the directory {path:?} is in itself, or more than {limit} deep")]
    Depth {
        /// Where its description is.
        offset: u64,
        /// Its path.
        path: String,
        /// How deep it may be.
        limit: usize,
    },
    /// More of something than an image has.
    #[error("offset {offset:#X}: {count} {what}; {limit} are the most")]
    TooMany {
        /// Where it is.
        offset: u64,
        /// What it is.
        what: &'static str,
        /// How many there are.
        count: u64,
        /// How many there may be.
        limit: u64,
    },
}

impl IsoError {
    /// How to mend it, where that can be said.
    pub fn hint(&self) -> Option<String> {
        match &self.problem {
            Problem::Truncated { .. } => Some("the download may have been cut off: compare its size and digest".into()),
            _ => None,
        }
    }
}
