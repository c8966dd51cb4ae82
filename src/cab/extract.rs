//! Extracting files of a cabinet into a directory.
//!
//! The cabinet is taken to be hostile: one path that leads out of the target refuses the whole extraction; directories are
//! opened by their single names, never through a link; files are made anew. Each folder is decoded once, as far as it is
//! needed, and folders side by side.

use std::collections::HashMap;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rayon::prelude::*;

use super::names::{UnsafeName, target_path};
use super::sink::{Ended, Sink};
use super::{CabError, Cabinet};
use crate::util::new_file::{NewFile, is_fatal};
use crate::util::os::{Dir, Times};
use crate::util::progress::Control;

/// How files are extracted.
#[derive(Clone, Copy, Debug, Default)]
pub struct Options {
    /// Replace files and links that exist.
    pub overwrite: bool,
    /// Without the directories: all files into the target itself.
    pub flatten: bool,
    /// Go on behind damage, with what can still be had.
    pub keep_going: bool,
    /// Refuse to extract more bytes than this.
    pub max_bytes: Option<u64>,
}

/// What came of it.
#[derive(Debug, Default)]
pub struct Outcome {
    /// Files that were made.
    pub files: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Files that were not made: the index, and why not.
    pub missing: Vec<(usize, String)>,
}

/// Nothing more can be extracted. Files that were made until then are whole.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ExtractError {
    /// The cabinet is damaged, or another one of its set is missing.
    #[error(transparent)]
    Cabinet(#[from] CabError),
    /// A path that must not be made. Nothing was.
    #[error("{path}: offset {offset:#x}: {name:?} is refused: {problem}", path = path.display())]
    Unsafe {
        /// The cabinet.
        path: PathBuf,
        /// Where the name's entry stands.
        offset: u64,
        /// The name.
        name: String,
        /// Why.
        problem: UnsafeName,
    },
    /// More than the limit. Nothing was made.
    #[error("{needed} bytes are to be extracted, the limit is {limit}")]
    TooMuch {
        /// How many bytes the files have.
        needed: u64,
        /// The limit.
        limit: u64,
    },
    /// The target directory, or a file in it, cannot be made or written.
    #[error("{path}: {source}", path = path.display())]
    Target {
        /// Which one.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A name that the target's file system does not take.
    #[error("{path}: offset {offset:#x}: {name:?} cannot be made: {source}", path = path.display())]
    Name {
        /// The cabinet.
        path: PathBuf,
        /// Where the name's entry stands.
        offset: u64,
        /// The name.
        name: String,
        /// What the system said.
        source: io::Error,
    },
    /// It was asked to stop.
    #[error("interrupted")]
    Interrupted,
}

impl ExtractError {
    /// How to mend it, where that can be said.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Cabinet(error) => error.hint(),
            Self::Target { source, .. } if source.kind() == io::ErrorKind::AlreadyExists => {
                Some("something else has the name; choose another directory".into())
            }
            Self::Name { .. } => Some("--keep-going extracts the other files".into()),
            _ => None,
        }
    }
}

/// Where a file goes.
struct Place<'a> {
    /// Its directory's index.
    directory: usize,
    name: &'a str,
}

/// Extracts the `chosen` files, by index, into the directory `target`, which is made if need be.
///
/// Of several files of the same path the last one counts.
///
/// # Errors
/// [`ExtractError`]. With `keep_going`, damage of the cabinet and files that cannot be made are told by
/// [`Outcome::missing`] instead.
pub fn extract(
    cabinet: &Cabinet,
    chosen: &[usize],
    target: &Path,
    options: &Options,
    control: Control<'_>,
) -> Result<Outcome, ExtractError> {
    let paths = safe_paths(cabinet, chosen, options.flatten)?;
    let sizes = paths.values().map(|file| cabinet.files()[*file].size);
    let needed = sizes.fold(0, u64::saturating_add);
    if let Some(limit) = options.max_bytes.filter(|limit| needed > *limit) {
        return Err(ExtractError::TooMuch { needed, limit });
    }
    let target_error = |source| ExtractError::Target { path: target.to_owned(), source };
    std::fs::create_dir_all(target).map_err(target_error)?;
    let root = Arc::new(Dir::open(target).map_err(target_error)?);

    let mut directories = Directories { root, by_path: HashMap::new(), paths: Vec::new() };
    let mut by_folder = vec![Vec::new(); cabinet.folder_count()];
    let mut places = HashMap::with_capacity(paths.len());
    let mut whole = Outcome::default();
    for (parts, file) in &paths {
        let (name, parents) = parts.split_last().expect("a path has a last part");
        let directory = match directories.make(parents) {
            Ok(directory) => directory,
            Err(source) => {
                let path = || target.join(parents.iter().collect::<PathBuf>());
                fail(cabinet, *file, source, options, &mut whole, path)?;
                continue;
            }
        };
        by_folder[cabinet.files()[*file].folder].push(*file);
        places.insert(*file, Place { directory, name });
    }
    let work = Work { cabinet, directories, places, target, options, control };
    control.progress.begin("Expanding", needed);
    let outcomes = by_folder.into_par_iter().enumerate().map(|(folder, files)| work.folder(folder, files));
    for outcome in outcomes.collect::<Result<Vec<_>, _>>()? {
        whole.files += outcome.files;
        whole.bytes += outcome.bytes;
        whole.missing.extend(outcome.missing);
    }
    whole.missing.sort_by_key(|(file, _)| *file);
    Ok(whole)
}

/// Tells of a file that cannot be made or written, at `path`: as missing, where others are to be gone on with.
fn fail(
    cabinet: &Cabinet,
    file: usize,
    source: io::Error,
    options: &Options,
    outcome: &mut Outcome,
    path: impl FnOnce() -> PathBuf,
) -> Result<(), ExtractError> {
    let is_fatal = is_fatal(&source);
    let error = if source.kind() == io::ErrorKind::InvalidFilename {
        let (path, offset) = cabinet.entry_place(file);
        ExtractError::Name { path: path.to_owned(), offset, name: cabinet.files()[file].name.clone(), source }
    } else {
        ExtractError::Target { path: path(), source }
    };
    if options.keep_going && !is_fatal {
        outcome.missing.push((file, error.to_string()));
        return Ok(());
    }
    Err(error)
}

/// Where each file goes; of several of the same path, the last one.
fn safe_paths<'a>(
    cabinet: &'a Cabinet,
    chosen: &[usize],
    flatten: bool,
) -> Result<HashMap<Vec<&'a str>, usize>, ExtractError> {
    let mut paths = HashMap::with_capacity(chosen.len());
    for file in chosen {
        let entry = &cabinet.files()[*file];
        let mut parts = target_path(&entry.name).map_err(|problem| {
            let (path, offset) = cabinet.entry_place(*file);
            ExtractError::Unsafe { path: path.to_owned(), offset, name: entry.name.clone(), problem }
        })?;
        if flatten {
            parts.drain(..parts.len() - 1);
        }
        paths.insert(parts, *file);
    }
    Ok(paths)
}

/// The directories below the target, none of them open but the target.
struct Directories<'a> {
    root: Arc<Dir>,
    by_path: HashMap<Vec<&'a str>, usize>,
    paths: Vec<Vec<&'a str>>,
}

impl<'a> Directories<'a> {
    /// Makes a directory and those it is in; answers its index.
    fn make(&mut self, path: &[&'a str]) -> io::Result<usize> {
        if let Some(index) = self.by_path.get(path) {
            return Ok(*index);
        }
        let mut directory = Arc::clone(&self.root);
        for name in path {
            directory.create_child(name)?;
            directory = Arc::new(directory.open_child(name)?);
        }
        self.paths.push(path.to_vec());
        self.by_path.insert(path.to_vec(), self.paths.len() - 1);
        Ok(self.paths.len() - 1)
    }

    fn open(&self, index: usize) -> io::Result<Arc<Dir>> {
        let mut directory = Arc::clone(&self.root);
        for name in &self.paths[index] {
            directory = Arc::new(directory.open_child(name)?);
        }
        Ok(directory)
    }
}

/// What is the same for all folders.
struct Work<'a> {
    cabinet: &'a Cabinet,
    directories: Directories<'a>,
    /// For each file that is wanted, by its index.
    places: HashMap<usize, Place<'a>>,
    target: &'a Path,
    options: &'a Options,
    control: Control<'a>,
}

impl Work<'_> {
    /// Extracts the files of a folder.
    fn folder(&self, folder: usize, files: Vec<usize>) -> Result<Outcome, ExtractError> {
        let mut writer = Writer { work: self, outcome: Outcome::default(), directory: None };
        match self.cabinet.read_files(folder, files, &mut writer) {
            Ok(()) => {}
            Err(Ended::Sink(error)) => return Err(error),
            Err(Ended::Damaged { problem, .. }) if !self.options.keep_going => return Err(problem.into()),
            Err(Ended::Damaged { problem, unfinished }) => {
                let problem = problem.to_string();
                writer.outcome.missing.extend(unfinished.into_iter().map(|file| (file, problem.clone())));
            }
        }
        Ok(writer.outcome)
    }
}

/// Writes the files of a folder.
struct Writer<'w> {
    work: &'w Work<'w>,
    outcome: Outcome,
    /// The directory used last: neighbours are often in the same.
    directory: Option<(usize, Arc<Dir>)>,
}

impl Writer<'_> {
    fn directory(&mut self, index: usize) -> io::Result<Arc<Dir>> {
        if let Some((_, directory)) = self.directory.as_ref().filter(|(last, _)| *last == index) {
            return Ok(Arc::clone(directory));
        }
        let directory = self.work.directories.open(index)?;
        self.directory = Some((index, Arc::clone(&directory)));
        Ok(directory)
    }

    /// A file that cannot be made or written.
    fn fail(&mut self, file: usize, source: io::Error) -> Result<(), ExtractError> {
        let Work { cabinet, directories, places, target, options, .. } = self.work;
        let path = || {
            let place = &places[&file];
            target.join(directories.paths[place.directory].iter().collect::<PathBuf>()).join(place.name)
        };
        fail(cabinet, file, source, options, &mut self.outcome, path)
    }
}

impl<'w> Sink for Writer<'w> {
    type File = NewFile<'w>;
    type Error = ExtractError;

    fn go_on(&mut self) -> Result<(), ExtractError> {
        if self.work.control.interrupted() { Err(ExtractError::Interrupted) } else { Ok(()) }
    }

    fn begin(&mut self, file: usize) -> Result<Option<Self::File>, ExtractError> {
        let place = &self.work.places[&file];
        let new = self
            .directory(place.directory)
            .and_then(|directory| NewFile::create(directory, place.name, self.work.options.overwrite));
        match new {
            Ok(new) => Ok(Some(new)),
            Err(error) => self.fail(file, error).map(|()| None),
        }
    }

    fn write(&mut self, file: usize, mut open: Self::File, piece: &[u8]) -> Result<Option<Self::File>, ExtractError> {
        self.work.control.progress.advance(piece.len() as u64);
        match open.file.write_all(piece) {
            Ok(()) => Ok(Some(open)),
            Err(error) => self.fail(file, error).map(|()| None),
        }
    }

    fn finish(&mut self, file: usize, mut open: Self::File) -> Result<(), ExtractError> {
        let entry = &self.work.cabinet.files()[file];
        match open.finish(&Times { creation: entry.time, access: entry.time, write: entry.time }) {
            Ok(()) => {
                self.outcome.files += 1;
                self.outcome.bytes += entry.size;
                Ok(())
            }
            Err(error) => self.fail(file, error),
        }
    }
}
