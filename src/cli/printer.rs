//! What goes to standard output and what to standard error: the answer to the one, talk to the other.

use super::exit::Failure;
use serde::Serialize;
use std::fmt;
use std::io::{self, BufWriter, StdoutLock, Write};

/// Large enough that a listing of many files costs few system calls.
const BUFFER_SIZE: usize = 128 << 10;

/// Standard output, locked and buffered. Flushed by [`Out::finish`] alone.
pub(crate) struct Out(BufWriter<StdoutLock<'static>>);

impl Out {
    pub(crate) fn new() -> Self {
        Self(BufWriter::with_capacity(BUFFER_SIZE, io::stdout().lock()))
    }

    /// What `write!` and `writeln!` call: a failure is already one of standard output, and `?` passes it on.
    pub(crate) fn write_fmt(&mut self, arguments: fmt::Arguments<'_>) -> Result<(), Failure> {
        self.0.write_fmt(arguments).map_err(Failure::stdout)
    }

    pub(crate) fn write_all(&mut self, bytes: &[u8]) -> Result<(), Failure> {
        self.0.write_all(bytes).map_err(Failure::stdout)
    }

    /// Writes one JSON document and a newline.
    pub(crate) fn json(&mut self, document: &impl Serialize) -> Result<(), Failure> {
        serde_json::to_writer_pretty(&mut self.0, document).map_err(|error| Failure::stdout(error.into()))?;
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

/// Says a warning on standard error.
pub(crate) fn warn(text: impl fmt::Display) {
    talk(format_args!("warning: {text}"));
}
