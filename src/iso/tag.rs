//! The tag that UDF's descriptors begin with.

/// Bytes of a tag.
pub(crate) const TAG_SIZE: usize = 16;

/// What a descriptor is.
pub(crate) mod id {
    pub(crate) const PRIMARY_VOLUME: u16 = 1;
    pub(crate) const ANCHOR: u16 = 2;
    pub(crate) const VOLUME_POINTER: u16 = 3;
    pub(crate) const IMPLEMENTATION_USE_VOLUME: u16 = 4;
    pub(crate) const PARTITION: u16 = 5;
    pub(crate) const LOGICAL_VOLUME: u16 = 6;
    pub(crate) const UNALLOCATED_SPACE: u16 = 7;
    pub(crate) const TERMINATING: u16 = 8;
    pub(crate) const LOGICAL_VOLUME_INTEGRITY: u16 = 9;
    pub(crate) const FILE_SET: u16 = 256;
    pub(crate) const FILE_IDENTIFIER: u16 = 257;
    pub(crate) const ALLOCATION_EXTENT: u16 = 258;
    pub(crate) const FILE_ENTRY: u16 = 261;
    pub(crate) const EXTENDED_FILE_ENTRY: u16 = 266;
}

/// The version of descriptors that goes with `NSR02`.
const VERSION: u16 = 2;
/// One number for all descriptors of a volume.
const SERIAL: u16 = 1;

/// Fills in the tag of a descriptor that is otherwise complete. `location` is its sector, or in a partition its block.
pub(crate) fn seal(descriptor: &mut [u8], id: u16, location: u32) {
    let (tag, body) = descriptor.split_at_mut(TAG_SIZE);
    tag[0..2].copy_from_slice(&id.to_le_bytes());
    tag[2..4].copy_from_slice(&VERSION.to_le_bytes());
    tag[6..8].copy_from_slice(&SERIAL.to_le_bytes());
    tag[8..10].copy_from_slice(&crc(body).to_le_bytes());
    tag[10..12].copy_from_slice(&(body.len() as u16).to_le_bytes());
    tag[12..16].copy_from_slice(&location.to_le_bytes());
    tag[4] = checksum(tag);
}

/// What is wrong with a tag.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Fault {
    /// The tag itself is damaged, or there is none.
    #[error("its tag's checksum is {found:#04X}; expected {expected:#04X}")]
    Checksum { found: u8, expected: u8 },
    /// What follows it is.
    #[error("its CRC is {found:#06X}; expected {expected:#06X}")]
    Crc { found: u16, expected: u16 },
}

/// Checks the tag of a descriptor, and what of the descriptor is there.
pub(crate) fn check(descriptor: &[u8]) -> Result<(), Fault> {
    let (tag, body) = descriptor.split_at(TAG_SIZE);
    let (found, expected) = (tag[4], checksum(tag));
    if found != expected {
        return Err(Fault::Checksum { found, expected });
    }
    let [found, length] = [8, 10].map(|at| u16::from_le_bytes([tag[at], tag[at + 1]]));
    match body.get(..length.into()).map(crc) {
        Some(expected) if expected != found => Err(Fault::Crc { found, expected }),
        _ => Ok(()),
    }
}

/// The sum of a tag's bytes but the one that holds it.
fn checksum(tag: &[u8]) -> u8 {
    let all = tag[..TAG_SIZE].iter().fold(0_u8, |sum, &byte| sum.wrapping_add(byte));
    all.wrapping_sub(tag[4])
}

/// CRC-16 with the polynomial 0x1021, from zero, the highest bit first.
fn crc(bytes: &[u8]) -> u16 {
    bytes.iter().fold(0, |crc, &byte| crc << 8 ^ CRC_TABLE[usize::from(byte ^ (crc >> 8) as u8)])
}

static CRC_TABLE: [u16; 256] = {
    let mut table = [0_u16; 256];
    let mut byte = 0;
    while byte < 256 {
        let mut crc = (byte as u16) << 8;
        let mut bit = 0;
        while bit < 8 {
            crc = if crc & 0x8000 != 0 { crc << 1 ^ 0x1021 } else { crc << 1 };
            bit += 1;
        }
        table[byte] = crc;
        byte += 1;
    }
    table
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_check_value_of_the_crc() {
        // ECMA-167 7.2.6 gives these three bytes as its example.
        assert_eq!(crc(&[0x70, 0x6A, 0x77]), 0x3299);
    }

    #[test]
    fn a_sealed_descriptor() {
        let mut descriptor = [0; 512];
        descriptor[16] = 7;
        seal(&mut descriptor, id::ANCHOR, 256);
        assert_eq!(descriptor[..2], [2, 0]);
        assert_eq!(descriptor[10..16], [0xF0, 1, 0, 1, 0, 0]);
        assert_eq!(check(&descriptor), Ok(()));
        descriptor[100] ^= 1;
        assert!(matches!(check(&descriptor), Err(Fault::Crc { .. })));
        descriptor[0] ^= 1;
        assert!(matches!(check(&descriptor), Err(Fault::Checksum { .. })));
    }
}
