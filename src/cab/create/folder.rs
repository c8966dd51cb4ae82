//! Encoding a folder: its files' bytes one behind the other, in blocks.

use std::fs::File;
use std::io::{self, Read, Write};

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

/// So many bytes are encoded at a time.
const BATCH_SIZE: usize = 32 * MAX_BLOCK_SIZE;

/// Encodes a folder of these files.
pub(super) fn encode(inputs: &[Input], options: &Options, control: Control<'_>) -> Result<Encoded, CreateError> {
    let compressor = options.method.map(|method| method.compressor(options.level)).transpose()?;
    let encoded = Encoded { data: SpooledTempFile::new(MAX_IN_MEMORY), blocks: 0, size: 0 };
    let mut blocks = Blocks { compressor, encoded };
    let mut batch = Vec::with_capacity(BATCH_SIZE);
    for input in inputs {
        let error = |source| CreateError::Input { path: input.path.clone(), source };
        let changed = || CreateError::Changed { path: input.path.clone(), expected: input.size };
        let mut file = File::open(&input.path).map_err(error)?;
        let mut left = input.size;
        while left > 0 {
            if control.interrupted() {
                return Err(CreateError::Interrupted);
            }
            let wanted = left.min((BATCH_SIZE - batch.len()) as u64);
            let read = (&mut file).take(wanted).read_to_end(&mut batch).map_err(error)? as u64;
            if read < wanted {
                return Err(changed());
            }
            left -= read;
            if batch.len() == BATCH_SIZE {
                blocks.write(&batch).map_err(CreateError::Temporary)?;
                batch.clear();
            }
            control.progress.advance(read);
        }
        if file.read(&mut [0]).map_err(error)? != 0 {
            return Err(changed());
        }
    }
    blocks.write(&batch).map_err(CreateError::Temporary)?;
    Ok(blocks.encoded)
}

struct Blocks {
    /// `None`: blocks are stored.
    compressor: Option<Box<dyn BlockCompressor>>,
    encoded: Encoded,
}

impl Blocks {
    /// Encodes and writes whole blocks; the folder's last one may be shorter.
    fn write(&mut self, batch: &[u8]) -> io::Result<()> {
        let Self { compressor, encoded } = self;
        let mut result = Ok(());
        let mut receive = |payload: &[u8], size| {
            if result.is_ok() {
                result = encoded.append(payload, size);
            }
        };
        match compressor {
            Some(compressor) => compressor.compress_blocks(batch, &mut receive),
            None => batch.chunks(MAX_BLOCK_SIZE).for_each(|block| receive(block, block.len())),
        }
        result
    }
}

impl Encoded {
    /// Writes a block of `size` bytes.
    fn append(&mut self, payload: &[u8], size: usize) -> io::Result<()> {
        let sizes = [payload.len() as u16, size as u16].map(u16::to_le_bytes).concat();
        let sum = checksum(&sizes, checksum(payload, 0));
        self.data.write_all(&sum.to_le_bytes())?;
        self.data.write_all(&sizes)?;
        self.data.write_all(payload)?;
        self.blocks += 1;
        self.size += 8 + payload.len() as u64;
        Ok(())
    }
}
