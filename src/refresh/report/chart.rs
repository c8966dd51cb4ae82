//! Sizes before and after, as bars.

use std::fmt::Write as _;

use super::escape::Text;
use crate::util::human::Human;

/// Something that had a size and has another.
pub(super) struct Sized {
    pub(super) label: String,
    pub(super) before: Option<u64>,
    pub(super) after: Option<u64>,
}

/// Units from one end of a bar's picture to the other.
const WIDTH: f64 = 1000.0;

/// A chart with two bars for each, on one scale. The bars are pictures; numbers and names are text beside them, so that they
/// stay readable at any width.
pub(super) fn chart(rows: &[Sized]) -> String {
    let largest = rows.iter().flat_map(|row| [row.before, row.after]).flatten().max().unwrap_or(0).max(1);
    let mut out = String::from("<div class=\"chart\">\n");
    for Sized { label, before, after } in rows {
        let told = |size: &Option<u64>| size.map_or("unknown".to_owned(), |size| Human(size).to_string());
        let (old, new) = (told(before), told(after));
        let _ = write!(out, "<div class=\"sized\"><div class=\"label\">{}</div><div class=\"bars\">", Text(label));
        let _ = write!(
            out,
            "<svg viewBox=\"0 0 {WIDTH} 22\" preserveAspectRatio=\"none\" role=\"img\" aria-label=\"{}: before {old}, after {new}\">",
            Text(label)
        );
        for (class, y, size) in [("before", 0, before), ("after", 12, after)] {
            let width = size.unwrap_or(0) as f64 * WIDTH / largest as f64;
            let _ = write!(out, "<rect class=\"{class}\" x=\"0\" y=\"{y}\" width=\"{width:.1}\" height=\"10\"/>");
        }
        let _ = writeln!(out, "</svg></div><div class=\"size\">{old} → {new}{}</div></div>", change(*before, *after));
    }
    out + "</div>\n"
}

/// How much larger or smaller something is, in percent.
fn change(before: Option<u64>, after: Option<u64>) -> String {
    match (before, after) {
        (Some(before), Some(after)) if before > 0 && before != after => {
            let percent = (after as f64 - before as f64) * 100.0 / before as f64;
            let decimals = if percent.abs() < 9.95 { 1 } else { 0 };
            let sign = if percent < 0.0 { "−" } else { "+" };
            format!(" <span class=\"change\">{sign}{:.decimals$} %</span>", percent.abs())
        }
        _ => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn changes() {
        assert_eq!(change(Some(1000), Some(1012)), " <span class=\"change\">+1.2 %</span>");
        assert_eq!(change(Some(1000), Some(500)), " <span class=\"change\">−50 %</span>");
        assert_eq!((change(Some(5), Some(5)), change(None, Some(5)), change(Some(0), Some(5))), Default::default());
    }

    #[test]
    fn bars_are_on_one_scale() {
        let row = |label: &str, before, after| Sized { label: label.into(), before, after };
        let found = chart(&[row("a<b", Some(50), Some(100)), row("c", None, Some(25))]);
        let widths: Vec<&str> = found.split("width=\"").skip(1).map(|rest| rest.split('"').next().unwrap()).collect();
        assert_eq!(widths, ["500.0", "1000.0", "0.0", "250.0"]);
        assert!(found.contains("a&lt;b: before 50 B, after 100 B") && found.contains("unknown → 25 B"), "{found}");
        assert!(!chart(&[row("empty", Some(0), Some(0))]).contains("NaN"));
    }
}
