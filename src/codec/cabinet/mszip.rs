//! MSZIP: a signature and a DEFLATE stream for each block, whose matches may reach into the blocks before.

use flate2::{Compress, Compression, Decompress, FlushCompress, FlushDecompress, Status};

use super::folder::{BlockDecoder, Folder};
use super::{BlockCompressor, MAX_BLOCK_SIZE, MAX_PAYLOAD_SIZE};
use crate::codec::{DecodeError, DecodeErrorKind, Level};

/// What each block begins with.
const SIGNATURE: &[u8] = b"CK";

/// As far back as DEFLATE's matches reach.
const WINDOW_SIZE: usize = 1 << 15;

/// A decoder for one folder.
pub(super) fn decompressor() -> Folder<Mszip> {
    Folder::new(Mszip { inflate: Decompress::new(false) }, WINDOW_SIZE)
}

#[derive(Debug)]
pub(super) struct Mszip {
    inflate: Decompress,
}

impl BlockDecoder for Mszip {
    fn decode(&mut self, src: &[u8], buffer: &mut [u8], start: usize) -> Result<(), DecodeError> {
        let error = |kind, src_offset, dst_offset| DecodeError { kind, src_offset, dst_offset };
        let stream = src.strip_prefix(SIGNATURE).ok_or(error(DecodeErrorKind::BadSignature, 0, 0))?;
        let (history, block) = buffer.split_at_mut(start);
        self.inflate.reset(false);
        let status = self
            .inflate
            .set_dictionary(&history[start.saturating_sub(WINDOW_SIZE)..])
            .and_then(|_| self.inflate.decompress(stream, block, FlushDecompress::Finish));
        let (read, written) = (self.inflate.total_in() as usize, self.inflate.total_out() as usize);
        match status {
            Ok(Status::StreamEnd) if written == block.len() => Ok(()),
            Ok(_) | Err(_) => Err(error(DecodeErrorKind::BadDeflate, SIGNATURE.len() + read, written)),
        }
    }
}

/// About how many bytes an encoder occupies: zlib's window, hash chains and symbols, and a block before.
pub(super) const COMPRESSOR_MEMORY: u64 = 320 << 10;

/// An encoder for one folder.
#[derive(Debug)]
pub(super) struct MszipCompressor {
    deflate: Compress,
    /// The block before, which the next one's matches may reach.
    history: Vec<u8>,
}

impl MszipCompressor {
    /// Begins behind the block `before`; that is empty where the folder begins.
    pub(super) fn new(level: Level, before: &[u8]) -> Self {
        Self { deflate: Compress::new(Compression::new(level.get().into()), false), history: before.to_vec() }
    }
}

impl BlockCompressor for MszipCompressor {
    fn compress_blocks(&mut self, src: &[u8], receive: &mut dyn FnMut(&[u8], usize)) {
        // More than any block becomes: what does not shrink is stored.
        let mut payload = Vec::with_capacity(MAX_PAYLOAD_SIZE);
        for block in src.chunks(MAX_BLOCK_SIZE) {
            payload.clear();
            payload.extend_from_slice(SIGNATURE);
            self.deflate.reset();
            self.deflate.set_dictionary(&self.history).expect("a fresh raw stream takes one");
            let status = self.deflate.compress_vec(block, &mut payload, FlushCompress::Finish);
            assert!(matches!(status, Ok(Status::StreamEnd)), "there is room for the whole stream");
            receive(&payload, block.len());
            self.history.clear();
            self.history.extend_from_slice(block);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec::cabinet::BlockDecompressor;
    use crate::codec::test_data::{self, damaged, unhex};

    const FIRST: &str = "434bedc7c901c0100000b09594bac641d97f840e22f9253c31bdb9d4d6c75cdf\
                         3ec1dddddddddddddddddddddddddddddddddddddddddddddddddddddddddddd\
                         dddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddd\
                         fdc2ff";
    const SECOND: &str = "434b43e72b0200";

    #[test]
    fn example_of_the_format_description() {
        let mut decoder = decompressor();
        assert!(decoder.decompress_block(&unhex(FIRST), 32768).expect("valid") == b"0123456789abcdef".repeat(2048));
        assert_eq!(decoder.decompress_block(&unhex(SECOND), 17).expect("valid"), b"0123456789abcdef!");
    }

    #[test]
    fn matches_do_not_reach_before_the_folder() {
        let mut decoder = decompressor();
        let error = decoder.decompress_block(&unhex(SECOND), 17).expect_err("nothing is 16 bytes back");
        assert_eq!(decoder.decompress_block(&unhex(FIRST), 32768), Err(error), "the folder is lost");
    }

    fn decode(block: &str, size: usize) -> Result<Vec<u8>, DecodeErrorKind> {
        decompressor().decompress_block(&unhex(block), size).map(<[u8]>::to_vec).map_err(|error| error.kind)
    }

    #[test]
    fn any_arrangement_of_deflate_blocks() {
        // Stored, then empty: stored, and with the fixed codes.
        assert_eq!(decode("434b000300fcff616263010000ffff", 3), Ok(b"abc".into()));
        assert_eq!(decode("434b000300fcff6162630300", 3), Ok(b"abc".into()));
        assert_eq!(decode("434b000000ffff010300fcff616263", 3), Ok(b"abc".into()));
        // Bytes behind the last block.
        assert_eq!(decode("434b010300fcff61626300112233", 3), Ok(b"abc".into()));
    }

    #[test]
    fn malformed_blocks() {
        assert_eq!(decode("", 3), Err(DecodeErrorKind::BadSignature));
        assert_eq!(decode("434c010300fcff616263", 3), Err(DecodeErrorKind::BadSignature));
        assert_eq!(decode("434b010300fcff616263", 0), Err(DecodeErrorKind::BadBlockSize(0)));
        for (block, size) in [
            ("434b", 3),
            ("434b010300fcff6162", 3),
            ("434b010300fcff616263", 2),
            ("434b010300fcff616263", 4),
            // The last block does not say so.
            ("434b000300fcff616263", 3),
            ("434b010300fcfe616263", 3),
            ("434b07", 3),
        ] {
            assert_eq!(decode(block, size), Err(DecodeErrorKind::BadDeflate), "{block}");
        }
    }

    #[test]
    fn damaged_blocks() {
        for src in damaged(&unhex(SECOND)) {
            let mut decoder = decompressor();
            decoder.decompress_block(&unhex(FIRST), 32768).expect("valid");
            if let Ok(output) = decoder.decompress_block(&src, 17) {
                assert_eq!(output.len(), 17);
            }
        }
    }

    #[test]
    fn folders_survive() {
        let noise = test_data::noise(100_001);
        for data in [&[][..], &[7], &[0; 70_000], &noise, &noise[..20_000].repeat(4)] {
            for level in [1, 5, 9] {
                let mut compressor = MszipCompressor::new(Level::new(level).unwrap(), &[]);
                let mut decoder = decompressor();
                let (mut size, mut decoded) = (0, Vec::new());
                for src in data.chunks(2 * MAX_BLOCK_SIZE) {
                    compressor.compress_blocks(src, &mut |payload, block_size| {
                        assert!(payload.len() <= MAX_PAYLOAD_SIZE);
                        size += payload.len();
                        decoded.extend_from_slice(decoder.decompress_block(payload, block_size).expect("valid"));
                    });
                }
                assert!(decoded == data);
                // Matches reach into the block before.
                assert!(data.len() != 80_000 || size < 25_000, "{size}");
            }
        }
    }

    #[test]
    fn a_block_depends_on_the_one_before_alone() {
        let data = test_data::noise(20_000).repeat(6);
        let level = Level::new(5).unwrap();
        let compress = |before: &[u8], src: &[u8]| {
            let mut payloads = Vec::new();
            let mut compressor = MszipCompressor::new(level, before);
            compressor.compress_blocks(src, &mut |payload, _| payloads.push(payload.to_vec()));
            payloads
        };
        let whole = compress(&[], &data);
        let (before, behind) = data.split_at(2 * MAX_BLOCK_SIZE);
        assert_eq!(whole[..2], compress(&[], before));
        assert_eq!(whole[2..], compress(&before[MAX_BLOCK_SIZE..], behind));
        assert_ne!(whole[2..], compress(&[], behind));
    }
}
