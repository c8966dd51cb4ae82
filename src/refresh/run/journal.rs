//! What of a run is done: kept in the work directory, so that a run that was stopped goes on.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use redb::{Database, ReadableDatabase, ReadableTable, TableDefinition};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::RunError;
use super::record::{Record, Sitting};
use crate::refresh::settings::Settings;
use crate::util::filetime::FileTime;
use crate::util::sha1::Hasher;

/// What a run is about.
const RUN: TableDefinition<'_, &str, &str> = TableDefinition::new("run");
/// What came of each step, by its place in the plan.
const STEPS: TableDefinition<'_, u32, &str> = TableDefinition::new("steps");
/// When each step was begun, once or more often, by its place.
const BEGUN: TableDefinition<'_, u32, &str> = TableDefinition::new("begun");
/// The times that somebody sat down to it, from 0.
const SITTINGS: TableDefinition<'_, u32, &str> = TableDefinition::new("sittings");
/// Raised when older journals cannot be gone on with.
const VERSION: &str = "1";

/// The journal of a run.
#[derive(Debug)]
pub struct Journal {
    path: PathBuf,
    database: Database,
    /// What tells the run from all others.
    pub id: String,
    /// When it was begun.
    pub begun: FileTime,
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
    pub(super) fn begin(settings: &Settings, fingerprint: &str, begun: FileTime) -> Result<Self, RunError> {
        let path = place(&settings.work);
        if path.exists() {
            return Err(RunError::Begun { path: settings.work.clone() });
        }
        let text = serde_json::to_string(settings).map_err(|_| RunError::JournalVersion { path: path.clone() })?;
        let mut hasher = Hasher::new();
        [&*text, fingerprint, &begun.to_string()].iter().for_each(|part| hasher.update(part.as_bytes()));
        let mut id = hasher.finish().to_string();
        id.truncate(16);
        // Under another name until all of it is there: a journal that says nothing could be neither begun nor gone on with.
        let partial = path.with_extension("partial");
        let io = |source| RunError::Io { path: partial.clone(), source };
        if partial.exists() {
            fs::remove_file(&partial).map_err(io)?;
        }
        let database = Database::create(&partial).map_err(|error| broken(&partial, error))?;
        let write = || -> Result<(), redb::Error> {
            let transaction = database.begin_write()?;
            {
                let mut run = transaction.open_table(RUN)?;
                let begun = begun.to_string();
                let facts = [
                    ("version", VERSION),
                    ("settings", &*text),
                    ("fingerprint", fingerprint),
                    ("id", &*id),
                    ("begun", &*begun),
                ];
                for (key, value) in facts {
                    run.insert(key, value)?;
                }
                transaction.open_table(STEPS)?;
            }
            Ok(transaction.commit()?)
        };
        write().map_err(|error| broken(&partial, error))?;
        drop(database);
        fs::rename(&partial, &path).map_err(io)?;
        let database = Database::open(&path).map_err(|error| broken(&path, error))?;
        Ok(Self { path, database, id, begun, settings: settings.clone(), fingerprint: fingerprint.to_owned() })
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
        // The first journals had neither of these.
        let id = read("id")?.unwrap_or_else(|| fingerprint.chars().take(16).collect());
        let begun = read("begun")?.map_or(Ok(FileTime::ZERO), |begun| begun.parse()).map_err(|_| other())?;
        Ok(Self { database, id, begun, settings, fingerprint, path })
    }

    /// What came of each step so far, by its place in the plan.
    ///
    /// # Errors
    /// It cannot be read.
    pub fn records(&self) -> Result<BTreeMap<u32, Record>, RunError> {
        self.read(STEPS)
    }

    /// When each step was begun, once or more often, by its place in the plan.
    ///
    /// # Errors
    /// It cannot be read.
    pub fn begun_steps(&self) -> Result<BTreeMap<u32, Vec<FileTime>>, RunError> {
        self.read(BEGUN)
    }

    /// The times that somebody sat down to it.
    ///
    /// # Errors
    /// It cannot be read.
    pub fn sittings(&self) -> Result<Vec<Sitting>, RunError> {
        Ok(self.read(SITTINGS)?.into_values().collect())
    }

    /// Keeps what came of steps that belong together: all of it or nothing.
    pub(super) fn finish(&self, records: &[(u32, Record)]) -> Result<(), RunError> {
        self.write(STEPS, records)
    }

    /// Keeps that a step is begun.
    pub(super) fn begin_step(&self, place: u32, now: FileTime) -> Result<(), RunError> {
        let mut times = self.begun_steps()?.remove(&place).unwrap_or_default();
        times.push(now);
        self.write(BEGUN, &[(place, times)])
    }

    /// Keeps a sitting at its place, from 0.
    pub(super) fn put_sitting(&self, place: u32, sitting: &Sitting) -> Result<(), RunError> {
        self.write(SITTINGS, &[(place, sitting)])
    }

    fn read<T: DeserializeOwned>(&self, table: TableDefinition<'_, u32, &str>) -> Result<BTreeMap<u32, T>, RunError> {
        let read = || -> Result<Vec<(u32, String)>, redb::Error> {
            let table = match self.database.begin_read()?.open_table(table) {
                // The first journals had steps alone.
                Err(redb::TableError::TableDoesNotExist(_)) => return Ok(Vec::new()),
                table => table?,
            };
            let entries = table.iter()?;
            entries
                .map(|entry| entry.map(|(key, value)| (key.value(), value.value().to_owned())).map_err(Into::into))
                .collect()
        };
        let entries = read().map_err(|error| broken(&self.path, error))?;
        let parse = |(place, text): (u32, String)| {
            let value =
                serde_json::from_str(&text).map_err(|_| RunError::JournalVersion { path: self.path.clone() })?;
            Ok((place, value))
        };
        entries.into_iter().map(parse).collect()
    }

    fn write(&self, table: TableDefinition<'_, u32, &str>, entries: &[(u32, impl Serialize)]) -> Result<(), RunError> {
        let write = || -> Result<(), redb::Error> {
            let transaction = self.database.begin_write()?;
            {
                let mut table = transaction.open_table(table)?;
                for (place, value) in entries {
                    let text = serde_json::to_string(value).expect("what is kept has text, numbers and lists alone");
                    table.insert(place, &*text)?;
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
