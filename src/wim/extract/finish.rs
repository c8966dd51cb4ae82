//! What comes after the files: hard links, symbolic links and other reparse points, the times of directories.

use std::collections::HashSet;
use std::io;

use super::outcome::{Problem, Refused};
use super::plan::{Directory, HardLink, Link, Place, times_of};
use super::write::{Writing, problem_of};
use crate::util::os::{Dir, ReparsePoint};
use crate::wim::metadata::Metadata;
use crate::wim::metadata::reparse::{self, ReparseError};

/// How many further names were made.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct HardLinks {
    pub(super) made: u64,
    /// As copies, since the target has no hard links.
    pub(super) copied: u64,
}

pub(super) struct Finish<'a> {
    pub(super) tree: &'a Metadata,
    pub(super) writing: &'a Writing<'a>,
    pub(super) refused: Vec<Refused>,
    /// The links that were made, by index.
    pub(super) made_links: Vec<u32>,
    /// The further names of files that are there.
    pub(super) made_names: Vec<bool>,
}

impl Finish<'_> {
    fn refuse(&mut self, place: &Place, problem: Problem) {
        self.refused.push(Refused { dentry: place.dentry, problem });
    }

    /// Makes the further names of files.
    pub(super) fn hard_links(&mut self, links: &[HardLink], failed_files: &HashSet<u32>) -> io::Result<HardLinks> {
        let mut count = HardLinks::default();
        self.made_names = vec![false; links.len()];
        for (index, HardLink { place, file }) in links.iter().enumerate() {
            let original = &self.writing.files[*file as usize];
            if failed_files.contains(file) {
                self.refuse(place, Problem::NothingToLinkTo);
                continue;
            }
            if self.writing.unix.is_some_and(|unix| unix.is_left_out(*file)) {
                continue;
            }
            let link = |directory: &Dir, name: &str| {
                let from = self.writing.directories.get(original.directory)?;
                from.hard_link(&original.name, directory, name)
            };
            let made = match self.writing.make(place, link) {
                Ok(()) => Ok(&mut count.made),
                Err(error) if lacks_hard_links(&error) => {
                    self.writing.copy_name(original, place).map(|()| &mut count.copied)
                }
                Err(error) => Err(error),
            };
            match made {
                Ok(count) => *count += 1,
                Err(error) => {
                    self.refuse(place, problem_of(error)?);
                    continue;
                }
            }
            self.made_names[index] = true;
        }
        Ok(count)
    }

    /// Makes the symbolic links and other reparse points; answers how many are links.
    pub(super) fn links(
        &mut self,
        links: &[Link],
        failed_links: &HashSet<u32>,
        failed_files: &HashSet<u32>,
        directories: &[Directory],
    ) -> io::Result<u64> {
        let mut count = 0;
        let has_points = self.writing.windows.is_some_and(|windows| windows.abilities.reparse_points);
        for (index, link) in links.iter().enumerate() {
            let file_failed = link.file.is_some_and(|file| failed_files.contains(&file));
            if failed_links.contains(&(index as u32)) || file_failed {
                continue;
            }
            let depth = directories[link.place.directory as usize].depth;
            let made = if has_points { self.reparse_point(link)? } else { self.symlink(link, depth)? };
            match made {
                Ok(()) => {
                    let tag = self.tree.entry(link.place.dentry).reparse_tag();
                    count += u64::from(tag.is_some_and(reparse::is_link_tag));
                    self.made_links.push(index as u32);
                }
                Err(problem) => self.refuse(&link.place, problem),
            }
        }
        Ok(count)
    }

    /// Makes a reparse point of the entry's own kind.
    fn reparse_point(&self, link: &Link) -> io::Result<Result<(), Problem>> {
        let Link { place, data, file } = link;
        let entry = self.tree.entry(place.dentry);
        let tag = entry.reparse_tag().unwrap_or_default();
        let root = self.writing.directories.root().link_target();
        let parsed = if reparse::is_windows_link_tag(tag) {
            reparse::Link::parse(tag, data)
        } else {
            Err(ReparseError::NotALink(tag))
        };
        let moved = parsed.as_ref().ok().filter(|_| !entry.is_reparse_not_fixed()).zip(root);
        let moved = moved.and_then(|(link, root)| link.into_root(&root));
        let encoded = match moved.as_ref().map(|link| link.encode(tag)).transpose() {
            Ok(encoded) => encoded,
            Err(error) => return Ok(Err(error.into())),
        };
        let data = encoded.unwrap_or_else(|| data.clone());
        let point = ReparsePoint { tag, reserved: entry.reparse_reserved(), data };
        let made = match file {
            Some(_) => self
                .writing
                .directories
                .get(place.directory)
                .and_then(|directory| directory.set_reparse_point(&place.name, &point)),
            None => self.writing.make(place, |directory: &Dir, name: &str| {
                directory.create_reparse_point(name, &point, entry.is_directory())
            }),
        };
        // A symbolic link has a way of its own to come into being, for which some systems ask no privilege.
        let target = moved.or(parsed.ok()).filter(|_| tag == reparse::SYMLINK).and_then(|link| link.windows_target());
        let made = match (made, target) {
            (Err(error), Some(target)) if lacks_points(&error) => {
                self.writing.make(place, |directory, name| directory.symlink(&target, name, entry.is_directory()))
            }
            (made, _) => made,
        };
        match made {
            Ok(()) => Ok(Ok(())),
            Err(error) => problem_of(error).map(Err),
        }
    }

    fn symlink(&self, link: &Link, depth: u32) -> io::Result<Result<(), Problem>> {
        let Link { place, data, .. } = link;
        let entry = self.tree.entry(place.dentry);
        let parsed = reparse::Link::parse(entry.reparse_tag().unwrap_or_default(), data);
        let target = parsed.and_then(|link| link.unix_target(depth as usize, entry.is_reparse_not_fixed()));
        let target = match target {
            Ok(target) => target,
            Err(error) => return Ok(Err(error.into())),
        };
        let make = |directory: &Dir, name: &str| {
            directory.symlink(&target, name, entry.is_directory())?;
            if let Some(ownership) = self.writing.ownership(&entry) {
                self.writing.note(None, directory.set_link_owner(name, &ownership)?);
            }
            directory.set_link_times(name, &times_of(&entry))
        };
        match self.writing.make(place, make) {
            Ok(()) => Ok(Ok(())),
            Err(error) => problem_of(error).map(Err),
        }
    }

    /// Sets the times of directories, which making entries in them has changed, and before that their owners and modes, which
    /// may forbid it: those of children before their parents'.
    pub(super) fn directories(&mut self, directories: &[Directory], with_target: bool) {
        for (index, directory) in directories.iter().enumerate().skip(usize::from(!with_target)).rev() {
            if directory.failed {
                continue;
            }
            let entry = self.tree.entry(directory.dentry);
            // The index was counted from 0 when the plan was made.
            let opened = self.writing.directories.get(index as u32);
            let set = opened.and_then(|open| {
                if let Some(windows) = self.writing.windows {
                    return windows.directory(self.tree, &entry, &open, index == 0);
                }
                if let Some(ownership) = self.writing.ownership(&entry) {
                    self.writing.note(None, open.set_ownership(&ownership)?);
                }
                open.set_times(&times_of(&entry))
            });
            if let Err(error) = set {
                self.refused.push(Refused { dentry: entry.id(), problem: Problem::from_io(error) });
            }
        }
    }
}

/// Whether the error says that reparse points need a privilege, or cannot be set.
fn lacks_points(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::Unsupported | io::ErrorKind::PermissionDenied)
}

/// Whether the error says that the file system has no hard links (FAT answers that they are not permitted), or no more
/// for this file.
fn lacks_hard_links(error: &io::Error) -> bool {
    use io::ErrorKind as Kind;
    matches!(error.kind(), Kind::Unsupported | Kind::PermissionDenied | Kind::TooManyLinks)
}
