//! Sizes beyond the usual: a blob of more than 4 GiB, whose chunk table has wide entries, and 100,000 files.

mod support;

use std::fs::{self, File};
use std::path::Path;
use support::{arg, has_peer, run};
use wimkit::codec::{Format, Level};
use wimkit::util::progress::Control;
use wimkit::wim::export::{self, Compression, Selection, export};
use wimkit::wim::{OpenOptions, Wim, extract, verify};

fn open(path: &Path) -> Wim {
    Wim::open(path, &OpenOptions::default()).unwrap_or_else(|error| panic!("{error}"))
}

fn assert_good(wim: &Wim) {
    let outcome = verify::verify(wim, &verify::Options::default(), Control::silent()).unwrap();
    assert!(outcome.is_good(), "{:?}", outcome.findings);
}

fn recompress(wim: &Wim, target: &Path, format: Format) {
    let compression = Compression { level: Level::new(1).unwrap(), ..Compression::new(Some(format)) };
    let options = export::Options { compression: Some(compression), ..export::Options::default() };
    let all = Selection { wim, images: wim.images().collect() };
    export(&[all], target, &options, Control::silent()).unwrap_or_else(|error| panic!("{error}"));
}

#[test]
fn a_blob_of_more_than_4_gib_goes_both_ways() {
    const SIZE: u64 = (4 << 30) + 12_345;
    if !has_peer("wimlib-imagex") {
        return;
    }
    let directory = tempfile::tempdir().unwrap();
    let tree = directory.path().join("tree");
    fs::create_dir(&tree).unwrap();
    File::create(tree.join("disk.vhdx")).unwrap().set_len(SIZE).unwrap(); // sparse
    let theirs = directory.path().join("theirs.wim");
    run("wimlib-imagex", &["capture", arg(&tree), arg(&theirs), "Large", "--compress=XPRESS:20"]);

    let wim = open(&theirs);
    assert_eq!(wim.contents().unwrap().blobs[0].size, SIZE);
    let ours = directory.path().join("ours.wim");
    recompress(&wim, &ours, Format::Lzx);
    assert_eq!(open(&ours).contents().unwrap().blobs[0].size, SIZE);
    run("wimlib-imagex", &["verify", arg(&ours)]);
    if has_peer("7zz") {
        run("7zz", &["t", arg(&ours)]);
    }
}

#[test]
fn a_hundred_thousand_files() {
    if !has_peer("wimlib-imagex") {
        return;
    }
    let directory = tempfile::tempdir().unwrap();
    let tree = directory.path().join("tree");
    for folder in 0..200 {
        let folder_path = tree.join(format!("folder {folder}"));
        fs::create_dir_all(&folder_path).unwrap();
        for file in 0..500 {
            // Every second content is there twice.
            let content = format!("content of file {}", (folder * 500 + file) * 3 / 4);
            fs::write(folder_path.join(format!("file {file}.txt")), content).unwrap();
        }
    }
    let theirs = directory.path().join("theirs.wim");
    run("wimlib-imagex", &["capture", arg(&tree), arg(&theirs), "Many", "--compress=XPRESS:20"]);
    let wim = open(&theirs);
    assert_good(&wim);
    let metadata = wim.metadata(wim.images().next().unwrap()).unwrap();
    assert_eq!(metadata.len(), 100_000 + 200 + 1);
    assert_eq!(metadata.lookup("FOLDER 17/file 3.TXT").unwrap().path(), "/folder 17/file 3.txt");

    let ours = directory.path().join("ours.wim");
    recompress(&wim, &ours, Format::Lzx);
    assert_good(&open(&ours));
    run("wimlib-imagex", &["verify", arg(&ours)]);

    let target = directory.path().join("extracted");
    let everything = extract::Selection::everything();
    let options = extract::Options::default();
    extract::extract(&wim, &metadata, &everything, &target, &options, Control::silent()).unwrap();
    support::assert_same_tree(&tree, &target, "extracted");
}
