//! Images in directories instead of mounts: applied, changed there by DISM, and captured again.

use std::fs;
use std::io;
use std::path::Path;
use std::sync::Arc;

use super::{ServicingError, Session, Workplace};
use crate::util::os;
use crate::util::progress::Control;
use crate::wim::capture::{self, CaptureError, Exclusions, UpdateOf};
use crate::wim::extract::{self, ExtractError, LeftOut, NotRestored, Selection};
use crate::wim::{ImageIndex, OpenOptions, Wim};

/// Refuses a work directory where DISM would not service images, and a user who could not restore or read all of one.
pub(super) fn check(place: &Workplace<'_>) -> Result<(), ServicingError> {
    if let Some(found) = os::file_system(place.work).filter(|found| !found.eq_ignore_ascii_case("NTFS")) {
        return Err(ServicingError::FileSystem { path: place.work.to_owned(), found });
    }
    let mut missing = [os::missing_for_reading(), os::missing_for_writing()].concat();
    missing.sort_unstable();
    missing.dedup();
    if missing.is_empty() { Ok(()) } else { Err(ServicingError::Privileges { missing: missing.join(", ") }) }
}

/// Applies the image of a session. Answers what the directory does not hold where it should.
pub(super) fn apply(session: &Session<'_>, control: Control<'_>) -> Result<Vec<String>, ServicingError> {
    // What a run that was killed has left there is none of the image.
    remove(session.directory)?;
    let result = apply_all(session, control);
    if result.is_err() {
        // Why it failed tells more than that a part is left, which is looked for again.
        let _ = remove(session.directory);
    }
    result
}

fn apply_all(session: &Session<'_>, control: Control<'_>) -> Result<Vec<String>, ServicingError> {
    let memory = session.memory;
    let wim = Wim::open(session.wim, &OpenOptions { memory, ..OpenOptions::default() })?;
    let tree = wim.metadata(ImageIndex::FIRST)?;
    let (everything, options) = (Selection::everything(), extract::Options { memory, ..extract::Options::default() });
    let done = extract::extract(&wim, &tree, &everything, session.directory, &options, control);
    let mut done = done.map_err(|error| match error {
        ExtractError::Interrupted => ServicingError::Interrupted,
        error => ServicingError::Apply { session: session.name.to_owned(), source: Box::new(error) },
    })?;
    if !done.refused.is_empty() {
        let count = done.refused.len();
        let first = done.refused.swap_remove(0);
        let (session, path) = (session.name.to_owned(), first.path(&tree));
        return Err(ServicingError::NotApplied { session, path, problem: first.problem, count });
    }
    Ok(not_held(done.not_restored, &done.left_out))
}

/// What a volume should hold, and does not. Where the system holds nothing of the kind, what is kept of the image makes up for
/// it, as for short names where a volume has none; but names of one file that have become copies stay so.
fn not_held(lost: Option<NotRestored>, left_out: &LeftOut) -> Vec<String> {
    let LeftOut { named_streams, reparse_points, hard_links, .. } = *left_out;
    let mut counts = vec![(hard_links, "hard links")];
    if let Some(NotRestored { security_descriptors, attributes, tagged_items, .. }) = lost {
        counts.extend([
            (security_descriptors, "security descriptors"),
            (attributes, "files' attributes"),
            (tagged_items, "object ids or extended attributes"),
            (named_streams, "named streams"),
            (reparse_points, "reparse points"),
        ]);
    }
    let told = |(count, what): (u64, &str)| format!("{count} {what} could not be restored in the directory");
    counts.into_iter().filter(|(count, _)| *count > 0).map(told).collect()
}

/// Captures the directory of a session into a new file, which takes the place of the image's. Answers what there is to tell.
pub(super) fn capture(session: &Session<'_>, control: Control<'_>) -> Result<Vec<String>, CaptureError> {
    let memory = session.memory;
    let wim = Wim::open(session.wim, &OpenOptions { memory, ..OpenOptions::default() })
        .map_err(|error| CaptureError::Destination(error.into()))?;
    let options = capture::Options {
        boot: wim.boot_index() == Some(ImageIndex::FIRST),
        // Whatever the image had is there by right.
        exclusions: Exclusions::none(),
        any_names: true,
        replace: true,
        update_of: Some(UpdateOf::Other(Arc::new(wim), ImageIndex::FIRST)),
        revises: true,
        memory,
        ..capture::Options::default()
    };
    let done = capture::capture(session.directory, session.wim, &options, control)?;
    let left_out = done.left_out.iter().map(|(path, what)| format!("{}: left out: {what}", path.display()));
    Ok(done.warnings.iter().cloned().chain(left_out).collect())
}

/// Removes a directory with an image, read-only files included; it need not be there.
pub(super) fn remove(directory: &Path) -> Result<(), ServicingError> {
    os::remove_tree(directory).map_err(|source| ServicingError::Io { path: directory.to_owned(), source })
}

/// Removes what runs have left that were killed. Answers what that was.
pub(super) fn clean(place: &Workplace<'_>) -> Result<Vec<String>, ServicingError> {
    let io = |source| ServicingError::Io { path: place.applied.to_owned(), source };
    let listing = match fs::read_dir(place.applied) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        listing => listing.map_err(io)?,
    };
    let mut notes = Vec::new();
    for entry in listing {
        let path = entry.map_err(io)?.path();
        notes.push(match remove(&path) {
            Ok(()) => format!("{}: left by an earlier run, was removed", path.display()),
            Err(error) => format!("{}: left by an earlier run, cannot be removed: {error}", path.display()),
        });
    }
    // It is in nobody's way.
    let _ = fs::remove_dir(place.applied);
    Ok(notes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_left_is_removed() {
        let work = tempfile::tempdir().unwrap();
        let applied = work.path().join("applied");
        let place = Workplace { work: work.path(), applied: &applied, scratch: work.path(), logs: work.path() };
        assert_eq!(clean(&place).unwrap(), [""; 0]);
        let directory = applied.join("os-1/Windows/System32");
        fs::create_dir_all(&directory).unwrap();
        for name in ["readonly", "plain"] {
            fs::write(directory.join(name), name).unwrap();
        }
        let mut permissions = fs::metadata(directory.join("readonly")).unwrap().permissions();
        permissions.set_readonly(true);
        fs::set_permissions(directory.join("readonly"), permissions).unwrap();
        let notes = clean(&place).unwrap();
        assert!(
            matches!(notes.as_slice(), [note] if note.contains("os-1: left by an earlier run, was removed")),
            "{notes:?}"
        );
        assert!(!applied.exists() && work.path().exists());
        remove(&directory).unwrap();
    }

    #[test]
    fn what_a_volume_lacks_is_told() {
        let lost = NotRestored { security_descriptors: 2, short_names: 7, attributes: 0, tagged_items: 1 };
        let left_out = LeftOut { named_streams: 3, hard_links: 4, ..LeftOut::default() };
        let told = |words: &[&str]| -> Vec<String> {
            words.iter().map(|words| format!("{words} could not be restored in the directory")).collect()
        };
        let all = ["4 hard links", "2 security descriptors", "1 object ids or extended attributes", "3 named streams"];
        assert_eq!(not_held(Some(lost), &left_out), told(&all));
        assert_eq!(not_held(None, &left_out), told(&all[..1]));
    }
}
