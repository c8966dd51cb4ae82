//! What is left when the work cannot be finished: on a full disk, and after Ctrl-C. The old file as it was, no
//! temporary, and a message that names the file.

#![cfg(target_os = "linux")]
#![allow(clippy::print_stderr, reason = "what is not checked must be seen")]

mod support;

use assert_cmd::cargo::cargo_bin;
use rustix::process::{Pid, Signal, kill_process};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};
use support::{on_small_disk, read_tree, run, stderr};

fn sample(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata").join(name)
}

fn arg(path: &Path) -> &str {
    support::arg(path)
}

/// A directory with what a user may have there: images, one of them to be added to, and a file to be replaced.
fn make_scene() -> tempfile::TempDir {
    let scene = tempfile::tempdir().unwrap();
    std::fs::copy(sample("sample.wim"), scene.path().join("both.wim")).unwrap();
    let home = scene.path().join("home.wim");
    run(arg(&cargo_bin("wimkit")), &["export", arg(&sample("sample.wim")), "1", arg(&home), "--quiet"]);
    std::fs::write(scene.path().join("old.wim"), "what is to be replaced").unwrap();
    scene
}

fn file_size(scene: &Path, name: &str) -> u64 {
    std::fs::metadata(scene.join(name)).unwrap().len()
}

/// The command that fails for want of room, the file its message names, and the file that must not grow for that.
struct Case {
    arguments: &'static [&'static str],
    named: &'static str,
    /// `None`: anything of 48 KiB is too much.
    grows: Option<&'static str>,
}

const CASES: [Case; 10] = [
    Case { arguments: &["export", "SAMPLE", "all", "new.wim", "--compress", "none"], named: "new.wim", grows: None },
    Case { arguments: &["export", "SAMPLE", "all", "old.wim", "--force"], named: "old.wim", grows: None },
    Case {
        arguments: &["export", "SAMPLE", "all", "new.esd", "--compress", "recovery:1"],
        named: "new.esd",
        grows: None,
    },
    Case { arguments: &["split", "SAMPLE", "part.swm", "--size", "200K"], named: "part", grows: None },
    Case { arguments: &["export", "SAMPLE", "2", "home.wim"], named: "home.wim", grows: Some("home.wim") },
    Case {
        arguments: &["info", "both.wim", "1", "--set", "DESCRIPTION=LONG"],
        named: "both.wim",
        grows: Some("both.wim"),
    },
    Case { arguments: &["delete", "both.wim", "1"], named: "both.wim", grows: Some("both.wim") },
    Case { arguments: &["optimize", "both.wim", "--compress", "none"], named: "both.wim", grows: Some("both.wim") },
    Case { arguments: &["capture", "TREE", "old.wim", "--force"], named: "old.wim", grows: None },
    Case { arguments: &["append", "TREE", "home.wim", "--name", "New"], named: "home.wim", grows: Some("home.wim") },
];

impl Case {
    fn arguments(&self) -> Vec<String> {
        let long = "x".repeat(20_000);
        let argument = |argument: &&str| match *argument {
            "TREE" => arg(&sample("")).to_owned(),
            other => other.replace("SAMPLE", arg(&sample("sample.wim"))).replace("LONG", &long),
        };
        self.arguments.iter().map(argument).collect()
    }

    fn assert_failed_cleanly(&self, output: &Output, before: &Path, after: &Path) {
        let (arguments, said) = (self.arguments, stderr(output));
        assert_eq!(output.status.code(), Some(2), "{arguments:?}: {said}");
        assert!(said.starts_with(&format!("error: {}", self.named)), "{arguments:?}: {said}");
        support::assert_same_tree(before, after, &format!("{arguments:?}"));
    }
}

/// Files may not become larger than some size: writing beyond it fails as on a full disk, with another error.
#[test]
fn files_that_cannot_grow_stay_as_they_are() {
    let (scene, before) = (make_scene(), make_scene());
    for case in &CASES {
        let limit = case.grows.map_or(48 << 10, |name| file_size(scene.path(), name));
        let output = Command::new("sh")
            .current_dir(scene.path())
            .args(["-c", "trap '' XFSZ; ulimit -f \"$0\"; exec \"$@\"", &(limit / 512).to_string()])
            .arg(cargo_bin("wimkit"))
            .args(case.arguments())
            .output()
            .unwrap();
        case.assert_failed_cleanly(&output, before.path(), scene.path());
    }
}

#[test]
fn a_full_disk_leaves_everything_as_it_was() {
    let scene = make_scene();
    for case in &CASES {
        let after = tempfile::tempdir().unwrap();
        let free = if case.grows.is_some() { 4096 } else { 300 << 10 };
        let Some(output) = on_small_disk(scene.path(), free, after.path(), &case.arguments()) else { return };
        case.assert_failed_cleanly(&output, scene.path(), after.path());
        assert!(stderr(&output).contains("No space left"), "{}", stderr(&output));
    }
}

/// What was extracted when the disk was full is whole; what was not is not there.
#[test]
fn extraction_onto_a_full_disk_leaves_no_part_of_a_file() {
    let [empty, after, whole] = [(); 3].map(|()| tempfile::tempdir().unwrap());
    let extract = |to: &str| ["extract", arg(&sample("sample.wim")), "1", "--quiet", "--to", to].map(str::to_owned);
    run(arg(&cargo_bin("wimkit")), &extract(arg(whole.path())).each_ref().map(String::as_str));

    // It is seen beforehand that it does not fit; holes may make it smaller than it looks, so with them it is tried.
    for (more, message) in [(None, "bytes are to be extracted"), (Some("--sparse"), "No space left")] {
        let mut arguments = Vec::from(extract("."));
        arguments.extend(more.map(str::to_owned));
        let Some(output) = on_small_disk(empty.path(), 256 << 10, after.path(), &arguments) else { return };
        let said = stderr(&output);
        assert_eq!(output.status.code(), Some(2), "{said}");
        assert!(said.starts_with("error: .: ") && said.contains(message), "{said}");
    }
    let (whole, found) = (read_tree(whole.path()), read_tree(after.path()));
    assert!(found.len() < whole.len());
    for (name, content) in &found {
        assert!(whole.get(name).is_some_and(|expected| expected == content), "{name}");
    }
}

/// Extracts the sample where no file may be larger than some 20 KiB: the larger ones are refused, the others extracted.
fn extract_small_files(target: &Path, options: &[&str]) {
    let output = Command::new("sh")
        .args(["-c", "trap '' XFSZ; ulimit -f 20; exec \"$@\"", "sh"])
        .arg(cargo_bin("wimkit"))
        .args(["extract", arg(&sample("sample.wim")), "1", "--to", arg(target)])
        .args(options)
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(1), "{}", stderr(&output));
    assert!(stderr(&output).contains("not extracted: /Windows/System32/capability09.dll: "), "{}", stderr(&output));
}

#[test]
fn extraction_of_files_that_are_too_large_is_done_in_part() {
    let target = tempfile::tempdir().unwrap();
    extract_small_files(target.path(), &[]);
    let found = read_tree(target.path());
    assert!(found.contains_key("Windows/System32/readme.txt"));
    assert!(!found.contains_key("Windows/System32/capability09.dll"));
    // Limits are counted in units of 512 or 1024 bytes, by the shell.
    assert!(found.values().all(|content| content.len() <= 20 << 10));
}

#[test]
fn what_could_not_be_overwritten_is_still_there() {
    let target = tempfile::tempdir().unwrap();
    let system = target.path().join("Windows/System32");
    std::fs::create_dir_all(&system).unwrap();
    for name in ["capability09.dll", "readme.txt"] {
        std::fs::write(system.join(name), "old").unwrap();
    }
    extract_small_files(target.path(), &["--overwrite"]);
    let found = read_tree(target.path());
    assert_eq!(found["Windows/System32/capability09.dll"], b"old");
    assert_ne!(found["Windows/System32/readme.txt"], b"old");
    assert!(!found.keys().any(|name| name.ends_with(".tmp")));
}

/// Starts work that takes seconds, and sends the signal as soon as the work's output is open.
fn interrupt(scene: &Path, arguments: &[&str], is_open: impl Fn(&Path) -> bool) -> Output {
    let child = Command::new(cargo_bin("wimkit"))
        .current_dir(scene)
        .args(arguments)
        .args(["--threads", "1"])
        .stderr(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let pid = Pid::from_child(&child);
    let descriptors = PathBuf::from(format!("/proc/{}/fd", pid.as_raw_nonzero()));
    let begun = Instant::now();
    loop {
        let mut open = std::fs::read_dir(&descriptors).into_iter().flatten().flatten();
        if open.any(|descriptor| std::fs::read_link(descriptor.path()).is_ok_and(|path| is_open(&path))) {
            break;
        }
        assert!(begun.elapsed() < Duration::from_secs(60), "{arguments:?}: the output was never opened");
        std::thread::sleep(Duration::from_millis(1));
    }
    kill_process(pid, Signal::INT).unwrap();
    child.wait_with_output().unwrap()
}

#[test]
fn ctrl_c_leaves_everything_as_it_was() {
    let scene = make_scene();
    // For the work of adding to a file to take long, the file must lack everything.
    let empty = arg(&scene.path().join("empty.wim")).to_owned();
    std::fs::copy(sample("sample.wim"), &empty).unwrap();
    let wimkit = cargo_bin("wimkit");
    run(arg(&wimkit), &["delete", &empty, "all", "--quiet"]);
    run(arg(&wimkit), &["optimize", &empty, "--compress", "lzx", "--quiet"]);
    let before = read_tree(scene.path());

    let (source, tree) = (sample("sample.wim"), sample(""));
    // Small batches: the signal is seen between them.
    let anew = ["--recompress", "--memory", "256K"];
    for (output, arguments, more) in [
        (".new.wim.", &["export", arg(&source), "all", "new.wim"][..], &anew[..]),
        (".old.wim.", &["export", arg(&source), "all", "old.wim", "--force"], &anew),
        (".both.wim.", &["optimize", "both.wim"], &anew),
        ("empty.wim", &["export", arg(&source), "all", "empty.wim"], &anew),
        (".new.wim.", &["capture", arg(&tree), "new.wim"], &[]),
        ("empty.wim", &["append", arg(&tree), "empty.wim", "--name", "New"], &[]),
    ] {
        let is_output = |path: &Path| path.file_name().is_some_and(|name| name.to_string_lossy().starts_with(output));
        let output = interrupt(scene.path(), &[arguments, &["--compress", "lzx:9"], more].concat(), is_output);
        assert_eq!(output.status.code(), Some(130), "{arguments:?}: {}", stderr(&output));
        assert_eq!(stderr(&output), "interrupted\n", "{arguments:?}");
        let after = read_tree(scene.path());
        assert!(after.keys().eq(before.keys()), "{arguments:?}: {:?}", after.keys());
        assert!(after == before, "{arguments:?} changed a file");
    }
}
