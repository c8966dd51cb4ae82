//! Images that are applied to directories, serviced there and captured again, instead of mounted.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Output;

use wimkit::util::sha1::Sha1;
use wimkit::wim::{OpenOptions, Wim};

use super::support::scene::{Scene, contents, media};
use super::support::{self, arg, expect};
use super::{AT_THE_SAME_TIME, CRASHED, assert_end, assert_said, stand_in};

pub(super) const TESTS: &[(&str, fn())] = &[
    ("applied_images_come_to_the_same_as_mounted_ones", applied_images_come_to_the_same_as_mounted_ones),
    ("what_follows_from_codes_where_images_are_applied", what_follows_from_codes_where_images_are_applied),
    ("the_way_is_a_setting_and_a_flag", the_way_is_a_setting_and_a_flag),
    ("several_applied_images_at_the_same_time", several_applied_images_at_the_same_time),
    ("an_applied_image_is_gone_on_with", an_applied_image_is_gone_on_with),
];

pub(super) const APPLY: [&str; 2] = ["--images", "apply"];

/// What a file states about its images, but for the moment of the last change and what follows from metadata.
fn statements(wim: &Path) -> serde_json::Value {
    let mut info = support::json(&["info", arg(wim)]);
    let mut images = info["images"].take();
    for image in images.as_array_mut().unwrap() {
        assert!(image["modification_time"].is_string(), "{image}");
        image["modification_time"].take();
        // Windows RE has not the same size to the byte.
        image["statistics"]["total_bytes"].take();
    }
    images
}

pub(super) fn applied(scene: &Scene) -> PathBuf {
    scene.path("sample/work/applied")
}

fn applied_images_come_to_the_same_as_mounted_ones() {
    let scene = Scene::with_stand_in();
    let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/refresh_dism_calls.txt");
    let golden = fs::read_to_string(golden).unwrap();
    let archives = ["boot.wim", "install.wim"].map(|name| scene.path("sample/newMedia/sources").join(name));
    let look = || archives.each_ref().map(|path| (contents(path), statements(path)));
    let others = || {
        let mut tree = support::read_tree(&scene.path("sample/newMedia"));
        tree.retain(|path, _| !path.ends_with(".wim"));
        tree
    };
    assert_end(&scene.run("", &["--images", "mount"]), 0, "");
    let (mounted, mounted_others) = (look(), others());
    assert_end(&scene.run("", &APPLY), 0, "");
    // The same calls, but for those that mount and unmount, on other directories.
    let is_about_mounts = |line: &&str| line.contains("/Mount-Image") || line.contains("/Unmount-Image");
    let expected: Vec<String> = golden
        .lines()
        .filter(|line| !is_about_mounts(line))
        .map(|line| line.replace("work/mount/", "work/applied/"))
        .collect();
    assert_eq!(scene.calls().lines().collect::<Vec<_>>(), expected);
    assert!(!applied(&scene).exists());
    for ((mounted, applied), path) in mounted.iter().zip(look()).zip(&archives) {
        support::assert_same(&bytes(&mounted.0), &bytes(&applied.0), arg(path));
        assert_eq!(mounted.1, applied.1, "{}", path.display());
        expect(0, &["verify", arg(path)]);
    }
    support::assert_same(&mounted_others, &others(), "other files");
    let install = &look()[1].0;
    assert!(
        install.contains_key(&format!("1/{}", stand_in::MARKER))
            && !install.contains_key(&format!("1/{}", stand_in::REMOVED))
    );
    expect(0, &["media", "check", arg(&scene.path("sample/newMedia"))]);
}

fn bytes(found: &BTreeMap<String, Sha1>) -> BTreeMap<String, Vec<u8>> {
    found.iter().map(|(path, sha1)| (path.clone(), sha1.0.to_vec())).collect()
}

fn what_follows_from_codes_where_images_are_applied() {
    let scene = Scene::with_stand_in();
    for (rules, code, others) in [
        ("winre-step-1. 0x8007007e", 0, "1 tolerated"),
        ("os-1-step-12. 0x800f0922", 1, "12/1 failed"),
        ("winpe-1-step-23. 0x800f0823", 0, ""),
        ("os-2-step-9. 0x800f0922", 1, "9/2 failed, 12/2 skipped, 13/2 skipped, 15/2 skipped"),
        ("os-2-step-12. 14098", 1, "9/2 skipped, 12/2 failed, 13/2 skipped, 15/2 skipped"),
    ] {
        assert_end(&scene.run(rules, &APPLY), code, others);
        assert!(!applied(&scene).exists(), "{rules}");
    }
    // An image that was given up is as it was; another is not.
    assert_eq!((scene.done_to("1").status.code(), scene.done_to("2").status.code()), (Some(0), Some(2)));
    for (rules, more, words) in [
        ("os-1-step-12. 112", &[][..], &["os-1, step 12: 112: the disk is full"][..]),
        ("os-1-step-12. crash", &[], &["os-1-step-12: ", CRASHED]),
        ("os-1-step-12. hang", &["--dism-timeout", "6"], &["still running after 6 s"]),
    ] {
        let output = scene.run(rules, &[&APPLY, more].concat());
        assert_eq!(output.status.code(), Some(3), "{rules}: {}", support::stderr(&output));
        assert_said(&output, words);
        assert!(!applied(&scene).exists(), "{rules}");
        assert_end(&scene.resume(), 0, "");
    }
}

fn the_way_is_a_setting_and_a_flag() {
    let scene = Scene::with_stand_in();
    fs::write(scene.path("sample/refresh.toml"), "images = \"apply\"\n").unwrap();
    let plan = |more: &[&str]| {
        let output = support::scene::refresh(&scene.path("sample"), &[&["plan"], more].concat());
        assert_eq!(output.status.code(), Some(0), "{}", support::stderr(&output));
        String::from_utf8(output.stdout).unwrap()
    };
    let document: serde_json::Value = serde_json::from_str(&plan(&["--json"])).unwrap();
    let open = |name| Wim::open(&scene.path("sample/oldMedia/sources").join(name), &OpenOptions::default()).unwrap();
    let wims = ["boot.wim", "install.wim"].map(open);
    let sizes = wims.iter().flat_map(|wim| wim.xml().images()).map(|image| image.statistics().unwrap());
    let largest = sizes.map(|of| of.total_bytes - of.hard_link_bytes).max().unwrap();
    assert_eq!((&document["images"], &document["applied_bytes"]), (&"apply".into(), &largest.into()));
    let text = plan(&["--long"]);
    assert!(text.contains("images are applied to") && text.contains("at a time, and what updates add"), "{text}");
    assert!(text.replace('\\', "/").contains("/Image:work/applied/os-1 "), "{text}");
    let mounted: serde_json::Value = serde_json::from_str(&plan(&["--json", "--images", "mount"])).unwrap();
    assert_eq!((&mounted["images"], &mounted["applied_bytes"]), (&"mount".into(), &serde_json::Value::Null));
    assert!(plan(&["--images", "mount"]).contains("images are mounted by DISM"));
    // The script of no servicer cannot do it.
    let refused = |words: &[&str]| {
        let output = support::scene::refresh(&scene.path("sample"), words);
        assert_eq!(output.status.code(), Some(2), "{}", support::stderr(&output));
        assert_said(&output, &["--servicer none", "add --images mount, or --servicer dism"]);
    };
    refused(&["run"]);
    assert!(!scene.path("sample/work").exists());
    // What a run began in one way goes on in the other.
    assert_eq!(scene.run("", &["--stop-after", "8"]).status.code(), Some(2));
    assert_eq!((scene.count("/Mount-Image"), scene.count("work/applied/os-1 ")), (0, 2));
    refused(&["resume", "--servicer", "none"]);
    assert_end(&scene.go(&["resume", "--json", "--images", "mount"]), 0, "");
    assert_eq!(scene.count("/MountDir:work/mount/os-1 /Commit"), 1);
    let done = String::from_utf8(scene.done_to("2").stdout).unwrap();
    assert_eq!(done.lines().count(), 4, "{done}");
}

/// A run whose times are always the same.
pub(super) fn run_at_a_fixed_time(scene: &Scene, rules: &str, more: &[&str]) -> Output {
    scene.begin(rules);
    let arguments = [&["run", "--json", "--images", "apply"], more].concat();
    scene.command(&arguments).env("WIMKIT_NOW", "2026-01-31T12:00:00Z").output().unwrap()
}

fn several_applied_images_at_the_same_time() {
    let scene = Scene::with_stand_in();
    let media = || media(&scene.path("sample/newMedia"));
    assert_end(&run_at_a_fixed_time(&scene, "", &[]), 0, "");
    let alone = media();
    assert_end(&run_at_a_fixed_time(&scene, AT_THE_SAME_TIME, &["--jobs", "2"]), 0, "");
    support::assert_same(&alone, &media(), "two at a time");
    // The images that were begun end where another one fails.
    let output = run_at_a_fixed_time(&scene, "os-1-step-12. 112\n", &["--jobs", "2"]);
    assert_eq!(output.status.code(), Some(3), "{}", support::stderr(&output));
    assert!(!applied(&scene).exists());
    assert_end(&scene.resume(), 0, "");
}

fn an_applied_image_is_gone_on_with() {
    let scene = Scene::with_stand_in();
    // Behind steps 9 and 12 of the first edition.
    assert_eq!(scene.run("", &[&APPLY[..], &["--stop-after", "8"]].concat()).status.code(), Some(2));
    assert!(!applied(&scene).exists());
    // As if the run had been killed amid its work.
    let left = applied(&scene).join("os-1/Windows");
    fs::create_dir_all(&left).unwrap();
    fs::write(left.join("read only"), "left").unwrap();
    let mut permissions = fs::metadata(left.join("read only")).unwrap().permissions();
    permissions.set_readonly(true);
    fs::set_permissions(left.join("read only"), permissions).unwrap();
    let output = scene.resume();
    assert_end(&output, 0, "");
    assert_said(&output, &["os-1: left by an earlier run, was removed"]);
    assert!(!applied(&scene).exists());
    let done = String::from_utf8(scene.done_to("1").stdout).unwrap();
    assert_eq!(done.lines().count(), 4, "{done}");
    assert_eq!((scene.count("os-1-step-"), scene.count("winre-step-")), (4, 3), "nothing was done twice");
}
