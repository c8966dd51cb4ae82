//! Resources: a tree of directories. Its references count from the tree's beginning.

use std::collections::HashSet;

use super::image::Directory;
use super::source::{Source, TooMuchWork};

const HEADER_NBYTES: usize = 16;
const ENTRY_NBYTES: usize = 8;
/// Marks a reference to a directory, or to a name in place of a number.
const MARK: u32 = 0x8000_0000;

pub(super) fn transform(source: &mut Source) -> Result<(), TooMuchWork> {
    let Some((rva, size)) = source.image.directory(Directory::Resource) else { return Ok(()) };
    let Some(base) = source.image.offset_of(rva) else { return Ok(()) };
    let end = base.saturating_add(size as usize).min(source.bytes.len());
    let moved_base = source.mapped(rva.into());
    let moved = |source: &Source, reference: u32| {
        source.mapped(i64::from(rva) + i64::from(reference)).wrapping_sub(moved_base) as u32
    };
    let mut to_do = vec![base];
    let mut seen = HashSet::new();
    while let Some(directory) = to_do.pop() {
        if !seen.insert(directory) || directory + HEADER_NBYTES > end {
            continue;
        }
        let count = |at| usize::from(source.u16_at(directory + at).unwrap_or(0));
        let room = (end - directory - HEADER_NBYTES) / ENTRY_NBYTES;
        let count = (count(12) + count(14)).min(room);
        for at in (0..count).map(|index| directory + HEADER_NBYTES + index * ENTRY_NBYTES) {
            source.step()?;
            let (Some(name), Some(content)) = (source.u32_at(at), source.u32_at(at + 4)) else { break };
            let place = base + (content & !MARK) as usize;
            if content & MARK != 0 {
                // A directory stands behind what refers to it.
                if place > at {
                    to_do.push(place);
                }
                let reference = MARK | moved(source, content & !MARK) & !MARK;
                source.set_u32(at + 4, reference);
                source.take(at + 4, 4);
            } else if place + HEADER_NBYTES <= end {
                // It is an RVA, and yet is taken as if it counted from the tree's beginning.
                let data = source.u32_at(place).unwrap_or(0);
                let data = moved(source, data);
                source.set_u32(place, data);
                source.take(place, 4);
            }
            if name & MARK != 0 {
                let reference = MARK | moved(source, name & !MARK) & !MARK;
                source.set_u32(at, reference);
                source.take(at, 4);
            }
        }
    }
    Ok(())
}
