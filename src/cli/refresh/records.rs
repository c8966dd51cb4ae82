//! Records of a run: the folder with its report. What cannot be written is told, and changes nothing about the run.

use super::super::Context;
use super::super::printer::{visible, warn};
use clap::Args;
use std::path::PathBuf;
use wimkit::refresh::report::Report;
use wimkit::refresh::run::Prepared;
use wimkit::refresh::settings::{Settings, SettingsError};

/// Where records go.
#[derive(Args, Debug)]
pub(super) struct RecordsArgs {
    /// Where the folder with the report goes [default: what the settings say, else WORK/reports]
    #[arg(long, value_name = "DIR", help_heading = "Records")]
    reports: Option<PathBuf>,
}

impl RecordsArgs {
    /// Puts what the flags say into the place of settings.
    pub(super) fn apply(&self, settings: &mut Settings) {
        if self.reports.is_some() {
            settings.reports.clone_from(&self.reports);
        }
    }
}

/// The records of a run that is under way.
pub(super) struct Records<'a> {
    settings: Settings,
    prepared: &'a Prepared,
    context: &'a Context,
}

impl<'a> Records<'a> {
    /// The run begins.
    pub(super) fn begin(
        args: &RecordsArgs,
        prepared: &'a Prepared,
        context: &'a Context,
    ) -> Result<Self, SettingsError> {
        let mut settings = prepared.journal.settings.clone();
        args.apply(&mut settings);
        settings.check()?;
        Ok(Self { settings, prepared, context })
    }

    /// The run has come to an end, good or bad.
    pub(super) fn end(self) {
        let report = match Report::gather(self.prepared, self.context.clock.now()) {
            Ok(report) => report,
            Err(error) => return warn(format_args!("there is no report: {error}")),
        };
        match report.write(&self.settings.reports()) {
            Ok(folder) => self.context.say(format_args!("{}: the report", visible(&folder.display().to_string()))),
            Err(error) => warn(format_args!("there is no report: {error}")),
        }
    }
}
