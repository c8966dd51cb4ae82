//! What is kept of a run.

use std::path::Path;
use std::time::Duration;

use crate::refresh::report::{Counts, Report};
use crate::refresh::run::{End, Row, Sitting, Status};
use crate::util::filetime::FileTime;

/// A run.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Entry {
    /// What tells it from all others.
    pub id: String,
    /// When it was begun.
    pub begun: FileTime,
    /// When it came to its end; `None`: it has not.
    pub ended: Option<FileTime>,
    /// How it stands.
    pub status: Status,
    /// The error that ended it.
    pub error: Option<String>,
    /// The media as they were.
    pub media: String,
    /// Where the new ones went.
    pub new_media: String,
    /// Where images were worked on.
    pub work: String,
    /// How many packages there were.
    pub packages: usize,
    /// How many images got something, or should have.
    pub images: usize,
    /// Updates that are in them.
    pub succeeded: usize,
    /// Updates that should be and are not.
    pub failed: usize,
    /// The times that somebody sat down to it.
    pub sittings: Vec<Sitting>,
    /// What came of each update for each image.
    pub updates: Vec<Row>,
    /// The folder with its last report.
    pub report: Option<String>,
}

impl Entry {
    /// The run that a report is about.
    pub fn of(report: &Report) -> Self {
        let counts = Counts::of(report.rows.iter());
        let text = |path: &Path| path.display().to_string();
        let last = report.summary.sittings.last();
        let error = match last.and_then(|sitting| sitting.end.as_ref()) {
            Some(End::Error(trouble)) => Some(trouble.error.clone()),
            _ => None,
        };
        Self {
            id: report.id.clone(),
            begun: report.begun,
            ended: last.and_then(|sitting| sitting.ended),
            status: report.status,
            error,
            media: text(&report.settings.media),
            new_media: text(&report.settings.new_media),
            work: text(&report.settings.work),
            packages: report.summary.plan.packages.len(),
            images: counts.images_processed,
            succeeded: counts.successful_operations,
            failed: counts.failed_operations,
            sittings: report.summary.sittings.clone(),
            updates: report.rows.clone(),
            report: None,
        }
    }

    /// A run that is gone on with, and of whose end nothing is known.
    pub fn under_way(report: &Report) -> Self {
        Self { status: Status::Unfinished, ended: None, error: None, ..Self::of(report) }
    }

    /// From its beginning to its end, with what lies between sittings; none if it has not ended.
    pub fn duration(&self) -> Duration {
        self.ended.unwrap_or(self.begun).since(self.begun)
    }
}
