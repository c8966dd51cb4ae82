//! Whole operations on a WIM, in uncompressed bytes: `cargo bench --bench container`.
//!
//! The file is `testdata/sample.wim`, or what `WIMKIT_BENCH_WIM` names; output goes to a temporary directory. For a comparison
//! with other programs see `benches/compare.sh`.
#![allow(missing_docs)]

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use std::path::PathBuf;
use wimkit::codec::Format;
use wimkit::util::progress::Control;
use wimkit::util::sha1::Sha1;
use wimkit::wim::export::{self, Compression, Selection, export};
use wimkit::wim::{ImageIndex, OpenOptions, Wim, extract, verify};

fn open() -> Wim {
    let path = std::env::var_os("WIMKIT_BENCH_WIM").map_or_else(|| "testdata/sample.wim".into(), PathBuf::from);
    Wim::open(&path, &OpenOptions::default()).expect("the WIM can be opened")
}

fn operations(criterion: &mut Criterion) {
    let wim = open();
    let first = ImageIndex::new(1).expect("1 is not 0");
    let bytes: u64 = wim.contents().expect("the blob table can be read").blobs.iter().map(|blob| blob.size).sum();
    let directory = tempfile::tempdir().expect("a temporary directory");
    let mut group = criterion.benchmark_group("wim");
    group.sample_size(10).throughput(Throughput::Bytes(bytes));

    group.bench_function("open", |bencher| bencher.iter(open));
    group.bench_function("list", |bencher| {
        bencher.iter(|| {
            let tree = wim.metadata(first).expect("the metadata can be read");
            tree.entries().map(|entry| entry.name().as_utf16le().len()).sum::<usize>()
        });
    });
    group.bench_function("verify", |bencher| {
        bencher.iter(|| verify::verify(&wim, &verify::Options::default(), Control::silent()).expect("it can be read"));
    });
    group.bench_function("extract", |bencher| {
        let tree = wim.metadata(first).expect("the metadata can be read");
        let target = directory.path().join("tree");
        let options = extract::Options { overwrite: true, ..extract::Options::default() };
        let all = extract::Selection::everything();
        bencher.iter(|| extract::extract(&wim, &tree, &all, &target, &options, Control::silent()));
    });
    let cases = [
        ("export raw", None),
        ("export to none", Some(Compression::new(None))),
        ("export to xpress", Some(Compression::new(Some(Format::Xpress)))),
        ("export to lzx", Some(Compression::new(Some(Format::Lzx)))),
    ];
    for (name, compression) in cases {
        let options = export::Options { compression, recompress: compression.is_some(), ..export::Options::default() };
        let target = directory.path().join("out.wim");
        group.bench_function(name, |bencher| {
            bencher.iter(|| {
                let all = [Selection { wim: &wim, images: wim.images().collect() }];
                export(&all, &target, &options, Control::silent()).expect("it can be exported");
                std::fs::remove_file(&target).expect("it was written");
            });
        });
    }
    group.finish();
}

fn sha1(criterion: &mut Criterion) {
    let data = vec![0x5A; 1 << 20];
    let mut group = criterion.benchmark_group("sha1");
    group.throughput(Throughput::Bytes(data.len() as u64));
    group.bench_function("1 MiB", |bencher| bencher.iter(|| Sha1::of(std::hint::black_box(&data))));
    group.finish();
}

criterion_group!(benches, operations, sha1);
criterion_main!(benches);
