//! What only Unix can show: symbolic links without a privilege, modes, names that Windows cannot have, and targets that
//! tell letter case apart.

use std::os::unix::fs::{MetadataExt, PermissionsExt};

use super::*;
use crate::util::filetime::FileTime;

impl Sample {
    fn link(&mut self, parent: NodeId, name: &str, link: &reparse::Link) -> NodeId {
        let data = link.encode(reparse::SYMLINK).unwrap();
        let sha1 = self.content(&data);
        self.tree.add(parent, NewFile::reparse_point(name, reparse::SYMLINK, sha1))
    }
}

impl Extracted {
    fn read(&self, path: &str) -> String {
        fs::read_to_string(self.target.join(path)).unwrap()
    }
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
        let extracted = Extracted::new(target, outside);
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
    let abilities = Abilities::default();
    let naming = Naming { rules: NameRules::Unix, case_sensitive: false, unix_data: false, abilities };
    let plan = Plan::new(&tree, &Selection::everything(), naming, Vec::new());
    assert_eq!((plan.directories.len(), plan.files.len()), (2, 3));
    let refused: Vec<_> =
        plan.refused.iter().map(|refused| (refused.path(&tree), refused.problem.to_string())).collect();
    let reason = |other: &str| format!("the target directory does not tell the name from {other:?}");
    assert_eq!(refused, [("/a".to_owned(), reason("A")), ("/dir".to_owned(), reason("DIR"))]);

    // Of twins that are not both selected, none is refused.
    let lower = Selection::entries(&tree, [tree.lookup("/a").unwrap().id()]);
    let plan = Plan::new(&tree, &lower, naming, Vec::new());
    assert_eq!((plan.refused.len(), plan.files.len()), (0, 1));
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
