//! An image in the hands of the servicer: from its original to the file that is kept.

use std::fs;
use std::io;
use std::sync::PoisonError;

use super::record::{Asked as AskedRecord, Outcome, Record};
use super::work::{Means, Run};
use super::{RunError, Told};
use crate::refresh::plan::Step;
use crate::refresh::settings::StackFailure;
use crate::refresh::step::{Target, Task};
use crate::servicing::code::Code;
use crate::servicing::none::done_mark;
use crate::servicing::outcome::{Action, action, explain};
use crate::servicing::presentation::Presentation;
use crate::servicing::request::Request;
use crate::servicing::{Answer, Call, Session};
use crate::util::progress::Control;

/// What is asked for on an image: the steps with their places.
pub(super) struct Asked<'a> {
    /// In order; there is at least one.
    pub(super) steps: Vec<(u32, &'a Step, &'a [Request])>,
}

impl Asked<'_> {
    /// Whether a step is one on this image.
    pub(super) fn is_of(&self, step: &Step) -> bool {
        let (_, first, _) = self.steps[0];
        (first.target, &first.image) == (step.target, &step.image)
    }

    /// What the image is called.
    pub(super) fn name(&self) -> String {
        self.steps[0].1.session()
    }

    fn places(&self) -> impl Iterator<Item = u32> {
        self.steps.iter().map(|(place, ..)| *place)
    }
}

/// What has become of an image.
#[derive(Debug)]
pub(super) struct Ended {
    /// What came of its steps.
    pub(super) records: Vec<(u32, Record)>,
    /// Whether it waits to be serviced elsewhere.
    pub(super) is_deferred: bool,
    /// Whether it was left behind one of its steps, to be gone on with later.
    pub(super) is_stopped: bool,
}

impl Ended {
    fn new(records: Vec<(u32, Record)>) -> Self {
        Self { records, is_deferred: false, is_stopped: false }
    }
}

/// The run cannot go on.
fn failed(session: &Session<'_>, step: Option<u8>, call: Call) -> RunError {
    RunError::Failed { session: session.name.to_owned(), step, code: call.code, details: call.details }
}

/// What was done to an image is lost with it.
fn lose(records: &mut [(u32, Record)], call: &Call, images: Presentation) {
    let meaning = explain(call.code).map_or("it failed", |meaning| meaning.meaning);
    let why = format!("lost, the image could not be {}: {}: {meaning}", images.ended(), call.code);
    for (_, record) in records.iter_mut().filter(|(_, record)| record.outcome != Outcome::Failed) {
        record.lose(Outcome::Failed, &why);
    }
    if let Some((_, last)) = records.last_mut() {
        last.notes.extend_from_slice(&call.details);
    }
}

/// What comes of a step, and of its image.
enum End {
    Goes(Record),
    /// The image is kept as it was.
    Discard(Record),
    Stop(Call),
    Deferred,
}

impl Run<'_> {
    /// Services an image: all of it, or what is left behind a stop.
    pub(super) fn session(&self, asked: &Asked<'_>, means: Means<'_>, told: Told<'_>) -> Result<Ended, RunError> {
        let Means { control, memory } = means;
        let (_, first, _) = asked.steps[0];
        let (target, image) = (first.target, first.image.as_ref().map(|image| image.index));
        let name = asked.name();
        let inputs = self.inputs.digest(asked.places());
        if self.is_done_elsewhere(&name, &first.key(), &inputs)? {
            let mut record = Record::new(self.now());
            record.notes.push("serviced on Windows".into());
            asked.steps.iter().for_each(|(_, step, _)| told(step, &record));
            return Ok(Ended::new(asked.places().map(|place| (place, record.clone())).collect()));
        }
        // What was done before a stop is in the image.
        let mut records: Vec<(u32, Record)> =
            asked.places().map_while(|place| Some((place, self.records.get(&place)?.clone()))).collect();
        let done_before = records.len();
        let begun = self.now();
        let (_, next, _) = asked.steps[done_before];
        // Before the journal knows how it ended, the image may have the step in it.
        self.journal.begin_step(&next.key(), begun, inputs, [self.places.own_file(target, image)].into())?;
        let wim = match done_before {
            0 => self.prepare(target, image, means)?,
            _ => self.places.own_file(target, image),
        };
        let (directory, scratch, logs) = (
            self.places.in_work(self.settings.images.directory()).join(&name),
            self.places.in_work("scratch").join(&name),
            self.places.in_work("logs"),
        );
        let session = Session { name: &name, wim: &wim, directory: &directory, scratch: &scratch, logs: &logs, memory };
        let (is_deferred, mut notes) = match self.servicing.mount(&session, control)? {
            Answer::Ended(call) if call.is_done() => (false, call.details),
            Answer::Ended(call) => return Err(failed(&session, None, call)),
            Answer::Deferred => (true, Vec::new()),
        };
        let (mut is_discarded, mut is_stopped) = (false, false);
        let mut last_failure = None;
        for (place, step, requests) in &asked.steps[done_before..] {
            match self.step(&session, step, requests, &mut notes, control)? {
                End::Goes(record) => {
                    told(step, &record);
                    records.push((*place, record));
                }
                End::Discard(record) => {
                    told(step, &record);
                    records.push((*place, record));
                    is_discarded = true;
                }
                End::Stop(call) => {
                    self.servicing.unmount(&session, false, control)?;
                    return Err(failed(&session, step.number, call));
                }
                End::Deferred => continue,
            }
            let (_, record) = records.last().expect("one was pushed");
            if record.outcome == Outcome::Failed {
                last_failure = failure_of(step, record).or(last_failure);
            }
            let is_end = is_discarded || record.outcome == Outcome::Failed && self.options.stop_on_error;
            is_stopped = self.is_enough();
            if is_end || is_stopped {
                break;
            }
        }
        is_discarded |= records.len() == asked.steps.len() && self.is_without_stack(asked, &records);
        let answer = self.servicing.unmount(&session, !is_discarded, control)?;
        if is_deferred {
            return Ok(Ended { is_deferred, ..Ended::new(Vec::new()) });
        }
        // Mounting counts with the first step, unmounting with the last.
        records.iter_mut().skip(done_before).take(1).for_each(|(_, record)| record.begun = begun);
        let now = self.now();
        records.iter_mut().next_back().into_iter().for_each(|(_, record)| record.ended = now);
        if let Answer::Ended(call) = &answer
            && call.is_done()
        {
            // It is for the next step to tell, and stands with the last one of the image.
            self.notes.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(&call.details);
            records
                .iter_mut()
                .next_back()
                .into_iter()
                .for_each(|(_, last)| last.notes.extend_from_slice(&call.details));
        }
        if let Answer::Ended(call) = answer
            && !is_discarded
            && !call.is_done()
        {
            if action(call.code) == Action::StopRun {
                return Err(failed(&session, None, call));
            }
            last_failure = Some((None, call.code));
            is_discarded = true;
            lose(&mut records, &call, self.settings.images);
            for (place, record) in &records {
                asked.steps.iter().filter(|(other, ..)| other == place).for_each(|(_, step, _)| told(step, record));
            }
        }
        if is_discarded {
            self.prepare(target, image, means)?;
            const WHY: &str = "the image is kept as it was";
            // What was done to it before is not in it any more.
            for (_, record) in records.iter_mut().filter(|(_, record)| record.outcome != Outcome::Failed) {
                record.lose(Outcome::Skipped, WHY);
            }
            let now = self.now();
            let mut left = Record::new(now);
            left.lose(Outcome::Skipped, WHY);
            records.extend(asked.places().skip(records.len()).map(|place| (place, left.clone())));
        }
        if records.len() == asked.steps.len() {
            judge_tolerated(asked, &mut records);
        }
        if let (Some((step, code)), true) = (last_failure, self.options.stop_on_error) {
            return Err(failed(&session, step, code.into()));
        }
        Ok(Ended { records, is_deferred, is_stopped })
    }

    /// Whether a servicing stack that fails is left to the cumulative update to bring.
    fn is_left_to_update(&self, step: &Step) -> bool {
        let is_wanted = self.settings.stack_failure == StackFailure::Step12Decides;
        is_wanted && (step.task, step.target) == (Task::ServicingStack, Target::Os)
    }

    /// Whether the servicing stack of an image was left to the cumulative update to bring, and that has not.
    fn is_without_stack(&self, asked: &Asked<'_>, records: &[(u32, Record)]) -> bool {
        let outcome = |wanted: Task| {
            let place = asked.steps.iter().find(|(_, step, _)| step.task == wanted && step.target == Target::Os)?.0;
            records.iter().find(|(own, _)| *own == place).map(|(_, record)| record.outcome)
        };
        self.settings.stack_failure == StackFailure::Step12Decides
            && outcome(Task::ServicingStack) == Some(Outcome::Failed)
            && outcome(Task::Cumulative) != Some(Outcome::Done)
    }

    /// Whether an image was serviced on Windows, as the script asked. What was asked for when it was not the same is of no use.
    fn is_done_elsewhere(&self, session: &str, key: &str, inputs: &str) -> Result<bool, RunError> {
        let mark = done_mark(&self.places.in_work("done"), session);
        if !mark.exists() {
            return Ok(false);
        }
        if self.journal.begun()?.get(key).is_some_and(|begun| begun.inputs == inputs) {
            return Ok(true);
        }
        match fs::remove_file(&mark) {
            Err(source) if source.kind() != io::ErrorKind::NotFound => Err(RunError::Io { path: mark, source }),
            _ => Ok(false),
        }
    }

    /// Asks for all that a step needs. `notes`: what there is to tell of the image before.
    fn step(
        &self,
        session: &Session<'_>,
        step: &Step,
        requests: &[Request],
        notes: &mut Vec<String>,
        control: Control<'_>,
    ) -> Result<End, RunError> {
        let number = step.number.unwrap_or_default();
        let mut record = Record::new(self.now());
        record.notes = std::mem::take(&mut self.notes.lock().unwrap_or_else(PoisonError::into_inner));
        record.notes.append(notes);
        let mut is_deferred = false;
        for request in requests {
            let Answer::Ended(mut call) = self.servicing.request(session, number, request, control)? else {
                is_deferred = true;
                continue;
            };
            if action(call.code) == Action::RetryOnce
                && let Answer::Ended(second) = self.servicing.request(session, number, request, control)?
            {
                record.notes.push(format!("{}: {}, tried once more", request.title(), call.code));
                call = second;
            }
            let code = call.code;
            record.ended = self.now();
            let mut asked = AskedRecord { outcome: Outcome::Done, code: None, error: None, ended: record.ended };
            let outcome = match action(code) {
                Action::Continue | Action::ContinueOffline => {
                    record.asked.push(asked);
                    continue;
                }
                Action::StopRun => return Ok(End::Stop(call)),
                Action::NotApplicable => Outcome::NotApplicable,
                Action::SkipCleanup if step.task == Task::CleanUp => Outcome::Skipped,
                Action::TolerateAtStack if matches!(number, 1 | 17) => Outcome::Tolerated,
                _ => Outcome::Failed,
            };
            let meaning = explain(code).map_or("it failed", |meaning| meaning.meaning);
            record.notes.push(format!("{}: {code}: {meaning}", request.title()));
            record.outcome = outcome;
            asked.outcome = outcome;
            (asked.code, asked.error) = (Some(code.bits()), Some(format!("{code}: {meaning}")));
            record.asked.push(asked);
            if outcome == Outcome::Failed {
                record.notes.extend(call.details);
            }
            // Without its servicing stack nothing else can be added to an image, unless a later step brings it, too.
            let is_left = self.is_left_to_update(step);
            let is_lost = outcome == Outcome::Failed && step.task == Task::ServicingStack && !is_left;
            if is_lost || action(code) == Action::DiscardImage {
                return Ok(End::Discard(record));
            }
            if outcome == Outcome::Failed {
                break;
            }
        }
        Ok(if is_deferred { End::Deferred } else { End::Goes(record) })
    }
}

/// The code with which a step failed.
fn failure_of(step: &Step, record: &Record) -> Option<(Option<u8>, Code)> {
    let failed = record.asked.iter().find(|asked| asked.outcome == Outcome::Failed)?;
    Some((step.number, Code::new(failed.code?)))
}

/// A servicing stack that went in without the rest does no harm if the later update went in.
fn judge_tolerated(asked: &Asked<'_>, records: &mut [(u32, Record)]) {
    let is_made_up = asked.steps.iter().any(|(place, step, _)| {
        let done = |record: &Record| record.outcome == Outcome::Done;
        makes_up(step.task) && records.iter().any(|(own, record)| own == place && done(record))
    });
    if is_made_up {
        // What step 9 failed at has come with step 12.
        for (place, record) in records.iter_mut() {
            let is_stack =
                |(own, step, _): &(u32, &Step, &[Request])| own == place && step.task == Task::ServicingStack;
            if record.outcome == Outcome::Failed && asked.steps.iter().any(is_stack) {
                record.outcome = Outcome::Tolerated;
                record
                    .asked
                    .iter_mut()
                    .filter(|asked| asked.outcome == Outcome::Failed)
                    .for_each(|asked| asked.outcome = Outcome::Tolerated);
                record.notes.push("the cumulative update has made up for it".into());
            }
        }
        return;
    }
    for (_, record) in records.iter_mut().filter(|(_, record)| record.outcome == Outcome::Tolerated) {
        record.lose(Outcome::Failed, "no later update made up for it");
    }
}

/// Whether a later step makes up for a tolerated one: that of the Safe OS update in Windows RE, that of the cumulative update in PE.
fn makes_up(task: Task) -> bool {
    matches!(task, Task::SafeOs | Task::Cumulative)
}
