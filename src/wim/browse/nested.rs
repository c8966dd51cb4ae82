//! WIMs in images.

use std::sync::Arc;

use super::error::BrowseError;
use super::inode::{Facet, Inode};
use super::{Browser, Found, Kind};
use crate::util::read_at::bytes_at;
use crate::wim::Wim;
use crate::wim::blob_reader::BlobReader;
use crate::wim::header::MAGIC;
use crate::wim::metadata::StreamKind;

/// How many WIMs one may lie in. What is read passes through all of them.
const MAX_DEPTH: u32 = 4;
/// What WIMs are called. Only these are listed as directories; what is found by name may have any name.
const EXTENSIONS: [&str; 3] = ["wim", "esd", "swm"];

impl Browser {
    /// Whether a file is a WIM that can be looked into.
    pub(super) fn is_wim(&self, found: &Found<'_>) -> bool {
        let is_within_reach = found.kind() == Kind::File && found.archive.depth < MAX_DEPTH;
        let begins = |reader: BlobReader| bytes_at(&reader, 0, MAGIC.len()).is_ok_and(|bytes| *bytes == MAGIC);
        is_within_reach && self.reader(found).ok().flatten().is_some_and(begins)
    }

    /// Whether a file is to be listed as a directory of images, too.
    pub(super) fn is_listed_wim(&self, found: &Found<'_>, name: &str) -> bool {
        let extension = name.rsplit_once('.').map_or("", |(_, extension)| extension);
        self.options.nested
            && EXTENSIONS.iter().any(|known| known.eq_ignore_ascii_case(extension))
            && self.is_wim(found)
    }

    /// The place of the WIM that `inode` is the inside of; opens it unless it is open.
    pub(super) fn open_nested(&mut self, inode: Inode) -> Result<u16, BrowseError> {
        if let Some(place) = self.inside.get(&inode) {
            return Ok(*place);
        }
        self.load(inode.place)?;
        let found = self.find(inode.with(Facet::Itself))?;
        let (name, depth) = (found.path(), found.archive.depth + 1);
        let reader = self.reader(&found)?.ok_or(BrowseError::NotFound)?;
        let parent = Inode::of(inode.place, found.entry.parent());
        let wim = Wim::from_source(Box::new(reader), &name)?;
        wim.contents()?;
        let place = self.places.add_archive(Arc::new(wim), self.cache.share(), name, depth, parent, |_| inode)?;
        self.inside.insert(inode, place);
        Ok(place)
    }

    fn reader(&self, found: &Found<'_>) -> Result<Option<BlobReader>, BrowseError> {
        let stream = found.entry.stream(StreamKind::Data).filter(|stream| !stream.is_empty());
        let Some(stream) = stream.filter(|_| !found.entry.is_encrypted()) else { return Ok(None) };
        let archive = found.archive;
        let Some(blob) = archive.wim.contents()?.find(&stream.sha1) else { return Ok(None) };
        let (wim, share) = (Arc::clone(&archive.wim), archive.share.clone());
        Ok(Some(BlobReader::with_cache(wim, blob, self.options.memory, share)?))
    }
}
