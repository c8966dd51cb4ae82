//! What came of each update for each image: the rows of reports and of the history.

use std::collections::BTreeMap;
use std::path::Path;

use super::record::{Asked, Outcome, Record, Sitting, Trouble};
use crate::refresh::plan::{Native, Plan, Step, Work};
use crate::refresh::step::{Target, Task};
use crate::servicing::request::Request;
use crate::util::filetime::FileTime;

/// What came of an update for an image.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Row {
    /// `WinRE`, `OS`, `WinPE` or `media`.
    pub image_type: String,
    /// The image's number; `None` for Windows RE and the media.
    pub image_index: Option<u32>,
    /// Its name.
    pub image_name: String,
    /// What kind of update it was: `ServicingStack`, `Cumulative` …
    pub update_type: String,
    /// What it is called.
    pub update_title: String,
    /// The file; empty for what has none.
    pub update_file: String,
    /// What came of it.
    pub status: RowStatus,
    /// Why it failed.
    pub error: Option<String>,
    /// What can be done about that.
    pub advice: Option<String>,
    /// When it came to its end.
    pub timestamp: FileTime,
    /// The step of the guide.
    pub step: Option<u8>,
}

/// What came of an update.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
pub enum RowStatus {
    /// It is in the image.
    Success,
    /// Its code is one that does no harm, and a later step made up for it.
    Tolerated,
    /// It was not meant for the image.
    NotApplicable,
    /// It is not in the image, because of another failure.
    Skipped,
    /// It failed.
    Failed,
}

impl RowStatus {
    /// One word for it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Success => "Success",
            Self::Tolerated => "Tolerated",
            Self::NotApplicable => "NotApplicable",
            Self::Skipped => "Skipped",
            Self::Failed => "Failed",
        }
    }

    /// The same as JSON documents have it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Success => "success",
            Self::Tolerated => "tolerated",
            Self::NotApplicable => "not-applicable",
            Self::Skipped => "skipped",
            Self::Failed => "failed",
        }
    }

    /// Whether the update is where it belongs.
    pub fn is_success(self) -> bool {
        matches!(self, Self::Success | Self::Tolerated)
    }

    /// Whether it is missing.
    pub fn is_failure(self) -> bool {
        matches!(self, Self::Skipped | Self::Failed)
    }
}

impl From<Outcome> for RowStatus {
    fn from(outcome: Outcome) -> Self {
        match outcome {
            Outcome::Done => Self::Success,
            Outcome::Tolerated => Self::Tolerated,
            Outcome::NotApplicable => Self::NotApplicable,
            Outcome::Skipped => Self::Skipped,
            Outcome::Failed => Self::Failed,
        }
    }
}

/// The kind of update that a task is about; `None` for what is none.
fn update_type(task: Task) -> Option<&'static str> {
    Some(match task {
        Task::ServicingStack => "ServicingStack",
        Task::LanguagePack => "LanguagePack",
        Task::LocalizedPackages => "LocalizedPackage",
        Task::FontSupport => "FontSupport",
        Task::TextToSpeech => "TextToSpeech",
        Task::Features => "Feature",
        Task::SafeOs => "SafeOS",
        Task::Cumulative => "Cumulative",
        Task::Components => "Component",
        Task::DotNet => "DotNet",
        Task::SetupDu => "Setup",
        _ => return None,
    })
}

/// The type of rows about images that could not be mounted or unmounted, applied or captured.
const MOUNT: (&str, &str) = ("MountOperation", "Image Mount/Processing");

/// The rows of a plan whose steps have these records, and behind them the error that its last sitting ended with.
pub(super) fn rows(plan: &Plan, records: &BTreeMap<u32, Record>, last: Option<&Sitting>, work: &Path) -> Vec<Row> {
    let mut rows = Vec::new();
    for (place, step) in (0..).zip(&plan.steps) {
        let (Some(kind), Some(record)) = (update_type(step.task), records.get(&place)) else { continue };
        match &step.work {
            Work::Service(requests) => {
                let row = |(at, request)| of_request(step, kind, record, at, request);
                rows.extend(requests.iter().enumerate().map(row));
            }
            Work::Native(Native::ExpandSetupDu { package }) => {
                let asked = Asked { outcome: record.outcome, code: None, error: None, ended: record.ended };
                let title = package.file_name().unwrap_or_default().to_string_lossy().into_owned();
                rows.push(row(step, kind, title, package.display().to_string(), &asked));
            }
            _ => {}
        }
    }
    if let Some(Sitting { end: Some(super::record::End::Error(trouble)), ended, .. }) = last {
        rows.extend(of_trouble(plan, trouble, ended.unwrap_or_default(), work));
    }
    rows
}

fn row(step: &Step, update_type: &str, update_title: String, update_file: String, asked: &Asked) -> Row {
    let image_name = match (step.target, &step.image) {
        (_, Some(image)) => image.name.clone(),
        (Target::WinRe, None) => "Windows RE".into(),
        _ => String::new(),
    };
    Row {
        image_type: step.target.name().into(),
        image_index: step.image.as_ref().map(|image| image.index),
        image_name,
        update_type: update_type.into(),
        update_title,
        update_file,
        status: asked.outcome.into(),
        error: asked.error.clone(),
        advice: asked.advice().map(str::to_owned),
        timestamp: asked.ended,
        step: step.number,
    }
}

fn of_request(step: &Step, kind: &str, record: &Record, at: usize, request: &Request) -> Row {
    let file = match request {
        Request::AddPackage { path } => path.display().to_string(),
        _ => String::new(),
    };
    let asked = record.asked.get(at).cloned().unwrap_or_else(|| {
        let is_behind_failure = record.outcome == Outcome::Failed && !record.asked.is_empty();
        let outcome = if is_behind_failure { Outcome::Skipped } else { record.outcome };
        let error = match outcome {
            Outcome::Skipped if is_behind_failure => Some("not tried: what comes before it failed".to_owned()),
            Outcome::Skipped | Outcome::Failed => Some(record.notes.join("; ")),
            _ => None,
        };
        Asked { outcome, code: None, error, ended: record.ended }
    });
    row(step, kind, request.title(), file, &asked)
}

/// The row of an error that ended a sitting in the middle of an image; its step has no record, and is done again.
fn of_trouble(plan: &Plan, trouble: &Trouble, ended: FileTime, work: &Path) -> Option<Row> {
    let session = trouble.session.as_deref()?;
    let is_meant = |step: &&Step| {
        step.is_serviced() && step.session() == session && (trouble.step.is_none() || step.number == trouble.step)
    };
    let step = plan.steps.iter().find(is_meant)?;
    let asked = Asked { outcome: Outcome::Failed, code: None, error: Some(trouble.error.clone()), ended };
    let wim = work.join("images").join(format!("{session}.wim")).display().to_string();
    let mut row = match (&step.work, trouble.step.and(update_type(step.task))) {
        (Work::Service(requests), Some(kind)) => {
            let titles: Vec<String> = requests.iter().map(Request::title).collect();
            let file = match requests.as_slice() {
                [Request::AddPackage { path }] => path.display().to_string(),
                _ => String::new(),
            };
            row(step, kind, titles.join(", "), file, &asked)
        }
        _ => Row { step: None, ..row(step, MOUNT.0, MOUNT.1.into(), wim, &asked) },
    };
    row.advice.clone_from(&trouble.hint);
    Some(row)
}
