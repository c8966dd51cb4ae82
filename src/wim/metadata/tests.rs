//! Whole resources: the example of the format's description, round trips, and hostile ones.

use proptest::prelude::*;

use super::dentry::field;
use super::*;
use crate::util::filetime::FileTime;
use crate::util::sha1::Sha1;
use crate::util::utf16;

/// The resource of an image whose root holds `a.txt` with the content `hello\n`.
fn example() -> Vec<u8> {
    let times = 0x01DA_3C45_7689_C000_u64.to_le_bytes().repeat(3);
    let attributes = |bits: u32| [bits.to_le_bytes(), u32::MAX.to_le_bytes()].concat();
    let root = [
        0x68_u64.to_le_bytes().to_vec(),
        attributes(0x10),
        0x78_u64.to_le_bytes().to_vec(),
        vec![0; 16],
        times.clone(),
        vec![0; 0x68 - 0x40],
    ];
    let file = [
        0x78_u64.to_le_bytes().to_vec(),
        attributes(0x80),
        vec![0; 24],
        times,
        Sha1::of(b"hello\n").0.to_vec(),
        vec![0; 12],
        vec![0, 0, 0, 0, 0x0A, 0],
        utf16::from_str("a.txt\0"),
        vec![0; 6],
    ];
    [vec![8, 0, 0, 0, 0, 0, 0, 0], root.concat(), vec![0; 8], file.concat(), vec![0; 8]].concat()
}

fn parse(bytes: Vec<u8>) -> Result<Metadata, MetadataError> {
    Metadata::parse(bytes, &ParseOptions::default())
}

fn sha1(content: &str) -> Sha1 {
    Sha1::of(content.as_bytes())
}

#[test]
fn the_example_of_the_format_description() {
    let bytes = example();
    assert_eq!(bytes.len(), 248);
    let tree = parse(bytes.clone()).unwrap();
    assert_eq!(tree.len(), 2);
    let file = tree.lookup("/A.TXT").unwrap();
    assert_eq!((file.path(), file.offset(), file.attributes()), ("/a.txt".to_owned(), 0x78, Attributes::NORMAL));
    assert_eq!((file.write_time().to_string().as_str(), file.security_id()), ("2024-01-01T00:00:00Z", None));
    assert_eq!(file.data_hash(), Some(sha1("hello\n")));
    assert_eq!(tree.warnings().total(), 0);
    let statistics = Statistics { directories: 1, files: 1, total_bytes: 6, hard_link_bytes: 0 };
    assert_eq!(tree.statistics(|_| 6), statistics);

    let mut builder = TreeBuilder::new();
    let time = FileTime(0x01DA_3C45_7689_C000);
    *builder.file_mut(TreeBuilder::ROOT) = NewFile::directory("").with_times(time);
    builder.add(TreeBuilder::ROOT, NewFile::file("a.txt", sha1("hello\n")).with_times(time));
    assert_eq!(builder.encode().unwrap(), bytes);
    assert_eq!(tree.encode().unwrap(), bytes);
}

#[test]
fn every_kind_of_stream() {
    let mut builder = TreeBuilder::new();
    let root = TreeBuilder::ROOT;
    let named = || NewStream::named("ads", sha1("ads"));
    builder.add(root, NewFile::file("a-ads", sha1("a")).with_stream(named()));
    builder.add(root, NewFile::directory("b-directory-ads").with_stream(named()));
    builder.add(root, NewFile::reparse_point("c-link", reparse::SYMLINK, sha1("c")));
    let junction = NewFile::reparse_point("d-junction", reparse::MOUNT_POINT, sha1("d"));
    builder.add(root, junction.with_attributes(Attributes::DIRECTORY));
    let efs = NewStream::unnamed(StreamKind::EfsRaw, sha1("e"));
    builder.add(root, NewFile::file("e-efs", Sha1::ZERO).with_stream(efs).with_attributes(Attributes::ENCRYPTED));
    builder.add(root, NewFile::file("f-empty", Sha1::ZERO));
    let tree = parse(builder.encode().unwrap()).unwrap();

    let streams: Vec<Vec<_>> = tree
        .root()
        .children()
        .map(|child| child.streams().map(|stream| (stream.kind, stream.name.to_string(), stream.sha1)).collect())
        .collect();
    let unnamed = |kind, sha1| (kind, String::new(), sha1);
    let ads = (StreamKind::Named, "ads".to_owned(), sha1("ads"));
    let expected = [
        vec![unnamed(StreamKind::Data, sha1("a")), ads.clone()],
        vec![ads],
        vec![unnamed(StreamKind::Reparse, sha1("c")), unnamed(StreamKind::Data, Sha1::ZERO)],
        vec![unnamed(StreamKind::Reparse, sha1("d"))],
        vec![unnamed(StreamKind::EfsRaw, sha1("e"))],
        vec![unnamed(StreamKind::Data, Sha1::ZERO)],
    ];
    assert_eq!(streams, expected);
    assert_eq!(tree.blob_references().count(), 6);

    // How many extra entries each takes: the arrangement that every reader accepts.
    let extras = tree.root().children().map(|child| child.raw().extra_streams());
    assert!(extras.eq([2, 1, 2, 0, 0, 0]));
    assert_eq!(tree.encode().unwrap(), tree.as_bytes());
}

#[test]
fn a_third_unnamed_stream_is_kept_but_means_nothing() {
    let mut builder = TreeBuilder::new();
    let unknown = NewStream::unnamed(StreamKind::Unknown, sha1("?"));
    builder.add(TreeBuilder::ROOT, NewFile::file("a", sha1("a")).with_stream(unknown));
    let tree = parse(builder.encode().unwrap()).unwrap();
    assert!(tree.warnings().iter().any(|warning| warning.kind == WarningKind::UnknownStream));
    let kinds = tree.lookup("a").unwrap().streams().map(|stream| stream.kind);
    assert!(kinds.eq([StreamKind::Data, StreamKind::Unknown]));
    assert_eq!(tree.encode().unwrap(), tree.as_bytes());
}

#[test]
fn hard_links_and_inconsistent_groups() {
    let mut builder = TreeBuilder::new();
    let root = TreeBuilder::ROOT;
    let a = builder.add(root, NewFile::file("a", sha1("one")));
    builder.add_hard_link(root, "b", a);
    builder.add(root, NewFile::file("c", sha1("two")).with_hard_link_group(1));
    let directory = builder.add(root, NewFile::directory("d").with_hard_link_group(1));
    builder.add_hard_link(directory, "e", a);
    let tree = parse(builder.encode().unwrap()).unwrap();

    let [a, b, c, e] = ["a", "b", "c", "d/e"].map(|path| tree.lookup(path).unwrap());
    assert_eq!(a.links(), Some([a.id(), b.id(), e.id()].as_slice()));
    assert_eq!((e.first_link(), e.link_count(), c.link_count()), (a.id(), 3, 1));
    assert_eq!(c.links(), None);
    assert_eq!(tree.hard_links().count(), 1);
    assert!(tree.warnings().iter().any(|warning| warning.kind == WarningKind::InconsistentHardLinks(1)));
    let statistics = Statistics { directories: 2, files: 4, total_bytes: 3 * 10 + 7, hard_link_bytes: 2 * 10 };
    assert_eq!(tree.statistics(|sha| if *sha == sha1("one") { 10 } else { 7 }), statistics);

    // Written anew, the group is consistent.
    let again = parse(tree.encode().unwrap()).unwrap();
    assert_eq!(again.warnings().total(), 0);
    assert_eq!(again.lookup("d/e").unwrap().link_count(), 3);
    assert_eq!(again.statistics(|_| 1), tree.statistics(|_| 1));
}

#[test]
fn names_of_one_file_that_disagree_are_written_alike() {
    let mut builder = TreeBuilder::new();
    let file = |name: &str| NewFile::file(name, sha1("one")).with_hard_link_group(7);
    builder.add(TreeBuilder::ROOT, file("b").with_stream(NewStream::named("ads", sha1("ads"))));
    builder.add(TreeBuilder::ROOT, file("c"));
    let mut bytes = builder.encode().unwrap();
    // Sorted anew, the second name would be the first.
    let second = parse(bytes.clone()).unwrap().lookup("c").unwrap().offset() as usize;
    bytes[second + field::NAME] = b'a';
    let tree = parse(bytes).unwrap();
    assert_eq!(tree.lookup("a").unwrap().first_link(), tree.lookup("b").unwrap().id());
    let again = parse(tree.encode().unwrap()).unwrap();
    assert_eq!(again.lookup("a").unwrap().streams().count(), 2);
    assert_eq!(again.statistics(|_| 1), tree.statistics(|_| 1));
}

#[test]
fn lookups_prefer_the_exact_name_and_take_both_separators() {
    let mut builder = TreeBuilder::new();
    let directory = builder.add(TreeBuilder::ROOT, NewFile::directory("Windows"));
    for name in ["readme", "README", "Readme", "zoo"] {
        builder.add(directory, NewFile::file(name, sha1(name)));
    }
    let tree = parse(builder.encode().unwrap()).unwrap();
    for name in ["readme", "README", "Readme"] {
        assert_eq!(tree.lookup(&format!("\\WINDOWS\\{name}")).unwrap().name().to_string(), name);
    }
    assert_eq!(tree.lookup("windows/rEADME").unwrap().name().to_string(), "README");
    assert_eq!(tree.lookup("//").unwrap().id(), DentryId::ROOT);
    for missing in ["windows/zo", "windows/zooo", "windows/zoo/x", ".."] {
        assert!(tree.lookup(missing).is_none(), "{missing}");
    }
}

#[test]
fn walks_give_the_paths_that_the_entries_give() {
    let mut builder = TreeBuilder::new();
    let a = builder.add(TreeBuilder::ROOT, NewFile::directory("a"));
    let b = builder.add(a, NewFile::directory("b"));
    builder.add(b, NewFile::file("c", Sha1::ZERO));
    builder.add(TreeBuilder::ROOT, NewFile::file("d", Sha1::ZERO));
    let tree = parse(builder.encode().unwrap()).unwrap();
    let walk = |start| {
        let mut paths = Vec::new();
        tree.walk(start, |path, entry| {
            assert_eq!(path, entry.path());
            paths.push(path.to_owned());
            Ok::<(), ()>(())
        })
        .unwrap();
        let pre_order: Vec<String> = tree.pre_order(start).map(|entry| entry.path()).collect();
        assert_eq!(pre_order, paths);
        paths
    };
    assert_eq!(walk(DentryId::ROOT), ["/", "/a", "/a/b", "/a/b/c", "/d"]);
    assert_eq!(walk(tree.lookup("a/b").unwrap().id()), ["/a/b", "/a/b/c"]);
}

#[test]
fn an_image_without_root_is_an_empty_directory() {
    let bytes = vec![8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
    let tree = parse(bytes).unwrap();
    assert!(tree.is_empty() && tree.root().is_directory());
    assert_eq!(parse(tree.encode().unwrap()).unwrap().len(), 1);
}

#[test]
fn a_directory_that_leads_back_to_its_own_list() {
    let mut builder = TreeBuilder::new();
    builder.add(TreeBuilder::ROOT, NewFile::directory("loop"));
    let mut bytes = builder.encode().unwrap();
    let child = 0x78;
    bytes[child + field::SUBDIRECTORY..][..8].copy_from_slice(&(child as u64).to_le_bytes());
    let error = parse(bytes.clone()).unwrap_err();
    assert_eq!(error, MetadataError::Cycle { dentry: 0x78, offset: 0x78, visited: 0x78 });

    // To the root itself: no list begins there, but its bytes are taken.
    bytes[child + field::SUBDIRECTORY..][..8].copy_from_slice(&8u64.to_le_bytes());
    assert_eq!(parse(bytes).unwrap_err(), MetadataError::Cycle { dentry: 0x78, offset: 8, visited: 8 });
}

#[test]
fn names_that_are_refused_or_repeated() {
    let mut builder = TreeBuilder::new();
    let root = TreeBuilder::ROOT;
    for name in ["..", "a/b", "", "same", "same", "last"] {
        builder.add(root, NewFile::file(name, sha1(name)).with_hard_link_group(9));
    }
    let tree = parse(builder.encode().unwrap()).unwrap();
    let names: Vec<(String, bool)> =
        tree.root().children().map(|child| (child.name().to_string(), child.is_name_safe())).collect();
    let expected = [("", false), ("..", false), ("a/b", false), ("last", true), ("same", true)];
    assert_eq!(names, expected.map(|(name, safe)| (name.to_owned(), safe)));
    let duplicates = tree
        .warnings()
        .iter()
        .filter(|warning| matches!(&warning.kind, WarningKind::DuplicateName(name) if name == "same"));
    assert_eq!(duplicates.count(), 1);
    assert_eq!(tree.lookup("same").unwrap().first_link(), tree.lookup("same").unwrap().id());
}

#[test]
fn directories_nested_beyond_the_limit() {
    let nested = |depth: u32| {
        let mut builder = TreeBuilder::new();
        let mut parent = TreeBuilder::ROOT;
        for _ in 0..depth {
            parent = builder.add(parent, NewFile::directory("d"));
        }
        builder.encode().unwrap()
    };
    assert_eq!(parse(nested(512)).unwrap().len(), 513);
    assert!(matches!(parse(nested(513)), Err(MetadataError::TooDeep { limit: 512, .. })));
    let deep = ParseOptions { max_depth: u32::MAX, ..ParseOptions::default() };
    assert_eq!(Metadata::parse(nested(16_384), &deep).unwrap().encode().unwrap(), nested(16_384));
    assert!(matches!(Metadata::parse(nested(16_385), &deep), Err(MetadataError::TooDeep { limit: 16_384, .. })));
}

#[test]
fn what_the_example_must_not_be_changed_to() {
    let with = |offset: usize, value: &[u8]| {
        let mut bytes = example();
        bytes[offset..][..value.len()].copy_from_slice(value);
        parse(bytes)
    };
    let file = 0x78;
    assert!(matches!(with(8 + field::ATTRIBUTES, &[0x80]), Err(MetadataError::RootNotDirectory { offset: 8, .. })));
    assert!(matches!(with(file, &[0x20]), Err(MetadataError::DentryTooShort { length: 0x20, needed: 102, .. })));
    assert!(matches!(with(file, &[0x68]), Err(MetadataError::DentryTooShort { length: 0x68, needed: 112, .. })));
    assert!(matches!(with(file, &[0x88]), Err(MetadataError::Truncated { what: "dentry", offset: 0x78, .. })));
    assert!(matches!(with(file + 7, &[0xFF]), Err(MetadataError::DentryTooLong { .. })));
    assert!(matches!(
        with(file + field::NAME_NBYTES, &[9]),
        Err(MetadataError::OddName { what: "name", nbytes: 9, .. })
    ));
    assert!(matches!(with(file + field::EXTRA_STREAMS, &[1]), Err(MetadataError::StreamTooShort { offset: 0xF0, .. })));
    assert!(matches!(
        with(8 + field::SUBDIRECTORY + 4, &[1]),
        Err(MetadataError::Truncated { what: "list of children", .. })
    ));
    let id = with(file + field::SECURITY_ID, &[0, 0, 0, 0]).unwrap();
    assert_eq!(id.warnings().iter().next().unwrap().kind, WarningKind::SecurityIdOutOfRange { id: 0, count: 0 });
    assert_eq!(id.lookup("a.txt").unwrap().security_id(), None);
    let children = with(file + field::SUBDIRECTORY, &[0x78]).unwrap();
    assert_eq!(children.warnings().iter().next().unwrap().kind, WarningKind::ChildrenOfFile);
    assert!(parse(example()[..240].to_vec()).is_err());
}

/// A plan for one entry: its parent among the directories so far, its name, and what it is.
type Plan = (prop::sample::Index, String, u8, [u8; 2], u64);

fn build(plans: &[Plan]) -> TreeBuilder {
    let mut builder = TreeBuilder::new();
    let descriptors = [b"owner".as_slice(), b"", b"longer descriptor"];
    let mut directories = vec![TreeBuilder::ROOT];
    let mut names = std::collections::HashSet::new();
    let mut last_file = None;
    for (parent, name, kind, seed, time) in plans {
        let parent = *parent.get(&directories);
        if !names.insert((parent, name.clone())) {
            continue;
        }
        let sha1 = Sha1::of(seed);
        let file = match kind % 8 {
            0 | 1 => NewFile::directory(name),
            2 => NewFile::file(name, Sha1::ZERO),
            3 => NewFile::file(name, sha1).with_stream(NewStream::named("stream", Sha1::of(name.as_bytes()))),
            4 => NewFile::reparse_point(name, reparse::SYMLINK, sha1),
            5 => NewFile::file(name, sha1).with_short_name("SHORT~1").with_tagged_item(tagged::OBJECT_ID, &[7; 16]),
            6 if last_file.is_some() => {
                builder.add_hard_link(parent, name, last_file.unwrap());
                continue;
            }
            _ => NewFile::file(name, sha1),
        };
        let mut file = file.with_times(FileTime(*time));
        if seed[0] % 2 == 0 {
            file.security_id = Some(builder.add_security_descriptor(descriptors[usize::from(seed[1]) % 3]));
        }
        let id = builder.add(parent, file);
        match kind % 8 {
            0 | 1 => directories.push(id),
            7 => last_file = Some(id),
            _ => {}
        }
    }
    builder
}

/// What a reader sees of a tree, told in words.
fn description(tree: &Metadata) -> Vec<String> {
    let mut lines = Vec::new();
    tree.walk(DentryId::ROOT, |path, entry| {
        lines.push(format!(
            "{path} {:?} {:?} {:?} {} {:?} {:?} {:?}",
            entry.attributes(),
            entry.short_name(),
            entry.security_descriptor(),
            entry.write_time(),
            entry.links().map(<[DentryId]>::len),
            entry.streams(),
            entry.tagged_items().collect::<Vec<_>>(),
        ));
        Ok::<(), ()>(())
    })
    .unwrap();
    lines
}

proptest! {
    #[test]
    fn trees_survive_encoding(
        plans in prop::collection::vec((any::<prop::sample::Index>(), "[a-zA-Zäß𝄞]{1,6}", any::<u8>(), any::<[u8; 2]>(), any::<u64>()), 0..60),
    ) {
        let bytes = build(&plans).encode().unwrap();
        let tree = parse(bytes.clone()).unwrap();
        prop_assert_eq!(tree.warnings().total(), 0);
        let again = tree.encode().unwrap();
        prop_assert_eq!(&again, &bytes);
        prop_assert_eq!(description(&parse(again).unwrap()), description(&tree));
        let mut children = tree.root().children();
        prop_assert!(children.all(|child| tree.lookup(&child.path()).unwrap().id() == child.id()));
    }

    #[test]
    fn broken_bytes_never_panic(
        plans in prop::collection::vec((any::<prop::sample::Index>(), "[a-z]{1,6}", any::<u8>(), any::<[u8; 2]>(), any::<u64>()), 1..20),
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..8),
    ) {
        let mut bytes = build(&plans).encode().unwrap();
        for (at, value) in changes {
            let at = at.index(bytes.len());
            bytes[at] = value;
        }
        if let Ok(tree) = parse(bytes) {
            description(&tree);
            let again = parse(tree.encode().unwrap()).unwrap();
            prop_assert_eq!(again.len(), tree.len());
        }
    }
}
