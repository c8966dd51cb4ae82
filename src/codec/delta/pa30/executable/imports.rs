//! Imports and exports: tables of RVAs.

use std::ops::ControlFlow;

use super::image::Directory;
use super::source::{Source, TooMuchWork};

const DESCRIPTOR_NBYTES: usize = 20;
/// Fields of an import descriptor: the table of names, when it was bound, what is forwarded, the module's name, the table of addresses.
const NAMES: usize = 0;
const TIME_STAMP: usize = 4;
const FORWARDER: usize = 8;
const MODULE: usize = 12;
const ADDRESSES: usize = 16;
/// A section may be written and read.
const WRITE_AND_READ: u32 = 0xC000_0000;

/// Calls `each` with the place of every import descriptor.
fn descriptors(
    source: &mut Source,
    mut each: impl FnMut(&mut Source, usize) -> Result<(), TooMuchWork>,
) -> Result<(), TooMuchWork> {
    let Some((mut at, _)) = source.directory(Directory::Import) else { return Ok(()) };
    while at + DESCRIPTOR_NBYTES <= source.bytes.len()
        && [NAMES, MODULE, ADDRESSES].iter().any(|field| source.u32_at(at + field) != Some(0))
    {
        source.step()?;
        each(source, at)?;
        at += DESCRIPTOR_NBYTES;
    }
    Ok(())
}

/// Calls `each` with the place and the value of every pointer of the table at an RVA, up to the zero that ends it.
fn pointers(
    source: &mut Source,
    table: u32,
    mut each: impl FnMut(&mut Source, usize, u64) -> ControlFlow<()>,
) -> Result<(), TooMuchWork> {
    let start = if table == 0 { None } else { source.image.offset_of(table) };
    let Some(mut at) = start else { return Ok(()) };
    while let Some(value) = source.pointer_at(at).filter(|value| *value != 0) {
        source.step()?;
        if each(source, at, value).is_break() {
            break;
        }
        at += source.pointer_nbytes();
    }
    Ok(())
}

/// Takes back what binding has changed: addresses become what the table of names has.
pub(super) fn unbind(source: &mut Source) -> Result<(), TooMuchWork> {
    descriptors(source, |source, at| {
        let field = |source: &Source, field| source.u32_at(at + field).unwrap_or(0);
        if field(source, TIME_STAMP) == 0 {
            return Ok(());
        }
        source.set_u32(at + TIME_STAMP, 0);
        source.set_u32(at + FORWARDER, 0);
        let (names, addresses) = (field(source, NAMES), field(source, ADDRESSES));
        let tables = (source.image.offset_of(names), source.image.offset_of(addresses));
        let (Some(names_at), Some(addresses_at)) = tables else { return Ok(()) };
        pointers(source, names, |source, from, value| {
            let to = addresses_at + (from - names_at);
            if to + source.pointer_nbytes() > source.bytes.len() {
                return ControlFlow::Break(());
            }
            source.set_pointer(to, value);
            ControlFlow::Continue(())
        })
    })?;
    // The list of modules that it was bound to, which stands in the headers, where RVAs are offsets.
    if let Some((at, nbytes)) = source.image.directory(Directory::BoundImport) {
        let end = (at as usize).saturating_add(nbytes as usize).min(source.bytes.len());
        if let Some(list) = source.bytes.get_mut(at as usize..end) {
            list.fill(0);
        }
    }
    for index in 0..source.image.sections.len() {
        let section = &source.image.sections[index];
        if section.is_idata {
            let at = section.header_at + 36;
            let characteristics = section.characteristics | WRITE_AND_READ;
            source.set_u32(at, characteristics);
        }
    }
    Ok(())
}

/// Imports: the tables of names and addresses, and where they are.
pub(super) fn transform_imports(source: &mut Source) -> Result<(), TooMuchWork> {
    descriptors(source, |source, at| {
        let field = |source: &Source, field| source.u32_at(at + field).unwrap_or(0);
        let is_bound = field(source, TIME_STAMP) != 0;
        let (names, addresses) = (field(source, NAMES), field(source, ADDRESSES));
        transform_pointers(source, names, false)?;
        transform_pointers(source, addresses, is_bound)?;
        for field in [MODULE, NAMES, ADDRESSES] {
            source.map_rva_at(at + field);
        }
        Ok(())
    })
}

/// A table of imports: addresses if it is bound, else ordinal numbers and RVAs of names.
fn transform_pointers(source: &mut Source, table: u32, is_bound: bool) -> Result<(), TooMuchWork> {
    let nbytes = source.pointer_nbytes();
    let is_ordinal = 1 << (8 * nbytes - 1);
    pointers(source, table, |source, at, value| {
        if is_bound {
            let mapped = source.mapped_address(value as i64);
            source.set_pointer(at, mapped as u64);
        } else if value & is_ordinal == 0 {
            source.map_rva_at(at);
        }
        source.take(at, nbytes);
        ControlFlow::Continue(())
    })
}

/// Exports: the tables of addresses and names, and where they are.
pub(super) fn transform_exports(source: &mut Source) -> Result<(), TooMuchWork> {
    let Some((at, _)) = source.directory(Directory::Export) else { return Ok(()) };
    if at + 40 > source.bytes.len() {
        return Ok(());
    }
    let field = |field| source.u32_at(at + field).unwrap_or(0);
    for (table, count) in [(field(28), field(20)), (field(32), field(24))] {
        let start = if table == 0 { None } else { source.image.offset_of(table) };
        let Some(start) = start else { continue };
        for index in 0..count as usize {
            source.step()?;
            if source.map_rva_at(start + 4 * index).is_none() {
                break;
            }
        }
    }
    for field in [12, 28, 32, 36] {
        source.map_rva_at(at + field);
    }
    Ok(())
}
