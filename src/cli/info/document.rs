//! What `info` answers: the JSON document, which the text is printed from as well. Described in docs/json/info.md.

use serde::Serialize;
use wimkit::util::filetime::FileTime;
use wimkit::wim::header::{Header, Version, flag};
use wimkit::wim::metadata::Statistics;
use wimkit::wim::xml::{ImageXml, WindowsInfo};
use wimkit::wim::{ImageIndex, Wim};

#[derive(Serialize)]
pub(super) struct Document {
    schema: &'static str,
    pub(super) path: String,
    /// Bytes of all parts.
    pub(super) file_size: u64,
    pub(super) header: HeaderFields,
    pub(super) images: Vec<Image>,
    pub(super) warnings: Vec<String>,
}

#[derive(Serialize)]
pub(super) struct HeaderFields {
    pub(super) version: u32,
    pub(super) solid_version: bool,
    pub(super) pipable: bool,
    /// `none`, `xpress`, `lzx` or `lzms`.
    pub(super) compression: &'static str,
    pub(super) chunk_size: u32,
    pub(super) flags: u32,
    pub(super) guid: String,
    pub(super) part_number: u16,
    pub(super) total_parts: u16,
    pub(super) image_count: u32,
    pub(super) boot_index: Option<u32>,
    pub(super) integrity_table: bool,
    pub(super) readonly: bool,
    pub(super) write_in_progress: bool,
}

#[derive(Serialize)]
pub(super) struct Image {
    pub(super) index: u32,
    pub(super) name: Option<String>,
    pub(super) description: Option<String>,
    pub(super) flags: Option<String>,
    pub(super) display_name: Option<String>,
    pub(super) display_description: Option<String>,
    pub(super) bootable: bool,
    pub(super) wimboot: bool,
    pub(super) creation_time: Option<FileTime>,
    pub(super) modification_time: Option<FileTime>,
    pub(super) statistics: Option<Statistics>,
    pub(super) windows: Option<WindowsInfo>,
}

impl Document {
    pub(super) fn new(wim: &Wim, images: &[ImageIndex]) -> Self {
        Self {
            schema: "wimkit.info/1",
            path: wim.path().display().to_string(),
            file_size: wim.own_files().iter().map(|file| file.source.size()).sum(),
            header: HeaderFields::new(wim.header()),
            images: images.iter().map(|index| Image::new(wim, *index)).collect(),
            warnings: wim.warnings().map(str::to_owned).collect(),
        }
    }
}

impl HeaderFields {
    fn new(header: &Header) -> Self {
        Self {
            version: header.version.number(),
            solid_version: header.version == Version::Solid,
            pipable: header.pipable,
            // The header was checked when the file was opened.
            compression: header.format().ok().flatten().map_or("none", |format| format.name()),
            chunk_size: header.chunk_size,
            flags: header.flags,
            guid: guid(&header.guid),
            part_number: header.part_number,
            total_parts: header.total_parts,
            image_count: header.image_count,
            boot_index: Some(header.boot_index).filter(|index| *index != 0),
            integrity_table: !header.integrity.is_absent(),
            readonly: header.has(flag::READONLY),
            write_in_progress: header.has(flag::WRITE_IN_PROGRESS),
        }
    }
}

impl Image {
    fn new(wim: &Wim, index: ImageIndex) -> Self {
        let none = ImageXml::default();
        let xml = wim.xml().image(index.get()).unwrap_or(&none);
        let owned = |text: Option<std::borrow::Cow<'_, str>>| text.map(std::borrow::Cow::into_owned);
        Self {
            index: index.get(),
            name: owned(xml.name()),
            description: owned(xml.description()),
            flags: owned(xml.flags()),
            display_name: owned(xml.display_name()),
            display_description: owned(xml.display_description()),
            bootable: wim.boot_index() == Some(index),
            wimboot: xml.is_wimboot(),
            creation_time: xml.creation_time(),
            modification_time: xml.modification_time(),
            statistics: xml.statistics(),
            windows: xml.windows(),
        }
    }
}

/// The usual text of a GUID, whose first three fields are little endian.
pub(super) fn guid(bytes: &[u8; 16]) -> String {
    const ORDER: [usize; 16] = [3, 2, 1, 0, 5, 4, 7, 6, 8, 9, 10, 11, 12, 13, 14, 15];
    let mut text = String::with_capacity(36);
    for (position, index) in ORDER.into_iter().enumerate() {
        if matches!(position, 4 | 6 | 8 | 10) {
            text.push('-');
        }
        text.push_str(&format!("{:02x}", bytes[index]));
    }
    text
}

#[cfg(test)]
mod tests {
    #[test]
    fn guids_as_windows_writes_them() {
        let bytes: [u8; 16] = std::array::from_fn(|i| i as u8);
        assert_eq!(super::guid(&bytes), "03020100-0504-0706-0809-0a0b0c0d0e0f");
    }
}
