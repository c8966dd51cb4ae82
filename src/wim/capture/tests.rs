//! What happens to a tree while it is captured: a progress that nobody expects to meddle.

use super::*;
use crate::util::progress::Progress;
use crate::util::sha1::Sha1;
use crate::wim::verify;
use std::fs;
use std::sync::atomic::AtomicBool;

/// Does something to the tree when a phase begins.
struct Meddler<F: Fn(&str) + Sync>(F);

impl<F: Fn(&str) + Sync> Progress for Meddler<F> {
    fn begin(&self, phase: &'static str, _total_bytes: u64) {
        (self.0)(phase);
    }
    fn advance(&self, _bytes: u64) {}
}

const COMPARING: &str = "Comparing files of equal sizes";
const CAPTURING: &str = "Capturing";

struct Scene {
    directory: tempfile::TempDir,
}

impl Scene {
    fn new(files: &[(&str, &[u8])]) -> Self {
        let directory = tempfile::tempdir().unwrap();
        fs::create_dir(directory.path().join("tree")).unwrap();
        for (name, content) in files {
            fs::write(directory.path().join("tree").join(name), content).unwrap();
        }
        Self { directory }
    }

    fn file(&self, name: &str) -> PathBuf {
        self.directory.path().join("tree").join(name)
    }

    fn wim(&self) -> PathBuf {
        self.directory.path().join("new.wim")
    }

    /// Captures while `meddle` is told of each phase.
    fn capture(&self, options: &Options, meddle: impl Fn(&str) + Sync) -> Result<Outcome, CaptureError> {
        let control = Control { progress: &Meddler(meddle), interrupt: &AtomicBool::new(false) };
        capture(&self.directory.path().join("tree"), &self.wim(), options, control)
    }

    /// The files of the image that was written, with their hashes; everything in the archive is sound.
    fn image(&self) -> Vec<(String, Sha1)> {
        let wim = Wim::open(&self.wim(), &OpenOptions::default()).unwrap();
        let checked = verify::verify(&wim, &verify::Options::default(), Control::silent()).unwrap();
        assert!(checked.is_good() && checked.warnings.is_empty(), "{checked:?}");
        let tree = wim.metadata(ImageIndex::new(1).unwrap()).unwrap();
        let files = tree.entries().filter(|entry| !entry.is_directory());
        files.map(|entry| (entry.path(), entry.data_hash().unwrap_or_default())).collect()
    }
}

fn skipping() -> Options {
    Options { skip_unreadable: true, ..Options::default() }
}

/// A compression for each kind of resource that a file can go wrong in.
fn kinds() -> [Options; 3] {
    let solid = Compression { solid: true, solid_chunk_size: Some(1 << 20), ..Compression::new(Some(Format::Lzms)) };
    [None, Some(Compression::new(None)), Some(solid)].map(|compression| Options { compression, ..skipping() })
}

#[test]
fn files_that_change_vanish_or_turn_into_pipes() {
    let large = vec![7; 3 << 20];
    let other = vec![8; 3 << 20];
    for options in kinds() {
        let scene =
            Scene::new(&[("a", b"stays"), ("b", &large), ("c", &other), ("d", b"goes away"), ("e", b"a pipe!")]);
        let meddle = |phase: &str| {
            if phase == COMPARING {
                fs::write(scene.file("b"), vec![7; 5 << 20]).unwrap();
                fs::File::options().write(true).open(scene.file("c")).unwrap().set_len(1 << 20).unwrap();
            } else if phase == CAPTURING {
                let _ = fs::remove_file(scene.file("d"));
                let _ = fs::remove_file(scene.file("e"));
                let mode = rustix::fs::Mode::RUSR | rustix::fs::Mode::WUSR;
                let pipe = rustix::fs::FileType::Fifo;
                let _ = rustix::fs::mknodat(rustix::fs::CWD, scene.file("e"), pipe, mode, 0);
            }
        };
        let done = scene.capture(&options, meddle).unwrap();
        let mut skipped: Vec<_> = done.skipped.iter().map(|skipped| skipped.path.file_name().unwrap()).collect();
        skipped.sort();
        assert_eq!(skipped, ["b", "c", "d", "e"]);
        assert!(!done.is_complete() && done.files == 1 && done.stored_blobs == 1);
        for skipped in &done.skipped {
            let is_gone = skipped.path.ends_with("d");
            assert_eq!(matches!(skipped.problem, Problem::Io(_)), is_gone, "{skipped:?}");
        }
        assert_eq!(scene.image(), [("/a".to_owned(), Sha1::of(b"stays"))]);
    }
}

#[test]
fn the_first_problem_ends_a_capture_unless_told_otherwise() {
    let scene = Scene::new(&[("a", b"one"), ("b", b"changes")]);
    let write = |_: &str| fs::write(scene.file("b"), "changed, and longer").unwrap();
    let error = scene.capture(&Options::default(), write);
    assert!(
        matches!(&error, Err(CaptureError::Unreadable { path, problem: Problem::Changed }) if path.ends_with("b")),
        "{error:?}"
    );
    assert!(error.unwrap_err().hint().unwrap().contains("--skip-unreadable"));
    assert_eq!(fs::read_dir(scene.directory.path()).unwrap().count(), 1, "nothing but the tree is left");
}

/// The first of several equal files stands for all of them: when it changes, another one must.
#[test]
fn equal_files_survive_the_change_of_one() {
    for options in kinds() {
        let scene = Scene::new(&[("a", b"equal"), ("b", b"equal"), ("c", b"equal"), ("d", b"other")]);
        let done = scene.capture(&options, |phase| {
            if phase == CAPTURING {
                fs::write(scene.file("a"), "EQUAL").unwrap();
                // As an editor might that keeps times: only the hash tells.
                let time = scene.file("b").metadata().unwrap().modified().unwrap();
                fs::File::options().write(true).open(scene.file("a")).unwrap().set_modified(time).unwrap();
            }
        });
        let done = done.unwrap();
        assert_eq!(done.skipped.len(), 1);
        assert_eq!(done.stored_blobs, 2);
        let equal = Sha1::of(b"equal");
        let expected = [("/b", equal), ("/c", equal), ("/d", Sha1::of(b"other"))];
        assert_eq!(scene.image(), expected.map(|(path, hash)| (path.to_owned(), hash)));
    }
}

#[test]
fn an_interrupted_capture_leaves_nothing() {
    let scene = Scene::new(&[("a", b"one")]);
    let interrupt = AtomicBool::new(false);
    let stop = Meddler(|phase: &str| interrupt.store(phase == CAPTURING, std::sync::atomic::Ordering::Relaxed));
    let control = Control { progress: &stop, interrupt: &interrupt };
    let result = capture(&scene.file(""), &scene.wim(), &Options::default(), control);
    assert!(matches!(result, Err(CaptureError::Interrupted)), "{result:?}");
    assert!(!scene.wim().exists());
}

/// An image with all that NTFS keeps of files, and the directory that it is applied to.
fn rich() -> Scene {
    use crate::util::filetime::FileTime;
    use crate::wim::builder::ImageBuilder;
    use crate::wim::edit::{self, ImageEdit};
    use crate::wim::extract::{self, Selection};
    use crate::wim::metadata::{Attributes, tagged};
    let mut image = ImageBuilder::new();
    image.set_security_descriptor(ImageBuilder::ROOT, b"root");
    let mut ids = vec![image.directory("dir").unwrap()];
    for name in ["dir/plain", "dir/written", "dir/gone", "dir/empty", "dir/config/HIVE", "dir/user.dat", "other/file"] {
        let content = if name == "dir/empty" { String::new() } else { format!("the content of {name}") };
        ids.push(image.file(name, content.as_str()).unwrap());
    }
    ids.push(image.symlink("dir/link", "plain", false).unwrap());
    ids.push(image.junction("dir/junction", "C:\\dir").unwrap());
    ids.push(image.reparse_point("dir/app.exe", 0x8000_001B, "an application", false).unwrap());
    for (number, id) in (1_u64..).zip(ids.iter().copied()) {
        let time = |ticks| FileTime(133_000_000_000_000_000 + 10_000_000 * number + ticks);
        image.set_times(id, time(1), time(2), time(3));
        image.set_security_descriptor(id, format!("descriptor {}", number % 4).as_bytes());
        image.set_short_name(id, &format!("NAME~{number}"));
        image.set_attributes(id, Attributes::HIDDEN | Attributes::ARCHIVE);
        image.add_tagged_item(id, tagged::OBJECT_ID, &[number as u8; 64]);
        image.stream(id, "stream", format!("stream {number}").as_str()).unwrap();
    }
    let second = image.hard_link("dir/second", ids[1]).unwrap();
    image.set_short_name(second, "SECOND~1");
    let scene = Scene::new(&[]);
    let old = scene.file("../old.wim");
    let compression = Some(Compression::new(Some(Format::Xpress)));
    let (name, flags) = ("Named".into(), Some("Flagged".into()));
    let options = Options { name, flags, compression, check: Check::Write, ..Options::default() };
    image.write(&old, &options, Control::silent()).unwrap();
    let properties = vec![("SOMEBODY/ELSES".to_owned(), "property".to_owned())];
    let open = || Wim::open(&old, &OpenOptions::default()).unwrap();
    edit::edit(&open(), &[ImageEdit { image: 1, properties }], None, Control::silent()).unwrap();
    let (wim, everything) = (open(), Selection::everything());
    let tree = wim.metadata(ImageIndex::FIRST).unwrap();
    let done =
        extract::extract(&wim, &tree, &everything, &scene.file(""), &extract::Options::default(), Control::silent());
    assert!(done.unwrap().is_complete());
    scene
}

fn first(path: &Path) -> (Wim, crate::wim::metadata::Metadata) {
    let wim = Wim::open(path, &OpenOptions::default()).unwrap();
    let tree = wim.metadata(ImageIndex::FIRST).unwrap();
    (wim, tree)
}

/// What an image says of an entry.
fn described(entry: &crate::wim::metadata::Entry<'_>) -> String {
    let mut streams: Vec<String> =
        entry.streams().map(|stream| format!("{:?} {} {}", stream.kind, stream.name, stream.sha1)).collect();
    streams.sort();
    let items: Vec<_> = entry.tagged_items().map(|item| (item.tag, item.data.to_vec())).collect();
    let times = [entry.creation_time(), entry.access_time(), entry.write_time()];
    let short_name = entry.short_name().to_string();
    let (security, tag) = ((entry.security_id(), entry.security_descriptor()), entry.reparse_tag());
    format!("{:?} {times:?} {short_name} {security:?} {tag:?} {streams:?} {items:?}", entry.attributes())
}

#[test]
fn a_revision_keeps_what_the_system_does_not_hold() {
    use crate::wim::metadata::StreamKind;
    let scene = rich();
    let old = scene.file("../old.wim");
    let keep_time = |name: &str, content: &str| {
        let time = scene.file(name).metadata().unwrap().modified().unwrap();
        fs::write(scene.file(name), content).unwrap();
        fs::File::options().write(true).open(scene.file(name)).unwrap().set_modified(time).unwrap();
    };
    fs::write(scene.file("dir/written"), "new content").unwrap();
    fs::remove_file(scene.file("dir/gone")).unwrap();
    fs::write(scene.file("dir/new"), "new").unwrap();
    // A name that comes before those that the image has of the file.
    fs::hard_link(scene.file("dir/plain"), scene.file("dir/another")).unwrap();
    // As Windows does with hives; of no other file the size and time deceive.
    keep_time("dir/config/HIVE", "the content of dir/config/HERE");
    keep_time("dir/user.dat", "the content of dir/user.DAT");
    let update_of = || Some(UpdateOf::Other(Arc::new(first(&old).0), ImageIndex::FIRST));
    let options = Options { update_of: update_of(), revises: true, ..Options::default() };
    let done = scene.capture(&options, |_| {}).unwrap();
    assert_eq!((done.format, done.reused_files), (Some(Format::Xpress), 2), "plain and other/file");
    scene.image();
    let ((old_wim, before), (new_wim, after)) = (first(&old), first(&scene.wim()));
    let look = |path: &str| (before.lookup(path).unwrap(), after.lookup(path).unwrap());
    for path in ["/", "plain", "second", "empty", "link", "junction", "app.exe"] {
        let path = if path == "/" { path.to_owned() } else { format!("dir/{path}") };
        let (was, is) = look(&path);
        assert_eq!(described(&was), described(&is), "{path}");
    }
    assert_eq!(described(&look("other/file").0), described(&look("other/file").1));
    assert_eq!((look("dir/plain").0.link_count(), look("dir/plain").1.link_count()), (2, 3));
    let another = after.lookup("dir/another").unwrap();
    assert_eq!(another.security_descriptor(), look("dir/plain").0.security_descriptor());
    assert!(another.short_name().is_empty());
    // Read, though size and time are the same; all else is kept.
    for name in ["dir/config/HIVE", "dir/user.dat"] {
        let (was, is) = look(name);
        assert_ne!(was.data_hash(), is.data_hash());
        assert_eq!(
            described(&was).replace(&was.data_hash().unwrap().to_string(), &is.data_hash().unwrap().to_string()),
            described(&is)
        );
    }
    // Written: what a file keeps that takes the place of another, and the content's own time.
    let (was, is) = look("dir/written");
    assert_eq!((was.creation_time(), was.security_descriptor()), (is.creation_time(), is.security_descriptor()));
    assert_eq!((was.short_name(), was.attributes()), (is.short_name(), is.attributes()));
    assert_eq!(is.tagged_items().count(), 1);
    assert!(is.write_time() > was.write_time() && is.data_hash() == Some(Sha1::of(b"new content")));
    assert!(!is.streams().any(|stream| stream.kind == StreamKind::Named), "they belong to the old content");
    // A directory with other names in it.
    let (was, is) = look("dir");
    assert!(is.write_time() > was.write_time());
    assert_eq!((was.security_descriptor(), was.short_name()), (is.security_descriptor(), is.short_name()));
    assert_eq!((was.streams().count(), is.streams().count()), (1, 1));
    let new = after.lookup("dir/new").unwrap();
    assert_eq!((new.security_descriptor(), new.short_name().is_empty()), (None, true));
    assert!(after.lookup("dir/gone").is_none());
    // The element of the document, and what the file has.
    let [was, is] = [&old_wim, &new_wim].map(|wim| wim.xml().image(1).unwrap());
    for path in ["NAME", "FLAGS", "SOMEBODY/ELSES", "CREATIONTIME/HIGHPART", "CREATIONTIME/LOWPART"] {
        assert!(was.get(path).unwrap().is_some() && was.get(path).unwrap() == is.get(path).unwrap(), "{path}");
    }
    assert!(is.modification_time() > was.modification_time());
    assert!(!new_wim.header().integrity.is_absent());
    // Without the option nothing of the kind is kept: the directory does not have it.
    let options = Options { replace: true, update_of: update_of(), ..Options::default() };
    scene.capture(&options, |_| {}).unwrap();
    let (wim, plain) = first(&scene.wim());
    let file = plain.lookup("dir/plain").unwrap();
    assert_eq!((file.security_descriptor(), wim.xml().image(1).unwrap().name()), (None, None));
}

#[test]
fn an_untouched_image_is_the_same_when_it_is_revised() {
    let scene = rich();
    let old = scene.file("../old.wim");
    let (wim, before) = first(&old);
    let update_of = Some(UpdateOf::Other(Arc::new(wim), ImageIndex::FIRST));
    let options = Options { name: "Renamed".into(), update_of, revises: true, ..Options::default() };
    scene.capture(&options, |_| {}).unwrap();
    scene.image();
    let (wim, after) = first(&scene.wim());
    let all = |tree: &crate::wim::metadata::Metadata| -> Vec<(String, String)> {
        tree.entries().map(|entry| (entry.path(), described(&entry))).collect()
    };
    let mut both = [all(&before), all(&after)];
    both.iter_mut().for_each(|tree| tree.sort());
    assert_eq!(both[0], both[1]);
    assert_eq!(wim.xml().image(1).unwrap().name().as_deref(), Some("Renamed"));
}
