//! Records of refreshes: reports, and how a run ends.

mod support;

use serde_json::Value;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use support::{arg, expect, stderr};

/// Sample media to refresh.
struct Scene {
    place: tempfile::TempDir,
}

impl Scene {
    fn new() -> Self {
        let scene = Self { place: tempfile::tempdir().unwrap() };
        expect(0, &["sample", "media", arg(scene.place.path()), "--quiet"]);
        scene
    }

    fn path(&self, name: &str) -> PathBuf {
        self.place.path().join(name)
    }

    /// Runs wimkit here, at that time of 31 January.
    fn wimkit(&self, time: &str, arguments: &[&str]) -> Output {
        Command::new(assert_cmd::cargo::cargo_bin("wimkit"))
            .args(arguments)
            .current_dir(self.place.path())
            .env("SOURCE_DATE_EPOCH", "1750000000")
            .env("WIMKIT_NOW", format!("2026-01-31T{time}Z"))
            .output()
            .unwrap()
    }

    #[track_caller]
    fn expect(&self, code: i32, time: &str, arguments: &[&str]) -> Output {
        let output = self.wimkit(time, arguments);
        assert_eq!(output.status.code(), Some(code), "{arguments:?}: {}", stderr(&output));
        output
    }

    /// A new run with recorded answers.
    fn refresh(&self, time: &str, answers: &str, more: &[&str]) -> Output {
        for name in ["newMedia", "work"] {
            let _ = fs::remove_dir_all(self.path(name));
        }
        fs::write(self.path("answers"), answers).unwrap();
        self.wimkit(time, &[&["refresh", "run"], &RECORDED[..], more].concat())
    }

    fn read(&self, path: &str) -> String {
        fs::read_to_string(self.path(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
    }

    fn summary(&self, folder: &str) -> Value {
        serde_json::from_str(&self.read(&format!("{folder}/Summary.json"))).unwrap()
    }
}

const RECORDED: [&str; 4] = ["--servicer", "recorded", "--answers", "answers"];

fn names(directory: &Path) -> Vec<String> {
    let entries = fs::read_dir(directory).unwrap();
    let mut names: Vec<String> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

#[test]
fn every_sitting_leaves_a_report_of_the_whole_run() {
    let scene = Scene::new();
    let output = scene.refresh("10:00:00", "os-1 12 0x800F0922", &["--stop-after", "8", "--note", "patch day"]);
    assert_eq!(output.status.code(), Some(2), "{}", stderr(&output));
    scene.expect(1, "12:30:00", &[&["refresh", "resume"], &RECORDED[..]].concat());
    let folders = ["DynamicUpdate_Report_20260131_100000", "DynamicUpdate_Report_20260131_123000"];
    assert_eq!(names(&scene.path("work/reports")), folders);

    let first = scene.summary(&format!("work/reports/{}", folders[0]));
    assert_eq!((&first["OverallStatus"], &first["TotalDuration"]), (&"Interrupted".into(), &"00:00:00".into()));
    let second = scene.summary(&format!("work/reports/{}", folders[1]));
    assert_eq!((&second["RunId"], &second["StartTime"]), (&first["RunId"], &"2026-01-31T10:00:00Z".into()));
    assert_eq!((&second["OverallStatus"], &second["TotalDuration"]), (&"Partial Success".into(), &"02:30:00".into()));
    let windows = &second["WindowsImageResults"];
    assert_eq!(
        (&windows["ImagesProcessed"], &windows["SuccessfulOperations"], &windows["FailedOperations"]),
        (&3.into(), &7.into(), &1.into())
    );
    assert_eq!(second["BootImageResults"]["SuccessfulOperations"], 4);
    let sittings = second["Sittings"].as_array().unwrap();
    assert_eq!(
        (sittings.len(), &sittings[0]["Note"], &sittings[1]["End"]["Kind"]),
        (2, &"patch day".into(), &"Complete".into())
    );
    // Steps that were done before the break have the times of then.
    let step =
        |task: &str| second["Steps"].as_array().unwrap().iter().find(|step| step["Task"] == task).unwrap().clone();
    assert_eq!(
        (&step("copy-media")["EndTime"], &step("check-media")["EndTime"]),
        (&"2026-01-31T10:00:00Z".into(), &"2026-01-31T12:30:00Z".into())
    );
    // The image that was begun before the break was begun again.
    let stack = second["Steps"].as_array().unwrap().iter().find(|step| step["Step"] == 9).unwrap();
    assert_eq!(stack["Attempts"], 2);
    let sizes = second["Sizes"].as_array().unwrap();
    let archives: Vec<&str> = sizes.iter().map(|sizes| sizes["Archive"].as_str().unwrap()).collect();
    assert_eq!(archives, ["winre.wim", "sources/install.wim", "sources/boot.wim"]);
    let length = |path: &str| fs::metadata(scene.path(path)).unwrap().len();
    assert_eq!(sizes[1]["Before"], length("oldMedia/sources/install.wim"));
    assert_eq!(sizes[1]["After"], length("newMedia/sources/install.wim"));
    assert_eq!(sizes[1]["Images"].as_array().unwrap().len(), 2);
    assert!(sizes[1]["Images"][1]["After"].as_u64() > sizes[1]["Images"][1]["Before"].as_u64(), "{sizes:?}");

    let errors = scene.read(&format!("work/reports/{}/WindowsImage_Errors.csv", folders[1]));
    let errors: Vec<&str> = errors.lines().skip(1).collect();
    assert_eq!(errors.len(), 1, "{errors:?}");
    assert!(errors[0].starts_with("1,Windows 11 Home,Cumulative,windows11.0-kb5058411-x64.msu,"), "{errors:?}");
    assert!(
        errors[0].ends_with(",Failed,0x800F0922: an installer in the package failed,2026-01-31T12:30:00Z,OS,12"),
        "{errors:?}"
    );
    let page = scene.read(&format!("work/reports/{}/Report.html", folders[1]));
    assert!(page.contains("Partial Success</title>") && page.contains("gone on with, 2026-01-31 12:30:00 UTC"));
}

#[test]
fn where_reports_go() {
    let scene = Scene::new();
    fs::write(scene.path("refresh.toml"), "reports = \"told\"").unwrap();
    let output = scene.refresh("10:00:00", "", &[]);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    assert!(stderr(&output).contains("DynamicUpdate_Report_20260131_100000: the report"), "{}", stderr(&output));
    assert_eq!(names(&scene.path("told")), ["DynamicUpdate_Report_20260131_100000"]);
    let output = scene.refresh("11:00:00", "", &["--reports", "flag"]);
    assert_eq!((output.status.code(), names(&scene.path("flag")).len()), (Some(0), 1));
    // Nowhere: that is told, and the run is as good as without.
    fs::write(scene.path("file"), "").unwrap();
    let output = scene.refresh("12:00:00", "", &["--reports", "file"]);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    assert!(stderr(&output).contains("warning: there is no report: file"), "{}", stderr(&output));
    // Not into the media.
    let output = scene.refresh("13:00:00", "", &["--reports", "newMedia/reports"]);
    assert_eq!(output.status.code(), Some(2), "{}", stderr(&output));
}

#[test]
fn how_runs_end() {
    let scene = Scene::new();
    // Every servicing stack is refused, so that each image is kept as it was.
    let all = "winre 1 5000\nos-1 9 5000\nos-2 9 5000\nwinpe-1 17 5000\nwinpe-2 17 5000\n";
    let some = "os-1 9 5000\nos-2 9 5000\nwinpe-1 17 5000\nwinpe-2 17 5000\n";
    for (answers, more, code, status) in [
        ("", &[][..], 0, "Success"),
        ("winre 1 0x8007007e", &[], 0, "Success"),
        ("os-1 13 0x800F0806", &[], 0, "Success"),
        ("os-1 15 0x800F081E", &[], 0, "Success"),
        ("os-1 12 0x800F0922", &[], 1, "Partial Success"),
        ("os-1 13 0x800F0922", &[], 1, "Partial Success"),
        (some, &[], 1, "Partial Success"),
        // The Setup update is in place even so: without it nothing is.
        (all, &[], 1, "Partial Success"),
        (all, &["--packages", "packages/CU"], 3, "Failed"),
        ("os-1 12 112", &[], 3, "Failed"),
        ("os-1 12 0x800F0922", &["--stop-on-error"], 3, "Failed"),
        ("", &["--stop-after", "3"], 2, "Interrupted"),
    ] {
        let output = scene.refresh("10:00:00", answers, &[more, &["--reports", "work/r"]].concat());
        assert_eq!(output.status.code(), Some(code), "{answers} {more:?}: {}", stderr(&output));
        let summary = scene.summary("work/r/DynamicUpdate_Report_20260131_100000");
        assert_eq!(summary["OverallStatus"], status, "{answers} {more:?}");
    }
    // What was no program's failure.
    let output = scene.wimkit("10:00:00", &["refresh", "run", "--media", "none"]);
    assert_eq!(output.status.code(), Some(2), "{}", stderr(&output));
}
