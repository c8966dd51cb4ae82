//! Addresses: paths that reach into containers.
//!
//! ```text
//! install.wim!/1/Windows/System32/Recovery/winre.wim
//! └─ file ──┘  │ └─ path in the image ────────────┘
//!              └─ image: number or name
//! update.msu!/Windows10.0-KB5000000-x64.cab!/update.mum
//! └─ file ─┘  └─ path in the cabinet ─────┘  └─ path in that
//! ```
//!
//! Behind a file, `!/` leads into it, and again into what is found there. The image may be left out where there is only one.
//! Nothing is unpacked beside the file: chunks of images are decoded as they are read, and what has to be decoded as a
//! whole is kept in memory or in a file without a name. A path that exists as it stands is a plain file, whatever is in its name.

pub mod container;
mod error;

pub use error::AddressError;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::cab::CabError;
use crate::util::read_at::ReadAt;
use crate::wim::blob_reader::BlobReader;
use crate::wim::metadata::{Entry, StreamKind};
use crate::wim::{ImageIndex, OpenOptions, Wim, WimError, open_plain};
use container::{Container, ContainerOptions, Kind};

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
        source = match Kind::of(&*source) {
            Some(Kind::Image) => open_in_image(source, &mut name, &mut steps, options.memory)?,
            _ => open_in_container(source, &mut name, &mut steps, options)?,
        };
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

/// What a path in a container leads to.
enum Found<T> {
    File(T),
    Directory,
    Nothing,
}

/// Finds the file that the first steps lead to in the container `name`, and takes them away; `lookup` finds paths in it.
fn follow<T>(
    name: &Path,
    path: &mut String,
    steps: &mut Vec<String>,
    lookup: impl Fn(&str) -> Found<T>,
) -> Result<T, AddressError> {
    loop {
        let problem = match lookup(path) {
            Found::File(file) => return Ok(file),
            Found::Directory => "this is a directory",
            Found::Nothing => "there is no such file",
        };
        if steps.is_empty() {
            return Err(AddressError::inside(name, path, problem));
        }
        // It may be a directory whose name ends with the mark.
        path.push_str(INTO);
        path.push_str(&steps.remove(0));
    }
}

/// Opens the file in a WIM that the first steps lead to, and takes them away.
fn open_in_image(
    source: Box<dyn ReadAt>,
    name: &mut PathBuf,
    steps: &mut Vec<String>,
    memory: u64,
) -> Result<Box<dyn ReadAt>, AddressError> {
    let wim = Arc::new(Wim::from_source(source, &name.to_string_lossy())?);
    let mut path = steps.remove(0);
    let (image, skipped) = image_of(&wim, &path)?;
    let tree = wim.metadata(image)?;
    let lookup = |path: &str| match tree.lookup(&path[skipped..]) {
        Some(entry) if entry.is_directory() => Found::Directory,
        Some(entry) => Found::File(entry),
        None => Found::Nothing,
    };
    let entry = follow(name, &mut path, steps, lookup)?;
    let source = open_entry(&wim, entry, memory, name, &path)?;
    if source.size() == 0 {
        return Err(AddressError::inside(name, &path, "this file is empty"));
    }
    *name = behind(name, &path);
    Ok(source)
}

/// Opens the file in a cabinet or an ISO image that the first steps lead to, and takes them away.
fn open_in_container(
    source: Box<dyn ReadAt>,
    name: &mut PathBuf,
    steps: &mut Vec<String>,
    options: &OpenOptions,
) -> Result<Box<dyn ReadAt>, AddressError> {
    let cab = crate::cab::OpenOptions { no_mmap: options.no_mmap, ..crate::cab::OpenOptions::default() };
    let options = ContainerOptions { cab, memory: options.memory };
    let container = Container::from_source(source, name, &options).map_err(|error| match error {
        AddressError::Cabinet(CabError::NotACabinet { path }) => AddressError::NotAContainer { path },
        error => error,
    })?;
    let mut path = steps.remove(0);
    let lookup = |path: &str| {
        let wanted = comparable(path);
        let directory = format!("{wanted}\\");
        let mut paths = container.members().iter().map(|member| comparable(&member.path));
        match paths.position(|path| path == wanted) {
            Some(member) => Found::File(member),
            None if container.members().iter().any(|member| comparable(&member.path).starts_with(&directory)) => {
                Found::Directory
            }
            None => Found::Nothing,
        }
    };
    let member = follow(name, &mut path, steps, lookup)?;
    let source = container.open_member(member)?;
    *name = behind(name, &path);
    Ok(source)
}

/// A path in a container as it is compared: letter case and the kind of separator do not count.
fn comparable(path: &str) -> String {
    path.trim_matches(['/', '\\']).replace('/', "\\").to_lowercase()
}

/// The address of `path` in a container.
fn behind(container: &Path, path: &str) -> PathBuf {
    PathBuf::from(format!("{}{INTO}{path}", container.display()))
}

/// Opens the content of a file in an image.
fn open_entry(
    wim: &Arc<Wim>,
    entry: Entry<'_>,
    memory: u64,
    container: &Path,
    path: &str,
) -> Result<Box<dyn ReadAt>, AddressError> {
    let problem = |what| AddressError::inside(container, path, what);
    if entry.is_reparse_point() {
        return Err(problem("this is a reparse point, not a file"));
    }
    if entry.is_encrypted() {
        return Err(problem("this file is encrypted by EFS; its content cannot be read"));
    }
    let Some(stream) = entry.stream(StreamKind::Data).filter(|stream| !stream.is_empty()) else {
        return Ok(Box::new(std::io::Cursor::new([])));
    };
    let blob = *wim.contents()?.find(&stream.sha1).ok_or_else(|| problem("its content is missing"))?;
    Ok(Box::new(BlobReader::new(Arc::clone(wim), &blob, memory)?))
}

/// The last container that an address leads into, and what follows behind that: [`in_image`] knows what it means if the
/// container is an image file. `None` if the address leads into nothing.
pub fn container_of(address: &Path) -> Option<(PathBuf, String)> {
    let (file, mut steps) = split(address)?;
    let last = steps.pop()?;
    Some((steps.iter().fold(file, |container, step| behind(&container, step)), last))
}

/// The image that the part of an address behind the `!/` of an image file leads to, and the path in that image.
///
/// # Errors
/// There is no such image.
pub fn in_image<'a>(wim: &Wim, path: &'a str) -> Result<(ImageIndex, &'a str), AddressError> {
    let (image, skipped) = image_of(wim, path)?;
    Ok((image, &path[skipped..]))
}

/// The image that a path begins with, and how long its number or name is. Where there is one image only, it may be left
/// out.
fn image_of(wim: &Wim, path: &str) -> Result<(ImageIndex, usize), AddressError> {
    let word = path.split(['/', '\\']).next().unwrap_or_default();
    match find_image(wim, word) {
        Ok(image) => Ok((image, word.len())),
        Err(error) if wim.image_count() != 1 => Err(error),
        Err(error) => match wim.metadata(ImageIndex::FIRST)?.lookup(word) {
            Some(_) => Ok((ImageIndex::FIRST, 0)),
            None => Err(error),
        },
    }
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
