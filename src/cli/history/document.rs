//! Past runs as JSON documents; their members are described in docs/json/history.md.

use serde::Serialize;
use std::path::Path;
use wimkit::refresh::history::{Entry, Rate};
use wimkit::refresh::run::{End, Row, Sitting};
use wimkit::util::filetime::FileTime;

#[derive(Serialize)]
pub(super) struct Runs<'a> {
    schema: &'static str,
    database: String,
    runs: Vec<RunDocument<'a>>,
}

#[derive(Serialize)]
struct RunDocument<'a> {
    id: &'a str,
    begun: FileTime,
    ended: Option<FileTime>,
    seconds: f64,
    status: &'static str,
    error: Option<&'a str>,
    media: &'a str,
    new_media: &'a str,
    work: &'a str,
    packages: usize,
    images: usize,
    succeeded: usize,
    failed: usize,
    sittings: Vec<SittingDocument<'a>>,
    updates: Vec<UpdateDocument<'a>>,
    report: Option<&'a str>,
}

#[derive(Serialize)]
struct SittingDocument<'a> {
    begun: FileTime,
    ended: Option<FileTime>,
    servicer: &'a str,
    note: Option<&'a str>,
    end: Option<&'static str>,
}

#[derive(Serialize)]
struct UpdateDocument<'a> {
    image_type: &'a str,
    image: Option<u32>,
    image_name: &'a str,
    #[serde(rename = "type")]
    kind: &'a str,
    title: &'a str,
    file: &'a str,
    status: &'static str,
    error: Option<&'a str>,
    advice: Option<&'a str>,
    time: FileTime,
    step: Option<u8>,
}

pub(super) fn runs<'a>(database: &Path, runs: &[&'a Entry]) -> Runs<'a> {
    let runs = runs.iter().map(|run| RunDocument {
        id: &run.id,
        begun: run.begun,
        ended: run.ended,
        seconds: run.duration().as_secs_f64(),
        status: run.status.name(),
        error: run.error.as_deref(),
        media: &run.media,
        new_media: &run.new_media,
        work: &run.work,
        packages: run.packages,
        images: run.images,
        succeeded: run.succeeded,
        failed: run.failed,
        sittings: run.sittings.iter().map(sitting).collect(),
        updates: run.updates.iter().map(update).collect(),
        report: run.report.as_deref(),
    });
    Runs { schema: "wimkit.history/1", database: database.display().to_string(), runs: runs.collect() }
}

fn sitting(sitting: &Sitting) -> SittingDocument<'_> {
    let end = sitting.end.as_ref().map(|end| match end {
        End::Complete => "complete",
        End::Deferred => "waiting",
        End::Interrupted => "interrupted",
        End::Error(_) => "error",
    });
    let Sitting { begun, ended, servicer, note, .. } = sitting;
    SittingDocument { begun: *begun, ended: *ended, servicer, note: note.as_deref(), end }
}

fn update(row: &Row) -> UpdateDocument<'_> {
    UpdateDocument {
        image_type: &row.image_type,
        image: row.image_index,
        image_name: &row.image_name,
        kind: &row.update_type,
        title: &row.update_title,
        file: &row.update_file,
        status: row.status.word(),
        error: row.error.as_deref(),
        advice: row.advice.as_deref(),
        time: row.timestamp,
        step: row.step,
    }
}

#[derive(Serialize)]
pub(super) struct Failures<'a> {
    schema: &'static str,
    since: FileTime,
    failures: Vec<FailureDocument<'a>>,
}

#[derive(Serialize)]
struct FailureDocument<'a> {
    run: &'a str,
    #[serde(flatten)]
    update: UpdateDocument<'a>,
}

pub(super) fn failures<'a>(since: FileTime, failures: &[(&'a Entry, &'a Row)]) -> Failures<'a> {
    let failures = failures.iter().map(|(run, row)| FailureDocument { run: &run.id, update: update(row) });
    Failures { schema: "wimkit.history-failures/1", since, failures: failures.collect() }
}

#[derive(Serialize)]
pub(super) struct Rates<'a> {
    schema: &'static str,
    rates: Vec<RateDocument<'a>>,
}

#[derive(Serialize)]
struct RateDocument<'a> {
    #[serde(rename = "type")]
    kind: &'a str,
    updates: usize,
    succeeded: usize,
    rate: f64,
}

pub(super) fn rates(rates: &[Rate]) -> Rates<'_> {
    let rates = rates.iter().map(|rate| RateDocument {
        kind: &rate.update_type,
        updates: rate.total,
        succeeded: rate.successful,
        rate: rate.rate,
    });
    Rates { schema: "wimkit.history-rates/1", rates: rates.collect() }
}
