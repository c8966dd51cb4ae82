//! What can be wrong with a WIM that comes through a pipe.

use std::io;

use crate::util::sha1::Sha1;
use crate::wim::header::HeaderError;
use crate::wim::metadata::MetadataError;
use crate::wim::resource::ResourceError;

/// A pipable WIM cannot be read. Offsets count from its first byte.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PipedError {
    /// The pipe fails, or ends too early.
    #[error("{name}: offset {offset:#x}: {source}")]
    Io {
        /// What is read.
        name: String,
        /// Where.
        offset: u64,
        /// What the system says.
        source: io::Error,
    },
    /// The header is not that of a WIM.
    #[error("{name}: {error}")]
    Header {
        /// What is read.
        name: String,
        /// What is wrong.
        error: HeaderError,
    },
    /// An ordinary WIM: its tables are at its end.
    #[error("{name}: this is an ordinary WIM, which cannot be read from a pipe")]
    NotPipable {
        /// What is read.
        name: String,
    },
    /// A part of a split set.
    #[error("{name}: this is part {part} of {total} of a split set, which cannot be read from a pipe")]
    Split {
        /// What is read.
        name: String,
        /// Its number.
        part: u16,
        /// The number of parts.
        total: u16,
    },
    /// No resource begins where one must.
    #[error("{name}: offset {offset:#x}: expected the magic of a resource, {expected:#x}, found {found:#x}")]
    Magic {
        /// What is read.
        name: String,
        /// Where.
        offset: u64,
        /// The magic.
        expected: u64,
        /// What is there.
        found: u64,
    },
    /// A resource cannot be decoded, or is out of proportion.
    #[error("{name}: the {what}: {error}")]
    Resource {
        /// What is read.
        name: String,
        /// Which resource.
        what: &'static str,
        /// What is wrong.
        error: ResourceError,
    },
    /// The metadata of an image does not hash to what is written before it.
    #[error("{name}: offset {offset:#x}: the metadata of image {image} hashes to {found}, expected {expected}")]
    MetadataHash {
        /// What is read.
        name: String,
        /// Where it begins.
        offset: u64,
        /// 1-based number of the image.
        image: u32,
        /// By its header.
        expected: Sha1,
        /// By its content.
        found: Sha1,
    },
    /// The metadata of an image contradicts itself.
    #[error("{name}: the metadata of image {image}: {error}")]
    Metadata {
        /// What is read.
        name: String,
        /// 1-based number of the image.
        image: u32,
        /// What is wrong.
        error: MetadataError,
    },
    /// There is no such image.
    #[error("{name}: there is no image {image}; there are {count}")]
    NoSuchImage {
        /// What is read.
        name: String,
        /// What was asked for.
        image: u32,
        /// How many there are.
        count: u32,
    },
}

impl PipedError {
    /// How to mend it, where that can be said.
    pub fn hint(&self) -> Option<&'static str> {
        match self {
            Self::NotPipable { .. } => {
                Some("save it to a file first, or make it with `wimlib-imagex capture --pipable`")
            }
            Self::Split { .. } => Some("save the parts to files and name the first one"),
            _ => None,
        }
    }
}
