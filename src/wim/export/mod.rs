//! Exporting images: from one or several WIMs, to a new file or into an existing one.
//!
//! A blob that the destination has already is not stored again. Of the others, resources whose format and chunk size
//! agree with the destination's are copied as they are; the rest is decoded, checked and compressed anew. Every image's
//! metadata goes over unchanged, and so does its element of the XML document, what we do not know included.

mod error;
mod plan;

pub use error::ExportError;

use super::WimError;
use super::encoder::Encoding;
use super::engine::{BlobEnd, Request, Segment, Sink, Stopped, read_blobs};
use super::header::{Header, flag, resource_flag};
use super::metadata::{Metadata, StreamKind};
use super::reader::{ImageIndex, Wim};
use super::resource::{DecoderPool, ResourceError};
use super::writer::{Finished, NewFile, OpenSolid, WimWriter, piece_size};
use super::xml::WimXml;
use crate::codec::{Format, Level};
use crate::util::filetime::FileTime;
use crate::util::progress::Control;
use crate::util::read_at::ReadAt;
use crate::util::sha1::Sha1;
use plan::{SolidKey, Source, Storage, Wanted};
use std::collections::{HashMap, HashSet};
use std::io;
use std::path::{Path, PathBuf};

/// How the destination stores blobs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Compression {
    /// The format; `None` = uncompressed.
    pub format: Option<Format>,
    /// How hard to try.
    pub level: Level,
    /// Uncompressed bytes of a chunk of a plain resource; `None` = the format's usual one.
    pub chunk_size: Option<u32>,
    /// Put blobs into a solid resource, as ESD files do.
    pub solid: bool,
    /// Uncompressed bytes of a chunk of the solid resource; `None` = the format's usual one.
    pub solid_chunk_size: Option<u32>,
}

impl Compression {
    /// `format` at the default level, not solid.
    pub fn new(format: Option<Format>) -> Self {
        Self { format, level: Level::DEFAULT, chunk_size: None, solid: false, solid_chunk_size: None }
    }

    /// The chunk size of plain resources that Microsoft's own tools write for `format`.
    pub const fn usual_chunk_size(format: Format) -> u32 {
        match format {
            Format::Xpress | Format::Lzx => 32 << 10,
            Format::Lzms => 128 << 10,
        }
    }

    /// The chunk size of solid resources that is usual for `format`; of LZMS the one Microsoft's tools write.
    pub const fn usual_solid_chunk_size(format: Format) -> u32 {
        match format {
            Format::Xpress => 64 << 10,
            Format::Lzx => 2 << 20,
            Format::Lzms => 64 << 20,
        }
    }

    fn encoding(&self) -> Result<Option<Encoding>, ExportError> {
        let Some(format) = self.format else { return Ok(None) };
        let chunk_size = self.chunk_size.unwrap_or(Self::usual_chunk_size(format));
        format.check_chunk_size(chunk_size).map_err(ExportError::ChunkSize)?;
        Ok(Some(Encoding { format, chunk_size, level: self.level }))
    }

    fn solid_encoding(&self) -> Result<Option<Encoding>, ExportError> {
        if !self.solid {
            return Ok(None);
        }
        let format = self.format.ok_or(ExportError::SolidUncompressed)?;
        let chunk_size = self.solid_chunk_size.unwrap_or(Self::usual_solid_chunk_size(format));
        format.check_chunk_size(chunk_size).map_err(ExportError::ChunkSize)?;
        Ok(Some(Encoding { format, chunk_size, level: self.level }))
    }

    /// What Windows may not be able to read in a file compressed like this.
    pub fn warnings(&self) -> Vec<String> {
        let mut warnings = Vec::new();
        let Some(format) = self.format else { return warnings };
        let plain = self.chunk_size.unwrap_or(Self::usual_chunk_size(format));
        if plain != Self::usual_chunk_size(format) {
            warnings.push(format!("Windows may not read {format} with chunks of {plain} bytes"));
        }
        let solid = self.solid_chunk_size.unwrap_or(Self::usual_solid_chunk_size(format));
        if self.solid && (format != Format::Lzms || solid > Self::usual_solid_chunk_size(format)) {
            warnings.push(format!("Windows may not read solid {format} resources with chunks of {solid} bytes"));
        }
        warnings
    }
}

/// Which image of the destination becomes bootable.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Boot {
    /// In a new file, the one that was bootable in its source, if it is exported; an existing file's stays.
    #[default]
    Inherit,
    /// The exported image; of several, the one at this place among them (from 0).
    Exported(usize),
    /// None.
    None,
}

/// Whether the destination gets an integrity table.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Check {
    /// If it had one.
    #[default]
    Keep,
    /// Yes.
    Write,
    /// No.
    Omit,
}

/// How images are exported.
#[derive(Clone, Debug)]
pub struct Options {
    /// How blobs are stored. `None`: an existing destination's way; for a new file the source's, but a file called
    /// `.esd` becomes solid LZMS, and any other made of solid resources LZX.
    pub compression: Option<Compression>,
    /// Compress everything anew, also what could be copied.
    pub recompress: bool,
    /// Write an existing destination anew instead of appending to it.
    pub rebuild: bool,
    /// Replace an existing destination, whatever it is, instead of adding to it.
    pub replace: bool,
    /// Which image becomes bootable.
    pub boot: Boot,
    /// Whether to write an integrity table.
    pub check: Check,
    /// Names of the exported images, by their place; `None` = as in the source.
    pub names: Vec<Option<String>>,
    /// Description of the exported images, where it is to change.
    pub description: Option<String>,
    /// Bytes of decoded data and of compressor contexts that may be in memory at once.
    pub memory: u64,
    /// Read an existing destination by position instead of mapping it.
    pub no_mmap: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            compression: None,
            recompress: false,
            rebuild: false,
            replace: false,
            boot: Boot::default(),
            check: Check::default(),
            names: Vec::new(),
            description: None,
            memory: super::engine::default_memory(),
            no_mmap: false,
        }
    }
}

/// Images of one WIM.
#[derive(Clone, Debug)]
pub struct Selection<'a> {
    /// The source.
    pub wim: &'a Wim,
    /// Its images, in the order in which they are exported.
    pub images: Vec<ImageIndex>,
}

/// An image in the destination.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExportedImage {
    /// The file it came from.
    pub source: PathBuf,
    /// Its number there.
    pub source_index: ImageIndex,
    /// Its number in the destination.
    pub index: ImageIndex,
    /// Its name in the destination.
    pub name: String,
}

/// What was done.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Outcome {
    /// The exported images.
    pub images: Vec<ExportedImage>,
    /// Blobs whose resources were copied as they are.
    pub copied_blobs: u64,
    /// Bytes of these resources.
    pub copied_bytes: u64,
    /// Blobs that were compressed anew.
    pub encoded_blobs: u64,
    /// Their uncompressed size in bytes.
    pub encoded_bytes: u64,
    /// Blobs that the destination had already.
    pub present_blobs: u64,
    /// The destination's size in bytes.
    pub size: u64,
    /// The destination's format.
    pub format: Option<Format>,
    /// Whether blobs went into a solid resource.
    pub solid: bool,
    /// What Windows may not be able to read in the destination.
    pub warnings: Vec<String>,
}

/// Exports `selections` to `destination`.
///
/// # Errors
/// [`ExportError`]. The destination is then as it was.
pub fn export(
    selections: &[Selection<'_>],
    destination: &Path,
    options: &Options,
    control: Control<'_>,
) -> Result<Outcome, ExportError> {
    let existing = match destination.symlink_metadata() {
        Ok(_) if options.replace => None,
        Ok(_) => {
            let options = super::OpenOptions { no_mmap: options.no_mmap, ..super::OpenOptions::default() };
            Some(Wim::open(destination, &options)?)
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => None,
        Err(source) => return Err(ExportError::Output { path: destination.to_owned(), source }),
    };
    match &existing {
        Some(wim) if !options.rebuild => append(selections, wim, options, control),
        Some(wim) => {
            // All that the destination has, and then the exported images.
            let mut all = vec![Selection { wim, images: wim.images().collect() }];
            all.extend_from_slice(selections);
            let own = all[0].images.len();
            let names = std::iter::repeat_n(None, own).chain(options.names.iter().cloned()).collect();
            let boot = match options.boot {
                Boot::Exported(place) => Boot::Exported(own + place),
                other => other,
            };
            let options = Options { names, boot, ..options.clone() };
            let (mut outcome, finished) = create(&all, destination, &options, Some(wim), own, control)?;
            outcome.images.drain(..own);
            drop(existing); // some systems replace no open file
            outcome.size = finished.commit(destination)?;
            Ok(outcome)
        }
        None => {
            let (mut outcome, finished) = create(selections, destination, options, None, 0, control)?;
            outcome.size = finished.commit(destination)?;
            Ok(outcome)
        }
    }
}

/// Writes `wim` anew, without blobs that no image uses, and replaces it; that is why it is consumed.
///
/// # Errors
/// [`ExportError`]. The file is then as it was.
pub fn optimize(wim: Wim, options: &Options, control: Control<'_>) -> Result<Outcome, ExportError> {
    let selections = [Selection { wim: &wim, images: wim.images().collect() }];
    let own = selections[0].images.len();
    let (mut outcome, finished) = create(&selections, wim.path(), options, Some(&wim), own, control)?;
    let path = wim.path().to_owned();
    drop(wim); // some systems replace no open file
    outcome.size = finished.commit(&path)?;
    Ok(outcome)
}

/// Writes a new file. `replaces`: the file it takes the place of, whose identity and flags it keeps, and whose images
/// are the first `own` ones.
fn create(
    selections: &[Selection<'_>],
    destination: &Path,
    options: &Options,
    replaces: Option<&Wim>,
    own: usize,
    control: Control<'_>,
) -> Result<(Outcome, Finished), ExportError> {
    if let Some(wim) = replaces {
        refuse_modification(wim)?;
    }
    let model = selections.first().map(|selection| selection.wim).ok_or(ExportError::NothingSelected)?;
    let compression = match options.compression {
        Some(compression) => compression,
        None => default_compression(model, destination)?,
    };
    let solid = compression.solid_encoding()?;
    let plain = compression.encoding()?;
    let mut wanted = Needs::collect(selections, solid.is_some())?;
    let mut xml = match replaces {
        Some(wim) => {
            let mut xml = wim.xml().clone();
            (0..xml.image_count()).for_each(|_| drop(xml.remove_image(1)));
            xml
        }
        None => WimXml::new(),
    };
    let outcome_images = add_images(&mut xml, selections, options, own)?;

    let header = model.header();
    let new =
        NewFile { encoding: plain, flags: header.flags & flag::RP_FIX, guid: replaces.map(|wim| wim.header().guid) };
    let path = destination.to_owned();
    let output_error = |source| ExportError::Output { path: path.clone(), source };
    let mut writer = WimWriter::create(destination, &new).map_err(output_error)?;
    let mut outcome = Outcome {
        images: outcome_images,
        format: compression.format,
        solid: compression.solid,
        warnings: compression.warnings(),
        ..Outcome::default()
    };
    wanted.present.clear();
    transfer(&mut writer, selections, &wanted, solid, options, &mut outcome, destination, control)?;

    let boot = match options.boot {
        Boot::None => None,
        Boot::Exported(place) => outcome.images.get(place).map(|image| image.index),
        Boot::Inherit => {
            let mut numbers = outcome.images.iter();
            let mut boot = None;
            for selection in selections {
                for image in &selection.images {
                    let exported = numbers.next();
                    if selection.wim.boot_index() == Some(*image) && boot.is_none() {
                        boot = exported.map(|image| image.index);
                    }
                }
            }
            boot
        }
    };
    writer.set_boot(boot);
    let had_table = match replaces {
        Some(wim) => wim.integrity_table(&wim.files()[0]).ok().flatten(),
        None => None,
    };
    let integrity = match options.check {
        Check::Omit => None,
        Check::Keep if had_table.is_none() => None,
        Check::Keep | Check::Write => Some(piece_size(had_table.as_ref())),
    };
    let finished = finish(writer, &mut xml, integrity, destination, control)?;
    Ok((outcome, finished))
}

/// Appends to an existing file.
fn append(
    selections: &[Selection<'_>],
    wim: &Wim,
    options: &Options,
    control: Control<'_>,
) -> Result<Outcome, ExportError> {
    let destination = wim.path();
    refuse_modification(wim)?;
    let end = appendable_end(wim)?;
    let header = wim.header();
    let format = header.format().map_err(|error| WimError::Header { path: destination.to_owned(), error })?;
    let solid_coding = wim.contents()?.solid_resources.iter().find_map(|(_, _, map)| map.as_ref().ok()?.coding());
    if let Some(asked) = options.compression
        && (asked.format != format || asked.chunk_size.is_some_and(|size| size != header.chunk_size))
    {
        return Err(ExportError::OtherCompression { path: destination.to_owned(), has: format, asked: asked.format });
    }
    let level = options.compression.map_or(Level::DEFAULT, |compression| compression.level);
    let plain = format.map(|format| Encoding { format, chunk_size: header.chunk_size, level });
    // Into a solid archive, blobs go solid, unless the request says otherwise.
    let solid = match (options.compression, solid_coding) {
        (Some(asked), _) => asked.solid_encoding()?,
        (None, Some((format, chunk_size))) => Some(Encoding { format, chunk_size, level }),
        (None, None) => None,
    };

    let mut wanted = Needs::collect(selections, solid.is_some())?;
    let mut xml = wim.xml().clone();
    let images = add_images(&mut xml, selections, options, 0)?;
    let contents = wim.contents()?;
    let has = |sha1: &Sha1| contents.find(sha1).is_some_and(|blob| blob.file == 0);
    wanted.present = wanted.references.keys().filter(|sha1| has(sha1)).copied().collect();

    let mut writer = WimWriter::append(wim, plain, end).map_err(|error| error.at(destination))?;
    let mut outcome = Outcome { images, format, solid: solid.is_some(), ..Outcome::default() };
    transfer(&mut writer, selections, &wanted, solid, options, &mut outcome, destination, control)?;
    match options.boot {
        Boot::Inherit => {}
        Boot::None => writer.set_boot(None),
        Boot::Exported(place) => writer.set_boot(outcome.images.get(place).map(|image| image.index)),
    }
    let had_table = wim.integrity_table(&wim.files()[0]).ok().flatten();
    let integrity = match options.check {
        Check::Omit => None,
        Check::Keep if header.integrity.is_absent() => None,
        Check::Keep | Check::Write => Some(piece_size(had_table.as_ref())),
    };
    outcome.size = finish(writer, &mut xml, integrity, destination, control)?.commit(destination)?;
    Ok(outcome)
}

/// Refuses what must not be changed, each with its reason.
pub(super) fn refuse_modification(wim: &Wim) -> Result<(), ExportError> {
    let header = wim.header();
    let refuse = |why| Err(ExportError::Refused { path: wim.path().to_owned(), why });
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
        return refuse("a program was writing it and did not finish");
    }
    Ok(())
}

/// Where appending to `wim` begins.
pub(super) fn appendable_end(wim: &Wim) -> Result<u64, ExportError> {
    let header = wim.header();
    let end_of = |resource: &super::header::ResourceHeader| resource.end_in_wim().unwrap_or(u64::MAX);
    let end = end_of(&header.xml).max(if header.integrity.is_absent() { 0 } else { end_of(&header.integrity) });
    let contents = wim.contents()?;
    let plain = contents.blobs.iter().filter(|blob| blob.file == 0).filter_map(|blob| match blob.location {
        super::blob_table::Location::Plain(resource) => Some(end_of(&resource)),
        super::blob_table::Location::Solid { .. } => None,
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

/// What is compressed how when nothing was said.
fn default_compression(model: &Wim, destination: &Path) -> Result<Compression, ExportError> {
    let header = model.header();
    let format = header.format().map_err(|error| WimError::Header { path: model.path().to_owned(), error })?;
    let is_esd = destination.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("esd"));
    let is_solid = !model.contents()?.solid_resources.is_empty();
    Ok(if is_esd {
        Compression { solid: true, ..Compression::new(Some(Format::Lzms)) }
    } else if is_solid {
        Compression::new(Some(Format::Lzx))
    } else {
        let chunk_size = format.map(|_| header.chunk_size);
        Compression { chunk_size, ..Compression::new(format) }
    })
}

/// What the selected images need.
struct Needs {
    /// Stream references to each blob.
    references: HashMap<Sha1, u32>,
    /// The source in which each blob was met first, in the order of the trees.
    order: Vec<(Sha1, usize)>,
    /// Blobs that the destination has.
    present: HashSet<Sha1>,
    /// The name of a file with this content, the shortest of several.
    names: HashMap<Sha1, String>,
}

impl Needs {
    /// `with_names`: names are wanted, which sort the blobs of a solid resource.
    fn collect(selections: &[Selection<'_>], with_names: bool) -> Result<Self, ExportError> {
        let mut wanted =
            Self { references: HashMap::new(), order: Vec::new(), present: HashSet::new(), names: HashMap::new() };
        for (source, selection) in selections.iter().enumerate() {
            for image in &selection.images {
                let metadata = selection.wim.metadata(*image)?;
                wanted.add(source, &metadata, with_names);
            }
        }
        Ok(wanted)
    }

    fn add(&mut self, source: usize, metadata: &Metadata, with_names: bool) {
        for (dentry, stream) in metadata.blob_references() {
            let count = self.references.entry(stream.sha1).or_insert(0);
            if *count == 0 {
                self.order.push((stream.sha1, source));
            }
            *count = count.saturating_add(1);
            if with_names && stream.kind == StreamKind::Data {
                let name = metadata.entry(dentry).name();
                let known = self.names.get(&stream.sha1);
                // UTF-16 bytes are at least as many as the characters of any known name.
                if known.is_none_or(|known| name.as_utf16le().len() / 2 < known.chars().count())
                    && let Some(name) = name.to_str()
                {
                    self.names.insert(stream.sha1, name);
                }
            }
        }
    }
}

/// Adds the images' elements to `xml`; returns what they became. Names of the first `own` images are not checked.
fn add_images(
    xml: &mut WimXml,
    selections: &[Selection<'_>],
    options: &Options,
    own: usize,
) -> Result<Vec<ExportedImage>, ExportError> {
    let mut images = Vec::new();
    for selection in selections {
        let source_xml = selection.wim.xml();
        for source_index in &selection.images {
            let place = images.len();
            let mut element = source_xml.image(source_index.get()).cloned().unwrap_or_default();
            let xml_error = |error| ExportError::Xml { path: selection.wim.path().to_owned(), error };
            if let Some(name) = options.names.get(place).cloned().flatten() {
                element.set("NAME", &name).map_err(xml_error)?;
            }
            let name = element.name().map(|name| name.into_owned()).unwrap_or_default();
            if let Some(other) = xml.image_by_name(&name).filter(|_| place >= own) {
                return Err(ExportError::NameClash { name, image: other, source_index: *source_index });
            }
            if let Some(description) = options.description.as_deref().filter(|_| place >= own) {
                element.set("DESCRIPTION", description).map_err(xml_error)?;
            }
            // Windows Setup fails on an image without this time.
            if element.modification_time().is_none_or(FileTime::is_zero) {
                let time = element.creation_time().filter(|time| !time.is_zero());
                element.set_modification_time(time.unwrap_or_else(FileTime::now_reproducible));
            }
            let index = xml.add_image(element);
            images.push(ExportedImage {
                source: selection.wim.path().to_owned(),
                source_index: *source_index,
                index: ImageIndex::new(index).expect("images are numbered from 1"),
                name,
            });
        }
    }
    Ok(images)
}

/// Brings over blobs and metadata.
#[allow(clippy::too_many_arguments, reason = "one call each from create and append, which share nothing else")]
fn transfer(
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
            super::blob_table::Location::Plain(resource) => resource.size_in_wim,
            super::blob_table::Location::Solid { .. } => 0,
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
        super::blob_table::Location::Plain(resource) => (item.source, item.blob.file, resource),
        super::blob_table::Location::Solid { .. } => unreachable!("the plan copies plain resources alone"),
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
            super::blob_table::Location::Solid { offset_in_resource, .. } => {
                Some((item.blob.sha1, item.blob.size, offset_in_resource))
            }
            super::blob_table::Location::Plain(_) => None,
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
    let reading_memory = if solid.is_some() { options.memory / 4 } else { options.memory };
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

fn finish(
    writer: WimWriter,
    xml: &mut WimXml,
    integrity: Option<u32>,
    destination: &Path,
    control: Control<'_>,
) -> Result<Finished, ExportError> {
    if integrity.is_some() {
        control.progress.begin("Writing the integrity table", writer.position());
    }
    writer.finish(xml, integrity, control).map_err(|error| error.at(destination))
}
