//! How large archives and their images were, and are.

use std::path::Path;

use super::record::{ImageSizes, Sizes};
use crate::refresh::media::images::Archive;
use crate::refresh::media::{BOOT_ARCHIVE, INSTALL_ARCHIVES, Media};
use crate::refresh::step::Target;

/// What the archive of a target is called in reports.
pub(super) fn archive_of(target: Target) -> &'static str {
    match target {
        Target::WinRe => "winre.wim",
        Target::WinPe => BOOT_ARCHIVE,
        Target::Os | Target::Media => INSTALL_ARCHIVES[0],
    }
}

/// Compares an archive with what it was made from. What cannot be found out is unknown: it is for reports alone.
pub(super) fn sizes(name: &str, before: &Path, after: &Path) -> Sizes {
    let size = |path: &Path| Media::source(path).ok().map(|archive| archive.size());
    let (old, new) = (Archive::open(before).ok(), Archive::open(after).ok());
    let bytes = |archive: &Option<Archive>, index: u32| {
        let statistics = archive.as_ref()?.wim().xml().image(index)?.statistics()?;
        Some(statistics.total_bytes.saturating_sub(statistics.hard_link_bytes))
    };
    let count = new.as_ref().map_or(0, |archive| archive.wim().xml().image_count());
    let image = |index| ImageSizes {
        index,
        name: new
            .as_ref()
            .and_then(|archive| Some(archive.wim().xml().image(index)?.name()?.into_owned()))
            .unwrap_or_default(),
        before: bytes(&old, index),
        after: bytes(&new, index),
    };
    Sizes { archive: name.into(), before: size(before), after: size(after), images: (1..=count).map(image).collect() }
}
