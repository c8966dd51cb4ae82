//! Writing a cabinet from a directory.
//!
//! Files are put into folders in the order of their paths; a new folder is begun when one has grown large enough. Folders are
//! independent streams: they are encoded side by side, and whoever extracts the cabinet decodes them side by side. The blocks of
//! MSZIP know no more than the block before, so that parts of a folder are encoded side by side as well. Blocks have checksums;
//! there are no reserve areas; the cabinet stands alone.

mod collect;
mod error;
mod folder;

pub use collect::{Input, collect};
pub use error::CreateError;

use std::fs::File;
use std::io::{Seek, SeekFrom};
use std::path::Path;

use super::header::{self, SIGNATURE};
use crate::codec::Level;
use crate::codec::cabinet::Method;
use crate::util::atomic_file::AtomicFile;
use crate::util::ordered;
use crate::util::progress::Control;
use crate::util::write_at::write_all_at;
use folder::{Encoded, Piece, encode, pieces};

/// The most bytes that readers take a file or a folder to have.
const MAX_FOLDER_SIZE: u64 = 0x7FFF_8000;
/// The most files and folders: their numbers have 16 bits, of which the highest have a meaning of their own.
const MAX_COUNT: usize = 0xFFFC;
/// The largest cabinet: readers take offsets to be signed.
const MAX_CABINET_SIZE: u64 = i32::MAX as u64;

/// The file's name is UTF-8.
const NAME_IS_UTF8: u16 = 0x80;

/// How a cabinet is written.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// How folders are compressed; `None`: not at all.
    pub method: Option<Method>,
    /// How hard.
    pub level: Level,
    /// A folder of so many bytes is not added to.
    pub folder_size: u64,
    /// About how many bytes of memory may be used. One folder is encoded even if it takes more.
    pub memory: u64,
}

impl Default for Options {
    fn default() -> Self {
        let method = Some(Method::Lzx { window_order: 21 });
        Self { method, level: Level::DEFAULT, folder_size: 16 << 20, memory: 1 << 30 }
    }
}

/// What was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Summary {
    /// Files in the cabinet.
    pub files: usize,
    /// Folders, as compression units are called.
    pub folders: usize,
    /// Bytes of all files.
    pub bytes: u64,
    /// Bytes of the cabinet.
    pub size: u64,
}

/// Writes a cabinet with the `inputs`, in that order, to `target`, which appears whole or not at all.
///
/// # Errors
/// [`CreateError`]: there is nothing or too much to write; an input cannot be read, or changes meanwhile; the target cannot be
/// written; the method cannot be encoded.
pub fn create(
    inputs: &[Input],
    target: &Path,
    options: &Options,
    control: Control<'_>,
) -> Result<Summary, CreateError> {
    if let Some(input) = inputs.iter().find(|input| is_same(&input.path, target)) {
        return Err(CreateError::Itself { path: input.path.clone() });
    }
    let folders = plan(inputs, options.folder_size)?;
    if let Some(method) = options.method {
        method.compressor(options.level)?;
    }
    let bytes = inputs.iter().map(|input| input.size).sum();
    control.progress.begin("Compressing", bytes);
    let target_error = |source| CreateError::Target { path: target.to_owned(), source };
    let output = AtomicFile::create(target).map_err(target_error)?;
    let mut file = output.file();

    let list: Vec<u8> = file_list(inputs, &folders);
    let list_at = header::HEADER_SIZE + 8 * folders.len();
    let mut end = (list_at + list.len()) as u64;
    file.seek(SeekFrom::Start(end)).map_err(target_error)?;
    // Where each folder begins, and how many blocks it has.
    let mut places = vec![(end, 0); folders.len()];
    let size = |folder: &std::ops::Range<usize>| inputs[folder.clone()].iter().map(|input| input.size).sum::<u64>();
    let pieces: Vec<Piece> = (folders.iter().enumerate())
        .flat_map(|(number, folder)| pieces(number, size(folder), options.method))
        .collect();
    let make = |index: usize| {
        let piece = &pieces[index];
        encode(&inputs[folders[piece.folder].clone()], piece, options, control)
    };
    let take = |Encoded { folder, mut data, blocks, size }| {
        let place = &mut places[folder];
        if place.1 == 0 {
            place.0 = end;
        }
        place.1 += blocks;
        end += size;
        if end > MAX_CABINET_SIZE {
            return Err(CreateError::CabinetTooLarge { limit: MAX_CABINET_SIZE });
        }
        copy(&mut data, &mut file).map_err(target_error)
    };
    let parallel = (options.memory / folder::memory(options)).try_into().unwrap_or(usize::MAX);
    ordered::for_each(pieces.len(), parallel, make, take)?;
    let entry = |&(start, blocks): &(u64, u16)| {
        let fields = [blocks, type_field(options.method)].map(u16::to_le_bytes);
        [&(start as u32).to_le_bytes()[..], fields.as_flattened()].concat()
    };
    let entries: Vec<u8> = places.iter().flat_map(entry).collect();
    let head = head(end as u32, list_at as u32, folders.len() as u16, inputs.len() as u16);
    write_all_at(file, &[&head[..], &entries, &list].concat(), 0).map_err(target_error)?;
    output.commit().map_err(target_error)?;
    Ok(Summary { files: inputs.len(), folders: folders.len(), bytes, size: end })
}

/// Whether both paths lead to the same file.
fn is_same(path: &Path, target: &Path) -> bool {
    path.file_name() == target.file_name()
        && matches!((path.canonicalize(), target.canonicalize()), (Ok(path), Ok(target)) if path == target)
}

fn copy(data: &mut tempfile::SpooledTempFile, file: &mut &File) -> std::io::Result<()> {
    data.seek(SeekFrom::Start(0))?;
    std::io::copy(data, file).map(drop)
}

/// Which inputs make up which folder.
fn plan(inputs: &[Input], folder_size: u64) -> Result<Vec<std::ops::Range<usize>>, CreateError> {
    if inputs.is_empty() {
        return Err(CreateError::Nothing);
    }
    if inputs.len() > MAX_COUNT {
        return Err(CreateError::TooManyFiles { count: inputs.len(), limit: MAX_COUNT });
    }
    let mut folders: Vec<std::ops::Range<usize>> = Vec::new();
    let mut filled = 0_u64;
    for (index, input) in inputs.iter().enumerate() {
        if input.size > MAX_FOLDER_SIZE {
            let (path, size) = (input.path.clone(), input.size);
            return Err(CreateError::FileTooLarge { path, size, limit: MAX_FOLDER_SIZE });
        }
        match folders.last_mut() {
            Some(folder) if filled < folder_size && filled + input.size <= MAX_FOLDER_SIZE => folder.end = index + 1,
            _ => {
                folders.push(index..index + 1);
                filled = 0;
            }
        }
        filled += input.size;
    }
    Ok(folders)
}

/// The entries of all files.
fn file_list(inputs: &[Input], folders: &[std::ops::Range<usize>]) -> Vec<u8> {
    let mut list = Vec::new();
    for (number, folder) in folders.iter().enumerate() {
        let mut offset = 0_u32;
        for input in &inputs[folder.clone()] {
            let (date, time) = input.time.to_dos();
            let attributes = input.attributes | if input.name.is_ascii() { 0 } else { NAME_IS_UTF8 };
            list.extend((input.size as u32).to_le_bytes());
            list.extend(offset.to_le_bytes());
            list.extend([number as u16, date, time, attributes].map(u16::to_le_bytes).concat());
            list.extend(input.name.as_bytes());
            list.push(0);
            offset += input.size as u32;
        }
    }
    list
}

/// How a folder says that it is compressed.
fn type_field(method: Option<Method>) -> u16 {
    match method {
        None => 0,
        Some(Method::Mszip) => 1,
        Some(Method::Quantum { window_order }) => 2 | (window_order as u16) << 8,
        Some(Method::Lzx { window_order }) => 3 | (window_order as u16) << 8,
    }
}

/// The cabinet's header. The identity of a set is 0: the same files give the same bytes.
fn head(size: u32, list_at: u32, folders: u16, files: u16) -> [u8; header::HEADER_SIZE] {
    let mut head = [0; header::HEADER_SIZE];
    head[..4].copy_from_slice(SIGNATURE);
    head[8..12].copy_from_slice(&size.to_le_bytes());
    head[16..20].copy_from_slice(&list_at.to_le_bytes());
    head[24..26].copy_from_slice(&[3, 1]);
    head[26..28].copy_from_slice(&folders.to_le_bytes());
    head[28..30].copy_from_slice(&files.to_le_bytes());
    head
}

#[cfg(test)]
mod tests;
