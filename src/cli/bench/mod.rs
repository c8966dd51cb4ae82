//! `wimkit bench`: ratio and speed of the codecs on the user's own data.

mod clock;
mod document;
mod measure;
mod sample;
mod table;

use super::Context;
use super::args::{CompressionWord, Levels, Size};
use super::exit::{Failure, Outcome};
use super::human::{Counted, Human};
use super::printer::{self, warn};
use clap::Args;
use clock::Clock;
use document::Document;
use measure::{Effort, measure};
use sample::Sample;
use std::num::{NonZeroU32, NonZeroUsize};
use std::path::PathBuf;
use wimkit::codec::{Format, Level};
use wimkit::wim::export::Compression;

/// Measure ratio, speed and memory of the codecs on your own data
///
/// The files are put together and cut into chunks, as a solid resource would be. Each chunk is compressed,
/// decompressed and compared; those that do not shrink count as stored raw. With one thread the times are the thread's
/// CPU time (on Windows, elapsed time): what else the machine does hardly shows in them. Give data that is not yet
/// compressed, such as the files of an image and not the image.
#[derive(Args, Debug)]
pub(crate) struct Bench {
    /// The data to compress
    #[arg(required = true)]
    file: Vec<PathBuf>,
    /// Measure this format only: xpress, lzx or lzms, lzx:8 for one level of it; repeat it for several [default: all]
    #[arg(long, value_name = "FORMAT")]
    compress: Vec<CompressionWord>,
    /// Cut the data into chunks of this size [default: 32K, for lzms 64M]
    #[arg(long, value_name = "SIZE")]
    chunk_size: Option<Size>,
    /// The levels to measure, such as 1-9 or 3,5,9
    #[arg(long, default_value = "1-9")]
    levels: Levels,
    /// Repeat each measurement and take the median
    #[arg(long, value_name = "N", default_value = "1")]
    runs: NonZeroU32,
    /// Of more data than this take pieces of 1 MiB, evenly spread
    #[arg(long, value_name = "SIZE", default_value = "16M")]
    limit: Size,
}

/// One way to compress.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Setting {
    format: Format,
    /// In bytes.
    chunk_size: u32,
    level: Level,
}

impl Bench {
    pub(crate) fn run(&self, context: &Context) -> Result<Outcome, Failure> {
        let settings = self.settings()?;
        let sample = Sample::read(&self.file, self.limit.0)?;
        let threads = context.global.threads.map_or(1, NonZeroUsize::get);
        let clock = Clock::for_threads(threads);
        let effort = Effort { runs: self.runs.get(), threads, clock };

        let mut document = Document::new(&self.file, &sample, effort);
        for warning in &document.warnings {
            warn(warning);
        }
        let json = context.global.json;
        if !json {
            let (size, files) = (Human(document.bytes), Counted(self.file.len() as u64, "file"));
            let (threads, runs) = (Counted(threads as u64, "thread"), Counted(u64::from(effort.runs), "run"));
            context.say(format_args!("{size} of {files}, {threads}, {}, median of {runs}", clock.describe()));
            table::head()?;
        }
        for setting in settings {
            let result = measure(setting, &sample.data, effort, context.control());
            context.bars.clear();
            let result = result?;
            if json {
                document.add(setting, &result);
            } else {
                table::row(setting, &result)?;
            }
        }
        if json {
            printer::json(&document)?;
        }
        Ok(Outcome::Done)
    }

    /// What is to be measured, in order. Everything that can be refused is refused before the first measurement.
    fn settings(&self) -> Result<Vec<Setting>, Failure> {
        let all = [Format::Xpress, Format::Lzx, Format::Lzms];
        let all = all.map(|format| CompressionWord { format: Some(format), level: None, solid: false });
        let words = if self.compress.is_empty() { &all } else { &*self.compress };
        let mut settings = Vec::new();
        for word in words {
            let format = word.format.ok_or_else(|| Failure::message("none is no codec: nothing can be measured"))?;
            let chunk_size = self.chunk_size(format)?;
            let levels = word.level.as_ref().map_or(&*self.levels.0, std::slice::from_ref);
            settings.extend(levels.iter().map(|&level| Setting { format, chunk_size, level }));
        }
        Ok(settings)
    }

    fn chunk_size(&self, format: Format) -> Result<u32, Failure> {
        let Some(Size(size)) = self.chunk_size else {
            return Ok(match format {
                Format::Xpress | Format::Lzx => Compression::usual_chunk_size(format),
                // What LZMS is for is solid resources.
                Format::Lzms => Compression::usual_solid_chunk_size(format),
            });
        };
        let size =
            u32::try_from(size).map_err(|_| Failure::message(format!("a chunk of {size} bytes is too large")))?;
        format.check_chunk_size(size).map_err(|error| Failure::new(error, Some("choose formats with --compress")))?;
        Ok(size)
    }
}
