//! What the file with the settings of a run says when the run is looked at again: it is taken up, as other media and packages are.

use std::path::PathBuf;

use super::RunError;
use super::journal::{Journal, damaged};
use crate::refresh::plan::PlanError;
use crate::refresh::settings::{Changes, Settings, SettingsFile, renewed};

/// Settings by which a run goes, and not what comes of it.
const OF_THE_WAY: [&str; 8] = ["servicer", "dism", "answers", "images", "jobs", "dism_timeout", "reports", "database"];

/// What has become of the file with the settings of a run.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Renewal {
    /// It says what it said; or the run has none.
    #[default]
    None,
    /// It is not there any more: the run goes on as it was.
    Gone {
        /// The file.
        file: PathBuf,
    },
    /// It names other directories for the new media, or the work: it is that of another run, and this one goes on as it was.
    OtherRun {
        /// The file.
        file: PathBuf,
    },
    /// What it says is taken up.
    Changed {
        /// The file.
        file: PathBuf,
        /// Which settings.
        changes: Changes,
    },
}

impl Renewal {
    /// The names of the settings that are taken up.
    pub fn taken(&self) -> &[String] {
        match self {
            Self::Changed { changes, .. } => &changes.taken,
            _ => &[],
        }
    }

    /// Whether other media may come of it.
    pub(super) fn is_of_plan(&self) -> bool {
        self.taken().iter().any(|name| !OF_THE_WAY.contains(&&**name))
    }
}

/// What a journal is to have, so that the same is not taken up again.
#[derive(Debug)]
pub(super) struct Renewed {
    /// The settings of the run.
    pub(super) settings: Settings,
    /// The file that they come from.
    pub(super) file: SettingsFile,
}

/// Compares the file with the settings of a run with what it said when they were taken from it.
pub(super) fn look(journal: &Journal) -> Result<(Renewal, Option<Renewed>), RunError> {
    let Some(file) = &journal.file else { return Ok((Renewal::None, None)) };
    let path = file.path.clone();
    if !path.try_exists().map_err(|source| RunError::Io { path: path.clone(), source })? {
        return Ok((Renewal::Gone { file: path }, None));
    }
    let now = SettingsFile::read(&path).map_err(PlanError::from)?;
    let now = now.absolute().map_err(|source| RunError::Io { path: path.clone(), source })?;
    if now == *file {
        return Ok((Renewal::None, None));
    }
    let used = &journal.settings;
    let (settings, changes) =
        renewed(used, &file.settings, &now.settings).map_err(|error| damaged(&journal.path, &error))?;
    if (&settings.new_media, &settings.work) != (&used.new_media, &used.work) {
        return Ok((Renewal::OtherRun { file: path }, None));
    }
    Ok((Renewal::Changed { file: path, changes }, Some(Renewed { settings, file: now })))
}
