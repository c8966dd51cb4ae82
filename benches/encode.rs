//! Encoding speed, in bytes of uncompressed data, and ratio, of XPRESS and LZX at three levels, one thread.
//!
//! `WIMKIT_BENCH_DATA` names a file to take the data from (its first 16 MiB); without it a generated mixture serves:
//! text, code with calls, tables, noise and zeros. The ratio stands in the benchmark's name.
#![allow(missing_docs)]

mod data;

use std::hint::black_box;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use wimkit::codec::{Compressor, Format, Level};

const CHUNK_SIZE: u32 = 32768;

fn encode(criterion: &mut Criterion) {
    let data = data::bench_data();
    for format in [Format::Xpress, Format::Lzx] {
        let mut group = criterion.benchmark_group(format!("encode/{format}"));
        group.throughput(Throughput::Bytes(data.len() as u64)).sample_size(10);
        for level in [1, 5, 9].map(|level| Level::new(level).expect("a level")) {
            let mut compressor = format.compressor(CHUNK_SIZE, level).expect("a chunk size that both formats allow");
            let mut out = vec![0; CHUNK_SIZE as usize];
            let size = encode_all(&mut *compressor, &data, &mut out);
            let ratio = format!("{:.2}%", 100.0 * size as f64 / data.len() as f64);
            group.bench_function(BenchmarkId::new(format!("level {}", level.get()), ratio), |bencher| {
                bencher.iter(|| encode_all(&mut *compressor, black_box(&data), &mut out));
            });
        }
        group.finish();
    }
}

/// Encodes all chunks; returns what they take, those that do not shrink as stored raw.
fn encode_all(compressor: &mut dyn Compressor, data: &[u8], out: &mut [u8]) -> usize {
    data.chunks(CHUNK_SIZE as usize).map(|chunk| compressor.compress(chunk, out).unwrap_or(chunk.len())).sum()
}

criterion_group!(benches, encode);
criterion_main!(benches);
