//! Text in a page: whatever it says, it stays text.

use std::fmt::{self, Write as _};

/// Text whose characters mean themselves, between tags and in quoted attributes.
///
/// Control characters, and those that change the direction of writing, are shown as escapes: names come from packages and
/// images of strangers, and must not look like something else.
pub(super) struct Text<T>(pub(super) T);

impl<T: fmt::Display> fmt::Display for Text<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(Escaping(f), "{}", self.0)
    }
}

struct Escaping<'a, 'f>(&'a mut fmt::Formatter<'f>);

impl fmt::Write for Escaping<'_, '_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for c in text.chars() {
            match c {
                '&' => self.0.write_str("&amp;")?,
                '<' => self.0.write_str("&lt;")?,
                '>' => self.0.write_str("&gt;")?,
                '"' => self.0.write_str("&quot;")?,
                '\'' => self.0.write_str("&#39;")?,
                '\n' | '\t' => self.0.write_char(c)?,
                c if c.is_control() || is_directing(c) => write!(self.0, "{}", c.escape_unicode())?,
                c => self.0.write_char(c)?,
            }
        }
        Ok(())
    }
}

/// Whether a character changes the direction of others.
fn is_directing(c: char) -> bool {
    matches!(c, '\u{61C}' | '\u{200E}' | '\u{200F}' | '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{2069}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_stays_text() {
        let text = |text: &str| Text(text).to_string();
        assert_eq!(
            text("<img src=x onerror='a' b=\"c\">&"),
            "&lt;img src=x onerror=&#39;a&#39; b=&quot;c&quot;&gt;&amp;"
        );
        assert_eq!(text("a\0b\u{1b}[2Jc\u{85}d\r\n\te"), "a\\u{0}b\\u{1b}[2Jc\\u{85}d\\u{d}\n\te");
        assert_eq!(text("exe.\u{202e}gpj"), "exe.\\u{202e}gpj");
        assert_eq!(text("Grüße ファイル"), "Grüße ファイル");
    }
}
