//! Records of a run: the folder with its report, and its place in the history. What cannot be written is told, and changes
//! nothing about the run.

use super::super::Context;
use super::super::history::place;
use super::super::printer::{talk, visible, warn};
use clap::Args;
use std::path::PathBuf;
use wimkit::refresh::history::{Entry, History, HistoryError};
use wimkit::refresh::report::Report;
use wimkit::refresh::run::Prepared;
use wimkit::refresh::settings::{Settings, SettingsError};

/// Where records go.
#[derive(Args, Debug)]
pub(super) struct RecordsArgs {
    /// Where the folder with the report goes [default: what the settings say, else WORK/reports]
    #[arg(long, value_name = "DIR", help_heading = "Records")]
    reports: Option<PathBuf>,
    /// The database of all runs [default: WIMKIT_DATABASE, else what the settings say, else this user's]
    #[arg(long, value_name = "FILE", help_heading = "Records")]
    database: Option<PathBuf>,
}

impl RecordsArgs {
    /// Puts what the flags say into the place of settings.
    pub(super) fn apply(&self, settings: &mut Settings) {
        let Self { reports, database } = self;
        for (flag, setting) in [(reports, &mut settings.reports), (database, &mut settings.database)] {
            if flag.is_some() {
                setting.clone_from(flag);
            }
        }
    }
}

/// The records of a run that is under way.
pub(super) struct Records<'a> {
    args: &'a RecordsArgs,
    settings: Settings,
    context: &'a Context,
}

impl<'a> Records<'a> {
    /// The run begins: the history has it from now on, whatever becomes of it.
    pub(super) fn begin(
        args: &'a RecordsArgs,
        prepared: &Prepared,
        context: &'a Context,
    ) -> Result<Self, SettingsError> {
        let settings = prepared.journal.settings.clone();
        settings.check()?;
        let records = Self { args, settings, context };
        // That it cannot be kept is told at the end.
        if let Ok(report) = Report::gather(prepared, context.clock.now()) {
            let _ = records.put(&Entry::under_way(&report));
        }
        Ok(records)
    }

    fn put(&self, entry: &Entry) -> Result<(), HistoryError> {
        History::create(&place(self.args.database.as_deref(), self.settings.database.as_deref())?)?.put(entry)
    }

    /// The run has come to an end, good or bad.
    pub(super) fn end(self, prepared: &Prepared) {
        let report = match Report::gather(prepared, self.context.clock.now()) {
            Ok(report) => report,
            Err(error) => return warn(format_args!("there is no report: {error}")),
        };
        let mut entry = Entry::of(&report);
        match report.write(&self.settings.reports()) {
            Ok(folder) => {
                let folder = std::path::absolute(&folder).unwrap_or(folder).display().to_string();
                self.context.say(format_args!("{}: the report", visible(&folder)));
                entry.report = Some(folder);
            }
            Err(error) => warn(format_args!("there is no report: {error}")),
        }
        if let Err(error) = self.put(&entry) {
            warn(format_args!("this run is not in the history: {error}"));
            if let Some(hint) = error.hint() {
                talk(format_args!("hint: {hint}"));
            }
        }
    }
}
