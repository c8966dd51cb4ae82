//! What goes to standard output and what to standard error: the answer to the one, talk to the other.

use super::exit::Failure;
use serde::Serialize;
use std::borrow::Cow;
use std::fmt;
use std::io::{self, BufWriter, Stdout, Write};

/// Large enough that a listing of many files costs few system calls.
const BUFFER_SIZE: usize = 128 << 10;

/// Standard output, buffered. Flushed by [`Out::finish`] alone.
pub(crate) struct Out(BufWriter<Stdout>);

impl Out {
    pub(crate) fn new() -> Self {
        Self(BufWriter::with_capacity(BUFFER_SIZE, io::stdout()))
    }

    /// What `write!` and `writeln!` call: a failure is already one of standard output, and `?` passes it on.
    pub(crate) fn write_fmt(&mut self, arguments: fmt::Arguments<'_>) -> Result<(), Failure> {
        self.0.write_fmt(arguments).map_err(Failure::stdout)
    }

    pub(crate) fn write_all(&mut self, bytes: &[u8]) -> Result<(), Failure> {
        self.0.write_all(bytes).map_err(Failure::stdout)
    }

    /// Writes a JSON document, indented for people who look at it.
    pub(crate) fn json(&mut self, document: &impl Serialize) -> Result<(), Failure> {
        serde_json::to_writer_pretty(&mut self.0, document).map_err(|error| Failure::stdout(error.into()))?;
        self.write_all(b"\n")
    }

    /// Writes a JSON document on one line: for long lists, which nobody reads unaided.
    pub(crate) fn json_line(&mut self, document: &impl Serialize) -> Result<(), Failure> {
        serde_json::to_writer(&mut self.0, document).map_err(|error| Failure::stdout(error.into()))?;
        self.write_all(b"\n")
    }

    /// The plain writer, for code that knows nothing of [`Failure`].
    pub(crate) fn writer(&mut self) -> &mut dyn Write {
        &mut self.0
    }

    /// Writes out what is buffered.
    pub(crate) fn finish(mut self) -> Result<(), Failure> {
        self.0.flush().map_err(Failure::stdout)
    }
}

/// Prints one JSON document as the whole answer.
pub(crate) fn json(document: &impl Serialize) -> Result<(), Failure> {
    let mut out = Out::new();
    out.json(document)?;
    out.finish()
}

/// Says a line on standard error. If even that fails nobody can be told.
pub(crate) fn talk(line: fmt::Arguments<'_>) {
    let _ = writeln!(io::stderr().lock(), "{line}");
}

/// Says a warning on standard error, with [`visible_lines`].
pub(crate) fn warn(text: impl fmt::Display) {
    talk(format_args!("warning: {}", visible_lines(&text.to_string())));
}

/// `text` with control characters shown as escapes: a name out of an image must not command the terminal.
pub(crate) fn visible(text: &str) -> Cow<'_, str> {
    if !text.chars().any(char::is_control) {
        return Cow::Borrowed(text);
    }
    Cow::Owned(escaped(text, ""))
}

/// As [`visible`], but line breaks are what they are: for sentences, which may quote what somebody else has written.
pub(crate) fn visible_lines(text: &str) -> String {
    escaped(text, "\n")
}

/// `text` with control characters, but for those to be left, as escapes.
fn escaped(text: &str, leave: &str) -> String {
    let mut shown = String::with_capacity(text.len() + 8);
    for c in text.chars() {
        if c.is_control() && !leave.contains(c) { shown.extend(c.escape_default()) } else { shown.push(c) }
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_cannot_command_the_terminal() {
        assert_eq!(visible("Grüße.txt"), "Grüße.txt");
        assert_eq!(visible("a\u{1b}[2Jb\nc\u{9b}"), "a\\u{1b}[2Jb\\nc\\u{9b}");
        assert_eq!(visible_lines("a\u{1b}[2Jb\nc\u{9b}"), "a\\u{1b}[2Jb\nc\\u{9b}");
    }
}
