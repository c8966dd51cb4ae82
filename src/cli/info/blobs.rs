//! `info --blobs`: the blob table. The JSON document is described in docs/json/blobs.md.

use super::super::exit::Failure;
use super::super::printer::Out;
use serde::ser::{Serialize, SerializeSeq, Serializer};
use std::path::Path;
use wimkit::util::sha1::Sha1;
use wimkit::wim::Wim;
use wimkit::wim::blob_table::Location;
use wimkit::wim::header::resource_flag;
use wimkit::wim::reader::{Contents, KnownBlob};

/// One line per blob: hash, size, references, and where it is stored.
pub(super) fn print(wim: &Wim, contents: &Contents, out: &mut Out) -> Result<(), Failure> {
    writeln!(out, "{:40}  {:>14}  {:>10}  {:>4}  stored", "SHA-1", "size", "references", "part")?;
    for blob in own(contents) {
        let row = Row::new(wim, blob);
        let Row { sha1, size, reference_count, part, .. } = row;
        write!(out, "{sha1}  {size:>14}  {reference_count:>10}  {part:>4}  ")?;
        match blob.location {
            Location::Plain(resource) => {
                let how = if row.compressed == Some(true) { "compressed" } else { "raw" };
                writeln!(out, "{} bytes at {:#x}, {how}", resource.size_in_wim, resource.offset_in_wim)?;
            }
            Location::Solid { resource, offset_in_resource } => {
                writeln!(out, "at {offset_in_resource:#x} of solid resource {resource}")?;
            }
        }
    }
    Ok(())
}

/// The blobs of the file itself, without those of references.
fn own(contents: &Contents) -> &[KnownBlob] {
    &contents.blobs[..contents.own_blobs]
}

#[derive(serde::Serialize)]
struct Row {
    sha1: Sha1,
    size: u64,
    reference_count: u32,
    part: u16,
    offset_in_wim: Option<u64>,
    size_in_wim: Option<u64>,
    compressed: Option<bool>,
    solid_resource: Option<usize>,
    offset_in_resource: Option<u64>,
}

impl Row {
    fn new(wim: &Wim, blob: &KnownBlob) -> Self {
        let (plain, solid) = match blob.location {
            Location::Plain(resource) => (Some(resource), None),
            Location::Solid { resource, offset_in_resource } => (None, Some((resource, offset_in_resource))),
        };
        Self {
            sha1: blob.sha1,
            size: blob.size,
            reference_count: blob.reference_count,
            part: wim.files()[blob.file].header.part_number,
            offset_in_wim: plain.map(|resource| resource.offset_in_wim),
            size_in_wim: plain.map(|resource| resource.size_in_wim),
            compressed: plain.map(|resource| resource.has(resource_flag::COMPRESSED)),
            solid_resource: solid.map(|(resource, _)| resource),
            offset_in_resource: solid.map(|(_, offset)| offset),
        }
    }
}

#[derive(serde::Serialize)]
pub(super) struct Document<'a> {
    schema: &'static str,
    path: String,
    solid_resources: Vec<SolidResource>,
    blobs: Rows<'a>,
}

#[derive(serde::Serialize)]
struct SolidResource {
    part: u16,
    offset_in_wim: u64,
    size_in_wim: u64,
}

impl<'a> Document<'a> {
    pub(super) fn new(wim: &'a Wim, contents: &'a Contents) -> Self {
        let solid = contents.solid_resources.iter().filter(|(file, ..)| *file < wim.own_files().len());
        Self {
            schema: "wimkit.blobs/1",
            path: Path::display(wim.path()).to_string(),
            solid_resources: solid
                .map(|(file, resource, _)| SolidResource {
                    part: wim.files()[*file].header.part_number,
                    offset_in_wim: resource.offset_in_wim,
                    size_in_wim: resource.size_in_wim,
                })
                .collect(),
            blobs: Rows(wim, contents),
        }
    }
}

/// Serialized row by row, so that a table of any length takes no memory.
struct Rows<'a>(&'a Wim, &'a Contents);

impl Serialize for Rows<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut list = serializer.serialize_seq(Some(own(self.1).len()))?;
        for blob in own(self.1) {
            list.serialize_element(&Row::new(self.0, blob))?;
        }
        list.end()
    }
}
