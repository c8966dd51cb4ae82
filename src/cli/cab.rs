//! `wimkit cab`: cabinets that are written.

use super::Context;
use super::args::Size;
use super::exit::{Failure, Outcome};
use super::human::{Counted, Human};
use super::printer;
use clap::{Args, Subcommand};
use serde::Serialize;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Instant;
use wimkit::cab::create::{Options, collect, create};
use wimkit::codec::Level;
use wimkit::codec::cabinet::Method;

/// Write cabinets; `wimkit expand` reads them
#[derive(Args, Debug)]
pub(crate) struct Cab {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Create(Create),
}

/// Put the files of a directory into a new cabinet
///
/// Names and dates are kept, as UTF-8 and in UTC. Links to files stand for the files.
#[derive(Args, Debug)]
struct Create {
    /// The cabinet; it is replaced if it exists
    out: PathBuf,
    /// The directory; its files keep their paths below it
    dir: PathBuf,
    /// none, mszip or lzx, with a level from 1 to 9 if wanted: lzx:8
    #[arg(long, value_name = "METHOD", default_value = "lzx")]
    compress: Word,
    /// LZX matches reach back so far: 2 to this power, 17 to 21 [default: 21]
    #[arg(long, value_name = "ORDER")]
    window: Option<u32>,
    /// Begin a new folder behind so many bytes; folders are compressed and extracted side by side
    #[arg(long, value_name = "SIZE", default_value = "16M")]
    folder_size: Size,
}

/// A method with its level.
#[derive(Clone, Copy, Debug)]
struct Word {
    method: Option<Method>,
    level: Level,
}

impl FromStr for Word {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (word, level) = text.split_once(':').map_or((text, None), |(word, level)| (word, Some(level)));
        let method = match &*word.to_ascii_lowercase() {
            "none" => None,
            "mszip" => Some(Method::Mszip),
            "lzx" => Some(Method::Lzx { window_order: 21 }),
            _ => return Err("expected none, mszip or lzx"),
        };
        let level = match level {
            None => Level::DEFAULT,
            Some(_) if method.is_none() => return Err("none has no level"),
            Some(level) => {
                level.parse().ok().and_then(Level::new).ok_or("expected a level from 1 to 9, such as lzx:8")?
            }
        };
        Ok(Self { method, level })
    }
}

/// The JSON document; its members are described in docs/json/cab.md.
#[derive(Serialize)]
struct Document {
    schema: &'static str,
    path: String,
    files: usize,
    folders: usize,
    bytes: u64,
    size: u64,
}

impl Cab {
    pub(crate) fn run(&self, context: &Context) -> Result<Outcome, Failure> {
        match &self.command {
            Command::Create(command) => command.run(context),
        }
    }
}

impl Create {
    fn run(&self, context: &Context) -> Result<Outcome, Failure> {
        let begun = Instant::now();
        let Word { method, level } = self.compress;
        let method = match (method, self.window) {
            (Some(Method::Lzx { .. }), Some(window_order)) => Some(Method::Lzx { window_order }),
            (method, None) => method,
            (_, Some(_)) => return Err(Failure::message("--window is for LZX")),
        };
        let inputs = collect(&self.dir)?;
        let options = Options { method, level, folder_size: self.folder_size.0, memory: context.memory() };
        let result = create(&inputs, &self.out, &options, context.control());
        context.bars.clear();
        let done = result?;
        let path = self.out.display();
        if context.global.json {
            printer::json(&Document {
                schema: "wimkit.cab-create/1",
                path: path.to_string(),
                files: done.files,
                folders: done.folders,
                bytes: done.bytes,
                size: done.size,
            })?;
        } else {
            let (files, bytes, size) = (Counted(done.files as u64, "file"), Human(done.bytes), Human(done.size));
            let seconds = begun.elapsed().as_secs_f64();
            context.say(format_args!("{path}: {files} ({bytes}) in {size}, in {seconds:.1} s"));
        }
        Ok(Outcome::Done)
    }
}
