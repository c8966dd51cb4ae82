//! The steps in the order in which they were done, each with a bar where it lies in the time of the work.

use std::fmt::Write as _;
use std::time::Duration;

use super::Report;
use super::escape::Text;
use crate::refresh::plan::{Step, Work};
use crate::refresh::run::Record;
use crate::util::filetime::FileTime;

/// The steps that were done, with breaks where a run was stopped and gone on with; then what was left out.
pub(super) fn timeline(report: &Report) -> String {
    let records = &report.summary.records;
    let length = |record: &Record| record.ended.since(record.begun);
    let total = records.values().map(length).sum::<Duration>().as_secs_f64();
    let mut out = String::from("<ol class=\"timeline\">\n");
    let mut at = Duration::ZERO;
    let mut sitting = None;
    for (place, step) in report.steps().filter(|(_, step)| !matches!(step.work, Work::LeftOut(_))) {
        let record = records.get(&place);
        if let Some(record) = record {
            // A sitting that is not the one of the step before: what lies between is no work, and has no place in the bars.
            let own = report.summary.sittings.iter().rposition(|sitting| sitting.begun <= record.ended);
            if sitting.is_some_and(|sitting| Some(sitting) != own) {
                let begun = own.map_or(record.begun, |own| report.summary.sittings[own].begun);
                let _ = writeln!(out, "<li class=\"break\">gone on with, {}</li>", seconds(begun));
            }
            sitting = own.or(sitting);
        }
        let spent = record.map(length).unwrap_or_default();
        let percent = |time: Duration| if total > 0.0 { time.as_secs_f64() * 100.0 / total } else { 0.0 };
        let bar = match record {
            Some(_) => format!("<i style=\"left:{:.2}%;width:{:.2}%\"></i>", percent(at), percent(spent)),
            None => String::new(),
        };
        let is_begun = report.begun_steps.contains_key(&place);
        out += &entry(step, record, is_begun, &bar);
        at += spent;
    }
    out += "</ol>\n";
    out + &left_out(report)
}

fn entry(step: &Step, record: Option<&Record>, is_begun: bool, bar: &str) -> String {
    let (class, outcome) = match record {
        Some(record) => (record.outcome.name(), record.outcome.name()),
        None if is_begun => ("begun", "begun"),
        None => ("to-do", "to do"),
    };
    let number = step.number.map_or("–".to_owned(), |number| number.to_string());
    let time =
        record.map_or(String::new(), |record| format!("<time>{}</time>", lasted(record.ended.since(record.begun))));
    let mut out = format!(
        "<li class=\"{class}\"><span class=\"number\">{number}</span><span class=\"what\"><span class=\"image\">{}</span> {}</span>\
         <span class=\"track\">{bar}</span>{time}<span class=\"outcome\">{outcome}</span>",
        Text(image_of(step)),
        Text(step.task.title()),
    );
    let notes = record.map(|record| record.notes.as_slice()).unwrap_or_default();
    if !notes.is_empty() {
        let _ = write!(out, "<details><summary>{}</summary><pre>", Text(counted(notes.len(), "note")));
        notes.iter().for_each(|note| _ = writeln!(out, "{}", Text(note)));
        out += "</pre></details>";
    }
    out + "</li>\n"
}

/// `OS 1`, `WinRE`.
pub(super) fn image_of(step: &Step) -> String {
    let index = step.image.as_ref().map(|image| format!(" {}", image.index)).unwrap_or_default();
    format!("{}{index}", step.target.name())
}

fn left_out(report: &Report) -> String {
    let mut lines: Vec<String> = Vec::new();
    for (_, step) in report.steps() {
        if let Work::LeftOut(reason) = &step.work {
            let number = step.number.map_or(String::new(), |number| format!("step {number}, "));
            lines.push(format!("{}: {number}{}: {reason}", image_of(step), step.task.title()));
        }
    }
    if lines.is_empty() {
        return String::new();
    }
    let mut out = format!("<details><summary>{} left out</summary><ul>\n", counted(lines.len(), "step"));
    lines.iter().for_each(|line| _ = writeln!(out, "<li>{}</li>", Text(line)));
    out + "</ul></details>\n"
}

/// A number with its noun.
pub(super) fn counted(count: usize, noun: &str) -> String {
    format!("{count} {noun}{}", if count == 1 { "" } else { "s" })
}

/// How long something took, for people.
fn lasted(duration: Duration) -> String {
    match duration.as_secs_f64() {
        seconds if seconds < 0.9995 => format!("{:.0} ms", seconds * 1000.0),
        seconds if seconds < 9.95 => format!("{seconds:.1} s"),
        seconds if seconds < 99.5 => format!("{seconds:.0} s"),
        _ => super::clock(duration),
    }
}

/// A time without fractions of a second: `2026-01-31 23:59:59 UTC`.
pub(super) fn seconds(time: FileTime) -> String {
    let text: String = time.to_string().chars().take(19).collect();
    text.replace('T', " ") + " UTC"
}
