//! All runs on this machine: an embedded database, and what can be asked of it.
//!
//! It is a record and nothing else: no run depends on it, and one that cannot be written is told and changes no run.

mod entry;
mod error;
mod place;
mod query;
#[cfg(test)]
mod tests;

pub use entry::Entry;
pub use error::HistoryError;
pub use place::default_place;
pub use query::{Order, Query, Rate};

use std::fs;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use redb::{Database, DatabaseError, ReadableDatabase, ReadableTable, TableDefinition, TableError};

use crate::util::guard::guarded;

/// What the database is about.
const META: TableDefinition<'_, &str, &str> = TableDefinition::new("history");
/// Runs by what tells them apart.
const RUNS: TableDefinition<'_, &str, &str> = TableDefinition::new("runs");
/// Raised when older versions of wimkit cannot read it.
const VERSION: &str = "1";

/// How long another program may use the database before that is an error, and how often it is tried meanwhile.
const PATIENCE: Duration = Duration::from_secs(3);
const PAUSE: Duration = Duration::from_millis(50);

/// The database of all runs. Only one program at a time has it open, so it is closed again as soon as possible.
#[derive(Debug)]
pub struct History {
    path: PathBuf,
    database: Database,
}

impl History {
    /// Opens the database, and makes it if it is not there.
    ///
    /// # Errors
    /// [`HistoryError`].
    pub fn create(path: &Path) -> Result<Self, HistoryError> {
        sound(path, || Self::created(path))
    }

    fn created(path: &Path) -> Result<Self, HistoryError> {
        if let Some(parent) = path.parent() {
            fs::create_dir_all(parent).map_err(|source| HistoryError::Io { path: parent.to_owned(), source })?;
        }
        let history = Self::opened(path, || Database::create(path))?;
        if history.version()?.is_none() {
            let write = || -> Result<(), redb::Error> {
                let transaction = history.database.begin_write()?;
                transaction.open_table(META)?.insert("version", VERSION)?;
                transaction.open_table(RUNS)?;
                Ok(transaction.commit()?)
            };
            write().map_err(|error| broken(path, error))?;
        }
        history.checked()
    }

    /// Opens the database; `None` if it is not there.
    ///
    /// # Errors
    /// [`HistoryError`].
    pub fn open(path: &Path) -> Result<Option<Self>, HistoryError> {
        if !path.exists() {
            return Ok(None);
        }
        sound(path, || Self::opened(path, || Database::open(path))?.checked().map(Some))
    }

    /// Waits while another program has it open.
    fn opened(path: &Path, open: impl Fn() -> Result<Database, DatabaseError>) -> Result<Self, HistoryError> {
        let begun = Instant::now();
        let mut database = loop {
            match open() {
                Err(DatabaseError::DatabaseAlreadyOpen) if begun.elapsed() < PATIENCE => thread::sleep(PAUSE),
                result => break result.map_err(|error| broken(path, error))?,
            }
        };
        // A damaged page would be taken for what it says.
        database.check_integrity().map_err(|error| broken(path, error))?;
        Ok(Self { path: path.to_owned(), database })
    }

    /// Refuses what another version has written.
    fn checked(self) -> Result<Self, HistoryError> {
        match self.version()? {
            Some(found) if found == VERSION => Ok(self),
            Some(found) => Err(HistoryError::Version { path: self.path, found, known: VERSION }),
            None => Err(HistoryError::Damaged { path: self.path, problem: "it states no version".into() }),
        }
    }

    fn version(&self) -> Result<Option<String>, HistoryError> {
        let read = || -> Result<Option<String>, redb::Error> {
            match self.database.begin_read()?.open_table(META) {
                Err(TableError::TableDoesNotExist(_)) => Ok(None),
                table => Ok(table?.get("version")?.map(|version| version.value().to_owned())),
            }
        };
        read().map_err(|error| broken(&self.path, error))
    }

    /// Keeps a run, in the place of what was kept of it before.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn put(&self, entry: &Entry) -> Result<(), HistoryError> {
        let text = serde_json::to_string(entry).expect("an entry has text, numbers and lists alone");
        let write = || -> Result<(), redb::Error> {
            let transaction = self.database.begin_write()?;
            transaction.open_table(RUNS)?.insert(&*entry.id, &*text)?;
            Ok(transaction.commit()?)
        };
        write().map_err(|error| broken(&self.path, error))
    }

    /// All runs.
    ///
    /// # Errors
    /// They cannot be read.
    pub fn entries(&self) -> Result<Vec<Entry>, HistoryError> {
        let read = || -> Result<Vec<String>, redb::Error> {
            let runs = self.database.begin_read()?.open_table(RUNS)?;
            let entries = runs.iter()?;
            entries.map(|entry| entry.map(|(_, text)| text.value().to_owned()).map_err(Into::into)).collect()
        };
        let texts = read().map_err(|error| broken(&self.path, error))?;
        let damaged =
            |error: serde_json::Error| HistoryError::Damaged { path: self.path.clone(), problem: error.to_string() };
        texts.iter().map(|text| serde_json::from_str(text).map_err(damaged)).collect()
    }
}

/// Does something with the database, and takes a panic for damage: redb believes what its file says about its own parts before
/// `check_integrity` can compare checksums, and of some lies it makes nothing but a panic.
fn sound<T>(path: &Path, work: impl FnOnce() -> Result<T, HistoryError>) -> Result<T, HistoryError> {
    let damaged = || HistoryError::Damaged { path: path.to_owned(), problem: "no sense can be made of it".into() };
    guarded(work).unwrap_or_else(|| Err(damaged()))
}

fn broken(path: &Path, error: impl Into<redb::Error>) -> HistoryError {
    let path = path.to_owned();
    match error.into() {
        redb::Error::DatabaseAlreadyOpen => HistoryError::Locked { path },
        redb::Error::UpgradeRequired(found) => {
            HistoryError::Version { path, found: format!("{found} of another redb"), known: VERSION }
        }
        redb::Error::Corrupted(problem) => HistoryError::Damaged { path, problem },
        redb::Error::Io(error) if error.kind() == std::io::ErrorKind::InvalidData => {
            HistoryError::Damaged { path, problem: error.to_string() }
        }
        source @ (redb::Error::TableTypeMismatch { .. } | redb::Error::TableDoesNotExist(_)) => {
            HistoryError::Damaged { path, problem: source.to_string() }
        }
        source => HistoryError::Database { path, source: Box::new(source) },
    }
}
