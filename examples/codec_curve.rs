//! Ratio and speed of the codecs at each level, one thread.
//!
//! `cargo run --release --example codec_curve -- FILE xpress|lzx [CHUNK_SIZE [FIRST_LEVEL [LAST_LEVEL [REPETITIONS [OUT]]]]]`
//!
//! Splits the file into chunks, encodes each with one reused context, decodes it again and compares. Chunks that do not
//! shrink count as stored raw. Speeds are medians, in MB/s of uncompressed data. OUT receives
//! the last level's chunks for another decoder to check: size, stored size (32 bits each, little-endian), stored bytes.
#![allow(clippy::print_stdout)]

use std::time::Instant;
use wimkit::codec::{Format, Level};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut args = std::env::args().skip(1);
    let path = args.next().ok_or("a file is missing")?;
    let format = match args.next().as_deref() {
        Some("xpress") => Format::Xpress,
        Some("lzx") => Format::Lzx,
        Some("lzms") => Format::Lzms,
        _ => return Err("a format is missing: xpress, lzx or lzms".into()),
    };
    let mut number = |default: u32| args.next().map_or(Ok(default), |arg| arg.parse());
    let (chunk_size, first, last, repetitions) = (number(32768)?, number(1)?, number(9)?, number(1)?.max(1));
    let data = std::fs::read(path)?;
    let records = args.next();

    println!("{format}, chunks of {chunk_size} bytes, {} bytes", data.len());
    println!("level   ratio %   encode MB/s   decode MB/s   context KiB");
    for level in first..=last {
        let level = u8::try_from(level).ok().and_then(Level::new).ok_or("levels go from 1 to 9")?;
        let mut compressor = format.compressor(chunk_size, level)?;
        let mut decompressor = format.decompressor(chunk_size)?;
        let mut unpacked = vec![0; chunk_size as usize];
        let mut packed = vec![0; data.len()];
        let mut sizes: Vec<Option<usize>> = Vec::new();

        let encode_seconds = median(repetitions, || {
            sizes.clear();
            for (chunk, out) in data.chunks(chunk_size as usize).zip(packed.chunks_mut(chunk_size as usize)) {
                sizes.push(compressor.compress(chunk, out));
            }
        });
        let mut intact = true;
        let decode_seconds = median(repetitions, || {
            let chunks = data.chunks(chunk_size as usize).zip(packed.chunks(chunk_size as usize));
            for ((chunk, packed), size) in chunks.zip(&sizes) {
                if let Some(size) = *size {
                    let unpacked = &mut unpacked[..chunk.len()];
                    intact &= decompressor.decompress(&packed[..size], unpacked).is_ok() && unpacked == chunk;
                }
            }
        });
        let total: usize =
            data.chunks(chunk_size as usize).zip(&sizes).map(|(chunk, size)| size.unwrap_or(chunk.len())).sum();
        let mb = data.len() as f64 / 1e6;
        println!(
            "{:5} {:9.3} {:13.2} {:13.1} {:13}{}",
            level.get(),
            100.0 * total as f64 / data.len() as f64,
            mb / encode_seconds,
            mb / decode_seconds,
            format.compressor_memory(chunk_size, level) >> 10,
            if intact { "" } else { "   DECODES WRONGLY" }
        );
        if let Some(path) = records.as_ref().filter(|_| u32::from(level.get()) == last) {
            let mut out = Vec::new();
            let chunks = data.chunks(chunk_size as usize).zip(packed.chunks(chunk_size as usize));
            for ((chunk, packed), size) in chunks.zip(&sizes) {
                let stored = size.map_or(chunk, |size| &packed[..size]);
                out.extend_from_slice(&u32::try_from(chunk.len())?.to_le_bytes());
                out.extend_from_slice(&u32::try_from(stored.len())?.to_le_bytes());
                out.extend_from_slice(stored);
            }
            std::fs::write(path, out)?;
        }
    }
    Ok(())
}

fn median(repetitions: u32, mut work: impl FnMut()) -> f64 {
    let mut seconds: Vec<f64> = (0..repetitions)
        .map(|_| {
            let start = Instant::now();
            work();
            start.elapsed().as_secs_f64()
        })
        .collect();
    seconds.sort_by(f64::total_cmp);
    seconds[seconds.len() / 2]
}
