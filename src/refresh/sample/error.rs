//! Why no sample could be made.

use std::io;
use std::path::PathBuf;

use crate::cab::create::CreateError;
use crate::wim::WimError;
use crate::wim::capture::CaptureError;
use crate::wim::export::ExportError;

/// Why no sample could be made.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SampleError {
    /// Something is there already.
    #[error("{path}: this directory is not empty", path = .path.display())]
    NotEmpty {
        /// The directory.
        path: PathBuf,
    },
    /// A file cannot be written.
    #[error("{path}: {source}", path = .path.display())]
    Io {
        /// Which file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// An image cannot be captured.
    #[error(transparent)]
    Capture(#[from] CaptureError),
    /// An image cannot be described.
    #[error(transparent)]
    Export(#[from] ExportError),
    /// An image cannot be read back.
    #[error(transparent)]
    Wim(#[from] WimError),
    /// A package cannot be written.
    #[error(transparent)]
    Cabinet(#[from] CreateError),
    /// It was asked to stop.
    #[error("interrupted")]
    Interrupted,
}

impl SampleError {
    /// How to mend it, where that can be said.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::NotEmpty { .. } => Some("name a directory that does not exist, or is empty".into()),
            Self::Capture(error) => error.hint(),
            Self::Export(error) => error.hint(),
            Self::Wim(error) => error.hint(),
            Self::Cabinet(error) => error.hint(),
            Self::Io { .. } | Self::Interrupted => None,
        }
    }
}
