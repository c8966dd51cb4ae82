//! Cabinets: what is in them, and their contents.
//!
//! A cabinet holds *folders*, and a folder is one stream of data in which files lie one behind the other, cut into *blocks*
//! of 32 KiB. Blocks share a history, so a folder is decoded from its beginning; folders are independent. A set of several
//! cabinets goes on from one to the next in the middle of a folder, of a file, even of a block: [`Cabinet`] is such
//! a set, of one cabinet as a rule.

mod checksum;
mod contents;
pub mod create;
mod error;
pub mod extract;
mod folder;
mod header;
mod names;
mod search;
pub mod single_file;
mod sink;
#[cfg(test)]
pub(crate) mod tests;

pub use contents::Opened;
pub use error::CabError;
pub use folder::Stopped;
pub use names::{NameEncoding, UnsafeName, target_path};

use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::util::filetime::FileTime;
use crate::util::read_at::{self, ReadAt};
use folder::{Compression, Folder};
use header::{Part, malformed};

/// How a cabinet is opened.
#[derive(Clone, Debug, Default)]
pub struct OpenOptions {
    /// Read by position instead of mapping files into memory.
    pub no_mmap: bool,
    /// Further cabinets of the set. Empty: they are looked for beside the first, by the names that are stored.
    pub parts: Vec<PathBuf>,
    /// How names are encoded that do not say it.
    pub encoding: NameEncoding,
    /// Accept a cabinet that is cut off, or lacks others of its set, and read what is there.
    pub salvage: bool,
}

/// A file in a cabinet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct File {
    /// Its path, with `\` between the parts as it is stored.
    pub name: String,
    /// Its size in bytes.
    pub size: u64,
    /// Which folder holds it.
    pub folder: usize,
    /// Where it begins in the folder's uncompressed data.
    pub offset: u64,
    /// When it was written last. Cabinets tell local time without a zone; it is taken for UTC.
    pub time: FileTime,
    /// Attributes: read-only 1, hidden 2, system 4, archive 0x20, to be executed 0x40, name in UTF-8 0x80.
    pub attributes: u16,
}

/// A cabinet, or a set of them. Several in one file are one here, too.
#[derive(Default)]
pub struct Cabinet {
    parts: Vec<Part>,
    folders: Vec<Folder>,
    files: Vec<File>,
    /// For each file, the cabinet that lists it and where its entry stands there …
    entries: Vec<(usize, u64)>,
    /// … and whether it goes on in the next one.
    continues: Vec<bool>,
    warnings: Vec<String>,
    /// Files begin in a cabinet that is missing: they are not listed.
    lacks_files: bool,
}

impl std::fmt::Debug for Cabinet {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Cabinet")
            .field("folders", &self.folders.len())
            .field("files", &self.files)
            .finish_non_exhaustive()
    }
}

impl Cabinet {
    /// Opens the cabinet at `path`, or the first one inside of that file, with the others of its set.
    ///
    /// # Errors
    /// [`CabError`]: a file cannot be read, is no cabinet, contradicts itself, or does not belong to the set; another one
    /// is missing.
    pub fn open(path: &Path, options: &OpenOptions) -> Result<Self, CabError> {
        let source = open_file(path, options)?;
        Self::from_source(source, path, options)
    }

    /// Opens a cabinet in `source`; `path` tells where that is, in messages, and where others of the set are looked for.
    ///
    /// # Errors
    /// As [`Cabinet::open`].
    pub fn from_source(source: Box<dyn ReadAt>, path: &Path, options: &OpenOptions) -> Result<Self, CabError> {
        let mut first = read_parts(source, path, options)?;
        let others = first.split_off(1);
        if options.parts.is_empty() {
            find_others(&mut first, options)?;
        } else {
            for path in &options.parts {
                first.append(&mut read_parts(open_file(path, options)?, path, options)?);
            }
            first.sort_by_key(|part| part.index);
        }
        let mut joined = Self::default();
        joined.add_set(first, options)?;
        for other in others {
            joined.add_set(vec![other], options)?;
        }
        Ok(joined)
    }

    /// Adds the cabinets of a set.
    fn add_set(&mut self, parts: Vec<Part>, options: &OpenOptions) -> Result<(), CabError> {
        for pair in parts.windows(2) {
            let (before, part) = (&pair[0], &pair[1]);
            let foreign =
                |why: String| CabError::ForeignPart { path: part.path.clone(), other: before.path.clone(), why };
            if part.set_id != before.set_id {
                return Err(foreign(format!("its set is {}, not {}", part.set_id, before.set_id)));
            }
            if part.index != before.index.wrapping_add(1) {
                return Err(foreign(format!("its place in the set is {}, behind {}", part.index, before.index)));
            }
        }
        for (place, part) in parts.into_iter().enumerate() {
            self.warnings.extend(part.warning.clone());
            self.parts.push(part);
            self.add_part(place > 0, options)?;
        }
        Ok(())
    }

    /// Adds what the cabinet has that was read last; whether it `follows` another one of its set.
    fn add_part(&mut self, follows: bool, options: &OpenOptions) -> Result<(), CabError> {
        let index = self.parts.len() - 1;
        let files = std::mem::take(&mut self.parts[index].files);
        let part = &self.parts[index];
        let goes_on = files.iter().any(|file| file.from_previous);
        // The first folder belongs to the last one of the cabinet before.
        let first = if goes_on && follows { self.folders.len() - 1 } else { self.folders.len() };
        for (number, run) in part.folders.iter().enumerate() {
            let compression = Compression::from_type(run.compression)
                .map_err(|problem| malformed(&part.path, run.entry + 6, problem))?;
            if number == 0 && first < self.folders.len() {
                let folder = &mut self.folders[first];
                if folder.compression != compression {
                    let problem = "the folder goes on from the cabinet before, with another compression".to_owned();
                    return Err(malformed(&part.path, run.entry + 6, problem));
                }
                folder.runs.push((index, *run));
            } else {
                self.folders.push(Folder { compression, runs: vec![(index, *run)] });
            }
        }
        let mut rooted = Vec::new();
        for file in &files {
            if file.from_previous {
                match &part.previous {
                    _ if follows => continue, // the cabinet where it begins lists it
                    Some(name) if !options.salvage => {
                        let name = options.encoding.decode(name, false);
                        return Err(CabError::MissingPart { path: part.path.clone(), which: "previous", name });
                    }
                    _ => {
                        let name = options.encoding.decode(&file.name, file.attributes & 0x80 != 0);
                        let warning = format!("{}: {name} begins in a cabinet that is missing", part.path.display());
                        self.warnings.push(warning);
                        self.lacks_files = true;
                        continue;
                    }
                }
            }
            if file.name.starts_with(b"\\") || file.name.starts_with(b"/") {
                rooted.push(self.files.len());
            }
            self.entries.push((index, file.entry));
            self.continues.push(file.to_next);
            self.files.push(File {
                name: options.encoding.decode(&file.name, file.attributes & 0x80 != 0),
                size: file.size.into(),
                folder: first + usize::from(file.folder),
                offset: file.offset.into(),
                time: FileTime::from_dos(file.date, file.time),
                attributes: file.attributes,
            });
        }
        if let Some((&first, others)) = rooted.split_first() {
            let (path, entry) = self.entry_place(first);
            let (path, name) = (path.display(), &self.files[first].name);
            let others = if others.is_empty() { String::new() } else { format!(", nor that of {} more", others.len()) };
            let warning =
                format!("{path}: offset {entry:#x}: the separator that {name:?} begins with is not taken{others}");
            self.warnings.push(warning);
        }
        Ok(())
    }

    /// The files, in the order of the cabinets' lists.
    pub fn files(&self) -> &[File] {
        &self.files
    }

    /// The cabinet that lists a file, and where.
    fn entry_place(&self, file: usize) -> (&Path, u64) {
        let (part, entry) = self.entries[file];
        (&self.parts[part].path, entry)
    }

    /// The folder's data ends before the end of a file.
    fn folder_ends_early(&self, folder: usize, file: usize) -> CabError {
        // Where the rest would be in a cabinet that is missing, that is the reason.
        let last = self.folders[folder].runs.last().map_or(0, |(part, _)| *part);
        let part = &self.parts[last];
        match &part.next {
            Some(name) if last + 1 == self.parts.len() && self.continues[file] => {
                let name = String::from_utf8_lossy(name).into_owned();
                CabError::MissingPart { path: part.path.clone(), which: "next", name }
            }
            _ => {
                let (path, entry) = self.entry_place(file);
                let name = &self.files[file].name;
                malformed(path, entry, format!("{name} ends behind the end of its folder's data"))
            }
        }
    }

    /// How many folders there are.
    pub fn folder_count(&self) -> usize {
        self.folders.len()
    }

    /// How a folder is compressed, in words: `LZX:21`.
    pub fn compression(&self, folder: usize) -> String {
        self.folders[folder].compression.to_string()
    }

    /// The paths of the cabinets that were read.
    pub fn paths(&self) -> impl Iterator<Item = &Path> {
        self.parts.iter().map(|part| &*part.path)
    }

    /// What was tolerated, and which files are not listed.
    pub fn warnings(&self) -> &[String] {
        &self.warnings
    }

    /// Whether all files are listed. With [`OpenOptions::salvage`] those are not that begin in a cabinet which is missing.
    pub fn lists_all(&self) -> bool {
        !self.lacks_files
    }
}

fn open_file(path: &Path, options: &OpenOptions) -> Result<Box<dyn ReadAt>, CabError> {
    read_at::open(path, options.no_mmap).map_err(|source| CabError::Io { path: path.to_owned(), source })
}

/// How many files the cabinets in one file may have together. A set that stands in several has no such limit.
const MAX_FILES: usize = 1 << 18;
/// How many places in a file may look like cabinets and be none. Each may take as long as a list of 65535 files.
const MAX_UNSOUND: usize = 256;

/// Reads the cabinets in `source`, at least one.
fn read_parts(source: Box<dyn ReadAt>, path: &Path, options: &OpenOptions) -> Result<Vec<Part>, CabError> {
    let io = |source| CabError::Io { path: path.to_owned(), source };
    let source: Arc<dyn ReadAt> = Arc::from(source);
    let read = |start| Part::read(path.to_owned(), Arc::clone(&source), start, options.salvage);
    let mut parts: Vec<Part> = Vec::new();
    let mut from = 0;
    let mut unsound = 0;
    let mut files = 0;
    while let Some(start) = search::find_cabinet(&*source, from).map_err(io)? {
        match read(start) {
            Ok(part) => {
                from = start + part.size;
                files += part.files.len();
                if files > MAX_FILES {
                    let problem = format!("there are more than {MAX_FILES} files in the cabinets in this file");
                    return Err(malformed(path, start, problem));
                }
                parts.push(part);
            }
            // Where one was expected it matters what is wrong with it.
            Err(error) if start == 0 => return Err(error),
            Err(_) if unsound < MAX_UNSOUND => {
                unsound += 1;
                from = start + 1;
            }
            Err(error) => return Err(error),
        }
    }
    if !parts.is_empty() {
        return Ok(parts);
    }
    let mut signature = [0; header::SIGNATURE.len()];
    if source.read_exact_at(&mut signature, 0).is_ok() && &signature == header::SIGNATURE {
        return read(0).map(|part| vec![part]);
    }
    Err(CabError::NotACabinet { path: path.to_owned() })
}

/// Looks for the cabinets before and behind the one at hand, beside it, by the names that are stored.
fn find_others(parts: &mut Vec<Part>, options: &OpenOptions) -> Result<(), CabError> {
    let (set_id, home) = (parts[0].set_id, parts[0].path.clone());
    if !home.is_file() {
        return Ok(()); // in a container, or from a pipe: nothing is beside it
    }
    while let Some(name) = parts[0].previous.clone() {
        let Some(part) = find_part(&home, &name, options)? else { break };
        if part.set_id != set_id || part.index.checked_add(1) != Some(parts[0].index) {
            break; // something else by that name: what needs it will say that it is missing
        }
        parts.insert(0, part);
    }
    while let Some(last) = parts.last()
        && let Some(name) = last.next.clone()
    {
        let Some(part) = find_part(&home, &name, options)? else { break };
        if part.set_id != set_id || Some(part.index) != last.index.checked_add(1) {
            break;
        }
        parts.push(part);
    }
    Ok(())
}

/// The cabinet of this name beside `home`, in whatever letter case.
fn find_part(home: &Path, name: &[u8], options: &OpenOptions) -> Result<Option<Part>, CabError> {
    let name = options.encoding.decode(name, false);
    let directory = match home.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    let Ok(entries) = std::fs::read_dir(directory) else { return Ok(None) };
    let matches = |path: &PathBuf| {
        path.file_name().and_then(|file| file.to_str()).is_some_and(|file| file.to_lowercase() == name.to_lowercase())
    };
    let mut found: Vec<PathBuf> =
        entries.filter_map(|entry| Some(entry.ok()?.path())).filter(|path| matches(path) && path.is_file()).collect();
    // The very name first.
    found.sort_by_key(|path| path.file_name().and_then(|file| file.to_str()) != Some(&name));
    let Some(path) = found.first() else { return Ok(None) };
    Ok(read_parts(open_file(path, options)?, path, options)?.into_iter().next())
}
