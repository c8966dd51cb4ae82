//! Carrying out a plan.
//!
//! The original media are read alone. Each image that is serviced becomes a file of its own in the work directory; when it is
//! done, that is written into the journal with what it was made from and what it has left, and so is each native step. A run that
//! is stopped at any point begins an unfinished image anew from the original, so that it comes to the same end; where media,
//! packages or settings have changed meanwhile, it does again what was made from them, and what builds upon that.

mod error;
mod inputs;
mod journal;
mod native;
mod places;
mod record;
mod renewal;
mod row;
mod session;
mod sizes;
mod stamp;
mod standing;
mod steps;
mod summary;
mod undo;
mod work;

pub use error::RunError;
pub use journal::Journal;
pub use record::{Asked, End, ImageSizes, Outcome, Record, Sitting, Sizes, Trouble};
pub use renewal::Renewal;
pub use row::{Row, RowStatus};
pub use summary::{Status, Summary};

use std::collections::BTreeMap;
use std::fs;
use std::num::NonZeroUsize;
use std::path::Path;

use super::plan::{Facts, Plan, Step, plan};
use super::settings::{Settings, SettingsFile};
use crate::servicing::Servicing;
use crate::util::clock::Clock;
use crate::util::filetime::FileTime;
use crate::util::progress::Control;
use crate::wim::engine::default_memory;
use inputs::Inputs;
use places::Places;
use renewal::Renewed;
use stamp::PackageDigests;
use standing::{Standing, standing};
use work::Run;

/// How a run goes.
#[derive(Clone, Debug)]
pub struct Options {
    /// Stop where a step fails, instead of going on without it.
    pub stop_on_error: bool,
    /// Do so many steps and then stop. An image that is not finished is kept as far as it is, and gone on from.
    pub stop_after: Option<u32>,
    /// So many images of one archive are serviced at the same time; `None`: one.
    pub jobs: Option<NonZeroUsize>,
    /// Bytes of decoded data that may be in memory at once; images that are serviced at the same time have equal shares of it.
    pub memory: u64,
    /// What the user notes about it.
    pub note: Option<String>,
    /// What time it is.
    pub clock: Clock,
}

impl Default for Options {
    fn default() -> Self {
        let (jobs, note, clock) = (None, None, Clock::default());
        Self { stop_on_error: false, stop_after: None, jobs, memory: default_memory(), note, clock }
    }
}

/// Hears of each step that has come to its end; where images are serviced at the same time, from several threads.
pub type Told<'a> = &'a (dyn Fn(&Step, &Record) + Sync);

/// A run that can be begun or gone on with.
#[derive(Debug)]
pub struct Prepared {
    /// Its journal.
    pub journal: Journal,
    /// All that it does.
    pub plan: Plan,
    /// What has become of the file with its settings.
    pub renewal: Renewal,
    /// What its journal is to have because of that.
    renewed: Option<Renewed>,
    /// What its steps are made from.
    inputs: Inputs,
    /// What of it was done and still holds.
    standing: Standing,
}

/// Prepares a run: makes the plan, and begins the journal. `file` is where the settings come from, as far as they do: whoever
/// looks at the run again looks there, too. Whoever services the images is asked beforehand whether that can be.
///
/// # Errors
/// [`RunError`]: there is no plan, there is a run already, or the images could not be serviced.
pub fn begin(
    settings: &Settings,
    file: Option<&SettingsFile>,
    servicing: &dyn Servicing,
    clock: Clock,
    control: Control<'_>,
) -> Result<Prepared, RunError> {
    let io = |source| RunError::Io { path: settings.work.clone(), source };
    let file = file.map(SettingsFile::absolute).transpose().map_err(io)?;
    let settings = settings.absolute().map_err(io)?;
    let plan = plan(&settings, &Facts::gather(&settings, control)?)?;
    let is_empty = fs::read_dir(&settings.new_media).map_or(true, |mut entries| entries.next().is_none());
    native::make_directory(&settings.work)?;
    if !is_empty && Journal::open(&settings.work).is_err() {
        return Err(RunError::NotEmpty { path: settings.new_media });
    }
    if plan.steps.iter().any(Step::is_serviced) {
        places::at_work(&settings.work, |place| servicing.check(place))?;
    }
    let mut packages = PackageDigests::default();
    let inputs = Inputs::gather(&settings, &plan, &mut packages)?;
    let journal = Journal::begin(&settings, file.as_ref(), &inputs.digest(0..plan.steps.len() as u32), clock.now())?;
    journal.put_packages(&packages)?;
    let (renewal, renewed, standing) = (Renewal::None, None, Standing::default());
    Ok(Prepared { journal, plan, renewal, renewed, inputs, standing })
}

/// The run of a work directory: to look at, or to go on with.
///
/// # Errors
/// [`RunError`]: there is none, or there is no plan for it any more, as its media or packages are gone.
pub fn look(work: &Path, control: Control<'_>) -> Result<Prepared, RunError> {
    let mut journal = Journal::open(work)?;
    let (renewal, renewed) = renewal::look(&journal)?;
    if let Some(renewed) = &renewed {
        journal.settings.clone_from(&renewed.settings);
    }
    let settings = &journal.settings;
    let plan = plan(settings, &Facts::gather(settings, control)?)?;
    let inputs = Inputs::gather(settings, &plan, &mut journal.packages()?)?;
    let standing = standing(&plan, &inputs, &journal.kept()?, &journal.begun()?);
    Ok(Prepared { journal, plan, renewal, renewed, inputs, standing })
}

impl Prepared {
    /// Steps that were done and are done again, by their places, each with the reason.
    pub fn again(&self) -> &BTreeMap<u32, String> {
        &self.standing.again
    }

    /// Refuses a run whose settings, media or packages are not what they were: what was done cannot be told as that of the plan.
    ///
    /// # Errors
    /// [`RunError::Changed`].
    pub fn refuse_changes(&self) -> Result<(), RunError> {
        match self.standing.is_unchanged() && !self.renewal.is_of_plan() {
            true => Ok(()),
            false => Err(RunError::Changed { path: self.journal.settings.work.clone() }),
        }
    }

    /// Does what is left to do.
    ///
    /// # Errors
    /// [`RunError`]. What was done so far is kept, and [`look`] prepares to go on.
    pub fn carry_out(
        &mut self,
        servicing: &dyn Servicing,
        options: &Options,
        control: Control<'_>,
        told: Told<'_>,
    ) -> Result<Summary, RunError> {
        if let Some(renewed) = self.renewed.take() {
            self.journal.put_settings(&renewed)?;
            self.renewal = Renewal::None;
        }
        let place = self.journal.sittings()?.len() as u32;
        let begun = if place == 0 { self.journal.begun } else { options.clock.now() };
        let servicer = servicing.name().to_owned();
        let mut sitting = Sitting { begun, ended: None, servicer, note: options.note.clone(), end: None };
        self.journal.put_sitting(place, &sitting)?;
        let result = self.work(servicing, options, control, told);
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

    fn work(
        &mut self,
        servicing: &dyn Servicing,
        options: &Options,
        control: Control<'_>,
        told: Told<'_>,
    ) -> Result<bool, RunError> {
        let places = Places::new(&self.journal.settings, &self.plan)?;
        undo::undo(&self.journal, &self.plan, &self.inputs, &self.standing, &places, control)?;
        // From here on nothing is left to be done again.
        self.standing = standing(&self.plan, &self.inputs, &self.journal.kept()?, &self.journal.begun()?);
        let (journal, plan, inputs) = (&self.journal, &self.plan, &self.inputs);
        let records = self.records()?;
        Run::new(journal, plan, inputs, places, records, servicing, options, control).carry_out(told)
    }

    /// What came of the steps that are done, and stay so, by their places.
    fn records(&self) -> Result<BTreeMap<u32, Record>, RunError> {
        let mut kept = self.journal.kept()?;
        let holds = |(place, step): &(u32, &Step)| step.is_done() && !self.standing.again.contains_key(place);
        let steps = (0..).zip(&self.plan.steps).filter(holds);
        Ok(steps.filter_map(|(place, step)| Some((place, kept.remove(&step.key())?.record))).collect())
    }

    /// When each step was begun, once or more often, by its place.
    ///
    /// # Errors
    /// The journal cannot be read.
    pub fn begun_steps(&self) -> Result<BTreeMap<u32, Vec<FileTime>>, RunError> {
        let mut begun = self.journal.begun()?;
        let steps = (0..).zip(&self.plan.steps);
        Ok(steps.filter_map(|(place, step)| Some((place, begun.remove(&step.key())?.times))).collect())
    }

    /// What came of it so far.
    ///
    /// # Errors
    /// The journal cannot be read.
    pub fn summary(&self) -> Result<Summary, RunError> {
        Ok(Summary {
            plan: self.plan.clone(),
            records: self.records()?,
            sittings: self.journal.sittings()?,
            work: self.journal.settings.work.clone(),
        })
    }
}

#[cfg(test)]
mod tests;
