//! Why a package cannot be expanded.

use std::io;
use std::path::PathBuf;

use super::super::payload::PayloadError;
use crate::cab::{self, UnsafeName};
use crate::util::new_file::is_fatal;
use crate::wim;

/// A package that cannot be extracted, or not as asked.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PackageError {
    /// Out of a cabinet.
    #[error(transparent)]
    Cabinet(#[from] cab::extract::ExtractError),
    /// Out of a payload.
    #[error(transparent)]
    Payload(#[from] PayloadError),
    /// Out of an image.
    #[error(transparent)]
    Image(#[from] wim::extract::ExtractError),
    /// A path that must not be made. Nothing was.
    #[error("{container}: {name:?} is refused: {problem}", container = container.display())]
    Unsafe {
        /// The container.
        container: PathBuf,
        /// The path below the target.
        name: String,
        /// Why.
        problem: UnsafeName,
    },
    /// Images keep their directories.
    #[error("{container}: files of an image are extracted with their directories only", container = container.display())]
    Flatten {
        /// The image's file.
        container: PathBuf,
    },
    /// What is tolerated unless strictness is asked for. Nothing was made.
    #[error("{problem}")]
    NotStrict {
        /// What it is, and where.
        problem: String,
    },
    /// Several files of one path, where strictness is asked for. Nothing was made.
    #[error(
        "{container}: {name:?} has the same path below the target as {other:?}; only the last of them would be left where \
         letter case does not count", container = container.display()
    )]
    Duplicate {
        /// The container of the later one.
        container: PathBuf,
        /// Its path.
        name: String,
        /// The path of the earlier one.
        other: String,
    },
    /// More than the limit. Nothing was made.
    #[error("{needed} bytes are to be extracted, the limit is {limit}")]
    TooMuch {
        /// How many bytes the files have.
        needed: u64,
        /// The limit.
        limit: u64,
    },
    /// A directory for an inner container cannot be made.
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

impl PackageError {
    /// How to mend it, where that can be said.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Cabinet(error) => error.hint(),
            Self::Payload(error) => error.hint(),
            Self::Image(error) => error.hint(),
            Self::Flatten { .. } => Some("leave --flatten out".into()),
            Self::NotStrict { .. } => Some("without --strict this is tolerated".into()),
            Self::Duplicate { .. } => Some("without --strict the last one of a path counts".into()),
            _ => None,
        }
    }

    /// Whether going on with what else is in the package is no use.
    pub(super) fn ends_all(&self) -> bool {
        match self {
            Self::Cabinet(cab::extract::ExtractError::Target { source, .. })
            | Self::Payload(PayloadError::Target { source, .. })
            | Self::Target { source, .. } => is_fatal(source),
            Self::Payload(PayloadError::BeyondLimit { .. }) => true,
            Self::Cabinet(cab::extract::ExtractError::Cabinet(_)) | Self::Payload(_) => self.is_interrupt(),
            Self::Image(wim::extract::ExtractError::Wim(_)) => false,
            _ => true,
        }
    }

    /// Whether it was asked to stop, and nothing is wrong.
    pub fn is_interrupt(&self) -> bool {
        matches!(
            self,
            Self::Interrupted
                | Self::Cabinet(cab::extract::ExtractError::Interrupted)
                | Self::Payload(PayloadError::Interrupted)
                | Self::Image(wim::extract::ExtractError::Interrupted)
        )
    }
}
