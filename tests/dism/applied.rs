//! Images that are applied to directories, serviced there and captured again, instead of mounted.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Output, Stdio};
use std::time::{Duration, Instant};

use wimkit::util::filetime::FileTime;
use wimkit::util::progress::Control;
use wimkit::util::sha1::Sha1;
use wimkit::wim::capture::Options;
use wimkit::wim::edit::{self, ImageEdit};
use wimkit::wim::metadata::tagged::OBJECT_ID;
use wimkit::wim::metadata::{Attributes, Entry, Metadata};
use wimkit::wim::{ImageBuilder, ImageIndex, OpenOptions, Wim};

use super::support::{self, arg, expect};
use super::{CRASHED, Scene, assert_end, assert_said, stand_in};

pub(super) const TESTS: &[(&str, fn())] = &[
    ("applied_images_come_to_the_same_as_mounted_ones", applied_images_come_to_the_same_as_mounted_ones),
    ("what_follows_from_codes_where_images_are_applied", what_follows_from_codes_where_images_are_applied),
    ("the_way_is_a_setting_and_a_flag", the_way_is_a_setting_and_a_flag),
    ("several_applied_images_at_the_same_time", several_applied_images_at_the_same_time),
    ("an_applied_image_is_gone_on_with", an_applied_image_is_gone_on_with),
    #[cfg(unix)]
    ("a_directory_that_cannot_be_captured", a_directory_that_cannot_be_captured),
    #[cfg(unix)]
    ("killed_and_interrupted_where_images_are_applied", killed_and_interrupted_where_images_are_applied),
    #[cfg(unix)]
    ("random_kills_where_images_are_applied", random_kills_where_images_are_applied),
    #[cfg(unix)]
    ("what_a_directory_does_not_hold_is_kept", what_a_directory_does_not_hold_is_kept),
    #[cfg(target_os = "linux")]
    ("no_room_for_an_applied_image", no_room_for_an_applied_image),
];

const APPLY: [&str; 2] = ["--images", "apply"];
const WINRE: &str = "/Windows/System32/Recovery/Winre.wim";

/// The images of a file by their names, and the hashes of what is in each; those of the Windows RE in it in the place of its own.
fn contents(wim: &Path) -> BTreeMap<String, Sha1> {
    let wim = Wim::open(wim, &OpenOptions::default()).unwrap();
    let mut found = BTreeMap::new();
    for image in wim.images() {
        for entry in wim.metadata(image).unwrap().entries() {
            let path = entry.path();
            if path == WINRE {
                let number = image.to_string();
                let bytes = expect(0, &["cat", arg(wim.path()), &number, &path]).stdout;
                let place = tempfile::tempdir().unwrap();
                let inner = place.path().join("winre.wim");
                fs::write(&inner, bytes).unwrap();
                found.extend(contents(&inner).into_iter().map(|(path, sha1)| (format!("{image}{WINRE}!{path}"), sha1)));
            } else {
                found.insert(format!("{image}{path}"), entry.data_hash().unwrap_or_default());
            }
        }
    }
    found
}

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

fn applied(scene: &Scene) -> PathBuf {
    scene.path("sample/work/applied")
}

fn applied_images_come_to_the_same_as_mounted_ones() {
    let scene = Scene::new();
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
    let scene = Scene::new();
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
    let scene = Scene::new();
    fs::write(scene.path("sample/refresh.toml"), "images = \"apply\"\n").unwrap();
    let plan = |more: &[&str]| {
        let wimkit = assert_cmd::cargo::cargo_bin("wimkit");
        let output = std::process::Command::new(wimkit)
            .args([&["refresh", "plan"], more].concat())
            .current_dir(scene.path("sample"))
            .output()
            .unwrap();
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
    let refused = |word: &str| {
        let mut command = std::process::Command::new(assert_cmd::cargo::cargo_bin("wimkit"));
        command.args(["refresh", word]).current_dir(scene.path("sample")).env("WIMKIT_DATABASE", "history.redb");
        let output = command.output().unwrap();
        assert_eq!(output.status.code(), Some(2), "{}", support::stderr(&output));
        assert_said(&output, &["--servicer none", "add --images mount, or --servicer dism"]);
    };
    refused("run");
    assert!(!scene.path("sample/work").exists());
    // What a run began in one way goes on in the other.
    assert_eq!(scene.run("", &["--stop-after", "8"]).status.code(), Some(2));
    assert_eq!((scene.count("/Mount-Image"), scene.count("work/applied/os-1 ")), (0, 2));
    refused("resume");
    assert_end(&scene.go(&["resume", "--json", "--images", "mount"]), 0, "");
    assert_eq!(scene.count("/MountDir:work/mount/os-1 /Commit"), 1);
    let done = String::from_utf8(scene.done_to("2").stdout).unwrap();
    assert_eq!(done.lines().count(), 4, "{done}");
}

/// A run whose times are always the same.
fn run_at_a_fixed_time(scene: &Scene, rules: &str, more: &[&str]) -> Output {
    for name in ["sample/newMedia", "sample/work", "state"] {
        let _ = fs::remove_dir_all(scene.path(name));
    }
    fs::create_dir(scene.path("state")).unwrap();
    fs::write(scene.path("state/rules"), rules).unwrap();
    let arguments = [&["run", "--json", "--images", "apply"], more].concat();
    scene.command(&arguments).env("WIMKIT_NOW", "2026-01-31T12:00:00Z").output().unwrap()
}

fn several_applied_images_at_the_same_time() {
    let scene = Scene::new();
    let media = || support::read_tree(&scene.path("sample/newMedia"));
    assert_end(&run_at_a_fixed_time(&scene, "", &[]), 0, "");
    let alone = media();
    // Neither goes on before the other has begun.
    let rules = "os-1-step-12. wait:os-2-step-9.\nos-2-step-12. wait:os-1-step-12.\n";
    assert_end(&run_at_a_fixed_time(&scene, rules, &["--jobs", "2"]), 0, "");
    support::assert_same(&alone, &media(), "two at a time");
    // The images that were begun end where another one fails.
    let output = run_at_a_fixed_time(&scene, "os-1-step-12. 112\n", &["--jobs", "2"]);
    assert_eq!(output.status.code(), Some(3), "{}", support::stderr(&output));
    assert!(!applied(&scene).exists());
    assert_end(&scene.resume(), 0, "");
}

fn an_applied_image_is_gone_on_with() {
    let scene = Scene::new();
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

#[cfg(unix)]
fn a_directory_that_cannot_be_captured() {
    let scene = Scene::new();
    let output = scene.run("os-1-step-12. litter", &[&APPLY[..], &["--dism-pause", "0"]].concat());
    assert_end(&output, 1, "9/1 failed, 12/1 failed, 13/1 failed, 15/1 failed");
    assert_said(&output, &["lost, the image could not be captured: 0xC142010C", "its name is not valid UTF-8"]);
    assert!(!applied(&scene).exists());
    assert_eq!((scene.done_to("1").status.code(), scene.done_to("2").status.code()), (Some(2), Some(0)));
}

#[cfg(unix)]
fn killed_and_interrupted_where_images_are_applied() {
    let scene = Scene::new();
    let media = || support::read_tree(&scene.path("sample/newMedia"));
    assert_end(&run_at_a_fixed_time(&scene, "", &[]), 0, "");
    let whole = media();
    for (signal, code, is_left) in [("-INT", Some(130), false), ("-KILL", None, true)] {
        run_at_a_fixed_time(&scene, "", &["--stop-after", "1"]);
        fs::write(scene.path("state/rules"), "os-1-step-12. hang\n").unwrap();
        let run = scene.command(&["resume"]).stderr(Stdio::piped()).stdout(Stdio::null()).spawn().unwrap();
        let begun = Instant::now();
        while scene.count("os-1-step-12") == 0 {
            assert!(begun.elapsed() < Duration::from_secs(120), "{}", scene.calls());
            std::thread::sleep(Duration::from_millis(50));
        }
        support::run("kill", &[signal, &run.id().to_string()]);
        let mut run = run;
        // Of a run that is killed DISM lives on, and with it the pipes.
        assert_eq!(run.wait().unwrap().code(), code);
        assert_eq!(applied(&scene).join("os-1/Windows").exists(), is_left, "{signal}");
        fs::write(scene.path("state/rules"), "").unwrap();
        assert_end(&scene.resume(), 0, "");
        support::assert_same(&whole, &media(), signal);
        assert!(!applied(&scene).exists());
    }
}

#[cfg(unix)]
fn random_kills_where_images_are_applied() {
    let scene = Scene::new();
    let media = || support::read_tree(&scene.path("sample/newMedia"));
    let begun = Instant::now();
    assert_end(&run_at_a_fixed_time(&scene, "", &[]), 0, "");
    let (length, whole) = (begun.elapsed().as_micros() as u64, media());
    let mut noise = support::Noise(0x0A11_71ED_0F11_E500);
    let mut kills = 0;
    for round in 0..6 {
        run_at_a_fixed_time(&scene, "", &["--stop-after", "1"]);
        for _ in 0..3 {
            let mut run = scene.command(&["resume"]).stderr(Stdio::null()).stdout(Stdio::null()).spawn().unwrap();
            std::thread::sleep(Duration::from_micros(length * (noise.next() % 800) / 1000));
            run.kill().unwrap();
            kills += u32::from(run.wait().unwrap().code().is_none());
            // A call that was under way comes to its end.
            std::thread::sleep(Duration::from_millis(200));
        }
        assert_end(&scene.resume(), 0, "");
        support::assert_same(&whole, &media(), &format!("round {round}"));
        assert!(!applied(&scene).exists());
    }
    assert!(kills > 0, "no run was killed amid its work");
}

/// All that an image says of an entry, but for its names and numbers.
fn description(entry: &Entry<'_>) -> String {
    let streams: BTreeSet<String> = entry
        .streams()
        .map(|stream| format!("{:?} {:?} {}", stream.kind, stream.name.to_string(), stream.sha1))
        .collect();
    let items: Vec<_> = entry.tagged_items().map(|item| format!("{item:?}")).collect();
    format!(
        "{:?} {:?} {:?} {:?} short {:?} links {} tag {:?} {streams:?} {items:?} {:?}",
        entry.attributes(),
        entry.creation_time(),
        entry.access_time(),
        entry.write_time(),
        entry.short_name().to_string(),
        entry.link_count(),
        entry.reparse_tag(),
        entry.security_descriptor(),
    )
}

/// Makes the only edition one whose files have all that NTFS keeps of files.
#[cfg(unix)]
fn enrich(install: &Path) {
    let place = tempfile::tempdir().unwrap();
    let tree = place.path().join("tree");
    expect(0, &["apply", arg(install), "1", arg(&tree), "--quiet"]);
    let mut image = ImageBuilder::new();
    image.set_security_descriptor(ImageBuilder::ROOT, b"that of the root");
    for (number, (path, content)) in (0_u64..).zip(support::read_tree(&tree)) {
        let id = match path.strip_suffix('/') {
            Some(directory) => image.directory(directory).unwrap(),
            None => image.file(&path, content).unwrap(),
        };
        let time = |ticks: u64| FileTime(133_700_000_000_000_000 + 1_000_000 * number + ticks);
        image.set_times(id, time(1), time(2), time(3));
        image.set_security_descriptor(id, format!("that of {path}").as_bytes());
        image.set_short_name(id, &format!("SHORT~{number}"));
        image.set_attributes(id, Attributes::HIDDEN | Attributes::SYSTEM);
        image.add_tagged_item(id, OBJECT_ID, &[number as u8; 16]);
        if !path.ends_with('/') {
            image.stream(id, "of it", format!("a stream of {path}").as_str()).unwrap();
        }
        if path == "Windows/explorer.exe" {
            image.hard_link("Windows/WinSxS/explorer.exe", id).unwrap();
        }
    }
    image.symlink("Documents and Settings", "C:\\Users", true).unwrap();
    image.junction("Windows/junction", "C:\\Windows\\System32").unwrap();
    fs::remove_file(install).unwrap();
    let options = Options { name: "Windows 11 Pro".into(), flags: Some("Professional".into()), ..Options::default() };
    image.write(install, &options, Control::silent()).unwrap();
    let properties = [("DISPLAYNAME", "shown"), ("SOMEBODY/ELSES", "property"), ("WINDOWS/EDITIONID", "Professional")];
    let properties = properties.map(|(path, value)| (path.to_owned(), value.to_owned())).into();
    let wim = Wim::open(install, &OpenOptions::default()).unwrap();
    edit::edit(&wim, &[ImageEdit { image: 1, properties }], None, Control::silent()).unwrap();
}

#[cfg(unix)]
fn what_a_directory_does_not_hold_is_kept() {
    let scene = Scene::new();
    let [old, new] = ["oldMedia", "newMedia"].map(|media| scene.path("sample").join(media).join("sources/install.wim"));
    enrich(&old);
    let tree = |path: &Path| -> Metadata {
        Wim::open(path, &OpenOptions::default()).unwrap().metadata(ImageIndex::FIRST).unwrap()
    };
    assert_end(&scene.run("", &APPLY), 0, "");
    expect(0, &["verify", arg(&new)]);
    let (before, after) = (tree(&old), tree(&new));
    let (marker, changed, removed) =
        (format!("/{}", stand_in::MARKER), format!("/{}", stand_in::CHANGED), format!("/{}", stand_in::REMOVED));
    let mut same = 0;
    for entry in before.entries() {
        let path = entry.path();
        let Some(now) = after.lookup(&path).filter(|_| path != "/").or((path == "/").then(|| after.root())) else {
            assert_eq!(path, removed);
            continue;
        };
        let is_above = [&marker, &changed, &removed].iter().any(|other| other.starts_with(&path));
        // Windows RE is what it became in the meantime.
        if path == WINRE || is_above && (entry.is_directory() || path == changed) {
            let kept = |entry: &Entry<'_>| {
                let items: Vec<_> = entry.tagged_items().map(|item| format!("{item:?}")).collect();
                let descriptor = entry.security_descriptor().map(<[u8]>::to_vec);
                (entry.attributes(), entry.creation_time(), entry.short_name().to_string(), descriptor, items)
            };
            assert_eq!(kept(&entry), kept(&now), "{path}");
            assert!(descriptor_is(&now, if path == "/" { "the root" } else { &path[1..] }), "{path}");
        } else {
            assert_eq!(description(&entry), description(&now), "{path}");
            same += 1;
        }
    }
    assert!(same > 8, "{same}");
    let lost: Vec<String> =
        after.entries().map(|entry| entry.path()).filter(|path| before.lookup(path).is_none()).collect();
    assert_eq!(lost, [marker.clone()]);
    assert_eq!(after.lookup(&marker).unwrap().security_descriptor(), None, "what is new has what the system holds");
    // The document's words, too.
    let wims = [&old, &new].map(|path| Wim::open(path, &OpenOptions::default()).unwrap());
    let [old, new] = wims.each_ref().map(|wim| wim.xml().image(1).unwrap());
    for path in [
        "NAME",
        "FLAGS",
        "DISPLAYNAME",
        "SOMEBODY/ELSES",
        "WINDOWS/EDITIONID",
        "WINDOWS/VERSION/BUILD",
        "CREATIONTIME/LOWPART",
    ] {
        assert!(old.get(path).unwrap().is_some(), "{path}");
        assert_eq!(old.get(path).unwrap(), new.get(path).unwrap(), "{path}");
    }
}

/// Whether its security descriptor is the one that was given to a path, with or without what marks a directory.
#[cfg(unix)]
fn descriptor_is(entry: &Entry<'_>, path: &str) -> bool {
    let found = String::from_utf8_lossy(entry.security_descriptor().unwrap_or_default()).into_owned();
    found.trim_end_matches('/') == format!("that of {path}")
}

#[cfg(target_os = "linux")]
fn no_room_for_an_applied_image() {
    let is_possible = std::process::Command::new("unshare").args(["-rm", "true"]).status();
    if !is_possible.is_ok_and(|status| status.success()) {
        #[expect(clippy::print_stderr, reason = "a skipped test must be seen")]
        {
            eprintln!("\n######## SKIPPED: no namespace for a small file system (unshare -rm) ########\n");
        }
        return;
    }
    let scene = Scene::new();
    // Large when it is applied, small before.
    let large = scene.path("large");
    fs::write(&large, vec![0; 40 << 20]).unwrap();
    let install = scene.path("sample/oldMedia/sources/install.wim");
    let command = format!("add \"{}\" /Windows/large.bin", large.display());
    expect(0, &["update", arg(&install), "1", "-c", &command, "--quiet"]);
    let work = scene.path("sample/work");
    fs::create_dir(&work).unwrap();
    let reports = scene.path("reports");
    let run = scene.command(&["run", "--json", "--images", "apply", "--reports", arg(&reports)]);
    const SCRIPT: &str = "mount -t tmpfs -o size=24m tmpfs \"$1\" || exit 99; work=$1; shift; \"$@\"; code=$?; \
                          ls \"$work/applied\" \"$work/images\" >&2; exit $code";
    let mut small = std::process::Command::new("unshare");
    small.args(["-rm", "sh", "-c", SCRIPT, "sh", arg(&work)]).arg(run.get_program()).args(run.get_args());
    small
        .current_dir(run.get_current_dir().unwrap())
        .envs(run.get_envs().filter_map(|(name, value)| Some((name, value?))));
    let output = small.output().unwrap();
    assert_eq!(output.status.code(), Some(2), "{}", support::stderr(&output));
    assert_said(
        &output,
        &[
            "os-1: ",
            "work/applied/os-1: ",
            " bytes are to be extracted, ",
            "`wimkit refresh resume` goes on",
            "os-1.wim",
        ],
    );
    assert!(!support::stderr(&output).contains(".partial"), "{}", support::stderr(&output));
    // As the failure of a mount it is told in the report.
    let report = fs::read_dir(&reports).unwrap().next().unwrap().unwrap().path();
    let errors = fs::read_to_string(report.join("WindowsImage_Errors.csv")).unwrap();
    assert!(
        errors.contains("MountOperation,Image Mount/Processing") && errors.contains("are to be extracted"),
        "{errors}"
    );
}
