//! Damaged and hostile files: an error that says where, or a finding; never a panic, and never a changed original.

mod support;

use std::collections::BTreeMap;
use std::io::Cursor;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use support::Noise;
use wimkit::codec::{DecodeErrorKind, Format, Level, Oddity};
use wimkit::util::progress::{Control, Progress};
use wimkit::util::sha1::Sha1;
use wimkit::wim::blob_table::{Entry, Location};
use wimkit::wim::export::{self, Compression, ExportError, Selection, export};
use wimkit::wim::header::{HEADER_SIZE, resource_flag};
use wimkit::wim::resource::ChunkMap;
use wimkit::wim::{OpenOptions, Wim, WimError, edit, split, verify};

fn open_bytes(bytes: Vec<u8>) -> Result<Wim, WimError> {
    Wim::from_source(Box::new(Cursor::new(bytes)), "damaged.wim")
}

/// Opens, lists and verifies; whatever happens, it must end with an answer.
fn exercise(bytes: Vec<u8>) -> Result<verify::Outcome, String> {
    let wim = open_bytes(bytes).map_err(|error| error.to_string())?;
    for image in wim.images() {
        if let Ok(metadata) = wim.metadata(image) {
            assert!(metadata.entries().len() >= 1);
        }
    }
    let options = verify::Options { memory: 64 << 20, ..verify::Options::default() };
    verify::verify(&wim, &options, Control::silent()).map_err(|error| error.to_string())
}

#[test]
fn every_truncation_is_noticed() {
    for name in ["testdata/sample.wim", "testdata/sample.esd"] {
        let whole = std::fs::read(name).unwrap();
        assert!(exercise(whole.clone()).unwrap().is_good());
        let mut noise = Noise(7);
        let lengths = (0..=208).chain((0..200).map(|_| noise.next() as usize % whole.len()));
        for length in lengths {
            // The XML document stands at the end, and alone may be lost without anything being damaged.
            let error = exercise(whole[..length].to_vec()).expect_err("a table at the end is missing");
            assert!(error.starts_with("damaged.wim: "), "{error}");
        }
    }
}

#[test]
fn flipped_bits_are_noticed() {
    for name in ["testdata/sample.wim", "testdata/sample.esd"] {
        let whole = std::fs::read(name).unwrap();
        let wim = open_bytes(whole.clone()).unwrap();
        let blobs_end = wim.header().blob_table.offset_in_wim as usize;
        // Resources that are in use; what else lies before the tables is left over from appending.
        let contents = wim.contents().unwrap();
        let solid = contents.solid_resources.iter().map(|(_, resource, _)| *resource);
        let plain = contents.blobs.iter().filter_map(|blob| match blob.location {
            Location::Plain(resource) => Some(resource),
            Location::Solid { .. } => None,
        });
        let used: Vec<_> = contents.metadata.iter().map(|entry| entry.resource).chain(solid).chain(plain).collect();
        let mut noise = Noise(99);
        let mut unnoticed = 0;
        for round in 0..150 {
            let mut bytes = whole.clone();
            // Half of the flips go into the header and the tables, where they matter most.
            let at = match round % 2 {
                0 => {
                    let resource = used[noise.next() as usize % used.len()];
                    (resource.offset_in_wim + noise.next() % resource.size_in_wim) as usize
                }
                _ => (blobs_end + noise.next() as usize % (whole.len() - blobs_end + 208)) % whole.len(),
            };
            bytes[at] ^= 1 << (noise.next() % 8);
            let outcome = exercise(bytes);
            unnoticed += usize::from(round % 2 == 0 && outcome.is_ok_and(|outcome| outcome.is_good()));
        }
        // The content is the same where a flip hits the padding behind a chunk's last codeword.
        assert!(unnoticed <= 2, "{name}: {unnoticed} of 75 flips in resources and metadata went unnoticed");
    }
}

/// Changes a bit behind the last item of every chunk of every resource.
#[test]
fn strict_verification_judges_every_chunk() {
    let mut bytes = std::fs::read("testdata/sample.wim").unwrap();
    let wim = open_bytes(bytes.clone()).unwrap();
    let contents = wim.contents().unwrap();
    let plain = contents.blobs.iter().filter_map(|blob| match blob.location {
        Location::Plain(resource) => Some(resource),
        Location::Solid { .. } => None,
    });
    let mut odd_chunks = BTreeMap::new();
    for resource in contents.metadata.iter().map(|entry| entry.resource).chain(plain) {
        let map = ChunkMap::new(&resource, wim.header(), bytes.len() as u64).unwrap();
        let Some((format, chunk_size)) = map.coding() else { continue };
        let mut chunks = Vec::new();
        map.locate(wim.sources()[0], 0..map.chunk_count(), &mut chunks).unwrap();
        for chunk in chunks.iter().filter(|chunk| chunk.stored_size < chunk.uncompressed_size) {
            let stored = &mut bytes[chunk.offset_in_wim as usize..][..chunk.stored_size as usize];
            let decode = |stored: &[u8]| {
                let mut content = vec![0; chunk.uncompressed_size as usize];
                format.decompressor(chunk_size).unwrap().decompress(stored, &mut content).map(|()| content)
            };
            let content = decode(stored);
            // Some of the last bytes may say the length of a match instead.
            for at in stored.len() - 4..stored.len() {
                stored[at] ^= 1;
                if decode(stored) == content {
                    *odd_chunks.entry(resource.offset_in_wim).or_insert(0) += 1;
                    break;
                }
                stored[at] ^= 1;
            }
        }
    }
    assert!(contents.metadata.iter().all(|entry| odd_chunks.contains_key(&entry.resource.offset_in_wim)));
    assert!(odd_chunks.len() > 20 && odd_chunks.values().any(|count| *count > 1), "{odd_chunks:?}");

    assert!(exercise(bytes.clone()).unwrap().is_good(), "ordinary decoders do not look behind the last item");
    let odd = open_bytes(bytes).unwrap();
    let options = verify::Options { strict: true, ..verify::Options::default() };
    let outcome = verify::verify(&odd, &options, Control::silent()).unwrap();
    let mut found = BTreeMap::new();
    for finding in &outcome.findings {
        let verify::Finding::Chunk { offset, chunk_offset, error, others, .. } = finding else { panic!("{finding:?}") };
        assert!(matches!(error.kind, DecodeErrorKind::Odd(Oddity::Padding | Oddity::MissingEndSymbol)), "{error}");
        assert!(chunk_offset >= offset);
        assert!(found.insert(*offset, others + 1).is_none(), "two findings for one resource");
    }
    assert_eq!(found, odd_chunks);
}

#[test]
fn known_hostile_files_are_named_for_what_they_are() {
    let Some(cyclic) = support::foreign("hostile/wimlib-cyclic.wim") else { return };
    let wim = Wim::open(&cyclic, &OpenOptions::default()).unwrap();
    let error = wim.metadata(wim.images().next().unwrap()).unwrap_err();
    assert!(matches!(error, WimError::Metadata { .. }) && error.to_string().contains("0x78"), "{error}");

    let Some(corrupted) = support::foreign("hostile/wimlib-corrupted_file_1.wim") else { return };
    let wim = Wim::open(&corrupted, &OpenOptions::default()).unwrap();
    let outcome = verify::verify(&wim, &verify::Options::default(), Control::silent()).unwrap();
    assert!(
        matches!(&outcome.findings[..], [verify::Finding::Blob { used_by, .. }] if used_by[0].path == "/file"),
        "{:?}",
        outcome.findings
    );
}

#[test]
fn foreign_images_are_read_and_verify() {
    let files = [
        "discutils-TestData.wim",
        "dissect-basic32k.wim",
        "managedwimlib-BootLZX.wim",
        "managedwimlib-LZMS.wim",
        "managedwimlib-LZX.wim",
        "managedwimlib-MultiImage.wim",
        "managedwimlib-Split.swm",
        "managedwimlib-Split2.swm",
        "managedwimlib-XPRESS.wim",
        "ms-icd-start_pins.ppkg",
        "wimbuilder2-test-boot.wim",
    ];
    for name in files {
        let Some(path) = support::foreign(&format!("wim/{name}")) else { return };
        for no_mmap in [false, true] {
            let wim = Wim::open(&path, &OpenOptions { no_mmap, ..OpenOptions::default() }).unwrap();
            let options = verify::Options { strict: true, ..verify::Options::default() };
            let outcome = verify::verify(&wim, &options, Control::silent()).unwrap();
            assert!(outcome.is_good(), "{name}: {:?}", outcome.findings);
            assert_eq!(outcome.images, wim.image_count(), "{name}");
        }
    }
}

/// The sample with other entries in its blob table. It goes behind the end; the XML document stays where it is.
fn with_table(name: &str, change: impl Fn(&mut Vec<Entry>)) -> Vec<u8> {
    let mut bytes = std::fs::read(name).unwrap();
    let mut header = open_bytes(bytes.clone()).unwrap().header().clone();
    let table = header.blob_table.offset_in_wim as usize..header.blob_table.end_in_wim().unwrap() as usize;
    let mut entries: Vec<Entry> = bytes[table].as_chunks().0.iter().map(Entry::decode).collect();
    change(&mut entries);
    header.image_count = entries.iter().filter(|entry| entry.resource.has(resource_flag::METADATA)).count() as u32;
    let table: Vec<u8> = entries.iter().flat_map(Entry::encode).collect();
    header.blob_table.offset_in_wim = bytes.len() as u64;
    header.blob_table.size_in_wim = table.len() as u64;
    header.blob_table.uncompressed_size = table.len() as u64;
    bytes.extend(table);
    bytes[..HEADER_SIZE].copy_from_slice(&header.encode());
    bytes
}

fn is_metadata(entry: &Entry) -> bool {
    entry.resource.has(resource_flag::METADATA)
}

#[test]
fn verification_goes_on_behind_a_contradiction_in_a_table() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("contradiction.esd");
    let bytes = with_table("testdata/sample.esd", |entries| {
        let solid = entries.iter_mut().filter(|entry| entry.resource.has(resource_flag::SOLID));
        // Two blobs of the solid resource: one begins inside the other, one outside of the resource.
        let [one, other] = solid.filter(|entry| !entry.sha1.is_zero()).take(2).collect::<Vec<_>>().try_into().unwrap();
        other.resource.offset_in_wim = one.resource.offset_in_wim + 1;
        one.resource.offset_in_wim = 1 << 40;
    });
    std::fs::write(&path, &bytes).unwrap();
    let error = Wim::open(&path, &OpenOptions::default()).unwrap().contents().unwrap_err();
    assert!(matches!(error, WimError::BlobTable { .. }) && error.is_damage(), "{error}");

    let lenient = OpenOptions { lenient: true, ..OpenOptions::default() };
    let wim = Wim::open(&path, &lenient).unwrap();
    let outcome = verify::verify(&wim, &verify::Options::default(), Control::silent()).unwrap();
    assert!(outcome.images == 2 && outcome.blobs > 20, "{outcome:?}");
    let (tables, others): (Vec<_>, Vec<_>) =
        outcome.findings.iter().partition(|finding| matches!(finding, verify::Finding::BlobTable { .. }));
    assert!((1..=2).contains(&tables.len()), "{tables:?}");
    let names_files = |finding: &&verify::Finding| match finding {
        verify::Finding::MissingBlob { used_by, .. } => !used_by.is_empty(),
        verify::Finding::Blob { .. } => true,
        _ => false,
    };
    assert!(!others.is_empty() && others.iter().all(names_files), "{others:?}");
}

#[test]
fn a_file_is_not_changed_where_images_would_be_lost() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("half.wim");
    let whole = std::fs::read("testdata/sample.wim").unwrap();
    let mut fewer = with_table("testdata/sample.wim", |entries| {
        let first = entries.iter().position(is_metadata).unwrap();
        entries.remove(first);
    });
    fewer[0x2C] = 2; // as many images as before
    let xml = open_bytes(whole.clone()).unwrap().header().xml;
    let mut broken_xml = whole.clone();
    broken_xml[xml.offset_in_wim as usize + 2] = b'?';
    for bytes in [fewer, broken_xml] {
        std::fs::write(&path, &bytes).unwrap();
        let wim = Wim::open(&path, &OpenOptions::default()).unwrap();
        let refused = |what: &str, result: Result<(), ExportError>| match result {
            Err(ExportError::Refused { .. }) => {}
            other => panic!("{what}: {other:?}"),
        };
        let name = edit::ImageEdit { image: 2, properties: vec![("NAME".into(), "x".into())] };
        refused("edit", edit::edit(&wim, &[name], None, Control::silent()));
        refused("delete", edit::delete(&wim, &[wimkit::wim::ImageIndex::FIRST], Control::silent()).map(drop));
        let source = open_bytes(whole.clone()).unwrap();
        let one = [Selection { wim: &source, images: source.images().take(1).collect() }];
        refused("append", export(&one, &path, &export::Options::default(), Control::silent()).map(drop));
        drop(wim);
        assert!(std::fs::read(&path).unwrap() == bytes);
    }
}

#[test]
fn one_tree_for_thousands_of_images_is_not_read_thousands_of_times() {
    let mut bytes = with_table("testdata/sample.wim", |entries| {
        let metadata = *entries.iter().find(|entry| is_metadata(entry)).unwrap();
        entries.extend(std::iter::repeat_n(metadata, 60_000));
    });
    let xml = open_bytes(bytes.clone()).unwrap().header().xml;
    bytes[xml.offset_in_wim as usize + 2] = b'?';
    let size = bytes.len() as u64;
    let wim = open_bytes(bytes).unwrap();
    assert!(wim.is_xml_damaged() && wim.image_count() > 60_000);
    // Statistics come from reading the tree.
    let read = wim.xml().images().filter(|image| image.statistics().is_some()).count() as u64;
    let tree = wim.contents().unwrap().metadata[0].resource.size_in_wim;
    assert!(read >= 2 && read * tree <= size, "{read} trees were read");
}

#[test]
fn bytes_of_two_blobs_are_not_split() {
    let directory = tempfile::tempdir().unwrap();
    let bytes = with_table("testdata/sample.wim", |entries| {
        let blob = *entries.iter().find(|entry| !is_metadata(entry)).unwrap();
        entries.extend((0..100).map(|number| Entry { sha1: Sha1([number; 20]), ..blob }));
    });
    let wim = open_bytes(bytes).unwrap();
    let options = split::Options { size: 1 << 30, allow_oversize: false, check: false, force: false };
    let error = split::split(&wim, &directory.path().join("a.swm"), &options, Control::silent()).unwrap_err();
    assert!(matches!(error, split::SplitError::Export(ExportError::Blob { .. })), "{error}");
    assert!(names_in(directory.path()).is_empty());
}

#[test]
fn a_solid_resource_is_not_begun_for_what_cannot_be_read() {
    let directory = tempfile::tempdir().unwrap();
    let bytes = with_table("testdata/sample.wim", |entries| {
        let compressed = |entry: &&mut Entry| !is_metadata(entry) && entry.resource.has(resource_flag::COMPRESSED);
        entries.iter_mut().find(compressed).unwrap().resource.uncompressed_size = 1 << 55;
    });
    let wim = open_bytes(bytes).unwrap();
    let all = [Selection { wim: &wim, images: wim.images().collect() }];
    let compression = Some(Compression { solid: true, ..Compression::new(Some(Format::Lzms)) });
    let options = export::Options { compression, ..export::Options::default() };
    let error = export(&all, &directory.path().join("a.esd"), &options, Control::silent()).unwrap_err();
    assert!(matches!(error, ExportError::Blob { .. }), "{error}");
    assert!(names_in(directory.path()).is_empty());
}

/// Asks to stop at the first sign of progress.
struct Impatient(AtomicBool);

impl Progress for Impatient {
    fn begin(&self, _: &'static str, _: u64) {}
    fn advance(&self, bytes: u64) {
        if bytes > 0 {
            self.0.store(true, Ordering::Relaxed);
        }
    }
}

fn names_in(directory: &Path) -> Vec<String> {
    let mut names: Vec<_> =
        std::fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

#[test]
fn an_interrupted_export_leaves_everything_as_it_was() {
    let directory = tempfile::tempdir().unwrap();
    let source = Wim::open(Path::new("testdata/sample.wim"), &OpenOptions::default()).unwrap();
    let all = [Selection { wim: &source, images: source.images().collect() }];
    let compression = Some(Compression { level: Level::new(1).unwrap(), ..Compression::new(Some(Format::Lzx)) });
    let options = export::Options { compression, ..export::Options::default() };
    let impatient = || Impatient(AtomicBool::new(false));

    let target = directory.path().join("new.wim");
    let watch = impatient();
    let control = Control { progress: &watch, interrupt: &watch.0 };
    let error = export(&all, &target, &options, control).unwrap_err();
    assert!(matches!(error, ExportError::Interrupted), "{error}");
    assert!(names_in(directory.path()).is_empty());

    // Appending in place: the old file comes back byte for byte.
    let one = [Selection { wim: &source, images: source.images().take(1).collect() }];
    export(&one, &target, &options, Control::silent()).unwrap();
    let before = std::fs::read(&target).unwrap();
    let other = [Selection { wim: &source, images: source.images().skip(1).collect() }];
    let watch = impatient();
    let control = Control { progress: &watch, interrupt: &watch.0 };
    let error = export(&other, &target, &export::Options::default(), control).unwrap_err();
    assert!(matches!(error, ExportError::Interrupted), "{error}");
    assert!(std::fs::read(&target).unwrap() == before);
    assert_eq!(names_in(directory.path()), ["new.wim"]);
}

#[test]
fn a_damaged_source_is_not_exported() {
    let directory = tempfile::tempdir().unwrap();
    let mut bytes = std::fs::read("testdata/sample.wim").unwrap();
    bytes[5000] ^= 1;
    let source = open_bytes(bytes).unwrap();
    let all = [Selection { wim: &source, images: source.images().collect() }];
    let options =
        export::Options { compression: Some(Compression::new(Some(Format::Lzx))), ..export::Options::default() };
    let target = directory.path().join("new.wim");
    let error = export(&all, &target, &options, Control::silent()).unwrap_err();
    assert!(matches!(error, ExportError::Blob { .. }), "{error}");
    assert!(names_in(directory.path()).is_empty());
}

#[test]
fn an_existing_file_is_replaced_only_when_asked() {
    let directory = tempfile::tempdir().unwrap();
    let target = directory.path().join("target.wim");
    let source = Wim::open(Path::new("testdata/sample.wim"), &OpenOptions::default()).unwrap();
    let all = [Selection { wim: &source, images: source.images().collect() }];
    std::fs::write(&target, "not a WIM").unwrap();
    let error = export(&all, &target, &export::Options::default(), Control::silent()).unwrap_err();
    assert!(matches!(error, ExportError::Wim(WimError::Header { .. })), "{error}");
    let options = export::Options { replace: true, ..export::Options::default() };
    for _ in 0..2 {
        export(&all, &target, &options, Control::silent()).unwrap();
        assert_eq!(Wim::open(&target, &OpenOptions::default()).unwrap().image_count(), 2);
    }
}

#[test]
fn edits_keep_everything_else() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("edited.wim");
    std::fs::copy("testdata/sample.wim", &path).unwrap();
    let open = || Wim::open(&path, &OpenOptions::default()).unwrap();
    let wim = open();
    let before = wim.xml().clone();
    let change = edit::ImageEdit {
        image: 2,
        properties: vec![
            ("NAME".into(), "Réédition".into()),
            ("WINDOWS/VERSION/SPBUILD".into(), "4242".into()),
            ("DESCRIPTION".into(), String::new()),
        ],
    };
    edit::edit(&wim, &[change], Some(wimkit::wim::ImageIndex::new(2)), Control::silent()).unwrap();
    let wim = open();
    assert_eq!(wim.xml().image(1), before.image(1));
    let image = wim.xml().image(2).unwrap();
    assert_eq!(image.name().unwrap(), "Réédition");
    assert_eq!(image.description(), None);
    assert_eq!(image.windows().unwrap().version.unwrap().revision, 4242);
    assert_eq!(wim.boot_index(), wimkit::wim::ImageIndex::new(2));
    assert!(verify::verify(&wim, &verify::Options::default(), Control::silent()).unwrap().is_good());

    let clash = edit::ImageEdit { image: 1, properties: vec![("NAME".into(), "Réédition".into())] };
    let error = edit::edit(&wim, &[clash], None, Control::silent()).unwrap_err();
    assert!(matches!(error, ExportError::NameClash { image: 2, .. }), "{error}");
    let nobody = edit::ImageEdit { image: 3, properties: vec![("NAME".into(), "x".into())] };
    assert!(edit::edit(&wim, &[nobody], None, Control::silent()).is_err());
}
