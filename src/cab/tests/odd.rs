//! What is odd, cut off, or cannot be made.

use super::*;

#[test]
fn the_search_for_a_cabinet_ends() {
    // The header's own fields hold, but there is no room for the list of files.
    let mut unsound = Maker::with_files(&[("a", b"a")]).bytes();
    let list = 16;
    unsound.truncate(unsound.len() - list);
    let size = unsound.len() as u32;
    unsound[8..12].copy_from_slice(&size.to_le_bytes());
    let sound = Maker::with_files(&[("one", b"1")]).bytes();
    let behind = |count: usize| open([b"MZ".to_vec(), unsound.repeat(count), sound.clone()].concat());
    assert_eq!(behind(MAX_UNSOUND).unwrap().files()[0].name, "one");
    let error = behind(MAX_UNSOUND + 1).unwrap_err();
    let at = 2 + MAX_UNSOUND * unsound.len();
    let CabError::Malformed { offset, .. } = error else { panic!("{error}") };
    assert!((at..at + unsound.len()).contains(&(offset as usize)), "{offset:#x}, the last begins at {at:#x}");
}

#[test]
fn a_cabinet_that_ends_within_a_block() {
    let mut maker = Maker::with_files(&[("a", b"whole"), ("b", &[7; 100])]);
    maker.folders.push(vec![(b"other".to_vec(), 5)]);
    maker.files.push((1, 0, 5, "c"));
    let bytes = maker.bytes();
    let salvage = OpenOptions { salvage: true, ..OpenOptions::default() };
    // Behind the block are the header and the data of another folder.
    for cut in [30, 100] {
        let cut = io::Cursor::new(bytes[..bytes.len() - cut].to_vec());
        let cabinet = Cabinet::from_source(Box::new(cut), Path::new("nowhere/made.cab"), &salvage).unwrap();
        let (found, outcome) = expand(&cabinet, &Options { keep_going: true, ..Options::default() });
        let missing = outcome.unwrap().missing;
        assert_eq!((found.len(), missing.len()), (0, 3));
        for (_, problem) in missing {
            let is_told = problem.starts_with("nowhere/made.cab: offset 0x") && problem.contains(" more");
            assert!(is_told, "{problem}");
        }
    }
}

#[test]
fn separators_in_front() {
    let rooted = Maker::with_files(&[("a", b"1"), ("\\b", b"2"), ("/dir/c", b"3")]).open().unwrap();
    let [warning] = rooted.warnings() else { panic!("{:?}", rooted.warnings()) };
    assert!(warning.starts_with("nowhere/made.cab: offset 0x"), "{warning}");
    assert!(warning.ends_with(r#"the separator that "\\b" begins with is not taken, nor that of 1 more"#), "{warning}");
    let (found, outcome) = expand(&rooted, &Options::default());
    assert_eq!(outcome.unwrap().files, 3);
    assert_eq!(found, [file("a", b"1"), file("b", b"2"), file("dir/c", b"3")]);
}

#[test]
fn names_that_the_file_system_does_not_take() {
    let long: &'static str = "long".repeat(64).leak();
    let cabinet = Maker::with_files(&[("a", b"1"), (long, b"2"), ("z", b"3")]).open().unwrap();
    let (_, outcome) = expand(&cabinet, &Options::default());
    let message = outcome.unwrap_err().to_string();
    let is_told = message.starts_with("nowhere/made.cab: offset 0x") && message.contains("longlong");
    assert!(is_told && message.contains("cannot be made"), "{message}");
    let (found, outcome) = expand(&cabinet, &Options { keep_going: true, ..Options::default() });
    let outcome = outcome.unwrap();
    assert_eq!((found.len(), outcome.files, outcome.missing.len(), outcome.missing[0].0), (2, 2, 1, 1));
    assert!(outcome.missing[0].1.starts_with("nowhere/made.cab: offset 0x"), "{}", outcome.missing[0].1);
}

#[test]
fn a_file_in_place_of_a_directory() {
    let cabinet = Maker::with_files(&[("dir\\a", b"1"), ("z", b"2")]).open().unwrap();
    let target = tempfile::tempdir().unwrap();
    fs::write(target.path().join("dir"), "in the way").unwrap();
    let expand = |keep_going| {
        let options = Options { keep_going, ..Options::default() };
        extract(&cabinet, &[0, 1], target.path(), &options, Control::silent())
    };
    assert!(matches!(expand(false), Err(ExtractError::Target { path, .. }) if path.ends_with("dir")));
    let outcome = expand(true).unwrap();
    assert_eq!((outcome.files, outcome.missing.len(), outcome.missing[0].0), (1, 1, 0));
    assert_eq!(fs::read(target.path().join("dir")).unwrap(), b"in the way");
}
