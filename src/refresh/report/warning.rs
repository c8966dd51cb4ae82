//! What of a run is not as it should be, and what can be done about it.

use super::Report;
use crate::refresh::plan::Work;
use crate::refresh::run::{End, Outcome, Row, RowStatus, Sitting, Status};
use crate::refresh::step::Task;

/// How bad something is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, serde::Serialize)]
pub enum Severity {
    /// Something failed.
    Error,
    /// Something is not as it should be, or is left to do.
    Warning,
    /// Something to know.
    Note,
}

/// Something that is not as it should be.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Warning {
    /// How bad it is.
    pub severity: Severity,
    /// What it is.
    pub text: String,
    /// What can be done about it.
    pub advice: Option<String>,
}

impl Warning {
    fn new(severity: Severity, text: impl Into<String>, advice: Option<impl Into<String>>) -> Self {
        Self { severity, text: text.into(), advice: advice.map(Into::into) }
    }
}

impl Report {
    /// What is not as it should be, the worst first.
    pub fn warnings(&self) -> Vec<Warning> {
        let mut warnings = self.of_end();
        warnings.extend(self.rows.iter().filter(|row| row.status == RowStatus::Failed).map(of_row));
        warnings.extend(self.of_steps());
        let harmless = |row: &&Row| matches!(row.status, RowStatus::Tolerated | RowStatus::NotApplicable);
        warnings.extend(self.rows.iter().filter(harmless).map(of_row));
        let plan = self.plan().warnings.iter();
        warnings.extend(plan.map(|text| Warning::new(Severity::Note, text, None::<&str>)));
        warnings.sort_by_key(|warning| warning.severity);
        warnings
    }

    /// What the last sitting has left to do.
    fn of_end(&self) -> Vec<Warning> {
        let work = self.settings.work.display();
        let resume = || format!("`wimkit refresh resume {work}` goes on");
        let warning = |text: &str, advice: String| vec![Warning::new(Severity::Warning, text, Some(advice))];
        match self.summary.sittings.last() {
            // An error in the middle of an image has a row of its own.
            Some(Sitting { end: Some(End::Error(trouble)), .. }) if trouble.session.is_none() => {
                vec![Warning::new(Severity::Error, &*trouble.error, trouble.hint.as_deref())]
            }
            Some(Sitting { end: Some(End::Deferred), .. }) => {
                let script = self.settings.work.join("service.cmd");
                let advice = format!("run {} on Windows, elevated; then {}", script.display(), resume());
                warning("images wait to be serviced by DISM", advice)
            }
            _ if matches!(self.status, Status::Interrupted | Status::Unfinished) => {
                warning("the run was stopped before its end", resume())
            }
            _ => Vec::new(),
        }
    }

    /// Steps that have something to say and are no updates.
    fn of_steps(&self) -> Vec<Warning> {
        let mut warnings = Vec::new();
        for (place, step) in self.steps() {
            let Some(record) = self.summary.records.get(&place) else { continue };
            let is_update = self.rows.iter().any(|row| {
                (row.step, &*row.image_type, row.image_index)
                    == (step.number, step.target.name(), step.image.as_ref().map(|image| image.index))
            });
            let severity = match record.outcome {
                Outcome::Failed => Severity::Error,
                _ if step.task == Task::CheckMedia => Severity::Warning,
                Outcome::Skipped => Severity::Warning,
                _ => continue,
            };
            if is_update || !matches!(step.work, Work::Service(_)) && record.notes.is_empty() {
                continue;
            }
            let place = place_of(step.target.name(), step.image.as_ref().map(|image| image.index), step.number);
            let advice = match step.task {
                Task::CheckMedia => {
                    Some(format!("`wimkit media check {}` looks again", self.settings.new_media.display()))
                }
                _ => record.asked.iter().find_map(|asked| asked.advice()).map(str::to_owned),
            };
            match step.task {
                Task::CheckMedia => warnings.extend(
                    record.notes.iter().map(|note| Warning::new(severity, format!("{place}: {note}"), advice.clone())),
                ),
                task => {
                    let text = format!("{place}, {}: {}", task.title(), record.notes.join("; "));
                    warnings.push(Warning::new(severity, text, advice));
                }
            }
        }
        warnings
    }
}

fn of_row(row: &Row) -> Warning {
    let severity = match row.status {
        RowStatus::Failed => Severity::Error,
        RowStatus::Tolerated | RowStatus::Skipped => Severity::Warning,
        RowStatus::NotApplicable | RowStatus::Success => Severity::Note,
    };
    let place = place_of(&row.image_type, row.image_index, row.step);
    let error = row.error.as_deref().unwrap_or("it failed");
    let text = format!("{place}, {}: {error}", row.update_title);
    Warning::new(severity, text, row.advice.as_deref())
}

/// `OS 1, step 12`.
fn place_of(target: &str, index: Option<u32>, step: Option<u8>) -> String {
    let index = index.map(|index| format!(" {index}")).unwrap_or_default();
    let step = step.map(|step| format!(", step {step}")).unwrap_or_default();
    format!("{target}{index}{step}")
}
