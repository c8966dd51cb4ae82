//! Carrying out a plan.
//!
//! The original media are read alone. Each image that is serviced becomes a file of its own in the work directory; when it is
//! done, that is written into the journal, and so is each native step. A run that is stopped at any point begins an unfinished
//! image anew from the original, so that it comes to the same end.

mod error;
mod journal;
mod native;
mod record;
mod row;
mod session;
mod sizes;
mod summary;

pub use error::RunError;
pub use journal::Journal;
pub use record::{Asked, End, ImageSizes, Outcome, Record, Sitting, Sizes, Trouble};
pub use row::{Row, RowStatus};
pub use summary::{Status, Summary};

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use super::check::{self, check};
use super::media::boot::{MANAGERS, Signer};
use super::media::{BOOT_ARCHIVE, INSTALL_ARCHIVES, Media};
use super::plan::{Facts, Native, Plan, Step, Work, plan};
use super::settings::Settings;
use super::step::{Target, Task};
use crate::servicing::code::Code;
use crate::servicing::request::Request;
use crate::servicing::{Servicing, Workplace};
use crate::util::clock::Clock;
use crate::util::filetime::FileTime;
use crate::util::progress::Control;
use crate::util::read_at::bytes_at;
use crate::util::sha1::Hasher;
use crate::wim::ImageIndex;

/// How a run goes.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// Stop where a step fails, instead of going on without it.
    pub stop_on_error: bool,
    /// Do so many steps and then stop, as if the power had gone.
    pub stop_after: Option<u32>,
    /// What the user notes about it.
    pub note: Option<String>,
    /// What time it is.
    pub clock: Clock,
}

/// Hears of each step that has come to its end.
pub type Told<'a> = &'a mut dyn FnMut(&Step, &Record);

/// A run that can be begun or gone on with.
#[derive(Debug)]
pub struct Prepared {
    /// Its journal.
    pub journal: Journal,
    /// All that it does.
    pub plan: Plan,
}

/// Prepares a run: makes the plan, and begins the journal.
///
/// # Errors
/// [`RunError`]: there is no plan, or there is a run already.
pub fn begin(settings: &Settings, clock: Clock, control: Control<'_>) -> Result<Prepared, RunError> {
    let settings = settings.absolute().map_err(|source| RunError::Io { path: settings.work.clone(), source })?;
    let plan = plan(&settings, &Facts::gather(&settings, control)?)?;
    let is_empty = fs::read_dir(&settings.new_media).map_or(true, |mut entries| entries.next().is_none());
    native::make_directory(&settings.work)?;
    if !is_empty && Journal::open(&settings.work).is_err() {
        return Err(RunError::NotEmpty { path: settings.new_media });
    }
    let journal = Journal::begin(&settings, &fingerprint(&settings, &plan)?, clock.now())?;
    Ok(Prepared { journal, plan })
}

/// Prepares to go on with the run of a work directory.
///
/// # Errors
/// [`RunError`]: there is none, or media or packages have changed meanwhile.
pub fn resume(work: &Path, control: Control<'_>) -> Result<Prepared, RunError> {
    look(work, control)
}

/// The run of a work directory, to look at.
///
/// # Errors
/// [`RunError`]: there is none, or its media or packages are gone or have changed.
pub fn look(work: &Path, control: Control<'_>) -> Result<Prepared, RunError> {
    let journal = Journal::open(work)?;
    let settings = &journal.settings;
    let plan = plan(settings, &Facts::gather(settings, control)?)?;
    // What is kept of steps is kept by their places in the plan: of another plan, it would tell about other steps.
    if fingerprint(settings, &plan)? != journal.fingerprint {
        return Err(RunError::Changed { path: settings.work.clone() });
    }
    Ok(Prepared { journal, plan })
}

impl Prepared {
    /// Does what is left to do.
    ///
    /// # Errors
    /// [`RunError`]. What was done so far is kept, and [`resume`] goes on.
    pub fn carry_out(
        &self,
        servicing: &mut dyn Servicing,
        options: &Options,
        control: Control<'_>,
        told: Told<'_>,
    ) -> Result<Summary, RunError> {
        let place = self.journal.sittings()?.len() as u32;
        let begun = if place == 0 { self.journal.begun } else { options.clock.now() };
        let servicer = servicing.name().to_owned();
        let mut sitting = Sitting { begun, ended: None, servicer, note: options.note.clone(), end: None };
        self.journal.put_sitting(place, &sitting)?;
        let run = Run::new(&self.journal, self.plan.clone(), servicing, options, control);
        let result = run.and_then(|run| run.carry_out(told));
        sitting.ended = Some(options.clock.now());
        sitting.end = Some(match &result {
            Ok(true) => End::Deferred,
            Ok(false) => End::Complete,
            Err(error) => error.end(),
        });
        let kept = self.journal.put_sitting(place, &sitting);
        // The error that ended the run tells more than that it could not be kept.
        result?;
        kept?;
        self.summary()
    }

    /// What came of it so far.
    ///
    /// # Errors
    /// The journal cannot be read.
    pub fn summary(&self) -> Result<Summary, RunError> {
        Ok(Summary {
            plan: self.plan.clone(),
            records: self.journal.records()?,
            sittings: self.journal.sittings()?,
            work: self.journal.settings.work.clone(),
        })
    }
}

/// What the run depends on: the plan, the packages' contents, and the headers of the archives, which tell their identities.
fn fingerprint(settings: &Settings, plan: &Plan) -> Result<String, RunError> {
    const HEADER_NBYTES: u64 = 208;
    const PIECE: u64 = 1 << 20;
    let mut hasher = Hasher::new();
    hasher.update(format!("{:?}", plan.steps).as_bytes());
    let mut add = |path: &Path, limit: u64| -> Result<(), RunError> {
        let failure = |source| RunError::Io { path: path.to_owned(), source };
        let file = Media::source(path)?;
        hasher.update(&file.size().to_le_bytes());
        let end = file.size().min(limit);
        for offset in (0..end).step_by(PIECE as usize) {
            hasher.update(&bytes_at(&*file, offset, PIECE.min(end - offset) as usize).map_err(failure)?);
        }
        Ok(())
    };
    let media = Media::open(&settings.media)?;
    for path in [BOOT_ARCHIVE, INSTALL_ARCHIVES[0]] {
        media.find(path).map_or(Ok(()), |path| add(&path, HEADER_NBYTES))?;
    }
    let mut packages: Vec<&PathBuf> = Vec::new();
    for step in &plan.steps {
        match &step.work {
            Work::Service(requests) => packages.extend(requests.iter().filter_map(|request| match request {
                Request::AddPackage { path } => Some(path),
                _ => None,
            })),
            Work::Native(Native::ExpandSetupDu { package }) => packages.push(package),
            _ => {}
        }
    }
    let expanded = settings.expanded_features();
    let features = settings.features.as_deref().map(Media::open).transpose()?.filter(Media::is_iso);
    packages.sort();
    packages.dedup();
    for path in packages {
        // What is taken out of an image is looked at in the image.
        match (&features, path.strip_prefix(&expanded)) {
            (Some(iso), Ok(inside)) => add(&iso.root().join(inside), u64::MAX)?,
            _ => add(path, u64::MAX)?,
        }
    }
    Ok(hasher.finish().to_string())
}

/// A run under way.
struct Run<'a> {
    settings: &'a Settings,
    journal: &'a Journal,
    plan: Plan,
    media: Media,
    servicing: &'a mut dyn Servicing,
    options: &'a Options,
    control: Control<'a>,
    records: BTreeMap<u32, Record>,
    is_deferred: bool,
    /// Steps done by this call.
    count: u32,
    /// The step of an image that failed last, and how; `None`: unmounting it.
    last_failure: Option<(Option<u8>, Code)>,
    /// What there is to say at the next step that the servicer does.
    notes: Vec<String>,
}

impl<'a> Run<'a> {
    fn new(
        journal: &'a Journal,
        plan: Plan,
        servicing: &'a mut dyn Servicing,
        options: &'a Options,
        control: Control<'a>,
    ) -> Result<Self, RunError> {
        let settings = &journal.settings;
        let media = Media::open(&settings.media)?;
        let records = journal.records()?;
        Ok(Self {
            settings,
            journal,
            plan,
            media,
            servicing,
            options,
            control,
            records,
            is_deferred: false,
            count: 0,
            last_failure: None,
            notes: Vec::new(),
        })
    }

    /// Does what is to be done, and answers whether images wait to be serviced elsewhere. What an earlier run has left mounted is
    /// given up before, and what stays mounted behind a failure after that.
    fn carry_out(mut self, told: Told<'_>) -> Result<bool, RunError> {
        for directory in [self.settings.new_media.clone(), self.in_work("images"), self.saved()] {
            native::sweep(&directory, &self.media)?;
        }
        let is_service =
            |(place, step): (u32, &Step)| matches!(step.work, Work::Service(_)) && !self.records.contains_key(&place);
        let is_serviced = (0..).zip(&self.plan.steps).any(is_service);
        if is_serviced {
            self.notes = self.clean(self.control)?;
        }
        let result = self.steps(told);
        if is_serviced && !matches!(result, Err(RunError::Stopped { .. })) {
            // Also behind Ctrl-C, and whatever comes of it: the failure tells more, and the next run looks again.
            let _ = self.clean(Control::silent());
        }
        result?;
        Ok(self.is_deferred)
    }

    fn clean(&mut self, control: Control<'_>) -> Result<Vec<String>, RunError> {
        let (scratch, logs) = (self.in_work("scratch"), self.in_work("logs"));
        let place = Workplace { work: &self.settings.work, scratch: &scratch, logs: &logs };
        Ok(self.servicing.clean(&place, control)?)
    }

    fn steps(&mut self, told: Told<'_>) -> Result<(), RunError> {
        let steps = self.plan.steps.clone();
        let mut place = 0;
        while let Some(step) = steps.get(place) {
            if self.control.interrupted() {
                return Err(RunError::Interrupted);
            }
            let next = match &step.work {
                Work::Service(_) => {
                    let is_same = |other: &&Step| (other.target, &other.image) == (step.target, &step.image);
                    let is_part = |other: &&Step| is_same(other) && !matches!(other.work, Work::Native(_));
                    place + steps[place..].iter().take_while(is_part).count()
                }
                _ => place + 1,
            };
            match &step.work {
                Work::Service(_) => self.session(place, &steps[place..next], told)?,
                Work::Native(native) if !self.is_deferred && !self.records.contains_key(&(place as u32)) => {
                    let begun = self.now();
                    self.journal.begin_step(place as u32, begun)?;
                    let mut record = self.native(step, native, begun)?;
                    record.ended = self.now();
                    told(step, &record);
                    let is_failure = record.outcome == Outcome::Failed;
                    self.finish(vec![(place as u32, record)])?;
                    self.counted()?;
                    if is_failure && self.options.stop_on_error {
                        break;
                    }
                }
                _ => {}
            }
            place = next;
        }
        Ok(())
    }

    fn finish(&mut self, records: Vec<(u32, Record)>) -> Result<(), RunError> {
        self.journal.finish(&records)?;
        self.records.extend(records);
        Ok(())
    }

    /// Counts a step, and stops behind the last that was asked for.
    fn counted(&mut self) -> Result<(), RunError> {
        self.count += 1;
        match self.options.stop_after {
            Some(steps) if steps <= self.count => Err(RunError::Stopped { steps }),
            _ => Ok(()),
        }
    }

    fn now(&self) -> FileTime {
        self.options.clock.now()
    }

    fn in_work(&self, path: &str) -> PathBuf {
        self.settings.work.join(path)
    }

    fn saved(&self) -> PathBuf {
        self.in_work("saved")
    }

    /// An image as a file of its own.
    fn own_file(&self, target: Target, image: Option<u32>) -> PathBuf {
        session::own_file(&self.settings.work, &session::name(target, image))
    }

    /// Where an image comes from.
    fn original(&self, target: Target, image: Option<u32>) -> (PathBuf, ImageIndex) {
        let index = image.and_then(ImageIndex::new).unwrap_or(ImageIndex::FIRST);
        match target {
            Target::WinRe => (self.in_work("images/winre-original.wim"), ImageIndex::FIRST),
            Target::WinPe => (self.media.place(BOOT_ARCHIVE), index),
            Target::Os | Target::Media => (self.media.place(INSTALL_ARCHIVES[0]), index),
        }
    }

    /// Where an image is now: a file of its own if something is done to it.
    fn current(&self, target: Target, image: Option<u32>) -> (PathBuf, ImageIndex) {
        let is_changed = |step: &Step| {
            let own = step.image.as_ref().map(|image| image.index);
            let changes = matches!(step.work, Work::Service(_) | Work::Native(Native::PutWinre));
            changes && (step.target, own) == (target, image)
        };
        match self.plan.steps.iter().any(is_changed) {
            true => (self.own_file(target, image), ImageIndex::FIRST),
            false => self.original(target, image),
        }
    }

    /// Makes an image a file of its own, as it was in the beginning.
    fn prepare(&self, target: Target, image: Option<u32>) -> Result<PathBuf, RunError> {
        let own = self.own_file(target, image);
        native::export(&[self.original(target, image)], &own, None, self.control)?;
        Ok(own)
    }

    /// Whether the check of the media has found them bad.
    fn is_media_bad(&self) -> bool {
        let mut steps = (0..).zip(&self.plan.steps);
        steps.any(|(place, step)| {
            step.task == Task::CheckMedia
                && self.records.get(&place).is_some_and(|record| record.outcome == Outcome::Failed)
        })
    }

    fn native(&self, step: &Step, work: &Native, begun: FileTime) -> Result<Record, RunError> {
        let (control, new_media) = (self.control, &self.settings.new_media);
        let image = step.image.as_ref().map(|image| image.index);
        let mut record = Record::new(begun);
        match work {
            Native::CopyMedia => {
                let paths = self.media.files().map(|(_, path)| path);
                native::copy_files(&self.media, paths, new_media, control)?;
            }
            Native::ExpandFeatures { iso, paths } => {
                let paths = paths.iter().map(PathBuf::as_path);
                native::copy_files(&Media::open(iso)?, paths, &self.settings.expanded_features(), control)?;
            }
            Native::TakeWinre { index } => {
                let (install, index) = self.original(Target::Os, Some(*index));
                native::take_winre(&install, index, &self.original(Target::WinRe, None).0, control)?;
            }
            Native::Export { images, boot } => {
                let target = match step.target {
                    Target::WinRe => self.in_work("images/winre-new.wim"),
                    Target::WinPe => Media::open(new_media)?.place(BOOT_ARCHIVE),
                    Target::Os | Target::Media => Media::open(new_media)?.place(INSTALL_ARCHIVES[0]),
                };
                let is_alone = step.target == Target::WinRe;
                let own = |image: &u32| self.current(step.target, (!is_alone).then_some(*image));
                let sources: Vec<_> = images.iter().map(own).collect();
                let boot = boot.and_then(|boot| images.iter().position(|image| *image == boot));
                native::export(&sources, &target, boot, control)?;
                let original = self.original(step.target, images.first().copied()).0;
                record.sizes = Some(sizes::sizes(sizes::archive_of(step.target), &original, &target));
            }
            Native::PutWinre => {
                let is_serviced = |other: &Step| {
                    matches!(other.work, Work::Service(_)) && (other.target, &other.image) == (step.target, &step.image)
                };
                let own = match self.plan.steps.iter().any(is_serviced) {
                    true => self.own_file(step.target, image),
                    false => self.prepare(step.target, image)?,
                };
                native::put_winre(&self.in_work("images/winre-new.wim"), &own, control)?;
            }
            Native::SaveFiles { paths } => {
                let (wim, index) = self.current(step.target, image);
                for path in paths {
                    let manager = MANAGERS.into_iter().find(|name| Signer::Windows2023.manager_path(name) == **path);
                    let name = manager.unwrap_or_else(|| path.rsplit('/').next().unwrap_or(path));
                    let target = self.saved().join(name);
                    match (native::save_file(&wim, index, path, &target, control), manager) {
                        // Images have them since updates of 2024. Media without any would not start at all.
                        (Err(error @ RunError::NotInImage { .. }), Some(name)) => {
                            let older = Signer::Windows2011.manager_path(name);
                            native::save_file(&wim, index, &older, &target, control)?;
                            record.outcome = Outcome::Failed;
                            record.notes.push(format!("{error}: that of 2011, {older}, is taken instead"));
                        }
                        (result, _) => result?,
                    }
                }
            }
            Native::ExpandSetupDu { package } => {
                record.notes = native::expand_setup_du(package, &self.media, new_media, control)?;
            }
            Native::PlaceSetup { names } => native::place_setup(names, &self.saved(), new_media, control)?,
            Native::PlaceBootManagers => native::place_boot_managers(&self.saved(), new_media, control)?,
            Native::CheckMedia => {
                let report = check(&Media::open(new_media)?, &check::Options { verify: true }, control)?;
                let findings = report.findings.iter();
                record.notes.extend(findings.map(|finding| format!("{}: {}", finding.path, finding.problem)));
                if report.standing() == crate::catalog::set::Standing::Bad {
                    record.outcome = Outcome::Failed;
                }
            }
            Native::WriteIso(_) if self.is_media_bad() => {
                record.outcome = Outcome::Skipped;
                record.notes.push("not written: the media are not consistent".into());
            }
            Native::WriteIso(iso) => native::write_iso(iso, new_media, control)?,
        }
        Ok(record)
    }
}

/// Whether a later step makes up for a tolerated one: that of the Safe OS update in Windows RE, that of the cumulative update in PE.
fn makes_up(task: Task) -> bool {
    matches!(task, Task::SafeOs | Task::Cumulative)
}
