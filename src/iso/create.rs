//! Writing an ISO image of a directory.
//!
//! The files are in a UDF 1.02 file system, where they may have more than 4 GiB; the ISO 9660 part is a stub that says so, as on
//! Microsoft's media. Everything is placed before the first byte is written; the same tree with the same times gives the same
//! image, if `SOURCE_DATE_EPOCH` states the volume's time.

mod boot;
mod contents;
mod error;
mod file_set;
mod layout;
mod stub;
#[cfg(test)]
mod tests;
mod text;
mod tree;
mod volume;

pub use error::{CreateError, NameProblem};

use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use self::contents::Contents;
use self::layout::Layout;
use self::volume::Volume;
use crate::iso::SECTOR;
use crate::util::atomic_file::AtomicFile;
use crate::util::filetime::FileTime;
use crate::util::progress::Control;
use crate::util::sha1::Hasher;

/// The most characters of a label.
pub const MAX_LABEL: usize = 32;

/// What a volume is called if nobody says.
pub const DEFAULT_LABEL: &str = "WINDOWS";

/// How an image is written.
#[derive(Clone, Debug)]
pub struct Options {
    /// The volume's name, of at most [`MAX_LABEL`] characters.
    pub label: String,
    /// What BIOS firmware starts: `etfsboot.com`, which is loaded whole.
    pub bios: Option<PathBuf>,
    /// What EFI firmware starts: `efisys.bin`, the image of a floppy disk.
    pub efi: Option<PathBuf>,
    /// Whether files with the same bytes share them.
    pub share: bool,
}

/// What was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Summary {
    /// Files in the image.
    pub files: u64,
    /// Directories, the root among them.
    pub directories: u64,
    /// Bytes of all files.
    pub bytes: u64,
    /// Of these, what others have too and is not stored again.
    pub shared: u64,
    /// Bytes of the image.
    pub size: u64,
}

/// Writes an image of the directory `root` to `target`, which appears whole or not at all.
///
/// # Errors
/// [`CreateError`]: the tree has links, names or files that the file system cannot have; something cannot be read, or changes
/// meanwhile; a boot image is none; the target cannot be written.
pub fn create(root: &Path, target: &Path, options: &Options, control: Control<'_>) -> Result<Summary, CreateError> {
    let length = options.label.encode_utf16().count();
    if length == 0 || length > MAX_LABEL {
        return Err(CreateError::Label { label: options.label.clone(), length, limit: MAX_LABEL });
    }
    refuse_itself(root, target)?;
    let nodes = tree::collect(root)?;
    if let Some(node) = nodes.iter().find(|node| node.size > file_set::MAX_FILE) {
        let (path, size) = (node.path.clone(), node.size);
        return Err(CreateError::FileTooLarge { path, size, limit: file_set::MAX_FILE });
    }
    let mut contents = Contents::new(&nodes, options.share, control)?;
    let stored: u64 = contents.sizes().sum();
    let mut boot_content = |path: &Option<PathBuf>| match path {
        None => Ok(None),
        Some(path) => match contents.of_file(&nodes, path)? {
            (_, size) if size == 0 || size > boot::MAX_IMAGE => {
                Err(CreateError::BootImage { path: path.clone(), size, limit: boot::MAX_IMAGE })
            }
            found => Ok(Some(found)),
        },
    };
    let (bios, efi) = (boot_content(&options.bios)?, boot_content(&options.efi)?);
    let layout = Layout::new(&nodes, &contents)?;

    let directories = nodes.iter().filter(|node| node.is_directory()).count() as u64;
    let bytes = nodes.iter().map(|node| node.size).sum::<u64>();
    let summary = Summary {
        files: nodes.len() as u64 - directories,
        directories,
        bytes,
        shared: bytes - stored,
        size: layout.sectors * SECTOR,
    };
    let volume = Volume {
        label: &options.label,
        unique: unique(&options.label, &nodes),
        time: FileTime::now_reproducible(),
        files: summary.files as u32,
        directories: directories as u32,
        layout: &layout,
    };
    let image = |found: Option<(usize, u64)>| {
        let (content, size) = found?;
        Some(boot::Image { sector: layout::PARTITION + layout.contents[content]?, size })
    };
    let catalog = boot::catalog(image(bios), image(efi));
    let writing = Writing { nodes: &nodes, contents: &contents, layout: &layout, volume: &volume, catalog: &catalog };
    writing.write(target, control)?;
    Ok(summary)
}

/// An image in the directory that it is made of would grow with itself.
fn refuse_itself(root: &Path, target: &Path) -> Result<(), CreateError> {
    let parent = match target.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    match (root.canonicalize(), parent.canonicalize()) {
        (Ok(root), Ok(parent)) if parent.starts_with(&root) => Err(CreateError::Itself { path: target.to_owned() }),
        _ => Ok(()),
    }
}

/// Sixteen characters that tell this volume from others: of what is in it, so that they need no chance.
fn unique(label: &str, nodes: &[tree::Node]) -> String {
    let mut hasher = Hasher::new();
    hasher.update(label.as_bytes());
    for node in nodes {
        hasher.update(node.name.as_bytes());
        hasher.update(&node.size.to_le_bytes());
        hasher.update(&node.time.0.to_le_bytes());
    }
    let mut digits = hasher.finish().to_string();
    digits.truncate(16);
    digits
}

/// All that is written.
struct Writing<'a> {
    nodes: &'a [tree::Node],
    contents: &'a Contents,
    layout: &'a Layout,
    volume: &'a Volume<'a>,
    catalog: &'a [u8],
}

impl Writing<'_> {
    fn write(&self, target: &Path, control: Control<'_>) -> Result<(), CreateError> {
        let error = |source| CreateError::Target { path: target.to_owned(), source };
        let output = AtomicFile::create(target).map_err(error)?;
        let mut sink = Sink { out: BufWriter::with_capacity(1 << 20, output.file()), position: 0 };
        self.write_volume(&mut sink).and_then(|()| self.write_file_set(&mut sink)).map_err(error)?;
        control.progress.begin("Writing", self.contents.sizes().sum());
        for (index, first) in self.layout.contents.iter().enumerate() {
            let Some(first) = first else { continue };
            sink.zeros_until(layout::PARTITION + first).map_err(error)?;
            self.contents.read(index, control, |bytes| sink.put(bytes).map_err(error))?;
        }
        let last = self.layout.sectors - 1;
        let end = |sink: &mut Sink<'_>| {
            sink.at(last, &volume::anchor(last))?;
            sink.zeros_until(self.layout.sectors)?;
            sink.out.flush()
        };
        end(&mut sink).map_err(error)?;
        drop(sink);
        contents::refuse_altered(self.nodes)?;
        output.commit().map_err(error)
    }

    /// What lies before the partition.
    fn write_volume(&self, sink: &mut Sink<'_>) -> std::io::Result<()> {
        let Self { layout, volume, .. } = self;
        let mut recognition = vec![stub::primary(volume.label, &volume.unique, volume.time, layout)];
        if !self.catalog.is_empty() {
            recognition.push(stub::boot_record(layout.catalog));
        }
        recognition.push(stub::terminator());
        recognition.extend([b"BEA01", b"NSR02", b"TEA01"].map(|identifier| stub::announced(0, identifier)));
        for (sector, bytes) in (layout::RECOGNITION..).zip(&recognition) {
            sink.at(sector, bytes)?;
        }
        for first in [layout::MAIN_SEQUENCE, layout::RESERVE_SEQUENCE] {
            for (sector, descriptor) in (first..).zip(volume.sequence(first)) {
                sink.at(sector, &descriptor)?;
            }
        }
        sink.at(layout::INTEGRITY, &volume.integrity(layout::INTEGRITY))?;
        sink.at(layout::INTEGRITY + 1, &volume::terminator(layout::INTEGRITY + 1))?;
        sink.at(layout::ANCHOR, &volume::anchor(layout::ANCHOR))
    }

    /// The partition, but for the files' bytes.
    fn write_file_set(&self, sink: &mut Sink<'_>) -> std::io::Result<()> {
        let Self { nodes, layout, volume, .. } = *self;
        sink.at(layout::PARTITION, &volume.file_set())?;
        sink.at(layout::PARTITION + 1, &volume::terminator(1))?;
        for node in 0..nodes.len() {
            let first = file_set::first_block(layout, node, self.contents.of_node(node));
            let entry = file_set::entry(nodes, node, first);
            sink.at(layout::PARTITION + layout::FIRST_ENTRY + node as u64, &entry)?;
        }
        for (directory, &block) in layout.directories.iter().enumerate() {
            if nodes[directory].is_directory() {
                sink.at(layout::PARTITION + block, &file_set::list(nodes, directory, block))?;
            }
        }
        for (sector, bytes) in layout.stub.into_iter().zip(stub::sectors(layout, volume.time)) {
            sink.at(sector, &bytes)?;
        }
        sink.at(layout.catalog, self.catalog)
    }
}

/// Writes from the image's beginning to its end.
struct Sink<'a> {
    out: BufWriter<&'a std::fs::File>,
    position: u64,
}

impl Sink<'_> {
    fn put(&mut self, bytes: &[u8]) -> std::io::Result<()> {
        self.position += bytes.len() as u64;
        self.out.write_all(bytes)
    }

    /// Fills up to the beginning of a sector, which nothing has gone beyond.
    fn zeros_until(&mut self, sector: u64) -> std::io::Result<()> {
        const ZEROS: [u8; SECTOR as usize] = [0; SECTOR as usize];
        let end = sector * SECTOR;
        assert!(self.position <= end, "byte {} was reached before sector {sector}", self.position);
        while self.position < end {
            let count = (end - self.position).min(SECTOR) as usize;
            self.put(&ZEROS[..count])?;
        }
        Ok(())
    }

    fn at(&mut self, sector: u64, bytes: &[u8]) -> std::io::Result<()> {
        self.zeros_until(sector)?;
        self.put(bytes)
    }
}
