//! What goes into an image: the files and directories of a directory.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use super::CreateError;
use super::error::NameProblem;
use super::text;
use crate::iso::MAX_DEPTH;
use crate::util::filetime::FileTime;

/// A tree with more is no installation medium.
const MAX_NODES: usize = 1_000_000;
/// The most bytes of a name, with the byte that tells its characters' width.
const MAX_NAME: usize = 254;
/// The most bytes of a path.
const MAX_PATH: usize = 1023;
/// A directory's links are its own entry and one from each directory in it.
const MAX_DIRECTORIES: usize = u16::MAX as usize - 1;

/// A file or directory.
#[derive(Debug)]
pub(super) struct Node {
    /// As it is in the image.
    pub(super) name: String,
    /// Where it comes from.
    pub(super) path: PathBuf,
    /// Its bytes; of a directory, 0.
    pub(super) size: u64,
    /// When it was written last, as the image tells it …
    pub(super) time: FileTime,
    /// … and as its directory does.
    pub(super) written: FileTime,
    /// The directory that it is in, by number; the root is in itself.
    pub(super) parent: usize,
    /// If it is a directory, what is in it, by number and in the order of names.
    pub(super) children: Option<Vec<usize>>,
}

impl Node {
    pub(super) fn is_directory(&self) -> bool {
        self.children.is_some()
    }
}

/// All below `root`, which is number 0. Each directory comes before what is in it, and names are in order, so that the same
/// tree always gives the same list.
pub(super) fn collect(root: &Path) -> Result<Vec<Node>, CreateError> {
    let input = |path: &Path| {
        let path = path.to_owned();
        move |source| CreateError::Input { path, source }
    };
    let metadata = fs::metadata(root).map_err(input(root))?;
    if !metadata.is_dir() {
        return Err(CreateError::NotADirectory { path: root.to_owned() });
    }
    let mut nodes = vec![node(String::new(), root.to_owned(), &metadata, 0)];
    // Each directory with the bytes of its path, and how many it is in.
    let mut waiting = vec![(0, 0, 0)];
    while let Some((directory, path_size, depth)) = waiting.pop() {
        let place = nodes[directory].path.clone();
        // By how Windows compares them.
        let mut entries = BTreeMap::new();
        for entry in fs::read_dir(&place).map_err(input(&place))? {
            let path = entry.map_err(input(&place))?.path();
            let name = checked_name(&path)?;
            if let Some((other, _)) = entries.insert(name.to_lowercase(), (name, path.clone())) {
                return Err(CreateError::CaseCollision { path, other });
            }
            if nodes.len() + entries.len() > MAX_NODES {
                return Err(CreateError::TooMany { path: root.to_owned(), limit: MAX_NODES });
            }
        }
        let first = nodes.len();
        for (name, path) in entries.into_values() {
            let metadata = fs::symlink_metadata(&path).map_err(input(&path))?;
            let path_size = path_size + 1 + text::encode(&name).len();
            if path_size > MAX_PATH {
                return Err(CreateError::Name { path, problem: NameProblem::PathTooLong(path_size) });
            }
            if metadata.is_dir() {
                if depth == MAX_DEPTH {
                    return Err(CreateError::TooDeep { path, limit: MAX_DEPTH });
                }
                waiting.push((nodes.len(), path_size, depth + 1));
            } else if !metadata.is_file() {
                return Err(CreateError::Special { path });
            }
            nodes.push(node(name, path, &metadata, directory));
        }
        let count = nodes[first..].iter().filter(|node| node.is_directory()).count();
        if count > MAX_DIRECTORIES {
            return Err(CreateError::TooManyDirectories { path: place, count, limit: MAX_DIRECTORIES });
        }
        nodes[directory].children = Some((first..nodes.len()).collect());
    }
    Ok(nodes)
}

fn checked_name(path: &Path) -> Result<String, CreateError> {
    let name = path.file_name().and_then(|name| name.to_str());
    let problem = match name {
        None => NameProblem::NotText,
        Some(name) if name.contains('\\') => NameProblem::Backslash,
        Some(name) => match text::encode(name).len() {
            ..=MAX_NAME => return Ok(name.to_owned()),
            size => NameProblem::TooLong(size),
        },
    };
    Err(CreateError::Name { path: path.to_owned(), problem })
}

/// When a file was written last.
pub(super) fn written(metadata: &fs::Metadata) -> FileTime {
    metadata.modified().map_or(FileTime::ZERO, FileTime::from)
}

fn node(name: String, path: PathBuf, metadata: &fs::Metadata, parent: usize) -> Node {
    let written = written(metadata);
    let is_directory = metadata.is_dir();
    Node {
        name,
        path,
        size: if is_directory { 0 } else { metadata.len() },
        time: written.min(FileTime::reproducible_limit()),
        written,
        parent,
        children: is_directory.then(Vec::new),
    }
}
