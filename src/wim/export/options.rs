//! How images are exported.

use super::ExportError;
use crate::codec::{Format, Level};
use crate::wim::encoder::Encoding;
use crate::wim::engine::default_memory;
use crate::wim::resource::MAX_SOLID_CHUNKS;

/// Whether a solid resource can have `size` bytes.
pub(in crate::wim) fn check_solid_size(encoding: &Encoding, size: u64) -> Result<(), ExportError> {
    let chunk_size = encoding.chunk_size;
    if size.div_ceil(chunk_size.into()) > MAX_SOLID_CHUNKS {
        return Err(ExportError::SolidTooLarge { size, chunk_size });
    }
    Ok(())
}

/// How the destination stores blobs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Compression {
    /// The format; `None` = uncompressed.
    pub format: Option<Format>,
    /// How hard to try.
    pub level: Level,
    /// Uncompressed bytes of a chunk of a plain resource; `None` = the format's usual one.
    pub chunk_size: Option<u32>,
    /// Put blobs into a solid resource, as ESD files do.
    pub solid: bool,
    /// Uncompressed bytes of a chunk of the solid resource; `None` = the format's usual one.
    pub solid_chunk_size: Option<u32>,
}

impl Compression {
    /// `format` at the default level, not solid.
    pub fn new(format: Option<Format>) -> Self {
        Self { format, level: Level::DEFAULT, chunk_size: None, solid: false, solid_chunk_size: None }
    }

    /// The chunk size of plain resources that Microsoft's own tools write for `format`.
    pub const fn usual_chunk_size(format: Format) -> u32 {
        match format {
            Format::Xpress | Format::Lzx => 32 << 10,
            Format::Lzms => 128 << 10,
        }
    }

    /// The chunk size of solid resources that is usual for `format`; of LZMS the one Microsoft's tools write.
    pub const fn usual_solid_chunk_size(format: Format) -> u32 {
        match format {
            Format::Xpress => 64 << 10,
            Format::Lzx => 2 << 20,
            Format::Lzms => 64 << 20,
        }
    }

    pub(in crate::wim) fn encoding(&self) -> Result<Option<Encoding>, ExportError> {
        let Some(format) = self.format else { return Ok(None) };
        let chunk_size = self.chunk_size.unwrap_or(Self::usual_chunk_size(format));
        format.check_chunk_size(chunk_size).map_err(ExportError::ChunkSize)?;
        Ok(Some(Encoding { format, chunk_size, level: self.level }))
    }

    pub(in crate::wim) fn solid_encoding(&self) -> Result<Option<Encoding>, ExportError> {
        if !self.solid {
            return Ok(None);
        }
        let format = self.format.ok_or(ExportError::SolidUncompressed)?;
        let chunk_size = self.solid_chunk_size.unwrap_or(Self::usual_solid_chunk_size(format));
        format.check_chunk_size(chunk_size).map_err(ExportError::ChunkSize)?;
        Ok(Some(Encoding { format, chunk_size, level: self.level }))
    }

    /// What Windows may not be able to read in a file compressed like this.
    pub fn warnings(&self) -> Vec<String> {
        let mut warnings = Vec::new();
        let Some(format) = self.format else { return warnings };
        let plain = self.chunk_size.unwrap_or(Self::usual_chunk_size(format));
        if plain != Self::usual_chunk_size(format) {
            warnings.push(format!("Windows may not read {format} with chunks of {plain} bytes"));
        }
        let solid = self.solid_chunk_size.unwrap_or(Self::usual_solid_chunk_size(format));
        if self.solid && (format != Format::Lzms || solid > Self::usual_solid_chunk_size(format)) {
            warnings.push(format!("Windows may not read solid {format} resources with chunks of {solid} bytes"));
        }
        warnings
    }
}

/// Which image of the destination becomes bootable.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Boot {
    /// In a new file, the one that was bootable in its source, if it is exported; an existing file's stays.
    #[default]
    Inherit,
    /// The exported image; of several, the one at this place among them (from 0).
    Exported(usize),
    /// None.
    None,
}

/// Whether the destination gets an integrity table.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Check {
    /// If it had one.
    #[default]
    Keep,
    /// Yes.
    Write,
    /// No.
    Omit,
}

/// How images are exported.
#[derive(Clone, Debug)]
pub struct Options {
    /// How blobs are stored. `None`: an existing destination's way; for a new file the source's, but a file called
    /// `.esd` becomes solid LZMS, and any other made of solid resources LZX.
    pub compression: Option<Compression>,
    /// Compress everything anew, also what could be copied.
    pub recompress: bool,
    /// Write an existing destination anew instead of appending to it.
    pub rebuild: bool,
    /// Replace an existing destination, whatever it is, instead of adding to it.
    pub replace: bool,
    /// Which image becomes bootable.
    pub boot: Boot,
    /// Whether to write an integrity table.
    pub check: Check,
    /// Names of the exported images, by their place; `None` = as in the source.
    pub names: Vec<Option<String>>,
    /// Description of the exported images, where it is to change.
    pub description: Option<String>,
    /// Bytes of decoded data and of compressor contexts that may be in memory at once.
    pub memory: u64,
    /// Read an existing destination by position instead of mapping it.
    pub no_mmap: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            compression: None,
            recompress: false,
            rebuild: false,
            replace: false,
            boot: Boot::default(),
            check: Check::default(),
            names: Vec::new(),
            description: None,
            memory: default_memory(),
            no_mmap: false,
        }
    }
}
