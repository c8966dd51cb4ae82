//! Code for i386: calls and jumps, which are told from other bytes by where they lead.

use super::image::{Image, Machine};
use super::source::{Source, TooMuchWork};

const CALL: u8 = 0xE8;
const JUMP: u8 = 0xE9;
const SHORT_JUMP: u8 = 0xEB;
/// In front of conditional jumps.
const ESCAPE: u8 = 0x0F;

/// Leaves code as the only thing that is not taken.
pub(super) fn mark_not_code(source: &mut Source) {
    let size = source.bytes.len();
    source.take(0, size);
    for index in 0..source.image.sections.len() {
        let code = source.image.sections[index].code(size);
        source.release(code);
    }
}

/// Where the instruction whose displacement ends at `end` leads, if it may be one, and what the displacement becomes.
fn moved_displacement(source: &Source, end: u32, displacement: u32) -> Option<i32> {
    let target = end.wrapping_add(displacement);
    let image = &source.image;
    let is_header = target < image.first_rva();
    if target == 0 || target >= image.size || !(is_header || image.section_of(target).is_some()) {
        return None;
    }
    let place = if is_header { target as usize } else { image.offset_of(target).unwrap_or(target as usize) };
    if source.is_taken(place, 1) {
        return None;
    }
    Some(source.mapped(target.into()).wrapping_sub(source.mapped(end.into())) as i32)
}

/// Code, section by section: where it begins in the file and ends, and the RVA of its beginning.
fn code(source: &Source) -> Vec<(usize, usize, u32)> {
    let ranges = source.image.sections.iter().map(|section| (section.code(source.bytes.len()), section.rva));
    ranges.map(|(range, rva)| (range.start, range.end, rva)).collect()
}

/// Calls: an opcode and the distance from behind the instruction.
pub(super) fn transform_calls(source: &mut Source) -> Result<(), TooMuchWork> {
    for (start, end, rva) in code(source) {
        let mut at = start;
        while at + 5 <= end {
            source.step()?;
            let mut next = at + 1;
            if source.bytes[at] == CALL && !source.is_taken(at, 5) {
                let displacement = source.u32_at(at + 1).unwrap_or(0);
                let behind = rva.wrapping_add((at - start) as u32).wrapping_add(5);
                if let Some(moved) = moved_displacement(source, behind, displacement) {
                    source.set_u32(at + 1, moved as u32);
                    next = at + 5;
                }
            }
            at = next;
        }
    }
    Ok(())
}

/// Jumps with a distance of four bytes. Where one byte does in the target, the compiler took the short instruction.
pub(super) fn transform_jumps(source: &mut Source) -> Result<(), TooMuchWork> {
    for (start, end, rva) in code(source) {
        let mut at = start;
        while at + 5 <= end {
            source.step()?;
            let opcode = match source.bytes[at..] {
                [JUMP, ..] => at,
                [ESCAPE, condition, ..] if condition & 0xF0 == 0x80 => at + 1,
                _ => {
                    at += 1;
                    continue;
                }
            };
            at = transform_jump(source, opcode, rva.wrapping_add((opcode - start) as u32)).unwrap_or(at + 1);
        }
    }
    Ok(())
}

/// Changes the jump whose opcode is at a place, and has an RVA; answers what is behind it if it was one.
fn transform_jump(source: &mut Source, opcode: usize, rva: u32) -> Option<usize> {
    if opcode + 5 > source.bytes.len() || source.is_taken(opcode, 5) {
        return None;
    }
    let displacement = source.u32_at(opcode + 1)?;
    if i8::try_from(displacement as i32).is_ok() {
        return None;
    }
    let moved = moved_displacement(source, rva.wrapping_add(5), displacement)?;
    let is_jump = source.bytes[opcode] == JUMP;
    match i8::try_from(moved) {
        Ok(short) if is_jump => source.set(opcode, &[SHORT_JUMP, short as u8]),
        Ok(short) if !source.is_taken(opcode - 1, 1) => {
            let condition = source.bytes[opcode] & 0x0F;
            source.set(opcode - 1, &[0x70 | condition, short as u8]);
        }
        _ => source.set_u32(opcode + 1, moved as u32),
    }
    Some(opcode + 5)
}

/// Turns the places that calls lead to back into distances, in all of the target: the filter of cabinets' LZX over one frame.
pub(super) fn restore_calls(target: &mut [u8]) {
    let is_x86 = Image::parse(target).is_some_and(|image| image.machine == Machine::I386 && !image.is_managed());
    let Ok(size) = i32::try_from(target.len()) else { return };
    if !is_x86 {
        return;
    }
    let mut at = 0;
    while at + 10 < target.len() {
        if target[at] != CALL {
            at += 1;
            continue;
        }
        let operand = target[at + 1..].first_chunk_mut().expect("ten bytes and more are left");
        let place = i32::from_le_bytes(*operand);
        let here = at as i32;
        if (-here..size).contains(&place) {
            *operand = if place >= 0 { place - here } else { place + size }.to_le_bytes();
        }
        at += 5;
    }
}
