//! Bringing blobs and metadata over: copied as they are, or decoded, checked and compressed anew.

use super::needs::Needs;
use super::options::Options;
use super::plan::{self, SolidKey, Source, Storage, Wanted};
use super::{ExportError, Outcome, Selection};
use crate::util::progress::Control;
use crate::util::read_at::ReadAt;
use crate::util::sha1::Sha1;
use crate::wim::WimError;
use crate::wim::blob_table::Location;
use crate::wim::encoder::Encoding;
use crate::wim::engine::{BlobEnd, Request, Segment, Sink, Stopped, memory_needed, read_blobs};
use crate::wim::header::{Header, resource_flag};
use crate::wim::reader::{ImageIndex, Wim};
use crate::wim::resource::{DecoderPool, ResourceError};
use crate::wim::writer::{OpenSolid, WimWriter};
use std::io;
use std::path::Path;

/// Brings over blobs and metadata.
#[allow(clippy::too_many_arguments, reason = "one call each from create and append, which share nothing else")]
pub(super) fn transfer(
    writer: &mut WimWriter,
    selections: &[Selection<'_>],
    wanted: &Needs,
    solid: Option<Encoding>,
    options: &Options,
    outcome: &mut Outcome,
    destination: &Path,
    control: Control<'_>,
) -> Result<(), ExportError> {
    let output_error = |source| ExportError::Output { path: destination.to_owned(), source };
    let mut items = Vec::new();
    for (sha1, source) in &wanted.order {
        if wanted.present.contains(sha1) {
            outcome.present_blobs += 1;
            continue;
        }
        // Another source may have what a delta lacks.
        let places = std::iter::once(*source).chain(0..selections.len());
        let mut found = None;
        for place in places {
            found = selections[place].wim.contents()?.find(sha1).map(|blob| Wanted { source: place, blob: *blob });
            if found.is_some() {
                break;
            }
        }
        items.push(found.ok_or_else(|| missing_blob(&selections[*source], *sha1))?);
    }
    let headers: Vec<Vec<&Header>> =
        selections.iter().map(|s| s.wim.files().iter().map(|file| &file.header).collect()).collect();
    let mut sources = Vec::new();
    for (selection, headers) in selections.iter().zip(&headers) {
        sources.push(Source { contents: selection.wim.contents()?, headers });
    }
    let plain_format = writer.header().format().ok().flatten();
    let storage = Storage {
        plain: plain_format.map(|format| (format, writer.header().chunk_size)),
        solid: solid.map(|encoding| (encoding.format, encoding.chunk_size)),
        recompress: options.recompress,
    };
    let plan = plan::plan(&items, &sources, &storage, |item| {
        SolidKey::new(wanted.names.get(&item.blob.sha1).map(String::as_str))
    });

    let encode_bytes: u64 = plan.encodes.iter().map(|item| item.blob.size).sum();
    let copy_bytes: u64 = plan
        .copies
        .iter()
        .map(|item| match item.blob.location {
            Location::Plain(resource) => resource.size_in_wim,
            Location::Solid { .. } => 0,
        })
        .sum();
    control.progress.begin("Exporting", copy_bytes + encode_bytes);
    copy_plain(writer, selections, &plan.copies, outcome, destination, control)?;
    copy_solid(writer, selections, &plan.solid_copies, outcome, destination, control)?;
    encode(writer, selections, &plan.encodes, solid, options, destination, control)?;
    outcome.encoded_blobs = plan.encodes.len() as u64;
    outcome.encoded_bytes = encode_bytes;

    for selection in selections {
        for image in &selection.images {
            copy_metadata(writer, selection.wim, *image, &storage, control)?.map_err(output_error)?;
        }
    }
    for (sha1, count) in &wanted.references {
        writer.add_references(*sha1, *count);
    }
    Ok(())
}

fn missing_blob(selection: &Selection<'_>, sha1: Sha1) -> ExportError {
    let wim = selection.wim;
    let needed_by = selection.images.iter().find_map(|image| {
        let metadata = wim.metadata(*image).ok()?;
        let (dentry, _) = metadata.blob_references().find(|(_, stream)| stream.sha1 == sha1)?;
        Some(metadata.entry(dentry).path())
    });
    WimError::MissingBlob { path: wim.path().to_owned(), sha1, needed_by }.into()
}

/// Copies resources as they are; neighbours in the source go in one piece.
fn copy_plain(
    writer: &mut WimWriter,
    selections: &[Selection<'_>],
    copies: &[Wanted],
    outcome: &mut Outcome,
    destination: &Path,
    control: Control<'_>,
) -> Result<(), ExportError> {
    let place = |item: &Wanted| match item.blob.location {
        Location::Plain(resource) => (item.source, item.blob.file, resource),
        Location::Solid { .. } => unreachable!("the plan copies plain resources alone"),
    };
    let mut rest = copies;
    while let Some(first) = rest.first() {
        let (source, file, resource) = place(first);
        let start = resource.offset_in_wim;
        let mut end = start;
        let mut count = 0;
        for item in rest {
            let (next_source, next_file, next) = place(item);
            if (next_source, next_file) != (source, file) || next.offset_in_wim != end {
                break;
            }
            end = next.end_in_wim().unwrap_or(u64::MAX);
            count += 1;
        }
        let (group, others) = rest.split_at(count.max(1));
        rest = others;
        let wim_file = &selections[source].wim.files()[file];
        if end > wim_file.source.size() {
            let error =
                ResourceError::OutsideFile { offset: start, size: end - start, file_size: wim_file.source.size() };
            return Err(blob_error(selections[source].wim, &group[group.len() - 1], error.to_string()));
        }
        let copied = writer
            .copy_range(&*wim_file.source, start..end, control)
            .map_err(|source| ExportError::Output { path: destination.to_owned(), source })?;
        let moved_to = copied.ok_or(ExportError::Interrupted)?;
        for item in group {
            let (_, _, mut resource) = place(item);
            resource.offset_in_wim = moved_to + (resource.offset_in_wim - start);
            resource.flags &= resource_flag::COMPRESSED;
            writer.add_blob(item.blob.sha1, item.blob.size, resource);
        }
        outcome.copied_blobs += group.len() as u64;
        outcome.copied_bytes += end - start;
    }
    Ok(())
}

fn copy_solid(
    writer: &mut WimWriter,
    selections: &[Selection<'_>],
    copies: &[(usize, usize, Vec<Wanted>)],
    outcome: &mut Outcome,
    destination: &Path,
    control: Control<'_>,
) -> Result<(), ExportError> {
    for (source, index, blobs) in copies {
        let wim = selections[*source].wim;
        let (file, resource, map) = &wim.contents()?.solid_resources[*index];
        let Ok(map) = map else { continue };
        let end = resource.offset_in_wim + resource.size_in_wim;
        let moved_to = writer
            .copy_range(&*wim.files()[*file].source, resource.offset_in_wim..end, control)
            .map_err(|source| ExportError::Output { path: destination.to_owned(), source })?
            .ok_or(ExportError::Interrupted)?;
        let mut copy = *resource;
        copy.offset_in_wim = moved_to;
        let places = blobs.iter().filter_map(|item| match item.blob.location {
            Location::Solid { offset_in_resource, .. } => Some((item.blob.sha1, item.blob.size, offset_in_resource)),
            Location::Plain(_) => None,
        });
        writer.add_solid(copy, map.uncompressed_size(), places);
        outcome.copied_blobs += blobs.len() as u64;
        outcome.copied_bytes += resource.size_in_wim;
    }
    Ok(())
}

/// Decodes, checks and compresses blobs.
fn encode(
    writer: &mut WimWriter,
    selections: &[Selection<'_>],
    items: &[Wanted],
    solid: Option<Encoding>,
    options: &Options,
    destination: &Path,
    control: Control<'_>,
) -> Result<(), ExportError> {
    if items.is_empty() {
        return Ok(());
    }
    // All files of all sources stand in one list for the engine.
    let mut files: Vec<&dyn ReadAt> = Vec::new();
    let mut first_file = Vec::new();
    for selection in selections {
        first_file.push(files.len());
        files.extend(selection.wim.sources());
    }
    let mut requests: Vec<Request> = Vec::with_capacity(items.len());
    for item in items {
        let mut request = selections[item.source].wim.request(&item.blob)?;
        request.file += first_file[item.source];
        requests.push(request);
    }
    let total = items.iter().map(|item| item.blob.size).sum();
    // A solid resource is where memory goes into compressor contexts; reading gets the smaller part.
    let share = if solid.is_some() { 4 } else { 1 };
    let reading_memory = options.memory / share;
    let needed = memory_needed(&requests);
    if needed > reading_memory {
        let path = selections[items[0].source].wim.path().to_owned();
        return Err(WimError::Memory { path, needed: needed * share, limit: options.memory }.into());
    }
    let open_solid = match solid {
        Some(encoding) => {
            let open = writer.begin_solid(encoding, total, options.memory - reading_memory);
            Some(open.map_err(|source| ExportError::Output { path: destination.to_owned(), source })?)
        }
        None => None,
    };
    let mut sink = Encoder { writer, items, selections, solid: open_solid, destination };
    let decoders = DecoderPool::new();
    match read_blobs(&files, &requests, &mut sink, &decoders, reading_memory, control) {
        Ok(()) => {}
        Err(Stopped::Interrupted) => return Err(ExportError::Interrupted),
        Err(Stopped::Sink(error)) => return Err(error),
    }
    let Encoder { writer, solid, .. } = sink;
    if let Some(open) = solid {
        writer.finish_solid(open).map_err(|source| ExportError::Output { path: destination.to_owned(), source })?;
    }
    Ok(())
}

/// The sink that compresses.
struct Encoder<'a> {
    writer: &'a mut WimWriter,
    items: &'a [Wanted],
    selections: &'a [Selection<'a>],
    solid: Option<OpenSolid>,
    destination: &'a Path,
}

impl Sink for Encoder<'_> {
    type Error = ExportError;

    fn accept(&mut self, batch: &[Segment<'_>]) -> Result<(), ExportError> {
        for segment in batch {
            let problem = match segment.end {
                None | Some(BlobEnd::Intact) => continue,
                Some(BlobEnd::Mismatch { found }) => format!("it hashes to {found}"),
                Some(BlobEnd::Unreadable(error)) => error.to_string(),
            };
            let item = &self.items[segment.request];
            return Err(blob_error(self.selections[item.source].wim, item, problem));
        }
        let blob = |request: usize| (self.items[request].blob.sha1, self.items[request].blob.size);
        let written = match &mut self.solid {
            Some(open) => self.writer.push_solid(open, batch, blob),
            None => self.writer.push(batch, blob),
        };
        written.map_err(|source| ExportError::Output { path: self.destination.to_owned(), source })
    }
}

fn blob_error(wim: &Wim, item: &Wanted, problem: String) -> ExportError {
    ExportError::Blob { path: wim.files()[item.blob.file].path.clone(), sha1: item.blob.sha1, problem }
}

/// Brings over the metadata of an image, as it is stored where that can be.
fn copy_metadata(
    writer: &mut WimWriter,
    wim: &Wim,
    image: ImageIndex,
    storage: &Storage,
    control: Control<'_>,
) -> Result<io::Result<()>, ExportError> {
    let entry = wim.metadata_entry(image)?;
    // Metadata is never solid.
    let storage = Storage { solid: None, ..*storage };
    let resource = entry.resource;
    if plan::copy_or_reason(resource.flags, wim.header(), &storage).is_err() {
        return Ok(writer.write_metadata(&wim.metadata_bytes(image)?));
    }
    let range = resource.offset_in_wim..resource.offset_in_wim + resource.size_in_wim;
    match writer.copy_range(&*wim.files()[0].source, range, control) {
        Ok(None) => Err(ExportError::Interrupted),
        Ok(Some(moved_to)) => {
            let mut copy = resource;
            copy.offset_in_wim = moved_to;
            copy.flags &= resource_flag::COMPRESSED | resource_flag::METADATA;
            writer.add_metadata(copy, entry.sha1);
            Ok(Ok(()))
        }
        Err(error) => Ok(Err(error)),
    }
}
