//! Finding the index of a PSF.

use std::path::{Path, PathBuf};

pub(in super::super) use super::super::cix::INDEX_SUFFIX;
use super::super::cix::{MAX_NBYTES, PSM_SUFFIX};
use super::{OwnIndex, Payload, PayloadError, read_document};
use crate::address::container::{Container, ContainerOptions, Kind};
use crate::address::{self, AddressError};
use crate::util::read_at::ReadAt;

/// The name that the index has in a package.
pub(in super::super) const COMMON_NAME: &str = "express.psf.cix.xml";

impl Payload {
    /// Opens a PSF. Its index is `index`, an index itself or the package that holds it; if that is not given, it is looked for
    /// beside the PSF: an index by its name, `express.psf.cix.xml`, a package by its name, or an index of the older kind by its
    /// name, which has no digests and so comes last; then in the PSF.
    ///
    /// # Errors
    /// [`PayloadError`]: the PSF or the index cannot be opened, or there is none.
    pub fn open_psf(path: &Path, index: Option<&Path>, options: &ContainerOptions) -> Result<Self, PayloadError> {
        let psf = open(path, options)?;
        let found = match index {
            Some(index) => read_index(index, path, options)?,
            None => look_beside(path, options)?,
        };
        match found {
            Some((name, document)) => Self::of_psf(path, psf, &name, &document),
            None if index.is_some() => Err(PayloadError::NoIndex { path: path.to_owned() }),
            None => {
                let index = OwnIndex::find(&*psf).ok_or_else(|| PayloadError::NoIndex { path: path.to_owned() })?;
                Self::self_described(path, psf, &index)
            }
        }
    }
}

/// Whether a file's name is that of a PSF.
pub(in super::super) fn is_psf(path: &str) -> bool {
    path.rsplit_once('.').is_some_and(|(_, extension)| extension.eq_ignore_ascii_case("psf"))
}

/// The name that a PSF's index of the older kind has.
pub(in super::super) fn psm_name(psf: &str) -> String {
    format!("{}{PSM_SUFFIX}", psf.rsplit_once('.').map_or(psf, |(stem, _)| stem))
}

/// Which of the members is the index of the PSF of this name: the one by its name, else the one by the common name, else one of the
/// older kind by its name.
pub(in super::super) fn find_index<'a>(
    psf: &str,
    members: impl Iterator<Item = (usize, &'a str)> + Clone,
) -> Option<usize> {
    let name = |path: &'a str| path.rsplit(['\\', '/']).next().unwrap_or(path).to_lowercase();
    let own = format!("{}{INDEX_SUFFIX}", psf.to_lowercase());
    let by_name = |wanted: &str| members.clone().find(|(_, path)| name(path) == wanted).map(|(place, _)| place);
    by_name(&own).or_else(|| by_name(COMMON_NAME)).or_else(|| by_name(&psm_name(&psf.to_lowercase())))
}

fn open(path: &Path, options: &ContainerOptions) -> Result<Box<dyn ReadAt>, AddressError> {
    let (no_mmap, memory) = (options.cab.no_mmap, options.memory);
    address::open(path, &crate::wim::OpenOptions { no_mmap, memory, ..crate::wim::OpenOptions::default() })
}

/// An index: its name and the document.
type Found = Option<(PathBuf, Vec<u8>)>;

/// Reads an index, out of a package if `path` is one.
fn read_index(path: &Path, psf: &Path, options: &ContainerOptions) -> Result<Found, PayloadError> {
    let source = open(path, options)?;
    if Kind::of(&*source).is_none() {
        return Ok(Some((path.to_owned(), read_document(&*source, path)?)));
    }
    let container = Container::from_source(source, path, options)?;
    let members = container.members().iter().map(|member| &*member.path).enumerate();
    let Some(place) = find_index(file_name(psf), members) else { return Ok(None) };
    let name = format!("{}!/{}", path.display(), container.members()[place].path);
    Ok(Some((name.into(), container.read(place, MAX_NBYTES as usize)?)))
}

/// Looks for an index, or a package with one, beside the PSF.
fn look_beside(psf: &Path, options: &ContainerOptions) -> Result<Found, PayloadError> {
    let directory = psf.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let stem = psf.file_stem().and_then(|stem| stem.to_str()).unwrap_or_default();
    let packages = ["cab", "wim", "esd"].map(|extension| format!("{stem}.{extension}"));
    let of_pair = ["cab", "wim"].map(|extension| format!("{stem}_PSFX.{extension}"));
    let name = file_name(psf);
    let (indices, older) = ([format!("{name}{INDEX_SUFFIX}"), COMMON_NAME.to_owned()], psm_name(name));
    for name in indices.iter().chain(&packages).chain(&of_pair).chain([&older]) {
        let path = directory.join(name);
        if path.is_file()
            && let Some(found) = read_index(&path, psf, options)?
        {
            return Ok(Some(found));
        }
    }
    Ok(None)
}

fn file_name(path: &Path) -> &str {
    path.file_name().and_then(|name| name.to_str()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn which_index_belongs_to_a_psf() {
        let find = |members: &[&str]| find_index("KB1.psf", members.iter().copied().enumerate());
        assert_eq!(find(&["update.mum", "express.psf.cix.xml", "dir\\kb1.PSF.cix.xml"]), Some(2));
        assert_eq!(find(&["update.mum", "Express.psf.cix.xml"]), Some(1));
        assert_eq!(find(&["update.mum", "kb2.psf.cix.xml", "kb2.psm"]), None);
        assert_eq!(find(&["update\\kb1.PSM", "Express.psf.cix.xml"]), Some(1));
        assert_eq!(find(&["update\\kb1.PSM"]), Some(0));
        assert!(is_psf("a\\KB1.PSF") && !is_psf("psf") && !is_psf("a.psf.cix.xml"));
    }
}
