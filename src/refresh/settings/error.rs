//! Why settings cannot be used.

use std::io;
use std::path::PathBuf;

/// Settings that cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SettingsError {
    /// The file cannot be read.
    #[error("{path}: {source}", path = .path.display())]
    Io {
        /// Which file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// It is no TOML, or has other settings.
    #[error("{path}: {source}", path = .path.display())]
    Toml {
        /// Which file.
        path: PathBuf,
        /// What is wrong, and where.
        source: basic_toml::Error,
    },
    /// A language's tag has another form.
    #[error("{tag:?} is no language such as ja-jp")]
    Tag {
        /// The tag.
        tag: String,
    },
    /// Two of the directories are the same, or one is inside the other.
    #[error("{first} and {second}: {names} must be apart from each other", first = .first.display(), second = .second.display())]
    Overlap {
        /// One of them.
        first: PathBuf,
        /// The other.
        second: PathBuf,
        /// Which settings they are.
        names: &'static str,
    },
    /// What is no part of the media would be among them.
    #[error("{path}: {name} must not be in the media, {media}", path = .path.display(), media = .media.display())]
    InMedia {
        /// The setting.
        name: &'static str,
        /// What it says.
        path: PathBuf,
        /// The media.
        media: PathBuf,
    },
}
