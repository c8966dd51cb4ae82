//! What there is to read about a run: a folder with a summary, tables, and a page to look at.
//!
//! All of it comes from the journal and the plan, so that a run that was stopped and gone on with is told from its beginning.

mod chart;
pub mod csv;
mod escape;
mod html;
mod logs;
mod summary;
mod tables;
#[cfg(test)]
mod tests;
mod timeline;
mod warning;

pub(crate) use summary::rate;
pub use summary::{Counts, Document, document};
pub use warning::{Severity, Warning};

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::plan::{Plan, Step};
use super::run::{Prepared, Row, RunError, Status, Summary};
use super::settings::Settings;
use crate::util::filetime::FileTime;
use logs::Log;

/// All that is told about a run.
#[derive(Clone, Debug)]
pub struct Report {
    /// What tells the run from all others.
    pub id: String,
    /// When it was begun.
    pub begun: FileTime,
    /// When it came to its end; if it has not, the time of the report.
    pub ended: FileTime,
    /// What was to be done.
    pub settings: Settings,
    /// What came of it.
    pub summary: Summary,
    /// How it stands.
    pub status: Status,
    /// What came of each update for each image.
    pub rows: Vec<Row>,
    /// When each step was begun, once or more often.
    begun_steps: BTreeMap<u32, Vec<FileTime>>,
    /// What servicing has left to read.
    logs: Vec<Log>,
}

/// A report that cannot be written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReportError {
    /// A file cannot be written.
    #[error("{path}: {source}", path = .path.display())]
    Io {
        /// Which file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// There are too many folders of the same second.
    #[error("{path}: there are too many reports of the same second", path = .path.display())]
    Crowded {
        /// The folder that would have been the first of them.
        path: PathBuf,
    },
}

/// Reports of one second that can lie beside each other.
const MAX_OF_A_SECOND: u32 = 1000;

impl Report {
    /// Gathers what is known at the time `now`.
    ///
    /// # Errors
    /// The journal cannot be read.
    pub fn gather(prepared: &Prepared, now: FileTime) -> Result<Self, RunError> {
        let journal = &prepared.journal;
        let summary = prepared.summary()?;
        Ok(Self {
            id: journal.id.clone(),
            begun: journal.begun,
            ended: summary.sittings.last().and_then(|sitting| sitting.ended).unwrap_or(now),
            settings: journal.settings.clone(),
            status: summary.status(),
            rows: summary.rows(),
            begun_steps: prepared.begun_steps()?,
            logs: logs::gather(&journal.settings.work.join("logs")),
            summary,
        })
    }

    /// The plan.
    fn plan(&self) -> &Plan {
        &self.summary.plan
    }

    /// The steps with their places.
    fn steps(&self) -> impl Iterator<Item = (u32, &Step)> {
        (0..).zip(&self.plan().steps)
    }

    /// How long somebody sat at it, all in all.
    pub fn worked(&self) -> Duration {
        let sittings = self.summary.sittings.iter();
        sittings.map(|sitting| sitting.ended.unwrap_or(sitting.begun).since(sitting.begun)).sum()
    }

    /// Writes a new folder in the directory `into`, which appears whole or not at all. Answers where it is.
    ///
    /// # Errors
    /// [`ReportError`].
    pub fn write(&self, into: &Path) -> Result<PathBuf, ReportError> {
        let at = |path: &Path| {
            let path = path.to_owned();
            move |source| ReportError::Io { path, source }
        };
        fs::create_dir_all(into).map_err(at(into))?;
        let name = format!("DynamicUpdate_Report_{}", stamp(self.ended));
        let partial = into.join(format!(".{name}.{}.partial", std::process::id()));
        let made = (|| {
            fs::create_dir(&partial).map_err(at(&partial))?;
            for (name, content) in self.files() {
                let path = partial.join(name);
                let mut file = File::create_new(&path).map_err(at(&path))?;
                file.write_all(content.as_bytes()).and_then(|()| file.sync_all()).map_err(at(&path))?;
            }
            for number in 1..=MAX_OF_A_SECOND {
                let suffix = if number == 1 { String::new() } else { format!("_{number}") };
                let folder = into.join(format!("{name}{suffix}"));
                if !folder.exists() {
                    fs::rename(&partial, &folder).map_err(at(&folder))?;
                    return Ok(folder);
                }
            }
            Err(ReportError::Crowded { path: into.join(&name) })
        })();
        if made.is_err() {
            let _ = fs::remove_dir_all(&partial);
        }
        made
    }

    /// The files of the folder.
    fn files(&self) -> Vec<(&'static str, String)> {
        let mut summary = serde_json::to_string_pretty(&document(self)).expect("it has text, numbers and lists alone");
        summary.push('\n');
        let mut files = vec![("Summary.json", summary), ("Report.html", html::page(self))];
        files.extend(tables::tables(self));
        files
    }
}

/// A time as names of folders have it: `20260131_235959`, UTC.
fn stamp(time: FileTime) -> String {
    let text: String = time.to_string().chars().take(19).filter(|c| c.is_ascii_digit() || *c == 'T').collect();
    text.replace('T', "_")
}

/// A duration as `HH:MM:SS`.
pub fn clock(duration: Duration) -> String {
    let seconds = duration.as_secs();
    format!("{:02}:{:02}:{:02}", seconds / 3600, seconds / 60 % 60, seconds % 60)
}
