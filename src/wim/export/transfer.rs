//! Bringing blobs and metadata over: copied as they are, or decoded, checked and compressed anew.

use super::ExportError;
use super::options::check_solid_size;
use super::plan::{self, SolidKey, Source, Storage, Wanted};
use crate::util::progress::Control;
use crate::util::read_at::ReadAt;
use crate::util::sha1::Sha1;
use crate::wim::WimError;
use crate::wim::blob_table::Location;
use crate::wim::encoder::{Encoding, StoredBlob};
use crate::wim::engine::{BlobEnd, BlobSource, Request, Segment, Sink, Stopped, memory_needed, read_blobs};
use crate::wim::header::{Header, resource_flag};
use crate::wim::reader::{ImageIndex, KnownBlob, Wim};
use crate::wim::resource::{ChunkMap, DecoderPool};
use crate::wim::writer::{OpenSolid, WimWriter};
use std::io;
use std::path::Path;

/// Where blobs come from, and how they are to be stored.
pub(in crate::wim) struct Transfer<'a> {
    /// The files that have them.
    pub wims: Vec<&'a Wim>,
    /// How the solid resource is compressed, where blobs go into one.
    pub solid: Option<Encoding>,
    /// Compress everything anew, also what could be copied.
    pub recompress: bool,
    /// Bytes of decoded data and of compressor contexts that may be in memory at once.
    pub memory: u64,
    /// The file that is written, for messages.
    pub destination: &'a Path,
    pub control: Control<'a>,
}

/// What was brought over.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(in crate::wim) struct Transferred {
    /// Blobs whose resources were copied as they are, and the bytes of these resources.
    pub copied_blobs: u64,
    pub copied_bytes: u64,
    /// Blobs that were compressed anew, and their uncompressed size.
    pub encoded_blobs: u64,
    pub encoded_bytes: u64,
}

impl Transfer<'_> {
    pub(in crate::wim) fn output_error(&self, source: io::Error) -> ExportError {
        ExportError::Output { path: self.destination.to_owned(), source }
    }

    fn storage(&self, writer: &WimWriter) -> Storage {
        let plain_format = writer.header().format().ok().flatten();
        Storage {
            plain: plain_format.map(|format| (format, writer.header().chunk_size)),
            solid: self.solid.map(|encoding| (encoding.format, encoding.chunk_size)),
            recompress: self.recompress,
        }
    }

    /// Brings over blobs, each with the place among the files of the one whose image needs it. `name_of` tells the name
    /// of a file with this content.
    pub(in crate::wim) fn blobs<'n>(
        &self,
        writer: &mut WimWriter,
        wanted: &[(Sha1, usize)],
        name_of: impl Fn(&Sha1) -> Option<&'n str>,
    ) -> Result<Transferred, ExportError> {
        let mut items = Vec::with_capacity(wanted.len());
        for (sha1, source) in wanted {
            // Another source may have what a delta lacks.
            let places = std::iter::once(*source).chain(0..self.wims.len());
            let mut found = None;
            for place in places {
                found = self.wims[place].contents()?.find(sha1).map(|blob| Wanted { source: place, blob: *blob });
                if found.is_some() {
                    break;
                }
            }
            items.push(found.ok_or_else(|| missing_blob(self.wims[*source], *sha1))?);
        }
        let headers: Vec<Vec<&Header>> =
            self.wims.iter().map(|wim| wim.files().iter().map(|file| &file.header).collect()).collect();
        let mut sources = Vec::new();
        for (wim, headers) in self.wims.iter().zip(&headers) {
            sources.push(Source { contents: wim.contents()?, headers });
        }
        let plan = plan::plan(&items, &sources, &self.storage(writer), |item| SolidKey::new(name_of(&item.blob.sha1)));

        let encoded_bytes = total_of(plan.encodes.iter().map(|item| item.blob.size));
        let copy_bytes = total_of(plan.copies.iter().map(|item| match item.blob.location {
            Location::Plain(resource) => resource.size_in_wim,
            Location::Solid { .. } => 0,
        }));
        self.control.progress.begin("Exporting", copy_bytes.saturating_add(encoded_bytes));
        let encoded_blobs = plan.encodes.len() as u64;
        let mut done = Transferred { encoded_blobs, encoded_bytes, ..Transferred::default() };
        self.copy_plain(writer, &plan.copies, &mut done)?;
        self.copy_solid(writer, &plan.solid_copies, &mut done)?;
        self.encode(writer, &plan.encodes)?;
        Ok(done)
    }

    /// Copies resources as they are; neighbours in the source go in one piece.
    fn copy_plain(&self, writer: &mut WimWriter, copies: &[Wanted], done: &mut Transferred) -> Result<(), ExportError> {
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
            let wim_file = &self.wims[source].files()[file];
            for item in group {
                // What cannot be decoded by what its entry says is not passed on as if it could.
                ChunkMap::new(&place(item).2, &wim_file.header, wim_file.source.size())
                    .map_err(|error| blob_error(self.wims[source], item, error.to_string()))?;
            }
            let copied = writer
                .copy_range(&*wim_file.source, start..end, self.control)
                .map_err(|source| self.output_error(source))?;
            let moved_to = copied.ok_or(ExportError::Interrupted)?;
            for item in group {
                let (_, _, mut resource) = place(item);
                resource.offset_in_wim = moved_to + (resource.offset_in_wim - start);
                resource.flags &= resource_flag::COMPRESSED;
                let KnownBlob { sha1, size, .. } = item.blob;
                writer.add_blob(StoredBlob { sha1, size, resource, reference_count: 0 });
            }
            done.copied_blobs += group.len() as u64;
            done.copied_bytes += end - start;
        }
        Ok(())
    }

    fn copy_solid(
        &self,
        writer: &mut WimWriter,
        copies: &[(usize, usize, Vec<Wanted>)],
        done: &mut Transferred,
    ) -> Result<(), ExportError> {
        for (source, index, blobs) in copies {
            let wim = self.wims[*source];
            let (file, resource, map) = &wim.contents()?.solid_resources[*index];
            let Ok(map) = map else { continue };
            let end = resource.offset_in_wim + resource.size_in_wim;
            let moved_to = writer
                .copy_range(&*wim.files()[*file].source, resource.offset_in_wim..end, self.control)
                .map_err(|source| self.output_error(source))?
                .ok_or(ExportError::Interrupted)?;
            let mut copy = *resource;
            copy.offset_in_wim = moved_to;
            let places = blobs.iter().filter_map(|item| match item.blob.location {
                Location::Solid { offset_in_resource, .. } => {
                    Some((item.blob.sha1, item.blob.size, offset_in_resource))
                }
                Location::Plain(_) => None,
            });
            writer.add_solid(copy, map.uncompressed_size(), places);
            done.copied_blobs += blobs.len() as u64;
            done.copied_bytes += resource.size_in_wim;
        }
        Ok(())
    }

    /// Decodes, checks and compresses blobs.
    fn encode(&self, writer: &mut WimWriter, items: &[Wanted]) -> Result<(), ExportError> {
        if items.is_empty() {
            return Ok(());
        }
        // All files of all sources stand in one list for the engine.
        let mut files: Vec<&dyn ReadAt> = Vec::new();
        let mut first_file = Vec::new();
        for wim in &self.wims {
            first_file.push(files.len());
            files.extend(wim.sources());
        }
        let mut requests: Vec<Request> = Vec::with_capacity(items.len());
        for item in items {
            let mut request = self.wims[item.source].request(&item.blob)?;
            request.file += first_file[item.source];
            if let BlobSource::Broken(error) = request.source {
                return Err(blob_error(self.wims[item.source], item, error.to_string()));
            }
            requests.push(request);
        }
        let total = total_of(items.iter().map(|item| item.blob.size));
        // A solid resource is where memory goes into compressor contexts; reading gets the smaller part.
        let share = if self.solid.is_some() { 4 } else { 1 };
        let reading_memory = self.memory / share;
        let needed = memory_needed(&requests);
        if needed > reading_memory {
            let path = self.wims[items[0].source].path().to_owned();
            return Err(WimError::Memory { path, needed: needed * share, limit: self.memory }.into());
        }
        let open_solid = match self.solid {
            Some(encoding) => {
                check_solid_size(&encoding, total)?;
                let open = writer.begin_solid(encoding, total, self.memory - reading_memory);
                Some(open.map_err(|source| self.output_error(source))?)
            }
            None => None,
        };
        let mut sink = Encoder { writer, items, wims: &self.wims, solid: open_solid, destination: self.destination };
        let decoders = DecoderPool::new();
        match read_blobs(&files, &requests, &mut sink, &decoders, reading_memory, self.control) {
            Ok(()) => {}
            Err(Stopped::Interrupted) => return Err(ExportError::Interrupted),
            Err(Stopped::Sink(error)) => return Err(error),
        }
        let Encoder { writer, solid, .. } = sink;
        if let Some(open) = solid {
            writer.finish_solid(open).map_err(|source| self.output_error(source))?;
        }
        Ok(())
    }

    /// Brings over the metadata of an image, as it is stored where that can be.
    pub(in crate::wim) fn metadata(
        &self,
        writer: &mut WimWriter,
        wim: &Wim,
        image: ImageIndex,
    ) -> Result<(), ExportError> {
        let entry = wim.metadata_entry(image)?;
        // Metadata is never solid.
        let storage = Storage { solid: None, ..self.storage(writer) };
        let resource = entry.resource;
        if plan::copy_or_reason(resource.flags, wim.header(), &storage).is_err() {
            let bytes = wim.metadata_bytes(image)?;
            return writer.write_metadata(&bytes).map_err(|source| self.output_error(source));
        }
        let range = resource.offset_in_wim..resource.offset_in_wim + resource.size_in_wim;
        let copied = writer.copy_range(&*wim.files()[0].source, range, self.control);
        let moved_to = copied.map_err(|source| self.output_error(source))?.ok_or(ExportError::Interrupted)?;
        let mut copy = resource;
        copy.offset_in_wim = moved_to;
        copy.flags &= resource_flag::COMPRESSED | resource_flag::METADATA;
        writer.add_metadata(copy, entry.sha1);
        Ok(())
    }
}

fn missing_blob(wim: &Wim, sha1: Sha1) -> ExportError {
    let needed_by = wim.images().find_map(|image| {
        let metadata = wim.metadata(image).ok()?;
        let (dentry, _) = metadata.blob_references().find(|(_, stream)| stream.sha1 == sha1)?;
        Some(metadata.entry(dentry).path())
    });
    WimError::MissingBlob { path: wim.path().to_owned(), sha1, needed_by }.into()
}

/// The sink that compresses.
struct Encoder<'a> {
    writer: &'a mut WimWriter,
    items: &'a [Wanted],
    wims: &'a [&'a Wim],
    solid: Option<OpenSolid>,
    destination: &'a Path,
}

impl Sink for Encoder<'_> {
    type Error = ExportError;

    fn wants_matches(&self) -> bool {
        self.solid.is_none() && self.writer.uses_matches()
    }

    fn accept(&mut self, batch: &[Segment<'_>]) -> Result<(), ExportError> {
        for segment in batch {
            let problem = match segment.end {
                None | Some(BlobEnd::Intact) => continue,
                Some(BlobEnd::Mismatch { found }) => format!("it hashes to {found}"),
                Some(BlobEnd::Unreadable(error)) => error.to_string(),
            };
            let item = &self.items[segment.request];
            return Err(blob_error(self.wims[item.source], item, problem));
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

/// The sum of sizes, which tables may state as they like.
fn total_of(sizes: impl Iterator<Item = u64>) -> u64 {
    sizes.fold(0, u64::saturating_add)
}
