//! Deltas between executables.
//!
//! When code is added in the middle of a program, everything behind it moves, and everything that refers to it changes: calls, addresses
//! in tables, relocations. A patch would have to tell each of these. So the delta tells in the *preprocess* buffer what has moved, by
//! relative virtual addresses (RVAs); from that the references in the source are changed into those that the target will have, and the patch is
//! applied to the source so prepared. What the preparation gets wrong is in the patch, so nothing of it need be clever, but it must
//! be exactly what the encoder did.
//!
//! | preprocess buffer | |
//! |---|---|
//! | 64 bits | the target's image base |
//! | 32 bits | the target's checksum |
//! | 32 bits | the target's time stamp |
//! | rift table | of the target: where in the file what is at an RVA lies |
//! | 1 bit | whether metadata of .NET follow |
//! | rift table | which RVA of the target what is at an RVA of the source has |
//! | 1 bit | whether a map of metadata of .NET follows |
//!
//! The flags of the delta tell which transformations there are; some are for some processors only. Which bytes of the source
//! *correspond* to those of the target is told by the rift tables too; see [`algebra`].
//!
//! None of this was published by the format's maker. It follows public descriptions, and is checked against the digests of real updates:
//! formats.md tells how far it goes. Metadata of .NET and processors other than i386 and AMD64 are unsupported.

mod algebra;
mod code_x64;
mod code_x86;
mod image;
mod imports;
mod instruction;
mod relocations;
mod resources;
mod source;
#[cfg(test)]
mod tests;
mod unwind;

use image::{Image, Machine};
use source::Source;

use super::super::{DeltaError, Malformed, Unsupported};
use super::bits::BitReader;
use super::rift::{MAX_ENTRIES, Rift, RiftTable};
use super::{FileType, Header};

/// Bits of a delta's flags: transformations.
mod flag {
    /// Of calls in the target, back; for i386.
    pub(super) const CALLS_IN_TARGET: u64 = 1;
    /// What is not code is left alone by the transformations of code for i386.
    pub(super) const MARK_NOT_CODE: u64 = 1 << 1;
    pub(super) const IMPORTS: u64 = 1 << 2;
    pub(super) const EXPORTS: u64 = 1 << 3;
    pub(super) const RESOURCES: u64 = 1 << 4;
    pub(super) const RELOCATIONS: u64 = 1 << 5;
    /// Of addresses for which there are no relocations; it is set and without effect where there are some.
    pub(super) const INFERRED_RELOCATIONS: u64 = 1 << 6;
    pub(super) const JUMPS_X86: u64 = 1 << 7;
    pub(super) const CALLS_X86: u64 = 1 << 8;
    pub(super) const CODE_X64: u64 = 1 << 9;
    pub(super) const UNWIND_X64: u64 = 1 << 10;
    /// Imports that were bound are made unbound.
    pub(super) const UNBIND: u64 = 1 << 13;
    /// For .NET.
    pub(super) const MANAGED: u64 = 3 << 14;
    /// Set in all deltas, of plain files too.
    pub(super) const ALWAYS: u64 = 1 << 17;

    pub(super) const KNOWN: u64 = CALLS_IN_TARGET
        | MARK_NOT_CODE
        | IMPORTS
        | EXPORTS
        | RESOURCES
        | RELOCATIONS
        | INFERRED_RELOCATIONS
        | JUMPS_X86
        | CALLS_X86
        | CODE_X64
        | UNWIND_X64
        | UNBIND
        | MANAGED
        | ALWAYS;
}

/// The source made like the target, and which of its bytes correspond to those of the target.
pub(super) struct Prepared {
    pub(super) source: Vec<u8>,
    pub(super) rifts: RiftTable,
}

/// Prepares the source. The preprocess buffer stands at `offset` of the delta.
pub(super) fn prepare(
    source: &[u8],
    header: &Header,
    preprocess: &[u8],
    offset: usize,
) -> Result<Prepared, DeltaError> {
    let (file_type, flags) = (header.file_type, header.flags);
    if !matches!(file_type, FileType::I386 | FileType::AMD64) {
        return Err(Unsupported::FileType(file_type).into());
    }
    if flags & !flag::KNOWN != 0 {
        return Err(Unsupported::Transformations { file_type, flags: flags & !flag::KNOWN }.into());
    }
    let target = Target::read(preprocess, offset, file_type)?;
    let Some(image) = Image::parse(source) else {
        return Ok(Prepared { source: source.to_vec(), rifts: RiftTable::default() });
    };
    if image.is_managed() {
        return Err(Unsupported::ManagedCode(file_type).into());
    }
    let too_many = |_| DeltaError::Malformed { problem: Malformed::RiftSize(MAX_ENTRIES as u64), offset };
    let addresses = image.addresses();
    let forward = algebra::compose(&addresses, &target.moved).map_err(too_many)?;
    let forward = algebra::compose(&forward, &target.file_offsets).map_err(too_many)?;
    let rifts = algebra::invert(&forward);
    let mut transformed = Source::new(source.to_vec(), image, target.moved, target.image_base);
    transform(&mut transformed, flags, target.time_stamp)
        .map_err(|source::TooMuchWork| DeltaError::Malformed { problem: Malformed::TooMuchWork, offset })?;
    Ok(Prepared { source: transformed.bytes, rifts })
}

/// What the preprocess buffer tells of the target.
struct Target {
    image_base: u64,
    time_stamp: u32,
    /// From RVAs to places in the file.
    file_offsets: RiftTable,
    /// From RVAs of the source to those of the target.
    moved: RiftTable,
}

impl Target {
    fn read(preprocess: &[u8], offset: usize, file_type: FileType) -> Result<Self, DeltaError> {
        let mut reader = BitReader::new(preprocess, offset)?;
        let image_base = reader.bits(32)? | reader.bits(32)? << 32;
        // The checksum is in the patch as well: that of the source is taken out.
        reader.bits(32)?;
        let time_stamp = reader.bits(32)? as u32;
        let file_offsets = RiftTable::read(&mut reader)?;
        let has_metadata = reader.bits(1)? == 1;
        if has_metadata {
            return Err(Unsupported::ManagedCode(file_type).into());
        }
        let moved = RiftTable::read(&mut reader)?;
        if reader.left() > 0 && reader.bits(1)? == 1 {
            return Err(Unsupported::ManagedCode(file_type).into());
        }
        Ok(Self { image_base, time_stamp, file_offsets, moved })
    }
}

/// All transformations of a source, in the order in which they are made.
fn transform(source: &mut Source, flags: u64, time_stamp: u32) -> Result<(), source::TooMuchWork> {
    let has = |flag| flags & flag != 0;
    let is_x86 = source.image.machine == Machine::I386;
    let is_x64 = source.image.machine == Machine::Amd64;
    source.set_u32(source.image.checksum_at, 0);
    if has(flag::UNBIND) {
        imports::unbind(source)?;
    }
    source.set_u32(source.image.time_stamp_at, time_stamp);
    if has(flag::MARK_NOT_CODE) && is_x86 {
        code_x86::mark_not_code(source);
    }
    if has(flag::IMPORTS) {
        imports::transform_imports(source)?;
    }
    if has(flag::EXPORTS) {
        imports::transform_exports(source)?;
    }
    if has(flag::RESOURCES) {
        resources::transform(source)?;
    }
    if has(flag::RELOCATIONS) {
        relocations::transform(source)?;
    }
    if has(flag::JUMPS_X86) && is_x86 {
        code_x86::transform_jumps(source)?;
    }
    if has(flag::CALLS_X86) && is_x86 {
        code_x86::transform_calls(source)?;
    }
    if has(flag::CODE_X64) && is_x64 {
        code_x64::transform(source)?;
    }
    if has(flag::UNWIND_X64) && is_x64 {
        unwind::transform(source)?;
    }
    source.set_image_base();
    Ok(())
}

/// What is done to the target after the patch.
pub(super) fn finish(target: &mut [u8], flags: u64) {
    if flags & flag::CALLS_IN_TARGET != 0 {
        code_x86::restore_calls(target);
    }
}
