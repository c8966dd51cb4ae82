//! The security table at the head of a metadata resource: descriptors that dentries refer to by index.
//!
//! | offset | size | field |
//! |---|---|---|
//! | 0 | 4 | length of the table in bytes, header and descriptors included |
//! | 4 | 4 | number of descriptors, n |
//! | 8 | 8·n | size of each descriptor |
//! | 8+8n | | the descriptors, back to back |
//!
//! Padded to a multiple of 8; the root dentry follows. Descriptors are carried as they are, never interpreted.

use std::ops::Range;

use super::error::{EncodeError, MetadataError};
use crate::util::le;

const HEADER_NBYTES: usize = 8;

/// Where the descriptors lie in the resource.
#[derive(Clone, Debug, Default)]
pub(super) struct SecurityTable {
    descriptors: Vec<Range<u32>>,
}

impl SecurityTable {
    /// Reads the table at the start of `bytes`, which are fewer than 4 GiB; also answers where the root dentry begins.
    pub(super) fn parse(bytes: &[u8], max_descriptor_nbytes: u64) -> Result<(Self, usize), MetadataError> {
        let truncated = || MetadataError::Truncated { what: "security table", offset: 0, size: bytes.len() as u64 };
        // A length of zero is written by some tools for an empty table.
        let total = match le::u32(bytes, 0).ok_or_else(truncated)? {
            0 => HEADER_NBYTES as u32,
            total => total,
        };
        let count = le::u32(bytes, 4).ok_or_else(truncated)?;
        let sizes_end = HEADER_NBYTES as u64 + 8 * u64::from(count);
        if sizes_end > u64::from(total) {
            return Err(MetadataError::SecurityTable { total, count, needed: sizes_end });
        }
        let table = bytes.get(..total as usize).ok_or_else(truncated)?;
        let (sizes, _) = table[HEADER_NBYTES..sizes_end as usize].as_chunks::<8>();

        let mut descriptors = Vec::with_capacity(sizes.len());
        let mut end = sizes_end as u32;
        for (index, size) in sizes.iter().enumerate() {
            let size = u64::from_le_bytes(*size);
            let needed = u64::from(end).saturating_add(size);
            if needed > u64::from(total) {
                return Err(MetadataError::SecurityTable { total, count, needed });
            }
            if size > max_descriptor_nbytes {
                let (index, limit) = (index as u32, max_descriptor_nbytes);
                return Err(MetadataError::SecurityDescriptorTooLarge { index, size, limit });
            }
            descriptors.push(end..needed as u32);
            end = needed as u32;
        }
        Ok((Self { descriptors }, (total as usize).next_multiple_of(8)))
    }

    pub(super) fn len(&self) -> usize {
        self.descriptors.len()
    }

    /// Descriptor `id` out of the bytes that were parsed.
    pub(super) fn get<'a>(&self, bytes: &'a [u8], id: u32) -> Option<&'a [u8]> {
        let range = self.descriptors.get(id as usize)?;
        bytes.get(range.start as usize..range.end as usize)
    }

    pub(super) fn iter<'a>(&'a self, bytes: &'a [u8]) -> impl Iterator<Item = &'a [u8]> + 'a {
        self.descriptors.iter().map(|range| &bytes[range.start as usize..range.end as usize])
    }
}

/// Appends a table of `descriptors` to `out`, padding included.
pub(super) fn encode(descriptors: &[impl AsRef<[u8]>], out: &mut Vec<u8>) -> Result<(), EncodeError> {
    let descriptors = || descriptors.iter().map(AsRef::as_ref);
    let nbytes = HEADER_NBYTES + descriptors().map(|descriptor| 8 + descriptor.len()).sum::<usize>();
    let total = u32::try_from(nbytes).map_err(|_| EncodeError::TooLarge)?;
    out.extend(total.to_le_bytes());
    // More than u32::MAX descriptors would not have passed the line above.
    out.extend((descriptors().count() as u32).to_le_bytes());
    out.extend(descriptors().flat_map(|descriptor| (descriptor.len() as u64).to_le_bytes()));
    descriptors().for_each(|descriptor| out.extend(descriptor));
    out.resize(out.len().next_multiple_of(8), 0);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMIT: u64 = 65_536;

    #[test]
    fn round_trip() {
        for descriptors in [vec![], vec![vec![1, 2, 3], vec![], vec![4; 20]]] {
            let mut bytes = Vec::new();
            encode(&descriptors, &mut bytes).unwrap();
            let (table, root) = SecurityTable::parse(&bytes, LIMIT).unwrap();
            assert_eq!(root, bytes.len());
            assert!(table.iter(&bytes).eq(descriptors.iter()));
            assert_eq!(table.get(&bytes, descriptors.len() as u32), None);
        }
    }

    #[test]
    fn an_empty_table_may_have_length_zero() {
        let (table, root) = SecurityTable::parse(&[0; 16], LIMIT).unwrap();
        assert_eq!((table.len(), root), (0, 8));
    }

    #[test]
    fn counts_and_sizes_beyond_the_table() {
        let table = |total: u32, count: u32, sizes: &[u64], rest: usize| {
            let mut bytes = [total.to_le_bytes(), count.to_le_bytes()].concat();
            bytes.extend(sizes.iter().flat_map(|size| size.to_le_bytes()));
            bytes.resize(bytes.len() + rest, 0);
            SecurityTable::parse(&bytes, LIMIT).unwrap_err()
        };
        assert!(matches!(table(8, u32::MAX, &[], 0), MetadataError::SecurityTable { needed: 0x8_0000_0000, .. }));
        assert!(matches!(table(24, 2, &[u64::MAX, 1], 0), MetadataError::SecurityTable { .. }));
        assert!(matches!(table(32, 2, &[8, 8], 8), MetadataError::SecurityTable { needed: 40, .. }));
        assert!(matches!(table(64, 1, &[8], 8), MetadataError::Truncated { .. }));
        let big = table(80_016, 1, &[80_000], 80_000);
        assert!(matches!(big, MetadataError::SecurityDescriptorTooLarge { index: 0, size: 80_000, .. }));
        assert!(matches!(SecurityTable::parse(&[8, 0, 0], LIMIT), Err(MetadataError::Truncated { .. })));
    }
}
