use std::io::Cursor;
use std::path::Path;

use super::super::payload::PayloadError;
use super::*;
use crate::cab::tests::Maker;
use crate::codec::delta::test_encoder::null_delta;
use crate::util::progress::Control;
use crate::wim::metadata::TreeBuilder;
use crate::wim::test_image::Sample;

fn cabinet(files: &[(&'static str, &[u8])]) -> Vec<u8> {
    Maker::with_files(files).bytes()
}

fn open_with(bytes: Vec<u8>, max_inner: u64) -> Package {
    let options = Options { recursive: true, max_inner, ..Options::default() };
    let path = Path::new("outer.cab");
    let container = Container::from_source(Box::new(Cursor::new(bytes)), path, &options.container).unwrap();
    Package::new(container, &options)
}

fn open(bytes: Vec<u8>) -> Package {
    open_with(bytes, 1 << 30)
}

fn paths(package: &Package) -> Vec<&str> {
    package.files().iter().map(|file| &*file.path).collect()
}

const OPTIONS: extract::Options =
    extract::Options { overwrite: false, flatten: false, keep_going: false, max_bytes: None, memory: 1 << 30 };

/// What was made: its path, and the content of a file.
type Made = (String, Option<String>);

/// Extracts everything; gives what the target then holds.
fn expand(package: &Package, options: &extract::Options) -> (Vec<Made>, Result<extract::Outcome, PackageError>) {
    let target = tempfile::tempdir().unwrap();
    let everything: Vec<usize> = (0..package.files().len()).collect();
    let result = package.extract(&everything, target.path(), options, Control::silent());
    let mut found = Vec::new();
    let mut pending = vec![target.path().to_owned()];
    while let Some(directory) = pending.pop() {
        for entry in std::fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path()) {
            let name = entry.strip_prefix(target.path()).unwrap().to_str().unwrap().replace('\\', "/");
            if entry.is_dir() {
                found.push((name, None));
                pending.push(entry);
            } else {
                found.push((name, Some(std::fs::read_to_string(entry).unwrap())));
            }
        }
    }
    found.sort();
    (found, result)
}

fn file(path: &str, content: &str) -> Made {
    (path.to_owned(), Some(content.to_owned()))
}

fn directory(path: &str) -> Made {
    (path.to_owned(), None)
}

#[test]
fn where_inner_containers_go() {
    assert_eq!(inner_prefix("Windows6.1-KB1-x64.cab"), "Windows6.1-KB1-x64.cab\\");
    assert_eq!(inner_prefix("a.msu\\b.cab"), "a.msu\\b.cab\\");
    assert_eq!(inner_prefix("a.cab\\Cab_1_for_KB1.cab"), "a.cab\\");
    assert_eq!(inner_prefix("Cab_2.cab"), "");
}

#[test]
fn a_name_that_leads_out_refuses_everything() {
    let inner = cabinet(&[("a.txt", b"a")]);
    let bad_inner = cabinet(&[("a.txt", b"a"), ("dir\\..\\..\\b.txt", b"b")]);
    for (name, inner) in [
        ("..\\x.cab", &inner),
        ("dir\\..\\..\\Cab_1.cab", &inner),
        ("C:\\x.cab", &inner),
        ("good.cab", &bad_inner),
        ("Cab_1.cab", &bad_inner),
    ] {
        let package = open(cabinet(&[("first.txt", b"1"), (name, inner)]));
        assert_eq!(package.containers().count(), 2, "{name}");
        for keep_going in [false, true] {
            let (found, result) = expand(&package, &extract::Options { keep_going, ..OPTIONS });
            assert!(matches!(result, Err(PackageError::Unsafe { .. })), "{name}: {result:?}");
            assert_eq!(found, [], "{name}");
        }
    }
}

#[test]
fn containers_deep_in_each_other() {
    let mut bytes = cabinet(&[("a.txt", b"a")]);
    for _ in 0..6 {
        bytes = cabinet(&[("x.cab", &bytes)]);
    }
    let package = open(bytes);
    assert_eq!(paths(&package), ["x.cab\\x.cab\\x.cab\\x.cab"]);
    assert!(
        package.warnings()[0].ends_with("x.cab: this container is not looked into: it stands 4 deep, 4 is the most")
    );
}

#[test]
fn containers_without_number() {
    let inner = cabinet(&[("a.txt", b"a")]);
    let many = |content: &[u8]| cabinet(&vec![("x.cab", content); 300]);
    let package = open(many(&many(&inner)));
    assert_eq!(package.containers().count(), 501);
    assert!(package.warnings()[0].ends_with("500 are the most"), "{:?}", package.warnings()[0]);
    let mut budget = Budget::new(0);
    budget.take_files(1 << 20).unwrap();
    assert!(budget.take_files(1).unwrap_err().contains("more than 1048576"));
}

#[test]
fn an_inner_container_beyond_the_limit_stays_a_file() {
    let inner = cabinet(&[("a.txt", b"a")]);
    let bytes = cabinet(&[("x.cab", &inner), ("y.cab", &inner)]);
    let package = open_with(bytes, 2 * inner.len() as u64 - 1);
    assert_eq!(paths(&package), ["y.cab", "x.cab\\a.txt"]);
    assert!(package.warnings()[0].ends_with("beyond the limit for inner ones"), "{:?}", package.warnings());
}

#[test]
fn what_is_no_container_or_damaged_stays_a_file() {
    let single = [b"SZDD\x88\xF0\x27\x33A\0", &[1, 0, 0, 0, 1, b'x'][..]].concat();
    let mut damaged = cabinet(&[("a.txt", b"a")]);
    damaged.truncate(50);
    let package =
        open(cabinet(&[("text.cab", b"text"), ("single.cab", &single), ("damaged.cab", &damaged), ("empty.cab", b"")]));
    assert_eq!(paths(&package), ["text.cab", "single.cab", "damaged.cab", "empty.cab"]);
    assert_eq!(package.warnings().len(), 1);
    assert!(package.warnings()[0].contains("outer.cab!/damaged.cab: offset 0x8"), "{:?}", package.warnings());
}

#[test]
fn cabinets_of_one_package_become_one_directory() {
    let first = cabinet(&[("update.mum", b"1"), ("same.txt", b"first")]);
    let second = cabinet(&[("dir\\b.txt", b"2"), ("same.txt", b"second")]);
    let inner = cabinet(&[("cablist.ini", b"list"), ("Cab_1_for_KB1.cab", &first), ("Cab_2_for_KB1.cab", &second)]);
    let package = open(cabinet(&[("x.cab", &inner)]));
    // Not even then is a file of the package in the way of another.
    let (found, result) = expand(&package, &OPTIONS);
    assert_eq!(result.unwrap().files, 4);
    let expected = [
        directory("x.cab"),
        file("x.cab/cablist.ini", "list"),
        directory("x.cab/dir"),
        file("x.cab/dir/b.txt", "2"),
        file("x.cab/same.txt", "second"),
        file("x.cab/update.mum", "1"),
    ];
    assert_eq!(found, expected);
    let options = extract::Options { max_bytes: Some(12), ..OPTIONS };
    assert!(expand(&package, &options).1.is_ok(), "what is left out does not count");
    let options = extract::Options { max_bytes: Some(11), ..OPTIONS };
    let (found, result) = expand(&package, &options);
    assert!(matches!(result, Err(PackageError::TooMuch { needed: 12, limit: 11 })), "{result:?}");
    assert_eq!(found, []);
}

#[test]
fn a_file_with_the_name_of_an_inner_container() {
    let inner = cabinet(&[("a.txt", b"a")]);
    let package = open(cabinet(&[("x.cab", b"file"), ("x.cab", &inner), ("y.cab", &inner)]));
    let (_, result) = expand(&package, &OPTIONS);
    assert!(matches!(result, Err(PackageError::Target { .. })), "{result:?}");
    let (found, result) = expand(&package, &extract::Options { keep_going: true, ..OPTIONS });
    let missing = result.unwrap().missing;
    assert_eq!(missing.iter().map(|(path, _)| &**path).collect::<Vec<_>>(), ["x.cab\\a.txt"]);
    assert_eq!(found, [file("x.cab", "file"), directory("y.cab"), file("y.cab/a.txt", "a")]);
}

#[test]
fn files_of_an_image_without_their_directories() {
    let mut sample = Sample::default();
    sample.file(TreeBuilder::ROOT, "a.txt", b"a");
    let package = open(cabinet(&[("first.txt", b"1"), ("x.wim", &sample.bytes())]));
    assert_eq!(paths(&package), ["first.txt", "x.wim\\a.txt"]);
    let (found, result) = expand(&package, &extract::Options { flatten: true, ..OPTIONS });
    assert!(matches!(result, Err(PackageError::Flatten { .. })), "{result:?}");
    assert_eq!(found, [], "it is known before anything is made");
    assert_eq!(expand(&package, &OPTIONS).1.unwrap().files, 2);
}

#[test]
fn psfs_without_number() {
    // With a look through all files for each of them this would take minutes.
    let mut maker = Maker::with_files(&[("x.psf", b""), ("express.psf.cix.xml", b"<no index/>")]);
    maker.files.resize(60_000, maker.files[0]);
    let package = open(maker.bytes());
    assert_eq!(package.files().len(), 60_000);
    assert!(package.lists_all() && package.warnings().is_empty(), "they are files like others");
}

/// An index, whose one file of this name is the byte `a`.
fn index(name: &str) -> String {
    format!(
        r#"<Container xmlns="urn:ContainerIndex" type="PSF"><Files><File id="1" name="{name}" length="1">
        <Hash alg="SHA1" value="86f7e437faa5a7fce15d1ddcb9eaeaea377667b8"/>
        <Delta><Source type="RAW" offset="0" length="1"/></Delta></File></Files></Container>"#
    )
}

#[test]
fn psfs_without_an_index_take_nothing_from_those_with_one() {
    let of_y = index("y.txt");
    let mut files = vec![("x.psf", &b"no index"[..]); 600];
    files.extend([("y.psf", &b"a"[..]), ("y.psf.cix.xml", of_y.as_bytes())]);
    let needed = (of_y.len() + 1) as u64;
    for max_inner in [needed, needed + 10, 1 << 30] {
        let package = open_with(cabinet(&files), max_inner);
        assert_eq!(paths(&package)[599..], ["x.psf", "y.psf.cix.xml", "y.txt"]);
        assert!(package.lists_all() && package.warnings().is_empty(), "{:?}", package.warnings());
    }
}

#[test]
fn an_index_in_a_psf_counts_as_well() {
    // Small as it is, it becomes a megabyte of blanks.
    let document = index("x.txt") + &" ".repeat(1 << 20);
    let delta = null_delta(document.as_bytes(), 0, &[]);
    let mut psf = b"PSTREAM\0".to_vec();
    psf.resize(48, 0);
    psf[40..44].copy_from_slice(&48_u32.to_le_bytes());
    psf[44..48].copy_from_slice(&(delta.len() as u32).to_le_bytes());
    psf.extend(delta);
    let needed = (psf.len() + document.len()) as u64;
    let bytes = cabinet(&[("x.psf", &psf)]);
    assert_eq!(paths(&open_with(bytes.clone(), needed)), ["x.psf\\x.txt"]);
    let package = open_with(bytes, needed - 1);
    assert_eq!(paths(&package), ["x.psf"]);
    assert!(
        package.warnings()[0].contains("x.psf: the index in it: its") && !package.lists_all(),
        "{:?}",
        package.warnings()
    );
}

/// The sizes of such files are not known beforehand.
#[test]
fn files_of_a_psm_beyond_the_limit() {
    let delta = null_delta(b"0123456789", 0, &[]);
    let psf = [b"full", &delta[..]].concat();
    let older = |names: &[&str]| {
        let section = |name: &&str| format!("[{name}]\np0=4,{:x}\n", delta.len());
        names.iter().map(section).collect::<String>() + "[full.txt]\nfull=0,4\n"
    };
    let (of_x, of_y) = (older(&["1.txt", "2.txt"]), older(&["3.txt"]));
    let inner_x = cabinet(&[("x.psm", of_x.as_bytes())]);
    let inner_y = cabinet(&[("y.psm", of_y.as_bytes())]);
    let package = open(cabinet(&[("x.psf", &psf), ("y.psf", &psf), ("x.cab", &inner_x), ("y.cab", &inner_y)]));
    assert_eq!(package.files().len(), 7, "{:?}", package.files());
    let needed = (of_x.len() + of_y.len() + 8 + 30) as u64;
    for keep_going in [false, true] {
        let limited = |limit| extract::Options { max_bytes: Some(limit), keep_going, ..OPTIONS };
        let (_, result) = expand(&package, &limited(needed));
        assert_eq!(result.unwrap().bytes, needed);
        let (found, result) = expand(&package, &limited(needed - 1));
        let error = result.unwrap_err();
        assert!(error.to_string().ends_with("3.txt: it has 10 bytes, and 9 of the limit are left"), "{error}");
        assert!(found.contains(&file("x.cab/2.txt", "0123456789")));
        assert!(!found.iter().any(|(path, _)| path.ends_with("3.txt")), "{found:?}");
        let (found, result) = expand(&package, &limited(needed - 21));
        assert!(matches!(result, Err(PackageError::Payload(PayloadError::BeyondLimit { size: 10, left: 9, .. }))));
        assert!(!found.iter().any(|(path, _)| path.ends_with("1.txt")), "{found:?}");
        let (found, result) = expand(&package, &limited(needed - 31));
        assert!(matches!(result, Err(PackageError::TooMuch { .. })), "{result:?}");
        assert_eq!(found, []);
    }
}

#[test]
fn an_index_with_digests_wins() {
    let (own, common, older) = (index("own.txt"), index("common.txt"), b"[older.txt]\nfull=0,1");
    let (own, common) = (("x.psf.cix.xml", own.as_bytes()), ("express.psf.cix.xml", common.as_bytes()));
    let (psf, older) = (("x.psf", &b"a"[..]), ("x.psm", &older[..]));
    let inner = cabinet(&[common]);
    let made = |files: &[(&'static str, &[u8])]| paths(&open(cabinet(files))).last().unwrap().to_string();
    assert_eq!(made(&[psf, older, common, own]), "own.txt");
    assert_eq!(made(&[psf, older, common]), "common.txt");
    assert_eq!(made(&[psf, older, ("x.cab", &inner)]), "x.cab\\common.txt");
    assert_eq!(made(&[psf, older]), "older.txt");
}

#[test]
fn a_file_in_place_of_a_psf() {
    let (of_x, of_y) = (index("x.txt"), index("y.txt"));
    let inner = cabinet(&[("express.psf.cix.xml", of_x.as_bytes())]);
    let package = open(cabinet(&[
        ("X.psf", b"a"),
        ("y.psf", b"a"),
        ("z.psf", b"a"),
        ("x_PSFX.cab", &inner),
        ("Y.psf.cix.xml", of_y.as_bytes()),
    ]));
    assert_eq!(
        paths(&package),
        ["z.psf", "Y.psf.cix.xml", "x_PSFX.cab\\express.psf.cix.xml", "x_PSFX.cab\\x.txt", "y.txt"]
    );
    let (found, result) = expand(&package, &OPTIONS);
    assert_eq!(result.unwrap().payload.unwrap().decoded, 2);
    assert!(found.contains(&file("x_PSFX.cab/x.txt", "a")) && found.contains(&file("y.txt", "a")));
    // What the pieces take counts as containers inside do.
    let package = open_with(cabinet(&[("x.psf", b"a"), ("express.psf.cix.xml", of_x.as_bytes())]), 1);
    assert_eq!((paths(&package).len(), package.warnings().len()), (2, 1));
}

#[test]
fn pieces_beyond_the_limit_stay_files() {
    let index = r#"<Container xmlns="urn:ContainerIndex" type="CAB"><Files><File id="1" name="a.txt" length="3">
        <Hash alg="SHA1" value="a9993e364706816aba3e25717850c26c9cd0d89d"/>
        <Delta><Source type="RAW" name="dir\1"/></Delta></File></Files></Container>"#;
    let bytes = cabinet(&[("_manifest_.cix.xml", index.as_bytes()), ("/Dir/1", b"abc")]);
    assert_eq!(paths(&open_with(bytes.clone(), 3)), ["_manifest_.cix.xml", "a.txt"]);
    let package = open_with(bytes, 2);
    assert_eq!(paths(&package), ["_manifest_.cix.xml", "/Dir/1"]);
    assert!(
        package.warnings()[1].contains("the pieces in it have 3 bytes, the limit is 2"),
        "{:?}",
        package.warnings()
    );
}
