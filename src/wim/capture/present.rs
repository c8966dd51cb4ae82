//! Blobs that need not be stored, because they are there.

use crate::util::sha1::Sha1;
use crate::wim::reader::Contents;
use std::collections::HashSet;

/// Where a blob is already.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::wim) enum Place {
    /// In the file that is written, before this.
    Own,
    /// In it, since it was brought over from another one.
    Brought,
    /// In another file, to which this one is a delta.
    Elsewhere,
}

/// All that is there.
#[derive(Debug, Default)]
pub(in crate::wim) struct Present<'a> {
    /// What an existing file has.
    pub own: Option<&'a Contents>,
    /// What was brought over.
    pub brought: HashSet<Sha1>,
    /// What other files have, without which the one that is written cannot be read.
    pub elsewhere: Vec<&'a Contents>,
}

impl Present<'_> {
    /// Where a blob is, if it is there.
    pub(super) fn find(&self, sha1: &Sha1) -> Option<Place> {
        if self.own.and_then(|contents| contents.find(sha1)).is_some_and(|blob| blob.file == 0) {
            return Some(Place::Own);
        }
        if self.brought.contains(sha1) {
            return Some(Place::Brought);
        }
        self.elsewhere.iter().any(|contents| contents.find(sha1).is_some()).then_some(Place::Elsewhere)
    }

    /// The sizes of the blobs that files may turn out to be. Those that were brought over are contents of the tree, which
    /// are compared with each other anyway.
    pub(super) fn sizes(&self) -> HashSet<u64> {
        let all = self.own.iter().chain(&self.elsewhere);
        all.flat_map(|contents| &contents.blobs).map(|blob| blob.size).collect()
    }
}
