//! Why a payload cannot be used.

use std::io;
use std::path::PathBuf;

use super::super::cix::CixError;
use super::super::psf::Failure;
use crate::address::AddressError;
use crate::codec::delta::DeltaError;

/// A payload that cannot be opened, or whose files cannot be made.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PayloadError {
    /// The package or a member of it cannot be read.
    #[error(transparent)]
    Address(#[from] AddressError),
    /// The index is malformed.
    #[error("{path}: {source}", path = path.display())]
    Index {
        /// The index.
        path: PathBuf,
        /// What is wrong with it.
        source: Box<CixError>,
    },
    /// The index is one of a cabinet.
    #[error("{path}: this is the index of a cabinet, not of a PSF", path = path.display())]
    OtherIndex {
        /// The index.
        path: PathBuf,
    },
    /// The pieces of a cabinet have more bytes than may be kept.
    #[error("{path}: the pieces in it have {size} bytes, the limit is {limit}", path = path.display())]
    TooMuch {
        /// The cabinet.
        path: PathBuf,
        /// How many bytes they have.
        size: u64,
        /// The limit.
        limit: u64,
    },
    /// A file whose size the index does not tell has more bytes than may still be extracted. It was not made; those before it were.
    #[error("{path}: {name}: it has {size} bytes, and {left} of the limit are left", path = path.display())]
    BeyondLimit {
        /// The payload.
        path: PathBuf,
        /// The file's path in the index.
        name: String,
        /// How many bytes it has.
        size: u64,
        /// How many may still be extracted.
        left: u64,
    },
    /// The index that a PSF has in itself cannot be had.
    #[error("{path}: offset {offset:#x}: the index that it has in itself: {source}", path = path.display())]
    OwnIndex {
        /// The PSF.
        path: PathBuf,
        /// Where in it.
        offset: u64,
        /// Why.
        source: DeltaError,
    },
    /// No index of a PSF was found, neither beside it nor in it, or none where it should be.
    #[error("{path}: without its index a PSF cannot be taken apart, and none was found", path = path.display())]
    NoIndex {
        /// The PSF.
        path: PathBuf,
    },
    /// A file cannot be made of the payload.
    #[error("{path}: {name}: {failure}", path = path.display())]
    File {
        /// The payload.
        path: PathBuf,
        /// The file's path in the index.
        name: String,
        /// Why.
        failure: Box<Failure>,
    },
    /// The target directory, or a file in it, cannot be made or written.
    #[error("{path}: {source}", path = path.display())]
    Target {
        /// Which one.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// It was asked to stop.
    #[error("interrupted")]
    Interrupted,
}

impl PayloadError {
    /// How to mend it, where that can be said.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Address(error) => error.hint(),
            Self::NoIndex { .. } => Some(
                "put the package that it belongs to beside it, or name the index or the package with --index".into(),
            ),
            Self::OtherIndex { .. } | Self::OwnIndex { .. } => {
                Some("name the index or the package of the PSF with --index".into())
            }
            Self::File { failure, .. } if matches!(**failure, Failure::TooLarge { .. }) => {
                Some("allow more memory with --memory: a file may take a quarter of it".into())
            }
            Self::BeyondLimit { .. } => {
                Some("--max-size sets the limit; the index does not tell how large the files are".into())
            }
            Self::File { .. } => Some("--keep-going makes the other files and tells which are missing".into()),
            Self::Target { source, .. } if source.kind() == io::ErrorKind::AlreadyExists => {
                Some("something else has the name; choose another directory".into())
            }
            _ => None,
        }
    }
}
