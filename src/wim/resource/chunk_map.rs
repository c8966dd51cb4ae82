//! Where the chunks of a resource are stored.
//!
//! Three layouts share one face. A *plain* compressed resource begins with a table of chunk offsets; a *pipable* one
//! has the table at its end and a length before every chunk; a *solid* one begins with a header of its own and a
//! table of chunk sizes. A resource that is not compressed is cut into pieces of convenient size.
//!
//! Plain tables are read piece by piece, as far as the wanted chunks need: one file of a huge resource costs a few
//! entries, and a lying size costs nothing. Every range that comes out of here lies inside the file.

use super::{Coding, ResourceError};
use crate::codec::Format;
use crate::util::read_at::{ReadAt, bytes_at};
use crate::wim::header::{Header, ResourceHeader, resource_flag};
use std::ops::Range;
use std::sync::Arc;

/// Pieces into which an uncompressed resource is cut, in bytes: large enough to make a system call cheap, small
/// enough to keep a batch in the cache.
const RAW_PIECE: u64 = 1 << 20;
/// Bytes before the table of chunk sizes in a solid resource.
const SOLID_HEADER_SIZE: u64 = 16;
/// The most chunks of one solid resource: their ends are kept in memory, 8 bytes each.
pub(in crate::wim) const MAX_SOLID_CHUNKS: u64 = 1 << 22;
/// Bytes before each chunk of a pipable resource.
const PIPABLE_CHUNK_HEADER: u64 = 4;

/// One chunk in the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StoredChunk {
    /// Where its first byte lies, from the start of the file.
    pub offset_in_wim: u64,
    /// Bytes in the file. The same as `uncompressed_size` means that it is stored raw; it is never larger.
    pub stored_size: u64,
    /// Bytes after decoding.
    pub uncompressed_size: u64,
}

/// How one resource is cut into chunks.
#[derive(Clone, Debug)]
pub struct ChunkMap {
    offset_in_wim: u64,
    size_in_wim: u64,
    uncompressed_size: u64,
    chunk_size: u64,
    coding: Option<Coding>,
    layout: Layout,
}

#[derive(Clone, Debug)]
enum Layout {
    Raw,
    Plain {
        pipable: bool,
    },
    /// Ends of the stored chunks, from the start of the file.
    Solid {
        first_chunk: u64,
        ends: Arc<[u64]>,
    },
}

impl ChunkMap {
    /// The map of a resource that is not solid.
    ///
    /// # Errors
    /// Sizes, flags or the chunk size contradict each other or the file.
    pub fn new(resource: &ResourceHeader, header: &Header, file_size: u64) -> Result<Self, ResourceError> {
        let offset = resource.offset_in_wim;
        check_range(resource, file_size)?;
        let mut map = Self {
            offset_in_wim: offset,
            size_in_wim: resource.size_in_wim,
            uncompressed_size: resource.uncompressed_size,
            chunk_size: RAW_PIECE,
            coding: None,
            layout: Layout::Raw,
        };
        if !resource.has(resource_flag::COMPRESSED) {
            if resource.size_in_wim != resource.uncompressed_size {
                return Err(ResourceError::SizeMismatch {
                    offset,
                    stored: resource.size_in_wim,
                    declared: resource.uncompressed_size,
                });
            }
            return Ok(map);
        }
        if resource.has(resource_flag::SOLID) && header.version == crate::wim::header::Version::Solid {
            return Err(ResourceError::FlagClash { offset });
        }
        let format = header.format().ok().flatten().ok_or(ResourceError::NoFormat { offset })?;
        format.check_chunk_size(header.chunk_size)?;
        map.chunk_size = u64::from(header.chunk_size);
        map.coding = Some((format, header.chunk_size));
        map.layout = Layout::Plain { pipable: header.pipable };
        // Each chunk takes at least one byte besides its place in the table.
        let chunks = map.chunk_count();
        let least = map.table_size().and_then(|table| table.checked_add(chunks));
        if least.is_none_or(|least| least > map.size_in_wim) && map.uncompressed_size > 0 {
            return Err(ResourceError::Implausible {
                offset,
                stored: map.size_in_wim,
                chunks,
                declared: map.uncompressed_size,
            });
        }
        Ok(map)
    }

    /// The map of a solid resource, whose header and table of chunk sizes are read here.
    ///
    /// # Errors
    /// The resource's own header or table contradict themselves or the file.
    pub fn solid(source: &dyn ReadAt, resource: &ResourceHeader) -> Result<Self, ResourceError> {
        let offset = resource.offset_in_wim;
        check_range(resource, source.size())?;
        let wrong = |at: u64, what, found| Err(ResourceError::SolidHeader { offset: offset + at, what, found });
        let io = |error: std::io::Error| ResourceError::Io { offset, kind: error.kind() };
        if resource.size_in_wim < SOLID_HEADER_SIZE {
            return wrong(0, "16 bytes are needed", resource.size_in_wim);
        }
        let head = bytes_at(source, offset, SOLID_HEADER_SIZE as usize).map_err(io)?;
        let uncompressed_size = u64::from_le_bytes(head[..8].try_into().expect("8 bytes"));
        let chunk_size = u32::from_le_bytes(head[8..12].try_into().expect("4 bytes"));
        let format = match u32::from_le_bytes(head[12..16].try_into().expect("4 bytes")) {
            0 => None,
            1 => Some(Format::Xpress),
            2 => Some(Format::Lzx),
            3 => Some(Format::Lzms),
            other => return wrong(12, "the compression type must be 0 to 3", other.into()),
        };
        match format {
            Some(format) => format.check_chunk_size(chunk_size)?,
            None if chunk_size.is_power_of_two() && chunk_size <= 1 << 30 => {}
            None => return wrong(8, "the chunk size must be a power of two up to 2^30", chunk_size.into()),
        }
        let chunks = uncompressed_size.div_ceil(chunk_size.into());
        if chunks > MAX_SOLID_CHUNKS || SOLID_HEADER_SIZE + 5 * chunks > resource.size_in_wim {
            return wrong(0, "the size calls for more chunks than the resource can hold", uncompressed_size);
        }
        let first_chunk = offset + SOLID_HEADER_SIZE + 4 * chunks;
        let table = bytes_at(source, offset + SOLID_HEADER_SIZE, 4 * chunks as usize).map_err(io)?;
        let mut end = first_chunk;
        let mut ends = Vec::with_capacity(chunks as usize);
        for (index, size) in table.chunks_exact(4).enumerate() {
            let size = u64::from(u32::from_le_bytes(size.try_into().expect("4 bytes")));
            let uncompressed = (uncompressed_size - index as u64 * u64::from(chunk_size)).min(chunk_size.into());
            if size == 0 || size > uncompressed {
                return Err(ResourceError::ChunkBounds {
                    offset: offset + SOLID_HEADER_SIZE + 4 * index as u64,
                    chunk: index as u64,
                    stored: size.into(),
                    uncompressed,
                });
            }
            end += size; // at most 2^22 × 2^30: no overflow
            ends.push(end);
        }
        let sum = end - offset;
        if sum != resource.size_in_wim {
            return wrong(16, "the sum of header, table and chunks must be the resource's size", sum);
        }
        Ok(Self {
            offset_in_wim: offset,
            size_in_wim: resource.size_in_wim,
            uncompressed_size,
            chunk_size: chunk_size.into(),
            coding: format.map(|format| (format, chunk_size)),
            layout: Layout::Solid { first_chunk, ends: ends.into() },
        })
    }

    /// Where the resource begins in the file.
    pub fn offset_in_wim(&self) -> u64 {
        self.offset_in_wim
    }

    /// Bytes that the resource occupies in the file.
    pub fn size_in_wim(&self) -> u64 {
        self.size_in_wim
    }

    /// Bytes after decompression.
    pub fn uncompressed_size(&self) -> u64 {
        self.uncompressed_size
    }

    /// Nominal uncompressed size of a chunk, in bytes; the last one may be shorter.
    pub fn chunk_size(&self) -> u64 {
        self.chunk_size
    }

    /// How the chunks are compressed; `None` = not at all.
    pub fn coding(&self) -> Option<Coding> {
        self.coding
    }

    /// Number of chunks.
    pub fn chunk_count(&self) -> u64 {
        self.uncompressed_size.div_ceil(self.chunk_size)
    }

    /// Width of an entry of a plain chunk table, in bytes.
    fn entry_size(&self) -> u64 {
        if self.uncompressed_size > u64::from(u32::MAX) { 8 } else { 4 }
    }

    /// Bytes of the chunk table, with a pipable resource's chunk headers.
    fn table_size(&self) -> Option<u64> {
        let chunks = self.chunk_count();
        let table = chunks.saturating_sub(1).checked_mul(self.entry_size())?;
        match self.layout {
            Layout::Plain { pipable: true } => table.checked_add(chunks.checked_mul(PIPABLE_CHUNK_HEADER)?),
            _ => Some(table),
        }
    }

    /// Appends the places of the chunks numbered `wanted` to `chunks`.
    ///
    /// # Errors
    /// The chunk table cannot be read or is wrong there.
    ///
    /// # Panics
    /// If `wanted` passes [`ChunkMap::chunk_count`].
    pub fn locate(
        &self,
        source: &dyn ReadAt,
        wanted: Range<u64>,
        chunks: &mut Vec<StoredChunk>,
    ) -> Result<(), ResourceError> {
        assert!(wanted.end <= self.chunk_count(), "chunk {} of {}", wanted.end, self.chunk_count());
        let uncompressed = |index: u64| (self.uncompressed_size - index * self.chunk_size).min(self.chunk_size);
        match &self.layout {
            Layout::Raw => chunks.extend(wanted.map(|index| StoredChunk {
                offset_in_wim: self.offset_in_wim + index * self.chunk_size,
                stored_size: uncompressed(index),
                uncompressed_size: uncompressed(index),
            })),
            Layout::Solid { first_chunk, ends } => chunks.extend(wanted.map(|index| {
                let start = if index == 0 { *first_chunk } else { ends[index as usize - 1] };
                StoredChunk {
                    offset_in_wim: start,
                    stored_size: ends[index as usize] - start,
                    uncompressed_size: uncompressed(index),
                }
            })),
            Layout::Plain { pipable } => self.locate_plain(source, wanted, *pipable, chunks)?,
        }
        Ok(())
    }

    fn locate_plain(
        &self,
        source: &dyn ReadAt,
        wanted: Range<u64>,
        pipable: bool,
        chunks: &mut Vec<StoredChunk>,
    ) -> Result<(), ResourceError> {
        let count = self.chunk_count();
        let entry_size = self.entry_size();
        let table_size = (count - 1) * entry_size;
        // Bytes of all chunks, without a pipable resource's chunk headers: the entries are computed without these.
        let headers_size = if pipable { count * PIPABLE_CHUNK_HEADER } else { 0 };
        let data_size = self.size_in_wim - table_size - headers_size;
        let (table_offset, data_offset) = if pipable {
            (self.offset_in_wim + self.size_in_wim - table_size, self.offset_in_wim)
        } else {
            (self.offset_in_wim, self.offset_in_wim + table_size)
        };

        // Entry k tells where chunk k + 1 begins; chunk 0 begins at 0 and has none, and the end has none either.
        let first_entry = wanted.start.saturating_sub(1);
        let last_entry = wanted.end.min(count - 1);
        let at = table_offset + first_entry * entry_size;
        let table = bytes_at(source, at, ((last_entry.max(first_entry) - first_entry) * entry_size) as usize)
            .map_err(|error| ResourceError::Io { offset: at, kind: error.kind() })?;
        let entry = |k: u64| {
            let from = ((k - first_entry) * entry_size) as usize;
            match entry_size {
                4 => u64::from(u32::from_le_bytes(table[from..from + 4].try_into().expect("4 bytes"))),
                _ => u64::from_le_bytes(table[from..from + 8].try_into().expect("8 bytes")),
            }
        };
        let mut start = if wanted.start == 0 { 0 } else { entry(wanted.start - 1) };
        for index in wanted {
            let end = if index == count - 1 { data_size } else { entry(index) };
            let uncompressed_size = (self.uncompressed_size - index * self.chunk_size).min(self.chunk_size);
            let stored = i128::from(end) - i128::from(start);
            if end > data_size || stored <= 0 || stored > i128::from(uncompressed_size) {
                return Err(ResourceError::ChunkBounds {
                    offset: table_offset + index.saturating_sub(1) * entry_size,
                    chunk: index,
                    stored,
                    uncompressed: uncompressed_size,
                });
            }
            let headers = if pipable { (index + 1) * PIPABLE_CHUNK_HEADER } else { 0 };
            chunks.push(StoredChunk {
                offset_in_wim: data_offset + start + headers,
                stored_size: end - start,
                uncompressed_size,
            });
            start = end;
        }
        Ok(())
    }
}

fn check_range(resource: &ResourceHeader, file_size: u64) -> Result<(), ResourceError> {
    if resource.end_in_wim().is_none_or(|end| end > file_size) {
        return Err(ResourceError::OutsideFile {
            offset: resource.offset_in_wim,
            size: resource.size_in_wim,
            file_size,
        });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Cursor;

    fn header(pipable: bool) -> Header {
        Header { pipable, ..Header::new(Some(Format::Lzx), 32768) }
    }

    fn compressed(offset: u64, size: u64, uncompressed: u64) -> ResourceHeader {
        ResourceHeader {
            size_in_wim: size,
            flags: resource_flag::COMPRESSED,
            offset_in_wim: offset,
            uncompressed_size: uncompressed,
        }
    }

    #[test]
    fn plain_chunks_follow_their_table() {
        // Three chunks of 10, 20 and 5 bytes behind two entries; the resource begins at offset 3.
        let mut file = vec![0; 3];
        file.extend(10_u32.to_le_bytes());
        file.extend(30_u32.to_le_bytes());
        file.resize(3 + 8 + 35, 0xAA);
        let size = file.len() as u64;
        let source = Cursor::new(file);
        let map = ChunkMap::new(&compressed(3, 43, 65536 + 100), &header(false), size).unwrap();
        assert_eq!(map.chunk_count(), 3);
        let mut chunks = Vec::new();
        map.locate(&source, 0..3, &mut chunks).unwrap();
        let places: Vec<_> = chunks.iter().map(|c| (c.offset_in_wim, c.stored_size, c.uncompressed_size)).collect();
        assert_eq!(places, [(11, 10, 32768), (21, 20, 32768), (41, 5, 100)]);
        for index in 0..3 {
            let mut one = Vec::new();
            map.locate(&source, index..index + 1, &mut one).unwrap();
            assert_eq!(one, chunks[index as usize..=index as usize]);
        }
    }

    #[test]
    fn wrong_tables_are_refused() {
        let mut file = Vec::new();
        file.extend(30_u32.to_le_bytes());
        file.extend(10_u32.to_le_bytes());
        file.resize(43, 0xAA);
        let source = Cursor::new(file);
        let map = ChunkMap::new(&compressed(0, 43, 65536 + 100), &header(false), 43).unwrap();
        let error = map.locate(&source, 0..3, &mut Vec::new()).unwrap_err();
        assert!(matches!(error, ResourceError::ChunkBounds { chunk: 1, stored: -20, .. }), "{error}");

        let implausible = ChunkMap::new(&compressed(0, 43, 1 << 40), &header(false), 43).unwrap_err();
        assert!(matches!(implausible, ResourceError::Implausible { .. }), "{implausible}");
        let overflow = ChunkMap::new(&compressed(0, 43, u64::MAX), &header(false), 43).unwrap_err();
        assert!(matches!(overflow, ResourceError::Implausible { .. }), "{overflow}");
        let outside = ChunkMap::new(&compressed(u64::MAX, 43, 100), &header(false), 43).unwrap_err();
        assert!(matches!(outside, ResourceError::OutsideFile { .. }), "{outside}");
    }

    #[test]
    fn pipable_chunks_have_headers_and_a_table_behind() {
        let mut file = vec![0xAA; 4 + 10 + 4 + 5];
        file.extend(10_u32.to_le_bytes());
        let size = file.len() as u64;
        let map = ChunkMap::new(&compressed(0, size, 32768 + 100), &header(true), size).unwrap();
        let mut chunks = Vec::new();
        map.locate(&Cursor::new(file), 0..2, &mut chunks).unwrap();
        let places: Vec<_> = chunks.iter().map(|c| (c.offset_in_wim, c.stored_size)).collect();
        assert_eq!(places, [(4, 10), (18, 5)]);
    }

    #[test]
    fn entries_are_eight_bytes_wide_above_four_gib() {
        let at = |uncompressed| ChunkMap {
            offset_in_wim: 0,
            size_in_wim: 0,
            uncompressed_size: uncompressed,
            chunk_size: 32768,
            coding: None,
            layout: Layout::Plain { pipable: false },
        };
        assert_eq!(at(u64::from(u32::MAX)).entry_size(), 4);
        assert_eq!(at(1 << 32).entry_size(), 8);
    }

    #[test]
    fn solid_resources_describe_themselves() {
        let mut file = Vec::new();
        file.extend((32768_u64 + 7).to_le_bytes());
        file.extend(32768_u32.to_le_bytes());
        file.extend(3_u32.to_le_bytes());
        file.extend(9_u32.to_le_bytes());
        file.extend(7_u32.to_le_bytes());
        file.extend([0xAA; 16]);
        let resource = ResourceHeader {
            size_in_wim: file.len() as u64,
            flags: resource_flag::SOLID,
            offset_in_wim: 0,
            uncompressed_size: 1 << 32,
        };
        let map = ChunkMap::solid(&Cursor::new(&file), &resource).unwrap();
        assert_eq!(map.coding(), Some((Format::Lzms, 32768)));
        let mut chunks = Vec::new();
        map.locate(&Cursor::new(&file), 0..2, &mut chunks).unwrap();
        assert_eq!(chunks[1], StoredChunk { offset_in_wim: 33, stored_size: 7, uncompressed_size: 7 });

        file.push(0);
        let longer = ResourceHeader { size_in_wim: file.len() as u64, ..resource };
        let error = ChunkMap::solid(&Cursor::new(&file), &longer).unwrap_err();
        assert!(matches!(error, ResourceError::SolidHeader { .. }), "{error}");
    }
}
