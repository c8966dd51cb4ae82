//! ISO images: optical media as files, with the UDF file system that Windows' installation media have.
//!
//! [`read`] finds their files, and reads them where they lie; [`create`](create::create) writes bootable ones. Facts about the formats are those of ECMA-119 (ISO 9660), ECMA-167 and OSTA
//! UDF 1.02, and of the El Torito specification.

pub mod create;
pub mod read;
mod tag;

/// Bytes of a sector, which is also the block of the file system.
pub(crate) const SECTOR: u64 = 2048;
