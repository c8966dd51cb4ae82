//! UDF's file structure: from the file set to every file's extents.

use std::collections::HashSet;
use std::sync::Arc;

use super::extents::{Extent, ExtentReader, push};
use super::field;
use super::volume::{Block, Volume, check_tag, long_address};
use super::{Budget, File, Found, MAX_DEPTH, Problem, below, checked_name};
use crate::iso::tag::id;
use crate::util::filetime::FileTime;
use crate::util::le;
use crate::util::read_at::{ReadAt, bytes_at};

/// Blocks with further extents of one file.
const MAX_CONTINUATIONS: usize = 1024;
/// Bytes of a listed name before what has no fixed size.
const LISTED: usize = 38;

/// What names in directories stand for.
mod characteristics {
    pub(super) const DIRECTORY: u8 = 2;
    pub(super) const DELETED: u8 = 4;
    pub(super) const PARENT: u8 = 8;
}

/// All files of a volume.
pub(super) fn list(source: &Arc<dyn ReadAt>, volume: &Volume) -> Result<Found, Problem> {
    let mut walk = Walk { source, volume, budget: Budget::default() };
    let root = walk.root()?;
    let mut found = Found { label: volume.label.clone(), ..Found::default() };
    let mut seen = HashSet::from([root]);
    let mut waiting = vec![(root, String::new(), 0)];
    while let Some((block, path, depth)) = waiting.pop() {
        let directory = walk.entry(block)?;
        if directory.kind != Kind::Directory {
            let problem = format!("{path:?} is listed as a directory, and its entry is that of something else");
            return Err(Problem::Descriptor { offset: directory.offset, expected: "directory", found: problem });
        }
        for listed in walk.listed(&directory)? {
            let path = below(&path, &listed.name, directory.offset)?;
            if listed.is_directory {
                if depth == MAX_DEPTH || !seen.insert(listed.block) {
                    return Err(Problem::Depth { offset: directory.offset, path, limit: MAX_DEPTH });
                }
                waiting.push((listed.block, path, depth + 1));
                continue;
            }
            let entry = walk.entry(listed.block)?;
            if entry.kind == Kind::File {
                found.files.push(File { path, size: entry.size, time: entry.time, extents: entry.extents });
            } else {
                found.warnings.push(format!("{path}: neither a file nor a directory"));
            }
        }
    }
    Ok(found)
}

/// What an entry describes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Directory,
    File,
    Other,
}

/// An entry: what a file or directory consists of.
struct Entry {
    /// Where it lies in the image.
    offset: u64,
    kind: Kind,
    size: u64,
    time: FileTime,
    extents: Vec<Extent>,
}

/// A name in a directory.
struct Listed {
    name: String,
    is_directory: bool,
    block: Block,
}

struct Walk<'a> {
    source: &'a Arc<dyn ReadAt>,
    volume: &'a Volume,
    budget: Budget,
}

impl Walk<'_> {
    /// The root directory's entry.
    fn root(&self) -> Result<Block, Problem> {
        let what = "file set descriptor";
        let (offset, bytes) = self.volume.descriptor(&**self.source, self.volume.file_set, what)?;
        match (le::u16(&bytes, 0), long_address(&bytes, 400)) {
            (Some(id::FILE_SET), Some((_, root))) => Ok(root),
            (kind, _) => {
                let found = format!("a descriptor of kind {}", kind.unwrap_or_default());
                Err(Problem::Descriptor { offset, expected: what, found })
            }
        }
    }

    fn entry(&mut self, block: Block) -> Result<Entry, Problem> {
        let what = "file entry";
        let (offset, bytes) = self.volume.descriptor(&**self.source, block, what)?;
        let kind = le::u16(&bytes, 0).unwrap_or_default();
        // Where the fields are that the two kinds have in different places.
        let (modified, lengths) = match kind {
            id::FILE_ENTRY => (84, 168),
            id::EXTENDED_FILE_ENTRY => (92, 208),
            _ => {
                let found = format!("a descriptor of kind {kind}");
                return Err(Problem::Descriptor { offset, expected: what, found });
            }
        };
        let too_short =
            || Problem::Descriptor { offset, expected: what, found: "its fields go beyond its block".into() };
        let word = |at: usize| le::u16(&bytes, at).ok_or_else(too_short);
        if word(20)? != 4 {
            let (field, found) = ("the strategy", word(20)?.into());
            return Err(Problem::Field { offset, field, found, expected: "4" });
        }
        let length = |at: usize| le::u32(&bytes, at).map(|length| length as usize).ok_or_else(too_short);
        let begin = length(lengths)?.checked_add(lengths + 8).ok_or_else(too_short)?;
        let end = begin.checked_add(length(lengths + 4)?).ok_or_else(too_short)?;
        let described = bytes.get(begin..end).ok_or_else(too_short)?;
        let size = le::u64(&bytes, 56).ok_or_else(too_short)?;
        let mut extents = Vec::new();
        match word(34)? & 7 {
            0 => self.extents(described, 8, block.partition, size, &mut extents)?,
            1 => self.extents(described, 16, block.partition, size, &mut extents)?,
            // The bytes themselves stand there.
            3 => push(&mut extents, Extent { offset: Some(offset + begin as u64), length: described.len() as u64 }),
            form => {
                let field = "how the extents are told";
                return Err(Problem::Field { offset, field, found: form.into(), expected: "0, 1 or 3" });
            }
        }
        let there: u64 = extents.iter().map(|extent| extent.length).sum();
        if there < size {
            let found = format!("{size} bytes, of which its extents have {there}");
            return Err(Problem::Descriptor { offset, expected: what, found });
        }
        let kind = match bytes[27] {
            4 => Kind::Directory,
            5 => Kind::File,
            _ => Kind::Other,
        };
        let time = bytes.get(modified..modified + 12).map_or(FileTime::ZERO, field::time);
        Ok(Entry { offset, kind, size, time, extents })
    }

    /// Adds extents, which are described in so many bytes each, up to the file's size.
    fn extents(
        &mut self,
        first: &[u8],
        width: usize,
        partition: u16,
        size: u64,
        extents: &mut Vec<Extent>,
    ) -> Result<(), Problem> {
        let mut described = first.to_vec();
        let mut there = 0;
        for _ in 0..MAX_CONTINUATIONS {
            let mut continued = None;
            for one in described.chunks_exact(width) {
                let number = le::u32(one, 4).unwrap_or_default();
                let partition = if width == 16 { le::u16(one, 8).unwrap_or_default() } else { partition };
                let block = Block { number, partition };
                let field = le::u32(one, 0).unwrap_or_default();
                // The highest two bits tell what kind of extent this is.
                let (kind, length) = (field >> 30, u64::from(field & 0x3FFF_FFFF));
                if length == 0 || there >= size {
                    return Ok(());
                }
                there += length;
                self.budget.extent(u64::from(number) * self.volume.block_size)?;
                match kind {
                    0 => {
                        let offset = self.volume.offset(block, length, "an extent")?;
                        let end = self.source.size();
                        if offset + length > end {
                            return Err(Problem::Truncated { offset, what: "an extent", length, end });
                        }
                        push(extents, Extent { offset: Some(offset), length });
                    }
                    1 | 2 => push(extents, Extent { offset: None, length }),
                    _ => {
                        there -= length;
                        continued = Some(block);
                        break;
                    }
                }
            }
            let Some(block) = continued else { return Ok(()) };
            let what = "allocation extent descriptor";
            let (offset, bytes) = self.volume.descriptor(&**self.source, block, what)?;
            let end = 24 + le::u32(&bytes, 20).map_or(0, |length| length as usize);
            described = match (le::u16(&bytes, 0), bytes.get(24..end)) {
                (Some(id::ALLOCATION_EXTENT), Some(described)) => described.to_vec(),
                _ => return Err(Problem::Descriptor { offset, expected: what, found: "something else".into() }),
            };
        }
        let (count, limit) = (MAX_CONTINUATIONS as u64 + 1, MAX_CONTINUATIONS as u64);
        Err(Problem::TooMany { offset: 0, what: "blocks with the extents of one file", count, limit })
    }

    /// The names in a directory, but for its parent's and deleted ones.
    fn listed(&mut self, directory: &Entry) -> Result<Vec<Listed>, Problem> {
        let offset = directory.offset;
        self.budget.list(offset, directory.size)?;
        let reader = ExtentReader::new(Arc::clone(self.source), &directory.extents, directory.size);
        let list = bytes_at(&reader, 0, directory.size as usize)?;
        let mut rest = &list[..];
        let mut found = Vec::new();
        while rest.len() >= LISTED {
            let what = "file identifier";
            let damaged = |found: &str| Problem::Descriptor { offset, expected: what, found: found.into() };
            let (name_size, added) = (usize::from(rest[19]), usize::from(u16::from_le_bytes([rest[36], rest[37]])));
            let size = (LISTED + added + name_size).next_multiple_of(4);
            let listed = rest.get(..size).ok_or_else(|| damaged("a name that goes beyond the directory's list"))?;
            // In which block of the directory it lies is not looked at.
            let location = le::u32(listed, 12).unwrap_or_default();
            check_tag(listed, offset, location.into(), what, Some(id::FILE_IDENTIFIER))?;
            rest = &rest[size..];
            self.budget.entry(offset)?;
            let characteristics = listed[18];
            if characteristics & (characteristics::DELETED | characteristics::PARENT) != 0 {
                continue;
            }
            let (_, block) = long_address(listed, 20).ok_or_else(|| damaged("too short"))?;
            let name = field::text(&listed[LISTED + added..][..name_size]);
            let name = checked_name(name.ok_or_else(|| damaged("a name whose characters have no width"))?, offset)?;
            found.push(Listed { name, is_directory: characteristics & characteristics::DIRECTORY != 0, block });
        }
        Ok(found)
    }
}
