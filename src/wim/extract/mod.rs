//! Extracting files, directories and links of an image into a directory.
//!
//! The archive is taken to be hostile. Names are judged before they are used ([`NameRules`]); every directory is opened
//! by its single name in its parent, never through a link ([`Dir`]); files are made anew, never written through
//! what is there; symbolic links come after everything else, so that none made here can lead anywhere. Whatever cannot
//! be extracted is listed in the [`Outcome`].
//!
//! The order: directories ▶ files, in the order in which their blobs are stored, each blob once for all its files ▶ hard
//! links ▶ symbolic links ▶ the times of directories, the deepest first.

mod directories;
mod finish;
mod names;
mod not_restored;
mod outcome;
mod plan;
mod select;
#[cfg(test)]
mod tests;
mod write;

pub use names::NameRules;
pub use not_restored::NotRestored;
pub use outcome::{ExtractError, LeftOut, Outcome, Problem, Refused};
pub use select::Selection;

use std::collections::HashSet;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rayon::prelude::*;

use super::engine::{Request, Stopped, default_memory, read_blobs};
use super::metadata::{Metadata, reparse};
use super::reader::{KnownBlob, Wim, reading_order};
use crate::util::os::Dir;
use crate::util::progress::Control;
use directories::Directories;
use finish::Finish;
use plan::{FailedDirectories, Naming, Plan, Target};
use write::{Extractor, Failed, Wanted, Writing, problem_of};

/// How an image is extracted.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// Replace files and links that exist. Directories are always entered, never replaced.
    pub overwrite: bool,
    /// Leave holes in files for long runs of zeros.
    pub sparse: bool,
    /// Whose rules names must keep.
    pub name_rules: NameRules,
    /// Refuse to extract more bytes than this.
    pub max_bytes: Option<u64>,
    /// Bytes of decoded data that may be in memory at once.
    pub memory: u64,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            overwrite: false,
            sparse: false,
            name_rules: NameRules::default(),
            max_bytes: None,
            memory: default_memory(),
        }
    }
}

/// Extracts what is selected of `tree`, an image of `wim`, into the directory `target`, which is made if need be. Paths
/// below it are those in the image.
///
/// # Errors
/// [`ExtractError`]: the blob table cannot be read, the target not be written, or there is not enough room. What goes
/// wrong with single entries is told by [`Outcome::refused`].
pub fn extract(
    wim: &Wim,
    tree: &Metadata,
    selection: &Selection,
    target: &Path,
    options: &Options,
    control: Control<'_>,
) -> Result<Outcome, ExtractError> {
    let target_error = |source| ExtractError::Target { path: target.to_owned(), source };
    let made = MadeTarget::make(target).map_err(target_error)?;
    let root = Arc::new(Dir::open(target).map_err(target_error)?);
    let case_sensitive = !plan::has_case_twins(tree) || is_case_sensitive(&root).map_err(target_error)?;
    let naming = Naming { rules: options.name_rules, case_sensitive };

    let mut plan = Plan::new(tree, selection, naming, Vec::new());
    let mut reading = Reading::of(wim, &mut plan)?;
    if let Err(refused) = reading.check(wim, target, &root, options) {
        drop(root);
        made.undo();
        return Err(refused);
    }
    let not_made = make_directories(&plan, &root, control).map_err(|stopped| match stopped {
        Stopped::Interrupted => ExtractError::Interrupted,
        Stopped::Sink(source) => target_error(source),
    })?;
    if !not_made.is_empty() {
        plan = Plan::new(tree, selection, naming, not_made);
        reading = Reading::of(wim, &mut plan)?;
    }
    let Reading { blobs, wanted, requests, mut failed } = reading;
    control.progress.begin("Extracting", blobs.iter().map(|blob| blob.size).fold(0, u64::saturating_add));

    let directories = Directories::new(Arc::clone(&root), &plan.directories);
    let Options { sparse, overwrite, .. } = *options;
    let writing = Writing { tree, directories, files: &plan.files, sparse, overwrite };
    failed.extend(make_empty_files(&writing, &plan.empty_files).map_err(target_error)?);
    let mut extractor = Extractor::new(&writing, &wanted);
    let read = read_blobs(&wim.sources(), &requests, &mut extractor, wim.decoders(), options.memory, control);
    extractor.abandon();
    match read {
        Ok(()) => {}
        Err(Stopped::Interrupted) => return Err(ExtractError::Interrupted),
        Err(Stopped::Sink(source)) => return Err(target_error(source)),
    }
    failed.append(&mut extractor.failed);
    for (link, data) in extractor.link_data {
        plan.links[link as usize].data = data;
    }

    let failed_files: HashSet<u32> = failed.iter().filter_map(|failure| failure.target.file()).collect();
    let failed_links: HashSet<u32> = failed.iter().filter_map(|failure| failure.target.link()).collect();
    let mut refused = plan.refused;
    refused.extend(failed.into_iter().map(|Failed { target, problem }| {
        let place = match target {
            Target::File(file) => &plan.files[file as usize],
            Target::Link(link) => &plan.links[link as usize].place,
        };
        Refused { dentry: place.dentry, problem }
    }));
    let mut finish = Finish { tree, writing: &writing, refused };
    let hard_links = finish.hard_links(&plan.hard_links, &failed_files).map_err(target_error)?;
    plan.left_out.hard_links = hard_links.copied;
    let symlinks = finish.symlinks(&plan.links, &failed_links, &plan.directories).map_err(target_error)?;
    finish.directory_times(&plan.directories, selection.is_everything());

    let written = |target: &Target| target.file().is_some_and(|file| !failed_files.contains(&file));
    let copies = |wanted: &Wanted| wanted.targets.iter().filter(|target| written(target)).count() as u64;
    Ok(Outcome {
        directories: plan.directories.iter().filter(|directory| !directory.failed).count() as u64,
        files: (plan.files.len() - failed_files.len()) as u64,
        hard_links: hard_links.made + hard_links.copied,
        symlinks,
        bytes: blobs.iter().zip(&wanted).map(|(blob, wanted)| blob.size.saturating_mul(copies(wanted))).sum(),
        refused: finish.refused,
        left_out: plan.left_out,
    })
}

/// Whether the target tells names apart that differ in letter case only: tried out, as nothing else says.
fn is_case_sensitive(root: &Dir) -> io::Result<bool> {
    let name = format!(".wimkit-case-{}", std::process::id());
    let is_ours = root.create_child(&name)?;
    let found = root.contains(&name.to_uppercase());
    if is_ours {
        root.remove_child(&name)?;
    }
    Ok(!found?)
}

/// The target directory, with those it is in, as far as they were not there.
struct MadeTarget {
    /// The deepest one first.
    made: Vec<PathBuf>,
}

impl MadeTarget {
    fn make(target: &Path) -> io::Result<Self> {
        let missing = target.ancestors().take_while(|path| !path.as_os_str().is_empty() && !path.exists());
        let made = missing.map(Path::to_owned).collect();
        std::fs::create_dir_all(target)?;
        Ok(Self { made })
    }

    /// Removes them while they are empty.
    fn undo(self) {
        for directory in self.made {
            if std::fs::remove_dir(directory).is_err() {
                break; // somebody uses it by now
            }
        }
    }
}

/// Makes the directories of the plan; answers which cannot be made, each with all those in it.
fn make_directories(
    plan: &Plan,
    root: &Arc<Dir>,
    control: Control<'_>,
) -> Result<FailedDirectories, Stopped<io::Error>> {
    let mut failed = vec![false; plan.directories.len()];
    let mut not_made = FailedDirectories::new();
    let directories = Directories::new(Arc::clone(root), &plan.directories);
    for (index, directory) in plan.directories.iter().enumerate().skip(1) {
        if control.interrupted() {
            return Err(Stopped::Interrupted);
        }
        if failed[directory.parent as usize] {
            failed[index] = true;
            not_made.push((index as u32, None));
            continue;
        }
        let made = directories.get(directory.parent).and_then(|parent| parent.create_child(&directory.name));
        if let Err(error) = made {
            failed[index] = true;
            let problem = match problem_of(error).map_err(Stopped::Sink)? {
                Problem::Exists => Problem::KindDiffers,
                problem => problem,
            };
            not_made.push((index as u32, Some(problem)));
        }
    }
    Ok(not_made)
}

/// The blobs that a plan wants, and who wants each, in the order in which they are best read.
struct Reading<'a> {
    blobs: Vec<&'a KnownBlob>,
    wanted: Vec<Wanted>,
    requests: Vec<Request>,
    /// Who wants blobs that cannot be had.
    failed: Vec<Failed>,
}

impl<'a> Reading<'a> {
    fn of(wim: &'a Wim, plan: &mut Plan) -> Result<Self, ExtractError> {
        let contents = wim.contents()?;
        let mut failed = Vec::new();
        let mut found = Vec::with_capacity(plan.blobs.len());
        for (sha1, mut targets) in std::mem::take(&mut plan.blobs) {
            let Some(blob) = contents.find(&sha1) else {
                failed.extend(targets.into_iter().map(|target| Failed { target, problem: Problem::MissingBlob(sha1) }));
                continue;
            };
            if blob.size > reparse::MAX_NBYTES {
                let links = targets.extract_if(.., |target| target.link().is_some());
                failed
                    .extend(links.map(|target| Failed { target, problem: Problem::ReparseSize { nbytes: blob.size } }));
            }
            if !targets.is_empty() {
                found.push((blob, Wanted { sha1, targets }));
            }
        }
        found.sort_by_cached_key(|(blob, _)| reading_order(blob, contents));
        let (blobs, wanted): (Vec<&KnownBlob>, Vec<Wanted>) = found.into_iter().unzip();
        let requests = blobs.iter().map(|blob| wim.request(blob)).collect::<Result<_, _>>()?;
        Ok(Self { blobs, wanted, requests, failed })
    }

    /// Compares what is to be written with the limit and with what the target has room for, and what is to be decoded
    /// with the memory.
    fn check(&self, wim: &Wim, target: &Path, root: &Dir, options: &Options) -> Result<(), ExtractError> {
        wim.check_memory(&self.requests, options.memory)?;
        let files = |wanted: &Wanted| wanted.targets.iter().filter(|target| target.file().is_some()).count() as u64;
        let sizes = self.blobs.iter().zip(&self.wanted).map(|(blob, wanted)| blob.size.saturating_mul(files(wanted)));
        let needed = sizes.fold(0, u64::saturating_add);
        if let Some(limit) = options.max_bytes.filter(|limit| needed > *limit) {
            return Err(ExtractError::TooMuch { needed, limit });
        }
        // With holes, or files replaced, nobody knows before.
        let is_known = !options.sparse && !options.overwrite;
        match root.free_bytes().filter(|available| is_known && needed > *available) {
            Some(available) => Err(ExtractError::NoSpace { path: target.to_owned(), needed, available }),
            None => Ok(()),
        }
    }
}

fn make_empty_files(writing: &Writing<'_>, files: &[u32]) -> io::Result<Vec<Failed>> {
    let made = files.par_iter().map(|file| match writing.empty_file(*file) {
        Ok(()) => Ok(None),
        Err(error) => Ok(Some(Failed { target: Target::File(*file), problem: problem_of(error)? })),
    });
    Ok(made.collect::<io::Result<Vec<_>>>()?.into_iter().flatten().collect())
}
