//! Why a cabinet cannot be written.

use std::io;
use std::path::PathBuf;

use crate::cab::UnsafeName;
use crate::codec::cabinet::UnsupportedWindow;

/// A cabinet that cannot be written. Nothing was.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CreateError {
    /// No files.
    #[error("there are no files to put into a cabinet")]
    Nothing,
    /// More files than a cabinet can list.
    #[error("{count} files; a cabinet has at most {limit}")]
    TooManyFiles {
        /// How many there are.
        count: usize,
        /// How many there may be.
        limit: usize,
    },
    /// A file that no cabinet can hold.
    #[error("{path}: {size} bytes; a file in a cabinet has at most {limit}", path = path.display())]
    FileTooLarge {
        /// The file.
        path: PathBuf,
        /// Its bytes.
        size: u64,
        /// How many it may have.
        limit: u64,
    },
    /// The cabinet's file is among those that are to be in it.
    #[error("{path}: the cabinet would hold itself", path = path.display())]
    Itself {
        /// The file.
        path: PathBuf,
    },
    /// The cabinet would be larger than its offsets reach.
    #[error("the cabinet would have more than {limit} bytes")]
    CabinetTooLarge {
        /// How many bytes a cabinet may have.
        limit: u64,
    },
    /// Something that is no file, no directory, and no link to a file.
    #[error("{path}: this is {what}; cabinets hold files", path = path.display())]
    NotAFile {
        /// What was found.
        path: PathBuf,
        /// What it is.
        what: &'static str,
    },
    /// A name that a cabinet cannot have, or that nobody would extract.
    #[error("{path}: {problem}", path = path.display())]
    Name {
        /// The file.
        path: PathBuf,
        /// What is wrong with its name.
        problem: NameProblem,
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
    /// The cabinet's file cannot be written.
    #[error("{path}: {source}", path = path.display())]
    Target {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// Blocks that are being encoded cannot be kept.
    #[error("the directory for temporary files: {0}")]
    Temporary(#[source] io::Error),
    /// There is no encoder for the method.
    #[error("cabinets are written stored, with MSZIP, or with LZX and a window of 2^17 to 2^21 bytes, not with {:?}", .0.method)]
    Method(#[from] UnsupportedWindow),
    /// It was asked to stop.
    #[error("interrupted")]
    Interrupted,
}

/// What is wrong with a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NameProblem {
    /// It is no UTF-8.
    #[error("the name is not UTF-8")]
    NotText,
    /// It has a backslash in it, which separates directories in cabinets.
    #[error("the name contains a backslash")]
    Backslash,
    /// More bytes than a name may have.
    #[error("the path has {0} bytes; 256 are the most in a cabinet")]
    TooLong(usize),
    /// It would not be extracted.
    #[error("the name would not be extracted: {0}")]
    Unsafe(#[from] UnsafeName),
}

impl CreateError {
    /// How to mend it, where that can be said.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::TooManyFiles { .. } | Self::CabinetTooLarge { .. } => {
                Some("divide the files over several cabinets".into())
            }
            Self::Itself { .. } => Some("remove it first, or write the cabinet outside of the directory".into()),
            Self::FileTooLarge { .. } => Some("a WIM can hold it: `wimkit capture`".into()),
            _ => None,
        }
    }
}
