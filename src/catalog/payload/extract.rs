//! Writing the files of a payload.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};
use std::io::{self, Write};
use std::path::Path;
use std::sync::Arc;

use super::super::cix::Place;
use super::super::psf::{self, Failure, Pieces};
use super::{Payload, PayloadError};
use crate::cab::target_path;
use crate::util::new_file::{NewFile, is_fatal};
use crate::util::os::{Dir, Times};
use crate::util::progress::Control;

/// How files are written.
#[derive(Clone, Copy, Debug, Default)]
pub struct Options {
    /// Replace files and links that exist.
    pub overwrite: bool,
    /// Without the directories: all files into the target itself.
    pub flatten: bool,
    /// Go on behind damage.
    pub keep_going: bool,
    /// Bytes that the files which are made, and those that they are made of, may have in memory.
    pub memory: u64,
    /// Stop at more bytes than this in files whose size the index does not tell: nobody can add those up beforehand.
    pub max_unsized: Option<u64>,
}

/// What was made.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Extracted {
    /// Files that were made.
    pub files: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Those of them in files whose size the index does not tell.
    pub unsized_bytes: u64,
    /// How many were refused for what.
    pub refused: BTreeMap<String, u64>,
    /// How many failed.
    pub failed: u64,
    /// Those that were not made, by their places, and why not.
    pub missing: Vec<(usize, String)>,
}

/// Pieces that cannot be read any more once the work is asked to stop: files that fail never come to the sink.
struct Interruptible<'a> {
    pieces: &'a dyn Pieces,
    control: Control<'a>,
}

impl Pieces for Interruptible<'_> {
    fn read(&self, place: &Place) -> Result<Cow<'_, [u8]>, Failure> {
        if self.control.interrupted() {
            return Err(Failure::Read("interrupted".to_owned()));
        }
        self.pieces.read(place)
    }
}

impl Payload {
    /// Makes the `chosen` files, by their places, below `target`, which is made if need be.
    ///
    /// # Errors
    /// [`PayloadError`]: the target cannot be written, or without `keep_going` a file failed. Files that are refused
    /// are told by [`Extracted::missing`].
    pub fn extract(
        &self,
        chosen: &[usize],
        target: &Path,
        options: &Options,
        control: Control<'_>,
    ) -> Result<Extracted, PayloadError> {
        let target_error = |source| PayloadError::Target { path: target.to_owned(), source };
        std::fs::create_dir_all(target).map_err(target_error)?;
        let root = Arc::new(Dir::open(target).map_err(target_error)?);
        let chosen = self.last_of_each_path(chosen, options.flatten);
        let sizes = chosen.iter().map(|place| self.members[*place].size);
        control.progress.begin("Expanding", sizes.fold(0, u64::saturating_add));
        let mut extracted = Extracted::default();
        let sink = |place: usize, bytes: &[u8]| {
            if control.interrupted() {
                return Err(PayloadError::Interrupted);
            }
            let size = bytes.len() as u64;
            let unsized_bytes = if self.index.files[place].size.is_none() { size } else { 0 };
            let left = options.max_unsized.map(|limit| limit - extracted.unsized_bytes);
            if let Some(left) = left.filter(|left| unsized_bytes > *left) {
                let (path, name) = (self.path.clone(), self.members[place].path.clone());
                return Err(PayloadError::BeyondLimit { path, name, size, left });
            }
            match self.write(place, bytes, &root, options) {
                Ok(()) => {
                    extracted.files += 1;
                    extracted.bytes += size;
                    extracted.unsized_bytes += unsized_bytes;
                }
                Err(source) if is_fatal(&source) || !options.keep_going => {
                    return Err(PayloadError::Target { path: target.join(&self.members[place].path), source });
                }
                Err(source) => extracted.missing.push((place, source.to_string())),
            }
            control.progress.advance(size);
            Ok(())
        };
        // A delta has its source, a copy of that, and its target.
        let limits = psf::Options { max_file: options.memory / 4, max_kept: options.memory / 4 };
        let pieces = Interruptible { pieces: &self.content, control };
        let outcome = psf::reconstruct(&self.index, &pieces, &chosen, &limits, sink)?;
        if control.interrupted() {
            return Err(PayloadError::Interrupted);
        }
        if let Some((place, failure)) = outcome.failed.first().filter(|_| !options.keep_going) {
            let (path, name) = (self.path.clone(), self.members[*place].path.clone());
            return Err(PayloadError::File { path, name, failure: Box::new(failure.clone()) });
        }
        extracted.refused = outcome.refused_by_kind();
        extracted.failed = outcome.failed.len() as u64;
        extracted.missing.extend(outcome.refused.iter().map(|(place, refusal)| (*place, refusal.to_string())));
        extracted.missing.extend(outcome.failed.iter().map(|(place, failure)| (*place, failure.to_string())));
        extracted.missing.sort_unstable();
        Ok(extracted)
    }

    /// Of several files of the same path the last one counts.
    fn last_of_each_path(&self, chosen: &[usize], flatten: bool) -> Vec<usize> {
        let path = |place: &usize| (self.parts(*place, flatten), *place);
        let mut places: Vec<usize> = chosen.iter().map(path).collect::<HashMap<_, _>>().into_values().collect();
        places.sort_unstable();
        places
    }

    /// The parts of a file's path below the target.
    fn parts(&self, place: usize, flatten: bool) -> Vec<&str> {
        let mut parts = target_path(&self.members[place].path).expect("the index was checked when it was read");
        if flatten {
            parts.drain(..parts.len() - 1);
        }
        parts
    }

    fn write(&self, place: usize, bytes: &[u8], root: &Arc<Dir>, options: &Options) -> io::Result<()> {
        let parts = self.parts(place, options.flatten);
        let (name, parents) = parts.split_last().expect("a path has a last part");
        let mut directory = Arc::clone(root);
        for parent in parents {
            directory.create_child(parent)?;
            directory = Arc::new(directory.open_child(parent)?);
        }
        let mut new = NewFile::create(directory, name, options.overwrite)?;
        new.file.write_all(bytes)?;
        let time = self.members[place].time;
        new.finish(&Times { creation: time, access: time, write: time })
    }
}
