//! How much stack the codecs need.

use wimkit::codec::{Format, Level};

/// What can be compressed: counted lines.
fn text(size: usize) -> Vec<u8> {
    (0..).flat_map(|line: u32| format!("line {line}\r\n").into_bytes()).take(size).collect()
}

/// Contexts are made and used in threads, which have 2 MiB of stack unless told otherwise, also in unoptimised builds.
#[test]
fn a_quarter_of_the_usual_stack_is_enough() {
    let data = text(1 << 18);
    let work = move || {
        for format in [Format::Xpress, Format::Lzx, Format::Lzms] {
            let (min, max) = format.chunk_size_range();
            for chunk_size in [min, max.min(1 << 16), max.min(1 << 18)] {
                let chunk = &data[..chunk_size as usize];
                for level in 1..=9 {
                    let mut packed = vec![0; chunk.len()];
                    let mut compressor = format.compressor(chunk_size, Level::new(level).unwrap()).unwrap();
                    let size = compressor.compress(chunk, &mut packed).expect("text can be compressed");
                    let mut unpacked = vec![0; chunk.len()];
                    let mut decompressor = format.decompressor(chunk_size).unwrap();
                    decompressor.decompress(&packed[..size], &mut unpacked).unwrap();
                    assert!(unpacked == chunk, "{format} {chunk_size} {level}");
                }
            }
        }
    };
    std::thread::Builder::new().stack_size(512 << 10).spawn(work).unwrap().join().unwrap();
}
