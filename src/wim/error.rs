//! What can go wrong when a WIM is opened and its tables are read.

use super::blob_table::BlobTableError;
use super::header::HeaderError;
use super::resource::ResourceError;
use crate::util::sha1::Sha1;
use std::io;
use std::path::PathBuf;

/// A WIM, or one of its tables, cannot be read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum WimError {
    /// The file cannot be opened or read.
    #[error("{path}: {source}", path = path.display())]
    Io {
        /// Which file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The header is not that of a WIM, or contradicts the file.
    #[error("{path}: {error}", path = path.display())]
    Header {
        /// Which file.
        path: PathBuf,
        /// What is wrong.
        error: HeaderError,
    },
    /// A resource that is needed whole cannot be read.
    #[error("{path}: the {what}: {error}", path = path.display())]
    Resource {
        /// Which file.
        path: PathBuf,
        /// Which resource.
        what: String,
        /// What is wrong.
        error: ResourceError,
    },
    /// The blob table contradicts itself.
    #[error("{path}: the blob table at {offset:#x}: {error}", path = path.display())]
    BlobTable {
        /// Which file.
        path: PathBuf,
        /// Where the table begins.
        offset: u64,
        /// What is wrong.
        error: BlobTableError,
    },
    /// The metadata of an image does not hash to what the blob table says.
    #[error(
        "{path}: the metadata of image {image} at {offset:#x} hashes to {found}, the blob table says {expected}",
        path = path.display()
    )]
    MetadataHash {
        /// Which file.
        path: PathBuf,
        /// 1-based number of the image.
        image: u32,
        /// Where the metadata resource begins.
        offset: u64,
        /// By the blob table.
        expected: Sha1,
        /// By its content.
        found: Sha1,
    },
    /// The metadata of an image contradicts itself.
    #[error("{path}: the metadata of image {image}: {error}", path = path.display())]
    Metadata {
        /// Which file.
        path: PathBuf,
        /// 1-based number of the image.
        image: u32,
        /// What is wrong.
        error: super::metadata::MetadataError,
    },
    /// There is no such image.
    #[error("{path}: there is no image {wanted}; the file has {count}", path = path.display())]
    NoSuchImage {
        /// Which file.
        path: PathBuf,
        /// What was asked for.
        wanted: String,
        /// How many there are.
        count: u32,
    },
    /// The image exists by the header but its metadata is not here.
    #[error("{path}: the blob table lists no metadata for image {image}", path = path.display())]
    NoMetadata {
        /// Which file.
        path: PathBuf,
        /// 1-based number of the image.
        image: u32,
    },
    /// An encrypted ESD.
    #[error("{path}: the XML document marks this file as an encrypted ESD", path = path.display())]
    Encrypted {
        /// Which file.
        path: PathBuf,
    },
    /// A part that does not belong to the set.
    #[error("{path}: this is not a part of the set of {first}: {why}", path = path.display(), first = first.display())]
    ForeignPart {
        /// Which file.
        path: PathBuf,
        /// The file the set was opened by.
        first: PathBuf,
        /// What differs.
        why: String,
    },
    /// The first part of a split set, which alone has the metadata, was not found.
    #[error("{path}: this is part {part} of {total}; part 1, which holds the images' metadata, was not found", path = path.display())]
    NoFirstPart {
        /// The file that was opened.
        path: PathBuf,
        /// Its number.
        part: u16,
        /// The number of parts.
        total: u16,
    },
    /// A blob that an image refers to is in none of the files at hand.
    #[error("{path}: the blob {sha1} is missing{}", needed_by.as_ref().map(|p| format!(" (needed by {p})")).unwrap_or_default(), path = path.display())]
    MissingBlob {
        /// Which file refers to it.
        path: PathBuf,
        /// Its identity.
        sha1: Sha1,
        /// The first path that needs it.
        needed_by: Option<String>,
    },
    /// What leads to the file leads nowhere.
    #[error("{error}")]
    Address {
        /// Where it ends.
        error: Box<dyn std::error::Error + Send + Sync>,
        /// How to mend it.
        hint: Option<String>,
    },
    /// Chunks are too large for the memory that may be used.
    #[error("{path}: {needed} bytes of memory are needed to decode its chunks, the limit is {limit}", path = path.display())]
    Memory {
        /// Which file.
        path: PathBuf,
        /// Bytes needed.
        needed: u64,
        /// Bytes allowed.
        limit: u64,
    },
}

impl WimError {
    /// Whether the content of the file is at fault, and not that something could not be looked at.
    pub fn is_damage(&self) -> bool {
        match self {
            Self::Header { error, .. } => {
                !matches!(error, HeaderError::Magic { .. } | HeaderError::HistoricVersion { .. })
            }
            Self::Resource { error, .. } => !matches!(error, ResourceError::Io { .. } | ResourceError::TooLarge { .. }),
            Self::BlobTable { .. } | Self::MetadataHash { .. } | Self::Metadata { .. } | Self::NoMetadata { .. } => {
                true
            }
            _ => false,
        }
    }

    /// How to mend it, where that can be said.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Encrypted { .. } => Some("decrypt the ESD first; wimkit holds no keys and cannot read it".into()),
            Self::NoSuchImage { count, .. } => {
                Some(format!("give a number from 1 to {count}, a name that `wimkit info` shows, or `all`"))
            }
            Self::NoFirstPart { .. } => Some("put all parts of the set side by side, or name them with --part".into()),
            Self::MissingBlob { .. } => Some(
                "a delta WIM needs the WIM it was made against (--ref FILE); a split set needs all of its parts".into(),
            ),
            Self::Header { error: HeaderError::Incomplete, .. } => {
                Some("the program that wrote this file did not finish; make the file again".into())
            }
            Self::Resource { error: ResourceError::TooLarge { size, .. }, .. } => {
                Some(format!("allow more memory: --memory {}M", size.div_ceil(1 << 20) * 2))
            }
            Self::Memory { needed, .. } => Some(format!("allow it: --memory {}M", needed.div_ceil(1 << 20))),
            Self::Address { hint, .. } => hint.clone(),
            _ => None,
        }
    }
}
