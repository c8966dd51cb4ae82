//! `wimkit sample`: something to try everything on.

use super::Context;
use super::exit::{Failure, Outcome};
use super::printer;
use clap::{Args, Subcommand};
use serde::Serialize;
use std::path::PathBuf;
use wimkit::refresh::sample::{self, SampleError};

/// Make something to try commands on
#[derive(Args, Debug)]
pub(crate) struct Sample {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Media(Media),
}

/// Make pretend installation media, small and complete, and update packages for them
///
/// Nothing in them runs. DIR/oldMedia are the media, DIR/packages the packages.
#[derive(Args, Debug)]
struct Media {
    /// The directory: empty, or not there
    dir: PathBuf,
}

/// The JSON document; its members are described in docs/json/sample.md.
#[derive(Serialize)]
struct Document {
    schema: &'static str,
    media: String,
    packages: String,
}

impl Sample {
    pub(crate) fn run(&self, context: &Context) -> Result<Outcome, Failure> {
        let Command::Media(Media { dir }) = &self.command;
        let result = sample::make(dir, context.control());
        context.bars.clear();
        let made = result?;
        let (media, packages) = (made.media.display(), made.packages.display());
        if context.global.json {
            let (media, packages) = (media.to_string(), packages.to_string());
            printer::json(&Document { schema: "wimkit.sample-media/1", media, packages })?;
        } else {
            context.say(format_args!("{media}: pretend installation media"));
            context.say(format_args!("{packages}: update packages for them"));
        }
        Ok(Outcome::Done)
    }
}

impl From<SampleError> for Failure {
    fn from(error: SampleError) -> Self {
        match error {
            SampleError::Interrupted => Self::Interrupted,
            error => {
                let hint = error.hint();
                Self::new(error, hint)
            }
        }
    }
}
