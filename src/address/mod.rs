//! Addresses: paths that reach into containers.
//!
//! ```text
//! install.wim!/1/Windows/System32/Recovery/winre.wim
//! └─ file ──┘  │ └─ path in the image ────────────┘
//!              └─ image: number or name
//! ```
//!
//! Behind a file, `!/` leads into it, and again into what is found there. Nothing is unpacked to disk: chunks are decoded
//! as they are read. A path that exists as it stands is a plain file, whatever is in its name.

mod error;

pub use error::AddressError;

use std::path::{Path, PathBuf};

use crate::util::read_at::ReadAt;
use crate::wim::blob_reader::BlobReader;
use crate::wim::metadata::StreamKind;
use crate::wim::{ImageIndex, OpenOptions, Wim, WimError, open_plain};

/// What leads into a file.
const INTO: &str = "!/";
/// The same as Windows users may write it.
const INTO_WINDOWS: &str = "!\\";

/// Opens what `address` stands for: a plain file, or one inside containers.
///
/// # Errors
/// [`AddressError`]: a part of the address does not exist, is no container, or cannot be read.
pub fn open(address: &Path, options: &OpenOptions) -> Result<Box<dyn ReadAt>, AddressError> {
    let Some((mut name, mut steps)) = split(address) else { return Ok(open_plain(address, options)?) };
    let mut source = open_plain(&name, options)?;
    while !steps.is_empty() {
        let wim = Wim::from_source(source, &name.to_string_lossy())?;
        source = open_inside(wim, &mut name, &mut steps, options.memory)?;
    }
    Ok(source)
}

/// As [`open`], for [`OpenOptions::opener`].
///
/// # Errors
/// As [`open`].
pub fn open_wim(address: &Path, options: &OpenOptions) -> Result<Box<dyn ReadAt>, WimError> {
    Ok(open(address, options)?)
}

/// The file that an address begins with, and what follows behind each `!/`. `None` if it leads into nothing.
fn split(address: &Path) -> Option<(PathBuf, Vec<String>)> {
    let text = address.to_str()?;
    let mut steps: Vec<String> = Vec::new();
    let mut file = text;
    while !Path::new(file).is_file() {
        let at = file.rfind(INTO).max(file.rfind(INTO_WINDOWS))?;
        steps.insert(0, file[at + INTO.len()..].to_owned());
        file = &file[..at];
    }
    (!steps.is_empty()).then(|| (PathBuf::from(file), steps))
}

/// Opens the file that the first steps lead to in `wim`, and takes them away.
fn open_inside(
    wim: Wim,
    name: &mut PathBuf,
    steps: &mut Vec<String>,
    memory: u64,
) -> Result<Box<dyn ReadAt>, AddressError> {
    let mut path = steps.remove(0);
    let (image, rest) = path.split_once(['/', '\\']).unwrap_or((&path, ""));
    let tree = wim.metadata(find_image(&wim, image)?)?;
    let mut rest = rest.to_owned();
    let entry = loop {
        let found = tree.lookup(&rest);
        if let Some(file) = found.filter(|entry| !entry.is_directory()) {
            break file;
        }
        if steps.is_empty() {
            let what = if found.is_some() { "this is a directory" } else { "there is no such file" };
            return Err(AddressError::Inside { container: name.clone(), path, what });
        }
        // It may be a directory whose name ends with the mark.
        let more = steps.remove(0);
        path = format!("{path}{INTO}{more}");
        rest = format!("{rest}{INTO}{more}");
    };
    let problem = |what| AddressError::Inside { container: name.clone(), path: path.clone(), what };
    if entry.is_reparse_point() {
        return Err(problem("this is a reparse point, not a file"));
    }
    if entry.is_encrypted() {
        return Err(problem("this file is encrypted by EFS; its content cannot be read"));
    }
    let stream = entry.stream(StreamKind::Data).filter(|stream| !stream.is_empty());
    let sha1 = stream.ok_or_else(|| problem("this file is empty"))?.sha1;
    let blob = *wim.contents()?.find(&sha1).ok_or_else(|| problem("its content is missing"))?;
    *name = PathBuf::from(format!("{}{INTO}{path}", name.display()));
    Ok(Box::new(BlobReader::new(wim, &blob, memory)?))
}

/// The image of this number or name.
fn find_image(wim: &Wim, word: &str) -> Result<ImageIndex, AddressError> {
    let number = word.parse().ok().filter(|number| *number <= wim.image_count());
    let image = number.or_else(|| wim.xml().image_by_name(word)).and_then(ImageIndex::new);
    image.ok_or_else(|| {
        let (path, wanted) = (wim.path().to_owned(), format!("{word:?}"));
        WimError::NoSuchImage { path, wanted, count: wim.image_count() }.into()
    })
}

#[cfg(test)]
mod tests;
