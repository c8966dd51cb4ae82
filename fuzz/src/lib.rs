//! What the codec targets share: how fuzz input becomes parameters, and what must hold.

use wimkit::codec::cabinet::{MAX_BLOCK_SIZE, MAX_PAYLOAD_SIZE, MAX_PENDING_BLOCKS, Method};
use wimkit::codec::{DecodeErrorKind, Format, KnownMatch, Level};

/// Chunks beyond this size would test the allocator's speed and nothing else.
const MAX_CHUNK_SIZE: u32 = 1 << 20;

/// The most content that is encoded: a little more than one block of LZX, and few enough that the strong levels manage many
/// inputs in a second.
const MAX_CONTENT_SIZE: usize = 36 << 10;

/// Takes one byte off the front of the input; 0 once it is empty.
fn take(data: &mut &[u8]) -> u8 {
    data.split_off_first().copied().unwrap_or(0)
}

/// A chunk size that the format allows, chosen by one byte.
fn chunk_size(format: Format, choice: u8) -> u32 {
    let (min, max) = format.chunk_size_range();
    let orders = max.min(MAX_CHUNK_SIZE).ilog2() - min.ilog2() + 1;
    min << (u32::from(choice) % orders)
}

/// Decodes arbitrary bytes into a buffer of an arbitrary size: an error or any content is fine, everything else is not.
///
/// Input: 1 byte chooses the chunk size, 3 bytes (little endian) the uncompressed length, the rest is the chunk.
/// Source and target are exact heap allocations, so that the sanitizer sees an access one byte beside them.
pub fn decode(format: Format, mut data: &[u8]) {
    let chunk_size = chunk_size(format, take(&mut data));
    let length = u32::from_le_bytes([take(&mut data), take(&mut data), take(&mut data), 0]) % chunk_size + 1;
    let src: Box<[u8]> = data.into();
    let mut dst = vec![0; length as usize].into_boxed_slice();
    let mut decompressor = format.decompressor(chunk_size).expect("the chunk size is in the format's range");
    let first = decompressor.decompress(&src, &mut dst);

    // A context that has seen this chunk, good or bad, must decode it in the same way as a new one.
    let mut again = vec![0; length as usize].into_boxed_slice();
    let second = decompressor.decompress(&src, &mut again);
    assert_eq!(first, second, "a used context and a new one disagree");
    if first.is_ok() {
        assert!(dst == again, "a used context and a new one give different bytes");
    }

    let mut plain = vec![0; length as usize].into_boxed_slice();
    let expected = wimkit::codec::plain::decompress(format, chunk_size, &src, &mut plain);
    assert_eq!(first.map_err(|e| e.kind), expected.map_err(|e| e.kind), "the fast decoder and the plain one disagree");
    if first.is_ok() {
        assert!(dst == plain, "the fast decoder and the plain one give different bytes");
    }

    let (mut noted, mut matches) = (vec![0; length as usize].into_boxed_slice(), Vec::new());
    let third = decompressor.decompress_with_matches(&src, &mut noted, &mut matches);
    assert_eq!(first, third, "it is decoded in another way where matches are asked for");
    if first.is_ok() {
        assert!(dst == noted, "there are other bytes where matches are asked for");
        recompress(&dst, &matches);
    }

    let mut strictly = vec![0; length as usize].into_boxed_slice();
    let mut strict = format.strict_decompressor(chunk_size).expect("the chunk size is in the format's range");
    match strict.decompress(&src, &mut strictly).map_err(|error| error.kind) {
        Ok(()) => assert!(first.is_ok() && strictly == dst, "the strict decoder accepts what the others do not"),
        Err(DecodeErrorKind::Odd(_)) => {}
        Err(kind) => assert_eq!(first.map_err(|error| error.kind), Err(kind), "malformed for the strict decoder alone"),
    }
}

/// Encodes what was decoded by the matches that it consisted of.
fn recompress(content: &[u8], matches: &[KnownMatch]) {
    let max = Format::Xpress.chunk_size_range().1;
    let content = &content[..content.len().min(max as usize)];
    let mut compressor = Format::Xpress.compressor(max, Level::DEFAULT).expect("a chunk size of the format");
    let mut packed = vec![0; content.len()].into_boxed_slice();
    let Some(size) = compressor.compress_with_matches(content, matches, &mut packed) else { return };
    let mut unpacked = vec![0; content.len()].into_boxed_slice();
    let mut strict = Format::Xpress.strict_decompressor(max).expect("a chunk size of the format");
    strict.decompress(&packed[..size], &mut unpacked).expect("what was encoded is not odd");
    assert!(*unpacked == *content, "known matches changed the content");
}

/// Encodes arbitrary bytes at an arbitrary level into a buffer of an arbitrary size, and decodes the result.
///
/// Input: 1 byte chooses the chunk size, 1 the level, 1 how often the content repeats, 1 the room in the target;
/// the rest is the content.
pub fn roundtrip(format: Format, mut data: &[u8]) {
    let chunk_size = chunk_size(format, take(&mut data));
    let level = Level::new(take(&mut data) % 9 + 1).expect("1 to 9");
    let repeats = usize::from(take(&mut data) % 16) + 1;
    let room = usize::from(take(&mut data)) + 1;
    let mut content = data.repeat(repeats);
    content.truncate(MAX_CONTENT_SIZE.min(chunk_size as usize));
    let src = content.into_boxed_slice();
    let mut packed = vec![0; (src.len() * room).div_ceil(256)].into_boxed_slice();

    let mut compressor = format.compressor(chunk_size, level).expect("the chunk size is in the format's range");
    let Some(size) = compressor.compress(&src, &mut packed) else { return };
    assert!(size <= packed.len() && size < src.len(), "{size} bytes from {} into {}", src.len(), packed.len());

    let exact: Box<[u8]> = packed[..size].into();
    let mut unpacked = vec![0; src.len()].into_boxed_slice();
    let mut decompressor = format.decompressor(chunk_size).expect("the chunk size is in the format's range");
    decompressor.decompress(&exact, &mut unpacked).expect("what was encoded decodes");
    assert!(unpacked == src, "the round trip changed the content");
    unpacked.fill(0);
    let mut strict = format.strict_decompressor(chunk_size).expect("the chunk size is in the format's range");
    strict.decompress(&exact, &mut unpacked).expect("what was encoded is not odd");
    assert!(unpacked == src, "the strict decoder gives different bytes");

    let mut again = vec![0; packed.len()].into_boxed_slice();
    let repeat = compressor.compress(&src, &mut again);
    assert_eq!(repeat, Some(size), "a used context encodes to another size");
    assert!(again[..size] == *exact, "a used context encodes to other bytes");
}

/// Decodes arbitrary blocks of a folder: errors and any content of the right size are fine.
///
/// Input: 1 byte chooses the method, 1 the window; then for each block 2 bytes (little endian) are the payload's size and 2
/// are one less than the uncompressed size, and the payload follows.
pub fn cab_blocks(mut data: &[u8]) {
    let (method, window) = (take(&mut data), u32::from(take(&mut data)));
    let method = match method % 3 {
        0 => Method::Mszip,
        1 => Method::Quantum { window_order: 10 + window % 12 },
        _ => Method::Lzx { window_order: 15 + window % 7 },
    };
    let mut folder = method.decompressor().expect("a window of the method");
    // The same, but that its output is taken of several blocks at once.
    let mut again = method.decompressor().expect("a window of the method");
    let (mut pending, mut blocks) = (Vec::new(), 0);
    while !data.is_empty() {
        let payload_size = usize::from(u16::from_le_bytes([take(&mut data), take(&mut data)]));
        let size = usize::from(u16::from_le_bytes([take(&mut data), take(&mut data)])) % MAX_BLOCK_SIZE + 1;
        let payload = data.split_off(..payload_size.min(data.len()).min(MAX_PAYLOAD_SIZE)).expect("it is no longer");
        // An exact allocation, so that the sanitizer sees an access one byte beside it.
        let src: Box<[u8]> = payload.into();
        let first = folder.decompress_block(&src, size);
        assert_eq!(again.add_block(&src, size).err(), first.err(), "the same block is malformed only once");
        match first {
            Ok(output) => {
                assert_eq!(output.len(), size);
                pending.extend_from_slice(output);
                blocks += 1;
                if blocks % MAX_PENDING_BLOCKS == 0 {
                    assert!(again.take_output() == pending, "the same blocks give different bytes");
                    pending.clear();
                }
            }
            Err(error) => {
                assert_eq!(folder.decompress_block(&src, size), Err(error), "a folder goes on behind an error");
                break;
            }
        }
    }
    assert!(again.take_output() == pending, "the same blocks give different bytes");
}
