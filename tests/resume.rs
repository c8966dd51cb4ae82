//! Refreshes that are gone on with after something has changed: exactly what was made from it is done again, and the media come
//! out as if it had been so from the beginning.

mod support;

use std::fs;
use std::path::Path;
use std::process::Output;
use support::scene::{RECORDED, Scene, assert_same_media, program};
use support::{arg, expect, stderr};

impl Scene {
    /// Sample media to refresh, and a file with no settings in it.
    fn begin() -> Self {
        let scene = Self::sample();
        scene.settings("");
        scene
    }

    fn settings(&self, text: &str) {
        fs::write(self.path("refresh.toml"), text).unwrap();
    }

    #[track_caller]
    fn expect(&self, code: i32, arguments: &[&str]) -> Output {
        let output = self.refresh(arguments);
        assert_eq!(output.status.code(), Some(code), "{arguments:?}: {}", stderr(&output));
        output
    }

    fn run(&self, more: &[&str]) -> Output {
        self.clear();
        self.refresh(&[&RECORDED[..], more].concat())
    }

    fn status(&self) -> (Option<i32>, serde_json::Value) {
        let output = self.refresh(&["status", "--json"]);
        (output.status.code(), serde_json::from_slice(&output.stdout).unwrap_or_default())
    }

    /// The steps that are told to be done again: their numbers, or tasks, and images.
    fn again(&self) -> (Option<i32>, String) {
        let (code, document) = self.status();
        let steps = document["steps"].as_array().cloned().unwrap_or_default();
        let again = steps.iter().filter(|step| step["outcome"] == "again");
        (code, again.map(|step| name(&step["number"], &step["task"], &step["image"])).collect::<Vec<_>>().join(" "))
    }

    /// Puts a package with another time of its making in the place of one.
    fn rebuild(&self, package: &str) {
        let (package, place) = (self.path(package), tempfile::tempdir().unwrap());
        expect(0, &["expand", arg(&package), "--to", arg(place.path()), "--quiet"]);
        fs::write(place.path().join("note.txt"), "another build").unwrap();
        fs::remove_file(&package).unwrap();
        expect(0, &["cab", "create", arg(&package), arg(place.path()), "--quiet"]);
    }
}

fn name(number: &serde_json::Value, task: &serde_json::Value, image: &serde_json::Value) -> String {
    let name = number.as_u64().map_or_else(|| task.as_str().unwrap().to_owned(), |number| number.to_string());
    image.as_u64().map_or(name.clone(), |image| format!("{name}/{image}"))
}

const DOTNET: &str = "packages/Other/DotNet_CU-KB5054979-x64.cab";
const SAFE_OS: &str = "packages/Other/SafeOS_DU-KB5057781-x64.cab";
const SETUP: &str = "packages/Other/Setup_DU-KB5059442-x64.cab";
const CHECKPOINT: &str = "packages/CU/windows11.0-kb5043080-x64.msu";
/// What the whole plan of the sample has.
const ALL: &str = "copy-media take-winre 1 6 7 8 9/1 12/1 13/1 15/1 put-winre/1 9/2 12/2 13/2 15/2 put-winre/2 16 \
                   17/1 23/1 24/1 17/2 23/2 24/2 save-setup/2 25 26 27 28 check-media";

/// What changes, and which steps follow from that.
type Case = (&'static str, fn(&Scene), &'static str);

fn remove(path: &Path) {
    fs::remove_file(path).unwrap();
}

const CASES: [Case; 14] = [
    ("nothing", |_| {}, ""),
    (
        "no .NET update any more",
        |scene| remove(&scene.path(DOTNET)),
        "9/1 12/1 13/1 put-winre/1 9/2 12/2 13/2 put-winre/2 16 check-media",
    ),
    (
        "another .NET update",
        |scene| scene.rebuild(DOTNET),
        "9/1 12/1 13/1 15/1 put-winre/1 9/2 12/2 13/2 15/2 put-winre/2 16 check-media",
    ),
    ("another Safe OS update", |scene| scene.rebuild(SAFE_OS), "1 6 7 8 put-winre/1 put-winre/2 16 check-media"),
    ("another Setup update", |scene| scene.rebuild(SETUP), "26 27 28 check-media"),
    ("no Setup update any more", |scene| remove(&scene.path(SETUP)), "27 28 check-media"),
    (
        "another checkpoint",
        |scene| scene.rebuild(CHECKPOINT),
        "1 6 7 8 9/1 12/1 13/1 15/1 put-winre/1 9/2 12/2 13/2 15/2 put-winre/2 16 17/1 23/1 24/1 17/2 23/2 24/2 save-setup/2 25 \
         27 28 check-media",
    ),
    (
        "another file of the media",
        |scene| {
            fs::write(scene.path("oldMedia/sources/ei.cfg"), "[Channel]\r\nVolume\r\n[VL]\r\n1\r\n").unwrap();
            fs::write(scene.path("oldMedia/sources/new.txt"), "new").unwrap();
            remove(&scene.path("oldMedia/sources/idwbinfo.txt"));
        },
        "copy-media 26 27 28 check-media",
    ),
    ("settings of the way", |scene| scene.settings("jobs = 2\ndism_timeout = 60\n"), ""),
    (
        "no clean-up of editions",
        |scene| scene.settings("[clean_up]\nos = \"off\"\n"),
        "9/1 12/1 15/1 put-winre/1 9/2 12/2 15/2 put-winre/2 16 check-media",
    ),
    ("boot managers of 2023", |scene| scene.settings("boot_managers = \"2023\"\n"), "save-setup/2 27 28 check-media"),
    ("one edition alone", |scene| scene.settings("editions = [2]\n"), "put-winre/1 16 check-media"),
    (
        "no Windows RE",
        |scene| scene.settings("[targets]\nwinre = false\n"),
        "9/1 12/1 13/1 15/1 9/2 12/2 13/2 15/2 16 check-media",
    ),
    (
        "other media",
        |scene| {
            scene.settings("media = \"otherMedia\"\n");
            fs::rename(scene.path("oldMedia"), scene.path("otherMedia")).unwrap();
            remove(&scene.path("otherMedia/sources/ei.cfg"));
        },
        ALL,
    ),
];

#[test]
fn what_has_changed_is_done_again_and_nothing_else() {
    for (what, change, expected) in CASES {
        let whole = Scene::begin();
        change(&whole);
        assert_eq!(whole.run(&[]).status.code(), Some(0), "{what}");
        // Behind the last step, and at some places before.
        for stop in ["0", "26", "12", "5"] {
            let scene = Scene::begin();
            let flags = ["--stop-after", stop];
            let output = scene.run(if stop == "0" { &[] } else { &flags });
            assert_eq!(output.status.code(), Some(if stop == "0" { 0 } else { 2 }), "{what}: {}", stderr(&output));
            change(&scene);
            let (code, again) = scene.again();
            if stop == "0" {
                assert_eq!((code, &*again), (Some(i32::from(!expected.is_empty())), expected), "{what}");
                // The report would tell the old run's outcomes by the steps of the new plan.
                let report = program(scene.root(), &["report", "work"]).output().unwrap();
                assert_eq!(report.status.code(), Some(if expected.is_empty() { 0 } else { 2 }), "{}", stderr(&report));
            } else {
                assert!(again.split(' ').all(|step| expected.contains(step)), "{what}, {stop}: {again}");
            }
            let output = scene.expect(0, &["resume"]);
            assert_same_media(
                &whole.path("newMedia"),
                &scene.path("newMedia"),
                &format!("{what}, stopped after {stop}"),
            );
            // Nothing but what was announced is done, and what was left.
            let said = stderr(&output);
            let done = said.lines().filter(|line| line.ends_with("  done")).count();
            let count = if stop == "0" { expected.split_whitespace().count() } else { done };
            assert_eq!(done, count, "{what}: {said}");
            assert_eq!(scene.again(), (Some(0), String::new()), "{what}");
        }
    }
}

#[test]
fn a_setting_that_adds_a_step() {
    let scene = Scene::begin();
    assert_eq!(scene.run(&[]).status.code(), Some(0));
    scene.settings("jobs = 2\niso = { path = \"new.iso\" }\n");
    let (code, status) = scene.status();
    assert_eq!((code, &status["complete"]), (Some(1), &false.into()));
    assert_eq!(status["settings"], serde_json::json!(["iso", "jobs"]));
    assert_eq!(scene.again(), (Some(1), String::new()));
    assert_eq!(program(scene.root(), &["report", "work"]).output().unwrap().status.code(), Some(2));
    let said = stderr(&scene.expect(0, &["resume"]));
    assert!(said.contains("refresh.toml: changed since the run began: iso, jobs\n"), "{said}");
    assert_eq!(said.lines().filter(|line| line.ends_with("  done")).count(), 1, "{said}");
    assert!(scene.path("new.iso").exists());
    // It is taken up once.
    let (code, status) = scene.status();
    assert_eq!((code, &status["settings"]), (Some(0), &serde_json::json!([])));
    let said = stderr(&scene.expect(0, &["resume"]));
    assert!(!said.contains("changed"), "{said}");
    assert_eq!(program(scene.root(), &["report", "work"]).output().unwrap().status.code(), Some(0));
}

/// What follows where the servicing stack fails is of interest only where it has.
#[test]
fn a_servicing_stack_that_fails_is_left_to_the_update_afterwards() {
    for (answers, again) in [("", ""), ("os-1 9 0x800f0922", "9/1 12/1 13/1 15/1 put-winre/1 16 check-media")] {
        let scene = Scene::begin();
        fs::write(scene.path("answers"), answers).unwrap();
        let code = i32::from(!again.is_empty());
        assert_eq!(scene.run(&["--answers", "answers"]).status.code(), Some(code), "{answers}");
        scene.settings("stack_failure = \"step-12-decides\"\n");
        assert_eq!(scene.again().1, again, "{answers}");
        fs::write(scene.path("answers"), "").unwrap();
        let said = stderr(&scene.expect(0, &["resume"]));
        assert!(said.contains("changed since the run began: stack_failure\n"), "{said}");
        assert_eq!(
            said.lines().filter(|line| line.ends_with("  done")).count(),
            again.split_whitespace().count(),
            "{said}"
        );
        assert_eq!(scene.again(), (Some(0), String::new()), "{answers}");
    }
}

#[test]
fn settings_that_are_not_taken_up() {
    let scene = Scene::begin();
    scene.settings("editions = [1, 2]\n");
    assert_eq!(scene.run(&["--edition", "1", "--stop-after", "5"]).status.code(), Some(2));
    let as_it_was = |text: &str, words: &str| {
        scene.settings(text);
        let output = scene.expect(1, &["status", "--json"]);
        assert!(stderr(&output).contains(words), "{words}: {}", stderr(&output));
        let status: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
        let is_done = |step: &&serde_json::Value| step["outcome"] == "done";
        assert_eq!(status["steps"].as_array().unwrap().iter().filter(is_done).count(), 5, "{status}");
        assert_eq!(status["settings"], serde_json::json!([]));
    };
    // What a flag has said stays.
    as_it_was("editions = [2]\n", "refresh.toml: changed, but a flag said otherwise: editions\n");
    // What is another run's is none of this.
    let other = "refresh.toml: it names other directories for the new media or the work: the run keeps";
    as_it_was("work = \"other\"\n[targets]\nwinre = false\n", other);
    as_it_was("new_media = \"other\"\n", other);
    remove(&scene.path("refresh.toml"));
    let output = scene.expect(1, &["status"]);
    assert!(stderr(&output).contains("refresh.toml: it is not there any more: the run keeps"), "{}", stderr(&output));
    // Nobody knows what this means.
    scene.settings("medai = \"oldMedia\"\n");
    for word in ["status", "resume"] {
        let output = scene.expect(2, &[word]);
        assert!(stderr(&output).contains("refresh.toml: "), "{}", stderr(&output));
    }
    remove(&scene.path("refresh.toml"));
    scene.expect(0, &["resume"]);
    // A run that was begun without a file has none.
    assert_eq!(scene.run(&["--stop-after", "5"]).status.code(), Some(2));
    scene.settings("[targets]\nwinre = false\n");
    assert_eq!(scene.again(), (Some(1), String::new()));
}

#[test]
fn status_tells_why() {
    let scene = Scene::begin();
    assert_eq!(scene.run(&[]).status.code(), Some(0));
    scene.rebuild(SAFE_OS);
    let shown = String::from_utf8(scene.expect(1, &["status"]).stdout).unwrap();
    for words in [
        " 6  WinRE    safe-os               again: ",
        "SafeOS_DU-KB5057781-x64.cab has changed",
        " 1  WinRE    servicing-stack       again: the image is begun anew: ",
        " -  OS 1     put-winre             again: it comes after step 8, WinRE",
        "12  OS 1     cumulative            done",
    ] {
        assert!(shown.contains(words), "{words}: {shown}");
    }
}

#[test]
fn files_that_are_not_as_they_were_left() {
    let scene = Scene::begin();
    let whole = Scene::begin();
    assert_eq!(whole.run(&[]).status.code(), Some(0));
    // When all is done nobody needs the images in the work directory.
    assert_eq!(scene.run(&[]).status.code(), Some(0));
    fs::remove_dir_all(scene.path("work/images")).unwrap();
    assert_eq!(scene.again(), (Some(0), String::new()));
    // Then the result is lost, and so they are needed.
    remove(&scene.path("newMedia/sources/install.wim"));
    let os = "9/1 12/1 13/1 15/1 put-winre/1 9/2 12/2 13/2 15/2 put-winre/2 16 check-media";
    let all_of_os = format!("take-winre 1 6 7 8 {os}");
    assert_eq!(scene.again(), (Some(1), all_of_os));
    scene.expect(0, &["resume"]);
    assert_same_media(&whole.path("newMedia"), &scene.path("newMedia"), "a lost archive");
    // One that somebody has changed.
    let install = scene.path("newMedia/sources/install.wim");
    expect(0, &["info", arg(&install), "1", "--name", "Changed", "--quiet"]);
    assert_eq!(scene.again(), (Some(1), "16 check-media".into()));
    scene.expect(0, &["resume"]);
    assert_same_media(&whole.path("newMedia"), &scene.path("newMedia"), "a changed archive");
    // Text files on the new media are whose they are.
    fs::write(scene.path("newMedia/sources/ei.cfg"), "[Channel]\r\nOEM\r\n").unwrap();
    fs::write(scene.path("newMedia/autounattend.xml"), "<unattend/>").unwrap();
    assert_eq!(scene.again(), (Some(0), String::new()));
    // An image in the middle of the work.
    assert_eq!(scene.run(&["--stop-after", "11"]).status.code(), Some(2));
    fs::write(scene.path("work/images/os-1.wim"), "damaged").unwrap();
    assert_eq!(scene.again(), (Some(1), "9/1 12/1 13/1 15/1 put-winre/1".into()));
    scene.expect(0, &["resume"]);
    assert_same_media(&whole.path("newMedia"), &scene.path("newMedia"), "a damaged image");
}

/// A program that was killed while it put winre.wim into an image has left a file that nobody can add to. With one more package
/// the servicer is to go on with that image.
#[test]
fn an_image_that_was_being_written_gets_another_package() {
    let whole = Scene::begin();
    assert_eq!(whole.run(&[]).status.code(), Some(0));
    let scene = Scene::begin();
    fs::rename(scene.path(DOTNET), scene.path("aside.cab")).unwrap();
    let flags = ["--stop-after", "10"];
    let last = stderr(&scene.run(&flags)).lines().rfind(|line| line.ends_with("  done")).map(str::to_owned);
    assert!(last.as_ref().is_some_and(|last| last.contains("put winre.wim in")), "{last:?}");
    let image = scene.path("work/images/os-1.wim");
    let mut bytes = fs::read(&image).unwrap();
    // The header's flags: a program is writing.
    bytes[16] |= 0x40;
    bytes.extend_from_slice(b"begun");
    fs::write(&image, bytes).unwrap();
    fs::rename(scene.path("aside.cab"), scene.path(DOTNET)).unwrap();
    let (_, again) = scene.again();
    assert_eq!(again, "9/1 12/1 13/1 put-winre/1");
    scene.expect(0, &["resume"]);
    assert_same_media(&whole.path("newMedia"), &scene.path("newMedia"), "one more package");
}

#[test]
fn one_step_at_a_time() {
    let whole = Scene::begin();
    assert_eq!(whole.run(&[]).status.code(), Some(0));
    let scene = Scene::begin();
    assert_eq!(scene.run(&["--stop-after", "1"]).status.code(), Some(2));
    let mut sittings = 1;
    while scene.refresh(&[&["resume"][..], &["--stop-after", "1"]].concat()).status.code() == Some(2) {
        sittings += 1;
        assert!(sittings < 60, "it does not get ahead");
    }
    assert_eq!(sittings, ALL.split_whitespace().count());
    assert_same_media(&whole.path("newMedia"), &scene.path("newMedia"), "one step at a time");
}

#[test]
fn what_windows_has_serviced_for_other_packages_is_of_no_use() {
    let scene = Scene::begin();
    let marks = ["winre", "os-1", "os-2", "winpe-1", "winpe-2"];
    assert_eq!(scene.run(&["--servicer", "none"]).status.code(), Some(2), "the servicer is named once");
    scene.clear();
    scene.expect(1, &["run"]);
    marks.iter().for_each(|name| fs::write(scene.path(&format!("work/done/{name}.done")), "done").unwrap());
    scene.rebuild(DOTNET);
    scene.expect(1, &["resume"]);
    let script = fs::read_to_string(scene.path("work/service.cmd")).unwrap();
    let left = |name: &str| script.contains(&format!("rem {name}\r\n"));
    assert_eq!(marks.map(left), [false, true, true, false, false], "{script}");
}

#[test]
fn a_journal_that_is_damaged_is_told_of() {
    let scene = Scene::begin();
    assert_eq!(scene.run(&["--stop-after", "12"]).status.code(), Some(2));
    let journal = scene.path("work/journal.redb");
    let good = fs::read(&journal).unwrap();
    let mut noise = support::Noise(0x1234_5678_9ABC_DEF1);
    for round in 0..60 {
        let mut bytes = good.clone();
        match round {
            0 => bytes.clear(),
            1 => bytes.truncate(bytes.len() / 2),
            2 => bytes = b"something else".repeat(1000),
            _ => {
                for _ in 0..=noise.next() % 40 {
                    // Most of it is at the beginning.
                    let end = if noise.next().is_multiple_of(2) { 4096 } else { bytes.len() as u64 };
                    bytes[(noise.next() % end) as usize] ^= 1 << (noise.next() % 8);
                }
            }
        }
        fs::write(&journal, &bytes).unwrap();
        let output = scene.refresh(&["status"]);
        let said = stderr(&output);
        assert!(!said.contains("panicked"), "round {round}: {said}");
        match output.status.code() {
            Some(1) => {}
            Some(2) => assert!(said.contains("journal.redb: ") && said.contains("hint: "), "round {round}: {said}"),
            code => panic!("round {round}: {code:?}: {said}"),
        }
    }
}
