//! `wimkit report`: the report of a refresh, once more.

use super::Context;
use super::exit::{Failure, Outcome};
use super::printer::{self, visible};
use clap::Args;
use serde::Serialize;
use std::path::PathBuf;
use wimkit::refresh::report;
use wimkit::refresh::run;

/// Write the report of a refresh once more
///
/// `refresh run` and `resume` write it themselves. This is for one that could not be written then, or for another place.
#[derive(Args, Debug)]
pub(crate) struct Report {
    /// The work directory of the run
    #[arg(default_value = "work")]
    work: PathBuf,
    /// Where the folder with the report goes [default: what the settings say, else WORK/reports]
    #[arg(long, value_name = "DIR")]
    reports: Option<PathBuf>,
}

/// The JSON document; its members are described in docs/json/report.md.
#[derive(Serialize)]
struct Document<'a> {
    schema: &'static str,
    folder: &'a str,
    run: &'a str,
    status: &'static str,
}

impl Report {
    pub(crate) fn run(&self, context: &Context) -> Result<Outcome, Failure> {
        let prepared = run::look(&self.work, context.control())?;
        prepared.refuse_changes()?;
        let mut settings = prepared.journal.settings.clone();
        settings.reports = self.reports.clone().or(settings.reports);
        settings.check()?;
        let report = report::Report::gather(&prepared, context.clock.now())?;
        let folder = report.write(&settings.reports()).map_err(|error| Failure::message(error.to_string()))?;
        let folder = folder.display().to_string();
        if context.global.json {
            let (run, status) = (&*report.id, report.status.name());
            printer::json(&Document { schema: "wimkit.report/1", folder: &folder, run, status })?;
        } else {
            context.say(format_args!("{}: the report", visible(&folder)));
        }
        Ok(Outcome::Done)
    }
}
