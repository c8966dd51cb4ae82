//! Decoding throughput, in bytes of output, of each codec: `cargo bench --bench decode`.
//!
//! The data are made here and mixed: text-like words, a table of records, and noise. With `WIMKIT_BENCH_DATA=FILE`,
//! a file is taken instead, whose kind of content then decides the figures.

#![allow(missing_docs)]

mod data;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use wimkit::codec::{Format, Level};

fn decode(criterion: &mut Criterion) {
    let data = data::bench_data();
    for (format, chunk_size) in [
        (Format::Xpress, 1 << 15),
        (Format::Xpress, 1 << 16),
        (Format::Lzx, 1 << 15),
        (Format::Lzx, 1 << 21),
        (Format::Lzms, 1 << 20),
    ] {
        let mut compressor = format.compressor(chunk_size, Level::DEFAULT).expect("an allowed chunk size");
        let mut packed = vec![0; chunk_size as usize];
        let chunks: Vec<(Vec<u8>, usize)> = data
            .chunks(chunk_size as usize)
            .filter_map(|chunk| {
                let size = compressor.compress(chunk, &mut packed)?;
                Some((packed[..size].to_vec(), chunk.len()))
            })
            .collect();
        let unpacked_size: usize = chunks.iter().map(|(_, len)| len).sum();
        let mut decompressor = format.decompressor(chunk_size).expect("an allowed chunk size");
        let mut unpacked = vec![0; chunk_size as usize];
        let mut group = criterion.benchmark_group("decode");
        group.throughput(Throughput::Bytes(unpacked_size as u64));
        group.bench_function(format!("{format}/{}K", chunk_size >> 10), |bencher| {
            bencher.iter(|| {
                for (chunk, len) in &chunks {
                    decompressor.decompress(chunk, &mut unpacked[..*len]).expect("what the compressor made");
                }
            });
        });
        group.finish();
    }
}

criterion_group!(benches, decode);
criterion_main!(benches);
