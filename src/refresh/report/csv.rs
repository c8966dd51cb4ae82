//! Tables as CSV, RFC 4180: lines end with CR LF, and a cell in quotation marks may hold anything.

use std::borrow::Cow;

/// A line of cells.
pub fn line<T: AsRef<str>>(cells: impl IntoIterator<Item = T>) -> String {
    let cells: Vec<String> = cells.into_iter().map(|text| quoted(&harmless(text.as_ref())).into_owned()).collect();
    cells.join(",") + "\r\n"
}

/// A cell that spreadsheets do not take for a formula: names of packages come from strangers.
fn harmless(text: &str) -> Cow<'_, str> {
    if text.starts_with(['=', '+', '-', '@', '\t', '\r', '\n', '＝', '＋', '－', '＠']) {
        return Cow::Owned(format!("'{text}"));
    }
    Cow::Borrowed(text)
}

fn quoted(text: &str) -> Cow<'_, str> {
    if text.contains([',', '"', '\r', '\n']) || text.starts_with(' ') || text.ends_with(' ') {
        return Cow::Owned(format!("\"{}\"", text.replace('"', "\"\"")));
    }
    Cow::Borrowed(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_are_quoted_where_they_must_be() {
        assert_eq!(
            line(["plain", "", "a,b", "say \"no\"", "two\r\nlines", " blank"]),
            "plain,,\"a,b\",\"say \"\"no\"\"\",\"two\r\nlines\",\" blank\"\r\n"
        );
    }

    #[test]
    fn formulas_are_text() {
        let cells = ["=1+1", "+1", "-2", "@SUM(A1)", "\t=1", "a=1", "=HYPERLINK(\"x\",\"y\")", "－1"];
        let expected = "'=1+1,'+1,'-2,'@SUM(A1),'\t=1,a=1,\"'=HYPERLINK(\"\"x\"\",\"\"y\"\")\",'－1\r\n";
        assert_eq!(line(cells), expected);
    }
}
