//! Changes that are cut short: by `kill -9` at any moment, by a power cut, by a disk that fills up at any point. The
//! archive afterwards opens with the old images or with the new ones, all of them intact.
//!
//! `WIMKIT_CRASH_MOMENTS` is how often each change is cut short; the default is a short form.

#![cfg(target_os = "linux")]
#![allow(clippy::print_stderr, reason = "how much was tried must be seen")]

mod support;

use assert_cmd::cargo::cargo_bin;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};
use support::{Noise, arg, on_small_disk, read_tree};
use wimkit::util::progress::Control;
use wimkit::util::sha1::Sha1;
use wimkit::wim::header::{HEADER_SIZE, flag};
use wimkit::wim::{OpenOptions, Wim, recover, verify};

/// The file that is changed in place. `SAMPLE` stands for a file with two images, `TREE` for a directory.
const TARGET: &str = "target.wim";

/// Every kind of change of an existing file.
const CHANGES: [&[&str]; 8] = [
    &["append", "TREE", TARGET, "--name", "New"],
    &["append", "TREE", TARGET, "--name", "New", "--check"],
    &["export", "SAMPLE", "2", TARGET, "--name", "Another"],
    &["delete", TARGET, "1"],
    &["optimize", TARGET, "--compress", "lzx", "--recompress"],
    &["update", TARGET, "all", "--command", "add TREE/noise.bin Windows/new", "--command", "delete --recursive Users"],
    &["update", TARGET, "2", "--command", "delete Windows/System32/readme.txt", "--rebuild"],
    &["info", TARGET, "1", "--set", "DESCRIPTION=Changed", "--boot", "2"],
];

/// Whether a change writes the whole file anew.
fn is_anew(change: &[&str]) -> bool {
    change[0] == "optimize" || change.contains(&"--rebuild")
}

fn moments(default: u64) -> u64 {
    std::env::var("WIMKIT_CRASH_MOMENTS")
        .map_or(default, |text| text.parse().expect("WIMKIT_CRASH_MOMENTS is a number"))
}

fn sample() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata/sample.wim")
}

/// A directory with the file to be changed, and a tree to be put into it.
struct Scene {
    directory: tempfile::TempDir,
    tree: tempfile::TempDir,
}

impl Scene {
    fn new() -> Self {
        let (directory, tree) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let mut noise = Noise(0x5EED);
        for (name, size) in [("a.dll", 900_000), ("b.dll", 70_000), ("c.txt", 12)] {
            std::fs::write(tree.path().join(name), noise.text(size)).unwrap();
        }
        std::fs::write(tree.path().join("noise.bin"), noise.bytes(1_500_000)).unwrap();
        let scene = Self { directory, tree };
        scene.reset();
        scene
    }

    fn target(&self) -> PathBuf {
        self.directory.path().join(TARGET)
    }

    /// Makes the file what it was, and removes everything else.
    fn reset(&self) {
        for entry in std::fs::read_dir(self.directory.path()).unwrap() {
            std::fs::remove_file(entry.unwrap().path()).unwrap();
        }
        std::fs::copy(sample(), self.target()).unwrap();
    }

    fn arguments(&self, change: &[&str]) -> Vec<String> {
        let argument = |text: &&str| text.replace("TREE", arg(self.tree.path())).replace("SAMPLE", arg(&sample()));
        change.iter().map(argument).collect()
    }

    fn command(&self, change: &[&str]) -> Command {
        let mut command = Command::new(cargo_bin("wimkit"));
        command.current_dir(self.directory.path()).args(self.arguments(change)).stdout(Stdio::null());
        command
    }

    /// Makes the change as a whole; the images then, and how long it took.
    fn change(&self, change: &[&str]) -> (Images, Duration) {
        let begun = Instant::now();
        let output = self.command(change).output().unwrap();
        assert!(output.status.success(), "{change:?}: {}", said(&output));
        (Images::of(&self.target()), begun.elapsed())
    }
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// What the images of a file are, with the certainty that everything in it is intact.
#[derive(Debug, PartialEq)]
struct Images {
    images: Vec<Image>,
    boot: Option<u32>,
}

#[derive(Debug, PartialEq)]
struct Image {
    name: String,
    description: String,
    contents: Vec<Sha1>,
}

impl Images {
    fn of(path: &Path) -> Self {
        let wim = Wim::open(path, &OpenOptions::default()).unwrap();
        let found = verify::verify(&wim, &verify::Options::default(), Control::silent()).unwrap();
        assert!(found.findings.is_empty(), "{:?}", found.findings);
        let image = |index| {
            let xml = wim.xml().image(index).unwrap();
            let metadata = wim.metadata(wimkit::wim::ImageIndex::new(index).unwrap()).unwrap();
            Image {
                name: xml.name().unwrap_or_default().into_owned(),
                description: xml.description().unwrap_or_default().into_owned(),
                contents: metadata.blob_references().map(|(_, stream)| stream.sha1).collect(),
            }
        };
        let images = (1..=wim.image_count()).map(image).collect();
        Self { images, boot: wim.boot_index().map(|image| image.get()) }
    }
}

fn is_unfinished(path: &Path) -> bool {
    Wim::open(path, &OpenOptions::default()).unwrap().header().has(flag::WRITE_IN_PROGRESS)
}

#[test]
fn killed_at_any_moment() {
    let scene = Scene::new();
    let old = Images::of(&scene.target());
    let old_bytes = std::fs::read(scene.target()).unwrap();
    let mut noise = Noise(0xDEAD);
    for change in CHANGES {
        scene.reset();
        let (new, took) = scene.change(change);
        assert_ne!(new, Images { images: Vec::new(), boot: None });
        let [mut were_old, mut were_new, mut were_unfinished] = [0; 3];
        let moments = moments(15);
        for _ in 0..moments {
            scene.reset();
            let mut child = scene.command(change).stderr(Stdio::null()).spawn().unwrap();
            std::thread::sleep(took.mul_f64(noise.next() as f64 / u64::MAX as f64 * 1.3));
            child.kill().unwrap(); // SIGKILL
            child.wait().unwrap();

            let found = Images::of(&scene.target());
            if is_unfinished(&scene.target()) {
                were_unfinished += 1;
                assert!(found == old, "{change:?}: unfinished, and not the old images");
                // It says so, and what mends it does.
                let refused = scene.command(change).output().unwrap();
                assert_eq!(refused.status.code(), Some(2));
                assert!(said(&refused).contains("--recover"), "{}", said(&refused));
                let mended = scene.command(&["info", TARGET, "--recover"]).output().unwrap();
                assert!(mended.status.success(), "{}", said(&mended));
                assert!(std::fs::read(scene.target()).unwrap() == old_bytes, "{change:?}: recovered, but not the same");
            }
            if std::fs::read(scene.target()).unwrap() == old_bytes {
                were_old += 1;
                assert!(scene.change(change).0 == new, "{change:?}: made again, and not the new images");
            } else {
                were_new += 1;
                assert!(found == new, "{change:?}: neither the old images nor the new ones");
            }
        }
        eprintln!(
            "killed {moments} times in {took:.1?}: {}: {were_old} old (of which {were_unfinished} were recovered), {were_new} new",
            change[..2].join(" ")
        );
    }
}

/// One system call that touches the file.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Call {
    Write { offset: u64, size: u64 },
    Truncate { size: u64 },
    Sync,
}

/// The calls on the file `name` in what strace wrote, in order.
fn calls(log: &str, name: &str) -> Vec<Call> {
    let mut calls = Vec::new();
    for line in log.lines() {
        // 1234 pwrite64(3</tmp/x/target.wim>, "..."..., 4, 16) = 4
        let Some((call, result)) = line.rsplit_once(") = ") else { continue };
        let Some((function, arguments)) = call.split_once('(') else { continue };
        let function = function.rsplit(' ').next().unwrap();
        let Some((file, _)) = arguments.split_once('>') else { continue };
        let target = if function == "copy_file_range" { arguments.rsplit('<').next().unwrap() } else { file };
        if !target.split(['>', ',']).next().unwrap().ends_with(name) {
            continue;
        }
        let numbers: Vec<u64> =
            arguments.rsplit(", ").map_while(|word| word.trim_matches(['[', ']']).parse().ok()).collect();
        let written = result.split(' ').next().unwrap().parse().unwrap_or(0);
        calls.push(match function {
            "pwrite64" => Call::Write { offset: numbers[0], size: written },
            "ftruncate" => Call::Truncate { size: numbers[0] },
            "fsync" | "fdatasync" => Call::Sync,
            other => panic!("{other} is not expected on the file: {line}"),
        });
    }
    calls
}

/// A power cut loses any part of what was not synced. So: the mark is on the disk before anything is written, nothing that
/// the old header leads to is ever written over, and all that the new header leads to is on the disk before it.
#[test]
fn a_power_cut_finds_the_old_tables_or_the_new_ones() {
    if !support::has_peer("strace") {
        return;
    }
    let scene = Scene::new();
    let log = tempfile::NamedTempFile::new().unwrap();
    for change in CHANGES {
        scene.reset();
        let old_end = std::fs::metadata(scene.target()).unwrap().len();
        let status = Command::new("strace")
            .current_dir(scene.directory.path())
            .args([
                "-f",
                "-qq",
                "-y",
                "-s",
                "0",
                "-e",
                "trace=write,pwrite64,ftruncate,fsync,fdatasync,copy_file_range",
            ])
            .args(["-o", arg(log.path())])
            .arg(cargo_bin("wimkit"))
            .args(scene.arguments(change))
            .args(["--quiet", "--no-mmap", "--threads", "1"])
            .stdout(Stdio::null())
            .status()
            .unwrap();
        assert!(status.success());
        let log = std::fs::read_to_string(log.path()).unwrap();
        let calls = calls(&log, TARGET);
        if is_anew(change) {
            assert_eq!(calls, [], "a file that is written anew is not touched until it is replaced");
            continue;
        }
        let header = HEADER_SIZE as u64;
        let [Call::Write { offset: 0x10, size: 4 }, Call::Sync, between @ .., Call::Sync, last, Call::Sync] =
            &calls[..]
        else {
            panic!("{change:?}: {calls:?}")
        };
        assert_eq!(*last, Call::Write { offset: 0, size: header }, "{change:?}: {calls:?}");
        assert!(!between.is_empty(), "{change:?}");
        for call in between {
            let (Call::Write { offset: end, .. } | Call::Truncate { size: end }) = *call else { continue };
            assert!(end >= old_end, "{change:?}: {call:?} touches what the old header leads to, up to {old_end}");
        }
        eprintln!("power cuts: {}: {} calls before the header is switched", change[..2].join(" "), between.len());
    }
}

/// Whatever part of the unsynced bytes is on the disk, and whatever stands in place of the others.
#[test]
fn whatever_a_power_cut_left_behind_the_old_tables_is_taken_off() {
    let scene = Scene::new();
    let old = Images::of(&scene.target());
    let old_bytes = std::fs::read(scene.target()).unwrap();
    scene.change(CHANGES[0]);
    let new_bytes = std::fs::read(scene.target()).unwrap();
    let mut noise = Noise(0xB1AC);
    for _ in 0..moments(20) {
        let mut torn = old_bytes.clone();
        torn[0x10] |= flag::WRITE_IN_PROGRESS as u8;
        let tail = &new_bytes[old_bytes.len()..][..(noise.next() as usize) % (new_bytes.len() - old_bytes.len())];
        for sector in tail.chunks(512) {
            match noise.next() % 3 {
                0 => torn.extend_from_slice(sector),
                1 => torn.resize(torn.len() + sector.len(), 0),
                _ => torn.extend(noise.bytes(sector.len())),
            }
        }
        std::fs::write(scene.target(), &torn).unwrap();
        assert!(Images::of(&scene.target()) == old);
        let wim = Wim::open(&scene.target(), &OpenOptions::default()).unwrap();
        assert_eq!(recover::recover(&wim, Control::silent()).unwrap(), Some((torn.len() - old_bytes.len()) as u64));
        assert!(std::fs::read(scene.target()).unwrap() == old_bytes);
        let wim = Wim::open(&scene.target(), &OpenOptions::default()).unwrap();
        assert_eq!(recover::recover(&wim, Control::silent()).unwrap(), None);
    }
}

/// Tables that cannot be trusted are no reason to cut anything off.
#[test]
fn what_is_damaged_is_not_recovered() {
    let scene = Scene::new();
    let mut bytes = std::fs::read(scene.target()).unwrap();
    bytes[0x10] |= flag::WRITE_IN_PROGRESS as u8;
    let wim = Wim::open(&scene.target(), &OpenOptions::default()).unwrap();
    let image = wimkit::wim::ImageIndex::new(1).unwrap();
    let metadata = wim.metadata_entry(image).unwrap().resource.offset_in_wim as usize;
    drop(wim);
    bytes[metadata + 40] ^= 0xFF;
    bytes.extend([7; 1000]);
    std::fs::write(scene.target(), &bytes).unwrap();
    let output = scene.command(&["info", TARGET, "--recover"]).output().unwrap();
    assert_eq!(output.status.code(), Some(2), "{}", said(&output));
    assert!(std::fs::read(scene.target()).unwrap() == bytes);
}

#[test]
fn a_disk_that_fills_up_at_any_point() {
    let scene = Scene::new();
    let old = read_tree(scene.directory.path());
    let old_size = old[TARGET].len() as u64;
    let mut noise = Noise(0xF011);
    for change in CHANGES {
        scene.reset();
        let (new, _) = scene.change(change);
        let new_size = std::fs::metadata(scene.target()).unwrap().len();
        scene.reset();
        // A file that is written anew needs room for all of it.
        let needed = if is_anew(change) { new_size } else { new_size - old_size };
        let [mut refused, mut done] = [0; 2];
        for _ in 0..moments(5) {
            let after = tempfile::tempdir().unwrap();
            let free = noise.next() % (needed + needed / 4 + 8192);
            let arguments = scene.arguments(change);
            let Some(output) = on_small_disk(scene.directory.path(), free, after.path(), &arguments) else { return };
            match output.status.code() {
                Some(0) => {
                    done += 1;
                    assert!(Images::of(&after.path().join(TARGET)) == new, "{change:?} with {free} bytes free");
                }
                Some(2) => {
                    refused += 1;
                    assert!(said(&output).contains("No space left"), "{change:?}: {}", said(&output));
                    assert!(read_tree(after.path()) == old, "{change:?} with {free} bytes free");
                }
                other => panic!("{change:?} with {free} bytes free ends with {other:?}: {}", said(&output)),
            }
        }
        eprintln!("full disk: {}: {refused} stopped, {done} had room", change[..2].join(" "));
    }
}
