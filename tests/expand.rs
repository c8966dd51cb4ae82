//! `wimkit expand` against cabextract, on real cabinets and on packages made here.

mod support;

use assert_cmd::cargo::cargo_bin;
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;
use support::{Noise, arg, cabinet, foreign, has_peer, read_tree, run, stderr, wimkit};
use wimkit::util::sha1::Sha1;

/// The real files of a folder of the collection; none where it is not there.
fn shared(folder: &str) -> Vec<PathBuf> {
    let Some(folder) = foreign(folder) else { return Vec::new() };
    let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let mut files: Vec<PathBuf> = entries.filter(|path| path.is_file()).collect();
    files.sort();
    files
}

fn name(path: &Path) -> &str {
    path.file_name().and_then(|name| name.to_str()).unwrap()
}

/// A WIM with the files of `tree` as the only image, as update packages since 24H2 are.
fn make_image(tree: &Path, target: &Path) {
    run("wimlib-imagex", &["capture", arg(tree), arg(target), "package", "--compress=none"]);
}

#[test]
fn real_cabinets_give_what_cabextract_gives() {
    if !has_peer("cabextract") {
        return;
    }
    for cabinet in shared("cab") {
        // Parts of sets have a test of their own; these have names that are no UTF-8, which cabextract passes through.
        if ["split-", "multi_basic", "encoding-"].iter().any(|part| name(&cabinet).contains(part)) {
            continue;
        }
        let [ours, theirs] = [(); 2].map(|()| tempfile::tempdir().unwrap());
        let mut peer = Command::new("cabextract");
        peer.args(["-q", "-d", arg(theirs.path()), arg(&cabinet)]).env("LC_ALL", "C.UTF-8");
        let peer = peer.output().unwrap();
        let output = wimkit(&["expand", arg(&cabinet), "--to", arg(ours.path()), "--quiet"]);
        if peer.status.success() {
            assert!(output.status.success(), "{}: {}", cabinet.display(), stderr(&output));
            // Its list is not where the header says.
            assert_eq!(
                stderr(&output).contains("warning: "),
                name(&cabinet).contains("hidden"),
                "{}",
                cabinet.display()
            );
            assert!(read_tree(ours.path()) == read_tree(theirs.path()), "{}", cabinet.display());
        }
        let listed = run(arg(&cargo_bin("wimkit")), &["expand", "-D", "--json", arg(&cabinet)]);
        let listed: Value = serde_json::from_slice(&listed.stdout).unwrap();
        assert_eq!(listed["schema"], "wimkit.expand-list/1");
        assert!(!listed["files"].as_array().unwrap().is_empty());
    }
}

#[test]
fn names_in_code_pages() {
    for (cabinet, encoding, first) in [
        ("koi8", "koi8-r", "Здравствуйте, это канал об аниме?"),
        ("sjis", "shift_jis", "猿も木から落ちる"),
        ("latin1", "latin1", "\u{a0}¡¢£¤¥¦§¨©ª«¬\u{ad}®¯°±²³´µ¶·¸¹º»¼½¾¿"),
    ] {
        for path in shared("cab").iter().filter(|path| name(path).contains(cabinet)) {
            let listed = run(arg(&cargo_bin("wimkit")), &["expand", "-D", "--json", "--encoding", encoding, arg(path)]);
            let listed: Value = serde_json::from_slice(&listed.stdout).unwrap();
            assert_eq!(listed["files"][0]["path"], first, "{cabinet}");
        }
    }
}

#[test]
fn real_sets_are_joined() {
    let cabinets = shared("cab");
    let parts = |part: &str| cabinets.iter().filter(|path| name(path).contains(part)).collect::<Vec<_>>();
    for (part, rename) in [("split-", "cabextract-"), ("multi_basic", "")] {
        let parts = parts(part);
        let Some(first) = parts.first() else { return };
        let [ours, alone, theirs] = [(); 3].map(|()| tempfile::tempdir().unwrap());
        let mut arguments = vec!["expand", arg(first), "--to", arg(ours.path()), "--quiet"];
        for other in &parts[1..] {
            arguments.extend(["--part", arg(other)]);
        }
        let output = wimkit(&arguments);
        assert!(output.status.success(), "{}", stderr(&output));
        assert!(!read_tree(ours.path()).is_empty());

        // By the names under which they call each other, in whatever letter case, from any of them.
        let place = tempfile::tempdir().unwrap();
        for part in &parts {
            let stored =
                if rename.is_empty() { name(part).replace("mspack-", "cabd_") } else { name(part).replace(rename, "") };
            std::fs::copy(part, place.path().join(stored)).unwrap();
        }
        let any = std::fs::read_dir(place.path()).unwrap().next().unwrap().unwrap().path();
        let output = wimkit(&["expand", arg(&any), "--to", arg(alone.path()), "--quiet"]);
        assert!(output.status.success(), "{}", stderr(&output));
        assert!(read_tree(ours.path()) == read_tree(alone.path()));
        if has_peer("cabextract") {
            run("cabextract", &["-q", "-d", arg(theirs.path()), arg(&any)]);
            assert!(read_tree(ours.path()) == read_tree(theirs.path()));
        }

        let output = wimkit(&["expand", arg(first), "--to", arg(alone.path()), "--quiet"]);
        assert_eq!(output.status.code(), Some(2));
        assert!(stderr(&output).contains("the next cabinet of the set is missing: "), "{}", stderr(&output));
    }
}

#[test]
fn hostile_cabinets_write_nothing_outside() {
    for cabinet in shared("hostile").iter().filter(|path| name(path).starts_with("cab-")) {
        let place = tempfile::tempdir().unwrap();
        let target = place.path().join("target");
        for more in [&[][..], &["--keep-going"]] {
            let mut arguments = vec!["expand", arg(cabinet), "--to", arg(&target), "--quiet"];
            arguments.extend(more);
            let output = wimkit(&arguments);
            let said = stderr(&output);
            assert!(matches!(output.status.code(), Some(0..=2)), "{}: {:?} {said}", cabinet.display(), output.status);
            if output.status.code() == Some(2) {
                assert!(said.lines().any(|line| line.starts_with("error: ")), "{}: {said}", cabinet.display());
            }
            let found: Vec<_> = std::fs::read_dir(place.path()).unwrap().map(|e| e.unwrap().file_name()).collect();
            assert!(found.is_empty() || found == ["target"], "{}: {found:?}", cabinet.display());
            let bytes: usize = read_tree(place.path()).values().map(Vec::len).sum();
            assert!(bytes < 1 << 20, "{}: {bytes}", cabinet.display());
        }
    }
}

#[test]
fn real_packages_are_listed_and_expanded() {
    if !has_peer("cabextract") {
        return;
    }
    for package in shared("msu") {
        let [ours, theirs] = [(); 2].map(|()| tempfile::tempdir().unwrap());
        run("cabextract", &["-q", "-d", arg(theirs.path()), arg(&package)]);
        let output = wimkit(&["expand", arg(&package), "-F:*", arg(ours.path()), "--quiet"]);
        assert!(output.status.success(), "{}", stderr(&output));
        assert!(read_tree(ours.path()) == read_tree(theirs.path()));
        let inner = tempfile::tempdir().unwrap();
        let output = wimkit(&["expand", arg(&package), "-F", "wsusscan.CAB", "--to", arg(inner.path()), "--quiet"]);
        assert!(output.status.success(), "{}", stderr(&output));
        assert_eq!(read_tree(inner.path()).len(), 1);
    }
}

/// A package that is an image: listed and expanded in the same way, and its members have addresses.
#[test]
fn packages_that_are_images() {
    if !has_peer("wimlib-imagex") || !has_peer("gcab") {
        return;
    }
    let place = tempfile::tempdir().unwrap();
    let path = |name: &str| place.path().join(name);
    let tree = path("tree");
    std::fs::create_dir(&tree).unwrap();
    let mut noise = Noise(1);
    std::fs::write(path("update.mum"), noise.text(70_000)).unwrap();
    std::fs::write(tree.join("Windows11.0-KB5043080-x64.psf"), noise.bytes(1000)).unwrap();
    std::fs::write(tree.join("Windows11.0-KB5043080-x64.xml"), "<unattend/>").unwrap();
    let inner = tree.join("Windows11.0-KB5043080-x64.cab");
    run("gcab", &["-c", "-n", "-z", arg(&inner), arg(&path("update.mum"))]);
    let package = path("windows11.0-kb5043080-x64.msu");
    make_image(&tree, &package);

    let listed = run(arg(&cargo_bin("wimkit")), &["expand", "-D", "--json", arg(&package)]);
    let listed: Value = serde_json::from_slice(&listed.stdout).unwrap();
    let names: Vec<_> = listed["files"].as_array().unwrap().iter().map(|file| &file["path"]).collect();
    assert_eq!(names.len(), 3);
    assert!(names.iter().all(|name| name.as_str().unwrap().starts_with("Windows11.0-KB5043080-x64.")));
    let target = path("target");
    let output = wimkit(&["expand", arg(&package), "--to", arg(&target), "-F", "*.cab", "-F", "*.PSF", "--quiet"]);
    assert!(output.status.success(), "{}", stderr(&output));
    let found = read_tree(&target);
    assert_eq!(found.len(), 2);
    assert!(found["Windows11.0-KB5043080-x64.cab"] == std::fs::read(&inner).unwrap());

    let address = format!("{}!/1/windows11.0-kb5043080-x64.CAB", arg(&package));
    let deeper = path("deeper");
    let output = wimkit(&["expand", &address, "--to", arg(&deeper), "--quiet"]);
    assert!(output.status.success(), "{}", stderr(&output));
    assert!(read_tree(&deeper)["update.mum"] == std::fs::read(path("update.mum")).unwrap());

    // The same without the image's number, and in one step.
    let output = wimkit(&["expand", &address.replace("!/1/", "!/"), "-D", "--json"]);
    assert!(output.status.success(), "{}", stderr(&output));
    let ground = path("ground");
    let output = wimkit(&["expand", arg(&package), "--recursive", "--to", arg(&ground), "--quiet"]);
    assert!(output.status.success(), "{}", stderr(&output));
    let found = read_tree(&ground);
    assert_eq!(found.len(), 4);
    assert!(found["Windows11.0-KB5043080-x64.cab/update.mum"] == std::fs::read(path("update.mum")).unwrap());

    let two = path("two.msu");
    run("wimlib-imagex", &["capture", arg(&tree), arg(&two), "one", "--compress=none"]);
    run("wimlib-imagex", &["append", arg(&tree), arg(&two), "two"]);
    let output = wimkit(&["expand", arg(&two), "--to", arg(&path("nothing"))]);
    assert_eq!(output.status.code(), Some(2));
    assert!(stderr(&output).contains("a package is one image, here are 2"), "{}", stderr(&output));
}

/// What a package has in it when everything in it is expanded, container by container, by cabextract.
fn expand_nested(cabinet: &Path, prefix: &str, files: &mut BTreeMap<String, Vec<u8>>) {
    let place = tempfile::tempdir().unwrap();
    run("cabextract", &["-q", "-d", arg(place.path()), arg(cabinet)]);
    for (path, content) in read_tree(place.path()) {
        if path.to_lowercase().ends_with(".cab") && content.starts_with(b"MSCF") {
            files.insert(format!("{prefix}{path}/"), Vec::new());
            expand_nested(&place.path().join(&path), &format!("{prefix}{path}/"), files);
        } else {
            files.insert(format!("{prefix}{path}"), content);
        }
    }
}

/// Puts the files of cabinets with an index in place of their numbered pieces: what `found` has of them, if that is what the
/// index says.
fn take_payloads_apart(expected: &mut BTreeMap<String, Vec<u8>>, found: &BTreeMap<String, Vec<u8>>) -> usize {
    let mut made = 0;
    let indices: Vec<String> = expected.keys().filter(|path| path.ends_with("_manifest_.cix.xml")).cloned().collect();
    for path in indices {
        let index = String::from_utf8(expected[&path].clone()).unwrap();
        let prefix = path.strip_suffix("_manifest_.cix.xml").unwrap();
        let is_number = |name: &str| !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_digit());
        expected.retain(|path, _| !path.strip_prefix(prefix).is_some_and(is_number));
        for file in index.split("<File ").skip(1) {
            let value = |name: &str| file.split_once(&format!(" {name}=\"")).unwrap().1.split('"').next().unwrap();
            let name = value("name").replace('\\', "/");
            let content = &found[&format!("{prefix}{name}")];
            assert_eq!(Sha1::of(content).to_string(), value("value"), "{name}");
            for (end, _) in name.match_indices('/') {
                expected.insert(format!("{prefix}{}/", &name[..end]), Vec::new());
            }
            expected.insert(format!("{prefix}{name}"), content.clone());
            made += 1;
        }
    }
    made
}

#[test]
fn real_packages_are_expanded_to_the_ground() {
    if !has_peer("cabextract") {
        return;
    }
    for package in shared("msu") {
        let mut expected = BTreeMap::new();
        expand_nested(&package, "", &mut expected);
        let ours = tempfile::tempdir().unwrap();
        let output = wimkit(&["expand", arg(&package), "--recursive", "--to", arg(ours.path()), "--quiet"]);
        assert!(output.status.success(), "{}", stderr(&output));
        let found = read_tree(ours.path());
        assert!(take_payloads_apart(&mut expected, &found) > 30);
        assert!(expected.len() > 1000 && found == expected, "{}", package.display());

        let listed = run(arg(&cargo_bin("wimkit")), &["expand", "-D", "--recursive", "--json", arg(&package)]);
        let listed: Value = serde_json::from_slice(&listed.stdout).unwrap();
        let files = expected.keys().filter(|path| !path.ends_with('/'));
        assert_eq!(listed["files"].as_array().unwrap().len(), files.count());
        let stem = name(&package).strip_suffix(".msu").unwrap();
        let listed = run(arg(&cargo_bin("wimkit")), &["expand", "-D", "--json", arg(&package)]);
        let listed: Value = serde_json::from_slice(&listed.stdout).unwrap();
        let role = |name: String| listed["files"].as_array().unwrap().iter().find(|file| file["path"] == name).unwrap();
        assert_eq!(role("WSUSSCAN.cab".to_owned())["role"], "applicability");
        assert_eq!(role(format!("{stem}.cab"))["role"], "payload-cabinet");
        assert_eq!(role(format!("{stem}.xml"))["role"], "answer-file");
        assert_eq!(role(format!("{stem}-pkgProperties.txt"))["role"], "properties");

        // Only what is named, and addresses that lead into cabinets in cabinets.
        let some = tempfile::tempdir().unwrap();
        let only =
            ["expand", arg(&package), "--recursive", "-F", "update.mum", "-I", "--to", arg(some.path()), "--quiet"];
        let output = wimkit(&only);
        assert!(output.status.success(), "{}", stderr(&output));
        let mum = &expected[&format!("{stem}.cab/update.mum")];
        assert!(read_tree(some.path())["update.mum"] == *mum);
        let address = format!("{}!/{}.cab", arg(&package), stem.to_uppercase());
        let deeper = tempfile::tempdir().unwrap();
        let output = wimkit(&["expand", &address, "-F", "update.mum", "--to", arg(deeper.path()), "--quiet"]);
        assert!(output.status.success(), "{}", stderr(&output));
        assert!(read_tree(deeper.path())["update.mum"] == *mum);
        let output = wimkit(&["expand", &format!("{address}!/nothing.cab"), "--to", arg(deeper.path())]);
        assert_eq!(output.status.code(), Some(2));
        assert!(stderr(&output).contains("nothing.cab: there is no such file"), "{}", stderr(&output));
    }
}

/// Files that were compressed by themselves, by another program; and whatever comes through a pipe.
#[test]
fn single_files_and_standard_input() {
    if !has_peer("mscompress") {
        return;
    }
    let place = tempfile::tempdir().unwrap();
    let path = |name: &str| place.path().join(name);
    let mut noise = Noise(7);
    let contents = [Vec::new(), b"xyz".repeat(9), noise.bytes(10_000), noise.text(300_000), vec![b' '; 5000]];
    for content in contents {
        std::fs::write(path("setup.exe"), &content).unwrap();
        run("mscompress", &[arg(&path("setup.exe"))]);
        let packed = path("setup.exe_");
        let expand = |arguments: &[&str]| {
            let output = wimkit(&[&["expand"], arguments, &["--quiet"]].concat());
            assert!(output.status.success(), "{}", stderr(&output));
        };
        let target = path("target");
        expand(&["-r", arg(&packed), arg(&target)]); // not there yet: the file to make
        assert!(std::fs::read(&target).unwrap() == content);
        let directory = path("directory");
        expand(&[arg(&packed), "--to", arg(&directory)]);
        assert_eq!(read_tree(&directory).into_iter().collect::<Vec<_>>(), [("setup.exe".to_owned(), content.clone())]);
        let listed = run(arg(&cargo_bin("wimkit")), &["expand", "-D", "--json", arg(&packed)]);
        let listed: Value = serde_json::from_slice(&listed.stdout).unwrap();
        assert_eq!(
            (&listed["files"][0]["size"], &listed["files"][0]["compression"]),
            (&content.len().into(), &"SZDD".into())
        );

        let mut piped = Command::new(cargo_bin("wimkit"));
        piped.args(["expand", "-", "--to", arg(&path("piped"))]).stdin(std::fs::File::open(&packed).unwrap());
        assert!(piped.output().unwrap().status.success());
        assert!(read_tree(&path("piped")).into_values().eq([content]));
        for made in [target, packed] {
            std::fs::remove_file(made).unwrap();
        }
    }
}

#[test]
fn what_is_odd_is_a_warning_and_what_is_lost_is_not() {
    let place = tempfile::tempdir().unwrap();
    let path = |name: &str| place.path().join(name);
    let expand = |name: &str, more: &[&str]| {
        let target = tempfile::tempdir().unwrap();
        let output = wimkit(&[&["expand", "--json", arg(&path(name)), "--to", arg(target.path())], more].concat());
        let answer: Value = serde_json::from_slice(&output.stdout).unwrap_or_default();
        (output.status.code(), answer["complete"].as_bool(), stderr(&output), read_tree(target.path()))
    };
    // A list of files elsewhere than the header says: the files are all there.
    let mut odd = cabinet(&[("a.txt", b"a")]);
    odd[16] = 1;
    std::fs::write(path("odd.cab"), &odd).unwrap();
    let (code, complete, said, found) = expand("odd.cab", &[]);
    assert_eq!((code, complete, found.len()), (Some(0), Some(true), 1), "{said}");
    assert!(said.contains("warning: ") && said.contains("is said to begin at 0x1"), "{said}");
    let (code, _, said, found) = expand("odd.cab", &["--strict"]);
    assert_eq!((code, found.len()), (Some(2), 0), "{said}");
    assert!(said.starts_with("warning: ") && said.contains("without --strict this is tolerated"), "{said}");

    // A cabinet inside that cannot be opened stays a file; that is not what was asked for.
    let mut damaged = cabinet(&[("a.txt", b"a")]);
    damaged.truncate(50);
    std::fs::write(path("outer.cab"), cabinet(&[("inner.cab", &damaged)])).unwrap();
    let (code, complete, said, found) = expand("outer.cab", &["--recursive"]);
    assert_eq!((code, complete, found.len()), (Some(1), Some(false), 1), "{said}");
    assert_eq!(expand("outer.cab", &[]).0, Some(0), "what is in it was not asked for");

    // A stored block that is to have more bytes than it has.
    let mut flipped = cabinet(&[("a.txt", b"a")]);
    let size = flipped.len() - 2;
    flipped[size] ^= 1;
    std::fs::write(path("flipped.cab"), flipped).unwrap();
    assert_eq!(expand("flipped.cab", &[]).0, Some(2));
    let (code, complete, said, found) = expand("flipped.cab", &["--keep-going"]);
    assert_eq!((code, complete, found.len()), (Some(1), Some(false), 0), "{said}");
}

#[test]
fn several_files_of_one_path() {
    let place = tempfile::tempdir().unwrap();
    let path = place.path().join("twice.cab");
    let bytes = cabinet(&[("Dir\\Größe.txt", b"first"), ("dir\\GRÖSSE.txt", b"other"), ("dir/gröẞe.TXT", b"last")]);
    std::fs::write(&path, bytes).unwrap();
    let expand = |more: &[&str]| {
        let target = tempfile::tempdir().unwrap();
        let output = wimkit(&[&["expand", "--quiet", arg(&path), "--to", arg(target.path())], more].concat());
        let files = read_tree(target.path()).into_values().filter(|content| !content.is_empty());
        (output.status.code(), stderr(&output), files.collect::<Vec<_>>())
    };
    let (code, said, found) = expand(&["--strict"]);
    assert_eq!((code, &*said, found.len()), (Some(0), "", 3), "sharp s is one letter, SS are two");

    std::fs::write(&path, cabinet(&[("a\\x.txt", b"first"), ("b\\X.TXT", b"last"), ("A/X.txt", b"x")])).unwrap();
    let (code, said, found) = expand(&["--strict", "-F", "x.txt"]);
    assert_eq!((code, found.len()), (Some(2), 0), "{said}");
    assert!(said.contains(r#""A/X.txt" has the same path below the target as "a\\x.txt""#), "{said}");
    assert_eq!(expand(&["--strict", "-F", "a\\x.txt", "-F", "b\\x.txt", "-D"]).0, Some(2), "a list is looked at, too");
    std::fs::write(&path, cabinet(&[("a\\x.txt", b"first"), ("b\\x.txt", b"last")])).unwrap();
    assert_eq!(expand(&["--strict"]).0, Some(0));
    assert_eq!(expand(&["--strict", "-I"]).0, Some(2), "without the directories they are one");
    let (code, _, found) = expand(&["-I"]);
    assert_eq!((code, found), (Some(0), vec![b"last".to_vec()]));
}

/// The recovery console and older systems wrote them with a slash; as a path they would be a directory below the root.
#[test]
fn switches_with_a_slash_are_refused() {
    let place = tempfile::tempdir().unwrap();
    let path = place.path().join("a.cab");
    std::fs::write(&path, cabinet(&[("a.txt", b"a")])).unwrap();
    let target = place.path().join("target");
    for (arguments, said) in [
        (vec![arg(&path), "/D"], "-D, -R, -I"),
        (vec!["/r", arg(&path)], "-D, -R, -I"),
        (vec!["/F:*", arg(&path), arg(&target)], "-F:PATTERN"),
        (vec![arg(&path), "/f:*.txt"], "-F:PATTERN"),
        (vec![arg(&path), "/Y"], "leave it out"),
        (vec![arg(&path), "/d"], "--to /d"),
        (vec![arg(&path), "/F:*", arg(&target)], "/F:*: write the switch with a hyphen: -F:PATTERN"),
    ] {
        let output = wimkit(&[&["expand"], &arguments[..]].concat());
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
        assert!(stderr(&output).contains(said), "{arguments:?}: {}", stderr(&output));
    }
    assert!(!target.exists());
}
