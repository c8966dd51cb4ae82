//! What the transformations need to know of a Portable Executable.

use super::{Rift, RiftTable};
use crate::util::le;

/// For which processor it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Machine {
    I386,
    Amd64,
    Other,
}

/// The directories of interest, by their places in the header.
#[derive(Clone, Copy, Debug)]
pub(super) enum Directory {
    Export = 0,
    Import = 1,
    Resource = 2,
    Exception = 3,
    BaseRelocation = 5,
    BoundImport = 11,
    ClrHeader = 14,
}

/// Windows loads no image with more sections.
const MAX_SECTIONS: u16 = 96;
const SECTION_HEADER_NBYTES: usize = 40;
/// A characteristic of a section: it holds code.
const EXECUTE: u32 = 0x2000_0000;

/// A section.
#[derive(Clone, Debug)]
pub(super) struct Section {
    /// Where its header is.
    pub(super) header_at: usize,
    pub(super) is_idata: bool,
    pub(super) rva: u32,
    pub(super) virtual_size: u32,
    /// Where its bytes are in the file, and how many.
    pub(super) file_offset: u32,
    pub(super) file_size: u32,
    pub(super) characteristics: u32,
}

impl Section {
    pub(super) fn contains(&self, rva: u32) -> bool {
        let size = self.virtual_size.max(self.file_size);
        rva.checked_sub(self.rva).is_some_and(|inside| inside < size)
    }

    /// The part of the file with its code; empty if it holds none.
    pub(super) fn code(&self, file_size: usize) -> std::ops::Range<usize> {
        let start = (self.file_offset as usize).min(file_size);
        let length = if self.characteristics & EXECUTE == 0 { 0 } else { self.virtual_size.min(self.file_size) };
        start..start.saturating_add(length as usize).min(file_size)
    }
}

/// The headers of an image.
#[derive(Clone, Debug)]
pub(super) struct Image {
    pub(super) machine: Machine,
    /// Pointers have 8 bytes, not 4.
    pub(super) is_64_bit: bool,
    pub(super) base: u64,
    pub(super) size: u32,
    pub(super) sections: Vec<Section>,
    directories: Vec<(u32, u32)>,
    /// Where these fields are in the file.
    pub(super) time_stamp_at: usize,
    pub(super) base_at: usize,
    pub(super) checksum_at: usize,
}

impl Image {
    /// Reads the headers; `None` if these are none.
    pub(super) fn parse(file: &[u8]) -> Option<Self> {
        let header_at = le::u32(file, 0x3C)? as usize;
        if le::array(file, header_at)? != *b"PE\0\0" {
            return None;
        }
        let machine = match le::u16(file, header_at + 4)? {
            0x14C => Machine::I386,
            0x8664 => Machine::Amd64,
            _ => Machine::Other,
        };
        let optional_at = header_at + 24;
        let is_64_bit = match le::u16(file, optional_at)? {
            0x10B => false,
            0x20B => true,
            _ => return None,
        };
        let section_count = le::u16(file, header_at + 6)?;
        if section_count > MAX_SECTIONS {
            return None;
        }
        let sections_at = optional_at + usize::from(le::u16(file, header_at + 20)?);
        let sections = (0..usize::from(section_count))
            .map(|index| section(file, sections_at + index * SECTION_HEADER_NBYTES))
            .collect::<Option<_>>()?;
        let (base_at, count_at) = if is_64_bit { (optional_at + 0x18, 0x6C) } else { (optional_at + 0x1C, 0x5C) };
        let count = le::u32(file, optional_at + count_at)?.min(16) as usize;
        let directories = (0..count)
            .map(|index| {
                let at = optional_at + count_at + 4 + 8 * index;
                Some((le::u32(file, at)?, le::u32(file, at + 4)?))
            })
            .collect::<Option<_>>()?;
        Some(Self {
            machine,
            is_64_bit,
            base: if is_64_bit { le::u64(file, base_at)? } else { le::u32(file, base_at)?.into() },
            size: le::u32(file, optional_at + 0x38)?,
            sections,
            directories,
            time_stamp_at: header_at + 8,
            base_at,
            checksum_at: optional_at + 0x40,
        })
    }

    /// RVA and size of a directory, if there is one.
    pub(super) fn directory(&self, directory: Directory) -> Option<(u32, u32)> {
        self.directories.get(directory as usize).copied().filter(|(rva, _)| *rva != 0)
    }

    /// Whether it is for .NET.
    pub(super) fn is_managed(&self) -> bool {
        self.directory(Directory::ClrHeader).is_some()
    }

    pub(super) fn section_of(&self, rva: u32) -> Option<&Section> {
        self.sections.iter().find(|section| section.contains(rva))
    }

    /// The RVA where the first section begins.
    pub(super) fn first_rva(&self) -> u32 {
        let in_use = self.sections.iter().filter(|section| section.virtual_size.max(section.file_size) > 0);
        in_use.map(|section| section.rva).min().unwrap_or(0)
    }

    /// Where in the file what is at an RVA lies.
    pub(super) fn offset_of(&self, rva: u32) -> Option<usize> {
        let section = self.section_of(rva).filter(|section| section.file_size > 0)?;
        section.file_offset.checked_add(rva - section.rva).map(|offset| offset as usize)
    }

    /// From places in the file to RVAs.
    pub(super) fn addresses(&self) -> RiftTable {
        let sections = self.sections.iter().filter(|section| section.rva != 0 && section.file_offset != 0);
        let entries = sections.map(|section| Rift { from: section.file_offset.into(), to: section.rva.into() });
        let mut table = RiftTable(std::iter::once(Rift { from: 0, to: 0 }).chain(entries).collect());
        table.sort();
        table
    }
}

fn section(file: &[u8], at: usize) -> Option<Section> {
    Some(Section {
        header_at: at,
        is_idata: le::array(file, at)? == *b".idata\0\0",
        virtual_size: le::u32(file, at + 8)?,
        rva: le::u32(file, at + 12)?,
        file_size: le::u32(file, at + 16)?,
        file_offset: le::u32(file, at + 20)?,
        characteristics: le::u32(file, at + 36)?,
    })
}
