//! Exporting images: from one or several WIMs, to a new file or into an existing one.
//!
//! A blob that the destination has already is not stored again. Of the others, resources whose format and chunk size
//! agree with the destination's are copied as they are; the rest is decoded, checked and compressed anew. Every image's
//! metadata goes over unchanged, and so does its element of the XML document, what we do not know included.

mod destination;
mod error;
mod needs;
mod options;
mod plan;
mod transfer;

pub(in crate::wim) use destination::{Encodings, appendable_end, integrity_of, refuse_modification};
pub use error::ExportError;
pub(in crate::wim) use options::check_solid_size;
pub use options::{Boot, Check, Compression, Options};
pub(in crate::wim) use plan::SolidKey;

use super::WimError;
use super::encoder::Encoding;
use super::header::flag;
use super::reader::{ImageIndex, Wim};
use super::writer::{AppendError, Finished, NewFile, WimWriter, piece_size};
use super::xml::WimXml;
use crate::codec::Format;
use crate::util::filetime::FileTime;
use crate::util::progress::Control;
use crate::util::sha1::Sha1;
use needs::Needs;
use std::io;
use std::path::{Path, PathBuf};
pub(in crate::wim) use transfer::{Transfer, Transferred};

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
        None => default_compression(model, destination, replaces.is_some())?,
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
    let new = NewFile {
        encoding: plain,
        flags: header.flags & flag::RP_FIX,
        replaces: replaces.map(|wim| wim.header().clone()),
    };
    let mut writer = WimWriter::create(destination, &new).map_err(|error| AppendError::Io(error).at(destination))?;
    let mut outcome = Outcome {
        images: outcome_images,
        format: compression.format,
        solid: compression.solid,
        warnings: compression.warnings(),
        ..Outcome::default()
    };
    wanted.present.clear();
    bring_over(&mut writer, selections, &wanted, solid, options, &mut outcome, destination, control)?;

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
    let Encodings { format, plain, solid } = Encodings::of(wim, options.compression)?;

    let mut wanted = Needs::collect(selections, solid.is_some())?;
    let mut xml = wim.xml().clone();
    let images = add_images(&mut xml, selections, options, 0)?;
    let contents = wim.contents()?;
    let has = |sha1: &Sha1| contents.find(sha1).is_some_and(|blob| blob.file == 0);
    wanted.present = wanted.references.keys().filter(|sha1| has(sha1)).copied().collect();

    let mut writer = WimWriter::append(wim, plain, end).map_err(|error| error.at(destination))?;
    let mut outcome = Outcome { images, format, solid: solid.is_some(), ..Outcome::default() };
    bring_over(&mut writer, selections, &wanted, solid, options, &mut outcome, destination, control)?;
    match options.boot {
        Boot::Inherit => {}
        Boot::None => writer.set_boot(None),
        Boot::Exported(place) => writer.set_boot(outcome.images.get(place).map(|image| image.index)),
    }
    let integrity = integrity_of(wim, options.check);
    outcome.size = finish(writer, &mut xml, integrity, destination, control)?.commit(destination)?;
    Ok(outcome)
}

/// Brings over blobs and metadata.
#[allow(clippy::too_many_arguments, reason = "one call each from create and append, which share nothing else")]
fn bring_over(
    writer: &mut WimWriter,
    selections: &[Selection<'_>],
    wanted: &Needs,
    solid: Option<Encoding>,
    options: &Options,
    outcome: &mut Outcome,
    destination: &Path,
    control: Control<'_>,
) -> Result<(), ExportError> {
    let transfer = Transfer {
        wims: selections.iter().map(|selection| selection.wim).collect(),
        solid,
        recompress: options.recompress,
        memory: options.memory,
        destination,
        control,
    };
    let is_missing = |(sha1, _): &&(Sha1, usize)| !wanted.present.contains(sha1);
    let missing: Vec<(Sha1, usize)> = wanted.order.iter().filter(is_missing).copied().collect();
    outcome.present_blobs = (wanted.order.len() - missing.len()) as u64;
    let done = transfer.blobs(writer, &missing, |sha1| wanted.names.get(sha1).map(String::as_str))?;
    (outcome.copied_blobs, outcome.copied_bytes) = (done.copied_blobs, done.copied_bytes);
    (outcome.encoded_blobs, outcome.encoded_bytes) = (done.encoded_blobs, done.encoded_bytes);
    for selection in selections {
        for image in &selection.images {
            transfer.metadata(writer, selection.wim, *image)?;
        }
    }
    let wanted = |sha1: &Sha1| wanted.references.get(sha1).copied().unwrap_or_default();
    writer.count_references(|sha1, count| count.saturating_add(wanted(sha1)));
    Ok(())
}

/// What is compressed how when nothing was said. What is only written anew stays as it is.
fn default_compression(model: &Wim, destination: &Path, is_rewritten: bool) -> Result<Compression, ExportError> {
    let header = model.header();
    let format = header.format().map_err(|error| WimError::Header { path: model.path().to_owned(), error })?;
    let is_esd = destination.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("esd"));
    let is_solid = !model.contents()?.solid_resources.is_empty();
    Ok(if is_esd || (is_solid && is_rewritten) {
        Compression { solid: true, ..Compression::new(Some(Format::Lzms)) }
    } else if is_solid {
        Compression::new(Some(Format::Lzx))
    } else {
        let chunk_size = format.map(|_| header.chunk_size);
        Compression { chunk_size, ..Compression::new(format) }
    })
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
