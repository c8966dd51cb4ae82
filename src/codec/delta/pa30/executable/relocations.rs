//! Relocations: where addresses are, and the addresses themselves.
//!
//! The table lists them by pages of 4 KiB, in a block each. Since they move to other pages, the table is made anew.

use super::image::Directory;
use super::source::{Source, TooMuchWork};

const BLOCK_HEADER_NBYTES: usize = 8;

/// Kinds of relocations.
const PADDING: u16 = 0;
const HIGH: u16 = 1;
const LOW: u16 = 2;
const ADDRESS_32: u16 = 3;
const HIGH_ADJUSTED: u16 = 4;
const ADDRESS_64: u16 = 10;

/// A relocation.
struct Relocation {
    /// Where the address is in the target.
    rva: u32,
    kind: u16,
    /// What follows an adjusted one.
    extra: u16,
}

pub(super) fn transform(source: &mut Source) -> Result<(), TooMuchWork> {
    let Some((rva, size)) = source.image.directory(Directory::BaseRelocation) else { return Ok(()) };
    let Some(start) = source.image.offset_of(rva) else { return Ok(()) };
    let end = start.saturating_add(size as usize).min(source.bytes.len());
    let mut relocations = Vec::new();
    let mut block = start;
    while block + BLOCK_HEADER_NBYTES <= end {
        let (Some(page), Some(nbytes)) = (source.u32_at(block), source.u32_at(block + 4)) else { break };
        let Some(block_end) = block.checked_add(nbytes as usize).filter(|block_end| *block_end <= end) else { break };
        if (nbytes as usize) < BLOCK_HEADER_NBYTES {
            break;
        }
        read_block(source, page, block + BLOCK_HEADER_NBYTES, block_end, &mut relocations)?;
        block = block_end;
    }
    // The table may take all of what its section has in the file.
    let section = source.image.section_of(rva);
    let room = section.map_or(size, |section| section.file_size.saturating_sub(rva - section.rva)).max(size) & !1;
    let end = start.saturating_add(room as usize).min(source.bytes.len());
    write_blocks(source, start, end, relocations);
    Ok(())
}

/// Changes the addresses of a block.
fn read_block(
    source: &mut Source,
    page: u32,
    start: usize,
    end: usize,
    relocations: &mut Vec<Relocation>,
) -> Result<(), TooMuchWork> {
    let mut at = start;
    while at + 2 <= end {
        source.step()?;
        let Some(entry) = source.u16_at(at) else { break };
        let mut kind = entry >> 12;
        if kind == PADDING {
            break;
        }
        at += 2;
        let rva = page.wrapping_add(u32::from(entry & 0xFFF));
        let moved = source.mapped(rva.into()) as u32;
        let mut extra = 0;
        if let Some(place) = source.image.offset_of(rva) {
            match kind {
                ADDRESS_32 => {
                    if let Some(address) = source.u32_at(place) {
                        let mapped = source.mapped_address((address as i32).into()) as u32;
                        source.set_u32(place, mapped);
                    }
                    source.take(place, 4);
                }
                ADDRESS_64 => {
                    if let Some(address) = crate::util::le::u64(&source.bytes, place) {
                        let mapped = source.mapped_address(address as i64);
                        source.set(place, &mapped.to_le_bytes());
                    }
                    source.take(place, 8);
                }
                HIGH | LOW => source.take(place, 2),
                HIGH_ADJUSTED => {
                    source.take(place, 2);
                    if at + 2 <= end {
                        extra = source.u16_at(at).unwrap_or(0);
                    }
                    at += 2;
                }
                _ => kind = PADDING,
            }
        }
        relocations.push(Relocation { rva: moved, kind, extra });
    }
    Ok(())
}

/// Writes the table.
fn write_blocks(source: &mut Source, start: usize, end: usize, mut relocations: Vec<Relocation>) {
    relocations.sort_by_key(|relocation| relocation.rva);
    let mut at = start;
    for of_page in relocations.chunk_by(|one, other| one.rva >> 12 == other.rva >> 12) {
        let block = at;
        if block + BLOCK_HEADER_NBYTES > end {
            break;
        }
        let mut entries = Vec::with_capacity(2 * of_page.len() + 2);
        for relocation in of_page {
            entries.extend_from_slice(&(relocation.kind << 12 | (relocation.rva & 0xFFF) as u16).to_le_bytes());
            if relocation.kind == HIGH_ADJUSTED {
                entries.extend_from_slice(&relocation.extra.to_le_bytes());
            }
        }
        entries.resize(entries.len().next_multiple_of(4), 0);
        entries.truncate(end - block - BLOCK_HEADER_NBYTES);
        source.set(block + BLOCK_HEADER_NBYTES, &entries);
        at = block + BLOCK_HEADER_NBYTES + entries.len();
        source.set_u32(block, of_page[0].rva & !0xFFF);
        source.set_u32(block + 4, (at - block) as u32);
    }
}
