//! Splitting a WIM into parts that fit on a medium with a file size limit, such as FAT32.
//!
//! Resources are copied as they are. Part 1 has all metadata; a blob is never divided.

use super::WimError;
use super::blob_table::{ENTRY_SIZE, Location};
use super::encoder::StoredBlob;
use super::export::ExportError;
use super::header::{HEADER_SIZE, Header, ResourceHeader, flag, resource_flag};
use super::integrity::DEFAULT_PIECE_SIZE;
use super::output::Output;
use super::reader::{KnownBlob, Wim, reading_order};
use super::resource::ChunkMap;
use super::writer::{Finished, WimWriter};
use crate::util::progress::Control;
use crate::util::sha1::Sha1;
use std::path::{Path, PathBuf};

/// A part that was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Part {
    /// Where it is.
    pub path: PathBuf,
    /// Its size in bytes.
    pub size: u64,
}

/// A blob that alone is larger than a part may be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OversizeBlob {
    /// Its identity.
    pub sha1: Sha1,
    /// Its stored size in bytes.
    pub size_in_wim: u64,
    /// The part that is too large because of it, from 1.
    pub part: u16,
    /// A file with this content.
    pub path: Option<String>,
}

/// How a WIM is split.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// The most bytes of a part.
    pub size: u64,
    /// Write parts even where a blob makes one larger than `size`; otherwise that is an error.
    pub allow_oversize: bool,
    /// Give each part an integrity table.
    pub check: bool,
    /// Replace files that have the names of parts; otherwise one of them is an error.
    pub force: bool,
}

/// What was done.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Outcome {
    /// The parts, in order.
    pub parts: Vec<Part>,
    /// Blobs that made a part too large.
    pub oversize: Vec<OversizeBlob>,
}

/// Why a WIM cannot be split.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SplitError {
    /// The source cannot be read, or a part cannot be written.
    #[error(transparent)]
    Export(#[from] ExportError),
    /// The source has solid resources, which split WIMs cannot have.
    #[error("{path}: a file with solid resources cannot be split", path = path.display())]
    Solid {
        /// Which file.
        path: PathBuf,
    },
    /// The source has the layout for pipes, or is a part of a split set already.
    #[error("{path}: {what} cannot be split", path = path.display())]
    Layout {
        /// Which file.
        path: PathBuf,
        /// What it is.
        what: &'static str,
    },
    /// A part would take the place of a file.
    #[error("{path}: {}", if *.is_source { "this is the file that is split" } else { "this file exists" }, path = path.display())]
    Exists {
        /// Which file.
        path: PathBuf,
        /// Whether it is the source.
        is_source: bool,
    },
    /// A blob does not fit in a part.
    #[error(
        "{}the blob {} takes {} bytes, more than a part of {limit} bytes can hold",
        blob.path.as_ref().map(|path| format!("{path}: ")).unwrap_or_default(), blob.sha1, blob.size_in_wim
    )]
    TooBig {
        /// The blob.
        blob: OversizeBlob,
        /// The part size asked for.
        limit: u64,
    },
    /// The metadata and tables alone are larger than a part may be.
    #[error("the metadata and tables alone take {needed} bytes, more than a part of {limit} bytes can hold")]
    TablesTooBig {
        /// Bytes of header, metadata, blob table and XML document.
        needed: u64,
        /// The part size asked for.
        limit: u64,
    },
}

impl From<WimError> for SplitError {
    fn from(error: WimError) -> Self {
        Self::Export(ExportError::Wim(error))
    }
}

impl SplitError {
    /// How to mend it, where that can be said.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Export(error) => error.hint(),
            Self::Solid { .. } => Some("make a WIM of it first: wimkit export SRC all NEW.wim --compress lzx".into()),
            Self::Exists { is_source: true, .. } => Some("give the parts another name".into()),
            Self::Exists { .. } => Some("remove it, or replace it with --force".into()),
            Self::Layout { .. } => Some("export its images to a new file first".into()),
            Self::TooBig { .. } => {
                Some("a larger --size; a stronger --compress in an export before; or --allow-oversize".into())
            }
            Self::TablesTooBig { .. } => Some("give a larger --size".into()),
        }
    }
}

/// The name of part `number`: `base.swm`, `base2.swm`, `base3.swm` …
pub fn part_path(first: &Path, number: u16) -> PathBuf {
    if number == 1 {
        return first.to_owned();
    }
    let mut name = first.file_stem().unwrap_or_default().to_owned();
    name.push(number.to_string());
    if let Some(extension) = first.extension() {
        name.push(".");
        name.push(extension);
    }
    first.with_file_name(name)
}

/// Which blobs go into which part.
#[derive(Debug, Default, PartialEq, Eq)]
struct Layout {
    /// Ends of the parts in the list of blobs.
    ends: Vec<usize>,
    /// Indices of blobs that are too large for any part.
    oversize: Vec<usize>,
}

/// Fills part after part. `first` and `other` are the bytes that part 1 and any other part has besides blobs; a blob takes
/// its stored size and an entry of the blob table.
fn lay_out(sizes: &[u64], first: u64, other: u64, limit: u64) -> Layout {
    let mut layout = Layout::default();
    let mut used = first;
    let mut blobs_in_part = 0;
    for (index, size) in sizes.iter().enumerate() {
        let size = size.saturating_add(ENTRY_SIZE as u64);
        if other.saturating_add(size) > limit {
            layout.oversize.push(index);
        }
        // Part 1 may hold metadata alone; any other part has at least one blob.
        let is_first = layout.ends.is_empty();
        if used.saturating_add(size) > limit && (is_first || blobs_in_part > 0) {
            layout.ends.push(index);
            used = other;
            blobs_in_part = 0;
        }
        used = used.saturating_add(size);
        blobs_in_part += 1;
    }
    layout.ends.push(sizes.len());
    layout
}

/// Splits `wim` into parts named after `first`: `base.swm`, `base2.swm` …
///
/// # Errors
/// [`SplitError`]. Parts written before the failure are removed.
pub fn split(wim: &Wim, first: &Path, options: &Options, control: Control<'_>) -> Result<Outcome, SplitError> {
    let path = wim.path().to_owned();
    let contents = wim.contents()?;
    if wim.header().pipable {
        return Err(SplitError::Layout { path, what: "a file with the layout for pipes" });
    }
    if wim.header().total_parts > 1 {
        return Err(SplitError::Layout { path, what: "a split set" });
    }
    if !contents.solid_resources.is_empty() {
        return Err(SplitError::Solid { path });
    }
    let mut blobs: Vec<(&KnownBlob, ResourceHeader)> = contents.blobs[..contents.own_blobs]
        .iter()
        .filter_map(|blob| match blob.location {
            Location::Plain(resource) => Some((blob, resource)),
            Location::Solid { .. } => None,
        })
        .collect();
    blobs.sort_by_cached_key(|(blob, _)| reading_order(blob, contents));
    for pair in blobs.windows(2) {
        let ((_, front), (blob, behind)) = (pair[0], pair[1]);
        if front.end_in_wim().is_none_or(|end| end > behind.offset_in_wim) {
            let problem = format!("its bytes at {:#x} are those of another blob, too", behind.offset_in_wim);
            return Err(ExportError::Blob { path, sha1: blob.sha1, problem }.into());
        }
    }
    for (blob, resource) in &blobs {
        // What does not fit the file is found before anything is written.
        ChunkMap::new(resource, wim.header(), wim.files()[0].source.size()).map_err(|error| WimError::Resource {
            path: path.clone(),
            what: format!("blob {}", blob.sha1),
            error,
        })?;
    }
    for (index, entry) in contents.metadata.iter().enumerate() {
        ChunkMap::new(&entry.resource, wim.header(), wim.files()[0].source.size()).map_err(|error| {
            WimError::Resource { path: path.clone(), what: format!("metadata of image {}", index + 1), error }
        })?;
    }
    let metadata: u64 = contents.metadata.iter().map(|entry| entry.resource.size_in_wim + ENTRY_SIZE as u64).sum();
    let xml = wim.xml().encode().map_err(|error| ExportError::Xml { path: path.clone(), error })?.len() as u64;
    // A table covers at most the part; its own size is bounded by that of a part of the size asked for.
    let integrity = match options.check {
        true => 12 + 20 * options.size.div_ceil(DEFAULT_PIECE_SIZE.into()),
        false => 0,
    };
    let tables = HEADER_SIZE as u64 + xml + integrity;
    if tables + metadata > options.size {
        return Err(SplitError::TablesTooBig { needed: tables + metadata, limit: options.size });
    }
    let sizes: Vec<u64> = blobs.iter().map(|(_, resource)| resource.size_in_wim).collect();
    let layout = lay_out(&sizes, tables + metadata, tables, options.size);
    let oversize: Vec<OversizeBlob> = layout
        .oversize
        .iter()
        .map(|index| OversizeBlob {
            sha1: blobs[*index].0.sha1,
            size_in_wim: sizes[*index],
            part: layout.ends.partition_point(|end| *end <= *index) as u16 + 1,
            path: find_path(wim, &blobs[*index].0.sha1),
        })
        .collect();
    if let Some(blob) = oversize.first().filter(|_| !options.allow_oversize) {
        return Err(SplitError::TooBig { blob: blob.clone(), limit: options.size });
    }

    let total = layout.ends.len() as u16;
    for target in (1..=total).map(|number| part_path(first, number)) {
        let is_there = target.symlink_metadata().is_ok();
        let real = target.canonicalize().ok();
        let is_source = real.is_some() && wim.files().iter().any(|file| file.path.canonicalize().ok() == real);
        if is_source || (is_there && !options.force) {
            return Err(SplitError::Exists { path: target, is_source });
        }
    }
    control.progress.begin("Splitting", sizes.iter().fold(0, |sum, size| sum.saturating_add(*size)));
    // Nothing takes its place before all is written.
    let mut ready = Vec::new();
    let mut start = 0;
    for (number, end) in (1..).zip(&layout.ends) {
        let target = part_path(first, number);
        ready.push((write_part(wim, &target, (number, total), &blobs[start..*end], options, control)?, target));
        start = *end;
    }
    let mut written = Written::default();
    for (part, path) in ready {
        let replaces = path.symlink_metadata().is_ok();
        let size = part.commit(&path)?;
        written.parts.push(Part { path, size });
        written.replaced.push(replaces);
    }
    Ok(Outcome { parts: std::mem::take(&mut written.parts), oversize })
}

/// Parts that took their places: removed again unless all do, but for those that took another file's.
#[derive(Default)]
struct Written {
    parts: Vec<Part>,
    replaced: Vec<bool>,
}

impl Drop for Written {
    fn drop(&mut self) {
        for (part, _) in self.parts.iter().zip(&self.replaced).filter(|(_, replaced)| !**replaced) {
            let _ = std::fs::remove_file(&part.path);
        }
    }
}

fn write_part(
    wim: &Wim,
    target: &Path,
    (number, total): (u16, u16),
    blobs: &[(&KnownBlob, ResourceHeader)],
    options: &Options,
    control: Control<'_>,
) -> Result<Finished, SplitError> {
    let source = &*wim.files()[0].source;
    let io = |source| SplitError::Export(ExportError::Output { path: target.to_owned(), source });
    let header = Header {
        flags: (wim.header().flags & (flag::COMPRESS_MASK | flag::RP_FIX)) | flag::SPANNED,
        part_number: number,
        total_parts: total,
        boot_index: 0,
        ..wim.header().clone()
    };
    let mut writer = WimWriter::part(Output::create(target).map_err(io)?, header).map_err(io)?;
    let copy = |writer: &mut WimWriter, resource: &ResourceHeader| {
        let range = resource.offset_in_wim..resource.offset_in_wim + resource.size_in_wim;
        let offset_in_wim = writer.copy_range(source, range, control).map_err(io)?.ok_or(ExportError::Interrupted)?;
        let flags = resource.flags & (resource_flag::COMPRESSED | resource_flag::METADATA);
        Ok::<_, SplitError>(ResourceHeader { offset_in_wim, flags, ..*resource })
    };
    for (blob, resource) in blobs {
        let moved = copy(&mut writer, resource)?;
        let KnownBlob { sha1, size, reference_count, .. } = **blob;
        writer.add_blob(StoredBlob { sha1, size, resource: moved, reference_count });
    }
    if number == 1 {
        for entry in &wim.contents()?.metadata {
            let moved = copy(&mut writer, &entry.resource)?;
            writer.add_metadata(moved, entry.sha1);
        }
        writer.set_boot(wim.boot_index());
    }
    let integrity = options.check.then_some(DEFAULT_PIECE_SIZE);
    let finished = writer.finish_part(&mut wim.xml().clone(), wim.image_count(), integrity, control);
    match finished.map_err(|error| error.at(target))? {
        Finished::Interrupted => Err(ExportError::Interrupted.into()),
        finished => Ok(finished),
    }
}

/// The path of a file with this content.
fn find_path(wim: &Wim, sha1: &Sha1) -> Option<String> {
    wim.images().find_map(|image| {
        let metadata = wim.metadata(image).ok()?;
        let (dentry, _) = metadata.blob_references().find(|(_, stream)| stream.sha1 == *sha1)?;
        Some(metadata.entry(dentry).path())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn part_names() {
        let name = |number| part_path(Path::new("dir/install.swm"), number).display().to_string().replace('\\', "/");
        assert_eq!([name(1), name(2), name(12)], ["dir/install.swm", "dir/install2.swm", "dir/install12.swm"]);
    }

    #[test]
    fn parts_fill_up_to_the_limit() {
        // Each blob takes 50 bytes more, for its entry.
        let layout = lay_out(&[100, 100, 100, 900, 10], 300, 100, 600);
        assert_eq!(layout, Layout { ends: vec![2, 3, 4, 5], oversize: vec![3] });
        // Metadata that leaves no room for any blob.
        assert_eq!(lay_out(&[100], 600, 100, 600).ends, [0, 1]);
        assert_eq!(lay_out(&[], 300, 100, 600).ends, [0]);
        let most = lay_out(&[u64::MAX], 300, 100, 600);
        assert_eq!(most, Layout { ends: vec![0, 1], oversize: vec![0] });
    }
}
