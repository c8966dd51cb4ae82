//! An image in the hands of the servicer: from its original to the file that is kept.

use std::path::{Path, PathBuf};

use super::record::{Asked, Outcome, Record};
use super::{Run, RunError, Told, makes_up};
use crate::refresh::plan::{Step, Work};
use crate::refresh::step::{Target, Task};
use crate::servicing::none::done_mark;
use crate::servicing::outcome::{Action, action, explain};
use crate::servicing::request::Request;
use crate::servicing::{Answer, Call, Session};

/// What an image is called while it is serviced.
pub(super) fn name(target: Target, image: Option<u32>) -> String {
    let image = image.map(|image| format!("-{image}")).unwrap_or_default();
    format!("{}{image}", target.name().to_lowercase())
}

/// The file that such an image has for itself.
pub(super) fn own_file(work: &Path, session: &str) -> PathBuf {
    work.join("images").join(format!("{session}.wim"))
}

/// The run cannot go on.
fn failed(session: &Session<'_>, step: Option<u8>, call: Call) -> RunError {
    RunError::Failed { session: session.name.to_owned(), step, code: call.code, details: call.details }
}

/// What was done to an image is lost with it.
fn lose(records: &mut [(u32, Record)], call: &Call) {
    let meaning = explain(call.code).map_or("it failed", |meaning| meaning.meaning);
    let why = format!("lost, the image could not be unmounted: {}: {meaning}", call.code);
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
    /// Services an image, unless that is done. `place` is that of the first step.
    pub(super) fn session(&mut self, place: usize, steps: &[Step], told: Told<'_>) -> Result<(), RunError> {
        let asked: Vec<(u32, &Step, &[Request])> = steps
            .iter()
            .enumerate()
            .filter_map(|(offset, step)| match &step.work {
                Work::Service(requests) => Some(((place + offset) as u32, step, requests.as_slice())),
                _ => None,
            })
            .collect();
        let (_, first, _) = asked[0];
        if asked.iter().all(|(place, ..)| self.records.contains_key(place)) {
            return Ok(());
        }
        let (target, image) = (first.target, first.image.as_ref().map(|image| image.index));
        let name = name(target, image);
        if done_mark(&self.in_work("done"), &name).exists() {
            let mut record = Record::new(self.now());
            record.notes.push("serviced on Windows".into());
            asked.iter().for_each(|(_, step, _)| told(step, &record));
            return self.finish(asked.iter().map(|(place, ..)| (*place, record.clone())).collect());
        }
        let begun = self.now();
        self.journal.begin_step(asked[0].0, begun)?;
        let wim = self.prepare(target, image)?;
        let (mount, scratch, logs) =
            (self.in_work("mount").join(&name), self.in_work("scratch").join(&name), self.in_work("logs"));
        let session = Session { name: &name, wim: &wim, mount: &mount, scratch: &scratch, logs: &logs };
        match self.servicing.mount(&session, self.control)? {
            Answer::Ended(call) if call.is_done() => {}
            Answer::Ended(call) => return Err(failed(&session, None, call)),
            Answer::Deferred => self.is_deferred = true,
        }
        let mut records: Vec<(u32, Record)> = Vec::new();
        let mut is_discarded = false;
        for (place, step, requests) in &asked {
            match self.step(&session, step, requests)? {
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
                    self.servicing.unmount(&session, false, self.control)?;
                    return Err(failed(&session, step.number, call));
                }
                End::Deferred => {}
            }
            let is_failure = records.last().is_some_and(|(_, record)| record.outcome == Outcome::Failed);
            if !self.is_deferred {
                self.counted()?;
            }
            if is_discarded || is_failure && self.options.stop_on_error {
                break;
            }
        }
        let answer = self.servicing.unmount(&session, !is_discarded, self.control)?;
        if self.is_deferred {
            return Ok(());
        }
        // Mounting counts with the first step, unmounting with the last.
        records.iter_mut().take(1).for_each(|(_, record)| record.begun = begun);
        let now = self.now();
        records.iter_mut().next_back().into_iter().for_each(|(_, record)| record.ended = now);
        if let Answer::Ended(call) = answer
            && !is_discarded
            && !call.is_done()
        {
            if action(call.code) == Action::StopRun {
                return Err(failed(&session, None, call));
            }
            self.last_failure = Some((None, call.code));
            is_discarded = true;
            lose(&mut records, &call);
            for (place, record) in &records {
                asked.iter().filter(|(other, ..)| other == place).for_each(|(_, step, _)| told(step, record));
            }
        }
        if is_discarded {
            self.prepare(target, image)?;
            const WHY: &str = "the image is kept as it was";
            // What was done to it before is not in it any more.
            for (_, record) in records.iter_mut().filter(|(_, record)| record.outcome != Outcome::Failed) {
                record.lose(Outcome::Skipped, WHY);
            }
            let now = self.now();
            let mut left = Record::new(now);
            left.lose(Outcome::Skipped, WHY);
            records.extend(asked.iter().skip(records.len()).map(|(place, ..)| (*place, left.clone())));
        }
        self.judge_tolerated(&asked, &mut records);
        if let (Some((step, code)), true) = (self.last_failure.take(), self.options.stop_on_error) {
            return Err(failed(&session, step, code.into()));
        }
        self.finish(records)
    }

    /// A servicing stack that went in without the rest does no harm if the later update went in.
    fn judge_tolerated(&self, asked: &[(u32, &Step, &[Request])], records: &mut [(u32, Record)]) {
        let is_made_up = asked.iter().any(|(place, step, _)| {
            let done = |record: &Record| record.outcome == Outcome::Done;
            makes_up(step.task) && records.iter().any(|(own, record)| own == place && done(record))
        });
        if is_made_up {
            return;
        }
        for (_, record) in records.iter_mut().filter(|(_, record)| record.outcome == Outcome::Tolerated) {
            record.lose(Outcome::Failed, "no later update made up for it");
        }
    }

    /// Asks for all that a step needs.
    fn step(&mut self, session: &Session<'_>, step: &Step, requests: &[Request]) -> Result<End, RunError> {
        let number = step.number.unwrap_or_default();
        let mut record = Record::new(self.now());
        record.notes = std::mem::take(&mut self.notes);
        for request in requests {
            let Answer::Ended(mut call) = self.servicing.request(session, number, request, self.control)? else {
                continue;
            };
            if action(call.code) == Action::RetryOnce
                && let Answer::Ended(second) = self.servicing.request(session, number, request, self.control)?
            {
                record.notes.push(format!("{}: {}, tried once more", request.title(), call.code));
                call = second;
            }
            let code = call.code;
            record.ended = self.now();
            let mut asked = Asked { outcome: Outcome::Done, code: None, error: None, ended: record.ended };
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
                self.last_failure = Some((step.number, code));
            }
            // Without its servicing stack nothing else can be added to an image.
            let is_lost = outcome == Outcome::Failed && step.task == Task::ServicingStack;
            if is_lost || action(code) == Action::DiscardImage {
                return Ok(End::Discard(record));
            }
            if outcome == Outcome::Failed {
                break;
            }
        }
        Ok(if self.is_deferred { End::Deferred } else { End::Goes(record) })
    }
}
