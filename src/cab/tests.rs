//! Cabinets made up by the tests: stored, so that every byte is known.

mod odd;

use std::fs;
use std::io;

use super::extract::{ExtractError, Options, extract};
use super::*;
use crate::util::progress::Control;

/// A block's data, and the size it declares; 0 says that it goes on in the next cabinet.
type Block = (Vec<u8>, u16);

/// A cabinet in the making.
#[derive(Default)]
pub(crate) struct Maker {
    pub(crate) folders: Vec<Vec<Block>>,
    /// Folder, offset, size, name.
    pub(crate) files: Vec<(u16, u32, u32, &'static str)>,
    /// The names of the cabinets before and behind.
    neighbours: [Option<&'static str>; 2],
    index: u16,
    block_reserve: u8,
}

impl Maker {
    /// One folder, with these files one behind the other.
    pub(crate) fn with_files(files: &[(&'static str, &[u8])]) -> Self {
        let mut data = Vec::new();
        let mut maker = Self::default();
        for (name, content) in files {
            maker.files.push((0, data.len() as u32, content.len() as u32, name));
            data.extend_from_slice(content);
        }
        maker.folders.push(data.chunks(32768).map(|block| (block.to_vec(), block.len() as u16)).collect());
        maker
    }

    pub(crate) fn bytes(&self) -> Vec<u8> {
        let reserve = self.block_reserve > 0;
        let mut head = Vec::new();
        if reserve {
            head.extend([0, 0, 0, self.block_reserve]);
        }
        for name in self.neighbours.iter().flatten() {
            head.extend([name.as_bytes(), b"\0disk\0"].concat());
        }
        let mut list = Vec::new();
        for (folder, offset, size, name) in &self.files {
            list.extend(size.to_le_bytes());
            list.extend(offset.to_le_bytes());
            list.extend(folder.to_le_bytes());
            list.extend([0x21, 0x5C, 0, 0, 0x20, 0]); // 2026-01-01
            list.extend([name.as_bytes(), b"\0"].concat());
        }
        let mut data = Vec::new();
        let mut folders = Vec::new();
        let list_at = header::HEADER_SIZE + head.len() + 8 * self.folders.len();
        for folder in &self.folders {
            folders.extend(((list_at + list.len() + data.len()) as u32).to_le_bytes());
            folders.extend((folder.len() as u16).to_le_bytes());
            folders.extend([0, 0]);
            for (block, size) in folder {
                let mut sizes = [(block.len() as u16).to_le_bytes(), size.to_le_bytes()].concat();
                sizes.extend(vec![7; self.block_reserve.into()]);
                data.extend(checksum::checksum(&sizes, checksum::checksum(block, 0)).to_le_bytes());
                data.extend(sizes);
                data.extend(block);
            }
        }
        let [previous, next] = self.neighbours.map(|name| u16::from(name.is_some()));
        let mut bytes = b"MSCF\0\0\0\0".to_vec();
        bytes.extend(((list_at + list.len() + data.len()) as u32).to_le_bytes());
        bytes.extend([0; 4]);
        bytes.extend((list_at as u32).to_le_bytes());
        bytes.extend([0, 0, 0, 0, 3, 1]);
        bytes.extend((self.folders.len() as u16).to_le_bytes());
        bytes.extend((self.files.len() as u16).to_le_bytes());
        bytes.extend((previous | next << 1 | u16::from(reserve) << 2).to_le_bytes());
        bytes.extend([9, 0]);
        bytes.extend(self.index.to_le_bytes());
        [bytes, head, folders, list, data].concat()
    }

    pub(super) fn open(&self) -> Result<Cabinet, CabError> {
        open(self.bytes())
    }
}

fn open(bytes: Vec<u8>) -> Result<Cabinet, CabError> {
    Cabinet::from_source(Box::new(io::Cursor::new(bytes)), Path::new("nowhere/made.cab"), &OpenOptions::default())
}

/// A file's path and content.
type Made = (String, Vec<u8>);

/// Extracts everything; gives what the target then holds.
fn expand(cabinet: &Cabinet, options: &Options) -> (Vec<Made>, Result<extract::Outcome, ExtractError>) {
    let target = tempfile::tempdir().unwrap();
    let everything: Vec<usize> = (0..cabinet.files().len()).collect();
    let result = extract(cabinet, &everything, target.path(), options, Control::silent());
    let mut found = Vec::new();
    let mut pending = vec![target.path().to_owned()];
    while let Some(directory) = pending.pop() {
        for entry in fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path()) {
            if entry.is_dir() {
                pending.push(entry);
            } else {
                let name = entry.strip_prefix(target.path()).unwrap().to_str().unwrap().replace('\\', "/");
                found.push((name, fs::read(entry).unwrap()));
            }
        }
    }
    found.sort();
    (found, result)
}

fn file(name: &str, content: &[u8]) -> Made {
    (name.to_owned(), content.to_vec())
}

#[test]
fn files_come_out_as_they_are_listed() {
    let large: Vec<u8> = (0..100_000_u32).map(|number| number as u8 ^ (number >> 8) as u8).collect();
    let mut maker = Maker::with_files(&[("a.txt", b"alpha"), ("dir\\large", &large), ("dir/empty", b""), ("z", b"z")]);
    maker.folders.push(vec![(b"second".to_vec(), 6)]);
    maker.files.push((1, 3, 3, "ond"));
    maker.files.push((1, 0, 6, "second"));
    for block_reserve in [0, 5] {
        let cabinet =
            Maker { block_reserve, folders: maker.folders.clone(), files: maker.files.clone(), ..Maker::default() };
        let cabinet = cabinet.open().unwrap();
        assert_eq!(cabinet.files().len(), 6);
        assert_eq!(cabinet.files()[1].time.to_string(), "2026-01-01T00:00:00Z");
        let (found, outcome) = expand(&cabinet, &Options::default());
        let outcome = outcome.unwrap();
        assert_eq!((outcome.files, outcome.bytes, outcome.missing.len()), (6, 100_015, 0));
        let expected = [
            file("a.txt", b"alpha"),
            file("dir/empty", b""),
            file("dir/large", &large),
            file("ond", b"ond"),
            file("second", b"second"),
            file("z", b"z"),
        ];
        assert!(found == expected);
        let (flat, _) = expand(&cabinet, &Options { flatten: true, ..Options::default() });
        assert!(flat.iter().map(|(name, _)| &**name).eq(["a.txt", "empty", "large", "ond", "second", "z"]));
    }
}

#[test]
fn of_the_same_path_the_last_counts() {
    let cabinet = Maker::with_files(&[("a", b"first"), ("b", b"b"), ("a", b"last")]).open().unwrap();
    let (found, outcome) = expand(&cabinet, &Options::default());
    assert_eq!(found, [file("a", b"last"), file("b", b"b")]);
    assert_eq!(outcome.unwrap().files, 2);
}

#[test]
fn paths_that_lead_out_refuse_everything() {
    for name in ["..\\a", "a\\..\\b", "C:\\a", "dir/NUL", "/"] {
        let cabinet = Maker::with_files(&[("good", b"good"), (name, b"bad")]).open().unwrap();
        let (found, outcome) = expand(&cabinet, &Options::default());
        assert!(matches!(outcome, Err(ExtractError::Unsafe { .. })), "{name}");
        assert_eq!(found, []);
    }
}

#[test]
fn limits_and_existing_files() {
    let cabinet = Maker::with_files(&[("a", b"123"), ("b", b"45")]).open().unwrap();
    let (found, outcome) = expand(&cabinet, &Options { max_bytes: Some(4), ..Options::default() });
    assert!(matches!(outcome, Err(ExtractError::TooMuch { needed: 5, limit: 4 })));
    assert_eq!(found, []);

    let target = tempfile::tempdir().unwrap();
    fs::write(target.path().join("a"), "old").unwrap();
    let again = |overwrite, keep_going| {
        let options = Options { overwrite, keep_going, ..Options::default() };
        extract(&cabinet, &[0, 1], target.path(), &options, Control::silent())
    };
    let content = |name: &str| fs::read_to_string(target.path().join(name)).unwrap();
    assert!(matches!(again(false, false), Err(ExtractError::Target { .. })));
    assert_eq!(content("a"), "old");
    assert_eq!(again(false, true).unwrap().missing[0].0, 0);
    assert_eq!((content("a"), content("b")), ("old".into(), "45".into()));
    assert_eq!(again(true, false).unwrap().files, 2);
    assert_eq!(content("a"), "123");
}

#[test]
fn damage_costs_what_lies_behind_it() {
    let content = vec![b'x'; 40_000];
    let maker = Maker::with_files(&[("before", b"before"), ("in", &content), ("behind", b"behind")]);
    let mut bytes = maker.bytes();
    let at = bytes.len() - 100; // in the second block
    bytes[at] ^= 1;
    let cabinet = open(bytes).unwrap();
    let (found, outcome) = expand(&cabinet, &Options::default());
    let message = outcome.unwrap_err().to_string();
    assert!(message.starts_with("nowhere/made.cab: offset 0x") && message.contains("checksum"), "{message}");
    assert_eq!(found, [file("before", b"before")]);
    let (found, outcome) = expand(&cabinet, &Options { keep_going: true, ..Options::default() });
    let missing: Vec<usize> = outcome.unwrap().missing.iter().map(|(file, _)| *file).collect();
    assert_eq!((found, missing), (vec![file("before", b"before")], vec![1, 2]));
}

#[test]
fn a_file_behind_the_end_of_its_folder() {
    let mut maker = Maker::with_files(&[("good", b"good"), ("bad", b"bad")]);
    maker.files[1].2 = 2_000_000_000;
    let (found, outcome) = expand(&maker.open().unwrap(), &Options::default());
    assert!(outcome.unwrap_err().to_string().contains("bad ends behind the end of its folder's data"));
    assert_eq!(found, [file("good", b"good")]);
}

/// Two cabinets that cut a block in two, in a directory.
fn make_set() -> tempfile::TempDir {
    let text = |from: usize, to: usize| (from..to).map(|number| number as u8).collect::<Vec<u8>>();
    let first = Maker {
        folders: vec![vec![(text(0, 100), 100), (text(100, 130), 0)]],
        files: vec![(0, 0, 50, "whole"), (0xFFFE, 50, 120, "cut")],
        neighbours: [None, Some("Second.CAB")],
        index: 0,
        block_reserve: 0,
    };
    let second = Maker {
        folders: vec![vec![(text(130, 200), 100)], vec![(b"own".to_vec(), 3)]],
        files: vec![(0xFFFD, 50, 120, "cut"), (0, 170, 30, "last"), (1, 0, 3, "own")],
        neighbours: [Some("first.cab"), None],
        index: 1,
        block_reserve: 0,
    };
    let place = tempfile::tempdir().unwrap();
    fs::write(place.path().join("First.cab"), first.bytes()).unwrap();
    fs::write(place.path().join("second.cab"), second.bytes()).unwrap();
    place
}

#[test]
fn a_set_is_joined_from_any_of_its_cabinets() {
    let place = make_set();
    let [first, second] = ["First.cab", "second.cab"].map(|name| place.path().join(name));
    let named = OpenOptions { parts: vec![first.clone()], ..OpenOptions::default() };
    for (path, options) in [(&first, OpenOptions::default()), (&second, OpenOptions::default()), (&second, named)] {
        let cabinet = Cabinet::open(path, &options).unwrap();
        let (found, outcome) = expand(&cabinet, &Options::default());
        assert_eq!(outcome.unwrap().missing.len(), 0);
        let text = |from: usize, to: usize| (from..to).map(|number| number as u8).collect::<Vec<u8>>();
        let expected = [
            file("cut", &text(50, 170)),
            file("last", &text(170, 200)),
            file("own", b"own"),
            file("whole", &text(0, 50)),
        ];
        assert_eq!(found, expected);
    }
    let twice = OpenOptions { parts: vec![first.clone()], ..OpenOptions::default() };
    let error = Cabinet::open(&first, &twice).unwrap_err();
    assert!(matches!(error, CabError::ForeignPart { .. }), "{error}");
}

#[test]
fn a_missing_cabinet_is_named() {
    let place = make_set();
    let [first, second] = ["First.cab", "second.cab"].map(|name| place.path().join(name));
    let alone = tempfile::tempdir().unwrap();
    let moved = alone.path().join("second.cab");
    fs::rename(&second, &moved).unwrap();

    let cabinet = Cabinet::open(&first, &OpenOptions::default()).unwrap();
    let (found, outcome) = expand(&cabinet, &Options::default());
    assert!(outcome.unwrap_err().to_string().ends_with("the next cabinet of the set is missing: Second.CAB"));
    assert_eq!(found.len(), 1);

    let error = Cabinet::open(&moved, &OpenOptions::default()).unwrap_err();
    assert!(error.to_string().ends_with("the previous cabinet of the set is missing: first.cab"), "{error}");
    let salvage = OpenOptions { salvage: true, ..OpenOptions::default() };
    let cabinet = Cabinet::open(&moved, &salvage).unwrap();
    assert_eq!((cabinet.files().len(), cabinet.warnings().len(), cabinet.lists_all()), (2, 1, false));
    let (found, _) = expand(&cabinet, &Options { keep_going: true, ..Options::default() });
    assert!(found.contains(&file("own", b"own")));
}

#[test]
fn several_cabinets_in_one_file() {
    let one = Maker::with_files(&[("one", b"1")]).bytes();
    let two = Maker::with_files(&[("two", b"2")]).bytes();
    let cabinet = open([b"MZ junk".to_vec(), one, b"MSCF junk".to_vec(), two, b"signature".to_vec()].concat()).unwrap();
    let (found, _) = expand(&cabinet, &Options::default());
    assert_eq!(found, [file("one", b"1"), file("two", b"2")]);
}

#[test]
fn every_truncation_and_every_flipped_bit_is_survived() {
    let whole = Maker::with_files(&[("dir\\a", b"content"), ("b", b"more")]).bytes();
    for length in 0..whole.len() {
        assert!(open(whole[..length].to_vec()).is_err(), "{length}");
    }
    for bit in 0..8 * whole.len() {
        let mut bytes = whole.clone();
        bytes[bit / 8] ^= 1 << (bit % 8);
        if let Ok(cabinet) = open(bytes) {
            let (found, _) = expand(&cabinet, &Options { keep_going: true, ..Options::default() });
            assert!(found.len() <= 2);
        }
    }
}

#[test]
fn others_of_a_set_are_looked_for_beside_files_only() {
    let place = tempfile::tempdir().unwrap();
    let maker = |index, neighbours| Maker { index, neighbours, ..Maker::with_files(&[("a", b"a")]) };
    fs::write(place.path().join("second.cab"), maker(1, [Some("first.cab"), None]).bytes()).unwrap();
    let first = maker(0, [None, Some("second.cab")]).bytes();
    let path = place.path().join("first.cab");
    let count = || {
        let source = Box::new(io::Cursor::new(first.clone()));
        Cabinet::from_source(source, &path, &OpenOptions::default()).unwrap().paths().count()
    };
    assert_eq!(count(), 1, "it comes from a pipe, or out of a container");
    fs::write(&path, &first).unwrap();
    assert_eq!(count(), 2);
}

#[test]
fn more_files_than_one_file_may_list() {
    let mut maker = Maker::with_files(&[("a", b"a")]);
    maker.files.resize(65535, maker.files[0]);
    let error = open(maker.bytes().repeat(5)).unwrap_err();
    assert!(error.to_string().contains("more than 262144 files"), "{error}");
    assert_eq!(open(maker.bytes().repeat(4)).unwrap().files().len(), 4 * 65535);
}
