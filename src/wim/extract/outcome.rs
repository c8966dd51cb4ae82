//! What an extraction did, and what it refused.

use std::io;
use std::path::PathBuf;

use super::not_restored::NotRestored;
use crate::util::sha1::Sha1;
use crate::wim::WimError;
use crate::wim::metadata::reparse::ReparseError;
use crate::wim::metadata::{DentryId, Metadata};
use crate::wim::verify::Damage;

/// What was extracted, and what was not.
#[derive(Debug, Default)]
pub struct Outcome {
    /// Directories made or found.
    pub directories: u64,
    /// Files with content of their own.
    pub files: u64,
    /// Further names of files.
    pub hard_links: u64,
    /// Symbolic links.
    pub symlinks: u64,
    /// Bytes of the files.
    pub bytes: u64,
    /// Entries that were asked for and not extracted, each with the reason. A directory stands for all that is in it.
    pub refused: Vec<Refused>,
    /// What was left out because the target cannot hold it: nothing is wrong.
    pub left_out: LeftOut,
    /// With [`super::Options::unix_data`]: what the image brought that could have the rights of others.
    pub unix_made: UnixMade,
    /// Features that the target holds on this system, but for so many files; `None` if it holds none of them.
    pub not_restored: Option<NotRestored>,
    /// What could not be restored because of privileges that are missing.
    pub warnings: Vec<String>,
}

impl Outcome {
    /// Whether everything that was asked for was extracted.
    pub fn is_complete(&self) -> bool {
        self.refused.is_empty()
    }

    /// Which features of `tree`, all of which was extracted, the target does not hold.
    pub fn not_restored(&self, tree: &Metadata, with_unix_data: bool) -> NotRestored {
        self.not_restored.unwrap_or_else(|| NotRestored::of(tree, with_unix_data))
    }
}

/// What only Unix has, and what one should know of before others can use the directory.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct UnixMade {
    /// Files with a set-user-id or set-group-id bit.
    pub set_id: u64,
    /// Devices, pipes and sockets.
    pub special_files: u64,
}

/// Features of entries that were extracted without them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LeftOut {
    /// Named data streams.
    pub named_streams: u64,
    /// Reparse points other than links: the file or directory is there, without what its reparse data means.
    pub reparse_points: u64,
    /// Further names of files that became copies, as the target has no hard links.
    pub hard_links: u64,
    /// Entries whose owner, group or mode needs a privilege to be set: they belong to who extracts.
    pub owners: u64,
    /// Devices that only a privilege could make, each counted once.
    pub special_files: u64,
    /// Files that the system did not compress, though [`super::Options::compact`] wants it.
    pub not_compacted: u64,
}

/// An entry that was not extracted.
#[derive(Debug)]
pub struct Refused {
    /// The entry.
    pub dentry: DentryId,
    /// Why.
    pub problem: Problem,
}

impl Refused {
    /// Its path in `tree`, the image it belongs to. Not kept: hostile images can have many refused entries at long paths.
    pub fn path(&self, tree: &Metadata) -> String {
        tree.entry(self.dentry).path()
    }
}

/// Why an entry is not extracted.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Problem {
    /// The name could lead out of the target directory, or means nothing: empty, `.`, `..`, with NUL, `/` or `\` in it.
    #[error("the name is not allowed: it could lead out of the target directory")]
    UnsafeName,
    /// The name has unpaired surrogates.
    #[error("the name is not valid UTF-16")]
    NameNotText,
    /// The name is too long for the target.
    #[error("the name has {nbytes} bytes in UTF-8, at most 255 are possible")]
    NameTooLong {
        /// Its length in UTF-8.
        nbytes: usize,
    },
    /// Windows gives the name another meaning, or cannot have it.
    #[error("Windows cannot have the name: {why}")]
    NotForWindows {
        /// Which rule it breaks.
        why: &'static str,
    },
    /// Another entry has the name in other letter case, and the target does not tell them apart.
    #[error("the target directory does not tell the name from {other:?}")]
    CaseCollision {
        /// The entry that was extracted.
        other: String,
    },
    /// Something has the name already.
    #[error("something of this name exists in the target directory")]
    Exists,
    /// What has the name already is no directory, or is one where a file is to be.
    #[error("what has this name in the target directory is of another kind")]
    KindDiffers,
    /// The target is below a link or file of the image.
    #[error("it is inside something that is no directory")]
    NotInDirectory,
    /// Encrypted by EFS: only the raw form could be had.
    #[error("the file is encrypted by EFS")]
    Encrypted,
    /// Its blob is in no file at hand.
    #[error("its content, blob {0}, is in no file at hand")]
    MissingBlob(Sha1),
    /// Its blob is damaged.
    #[error("its content, blob {sha1}, is damaged: {damage}")]
    Damaged {
        /// The blob.
        sha1: Sha1,
        /// What is wrong.
        damage: Damage,
    },
    /// A link without data, or with more than a link can have.
    #[error("its reparse data has {nbytes} bytes, from 1 to 16376 are possible")]
    ReparseSize {
        /// The size of the data.
        nbytes: u64,
    },
    /// A link that means nothing here.
    #[error(transparent)]
    Link(#[from] ReparseError),
    /// What the image says for Unix contradicts what it says for Windows.
    #[error("its mode, {mode:#o}, is that of another kind of file than it is")]
    UnixKind {
        /// The mode.
        mode: u32,
    },
    /// The first name of the file was refused, so there is nothing to link to.
    #[error("the file it is another name of was not extracted")]
    NothingToLinkTo,
    /// The system refused.
    #[error(transparent)]
    Io(#[from] io::Error),
}

impl Problem {
    /// A problem with an existing thing, or the system's.
    pub(super) fn from_io(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::AlreadyExists => Self::Exists,
            io::ErrorKind::NotADirectory | io::ErrorKind::IsADirectory => Self::KindDiffers,
            _ => Self::Io(error),
        }
    }
}

/// Why an extraction did not come to an end.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ExtractError {
    /// The file, or a table without which nothing can be extracted, cannot be read.
    #[error(transparent)]
    Wim(#[from] WimError),
    /// The target directory cannot be made, opened or written.
    #[error("{path}: {source}", path = path.display())]
    Target {
        /// The target directory.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// There is not enough room.
    #[error("{path}: {needed} bytes are to be extracted, {available} are free", path = path.display())]
    NoSpace {
        /// The target directory.
        path: PathBuf,
        /// How many bytes the files have.
        needed: u64,
        /// How many bytes are free.
        available: u64,
    },
    /// More than the limit.
    #[error("{needed} bytes are to be extracted, the limit is {limit}")]
    TooMuch {
        /// How many bytes the files have.
        needed: u64,
        /// The limit.
        limit: u64,
    },
    /// The system does not compress files there where programs do not see it.
    #[error("{path}: files cannot be compacted here: {source}", path = path.display())]
    Compact {
        /// The target directory.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// It was asked to stop.
    #[error("interrupted")]
    Interrupted,
}

impl ExtractError {
    /// How to mend it, where that can be said.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Wim(error) => error.hint(),
            Self::NoSpace { .. } => {
                Some("free some space, or extract with holes (--sparse) if the files have long runs of zeros".into())
            }
            Self::Compact { .. } => {
                Some("leave out --compact: only NTFS on Windows 10 and later has the Windows Overlay Filter".into())
            }
            _ => None,
        }
    }
}
