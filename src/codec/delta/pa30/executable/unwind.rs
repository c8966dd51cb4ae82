//! The table of functions of an AMD64 image, and what is needed to unwind their stacks.

use super::code_x64::FUNCTION_NBYTES;
use super::image::Directory;
use super::source::{Source, TooMuchWork};

/// An exception handler, a termination handler, or another function's information follows.
const HAS_RVA: u8 = 0x38;

pub(super) fn transform(source: &mut Source) -> Result<(), TooMuchWork> {
    let Some((table, nbytes)) = source.directory(Directory::Exception) else { return Ok(()) };
    if source.is_unmoved() || nbytes == 0 {
        return Ok(());
    }
    let count = nbytes.min(source.bytes.len().saturating_sub(table)) / FUNCTION_NBYTES;
    for index in 0..count {
        source.step()?;
        let at = table + index * FUNCTION_NBYTES;
        let information = source.u32_at(at + 8).unwrap_or(0);
        transform_information(source, information, table, nbytes);
        for field in [0, 4, 8] {
            source.map_rva_at(at + field);
        }
    }
    Ok(())
}

/// What follows the codes of unwinding information is an RVA, if there is something.
fn transform_information(source: &mut Source, rva: u32, table: usize, table_nbytes: usize) {
    if rva == 0 {
        return;
    }
    let is_header = rva < source.image.first_rva();
    let Some(at) = (if is_header { Some(rva as usize) } else { source.image.offset_of(rva) }) else { return };
    let is_in_table = at >= table && at <= table.saturating_add(table_nbytes);
    let Some(header) = source.bytes.get(at..).and_then(|rest| rest.first_chunk::<4>()) else { return };
    if is_in_table || header[0] & HAS_RVA == 0 {
        return;
    }
    let codes = usize::from(header[2]).next_multiple_of(2);
    source.map_rva_at(at + 4 + 2 * codes);
}
