//! Owners, modes and special files in images: through the program, and against wimlib in both directions.

#![cfg(target_os = "linux")]
#![allow(clippy::print_stderr, reason = "a skipped test must be seen")]

mod support;

use std::collections::{BTreeMap, HashMap};
use std::fs;
use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt, chown, lchown, symlink};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use support::scene::Scene;
use support::{Noise, arg, expect, has_peer, json, run, stderr};
use wimkit::util::progress::Control;
use wimkit::wim::ImageBuilder;
use wimkit::wim::capture::Options;
use wimkit::wim::metadata::tagged::{UNIX_DATA, UnixData};

/// Whether the test may give files away; says loudly when not.
fn is_root() -> bool {
    let is_root = rustix::process::geteuid().is_root();
    if !is_root {
        eprintln!("\n######## SKIPPED: not root: owners cannot be set ########\n");
    }
    is_root
}

fn make_node(path: &Path, kind: rustix::fs::FileType, device: u64) -> bool {
    let made = rustix::fs::mknodat(rustix::fs::CWD, path, kind, rustix::fs::Mode::RUSR, device);
    if made == Err(rustix::io::Errno::PERM) {
        eprintln!("\n######## SKIPPED: devices cannot be made here ########\n");
        return false;
    }
    made.unwrap();
    true
}

/// A tree of every kind of file, with modes and owners of every kind.
fn make_tree(root: &Path, seed: u64) {
    let mut noise = Noise(seed);
    fs::create_dir(root).unwrap();
    let mut directories = vec![root.to_owned()];
    let mut files = Vec::new();
    let mut all = Vec::new();
    for number in 0..60 {
        let directory = directories[noise.next() as usize % directories.len()].clone();
        let path = directory.join(format!("{number}"));
        match noise.next() % 10 {
            0 | 1 => {
                fs::create_dir(&path).unwrap();
                directories.push(path.clone());
            }
            2 => symlink("nowhere/at all", &path).unwrap(),
            3 => symlink("..", &path).unwrap(),
            4 => assert!(make_node(&path, rustix::fs::FileType::Fifo, 0)),
            5 => assert!(make_node(&path, rustix::fs::FileType::Socket, 0)),
            6 => {
                let block = noise.next().is_multiple_of(2);
                let kind =
                    if block { rustix::fs::FileType::BlockDevice } else { rustix::fs::FileType::CharacterDevice };
                if !make_node(
                    &path,
                    kind,
                    rustix::fs::makedev(noise.next() as u32 % 512, noise.next() as u32 % 100_000),
                ) {
                    continue;
                }
            }
            7 if !files.is_empty() => {
                let original: &PathBuf = &files[noise.next() as usize % files.len()];
                fs::hard_link(original, &path).unwrap();
                continue;
            }
            kind => {
                let size = if kind == 8 { 0 } else { noise.next() % 5000 };
                fs::write(&path, noise.bytes(size as usize)).unwrap();
            }
        }
        // An image has no place for a second name of a link.
        if !path.is_dir() && !path.is_symlink() {
            files.push(path.clone());
        }
        all.push(path);
    }
    all.push(root.to_owned());
    for path in all {
        let mut owner = || Some(noise.next() as u32 % 70_000);
        lchown(&path, owner(), owner()).unwrap();
        if !path.is_symlink() {
            let mode = noise.next() as u32 & 0o7777;
            fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
        }
    }
}

/// What Unix knows of every entry, the root included: kind and mode, owner, device, content, and the first name of the file.
fn facts(root: &Path) -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    let mut pending = vec![root.to_owned()];
    while let Some(path) = pending.pop() {
        let metadata = path.symlink_metadata().unwrap();
        let kind = metadata.file_type();
        let content = if kind.is_symlink() {
            format!("{:?}", fs::read_link(&path).unwrap())
        } else if kind.is_file() {
            wimkit::util::sha1::Sha1::of(&fs::read(&path).unwrap()).to_string()
        } else {
            String::new()
        };
        if kind.is_dir() {
            pending.extend(fs::read_dir(&path).unwrap().map(|entry| entry.unwrap().path()));
        }
        // Whether a directory's size or link count agrees is the file system's business.
        let name = path.strip_prefix(root).unwrap().to_str().unwrap().to_owned();
        let (mode, uid, gid, device) = (metadata.mode(), metadata.uid(), metadata.gid(), metadata.rdev());
        found.insert(name, (metadata.ino(), format!("{mode:o} {uid}:{gid} {device:#x} {content}")));
    }
    let mut firsts = HashMap::new();
    let of = |(name, (inode, text)): (String, (u64, String))| {
        let first = firsts.entry(inode).or_insert_with(|| name.clone()).clone();
        (name, format!("{text} = {first}"))
    };
    found.into_iter().map(of).collect()
}

#[track_caller]
fn assert_same(expected: &Path, found: &Path, what: &str) {
    let (expected, found) = (facts(expected), facts(found));
    for (name, facts) in &expected {
        assert_eq!(found.get(name), Some(facts), "{what}: {name}");
    }
    assert_eq!(expected.len(), found.len(), "{what}");
}

/// What wimlib reads of Unix in an image.
fn unix_lines(wim: &Path) -> Vec<String> {
    let output = run("wimlib-imagex", &["dir", arg(wim), "1", "--detailed"]).stdout;
    let text = String::from_utf8(output).unwrap();
    let lines = text.lines().filter(|line| line.starts_with("Full Path") || line.starts_with("UNIX Data"));
    lines.map(str::to_owned).collect()
}

#[test]
fn owners_and_modes_come_back() {
    if !is_root() {
        return;
    }
    for seed in 1..6 {
        let scene = Scene::new();
        let (tree, ours, out) = (scene.path("tree"), scene.path("ours.wim"), scene.path("out"));
        make_tree(&tree, seed * 0x1E37_79B9_7F4A_7C15);
        let captured = json(&["capture", arg(&tree), arg(&ours), "--unix-data"]);
        assert_eq!(captured["left_out"], serde_json::json!([]));
        expect(0, &["verify", arg(&ours)]);
        let applied = json(&["apply", arg(&ours), "1", arg(&out), "--unix-data"]);
        assert_same(&tree, &out, "ours, by us");
        assert_eq!((&applied["omitted_tagged_items"], &applied["omitted_owners"]), (&0.into(), &0.into()));
        // Again, in the place of what is there.
        expect(0, &["extract", arg(&ours), "1", "--to", arg(&out), "--unix-data", "--overwrite"]);
        assert_same(&tree, &out, "ours, in place of what was there");
        assert_eq!(
            fs::read_dir(&out).unwrap().count(),
            fs::read_dir(&tree).unwrap().count(),
            "no temporary name is left"
        );
        if !has_peer("wimlib-imagex") {
            continue;
        }
        let (theirs, theirs_out, ours_out) = (scene.path("theirs.wim"), scene.path("theirs"), scene.path("ours"));
        run("wimlib-imagex", &["apply", arg(&ours), "1", arg(&theirs_out), "--unix-data"]);
        assert_same(&tree, &theirs_out, "ours, by wimlib");
        run("wimlib-imagex", &["capture", arg(&tree), arg(&theirs), "--unix-data"]);
        assert_eq!(unix_lines(&ours), unix_lines(&theirs));
        expect(0, &["apply", arg(&theirs), "1", arg(&ours_out), "--unix-data"]);
        assert_same(&tree, &ours_out, "wimlib's, by us");
    }
}

#[test]
fn nothing_of_it_without_the_option() {
    let scene = Scene::new();
    let (tree, wim) = (scene.path("tree"), scene.path("a.wim"));
    fs::create_dir(&tree).unwrap();
    fs::write(tree.join("file"), "text").unwrap();
    fs::create_dir(tree.join("directory")).unwrap();
    fs::set_permissions(tree.join("directory"), fs::Permissions::from_mode(0o700)).unwrap();
    fs::set_permissions(tree.join("file"), fs::Permissions::from_mode(0o4711)).unwrap();
    assert!(make_node(&tree.join("pipe"), rustix::fs::FileType::Fifo, 0));
    let plain = json(&["capture", arg(&tree), arg(&wim)]);
    assert_eq!((plain["left_out"].as_array().unwrap().len(), &plain["files"]), (1, &1.into()));
    let lost = json(&["apply", arg(&wim), "1", arg(&scene.path("plain")), "--unix-data"]);
    assert_eq!(lost["omitted_tagged_items"], 0, "nothing was kept");

    expect(0, &["capture", arg(&tree), arg(&wim), "--unix-data", "--force"]);
    let out = scene.path("out");
    let applied = json(&["apply", arg(&wim), "1", arg(&out)]);
    assert_eq!(applied["omitted_tagged_items"], 4, "the root, too");
    let mode_of = |path: &str| fs::metadata(scene.path(path)).unwrap().mode();
    assert_eq!(mode_of("out/directory"), mode_of("plain/directory"), "what no mode is kept of has the usual one");
    assert_eq!(mode_of("out/directory"), mode_of("out"));
    assert_eq!(fs::metadata(out.join("file")).unwrap().mode() & 0o7000, 0);
    assert!(fs::symlink_metadata(out.join("pipe")).unwrap().is_file());
    expect(0, &["apply", arg(&wim), "1", arg(&scene.path("unix")), "--unix-data"]);
    assert_eq!(fs::metadata(scene.path("unix/file")).unwrap().mode() & 0o7777, 0o4711);
    assert!(fs::symlink_metadata(scene.path("unix/pipe")).unwrap().file_type().is_fifo());
}

/// An image with these entries: the mode decides nothing but what is said for Unix.
fn hostile(path: &Path, entries: &[(&str, &str, UnixData)]) {
    let mut image = ImageBuilder::new();
    for (name, content, data) in entries {
        let id = match name.strip_suffix('/') {
            Some(name) => image.directory(name).unwrap(),
            None => image.file(name, *content).unwrap(),
        };
        image.add_tagged_item(id, UNIX_DATA, &data.encode());
    }
    image.write(path, &Options::default(), Control::silent()).unwrap();
}

#[test]
fn what_an_image_says_is_not_believed() {
    let scene = Scene::new();
    let (wim, out) = (scene.path("a.wim"), scene.path("out"));
    let own = UnixData {
        uid: rustix::process::geteuid().as_raw(),
        gid: rustix::process::getegid().as_raw(),
        mode: 0o100_644,
        rdev: 0,
    };
    let mode = |mode| UnixData { mode, ..own };
    hostile(
        &wim,
        &[
            ("device with content", "text", mode(0o020_666)),
            ("directory as link/", "", mode(0o120_777)),
            ("directory as pipe/", "", mode(0o010_777)),
            ("file as directory", "text", mode(0o040_777)),
            ("file as link", "text", mode(0o120_777)),
            ("unknown", "", mode(0o170_777)),
            ("every bit", "text", mode(0xFFF0_8000 | 0o1755)),
            ("nobody", "text", UnixData { uid: u32::MAX, gid: u32::MAX, mode: 0o106_755, rdev: 0 }),
            ("no kind", "text", mode(0o640)),
            ("pipe", "", mode(0o010_600)),
        ],
    );
    let output = expect(1, &["apply", arg(&wim), "1", arg(&out), "--unix-data", "--json"]);
    let document: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let refused: Vec<&str> =
        document["refused"].as_array().unwrap().iter().map(|entry| entry["path"].as_str().unwrap()).collect();
    let expected = [
        "/device with content",
        "/directory as link",
        "/directory as pipe",
        "/file as directory",
        "/file as link",
        "/unknown",
    ];
    let mut sorted = refused.clone();
    sorted.sort_unstable();
    assert_eq!(sorted, expected);
    assert!(stderr(&output).contains("is that of another kind of file"), "{}", stderr(&output));
    let mode_of = |name: &str| fs::symlink_metadata(out.join(name)).unwrap().mode();
    assert_eq!(mode_of("every bit"), 0o101_755);
    assert_eq!(mode_of("nobody"), 0o100_755, "who belongs to nobody lends nobody's rights");
    assert_eq!((mode_of("no kind"), document["omitted_owners"].as_u64()), (0o100_640, Some(1)));
    assert!(fs::symlink_metadata(out.join("pipe")).unwrap().file_type().is_fifo());
}

#[test]
fn links_in_the_way_are_not_followed() {
    let scene = Scene::new();
    let (wim, out) = (scene.path("a.wim"), scene.path("out"));
    let uid = rustix::process::geteuid().as_raw();
    let data = |mode| UnixData { uid, gid: rustix::process::getegid().as_raw(), mode, rdev: 0 };
    hostile(
        &wim,
        &[("pipe", "", data(0o010_777)), ("file", "text", data(0o100_777)), ("directory/", "", data(0o040_777))],
    );
    let victims = scene.path("victims");
    fs::create_dir_all(victims.join("directory")).unwrap();
    fs::create_dir(&out).unwrap();
    for name in ["pipe", "file", "directory"] {
        if name != "directory" {
            fs::write(victims.join(name), "old").unwrap();
        }
        fs::set_permissions(victims.join(name), fs::Permissions::from_mode(0o700)).unwrap();
        symlink(victims.join(name), out.join(name)).unwrap();
    }
    let before = facts(&victims);
    let output = expect(1, &["apply", arg(&wim), "1", arg(&out), "--unix-data", "--overwrite"]);
    assert!(stderr(&output).contains("/directory: "), "{}", stderr(&output));
    assert_eq!(facts(&victims), before);
    assert!(fs::symlink_metadata(out.join("pipe")).unwrap().file_type().is_fifo());
    assert!(fs::symlink_metadata(out.join("file")).unwrap().is_file());
}

/// As a user who may give nothing away.
#[test]
fn what_needs_privileges_is_counted() {
    if !is_root() {
        return;
    }
    const NOBODY: u32 = 65534;
    let scene = Scene::new();
    fs::set_permissions(scene.path(""), fs::Permissions::from_mode(0o755)).unwrap();
    let (tree, wim, out) = (scene.path("tree"), scene.path("a.wim"), scene.path("out"));
    fs::create_dir(&tree).unwrap();
    for (name, owner, mode) in [("root's", 0, 0o4755), ("own", NOBODY, 0o4755), ("group's", 0, 0o2711)] {
        fs::write(tree.join(name), name).unwrap();
        chown(tree.join(name), Some(owner), Some(owner)).unwrap();
        fs::set_permissions(tree.join(name), fs::Permissions::from_mode(mode)).unwrap();
    }
    assert!(make_node(&tree.join("pipe"), rustix::fs::FileType::Fifo, 0));
    let has_devices = make_node(&tree.join("null"), rustix::fs::FileType::CharacterDevice, rustix::fs::makedev(1, 3));
    if has_devices {
        fs::hard_link(tree.join("null"), tree.join("null again")).unwrap();
    }
    expect(0, &["capture", arg(&tree), arg(&wim), "--unix-data"]);
    fs::create_dir(&out).unwrap();
    chown(&out, Some(NOBODY), Some(NOBODY)).unwrap();
    fs::write(out.join("null"), "was there").unwrap();
    let program = scene.path("wimkit");
    fs::copy(assert_cmd::cargo::cargo_bin("wimkit"), &program).unwrap();
    let output = Command::new(&program)
        .args(["apply", arg(&wim), "1", arg(&out), "--unix-data", "--overwrite", "--json"])
        .uid(NOBODY)
        .gid(NOBODY)
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    let document: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    // The root, two files and the pipe are root's.
    assert_eq!(document["omitted_owners"], 4, "{document}");
    assert_eq!(document["omitted_special_files"], u64::from(has_devices), "{document}");
    assert_eq!((&document["set_id_files"], &document["special_files"]), (&1.into(), &1.into()), "{document}");
    assert_eq!((document["files"].as_u64(), document["hard_links"].as_u64()), (Some(4), Some(0)));
    let mode_of = |name: &str| fs::symlink_metadata(out.join(name)).unwrap().mode() & 0o7777;
    assert_eq!((mode_of("root's"), mode_of("own"), mode_of("group's")), (0o755, 0o4755, 0o711));
    assert_eq!(fs::read_to_string(out.join("null")).unwrap(), "was there");
    assert_eq!(fs::read_dir(&out).unwrap().count(), 5, "no temporary name is left");
}
