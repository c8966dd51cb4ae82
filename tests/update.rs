//! Changing the inside of images: through the program, against a plain model on disk, and against wimlib.

mod support;

use assert_cmd::cargo::cargo_bin;
use std::fs;
use std::io::Write;
#[cfg(unix)]
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use support::scene::Scene;
use support::{Noise, arg, assert_same_tree, expect, has_peer, json, make_tree, run, stderr, wimkit};
use wimkit::util::progress::Control;
use wimkit::util::sha1::Sha1;
use wimkit::wim::capture::Options;
use wimkit::wim::{ImageBuilder, ImageIndex, OpenOptions, Wim};

impl Scene {
    /// A file beside the archives.
    fn file(&self, name: &str, content: &[u8]) -> PathBuf {
        let path = self.path(name);
        fs::write(&path, content).unwrap();
        path
    }
}

fn options(name: &str) -> Options {
    Options { name: name.into(), ..Options::default() }
}

fn image(index: u32) -> ImageIndex {
    ImageIndex::new(index).unwrap()
}

fn open(path: &Path) -> Wim {
    Wim::open(path, &OpenOptions::default()).unwrap()
}

fn cat(wim: &Path, image: &str, path: &str) -> Vec<u8> {
    expect(0, &["cat", arg(wim), image, path]).stdout
}

/// Everything in the file is sound, and its counts are right, as three programs see it.
fn verify(wim: &Path) {
    let output = expect(0, &["verify", arg(wim)]);
    assert!(!stderr(&output).contains("warning"), "{}", stderr(&output));
    if has_peer("wimlib-imagex") {
        run("wimlib-imagex", &["verify", arg(wim)]);
    }
    if has_peer("7zz") {
        run("7zz", &["t", arg(wim)]);
    }
}

const WINRE: &str = "Windows/System32/Recovery/winre.wim";

/// Two editions that share most of what they have.
fn two_editions(scene: &Scene) -> PathBuf {
    let wim = scene.path("install.wim");
    let mut noise = Noise(0x1234_5678_9ABC_DEF1);
    let shared = noise.text(300_000);
    for edition in ["Home", "Pro"] {
        let mut builder = ImageBuilder::new();
        let kernel = builder.file("Windows/System32/ntoskrnl.exe", &*shared).unwrap();
        builder.set_security_descriptor(kernel, &[7; 24]);
        builder.hard_link("Windows/WinSxS/kernel/ntoskrnl.exe", kernel).unwrap();
        builder.file("Windows/edition.txt", edition).unwrap();
        builder.junction("Documents and Settings", "C:\\Users").unwrap();
        builder.directory("Windows/System32/RECOVERY").unwrap();
        let (options, control) = (options(edition), Control::silent());
        let written = if edition == "Home" {
            builder.write(&wim, &options, control)
        } else {
            builder.append(&wim, &options, control)
        };
        assert_eq!(written.unwrap().hard_links, 1);
    }
    verify(&wim);
    wim
}

#[test]
fn the_recovery_environment_of_every_edition() {
    let scene = Scene::new();
    let wim = two_editions(&scene);
    let mut noise = Noise(0x0BAD_CAFE_0000_0001);
    let [old, new] = [1, 2].map(|_| noise.bytes(200_000));
    let old_file = scene.file("old winre.wim", &old);
    let command = format!("add '{}' {WINRE}", arg(&old_file));
    let done = json(&["update", arg(&wim), "all", "--command", &command]);
    assert_eq!((&done["schema"], &done["stored_blobs"]), (&"wimkit.update/1".into(), &1.into()), "{done}");
    assert_eq!(done["images"][1]["added"], 1, "{done}");
    verify(&wim);

    // Both again, by one command; only the new one and metadata are added, and the old one leaves the table.
    let new_file = scene.file("winre.wim", &new);
    let command = format!("add {} \\windows\\system32\\recovery\\WinRE.wim", arg(&new_file));
    let before = fs::metadata(&wim).unwrap().len();
    let done = json(&["update", arg(&wim), "all", "--command", &command]);
    assert_eq!((&done["stored_blobs"], &done["unused_bytes"]), (&1.into(), &200_000.into()), "{done}");
    assert_eq!(done["images"][0]["replaced"], 1, "{done}");
    let growth = fs::metadata(&wim).unwrap().len() - before;
    assert!(growth < 200_000 + 20_000, "{growth}");
    for image in ["1", "2"] {
        assert!(cat(&wim, image, WINRE) == new, "image {image}");
    }
    let opened = open(&wim);
    let contents = opened.contents().unwrap();
    assert_eq!(contents.find(&Sha1::of(&new)).unwrap().reference_count, 2);
    assert!(contents.find(&Sha1::of(&old)).is_none());
    let tree = opened.metadata(image(2)).unwrap();
    assert_eq!(tree.lookup(WINRE).unwrap().path(), "/Windows/System32/RECOVERY/winre.wim", "as the image spells it");
    verify(&wim);

    // Written anew, the old one takes no space any more, and nothing else changes.
    let rename = format!("rename {WINRE} {WINRE}2");
    let done = json(&["update", arg(&wim), "Pro", "-c", &rename, "--rebuild", "--check"]);
    assert!(done["size"].as_u64() < done["old_size"].as_u64().map(|size| size - 150_000), "{done}");
    verify(&wim);
    assert!(cat(&wim, "Pro", &format!("{WINRE}2")) == new && cat(&wim, "Home", WINRE) == new);
    let tree = open(&wim).metadata(image(1)).unwrap();
    let kernel = tree.lookup("Windows/System32/ntoskrnl.exe").unwrap();
    assert_eq!((kernel.link_count(), kernel.security_descriptor()), (2, Some(&[7; 24][..])));
}

#[test]
fn files_of_another_image_come_without_being_unpacked() {
    let scene = Scene::new();
    let wim = two_editions(&scene);
    let other = scene.path("other.wim");
    let mut noise = Noise(77);
    let content = noise.text(500_000);
    let mut builder = ImageBuilder::new();
    let dll = builder.file("tools/new.dll", &*content).unwrap();
    builder.set_security_descriptor(dll, &[9; 20]);
    builder.stream(dll, "stream", "of the dll").unwrap();
    builder.hard_link("tools/sub/again.dll", dll).unwrap();
    builder.symlink("tools/link", "sub", true).unwrap();
    builder.write(&other, &options("Other"), Control::silent()).unwrap();

    let address = format!("add {}!/1/tools Windows/Tools", arg(&other));
    let done = json(&["update", arg(&wim), "1", "--command", &address]);
    assert_eq!((&done["copied_blobs"], &done["encoded_blobs"]), (&3.into(), &0.into()), "{done}");
    let from_image = ["--from-image", arg(&other), "Other", "--command", "add tools/new.dll /new.dll"];
    let done = json(&[&["update", arg(&wim), "2"][..], &from_image].concat());
    assert_eq!((&done["copied_blobs"], &done["stored_blobs"]), (&0.into(), &0.into()), "{done}");
    verify(&wim);
    let opened = open(&wim);
    let tree = opened.metadata(image(1)).unwrap();
    let dll = tree.lookup("Windows/Tools/new.dll").unwrap();
    assert_eq!((dll.link_count(), dll.security_descriptor()), (2, Some(&[9; 20][..])));
    assert_eq!(dll.streams().count(), 2);
    assert!(tree.lookup("Windows/Tools/link").unwrap().is_reparse_point());
    let tree = opened.metadata(image(2)).unwrap();
    assert_eq!(tree.lookup("new.dll").unwrap().security_descriptor(), Some(&[9; 20][..]));
    assert!(cat(&wim, "2", "new.dll") == content);

    // Other compressions decode and compress it; a cabinet's member comes as a plain file.
    let cabinet = scene.file("some.cab", &support::cabinet(&[("in the cabinet.txt", b"packed")]));
    let member = format!("add '{}!/in the cabinet.txt' /from-cab.txt", arg(&cabinet));
    let xpress = scene.path("xpress.wim");
    expect(0, &["export", arg(&wim), "1", arg(&xpress), "--compress", "xpress"]);
    expect(0, &["update", arg(&xpress), "1", "-c", "delete --recursive Windows/Tools"]);
    let done = json(&["update", arg(&xpress), "1", "-c", &address, "-c", &member, "--rebuild"]);
    assert_eq!(done["encoded_blobs"], 3, "{done}");
    verify(&xpress);
    assert_eq!(cat(&xpress, "1", "from-cab.txt"), b"packed");

    // Within one file, from one image into another.
    let inside = format!("add {}!/Home/Windows/edition.txt /home.txt", arg(&wim));
    let done = json(&["update", arg(&wim), "Pro", "-c", &inside]);
    assert_eq!((&done["stored_blobs"], &done["copied_blobs"]), (&0.into(), &0.into()), "{done}");
    assert_eq!(cat(&wim, "Pro", "home.txt"), b"Home");
    verify(&wim);
}

#[test]
fn what_cannot_be_done_changes_nothing() {
    const TWINS: &str = "does not tell its name from";
    let scene = Scene::new();
    let wim = two_editions(&scene);
    let before = fs::read(&wim).unwrap();
    fs::create_dir(scene.path("dir")).unwrap();
    fs::write(scene.path("dir/name"), "1").unwrap();
    fs::write(scene.path("dir/NAME"), "2").unwrap();
    let file = scene.file("file", b"x");
    let [dir, file] = [scene.path("dir"), file].map(|path| arg(&path).to_owned());
    let script = scene.file("script", b"delete Windows/edition.txt\n\nmove a b\n");
    let names = || -> Vec<_> { fs::read_dir(scene.root()).unwrap().map(|entry| entry.unwrap().path()).collect() };
    let there = names().len();
    for (arguments, word) in [
        (&["-c", "delete nothing"][..], "no such file or directory"),
        (&["-c", "delete Windows"], "--recursive"),
        (&["-c", "rename Windows windows/system32/x"], "which is inside it"),
        (&["-c", "rename windows/edition.txt Windows"], "this is a directory"),
        (&["-c", &format!("add {dir} /x")], TWINS),
        (&["-c", &format!("add {file} Windows")], "this is a directory"),
        (&["-c", &format!("add {file} 'Documents and Settings/x'")], "no directory"),
        (&["-c", &format!("add {file} x/con")], "name of a device"),
        (&["-c", &format!("add --no-replace {file} windows/Edition.txt")], "exists"),
        (&["-c", &format!("add {file}2 x")], "file2: "),
        (&["-c", "add 'open"], "does not end"),
        (&["--commands", arg(&script)], "line 3: \"move\" is no command"),
    ] {
        if cfg!(windows) && word == TWINS {
            continue; // they are one file
        }
        for rebuild in [&[][..], &["--rebuild"]] {
            let output =
                expect(2, &[&["update", arg(&wim), "all", "-c", "delete --force q"], arguments, rebuild].concat()[..]);
            assert!(stderr(&output).contains(word), "{arguments:?}: {}", stderr(&output));
            assert!(fs::read(&wim).unwrap() == before, "{arguments:?}");
        }
    }
    let output = expect(2, &["update", arg(&wim), "all", "-c", "# nothing"]);
    assert!(stderr(&output).contains("no command") && stderr(&output).contains("--commands"), "{}", stderr(&output));
    // One image has what another has not: neither changes.
    expect(0, &["update", arg(&wim), "2", "-c", "delete windows/edition.txt"]);
    let before = fs::read(&wim).unwrap();
    let output = expect(2, &["update", arg(&wim), "all", "-c", "delete windows/edition.txt"]);
    assert!(stderr(&output).contains("image 2"), "{}", stderr(&output));
    assert!(fs::read(&wim).unwrap() == before);
    expect(2, &["update", arg(&wim), "3", "-c", "delete x"]);
    assert_eq!(names().len(), there, "nothing is left");
}

#[test]
fn commands_come_from_files_and_standard_input() {
    let scene = Scene::new();
    let wim = two_editions(&scene);
    let mut child = Command::new(cargo_bin("wimkit"))
        .args(["update", arg(&wim), "1", "--commands", "-", "-c", "rename a/b.txt a/c.txt", "--quiet"])
        .stdin(Stdio::piped())
        .spawn()
        .unwrap();
    let file = scene.file("x y", b"content");
    let script = format!("# first\r\nadd \"{}\" a/b.txt\r\n", arg(&file));
    child.stdin.take().unwrap().write_all(script.as_bytes()).unwrap();
    assert!(child.wait().unwrap().success());
    assert_eq!(cat(&wim, "1", "A/C.TXT"), b"content");
    verify(&wim);
}

#[test]
fn the_same_update_gives_the_same_bytes() {
    let scene = Scene::new();
    let wim = two_editions(&scene);
    let tree = scene.path("tree");
    make_tree(&tree);
    let command = format!("add {} /new", arg(&tree));
    let update = |name: &str, threads: &str, more: &[&str]| {
        let copy = scene.path(name);
        fs::copy(&wim, &copy).unwrap();
        let arguments = ["update", arg(&copy), "all", "-c", &command, "--quiet", "--threads", threads];
        let mut program = Command::new(cargo_bin("wimkit"));
        assert!(program.args(arguments).args(more).env("SOURCE_DATE_EPOCH", "4000000000").status().unwrap().success());
        fs::read(copy).unwrap()
    };
    assert!(update("1.wim", "1", &[]) == update("2.wim", "3", &[]));
    assert!(update("1.wim", "1", &["--rebuild"]) == update("2.wim", "3", &["--rebuild"]));
}

/// Lines of what wimlib tells of an image, but for times and how blobs are stored.
fn details(wim: &Path) -> Vec<String> {
    let output = run("wimlib-imagex", &["dir", arg(wim), "1", "--detailed"]);
    let text = String::from_utf8(output.stdout).unwrap();
    let moment = ["Time", "Last Access", "Link Group ID", "Compressed size", "Offset", "Flags "];
    assert!(text.contains("Last Write Time") && text.contains("Link Count"), "{text}");
    text.lines().filter(|line| !moment.iter().any(|word| line.contains(word))).map(str::to_owned).collect()
}

/// What commands do to a directory, as people would do it with `cp`, `rm` and `mv`.
struct Model(PathBuf);

impl Model {
    fn path(&self, inside: &str) -> PathBuf {
        self.0.join(inside.trim_start_matches('/'))
    }

    fn add(&self, source: &Path, destination: &str) {
        let target = self.path(destination);
        fs::create_dir_all(target.parent().unwrap()).unwrap();
        self.copy(source, &target);
    }

    fn copy(&self, source: &Path, target: &Path) {
        if source.symlink_metadata().unwrap().is_dir() {
            let _ = fs::create_dir(target);
            for entry in fs::read_dir(source).unwrap() {
                let entry = entry.unwrap();
                self.copy(&entry.path(), &target.join(entry.file_name()));
            }
            return;
        }
        let _ = fs::remove_file(target);
        match fs::read_link(source) {
            Ok(link) => symlink(link, target).unwrap(),
            Err(_) => drop(fs::copy(source, target).unwrap()),
        }
    }
}

/// In the place of a symbolic link, which takes a privilege: a file.
#[cfg(windows)]
fn symlink(target: impl AsRef<Path>, path: &Path) -> std::io::Result<()> {
    fs::write(path, arg(target.as_ref()))
}

/// Files, directories and links on disk, and where they are.
fn all_paths(root: &Path) -> Vec<(String, bool)> {
    support::read_tree(root)
        .into_keys()
        .map(|path| (format!("/{}", path.trim_end_matches('/')), path.ends_with('/')))
        .collect()
}

#[test]
fn random_commands_do_what_they_do_on_disk_and_in_wimlib() {
    let peer = has_peer("wimlib-imagex");
    for seed in 1..=12_u64 {
        let mut noise = Noise(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1);
        let scene = Scene::new();
        let (tree, added) = (scene.path("tree"), scene.path("added"));
        for root in [&tree, &added] {
            fs::create_dir(root).unwrap();
            let mut directories = vec![root.clone()];
            for number in 0..25 {
                let directory = directories[noise.next() as usize % directories.len()].clone();
                // Few names, so that trees meet.
                let path = directory.join(["a", "b", "c d", "ü", "e.txt", "f'"][noise.next() as usize % 6]);
                if path.symlink_metadata().is_ok() {
                    continue;
                }
                let size = [0, 1, 300, 40_000][noise.next() as usize % 4];
                match noise.next() % 6 {
                    0 | 1 => {
                        fs::create_dir(&path).unwrap();
                        directories.push(path);
                    }
                    2 if number > 5 => symlink("a", &path).unwrap(),
                    _ => fs::write(&path, noise.text(size)).unwrap(),
                }
            }
        }
        let (ours, theirs) = (scene.path("ours.wim"), scene.path("theirs.wim"));
        if peer {
            run("wimlib-imagex", &["capture", arg(&tree), arg(&ours), "tree"]);
        } else {
            expect(0, &["capture", arg(&tree), arg(&ours)]);
        }
        fs::copy(&ours, &theirs).unwrap();
        let model = Model(tree.clone());
        let mut script = String::from("# made up\n");
        // wimlib makes hard links of a file that is added twice.
        let mut taken: Vec<String> = Vec::new();
        let quoted = |path: &str| format!("\"{path}\"");
        for number in 0..12 {
            let inside = all_paths(&tree);
            let sources = all_paths(&added);
            let pick = |noise: &mut Noise, list: &[(String, bool)]| list[noise.next() as usize % list.len()].clone();
            if inside.len() < 3 {
                break;
            }
            match noise.next() % 4 {
                0 | 1 => {
                    let (source, is_directory) = pick(&mut noise, &sources);
                    let is_inside = |inner: &str, outer: &str| format!("{inner}/").starts_with(&format!("{outer}/"));
                    if taken.iter().any(|other| is_inside(other, &source) || is_inside(&source, other)) {
                        continue;
                    }
                    taken.push(source.clone());
                    let (mut target, target_is_directory) = pick(&mut noise, &inside);
                    // What would be refused, or meet what is of another kind, goes to a place of its own.
                    let on_disk = added.join(source.trim_start_matches('/'));
                    if is_directory != target_is_directory || meets_another_kind(&on_disk, &model.path(&target)) {
                        target = format!("/new {number}/{}", source.trim_start_matches('/'));
                    }
                    model.add(&on_disk, &target);
                    script += &format!("add {} {}\n", quoted(arg(&on_disk)), quoted(&target));
                }
                2 => {
                    let (path, is_directory) = pick(&mut noise, &inside);
                    let on_disk = model.path(&path);
                    if is_directory { fs::remove_dir_all(on_disk) } else { fs::remove_file(on_disk) }.unwrap();
                    script += &format!("delete --recursive {}\n", quoted(&path));
                }
                _ => {
                    let (from, is_directory) = pick(&mut noise, &inside);
                    let (to, to_is_directory) = pick(&mut noise, &inside);
                    let to = if noise.next() & 1 == 0 { to } else { format!("{to} {number}") };
                    // Windows puts a directory in the place of a file, too.
                    if is_directory != to_is_directory && model.path(&to).symlink_metadata().is_ok() {
                        continue;
                    }
                    if fs::rename(model.path(&from), model.path(&to)).is_ok() {
                        script += &format!("rename {} {}\n", quoted(&from), quoted(&to));
                    }
                }
            }
        }
        let commands = scene.file("commands", script.as_bytes());
        let rebuild: &[&str] = if seed % 3 == 0 { &["--rebuild"] } else { &[] };
        expect(0, &[&["update", arg(&ours), "1", "--commands", arg(&commands)], rebuild].concat());
        expect(0, &["verify", arg(&ours)]);
        let applied = scene.path("applied");
        expect(0, &["apply", arg(&ours), "1", arg(&applied)]);
        assert_same_tree(&tree, &applied, &format!("seed {seed}: {script}"));
        if peer {
            let input = fs::File::open(&commands).unwrap();
            let status = Command::new("wimlib-imagex")
                .args(["update", arg(&theirs), "1"])
                .stdin(input)
                .stdout(Stdio::null())
                .status();
            assert!(status.unwrap().success(), "seed {seed}: {script}");
            let (our, their) = (details(&ours), details(&theirs));
            for (place, (our, their)) in our.iter().zip(&their).enumerate() {
                assert_eq!(our, their, "seed {seed}, line {place}: {script}");
            }
            assert_eq!(our.len(), their.len(), "seed {seed}");
            let counts = |wim: &Path| {
                let image = json(&["info", arg(wim)])["images"][0].clone();
                ["files", "directories", "total_bytes", "hard_link_bytes"].map(|count| image[count].clone())
            };
            assert_eq!(counts(&ours), counts(&theirs), "seed {seed}: {script}");
            let by_wimlib = scene.path("by wimlib");
            run("wimlib-imagex", &["apply", arg(&ours), "1", arg(&by_wimlib)]);
            assert_same_tree(&tree, &by_wimlib, &format!("wimlib applies ours, seed {seed}"));
        }
    }
}

/// Whether a file would meet a directory if `source` were merged with `target`.
fn meets_another_kind(source: &Path, target: &Path) -> bool {
    let is_directory = |path: &Path| path.symlink_metadata().map(|found| found.is_dir()).ok();
    match (is_directory(source), is_directory(target)) {
        (Some(true), Some(true)) => fs::read_dir(source).unwrap().any(|entry| {
            let entry = entry.unwrap();
            meets_another_kind(&entry.path(), &target.join(entry.file_name()))
        }),
        (ours, Some(theirs)) => ours != Some(theirs),
        (_, None) => false,
    }
}

#[test]
fn commands_for_the_end_of_setup() {
    const SCRIPT: &str = "Windows/Setup/Scripts/SetupComplete.cmd";
    let scene = Scene::new();
    let wim = two_editions(&scene);
    let old = scene.file("old.cmd", b"@echo off\r\nshutdown /r /t 0\r\n");
    expect(0, &["update", arg(&wim), "2", "-c", &format!("add {} {SCRIPT}", arg(&old))]);
    let add =
        |command: &str, more: &[&str]| json(&[&["setup-action", "add", arg(&wim), "all", command], more].concat());
    let done = add("reg add HKLM\\SOFTWARE\\Marker /v Date /d 1 /f", &["--description", "Mark it"]);
    assert_eq!((&done["schema"], &done["images"][0]["changed"]), (&"wimkit.setup-action/1".into(), &true.into()));
    let done = add("echo early", &["--priority", "10"]);
    assert_eq!(done["images"][1]["actions"][0]["command"], "echo early", "{done}");
    let size = fs::metadata(&wim).unwrap().len();
    assert_eq!(add("echo early", &["-p", "10"])["images"][0]["changed"], false);
    assert_eq!(fs::metadata(&wim).unwrap().len(), size, "nothing is written that is there already");

    let script = String::from_utf8(cat(&wim, "2", SCRIPT)).unwrap();
    let lines: Vec<&str> = script.split("\r\n").filter(|line| !line.starts_with("rem ")).collect();
    let expected =
        ["@echo off", "echo early", "reg add HKLM\\SOFTWARE\\Marker /v Date /d 1 /f", "shutdown /r /t 0", ""];
    assert_eq!(lines, expected);
    assert!(script.contains("priority 50: Mark it\r\n"), "{script}");
    assert_eq!(cat(&wim, "2", "Windows/Setup/Scripts/SetupComplete.original.cmd"), fs::read(&old).unwrap());
    expect(2, &["cat", arg(&wim), "1", "Windows/Setup/Scripts/SetupComplete.original.cmd"]);

    let listed = expect(0, &["setup-action", "list", arg(&wim), "1"]);
    let listed = String::from_utf8(listed.stdout).unwrap();
    let id = listed.split_whitespace().next().unwrap();
    assert!(listed.contains("10  echo early") && listed.contains("Mark it"), "{listed}");
    expect(0, &["setup-action", "remove", arg(&wim), "all", id]);
    assert!(!String::from_utf8(cat(&wim, "1", SCRIPT)).unwrap().contains("early"));
    verify(&wim);
    let output = expect(2, &["setup-action", "add", arg(&wim), "1", "two\r\nlines"]);
    assert!(stderr(&output).contains("more than one line"), "{}", stderr(&output));
}

/// A file of 64 MiB in the place of another, in an archive of some 260 MiB: the file grows by it and the metadata.
#[test]
fn replacing_costs_what_is_new() {
    let scene = Scene::new();
    let wim = scene.path("large.wim");
    let mut noise = Noise(3);
    let mut builder = ImageBuilder::new();
    let block = noise.bytes(4 << 20);
    for number in 0..48_u8 {
        let mut content = block.clone();
        content.iter_mut().step_by(1000).for_each(|byte| *byte ^= number);
        builder.file(&format!("files/{number}"), content).unwrap();
    }
    let mut large = noise.bytes(64 << 20);
    builder.file("large.bin", large.clone()).unwrap();
    let stored = Options { compression: Some(wimkit::wim::export::Compression::new(None)), ..options("Large") };
    builder.write(&wim, &stored, Control::silent()).unwrap();
    let before = fs::read(&wim).unwrap();
    large[5] ^= 1;
    let file = scene.file("new", &large);
    expect(0, &["update", arg(&wim), "1", "-c", &format!("add {} large.bin", arg(&file))]);
    let after = fs::read(&wim).unwrap();
    let growth = after.len() - before.len();
    assert!(growth < (64 << 20) + 50_000, "{growth}");
    // All but the header is as it was.
    let tables = open(&wim).header().blob_table.offset_in_wim as usize;
    assert!(tables > before.len() && after[208..before.len()] == before[208..]);
}

/// An image with one file, a second with two, in a file whose table says of one of the contents that it has `stated` references,
/// and not `right` ones.
fn miscounted(content: &[u8], right: u32, stated: u32) -> (Scene, PathBuf) {
    let scene = Scene::new();
    fs::create_dir(scene.path("tree")).unwrap();
    scene.file("tree/shared", b"both images have this");
    let (tree, wim) = (scene.path("tree"), scene.path("a.wim"));
    expect(0, &["capture", arg(&tree), arg(&wim)]);
    scene.file("tree/other", b"the second alone has this");
    expect(0, &["append", arg(&tree), arg(&wim), "--name", "second"]);
    let mut bytes = fs::read(&wim).unwrap();
    // Their hash is in the blob table alone at a place behind the count; trees are compressed.
    let at = bytes.windows(20).rposition(|window| window == Sha1::of(content).0).unwrap() - 4;
    assert_eq!(bytes[at..at + 4], right.to_le_bytes());
    bytes[at..at + 4].copy_from_slice(&stated.to_le_bytes());
    fs::write(&wim, bytes).unwrap();
    (scene, wim)
}

/// Tables of other programs count wrongly; a blob that an image uses stays whatever they say.
#[test]
fn deleting_an_image_takes_nothing_from_others() {
    let content = b"both images have this";
    for stated in [1, 7] {
        let (_scene, wim) = miscounted(content, 2, stated);
        expect(0, &["delete", arg(&wim), "1"]);
        assert_eq!(cat(&wim, "1", "shared"), content, "{stated} stated");
        assert_eq!(open(&wim).contents().unwrap().find(&Sha1::of(content)).unwrap().reference_count, 1);
        verify(&wim);
    }
}

/// A count of nothing says nothing about what the images that are not touched have alone.
#[test]
fn what_a_table_does_not_count_is_kept() {
    let content = b"the second alone has this";
    for change in [&["delete"][..], &["update", "-c", "delete /shared"]] {
        let (_scene, wim) = miscounted(content, 1, 0);
        expect(0, &[&change[..1], &[arg(&wim), "1"], &change[1..]].concat());
        assert_eq!(cat(&wim, "second", "other"), content, "{change:?}");
        expect(0, &["verify", arg(&wim)]);
    }
}

/// Writing a file anew would lose what another program is adding to it.
#[test]
fn a_file_that_another_program_changes_is_not_replaced() {
    let scene = Scene::new();
    let (tree, wim) = (scene.path("tree"), scene.path("a.wim"));
    make_tree(&tree);
    expect(0, &["capture", arg(&tree), arg(&wim)]);
    let before = fs::read(&wim).unwrap();
    let held = fs::File::options().read(true).write(true).open(&wim).unwrap();
    // On Windows it is enough that it is open for writing.
    if cfg!(unix) {
        held.try_lock().unwrap();
    }
    for arguments in
        [&["optimize", arg(&wim)][..], &["update", arg(&wim), "1", "--rebuild", "-c", "delete --force /new"]]
    {
        let output = wimkit(arguments);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
        assert!(stderr(&output).contains("another program is writing this file"), "{}", stderr(&output));
    }
    assert!(fs::read(&wim).unwrap() == before);
    drop(held);
    expect(0, &["optimize", arg(&wim)]);
}

/// The new file takes the place of the one from which it takes over what did not change.
#[test]
fn a_file_replaces_the_one_it_is_an_update_of() {
    let scene = Scene::new();
    let (tree, wim) = (scene.path("tree"), scene.path("a.wim"));
    make_tree(&tree);
    expect(0, &["capture", arg(&tree), arg(&wim)]);
    let base = format!("{}!/1", arg(&wim));
    for _ in 0..2 {
        fs::write(tree.join("new"), "this was not there").unwrap();
        let done = json(&["capture", arg(&tree), arg(&wim), "--force", "--update-of", &base]);
        assert!(done["reused_files"].as_u64().unwrap() > 30 && done["brought_blobs"].as_u64().unwrap() > 10, "{done}");
        verify(&wim);
        let out = scene.path("out");
        expect(0, &["apply", arg(&wim), "1", arg(&out)]);
        assert_same_tree(&tree, &out, "the file that was replaced");
        fs::remove_dir_all(&out).unwrap();
    }
}
