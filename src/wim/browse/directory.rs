//! Listing directories.

use super::error::BrowseError;
use super::inode::{Facet, Inode};
use super::{Browser, Found, Kind};
use crate::wim::extract::NameRules;

/// One line of a listing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Line<'a> {
    /// The entry.
    pub inode: Inode,
    /// What it is.
    pub kind: Kind,
    /// Its name.
    pub name: &'a str,
    /// Where a listing goes on behind it.
    pub next: u64,
}

/// Before the first entry of a directory come `.` and `..`.
const DOTS: u64 = 2;

impl Browser {
    /// Lists a directory from a place on, 0 being the begin, until `visit` answers false. Two lines, `.` and `..`, come first.
    ///
    /// # Errors
    /// It is no directory, or cannot be read.
    pub fn list(
        &mut self,
        directory: Inode,
        from: u64,
        visit: &mut dyn FnMut(Line<'_>) -> bool,
    ) -> Result<(), BrowseError> {
        let parent = self.parent(directory)?;
        for (next, inode, name) in [(1, directory, "."), (2, parent, "..")] {
            if from < next && !visit(Line { inode, kind: Kind::Directory, name, next }) {
                return Ok(());
            }
        }
        let from = from.saturating_sub(DOTS);
        if let Some(archive) = self.archive_at(directory)? {
            for number in from..archive.wim.image_count().into() {
                let inode = Inode::root_of(archive.first_image + number as u16);
                let name = (number + 1).to_string();
                if !visit(Line { inode, kind: Kind::Directory, name: &name, next: DOTS + number + 1 }) {
                    break;
                }
            }
            return Ok(());
        }
        let found = self.find(directory)?;
        if found.kind() != Kind::Directory {
            return Err(BrowseError::NotADirectory { path: found.path() });
        }
        self.list_entries(&found, from, visit);
        Ok(())
    }

    /// Each child has two places: its own, and that of the WIM in it.
    fn list_entries(&self, directory: &Found<'_>, from: u64, visit: &mut dyn FnMut(Line<'_>) -> bool) {
        for (index, child) in directory.entry.children().enumerate().skip((from / 2) as usize) {
            let Ok(name) = NameRules::Unix.target_name(&child) else { continue };
            let (file, place) = (directory.sibling(child), 2 * index as u64);
            let own = Line { inode: file.inode, kind: file.kind(), name: &name, next: DOTS + place + 1 };
            if from <= place && !visit(own) {
                return;
            }
            if self.is_listed_wim(&file, &name) {
                let inode = file.inode.with(Facet::Inside);
                let inside = format!("{name}!");
                if !visit(Line { inode, kind: Kind::Directory, name: &inside, next: DOTS + place + 2 }) {
                    return;
                }
            }
        }
    }

    /// The directory that a directory is in; the root's is the root.
    pub fn parent(&mut self, directory: Inode) -> Result<Inode, BrowseError> {
        if let Some(archive) = self.archive_at(directory)? {
            return Ok(archive.parent);
        }
        self.load(directory.place)?;
        let found = self.find(directory)?;
        let image = self.places.image(directory.place).ok_or(BrowseError::NotFound)?;
        let is_root = found.entry.id() == found.tree.root().id();
        Ok(if is_root { image.parent } else { Inode::of(directory.place, found.entry.parent()) })
    }
}
