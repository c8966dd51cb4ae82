//! What a file holds, told by few bytes, so that a change of it is seen.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::RunError;
use crate::refresh::media::Media;
use crate::util::filetime::FileTime;
use crate::util::read_at::{ReadAt, bytes_at};
use crate::util::sha1::{Hasher, Sha1};
use crate::wim::header::{HEADER_SIZE, Header};

/// Bytes that are hashed at a time.
const PIECE: u64 = 1 << 20;
/// Of larger files that are no archives, the size alone is looked at.
const MAX_HASHED_NBYTES: u64 = 64 << 20;

/// What a file holds.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub(super) struct Stamp {
    size: u64,
    /// Of an archive that of its header, blob table and XML document: the table has the digest of every content. Of a small file
    /// that of its bytes.
    digest: Option<String>,
}

impl Stamp {
    /// Looks at a file on disk, or in an ISO image by its address.
    pub(super) fn of(path: &Path) -> Result<Self, RunError> {
        let file = Media::source(path)?;
        let size = file.size();
        let failure = |source| RunError::Io { path: path.to_owned(), source };
        let digest = match archive_digest(&*file).map_err(failure)? {
            None if size <= MAX_HASHED_NBYTES => Some(digest(&*file).map_err(failure)?),
            archive => archive,
        };
        Ok(Self { size, digest: digest.map(|digest| digest.to_string()) })
    }

    /// One text for it.
    pub(super) fn text(&self) -> String {
        format!("{} {}", self.size, self.digest.as_deref().unwrap_or_default())
    }
}

/// The digest of what an archive's header leads to; `None` if it is no archive.
fn archive_digest(file: &dyn ReadAt) -> io::Result<Option<Sha1>> {
    if file.size() < HEADER_SIZE as u64 {
        return Ok(None);
    }
    let bytes = bytes_at(file, 0, HEADER_SIZE)?;
    let Ok(header) =
        <&[u8; HEADER_SIZE]>::try_from(&*bytes).map_err(drop).and_then(|bytes| Header::decode(bytes).map_err(drop))
    else {
        return Ok(None);
    };
    let mut hasher = Hasher::new();
    hasher.update(&bytes);
    for resource in [&header.blob_table, &header.xml] {
        // What would lie outside of the file is nothing to be hashed: such an archive is refused where it is opened.
        let end = resource.end_in_wim().unwrap_or(u64::MAX).min(file.size());
        hash(&mut hasher, file, resource.offset_in_wim.min(end), end)?;
    }
    Ok(Some(hasher.finish()))
}

/// The digest of all bytes of a file.
fn digest(file: &dyn ReadAt) -> io::Result<Sha1> {
    let mut hasher = Hasher::new();
    hash(&mut hasher, file, 0, file.size())?;
    Ok(hasher.finish())
}

fn hash(hasher: &mut Hasher, file: &dyn ReadAt, start: u64, end: u64) -> io::Result<()> {
    let mut offset = start;
    while offset < end {
        let length = PIECE.min(end - offset);
        hasher.update(&bytes_at(file, offset, length as usize)?);
        offset += length;
    }
    Ok(())
}

/// Digests of packages. They are large, so that one that has kept its size and time is not read again.
#[derive(Clone, Debug, Default)]
pub(super) struct PackageDigests {
    known: std::collections::BTreeMap<String, Known>,
}

/// A package that was read.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub(super) struct Known {
    size: u64,
    modified: FileTime,
    digest: String,
}

impl PackageDigests {
    /// Those that a journal has.
    pub(super) fn new(known: impl IntoIterator<Item = (String, Known)>) -> Self {
        Self { known: known.into_iter().collect() }
    }

    /// All that are known.
    pub(super) fn known(&self) -> impl Iterator<Item = (&str, &Known)> {
        self.known.iter().map(|(path, known)| (path.as_str(), known))
    }

    /// The digest of a package on disk, or in an ISO image by its address.
    pub(super) fn of(&mut self, path: &Path) -> Result<String, RunError> {
        let failure = |source| RunError::Io { path: path.to_owned(), source };
        let name = path.display().to_string();
        // What is in an image has no time of its own on this disk.
        let metadata = fs::metadata(path).ok();
        let place = metadata.and_then(|metadata| Some((metadata.len(), metadata.modified().ok()?.into())));
        if let (Some(known), Some((size, modified))) = (self.known.get(&name), place)
            && (known.size, known.modified) == (size, modified)
        {
            return Ok(known.digest.clone());
        }
        let digest = digest(&*Media::source(path)?).map_err(failure)?.to_string();
        if let Some((size, modified)) = place {
            self.known.insert(name, Known { size, modified, digest: digest.clone() });
        }
        Ok(digest)
    }
}

/// The digest of a list of files: their paths, sizes and times.
pub(super) fn listing<'a>(media: &Media, paths: impl Iterator<Item = &'a Path>) -> Result<String, RunError> {
    let mut hasher = Hasher::new();
    for path in paths {
        let (file, modified) = media.open_file(path)?;
        let entry: PathBuf = path.iter().collect();
        hasher.update(format!("{}\n{}\n{}\n", entry.display(), file.size(), FileTime::from(modified)).as_bytes());
    }
    Ok(hasher.finish().to_string())
}
