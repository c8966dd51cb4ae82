//! Checking a WIM: the integrity table, every image's metadata, every blob's SHA-1, missing blobs and reference counts.
//!
//! Verification goes on after a finding, and lists everything that is wrong. Strict verification then decodes every
//! chunk a second time, by the rules of the strictest reader.

mod strict;

use super::WimError;
use super::blob_table::{BlobTableError, Location};
use super::engine::{BlobEnd, Request, Segment, Sink, Stopped, read_blobs};
use super::integrity::IntegrityTableError;
use super::metadata::Metadata;
use super::reader::{ImageIndex, KnownBlob, Wim, WimFile, reading_order};
use super::resource::ResourceError;
use crate::codec::{DecodeError, Format};
use crate::util::progress::Control;
use crate::util::sha1::Sha1;
use std::collections::HashMap;
use std::path::PathBuf;

/// At most so many paths are named for one blob.
const MAX_PATHS_PER_BLOB: usize = 8;
/// At most so many bytes of paths are named for all blobs together.
const MAX_PATHS_NBYTES: usize = 16 << 20;

/// How a WIM is verified.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// Bytes of decoded data that may be in memory at once.
    pub memory: u64,
    /// Whether to look for what some readers accept and others refuse, too; much slower.
    pub strict: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self { memory: super::engine::default_memory(), strict: false }
    }
}

/// A file of an image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FilePath {
    /// The image.
    pub image: ImageIndex,
    /// The path inside it, `/` between the names.
    pub path: String,
}

/// Something that is wrong.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Finding {
    /// The file, or one of its tables, cannot be understood at all; what it would have led to was not looked at.
    Unreadable {
        /// Which file, and what is wrong.
        error: String,
    },
    /// A blob table contradicts itself. What the contradiction concerns is taken as not being there.
    BlobTable {
        /// Which file.
        file: PathBuf,
        /// Where the table begins in the file.
        offset: u64,
        /// What is wrong with it.
        error: BlobTableError,
    },
    /// The integrity table cannot be used.
    IntegrityTable {
        /// Which file.
        file: PathBuf,
        /// What is wrong with it.
        error: IntegrityTableError,
    },
    /// A piece of the file differs from the integrity table.
    IntegrityPiece {
        /// Which file.
        file: PathBuf,
        /// Where the piece begins.
        offset: u64,
        /// Its size in bytes.
        size: u64,
    },
    /// The metadata of an image cannot be used.
    Metadata {
        /// The image.
        image: ImageIndex,
        /// What is wrong.
        error: String,
    },
    /// A blob is damaged.
    Blob {
        /// Its identity.
        sha1: Sha1,
        /// Which file holds it.
        file: PathBuf,
        /// Where its resource begins in the file.
        offset: u64,
        /// What is wrong.
        damage: Damage,
        /// Files that need it; the first few.
        used_by: Vec<FilePath>,
    },
    /// Strict decoding refuses chunks of a resource; one finding for all of them.
    Chunk {
        /// Which file holds the resource.
        file: PathBuf,
        /// Where the resource begins in the file.
        offset: u64,
        /// The first such chunk: its 0-based number.
        chunk: u64,
        /// Where that chunk begins in the file.
        chunk_offset: u64,
        /// Its format.
        format: Format,
        /// What is odd or malformed about it.
        error: DecodeError,
        /// How many other chunks of the resource are refused.
        others: u64,
    },
    /// A blob that images refer to is in no file at hand.
    MissingBlob {
        /// Its identity.
        sha1: Sha1,
        /// How many streams refer to it.
        references: u32,
        /// Files that need it; the first few.
        used_by: Vec<FilePath>,
    },
    /// A part of the split set is not at hand.
    MissingPart {
        /// Its number.
        part: u16,
    },
}

/// What is wrong with a blob.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Damage {
    /// It decodes to something else.
    #[error("it hashes to {found}")]
    Mismatch {
        /// What it hashes to.
        found: Sha1,
    },
    /// It cannot be read or decoded.
    #[error(transparent)]
    Unreadable(ResourceError),
}

/// What was checked, and what was found.
#[derive(Clone, Debug, Default)]
pub struct Outcome {
    /// Everything that is wrong.
    pub findings: Vec<Finding>,
    /// What is odd but harmless.
    pub warnings: Vec<String>,
    /// Images whose metadata was checked.
    pub images: u32,
    /// Blobs whose content was checked.
    pub blobs: u64,
    /// Their uncompressed size in bytes.
    pub bytes: u64,
    /// Files whose integrity table was checked.
    pub integrity_tables: u32,
}

impl Outcome {
    /// The outcome of verifying a file that cannot be opened.
    ///
    /// # Errors
    /// The error, if it is not the content of the file that is at fault.
    pub fn of_unreadable(error: WimError) -> Result<Self, WimError> {
        let mut outcome = Self::default();
        outcome.add_unreadable(error)?;
        Ok(outcome)
    }

    fn add_unreadable(&mut self, error: WimError) -> Result<(), WimError> {
        if !error.is_damage() {
            return Err(error);
        }
        self.findings.push(Finding::Unreadable { error: error.to_string() });
        Ok(())
    }

    /// Whether nothing is wrong.
    pub fn is_good(&self) -> bool {
        self.findings.is_empty()
    }
}

/// Why verification did not come to an end.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum VerifyError {
    /// The file cannot be read, or there is too little memory.
    #[error(transparent)]
    Wim(#[from] WimError),
    /// It was asked to stop.
    #[error("interrupted")]
    Interrupted,
}

/// Verifies `wim`. To find all that is wrong, and not only the first, it should have been opened leniently.
///
/// # Errors
/// [`VerifyError`]: the system cannot read the file, or the work was interrupted. Everything else is a [`Finding`].
pub fn verify(wim: &Wim, options: &Options, control: Control<'_>) -> Result<Outcome, VerifyError> {
    let mut outcome = Outcome::default();
    outcome.findings.extend(wim.missing_parts().into_iter().map(|part| Finding::MissingPart { part }));
    check_integrity(wim, &mut outcome, control)?;

    let contents = match wim.contents() {
        Ok(contents) => contents,
        Err(error) => {
            outcome.add_unreadable(error)?;
            return Ok(outcome);
        }
    };
    outcome.findings.extend(contents.faults.iter().map(|fault| {
        let WimFile { path, header, .. } = &wim.files()[fault.file];
        Finding::BlobTable { file: path.clone(), offset: header.blob_table.offset_in_wim, error: fault.error }
    }));
    let references = check_metadata(wim, &mut outcome, control)?;
    // What is wrong with blobs, to be completed with the paths that need them.
    let mut missing: Vec<(Sha1, u32)> =
        references.iter().filter(|(sha1, _)| contents.find(sha1).is_none()).map(|(s, n)| (*s, *n)).collect();
    missing.sort_unstable();
    let damaged = check_blobs(wim, options, &mut outcome, control)?;
    warn_of_reference_counts(wim, &references, &mut outcome)?;
    outcome.warnings.extend(wim.warnings().map(str::to_owned));

    let wanted = damaged.iter().map(|(blob, _)| blob.sha1).chain(missing.iter().map(|(sha1, _)| *sha1));
    let (mut used_by, complete) = find_paths(wim, wanted.map(|sha1| (sha1, Vec::new())).collect(), control)?;
    if !complete {
        let limit = MAX_PATHS_NBYTES >> 20;
        outcome
            .warnings
            .push(format!("paths of files that need damaged blobs take more than {limit} MiB; the rest is left out"));
    }
    for (blob, damage) in damaged {
        let offset = match blob.location {
            Location::Plain(resource) => resource.offset_in_wim,
            Location::Solid { resource, .. } => contents.solid_resources[resource].1.offset_in_wim,
        };
        outcome.findings.push(Finding::Blob {
            sha1: blob.sha1,
            file: wim.files()[blob.file].path.clone(),
            offset,
            damage,
            used_by: used_by.remove(&blob.sha1).unwrap_or_default(),
        });
    }
    for (sha1, references) in missing {
        let used_by = used_by.remove(&sha1).unwrap_or_default();
        outcome.findings.push(Finding::MissingBlob { sha1, references, used_by });
    }
    if options.strict {
        outcome.findings.extend(strict::check_chunks(wim, options.memory, control)?);
    }
    Ok(outcome)
}

fn check_integrity(wim: &Wim, outcome: &mut Outcome, control: Control<'_>) -> Result<(), VerifyError> {
    for file in wim.own_files() {
        let table = match wim.integrity_table(file) {
            Ok(None) => continue,
            Ok(Some(table)) => table,
            Err(error) => {
                outcome.findings.push(Finding::IntegrityTable { file: file.path.clone(), error });
                continue;
            }
        };
        let end = file.header.blob_table.end_in_wim().unwrap_or(0);
        control.progress.begin("Checking integrity", end);
        let mismatches = table
            .mismatches(&*file.source, end, control)
            .map_err(|source| WimError::Io { path: file.path.clone(), source })?
            .ok_or(VerifyError::Interrupted)?;
        outcome.integrity_tables += 1;
        match mismatches {
            Ok(offsets) => outcome.findings.extend(offsets.into_iter().map(|offset| Finding::IntegrityPiece {
                file: file.path.clone(),
                offset,
                size: (end - offset).min(table.piece_size.into()),
            })),
            Err(error) => outcome
                .findings
                .push(Finding::IntegrityTable { file: file.path.clone(), error: IntegrityTableError::Table(error) }),
        }
    }
    Ok(())
}

/// Reads every image's metadata and counts the references to each blob.
fn check_metadata(wim: &Wim, outcome: &mut Outcome, control: Control<'_>) -> Result<HashMap<Sha1, u32>, VerifyError> {
    let mut references = HashMap::new();
    for image in wim.images() {
        if control.interrupted() {
            return Err(VerifyError::Interrupted);
        }
        match wim.metadata(image) {
            Ok(metadata) => {
                count_references(&metadata, &mut references);
                outcome.images += 1;
                for warning in metadata.warnings().iter() {
                    outcome.warnings.push(format!("image {image}: {warning}"));
                }
            }
            Err(WimError::Io { path, source }) => return Err(WimError::Io { path, source }.into()),
            Err(error) => outcome.findings.push(Finding::Metadata { image, error: error.to_string() }),
        }
    }
    Ok(references)
}

/// Adds the stream references of an image to `references`.
pub(super) fn count_references(metadata: &Metadata, references: &mut HashMap<Sha1, u32>) {
    for (_, stream) in metadata.blob_references() {
        let count = references.entry(stream.sha1).or_insert(0_u32);
        *count = count.saturating_add(1);
    }
}

/// Reads every blob of the file itself; returns those that are damaged.
fn check_blobs(
    wim: &Wim,
    options: &Options,
    outcome: &mut Outcome,
    control: Control<'_>,
) -> Result<Vec<(KnownBlob, Damage)>, VerifyError> {
    let contents = wim.contents()?;
    let mut blobs: Vec<&KnownBlob> = contents.blobs[..contents.own_blobs].iter().collect();
    blobs.sort_by_cached_key(|blob| reading_order(blob, contents));
    let requests: Vec<Request> = blobs.iter().map(|blob| wim.request(blob)).collect::<Result<_, _>>()?;
    wim.check_memory(&requests, options.memory)?;
    let bytes = blobs.iter().fold(0_u64, |sum, blob| sum.saturating_add(blob.size));
    control.progress.begin("Verifying", bytes);
    let mut sink = Checker::default();
    match read_blobs(&wim.sources(), &requests, &mut sink, wim.decoders(), options.memory, control) {
        Ok(()) => {}
        Err(Stopped::Interrupted) => return Err(VerifyError::Interrupted),
        Err(Stopped::Sink(never)) => match never {},
    }
    outcome.blobs = blobs.len() as u64;
    outcome.bytes = bytes;
    Ok(sink.damaged.into_iter().map(|(request, damage)| (*blobs[request], damage)).collect())
}

/// Keeps what is damaged.
#[derive(Default)]
struct Checker {
    damaged: Vec<(usize, Damage)>,
}

impl Sink for Checker {
    type Error = std::convert::Infallible;

    fn accept(&mut self, batch: &[Segment<'_>]) -> Result<(), Self::Error> {
        for segment in batch {
            let damage = match segment.end {
                None | Some(BlobEnd::Intact) => continue,
                Some(BlobEnd::Mismatch { found }) => Damage::Mismatch { found },
                Some(BlobEnd::Unreadable(error)) => Damage::Unreadable(error),
            };
            self.damaged.push((segment.request, damage));
        }
        Ok(())
    }
}

/// Counts in the blob table are advisory, and files with wrong ones are in use: a warning.
fn warn_of_reference_counts(
    wim: &Wim,
    references: &HashMap<Sha1, u32>,
    outcome: &mut Outcome,
) -> Result<(), VerifyError> {
    if outcome.images < wim.image_count() {
        return Ok(()); // counts of unread images are unknown
    }
    let contents = wim.contents()?;
    let own = &contents.blobs[..contents.own_blobs];
    let wrong = own.iter().filter(|blob| references.get(&blob.sha1).copied().unwrap_or(0) != blob.reference_count);
    let (wrong, unused) = wrong.fold((0, 0), |(wrong, unused), blob| match references.get(&blob.sha1) {
        Some(_) => (wrong + 1, unused),
        None => (wrong, unused + 1),
    });
    if wrong > 0 {
        outcome.warnings.push(format!("{wrong} blobs have a wrong reference count in the blob table"));
    }
    if unused > 0 {
        outcome.warnings.push(format!("{unused} blobs are used by no image; `wimkit optimize` drops them"));
    }
    Ok(())
}

/// Completes `wanted` with the files that need each blob, the first few of each; and whether there was room for these.
fn find_paths(
    wim: &Wim,
    mut wanted: HashMap<Sha1, Vec<FilePath>>,
    control: Control<'_>,
) -> Result<(HashMap<Sha1, Vec<FilePath>>, bool), VerifyError> {
    let mut room = MAX_PATHS_NBYTES;
    if wanted.is_empty() {
        return Ok((wanted, true));
    }
    for image in wim.images() {
        if control.interrupted() {
            return Err(VerifyError::Interrupted);
        }
        // What cannot be read has been found already.
        let Ok(metadata) = wim.metadata(image) else { continue };
        for (dentry, stream) in metadata.blob_references() {
            if let Some(paths) = wanted.get_mut(&stream.sha1).filter(|paths| paths.len() < MAX_PATHS_PER_BLOB) {
                let path = metadata.entry(dentry).path();
                // Names of 64 KiB in one another make a path, for each blob, as large as the file that is verified.
                let Some(left) = room.checked_sub(path.len()) else { return Ok((wanted, false)) };
                room = left;
                paths.push(FilePath { image, path });
            }
        }
    }
    Ok((wanted, true))
}
