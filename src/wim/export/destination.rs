//! A file that exists already and is to be added to.

use super::{Check, Compression, ExportError};
use crate::codec::{Format, Level};
use crate::wim::WimError;
use crate::wim::blob_table::Location;
use crate::wim::encoder::Encoding;
use crate::wim::header::{ResourceHeader, flag};
use crate::wim::reader::Wim;
use crate::wim::writer::piece_size;

/// How an existing file stores what is added to it.
#[derive(Clone, Copy, Debug)]
pub(in crate::wim) struct Encodings {
    /// The format of the file.
    pub format: Option<Format>,
    /// How plain resources are compressed; `None` = not at all.
    pub plain: Option<Encoding>,
    /// How the solid resource is compressed, where blobs go into one.
    pub solid: Option<Encoding>,
}

impl Encodings {
    /// The file's own way, at the level that was `asked` for. Into a solid archive, blobs go solid, unless the request
    /// says otherwise.
    pub(in crate::wim) fn of(wim: &Wim, asked: Option<Compression>) -> Result<Self, ExportError> {
        let header = wim.header();
        let path = || wim.path().to_owned();
        let format = header.format().map_err(|error| WimError::Header { path: path(), error })?;
        if let Some(asked) = asked
            && (asked.format != format || asked.chunk_size.is_some_and(|size| size != header.chunk_size))
        {
            return Err(ExportError::OtherCompression { path: path(), has: format, asked: asked.format });
        }
        let level = asked.map_or(Level::DEFAULT, |compression| compression.level);
        let plain = format.map(|format| Encoding { format, chunk_size: header.chunk_size, level });
        let solid_coding = wim.contents()?.solid_resources.iter().find_map(|(_, _, map)| map.as_ref().ok()?.coding());
        let solid = match (asked, solid_coding) {
            (Some(asked), _) => asked.solid_encoding()?,
            (None, Some((format, chunk_size))) => Some(Encoding { format, chunk_size, level }),
            (None, None) => None,
        };
        Ok(Self { format, plain, solid })
    }
}

/// The piece size of the integrity table that an existing file gets.
pub(in crate::wim) fn integrity_of(wim: &Wim, check: Check) -> Option<u32> {
    let had_table = wim.integrity_table(&wim.files()[0]).ok().flatten();
    match check {
        Check::Omit => None,
        Check::Keep if wim.header().integrity.is_absent() => None,
        Check::Keep | Check::Write => Some(piece_size(had_table.as_ref())),
    }
}

/// Refuses what must not be changed, each with its reason.
pub(in crate::wim) fn refuse_modification(wim: &Wim) -> Result<(), ExportError> {
    let header = wim.header();
    let refuse = |why| Err(ExportError::Refused { path: wim.path().to_owned(), why });
    if wim.files()[0].source.as_file().is_none() {
        return refuse("it is not a file of its own");
    }
    if header.has(flag::READONLY) {
        return refuse("its header marks it as read-only");
    }
    if header.total_parts > 1 || header.has(flag::SPANNED) {
        return refuse("it is a part of a split set");
    }
    if header.pipable {
        return refuse("it has the layout for pipes");
    }
    if header.has(flag::WRITE_IN_PROGRESS) {
        return Err(ExportError::Unfinished { path: wim.path().to_owned() });
    }
    // A file that is changed is written as it was understood: what was not would be lost.
    if wim.is_xml_damaged() {
        return refuse("its XML document is damaged, and what it still tells of the images would be lost");
    }
    if wim.contents()?.metadata.len() != header.image_count as usize {
        return refuse("its blob table does not list the metadata of all its images");
    }
    Ok(())
}

/// Where appending to `wim` begins.
pub(in crate::wim) fn appendable_end(wim: &Wim) -> Result<u64, ExportError> {
    let header = wim.header();
    let end_of = |resource: &ResourceHeader| resource.end_in_wim().unwrap_or(u64::MAX);
    let end = end_of(&header.xml).max(if header.integrity.is_absent() { 0 } else { end_of(&header.integrity) });
    let contents = wim.contents()?;
    let plain = contents.blobs.iter().filter(|blob| blob.file == 0).filter_map(|blob| match blob.location {
        Location::Plain(resource) => Some(end_of(&resource)),
        Location::Solid { .. } => None,
    });
    let solid =
        contents.solid_resources.iter().filter(|(file, ..)| *file == 0).map(|(_, resource, _)| end_of(resource));
    let metadata = contents.metadata.iter().map(|entry| end_of(&entry.resource));
    let last = plain.chain(solid).chain(metadata).max().unwrap_or(0);
    if last > end || header.blob_table.offset_in_wim > header.xml.offset_in_wim {
        return Err(ExportError::Refused {
            path: wim.path().to_owned(),
            why: "its tables do not stand behind its resources, so that nothing can be appended in place",
        });
    }
    Ok(end)
}
