//! The bytes of files: each content once, whoever has it.

use std::collections::HashMap;
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use super::CreateError;
use super::tree::{Node, written};
use crate::util::progress::Control;
use crate::util::sha1::{Hasher, Sha1};

/// Bytes read at a time.
const PIECE: usize = 1 << 20;

/// A content and where it is read from.
#[derive(Debug)]
struct Content {
    path: PathBuf,
    size: u64,
    /// What its bytes were when files were compared, if this was.
    digest: Option<Sha1>,
}

/// Contents, in the order in which they are written.
#[derive(Debug, Default)]
pub(super) struct Contents {
    all: Vec<Content>,
    /// By the node's number; directories have none.
    of_nodes: Vec<Option<usize>>,
}

impl Contents {
    /// The contents of all files. With `share`, files that have the same bytes have one content.
    pub(super) fn new(nodes: &[Node], share: bool, control: Control<'_>) -> Result<Self, CreateError> {
        let mut contents = Self::default();
        let mut sizes: HashMap<u64, usize> = HashMap::new();
        for node in nodes.iter().filter(|node| !node.is_directory()) {
            *sizes.entry(node.size).or_default() += 1;
        }
        let is_compared = |size: u64| share && size != 0 && sizes[&size] > 1;
        let candidates = nodes.iter().filter(|node| !node.is_directory() && is_compared(node.size));
        control.progress.begin("Comparing", candidates.map(|node| node.size).sum());
        let mut known: HashMap<Sha1, usize> = HashMap::new();
        for node in nodes {
            let index = if node.is_directory() {
                None
            } else if is_compared(node.size) {
                let hash = hash(&node.path, node.size, control)?;
                Some(*known.entry(hash).or_insert_with(|| contents.push(&node.path, node.size, Some(hash))))
            } else {
                Some(contents.push(&node.path, node.size, None))
            };
            contents.of_nodes.push(index);
        }
        Ok(contents)
    }

    fn push(&mut self, path: &Path, size: u64, digest: Option<Sha1>) -> usize {
        self.all.push(Content { path: path.to_owned(), size, digest });
        self.all.len() - 1
    }

    /// The content of a file that may be one of the nodes, or may not.
    pub(super) fn of_file(&mut self, nodes: &[Node], path: &Path) -> Result<(usize, u64), CreateError> {
        let input = |source| CreateError::Input { path: path.to_owned(), source };
        let real = path.canonicalize().map_err(input)?;
        let is_it = |node: &&Node| {
            node.path.file_name() == real.file_name() && node.path.canonicalize().is_ok_and(|path| path == real)
        };
        let in_tree = nodes.iter().zip(&self.of_nodes).filter(|(_, content)| content.is_some());
        if let Some((node, Some(index))) = in_tree.into_iter().find(|(node, _)| is_it(node)) {
            return Ok((*index, node.size));
        }
        let metadata = real.metadata().map_err(input)?;
        if !metadata.is_file() {
            return Err(CreateError::Special { path: path.to_owned() });
        }
        Ok((self.push(&real, metadata.len(), None), metadata.len()))
    }

    /// The content of a node, by number.
    pub(super) fn of_node(&self, node: usize) -> Option<usize> {
        self.of_nodes[node]
    }

    /// How large each is.
    pub(super) fn sizes(&self) -> impl Iterator<Item = u64> {
        self.all.iter().map(|content| content.size)
    }

    /// Hands the bytes of one piece by piece to `take`; they must be those that were compared.
    pub(super) fn read(
        &self,
        index: usize,
        control: Control<'_>,
        mut take: impl FnMut(&[u8]) -> Result<(), CreateError>,
    ) -> Result<(), CreateError> {
        let Content { path, size, digest } = &self.all[index];
        let mut hasher = digest.map(|digest| (digest, Hasher::new()));
        read(path, *size, control, |bytes| {
            hasher.iter_mut().for_each(|(_, hasher)| hasher.update(bytes));
            take(bytes)
        })?;
        match hasher.map(|(digest, hasher)| hasher.finish() == digest) {
            Some(false) => Err(CreateError::Altered { path: path.clone() }),
            _ => Ok(()),
        }
    }
}

/// Refuses files that were written to since they were listed. Of those that have the same bytes one alone is read twice.
pub(super) fn refuse_altered(nodes: &[Node]) -> Result<(), CreateError> {
    for node in nodes.iter().filter(|node| !node.is_directory()) {
        let metadata = node.path.metadata().map_err(|source| CreateError::Input { path: node.path.clone(), source })?;
        if (metadata.len(), written(&metadata)) != (node.size, node.written) {
            return Err(CreateError::Altered { path: node.path.clone() });
        }
    }
    Ok(())
}

fn hash(path: &Path, size: u64, control: Control<'_>) -> Result<Sha1, CreateError> {
    let mut hasher = Hasher::new();
    read(path, size, control, |bytes| {
        hasher.update(bytes);
        Ok(())
    })?;
    Ok(hasher.finish())
}

/// Reads a file that must have so many bytes, and tells the advance.
fn read(
    path: &Path,
    size: u64,
    control: Control<'_>,
    mut take: impl FnMut(&[u8]) -> Result<(), CreateError>,
) -> Result<(), CreateError> {
    let error = |source| CreateError::Input { path: path.to_owned(), source };
    let mut file = File::open(path).map_err(error)?;
    let mut buffer = vec![0; PIECE.min(size as usize + 1)];
    let mut left = size;
    loop {
        if control.interrupted() {
            return Err(CreateError::Interrupted);
        }
        let count = match file.read(&mut buffer) {
            Ok(count) => count,
            Err(source) if source.kind() == std::io::ErrorKind::Interrupted => continue,
            Err(source) => return Err(error(source)),
        };
        left = match left.checked_sub(count as u64) {
            Some(left) if count != 0 || left == 0 => left,
            _ => return Err(CreateError::Changed { path: path.to_owned(), expected: size }),
        };
        if count == 0 {
            return Ok(());
        }
        take(&buffer[..count])?;
        control.progress.advance(count as u64);
    }
}
