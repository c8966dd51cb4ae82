//! Owners, groups and modes, and what is no file, directory or link, as far as an image keeps them and they are asked for.

use std::collections::HashSet;
use std::io;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use super::outcome::{Problem, UnixMade};
use crate::util::os::{Dir, Ownership, SpecialFile, Times};
use crate::wim::metadata::tagged::UnixKind;
use crate::wim::metadata::{Entry, StreamKind, reparse};

/// The bits of a mode that say whose rights a program has: its owner's or its group's.
const SET_ID: u32 = 0o6000;

/// What of it needs privileges that are missing.
#[derive(Debug, Default)]
pub(super) struct Unix {
    /// Entries whose owner, group or mode could not be set.
    not_owned: AtomicU64,
    /// Files with a set-user-id or set-group-id bit.
    set_id: AtomicU64,
    /// Devices, pipes and sockets that were made.
    made: AtomicU64,
    /// Devices that could not be made: files of the plan, by index.
    not_made: Mutex<HashSet<u32>>,
}

impl Unix {
    /// Refuses an entry that is said to be of one kind and is of another.
    pub(super) fn check(entry: &Entry<'_>) -> Result<(), Problem> {
        let Some(data) = entry.unix_data() else { return Ok(()) };
        let is_link = entry.reparse_tag().is_some_and(reparse::is_link_tag);
        let has_content = || entry.stream(StreamKind::Data).is_some_and(|stream| !stream.is_empty());
        let agrees = match data.kind() {
            UnixKind::Unstated => true,
            UnixKind::Link => is_link,
            UnixKind::Directory => entry.is_directory() && !is_link,
            UnixKind::File => !entry.is_directory() && !is_link,
            UnixKind::Special(_) => !entry.is_directory() && !entry.is_reparse_point() && !has_content(),
            UnixKind::Unknown => false,
        };
        if agrees { Ok(()) } else { Err(Problem::UnixKind { mode: data.mode }) }
    }

    /// What the entry is besides a file, directory or link.
    pub(super) fn special(entry: &Entry<'_>) -> Option<SpecialFile> {
        match entry.unix_data()?.kind() {
            UnixKind::Special(special) => Some(special),
            _ => None,
        }
    }

    /// Counts an entry whose owner or mode could not be set, and a file that runs with the rights of its owner or group.
    pub(super) fn note(&self, of_file: Option<&Ownership>, is_complete: bool) {
        self.not_owned.fetch_add(u64::from(!is_complete), Ordering::Relaxed);
        let is_set_id = is_complete && of_file.is_some_and(|ownership| ownership.mode & SET_ID != 0);
        self.set_id.fetch_add(u64::from(is_set_id), Ordering::Relaxed);
    }

    /// Counts what was made that one should know of.
    pub(super) fn made(&self) -> UnixMade {
        let count = |count: &AtomicU64| count.load(Ordering::Relaxed);
        UnixMade { set_id: count(&self.set_id), special_files: count(&self.made) }
    }

    /// Makes what is no file; `false` if that would need a privilege.
    pub(super) fn make(
        &self,
        directory: &Dir,
        name: &str,
        special: SpecialFile,
        ownership: &Ownership,
        times: &Times,
    ) -> io::Result<bool> {
        match directory.make_special(name, special, ownership, times) {
            Ok(is_complete) => {
                self.note(None, is_complete);
                self.made.fetch_add(1, Ordering::Relaxed);
                Ok(true)
            }
            // A directory that may not be written to says so in the same words of any file.
            Err(error) if error.kind() == io::ErrorKind::PermissionDenied && is_device(special) => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Notes that a file of the plan could not be made.
    pub(super) fn leave_out(&self, file: u32) {
        self.not_made.lock().unwrap_or_else(PoisonError::into_inner).insert(file);
    }

    /// Whether a file of the plan could not be made.
    pub(super) fn is_left_out(&self, file: u32) -> bool {
        self.not_made.lock().unwrap_or_else(PoisonError::into_inner).contains(&file)
    }

    /// How many entries did not get their owner or mode, and how many files were not made.
    pub(super) fn counts(&self) -> (u64, u64) {
        let not_made = self.not_made.lock().unwrap_or_else(PoisonError::into_inner).len() as u64;
        (self.not_owned.load(Ordering::Relaxed), not_made)
    }
}

fn is_device(special: SpecialFile) -> bool {
    matches!(special, SpecialFile::CharacterDevice(_) | SpecialFile::BlockDevice(_))
}
