//! What of a run is done: kept in the work directory, so that a run that was stopped goes on.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use redb::{Database, ReadableDatabase, ReadableTable, TableDefinition, TableError};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::RunError;
use super::inputs::Sources;
use super::record::{Record, Sitting};
use super::renewal::Renewed;
use super::stamp::{Known, PackageDigests, Stamp};
use crate::refresh::settings::{Settings, SettingsFile};
use crate::util::filetime::FileTime;
use crate::util::guard::guarded;
use crate::util::sha1::Hasher;

/// A table of JSON documents.
type Table = TableDefinition<'static, &'static str, &'static str>;

/// What a run is about.
const RUN: Table = TableDefinition::new("run");
/// What came of each step, by its key.
const STEPS: Table = TableDefinition::new("steps");
/// How each step was begun, by its key.
const BEGUN: Table = TableDefinition::new("begun");
/// Digests of packages, by their paths.
const PACKAGES: Table = TableDefinition::new("packages");
/// The times that somebody sat down to it, by their numbers from 0.
const SITTINGS: Table = TableDefinition::new("sittings");
/// Raised when older journals cannot be gone on with.
const VERSION: &str = "2";

/// What the run is to do …
const SETTINGS: &str = "settings";
/// … and the file that this comes from, where there is one.
const FILE: &str = "file";

/// What is kept of a step.
#[derive(Clone, Debug, serde::Serialize, serde::Deserialize)]
pub(super) struct Kept {
    /// What came of it.
    pub(super) record: Record,
    /// What it was made from.
    pub(super) inputs: Sources,
    /// The files that it has left.
    pub(super) outputs: Vec<Output>,
}

impl Kept {
    /// Where the files are that it has left.
    pub(super) fn paths(&self) -> impl Iterator<Item = &PathBuf> {
        self.outputs.iter().map(|output| &output.path)
    }
}

/// A file that a step has left.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub(super) struct Output {
    /// Where.
    pub(super) path: PathBuf,
    /// What it holds; `None`: whatever it holds is right.
    pub(super) stamp: Option<Stamp>,
}

/// How a step was begun.
#[derive(Clone, Debug, Default, serde::Serialize, serde::Deserialize)]
pub(super) struct Begun {
    /// When: once, or more often.
    pub(super) times: Vec<FileTime>,
    /// The digest of what it was to be made from.
    pub(super) inputs: String,
    /// The files that it was about to write.
    pub(super) outputs: BTreeSet<PathBuf>,
}

/// The journal of a run.
#[derive(Debug)]
pub struct Journal {
    pub(super) path: PathBuf,
    database: Database,
    /// What tells the run from all others.
    pub id: String,
    /// When it was begun.
    pub begun: FileTime,
    /// What the run is to do.
    pub settings: Settings,
    /// The file that this comes from, and what it said.
    pub(super) file: Option<SettingsFile>,
}

/// Where the journal of a work directory is.
fn place(work: &Path) -> PathBuf {
    work.join("journal.redb")
}

impl Journal {
    /// Begins a journal. `fingerprint` tells what the run is made from.
    ///
    /// # Errors
    /// [`RunError`]: there is one already, or it cannot be written.
    pub(super) fn begin(
        settings: &Settings,
        file: Option<&SettingsFile>,
        fingerprint: &str,
        begun: FileTime,
    ) -> Result<Self, RunError> {
        let path = place(&settings.work);
        if path.exists() {
            return Err(RunError::Begun { path: settings.work.clone() });
        }
        let text = serde_json::to_string(settings).map_err(|error| damaged(&path, &error))?;
        let file = file.map(serde_json::to_string).transpose().map_err(|error| damaged(&path, &error))?;
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
                for (key, value) in [("version", VERSION), (SETTINGS, &*text), ("id", &*id), ("begun", &*begun)] {
                    run.insert(key, value)?;
                }
                if let Some(file) = &file {
                    run.insert(FILE, &**file)?;
                }
            }
            Ok(transaction.commit()?)
        };
        write().map_err(|error| broken(&partial, error))?;
        drop(database);
        fs::rename(&partial, &path).map_err(io)?;
        Self::open(&settings.work)
    }

    /// Opens the journal of a work directory.
    ///
    /// # Errors
    /// [`RunError`]: there is none, or one of another version, or a damaged one.
    pub fn open(work: &Path) -> Result<Self, RunError> {
        let path = place(work);
        if !path.exists() {
            return Err(RunError::NotBegun { path: work.to_owned() });
        }
        // redb believes what its file says about its own parts before it compares checksums, and of some lies it makes nothing
        // but a panic.
        let opened = guarded(|| Self::opened(path.clone()));
        opened.unwrap_or_else(|| Err(damaged(&path, &"no sense can be made of it")))
    }

    fn opened(path: PathBuf) -> Result<Self, RunError> {
        let mut database = Database::open(&path).map_err(|error| broken(&path, error))?;
        // A damaged page would be taken for what it says.
        database.check_integrity().map_err(|error| broken(&path, error))?;
        let read = |key: &str| -> Result<Option<String>, redb::Error> {
            let run = database.begin_read()?.open_table(RUN)?;
            Ok(run.get(key)?.map(|value| value.value().to_owned()))
        };
        let find = |key: &str| read(key).map_err(|error| broken(&path, error));
        let read = |key: &str| find(key)?.ok_or_else(|| damaged(&path, &format!("it has no {key}")));
        let version = read("version")?;
        if version != VERSION {
            return Err(RunError::JournalVersion { path, found: version, known: VERSION });
        }
        let settings = serde_json::from_str(&read(SETTINGS)?).map_err(|error| damaged(&path, &error))?;
        let file = find(FILE)?.map(|file| serde_json::from_str(&file)).transpose();
        let file = file.map_err(|error| damaged(&path, &error))?;
        let begun = read("begun")?.parse().map_err(|error| damaged(&path, &error))?;
        let id = read("id")?;
        Ok(Self { database, id, begun, settings, file, path })
    }

    /// Keeps what the run is to do from now on.
    pub(super) fn put_settings(&self, renewed: &Renewed) -> Result<(), RunError> {
        let settings = serde_json::to_value(&renewed.settings).map_err(|error| damaged(&self.path, &error))?;
        let file = serde_json::to_value(&renewed.file).map_err(|error| damaged(&self.path, &error))?;
        self.write(RUN, [(SETTINGS, settings), (FILE, file)].into_iter())
    }

    /// What is kept of each step, by its key.
    pub(super) fn kept(&self) -> Result<BTreeMap<String, Kept>, RunError> {
        self.read(STEPS)
    }

    /// How each step was begun, by its key.
    pub(super) fn begun(&self) -> Result<BTreeMap<String, Begun>, RunError> {
        self.read(BEGUN)
    }

    /// The times that somebody sat down to it.
    ///
    /// # Errors
    /// It cannot be read.
    pub fn sittings(&self) -> Result<Vec<Sitting>, RunError> {
        Ok(self.read(SITTINGS)?.into_values().collect())
    }

    /// Digests of packages that were looked at before.
    pub(super) fn packages(&self) -> Result<PackageDigests, RunError> {
        Ok(PackageDigests::new(self.read::<Known>(PACKAGES)?))
    }

    /// Keeps digests of packages.
    pub(super) fn put_packages(&self, packages: &PackageDigests) -> Result<(), RunError> {
        self.write(PACKAGES, packages.known())
    }

    /// Keeps what came of steps that belong together: all of it or nothing.
    pub(super) fn finish(&self, kept: &[(String, Kept)]) -> Result<(), RunError> {
        self.write(STEPS, kept.iter().map(|(key, kept)| (key.as_str(), kept)))
    }

    /// Keeps that a step is begun, what it is made from, and what it is about to write.
    pub(super) fn begin_step(
        &self,
        key: &str,
        now: FileTime,
        inputs: String,
        outputs: BTreeSet<PathBuf>,
    ) -> Result<(), RunError> {
        let mut begun = self.begun()?.remove(key).unwrap_or_default();
        begun.times.push(now);
        (begun.inputs, begun.outputs) = (inputs, outputs);
        self.write(BEGUN, [(key, begun)].into_iter())
    }

    /// Keeps of these steps alone how they were begun.
    pub(super) fn forget(&self, steps: &BTreeMap<String, Begun>) -> Result<(), RunError> {
        if steps.is_empty() {
            return Ok(());
        }
        let texts = self.texts(steps.iter().map(|(key, begun)| (key.as_str(), begun)))?;
        let write = || -> Result<(), redb::Error> {
            let transaction = self.database.begin_write()?;
            {
                let mut kept = transaction.open_table(STEPS)?;
                let mut begun = transaction.open_table(BEGUN)?;
                for (key, text) in &texts {
                    kept.remove(key.as_str())?;
                    begun.insert(key.as_str(), text.as_str())?;
                }
            }
            Ok(transaction.commit()?)
        };
        write().map_err(|error| broken(&self.path, error))
    }

    /// Keeps a sitting at its place, from 0.
    pub(super) fn put_sitting(&self, place: u32, sitting: &Sitting) -> Result<(), RunError> {
        self.write(SITTINGS, [(&*format!("{place:06}"), sitting)].into_iter())
    }

    fn read<T: DeserializeOwned>(&self, table: Table) -> Result<BTreeMap<String, T>, RunError> {
        let read = || -> Result<Vec<(String, String)>, redb::Error> {
            let table = match self.database.begin_read()?.open_table(table) {
                Err(TableError::TableDoesNotExist(_)) => return Ok(Vec::new()),
                table => table?,
            };
            let entries = table.iter()?;
            entries
                .map(|entry| {
                    let (key, value) = entry?;
                    Ok((key.value().to_owned(), value.value().to_owned()))
                })
                .collect()
        };
        let entries = read().map_err(|error| broken(&self.path, error))?;
        let parse = |(key, text): (String, String)| {
            let value = serde_json::from_str(&text).map_err(|error| damaged(&self.path, &error))?;
            Ok((key, value))
        };
        entries.into_iter().map(parse).collect()
    }

    fn texts<'k, T: Serialize>(
        &self,
        entries: impl Iterator<Item = (&'k str, T)>,
    ) -> Result<Vec<(String, String)>, RunError> {
        let text = |(key, value): (&str, T)| {
            let text = serde_json::to_string(&value).map_err(|error| damaged(&self.path, &error))?;
            Ok((key.to_owned(), text))
        };
        entries.map(text).collect()
    }

    fn write<'k, T: Serialize>(
        &self,
        table: Table,
        entries: impl Iterator<Item = (&'k str, T)>,
    ) -> Result<(), RunError> {
        let texts = self.texts(entries)?;
        let write = || -> Result<(), redb::Error> {
            let transaction = self.database.begin_write()?;
            {
                let mut table = transaction.open_table(table)?;
                for (key, text) in &texts {
                    table.insert(key.as_str(), text.as_str())?;
                }
            }
            Ok(transaction.commit()?)
        };
        write().map_err(|error| broken(&self.path, error))
    }
}

pub(super) fn damaged(path: &Path, problem: &impl ToString) -> RunError {
    RunError::JournalDamaged { path: path.to_owned(), problem: problem.to_string() }
}

fn broken(path: &Path, error: impl Into<redb::Error>) -> RunError {
    match error.into() {
        redb::Error::Corrupted(problem) => damaged(path, &problem),
        redb::Error::UpgradeRequired(found) => RunError::JournalVersion {
            path: path.to_owned(),
            found: format!("{found} of another redb"),
            known: VERSION,
        },
        redb::Error::Io(error) if error.kind() == std::io::ErrorKind::InvalidData => damaged(path, &error),
        source @ (redb::Error::TableTypeMismatch { .. } | redb::Error::TableDoesNotExist(_)) => damaged(path, &source),
        source => RunError::Journal { path: path.to_owned(), source: Box::new(source) },
    }
}
