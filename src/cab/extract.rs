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
use super::{CabError, Cabinet, Stopped};
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
            _ => None,
        }
    }
}

/// A file to be made.
struct Wanted<'a> {
    /// Its index in the cabinet.
    file: usize,
    /// Its directory's index.
    directory: usize,
    name: &'a str,
    start: u64,
    end: u64,
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
    let mut by_folder: Vec<Vec<Wanted<'_>>> = (0..cabinet.folder_count()).map(|_| Vec::new()).collect();
    for (parts, file) in &paths {
        let (name, parents) = parts.split_last().expect("a path has a last part");
        let directory = directories.make(parents).map_err(|source| {
            let path = target.join(parents.iter().collect::<PathBuf>());
            ExtractError::Target { path, source }
        })?;
        let entry = &cabinet.files()[*file];
        let (start, end) = (entry.offset, entry.offset + entry.size);
        by_folder[entry.folder].push(Wanted { file: *file, directory, name, start, end });
    }
    let work = Work { cabinet, directories, target, options, control };
    control.progress.begin("Expanding", needed);
    let outcomes = by_folder.into_par_iter().enumerate().map(|(folder, wanted)| work.folder(folder, wanted));
    let mut whole = Outcome::default();
    for outcome in outcomes.collect::<Result<Vec<_>, _>>()? {
        whole.files += outcome.files;
        whole.bytes += outcome.bytes;
        whole.missing.extend(outcome.missing);
    }
    whole.missing.sort_by_key(|(file, _)| *file);
    Ok(whole)
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
    target: &'a Path,
    options: &'a Options,
    control: Control<'a>,
}

/// Why a folder is left before its end.
enum Left {
    /// Everything that was wanted is there.
    Done,
    Failed(ExtractError),
}

impl Work<'_> {
    /// Extracts what is wanted of a folder.
    fn folder(&self, folder: usize, mut wanted: Vec<Wanted<'_>>) -> Result<Outcome, ExtractError> {
        let mut outcome = Outcome::default();
        if wanted.is_empty() {
            return Ok(outcome);
        }
        wanted.sort_by_key(|wanted| (wanted.start, wanted.file));
        let mut files = Files { work: self, wanted: wanted.into_iter().peekable(), open: Vec::new(), directory: None };
        let read = files.begin_until(0, &mut outcome).map_err(|error| Stopped::Receiver(Left::Failed(error)));
        let read = read.and_then(|()| {
            if files.is_done() {
                return Ok(());
            }
            self.cabinet.read_folder(folder, |position, data| {
                if self.control.interrupted() {
                    return Err(Left::Failed(ExtractError::Interrupted));
                }
                files.take(position, data, &mut outcome).map_err(Left::Failed)?;
                if files.is_done() { Err(Left::Done) } else { Ok(()) }
            })
        });
        let problem = match read {
            Ok(()) if files.is_done() => return Ok(outcome),
            Err(Stopped::Receiver(Left::Done)) => return Ok(outcome),
            Err(Stopped::Receiver(Left::Failed(error))) => return Err(error),
            Err(Stopped::Damaged(error)) => error,
            Ok(()) => self.cabinet.folder_ends_early(folder, files.first_unfinished()),
        };
        if !self.options.keep_going {
            return Err(problem.into());
        }
        let problem = problem.to_string();
        outcome.missing.extend(files.unfinished().map(|file| (file, problem.clone())));
        Ok(outcome)
    }
}

/// The files of a folder while it goes by.
struct Files<'a, 'w> {
    work: &'a Work<'a>,
    /// Those that are not yet begun, by their beginning.
    wanted: std::iter::Peekable<std::vec::IntoIter<Wanted<'w>>>,
    /// Those that are being written; `None` for one that could not be.
    open: Vec<(Wanted<'w>, NewFile<'w>)>,
    /// The directory used last: neighbours are often in the same.
    directory: Option<(usize, Arc<Dir>)>,
}

impl<'w> Files<'_, 'w> {
    fn is_done(&mut self) -> bool {
        self.open.is_empty() && self.wanted.peek().is_none()
    }

    /// Takes in a piece of the folder.
    fn take(&mut self, position: u64, data: &[u8], outcome: &mut Outcome) -> Result<(), ExtractError> {
        let end = position + data.len() as u64;
        self.begin_until(end, outcome)?;
        for (wanted, mut new) in std::mem::take(&mut self.open) {
            let (from, to) = (wanted.start.max(position), wanted.end.min(end));
            let piece = &data[(from - position) as usize..(to - position) as usize];
            self.work.control.progress.advance(piece.len() as u64);
            match new.file.write_all(piece) {
                Ok(()) if wanted.end <= end => self.finish(&wanted, new, outcome)?,
                Ok(()) => self.open.push((wanted, new)),
                Err(error) => self.fail(&wanted, error, outcome)?,
            }
        }
        Ok(())
    }

    /// Makes the files that begin before `end`, and those without any bytes at `end`.
    fn begin_until(&mut self, end: u64, outcome: &mut Outcome) -> Result<(), ExtractError> {
        while let Some(wanted) = self.wanted.next_if(|wanted| wanted.start < end || wanted.end == wanted.start) {
            let new = self
                .directory(wanted.directory)
                .and_then(|directory| NewFile::create(directory, wanted.name, self.work.options.overwrite));
            match new {
                Ok(new) if wanted.start == wanted.end => self.finish(&wanted, new, outcome)?,
                Ok(new) => self.open.push((wanted, new)),
                Err(error) => self.fail(&wanted, error, outcome)?,
            }
        }
        Ok(())
    }

    fn directory(&mut self, index: usize) -> io::Result<Arc<Dir>> {
        if let Some((_, directory)) = self.directory.as_ref().filter(|(last, _)| *last == index) {
            return Ok(Arc::clone(directory));
        }
        let directory = self.work.directories.open(index)?;
        self.directory = Some((index, Arc::clone(&directory)));
        Ok(directory)
    }

    fn finish(&mut self, wanted: &Wanted<'w>, mut new: NewFile<'w>, outcome: &mut Outcome) -> Result<(), ExtractError> {
        let time = self.work.cabinet.files()[wanted.file].time;
        match new.finish(&Times { creation: time, access: time, write: time }) {
            Ok(()) => {
                outcome.files += 1;
                outcome.bytes += wanted.end - wanted.start;
                Ok(())
            }
            Err(error) => self.fail(wanted, error, outcome),
        }
    }

    /// A file that cannot be made or written.
    fn fail(&self, wanted: &Wanted<'w>, source: io::Error, outcome: &mut Outcome) -> Result<(), ExtractError> {
        if self.work.options.keep_going && !is_fatal(&source) {
            outcome.missing.push((wanted.file, source.to_string()));
            return Ok(());
        }
        let parents: PathBuf = self.work.directories.paths[wanted.directory].iter().collect();
        Err(ExtractError::Target { path: self.work.target.join(parents).join(wanted.name), source })
    }

    fn first_unfinished(&mut self) -> usize {
        let open = self.open.first().map(|(wanted, _)| wanted.file);
        open.or_else(|| self.wanted.peek().map(|wanted| wanted.file)).unwrap_or_default()
    }

    fn unfinished(self) -> impl Iterator<Item = usize> {
        let open = self.open.into_iter().map(|(wanted, _)| wanted.file);
        open.chain(self.wanted.map(|wanted| wanted.file))
    }
}
