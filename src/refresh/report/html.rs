//! The page: one file that needs nothing else, without scripts, and with all text escaped.

use std::fmt::Write as _;
use std::path::Path;

use super::chart::{Sized, chart};
use super::escape::Text;
use super::logs::Log;
use super::timeline::{counted, image_of, seconds, timeline};
use super::{Report, Severity, clock, tables};
use crate::refresh::commands::commands;
use crate::util::human::Human;

const STYLE: &str = include_str!("page.css");

/// The whole page.
pub(super) fn page(report: &Report) -> String {
    let status = report.status;
    let mut out = String::from("<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n");
    // Whatever got into the page, no browser runs it or fetches anything for it.
    out += "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">\n";
    out += "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n";
    let _ = writeln!(out, "<title>Media refresh, {}: {}</title>", seconds(report.begun), status.title());
    let _ = writeln!(out, "<style>\n{STYLE}</style>\n</head>\n<body>");
    let _ = writeln!(out, "<h1>Media refresh <span class=\"status {}\">{}</span></h1>", status.name(), status.title());
    out += &facts(report);
    out += &warnings(report);
    let _ = writeln!(out, "<h2>Steps</h2>\n{}", timeline(report));
    out += &sizes(report);
    out += &updates(report);
    out += &packages(report);
    out += &logs(report);
    let _ = writeln!(
        out,
        "<footer>wimkit {}, run {}</footer>\n</body>\n</html>",
        env!("CARGO_PKG_VERSION"),
        Text(&report.id)
    );
    out
}

fn facts(report: &Report) -> String {
    let settings = &report.settings;
    let mut out = String::from("<dl>\n");
    let mut fact = |name: &str, value: &str| _ = writeln!(out, "<dt>{name}</dt><dd>{}</dd>", Text(value));
    fact("Begun", &seconds(report.begun));
    fact("Ended", &seconds(report.ended));
    let (total, worked) = (report.ended.since(report.begun), report.worked());
    fact("Duration", &clock(total));
    let sittings = &report.summary.sittings;
    if sittings.len() > 1 {
        fact("Sittings", &format!("{}, {} in all", sittings.len(), clock(worked)));
    }
    let path = |path: &Path| path.display().to_string();
    fact("Media", &path(&settings.media));
    fact("New media", &path(&settings.new_media));
    if let Some(architecture) = report.plan().architecture {
        fact("Architecture", &architecture.to_string());
    }
    if let Some(last) = sittings.last() {
        fact("Serviced by", &last.servicer);
    }
    let done = report.rows.iter().filter(|row| row.status.is_success()).count();
    let failed = report.rows.iter().filter(|row| row.status.is_failure()).count();
    fact("Updates", &format!("{done} in place, {failed} failed"));
    for note in sittings.iter().filter_map(|sitting| sitting.note.as_deref()) {
        fact("Note", note);
    }
    out + "</dl>\n"
}

fn warnings(report: &Report) -> String {
    let warnings = report.warnings();
    let mut out = String::from("<h2>Warnings, and what to do</h2>\n");
    if warnings.is_empty() {
        return out + "<p>None.</p>\n";
    }
    out += "<ul class=\"warnings\">\n";
    for warning in &warnings {
        let (class, word) = match warning.severity {
            Severity::Error => ("error", "Failed"),
            Severity::Warning => ("warning", "Warning"),
            Severity::Note => ("note", "Note"),
        };
        let _ = write!(out, "<li class=\"{class}\"><b>{word}</b>{}", Text(&warning.text));
        if let Some(advice) = &warning.advice {
            let _ = write!(out, "<p>{}</p>", Text(advice));
        }
        out += "</li>\n";
    }
    out + "</ul>\n"
}

fn sizes(report: &Report) -> String {
    let all: Vec<_> = report.summary.records.values().filter_map(|record| record.sizes.as_ref()).collect();
    if all.is_empty() {
        return String::new();
    }
    let file = |label: String, before, after| Sized { label, before, after };
    let files: Vec<Sized> = all.iter().map(|sizes| file(sizes.archive.clone(), sizes.before, sizes.after)).collect();
    let images = all.iter().flat_map(|sizes| {
        sizes.images.iter().map(|image| {
            let label = format!("{} {} {}", sizes.archive, image.index, image.name);
            file(label.trim_end().to_owned(), image.before, image.after)
        })
    });
    format!(
        "<h2>Sizes before and after</h2>\n<p class=\"key\"><i class=\"before\"></i>before<i class=\"after\"></i>after</p>\n\
         <h3>Archives, as files</h3>\n{}<h3>Images, as all files in them together</h3>\n{}",
        chart(&files),
        chart(&images.collect::<Vec<_>>())
    )
}

fn updates(report: &Report) -> String {
    if report.rows.is_empty() {
        return String::new();
    }
    let mut out = String::from(
        "<h2>Updates</h2>\n<div class=\"wide\"><table>\n<tr><th>Image</th><th>Kind</th><th>Update</th><th>Outcome</th></tr>\n",
    );
    for row in &report.rows {
        let index = row.image_index.map(|index| format!(" {index}")).unwrap_or_default();
        let status = row.status.name();
        let error = row.error.as_deref().map(|error| format!(": {error}")).unwrap_or_default();
        let _ = writeln!(
            out,
            "<tr><td class=\"word\">{}{index}</td><td class=\"word\">{}</td><td>{}</td><td class=\"{status}\">{status}{}</td></tr>",
            Text(&row.image_type),
            Text(&row.update_type),
            Text(&row.update_title),
            Text(error)
        );
    }
    out + "</table></div>\n"
}

fn packages(report: &Report) -> String {
    let packages = &report.plan().packages;
    if packages.is_empty() {
        return String::new();
    }
    let mut out = String::from(
        "<h2>Packages</h2>\n<div class=\"wide\"><table>\n<tr><th>Package</th><th>Kind</th><th>Version</th><th>For</th>\
         <th class=\"figure\">Size</th></tr>\n",
    );
    for package in packages {
        let targets = tables::targets(report, &package.path).replace(';', ", ");
        let size = package.size.map(|size| Human(size).to_string()).unwrap_or_default();
        let _ = writeln!(
            out,
            "<tr><td>{}</td><td>{}</td><td class=\"word\">{}</td><td>{}</td><td class=\"figure\">{size}</td></tr>",
            Text(tables::title(package)),
            package.class.title(),
            Text(package.version),
            if targets.is_empty() { "found, and named by no step" } else { &targets }
        );
    }
    out + "</table></div>\n"
}

/// The command lines of each step that was serviced with the end of its log, and the other logs.
fn logs(report: &Report) -> String {
    let mut out = String::new();
    let mut others: Vec<&Log> = report.logs.iter().collect();
    for (place, step) in report.steps() {
        let commands = commands(step, &report.settings);
        if commands.is_empty() || !report.summary.records.contains_key(&place) {
            continue;
        }
        let name =
            format!("{}-step-{}", image_of(step).to_lowercase().replace(' ', "-"), step.number.unwrap_or_default());
        let own = others.iter().position(|log| log.name == name).map(|at| others.remove(at));
        let number = step.number.map(|number| format!(", step {number}")).unwrap_or_default();
        let title = format!("{}{number}: {}", image_of(step), step.task.title());
        let _ = write!(
            out,
            "<details class=\"call\"><summary>{} ({})</summary><pre>{}</pre>",
            Text(title),
            counted(commands.len(), "command"),
            Text(commands.join("\n"))
        );
        out += &own.map(log).unwrap_or_default();
        out += "</details>\n";
    }
    for other in others {
        let _ = writeln!(
            out,
            "<details class=\"call\"><summary>{}.log</summary>{}</details>",
            Text(&other.name),
            log(other)
        );
    }
    if out.is_empty() {
        return out;
    }
    format!("<section class=\"logs\">\n<h2>Commands and logs</h2>\n{out}</section>\n")
}

fn log(log: &Log) -> String {
    let left_out = match log.left_out {
        0 => String::new(),
        bytes => format!("… {} before this\n", Human(bytes)),
    };
    format!("<pre>{left_out}{}</pre>", Text(&log.text))
}
