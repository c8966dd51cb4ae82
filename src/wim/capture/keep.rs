//! What an image that was applied to a directory, changed there and captured again keeps of what the directory does not hold.
//!
//! Systems other than Windows keep neither security descriptors nor short names, named streams and the like. What the image
//! said of a file is still true where the file is as it was left; and of one that was written, as much as of a file that
//! `update` replaces.

use super::reuse::{Reused, is_same_time};
use super::scan::{Content, ContentSource, Kind, Node, NodeIndex, Scan};
use crate::util::filetime::FileTime;
use crate::util::sha1::Sha1;
use crate::wim::metadata::reparse::is_link_tag;
use crate::wim::metadata::{DentryId, Entry, Metadata, NewFile, StreamKind};
use crate::wim::reader::Contents;
use std::collections::HashMap;

/// How much of what the image says of a file it keeps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Keeps {
    /// What a file has that takes the place of another.
    Identity,
    /// A directory in which something changed: all but the times of the last write and access.
    ButTimes,
    /// It is as it was left: all.
    All,
}

/// What the image said, by what of the tree it still holds.
pub(in crate::wim) struct Kept {
    tree: Metadata,
    /// Of each node, the entry whose short name it keeps.
    names: Vec<Option<DentryId>>,
    directories: HashMap<NodeIndex, (DentryId, Keeps)>,
    /// By contents, which tell files from each other.
    files: Vec<Option<(DentryId, Keeps)>>,
    /// The numbers of security descriptors now, by those in the image.
    descriptors: HashMap<u32, u32>,
    /// Bytes of the streams that files keep besides their contents, where there are any.
    more_nbytes: HashMap<u32, u64>,
}

impl std::fmt::Debug for Kept {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { names, directories, files, .. } = self;
        let counts = [names.iter().flatten().count(), directories.len(), files.iter().flatten().count()];
        f.debug_struct("Kept").field("counts", &counts).finish_non_exhaustive()
    }
}

/// Finds out what of an image the tree keeps that was applied from it.
pub(super) fn keep(scan: &mut Scan, reused: Reused, contents: &Contents, limit: FileTime) -> Kept {
    let Reused { tree, entries, same, step, .. } = reused;
    let (directories, descriptors, more_nbytes) = Default::default();
    let (names, files) = (vec![None; scan.nodes.len()], vec![None; scan.contents.len()]);
    let mut kept = Kept { tree, names, directories, files, descriptors, more_nbytes };
    // A system that holds none of it has no descriptors either: they keep their numbers.
    if scan.descriptors.is_empty() {
        scan.descriptors = kept.tree.security_descriptors().map(Into::into).collect();
        kept.descriptors = (0..scan.descriptors.len() as u32).map(|number| (number, number)).collect();
    } else if let (root, Some(descriptor)) = (kept.tree.root(), kept.tree.root().security_descriptor()) {
        let number = scan.descriptors.iter().position(|own| **own == *descriptor).unwrap_or(scan.descriptors.len());
        if number == scan.descriptors.len() {
            scan.descriptors.push(descriptor.into());
        }
        kept.descriptors.extend(root.security_id().map(|id| (id, number as u32)));
    }
    for index in 0..scan.nodes.len() as NodeIndex {
        let Some(id) = entries[index as usize] else { continue };
        let entry = kept.tree.entry(id);
        let node = &scan.nodes[index as usize];
        let is_same_time = is_same_time(node.times.write, entry.write_time().min(limit), step);
        // What the archive has lost cannot be kept.
        let is_whole = entry.streams().all(|stream| stream.is_empty() || contents.find(&stream.sha1).is_some());
        let is_held = node.windows.is_some() && index > 0;
        let found = match node.kind {
            Kind::Directory => {
                // A time that the image does not tell was not set.
                let is_same_time = is_same_time || entry.write_time().is_zero();
                let is_it = entry.is_directory() && (!entry.is_reparse_point() || is_same_time);
                (is_it && is_whole).then_some(if is_same_time { Keeps::All } else { Keeps::ButTimes })
            }
            Kind::File(content) => {
                let is_same = same.get(&content).is_some_and(|other| is_one_file(&kept.tree, *other, id));
                let is_it = !entry.is_directory() && !entry.is_encrypted() && !is_link(&entry);
                is_it.then_some(if is_same && is_whole { Keeps::All } else { Keeps::Identity })
            }
            Kind::Link { .. } => {
                is_link(&entry).then_some(if is_same_time && is_whole { Keeps::All } else { Keeps::Identity })
            }
        };
        let Some(found) = found else { continue };
        if is_held {
            // NTFS holds all of it, but volumes need not have short names.
            if found == Keeps::All {
                kept.names[index as usize] = Some(id);
            }
            continue;
        }
        kept.names[index as usize] = Some(id);
        match node.content() {
            None => drop(kept.directories.insert(index, (id, found))),
            Some(content) => {
                let known = kept.files[content as usize].get_or_insert((id, found));
                if found == Keeps::All && known.1 != Keeps::All {
                    *known = (id, found);
                }
            }
        }
    }
    kept.take_links_over(scan, contents);
    for (content, file) in (0..).zip(&kept.files) {
        let Some((id, Keeps::All)) = file else { continue };
        let entry = kept.tree.entry(*id);
        let own = if is_link(&entry) { StreamKind::Reparse } else { StreamKind::Data };
        let blobs =
            entry.streams().filter(|stream| stream.kind != own).filter_map(|stream| contents.find(&stream.sha1));
        let nbytes = blobs.map(|blob| blob.size).sum();
        if nbytes > 0 {
            kept.more_nbytes.insert(content, nbytes);
        }
    }
    kept
}

/// Whether two entries are names of one file.
fn is_one_file(tree: &Metadata, one: DentryId, other: DentryId) -> bool {
    tree.entry(one).first_link() == tree.entry(other).first_link()
}

/// Whether it becomes a symbolic link where there are no reparse points.
fn is_link(entry: &Entry<'_>) -> bool {
    entry.reparse_tag().is_some_and(is_link_tag)
}

impl Kept {
    /// Links that are kept lead where they led: what the system made of their reparse data is not wanted.
    fn take_links_over(&self, scan: &mut Scan, contents: &Contents) {
        for node in &scan.nodes {
            let Kind::Link { data, .. } = node.kind else { continue };
            let Some((id, Keeps::All)) = &self.files[data as usize] else { continue };
            let stream = self.tree.entry(*id).stream(StreamKind::Reparse);
            if let Some(blob) = stream.and_then(|stream| contents.find(&stream.sha1)) {
                scan.contents[data as usize] = Content { size: blob.size, source: ContentSource::Blob(blob.sha1) };
            }
        }
    }

    fn of(&self, index: NodeIndex, node: &Node) -> Option<(Entry<'_>, Keeps)> {
        let found = match node.content() {
            None => self.directories.get(&index),
            Some(content) => self.files[content as usize].as_ref(),
        };
        found.map(|(id, keeps)| (self.tree.entry(*id), *keeps))
    }

    /// The streams that a file keeps besides what the tree has of it.
    pub(super) fn streams(&self, index: NodeIndex, node: &Node) -> impl Iterator<Item = Sha1> {
        let entry = self.of(index, node).filter(|(_, keeps)| *keeps != Keeps::Identity);
        let own = match node.kind {
            Kind::Directory => None,
            Kind::File(_) => Some(StreamKind::Data),
            Kind::Link { .. } => Some(StreamKind::Reparse),
        };
        let streams = entry.into_iter().flat_map(|(entry, _)| entry.streams());
        streams.filter(move |stream| Some(stream.kind) != own && !stream.is_empty()).map(|stream| stream.sha1)
    }

    /// Bytes of the streams that the file with a content keeps besides.
    pub(super) fn more_nbytes(&self, content: usize) -> u64 {
        self.more_nbytes.get(&(content as u32)).copied().unwrap_or_default()
    }

    /// What becomes of the file that a system has told about.
    pub(super) fn complete(&self, index: NodeIndex, node: &Node, found: NewFile) -> NewFile {
        let Some((entry, keeps)) = self.of(index, node) else { return found };
        let mut old = NewFile::from(entry);
        old.security_id = old.security_id.and_then(|id| self.descriptors.get(&id).copied());
        if keeps == Keeps::Identity {
            return found.in_place_of(&old);
        }
        if keeps == Keeps::ButTimes {
            (old.access_time, old.write_time) = (found.access_time, found.write_time);
        }
        // A file that is as it was left may have been read all the same.
        for stream in found.streams.into_iter().filter(|stream| stream.kind == StreamKind::Data) {
            old.streams.retain(|old| old.kind != StreamKind::Data);
            old.streams.insert(0, stream);
        }
        old
    }

    /// The short name beside a name, UTF-16LE.
    pub(super) fn short_name(&self, index: NodeIndex) -> Option<Vec<u8>> {
        let id = self.names[index as usize]?;
        Some(self.tree.entry(id).short_name().as_utf16le().to_vec()).filter(|name| !name.is_empty())
    }
}

/// Whether a file may be a hive of the registry, to which Windows writes without giving it another time: those of the system are in
/// `config`, others have one of two endings.
pub(super) fn may_be_hive(scan: &Scan, node: &Node) -> bool {
    let ending = node.name.rsplit_once('.').map(|(_, ending)| ending).unwrap_or_default();
    let parent = &scan.nodes[node.parent as usize];
    parent.name.eq_ignore_ascii_case("config") || ["dat", "hve"].iter().any(|of| ending.eq_ignore_ascii_case(of))
}
