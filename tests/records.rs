//! Records of refreshes: reports, the history, and how a run ends.

mod support;

use serde_json::Value;
use std::fs;
use std::path::Path;
use std::process::Output;
use support::scene::{Scene, program};
use support::{arg, stderr};

impl Scene {
    /// Runs wimkit here, at that time of 31 January.
    fn wimkit(&self, time: &str, arguments: &[&str]) -> Output {
        program(self.root(), arguments).env("WIMKIT_NOW", format!("2026-01-31T{time}Z")).output().unwrap()
    }

    #[track_caller]
    fn expect(&self, code: i32, time: &str, arguments: &[&str]) -> Output {
        let output = self.wimkit(time, arguments);
        assert_eq!(output.status.code(), Some(code), "{arguments:?}: {}", stderr(&output));
        output
    }

    /// A new run with recorded answers.
    fn run(&self, time: &str, answers: &str, more: &[&str]) -> Output {
        self.clear();
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
    let scene = Scene::sample();
    let output = scene.run("10:00:00", "os-1 12 0x800F0922", &["--stop-after", "8", "--note", "patch day"]);
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
    // The image that was begun before the break was gone on with.
    let stack = second["Steps"].as_array().unwrap().iter().find(|step| step["Step"] == 9).unwrap();
    assert_eq!(stack["Attempts"], 1);
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
        errors[0].ends_with(",Failed,0x800F0922: an installer in the package failed,2026-01-31T10:00:00Z,OS,12"),
        "{errors:?}"
    );
    let page = scene.read(&format!("work/reports/{}/Report.html", folders[1]));
    assert!(page.contains("Partial Success</title>") && page.contains("gone on with, 2026-01-31 12:30:00 UTC"));
}

#[test]
fn where_reports_go() {
    let scene = Scene::sample();
    fs::write(scene.path("refresh.toml"), "reports = \"told\"").unwrap();
    let output = scene.run("10:00:00", "", &[]);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    assert!(stderr(&output).contains("DynamicUpdate_Report_20260131_100000: the report"), "{}", stderr(&output));
    assert_eq!(names(&scene.path("told")), ["DynamicUpdate_Report_20260131_100000"]);
    let output = scene.run("11:00:00", "", &["--reports", "flag"]);
    assert_eq!((output.status.code(), names(&scene.path("flag")).len()), (Some(0), 1));
    // Nowhere: that is told, and the run is as good as without.
    fs::write(scene.path("file"), "").unwrap();
    let output = scene.run("12:00:00", "", &["--reports", "file"]);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    let warning =
        stderr(&output).lines().find(|line| line.starts_with("warning: there is no report: ")).map(str::to_owned);
    assert!(warning.is_some_and(|line| line.contains("file: ")), "{}", stderr(&output));
    // Once more, then.
    let output = scene.expect(0, "12:30:00", &["report", "--json", "--reports", "later"]);
    let document: Value = serde_json::from_slice(&output.stdout).unwrap();
    let folder = "DynamicUpdate_Report_20260131_120000";
    let expected = ["wimkit.report/1", "success", arg(&Path::new("later").join(folder))].map(Value::from);
    assert_eq!([&document["schema"], &document["status"], &document["folder"]], expected.each_ref());
    assert_eq!(scene.summary(&format!("later/{folder}"))["RunId"], document["run"]);
    scene.expect(2, "12:30:00", &["report", "--reports", "file"]);
    scene.expect(2, "12:30:00", &["report", "newMedia"]);
    // Not into the media.
    scene.expect(2, "12:30:00", &["report", "--reports", "oldMedia/reports"]);
    let output = scene.run("13:00:00", "", &["--reports", "newMedia/reports"]);
    assert_eq!(output.status.code(), Some(2), "{}", stderr(&output));
}

#[test]
fn how_runs_end() {
    let scene = Scene::sample();
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
        let output = scene.run("10:00:00", answers, &[more, &["--reports", "work/r"]].concat());
        assert_eq!(output.status.code(), Some(code), "{answers} {more:?}: {}", stderr(&output));
        let summary = scene.summary("work/r/DynamicUpdate_Report_20260131_100000");
        assert_eq!(summary["OverallStatus"], status, "{answers} {more:?}");
    }
    // What was no program's failure.
    let output = scene.wimkit("10:00:00", &["refresh", "run", "--media", "none"]);
    assert_eq!(output.status.code(), Some(2), "{}", stderr(&output));
}

/// The JSON document of `wimkit history` at that time.
fn history(scene: &Scene, time: &str, schema: &str, arguments: &[&str]) -> Value {
    let output = scene.expect(0, time, &[&["history", "--json"], arguments].concat());
    let document: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(document["schema"], schema);
    document
}

fn text(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

#[test]
fn the_history_has_each_run_once() {
    let scene = Scene::sample();
    assert_eq!(history(&scene, "09:00:00", "wimkit.history/1", &[])["runs"], serde_json::json!([]));
    assert!(!scene.path("history.redb").exists(), "asking makes no database");
    // One that fails, one that is stopped and gone on with, and a good one.
    scene.run("10:00:00", "os-1 12 112", &[]);
    scene.run("11:00:00", "os-1 12 0x800F0922\nos-2 15 0x800F081E", &["--stop-after", "8", "--note", "patch, day"]);
    let stopped = history(&scene, "11:30:00", "wimkit.history/1", &[]);
    assert_eq!((&stopped["runs"][0]["status"], &stopped["runs"][0]["seconds"]), (&"interrupted".into(), &0.0.into()));
    scene.expect(1, "11:45:00", &[&["refresh", "resume"], &RECORDED[..]].concat());
    scene.run("12:00:00", "", &[]);

    let all = history(&scene, "13:00:00", "wimkit.history/1", &[]);
    let runs = all["runs"].as_array().unwrap();
    let shown: Vec<_> =
        runs.iter().map(|run| (run["begun"].as_str().unwrap(), run["status"].as_str().unwrap())).collect();
    assert_eq!(
        shown,
        [("2026-01-31T12:00:00Z", "success"), ("2026-01-31T11:00:00Z", "partial"), ("2026-01-31T10:00:00Z", "failed")]
    );
    let middle = &runs[1];
    assert_eq!((&middle["id"], &middle["seconds"]), (&stopped["runs"][0]["id"], &2700.0.into()));
    assert_eq!((&middle["succeeded"], &middle["failed"], &middle["packages"]), (&11.into(), &1.into(), &5.into()));
    let sittings = middle["sittings"].as_array().unwrap();
    let ends: Vec<_> = sittings.iter().map(|sitting| sitting["end"].as_str().unwrap()).collect();
    assert_eq!((ends, &sittings[0]["note"]), (vec!["interrupted", "complete"], &"patch, day".into()));
    assert!(middle["report"].as_str().unwrap().ends_with("DynamicUpdate_Report_20260131_114500"), "{middle}");
    assert!(runs[2]["error"].as_str().unwrap().contains("the disk is full"), "{}", runs[2]);

    // Filters and order.
    let ids = |arguments: &[&str]| -> Vec<String> {
        let document = history(&scene, "13:00:00", "wimkit.history/1", arguments);
        document["runs"]
            .as_array()
            .unwrap()
            .iter()
            .map(|run| run["begun"].as_str().unwrap()[11..13].to_owned())
            .collect()
    };
    assert_eq!(ids(&["--reverse"]), ["10", "11", "12"]);
    assert_eq!(ids(&["--status", "success", "--status", "failed"]), ["12", "10"]);
    assert_eq!(ids(&["--sort", "duration", "--limit", "1"]), ["11"]);
    assert_eq!(ids(&["--since", "2026-01-31T11:00:00Z", "--until", "2026-01-31T12:00:00Z"]), ["11"]);
    assert_eq!(ids(&["--since", "2026-01-31", "--until", "2026-01-31"]), ["12", "11", "10"]);
    assert_eq!(ids(&["--since", "2026-02-01"]), [""; 0]);
    // The first run was stopped by step 12 before anything came of the Setup update.
    assert_eq!(ids(&["--type", "setup"]), ["12", "11"]);
    scene.expect(2, "13:00:00", &["history", "--since", "yesterday"]);

    // As a table, and as CSV.
    let table = text(&scene.expect(0, "13:00:00", &["history"]));
    assert!(table.contains("2026-01-31 11:00:00  00:45:00  Partial Success       11       1\n"), "{table}");
    assert!(table.contains("newMedia, in 2 sittings\n"), "{table}");
    let csv = text(&scene.expect(0, "13:00:00", &["history", "--csv"]));
    let lines: Vec<&str> = csv.split_terminator("\r\n").collect();
    assert!(
        lines[0].starts_with("OperationType,StartTime,EndTime,Duration,Status,PackagesProcessed,ImagesProcessed,"),
        "{csv}"
    );
    assert!(
        lines[2].starts_with("DynamicUpdate,2026-01-31T11:00:00Z,2026-01-31T11:45:00Z,45.00,Partial Success,5,6,11,1,"),
        "{csv}"
    );
    assert_eq!(lines.len(), 4, "{csv}");
    // What there is to say, in words.
    let failed = "OS 1 step 12 windows11.0-kb5058411-x64.msu: Failed, 0x800F0922: an installer in the package failed";
    let not_meant = "OS 2 step 15 DotNet_CU-KB5054979-x64.cab: NotApplicable";
    assert!(lines[2].contains(failed) && lines[2].contains(not_meant), "{csv}");
    assert!(lines[2].ends_with("; in 2 sittings; note: patch, day\""), "{csv}");
    assert!(
        lines[1].ends_with(",all is well") && lines[3].contains("ended by os-1, step 12: 112: the disk is full"),
        "{csv}"
    );
}

#[test]
fn failures_and_rates() {
    let scene = Scene::sample();
    scene.run("10:00:00", "os-1 12 0x800F0922\nos-2 15 0x800F081E", &[]);
    let failures = |days: &str, now: &str| {
        let mut command = program(scene.root(), &["history", "--failures", "--json", "--days", days]);
        let output = command.env("WIMKIT_NOW", now).output().unwrap();
        let document: Value = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!(document["schema"], "wimkit.history-failures/1");
        document["failures"].as_array().unwrap().clone()
    };
    let found = failures("7", "2026-02-07T09:59:59Z");
    assert_eq!(found.len(), 1, "{found:?}");
    assert_eq!(
        (&found[0]["type"], &found[0]["image"], &found[0]["step"]),
        (&"Cumulative".into(), &1.into(), &12.into())
    );
    assert_eq!(found[0]["advice"], "read the end of CBS.log: it names the component");
    assert_eq!(failures("7", "2026-02-07T10:00:00Z").len(), 0);
    assert_eq!(failures("30", "2026-02-07T10:00:00Z").len(), 1);
    let shown = text(&scene.expect(0, "12:00:00", &["history", "--failures"]));
    assert!(
        shown.starts_with("2026-01-31 10:00:00  OS 1      Cumulative        windows11.0-kb5058411-x64.msu\n"),
        "{shown}"
    );
    let csv = text(&scene.expect(0, "12:00:00", &["history", "--failures", "--csv"]));
    assert!(csv.contains("\r\nDynamicUpdateDetail,2026-01-31T10:00:00Z,OS,1,Windows 11 Home,Cumulative,"), "{csv}");

    let rates = history(&scene, "12:00:00", "wimkit.history-rates/1", &["--rates"]);
    let rates: Vec<_> = rates["rates"]
        .as_array()
        .unwrap()
        .iter()
        .map(|rate| {
            (
                rate["type"].as_str().unwrap().to_owned(),
                rate["updates"].as_u64().unwrap(),
                rate["rate"].as_f64().unwrap(),
            )
        })
        .collect();
    let rate = |kind: &str, updates, rate| (kind.to_owned(), updates, rate);
    assert_eq!(
        rates,
        [
            rate("Cumulative", 4, 75.0),
            rate("DotNet", 1, 100.0),
            rate("SafeOS", 1, 100.0),
            rate("ServicingStack", 5, 100.0),
            rate("Setup", 1, 100.0)
        ]
    );
    let csv = text(&scene.expect(0, "12:00:00", &["history", "--rates", "--csv", "--type", "cumulative"]));
    assert_eq!(csv, "UpdateType,TotalOperations,SuccessfulOperations,SuccessRate\r\nCumulative,4,3,75.00\r\n");
    let shown = text(&scene.expect(0, "12:00:00", &["history", "--rates"]));
    assert!(shown.contains("Cumulative                4          3   75.00 %\n"), "{shown}");
    scene.expect(2, "12:00:00", &["history", "--rates", "--failures"]);
}

#[test]
fn a_history_that_cannot_be_used_stops_nothing() {
    let scene = Scene::sample();
    fs::write(scene.path("history.redb"), "something else").unwrap();
    let output = scene.run("10:00:00", "", &[]);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    let said = stderr(&output);
    assert!(said.contains("warning: this run is not in the history: history.redb: this history is damaged"), "{said}");
    assert!(said.contains("hint: move the file away"), "{said}");
    assert_eq!(scene.read("history.redb"), "something else");
    let output = scene.expect(2, "11:00:00", &["history"]);
    assert!(stderr(&output).contains("hint: move the file away"), "{}", stderr(&output));
    // The flag counts more than the environment, and that more than the settings.
    fs::write(scene.path("refresh.toml"), "database = \"setting.redb\"").unwrap();
    let output = scene.run("11:00:00", "", &["--database", "flag.redb"]);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    assert!(scene.path("flag.redb").exists() && !scene.path("setting.redb").exists());
    let runs = history(&scene, "12:00:00", "wimkit.history/1", &["--database", "flag.redb"]);
    assert_eq!(runs["runs"].as_array().unwrap().len(), 1);
    scene.clear();
    let mut command = program(scene.root(), &["refresh", "run", "--servicer", "recorded"]);
    assert_eq!(command.env_remove("WIMKIT_DATABASE").output().unwrap().status.code(), Some(0));
    assert!(scene.path("setting.redb").exists());
    // Where it is named, it does not matter that the settings are broken.
    fs::write(scene.path("refresh.toml"), "database = ").unwrap();
    scene.expect(0, "12:00:00", &["history", "--database", "flag.redb"]);
}
