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
