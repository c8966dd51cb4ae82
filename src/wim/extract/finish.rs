//! What comes after the files: hard links, symbolic links, the times of directories.

use std::collections::HashSet;
use std::io;

use super::outcome::{Problem, Refused};
use super::plan::{Directory, HardLink, Link, Place, times_of};
use super::write::{Writing, problem_of};
use crate::util::os::Dir;
use crate::wim::metadata::{Metadata, reparse};

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
}

impl Finish<'_> {
    fn refuse(&mut self, place: &Place, problem: Problem) {
        self.refused.push(Refused { dentry: place.dentry, problem });
    }

    /// Makes the further names of files.
    pub(super) fn hard_links(&mut self, links: &[HardLink], failed_files: &HashSet<u32>) -> io::Result<HardLinks> {
        let mut count = HardLinks::default();
        for HardLink { place, file } in links {
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
            match self.writing.make(place, link) {
                Ok(()) => count.made += 1,
                Err(error) if lacks_hard_links(&error) => match self.writing.copy_name(original, place) {
                    Ok(()) => count.copied += 1,
                    Err(error) => self.refuse(place, problem_of(error)?),
                },
                Err(error) => self.refuse(place, problem_of(error)?),
            }
        }
        Ok(count)
    }

    /// Makes the symbolic links; answers how many.
    pub(super) fn symlinks(
        &mut self,
        links: &[Link],
        failed_links: &HashSet<u32>,
        directories: &[Directory],
    ) -> io::Result<u64> {
        let mut made = 0;
        for (index, link) in links.iter().enumerate() {
            if failed_links.contains(&(index as u32)) {
                continue;
            }
            match self.symlink(link, directories[link.place.directory as usize].depth)? {
                Ok(()) => made += 1,
                Err(problem) => self.refuse(&link.place, problem),
            }
        }
        Ok(made)
    }

    fn symlink(&self, link: &Link, depth: u32) -> io::Result<Result<(), Problem>> {
        let Link { place, data } = link;
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
                self.writing.note(directory.set_link_owner(name, &ownership)?);
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
                if let Some(ownership) = self.writing.ownership(&entry) {
                    self.writing.note(open.set_ownership(&ownership)?);
                }
                open.set_times(&times_of(&entry))
            });
            if let Err(error) = set {
                self.refused.push(Refused { dentry: entry.id(), problem: Problem::from_io(error) });
            }
        }
    }
}

/// Whether the error says that the file system has no hard links (FAT answers that they are not permitted), or no more
/// for this file.
fn lacks_hard_links(error: &io::Error) -> bool {
    use io::ErrorKind as Kind;
    matches!(error.kind(), Kind::Unsupported | Kind::PermissionDenied | Kind::TooManyLinks)
}
