//! Encoding a folder: its files' bytes one behind the other, in blocks.

use std::fs::File;
use std::io::{Read, Write};

use tempfile::SpooledTempFile;

use super::{CreateError, Input, Options};
use crate::cab::checksum::checksum;
use crate::codec::cabinet::{BlockCompressor, MAX_BLOCK_SIZE};
use crate::util::progress::Control;

/// Encoded folders beyond this are kept on disk until their turn.
const MAX_IN_MEMORY: usize = 8 << 20;

/// The blocks of a folder.
pub(super) struct Encoded {
    pub(super) data: SpooledTempFile,
    pub(super) blocks: u16,
    /// Bytes of `data`.
    pub(super) size: u64,
}

/// Encodes a folder of these files.
pub(super) fn encode(inputs: &[Input], options: &Options, control: Control<'_>) -> Result<Encoded, CreateError> {
    let compressor = options.method.map(|method| method.compressor(options.level)).transpose()?;
    let encoded = Encoded { data: SpooledTempFile::new(MAX_IN_MEMORY), blocks: 0, size: 0 };
    let mut blocks = Blocks { compressor, payload: Vec::new(), encoded };
    let mut block = Vec::with_capacity(MAX_BLOCK_SIZE);
    for input in inputs {
        let error = |source| CreateError::Input { path: input.path.clone(), source };
        let changed = || CreateError::Changed { path: input.path.clone(), expected: input.size };
        let mut file = File::open(&input.path).map_err(error)?;
        let mut left = input.size;
        while left > 0 {
            if control.interrupted() {
                return Err(CreateError::Interrupted);
            }
            let wanted = left.min((MAX_BLOCK_SIZE - block.len()) as u64);
            let read = (&mut file).take(wanted).read_to_end(&mut block).map_err(error)? as u64;
            if read < wanted {
                return Err(changed());
            }
            left -= read;
            if block.len() == MAX_BLOCK_SIZE {
                blocks.write(&block).map_err(CreateError::Temporary)?;
                block.clear();
            }
            control.progress.advance(read);
        }
        if file.read(&mut [0]).map_err(error)? != 0 {
            return Err(changed());
        }
    }
    if !block.is_empty() {
        blocks.write(&block).map_err(CreateError::Temporary)?;
    }
    Ok(blocks.encoded)
}

struct Blocks {
    /// `None`: blocks are stored.
    compressor: Option<Box<dyn BlockCompressor>>,
    payload: Vec<u8>,
    encoded: Encoded,
}

impl Blocks {
    fn write(&mut self, block: &[u8]) -> std::io::Result<()> {
        let payload = match &mut self.compressor {
            Some(compressor) => {
                compressor.compress_block(block, &mut self.payload);
                &self.payload
            }
            None => block,
        };
        let sizes = [payload.len() as u16, block.len() as u16].map(u16::to_le_bytes).concat();
        let sum = checksum(&sizes, checksum(payload, 0));
        self.encoded.data.write_all(&sum.to_le_bytes())?;
        self.encoded.data.write_all(&sizes)?;
        self.encoded.data.write_all(payload)?;
        self.encoded.blocks += 1;
        self.encoded.size += 8 + payload.len() as u64;
        Ok(())
    }
}
