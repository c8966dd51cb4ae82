//! Extracting files, directories and links of an image into a directory.
//!
//! The archive is taken to be hostile. Names are judged before they are used ([`NameRules`]); every directory is opened
//! by its single name in its parent, never through a link ([`Dir`]); files are made anew, never written through
//! what is there; symbolic links come after everything else, so that none made here can lead anywhere. Whatever cannot
//! be extracted is listed in the [`Outcome`].
//!
//! The order: directories ▶ files, in the order in which their blobs are stored, each blob once for all its files ▶ hard
//! links ▶ symbolic links ▶ the times of directories, the deepest first.
//!
//! Owners and modes come with the times, the owner first: a change of the owner takes the set-user-id bit away. Where the
//! owner cannot be set, there is no such bit. Devices, pipes and sockets are made only if they are asked for.

mod boot_files;
mod directories;
mod finish;
mod names;
mod not_restored;
mod outcome;
mod plan;
mod select;
mod spool;
#[cfg(test)]
mod tests;
mod unix;
mod windows;
mod write;

pub use names::NameRules;
pub use not_restored::NotRestored;
pub use outcome::{ExtractError, LeftOut, Outcome, Problem, Refused, UnixMade};
pub use select::Selection;

use std::collections::HashSet;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rayon::prelude::*;

use super::engine::{Request, Stopped, default_memory, read_blobs};
use super::metadata::{DentryId, Metadata, reparse};
use super::reader::{KnownBlob, Wim, reading_order};
use crate::util::os::{CompactFormat, Dir};
use crate::util::progress::Control;
use crate::util::sha1::Sha1;
use directories::Directories;
use finish::Finish;
use plan::{FailedDirectories, Naming, Plan, Target};
use spool::{Extent, Spool};
use unix::Unix;
use windows::{Lost, Restoring, Windows};
use write::{Failed, Wanted, Writing, problem_of};

pub(super) use write::Extractor;

/// How an image is extracted.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// Replace files and links that exist. Directories are always entered, never replaced.
    pub overwrite: bool,
    /// Leave holes in files for long runs of zeros.
    pub sparse: bool,
    /// Whose rules names must keep.
    pub name_rules: NameRules,
    /// Restore owners, groups and modes, and make devices, pipes and sockets, as far as the image keeps them. What needs a
    /// privilege that is missing is counted.
    pub unix_data: bool,
    /// Restore security descriptors, where the target can hold them.
    pub security_descriptors: bool,
    /// Let the Windows Overlay Filter keep files compressed.
    pub compact: Option<CompactFormat>,
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
            unix_data: false,
            security_descriptors: true,
            compact: None,
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
    let mut job = Job::plan(tree, selection, target, options, control)?;
    let mut reading = Reading::of(wim, &mut job.plan)?;
    if let Err(refused) = reading.check(wim, target, &job.root, options) {
        job.undo();
        return Err(refused);
    }
    if job.make_directories()? {
        reading = Reading::of(wim, &mut job.plan)?;
    }
    let Reading { blobs, wanted, requests, mut failed } = reading;
    control.progress.begin("Extracting", blobs.iter().map(|blob| blob.size).fold(0, u64::saturating_add));
    let mut received = job.receive(&wanted, |sink| {
        read_blobs(&wim.sources(), &requests, sink, wim.decoders(), options.memory, control).map_err(Some)
    })?;
    failed.extend(std::mem::take(&mut received.failed));
    job.finish(&wanted, &sizes(&blobs), Received { failed, ..received })
}

/// Extracts all of `tree` into `target`, where blobs come as they like: `feed` gives the sink those it is told, of which requests
/// are the numbers, and answers their sizes. A blob whose size it does not answer did not come. If `feed` answers `None`
/// as its error, it knows why it stopped; this answers [`ExtractError::Interrupted`] then.
///
/// # Errors
/// As [`extract`].
pub(super) fn extract_fed(
    tree: &Metadata,
    target: &Path,
    options: &Options,
    control: Control<'_>,
    feed: impl FnOnce(&[Sha1], &mut Extractor<'_>) -> Result<Vec<Option<u64>>, Option<Stopped<io::Error>>>,
) -> Result<Outcome, ExtractError> {
    let everything = Selection::everything();
    let mut job = Job::plan(tree, &everything, target, options, control)?;
    job.make_directories()?;
    let of = |(sha1, targets)| Wanted { sha1, targets };
    let wanted: Vec<Wanted> = std::mem::take(&mut job.plan.blobs).into_iter().map(of).collect();
    let hashes: Vec<Sha1> = wanted.iter().map(|wanted| wanted.sha1).collect();
    // How much will come is not known.
    control.progress.begin("Extracting", 0);
    let mut sizes = Vec::new();
    let mut received = job.receive(&wanted, |sink| feed(&hashes, sink).map(|came| sizes = came))?;
    let failed = &mut received.failed;
    for (wanted, size) in wanted.iter().zip(&sizes) {
        let nbytes = size.unwrap_or_default();
        let is_for_links = |target: &&Target| target.link().is_some() && nbytes > reparse::MAX_NBYTES;
        let too_large = wanted.targets.iter().filter(is_for_links);
        failed.extend(too_large.map(|target| Failed { target: *target, problem: Problem::ReparseSize { nbytes } }));
        if size.is_none() {
            let missing = |target: &Target| Failed { target: *target, problem: Problem::MissingBlob(wanted.sha1) };
            failed.extend(wanted.targets.iter().map(missing));
        }
    }
    let sizes: Vec<u64> = sizes.into_iter().map(Option::unwrap_or_default).collect();
    job.finish(&wanted, &sizes, received)
}

fn sizes(blobs: &[&KnownBlob]) -> Vec<u64> {
    blobs.iter().map(|blob| blob.size).collect()
}

/// An extraction under way.
struct Job<'a> {
    tree: &'a Metadata,
    selection: &'a Selection,
    target: &'a Path,
    options: &'a Options,
    control: Control<'a>,
    made: MadeTarget,
    root: Arc<Dir>,
    naming: Naming,
    plan: Plan,
    unix: Option<Unix>,
    windows: Option<Windows>,
    spool: Spool,
}

/// What became of the blobs.
struct Received {
    failed: Vec<Failed>,
    link_data: Vec<(u32, Vec<u8>)>,
    stream_data: Vec<(u32, Vec<Extent>)>,
}

impl<'a> Job<'a> {
    /// Makes the target and plans; the target stays empty.
    fn plan(
        tree: &'a Metadata,
        selection: &'a Selection,
        target: &'a Path,
        options: &'a Options,
        control: Control<'a>,
    ) -> Result<Self, ExtractError> {
        let target_error = |source| ExtractError::Target { path: target.to_owned(), source };
        let made = MadeTarget::make(target).map_err(target_error)?;
        let root = Arc::new(Dir::open(target).map_err(target_error)?);
        let case_sensitive = !plan::has_case_twins(tree) || is_case_sensitive(&root).map_err(target_error)?;
        let abilities = root.abilities();
        let naming = Naming { rules: options.name_rules, case_sensitive, unix_data: options.unix_data, abilities };
        let plan = Plan::new(tree, selection, naming, Vec::new());
        let unix = options.unix_data.then(Unix::default);
        let windows = Windows::new(abilities, options.security_descriptors, options.compact);
        let windows = abilities.attributes.then_some(windows);
        let spool = Spool::default();
        let job = Self { tree, selection, target, options, control, made, root, naming, plan, unix, windows, spool };
        match options.compact.map(|format| job.root.check_compact(format)) {
            Some(Err(source)) => {
                job.undo();
                Err(ExtractError::Compact { path: target.to_owned(), source })
            }
            _ => Ok(job),
        }
    }

    fn target_error(&self, source: io::Error) -> ExtractError {
        ExtractError::Target { path: self.target.to_owned(), source }
    }

    /// Takes the target away again, as far as it was made.
    fn undo(self) {
        drop(self.root);
        self.made.undo();
    }

    /// Makes the directories; answers whether there is another plan now, without those that cannot be made.
    fn make_directories(&mut self) -> Result<bool, ExtractError> {
        // What the end will forbid must not be open until then.
        let is_private = |id: DentryId| self.unix.is_some() && self.tree.entry(id).unix_data().is_some();
        let not_made =
            make_directories(&self.plan, &self.root, is_private, self.control).map_err(|stopped| match stopped {
                Stopped::Interrupted => ExtractError::Interrupted,
                Stopped::Sink(source) => self.target_error(source),
            })?;
        let is_replanned = !not_made.is_empty();
        if is_replanned {
            self.plan = Plan::new(self.tree, self.selection, self.naming, not_made);
        }
        Ok(is_replanned)
    }

    fn writing(&self) -> Writing<'_> {
        let directories = Directories::new(Arc::clone(&self.root), &self.plan.directories);
        let Options { sparse, overwrite, .. } = *self.options;
        let (unix, windows, spool) = (self.unix.as_ref(), self.windows.as_ref(), &self.spool);
        Writing { tree: self.tree, directories, files: &self.plan.files, sparse, overwrite, unix, windows, spool }
    }

    /// Makes the files, as `read` gives their contents to the sink. An error without a reason counts as an interruption.
    fn receive(
        &self,
        wanted: &[Wanted],
        read: impl FnOnce(&mut Extractor<'_>) -> Result<(), Option<Stopped<io::Error>>>,
    ) -> Result<Received, ExtractError> {
        let writing = self.writing();
        let mut failed =
            make_empty_files(&writing, &self.plan.empty_files).map_err(|source| self.target_error(source))?;
        let mut extractor = Extractor::new(&writing, wanted);
        let read = read(&mut extractor);
        extractor.abandon();
        match read {
            Ok(()) => {}
            Err(None | Some(Stopped::Interrupted)) => return Err(ExtractError::Interrupted),
            Err(Some(Stopped::Sink(source))) => return Err(self.target_error(source)),
        }
        failed.append(&mut extractor.failed);
        Ok(Received { failed, link_data: extractor.link_data, stream_data: extractor.stream_data })
    }

    /// Makes all that comes behind the files.
    fn finish(mut self, wanted: &[Wanted], sizes: &[u64], received: Received) -> Result<Outcome, ExtractError> {
        let Received { failed, link_data, stream_data } = received;
        for (link, data) in link_data {
            self.plan.links[link as usize].data = data;
        }
        for (stream, extents) in stream_data {
            self.plan.streams[stream as usize].extents = extents;
        }
        let refused_before = std::mem::take(&mut self.plan.refused);
        let (plan, writing) = (&self.plan, self.writing());
        let failed_files: HashSet<u32> = failed.iter().filter_map(|failure| failure.target.file()).collect();
        let failed_links: HashSet<u32> = failed.iter().filter_map(|failure| failure.target.link()).collect();
        let failed_streams: HashSet<u32> = failed.iter().filter_map(|failure| failure.target.stream()).collect();
        let mut refused = refused_before;
        refused.extend(failed.into_iter().map(|Failed { target, problem }| {
            let dentry = match target {
                Target::File(file) => plan.files[file as usize].dentry,
                Target::Link(link) => plan.links[link as usize].place.dentry,
                Target::Stream(stream) => plan.streams[stream as usize].dentry,
            };
            Refused { dentry, problem }
        }));
        let (made_links, made_names) = (Vec::new(), Vec::new());
        let mut finish = Finish { tree: self.tree, writing: &writing, refused, made_links, made_names };
        let hard_links =
            finish.hard_links(&plan.hard_links, &failed_files).map_err(|source| self.target_error(source))?;
        let symlinks = finish
            .links(&plan.links, &failed_links, &failed_files, &plan.directories)
            .map_err(|source| self.target_error(source))?;
        if let Some(windows) = &self.windows {
            let restoring = Restoring {
                windows,
                tree: self.tree,
                writing: &writing,
                plan,
                failed_files: &failed_files,
                failed_streams: &failed_streams,
                made_links: &finish.made_links,
                made_names: &finish.made_names,
                has_target: self.selection.is_everything(),
            };
            let problems = restoring.all().map_err(|source| self.target_error(source))?;
            finish.refused.extend(problems);
        }
        finish.directories(&plan.directories, self.selection.is_everything());
        let (owners, special_files) = self.unix.as_ref().map(Unix::counts).unwrap_or_default();
        let lost = self.windows.as_ref().map(Windows::lost);
        let Lost { named_streams, not_compacted, .. } = lost.unwrap_or_default();
        let left_out = LeftOut {
            hard_links: hard_links.copied,
            owners,
            special_files,
            named_streams: plan.left_out.named_streams + named_streams,
            not_compacted,
            ..plan.left_out
        };

        let written = |target: &Target| target.file().is_some_and(|file| !failed_files.contains(&file));
        let copies = |wanted: &Wanted| wanted.targets.iter().filter(|target| written(target)).count() as u64;
        Ok(Outcome {
            directories: plan.directories.iter().filter(|directory| !directory.failed).count() as u64,
            files: (plan.files.len() - failed_files.len()) as u64 - special_files,
            hard_links: hard_links.made + hard_links.copied,
            symlinks,
            bytes: sizes.iter().zip(wanted).map(|(size, wanted)| size.saturating_mul(copies(wanted))).sum(),
            refused: finish.refused,
            left_out,
            unix_made: self.unix.as_ref().map(Unix::made).unwrap_or_default(),
            not_restored: lost.map(|lost| lost.features),
            warnings: windows::missing_privileges(),
        })
    }
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

/// Makes the directories of the plan, those that are private for nobody else; answers which cannot be made, each with all
/// those in it.
fn make_directories(
    plan: &Plan,
    root: &Arc<Dir>,
    is_private: impl Fn(DentryId) -> bool,
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
        let made = directories.get(directory.parent).and_then(|parent| match is_private(directory.dentry) {
            true => parent.create_private_child(&directory.name),
            false => parent.create_child(&directory.name),
        });
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
