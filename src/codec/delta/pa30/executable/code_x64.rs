//! Code for AMD64. The table of functions tells where code is; it is read instruction by instruction.

use super::image::Directory;
use super::instruction::{MAX_NBYTES, instruction};
use super::source::{Source, TooMuchWork};

/// A function: where it begins, where it ends, and what is needed to unwind its stack.
pub(super) const FUNCTION_NBYTES: usize = 12;

pub(super) fn transform(source: &mut Source) -> Result<(), TooMuchWork> {
    let Some((table, nbytes)) = source.directory(Directory::Exception) else { return Ok(()) };
    if source.is_unmoved() {
        return Ok(());
    }
    for index in 0..nbytes / FUNCTION_NBYTES {
        let at = table + index * FUNCTION_NBYTES;
        let (Some(begin), Some(end)) = (source.u32_at(at), source.u32_at(at + 4)) else { break };
        if begin != 0 {
            transform_function(source, begin, end)?;
        }
    }
    Ok(())
}

fn transform_function(source: &mut Source, begin: u32, end: u32) -> Result<(), TooMuchWork> {
    let Some(start) = source.image.offset_of(begin) else { return Ok(()) };
    let mut rva = begin;
    while rva < end {
        source.step()?;
        let at = start + (rva - begin) as usize;
        let window = ((end - rva) as usize).min(MAX_NBYTES);
        let code = source.bytes.get(at..).unwrap_or_default();
        let code = &code[..window.min(code.len())];
        if code.is_empty() {
            break;
        }
        let found = instruction(code);
        let next = i64::from(rva) + found.nbytes as i64;
        if let Some(relative_at) = found.relative_at
            && let Some(distance) = source.u32_at(at + relative_at)
        {
            let target = next + i64::from(distance as i32);
            let moved = source.mapped(target).wrapping_sub(source.mapped(next));
            source.set_u32(at + relative_at, moved as u32);
        }
        let Ok(next) = u32::try_from(next) else { break };
        rva = next;
    }
    Ok(())
}
