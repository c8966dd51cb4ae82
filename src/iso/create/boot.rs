//! The boot catalog (El Torito), by which firmware finds what it starts.

use super::volume::put;

/// Bytes of an entry.
const ENTRY: usize = 32;
/// What the catalog's counts of sectors mean.
const FLOPPY_SECTOR: u64 = 512;
/// The largest image that the count can tell.
pub(super) const MAX_IMAGE: u64 = u16::MAX as u64 * FLOPPY_SECTOR;

/// Which firmware an entry is for.
mod platform {
    pub(super) const BIOS: u8 = 0;
    pub(super) const EFI: u8 = 0xEF;
}

/// A boot image: its first sector, and its bytes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Image {
    pub(super) sector: u64,
    pub(super) size: u64,
}

/// A catalog with an entry for each firmware that can boot.
pub(super) fn catalog(bios: Option<Image>, efi: Option<Image>) -> Vec<u8> {
    // BIOS loads all of its image; EFI finds the size in the image, which is a floppy disk's file system.
    let bios = bios.map(|image| entry(image.sector, image.size.div_ceil(FLOPPY_SECTOR) as u16));
    let efi = efi.map(|image| entry(image.sector, 1));
    match (bios, efi) {
        (Some(bios), Some(efi)) => [validation(platform::BIOS), bios, section(platform::EFI), efi].concat(),
        (Some(bios), None) => [validation(platform::BIOS), bios].concat(),
        (None, Some(efi)) => [validation(platform::EFI), efi].concat(),
        (None, None) => Vec::new(),
    }
}

/// How a catalog begins. Its words add up to zero.
fn validation(platform: u8) -> [u8; ENTRY] {
    let mut bytes = [0; ENTRY];
    put(&mut bytes, 0, &[1, platform]);
    put(&mut bytes, 30, &[0x55, 0xAA]);
    let sum = bytes.chunks_exact(2).fold(0_u16, |sum, word| sum.wrapping_add(u16::from_le_bytes([word[0], word[1]])));
    put(&mut bytes, 28, &sum.wrapping_neg().to_le_bytes());
    bytes
}

/// The last section, with one entry.
fn section(platform: u8) -> [u8; ENTRY] {
    const LAST: u8 = 0x91;
    let mut bytes = [0; ENTRY];
    put(&mut bytes, 0, &[LAST, platform, 1]);
    bytes
}

/// An image that is started without pretending to be a disk.
fn entry(sector: u64, load: u16) -> [u8; ENTRY] {
    const BOOTABLE: u8 = 0x88;
    let mut bytes = [0; ENTRY];
    bytes[0] = BOOTABLE;
    put(&mut bytes, 6, &load.to_le_bytes());
    put(&mut bytes, 8, &(sector as u32).to_le_bytes());
    bytes
}
