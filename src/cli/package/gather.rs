//! The files that are meant, and what they are.

use super::super::Context;
use super::super::exit::Failure;
use super::super::printer::warn;
use std::path::{Path, PathBuf};
use wimkit::address::AddressError;
use wimkit::address::container::{Container, ContainerOptions};
use wimkit::cab::{self, CabError};
use wimkit::catalog::inspect::{PackageInfo, inspect};
use wimkit::catalog::set::{Content, Entry};

/// A file that was looked into.
pub(super) struct File {
    /// As it was given, or in the directory that was.
    pub(super) path: String,
    directory: PathBuf,
    found: Found,
}

/// What it is.
pub(super) enum Found {
    Package(Box<PackageInfo>),
    /// Neither a cabinet nor an image.
    Stray,
    Damaged(String),
}

impl File {
    pub(super) fn package(&self) -> Option<&PackageInfo> {
        match &self.found {
            Found::Package(info) => Some(info),
            Found::Stray | Found::Damaged(_) => None,
        }
    }

    pub(super) fn entry(&self) -> Entry<'_> {
        let content = match &self.found {
            Found::Package(info) => Content::Package(info),
            Found::Stray => Content::Stray,
            Found::Damaged(problem) => Content::Damaged(problem),
        };
        Entry { name: &self.path, directory: Some(&self.directory), content }
    }
}

/// Looks into what was named. A file that was named must be one that can be looked into; one of a directory may be anything.
pub(super) fn gather(paths: &[PathBuf], base: Option<&[u8]>, context: &Context) -> Result<Vec<File>, Failure> {
    let cab = cab::OpenOptions { no_mmap: context.global.no_mmap, ..cab::OpenOptions::default() };
    let options = ContainerOptions { cab, memory: context.memory() };
    let mut files = Vec::new();
    for path in paths {
        if path.is_dir() {
            for path in list(path)? {
                check_interrupt(context)?;
                let found = look(&path, &options, base);
                files.push(File::new(&path, found));
            }
        } else {
            check_interrupt(context)?;
            let info = inspect(Container::open(path, &options)?, &options, base)?;
            files.push(File::new(path, Found::Package(Box::new(info))));
        }
    }
    Ok(files)
}

fn check_interrupt(context: &Context) -> Result<(), Failure> {
    if context.control().interrupted() { Err(Failure::Interrupted) } else { Ok(()) }
}

impl File {
    fn new(path: &Path, found: Found) -> Self {
        let directory = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
        Self { path: path.display().to_string(), directory: directory.to_owned(), found }
    }
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
fn list(directory: &Path) -> Result<Vec<PathBuf>, Failure> {
    let failure = |problem: String| Failure::message(format!("{}: {problem}", directory.display()));
    let mut files = Vec::new();
    for entry in std::fs::read_dir(directory).map_err(|error| failure(error.to_string()))? {
        let path = entry.map_err(|error| failure(error.to_string()))?.path();
        if path.is_dir() {
            warn(format_args!("{}: this directory is not looked into", path.display()));
        } else if path.is_file() {
            files.push(path);
        } else {
            // A pipe would be waited for.
            warn(format_args!("{}: this is no file", path.display()));
        }
    }
    files.sort();
    let all = files.clone();
    files.retain(|path| !is_payload(path, &all));
    if files.is_empty() {
        return Err(failure("there are no files in this directory".into()));
    }
    Ok(files)
}

/// Whether it is the PSF with the files of a package beside it.
fn is_payload(path: &Path, all: &[PathBuf]) -> bool {
    let is_psf = path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("psf"));
    is_psf && all.iter().any(|other| other != path && other.file_stem() == path.file_stem())
}
