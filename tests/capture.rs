//! Capturing directories, adding them to a file, and applying images: through the program, and against wimlib.

mod support;

use assert_cmd::cargo::cargo_bin;
use std::fs;
#[cfg(unix)]
use std::os::unix::{ffi::OsStrExt, fs::symlink};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use support::scene::Scene;
use support::{Noise, arg, assert_same_tree, has_peer, make_tree, run};

fn wimkit(arguments: &[&str]) -> Output {
    Command::new(cargo_bin("wimkit")).args(arguments).env_remove("SOURCE_DATE_EPOCH").output().unwrap()
}

fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// Runs the program, which must end with `code`.
fn expect(code: i32, arguments: &[&str]) -> Output {
    let output = wimkit(arguments);
    assert_eq!(output.status.code(), Some(code), "{arguments:?}: {}", stderr(&output));
    output
}

fn json(arguments: &[&str]) -> serde_json::Value {
    let output = expect(0, &[arguments, &["--json"]].concat());
    serde_json::from_slice(&output.stdout).unwrap()
}

/// How many symbolic links the tree has: on Windows they take a privilege.
const SYMLINKS: u64 = if cfg!(unix) { 1 } else { 0 };

impl Scene {
    fn tree(&self) -> PathBuf {
        let tree = self.path("tree");
        make_tree(&tree);
        tree
    }
}

#[test]
fn a_tree_comes_back_from_every_compression() {
    let scene = Scene::new();
    let tree = scene.tree();
    let cases: [&[&str]; 5] = [
        &["--compress", "none"],
        &["--compress", "xpress"],
        &["--check", "--boot"],
        &["--compress", "lzms:2"],
        &["--solid", "--solid-chunk-size", "1M"],
    ];
    for options in cases {
        let (wim, target) = (scene.path("a.wim"), scene.path("out"));
        let captured = json(&[&["capture", arg(&tree), arg(&wim), "--force"], options].concat());
        assert_eq!(captured["schema"], "wimkit.capture/1");
        assert_eq!(captured["complete"], true);
        assert_eq!(captured["hard_links"], 1);
        assert_eq!(captured["symlinks"], SYMLINKS);
        // The copy beside mixed.dll, and the files of one or no byte.
        assert!(captured["stored_blobs"].as_u64() < captured["files"].as_u64(), "{captured}");
        expect(0, &["verify", arg(&wim)]);
        expect(0, &["extract", arg(&wim), "1", "--to", arg(&target)]);
        assert_same_tree(&tree, &target, &format!("{options:?}"));
        if has_peer("wimlib-imagex") {
            fs::remove_dir_all(&target).unwrap();
            run("wimlib-imagex", &["verify", arg(&wim)]);
            run("wimlib-imagex", &["apply", arg(&wim), "1", arg(&target)]);
            assert_same_tree(&tree, &target, &format!("wimlib, {options:?}"));
        }
        fs::remove_dir_all(&target).unwrap();
        let info = json(&["info", arg(&wim)]);
        assert_eq!(info["images"][0]["name"], "tree", "{info}");
    }
}

/// What wimlib tells of an image, line by line, but for what depends on the moment and on how blobs are stored.
#[cfg(unix)]
fn details(wim: &Path) -> Vec<String> {
    let output = run("wimlib-imagex", &["dir", arg(wim), "1", "--detailed"]);
    let text = String::from_utf8(output.stdout).unwrap();
    let moment =
        ["Access Time", "Last Access", "Hard Link Group ID", "Link Group", "Compressed size", "Offset", "Flags "];
    assert!(text.contains("Last Write Time") && text.contains("Link Count"), "{text}");
    text.lines().filter(|line| !moment.iter().any(|word| line.contains(word))).map(str::to_owned).collect()
}

/// Both files' first images are the same to wimlib; shows no more than the first difference.
#[cfg(unix)]
fn assert_same_details(ours: &Path, theirs: &Path, what: &str) {
    let (ours, theirs) = (details(ours), details(theirs));
    for (place, (our, their)) in ours.iter().zip(&theirs).enumerate() {
        assert_eq!(our, their, "{what}: {:#?}", &ours[place.saturating_sub(12)..=place]);
    }
    assert_eq!(ours.len(), theirs.len(), "{what}");
}

#[cfg(unix)]
#[test]
fn images_are_those_of_wimlib() {
    if !has_peer("wimlib-imagex") {
        return;
    }
    let scene = Scene::new();
    let tree = scene.tree();
    fs::create_dir(tree.join("links")).unwrap();
    symlink("../Windows", tree.join("links/to a directory")).unwrap();
    symlink("/nowhere/in particular", tree.join("links/absolute")).unwrap();
    symlink(tree.join("Windows/System32"), tree.join("links/absolute inside")).unwrap();
    symlink("nothing", tree.join("links/broken")).unwrap();
    fs::write(tree.join("read-only"), "r").unwrap();
    fs::set_permissions(tree.join("read-only"), std::os::unix::fs::PermissionsExt::from_mode(0o444)).unwrap();
    let (ours, theirs) = (scene.path("ours.wim"), scene.path("theirs.wim"));
    expect(0, &["capture", arg(&tree), arg(&ours), "--name", "tree"]);
    run("wimlib-imagex", &["capture", arg(&tree), arg(&theirs), "tree"]);
    assert_same_details(&ours, &theirs, "a tree");
    let counts = |wim: &Path| {
        let image = json(&["info", arg(wim)])["images"][0].clone();
        ["files", "directories", "total_bytes", "hard_link_bytes"].map(|count| image[count].clone())
    };
    assert_eq!(counts(&ours), counts(&theirs));
}

#[test]
fn the_same_tree_gives_the_same_bytes() {
    let scene = Scene::new();
    let tree = scene.tree();
    let capture = |name: &str, threads: &str| {
        let wim = scene.path(name);
        let status = Command::new(cargo_bin("wimkit"))
            .args(["capture", arg(&tree), arg(&wim), "--quiet", "--threads", threads])
            .env("SOURCE_DATE_EPOCH", "4000000000")
            .status();
        assert!(status.unwrap().success());
        fs::read(wim).unwrap()
    };
    assert!(capture("one.wim", "1") == capture("two.wim", "3"));
}

#[test]
fn what_is_left_out() {
    let scene = Scene::new();
    let tree = scene.path("tree");
    for file in ["pagefile.sys", "a/pagefile.sys", "keep.tmp", "x.TMP", "a/b/y.tmp", "a/b/z.txt", "logs/old"] {
        fs::create_dir_all(tree.join(file).parent().unwrap()).unwrap();
        fs::write(tree.join(file), file).unwrap();
    }
    let wim = tree.join("inside.wim");
    let names = |options: &[&str]| {
        let captured = json(&[&["capture", arg(&tree), arg(&wim), "--force"], options].concat());
        let listed = expect(0, &["ls", arg(&wim), "1", "-R"]);
        let listed = String::from_utf8(listed.stdout).unwrap();
        let files: Vec<String> = listed.lines().map(|line| line.trim().to_owned()).collect();
        (captured["excluded"].as_u64().unwrap(), files.join("\n"))
    };
    let (excluded, listed) = names(&[]);
    assert_eq!(excluded, 1);
    assert!(listed.contains("x.TMP") && !listed.lines().any(|line| line == "/pagefile.sys"), "{listed}");
    let (excluded, listed) = names(&["--exclude", "*.tmp", "--exclude", "/logs"]);
    assert_eq!(excluded, 5, "{listed}");
    assert!(!listed.contains("tmp") && !listed.contains("logs") && listed.contains("z.txt"), "{listed}");
    // The file that is written is no part of itself, though it lies in the directory.
    assert!(!listed.contains("inside.wim"), "{listed}");
    let config = scene.path("WimScript.ini");
    fs::write(&config, "[ExclusionList]\n*.tmp\n\\a\\*\n[ExclusionException]\n\\keep.tmp\n").unwrap();
    let (excluded, listed) = names(&["--config", arg(&config)]);
    assert_eq!(excluded, 3, "{listed}");
    assert!(listed.contains("keep.tmp") && listed.contains("pagefile.sys") && !listed.contains("z.txt"), "{listed}");
    fs::write(&config, "[ExclusionList\n*.tmp\n").unwrap();
    let output = expect(2, &["capture", arg(&tree), arg(&wim), "--force", "--config", arg(&config)]);
    assert!(stderr(&output).contains("WimScript.ini: line 1"), "{}", stderr(&output));
}

#[cfg(unix)]
#[test]
fn names_and_files_that_cannot_be_captured() {
    let scene = Scene::new();
    let tree = scene.path("tree");
    fs::create_dir(&tree).unwrap();
    let put = |name: &[u8]| fs::write(tree.join(std::ffi::OsStr::from_bytes(name)), name).unwrap();
    let wim = scene.path("a.wim");
    let capture = ["capture", arg(&tree), arg(&wim), "--force"];
    put(b"good");
    for (name, word, any_names) in [
        (&b"bad \xFF name"[..], "not valid UTF-8", false),
        (b"back\\slash", "backslash", false),
        (b"GOOD", "does not tell its name from", true),
        (b"con.txt", "name of a device", true),
        (b"a:b", "alternate stream", true),
    ] {
        put(name);
        let output = expect(2, &capture);
        assert!(stderr(&output).contains(word) && stderr(&output).contains("hint"), "{}", stderr(&output));
        let output = expect(1, &[&capture[..], &["--skip-unreadable"]].concat());
        assert!(stderr(&output).contains("not captured: ") && stderr(&output).contains(word), "{}", stderr(&output));
        expect(if any_names { 0 } else { 2 }, &[&capture[..], &["--any-names"]].concat());
        fs::remove_file(tree.join(std::ffi::OsStr::from_bytes(name))).unwrap();
    }
    symlink(std::ffi::OsStr::from_bytes(b"to\xFFnowhere"), tree.join("link")).unwrap();
    assert!(stderr(&expect(2, &capture)).contains("link: the target of the link is not valid UTF-8"));
    fs::remove_file(tree.join("link")).unwrap();

    // A socket is left out, and nothing is wrong about that.
    let _socket = std::os::unix::net::UnixListener::bind(tree.join("socket")).unwrap();
    let output = expect(0, &capture);
    assert!(stderr(&output).contains("left out: ") && stderr(&output).contains("socket"), "{}", stderr(&output));

    fs::write(tree.join("locked"), "secret").unwrap();
    fs::set_permissions(tree.join("locked"), std::os::unix::fs::PermissionsExt::from_mode(0o0)).unwrap();
    if fs::File::open(tree.join("locked")).is_err() {
        assert!(stderr(&expect(2, &capture)).contains("locked: Permission denied"));
        expect(1, &[&capture[..], &["--skip-unreadable"]].concat());
    }
}

#[test]
fn requests_that_cannot_be() {
    let scene = Scene::new();
    let tree = scene.path("tree");
    fs::create_dir(&tree).unwrap();
    let wim = scene.path("a.wim");
    expect(0, &["capture", arg(&tree), arg(&wim), "--name", "One"]);
    let output = expect(2, &["capture", arg(&tree), arg(&wim)]);
    assert!(stderr(&output).contains("exists already") && stderr(&output).contains("append"), "{}", stderr(&output));
    assert!(stderr(&expect(2, &["capture", arg(&wim), arg(&scene.path("b.wim"))])).contains("no directory"));
    let missing = stderr(&expect(2, &["capture", arg(&scene.path("missing")), arg(&scene.path("b.wim"))]));
    assert!(missing.contains("missing: ") && missing.contains("hint: name the directory"), "{missing}");
    let missing = scene.path("missing");
    assert!(stderr(&expect(2, &["capture", arg(&missing), arg(&scene.path("b.wim"))])).contains("missing"));
    let output = expect(2, &["append", arg(&tree), arg(&wim), "--name", "One"]);
    assert!(stderr(&output).contains("taken by image 1") && stderr(&output).contains("--name"), "{}", stderr(&output));
    let output = expect(2, &["append", arg(&tree), arg(&wim), "--name", "Two", "--compress", "xpress"]);
    assert!(stderr(&output).contains("compressed as lzx"), "{}", stderr(&output));
    assert!(!scene.path("b.wim").exists());
}

#[test]
fn a_second_image_shares_what_it_can() {
    let scene = Scene::new();
    let tree = scene.tree();
    let wim = scene.path("a.wim");
    expect(0, &["capture", arg(&tree), arg(&wim), "--name", "First", "--check"]);
    let before = fs::metadata(&wim).unwrap().len();
    let mut noise = Noise(0x0BAD_CAFE_0000_0001);
    fs::write(tree.join("Windows/new.bin"), noise.bytes(50_000)).unwrap();
    let added = json(&["append", arg(&tree), arg(&wim), "--name", "Second", "--boot", "--description", "More"]);
    assert_eq!(added["schema"], "wimkit.append/1");
    assert_eq!((&added["image"], &added["stored_blobs"]), (&2.into(), &1.into()), "{added}");
    let after = fs::metadata(&wim).unwrap().len();
    assert!(after - before < 50_000 + 40_000, "{before} {after}");
    let info = json(&["info", arg(&wim)]);
    assert_eq!(info["header"]["boot_index"], 2, "{info}");
    assert_eq!(info["images"][1]["description"], "More", "{info}");
    expect(0, &["verify", arg(&wim), "--strict"]);
    let target = scene.path("out");
    expect(0, &["extract", arg(&wim), "Second", "--to", arg(&target)]);
    assert_same_tree(&tree, &target, "second image");
    fs::remove_file(tree.join("Windows/new.bin")).unwrap();
    fs::remove_dir_all(&target).unwrap();
    expect(0, &["extract", arg(&wim), "First", "--to", arg(&target)]);
    assert_same_tree(&tree, &target, "first image");
    if has_peer("wimlib-imagex") {
        run("wimlib-imagex", &["verify", arg(&wim)]);
    }
}

/// Writes other bytes of the same number into all files of a tree, which keep their times.
fn falsify(directory: &Path) {
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        let metadata = path.symlink_metadata().unwrap();
        if metadata.is_dir() {
            falsify(&path);
        } else if metadata.is_file() {
            fs::write(&path, vec![b'!'; metadata.len() as usize]).unwrap();
            fs::File::options().write(true).open(&path).unwrap().set_modified(metadata.modified().unwrap()).unwrap();
        }
    }
}

/// Paths and contents of the files of an image.
fn contents(wim: &Path, image: u32) -> std::collections::BTreeMap<String, String> {
    let wim = wimkit::wim::Wim::open(wim, &wimkit::wim::OpenOptions::default()).unwrap();
    let tree = wim.metadata(wimkit::wim::ImageIndex::new(image).unwrap()).unwrap();
    tree.entries().filter_map(|entry| Some((entry.path(), entry.data_hash()?.to_string()))).collect()
}

/// Files whose size and time are those of an image are not read: so nobody sees that they hold something else.
#[test]
fn unchanged_files_are_taken_over() {
    let scene = Scene::new();
    let tree = scene.tree();
    let old = scene.path("old.wim");
    // Beside it, the same tree as FAT would keep its times.
    let coarse = scene.path("coarse");
    expect(0, &["capture", arg(&tree), arg(&old), "--compress", "xpress"]);
    expect(0, &["apply", arg(&old), "1", arg(&coarse)]);
    round_times(&coarse);
    falsify(&tree);
    falsify(&coarse);
    let mut expected = contents(&old, 1);

    let mut noise = Noise(0x0BAD_CAFE_0000_0003);
    for tree in [&tree, &coarse] {
        // In two steps: Wine leaves a name as it is whose letter case alone is to change.
        fs::rename(tree.join("odd/.hidden"), tree.join("odd/aside")).unwrap();
        fs::rename(tree.join("odd/aside"), tree.join("odd/.HIDDEN")).unwrap();
    }
    let hidden = expected.remove("/odd/.hidden").unwrap();
    expected.insert("/odd/.HIDDEN".into(), hidden);
    let reused = |captured: &serde_json::Value| captured["reused_files"].as_u64().unwrap();
    let address = format!("{}!/1", arg(&old));
    for (name, options) in [
        ("as stored", &["--compress", "xpress"][..]),
        ("anew", &["--compress", "lzx"]),
        ("solid", &["--solid", "--solid-chunk-size", "1M"]),
        ("coarse", &[]),
    ] {
        let new = scene.path(&format!("{name}.wim"));
        let tree = if name == "coarse" { &coarse } else { &tree };
        let captured = json(&[&["capture", arg(tree), arg(&new), "--update-of", &address], options].concat());
        assert_eq!(contents(&new, 1), expected, "{name}");
        assert_eq!(captured["stored_blobs"], SYMLINKS, "{name}, the link: {captured}");
        assert!(reused(&captured) > 5 && captured["brought_blobs"].as_u64() > Some(3), "{name}: {captured}");
        expect(0, &["verify", arg(&new), "--strict"]);
        if has_peer("wimlib-imagex") {
            run("wimlib-imagex", &["verify", arg(&new)]);
        }
    }

    // What did change is noticed: by its size, by its time, and by its path.
    let later = std::time::SystemTime::now() + std::time::Duration::from_nanos(100_000_100);
    fs::write(tree.join("odd/.HIDDEN"), noise.bytes(4_321)).unwrap();
    let touched = tree.join("Windows/System32/mixed.dll");
    fs::File::options().write(true).open(&touched).unwrap().set_modified(later).unwrap();
    fs::rename(tree.join("Windows/System32/copy of mixed.dll"), tree.join("copy.dll")).unwrap();
    let before = json(&["info", arg(&old)])["blobs"].clone();
    let appended = json(&["append", arg(&tree), arg(&old), "--name", "2", "--update-of", "1", "--threads", "2"]);
    assert_eq!(appended["brought_blobs"], 0, "{before} {appended}");
    // Both DLLs hold the same by now, and the file with a path of its own is new.
    assert_eq!(appended["stored_blobs"], 2, "{appended}");
    let all = contents(&old, 2);
    assert_ne!(all["/odd/.HIDDEN"], expected["/odd/.HIDDEN"]);
    assert_ne!(all["/copy.dll"], expected["/Windows/System32/copy of mixed.dll"]);
    assert_eq!(all["/copy.dll"], all["/Windows/System32/mixed.dll"]);
    let same = all.iter().filter(|(path, hash)| expected.get(*path) == Some(hash)).count();
    assert_eq!(same, all.len() - 4, "the changed files, one of which has two names: {all:#?}");
    expect(0, &["verify", arg(&old), "--strict"]);
    if has_peer("wimlib-imagex") {
        run("wimlib-imagex", &["verify", arg(&old)]);
    }
}

/// Rounds the times of all files down to two seconds.
fn round_times(directory: &Path) {
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        let metadata = path.symlink_metadata().unwrap();
        if metadata.is_dir() {
            round_times(&path);
        } else if metadata.is_file() {
            let seconds = metadata.modified().unwrap().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs();
            let time = std::time::UNIX_EPOCH + std::time::Duration::from_secs(seconds / 2 * 2);
            fs::File::options().write(true).open(&path).unwrap().set_modified(time).unwrap();
        }
    }
}

/// Without any change, an image is the same whether files were read or taken over.
#[test]
fn taking_over_makes_the_same_image() {
    let scene = Scene::new();
    let tree = scene.tree();
    let (first, read, taken) = (scene.path("first.wim"), scene.path("read.wim"), scene.path("taken.wim"));
    expect(0, &["capture", arg(&tree), arg(&first)]);
    expect(0, &["capture", arg(&tree), arg(&read)]);
    expect(0, &["capture", arg(&tree), arg(&taken), "--update-of", &format!("{}!/1", arg(&first))]);
    assert_eq!(entries(&read), entries(&taken));
}

/// A delta holds what is new, and is whole with the files that it is a delta to: to us and to wimlib.
#[test]
fn a_delta_leaves_to_other_files_what_they_have() {
    let scene = Scene::new();
    let tree = scene.tree();
    let (base, extra, delta) = (scene.path("base.wim"), scene.path("extra.wim"), scene.path("delta.wim"));
    let more = scene.path("more");
    let mut noise = Noise(0x0BAD_CAFE_0000_0005);
    fs::create_dir(&more).unwrap();
    fs::write(more.join("more.bin"), noise.bytes(70_001)).unwrap();
    expect(0, &["capture", arg(&tree), arg(&base), "--compress", "xpress"]);
    expect(0, &["capture", arg(&more), arg(&extra)]);
    fs::copy(more.join("more.bin"), tree.join("more.bin")).unwrap();
    fs::write(tree.join("new.bin"), noise.bytes(50_000)).unwrap();
    // As large as another one, and yet not the same.
    fs::write(tree.join("Windows/noise/32769.bin"), noise.bytes(32_769)).unwrap();

    let deltas = ["--delta-from", arg(&base), "--delta-from", arg(&extra)];
    for solid in [&[][..], &["--solid", "--solid-chunk-size", "1M"]] {
        let capture = ["capture", arg(&tree), arg(&delta), "--force"];
        let captured = json(&[&capture[..], &deltas, solid].concat());
        assert_eq!((&captured["stored_blobs"], &captured["stored_bytes"]), (&2.into(), &82_769.into()), "{captured}");
        assert_eq!(captured["present_blobs"], 0, "{captured}");
        assert!(captured["elsewhere_blobs"].as_u64() > Some(20), "{captured}");
        assert!(fs::metadata(&delta).unwrap().len() < 82_769 + 20_000);

        let refs = ["--ref", arg(&base), "--ref", arg(&extra)];
        assert_eq!(wimkit(&["verify", arg(&delta)]).status.code(), Some(1));
        expect(0, &[&["verify", arg(&delta)][..], &refs].concat());
        let target = scene.path("out");
        expect(0, &[&["extract", arg(&delta), "1", "--to", arg(&target)][..], &refs].concat());
        assert_same_tree(&tree, &target, "a delta");
        fs::remove_dir_all(&target).unwrap();
        let whole = scene.path("whole.wim");
        expect(0, &[&["export", arg(&delta), "all", arg(&whole), "--force"][..], &refs].concat());
        expect(0, &["verify", arg(&whole), "--strict"]);
        if has_peer("wimlib-imagex") {
            let refs = [format!("--ref={}", arg(&base)), format!("--ref={}", arg(&extra))];
            run("wimlib-imagex", &["apply", arg(&delta), "1", arg(&target), &refs[0], &refs[1]]);
            assert_same_tree(&tree, &target, "wimlib applies a delta");
            fs::remove_dir_all(&target).unwrap();
        }
    }

    // A file cannot be left to what it takes the place of.
    let before = fs::read(&base).unwrap();
    for command in ["capture", "append"] {
        let name = if command == "append" { &["--name", "2"][..] } else { &["--force"] };
        let output = expect(2, &[&[command, arg(&tree), arg(&base), "--delta-from", arg(&base)][..], name].concat());
        assert!(stderr(&output).contains("a delta to itself"), "{}", stderr(&output));
    }
    assert_eq!(fs::read(&base).unwrap(), before);

    // What did not change is neither read nor stored.
    falsify(&tree);
    let address = format!("{}!/1", arg(&base));
    let captured =
        json(&[&["capture", arg(&tree), arg(&delta), "--force", "--update-of", &address][..], &deltas].concat());
    assert_eq!(captured["brought_blobs"], 0, "{captured}");
    assert!(captured["reused_files"].as_u64() > Some(20), "{captured}");
    let (old, new) = (contents(&base, 1), contents(&delta, 1));
    let changed: Vec<_> =
        new.iter().filter(|(path, hash)| old.get(*path) != Some(hash)).map(|(path, _)| path).collect();
    assert_eq!(changed, ["/Windows/noise/32769.bin", "/more.bin", "/new.bin"]);
}

#[test]
fn images_to_update_that_are_not_there() {
    let scene = Scene::new();
    let tree = scene.tree();
    let (wim, new) = (scene.path("a.wim"), scene.path("b.wim"));
    expect(0, &["capture", arg(&tree), arg(&wim)]);
    let inside = format!("{}!/1/Windows", arg(&wim));
    let missing = format!("{}!/7", arg(&wim));
    for (destination, base, expected) in [
        (&new, "1", "a new file has no image"),
        (&wim, "1", "a new file has no image"),
        (&wim, "3", "3"),
        (&wim, "0", "0"),
        (&new, &inside, "no whole image"),
        (&new, &missing, "7"),
    ] {
        let output = expect(2, &["capture", arg(&tree), arg(destination), "--force", "--update-of", base]);
        assert!(stderr(&output).contains(expected), "{base}: {}", stderr(&output));
    }
    assert!(!new.exists());
}

#[test]
fn times_and_hard_links_come_back() {
    let scene = Scene::new();
    let tree = scene.tree();
    let file = fs::File::options().write(true).open(tree.join("odd/.hidden")).unwrap();
    let time = std::time::UNIX_EPOCH + std::time::Duration::new(1_234_567_890, 123_456_700);
    file.set_modified(time).unwrap();
    fs::write(tree.join("empty one"), "").unwrap();
    fs::hard_link(tree.join("empty one"), tree.join("empty two")).unwrap();
    let (wim, target) = (scene.path("a.wim"), scene.path("out"));
    expect(0, &["capture", arg(&tree), arg(&wim)]);
    expect(0, &["extract", arg(&wim), "1", "--to", arg(&target)]);
    assert_eq!(fs::metadata(target.join("odd/.hidden")).unwrap().modified().unwrap(), time);
    let file = |name: &str| wimkit::util::os::identify(&target.join(name)).unwrap();
    assert_eq!(file("hard link.dll"), file("Windows/System32/mixed.dll"));
    assert_eq!(file("empty one"), file("empty two"));
    assert_ne!(file("Windows/System32/copy of mixed.dll").0, file("Windows/System32/mixed.dll").0);
}

#[test]
fn the_windows_in_a_tree_is_stated() {
    let scene = Scene::new();
    let system = scene.path("tree/WINNT/system32");
    fs::create_dir_all(&system).unwrap();
    fs::create_dir(scene.path("tree/Windows")).unwrap();
    let mut file = vec![0; 0x40];
    file[0x3C] = 0x40;
    file.extend(b"PE\0\0\x64\xAA");
    fs::write(system.join("Kernel32.dll"), &file).unwrap();
    file.resize(0x80, 0);
    file.extend("VS_VERSION_INFO\0\0".encode_utf16().flat_map(u16::to_le_bytes));
    for number in [0xFEEF_04BD_u32, 0x1_0000, 10 << 16, 26100 << 16 | 4061] {
        file.extend(number.to_le_bytes());
    }
    fs::write(system.join("ntoskrnl.exe"), &file).unwrap();
    let wim = scene.path("a.wim");
    expect(0, &["capture", arg(&scene.path("tree")), arg(&wim), "--flags", "Professional"]);
    let image = json(&["info", arg(&wim)])["images"][0].clone();
    assert_eq!(image["flags"], "Professional", "{image}");
    let windows = &image["windows"];
    assert_eq!(windows["version"], "10.0.26100.4061", "{windows}");
    assert_eq!(windows["architecture"], "arm64", "{windows}");
    assert_eq!(windows["system_root"], "WINNT", "{windows}");
    fs::remove_file(system.join("ntoskrnl.exe")).unwrap();
    fs::remove_file(system.join("Kernel32.dll")).unwrap();
    expect(0, &["capture", arg(&scene.path("tree")), arg(&wim), "--force"]);
    assert!(json(&["info", arg(&wim)])["images"][0]["windows"].is_null());
}

#[test]
fn an_image_is_applied() {
    let scene = Scene::new();
    let tree = scene.tree();
    let (wim, target) = (scene.path("a.wim"), scene.path("out/of/nothing"));
    expect(0, &["capture", arg(&tree), arg(&wim)]);
    let applied = json(&["apply", arg(&wim), "1", arg(&target), "--threads", "2"]);
    assert_eq!(applied["schema"], "wimkit.apply/1");
    assert_eq!((&applied["hard_links"], &applied["omitted_short_names"]), (&1.into(), &0.into()), "{applied}");
    assert_same_tree(&tree, &target, "applied");
    // What is there already is not touched, unless that is asked for.
    let output = expect(1, &["apply", arg(&wim), "1", arg(&target)]);
    assert!(stderr(&output).contains("something of this name exists"), "{}", stderr(&output));
    fs::write(target.join("odd/.hidden"), "changed").unwrap();
    expect(0, &["apply", arg(&wim), "tree", arg(&target), "--overwrite"]);
    assert_same_tree(&tree, &target, "applied again");
    expect(2, &["apply", arg(&wim), "2", arg(&target)]);
}

#[cfg(unix)]
#[test]
fn what_only_windows_does_is_refused_by_name() {
    let scene = Scene::new();
    let (wim, target) = (scene.path("a.wim"), scene.path("out"));
    expect(0, &["capture", arg(&scene.tree()), arg(&wim)]);
    for compact in ["--compact", "--compact=lzx"] {
        let output = expect(2, &["apply", arg(&wim), "1", arg(&target), compact]);
        let said = stderr(&output);
        assert!(said.contains("files cannot be compacted here") && said.contains("leave out --compact"), "{said}");
        assert!(!target.exists());
    }
}

/// A tree that depends on `seed` alone: names, kinds, links, equal contents and times.
#[cfg(unix)]
fn make_random_tree(root: &Path, seed: u64) {
    const SYLLABLES: [&str; 12] = ["a", "Be", "ünder", "файл", ".", "x y", "LONG", "𝄞", "1", "-", "tmp", "~"];
    let mut noise = Noise(seed | 1);
    let contents: Vec<Vec<u8>> = (0..12)
        .map(|kind| {
            let size = [0, 1, 40, 4096, 32768, 33000, 70_000, 1_200_000][noise.next() as usize % 8];
            if kind % 2 == 0 { noise.text(size) } else { noise.bytes(size) }
        })
        .collect();
    fs::create_dir(root).unwrap();
    let mut directories = vec![root.to_owned()];
    let mut files: Vec<PathBuf> = Vec::new();
    let mut links: Vec<PathBuf> = Vec::new();
    let mut taken = std::collections::HashSet::new();
    for number in 0..60 {
        let mut name = String::new();
        for _ in 0..=noise.next() % 3 {
            name += SYLLABLES[noise.next() as usize % SYLLABLES.len()];
        }
        let path = directories[noise.next() as usize % directories.len()].join(name);
        let folded = path.to_str().unwrap().to_uppercase();
        if folded.ends_with('.') || !taken.insert(folded) {
            continue;
        }
        match noise.next() % 10 {
            0..=2 => {
                fs::create_dir(&path).unwrap();
                directories.push(path);
            }
            3 if !files.is_empty() => {
                fs::hard_link(&files[noise.next() as usize % files.len()], &path).unwrap();
            }
            4 => {
                // wimlib takes a link to a directory outside the tree for one to a directory, too; we look at the tree alone.
                let up = if path.parent() == Some(root) { "." } else { ".." };
                let target = [up, ".", "../nothing here", "Be", "./a/../x y", "/etc/nowhere"][number % 6];
                symlink(target, &path).unwrap();
                links.push(path);
            }
            _ => {
                fs::write(&path, &contents[noise.next() as usize % contents.len()]).unwrap();
                files.push(path);
            }
        }
    }
    // Deepest first: a change inside would give the directory a new time.
    for path in files.iter().chain(directories.iter().rev()) {
        let time = std::time::UNIX_EPOCH
            + std::time::Duration::new(noise.next() % 4_000_000_000, (noise.next() % 10_000_000) as u32 * 100);
        let times = fs::FileTimes::new().set_modified(time).set_accessed(time + std::time::Duration::from_secs(1));
        fs::File::open(path).unwrap().set_times(times).unwrap();
    }
}

/// Everything that the images' trees say, entry by entry.
fn entries(wim: &Path) -> Vec<String> {
    let wim = wimkit::wim::Wim::open(wim, &wimkit::wim::OpenOptions::default()).unwrap();
    let tree = wim.metadata(wimkit::wim::ImageIndex::new(1).unwrap()).unwrap();
    tree.entries()
        .map(|entry| {
            let times = [entry.creation_time(), entry.access_time(), entry.write_time()];
            format!(
                "{} {:?} {times:?} {:?} {:?} {:?} link of {}",
                entry.path(),
                entry.attributes(),
                entry.security_id(),
                entry.reparse_tag().map(|tag| (tag, entry.is_reparse_not_fixed())),
                entry.streams(),
                tree.entry(entry.first_link()).path()
            )
        })
        .collect()
}

#[cfg(unix)]
#[test]
fn random_trees_go_round() {
    let peer = has_peer("wimlib-imagex");
    for seed in 1..=8_u64 {
        let scene = Scene::new();
        let (tree, first, second) = (scene.path("tree"), scene.path("1.wim"), scene.path("2.wim"));
        make_random_tree(&tree, seed.wrapping_mul(0x9E37_79B9_7F4A_7C15));
        let compression = ["none", "xpress", "lzx", "lzms"][seed as usize % 4];
        expect(0, &["capture", arg(&tree), arg(&first), "--compress", compression]);
        let target = scene.path("tree again");
        expect(0, &["apply", arg(&first), "1", arg(&target)]);
        expect(0, &["capture", arg(&target), arg(&second), "--compress", compression]);
        let (before, after) = (entries(&first), entries(&second));
        assert!(before.len() > 15, "seed {seed}: {before:#?}");
        assert_eq!(before, after, "seed {seed}");
        if !peer {
            continue;
        }
        let theirs = scene.path("theirs.wim");
        run("wimlib-imagex", &["capture", arg(&tree), arg(&theirs), "tree", "--compress=LZX"]);
        assert_same_details(&first, &theirs, &format!("seed {seed}"));
        let applied = scene.path("by wimlib");
        run("wimlib-imagex", &["apply", arg(&first), "1", arg(&applied)]);
        assert_same_tree(&tree, &applied, &format!("wimlib applies ours, seed {seed}"));
        let applied = scene.path("by us");
        expect(0, &["apply", arg(&theirs), "1", arg(&applied)]);
        assert_same_tree(&tree, &applied, &format!("we apply wimlib's, seed {seed}"));
    }
}

/// A pipable WIM through a pipe, in each format; and one that is cut short.
#[test]
fn a_pipable_wim_comes_from_standard_input() {
    if !has_peer("wimlib-imagex") {
        return;
    }
    let scene = Scene::new();
    let (tree, wim) = (scene.tree(), scene.path("a.pwm"));
    for format in ["none", "XPRESS", "LZX", "LZMS"] {
        let compress = format!("--compress={format}");
        fs::remove_file(&wim).ok();
        run("wimlib-imagex", &["capture", arg(&tree), arg(&wim), "named", "--pipable", &compress]);
        for image in ["1", "named"] {
            let target = scene.path(&format!("{format} {image}"));
            let output = piped(&fs::read(&wim).unwrap(), image, &target);
            assert_eq!(output.status.code(), Some(0), "{format}: {}", stderr(&output));
            assert_same_tree(&tree, &target, format);
        }
    }
    let bytes = fs::read(&wim).unwrap();
    for (input, image, expected) in [
        (&bytes[..bytes.len() / 2], "1", "failed to fill whole buffer"),
        (&bytes, "2", "no single image among 1"),
        (&bytes, "other", "no single image among 1"),
        (&b"MSWIM"[..], "1", "failed to fill whole buffer"),
    ] {
        let output = piped(input, image, &scene.path("cut short"));
        assert_eq!(output.status.code(), Some(2));
        assert!(stderr(&output).contains(expected), "{}", stderr(&output));
    }
}

/// Applies what comes from a pipe.
fn piped(input: &[u8], image: &str, target: &Path) -> Output {
    use std::io::Write;
    let mut command = Command::new(cargo_bin("wimkit"));
    command.args(["apply", "-", image, arg(target)]).stdin(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    // It may end before it has read everything.
    let _ = child.stdin.take().unwrap().write_all(input);
    child.wait_with_output().unwrap()
}

/// What is applied, changed and captured again keeps what the directory does not hold.
#[cfg(unix)]
#[test]
fn a_revision_of_an_image() {
    use wimkit::util::progress::Control;
    use wimkit::wim::capture::Options;
    use wimkit::wim::{ImageBuilder, ImageIndex, OpenOptions, Wim};
    let scene = Scene::new();
    let [old, new, tree] = ["old.wim", "new.wim", "tree"].map(|name| scene.path(name));
    let mut image = ImageBuilder::new();
    let file = image.file("kept.txt", "content").unwrap();
    image.set_security_descriptor(file, b"descriptor");
    image.file("gone.txt", "content").unwrap();
    image.write(&old, &Options { name: "Old".into(), ..Options::default() }, Control::silent()).unwrap();
    expect(0, &["apply", arg(&old), "1", arg(&tree)]);
    fs::remove_file(tree.join("gone.txt")).unwrap();
    fs::write(tree.join("new.txt"), "new").unwrap();
    let address = format!("{}!/1", arg(&old));
    let found = |wim: &Path| {
        let wim = Wim::open(wim, &OpenOptions::default()).unwrap();
        let tree = wim.metadata(ImageIndex::FIRST).unwrap();
        let descriptor = tree.lookup("kept.txt").unwrap().security_descriptor().map(<[u8]>::to_vec);
        let names: Vec<String> = tree.entries().map(|entry| entry.path()).collect();
        (wim.xml().image(1).unwrap().name().map(std::borrow::Cow::into_owned), descriptor, names)
    };
    let names = || ["/", "/kept.txt", "/new.txt"].map(str::to_owned).to_vec();
    let kept = Some(b"descriptor".to_vec());
    expect(0, &["capture", arg(&tree), arg(&new), "--update-of", &address, "--revise"]);
    assert_eq!(found(&new), (Some("Old".into()), kept.clone(), names()));
    expect(0, &["capture", arg(&tree), arg(&new), "--update-of", &address, "--revise", "--force", "--name", "New"]);
    assert_eq!(found(&new), (Some("New".into()), kept.clone(), names()));
    expect(0, &["capture", arg(&tree), arg(&new), "--update-of", &address, "--force"]);
    assert_eq!(found(&new), (Some("tree".into()), None, names()));
    let output = expect(2, &["capture", arg(&tree), arg(&new), "--force", "--revise"]);
    assert!(stderr(&output).contains("--update-of"), "{}", stderr(&output));
    // Into the file that it came from, and in its place.
    expect(0, &["append", arg(&tree), arg(&old), "--name", "Second", "--update-of", "1", "--revise"]);
    expect(0, &["verify", arg(&old)]);
    expect(0, &["capture", arg(&tree), arg(&old), "--update-of", &address, "--revise", "--force"]);
    assert_eq!(found(&old), (Some("Old".into()), kept, names()));
}
