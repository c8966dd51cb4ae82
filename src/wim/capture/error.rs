//! What cannot be captured, and why a capture does not come to an end.

use crate::util::utf16;
use crate::wim::export::ExportError;
use crate::wim::metadata::EncodeError;
use crate::wim::metadata::reparse::ReparseError;
use std::io;
use std::path::PathBuf;

/// A file or directory that was not captured.
#[derive(Debug)]
pub struct Skipped {
    /// Where it is.
    pub path: PathBuf,
    /// Why. A directory stands for all that is in it.
    pub problem: Problem,
}

/// Why something cannot be captured.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Problem {
    /// The system refused: no permission, or it is gone.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// It was written to, or replaced, while it was captured.
    #[error("it changed while it was captured")]
    Changed,
    /// An image stores names as UTF-16.
    #[error("its name is not valid UTF-8")]
    NameNotText,
    /// An image has room for 32,767 code units; file systems of Windows for 255.
    #[error("its name has {units} UTF-16 code units, at most {MAX_NAME_UNITS} are possible")]
    NameTooLong {
        /// How many code units the name has.
        units: usize,
    },
    /// Windows gives the name another meaning, or cannot have it.
    #[error("Windows cannot have its name: {why}")]
    NotForWindows {
        /// Which rule it breaks.
        why: &'static str,
    },
    /// A name with the separator of paths inside images.
    #[error("its name has a backslash, which separates directories inside images")]
    Backslash,
    /// Windows does not tell names apart that differ in letter case only.
    #[error("Windows does not tell its name from {other:?} beside it")]
    CaseTwin {
        /// The other name.
        other: String,
    },
    /// Encrypted by EFS: only the raw form could be stored, and whoever reads it gets the plain content.
    #[error("it is encrypted by EFS")]
    Encrypted,
    /// Its content is compressed, and the part of the system is not at work that reads it.
    #[error("the Windows Overlay Filter, which reads its compressed content, is not at work")]
    Overlay,
    /// A named stream with a name that is no text.
    #[error("it has a named stream whose name is not valid UTF-16")]
    StreamNotText,
    /// A link whose target is no text.
    #[error("the target of the link is not valid UTF-8")]
    TargetNotText,
    /// A link whose target has the separator of Windows in a name.
    #[error("the target of the link has a backslash, which separates directories inside images")]
    TargetBackslash,
    /// A link that reparse data cannot hold.
    #[error(transparent)]
    Target(#[from] ReparseError),
}

/// The longest name of a file on Windows, in UTF-16 code units.
pub(super) const MAX_NAME_UNITS: usize = 255;

impl Problem {
    /// Whether it is the name that Windows could not have, though an image can.
    pub(super) fn name_fault(name: &str) -> Option<Self> {
        crate::util::file_name::windows_fault(name).map(|why| Self::NotForWindows { why })
    }

    /// What keeps a name out of any image.
    pub(super) fn name_impossible(name: &str) -> Option<Self> {
        let units = utf16::from_str(name).len() / 2;
        if name.contains('\\') {
            Some(Self::Backslash)
        } else if units > MAX_NAME_UNITS {
            Some(Self::NameTooLong { units })
        } else {
            None
        }
    }
}

/// A capture failed. An existing destination is as it was, a new one is not there.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CaptureError {
    /// Something of the tree cannot be captured.
    #[error("{path}: {problem}", path = path.display())]
    Unreadable {
        /// Where it is.
        path: PathBuf,
        /// Why.
        problem: Problem,
    },
    /// What is to be captured cannot be looked at.
    #[error("{path}: {source}", path = path.display())]
    Root {
        /// What was named.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// What is to be captured is no directory.
    #[error("{path}: this is no directory", path = path.display())]
    NotADirectory {
        /// What was named.
        path: PathBuf,
    },
    /// The new file would take the place of an existing one.
    #[error("{path}: this file exists already", path = path.display())]
    Exists {
        /// The destination.
        path: PathBuf,
    },
    /// The destination has an image of this name already.
    #[error("{path}: the name \"{name}\" is already taken by image {image}", path = path.display())]
    NameClash {
        /// The destination.
        path: PathBuf,
        /// The name.
        name: String,
        /// Who has it.
        image: u32,
    },
    /// An image of the destination was named to take files over from, and the destination is new.
    #[error("{path}: a new file has no image to take files over from", path = path.display())]
    NothingToUpdate {
        /// The destination.
        path: PathBuf,
    },
    /// The destination was named as a file to leave blobs to.
    #[error("{path}: this file cannot be a delta to itself", path = path.display())]
    DeltaFromItself {
        /// The destination.
        path: PathBuf,
    },
    /// The tree is more than an image can hold.
    #[error("{path}: {error}", path = path.display())]
    Tree {
        /// What was to be captured.
        path: PathBuf,
        /// What is too large.
        error: EncodeError,
    },
    /// The destination cannot be read, changed or written.
    #[error(transparent)]
    Destination(#[from] ExportError),
    /// It was asked to stop.
    #[error("interrupted")]
    Interrupted,
}

impl CaptureError {
    /// How to mend it, where that can be said.
    pub fn hint(&self) -> Option<String> {
        let text = match self {
            Self::Unreadable { problem: Problem::NotForWindows { .. } | Problem::CaseTwin { .. }, .. } => {
                "rename it, leave it out with --exclude, or take such names with --any-names"
            }
            Self::Unreadable { .. } => {
                "leave it out with --exclude, or go on without such files with --skip-unreadable"
            }
            Self::Root { .. } | Self::NotADirectory { .. } => "name the directory whose contents become the image",
            Self::Exists { .. } => "add the image with `wimkit append`, or replace the file with --force",
            Self::NameClash { .. } => "give the new image another name with --name",
            Self::DeltaFromItself { .. } => "write to another file, or leave out --delta-from",
            Self::NothingToUpdate { .. } => "name an image of another file, as FILE!/IMAGE",
            Self::Destination(error) => return error.hint(),
            Self::Tree { .. } | Self::Interrupted => return None,
        };
        Some(text.to_owned())
    }
}
