//! What of a run is done: kept in the work directory, so that a run that was stopped goes on.

use std::path::{Path, PathBuf};

use redb::{Database, ReadableDatabase, ReadableTable, TableDefinition};

use super::RunError;
use crate::refresh::settings::Settings;

/// What a run is about.
const RUN: TableDefinition<'_, &str, &str> = TableDefinition::new("run");
/// What came of each step, by its place in the plan.
const STEPS: TableDefinition<'_, u32, &str> = TableDefinition::new("steps");
/// Raised when older journals cannot be gone on with.
const VERSION: &str = "1";

/// What came of a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// It is done.
    Done,
    /// The package was not meant for the image.
    NotApplicable,
    /// It failed in a way that does no harm.
    Tolerated,
    /// It could not be done, and is not missed.
    Skipped,
    /// It failed.
    Failed,
}

impl Outcome {
    /// One word for it, as JSON documents have it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::NotApplicable => "not-applicable",
            Self::Tolerated => "tolerated",
            Self::Skipped => "skipped",
            Self::Failed => "failed",
        }
    }
}

/// What is kept of a step.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Record {
    /// What came of it.
    pub outcome: Outcome,
    /// What there is to say.
    pub notes: Vec<String>,
}

/// The journal of a run.
#[derive(Debug)]
pub struct Journal {
    path: PathBuf,
    database: Database,
    /// What the run is to do.
    pub settings: Settings,
    /// What the media and packages were like.
    pub(super) fingerprint: String,
}

/// Where the journal of a work directory is.
fn place(work: &Path) -> PathBuf {
    work.join("journal.redb")
}

impl Journal {
    /// Begins a journal.
    ///
    /// # Errors
    /// [`RunError`]: there is one already, or it cannot be written.
    pub(super) fn begin(settings: &Settings, fingerprint: &str) -> Result<Self, RunError> {
        let path = place(&settings.work);
        if path.exists() {
            return Err(RunError::Begun { path: settings.work.clone() });
        }
        let text = serde_json::to_string(settings).map_err(|_| RunError::JournalVersion { path: path.clone() })?;
        let database = Database::create(&path).map_err(|error| broken(&path, error))?;
        let write = || -> Result<(), redb::Error> {
            let transaction = database.begin_write()?;
            {
                let mut run = transaction.open_table(RUN)?;
                for (key, value) in [("version", VERSION), ("settings", &*text), ("fingerprint", fingerprint)] {
                    run.insert(key, value)?;
                }
                transaction.open_table(STEPS)?;
            }
            Ok(transaction.commit()?)
        };
        write().map_err(|error| broken(&path, error))?;
        Ok(Self { path, database, settings: settings.clone(), fingerprint: fingerprint.to_owned() })
    }

    /// Opens the journal of a work directory.
    ///
    /// # Errors
    /// [`RunError`]: there is none, or one of another version.
    pub fn open(work: &Path) -> Result<Self, RunError> {
        let path = place(work);
        if !path.exists() {
            return Err(RunError::NotBegun { path: work.to_owned() });
        }
        let database = Database::open(&path).map_err(|error| broken(&path, error))?;
        let read = |key: &str| -> Result<Option<String>, redb::Error> {
            let run = database.begin_read()?.open_table(RUN)?;
            Ok(run.get(key)?.map(|value| value.value().to_owned()))
        };
        let read = |key: &str| read(key).map_err(|error| broken(&path, error));
        let other = || RunError::JournalVersion { path: path.clone() };
        if read("version")?.as_deref() != Some(VERSION) {
            return Err(other());
        }
        let settings = serde_json::from_str(&read("settings")?.ok_or_else(other)?).map_err(|_| other())?;
        let fingerprint = read("fingerprint")?.ok_or_else(other)?;
        Ok(Self { database, settings, fingerprint, path })
    }

    /// What came of each step so far, by its place in the plan.
    ///
    /// # Errors
    /// It cannot be read.
    pub fn records(&self) -> Result<Vec<(u32, Record)>, RunError> {
        let read = || -> Result<Vec<(u32, String)>, redb::Error> {
            let steps = self.database.begin_read()?.open_table(STEPS)?;
            let entries = steps.iter()?;
            entries
                .map(|entry| entry.map(|(key, value)| (key.value(), value.value().to_owned())).map_err(Into::into))
                .collect()
        };
        let entries = read().map_err(|error| broken(&self.path, error))?;
        let parse = |(step, text): (u32, String)| {
            let record =
                serde_json::from_str(&text).map_err(|_| RunError::JournalVersion { path: self.path.clone() })?;
            Ok((step, record))
        };
        entries.into_iter().map(parse).collect()
    }

    /// Keeps what came of steps that belong together: all of it or nothing.
    pub(super) fn finish(&self, records: &[(u32, Record)]) -> Result<(), RunError> {
        let write = || -> Result<(), redb::Error> {
            let transaction = self.database.begin_write()?;
            {
                let mut steps = transaction.open_table(STEPS)?;
                for (step, record) in records {
                    let text = serde_json::to_string(record).expect("a record has text and lists alone");
                    steps.insert(step, &*text)?;
                }
            }
            Ok(transaction.commit()?)
        };
        write().map_err(|error| broken(&self.path, error))
    }
}

fn broken(path: &Path, error: impl Into<redb::Error>) -> RunError {
    RunError::Journal { path: path.to_owned(), source: Box::new(error.into()) }
}
