//! Packages on disk: the files that are meant, and what they are.

use std::io;
use std::path::{Path, PathBuf};

use super::inspect::{InspectError, PackageInfo, inspect};
use super::set::{Content, Entry};
use crate::address::AddressError;
use crate::address::container::{Container, ContainerOptions};
use crate::cab::CabError;
use crate::util::progress::Control;

/// A file that was looked into.
#[derive(Debug)]
pub struct File {
    /// As it was given, or in the directory that was.
    pub path: PathBuf,
    /// The same as text.
    name: String,
    directory: PathBuf,
    found: Found,
}

/// What it is.
#[derive(Debug)]
enum Found {
    Package(Box<PackageInfo>),
    /// Neither a cabinet nor an image.
    Stray,
    Damaged(String),
}

/// Why files could not be looked into.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum GatherError {
    /// A directory cannot be listed.
    #[error("{path}: {source}", path = .path.display())]
    Io {
        /// Which one.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A directory without files.
    #[error("{path}: there are no files in this directory", path = .path.display())]
    Empty {
        /// Which one.
        path: PathBuf,
    },
    /// A file that was named cannot be opened.
    #[error(transparent)]
    Address(#[from] AddressError),
    /// A file that was named cannot be looked into.
    #[error(transparent)]
    Inspect(#[from] InspectError),
    /// It was asked to stop.
    #[error("interrupted")]
    Interrupted,
}

impl File {
    /// What package it is, if it is one.
    pub fn package(&self) -> Option<&PackageInfo> {
        match &self.found {
            Found::Package(info) => Some(info),
            Found::Stray | Found::Damaged(_) => None,
        }
    }

    /// As a file of a set.
    pub fn entry(&self) -> Entry<'_> {
        let content = match &self.found {
            Found::Package(info) => Content::Package(info),
            Found::Stray => Content::Stray,
            Found::Damaged(problem) => Content::Damaged(problem),
        };
        Entry { name: &self.name, directory: Some(&self.directory), content }
    }

    /// Its path as text.
    pub fn name(&self) -> &str {
        &self.name
    }

    fn new(path: &Path, found: Found) -> Self {
        let directory = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
        Self { path: path.to_owned(), name: path.display().to_string(), directory: directory.to_owned(), found }
    }
}

/// Looks into what was named. A file that was named must be one that can be looked into; one of a directory may be anything.
/// `leave_out` hears of what in a directory is not looked into, and why.
///
/// # Errors
/// [`GatherError`].
pub fn gather(
    paths: &[PathBuf],
    base: Option<&[u8]>,
    options: &ContainerOptions,
    control: Control<'_>,
    leave_out: &mut dyn FnMut(&Path, &'static str),
) -> Result<Vec<File>, GatherError> {
    let check = || if control.interrupted() { Err(GatherError::Interrupted) } else { Ok(()) };
    let mut files = Vec::new();
    for path in paths {
        if path.is_dir() {
            for path in list(path, leave_out)? {
                check()?;
                let found = look(&path, options, base);
                files.push(File::new(&path, found));
            }
        } else {
            check()?;
            let info = inspect(Container::open(path, options)?, options, base)?;
            files.push(File::new(path, Found::Package(Box::new(info))));
        }
    }
    Ok(files)
}

/// What a file of a directory is.
fn look(path: &Path, options: &ContainerOptions, base: Option<&[u8]>) -> Found {
    let container = match Container::open(path, options) {
        Ok(container) => container,
        Err(AddressError::Cabinet(CabError::NotACabinet { .. })) => return Found::Stray,
        Err(error) => return Found::Damaged(error.to_string()),
    };
    match inspect(container, options, base) {
        Ok(info) => Found::Package(Box::new(info)),
        Err(error) => Found::Damaged(error.to_string()),
    }
}

/// The files of a directory, by their names, without those that belong to another.
fn list(directory: &Path, leave_out: &mut dyn FnMut(&Path, &'static str)) -> Result<Vec<PathBuf>, GatherError> {
    let failure = |source| GatherError::Io { path: directory.to_owned(), source };
    let mut files = Vec::new();
    for entry in std::fs::read_dir(directory).map_err(failure)? {
        let path = entry.map_err(failure)?.path();
        if path.is_dir() {
            leave_out(&path, "this directory is not looked into");
        } else if path.is_file() {
            files.push(path);
        } else {
            // A pipe would be waited for.
            leave_out(&path, "this is no file");
        }
    }
    files.sort();
    let all = files.clone();
    files.retain(|path| !is_payload(path, &all));
    if files.is_empty() {
        return Err(GatherError::Empty { path: directory.to_owned() });
    }
    Ok(files)
}

/// Whether it is the PSF with the files of a package beside it.
fn is_payload(path: &Path, all: &[PathBuf]) -> bool {
    let is_psf = path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("psf"));
    is_psf && all.iter().any(|other| other != path && other.file_stem() == path.file_stem())
}
