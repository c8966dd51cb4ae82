//! Extraction of trees that mean well and of trees that do not.

use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;

use super::*;
use crate::util::os::Abilities;
use crate::util::sha1::Sha1;
use crate::wim::WimError;
use crate::wim::metadata::{Attributes, NewFile, NewStream, NodeId, ParseOptions, StreamKind, TreeBuilder};
use crate::wim::reader::ImageIndex;
use crate::wim::test_image::Sample;
use crate::wim::verify::Damage;

#[cfg(unix)]
mod unix;

const ROOT: NodeId = TreeBuilder::ROOT;

impl Sample {
    fn extract(&self, options: &Options) -> Extracted {
        let outside = tempfile::tempdir().unwrap();
        let extracted = Extracted::new(outside.path().join("target"), outside);
        extracted.again(self, options)
    }
}

/// What came of it: a target directory inside of one in which nothing else may appear.
struct Extracted {
    outcome: Outcome,
    tree: Metadata,
    target: PathBuf,
    outside: tempfile::TempDir,
}

impl Extracted {
    fn new(target: PathBuf, outside: tempfile::TempDir) -> Self {
        let tree = Metadata::parse(TreeBuilder::new().encode().unwrap(), &ParseOptions::default()).unwrap();
        Self { outcome: Outcome::default(), tree, target, outside }
    }

    fn again(mut self, sample: &Sample, options: &Options) -> Self {
        let wim = sample.wim();
        let tree = wim.metadata(ImageIndex::new(1).unwrap()).unwrap();
        let selection = Selection::everything();
        self.outcome = extract(&wim, &tree, &selection, &self.target, options, Control::silent()).unwrap();
        self.tree = tree;
        let around: Vec<_> = fs::read_dir(self.outside.path()).unwrap().map(|e| e.unwrap().file_name()).collect();
        assert_eq!(around, ["target"], "something was written outside of the target");
        self
    }

    fn names(&self, directory: &str) -> BTreeSet<String> {
        let entries = fs::read_dir(self.target.join(directory)).unwrap();
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
    }

    /// Paths and reasons of what was refused.
    fn refused(&self) -> BTreeSet<(String, String)> {
        self.outcome.refused.iter().map(|refused| (refused.path(&self.tree), refused.problem.to_string())).collect()
    }

    fn refused_paths(&self) -> Vec<String> {
        self.refused().into_iter().map(|(path, _)| path).collect()
    }
}

fn names<const N: usize>(names: [&str; N]) -> BTreeSet<String> {
    names.map(str::to_owned).into()
}

#[test]
fn names_that_lead_out_of_the_target() {
    let mut sample = Sample::default();
    for name in ["..", ".", "../escaped", "a/../../escaped", "/escaped", "..\\escaped", "C:\\escaped", "a\0b"] {
        sample.file(ROOT, name, b"escaped");
    }
    let up = sample.tree.add(ROOT, NewFile::directory(".."));
    sample.file(up, "escaped", b"escaped");
    let down = sample.directory(ROOT, "down");
    let up = sample.tree.add(down, NewFile::directory(".."));
    sample.file(up, "inside", b"escaped");
    sample.file(ROOT, "good", b"good");

    let extracted = sample.extract(&Options::default());
    assert_eq!(extracted.names(""), names(["down", "good"]));
    assert!(extracted.names("down").is_empty());
    // The second `..` of the root is a duplicate, which is no entry of its own.
    assert_eq!(extracted.outcome.refused.len(), 9, "{:?}", extracted.refused());
    assert!(extracted.outcome.refused.iter().all(|refused| matches!(refused.problem, Problem::UnsafeName)));
}

#[test]
fn a_damaged_or_missing_blob_leaves_no_file() {
    let mut sample = Sample::default();
    let large = vec![7; 30 << 20];
    let damaged = sample.file(ROOT, "small", b"small");
    sample.tree.add_hard_link(ROOT, "small-too", damaged);
    sample.file(ROOT, "large", &large);
    sample.damaged = vec![Sha1::of(b"small"), Sha1::of(&large)];
    sample.tree.add(ROOT, NewFile::file("missing", Sha1([9; 20])));
    sample.file(ROOT, "good", b"good");
    let extracted = sample.extract(&Options::default());
    assert_eq!(extracted.names(""), names(["good"]));
    assert_eq!(extracted.refused_paths(), ["/large", "/missing", "/small", "/small-too"]);
    let is_mismatch =
        |refused: &&Refused| matches!(refused.problem, Problem::Damaged { damage: Damage::Mismatch { .. }, .. });
    assert_eq!(extracted.outcome.refused.iter().filter(is_mismatch).count(), 2);
    assert_eq!((extracted.outcome.files, extracted.outcome.bytes), (1, 4));
}

#[test]
fn a_large_blob_reaches_all_its_files() {
    let mut content: Vec<u8> = (0..30 << 20).map(|byte: u32| (byte ^ (byte >> 11)) as u8).collect();
    // Zeros in the middle and at the end.
    content[5 << 20..9 << 20].fill(0);
    content[28 << 20..].fill(0);
    let mut sample = Sample::default();
    for name in ["a", "b", "c"] {
        sample.file(ROOT, name, &content);
        sample.contents.truncate(1);
    }
    for sparse in [false, true] {
        let options = Options { sparse, memory: 16 << 20, ..Options::default() };
        // `b` exists: the others must not suffer.
        let outside = tempfile::tempdir().unwrap();
        let target = outside.path().join("target");
        fs::create_dir(&target).unwrap();
        fs::write(target.join("b"), "").unwrap();
        let extracted = Extracted::new(target, outside).again(&sample, &options);
        assert_eq!(extracted.refused_paths(), ["/b"]);
        assert_eq!(extracted.outcome.bytes, 2 * content.len() as u64);
        for name in ["a", "c"] {
            let path = extracted.target.join(name);
            assert!(fs::read(&path).unwrap() == content, "{name} differs (sparse: {sparse})");
            #[cfg(unix)]
            {
                let stored = std::os::unix::fs::MetadataExt::blocks(&fs::metadata(path).unwrap()) * 512;
                assert!(!sparse || stored < 25 << 20, "{name} has no holes: {stored} bytes");
            }
        }
    }
}

#[test]
fn a_selection_brings_its_directories() {
    let mut sample = Sample::default();
    let a = sample.directory(ROOT, "a");
    let b = sample.directory(a, "b");
    let file = sample.file(b, "one.txt", b"one");
    sample.file(b, "two.log", b"two");
    sample.file(ROOT, "three.txt", b"three");
    sample.tree.add_hard_link(ROOT, "first-name", file);
    let wim = sample.wim();
    let tree = wim.metadata(ImageIndex::new(1).unwrap()).unwrap();
    let extract = |selection: &Selection| {
        let target = tempfile::tempdir().unwrap();
        let outcome =
            super::extract(&wim, &tree, selection, target.path(), &Options::default(), Control::silent()).unwrap();
        assert!(outcome.is_complete());
        (target, outcome)
    };
    let (target, outcome) = extract(&Selection::matching(&tree, |path, _| path.ends_with(".txt")));
    assert_eq!(fs::read_to_string(target.path().join("a/b/one.txt")).unwrap(), "one");
    assert_eq!((outcome.files, outcome.hard_links, outcome.directories), (2, 0, 3));
    assert!(!target.path().join("a/b/two.log").exists());
    let (target, outcome) = extract(&Selection::matching(&tree, |path, _| path == "/a"));
    assert_eq!((outcome.files, fs::read_dir(target.path().join("a/b")).unwrap().count()), (2, 2));
    let nothing = Selection::matching(&tree, |_, _| false);
    assert!(nothing.is_empty() && extract(&nothing).1.files == 0);
}

#[test]
fn limits_and_interruption() {
    let mut sample = Sample::default();
    let directory = sample.directory(ROOT, "directory");
    sample.file(directory, "file", &[1; 1000]);
    let wim = sample.wim();
    let tree = wim.metadata(ImageIndex::new(1).unwrap()).unwrap();
    let target = tempfile::tempdir().unwrap();
    let everything = Selection::everything();
    let fails = |target: &Path, options: Options| {
        extract(&wim, &tree, &everything, target, &options, Control::silent()).unwrap_err()
    };
    for deeper in ["", "new", "new/below"] {
        let to = target.path().join(deeper);
        let error = fails(&to, Options { max_bytes: Some(999), ..Options::default() });
        assert!(matches!(error, ExtractError::TooMuch { needed: 1000, limit: 999 }));
        let error = fails(&to, Options { memory: 1999, ..Options::default() });
        assert!(matches!(error, ExtractError::Wim(WimError::Memory { needed: 2000, limit: 1999, .. })), "{error}");
        assert_eq!(fs::read_dir(target.path()).unwrap().count(), 0);
    }
    let interrupt = std::sync::atomic::AtomicBool::new(true);
    let control = Control { interrupt: &interrupt, ..Control::silent() };
    let error = extract(&wim, &tree, &everything, target.path(), &Options::default(), control).unwrap_err();
    assert!(matches!(error, ExtractError::Interrupted));
    assert_eq!(fs::read_dir(target.path()).unwrap().count(), 0);
}

#[test]
fn where_there_are_no_hard_links_names_become_copies() {
    let mut sample = Sample::default();
    let file = sample.file(ROOT, "file", b"content");
    sample.tree.file_mut(file).write_time = "2020-02-03T04:05:06Z".parse().unwrap();
    sample.tree.add_hard_link(ROOT, "name", file);
    let extracted = sample.extract(&Options::default());
    let (tree, target) = (&extracted.tree, &extracted.target);
    fs::remove_file(target.join("name")).unwrap();

    // No such file system is at hand: the copy alone.
    let abilities = Abilities::default();
    let naming = Naming { rules: NameRules::default(), case_sensitive: true, unix_data: false, abilities };
    let plan = Plan::new(tree, &Selection::everything(), naming, Vec::new());
    let directories = Directories::new(Arc::new(Dir::open(target).unwrap()), &plan.directories);
    let writing = Writing {
        tree,
        directories,
        files: &plan.files,
        sparse: false,
        overwrite: false,
        unix: None,
        windows: None,
        spool: &Spool::default(),
    };
    writing.copy_name(&plan.files[0], &plan.hard_links[0].place).unwrap();
    let modified = |name: &str| fs::metadata(target.join(name)).unwrap().modified().unwrap();
    assert_eq!(fs::read(target.join("name")).unwrap(), b"content");
    assert_eq!(modified("name"), modified("file"));
}

/// What a plan wants of a target that can hold it, and what it leaves out of one that cannot.
#[test]
fn the_abilities_of_the_target_decide() {
    let mut builder = TreeBuilder::new();
    let stream = |name: &str| NewStream::named(name, Sha1([9; 20]));
    let file = NewFile::file("file", Sha1([1; 20])).with_stream(stream("one")).with_stream(stream("\\bad"));
    let file = builder.add(ROOT, file);
    builder.add_hard_link(ROOT, "link", file);
    builder.add(ROOT, NewFile::directory("directory").with_stream(stream("two")));
    builder.add(ROOT, NewFile::reparse_point("app", 0x8000_001B, Sha1([2; 20])));
    let stub = NewFile::reparse_point("stub", 0x9000_001A, Sha1([3; 20]));
    builder.add(ROOT, stub.with_stream(NewStream::unnamed(StreamKind::Data, Sha1([4; 20]))));
    builder.add(
        ROOT,
        NewFile::reparse_point("junction", reparse::MOUNT_POINT, Sha1([5; 20])).with_attributes(Attributes::DIRECTORY),
    );
    let tree = Metadata::parse(builder.encode().unwrap(), &ParseOptions::default()).unwrap();
    let plan = |abilities| {
        let naming = Naming { rules: NameRules::Unix, case_sensitive: true, unix_data: false, abilities };
        Plan::new(&tree, &Selection::everything(), naming, Vec::new())
    };
    let least = plan(Abilities::default());
    assert_eq!((least.streams.len(), least.left_out.named_streams), (0, 5));
    assert_eq!((least.links.len(), least.files.len(), least.left_out.reparse_points), (1, 3, 2));
    let most = plan(Abilities { named_streams: true, reparse_points: true, ..Abilities::default() });
    let streams: Vec<&str> = most.streams.iter().map(|stream| stream.name.as_str()).collect();
    assert_eq!((streams, most.left_out.named_streams), (vec!["one", "two"], 1));
    assert_eq!((most.links.len(), most.files.len(), most.left_out.reparse_points), (3, 2, 0));
    let besides: Vec<bool> = most.links.iter().map(|link| link.file.is_some()).collect();
    assert_eq!(besides.iter().filter(|is_besides| **is_besides).count(), 1);
    let wants =
        |sha1: [u8; 20]| most.blobs.iter().find(|(hash, _)| hash.0 == sha1).map_or(0, |(_, targets)| targets.len());
    assert_eq!([[9; 20], [1; 20], [4; 20], [2; 20]].map(wants), [2, 1, 1, 1]);
}
