//! The tree that a scan becomes.
//!
//! Entries are made while they are written: half a million files in the form of a [`NewFile`] each would take several times
//! what the scan takes.

use super::scan::{Kind, Node, NodeIndex, Places, Scan};
use crate::util::sha1::Sha1;
use crate::util::utf16;
use crate::wim::metadata::encode::{self, Source};
use crate::wim::metadata::tagged::{EXTENDED_ATTRIBUTES, OBJECT_ID, UNIX_DATA, UnixData};
use crate::wim::metadata::{Attributes, EncodeError, NewFile, NewStream, Statistics, StreamKind};
use std::borrow::Cow;

/// The flag of a link whose target was not made to count from the root of the tree, as a dentry has it.
const NOT_FIXED: u64 = 1 << 48;

/// A tree to be written, and what it refers to.
#[derive(Debug, Default)]
pub(in crate::wim) struct Tree {
    /// The metadata resource, uncompressed.
    pub metadata: Vec<u8>,
    pub statistics: Statistics,
    pub symlinks: u64,
    /// Names beyond the first of their files.
    pub hard_links: u64,
    /// The blobs that streams refer to, each as often as they do.
    pub references: Vec<Sha1>,
}

/// Makes the tree of everything in `scan` whose contents have hashes.
pub(super) fn build(mut scan: Scan, hashes: &[Option<Sha1>]) -> Result<Tree, EncodeError> {
    // What their sources were is not needed any more, and takes a good part of the memory. By reference: a vector that is turned into
    // another keeps its room.
    let more = |content| scan.kept.as_ref().map_or(0, |kept| kept.more_nbytes(content));
    let sizes = scan.contents.iter().enumerate().map(|(content, of)| of.size.saturating_add(more(content)));
    let sizes: Vec<u64> = sizes.collect();
    scan.contents = Vec::new();
    let mut tree = Tree::default();
    let entries = Entries::new(&scan, hashes, &sizes, &mut tree);
    tree.metadata = encode::encode(&entries)?;
    Ok(tree)
}

/// The entries of a scan, as an image has them.
struct Entries<'a> {
    scan: &'a Scan,
    hashes: &'a [Option<Sha1>],
    places: Places<'a>,
    /// What goes into the image.
    is_taken: Vec<bool>,
    /// The first name with each content.
    first_names: Vec<Option<NodeIndex>>,
    /// The hard link group of each content; 0 for those with one name.
    groups: Vec<u32>,
}

impl<'a> Entries<'a> {
    /// Takes those whose contents have hashes, and counts them in `tree`.
    fn new(scan: &'a Scan, hashes: &'a [Option<Sha1>], sizes: &[u64], tree: &mut Tree) -> Self {
        let mut entries = Self {
            scan,
            hashes,
            places: scan.places(),
            is_taken: vec![false; scan.nodes.len()],
            first_names: vec![None; sizes.len()],
            groups: vec![0; sizes.len()],
        };
        let mut last_group = 0;
        for (index, node) in (0..).zip(&scan.nodes) {
            let is_root = index == 0;
            // A parent comes before its children.
            if !is_root && !entries.is_taken[node.parent as usize] {
                continue;
            }
            let content = node.content();
            let first = content.and_then(|content| entries.first_names[content as usize]);
            let file = kept_file(scan, first.unwrap_or(index), hashes);
            let Some(file) = file else {
                // Nothing is left of an image without a root: it stays, without what has no hash.
                entries.is_taken[index as usize] = is_root;
                tree.statistics.directories += u64::from(is_root);
                continue;
            };
            entries.is_taken[index as usize] = true;
            let hashes = file.streams.iter().map(|stream| stream.sha1);
            tree.references.extend(hashes.filter(|sha1| !sha1.is_zero()));
            let Some(content) = content.map(|content| content as usize) else {
                tree.statistics.directories += 1;
                continue;
            };
            tree.statistics.files += 1;
            tree.statistics.total_bytes += sizes[content];
            if first.is_none() {
                entries.first_names[content] = Some(index);
                tree.symlinks += u64::from(matches!(node.kind, Kind::Link { .. }));
                continue;
            }
            tree.hard_links += 1;
            tree.statistics.hard_link_bytes += sizes[content];
            if entries.groups[content] == 0 && matches!(node.kind, Kind::File(_)) {
                last_group += 1;
                entries.groups[content] = last_group;
            }
        }
        entries
    }
}

impl Source for Entries<'_> {
    type Descriptor = Box<[u8]>;

    fn descriptors(&self) -> &[Box<[u8]>] {
        &self.scan.descriptors
    }

    fn count(&self) -> usize {
        self.is_taken.len()
    }

    fn file(&self, id: usize) -> Cow<'_, NewFile> {
        let node = &self.scan.nodes[id];
        let first = node.content().and_then(|content| self.first_names[content as usize]);
        let index = id as NodeIndex;
        // Nothing but a root is written without all its contents.
        let file = kept_file(self.scan, first.unwrap_or(index), self.hashes);
        let mut file = file.unwrap_or_else(|| NewFile::directory(&node.name));
        // All names have the metadata of the first; the short name beside a name is that name's own.
        file.name = utf16::from_str(&node.name);
        file.short_name = short_name(node);
        if let Some(kept) = self.scan.kept.as_ref().filter(|_| file.short_name.is_empty()) {
            file.short_name = kept.short_name(index).unwrap_or_default();
        }
        // What a reparse point has there is its tag.
        let is_plain = !file.attributes.contains(Attributes::REPARSE_POINT);
        if let (Kind::File(content), true) = (node.kind, is_plain) {
            file = file.with_hard_link_group(self.groups[content as usize].into());
        }
        Cow::Owned(file)
    }

    fn sorted_children(&self, directory: usize) -> Vec<usize> {
        let children = self.places.children(directory as NodeIndex).iter().map(|child| *child as usize);
        children.filter(|child| self.is_taken[*child]).collect()
    }
}

/// What an image says about an entry of its only tree, as [`new_file`], with what it keeps of an earlier image.
fn kept_file(scan: &Scan, index: NodeIndex, hashes: &[Option<Sha1>]) -> Option<NewFile> {
    let node = &scan.nodes[index as usize];
    let file = new_file(node, hashes)?;
    Some(match &scan.kept {
        Some(kept) => kept.complete(index, node, file),
        None => file,
    })
}

/// What an image says about an entry, unless one of its contents has no hash. The number of its security descriptor is
/// that of the scan.
pub(in crate::wim) fn new_file(node: &Node, hashes: &[Option<Sha1>]) -> Option<NewFile> {
    let hash = |content: u32| hashes[content as usize];
    let mut file = match node.kind {
        Kind::Directory => NewFile::directory(&node.name),
        Kind::File(content) => NewFile::file(&node.name, hash(content)?),
        Kind::Link { data, tag, reserved, to_directory, is_not_fixed, content } => {
            let flags = if is_not_fixed { NOT_FIXED } else { 0 };
            let link = NewFile::reparse_point(&node.name, tag, hash(data)?);
            let mut link = link.with_hard_link_group(u64::from(tag) | u64::from(reserved) << 32 | flags);
            if let Some(content) = content {
                link = link.with_stream(NewStream::unnamed(StreamKind::Data, hash(content)?));
            }
            if to_directory { link.with_attributes(Attributes::DIRECTORY) } else { link }
        }
    };
    let times = node.times;
    (file.creation_time, file.access_time, file.write_time) = (times.creation, times.access, times.write);
    if let Some(windows) = &node.windows {
        file.attributes = windows.attributes;
        file.short_name = short_name(node);
        file.security_id = windows.descriptor;
        for (name, content) in &windows.streams {
            file = file.with_stream(NewStream::named(name, hash(*content)?));
        }
        if let Some(id) = &windows.object_id {
            file = file.with_tagged_item(OBJECT_ID, &id[..]);
        }
        if !windows.extended_attributes.is_empty() {
            file = file.with_tagged_item(EXTENDED_ATTRIBUTES, &windows.extended_attributes);
        }
    }
    match node.unix {
        Some(facts) => Some(file.with_tagged_item(UNIX_DATA, &UnixData::from(facts).encode())),
        None => Some(file),
    }
}

fn short_name(node: &Node) -> Vec<u8> {
    node.windows.as_ref().map(|windows| windows.short_name.to_vec()).unwrap_or_default()
}
