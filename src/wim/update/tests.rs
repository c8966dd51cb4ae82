//! Updates of archives made up here: what changes, and above all what does not.

use super::*;
use crate::util::filetime::FileTime;
use crate::util::sha1::Sha1;
use crate::wim::capture::{self, capture};
use crate::wim::export::{self, optimize};
use crate::wim::metadata::tagged::OBJECT_ID;
use crate::wim::metadata::{Attributes, Entry, NewFile, NewStream, StreamKind, TreeBuilder};
use crate::wim::test_image::Sample;
use crate::wim::verify;

struct Scene(tempfile::TempDir);

impl Scene {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// An archive of one image with everything that an entry can have.
    fn rich(&self) -> PathBuf {
        let mut sample = Sample::default();
        let root = TreeBuilder::ROOT;
        let descriptors = [&[1, 2, 3, 4][..], &[5; 20]].map(|d| sample.tree.add_security_descriptor(d));
        let directory = sample.directory(root, "Windows");
        let file = |name: &str, hash: Sha1| {
            NewFile::file(name, hash)
                .with_attributes(Attributes::HIDDEN | Attributes::SYSTEM)
                .with_security_id(descriptors[1])
                .with_short_name(&name.to_uppercase().replace("THING", "~1"))
                .with_tagged_item(OBJECT_ID, &[7; 16])
                .with_times(FileTime(1_000_000))
        };
        let first = sample.content(b"the content of a file with everything");
        let stream = sample.content(b"of a stream");
        let full = file("everything.exe", first).with_stream(NewStream::named("stream", stream));
        sample.tree.add(directory, full);
        let linked = sample.content(b"of two names");
        let one = sample.tree.add(directory, file("one.dll", linked));
        sample.tree.add_hard_link(root, "two.dll", one);
        let data = sample.content(b"of a reparse point");
        sample
            .tree
            .add(root, NewFile::reparse_point("junction", 0xA000_0003, data).with_attributes(Attributes::DIRECTORY));
        sample.file(directory, "other.txt", b"of another file");
        let path = self.path("rich.wim");
        std::fs::write(&path, sample.bytes()).unwrap();
        // The sample's table has no true counts.
        let wim = Wim::open(&path, &OpenOptions::default()).unwrap();
        optimize(wim, &export::Options::default(), Control::silent()).unwrap();
        path
    }
}

fn open(path: &Path) -> Wim {
    let wim = Wim::open(path, &OpenOptions::default()).unwrap();
    let checked = verify::verify(&wim, &verify::Options::default(), Control::silent()).unwrap();
    assert!(checked.is_good() && checked.warnings.is_empty(), "{checked:?}");
    wim
}

/// All that a tree says about an entry.
fn describe(tree: &crate::wim::metadata::Metadata, entry: Entry<'_>) -> String {
    format!(
        "{} {:?} {:?} {:?} {:?} {:?} {:?} {:?} link of {}",
        entry.path(),
        entry.short_name(),
        entry.attributes(),
        entry.security_descriptor(),
        [entry.creation_time(), entry.access_time(), entry.write_time()],
        entry.streams(),
        entry.reparse_tag(),
        entry.tagged_items().collect::<Vec<_>>(),
        tree.entry(entry.first_link()).path()
    )
}

fn entries(path: &Path) -> Vec<String> {
    let wim = open(path);
    let tree = wim.metadata(ImageIndex::FIRST).unwrap();
    tree.entries().map(|entry| describe(&tree, entry)).collect()
}

fn bytes(content: &[u8]) -> Source<'static> {
    Source::Bytes(content.to_vec())
}

fn done(path: &Path, commands: &[Command<Source<'_>>], options: &Options) -> Outcome {
    update(path, commands, options, Control::silent()).unwrap()
}

#[test]
fn what_is_not_touched_stays_as_it_is() {
    for rebuild in [false, true] {
        let scene = Scene::new();
        let path = scene.rich();
        let before = entries(&path);
        let options = Options { rebuild, ..Options::default() };
        let delete = Command::Delete { path: "new".into(), force: false, recursive: true };
        let outcome = done(&path, &[Command::add(bytes(b"x"), "new/file"), delete], &options);
        assert_eq!(entries(&path), before, "rebuild: {rebuild}");
        let changes = Changes { added: 2, deleted: 2, ..Changes::default() };
        assert_eq!(outcome.images, [(ImageIndex::FIRST, changes)]);
        // What was stored is nobody's.
        assert!(open(&path).contents().unwrap().find(&Sha1::of(b"x")).is_none());
    }
}

#[test]
fn a_replaced_file_keeps_what_is_not_its_content() {
    let scene = Scene::new();
    let path = scene.rich();
    done(&path, &[Command::add(bytes(b"new"), "windows/EVERYTHING.exe")], &Options::default());
    let wim = open(&path);
    let tree = wim.metadata(ImageIndex::FIRST).unwrap();
    let entry = tree.lookup("Windows/everything.exe").unwrap();
    assert_eq!(entry.name().to_string(), "everything.exe");
    assert_eq!(entry.short_name().to_string(), "EVERY~1.EXE");
    assert_eq!(entry.attributes(), Attributes::HIDDEN | Attributes::SYSTEM);
    assert_eq!(entry.security_descriptor(), Some(&[5; 20][..]));
    assert_eq!((entry.creation_time(), entry.tagged_items().count()), (FileTime(1_000_000), 1));
    assert!(entry.write_time() > FileTime(1_000_000));
    let streams: Vec<_> = entry.streams().map(|stream| (stream.kind, stream.sha1)).collect();
    assert_eq!(streams, [(StreamKind::Data, Sha1::of(b"new"))]);
    assert!(wim.contents().unwrap().find(&Sha1::of(b"of a stream")).is_none(), "the old stream is nobody's");
}

#[test]
fn another_name_of_a_replaced_file_keeps_the_content() {
    let scene = Scene::new();
    let path = scene.rich();
    done(&path, &[Command::add(bytes(b"new"), "Windows/one.dll")], &Options::default());
    let wim = open(&path);
    let tree = wim.metadata(ImageIndex::FIRST).unwrap();
    let hash = |path: &str| tree.lookup(path).unwrap().data_hash();
    assert_eq!(hash("Windows/one.dll"), Some(Sha1::of(b"new")));
    assert_eq!(hash("two.dll"), Some(Sha1::of(b"of two names")));
    assert_eq!(tree.hard_links().count(), 0);
    let counts = |content: &[u8]| wim.contents().unwrap().find(&Sha1::of(content)).unwrap().reference_count;
    assert_eq!((counts(b"new"), counts(b"of two names")), (1, 1));
}

#[test]
fn a_tree_from_another_image_brings_all_it_has() {
    let scene = Scene::new();
    let path = scene.rich();
    let target = scene.path("target.wim");
    std::fs::create_dir(scene.path("tree")).unwrap();
    std::fs::write(scene.path("tree/own"), "of another file").unwrap();
    capture(&scene.path("tree"), &target, &capture::Options::default(), Control::silent()).unwrap();
    let source = open(&path);
    let from = |path: &str| Source::Image { wim: &source, image: ImageIndex::FIRST, path: path.into() };
    let outcome = done(&target, &[Command::add(from("/"), "/copy/deep")], &Options::default());
    // What the target had is not brought.
    assert_eq!(outcome.encoded_blobs + outcome.copied_blobs, 4, "{outcome:?}");
    let strip = |line: &String| line.replace("/copy/deep/", "/");
    let copied: Vec<String> = entries(&target).iter().filter(|line| line.contains("/deep/")).map(strip).collect();
    for (copied, original) in copied.iter().zip(&entries(&path)[1..]) {
        assert_eq!(copied, original);
    }
    assert_eq!(copied.len(), 6);

    // Once more, over what is there: the same again.
    let before = entries(&target);
    let again = done(&target, &[Command::add(from("Windows"), "/copy/deep/WINDOWS")], &Options::default());
    assert_eq!(again.images[0].1, Changes { replaced: 3, ..Changes::default() });
    // But one name of a file with two was replaced.
    let changed: Vec<_> = entries(&target).into_iter().filter(|line| !before.contains(line)).collect();
    assert!(changed.iter().all(|line| line.contains("two.dll") || line.contains("one.dll")), "{changed:#?}");
}

#[test]
fn faults_leave_the_file_as_it_is() {
    let scene = Scene::new();
    let path = scene.rich();
    let before = std::fs::read(&path).unwrap();
    let source = open(&path);
    let delete = |path: &str| Command::Delete { path: path.into(), force: false, recursive: false };
    let rename = |from: &str, to: &str| Command::Rename { from: from.into(), to: to.into() };
    std::fs::create_dir(scene.path("dir")).unwrap();
    let cases: Vec<(Command<Source<'_>>, &str)> = vec![
        (delete("none"), "delete /none: /none: no such file"),
        (delete("Windows"), "/Windows: this is a directory"),
        (rename("Windows", "windows/x"), "cannot be moved to /windows/x"),
        (rename("two.dll", "junction/x"), "/junction: this is no directory"),
        (Command::add(bytes(b"1"), "Windows"), "/Windows: this is a directory"),
        (Command::add(bytes(b"1"), "two.dll/x"), "/two.dll: this is no directory"),
        (Command::add(bytes(b"1"), "/"), "/: this is a directory"),
        (Command::add(bytes(b"1"), "a/.."), "cannot have this name"),
        (Command::add(Source::Disk(scene.path("dir")), "two.dll"), "/two.dll: this is no directory"),
        (Command::add(Source::Disk(scene.path("missing")), "x"), "(os error 2)"),
        (
            Command::add(Source::Image { wim: &source, image: ImageIndex::FIRST, path: "no".into() }, "x"),
            "no: no such file",
        ),
    ];
    for (command, text) in cases {
        let what = format!("{command}");
        // Commands that can be carried out stand before it.
        let commands = [Command::add(bytes(b"fine"), "fine"), command];
        for rebuild in [false, true] {
            let options = Options { rebuild, ..Options::default() };
            let error = update(&path, &commands, &options, Control::silent()).unwrap_err();
            assert!(error.to_string().contains(text), "{what}: {error}");
            assert!(std::fs::read(&path).unwrap() == before, "{what}");
        }
    }
    assert_eq!(std::fs::read_dir(scene.0.path()).unwrap().count(), 2, "nothing is left beside it");
}

#[test]
fn a_count_that_is_too_low_loses_nothing() {
    // Both images have the blob, the table says that one has it.
    let scene = Scene::new();
    let tree = scene.path("tree");
    std::fs::create_dir(&tree).unwrap();
    std::fs::write(tree.join("shared"), "in both").unwrap();
    let path = scene.path("two.wim");
    let options = |name: &str| capture::Options { name: name.into(), ..capture::Options::default() };
    capture(&tree, &path, &options("1"), Control::silent()).unwrap();
    capture::append(&tree, &path, &options("2"), Control::silent()).unwrap();
    let mut bytes = std::fs::read(&path).unwrap();
    let table = open(&path).header().blob_table;
    let hash = Sha1::of(b"in both").0;
    let start = table.offset_in_wim as usize;
    let at = start + bytes[start..].windows(20).position(|window| window == hash).unwrap();
    assert_eq!(bytes[at - 4..at], [2, 0, 0, 0]);
    bytes[at - 4] = 1;
    std::fs::write(&path, bytes).unwrap();
    let delete = Command::Delete { path: "shared".into(), force: false, recursive: false };
    let first = Options { images: vec![ImageIndex::FIRST], ..Options::default() };
    assert_eq!(done(&path, std::slice::from_ref(&delete), &first).unused_bytes, 0);
    open(&path);
    let second = Options { images: vec![ImageIndex::new(2).unwrap()], ..Options::default() };
    assert_eq!(done(&path, &[delete], &second).unused_bytes, 7);
}
