//! `wimkit history`: past refreshes of media on this machine.

mod document;
mod table;

use super::Context;
use super::exit::{Failure, Outcome};
use super::printer;
use clap::{Args, ValueEnum};
use std::path::{Path, PathBuf};
use std::str::FromStr;
use wimkit::refresh::history::{self, Entry, HistoryError, Order, Query, default_place};
use wimkit::refresh::run;
use wimkit::util::filetime::FileTime;

/// List past refreshes of media: when, how they ended, what failed
///
/// Each run is kept once, however often it was stopped and gone on with. Times are UTC.
#[derive(Args, Debug)]
pub(crate) struct History {
    /// List updates that failed in the last days, instead of runs
    #[arg(long, conflicts_with = "rates")]
    failures: bool,
    /// With --failures: how many days
    #[arg(long, value_name = "N", default_value_t = 7, requires = "failures")]
    days: u32,
    /// List how often updates of each kind succeeded, instead of runs
    #[arg(long)]
    rates: bool,
    /// Runs begun on this day or later, such as 2026-01-31, or from a time on, such as 2026-01-31T12:00:00Z
    #[arg(long, value_name = "DATE")]
    since: Option<Date>,
    /// Runs begun on this day or earlier, or before a time
    #[arg(long, value_name = "DATE")]
    until: Option<Date>,
    /// Runs that ended so; can be repeated
    #[arg(long, value_enum)]
    status: Vec<StatusWord>,
    /// Updates of this kind, and runs with such, for instance Cumulative; can be repeated
    #[arg(long = "type", value_name = "KIND")]
    types: Vec<String>,
    /// By what runs are sorted
    #[arg(long, value_enum, default_value_t = OrderWord::Begun, conflicts_with_all = ["failures", "rates"])]
    sort: OrderWord,
    /// The other way round
    #[arg(long)]
    reverse: bool,
    /// So many lines at most
    #[arg(long, value_name = "N")]
    limit: Option<usize>,
    /// Print a table as CSV
    #[arg(long, conflicts_with = "json")]
    csv: bool,
    /// The database [default: WIMKIT_DATABASE, else what refresh.toml here says, else this user's]
    #[arg(long, value_name = "FILE")]
    database: Option<PathBuf>,
}

/// A day, or a time.
#[derive(Clone, Copy, Debug)]
struct Date {
    start: FileTime,
    end: FileTime,
}

impl FromStr for Date {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        const DAY: u64 = 24 * 3600 * 10_000_000;
        if let Ok(time) = text.parse() {
            return Ok(Self { start: time, end: time });
        }
        let start: FileTime = format!("{text}T00:00:00Z")
            .parse()
            .map_err(|_| "expected a day such as 2026-01-31, or a time such as 2026-01-31T12:00:00Z".to_owned())?;
        Ok(Self { start, end: FileTime(start.0 + DAY) })
    }
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum StatusWord {
    Success,
    Partial,
    Failed,
    Waiting,
    Interrupted,
    Unfinished,
}

impl From<StatusWord> for run::Status {
    fn from(word: StatusWord) -> Self {
        match word {
            StatusWord::Success => Self::Success,
            StatusWord::Partial => Self::Partial,
            StatusWord::Failed => Self::Failed,
            StatusWord::Waiting => Self::Waiting,
            StatusWord::Interrupted => Self::Interrupted,
            StatusWord::Unfinished => Self::Unfinished,
        }
    }
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum OrderWord {
    Begun,
    Ended,
    Duration,
    Status,
    Failed,
}

impl From<OrderWord> for Order {
    fn from(word: OrderWord) -> Self {
        match word {
            OrderWord::Begun => Self::Begun,
            OrderWord::Ended => Self::Ended,
            OrderWord::Duration => Self::Duration,
            OrderWord::Status => Self::Status,
            OrderWord::Failed => Self::Failed,
        }
    }
}

/// Where the database is: what the flag says, or the environment, or the settings, or the usual place.
pub(super) fn place(flag: Option<&Path>, setting: Option<&Path>) -> Result<PathBuf, HistoryError> {
    let named = named(flag).or_else(|| setting.map(Path::to_owned));
    named.or_else(default_place).ok_or(HistoryError::NoPlace)
}

/// What the flag says, or the environment.
fn named(flag: Option<&Path>) -> Option<PathBuf> {
    let environment = || std::env::var_os("WIMKIT_DATABASE").filter(|value| !value.is_empty()).map(PathBuf::from);
    flag.map(Path::to_owned).or_else(environment)
}

impl History {
    pub(crate) fn run(&self, context: &Context) -> Result<Outcome, Failure> {
        // The settings of a refresh here matter for the place alone, and may be broken where it is named otherwise.
        let setting = match named(self.database.as_deref()) {
            Some(_) => None,
            None => super::refresh::settings_here()?.and_then(|file| file.settings.database),
        };
        let path = place(self.database.as_deref(), setting.as_deref())?;
        let entries = match history::History::open(&path)? {
            Some(history) => history.entries()?,
            None => Vec::new(),
        };
        if entries.is_empty() {
            context.say(format_args!("{}: no run is kept here", path.display()));
        }
        let query = Query {
            since: self.since.map(|date| date.start),
            before: self.until.map(|date| date.end),
            statuses: self.status.iter().copied().map(Into::into).collect(),
            types: self.types.clone(),
            order: self.sort.into(),
        };
        let json = context.global.json;
        if self.failures {
            const DAY: u64 = 24 * 3600 * 10_000_000;
            let since = FileTime(context.clock.now().0.saturating_sub(u64::from(self.days).saturating_mul(DAY)));
            let failures = self.cut(query.failures(&entries, since));
            match () {
                () if json => printer::json(&document::failures(since, &failures))?,
                () if self.csv => table::failures_csv(&failures)?,
                () => table::failures(&failures)?,
            }
        } else if self.rates {
            let rates = self.cut(query.rates(&entries));
            match () {
                () if json => printer::json(&document::rates(&rates))?,
                () if self.csv => table::rates_csv(&rates)?,
                () => table::rates(&rates)?,
            }
        } else {
            let runs: Vec<&Entry> = self.cut(query.runs(&entries));
            match () {
                () if json => printer::json(&document::runs(&path, &runs))?,
                () if self.csv => table::runs_csv(&runs)?,
                () => table::runs(&runs)?,
            }
        }
        Ok(Outcome::Done)
    }

    /// The other way round if that was asked for, and no more than was asked for.
    fn cut<T>(&self, mut lines: Vec<T>) -> Vec<T> {
        if self.reverse {
            lines.reverse();
        }
        lines.truncate(self.limit.unwrap_or(usize::MAX));
        lines
    }
}

impl From<HistoryError> for Failure {
    fn from(error: HistoryError) -> Self {
        let hint = error.hint();
        Self::new(error, hint)
    }
}
