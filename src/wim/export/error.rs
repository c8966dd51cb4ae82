//! Why images cannot be exported, and other changes of a WIM cannot be made.

use crate::codec::{Format, UnsupportedChunkSize};
use crate::util::sha1::Sha1;
use crate::wim::WimError;
use crate::wim::reader::ImageIndex;
use crate::wim::resource::MAX_SOLID_CHUNKS;
use crate::wim::xml::XmlError;
use std::io;
use std::path::PathBuf;

/// An export, or another change of a WIM, failed. The destination is as it was.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ExportError {
    /// A source, or the existing destination, cannot be read.
    #[error(transparent)]
    Wim(#[from] WimError),
    /// The destination cannot be written.
    #[error("{path}: {source}", path = path.display())]
    Output {
        /// Which file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A blob of a source is damaged.
    #[error("{path}: the blob {sha1} is damaged: {problem}", path = path.display())]
    Blob {
        /// Which file holds it.
        path: PathBuf,
        /// Its identity.
        sha1: Sha1,
        /// What is wrong.
        problem: String,
    },
    /// The destination has an image of this name already.
    #[error("image {source_index}: the name \"{name}\" is already taken by image {image} of the destination")]
    NameClash {
        /// The name.
        name: String,
        /// Who has it.
        image: u32,
        /// The image that was to be exported.
        source_index: ImageIndex,
    },
    /// The destination must not be changed.
    #[error("{path}: this file cannot be changed: {why}", path = path.display())]
    Refused {
        /// Which file.
        path: PathBuf,
        /// The reason.
        why: &'static str,
    },
    /// A program was writing the destination and did not finish.
    #[error("{path}: this file cannot be changed: a program was writing it and did not finish", path = path.display())]
    Unfinished {
        /// Which file.
        path: PathBuf,
    },
    /// Another program is writing the destination.
    #[error("{path}: another program is writing this file", path = path.display())]
    Locked {
        /// Which file.
        path: PathBuf,
    },
    /// The destination exists and is compressed in another way.
    #[error(
        "{path}: the existing file is compressed as {}, not {}",
        name(*has),
        name(*asked),
        path = path.display()
    )]
    OtherCompression {
        /// Which file.
        path: PathBuf,
        /// Its compression.
        has: Option<Format>,
        /// What was asked for.
        asked: Option<Format>,
    },
    /// The format does not allow the chunk size.
    #[error(transparent)]
    ChunkSize(UnsupportedChunkSize),
    /// A solid resource without compression.
    #[error("a solid resource needs a compression: xpress, lzx or lzms")]
    SolidUncompressed,
    /// A solid resource with more chunks than one may have.
    #[error(
        "{size} bytes take more than {} chunks of {chunk_size} bytes, the most that one solid resource may have",
        MAX_SOLID_CHUNKS
    )]
    SolidTooLarge {
        /// Bytes that were to go into the solid resource.
        size: u64,
        /// Bytes of a chunk.
        chunk_size: u32,
    },
    /// The XML document cannot be written.
    #[error("{path}: {error}", path = path.display())]
    Xml {
        /// Which file.
        path: PathBuf,
        /// What is wrong with it.
        error: XmlError,
    },
    /// No image was named.
    #[error("no image is selected")]
    NothingSelected,
    /// It was asked to stop.
    #[error("interrupted")]
    Interrupted,
}

fn name(format: Option<Format>) -> &'static str {
    format.map_or("none", Format::name)
}

impl ExportError {
    /// How to mend it, where that can be said.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Wim(error) => error.hint(),
            Self::NameClash { .. } => {
                Some("give the image another name with --name, or replace the whole file with --force".into())
            }
            Self::OtherCompression { .. } => {
                Some("leave --compress out, or write the whole file anew with --rebuild".into())
            }
            Self::SolidTooLarge { .. } => Some("give a larger --solid-chunk-size, or export without --solid".into()),
            Self::Refused { .. } => Some("export its images to a new file instead".into()),
            Self::Unfinished { path } => Some(format!(
                "if no program is writing it now, `wimkit info {} --recover` takes off what was left behind",
                path.display()
            )),
            Self::Blob { .. } => Some("`wimkit verify` lists everything that is damaged".into()),
            _ => None,
        }
    }
}
