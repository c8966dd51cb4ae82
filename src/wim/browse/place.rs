//! What trees and archives there are.

use std::sync::Arc;

use super::error::BrowseError;
use super::inode::{Inode, MAX_PLACES};
use crate::wim::chunk_cache::CacheShare;
use crate::wim::metadata::Metadata;
use crate::wim::{ImageIndex, Wim};

/// A WIM, of which images can be seen.
pub(super) struct Archive {
    pub(super) wim: Arc<Wim>,
    pub(super) share: CacheShare,
    /// How many WIMs it lies in.
    pub(super) depth: u32,
    /// What messages call it.
    pub(super) name: String,
    /// The place of its first image; the others follow. Of the outermost one, perhaps only one image is seen.
    pub(super) first_image: u16,
    pub(super) parent: Inode,
}

/// An image of an archive.
pub(super) struct Image {
    /// The place of its archive.
    pub(super) archive: u16,
    pub(super) index: ImageIndex,
    /// Read when it is first looked into.
    pub(super) tree: Option<Arc<Metadata>>,
    pub(super) parent: Inode,
}

pub(super) enum Place {
    Archive(Archive),
    Image(Image),
}

/// All of them, by the numbers that inodes have. Those of a nested WIM stay once it was looked into.
#[derive(Default)]
pub(super) struct Places(Vec<Place>);

impl Places {
    pub(super) fn get(&self, place: u16) -> Option<&Place> {
        self.0.get(usize::from(place))
    }

    pub(super) fn archive(&self, place: u16) -> Option<&Archive> {
        match self.get(place)? {
            Place::Archive(archive) => Some(archive),
            Place::Image(_) => None,
        }
    }

    pub(super) fn image(&self, place: u16) -> Option<&Image> {
        match self.get(place)? {
            Place::Image(image) => Some(image),
            Place::Archive(_) => None,
        }
    }

    pub(super) fn image_mut(&mut self, place: u16) -> Option<&mut Image> {
        match self.0.get_mut(usize::from(place))? {
            Place::Image(image) => Some(image),
            Place::Archive(_) => None,
        }
    }

    fn next(&self) -> u16 {
        // There are never more than MAX_PLACES.
        self.0.len() as u16
    }

    /// The outermost archive, of which all images are seen: it is the root, and they are in it.
    pub(super) fn with_all_images(wim: Arc<Wim>, share: CacheShare) -> Result<Self, BrowseError> {
        let name = wim.path().display().to_string();
        let mut places = Self::default();
        places.add_archive(wim, share, name, 0, Inode::ROOT, |_| Inode::ROOT)?;
        Ok(places)
    }

    /// The outermost archive, of which one image is seen: that is the root.
    pub(super) fn with_image(wim: Arc<Wim>, share: CacheShare, index: ImageIndex) -> Self {
        let name = wim.path().display().to_string();
        let image = Image { archive: 1, index, tree: None, parent: Inode::ROOT };
        let archive = Archive { wim, share, depth: 0, name, first_image: 0, parent: Inode::ROOT };
        Self(vec![Place::Image(image), Place::Archive(archive)])
    }

    /// Adds an archive and all its images; `own` is its inode, given its place.
    pub(super) fn add_archive(
        &mut self,
        wim: Arc<Wim>,
        share: CacheShare,
        name: String,
        depth: u32,
        parent: Inode,
        own: impl FnOnce(u16) -> Inode,
    ) -> Result<u16, BrowseError> {
        let place = self.next();
        let own = own(place);
        if self.0.len() + 1 + wim.image_count() as usize > MAX_PLACES {
            return Err(BrowseError::TooMany { path: name, what: "trees can have 8191 numbers" });
        }
        let images = wim.images().map(|index| Image { archive: place, index, tree: None, parent: own });
        let images: Vec<Place> = images.map(Place::Image).collect();
        self.0.push(Place::Archive(Archive { wim, share, depth, name, first_image: place + 1, parent }));
        self.0.extend(images);
        Ok(place)
    }
}
