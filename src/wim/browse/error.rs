//! Why something cannot be seen.

use std::io;
use std::path::PathBuf;

use crate::util::sha1::Sha1;
use crate::wim::WimError;
use crate::wim::metadata::reparse::ReparseError;

/// Something in an image cannot be seen or read. Paths are addresses: `install.wim!/1/Windows`.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BrowseError {
    /// There is no such entry.
    #[error("there is nothing of this name")]
    NotFound,
    /// What has entries was asked for.
    #[error("{path}: this is no directory")]
    NotADirectory {
        /// What is not.
        path: String,
    },
    /// What can be read was asked for.
    #[error("{path}: this is a directory")]
    IsADirectory {
        /// What is one.
        path: String,
    },
    /// A link was asked for.
    #[error("{path}: this is no link")]
    NotALink {
        /// What is none.
        path: String,
    },
    /// A link that means nothing here.
    #[error("{path}: {error}")]
    Link {
        /// The link.
        path: String,
        /// Why.
        error: ReparseError,
    },
    /// Encrypted by EFS.
    #[error("{path}: this file is encrypted by EFS; its content cannot be read")]
    Encrypted {
        /// Which file.
        path: String,
    },
    /// Its blob is in no file at hand.
    #[error("{path}: its content, blob {sha1}, is in no file at hand")]
    MissingBlob {
        /// Which file.
        path: String,
        /// The blob.
        sha1: Sha1,
    },
    /// Its content does not decode.
    #[error("{path}: its content, blob {sha1}, cannot be read: {error}")]
    Unreadable {
        /// Which file.
        path: String,
        /// The blob.
        sha1: Sha1,
        /// What is wrong.
        error: io::Error,
    },
    /// Its content decodes, but to something else.
    #[error("{path}: its content hashes to {found}, expected {expected}")]
    Hash {
        /// Which file.
        path: String,
        /// The blob.
        expected: Sha1,
        /// What its bytes are.
        found: Sha1,
    },
    /// More than a caller takes at once.
    #[error("{path}: its {size} bytes are more than {limit}, which can be taken at once")]
    TooLarge {
        /// Which stream.
        path: String,
        /// Bytes.
        size: u64,
        /// Bytes.
        limit: u64,
    },
    /// No further nested WIM can be opened.
    #[error("{path}: too much is open already: {what}")]
    TooMany {
        /// The WIM.
        path: String,
        /// What is exhausted.
        what: &'static str,
    },
    /// No file for large chunks can be made.
    #[error("{path}: cannot make a file for decoded data: {source}", path = path.display())]
    Scratch {
        /// The directory.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// A WIM cannot be read.
    #[error(transparent)]
    Wim(#[from] WimError),
}

impl BrowseError {
    /// Whether it tells of damage, and not of what was asked.
    pub fn is_damage(&self) -> bool {
        !matches!(
            self,
            Self::NotFound
                | Self::NotADirectory { .. }
                | Self::IsADirectory { .. }
                | Self::NotALink { .. }
                | Self::Encrypted { .. }
                | Self::TooLarge { .. }
        )
    }
}
