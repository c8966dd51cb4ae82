//! The options that say how a file is to be stored.

use super::args::{CompressionWord, Size};
use super::exit::Failure;
use clap::Args;
use wimkit::codec::{Format, Level};
use wimkit::wim::export::{Check, Compression};

/// How blobs are to be compressed, for the commands that write a file.
#[derive(Args, Clone, Debug)]
pub(crate) struct CompressionArgs {
    /// none, xpress, lzx or lzms, with a level from 1 to 9 if wanted: lzx:8. DISM's fast, max and recovery mean
    /// xpress, lzx and solid lzms
    #[arg(long, value_name = "FORMAT", help_heading = "Compression")]
    compress: Option<CompressionWord>,
    /// Put all files into a solid resource, as ESD files do [format unless given: lzms]
    #[arg(long, help_heading = "Compression")]
    solid: bool,
    /// Compress chunks of another size than the usual one; Windows may be unable to read the file
    #[arg(long, value_name = "SIZE", help_heading = "Compression")]
    chunk_size: Option<Size>,
    /// The same for the chunks of the solid resource
    #[arg(long, value_name = "SIZE", help_heading = "Compression")]
    solid_chunk_size: Option<Size>,
}

impl CompressionArgs {
    /// What was asked for; `None`: nothing, and the file decides.
    pub(crate) fn compression(&self) -> Result<Option<Compression>, Failure> {
        let word = match self.compress {
            Some(word) => word,
            None if self.solid => CompressionWord { format: Some(Format::Lzms), level: None, solid: true },
            None if self.chunk_size.is_some() || self.solid_chunk_size.is_some() => {
                return Err(Failure::message("a chunk size needs --compress or --solid beside it"));
            }
            None => return Ok(None),
        };
        Ok(Some(Compression {
            format: word.format,
            level: word.level.unwrap_or(Level::DEFAULT),
            chunk_size: self.chunk_size.map(chunk_size).transpose()?,
            solid: word.solid || self.solid,
            solid_chunk_size: self.solid_chunk_size.map(chunk_size).transpose()?,
        }))
    }
}

/// Whether what could be copied is compressed anew, for the commands that copy.
#[derive(Args, Clone, Debug)]
pub(crate) struct RecompressArg {
    /// Compress everything anew, also what could be copied as it is
    #[arg(long, help_heading = "Compression")]
    pub(crate) recompress: bool,
}

/// Which of the formats allows which size is for the library to say.
fn chunk_size(size: Size) -> Result<u32, Failure> {
    u32::try_from(size.0).map_err(|_| Failure::message(format!("a chunk of {} bytes is too large", size.0)))
}

/// Whether the file gets an integrity table.
#[derive(Args, Clone, Debug)]
pub(crate) struct CheckArgs {
    /// Write an integrity table [default: if the file has one]
    #[arg(long)]
    check: bool,
    /// Write no integrity table
    #[arg(long, conflicts_with = "check")]
    no_check: bool,
}

impl CheckArgs {
    pub(crate) fn check(&self) -> Check {
        match (self.check, self.no_check) {
            (true, _) => Check::Write,
            (_, true) => Check::Omit,
            _ => Check::Keep,
        }
    }
}
