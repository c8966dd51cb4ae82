//! The files that go into a cabinet.

use std::fs::{self, Metadata};
use std::path::{Path, PathBuf};

use super::CreateError;
use super::error::NameProblem;
use crate::cab::header::MAX_NAME_SIZE;
use crate::cab::target_path;
use crate::util::filetime::FileTime;

/// Attributes of files in cabinets.
mod attribute {
    pub(super) const READ_ONLY: u16 = 0x01;
    pub(super) const ARCHIVE: u16 = 0x20;
}

/// A file that goes into a cabinet.
#[derive(Clone, Debug)]
pub struct Input {
    /// Its path in the cabinet, with `\` between the parts.
    pub name: String,
    /// Where it is.
    pub path: PathBuf,
    /// Its size in bytes.
    pub size: u64,
    /// When it was written last.
    pub time: FileTime,
    /// Attributes, as in a cabinet's list.
    pub attributes: u16,
}

/// The files below a directory, in the order of their names in the cabinet. Links to files stand for them.
///
/// # Errors
/// [`CreateError`]: something cannot be read, is no file, or has a name that a cabinet cannot have.
pub fn collect(directory: &Path) -> Result<Vec<Input>, CreateError> {
    let mut inputs = Vec::new();
    let mut waiting = vec![(directory.to_owned(), String::new())];
    while let Some((directory, prefix)) = waiting.pop() {
        let error = |source| CreateError::Input { path: directory.clone(), source };
        for entry in fs::read_dir(&directory).map_err(error)? {
            let entry = entry.map_err(error)?;
            let path = entry.path();
            let name = match entry.file_name().into_string() {
                Ok(name) => format!("{prefix}{}", checked(&path, name)?),
                Err(_) => return Err(CreateError::Name { path, problem: NameProblem::NotText }),
            };
            let input_error = |source| CreateError::Input { path: path.clone(), source };
            if entry.file_type().map_err(input_error)?.is_dir() {
                waiting.push((path, format!("{name}\\")));
                continue;
            }
            let metadata = fs::metadata(&path).map_err(input_error)?;
            inputs.push(input(path, name, &metadata)?);
        }
    }
    inputs.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(inputs)
}

/// A single name that may stand in a cabinet.
fn checked(path: &Path, name: String) -> Result<String, CreateError> {
    let problem = match target_path(&name) {
        _ if name.contains('\\') => NameProblem::Backslash,
        Err(problem) => problem.into(),
        Ok(_) => return Ok(name),
    };
    Err(CreateError::Name { path: path.to_owned(), problem })
}

fn input(path: PathBuf, name: String, metadata: &Metadata) -> Result<Input, CreateError> {
    if !metadata.is_file() {
        let what = if metadata.is_dir() { "a link to a directory" } else { "a device, socket or pipe" };
        return Err(CreateError::NotAFile { path, what });
    }
    if name.len() > MAX_NAME_SIZE {
        return Err(CreateError::Name { path, problem: NameProblem::TooLong(name.len()) });
    }
    let written = metadata.modified().map_or(FileTime::ZERO, FileTime::from);
    let read_only = if metadata.permissions().readonly() { attribute::READ_ONLY } else { 0 };
    let time = written.min(FileTime::reproducible_limit());
    Ok(Input { name, path, size: metadata.len(), time, attributes: attribute::ARCHIVE | read_only })
}
