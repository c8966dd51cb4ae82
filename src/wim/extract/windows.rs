//! What NTFS keeps of files, given back to them where the target can hold it.
//!
//! It comes last: a descriptor or READONLY may forbid all that is done before.

use std::collections::HashSet;
use std::io;
use std::sync::{Mutex, PoisonError};

use rayon::prelude::*;

use super::boot_files;
use super::not_restored::NotRestored;
use super::outcome::{Problem, Refused};
use super::plan::{HardLink, Owner, Place, Plan, StreamPlace, times_of};
use super::write::{Writing, problem_of};
use crate::util::os::{self, Abilities, CompactFormat, Dir, NotHeld, Restore};
use crate::wim::metadata::tagged::{EXTENDED_ATTRIBUTES, OBJECT_ID, UNIX_DATA};
use crate::wim::metadata::{Entry, Metadata, StreamKind};

/// The length of an object id without what may stand behind it, in bytes.
const OBJECT_ID_NBYTES: usize = 16;

/// A target that holds what NTFS keeps, and what of it is wanted.
#[derive(Debug)]
pub(super) struct Windows {
    pub(super) abilities: Abilities,
    pub(super) security_descriptors: bool,
    pub(super) compact: Option<CompactFormat>,
    lost: Mutex<Lost>,
}

/// What could not be restored.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Lost {
    pub(super) features: NotRestored,
    pub(super) named_streams: u64,
    pub(super) not_compacted: u64,
}

impl Windows {
    pub(super) fn new(abilities: Abilities, security_descriptors: bool, compact: Option<CompactFormat>) -> Self {
        Self { abilities, security_descriptors, compact, lost: Mutex::default() }
    }

    pub(super) fn lost(&self) -> Lost {
        *self.lost.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn note(&self, note: impl FnOnce(&mut Lost)) {
        note(&mut self.lost.lock().unwrap_or_else(PoisonError::into_inner));
    }

    /// Gives what has the name in `directory`, or that itself, all that `entry` has.
    fn restore(&self, tree: &Metadata, entry: &Entry<'_>, directory: &Dir, name: Option<&str>) -> io::Result<()> {
        // Where names of one file disagree, the first one's metadata is the file's.
        let file = tree.entry(entry.first_link());
        let item = |tag| file.tagged_items().find(|item| item.tag == tag).map(|item| item.data);
        let object_id = item(OBJECT_ID).filter(|id| id.len() >= OBJECT_ID_NBYTES);
        let extended_attributes = item(EXTENDED_ATTRIBUTES);
        let descriptor = file.security_descriptor();
        let has_content = || file.stream(StreamKind::Data).is_some_and(|stream| !stream.is_empty());
        let compact = self.compact.filter(|_| !file.is_directory() && !file.is_reparse_point() && has_content());
        let compact = compact.filter(|_| !boot_files::is_one(tree, &file));
        let Abilities { security_descriptors, object_ids, extended_attributes: has_ea, .. } = self.abilities;
        let what = Restore {
            attributes: file.attributes().0,
            times: times_of(&file),
            short_name: entry.short_name().as_utf16le(),
            security_descriptor: descriptor.filter(|_| self.security_descriptors && security_descriptors),
            object_id: object_id.filter(|_| object_ids),
            extended_attributes: extended_attributes.filter(|_| has_ea),
            compact,
        };
        let NotHeld { attributes, short_name, security_descriptor, tagged_items, compact } =
            directory.restore(name, &what)?;
        let is_foreign = |tag| !matches!(tag, OBJECT_ID | EXTENDED_ATTRIBUTES | UNIX_DATA);
        let lacks_items = tagged_items
            || (what.object_id.is_none() && object_id.is_some())
            || (what.extended_attributes.is_none() && extended_attributes.is_some())
            || file.tagged_items().any(|item| is_foreign(item.tag));
        let lacks_descriptor = security_descriptor || (what.security_descriptor.is_none() && descriptor.is_some());
        self.note(|lost| {
            lost.features.attributes += u64::from(attributes);
            lost.features.short_names += u64::from(short_name);
            lost.features.security_descriptors += u64::from(lacks_descriptor);
            lost.features.tagged_items += u64::from(lacks_items);
            lost.not_compacted += u64::from(compact);
        });
        Ok(())
    }

    /// Restores a directory of the plan. The target itself gets no attributes and no descriptor unless it is the root of a
    /// volume, as the root of the image is likely to have been.
    pub(super) fn directory(&self, tree: &Metadata, entry: &Entry<'_>, open: &Dir, is_target: bool) -> io::Result<()> {
        if is_target && !open.is_volume_root() {
            let what = Restore { times: times_of(entry), ..Restore::default() };
            return open.restore(None, &what).map(drop);
        }
        self.restore(tree, entry, open, None)
    }
}

/// What those who look at the result should know.
pub(super) fn missing_privileges() -> Vec<String> {
    let missing = os::missing_for_writing();
    let names = missing.join(", ");
    let explained = format!(
        "without {names}, owners, short names, what is to be recorded of accesses, and links may not be restored; run it as an \
         administrator for all of it"
    );
    if missing.is_empty() { Vec::new() } else { vec![explained] }
}

/// Everything that was made, to be given what it had; all but directories, which come last.
pub(super) struct Restoring<'a> {
    pub(super) windows: &'a Windows,
    pub(super) tree: &'a Metadata,
    pub(super) writing: &'a Writing<'a>,
    pub(super) plan: &'a Plan,
    pub(super) failed_files: &'a HashSet<u32>,
    pub(super) failed_streams: &'a HashSet<u32>,
    pub(super) made_links: &'a [u32],
    /// Of the plan's hard links, by index.
    pub(super) made_names: &'a [bool],
    /// Whether the target itself gets what the root of the image has.
    pub(super) has_target: bool,
}

impl Restoring<'_> {
    /// Restores what there is; answers what went wrong with single files.
    ///
    /// # Errors
    /// Nothing more can be written.
    pub(super) fn all(&self) -> io::Result<Vec<Refused>> {
        self.short_names();
        self.streams()?;
        // What is a reparse point besides is restored as such.
        let points: HashSet<u32> = self.plan.links.iter().filter_map(|link| link.file).collect();
        let is_plain = |file: u32| !self.failed_files.contains(&file) && !points.contains(&file);
        let files = self.plan.files.par_iter().enumerate();
        let mut refused: Vec<Refused> =
            files.filter(|(file, _)| is_plain(*file as u32)).filter_map(|(_, place)| self.place(place)).collect();
        let links = self.made_links.iter().map(|link| &self.plan.links[*link as usize].place);
        refused.extend(links.filter_map(|place| self.place(place)));
        Ok(refused)
    }

    /// The 8.3 names beside further names of files, which are names of their own.
    fn short_names(&self) {
        let links = self.plan.hard_links.iter().zip(self.made_names).filter(|(_, is_made)| **is_made);
        for (HardLink { place, .. }, _) in links {
            let entry = self.tree.entry(place.dentry);
            let short_name = entry.short_name().as_utf16le();
            if short_name.is_empty() {
                continue;
            }
            let directory = self.writing.directories.get(place.directory);
            if directory.and_then(|directory| directory.set_short_name(&place.name, short_name)).is_err() {
                self.windows.note(|lost| lost.features.short_names += 1);
            }
        }
    }

    /// The named streams of what was made.
    fn streams(&self) -> io::Result<()> {
        let made_links: HashSet<u32> = self.made_links.iter().copied().collect();
        let is_made = |owner| match owner {
            Owner::Directory(directory) => directory > 0 || self.has_target,
            Owner::File(file) => !self.failed_files.contains(&file),
            Owner::Link(link) => made_links.contains(&link),
        };
        for (index, stream) in (0_u32..).zip(&self.plan.streams) {
            if !is_made(stream.owner) || self.failed_streams.contains(&index) {
                continue;
            }
            if let Err(error) = self.stream(stream) {
                // A full disk is no matter of one stream.
                problem_of(error)?;
                self.windows.note(|lost| lost.named_streams += 1);
            }
        }
        Ok(())
    }

    fn stream(&self, stream: &StreamPlace) -> io::Result<()> {
        let place =
            |place: &Place| Ok::<_, io::Error>((self.writing.directories.get(place.directory)?, place.name.clone()));
        let mut file = match stream.owner {
            Owner::Directory(directory) => {
                self.writing.directories.get(directory)?.create_stream(None, &stream.name)?
            }
            Owner::File(file) => {
                let (directory, name) = place(&self.plan.files[file as usize])?;
                directory.create_stream(Some(&name), &stream.name)?
            }
            Owner::Link(link) => {
                let (directory, name) = place(&self.plan.links[link as usize].place)?;
                directory.create_stream(Some(&name), &stream.name)?
            }
        };
        self.writing.spool.take(&stream.extents, &mut file)
    }

    fn place(&self, place: &Place) -> Option<Refused> {
        let entry = self.tree.entry(place.dentry);
        let directory = self.writing.directories.get(place.directory);
        let restored =
            directory.and_then(|directory| self.windows.restore(self.tree, &entry, &directory, Some(&place.name)));
        restored.err().map(|error| Refused { dentry: place.dentry, problem: Problem::from_io(error) })
    }
}
