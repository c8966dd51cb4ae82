//! What came of a run.

use std::collections::BTreeMap;
use std::path::PathBuf;

use super::record::{End, Outcome, Record, Sitting};
use super::row::{Row, rows};
use crate::refresh::plan::{Plan, Reason, Step, Work};

/// What came of a run.
#[derive(Clone, Debug)]
pub struct Summary {
    /// The plan.
    pub plan: Plan,
    /// What came of its steps, by their places.
    pub records: BTreeMap<u32, Record>,
    /// The times that somebody sat down to it.
    pub sittings: Vec<Sitting>,
    /// Where images are worked on.
    pub work: PathBuf,
}

/// How a run stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Status {
    /// All is done, and nothing failed.
    Success,
    /// All is done, and something failed.
    Partial,
    /// No update went into any image, or an error ended it.
    Failed,
    /// Images wait to be serviced elsewhere.
    Waiting,
    /// It was asked to stop.
    Interrupted,
    /// It is under way, or ended without being able to tell.
    Unfinished,
}

impl Status {
    /// Each of them.
    pub const ALL: [Self; 6] =
        [Self::Success, Self::Partial, Self::Failed, Self::Waiting, Self::Interrupted, Self::Unfinished];

    /// One word for it, as JSON documents have it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Success => "success",
            Self::Partial => "partial",
            Self::Failed => "failed",
            Self::Waiting => "waiting",
            Self::Interrupted => "interrupted",
            Self::Unfinished => "unfinished",
        }
    }

    /// The words of reports.
    pub fn title(self) -> &'static str {
        match self {
            Self::Success => "Success",
            Self::Partial => "Partial Success",
            Self::Failed => "Failed",
            Self::Waiting => "Waiting",
            Self::Interrupted => "Interrupted",
            Self::Unfinished => "Unfinished",
        }
    }
}

impl Summary {
    /// What came of each update for each image.
    pub fn rows(&self) -> Vec<Row> {
        rows(&self.plan, &self.records, self.sittings.last(), &self.work)
    }

    /// Whether images wait to be serviced elsewhere.
    pub fn is_deferred(&self) -> bool {
        matches!(self.sittings.last(), Some(Sitting { end: Some(End::Deferred), .. }))
    }

    /// How the run stands.
    pub fn status(&self) -> Status {
        match self.sittings.last().map(|sitting| &sitting.end) {
            Some(Some(End::Complete)) => self.completed(),
            Some(Some(End::Deferred)) => Status::Waiting,
            Some(Some(End::Interrupted)) => Status::Interrupted,
            Some(Some(End::Error(_))) => Status::Failed,
            Some(None) | None => Status::Unfinished,
        }
    }

    /// How a run that came to its end stands.
    fn completed(&self) -> Status {
        let is_bad = |step: &Step| matches!(step.work, Work::LeftOut(Reason::BadPackage { .. }));
        if self.records.values().all(|record| record.outcome != Outcome::Failed) {
            // A package that no step could add is missed.
            return if self.plan.steps.iter().any(is_bad) { Status::Partial } else { Status::Success };
        }
        let rows = self.rows();
        let is_failed =
            rows.iter().any(|row| row.status.is_failure()) && !rows.iter().any(|row| row.status.is_success());
        if is_failed { Status::Failed } else { Status::Partial }
    }
}
