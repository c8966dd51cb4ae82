//! Why images cannot be changed.

use crate::wim::WimError;
use crate::wim::capture::{CaptureError, Problem};
use crate::wim::export::ExportError;
use crate::wim::metadata::{EncodeError, PathError};
use crate::wim::reader::ImageIndex;
use std::path::PathBuf;

/// An update failed. The file is as it was.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum UpdateError {
    /// A command cannot be carried out.
    #[error("{path}: image {image}: cannot {command}: {problem}", path = path.display())]
    Command {
        /// The file.
        path: PathBuf,
        /// The image in it.
        image: ImageIndex,
        /// What it says.
        command: String,
        /// What is in its way.
        problem: Box<PathError>,
    },
    /// What is to be added is not in the image that it is to come from.
    #[error("{path}: image {image}: {problem}", path = path.display())]
    Source {
        /// The file that was to have it.
        path: PathBuf,
        /// The image in it.
        image: ImageIndex,
        /// Where it was looked for.
        problem: Box<PathError>,
    },
    /// What is to be added is a device, pipe or socket, or the file that is written.
    #[error("{path}: this is {what}", path = path.display())]
    LeftOut {
        /// What was named.
        path: PathBuf,
        /// What it is.
        what: crate::wim::capture::LeftOut,
    },
    /// What is to be added cannot be read.
    #[error(transparent)]
    Capture(Box<CaptureError>),
    /// A tree became larger than an image can be.
    #[error("{path}: image {image}: {error}", path = path.display())]
    Tree {
        /// The file.
        path: PathBuf,
        /// The image in it.
        image: ImageIndex,
        /// What is too large.
        error: EncodeError,
    },
    /// The file cannot be read, changed or written.
    #[error(transparent)]
    Destination(ExportError),
    /// It was asked to stop.
    #[error("interrupted")]
    Interrupted,
}

impl From<ExportError> for UpdateError {
    fn from(error: ExportError) -> Self {
        match error {
            ExportError::Interrupted => Self::Interrupted,
            error => Self::Destination(error),
        }
    }
}

impl From<WimError> for UpdateError {
    fn from(error: WimError) -> Self {
        Self::Destination(error.into())
    }
}

impl From<CaptureError> for UpdateError {
    fn from(error: CaptureError) -> Self {
        match error {
            CaptureError::Interrupted => Self::Interrupted,
            CaptureError::Destination(error) => error.into(),
            error => Self::Capture(Box::new(error)),
        }
    }
}

impl UpdateError {
    /// How to mend it, where that can be said.
    pub fn hint(&self) -> Option<String> {
        let text = match self {
            Self::Command { problem, .. } => match &**problem {
                PathError::IsADirectory { .. } => {
                    "`delete --recursive` takes a directory with all that is in it; a file cannot take its place"
                }
                PathError::NotADirectory { .. } => "delete what is there first, or choose another path",
                PathError::NotFound { .. } => {
                    "`wimkit ls` shows what is there; `delete --force` takes what is missing for deleted"
                }
                PathError::Name { .. } => "--any-names takes names that Windows cannot have",
                PathError::NotEmpty { .. } => "`add` merges directories; `rename` does not",
                PathError::Exists { .. } => "leave --no-replace out to replace it",
                PathError::IntoItself { .. } | PathError::Root => return None,
            },
            Self::Source { .. } => "`wimkit ls` shows what is there",
            Self::Capture(error) => match &**error {
                CaptureError::Unreadable {
                    problem: Problem::NotForWindows { .. } | Problem::CaseTwin { .. }, ..
                } => "rename it, leave it out with --exclude, or take such names with --any-names",
                CaptureError::Unreadable { .. } => "leave it out of a directory with --exclude",
                _ => return None,
            },
            Self::Destination(error) => return error.hint(),
            Self::LeftOut { .. } | Self::Tree { .. } | Self::Interrupted => return None,
        };
        Some(text.to_owned())
    }
}
