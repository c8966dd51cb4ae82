//! Capturing: a directory on disk becomes an image, in a new file or behind those of an existing one.
//!
//! In order: the tree is looked at ▶ contents that are not there yet are compressed, each once ▶
//! the tree is written, and then the tables. Files are read and compressed in the same bounded pipeline as everything
//! else, so memory does not depend on their sizes. The output depends on the tree alone, and not on the number of threads
//! or the order of names on disk.

mod error;
mod exclude;
mod keep;
mod link;
pub(super) mod present;
pub(super) mod report;
mod reuse;
pub(super) mod scan;
mod source;
pub(super) mod store;
#[cfg(all(test, unix))]
mod tests;
pub(super) mod tree;

pub use error::{CaptureError, Problem, Skipped};
pub use exclude::{ConfigError, Exclusions};
pub use report::LeftOut;
pub use reuse::UpdateOf;

use super::engine::default_memory;
use super::export::{
    Check, Compression, Encodings, ExportError, Transfer, appendable_end, integrity_of, refuse_modification,
};
use super::header::flag;
use super::reader::{ImageIndex, OpenOptions, Wim};
use super::windows::{Files, Windows};
use super::writer::{NewFile, WimWriter, piece_size};
use super::xml::{ImageXml, WimXml};
use crate::codec::Format;
use crate::util::filetime::FileTime;
use crate::util::os;
use crate::util::progress::Control;
use crate::util::sha1::Sha1;
use present::Present;
use report::Findings;
use scan::Scan;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tree::Tree;

/// What becomes of a directory.
#[derive(Clone, Debug)]
pub struct Options {
    /// The name of the image; empty for none.
    pub name: String,
    /// Its description.
    pub description: Option<String>,
    /// Its FLAGS: the edition, or 9 and 2 in a boot.wim.
    pub flags: Option<String>,
    /// Make it the bootable image.
    pub boot: bool,
    /// How blobs are stored. `None`: an existing file's way; a new file becomes LZX, and solid LZMS if it is called `.esd`.
    pub compression: Option<Compression>,
    /// Whether to write an integrity table.
    pub check: Check,
    /// What is left out.
    pub exclusions: Exclusions,
    /// Go on without what cannot be read, instead of failing.
    pub skip_unreadable: bool,
    /// Take names that Windows cannot have, and names that differ in letter case only.
    pub any_names: bool,
    /// Leave absolute links as they are, also those that lead into the tree.
    pub keep_links: bool,
    /// Keep owners, groups and modes, and capture devices, pipes and sockets. Windows passes them over.
    pub unix_data: bool,
    /// Let a new file take the place of an existing one.
    pub replace: bool,
    /// Take files over from this image whose path, size and time of the last write are the same there, without reading them.
    pub update_of: Option<UpdateOf>,
    /// The image is what has become of that of [`Self::update_of`], which was applied to the directory and changed there:
    /// what a directory cannot tell is taken from it.
    ///
    /// - Its element of the XML document, the time of creation included, but for what these options say and a capture finds
    ///   out; and without [`Self::compression`] its file's way to store blobs.
    /// - What it says of its root, for which any directory may stand.
    /// - Where the system holds little of what NTFS keeps, as Linux: all that it says of files and links that have their
    ///   kind, size and time of the last write there. Of those that have been written, what
    ///   [`update`](crate::wim::update) keeps of a file that is replaced. Of directories all, with the time of the last
    ///   write that they have. What is new has what the system holds.
    /// - Where the system holds it, as Windows: short names of what is as it was, if the volume has none.
    ///
    /// What may be a hive of the registry is read in any case: Windows writes to hives without changing size or time.
    pub revises: bool,
    /// Files whose blobs are not stored: reading what is written takes them as references.
    pub delta_from: Vec<Arc<Wim>>,
    /// The latest time that the image may tell, so that the same tree gives the same bytes whenever it was written.
    /// `None`: what the environment variable `SOURCE_DATE_EPOCH` states, if it does.
    pub time_limit: Option<FileTime>,
    /// Bytes of data and of compressor contexts that may be in memory at once.
    pub memory: u64,
    /// Read an existing file by position instead of mapping it.
    pub no_mmap: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            name: String::new(),
            description: None,
            flags: None,
            boot: false,
            compression: None,
            check: Check::default(),
            exclusions: Exclusions::default(),
            skip_unreadable: false,
            any_names: false,
            keep_links: false,
            unix_data: false,
            replace: false,
            update_of: None,
            revises: false,
            delta_from: Vec::new(),
            time_limit: None,
            memory: default_memory(),
            no_mmap: false,
        }
    }
}

/// What was captured, and what was not.
#[derive(Debug)]
pub struct Outcome {
    /// The image's number.
    pub index: ImageIndex,
    /// Names of directories, the root included.
    pub directories: u64,
    /// Files, each counted once.
    pub files: u64,
    /// Further names of files.
    pub hard_links: u64,
    /// Symbolic links.
    pub symlinks: u64,
    /// Bytes of the files, each counted once.
    pub bytes: u64,
    /// Blobs that were written, and their bytes before compression.
    pub stored_blobs: u64,
    /// Their uncompressed size in bytes.
    pub stored_bytes: u64,
    /// Blobs that the file had already.
    pub present_blobs: u64,
    /// Blobs that were left to the files of [`Options::delta_from`].
    pub elsewhere_blobs: u64,
    /// Files that were taken over from [`Options::update_of`] without reading them.
    pub reused_files: u64,
    /// Blobs that were brought over for them from another file: copied as they are where that can be.
    pub brought_blobs: u64,
    /// Entries that the exclusion list names. A directory stands for all that is in it.
    pub excluded: u64,
    /// What is no part of an image.
    pub left_out: Vec<(PathBuf, LeftOut)>,
    /// What could not be captured; empty unless [`Options::skip_unreadable`].
    pub skipped: Vec<Skipped>,
    /// The file's size in bytes.
    pub size: u64,
    /// The file's format.
    pub format: Option<Format>,
    /// Whether blobs went into a solid resource.
    pub solid: bool,
    /// What of the registry could not be read, and what Windows may not be able to read.
    pub warnings: Vec<String>,
}

impl Outcome {
    /// Whether everything was captured.
    pub fn is_complete(&self) -> bool {
        self.skipped.is_empty()
    }
}

/// Captures the directory `source` as the only image of the new file `destination`, which appears when it is complete.
///
/// ```
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use wimkit::util::progress::Control;
/// use wimkit::wim::capture::{Options, capture};
///
/// let directory = tempfile::tempdir()?;
/// std::fs::create_dir(directory.path().join("tree"))?;
/// std::fs::write(directory.path().join("tree/hello.txt"), "hello\n")?;
/// let options = Options { name: "First".into(), ..Options::default() };
/// let done =
///     capture(&directory.path().join("tree"), &directory.path().join("new.wim"), &options, Control::silent())?;
/// assert_eq!((done.files, done.bytes), (1, 6));
/// # Ok(())
/// # }
/// ```
///
/// # Errors
/// [`CaptureError`]; nothing is left of the new file then.
pub fn capture(
    source: &Path,
    destination: &Path,
    options: &Options,
    control: Control<'_>,
) -> Result<Outcome, CaptureError> {
    write_new(Directory(source), destination, options, control)
}

/// Captures the directory `source` as a further image of the existing file `destination`: what that has already is not
/// stored again. Unless everything is written, the file stays as it was.
///
/// # Errors
/// [`CaptureError`].
pub fn append(
    source: &Path,
    destination: &Path,
    options: &Options,
    control: Control<'_>,
) -> Result<Outcome, CaptureError> {
    append_to(Directory(source), destination, options, control)
}

/// What becomes an image.
pub(super) trait Material {
    /// Finds out which contents there are, and what the image's element can say about them.
    fn look(
        &mut self,
        rules: &scan::Rules<'_>,
        image: &mut ImageXml,
        findings: &mut Findings,
        control: Control<'_>,
    ) -> Result<Scan, CaptureError>;

    /// Makes the tree, once the contents have hashes.
    fn build(self, scan: Scan, hashes: &[Option<Sha1>]) -> Result<Tree, CaptureError>;
}

/// A directory on disk.
struct Directory<'a>(&'a Path);

impl Material for Directory<'_> {
    fn look(
        &mut self,
        rules: &scan::Rules<'_>,
        image: &mut ImageXml,
        findings: &mut Findings,
        control: Control<'_>,
    ) -> Result<Scan, CaptureError> {
        control.progress.begin("Looking at the tree", 0);
        let scan = scan::scan(self.0, rules, findings, control)?;
        state_windows(&scan.places(), self.0, image, findings, control)?;
        Ok(scan)
    }

    fn build(self, scan: Scan, hashes: &[Option<Sha1>]) -> Result<Tree, CaptureError> {
        tree::build(scan, hashes).map_err(|error| CaptureError::Tree { path: self.0.to_owned(), error })
    }
}

/// States in the image's element which Windows the files are, if they are one. `path`: what they become an image of, or go to.
pub(super) fn state_windows(
    files: &impl Files,
    path: &Path,
    image: &mut ImageXml,
    findings: &mut Findings,
    control: Control<'_>,
) -> Result<(), CaptureError> {
    if let Some(windows) = Windows::find(files) {
        control.progress.begin("Reading the registry", 0);
        let description = windows.describe(files);
        description.state(image).map_err(|error| ExportError::Xml { path: path.to_owned(), error })?;
        findings.warnings.extend(description.warnings.iter().map(ToString::to_string));
    }
    Ok(())
}

/// Writes a new file with one image.
pub(super) fn write_new(
    material: impl Material,
    destination: &Path,
    options: &Options,
    control: Control<'_>,
) -> Result<Outcome, CaptureError> {
    if !options.replace && destination.symlink_metadata().is_ok() {
        return Err(CaptureError::Exists { path: destination.to_owned() });
    }
    let revised = match &options.update_of {
        Some(UpdateOf::Other(wim, _)) if options.revises => Some(wim),
        _ => None,
    };
    let (encodings, warnings) = match (options.compression, revised) {
        (None, Some(wim)) => (Encodings::of(wim, None)?, Vec::new()),
        (compression, _) => {
            let compression = compression.unwrap_or_else(|| default_compression(destination));
            let (plain, solid) = (compression.encoding()?, compression.solid_encoding()?);
            (Encodings { format: compression.format, plain, solid }, compression.warnings())
        }
    };
    let place = Place {
        destination,
        existing: None,
        encodings,
        fix_links: !options.keep_links,
        integrity: match revised {
            Some(wim) => integrity_of(wim, options.check),
            None => (options.check == Check::Write).then(|| piece_size(None)),
        },
    };
    let mut outcome = run(material, place, WimXml::new(), options, control)?;
    outcome.warnings.extend(warnings);
    Ok(outcome)
}

/// Adds an image to an existing file.
pub(super) fn append_to(
    material: impl Material,
    destination: &Path,
    options: &Options,
    control: Control<'_>,
) -> Result<Outcome, CaptureError> {
    let open = OpenOptions { no_mmap: options.no_mmap, ..OpenOptions::default() };
    let wim = Wim::open(destination, &open).map_err(ExportError::from)?;
    refuse_modification(&wim)?;
    appendable_end(&wim)?; // what cannot be done is said before the tree is looked at
    let encodings = Encodings::of(&wim, options.compression)?;
    let xml = wim.xml().clone();
    let place = Place {
        destination,
        encodings,
        fix_links: !options.keep_links && wim.header().has(flag::RP_FIX),
        integrity: integrity_of(&wim, options.check),
        existing: Some(wim),
    };
    run(material, place, xml, options, control)
}

/// Where an image goes.
struct Place<'a> {
    destination: &'a Path,
    existing: Option<Wim>,
    encodings: Encodings,
    fix_links: bool,
    integrity: Option<u32>,
}

impl Place<'_> {
    fn begin(&self) -> Result<WimWriter, ExportError> {
        match &self.existing {
            Some(wim) => {
                let appended = WimWriter::append(wim, self.encodings.plain, appendable_end(wim)?);
                appended.map_err(|error| error.at(self.destination))
            }
            None => {
                let flags = if self.fix_links { flag::RP_FIX } else { 0 };
                let new = NewFile { encoding: self.encodings.plain, flags, replaces: None };
                let created = WimWriter::create(self.destination, &new);
                created.map_err(|source| ExportError::Output { path: self.destination.to_owned(), source })
            }
        }
    }
}

fn run(
    mut material: impl Material,
    place: Place<'_>,
    mut xml: WimXml,
    options: &Options,
    control: Control<'_>,
) -> Result<Outcome, CaptureError> {
    let Place { destination, encodings, .. } = place;
    let mut findings = Findings { skip_unreadable: options.skip_unreadable, ..Findings::default() };
    let base =
        options.update_of.as_ref().map(|update| update.find(place.existing.as_ref(), destination)).transpose()?;
    let revised = base.filter(|_| options.revises).and_then(|(wim, image)| wim.xml().image(image.get()));
    let described = describe(options, revised);
    let mut image = described.map_err(|error| ExportError::Xml { path: destination.to_owned(), error })?;
    let name = image.name().unwrap_or_default().into_owned();
    if let Some(image) = xml.image_by_name(&name) {
        return Err(CaptureError::NameClash { path: destination.to_owned(), name, image });
    }
    let rules = scan::Rules {
        exclusions: &options.exclusions,
        any_names: options.any_names,
        fix_links: place.fix_links,
        unix_data: options.unix_data,
        destination: os::identify(destination).map(|(id, _)| id),
        time_limit: options.time_limit.unwrap_or_else(FileTime::reproducible_limit),
    };
    let mut scan = material.look(&rules, &mut image, &mut findings, control)?;
    refuse_delta_from_itself(destination, options)?;
    let reused = base.map(|(wim, image)| reuse::reuse(&mut scan, wim, image, options.revises)).transpose();
    let reused = reused.map_err(ExportError::from)?;
    let reused_files = reused.as_ref().map_or(0, |reused| reused.files);
    if let (Some(reused), Some((wim, _)), true) = (reused, base, options.revises) {
        let contents = wim.contents().map_err(ExportError::from)?;
        scan.kept = Some(keep::keep(&mut scan, reused, contents, rules.time_limit));
    }

    let mut writer = place.begin()?;
    let own = place.existing.as_ref().map(Wim::contents).transpose().map_err(ExportError::from)?;
    let elsewhere: Result<_, _> = options.delta_from.iter().map(|wim| wim.contents()).collect();
    let mut present = Present { own, elsewhere: elsewhere.map_err(ExportError::from)?, ..Present::default() };
    if let Some((wim, _)) = base {
        let transfer = Transfer {
            wims: vec![wim],
            solid: encodings.solid,
            recompress: false,
            memory: options.memory,
            destination,
            control,
        };
        present.brought = reuse::bring_over(&scan, &present, &transfer, &mut writer)?;
    }
    let brought_blobs = present.brought.len() as u64;
    let mut target = store::Target {
        writer: &mut writer,
        path: destination,
        present,
        solid: encodings.solid,
        memory: options.memory,
    };
    let stored = store::store(&scan, &mut target, &mut findings, control)?;
    writer.drop_nameless();
    // The writer knows what the file had. Its tables take as much memory as the tree that is to be written.
    drop(place.existing);

    let mut tree = material.build(scan, &stored.hashes)?;
    let metadata = std::mem::take(&mut tree.metadata);
    writer.write_metadata(&metadata).map_err(|source| ExportError::Output { path: destination.to_owned(), source })?;
    drop(metadata);
    tree.references.sort_unstable();
    writer.count_references(|sha1, count| {
        let from = tree.references.partition_point(|other| other < sha1);
        let equal = tree.references[from..].partition_point(|other| other == sha1);
        count.saturating_add(equal as u32)
    });
    image.set_statistics(&tree.statistics);
    let index = ImageIndex::new(xml.add_image(image)).expect("images are numbered from 1");
    if options.boot {
        writer.set_boot(Some(index));
    }
    if place.integrity.is_some() {
        control.progress.begin("Writing the integrity table", writer.position());
    }
    let finished = writer.finish(&mut xml, place.integrity, control).map_err(|error| error.at(destination))?;
    let size = finished.commit(destination)?;
    Ok(Outcome {
        index,
        directories: tree.statistics.directories,
        files: tree.statistics.files - tree.hard_links - tree.symlinks,
        hard_links: tree.hard_links,
        symlinks: tree.symlinks,
        bytes: tree.statistics.total_bytes - tree.statistics.hard_link_bytes,
        stored_blobs: stored.blobs,
        stored_bytes: stored.bytes,
        present_blobs: stored.present,
        elsewhere_blobs: stored.elsewhere,
        reused_files,
        brought_blobs,
        excluded: findings.excluded,
        left_out: findings.left_out,
        skipped: findings.skipped,
        size,
        format: encodings.format,
        solid: encodings.solid.is_some(),
        warnings: findings.warnings,
    })
}

/// Refuses to leave blobs to the very file that is written.
fn refuse_delta_from_itself(destination: &Path, options: &Options) -> Result<(), CaptureError> {
    let Ok(written) = destination.canonicalize() else { return Ok(()) };
    let mut files = options.delta_from.iter().flat_map(|wim| wim.files());
    if files.any(|file| file.path.canonicalize().is_ok_and(|path| path == written)) {
        return Err(CaptureError::DeltaFromItself { path: destination.to_owned() });
    }
    Ok(())
}

/// The image's element of the XML document, but for its counts. `revised`: that of the image that it was before.
fn describe(options: &Options, revised: Option<&ImageXml>) -> Result<ImageXml, super::xml::XmlError> {
    let mut image = revised.cloned().unwrap_or_default();
    let now = FileTime::now_reproducible().min(options.time_limit.unwrap_or(FileTime(u64::MAX)));
    if image.creation_time().is_none() {
        image.set_creation_time(now);
    }
    image.set_modification_time(now);
    let texts = [
        ("NAME", Some(options.name.as_str()).filter(|name| !name.is_empty())),
        ("DESCRIPTION", options.description.as_deref()),
        ("FLAGS", options.flags.as_deref()),
    ];
    for (path, text) in texts {
        if let Some(text) = text {
            image.set(path, text)?;
        }
    }
    Ok(image)
}

fn default_compression(destination: &Path) -> Compression {
    let is_esd = destination.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("esd"));
    let format = if is_esd { Format::Lzms } else { Format::Lzx };
    Compression { solid: is_esd, ..Compression::new(Some(format)) }
}
