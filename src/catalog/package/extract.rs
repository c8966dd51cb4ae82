//! Extracting files of a package.

use std::collections::hash_map::Entry;
use std::collections::{BTreeMap, HashMap};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::super::payload;
use super::{Content, File, Node, Package, PackageError};
use crate::address::container;
use crate::cab::single_file::SingleFile;
use crate::cab::{self, target_path};
use crate::iso::read::{self as iso, IsoImage};
use crate::util::new_file::NewFile;
use crate::util::os::{Dir, Times};
use crate::util::progress::Control;
use crate::util::read_at::bytes_at;
use crate::util::utf16::upper_case;
use crate::wim;

/// How files are extracted.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// Replace files that exist.
    pub overwrite: bool,
    /// Without the directories: all files into the target itself. For cabinets only.
    pub flatten: bool,
    /// Go on behind damage, with what can still be had.
    pub keep_going: bool,
    /// Refuse to extract more bytes than this: before anything is made or, where the index of a payload does not tell how
    /// large its files are, before the file that is too much.
    pub max_bytes: Option<u64>,
    /// Bytes of decoded data that may be in memory at once.
    pub memory: u64,
}

/// What was extracted.
#[derive(Debug, Default)]
pub struct Outcome {
    /// Files that were made.
    pub files: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Paths of those that were not, and why not.
    pub missing: Vec<(String, String)>,
    /// What came of payloads, if there are any.
    pub payload: Option<PayloadCounts>,
}

/// What came of the files that payloads become.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PayloadCounts {
    /// How many were made; each has the digest that its index tells, if it tells one.
    pub decoded: u64,
    /// How many were refused for what: nothing is wrong with them.
    pub refused: BTreeMap<String, u64>,
    /// How many failed: something is damaged.
    pub failed: u64,
}

impl Package {
    /// Refuses what is tolerated otherwise: what there are warnings about, and several of the `chosen` files with the same
    /// path below the target, whatever its letter case.
    ///
    /// # Errors
    /// [`PackageError::NotStrict`] or [`PackageError::Duplicate`].
    pub fn check_strictly(&self, chosen: &[usize], flatten: bool) -> Result<(), PackageError> {
        if let Some(problem) = self.warnings.first() {
            return Err(PackageError::NotStrict { problem: problem.clone() });
        }
        let mut paths: HashMap<Vec<u16>, &File> = HashMap::new();
        for file in chosen.iter().map(|index| &self.files[*index]) {
            // A path that must not be made is refused when it would be.
            let Ok(parts) = target_path(&file.path) else { continue };
            let below = if flatten { &parts[parts.len() - 1..] } else { &parts[..] };
            let upper_case = below.join("\\").encode_utf16().map(upper_case).collect();
            if let Some(other) = paths.insert(upper_case, file) {
                let container = self.nodes[file.node].path().to_owned();
                return Err(PackageError::Duplicate { container, name: file.path.clone(), other: other.path.clone() });
            }
        }
        Ok(())
    }

    /// Extracts the `chosen` files, by their indices, into the directory `target`, which is made if need be.
    ///
    /// # Errors
    /// [`PackageError`]. With `keep_going`, damage and files that cannot be made are told by [`Outcome::missing`] instead.
    pub fn extract(
        &self,
        chosen: &[usize],
        target: &Path,
        options: &Options,
        control: Control<'_>,
    ) -> Result<Outcome, PackageError> {
        let mut by_node = vec![Vec::new(); self.nodes.len()];
        let mut needed = 0_u64;
        for file in self.wanted(chosen, options)? {
            needed = needed.saturating_add(self.member(file).size);
            by_node[file.node].push(file.member);
        }
        if let Some(limit) = options.max_bytes.filter(|limit| needed > *limit) {
            return Err(PackageError::TooMuch { needed, limit });
        }
        let mut whole = Outcome::default();
        let mut spare = options.max_bytes.map(|limit| limit - needed);
        for (node, members) in self.nodes.iter().zip(by_node).filter(|(_, members)| !members.is_empty()) {
            let below = if options.flatten { Ok(target.to_owned()) } else { directory_of(node, target) };
            match below.and_then(|below| node.extract(&members, &below, options, control, &mut spare, &mut whole)) {
                Err(error) if options.keep_going && !error.ends_all() => {
                    let problem = error.to_string();
                    let path = |member: usize| format!("{}{}", node.prefix, node.members()[member].path);
                    whole.missing.extend(members.iter().map(|member| (path(*member), problem.clone())));
                }
                result => result?,
            }
        }
        Ok(whole)
    }

    /// The chosen files, if all of them may be made; of several of the same path the last one. Nothing is made before that is known.
    fn wanted(&self, chosen: &[usize], options: &Options) -> Result<Vec<&File>, PackageError> {
        let chosen = chosen.iter().map(|index| &self.files[*index]);
        if let [node] = &*self.nodes
            && !node.is_single_file()
            && !node.is_iso()
        {
            // Its own extraction says where in it a name stands that must not be made.
            return Ok(chosen.collect());
        }
        let mut paths: HashMap<Vec<&str>, usize> = HashMap::new();
        let mut files = Vec::new();
        for file in chosen {
            let node = &self.nodes[file.node];
            if options.flatten && node.is_image() {
                return Err(PackageError::Flatten { container: node.path().to_owned() });
            }
            let mut parts = safe(node, &file.path)?;
            if options.flatten {
                parts.drain(..parts.len() - 1);
            }
            match paths.entry(parts) {
                Entry::Occupied(place) => files[*place.get()] = file,
                Entry::Vacant(place) => {
                    place.insert(files.len());
                    files.push(file);
                }
            }
        }
        Ok(files)
    }
}

/// The parts of a path below the target, if all of them may be made.
fn safe<'a>(node: &Node, path: &'a str) -> Result<Vec<&'a str>, PackageError> {
    target_path(path).map_err(|problem| {
        let container = node.path().to_owned();
        PackageError::Unsafe { container, name: path.to_owned(), problem }
    })
}

impl Node {
    fn is_single_file(&self) -> bool {
        matches!(&self.content, Content::Container(it) if matches!(it.content(), container::Content::SingleFile(_)))
    }

    fn is_iso(&self) -> bool {
        matches!(&self.content, Content::Container(it) if matches!(it.content(), container::Content::Iso(_)))
    }

    fn is_image(&self) -> bool {
        matches!(&self.content, Content::Container(it) if matches!(it.content(), container::Content::Image { .. }))
    }

    /// Extracts members; `spare` is what of the limit is left for files of an unknown size.
    fn extract(
        &self,
        members: &[usize],
        target: &Path,
        options: &Options,
        control: Control<'_>,
        spare: &mut Option<u64>,
        outcome: &mut Outcome,
    ) -> Result<(), PackageError> {
        let Options { overwrite, flatten, keep_going, max_bytes, memory } = *options;
        let container = match &self.content {
            Content::Container(container) => container,
            Content::Payload(payload) => {
                let options = payload::Options { overwrite, flatten, keep_going, memory, max_unsized: *spare };
                let done = payload.extract(members, target, &options, control)?;
                *spare = spare.map(|spare| spare - done.unsized_bytes);
                outcome.files += done.files;
                outcome.bytes += done.bytes;
                let path = |place: usize| format!("{}{}", self.prefix, payload.members()[place].path);
                outcome.missing.extend(done.missing.into_iter().map(|(place, problem)| (path(place), problem)));
                let counts = outcome.payload.get_or_insert_default();
                counts.decoded += done.files;
                counts.failed += done.failed;
                done.refused.into_iter().for_each(|(kind, count)| *counts.refused.entry(kind).or_default() += count);
                return Ok(());
            }
        };
        match container.content() {
            container::Content::Cabinet(cabinet) => {
                let options = cab::extract::Options { overwrite, flatten, keep_going, max_bytes };
                let done = cab::extract::extract(cabinet, members, target, &options, control)?;
                outcome.files += done.files;
                outcome.bytes += done.bytes;
                let path = |file: usize| format!("{}{}", self.prefix, cabinet.files()[file].name);
                outcome.missing.extend(done.missing.into_iter().map(|(file, problem)| (path(file), problem)));
            }
            container::Content::SingleFile(file) => {
                write(target, file, overwrite)
                    .map_err(|source| PackageError::Target { path: target.join(&file.name), source })?;
                outcome.files += 1;
                outcome.bytes += file.content.len() as u64;
            }
            container::Content::Iso(image) => {
                control.progress.begin("Extracting", members.iter().map(|member| image.files()[*member].size).sum());
                for &member in members {
                    let file = &image.files()[member];
                    copy(image, file, &safe(self, &self.members()[member].path)?, target, options, control)?;
                    outcome.files += 1;
                    outcome.bytes += file.size;
                }
            }
            container::Content::Image { .. } if flatten => {
                return Err(PackageError::Flatten { container: self.path().to_owned() });
            }
            container::Content::Image { wim, tree, files } => {
                let selection = wim::extract::Selection::entries(tree, members.iter().map(|member| files[*member]));
                let options =
                    wim::extract::Options { overwrite, max_bytes, memory, ..wim::extract::Options::default() };
                let done = wim::extract::extract(wim, tree, &selection, target, &options, control)?;
                outcome.files += done.files + done.hard_links;
                outcome.bytes += done.bytes;
                let path = |path: String| format!("{}{}", self.prefix, path.trim_start_matches('/').replace('/', "\\"));
                let refused = done.refused.iter();
                outcome.missing.extend(refused.map(|refused| (path(refused.path(tree)), refused.problem.to_string())));
            }
        }
        Ok(())
    }
}

/// Makes a file that was compressed by itself.
fn write(target: &Path, file: &SingleFile, overwrite: bool) -> io::Result<()> {
    std::fs::create_dir_all(target)?;
    let mut new = NewFile::create(Arc::new(Dir::open(target)?), &file.name, overwrite)?;
    new.file.write_all(&file.content)?;
    new.finish(&Times::default())
}

/// Makes a file of an ISO image, whose path has these parts.
fn copy(
    image: &IsoImage,
    file: &iso::File,
    parts: &[&str],
    target: &Path,
    options: &Options,
    control: Control<'_>,
) -> Result<(), PackageError> {
    /// Bytes copied at a time.
    const PIECE: u64 = 1 << 20;
    let error = |source| PackageError::Target { path: target.join(parts.join("/")), source };
    let (name, directories) = parts.split_last().ok_or_else(|| error(io::ErrorKind::InvalidFilename.into()))?;
    let make = || {
        std::fs::create_dir_all(target)?;
        let mut directory = Dir::open(target)?;
        for part in directories.iter().filter(|_| !options.flatten) {
            directory.create_child(part)?;
            directory = directory.open_child(part)?;
        }
        NewFile::create(Arc::new(directory), name, options.overwrite)
    };
    let mut new = make().map_err(error)?;
    let contents = image.contents(file);
    for offset in (0..file.size).step_by(PIECE as usize) {
        if control.interrupted() {
            return Err(PackageError::Interrupted);
        }
        let length = PIECE.min(file.size - offset);
        let bytes = bytes_at(&*contents, offset, length as usize).map_err(error)?;
        new.file.write_all(&bytes).map_err(error)?;
        control.progress.advance(length);
    }
    new.finish(&Times { write: file.time, ..Times::default() }).map_err(error)
}

/// The directory that a container's members go to. It is made, and no link on the way below the target is followed.
fn directory_of(node: &Node, target: &Path) -> Result<PathBuf, PackageError> {
    if node.prefix.is_empty() {
        return Ok(target.to_owned());
    }
    let mut path = target.to_owned();
    let parts = safe(node, &node.prefix)?;
    let make = |path: &mut PathBuf| {
        std::fs::create_dir_all(&path)?;
        let mut directory = Dir::open(path)?;
        for part in parts {
            path.push(part);
            directory.create_child(part)?;
            directory = directory.open_child(part)?;
        }
        Ok(())
    };
    make(&mut path).map_err(|source| PackageError::Target { path: path.clone(), source })?;
    Ok(path)
}
