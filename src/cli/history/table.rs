//! Past runs as tables, for people and for spreadsheets.

use super::super::exit::Failure;
use super::super::human::Counted;
use super::super::printer::{Out, visible};
use wimkit::refresh::history::{Entry, Rate};
use wimkit::refresh::report::{clock, csv};
use wimkit::refresh::run::Row;
use wimkit::util::filetime::FileTime;

/// `2026-01-31 12:00:00`.
fn time(time: FileTime) -> String {
    time.to_string().chars().take(19).collect::<String>().replace('T', " ")
}

pub(super) fn runs(runs: &[&Entry]) -> Result<(), Failure> {
    let mut out = Out::new();
    if !runs.is_empty() {
        writeln!(out, "{:<19}  {:>8}  {:<15}  {:>7}  {:>6}", "begun", "took", "status", "updates", "failed")?;
    }
    for run in runs {
        let (begun, status) = (time(run.begun), run.status.title());
        let took = run.ended.map_or_else(String::new, |_| clock(run.duration()));
        writeln!(out, "{begun:<19}  {took:>8}  {status:<15}  {:>7}  {:>6}", run.succeeded, run.failed)?;
        let sittings = match run.sittings.len() {
            0 | 1 => String::new(),
            count => format!(", in {}", Counted(count as u64, "sitting")),
        };
        writeln!(out, "    {}{sittings}", visible(&run.new_media))?;
        for text in [&run.error, &run.report].into_iter().flatten() {
            writeln!(out, "    {}", visible(text))?;
        }
    }
    out.finish()
}

pub(super) fn failures(failures: &[(&Entry, &Row)]) -> Result<(), Failure> {
    let mut out = Out::new();
    for (_, row) in failures {
        let image = row.image_index.map(|index| format!(" {index}")).unwrap_or_default();
        let image = format!("{}{image}", row.image_type);
        writeln!(out, "{}  {image:<8}  {:<16}  {}", time(row.timestamp), row.update_type, visible(&row.update_title))?;
        for text in [&row.error, &row.advice].into_iter().flatten() {
            for line in text.lines() {
                writeln!(out, "    {}", visible(line))?;
            }
        }
    }
    out.finish()
}

pub(super) fn rates(rates: &[Rate]) -> Result<(), Failure> {
    let mut out = Out::new();
    if !rates.is_empty() {
        writeln!(out, "{:<18}  {:>7}  {:>9}  {:>8}", "kind", "updates", "succeeded", "rate")?;
    }
    for Rate { update_type, total, successful, rate } in rates {
        writeln!(out, "{update_type:<18}  {total:>7}  {successful:>9}  {rate:>6.2} %")?;
    }
    out.finish()
}

/// Writes lines of cells below a line of names.
fn csv<const N: usize>(names: [&str; N], lines: impl Iterator<Item = [String; N]>) -> Result<(), Failure> {
    let mut out = Out::new();
    out.write_all(csv::line(names).as_bytes())?;
    for cells in lines {
        out.write_all(csv::line(cells).as_bytes())?;
    }
    out.finish()
}

/// What there is to say about a run, in a line: the error that ended it, updates that are not in their images, and notes.
fn details(run: &Entry) -> String {
    let mut parts: Vec<String> = run.error.iter().map(|error| format!("ended by {error}")).collect();
    let missing = run.updates.iter().filter(|row| !row.status.is_success());
    parts.extend(missing.map(|row| {
        let image = row.image_index.map(|index| format!(" {index}")).unwrap_or_default();
        let step = row.step.map(|step| format!(" step {step}")).unwrap_or_default();
        let error = row.error.as_ref().map(|error| format!(", {error}")).unwrap_or_default();
        format!("{}{image}{step} {}: {}{error}", row.image_type, row.update_title, row.status.name())
    }));
    if run.sittings.len() > 1 {
        parts.push(format!("in {} sittings", run.sittings.len()));
    }
    parts.extend(run.sittings.iter().filter_map(|sitting| sitting.note.as_ref().map(|note| format!("note: {note}"))));
    if parts.is_empty() { "all is well".into() } else { parts.join("; ") }
}

pub(super) fn runs_csv(runs: &[&Entry]) -> Result<(), Failure> {
    let names = [
        "OperationType",
        "StartTime",
        "EndTime",
        "Duration",
        "Status",
        "PackagesProcessed",
        "ImagesProcessed",
        "SuccessfulOperations",
        "FailedOperations",
        "RunId",
        "Media",
        "NewMedia",
        "Report",
        "Details",
    ];
    let line = |run: &&Entry| {
        [
            "DynamicUpdate".into(),
            run.begun.to_string(),
            run.ended.map(|ended| ended.to_string()).unwrap_or_default(),
            format!("{:.2}", run.duration().as_secs_f64() / 60.0),
            run.status.title().into(),
            run.packages.to_string(),
            run.images.to_string(),
            run.succeeded.to_string(),
            run.failed.to_string(),
            run.id.clone(),
            run.media.clone(),
            run.new_media.clone(),
            run.report.clone().unwrap_or_default(),
            details(run),
        ]
    };
    csv(names, runs.iter().map(line))
}

pub(super) fn failures_csv(failures: &[(&Entry, &Row)]) -> Result<(), Failure> {
    let names = [
        "OperationType",
        "Timestamp",
        "ImageType",
        "ImageIndex",
        "ImageName",
        "UpdateType",
        "UpdateTitle",
        "UpdateFile",
        "Status",
        "Error",
        "RunId",
    ];
    let line = |(run, row): &(&Entry, &Row)| {
        [
            "DynamicUpdateDetail".into(),
            row.timestamp.to_string(),
            row.image_type.clone(),
            row.image_index.map(|index| index.to_string()).unwrap_or_default(),
            row.image_name.clone(),
            row.update_type.clone(),
            row.update_title.clone(),
            row.update_file.clone(),
            row.status.name().into(),
            row.error.clone().unwrap_or_default(),
            run.id.clone(),
        ]
    };
    csv(names, failures.iter().map(line))
}

pub(super) fn rates_csv(rates: &[Rate]) -> Result<(), Failure> {
    let line = |rate: &Rate| {
        [rate.update_type.clone(), rate.total.to_string(), rate.successful.to_string(), format!("{:.2}", rate.rate)]
    };
    csv(["UpdateType", "TotalOperations", "SuccessfulOperations", "SuccessRate"], rates.iter().map(line))
}
