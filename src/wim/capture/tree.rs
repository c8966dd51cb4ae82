//! The tree that a scan becomes.

use super::scan::{Kind, Node, Scan};
use crate::util::sha1::Sha1;
use crate::wim::metadata::reparse::SYMLINK;
use crate::wim::metadata::tagged::{UNIX_DATA, UnixData};
use crate::wim::metadata::{Attributes, NewFile, NodeId, Statistics, TreeBuilder};
use std::collections::HashMap;

/// The flag of a link whose target was not made to count from the root of the tree, as a dentry has it.
const NOT_FIXED: u64 = 1 << 48;

/// A tree to be written, and what it refers to.
#[derive(Debug, Default)]
pub(in crate::wim) struct Tree {
    pub builder: TreeBuilder,
    pub statistics: Statistics,
    pub symlinks: u64,
    /// Names beyond the first of their files.
    pub hard_links: u64,
    /// How often streams refer to each blob.
    pub references: HashMap<Sha1, u32>,
}

/// Makes the tree of everything in `scan` whose content has a hash.
pub(super) fn build(scan: &Scan, hashes: &[Option<Sha1>]) -> Tree {
    let mut tree = Tree::default();
    let mut ids: Vec<Option<NodeId>> = Vec::with_capacity(scan.nodes.len());
    // First names of the files that were met, by their contents.
    let mut files: HashMap<u32, NodeId> = HashMap::new();
    for (index, node) in scan.nodes.iter().enumerate() {
        let id = if index == 0 {
            tree.statistics.directories = 1;
            let root = tree.builder.file_mut(TreeBuilder::ROOT);
            *root = describe(root.clone(), node);
            Some(TreeBuilder::ROOT)
        } else {
            // A parent comes before its children, and directories have no content that could be missing.
            ids[node.parent as usize].and_then(|parent| tree.add(scan, node, parent, hashes, &mut files))
        };
        ids.push(id);
    }
    tree
}

impl Tree {
    fn add(
        &mut self,
        scan: &Scan,
        node: &Node,
        parent: NodeId,
        hashes: &[Option<Sha1>],
        files: &mut HashMap<u32, NodeId>,
    ) -> Option<NodeId> {
        let content = match node.kind {
            Kind::Directory => {
                self.statistics.directories += 1;
                return Some(self.builder.add(parent, new_file(node, Sha1::ZERO)));
            }
            Kind::File(content) | Kind::Link { data: content, .. } => content,
        };
        let hash = hashes[content as usize]?;
        let size = scan.contents[content as usize].size;
        self.statistics.files += 1;
        self.statistics.total_bytes += size;
        if !hash.is_zero() {
            *self.references.entry(hash).or_default() += 1;
        }
        if let Some(first) = files.get(&content) {
            self.hard_links += 1;
            self.statistics.hard_link_bytes += size;
            return Some(self.builder.add_hard_link(parent, &node.name, *first));
        }
        self.symlinks += u64::from(matches!(node.kind, Kind::Link { .. }));
        let id = self.builder.add(parent, new_file(node, hash));
        files.insert(content, id);
        Some(id)
    }
}

/// What an image says about an entry whose content has the hash `hash`.
pub(in crate::wim) fn new_file(node: &Node, hash: Sha1) -> NewFile {
    let file = match node.kind {
        Kind::Directory => NewFile::directory(&node.name),
        Kind::File(_) => NewFile::file(&node.name, hash),
        Kind::Link { to_directory, is_not_fixed, .. } => {
            let flags = if is_not_fixed { NOT_FIXED } else { 0 };
            let link =
                NewFile::reparse_point(&node.name, SYMLINK, hash).with_hard_link_group(u64::from(SYMLINK) | flags);
            if to_directory { link.with_attributes(Attributes::DIRECTORY) } else { link }
        }
    };
    describe(file, node)
}

/// The same with the times, and the owner and mode, of what was found.
fn describe(mut file: NewFile, node: &Node) -> NewFile {
    let times = node.times;
    (file.creation_time, file.access_time, file.write_time) = (times.creation, times.access, times.write);
    match node.unix {
        Some(facts) => file.with_tagged_item(UNIX_DATA, &UnixData::from(facts).encode()),
        None => file,
    }
}
