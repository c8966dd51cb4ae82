//! Images of our own, read again; and damaged.

use std::fs;
use std::io::Cursor;

use super::*;
use crate::iso::create::{Options, create};
use crate::util::progress::Control;
use crate::util::read_at::bytes_at;

/// An image of files with names and sizes of all kinds.
fn image(files: &[(&str, Vec<u8>)]) -> Vec<u8> {
    let place = tempfile::tempdir().unwrap();
    let tree = place.path().join("tree");
    fs::create_dir(&tree).unwrap();
    for (name, bytes) in files {
        let path = tree.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
    }
    let options = Options { label: "Größe 漢".into(), bios: None, efi: None, share: true };
    let target = place.path().join("out.iso");
    create(&tree, &target, &options, Control::silent()).unwrap();
    fs::read(target).unwrap()
}

fn files() -> Vec<(&'static str, Vec<u8>)> {
    let many = |count: usize| (0..count).map(|at| ((at * at) >> 3) as u8).collect();
    vec![
        ("empty", Vec::new()),
        ("a/b/c/größe 漢字 😀.txt", many(5000)),
        ("a/b/large", many(300_000)),
        ("a/B2/same", many(300_000)),
        ("sources/Install.wim", many(2048)),
    ]
}

fn open(bytes: Vec<u8>) -> Result<IsoImage, IsoError> {
    IsoImage::open(Box::new(Cursor::new(bytes)), Path::new("test.iso"))
}

#[test]
fn what_was_written_is_read() {
    let files = files();
    let image = open(image(&files)).unwrap();
    assert_eq!((image.label(), image.warnings(), image.files().len()), ("Größe 漢", &[][..], files.len()));
    for (name, bytes) in &files {
        let file = image.find(&name.to_ascii_uppercase().replace('/', "\\")).unwrap();
        assert_eq!((&*file.path, file.size), (*name, bytes.len() as u64));
        let contents = image.contents(file);
        assert!(*bytes_at(&*contents, 0, bytes.len()).unwrap() == bytes[..], "{name}");
        assert!(bytes_at(&*contents, 1, bytes.len()).is_err());
        assert!(file.time > FileTime::from_unix(1_700_000_000, 0));
    }
    assert!(image.find("a/b").is_none() && image.find("a/b/missing").is_none());
}

#[test]
fn without_udf_there_is_the_stub() {
    let mut bytes = image(&files());
    // What announces UDF, the anchors, and all that they lead to.
    bytes[18 * 2048..20 * 2048].fill(0);
    bytes[256 * 2048..257 * 2048].fill(0);
    let end = bytes.len();
    bytes[end - 2048..].fill(0);
    let image = open(bytes).unwrap();
    let file = image.find("readme.txt").unwrap();
    let text = image.contents(file);
    assert!(bytes_at(&*text, 0, file.size as usize).unwrap().starts_with(b"The files of this disc"));
    assert_eq!(image.files().len(), 1);
}

#[test]
fn the_copies_of_what_matters_are_used() {
    for damaged in [256 * 2048..257 * 2048, 32 * 2048..38 * 2048] {
        let mut bytes = image(&files());
        bytes[damaged].fill(0xA5);
        assert_eq!(open(bytes).unwrap().files().len(), files().len());
    }
}

#[test]
fn damage_is_told_and_never_panics() {
    let bytes = image(&files());
    // The file set, the root's entry and its list, with the tag and the CRC made good again.
    let first = 257 * 2048;
    for at in (0..600).chain(2 * 2048..2 * 2048 + 600).chain(12 * 2048..12 * 2048 + 600) {
        for value in [0, 0x7F, 0xFF] {
            let mut damaged = bytes.clone();
            let block = first + at / 2048 * 2048;
            damaged[first + at] = value;
            crate::iso::make_tag_good(&mut damaged[block..block + 512]);
            drop(open(damaged));
        }
    }
    for size in [0, 1000, 32768, 40000, 256 * 2048, 258 * 2048, bytes.len() - 100_000] {
        let error = open(bytes[..size].to_vec()).unwrap_err().to_string();
        assert!(error.starts_with("test.iso: "), "{error}");
    }
}

/// A directory that is listed in itself.
#[test]
fn a_cycle_is_refused() {
    let mut bytes = image(&[("a/b", vec![1])]);
    let listed = bytes.windows(3).enumerate().skip(258 * 2048).find(|(_, window)| window == b"\x08a\0").unwrap().0 - 38;
    // The root's entry is in the third block.
    bytes[listed + 24..listed + 28].copy_from_slice(&2_u32.to_le_bytes());
    crate::iso::make_tag_good(&mut bytes[listed..listed + 40]);
    assert!(matches!(open(bytes), Err(IsoError { problem: Problem::Depth { .. }, .. })));
}

/// The record of the root directory stands in the descriptor itself, where no list was divided into records.
#[test]
fn the_root_of_iso_9660_is_checked_too() {
    for length in [0, 2, 9, 255] {
        let mut bytes = vec![0; 40 * 2048];
        let descriptor = &mut bytes[16 * 2048..17 * 2048];
        descriptor[..6].copy_from_slice(b"\x01CD001");
        descriptor[128..130].copy_from_slice(&2048_u16.to_le_bytes());
        descriptor[156 + 32] = length;
        assert!(matches!(open(bytes), Err(IsoError { problem: Problem::Descriptor { .. }, .. })), "{length}");
    }
}

/// A list that takes itself for granted again and again.
#[test]
fn what_reading_costs_is_bounded() {
    let mut budget = Budget::default();
    assert!(budget.list(0, MAX_LISTS).is_ok() && budget.list(0, 1).is_err());
    for _ in 0..MAX_ENTRIES {
        budget.entry(0).unwrap();
    }
    assert!(budget.entry(0).is_err());
    assert!(
        below(&"n".repeat(1000), &"n".repeat(22), 0).is_ok() && below(&"n".repeat(1000), &"n".repeat(23), 0).is_err()
    );
}
