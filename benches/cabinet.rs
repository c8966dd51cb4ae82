//! Cabinets: folders decoded and encoded, in uncompressed bytes, and a list: `cargo bench --bench cabinet`.
//!
//! The data are made here and mixed; `WIMKIT_BENCH_DATA` names a file to take instead (its first 16 MiB). `WIMKIT_BENCH_CABINET`
//! names a cabinet whose folders are decoded as well, each by itself: that is how Quantum is measured, which is not written here.
//! For a comparison with other programs see `benches/compare.sh packages`.
#![allow(missing_docs)]

mod data;

use std::hint::black_box;
use std::path::Path;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use wimkit::cab::create::{Options, collect, create};
use wimkit::cab::{Cabinet, OpenOptions};
use wimkit::codec::Level;
use wimkit::codec::cabinet::{MAX_PENDING_BLOCKS, Method};
use wimkit::util::progress::Control;

const METHODS: [(&str, Method); 3] = [
    ("MSZIP", Method::Mszip),
    ("LZX:17", Method::Lzx { window_order: 17 }),
    ("LZX:21", Method::Lzx { window_order: 21 }),
];

fn codecs(criterion: &mut Criterion) {
    let data = data::bench_data();
    let mut group = criterion.benchmark_group("cabinet");
    group.sample_size(10).throughput(Throughput::Bytes(data.len() as u64));
    for (name, method) in METHODS {
        let encode = || {
            let mut compressor = method.compressor(Level::DEFAULT).expect("a method that is written");
            let mut blocks = Vec::new();
            compressor.compress_blocks(&data, &mut |payload, size| blocks.push((payload.to_vec(), size)));
            blocks
        };
        let blocks = encode();
        group.bench_function(format!("decode/{name}"), |bencher| {
            bencher.iter(|| {
                let mut folder = method.decompressor().expect("a window of the method");
                for batch in blocks.chunks(MAX_PENDING_BLOCKS) {
                    for (payload, size) in batch {
                        folder.add_block(payload, *size).expect("what the compressor made");
                    }
                    black_box(folder.take_output());
                }
            });
        });
        group.bench_function(format!("encode/{name}"), |bencher| bencher.iter(encode));
    }
    group.finish();
}

fn given_cabinet(criterion: &mut Criterion) {
    let Some(path) = std::env::var_os("WIMKIT_BENCH_CABINET") else { return };
    let cabinet = Cabinet::open(Path::new(&path), &OpenOptions::default()).expect("the cabinet can be opened");
    let mut group = criterion.benchmark_group("given cabinet");
    for folder in 0..cabinet.folder_count() {
        let read = || {
            let mut size = 0;
            let add = |_, data: &[u8]| {
                size += data.len() as u64;
                Ok::<(), ()>(())
            };
            cabinet.read_folder(folder, add).expect("the folder can be decoded");
            size
        };
        group.throughput(Throughput::Bytes(read()));
        group.bench_function(format!("folder {folder}, {}", cabinet.compression(folder)), |bencher| bencher.iter(read));
    }
    group.finish();
}

fn list(criterion: &mut Criterion) {
    const FILES: usize = 5000;
    let place = tempfile::tempdir().expect("a temporary directory");
    let tree = place.path().join("tree");
    std::fs::create_dir(&tree).expect("it is new");
    for number in 0..FILES {
        std::fs::write(tree.join(format!("file number {number}.txt")), [number as u8; 10]).expect("it can be written");
    }
    let path = place.path().join("many.cab");
    let options = Options { method: None, ..Options::default() };
    create(&collect(&tree).expect("files"), &path, &options, Control::silent()).expect("a cabinet");
    let mut group = criterion.benchmark_group("cabinet");
    group.throughput(Throughput::Elements(FILES as u64));
    group.bench_function("list", |bencher| {
        bencher.iter(|| {
            let cabinet = Cabinet::open(&path, &OpenOptions::default()).expect("the cabinet can be opened");
            cabinet.files().iter().map(|file| file.name.len()).sum::<usize>()
        });
    });
    group.finish();
}

criterion_group!(benches, codecs, given_cabinet, list);
criterion_main!(benches);
