//! `Summary.json`: all of a report for programs. Its names are those of the guide's own reports.

use serde::Serialize;
use std::collections::BTreeSet;

use super::{Report, Warning, clock, tables};
use crate::refresh::plan::Work;
use crate::refresh::run::{Row, Sitting, Sizes};
use crate::util::filetime::FileTime;

/// The document; its members are described in docs/json/refresh-report.md.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Document<'a> {
    #[serde(rename = "schema")]
    schema: &'static str,
    run_id: &'a str,
    start_time: FileTime,
    end_time: FileTime,
    total_duration: String,
    work_duration: String,
    overall_status: &'static str,
    search_results: Searches,
    boot_image_results: Counts,
    windows_image_results: Counts,
    media_results: Counts,
    media: String,
    new_media: String,
    work_directory: String,
    architecture: Option<String>,
    version: &'static str,
    sittings: &'a [Sitting],
    steps: Vec<StepDocument<'a>>,
    updates: &'a [Row],
    sizes: Vec<&'a Sizes>,
    packages: Vec<PackageDocument>,
    warnings: Vec<Warning>,
}

/// What was looked for in the Update Catalog: a refresh is given its packages.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct Searches {
    total_searches: u32,
    successful_searches: u32,
    failed_searches: u32,
    total_packages_found: usize,
    total_packages_downloaded: u32,
}

/// How many updates went into images of a kind.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Counts {
    /// Images.
    pub images_processed: usize,
    /// Updates that are in them.
    pub successful_operations: usize,
    /// Updates that should be and are not.
    pub failed_operations: usize,
    /// Percent of the former, to two decimals.
    pub success_rate: f64,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct StepDocument<'a> {
    step: Option<u8>,
    task: &'static str,
    target: &'static str,
    image_index: Option<u32>,
    outcome: &'static str,
    start_time: Option<FileTime>,
    end_time: Option<FileTime>,
    attempts: usize,
    notes: Vec<&'a str>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct PackageDocument {
    title: String,
    class: &'static str,
    #[serde(rename = "KB")]
    kb: Option<String>,
    version: String,
    architecture: Option<&'static str>,
    size: Option<u64>,
    local_file: String,
    target_images: String,
}

/// A share in percent, to two decimals; 0 of nothing.
pub(crate) fn rate(part: usize, whole: usize) -> f64 {
    if whole == 0 { 0.0 } else { (part as f64 * 10_000.0 / whole as f64).round() / 100.0 }
}

impl Counts {
    /// Counts rows.
    pub fn of<'r>(rows: impl Iterator<Item = &'r Row>) -> Self {
        let (mut images, mut successful, mut failed) = (BTreeSet::new(), 0, 0);
        for row in rows {
            images.insert((&*row.image_type, row.image_index));
            successful += usize::from(row.status.is_success());
            failed += usize::from(row.status.is_failure());
        }
        Self {
            images_processed: images.len(),
            successful_operations: successful,
            failed_operations: failed,
            success_rate: rate(successful, successful + failed),
        }
    }
}

/// Makes the document.
pub fn document(report: &Report) -> Document<'_> {
    let rows = |is_meant: fn(&Row) -> bool| Counts::of(report.rows.iter().filter(|row| is_meant(row)));
    let text = |path: &std::path::Path| path.display().to_string();
    let settings = &report.settings;
    let packages = &report.plan().packages;
    Document {
        schema: "wimkit.refresh-report/1",
        run_id: &report.id,
        start_time: report.begun,
        end_time: report.ended,
        total_duration: clock(report.ended.since(report.begun)),
        work_duration: clock(report.worked()),
        overall_status: report.status.title(),
        search_results: Searches {
            total_searches: 0,
            successful_searches: 0,
            failed_searches: 0,
            total_packages_found: packages.len(),
            total_packages_downloaded: 0,
        },
        boot_image_results: rows(tables::is_boot),
        windows_image_results: rows(tables::is_windows),
        media_results: rows(|row| row.image_type == "media"),
        media: text(&settings.media),
        new_media: text(&settings.new_media),
        work_directory: text(&settings.work),
        architecture: report.plan().architecture.map(|architecture| architecture.to_string()),
        version: env!("CARGO_PKG_VERSION"),
        sittings: &report.summary.sittings,
        steps: report.steps().map(|(place, _)| step(report, place)).collect(),
        updates: &report.rows,
        sizes: report.summary.records.values().filter_map(|record| record.sizes.as_ref()).collect(),
        packages: packages
            .iter()
            .map(|package| PackageDocument {
                title: tables::title(package),
                class: package.class.name(),
                kb: package.kb.map(|kb| kb.to_string()),
                version: package.version.to_string(),
                architecture: package.architecture,
                size: package.size,
                local_file: text(&package.path),
                target_images: tables::targets(report, &package.path),
            })
            .collect(),
        warnings: report.warnings(),
    }
}

fn step(report: &Report, place: u32) -> StepDocument<'_> {
    let step = &report.plan().steps[place as usize];
    let record = report.summary.records.get(&place);
    let begun = report.begun_steps.get(&place);
    let outcome = match (&step.work, record, begun) {
        (_, Some(record), _) => record.outcome.name(),
        (Work::LeftOut(_), ..) => "left-out",
        (_, None, Some(_)) => "begun",
        (_, None, None) => "to-do",
    };
    StepDocument {
        step: step.number,
        task: step.task.name(),
        target: step.target.name(),
        image_index: step.image.as_ref().map(|image| image.index),
        outcome,
        start_time: record.map(|record| record.begun).or_else(|| begun?.last().copied()),
        end_time: record.map(|record| record.ended),
        attempts: begun.map_or(usize::from(record.is_some()), Vec::len),
        notes: record.map(|record| record.notes.iter().map(String::as_str).collect()).unwrap_or_default(),
    }
}
