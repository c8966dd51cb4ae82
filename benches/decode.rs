//! Decoding throughput, in bytes of output, of each codec: `cargo bench --bench decode`.
//!
//! The data are made here and mixed: text-like words, a table of records, and noise. With `WIMKIT_BENCH_DATA=FILE`,
//! a file is taken instead, whose kind of content then decides the figures.

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use wimkit::codec::{Format, Level};

const SIZE: usize = 4 << 20;

/// A xorshift generator: the same numbers every time.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % bound as u64) as usize
    }
}

/// Words drawn from a vocabulary, the first ones most often; every fourth piece of 4 KiB holds records instead.
fn mixed_data() -> Vec<u8> {
    let mut random = Random(0x9E37_79B9_7F4A_7C15);
    let vocabulary: Vec<Vec<u8>> =
        (0..4096).map(|_| (0..2 + random.below(9)).map(|_| b'a' + random.below(26) as u8).collect()).collect();
    let mut data = Vec::with_capacity(SIZE + 64);
    while data.len() < SIZE {
        if data.len() / 4096 % 4 == 3 {
            data.extend((data.len() as u32).to_le_bytes());
            data.extend((random.below(1 << 12) as u32).to_le_bytes());
            data.extend([0xE8, random.below(256) as u8, random.below(16) as u8, 0, 0, 0]);
        } else {
            let bound = 1 << (1 + random.below(12));
            data.extend(&vocabulary[random.below(bound)]);
            data.push(b' ');
        }
    }
    data.truncate(SIZE);
    data
}

fn decode(criterion: &mut Criterion) {
    let data = match std::env::var_os("WIMKIT_BENCH_DATA") {
        Some(path) => std::fs::read(path).expect("WIMKIT_BENCH_DATA names a readable file"),
        None => mixed_data(),
    };
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
