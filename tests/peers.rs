//! Differential tests: wimlib-imagex and 7-Zip read what we write, and we read what they write.

mod support;

use std::path::{Path, PathBuf};
use std::process::Command;
use support::{Noise, arg, assert_same_tree, has_peer, make_tree, run};
use tempfile::TempDir;
use wimkit::codec::{Format, Level};
use wimkit::util::progress::Control;
use wimkit::wim::export::{self, Boot, Check, Compression, Selection, export};
use wimkit::wim::{ImageIndex, OpenOptions, Wim, edit, split, verify};

/// A tree, and a WIM of it that wimlib made.
struct Fixture {
    directory: TempDir,
    tree: PathBuf,
    source: PathBuf,
}

impl Fixture {
    /// `None` where wimlib is not installed.
    fn new(capture_options: &[&str]) -> Option<Self> {
        Self::of(make_tree, capture_options)
    }

    /// The same of the tree that `make` makes.
    fn of(make: fn(&Path), capture_options: &[&str]) -> Option<Self> {
        if !has_peer("wimlib-imagex") {
            return None;
        }
        let directory = tempfile::tempdir().unwrap();
        let tree = directory.path().join("tree");
        make(&tree);
        let source = directory.path().join("source.wim");
        capture(&tree, &source, capture_options);
        Some(Self { directory, tree, source })
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// wimlib and 7-Zip accept the file, and wimlib makes the same tree of it.
    fn assert_peers_read(&self, wim: &Path, image: u32, what: &str) {
        run("wimlib-imagex", &["verify", arg(wim)]);
        let target = self.path(&format!("applied {what}"));
        run("wimlib-imagex", &["apply", arg(wim), &image.to_string(), arg(&target)]);
        assert_same_tree(&self.tree, &target, what);
        std::fs::remove_dir_all(&target).unwrap();
        if has_peer("7zz") {
            run("7zz", &["t", arg(wim)]);
        }
    }
}

fn capture(tree: &Path, target: &Path, options: &[&str]) {
    run("wimlib-imagex", &[&["capture", arg(tree), arg(target), "First"], options].concat());
}

fn open(path: &Path) -> Wim {
    Wim::open(path, &OpenOptions::default()).unwrap_or_else(|error| panic!("{error}"))
}

fn assert_good(wim: &Wim) {
    let outcome = verify::verify(wim, &verify::Options::default(), Control::silent()).unwrap();
    assert!(outcome.is_good(), "{}: {:#?}", wim.path().display(), outcome.findings);
    assert_eq!(outcome.images, wim.image_count());
    assert!(outcome.warnings.is_empty(), "{:?}", outcome.warnings);
}

fn export_all(source: &Path, target: &Path, options: &export::Options) -> export::Outcome {
    let wim = open(source);
    let selection = Selection { wim: &wim, images: wim.images().collect() };
    export(&[selection], target, options, Control::silent()).unwrap_or_else(|error| panic!("{error}"))
}

fn with(compression: Compression) -> export::Options {
    export::Options { compression: Some(compression), check: Check::Write, ..export::Options::default() }
}

#[test]
fn peers_read_every_compression_we_write() {
    let Some(fixture) = Fixture::new(&["--compress=LZX"]) else { return };
    let plain = |format| Compression::new(format);
    let solid = |format| Compression { solid: true, ..Compression::new(Some(format)) };
    let cases = [
        ("none", plain(None)),
        ("xpress", plain(Some(Format::Xpress))),
        ("xpress 4K", Compression { chunk_size: Some(4096), ..plain(Some(Format::Xpress)) }),
        (
            "xpress 64K, quick",
            Compression { chunk_size: Some(65536), level: Level::new(1).unwrap(), ..plain(Some(Format::Xpress)) },
        ),
        ("xpress, strong", Compression { level: Level::new(9).unwrap(), ..plain(Some(Format::Xpress)) }),
        ("lzx", plain(Some(Format::Lzx))),
        ("lzx 2M", Compression { chunk_size: Some(2 << 20), ..plain(Some(Format::Lzx)) }),
        ("lzx, quick", Compression { level: Level::new(1).unwrap(), ..plain(Some(Format::Lzx)) }),
        ("lzx, strong", Compression { level: Level::new(9).unwrap(), ..plain(Some(Format::Lzx)) }),
        ("lzms", plain(Some(Format::Lzms))),
        ("solid lzms", solid(Format::Lzms)),
        ("solid lzms 1M", Compression { solid_chunk_size: Some(1 << 20), ..solid(Format::Lzms) }),
        ("solid lzx", solid(Format::Lzx)),
        ("solid xpress", solid(Format::Xpress)),
    ];
    for (what, compression) in cases {
        let target = fixture.path(&format!("{what}.wim"));
        let outcome = export_all(&fixture.source, &target, &export::Options { recompress: true, ..with(compression) });
        assert_eq!(outcome.copied_blobs, 0, "{what}");
        assert_good(&open(&target));
        fixture.assert_peers_read(&target, 1, what);

        // And back again: nothing is lost on the way.
        let back = fixture.path("back.wim");
        export_all(&target, &back, &with(plain(Some(Format::Lzx))));
        fixture.assert_peers_read(&back, 1, &format!("{what} and back"));
        std::fs::remove_file(back).unwrap();
    }
}

/// Contents of every kind, and all sizes around the shortest that a format can shrink.
fn make_tree_of_kinds(root: &Path) {
    std::fs::create_dir(root).unwrap();
    let mut noise = Noise(0x2545_F491_4F6C_DD1D);
    let put = |name: String, data: &[u8]| std::fs::write(root.join(name), data).unwrap();
    put("text.txt".into(), &noise.text(150_000));
    put("program.exe".into(), &noise.program(150_000));
    put("random.bin".into(), &noise.bytes(70_000));
    put("zeros.dat".into(), &[0; 100_000]);
    // As in media: mostly noise, with headers that repeat in it.
    let media: Vec<_> = (0..40).flat_map(|frame| [vec![0, 0, 1, frame], noise.bytes(2000)].concat()).collect();
    put("media.mp4".into(), &media);
    for size in 0..=70 {
        put(format!("{size}.txt"), &noise.text(size));
        put(format!("{size}.bin"), &noise.bytes(size));
        put(format!("{size}.dat"), &vec![0; size]);
    }
}

#[test]
fn peers_read_every_level_of_every_format() {
    let Some(fixture) = Fixture::of(make_tree_of_kinds, &["--compress=none"]) else { return };
    for (format, solid) in [(Format::Xpress, false), (Format::Lzx, false), (Format::Lzms, false), (Format::Lzms, true)]
    {
        let mut sizes = Vec::new();
        for level in (1..=9).filter_map(Level::new) {
            let what = format!("{}{format} {}", if solid { "solid " } else { "" }, level.get());
            let target = fixture.path(&format!("{what}.wim"));
            let compression = Compression { level, solid, ..Compression::new(Some(format)) };
            sizes.push(export_all(&fixture.source, &target, &with(compression)).size);
            assert_good(&open(&target));
            fixture.assert_peers_read(&target, 1, &what);
            std::fs::remove_file(target).unwrap();
        }
        assert!(sizes[8] < sizes[0], "{format}: level 9 is to be stronger than level 1: {sizes:?}");
    }
}

#[test]
fn we_read_every_compression_that_wimlib_writes() {
    let cases: [&[&str]; 12] = [
        &["--compress=none"],
        &["--compress=XPRESS"],
        &["--compress=XPRESS", "--chunk-size=64K", "--check"],
        &["--compress=LZX:100"],
        &["--compress=LZX", "--chunk-size=2M"],
        &["--compress=LZMS"],
        &["--solid"],
        &["--solid", "--solid-chunk-size=256K"],
        &["--solid", "--solid-compress=LZX"],
        &["--compress=LZX", "--pipable"],
        &["--compress=none", "--pipable"],
        &["--compress=XPRESS", "--unix-data"],
    ];
    for options in cases {
        let Some(fixture) = Fixture::new(options) else { return };
        assert_good(&open(&fixture.source));
        let target = fixture.path("none.wim");
        export_all(&fixture.source, &target, &with(Compression::new(None)));
        fixture.assert_peers_read(&target, 1, "none");
    }
}

#[test]
fn raw_export_copies_and_shares_what_two_editions_have_in_common() {
    let Some(fixture) = Fixture::new(&["--compress=LZX"]) else { return };
    let first_size = std::fs::metadata(&fixture.source).unwrap().len();
    std::fs::write(fixture.tree.join("only in the second.txt"), b"second").unwrap();
    run("wimlib-imagex", &["append", arg(&fixture.tree), arg(&fixture.source), "Second", "--boot"]);

    let target = fixture.path("both.wim");
    let outcome = export_all(&fixture.source, &target, &export::Options::default());
    assert_eq!((outcome.encoded_blobs, outcome.images.len()), (0, 2));
    assert_eq!(open(&target).boot_index(), ImageIndex::new(2));
    assert!(outcome.size < first_size + 20_000, "{} against {first_size}", outcome.size);
    fixture.assert_peers_read(&target, 2, "both");

    // One image first, the other appended in place: the same content.
    let source = open(&fixture.source);
    let pick = |index| [Selection { wim: &source, images: vec![ImageIndex::new(index).unwrap()] }];
    let grown = fixture.path("grown.wim");
    export(&pick(1), &grown, &with(Compression::new(Some(Format::Lzx))), Control::silent()).unwrap();
    let clash = export(&pick(1), &grown, &export::Options::default(), Control::silent()).unwrap_err();
    assert!(clash.to_string().contains("already taken") && clash.hint().is_some(), "{clash}");
    let options = export::Options { boot: Boot::Exported(0), ..export::Options::default() };
    let appended = export(&pick(2), &grown, &options, Control::silent()).unwrap();
    assert_eq!((appended.copied_blobs, appended.encoded_blobs), (1, 0));
    let wim = open(&grown);
    assert_good(&wim);
    assert_eq!((wim.image_count(), wim.boot_index()), (2, ImageIndex::new(2)));
    assert!(!wim.header().integrity.is_absent(), "the integrity table is kept up");
    fixture.assert_peers_read(&grown, 2, "grown");
    drop(wim);

    // Deleting the first leaves the second, and optimizing drops what is no longer used.
    edit::delete(&open(&grown), &[ImageIndex::new(1).unwrap()], Control::silent()).unwrap();
    let wim = open(&grown);
    assert_good(&wim);
    assert_eq!((wim.image_count(), wim.boot_index()), (1, ImageIndex::new(1)));
    let before = std::fs::metadata(&grown).unwrap().len();
    export::optimize(wim, &export::Options::default(), Control::silent()).unwrap();
    assert!(std::fs::metadata(&grown).unwrap().len() < before);
    fixture.assert_peers_read(&grown, 1, "optimized");
}

#[test]
fn solid_archives_are_copied_whole_and_grow() {
    let Some(fixture) = Fixture::new(&["--solid"]) else { return };
    let target = fixture.path("copy.esd");
    let outcome = export_all(&fixture.source, &target, &export::Options::default());
    assert_eq!(outcome.encoded_blobs, 0);
    fixture.assert_peers_read(&target, 1, "copy");

    std::fs::write(fixture.tree.join("new.txt"), b"a blob for a second solid resource").unwrap();
    let second = fixture.path("second.wim");
    run("wimlib-imagex", &["capture", arg(&fixture.tree), arg(&second), "Second", "--compress=LZX"]);
    let appended = export_all(&second, &target, &export::Options::default());
    assert_eq!((appended.encoded_blobs, appended.solid), (1, true));
    assert_good(&open(&target));
    fixture.assert_peers_read(&target, 2, "grown");
}

/// What the Recovery Environment is in an installed image: an image in a file of another.
#[test]
fn an_image_in_an_image_is_used_by_its_address() {
    if !has_peer("wimlib-imagex") {
        return;
    }
    let scratch = tempfile::tempdir().unwrap();
    let path = |name: &str| scratch.path().join(name).to_str().unwrap().to_owned();
    let recovery = scratch.path().join("tree/Windows/System32/Recovery");
    std::fs::create_dir_all(&recovery).unwrap();
    let sample = concat!(env!("CARGO_MANIFEST_DIR"), "/testdata/sample.wim");
    std::fs::copy(sample, recovery.join("winre.wim")).unwrap();
    let wimkit = |arguments: &[&str]| run(arg(&assert_cmd::cargo::cargo_bin("wimkit")), arguments).stdout;
    for options in [&["--compress=LZX"][..], &["--solid"]] {
        let outer = path("outer.wim");
        capture(&scratch.path().join("tree"), Path::new(&outer), options);
        let inner = format!("{outer}!/1/windows/system32/recovery/WINRE.wim");
        wimkit(&["verify", &inner]);
        assert_eq!(wimkit(&["ls", &inner, "2", "-R"]), wimkit(&["ls", sample, "2", "-R"]));
        let file = "Windows/System32/readme.txt";
        assert_eq!(wimkit(&["cat", &inner, "1", file]), wimkit(&["cat", sample, "1", file]));
        let (ours, theirs) = (path("ours.wim"), path("theirs.wim"));
        wimkit(&["export", &inner, "all", &ours, "--compress", "lzx", "--quiet"]);
        wimkit(&["export", sample, "all", &theirs, "--compress", "lzx", "--quiet"]);
        assert!(std::fs::read(&ours).unwrap() == std::fs::read(&theirs).unwrap());

        // What would change it in place cannot, and leaves all as it was.
        let before = std::fs::read(&outer).unwrap();
        let changes: [&[&str]; 3] =
            [&["optimize", &inner], &["delete", &inner, "1"], &["info", &inner, "1", "--name", "x"]];
        for change in changes {
            let output = Command::new(assert_cmd::cargo::cargo_bin("wimkit")).args(change).output().unwrap();
            let said = String::from_utf8_lossy(&output.stderr).into_owned();
            assert!(output.status.code() == Some(2) && said.contains("not a file of its own"), "{change:?}: {said}");
        }
        assert!(std::fs::read(&outer).unwrap() == before);
        for made in [outer, ours, theirs] {
            std::fs::remove_file(made).unwrap();
        }
    }
}

#[test]
fn split_sets_go_both_ways() {
    let Some(fixture) = Fixture::new(&["--compress=LZX"]) else { return };
    let first = fixture.path("ours.swm");
    let options = split::Options { size: 2_700_000, allow_oversize: false, check: true, force: false };
    let outcome = split::split(&open(&fixture.source), &first, &options, Control::silent()).unwrap();
    assert!(outcome.parts.len() > 1);
    for part in &outcome.parts {
        assert!(part.size <= options.size && std::fs::metadata(&part.path).unwrap().len() == part.size);
    }
    let glob = format!("--ref={}", arg(&fixture.path("ours*.swm")));
    run("wimlib-imagex", &["verify", arg(&first), &glob]);
    let joined = fixture.path("joined by wimlib.wim");
    run(
        "wimlib-imagex",
        &[&["join", arg(&joined)], &*outcome.parts.iter().map(|p| arg(&p.path)).collect::<Vec<_>>()].concat(),
    );
    fixture.assert_peers_read(&joined, 1, "joined by wimlib");

    let theirs = fixture.path("theirs.swm");
    run("wimlib-imagex", &["split", arg(&fixture.source), arg(&theirs), "2.7"]);
    for set in [first, theirs] {
        let wim = open(&set);
        assert!(wim.missing_parts().is_empty());
        assert_good(&wim);
        let joined = fixture.path("joined.wim");
        export_all(&set, &joined, &export::Options::default());
        fixture.assert_peers_read(&joined, 1, "joined");
        std::fs::remove_file(joined).unwrap();
    }

    let missing = fixture.path("ours2.swm");
    std::fs::remove_file(missing).unwrap();
    let wim = open(&fixture.path("ours.swm"));
    assert_eq!(wim.missing_parts()[0], 2);
    let outcome = verify::verify(&wim, &verify::Options::default(), Control::silent()).unwrap();
    assert!(outcome.findings.iter().any(|finding| matches!(finding, verify::Finding::MissingPart { part: 2 })));
    assert!(
        outcome
            .findings
            .iter()
            .any(|finding| matches!(finding, verify::Finding::MissingBlob { used_by, .. } if !used_by.is_empty()))
    );
}

#[test]
fn a_blob_too_large_for_a_part_is_named() {
    let Some(fixture) = Fixture::new(&["--compress=none"]) else { return };
    let options = split::Options { size: 1 << 20, allow_oversize: false, check: false, force: true };
    let target = fixture.path("small.swm");
    let error = split::split(&open(&fixture.source), &target, &options, Control::silent()).unwrap_err();
    assert!(error.to_string().contains("2500000"), "{error}");
    assert!(!target.exists());
    let options = split::Options { allow_oversize: true, ..options };
    let outcome = split::split(&open(&fixture.source), &target, &options, Control::silent()).unwrap();
    assert_eq!(outcome.oversize.len(), 3);
    assert_good(&open(&target));
}

#[test]
fn a_delta_needs_its_reference() {
    let Some(fixture) = Fixture::new(&["--compress=LZX"]) else { return };
    std::fs::write(fixture.tree.join("new.txt"), b"only in the delta").unwrap();
    let delta = fixture.path("delta.wim");
    let of = format!("--delta-from={}", arg(&fixture.source));
    run("wimlib-imagex", &["capture", arg(&fixture.tree), arg(&delta), "Delta", "--compress=LZX", &of]);

    let alone = verify::verify(&open(&delta), &verify::Options::default(), Control::silent()).unwrap();
    assert!(!alone.is_good());
    assert!(alone.findings.iter().all(|finding| matches!(finding, verify::Finding::MissingBlob { .. })));

    let options = OpenOptions { references: vec![fixture.source.clone()], ..OpenOptions::default() };
    let wim = Wim::open(&delta, &options).unwrap();
    assert_good(&wim);
    let whole = fixture.path("whole.wim");
    let selection = Selection { wim: &wim, images: wim.images().collect() };
    export(&[selection], &whole, &export::Options::default(), Control::silent()).unwrap();
    fixture.assert_peers_read(&whole, 1, "whole");
}

#[test]
fn the_same_input_gives_the_same_bytes_at_any_number_of_threads() {
    let solid = Compression { solid: true, solid_chunk_size: Some(1 << 20), ..Compression::new(Some(Format::Lzms)) };
    for (source, compression) in [
        ("--compress=XPRESS", Compression::new(Some(Format::Lzx))),
        ("--compress=XPRESS", solid),
        ("--compress=LZX", Compression::new(Some(Format::Xpress))),
        ("--compress=LZX", Compression { chunk_size: Some(65536), ..Compression::new(Some(Format::Xpress)) }),
    ] {
        let Some(fixture) = Fixture::new(&[source]) else { return };
        let files: Vec<Vec<u8>> = [1, 2, 5]
            .map(|threads| {
                let target = fixture.path(&format!("{threads}.wim"));
                let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
                pool.install(|| export_all(&fixture.source, &target, &with(compression)));
                let bytes = std::fs::read(&target).unwrap();
                std::fs::remove_file(&target).unwrap();
                bytes
            })
            .into();
        for other in &files[1..] {
            let differs = files[0].iter().zip(other).position(|(a, b)| a != b);
            assert!(
                files[0] == *other,
                "{compression:?}: {} and {} bytes, first differing at {differs:?}",
                files[0].len(),
                other.len()
            );
        }
    }
}
