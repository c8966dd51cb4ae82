//! One cabinet file: its header and its lists of folders and files.

use std::borrow::Cow;
use std::path::PathBuf;
use std::sync::Arc;

use super::CabError;
use crate::util::read_at::{ReadAt, bytes_at};

pub(super) const SIGNATURE: &[u8; 4] = b"MSCF";
/// Bytes of the fixed part of the header.
pub(super) const HEADER_SIZE: usize = 36;
const FOLDER_SIZE: usize = 8;
const FILE_SIZE: usize = 16;
/// The longest name, in bytes, without the zero behind it.
pub(super) const MAX_NAME_SIZE: usize = 256;

mod flag {
    pub(super) const PREVIOUS: u16 = 1;
    pub(super) const NEXT: u16 = 2;
    pub(super) const RESERVE: u16 = 4;
}

/// Special values of a file's folder index.
mod continued {
    pub(super) const FROM_PREVIOUS: u16 = 0xFFFD;
    pub(super) const TO_NEXT: u16 = 0xFFFE;
    pub(super) const BOTH: u16 = 0xFFFF;
}

/// A cabinet of a set, as its file describes it.
pub(super) struct Part {
    pub(super) path: PathBuf,
    pub(super) source: Arc<dyn ReadAt>,
    /// Its size, as far as the file has it.
    pub(super) size: u64,
    pub(super) set_id: u16,
    /// 0-based position in the set.
    pub(super) index: u16,
    /// The name of the cabinet before, if there is one.
    pub(super) previous: Option<Vec<u8>>,
    /// The name of the one behind.
    pub(super) next: Option<Vec<u8>>,
    /// Reserved bytes in front of each block's data.
    pub(super) block_reserve: u8,
    /// What was tolerated.
    pub(super) warning: Option<String>,
    pub(super) folders: Vec<PartFolder>,
    pub(super) files: Vec<PartFile>,
}

/// The part of a folder that lies in one cabinet.
#[derive(Clone, Copy, Debug)]
pub(super) struct PartFolder {
    /// Where its entry stands in the file.
    pub(super) entry: u64,
    /// Where its first block begins in the file.
    pub(super) offset: u64,
    /// Where its data ends at the latest: where another folder begins, or the cabinet ends. Without that, a small file could
    /// hold any number of folders of the same data.
    pub(super) end: u64,
    pub(super) blocks: u16,
    pub(super) compression: u16,
}

/// An entry of the list of files.
#[derive(Clone, Debug)]
pub(super) struct PartFile {
    /// Where it stands in the file.
    pub(super) entry: u64,
    pub(super) size: u32,
    /// Where it begins in its folder's uncompressed data.
    pub(super) offset: u32,
    /// Index in this cabinet.
    pub(super) folder: u16,
    pub(super) from_previous: bool,
    pub(super) to_next: bool,
    pub(super) date: u16,
    pub(super) time: u16,
    pub(super) attributes: u16,
    pub(super) name: Vec<u8>,
}

impl Part {
    /// Reads the cabinet that begins at `start`. With `salvage`, one that is cut off is read as far as it goes.
    pub(super) fn read(path: PathBuf, source: Arc<dyn ReadAt>, start: u64, salvage: bool) -> Result<Self, CabError> {
        let mut fields = Fields { path: &path, source: &*source, at: start, end: source.size() };
        let fixed: [u8; HEADER_SIZE] = fields.array("the header")?;
        let word = |at: usize| u16::from_le_bytes([fixed[at], fixed[at + 1]]);
        let long = |at: usize| u32::from_le_bytes([fixed[at], fixed[at + 1], fixed[at + 2], fixed[at + 3]]);
        let wrong = |field: u64, problem: String| malformed(&path, start + field, problem);
        if &fixed[..4] != SIGNATURE {
            return Err(wrong(0, format!("expected MSCF, found {:02x?}", &fixed[..4])));
        }
        if (fixed[25], fixed[24]) != (1, 3) {
            return Err(wrong(24, format!("expected version 1.3, found {}.{}", fixed[25], fixed[24])));
        }
        let declared = u64::from(long(8));
        let present = source.size() - start;
        if declared > present && !salvage {
            return Err(wrong(8, format!("the cabinet has {declared} bytes, the file only {present}")));
        }
        let size = declared.min(present);
        fields.end = start + size;
        let (num_folders, num_files, flags) = (word(26), word(28), word(30));
        if num_folders == 0 {
            return Err(wrong(26, "there are no folders".into()));
        }
        if num_files == 0 {
            return Err(wrong(28, "there are no files".into()));
        }

        let mut reserves = (0, 0, 0);
        if flags & flag::RESERVE != 0 {
            let [low, high, folder, block] = fields.array("the sizes of the reserved areas")?;
            reserves = (u16::from_le_bytes([low, high]), folder, block);
            fields.take(reserves.0.into(), "the header's reserved area")?;
        }
        let mut name_of = |wanted: u16| -> Result<_, CabError> {
            if flags & wanted == 0 {
                return Ok(None);
            }
            let name = fields.name("the name of another cabinet")?;
            fields.name("the label of another disk")?;
            Ok(Some(name))
        };
        let previous = name_of(flag::PREVIOUS)?;
        let next = name_of(flag::NEXT)?;

        let mut folders = Vec::with_capacity(num_folders.into());
        for _ in 0..num_folders {
            let entry = fields.at;
            let [a, b, c, d, e, f, g, h]: [u8; FOLDER_SIZE] = fields.array("the list of folders")?;
            fields.take(reserves.1.into(), "a folder's reserved area")?;
            let offset = start + u64::from(u32::from_le_bytes([a, b, c, d]));
            let (blocks, compression) = (u16::from_le_bytes([e, f]), u16::from_le_bytes([g, h]));
            if offset > fields.end && !salvage {
                let problem = format!("a folder would begin at {offset:#x}, behind the end at {:#x}", fields.end);
                return Err(malformed(&path, entry, problem));
            }
            folders.push(PartFolder { entry, offset, end: fields.end, blocks, compression });
        }
        set_ends(&path, &mut folders)?;

        // The header says where the list of files begins. It stands behind the folders, and where the header says
        // something else, the established reader looks there nevertheless.
        let list = fields.at - start;
        let stated = u64::from(long(16));
        let warning = (stated != list).then(|| {
            format!(
                "{}: offset {:#x}: the list of files is said to begin at {stated:#x}; {list:#x} is taken",
                path.display(),
                start + 16
            )
        });
        let mut files = Vec::with_capacity(num_files.into());
        for _ in 0..num_files {
            files.push(fields.file(flags, num_folders)?);
        }
        Ok(Self {
            size,
            set_id: word(32),
            index: word(34),
            previous,
            next,
            block_reserve: reserves.2,
            warning,
            folders,
            files,
            path,
            source,
        })
    }
}

/// Sets where the folders end at the latest.
fn set_ends(path: &std::path::Path, folders: &mut [PartFolder]) -> Result<(), CabError> {
    let mut order: Vec<usize> = (0..folders.len()).filter(|index| folders[*index].blocks > 0).collect();
    order.sort_by_key(|index| folders[*index].offset);
    for pair in order.windows(2) {
        let (offset, next) = (folders[pair[0]].offset, folders[pair[1]]);
        if offset == next.offset {
            return Err(malformed(path, next.entry, format!("two folders begin at {offset:#x}")));
        }
        // In what is left of a cabinet that is cut off, another folder may begin behind the end.
        let end = &mut folders[pair[0]].end;
        *end = next.offset.min(*end);
    }
    Ok(())
}

pub(super) fn malformed(path: &std::path::Path, offset: u64, problem: String) -> CabError {
    CabError::Malformed { path: path.to_owned(), offset, problem }
}

/// Takes fields one after the other.
struct Fields<'a> {
    path: &'a std::path::Path,
    source: &'a dyn ReadAt,
    /// The next field's place in the file.
    at: u64,
    /// The end of the cabinet.
    end: u64,
}

impl<'a> Fields<'a> {
    fn take(&mut self, size: usize, what: &str) -> Result<Cow<'a, [u8]>, CabError> {
        let left = self.end.saturating_sub(self.at);
        if size as u64 > left {
            let problem = format!("{size} bytes are needed for {what}, the cabinet has {left} more");
            return Err(malformed(self.path, self.at, problem));
        }
        let bytes = bytes_at(self.source, self.at, size)
            .map_err(|source| CabError::Io { path: self.path.to_owned(), source })?;
        self.at += size as u64;
        Ok(bytes)
    }

    fn array<const N: usize>(&mut self, what: &str) -> Result<[u8; N], CabError> {
        Ok(self.take(N, what)?.as_ref().try_into().expect("as many as were taken"))
    }

    /// A name with a zero behind it.
    fn name(&mut self, what: &str) -> Result<Vec<u8>, CabError> {
        let begin = self.at;
        let left = self.end.saturating_sub(self.at).min(MAX_NAME_SIZE as u64 + 1);
        let bytes = self.take(left as usize, what)?;
        let Some(size) = bytes.iter().position(|byte| *byte == 0) else {
            return Err(malformed(self.path, begin, format!("{what} has no end within {left} bytes")));
        };
        self.at = begin + size as u64 + 1;
        Ok(bytes[..size].to_vec())
    }

    fn file(&mut self, flags: u16, num_folders: u16) -> Result<PartFile, CabError> {
        let entry = self.at;
        let fixed: [u8; FILE_SIZE] = self.array("the list of files")?;
        let word = |at: usize| u16::from_le_bytes([fixed[at], fixed[at + 1]]);
        let long = |at: usize| u32::from_le_bytes([fixed[at], fixed[at + 1], fixed[at + 2], fixed[at + 3]]);
        let name = self.name("a file's name")?;
        let wrong = |at: u64, problem: String| malformed(self.path, entry + at, problem);
        if name.is_empty() {
            return Err(wrong(FILE_SIZE as u64, "a file's name is empty".into()));
        }
        let index = word(8);
        let from_previous = matches!(index, continued::FROM_PREVIOUS | continued::BOTH);
        let to_next = matches!(index, continued::TO_NEXT | continued::BOTH);
        if from_previous && flags & flag::PREVIOUS == 0 || to_next && flags & flag::NEXT == 0 {
            return Err(wrong(8, "a file goes on in another cabinet, but the header names none".into()));
        }
        let folder = match (from_previous, to_next) {
            (true, _) => 0,
            (false, true) => num_folders - 1,
            (false, false) => index,
        };
        if folder >= num_folders {
            return Err(wrong(8, format!("a file is in folder {folder}, but there are {num_folders}")));
        }
        Ok(PartFile {
            entry,
            size: long(0),
            offset: long(4),
            folder,
            from_previous,
            to_next,
            date: word(10),
            time: word(12),
            attributes: word(14),
            name,
        })
    }
}
