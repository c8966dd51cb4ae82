//! Extraction of trees that mean well and of trees that do not.

use std::collections::BTreeSet;
use std::fs;
use std::io::Cursor;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::PathBuf;

use super::*;
use crate::util::filetime::FileTime;
use crate::util::sha1::Sha1;
use crate::util::utf16;
use crate::wim::blob_table::Entry as BlobEntry;
use crate::wim::header::{HEADER_SIZE, Header, ResourceHeader};
use crate::wim::metadata::{Attributes, NewFile, NewStream, NodeId, TreeBuilder};
use crate::wim::reader::ImageIndex;
use crate::wim::verify::Damage;

const ROOT: NodeId = TreeBuilder::ROOT;

/// An image in the making, with the contents of its files.
#[derive(Default)]
struct Sample {
    tree: TreeBuilder,
    contents: Vec<Vec<u8>>,
    /// What is stored in place of a content.
    damaged: Vec<Sha1>,
}

impl Sample {
    fn content(&mut self, content: &[u8]) -> Sha1 {
        self.contents.push(content.to_vec());
        Sha1::of(content)
    }

    fn file(&mut self, parent: NodeId, name: &str, content: &[u8]) -> NodeId {
        let sha1 = self.content(content);
        self.tree.add(parent, NewFile::file(name, sha1))
    }

    fn directory(&mut self, parent: NodeId, name: &str) -> NodeId {
        self.tree.add(parent, NewFile::directory(name))
    }

    fn link(&mut self, parent: NodeId, name: &str, link: &reparse::Link) -> NodeId {
        let data = link.encode(reparse::SYMLINK).unwrap();
        let sha1 = self.content(&data);
        self.tree.add(parent, NewFile::reparse_point(name, reparse::SYMLINK, sha1))
    }

    /// A stored archive of one image.
    fn wim(&self) -> Wim {
        let mut file = vec![0; HEADER_SIZE];
        let mut table = Vec::new();
        let mut store = |bytes: &[u8], sha1: Sha1, flags: u8, file: &mut Vec<u8>| {
            let size = bytes.len() as u64;
            let offset_in_wim = file.len() as u64;
            let resource = ResourceHeader { size_in_wim: size, flags, offset_in_wim, uncompressed_size: size };
            table.extend(BlobEntry { resource, part_number: 1, reference_count: 1, sha1 }.encode());
            file.extend(bytes);
        };
        let metadata = self.tree.encode().unwrap();
        store(&metadata, Sha1::of(&metadata), 2, &mut file);
        for content in self.contents.iter().filter(|content| !content.is_empty()) {
            let sha1 = Sha1::of(content);
            let mut stored = content.clone();
            stored[0] ^= u8::from(self.damaged.contains(&sha1));
            store(&stored, sha1, 0, &mut file);
        }
        let mut bytes = [0; HEADER_SIZE];
        bytes[..5].copy_from_slice(b"MSWIM");
        bytes[8..12].copy_from_slice(&(HEADER_SIZE as u32).to_le_bytes());
        bytes[12..16].copy_from_slice(&0x10D00_u32.to_le_bytes());
        (bytes[0x28], bytes[0x2A], bytes[0x2C]) = (1, 1, 1);
        let mut header = Header::decode(&bytes).unwrap();
        let at_end = |file: &[u8], size: usize| ResourceHeader {
            size_in_wim: size as u64,
            flags: 2,
            offset_in_wim: file.len() as u64,
            uncompressed_size: size as u64,
        };
        header.blob_table = at_end(&file, table.len());
        file.extend(&table);
        let xml = [vec![0xFF, 0xFE], utf16::from_str("<WIM><IMAGE INDEX=\"1\"/></WIM>")].concat();
        header.xml = at_end(&file, xml.len());
        file.extend(xml);
        file[..HEADER_SIZE].copy_from_slice(&header.encode());
        Wim::from_source(Box::new(Cursor::new(file)), "sample.wim").unwrap()
    }

    fn extract(&self, options: &Options) -> Extracted {
        let outside = tempfile::tempdir().unwrap();
        let extracted = Extracted { outcome: Outcome::default(), target: outside.path().join("target"), outside };
        extracted.again(self, options)
    }
}

/// What came of it: a target directory inside of one in which nothing else may appear.
struct Extracted {
    outcome: Outcome,
    target: PathBuf,
    outside: tempfile::TempDir,
}

impl Extracted {
    fn again(mut self, sample: &Sample, options: &Options) -> Self {
        let wim = sample.wim();
        let tree = wim.metadata(ImageIndex::new(1).unwrap()).unwrap();
        let selection = Selection::everything();
        self.outcome = extract(&wim, &tree, &selection, &self.target, options, Control::silent()).unwrap();
        let around: Vec<_> = fs::read_dir(self.outside.path()).unwrap().map(|e| e.unwrap().file_name()).collect();
        assert_eq!(around, ["target"], "something was written outside of the target");
        self
    }

    fn read(&self, path: &str) -> String {
        fs::read_to_string(self.target.join(path)).unwrap()
    }

    fn names(&self, directory: &str) -> BTreeSet<String> {
        let entries = fs::read_dir(self.target.join(directory)).unwrap();
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
    }

    /// Paths and reasons of what was refused.
    fn refused(&self) -> BTreeSet<(String, String)> {
        self.outcome.refused.iter().map(|refused| (refused.path.clone(), refused.problem.to_string())).collect()
    }

    fn refused_paths(&self) -> Vec<String> {
        self.refused().into_iter().map(|(path, _)| path).collect()
    }
}

fn names<const N: usize>(names: [&str; N]) -> BTreeSet<String> {
    names.map(str::to_owned).into()
}

#[test]
fn files_directories_links_and_times() {
    let time: FileTime = "2020-02-03T04:05:06.7Z".parse().unwrap();
    let mut sample = Sample::default();
    let directory = sample.directory(ROOT, "Windows");
    sample.tree.file_mut(directory).write_time = time;
    let file = sample.file(directory, "größe.txt", b"content");
    sample.tree.file_mut(file).write_time = time;
    sample.tree.add_hard_link(ROOT, "same", file);
    sample.file(directory, "copy", b"content");
    sample.file(directory, "empty", b"");
    let link = sample.link(directory, "link", &reparse::Link::relative("..\\same"));
    sample.tree.file_mut(link).write_time = time;
    sample.link(directory, "absolute", &reparse::Link::absolute("C:\\Windows\\copy"));
    let ads = sample.content(b"stream");
    sample.tree.file_mut(file).streams.push(NewStream::named("ads", ads));

    let extracted = sample.extract(&Options::default());
    let outcome = &extracted.outcome;
    assert!(outcome.is_complete(), "{:?}", outcome.refused);
    assert_eq!((outcome.directories, outcome.files, outcome.hard_links, outcome.symlinks), (2, 3, 1, 2));
    assert_eq!((outcome.bytes, outcome.left_out.named_streams), (14, 1));
    assert_eq!(extracted.read("Windows/größe.txt"), "content");
    assert_eq!(
        (extracted.read("Windows/copy"), extracted.read("Windows/empty")),
        ("content".to_owned(), String::new())
    );
    let metadata = |path: &str| fs::symlink_metadata(extracted.target.join(path)).unwrap();
    assert_eq!(metadata("same").ino(), metadata("Windows/größe.txt").ino());
    assert_ne!(metadata("same").ino(), metadata("Windows/copy").ino());
    assert_eq!(metadata("same").permissions().mode() & 0o7111, 0o0, "no special bits, no execution");
    for path in ["same", "Windows", "Windows/link"] {
        assert_eq!((metadata(path).mtime(), metadata(path).mtime_nsec()), (1_580_702_706, 700_000_000), "{path}");
    }
    let leads_to = |path: &str| fs::read_link(extracted.target.join(path)).unwrap();
    assert_eq!(leads_to("Windows/link"), PathBuf::from("../same"));
    assert_eq!(leads_to("Windows/absolute"), PathBuf::from("../Windows/copy"));
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
fn links_made_in_the_same_run_are_not_followed() {
    let mut sample = Sample::default();
    // A link and a directory of the same name but for letter case, and a link to a directory with something inside.
    sample.link(ROOT, "LINK", &reparse::Link::relative(".."));
    let directory = sample.directory(ROOT, "link");
    sample.file(directory, "escaped", b"escaped");
    let data = reparse::Link::relative("..").encode(reparse::SYMLINK).unwrap();
    let sha1 = sample.content(&data);
    let link = NewFile::reparse_point("to-directory", reparse::SYMLINK, sha1).with_attributes(Attributes::DIRECTORY);
    let link = sample.tree.add(ROOT, link);
    sample.file(link, "escaped", b"escaped");

    let extracted = sample.extract(&Options::default());
    assert_eq!(extracted.names(""), names(["LINK", "link", "to-directory"]));
    assert_eq!(extracted.read("link/escaped"), "escaped");
    assert!(extracted.outcome.is_complete());
}

#[test]
fn links_that_are_there_already_are_not_followed() {
    let mut sample = Sample::default();
    let directory = sample.directory(ROOT, "directory");
    sample.file(directory, "file", b"new");
    sample.file(ROOT, "file", b"new");
    for overwrite in [false, true] {
        let outside = tempfile::tempdir().unwrap();
        let victim = tempfile::tempdir().unwrap();
        fs::write(victim.path().join("file"), "old").unwrap();
        let target = outside.path().join("target");
        fs::create_dir(&target).unwrap();
        std::os::unix::fs::symlink(victim.path(), target.join("directory")).unwrap();
        std::os::unix::fs::symlink(victim.path().join("file"), target.join("file")).unwrap();
        let extracted = Extracted { outcome: Outcome::default(), target, outside };
        let extracted = extracted.again(&sample, &Options { overwrite, ..Options::default() });
        assert_eq!(fs::read_to_string(victim.path().join("file")).unwrap(), "old");
        assert_eq!(fs::read_dir(victim.path()).unwrap().count(), 1);
        let expected: &[&str] = if overwrite { &["/directory"] } else { &["/directory", "/file"] };
        assert_eq!(extracted.refused_paths(), expected);
        let is_link = fs::symlink_metadata(extracted.target.join("file")).unwrap().is_symlink();
        assert_eq!(is_link, !overwrite);
    }
}

#[test]
fn what_exists_is_replaced_only_when_asked() {
    let mut sample = Sample::default();
    let file = sample.file(ROOT, "file", b"first");
    sample.tree.add_hard_link(ROOT, "name", file);
    sample.link(ROOT, "link", &reparse::Link::relative("file"));
    sample.file(ROOT, "empty", b"");
    let first = sample.extract(&Options::default());
    let mut second = Sample::default();
    let file = second.file(ROOT, "file", b"second");
    second.tree.add_hard_link(ROOT, "name", file);
    second.link(ROOT, "link", &reparse::Link::relative("name"));
    second.file(ROOT, "empty", b"");

    let kept = first.again(&second, &Options::default());
    assert_eq!(kept.refused_paths(), ["/empty", "/file", "/link", "/name"]);
    assert_eq!((kept.read("file"), kept.read("link")), ("first".to_owned(), "first".to_owned()));
    let replaced = kept.again(&second, &Options { overwrite: true, ..Options::default() });
    assert!(replaced.outcome.is_complete());
    assert_eq!((replaced.read("name"), replaced.read("link")), ("second".to_owned(), "second".to_owned()));

    let mut directory = Sample::default();
    directory.directory(ROOT, "file");
    let refused = replaced.again(&directory, &Options { overwrite: true, ..Options::default() });
    assert!(matches!(refused.outcome.refused[0].problem, Problem::KindDiffers));
    let mut file = Sample::default();
    file.file(ROOT, "directory", b"x");
    fs::create_dir(refused.target.join("directory")).unwrap();
    let refused = refused.again(&file, &Options { overwrite: true, ..Options::default() });
    assert_eq!(refused.refused_paths(), ["/directory"]);
    assert!(refused.target.join("directory").is_dir());
}

#[test]
fn names_of_windows_are_refused_by_its_rules_only() {
    let mut sample = Sample::default();
    let illegal = ["CON", "nul.txt", "com1", "stream:name", "a.", "b ", "what?", "tab\t"];
    for name in illegal {
        sample.file(ROOT, name, b"x");
    }
    let unix = sample.extract(&Options { name_rules: NameRules::Unix, ..Options::default() });
    assert_eq!(unix.names(""), names(illegal));
    let windows = sample.extract(&Options { name_rules: NameRules::Windows, ..Options::default() });
    assert!(windows.names("").is_empty());
    assert_eq!(windows.outcome.refused.len(), illegal.len());
}

#[test]
fn names_that_the_target_cannot_hold() {
    let mut sample = Sample::default();
    sample.file(ROOT, &"€".repeat(85), b"255 bytes");
    sample.file(ROOT, &"€".repeat(86), b"258 bytes");
    let surrogate = sample.file(ROOT, "x", b"surrogate");
    sample.tree.file_mut(surrogate).name = vec![0, 0xD8];
    let extracted = sample.extract(&Options { name_rules: NameRules::Unix, ..Options::default() });
    assert_eq!(extracted.names(""), names([&"€".repeat(85)]));
    let problems: Vec<_> = extracted.outcome.refused.iter().map(|refused| &refused.problem).collect();
    assert!(
        matches!(problems.as_slice(), [Problem::NameTooLong { nbytes: 258 }, Problem::NameNotText]),
        "{problems:?}"
    );
}

#[test]
fn names_that_differ_in_case_only_are_kept_apart_or_refused() {
    let mut sample = Sample::default();
    for name in ["a", "A", "b"] {
        sample.file(ROOT, name, name.as_bytes());
    }
    let directories = ["dir", "DIR"].map(|name| sample.directory(ROOT, name));
    sample.file(directories[0], "lower", b"");
    sample.file(directories[1], "upper", b"");
    let extracted = sample.extract(&Options::default());
    // The usual target here tells them apart.
    assert_eq!(extracted.names(""), names(["a", "A", "b", "dir", "DIR"]));

    let wim = sample.wim();
    let tree = wim.metadata(ImageIndex::new(1).unwrap()).unwrap();
    let naming = Naming { rules: NameRules::Unix, case_sensitive: false };
    let (mut plan, others) = Plan::directories(&tree, &Selection::everything(), naming);
    plan.others(&tree, &others, naming);
    assert_eq!((plan.directories.len(), plan.files.len()), (2, 3));
    let refused: Vec<_> =
        plan.refused.iter().map(|refused| (refused.path.as_str(), refused.problem.to_string())).collect();
    let reason = |other: &str| format!("the target directory does not tell the name from {other:?}");
    assert_eq!(refused, [("/a", reason("A")), ("/dir", reason("DIR"))]);

    // Of twins that are not both selected, none is refused.
    let lower = Selection::entries(&tree, [tree.lookup("/a").unwrap().id()]);
    let (plan, others) = Plan::directories(&tree, &lower, naming);
    assert_eq!((plan.refused.len(), others.len()), (0, 1));
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
        let extracted = Extracted { outcome: Outcome::default(), target, outside }.again(&sample, &options);
        assert_eq!(extracted.refused_paths(), ["/b"]);
        assert_eq!(extracted.outcome.bytes, 2 * content.len() as u64);
        for name in ["a", "c"] {
            let path = extracted.target.join(name);
            assert!(fs::read(&path).unwrap() == content, "{name} differs (sparse: {sparse})");
            let stored = fs::metadata(path).unwrap().blocks() * 512;
            assert!(!sparse || stored < 25 << 20, "{name} has no holes: {stored} bytes");
        }
    }
}

#[test]
fn reparse_points_that_mean_nothing_here() {
    let mut sample = Sample::default();
    let share = reparse::Link { is_relative: false, ..reparse::Link::relative("\\??\\UNC\\server\\share") };
    sample.link(ROOT, "share", &share);
    let garbage = sample.content(b"garbage");
    sample.tree.add(ROOT, NewFile::reparse_point("garbage", reparse::SYMLINK, garbage));
    sample.tree.add(ROOT, NewFile::reparse_point("nothing", reparse::SYMLINK, Sha1::ZERO));
    let long = sample.content(&[0; 20_000]);
    sample.tree.add(ROOT, NewFile::reparse_point("long", reparse::SYMLINK, long));
    sample.tree.add(ROOT, NewFile::reparse_point("app", 0x8000_001B, garbage));
    let encrypted = NewFile::file("encrypted", Sha1::ZERO).with_attributes(Attributes::ENCRYPTED);
    sample.tree.add(ROOT, encrypted);
    let extracted = sample.extract(&Options::default());
    assert_eq!(extracted.names(""), names(["app"]));
    assert_eq!(extracted.refused_paths(), ["/encrypted", "/garbage", "/long", "/nothing", "/share"]);
    assert_eq!(extracted.outcome.left_out.reparse_points, 1);
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
    sample.file(ROOT, "file", &[1; 1000]);
    let wim = sample.wim();
    let tree = wim.metadata(ImageIndex::new(1).unwrap()).unwrap();
    let target = tempfile::tempdir().unwrap();
    let options = Options { max_bytes: Some(999), ..Options::default() };
    let everything = Selection::everything();
    let error = extract(&wim, &tree, &everything, target.path(), &options, Control::silent()).unwrap_err();
    assert!(matches!(error, ExtractError::TooMuch { needed: 1000, limit: 999 }));
    let interrupt = std::sync::atomic::AtomicBool::new(true);
    let control = Control { interrupt: &interrupt, ..Control::silent() };
    let error = extract(&wim, &tree, &everything, target.path(), &Options::default(), control).unwrap_err();
    assert!(matches!(error, ExtractError::Interrupted));
    assert_eq!(fs::read_dir(target.path()).unwrap().count(), 0);
}
