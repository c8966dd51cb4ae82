//! `wimkit refresh run`, `resume`, `status`: a plan carried out.

use super::super::Context;
use super::super::exit::{Failure, Outcome};
use super::super::human::Counted;
use super::super::printer::{self, Out, visible, warn};
use super::plan::SettingsArgs;
use super::records::{Records, RecordsArgs};
use clap::Args;
use serde::Serialize;
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::time::Duration;
use wimkit::refresh::plan::{Step, Work};
use wimkit::refresh::run::{self, Options, Prepared, Record, Renewal, RunError, Summary};
use wimkit::refresh::settings::{Changes, Servicer, Settings};
use wimkit::servicing::none::Script;
use wimkit::servicing::presentation::Presentation;
use wimkit::servicing::program::{self, Dism};
use wimkit::servicing::recorder::Recorder;
use wimkit::servicing::{Servicing, ServicingError};

/// Refresh media: carry the plan out
///
/// The original media are never written to. A run that is stopped, by Ctrl-C or because the power goes, goes on with `resume`.
#[derive(Args, Debug)]
pub(crate) struct Run {
    #[command(flatten)]
    settings: SettingsArgs,
    #[command(flatten)]
    how: How,
}

/// Go on with a run that was stopped, or whose images were serviced on Windows meanwhile
#[derive(Args, Debug)]
pub(crate) struct Resume {
    /// The work directory of the run
    #[arg(default_value = "work")]
    work: PathBuf,
    /// How images are presented to DISM from here on: it mounts them (mount), or wimkit applies and captures them (apply)
    /// [default: as the settings of the run say]
    #[arg(long, value_name = "HOW")]
    images: Option<Presentation>,
    #[command(flatten)]
    how: How,
}

/// Show what of a run is done
#[derive(Args, Debug)]
pub(crate) struct Status {
    /// The work directory of the run
    #[arg(default_value = "work")]
    work: PathBuf,
}

/// Who services images, and when to stop.
#[derive(Args, Debug)]
struct How {
    /// Who services images: none (what DISM has to do is written into a script for Windows, WORK\service.cmd, and `resume` goes
    /// on behind it), dism (on Windows, elevated), or recorded (a marker in each image takes the place of what DISM would change,
    /// to try things out) [default: what the settings say, else none]
    #[arg(long, value_name = "WHO")]
    servicer: Option<Servicer>,
    /// With `recorded`: the codes to answer with, in lines `SESSION STEP CODE`; success where none is there
    #[arg(long, value_name = "FILE")]
    answers: Option<PathBuf>,
    /// With `dism`: the program [default: what the settings say, else that of this Windows]
    #[arg(long, value_name = "PATH")]
    dism: Option<PathBuf>,
    /// With `dism`: how long a call may take before it is ended [default: what the settings say, else 14400]
    #[arg(long, value_name = "SECONDS")]
    dism_timeout: Option<u64>,
    /// With `dism`: how long to wait before an image with open files is unmounted again; after that, three times as long
    #[arg(long, value_name = "SECONDS", default_value_t = 10, value_parser = clap::value_parser!(u64).range(..=3600))]
    dism_pause: u64,
    /// Stop where a step fails, instead of going on without it
    #[arg(long)]
    stop_on_error: bool,
    /// Do so many steps and then stop. An image that is not finished is kept as far as it is
    #[arg(long, value_name = "N")]
    stop_after: Option<u32>,
    /// Service so many images of one archive at the same time [default: what the settings say, else 1]
    #[arg(long, value_name = "N")]
    jobs: Option<NonZeroUsize>,
    /// A note about this run, for its records
    #[arg(long, value_name = "TEXT")]
    note: Option<String>,
    #[command(flatten)]
    records: RecordsArgs,
}

impl How {
    /// Puts what the flags say into the place of settings.
    fn apply(&self, settings: &mut Settings) {
        settings.servicer = self.servicer.unwrap_or(settings.servicer);
        for (flag, setting) in [(&self.dism, &mut settings.dism), (&self.answers, &mut settings.answers)] {
            if flag.is_some() {
                setting.clone_from(flag);
            }
        }
        settings.dism_timeout = self.dism_timeout.unwrap_or(settings.dism_timeout);
        settings.jobs = self.jobs.unwrap_or(settings.jobs);
        self.records.apply(settings);
    }

    fn servicing(&self, settings: &Settings) -> Result<Box<dyn Servicing>, Failure> {
        let work = &settings.work;
        if let (Servicer::None, Presentation::Apply) = (settings.servicer, settings.images) {
            let why = "the script of --servicer none has DISM mount images: it cannot apply and capture them";
            return Err(Failure::message(why).with_hint("add --images mount, or --servicer dism on Windows"));
        }
        Ok(match (settings.servicer, &settings.answers) {
            (Servicer::None, _) => {
                let work = std::path::absolute(work).unwrap_or_else(|_| work.to_owned());
                Box::new(Script::new(&work.join("service.cmd"), &work.join("done")))
            }
            (Servicer::Dism, _) => Box::new(Dism::new(program::Options {
                program: settings.dism.clone(),
                limit: Duration::from_secs(settings.dism_timeout),
                pause: Duration::from_secs(self.dism_pause),
                images: settings.images,
            })?),
            (Servicer::Recorded, Some(answers)) => Box::new(Recorder::read(answers)?),
            (Servicer::Recorded, None) => Box::new(Recorder::default()),
        })
    }

    fn options(&self, settings: &Settings, context: &Context) -> Options {
        let Self { stop_on_error, stop_after, note, .. } = self;
        let (jobs, note) = (Some(settings.jobs), note.clone());
        let (stop_on_error, stop_after, memory) = (*stop_on_error, *stop_after, context.memory());
        Options { stop_on_error, stop_after, jobs, memory, note, clock: context.clock }
    }

    /// Does what is left of a run to do, and keeps records of it.
    fn carry_out(
        &self,
        prepared: &mut Prepared,
        servicing: &dyn Servicing,
        context: &Context,
    ) -> Result<Outcome, Failure> {
        let told = |step: &Step, record: &Record| tell(context, step, record);
        let records = Records::begin(&self.records, prepared, context)?;
        let options = self.options(&prepared.journal.settings, context);
        let result = prepared.carry_out(servicing, &options, context.control(), &told);
        context.bars.clear();
        records.end(prepared);
        finish(&result?, prepared, context)
    }
}

impl Run {
    pub(crate) fn run(&self, context: &Context) -> Result<Outcome, Failure> {
        let (mut settings, file) = self.settings.settings()?;
        self.how.apply(&mut settings);
        let servicing = self.how.servicing(&settings)?;
        let mut prepared = run::begin(&settings, file.as_ref(), &*servicing, context.clock, context.control())?;
        self.how.carry_out(&mut prepared, &*servicing, context)
    }
}

impl Resume {
    pub(crate) fn run(&self, context: &Context) -> Result<Outcome, Failure> {
        let mut prepared = run::look(&self.work, context.control())?;
        tell_renewal(&prepared.renewal, context);
        let settings = &mut prepared.journal.settings;
        settings.images = self.images.unwrap_or(settings.images);
        self.how.apply(settings);
        for (place, why) in prepared.again() {
            let step = &prepared.plan.steps[*place as usize];
            let (number, image) = heading(step);
            context.say(format_args!("again:   {number:>2}  {image:<9}{:<24}  {}", step.task.title(), visible(why)));
        }
        let servicing = self.how.servicing(&prepared.journal.settings)?;
        self.how.carry_out(&mut prepared, &*servicing, context)
    }
}

impl Status {
    pub(crate) fn run(&self, context: &Context) -> Result<Outcome, Failure> {
        let prepared = run::look(&self.work, context.control())?;
        tell_renewal(&prepared.renewal, context);
        let summary = prepared.summary()?;
        answer(&summary, &prepared, context)?;
        Ok(if is_complete(&summary, &prepared) { Outcome::Done } else { Outcome::Partial })
    }
}

/// What has become of the file with the settings.
fn tell_renewal(renewal: &Renewal, context: &Context) {
    match renewal {
        Renewal::Gone { file } => warn(format_args!("{}: it is not there any more: {AS_IT_WAS}", file.display())),
        Renewal::OtherRun { file } => {
            let what = "it names other directories for the new media or the work";
            warn(format_args!("{}: {what}: {AS_IT_WAS}", file.display()));
        }
        Renewal::Changed { file, changes: Changes { taken, overruled } } => {
            for (names, what) in
                [(taken, "changed since the run began"), (overruled, "changed, but a flag said otherwise")]
            {
                if !names.is_empty() {
                    context.say(format_args!("{}: {what}: {}", file.display(), names.join(", ")));
                }
            }
        }
        _ => {}
    }
}

/// What follows from a file that cannot be taken up.
const AS_IT_WAS: &str = "the run keeps the settings that it has";

/// A line for each step, with the time.
fn tell(context: &Context, step: &Step, record: &Record) {
    let now = context.clock.now().to_string();
    let time = now.get(11..19).unwrap_or_default();
    let (number, image) = heading(step);
    let outcome = record.outcome.name();
    let mut lines = format!("{time} {number:>2}  {:<9}{:<24}  {outcome}", image, step.task.title());
    for note in &record.notes {
        lines += "\n             ";
        lines += &visible(note);
    }
    if !context.global.quiet {
        context.bars.say(&lines);
    }
}

fn heading(step: &Step) -> (String, String) {
    let number = step.number.map_or("-".to_owned(), |number| number.to_string());
    let image = step.image.as_ref().map(|image| format!(" {}", image.index)).unwrap_or_default();
    (number, format!("{}{image}", step.target.name()))
}

/// Tells what came of a run that came to its end.
fn finish(summary: &Summary, prepared: &Prepared, context: &Context) -> Result<Outcome, Failure> {
    if summary.is_deferred() {
        let script = summary.work.join("service.cmd");
        context
            .say(format_args!("{}: run this on Windows, elevated, and then `wimkit refresh resume`", script.display()));
    }
    let status = summary.status();
    if context.global.json {
        answer(summary, prepared, context)?;
    } else {
        let failed = summary.records.values().filter(|record| record.outcome == run::Outcome::Failed).count();
        let steps = Counted(summary.records.len() as u64, "step");
        context.say(format_args!(
            "{}: {steps} of {} done, {failed} failed",
            status.title(),
            summary.plan.done().count()
        ));
    }
    Ok(match status {
        run::Status::Success => Outcome::Done,
        // No update went in, and only the servicer's answers are failures that do not end a run.
        run::Status::Failed => Outcome::ExternalFailed,
        _ => Outcome::Partial,
    })
}

/// What came of the steps so far, and which are done again.
fn answer(summary: &Summary, prepared: &Prepared, context: &Context) -> Result<(), Failure> {
    let document = Document::new(summary, prepared);
    if context.global.json {
        return printer::json(&document);
    }
    let mut out = Out::new();
    for step in document.steps {
        let number = step.number.map_or("-".to_owned(), |number| number.to_string());
        let image = step.image.map(|image| format!(" {image}")).unwrap_or_default();
        let target = format!("{}{image}", step.target);
        let why = if step.outcome == AGAIN { format!(": {}", visible(&step.notes.join("; "))) } else { String::new() };
        writeln!(out, "{number:>2}  {target:<9}{:<20}  {}{why}", step.task, step.outcome)?;
    }
    out.finish()
}

/// Whether all went well, and nothing is to be done again, or besides.
fn is_complete(summary: &Summary, prepared: &Prepared) -> bool {
    summary.status() == run::Status::Success && prepared.refuse_changes().is_ok()
}

/// What is told of a step that was done and is done again.
const AGAIN: &str = "again";

/// The JSON document; its members are described in docs/json/refresh.md.
#[derive(Serialize)]
struct Document {
    schema: &'static str,
    status: &'static str,
    complete: bool,
    deferred: bool,
    settings: Vec<String>,
    steps: Vec<StepDocument>,
}

#[derive(Serialize)]
struct StepDocument {
    number: Option<u8>,
    task: &'static str,
    target: &'static str,
    image: Option<u32>,
    outcome: &'static str,
    notes: Vec<String>,
}

impl Document {
    fn new(summary: &Summary, prepared: &Prepared) -> Self {
        let again = prepared.again();
        let step = |(place, step): (u32, &Step)| {
            let record = summary.records.get(&place);
            let (outcome, notes) = match (&step.work, record) {
                _ if again.contains_key(&place) => (AGAIN, vec![again[&place].clone()]),
                (_, Some(record)) => (record.outcome.name(), record.notes.clone()),
                (Work::LeftOut(reason), None) => ("left-out", vec![reason.to_string()]),
                (_, None) => ("to-do", Vec::new()),
            };
            StepDocument {
                number: step.number,
                task: step.task.name(),
                target: step.target.name(),
                image: step.image.as_ref().map(|image| image.index),
                outcome,
                notes,
            }
        };
        Self {
            schema: "wimkit.refresh-run/1",
            status: summary.status().name(),
            complete: is_complete(summary, prepared),
            deferred: summary.is_deferred(),
            settings: prepared.renewal.taken().to_vec(),
            steps: (0..).zip(&summary.plan.steps).map(step).collect(),
        }
    }
}

impl From<RunError> for Failure {
    fn from(error: RunError) -> Self {
        if error.is_interruption() {
            return Self::Interrupted;
        }
        let hint = error.hint();
        if error.is_external() { Self::external(error, hint) } else { Self::new(error, hint) }
    }
}

impl From<ServicingError> for Failure {
    fn from(error: ServicingError) -> Self {
        let hint = error.hint();
        Self::new(error, hint)
    }
}
