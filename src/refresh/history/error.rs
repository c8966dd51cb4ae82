//! Why the history cannot be read or written.

use std::io;
use std::path::PathBuf;

/// Why the history cannot be read or written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum HistoryError {
    /// The environment names no place for it.
    #[error("there is no place for the history: the environment names no home directory")]
    NoPlace,
    /// Its directory cannot be made.
    #[error("{path}: {source}", path = .path.display())]
    Io {
        /// Which one.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// Another program has it open.
    #[error("{path}: another program uses this history", path = .path.display())]
    Locked {
        /// Its file.
        path: PathBuf,
    },
    /// It has been written by another version.
    #[error("{path}: this history is of version {found}; this wimkit knows version {known}", path = .path.display())]
    Version {
        /// Its file.
        path: PathBuf,
        /// Its version.
        found: String,
        /// The one that is known.
        known: &'static str,
    },
    /// It is damaged, or no history at all.
    #[error("{path}: this history is damaged, or another kind of file: {problem}", path = .path.display())]
    Damaged {
        /// Its file.
        path: PathBuf,
        /// What is wrong.
        problem: String,
    },
    /// It cannot be read or written.
    #[error("{path}: {source}", path = .path.display())]
    Database {
        /// Its file.
        path: PathBuf,
        /// What is wrong.
        source: Box<redb::Error>,
    },
}

impl HistoryError {
    /// How to mend it, where that can be said.
    pub fn hint(&self) -> Option<&'static str> {
        Some(match self {
            Self::NoPlace => "name a file with --database, or in the environment variable WIMKIT_DATABASE",
            Self::Locked { .. } => "try again when it is done",
            Self::Version { .. } => "use the newer wimkit, or another file with --database",
            Self::Damaged { .. } => "move the file away: the next run begins a new history",
            _ => return None,
        })
    }
}
