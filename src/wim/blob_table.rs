//! The blob table: which contents a file holds, and where.

use super::header::{RESOURCE_HEADER_SIZE, ResourceHeader, Version, resource_flag};
use crate::util::sha1::Sha1;

/// Size of an entry on disk, in bytes.
pub const ENTRY_SIZE: usize = 50;
/// What the uncompressed-size field of a solid resource's own entry holds.
pub const SOLID_RESOURCE_MARKER: u64 = 1 << 32;

/// One entry as it stands on disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Where and how it is stored. In entries flagged SOLID the fields have other meanings.
    pub resource: ResourceHeader,
    /// The part of a split set that holds the resource.
    pub part_number: u16,
    /// How many stream references there are; advisory.
    pub reference_count: u32,
    /// SHA-1 of the uncompressed data.
    pub sha1: Sha1,
}

impl Entry {
    /// Reads the on-disk form.
    pub fn decode(bytes: &[u8; ENTRY_SIZE]) -> Self {
        let (resource, rest) = bytes.split_first_chunk::<RESOURCE_HEADER_SIZE>().expect("50 bytes hold 24");
        Self {
            resource: ResourceHeader::decode(resource),
            part_number: u16::from_le_bytes([rest[0], rest[1]]),
            reference_count: u32::from_le_bytes([rest[2], rest[3], rest[4], rest[5]]),
            sha1: Sha1(rest[6..].try_into().expect("20 bytes are left")),
        }
    }

    /// The on-disk form.
    pub fn encode(&self) -> [u8; ENTRY_SIZE] {
        let mut bytes = [0; ENTRY_SIZE];
        bytes[..24].copy_from_slice(&self.resource.encode());
        bytes[24..26].copy_from_slice(&self.part_number.to_le_bytes());
        bytes[26..30].copy_from_slice(&self.reference_count.to_le_bytes());
        bytes[30..].copy_from_slice(&self.sha1.0);
        bytes
    }
}

/// A blob as the table of one file lists it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Blob {
    /// The blob's identity.
    pub sha1: Sha1,
    /// Uncompressed size in bytes; never 0.
    pub size: u64,
    /// How many stream references the table claims.
    pub reference_count: u32,
    /// Where it is stored.
    pub location: Location,
}

/// Where a blob is stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Location {
    /// In a resource of its own.
    Plain(ResourceHeader),
    /// In a solid resource, with other blobs.
    Solid {
        /// Which of [`BlobTable::solid_resources`].
        resource: usize,
        /// Where the blob begins in the uncompressed resource.
        offset_in_resource: u64,
    },
}

/// A metadata resource as the table lists it: the k-th one belongs to image k.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MetadataEntry {
    /// Where it is stored.
    pub resource: ResourceHeader,
    /// SHA-1 of the uncompressed metadata.
    pub sha1: Sha1,
}

/// The blob table of one file.
#[derive(Clone, Debug, Default)]
pub struct BlobTable {
    /// Metadata resources in image order.
    pub metadata: Vec<MetadataEntry>,
    /// Blobs in table order; hashes may repeat, the first one counts.
    pub blobs: Vec<Blob>,
    /// Solid resources in table order.
    pub solid_resources: Vec<ResourceHeader>,
    /// Contradictions. The entries that they concern are left out of the lists above.
    pub faults: Vec<BlobTableError>,
}

/// What is wrong with a blob table. Offsets count from the start of the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BlobTableError {
    /// A metadata entry with a reference count above 1.
    #[error("entry {entry}: a metadata resource has the reference count {found}, 1 is the most")]
    MetadataReferenceCount {
        /// 0-based number of the entry.
        entry: usize,
        /// The count found.
        found: u32,
    },
    /// A metadata entry flagged SOLID.
    #[error("entry {entry}: metadata cannot lie in a solid resource")]
    SolidMetadata {
        /// 0-based number of the entry.
        entry: usize,
    },
    /// Blobs of solid resources without any resource.
    #[error("entry {entry}: a run of solid entries has no resource entry")]
    NoSolidResource {
        /// 0-based number of the run's first entry.
        entry: usize,
    },
    /// A blob that lies in none of its run's resources, or in two.
    #[error("entry {entry}: {size} bytes at {offset:#x} lie in no solid resource of their run")]
    OutsideSolidResource {
        /// 0-based number of the entry.
        entry: usize,
        /// Position in the concatenation of the run's resources.
        offset: u64,
        /// The blob's size.
        size: u64,
    },
    /// Two blobs of a solid resource share bytes.
    #[error("two blobs overlap at {offset:#x} of solid resource {resource}")]
    SolidOverlap {
        /// 0-based number of the solid resource.
        resource: usize,
        /// Where the second one begins.
        offset: u64,
    },
}

/// How often each tolerated oddity was met.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Oddities {
    /// Bytes behind the last whole entry.
    pub trailing_bytes: usize,
    /// Entries without a hash.
    pub without_hash: usize,
    /// Metadata entries beyond the header's image count.
    pub extra_metadata: usize,
}

impl BlobTable {
    /// Reads the table of part `part_number`. What contradicts itself is in [`BlobTable::faults`]; what real files are known
    /// to have wrong is tolerated and counted.
    ///
    /// `solid_size` tells the uncompressed size that a solid resource's own header states; 0 where it cannot be read:
    /// blobs in it then lie outside, which is a fault.
    pub fn parse(
        bytes: &[u8],
        version: Version,
        part_number: u16,
        image_count: u32,
        mut solid_size: impl FnMut(&ResourceHeader) -> u64,
    ) -> (Self, Oddities) {
        let (entries, rest) = bytes.as_chunks::<ENTRY_SIZE>();
        let mut table = Self::default();
        let mut oddities = Oddities { trailing_bytes: rest.len(), ..Oddities::default() };
        // Of the current run of solid entries: the first entry, the resources with their sizes, the blobs.
        let mut run_start = 0;
        let mut run_resources: Vec<(usize, u64)> = Vec::new();
        let mut run_blobs: Vec<(usize, Entry)> = Vec::new();

        for (number, bytes) in entries.iter().enumerate() {
            let mut entry = Entry::decode(bytes);
            if version == Version::Ordinary {
                entry.resource.flags &= !resource_flag::SOLID; // meaningless there
            }
            let resource = entry.resource;
            if !resource.has(resource_flag::SOLID) {
                table.close_run(run_start, &mut run_resources, &mut run_blobs);
                run_start = number + 1;
            }
            if entry.part_number != part_number {
                continue;
            }
            if resource.has(resource_flag::METADATA) {
                if resource.has(resource_flag::SOLID) {
                    table.faults.push(BlobTableError::SolidMetadata { entry: number });
                    continue;
                }
                if entry.reference_count > 1 {
                    // It is the image's all the same: without it, the images behind would move up.
                    let found = entry.reference_count;
                    table.faults.push(BlobTableError::MetadataReferenceCount { entry: number, found });
                }
                if entry.reference_count == 0 || part_number != 1 {
                    continue; // left by old deployment kits: a deleted image
                }
                if table.metadata.len() == image_count as usize {
                    oddities.extra_metadata += 1;
                    continue;
                }
                table.metadata.push(MetadataEntry { resource, sha1: entry.sha1 });
            } else if resource.has(resource_flag::SOLID) {
                if resource.uncompressed_size == SOLID_RESOURCE_MARKER {
                    run_resources.push((table.solid_resources.len(), solid_size(&resource)));
                    table.solid_resources.push(resource);
                } else if entry.sha1.is_zero() {
                    oddities.without_hash += 1;
                } else if resource.size_in_wim != 0 {
                    run_blobs.push((number, entry));
                }
            } else if resource.uncompressed_size == 0 {
                // Empty streams need no blob; such an entry is of no use.
            } else if entry.sha1.is_zero() {
                oddities.without_hash += 1;
            } else {
                table.blobs.push(Blob {
                    sha1: entry.sha1,
                    size: resource.uncompressed_size,
                    reference_count: entry.reference_count,
                    location: Location::Plain(resource),
                });
            }
        }
        table.close_run(run_start, &mut run_resources, &mut run_blobs);
        table.leave_out_overlaps();
        (table, oddities)
    }

    /// Resolves a run of solid entries: a blob's offset counts over the concatenation of all resources of the run.
    fn close_run(&mut self, run_start: usize, resources: &mut Vec<(usize, u64)>, blobs: &mut Vec<(usize, Entry)>) {
        if resources.is_empty() && !blobs.is_empty() {
            self.faults.push(BlobTableError::NoSolidResource { entry: run_start });
            blobs.clear();
        }
        // Where each resource begins in the concatenation: lets a blob be found by bisection, so that many resources
        // with many blobs do not cost their product.
        let mut starts = Vec::with_capacity(resources.len());
        let mut total = 0_u64;
        for (_, size) in resources.iter() {
            starts.push(total);
            total = total.saturating_add(*size);
        }
        for (number, entry) in blobs.drain(..) {
            let (offset, size) = (entry.resource.offset_in_wim, entry.resource.size_in_wim);
            let outside = BlobTableError::OutsideSolidResource { entry: number, offset, size };
            // The first one begins at 0.
            let which = starts.partition_point(|start| *start <= offset) - 1;
            let offset_in_resource = offset - starts[which];
            if offset_in_resource.checked_add(size).is_none_or(|end| end > resources[which].1) {
                self.faults.push(outside);
                continue;
            }
            self.blobs.push(Blob {
                sha1: entry.sha1,
                size,
                reference_count: entry.reference_count,
                location: Location::Solid { resource: resources[which].0, offset_in_resource },
            });
        }
        resources.clear();
    }

    /// Leaves out blobs of solid resources that begin before the one in front of them ends.
    fn leave_out_overlaps(&mut self) {
        let mut spans: Vec<(usize, u64, u64, usize)> = (self.blobs.iter().enumerate())
            .filter_map(|(index, blob)| match blob.location {
                Location::Solid { resource, offset_in_resource } => {
                    Some((resource, offset_in_resource, blob.size, index))
                }
                Location::Plain(_) => None,
            })
            .collect();
        spans.sort_unstable();
        let mut left_out = Vec::new();
        let mut last = None;
        for (resource, offset, size, index) in spans {
            match last {
                Some((other, end)) if resource == other && offset < end => {
                    self.faults.push(BlobTableError::SolidOverlap { resource, offset });
                    left_out.push(index);
                }
                _ => last = Some((resource, offset + size)),
            }
        }
        if !left_out.is_empty() {
            left_out.sort_unstable();
            let mut index = 0;
            self.blobs.retain(|_| {
                index += 1;
                left_out.binary_search(&(index - 1)).is_err()
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(flags: u8, size: u64, offset: u64, uncompressed: u64, hash: u8) -> Entry {
        Entry {
            resource: ResourceHeader {
                size_in_wim: size,
                flags,
                offset_in_wim: offset,
                uncompressed_size: uncompressed,
            },
            part_number: 1,
            reference_count: 1,
            sha1: Sha1([hash; 20]),
        }
    }

    fn parse(entries: &[Entry], version: Version) -> (BlobTable, Oddities) {
        let bytes: Vec<u8> = entries.iter().flat_map(Entry::encode).collect();
        BlobTable::parse(&bytes, version, 1, 1, |resource| resource.size_in_wim * 10)
    }

    #[test]
    fn entries_survive_the_round_trip() {
        let entry = entry(4, (1 << 56) - 1, u64::MAX, 3, 9);
        assert_eq!(Entry::decode(&entry.encode()), entry);
    }

    #[test]
    fn solid_offsets_count_over_the_run() {
        let entries = [
            entry(0x10, 5, 70, 0, 1), // a blob may come before its resource
            entry(0x10, 10, 208, SOLID_RESOURCE_MARKER, 0),
            entry(0x10, 50, 0, 0, 2),
            entry(0x10, 10, 300, SOLID_RESOURCE_MARKER, 0),
            entry(0x10, 100, 100, 0, 3),
        ];
        let (table, _) = parse(&entries, Version::Solid);
        assert_eq!(table.faults, []);
        let places: Vec<_> = table.blobs.iter().map(|blob| blob.location).collect();
        assert_eq!(
            places,
            [
                Location::Solid { resource: 0, offset_in_resource: 70 },
                Location::Solid { resource: 0, offset_in_resource: 0 },
                Location::Solid { resource: 1, offset_in_resource: 0 },
            ]
        );
        // Under 0x10D00 the bit means nothing: these are ordinary entries.
        let (table, _) = parse(&entries[1..2], Version::Ordinary);
        assert!(table.solid_resources.is_empty());
    }

    #[test]
    fn contradictions_in_solid_runs_are_faults() {
        let resource = entry(0x10, 10, 208, SOLID_RESOURCE_MARKER, 0);
        let error = |entries: &[Entry]| match parse(entries, Version::Solid).0.faults.as_slice() {
            [fault] => *fault,
            faults => panic!("{faults:?}"),
        };
        assert_eq!(error(&[entry(0x10, 5, 0, 0, 1)]), BlobTableError::NoSolidResource { entry: 0 });
        assert!(matches!(
            error(&[resource, entry(0x10, 5, 96, 0, 1)]),
            BlobTableError::OutsideSolidResource { entry: 1, offset: 96, size: 5 }
        ));
        assert!(matches!(
            error(&[resource, entry(0x10, 5, 0, 0, 1), entry(0x10, 5, 4, 0, 2)]),
            BlobTableError::SolidOverlap { offset: 4, .. }
        ));
        assert!(matches!(
            error(&[resource, entry(0x10, u64::MAX >> 8, 5, 0, 1)]),
            BlobTableError::OutsideSolidResource { .. }
        ));
        assert!(matches!(error(&[entry(0x12, 5, 0, 0, 1)]), BlobTableError::SolidMetadata { entry: 0 }));
    }

    #[test]
    fn what_contradicts_itself_is_left_out_and_nothing_else() {
        let entries = [
            entry(0x10, 10, 208, SOLID_RESOURCE_MARKER, 0),
            entry(0x10, 5, 0, 0, 1),
            entry(0x10, 5, 4, 0, 2),
            entry(0x10, 5, 5, 0, 3),
            entry(0x10, 5, 98, 0, 4),
            entry(0x10, 5, 10, 0, 5),
            entry(0, 5, 300, 5, 6),
            entry(0x10, 5, 0, 0, 7),
        ];
        let (table, _) = parse(&entries, Version::Solid);
        assert!(table.blobs.iter().map(|blob| blob.sha1.0[0]).eq([1, 3, 5, 6]), "{table:?}");
        let expected = [
            BlobTableError::OutsideSolidResource { entry: 4, offset: 98, size: 5 },
            BlobTableError::NoSolidResource { entry: 7 },
            BlobTableError::SolidOverlap { resource: 0, offset: 4 },
        ];
        assert_eq!(table.faults, expected);
    }

    #[test]
    fn what_real_files_have_wrong_is_tolerated() {
        let mut deleted = entry(2, 5, 208, 5, 1);
        deleted.reference_count = 0;
        let entries = [deleted, entry(2, 5, 208, 5, 1), entry(2, 5, 208, 5, 1), entry(0, 5, 213, 5, 0)];
        let (table, oddities) = parse(&entries, Version::Ordinary);
        assert_eq!(table.metadata.len(), 1);
        assert_eq!((oddities.extra_metadata, oddities.without_hash), (1, 1));

        let mut many = entry(2, 5, 208, 5, 1);
        many.reference_count = 2;
        let (table, _) = parse(&[many], Version::Ordinary);
        assert_eq!(table.faults, [BlobTableError::MetadataReferenceCount { entry: 0, found: 2 }]);
        assert_eq!(table.metadata.len(), 1);
    }
}
