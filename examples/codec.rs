//! The codecs alone: compresses a file chunk by chunk, and decompresses it again.
//!
//! `cargo run --release --example codec -- FILE xpress|lzx|lzms [CHUNK_SIZE [LEVEL]]`
//!
//! For speeds see `wimkit bench`.
#![allow(clippy::print_stdout)]

use std::error::Error;
use wimkit::codec::{DecodeError, Format, Level};

/// A chunk as a container would hold it: the sizes tell whether it is compressed, and the codec must be told both.
struct Chunk {
    stored: Vec<u8>,
    size: usize,
}

fn main() -> Result<(), Box<dyn Error>> {
    let mut args = std::env::args().skip(1);
    let (Some(path), Some(format)) = (args.next(), args.next()) else {
        return Err("expected: FILE xpress|lzx|lzms [CHUNK_SIZE [LEVEL]]".into());
    };
    let format = match &*format {
        "xpress" => Format::Xpress,
        "lzx" => Format::Lzx,
        "lzms" => Format::Lzms,
        _ => return Err(format!("{format}: expected xpress, lzx or lzms").into()),
    };
    let chunk_size = args.next().map_or(Ok(32768), |arg| arg.parse())?;
    let level = args.next().map_or(Ok(Level::DEFAULT.get()), |arg| arg.parse())?;
    let level = Level::new(level).ok_or("levels go from 1 to 9")?;

    let data = std::fs::read(path)?;
    let chunks = compress(&data, format, chunk_size, level)?;
    assert!(decompress(&chunks, format, chunk_size)? == data, "the same bytes come back");

    let stored: usize = chunks.iter().map(|chunk| chunk.stored.len()).sum();
    println!("{format}, chunks of {chunk_size}, level {}: {} bytes become {stored}", level.get(), data.len());

    // Damage is an error that says where it was seen, or other bytes; never a panic. Hence containers have hashes.
    if let Some(chunk) = chunks.iter().find(|chunk| chunk.stored.len() < chunk.size) {
        let half = &chunk.stored[..chunk.stored.len() / 2];
        let result = format.decompressor(chunk_size)?.decompress(half, &mut vec![0; chunk.size]);
        println!("half of a chunk: {}", result.map_or_else(|error| error.to_string(), |()| "other bytes".into()));
    }
    Ok(())
}

fn compress(data: &[u8], format: Format, chunk_size: u32, level: Level) -> Result<Vec<Chunk>, Box<dyn Error>> {
    // One context serves any number of chunks.
    let mut compressor = format.compressor(chunk_size, level)?;
    let mut room = vec![0; chunk_size as usize];
    let pack = |chunk: &[u8]| {
        // `None`: it would not shrink, and is stored as it is.
        let size = compressor.compress(chunk, &mut room);
        Chunk { stored: size.map_or(chunk, |size| &room[..size]).to_vec(), size: chunk.len() }
    };
    Ok(data.chunks(chunk_size as usize).map(pack).collect())
}

fn decompress(chunks: &[Chunk], format: Format, chunk_size: u32) -> Result<Vec<u8>, Box<dyn Error>> {
    let mut decompressor = format.decompressor(chunk_size)?;
    let mut data = Vec::new();
    for Chunk { stored, size } in chunks {
        if stored.len() == *size {
            data.extend_from_slice(stored);
            continue;
        }
        let start = data.len();
        data.resize(start + size, 0);
        decompressor
            .decompress(stored, &mut data[start..])
            .map_err(|error: DecodeError| format!("the chunk of {} bytes at {start}: {error}", stored.len()))?;
    }
    Ok(data)
}
