//! Encoding a folder: its files' bytes one behind the other, in blocks.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::ops::Range;

use tempfile::SpooledTempFile;

use super::{CreateError, Input, Options};
use crate::cab::checksum::checksum;
use crate::codec::cabinet::{BlockCompressor, MAX_BLOCK_SIZE, Method};
use crate::util::progress::Control;

/// Encoded pieces beyond this are kept on disk until their turn.
const MAX_IN_MEMORY: usize = 4 << 20;

/// So many bytes are encoded at a time.
const BATCH_SIZE: usize = 32 * MAX_BLOCK_SIZE;

/// About how much memory the encoding of a piece takes, and the pieces that wait for their turn for each.
pub(super) fn memory(options: &Options) -> u64 {
    let compressor = options.method.map_or(0, |method| method.compressor_memory(options.level));
    compressor + (BATCH_SIZE + 2 * MAX_IN_MEMORY) as u64
}

/// What is encoded by itself: a folder, or where its blocks depend on no more than what is close before them, a part of one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Piece {
    /// The folder's number.
    pub(super) folder: usize,
    /// The bytes of the folder.
    bytes: Range<u64>,
    /// Whether the folder ends here.
    is_last: bool,
}

/// The pieces of a folder of `size` bytes.
pub(super) fn pieces(folder: usize, size: u64, method: Option<Method>) -> impl Iterator<Item = Piece> {
    let each = match method {
        None | Some(Method::Mszip) => BATCH_SIZE as u64,
        Some(Method::Quantum { .. } | Method::Lzx { .. }) => size.max(1),
    };
    (0..size.div_ceil(each).max(1)).map(move |number| {
        let end = size.min((number + 1) * each);
        Piece { folder, bytes: number * each..end, is_last: end == size }
    })
}

/// The blocks of a piece.
pub(super) struct Encoded {
    /// The folder's number.
    pub(super) folder: usize,
    pub(super) data: SpooledTempFile,
    pub(super) blocks: u16,
    /// Bytes of `data`.
    pub(super) size: u64,
}

/// Encodes a piece of a folder with these files.
pub(super) fn encode(
    inputs: &[Input],
    piece: &Piece,
    options: &Options,
    control: Control<'_>,
) -> Result<Encoded, CreateError> {
    let history = match options.method {
        Some(Method::Mszip) => piece.bytes.start.min(MAX_BLOCK_SIZE as u64),
        _ => 0,
    };
    let mut reader = Reader::new(inputs, piece.bytes.start - history);
    let mut batch = Vec::with_capacity(BATCH_SIZE);
    reader.read(&mut batch, history as usize)?;
    let compressor = options.method.map(|method| method.compressor_behind(&batch, options.level)).transpose()?;
    let encoded = Encoded { folder: piece.folder, data: SpooledTempFile::new(MAX_IN_MEMORY), blocks: 0, size: 0 };
    let mut blocks = Blocks { compressor, encoded };
    let mut left = piece.bytes.end - piece.bytes.start;
    while left > 0 {
        if control.interrupted() {
            return Err(CreateError::Interrupted);
        }
        let size = left.min(BATCH_SIZE as u64);
        batch.clear();
        reader.read(&mut batch, size as usize)?;
        blocks.write(&batch).map_err(CreateError::Temporary)?;
        left -= size;
        control.progress.advance(size);
    }
    if piece.is_last {
        reader.finish()?;
    }
    Ok(blocks.encoded)
}

/// Reads the bytes of files one behind the other.
struct Reader<'a> {
    /// The files that are not open yet.
    inputs: std::slice::Iter<'a, Input>,
    open: Option<Open<'a>>,
    /// So much of the first of them is to be skipped.
    skipped: u64,
}

struct Open<'a> {
    input: &'a Input,
    file: File,
    left: u64,
}

impl<'a> Reader<'a> {
    /// Begins at a byte of the folder with these files.
    fn new(inputs: &'a [Input], at: u64) -> Self {
        let mut inputs = inputs.iter();
        let mut skipped = at;
        // Empty files have no bytes to be found by; they are looked at wherever the reader comes by.
        while let Some(first) = inputs.as_slice().first()
            && skipped > 0
            && first.size <= skipped
        {
            skipped -= first.size;
            inputs.next();
        }
        Self { inputs, open: None, skipped }
    }

    /// Appends `size` bytes, which the files have.
    fn read(&mut self, batch: &mut Vec<u8>, size: usize) -> Result<(), CreateError> {
        let mut missing = size as u64;
        while missing > 0 {
            let Some(Open { input, file, left }) = &mut self.open else {
                self.open_next()?.expect("the files have as many bytes");
                continue;
            };
            let wanted = missing.min(*left);
            let error = |source| CreateError::Input { path: input.path.clone(), source };
            let read = (&*file).take(wanted).read_to_end(batch).map_err(error)? as u64;
            if read < wanted {
                return Err(changed(input));
            }
            missing -= read;
            *left -= read;
            if *left == 0 {
                self.close()?;
            }
        }
        Ok(())
    }

    /// Looks at the files that have no bytes.
    fn finish(&mut self) -> Result<(), CreateError> {
        while self.open_next()?.is_some() {}
        Ok(())
    }

    /// Opens the next file, if there is one; one without bytes is closed again.
    fn open_next(&mut self) -> Result<Option<()>, CreateError> {
        let Some(input) = self.inputs.next() else { return Ok(None) };
        let error = |source| CreateError::Input { path: input.path.clone(), source };
        let mut file = File::open(&input.path).map_err(error)?;
        let skipped = std::mem::take(&mut self.skipped);
        file.seek(SeekFrom::Start(skipped)).map_err(error)?;
        let left = input.size - skipped;
        self.open = Some(Open { input, file, left });
        if left == 0 {
            self.close()?;
        }
        Ok(Some(()))
    }

    /// Closes a file at its end, which must be where it was.
    fn close(&mut self) -> Result<(), CreateError> {
        let Some(Open { input, mut file, .. }) = self.open.take() else { return Ok(()) };
        match file.read(&mut [0]) {
            Ok(0) => Ok(()),
            Ok(_) => Err(changed(input)),
            Err(source) => Err(CreateError::Input { path: input.path.clone(), source }),
        }
    }
}

fn changed(input: &Input) -> CreateError {
    CreateError::Changed { path: input.path.clone(), expected: input.size }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_cover_a_folder() {
        let lzx = Some(Method::Lzx { window_order: 21 });
        let cover =
            |size, method| pieces(3, size, method).map(|piece| (piece.bytes, piece.is_last)).collect::<Vec<_>>();
        let each = BATCH_SIZE as u64;
        for method in [None, Some(Method::Mszip), lzx] {
            assert_eq!(cover(0, method), [(0..0, true)], "files without bytes are looked at");
            assert_eq!(cover(each, method), [(0..each, true)]);
        }
        assert_eq!(cover(each + 1, None), [(0..each, false), (each..each + 1, true)]);
        assert_eq!(cover(each + 1, lzx), [(0..each + 1, true)]);
    }
}
