//! Why media cannot be looked at.

use std::io;
use std::path::PathBuf;

use crate::iso::read::IsoError;
use crate::wim::WimError;

/// Why media cannot be looked at.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum MediaError {
    /// Neither a directory nor an ISO image.
    #[error("{path}: media are a directory or an ISO image, this is another file", path = .path.display())]
    NotMedia {
        /// What was named.
        path: PathBuf,
    },
    /// An ISO image cannot be read.
    #[error(transparent)]
    Iso(Box<IsoError>),
    /// A name in an ISO image that no file on disk can have, or one that leads out of the media.
    #[error("{path}: no file on disk can be called {name:?}", path = .path.display())]
    UnsafeName {
        /// The image.
        path: PathBuf,
        /// The name.
        name: String,
    },
    /// A file cannot be read.
    #[error("{path}: {source}", path = .path.display())]
    Io {
        /// Which file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A link, device, pipe or socket.
    #[error("{path}: neither a file nor a directory, which media do not have", path = .path.display())]
    Special {
        /// Which one.
        path: PathBuf,
    },
    /// Two names that Windows takes for one.
    #[error("{path}: differs from {other} in letter case only", path = .path.display(), other = .other.display())]
    CaseCollision {
        /// One of them.
        path: PathBuf,
        /// The other.
        other: PathBuf,
    },
    /// More files than media have.
    #[error("{path}: more than {limit} files are no installation media", path = .path.display())]
    TooMany {
        /// The directory.
        path: PathBuf,
        /// How many are read.
        limit: usize,
    },
    /// A file is larger than one of its kind is.
    #[error("{path}: {size} bytes, {limit} are the most for such a file", path = .path.display())]
    TooLarge {
        /// Which file.
        path: PathBuf,
        /// Its size in bytes.
        size: u64,
        /// How many are read.
        limit: u64,
    },
    /// Nothing for EFI firmware to start.
    #[error("{path}: the media have no {name} to boot from", path = .path.display())]
    NoBootImage {
        /// The media.
        path: PathBuf,
        /// What they should have.
        name: &'static str,
    },
    /// An image cannot be read.
    #[error(transparent)]
    Wim(#[from] WimError),
}

impl MediaError {
    /// How to mend it, where that can be said.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::NotMedia { .. } => Some("name the directory with the media's files, or their ISO image".into()),
            Self::Iso(error) => error.hint(),
            Self::Special { .. } => Some("put the file itself in its place".into()),
            Self::CaseCollision { .. } => Some("remove one of the two".into()),
            Self::NoBootImage { .. } => {
                Some(
                "`wimkit media iso` takes another with --efi FILE, or writes an image that does not boot with --no-boot"
                    .into(),
            )
            }
            Self::Wim(error) => error.hint(),
            Self::Io { .. } | Self::TooMany { .. } | Self::TooLarge { .. } | Self::UnsafeName { .. } => None,
        }
    }
}
