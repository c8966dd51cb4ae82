//! The tables of a report: what came of each update, and the packages.

use std::collections::BTreeSet;
use std::path::Path;

use super::Report;
use super::csv::line;
use crate::refresh::plan::{Native, PackageFacts, Work};
use crate::refresh::run::Row;
use crate::servicing::request::Request;

const ROW: [&str; 10] = [
    "ImageIndex",
    "ImageName",
    "UpdateType",
    "UpdateTitle",
    "UpdateFile",
    "Status",
    "Error",
    "Timestamp",
    "ImageType",
    "Step",
];
const PACKAGE: [&str; 8] = ["Title", "Class", "KB", "Version", "Architecture", "Size", "LocalFile", "TargetImages"];

/// The tables by the names of their files.
pub(super) fn tables(report: &Report) -> [(&'static str, String); 5] {
    let rows = |is_meant: &dyn Fn(&Row) -> bool| {
        let rows = report.rows.iter().filter(|row| is_meant(row));
        rows.fold(line(ROW), |table, row| table + &line(cells(row)))
    };
    let packages = report.plan().packages.iter();
    [
        ("BootImage_Success.csv", rows(&|row| is_boot(row) && !row.status.is_failure())),
        ("BootImage_Errors.csv", rows(&|row| is_boot(row) && row.status.is_failure())),
        ("WindowsImage_Success.csv", rows(&|row| is_windows(row) && !row.status.is_failure())),
        ("WindowsImage_Errors.csv", rows(&|row| is_windows(row) && row.status.is_failure())),
        (
            "Downloaded_Packages.csv",
            packages.fold(line(PACKAGE), |table, package| table + &line(package_cells(report, package))),
        ),
    ]
}

/// Whether a row is about an image of boot.wim.
pub(super) fn is_boot(row: &Row) -> bool {
    row.image_type == "WinPE"
}

/// Whether a row is about an image of install.wim, or about the Windows RE in them.
pub(super) fn is_windows(row: &Row) -> bool {
    matches!(&*row.image_type, "OS" | "WinRE")
}

fn cells(row: &Row) -> [String; 10] {
    let number = |number: Option<u32>| number.map(|number| number.to_string()).unwrap_or_default();
    [
        number(row.image_index),
        row.image_name.clone(),
        row.update_type.clone(),
        row.update_title.clone(),
        row.update_file.clone(),
        row.status.name().into(),
        row.error.clone().unwrap_or_default(),
        row.timestamp.to_string(),
        row.image_type.clone(),
        number(row.step.map(u32::from)),
    ]
}

/// The name of a package's file.
pub(super) fn title(package: &PackageFacts) -> String {
    package.path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

/// What a package is added to, `WinRE;OS`; empty for one that no step names, such as a checkpoint.
pub(super) fn targets(report: &Report, path: &Path) -> String {
    let is_used = |work: &Work| match work {
        Work::Service(requests) => {
            requests.iter().any(|request| matches!(request, Request::AddPackage { path: own } if own == path))
        }
        Work::Native(Native::ExpandSetupDu { package }) => package == path,
        _ => false,
    };
    let steps = report.steps().filter(|(_, step)| is_used(&step.work));
    let targets: BTreeSet<_> = steps.map(|(_, step)| step.target).collect();
    targets.into_iter().map(|target| target.name()).collect::<Vec<_>>().join(";")
}

fn package_cells(report: &Report, package: &PackageFacts) -> [String; 8] {
    [
        title(package),
        package.class.name().into(),
        package.kb.map(|kb| kb.to_string()).unwrap_or_default(),
        package.version.to_string(),
        package.architecture.unwrap_or_default().into(),
        package.size.map(|size| size.to_string()).unwrap_or_default(),
        package.path.display().to_string(),
        targets(report, &package.path),
    ]
}
