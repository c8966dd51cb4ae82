//! ISO images: optical media as files, with the UDF file system that Windows' installation media have.
//!
//! [`read`] finds their files, and reads them where they lie; [`create`](create::create) writes bootable ones. Facts about the formats are those of ECMA-119 (ISO 9660), ECMA-167 and OSTA
//! UDF 1.02, and of the El Torito specification.

pub mod create;
pub mod read;
mod tag;

/// Directories in directories: as many are read, and no more are written.
pub(crate) const MAX_DEPTH: usize = 64;
/// Bytes of a sector, which is also the block of the file system.
pub(crate) const SECTOR: u64 = 2048;

/// Makes the tag of a descriptor good again, so that fuzzing and tests get past it.
#[cfg(any(test, feature = "__internal-testing"))]
pub fn make_tag_good(descriptor: &mut [u8]) {
    let kind = u16::from_le_bytes([descriptor[0], descriptor[1]]);
    let location = u32::from_le_bytes([descriptor[12], descriptor[13], descriptor[14], descriptor[15]]);
    tag::seal(descriptor, kind, location);
}
