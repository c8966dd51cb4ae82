//! Changes that touch no blob: removing an image, its name and properties, the bootable image.
//!
//! They append new tables behind the old ones and then write the header, so that the file is whole at any moment; the
//! space of the old tables comes back with the next `optimize`.

use super::WimError;
use super::export::{ExportError, appendable_end, refuse_modification};
use super::reader::{ImageIndex, Wim};
use super::references::{self, References};
use super::writer::{WimWriter, piece_size};
use super::xml::WimXml;
use crate::util::progress::Control;

/// A change of one image's properties.
#[derive(Clone, Debug, Default)]
pub struct ImageEdit {
    /// The image.
    pub image: u32,
    /// Properties to set, as paths of elements below the image's: `NAME`, `WINDOWS/VERSION/SPBUILD`. An empty value removes.
    pub properties: Vec<(String, String)>,
}

/// Changes properties of images and, with `boot`, which of them is bootable (`Some(None)` = none).
///
/// # Errors
/// [`ExportError`]. The file is then as it was.
pub fn edit(
    wim: &Wim,
    edits: &[ImageEdit],
    boot: Option<Option<ImageIndex>>,
    control: Control<'_>,
) -> Result<(), ExportError> {
    let mut xml = wim.xml().clone();
    for edit in edits {
        apply(wim, &mut xml, edit)?;
    }
    if let Some(Some(image)) = boot {
        wim.metadata_entry(image)?; // there must be such an image
    }
    let mut writer = begin(wim)?;
    if let Some(boot) = boot {
        writer.set_boot(boot);
    }
    finish(wim, writer, &mut xml, control).map(drop)
}

fn apply(wim: &Wim, xml: &mut WimXml, edit: &ImageEdit) -> Result<(), ExportError> {
    let no_such_image = || WimError::NoSuchImage {
        path: wim.path().to_owned(),
        wanted: edit.image.to_string(),
        count: wim.image_count(),
    };
    for (path, value) in &edit.properties {
        let taken = if path == "NAME" { xml.image_by_name(value).filter(|other| *other != edit.image) } else { None };
        let image = xml.image_mut(edit.image).ok_or_else(no_such_image)?;
        if let (Some(other), Some(source_index)) = (taken, ImageIndex::new(edit.image)) {
            return Err(ExportError::NameClash { name: value.clone(), image: other, source_index });
        }
        let changed = if value.is_empty() { image.remove(path).map(drop) } else { image.set(path, value) };
        changed.map_err(|error| ExportError::Xml { path: wim.path().to_owned(), error })?;
    }
    Ok(())
}

/// What a deletion did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Deleted {
    /// Images that are left.
    pub images_left: u32,
    /// Uncompressed bytes of the blobs that no image uses any more; `optimize` gives their space back.
    pub unused_bytes: u64,
    /// The file's size in bytes.
    pub size: u64,
}

/// Removes images. The others move up; a boot index moves with them, and becomes 0 if its own image goes.
///
/// # Errors
/// [`ExportError`]. The file is then as it was.
pub fn delete(wim: &Wim, images: &[ImageIndex], control: Control<'_>) -> Result<Deleted, ExportError> {
    if images.is_empty() {
        return Err(ExportError::NothingSelected);
    }
    let mut images = images.to_vec();
    images.sort_unstable();
    images.dedup();
    for image in &images {
        wim.metadata_entry(*image)?;
    }
    let mut writer = begin(wim)?;
    let mut xml = wim.xml().clone();
    let mut boot = wim.boot_index().map(ImageIndex::get);
    let mut gone = References::new();
    for image in images.iter().rev() {
        references::count(&wim.metadata(*image)?, &mut gone);
        writer.remove_metadata(*image);
        xml.remove_image(image.get());
        boot = boot.filter(|boot| *boot != image.get()).map(|boot| boot - u32::from(boot > image.get()));
    }
    // A blob goes only if no other image uses it, whatever the table says.
    let others = wim.images().filter(|image| !images.contains(image));
    let left = references::count_those_of(wim, others, gone.into_keys())?;
    writer.count_references(|sha1, count| left.get(sha1).copied().unwrap_or(count));
    writer.set_boot(boot.and_then(ImageIndex::new));
    let unused_bytes = writer.drop_unreferenced(|sha1| left.contains_key(sha1));
    let size = finish(wim, writer, &mut xml, control)?;
    Ok(Deleted { images_left: wim.image_count() - images.len() as u32, unused_bytes, size })
}

fn begin(wim: &Wim) -> Result<WimWriter, ExportError> {
    refuse_modification(wim)?;
    let end = appendable_end(wim)?;
    WimWriter::append(wim, None, end).map_err(|error| error.at(wim.path()))
}

fn finish(wim: &Wim, writer: WimWriter, xml: &mut WimXml, control: Control<'_>) -> Result<u64, ExportError> {
    let table = wim.integrity_table(&wim.files()[0]).ok().flatten();
    let integrity = (!wim.header().integrity.is_absent()).then(|| piece_size(table.as_ref()));
    writer.finish(xml, integrity, control).map_err(|error| error.at(wim.path()))?.commit(wim.path())
}
