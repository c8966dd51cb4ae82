//! Why an ISO image cannot be written.

use std::io;
use std::path::PathBuf;

/// An ISO image that cannot be written. Nothing was.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CreateError {
    /// Not a directory.
    #[error("{path}: not a directory; an ISO image is made of one", path = path.display())]
    NotADirectory {
        /// What was named.
        path: PathBuf,
    },
    /// A link, device, pipe or socket.
    #[error("{path}: neither a file nor a directory", path = path.display())]
    Special {
        /// What was found.
        path: PathBuf,
    },
    /// A name that cannot be in the file system.
    #[error("{path}: {problem}", path = path.display())]
    Name {
        /// Whose name.
        path: PathBuf,
        /// What is wrong with it.
        problem: NameProblem,
    },
    /// Two names that Windows takes for one.
    #[error("{path}: differs from {other:?} in letter case only", path = path.display())]
    CaseCollision {
        /// One of them.
        path: PathBuf,
        /// The name of the other.
        other: String,
    },
    /// More files and directories than are read.
    #[error("{path}: more than {limit} files and directories", path = path.display())]
    TooMany {
        /// The directory.
        path: PathBuf,
        /// How many there may be.
        limit: usize,
    },
    /// A directory with more directories in it than its link count can tell.
    #[error("{path}: {count} directories in one; {limit} are the most", path = path.display())]
    TooManyDirectories {
        /// The directory.
        path: PathBuf,
        /// How many are in it.
        count: usize,
        /// How many may be.
        limit: usize,
    },
    /// A directory in too many others.
    #[error("{path}: more than {limit} directories deep", path = path.display())]
    TooDeep {
        /// The directory.
        path: PathBuf,
        /// How deep it may be.
        limit: usize,
    },
    /// A file too large for its entry to describe.
    #[error("{path}: {size} bytes; a file has at most {limit}", path = path.display())]
    FileTooLarge {
        /// Which file.
        path: PathBuf,
        /// Its bytes.
        size: u64,
        /// How many it may have.
        limit: u64,
    },
    /// More sectors than numbers of 32 bits reach.
    #[error("the image would have {sectors} sectors; {limit} are the most")]
    TooLarge {
        /// How many it would have.
        sectors: u64,
        /// How many it may have.
        limit: u64,
    },
    /// The label has too many characters, or none.
    #[error("the label {label:?} has {length} characters, and may have 1 to {limit}")]
    Label {
        /// The label.
        label: String,
        /// How many it has.
        length: usize,
        /// How many it may have.
        limit: usize,
    },
    /// A boot image that is empty, or larger than firmware loads.
    #[error("{path}: a boot image of {size} bytes; expected 1 to {limit}", path = path.display())]
    BootImage {
        /// Which file.
        path: PathBuf,
        /// Its bytes.
        size: u64,
        /// How many it may have.
        limit: u64,
    },
    /// The image would be in the directory that it is made of.
    #[error("{path}: the image would hold itself", path = path.display())]
    Itself {
        /// The image.
        path: PathBuf,
    },
    /// An input cannot be read.
    #[error("{path}: {source}", path = path.display())]
    Input {
        /// Which one.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A file has another size than it had.
    #[error("{path}: the file had {expected} bytes and has another size now", path = path.display())]
    Changed {
        /// Which one.
        path: PathBuf,
        /// The bytes it had.
        expected: u64,
    },
    /// A file was written to while the image was.
    #[error("{path}: the file was changed while the image was written", path = path.display())]
    Altered {
        /// Which one.
        path: PathBuf,
    },
    /// The image's file cannot be written.
    #[error("{path}: {source}", path = path.display())]
    Target {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// It was asked to stop.
    #[error("interrupted")]
    Interrupted,
}

/// What is wrong with a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NameProblem {
    /// It is not Unicode.
    #[error("the name is not Unicode")]
    NotText,
    /// It has a character in it that separates the parts of paths on Windows.
    #[error("the name contains a backslash")]
    Backslash,
    /// More bytes than a name may have.
    #[error("the name takes {0} bytes; 254 are the most")]
    TooLong(usize),
    /// More bytes than a path may have.
    #[error("the path takes {0} bytes; 1023 are the most")]
    PathTooLong(usize),
}

impl CreateError {
    /// How to mend it, where that can be said.
    pub fn hint(&self) -> Option<&'static str> {
        match self {
            Self::Itself { .. } => Some("write the image outside of the directory"),
            Self::Special { .. } => Some("media have no links: put the file itself in its place"),
            Self::Changed { .. } | Self::Altered { .. } => Some("try again when nothing else writes there"),
            _ => None,
        }
    }
}
