//! Files that an earlier image has already, as their paths, sizes and times tell: they are not read.

use super::error::CaptureError;
use super::keep::may_be_hive;
use super::present::Present;
use super::scan::{ContentSource, Kind, Scan};
use crate::util::filetime::FileTime;
use crate::util::sha1::Sha1;
use crate::util::utf16;
use crate::wim::WimError;
use crate::wim::export::{ExportError, Transfer};
use crate::wim::metadata::{DentryId, Entry, Metadata, Name};
use crate::wim::reader::{ImageIndex, Wim};
use crate::wim::writer::WimWriter;
use std::collections::{HashMap, HashSet};
use std::path::Path;
use std::sync::Arc;

/// The image whose files are taken over where they did not change.
#[derive(Clone, Debug)]
pub enum UpdateOf {
    /// One of the file that is appended to.
    Own(ImageIndex),
    /// One of another file.
    Other(Arc<Wim>, ImageIndex),
}

impl UpdateOf {
    /// The image, and the file that has it. `existing`: the file at `destination`, if it is appended to.
    pub(super) fn find<'a>(
        &'a self,
        existing: Option<&'a Wim>,
        destination: &Path,
    ) -> Result<(&'a Wim, ImageIndex), CaptureError> {
        match self {
            Self::Other(wim, image) => Ok((wim, *image)),
            Self::Own(image) => {
                let nothing = || CaptureError::NothingToUpdate { path: destination.to_owned() };
                Ok((existing.ok_or_else(nothing)?, *image))
            }
        }
    }
}

/// Steps in which file systems keep times, in ticks of 100 ns, and who does: FAT, HFS+ and ext3, exFAT.
const COARSE_STEPS: [u64; 3] = [20_000_000, 10_000_000, 100_000];

/// An image, and what of it a tree has.
pub(super) struct Reused {
    pub tree: Metadata,
    /// How many files are taken over.
    pub files: u64,
    /// The entries at the paths of the nodes.
    pub entries: Vec<Option<DentryId>>,
    /// Contents of the tree whose files are as they are in the image, with their first entries.
    pub same: HashMap<u32, DentryId>,
    /// In which steps the tree has times, in ticks.
    pub step: u64,
}

/// Makes every content of `scan` a blob of `image` whose file has a path in it, letter case aside, with the same size
/// and time of the last write. `revises`: the tree was applied from it, perhaps without reparse points, and then changed
/// by Windows.
pub(super) fn reuse(scan: &mut Scan, wim: &Wim, image: ImageIndex, revises: bool) -> Result<Reused, WimError> {
    let contents = wim.contents()?;
    let tree = wim.metadata(image)?;
    let step = time_step(scan);
    let mut reused = 0;
    let mut same = HashMap::new();
    // The entries that the nodes so far have in the image: a parent comes before its children.
    let mut entries: Vec<Option<DentryId>> = Vec::with_capacity(scan.nodes.len());
    for (index, node) in scan.nodes.iter().enumerate() {
        let entry = if node.parent as usize == index {
            Some(tree.root())
        } else {
            child(&tree, entries[node.parent as usize], &node.name)
        };
        entries.push(entry.as_ref().map(Entry::id));
        let (Some(entry), Kind::File(content)) = (entry, node.kind) else { continue };
        let is_hive = revises && may_be_hive(scan, node);
        let number = content;
        let content = &mut scan.contents[content as usize];
        // What reading the content would begin with is what was looked at: not a time that was cut for the image.
        let Some(written) = content.source.written() else { continue };
        let is_plain = !entry.is_directory() && (revises || !entry.is_reparse_point()) && !entry.is_encrypted();
        if !is_plain || !is_same_time(written, entry.write_time(), step) {
            continue;
        }
        let data = entry.data_hash();
        let blob = data.and_then(|sha1| contents.find(&sha1)).filter(|blob| blob.size == content.size);
        if blob.is_some() || content.size == 0 && data.is_none_or(|sha1| sha1.is_zero()) {
            same.insert(number, entry.id());
        }
        if let Some(blob) = blob.filter(|_| !is_hive) {
            content.source = ContentSource::Blob(blob.sha1);
            reused += 1;
        }
    }
    Ok(Reused { tree, files: reused, entries, same, step })
}

fn child<'a>(tree: &'a Metadata, parent: Option<DentryId>, name: &str) -> Option<Entry<'a>> {
    tree.entry(parent?).child(Name::new(&utf16::from_str(name)))
}

/// The steps in which the file system of the tree keeps times, as far as its files tell: an image that was applied there
/// has finer ones. Only if no file has a finer time are times taken for coarse, so that where they are fine, all of it counts.
fn time_step(scan: &Scan) -> u64 {
    let fits = |step: &u64| {
        let mut times = scan.contents.iter().filter_map(|content| content.source.written());
        times.all(|time| time.0.is_multiple_of(*step))
    };
    COARSE_STEPS.into_iter().find(fits).unwrap_or(1)
}

/// Whether a file system with steps of `step` ticks shows the time `in_image` as `on_disk`.
pub(super) fn is_same_time(on_disk: FileTime, in_image: FileTime, step: u64) -> bool {
    on_disk.0 == in_image.0 - in_image.0 % step
}

/// Brings over the blobs that contents are known to be and that are not there. Answers which.
pub(super) fn bring_over(
    scan: &Scan,
    present: &Present<'_>,
    transfer: &Transfer<'_>,
    writer: &mut WimWriter,
) -> Result<HashSet<Sha1>, ExportError> {
    let mut brought = HashSet::new();
    let mut wanted = Vec::new();
    let mut names: HashMap<Sha1, &str> = HashMap::new();
    for (index, node) in (0..).zip(&scan.nodes) {
        let source = node.content().map(|content| &scan.contents[content as usize].source);
        let own = source.and_then(|source| if let ContentSource::Blob(sha1) = source { Some(*sha1) } else { None });
        let kept = scan.kept.iter().flat_map(|kept| kept.streams(index, node));
        for sha1 in own.into_iter().chain(kept) {
            if present.find(&sha1).is_none() && brought.insert(sha1) {
                wanted.push((sha1, 0));
                names.insert(sha1, &node.name);
            }
        }
    }
    if !wanted.is_empty() {
        transfer.blobs(writer, &wanted, |sha1| names.get(sha1).copied())?;
    }
    Ok(brought)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_compared_as_finely_as_they_are_kept() {
        let second = 10_000_000;
        let same = |on_disk: u64, in_image: u64, step| is_same_time(FileTime(on_disk), FileTime(in_image), step);
        assert!(same(7 * second + 3, 7 * second + 3, 1));
        assert!(!same(7 * second, 7 * second + 1, 1));
        assert!(same(7 * second, 7 * second + 1, second));
        assert!(!same(7 * second, 8 * second, second));
        assert!(same(6 * second, 8 * second - 1, 2 * second));
        assert!(!same(8 * second, 8 * second - 1, 2 * second));
    }
}
