//! The file a command reads, the images in it, and what is wrong with either.

use super::Context;
use super::args::ImageWord;
use super::exit::Failure;
use super::printer::{visible, warn};
use clap::Args;
use globset::GlobBuilder;
use std::path::{Path, PathBuf};
use wimkit::address;
use wimkit::util::read_at::{ReadAt, bytes_at};
use wimkit::wim::metadata::{Entry, Metadata};
use wimkit::wim::{ImageIndex, OpenOptions, Wim, WimError};

/// The arguments that name a file to read.
#[derive(Args, Clone, Debug)]
pub(crate) struct Source {
    /// The WIM, ESD or SWM file; of a split set the first part; one in another: FILE!/IMAGE/PATH
    #[arg(value_name = "SRC")]
    src: PathBuf,
    #[command(flatten)]
    others: Others,
}

/// Files that belong to the one that is read.
#[derive(Args, Clone, Debug)]
pub(crate) struct Others {
    /// Take blobs that the file lacks from these files (delta WIMs); the name may hold *, ? and [ ]
    #[arg(long = "ref", value_name = "GLOB", help_heading = "Source")]
    refs: Vec<PathBuf>,
    /// The other parts of a split set [default: those beside the first]; the name may hold *, ? and [ ]
    #[arg(long = "part", value_name = "GLOB", help_heading = "Source")]
    parts: Vec<PathBuf>,
}

impl Source {
    /// A split set by its parts.
    pub(crate) fn set(parts: &[PathBuf]) -> Self {
        let (first, rest) = parts.split_first().expect("at least one part is required");
        Self { src: first.clone(), others: Others { refs: Vec::new(), parts: rest.to_vec() } }
    }

    /// Another file that is read in the same way: with the same references.
    pub(crate) fn sibling(&self, src: &Path) -> Self {
        Self { src: src.to_owned(), others: Others { refs: self.others.refs.clone(), parts: Vec::new() } }
    }

    /// Whether it is standard input that is to be read.
    pub(crate) fn is_stdin(&self) -> bool {
        self.src.as_os_str() == "-"
    }

    /// Opens the file, reads its blob table and tells what is odd about either.
    pub(crate) fn open(&self, context: &Context) -> Result<Wim, Failure> {
        let wim = self.open_silently(context)?;
        wim.contents()?;
        tell_warnings(&wim);
        Ok(wim)
    }

    /// Opens the file and reads nothing but its header; the caller tells what is odd.
    pub(crate) fn open_silently(&self, context: &Context) -> Result<Wim, Failure> {
        Ok(Wim::open(&self.src, &self.options(context)?)?)
    }

    /// Opens the file as [`Source::open_silently`], whatever its tables are like; the inner error tells of damage.
    pub(crate) fn open_damaged(&self, context: &Context) -> Result<Result<Wim, WimError>, Failure> {
        let options = OpenOptions { lenient: true, ..self.options(context)? };
        Ok(Wim::open(&self.src, &options))
    }

    /// The path, or address, of the file.
    pub(crate) fn path(&self) -> &Path {
        &self.src
    }

    fn options(&self, context: &Context) -> Result<OpenOptions, Failure> {
        Ok(OpenOptions {
            no_mmap: context.global.no_mmap,
            opener: address::open_wim,
            memory: context.memory(),
            references: expand(&self.others.refs)?,
            parts: expand(&self.others.parts)?,
            lenient: false,
        })
    }
}

/// Opens a file that is read beside another one, where that is named by an option.
pub(crate) fn open_other(path: &Path, context: &Context) -> Result<Wim, Failure> {
    let others = Others { refs: Vec::new(), parts: Vec::new() };
    Source { src: path.to_owned(), others }.open(context)
}

/// Opens a file that is to be changed in place, which no address leads to.
pub(crate) fn open_in_place(path: &Path, context: &Context) -> Result<Wim, Failure> {
    let wim = Wim::open(path, &OpenOptions { no_mmap: context.global.no_mmap, ..OpenOptions::default() })?;
    wim.contents()?;
    tell_warnings(&wim);
    Ok(wim)
}

/// Tells what was odd so far about a file.
pub(crate) fn tell_warnings(wim: &Wim) {
    for warning in wim.warnings() {
        warn(visible(warning));
    }
}

/// Opens what an address leads to.
pub(crate) fn open_address(path: &Path, context: &Context) -> Result<Box<dyn ReadAt>, Failure> {
    let (no_mmap, memory) = (context.global.no_mmap, context.memory());
    Ok(address::open(path, &OpenOptions { no_mmap, memory, ..OpenOptions::default() })?)
}

/// The whole of a file of at most `limit` bytes, which is what memory is left for.
pub(crate) fn whole(source: &dyn ReadAt, path: &Path, limit: u64) -> Result<Vec<u8>, Failure> {
    let size = source.size();
    if size > limit {
        let message =
            format!("{}: {size} bytes are too many to be kept in memory, {limit} are the most", path.display());
        return Err(Failure::message(message).with_hint("--memory sets the limit"));
    }
    let bytes = bytes_at(source, 0, size as usize);
    let bytes = bytes.map_err(|error| Failure::message(format!("{}: {error}", path.display())))?;
    Ok(bytes.into_owned())
}

/// The images that `word` stands for.
pub(crate) fn find_images(wim: &Wim, word: &ImageWord) -> Result<Vec<ImageIndex>, Failure> {
    let none = |wanted: String| {
        Failure::from(WimError::NoSuchImage { path: wim.path().to_owned(), wanted, count: wim.image_count() })
    };
    match word {
        ImageWord::All => Ok(wim.images().collect()),
        ImageWord::Numbers(numbers) => numbers
            .iter()
            .map(|number| {
                let image = ImageIndex::new(*number).filter(|image| image.get() <= wim.image_count());
                image.ok_or_else(|| none(number.to_string()))
            })
            .collect(),
        ImageWord::Name(name) => {
            let image = wim.xml().image_by_name(name).and_then(ImageIndex::new);
            image.map(|image| vec![image]).ok_or_else(|| none(format!("{name:?}")))
        }
    }
}

/// The one image that `word` stands for.
pub(crate) fn find_image(wim: &Wim, word: &ImageWord) -> Result<ImageIndex, Failure> {
    match find_images(wim, word)?.as_slice() {
        [image] => Ok(*image),
        images => Err(Failure::message(format!("{} images are named, this command takes one", images.len()))),
    }
}

/// The files that patterns stand for. Only the last part of a path may be a pattern; a file whose name looks like one
/// is taken as it is.
pub(crate) fn expand(patterns: &[PathBuf]) -> Result<Vec<PathBuf>, Failure> {
    let mut files = Vec::new();
    for pattern in patterns {
        let name = pattern.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        if pattern.exists() || !name.contains(['*', '?', '[']) {
            files.push(pattern.clone());
            continue;
        }
        let describe = |problem: String| Failure::message(format!("{}: {problem}", pattern.display()));
        let glob = GlobBuilder::new(name).build().map_err(|error| describe(error.to_string()))?.compile_matcher();
        let directory = match pattern.parent() {
            Some(parent) if !parent.as_os_str().is_empty() => parent,
            _ => Path::new("."),
        };
        let entries = std::fs::read_dir(directory).map_err(|error| describe(error.to_string()))?;
        let mut found: Vec<PathBuf> = entries
            .filter_map(|entry| Some(entry.ok()?.path()))
            .filter(|path| path.file_name().is_some_and(|name| glob.is_match(name)))
            .collect();
        if found.is_empty() {
            return Err(describe("no file matches".into()));
        }
        found.sort();
        files.append(&mut found);
    }
    Ok(files)
}

/// Reads the tree of an image and tells what is odd about it.
pub(crate) fn read_tree(wim: &Wim, image: ImageIndex) -> Result<Metadata, Failure> {
    let tree = wim.metadata(image)?;
    let warnings = tree.warnings();
    for warning in warnings.iter() {
        let entry = warning.to_string();
        warn(format_args!("{}: image {image}: {}", wim.path().display(), visible(&entry)));
    }
    let untold = warnings.total() - warnings.iter().len() as u64;
    if untold > 0 {
        warn(format_args!("{}: image {image}: {untold} more warnings of this kind", wim.path().display()));
    }
    Ok(tree)
}

/// The entry at `path` in an image.
pub(crate) fn find_entry<'a>(tree: &'a Metadata, path: &str) -> Result<Entry<'a>, Failure> {
    tree.lookup(path).ok_or_else(|| {
        Failure::message(format!("{}: no such file or directory in the image", visible(path)))
            .with_hint("paths begin at the root of the image and ignore case; `wimkit ls` shows them")
    })
}
