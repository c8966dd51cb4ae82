//! What is to be done to an image.

use crate::util::read_at::ReadAt;
use crate::wim::metadata::display_path as display;
use crate::wim::reader::{ImageIndex, Wim};
use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

/// One change of an image. `S` is what is added: a [`Source`], or the words of the update language that stand for one.
///
/// Paths inside the image begin at its root, take `/` or `\`, and ignore letter case. Links in it are not followed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Command<S> {
    /// Puts a file or a directory tree at a path. Directories that lead there are made; a directory that exists is merged
    /// with the one that is added; a file that exists is replaced.
    Add {
        /// What is added.
        source: S,
        /// Its path in the image.
        destination: String,
        /// Replace no file: that something is there is an error.
        no_replace: bool,
    },
    /// Takes out a file, or a directory tree.
    Delete {
        /// Its path in the image.
        path: String,
        /// It may be missing.
        force: bool,
        /// It may be a directory, which goes with all that is in it.
        recursive: bool,
    },
    /// Moves a file or directory tree, as `rename` of POSIX does.
    Rename {
        /// Its path in the image.
        from: String,
        /// Its new path, whose directory exists.
        to: String,
    },
}

impl<S> Command<S> {
    /// Puts `source` at `destination`.
    pub fn add(source: S, destination: &str) -> Self {
        Self::Add { source, destination: destination.to_owned(), no_replace: false }
    }

    /// The same with another kind of source.
    ///
    /// # Errors
    /// What `map` answers.
    pub fn try_map<T, E>(self, map: impl FnOnce(S) -> Result<T, E>) -> Result<Command<T>, E> {
        Ok(match self {
            Self::Add { source, destination, no_replace } => {
                Command::Add { source: map(source)?, destination, no_replace }
            }
            Self::Delete { path, force, recursive } => Command::Delete { path, force, recursive },
            Self::Rename { from, to } => Command::Rename { from, to },
        })
    }
}

/// As messages name it.
impl<S: fmt::Display> fmt::Display for Command<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Add { source, destination, .. } => write!(f, "add {source} to {}", display(destination)),
            Self::Delete { path, .. } => write!(f, "delete {}", display(path)),
            Self::Rename { from, to } => write!(f, "rename {} to {}", display(from), display(to)),
        }
    }
}

/// What can be added to an image.
#[derive(Clone)]
#[non_exhaustive]
pub enum Source<'a> {
    /// A file, link or directory on disk.
    Disk(PathBuf),
    /// A file with this content, written now.
    Bytes(Vec<u8>),
    /// A file with the content of a reader, written now.
    Reader {
        /// The content.
        reader: Arc<dyn ReadAt>,
        /// What messages call it.
        name: String,
    },
    /// A file or directory of an image, with all that the image says about it. Resources that the updated file would
    /// store in the same way are copied as they are.
    Image {
        /// The file that holds the image; it may be the one that is updated, opened once more.
        wim: &'a Wim,
        /// The image.
        image: ImageIndex,
        /// The path in the image.
        path: String,
    },
}

impl fmt::Display for Source<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Disk(path) => path.display().fmt(f),
            Self::Bytes(bytes) => write!(f, "{} bytes", bytes.len()),
            Self::Reader { name, .. } => f.write_str(name),
            Self::Image { wim, image, path } => write!(f, "{}!/{image}{}", wim.path().display(), display(path)),
        }
    }
}

impl fmt::Debug for Source<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Source({self})")
    }
}
