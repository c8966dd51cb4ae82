//! How often streams refer to blobs, as the trees of images say. Tables say so, too, and are not always right: a blob must
//! not be dropped on their word alone.

use super::WimError;
use super::metadata::Metadata;
use super::reader::{ImageIndex, Wim};
use crate::util::sha1::Sha1;
use std::collections::HashMap;

/// Numbers of references by blob.
pub(super) type References = HashMap<Sha1, u32>;

/// Counts those of a tree.
pub(super) fn count(tree: &Metadata, references: &mut References) {
    for (_, stream) in tree.blob_references() {
        let count = references.entry(stream.sha1).or_default();
        *count = count.saturating_add(1);
    }
}

/// How often `images` refer to each of `blobs`.
pub(super) fn count_those_of(
    wim: &Wim,
    images: impl IntoIterator<Item = ImageIndex>,
    blobs: impl Iterator<Item = Sha1>,
) -> Result<References, WimError> {
    let mut references: References = blobs.map(|sha1| (sha1, 0)).collect();
    if !references.is_empty() {
        for image in images {
            for (_, stream) in wim.metadata(image)?.blob_references() {
                if let Some(count) = references.get_mut(&stream.sha1) {
                    *count = count.saturating_add(1);
                }
            }
        }
    }
    Ok(references)
}
