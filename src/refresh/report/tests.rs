//! Reports of a run that is made by hand, times and all.

use std::path::Path;

use super::*;
use crate::catalog::class::Class;
use crate::refresh::plan::{ImageName, Native, PackageFacts, Reason, Work};
use crate::refresh::run::{Asked, End, ImageSizes, Outcome, Record, Sitting, Sizes, Trouble};
use crate::refresh::step::{Target, Task};
use crate::servicing::request::{CleanUp, Request};

const HOSTILE: &str = "=cmd|'\"><script>alert(1)<script>\u{202e}&.cab";

fn at(minutes: u64) -> FileTime {
    let start: FileTime = "2026-01-31T12:00:00Z".parse().unwrap();
    FileTime(start.0 + minutes * 60 * 10_000_000)
}

fn record(outcome: Outcome, from: u64, to: u64) -> Record {
    let error = (outcome != Outcome::Done).then(|| "0x800F0922: an <installer> failed".to_owned());
    let asked = Asked { outcome, code: error.is_some().then_some(0x800F_0922), error: error.clone(), ended: at(to) };
    let notes = error.into_iter().collect();
    Record { outcome, notes, begun: at(from), ended: at(to), asked: vec![asked], sizes: None }
}

fn step(number: u8, task: Task, target: Target, index: u32, work: Work) -> Step {
    let image = (index > 0).then(|| ImageName { index, name: "Home, \"N\" <b>".into() });
    Step { number: Some(number), task, target, image, work }
}

/// A cumulative update fails in the first of two images, with a break of two hours before the second.
fn report() -> Report {
    let add = |name: &str| Work::Service(vec![Request::AddPackage { path: Path::new("packages").join(name) }]);
    let steps = vec![
        step(12, Task::Cumulative, Target::Os, 1, add(HOSTILE)),
        step(13, Task::CleanUp, Target::Os, 1, Work::Service(vec![Request::CleanUp { how: CleanUp::Plain }])),
        step(12, Task::Cumulative, Target::Os, 2, add(HOSTILE)),
        step(16, Task::Export, Target::Os, 0, Work::Native(Native::Export { images: vec![1, 2], boot: None })),
        step(17, Task::ServicingStack, Target::WinPe, 1, add("stack.cab")),
        step(18, Task::LanguagePack, Target::WinPe, 1, Work::LeftOut(Reason::NoLanguage)),
    ];
    let image = ImageSizes { index: 1, name: "Home <b>".into(), before: Some(1000), after: Some(1500) };
    let sizes = Sizes { archive: "sources/install.wim".into(), before: Some(500), after: None, images: vec![image] };
    let export = Record { asked: Vec::new(), sizes: Some(sizes), ..record(Outcome::Done, 135, 140) };
    let records =
        [record(Outcome::Failed, 0, 10), record(Outcome::Done, 10, 12), record(Outcome::Done, 130, 135), export];
    let package = PackageFacts {
        path: Path::new("packages").join(HOSTILE),
        class: Class::Cumulative,
        is_combined: true,
        architecture: Some("x64"),
        version: "10.0.26100.4061".parse().unwrap(),
        kb: None,
        size: Some(1234),
        fault: None,
    };
    let sitting = |from, to, end| Sitting {
        begun: at(from),
        ended: Some(at(to)),
        servicer: "recorded".into(),
        note: Some("</dd>note".into()),
        end: Some(end),
    };
    let trouble = Trouble {
        error: "winpe-1, mounting or unmounting: 5: access denied".into(),
        hint: Some("open an elevated prompt".into()),
        is_external: true,
        session: Some("winpe-1".into()),
        step: None,
    };
    let summary = Summary {
        plan: Plan {
            architecture: None,
            steps,
            applied_bytes: None,
            packages: vec![package],
            warnings: vec!["a <warning>".into()],
        },
        records: (0..).zip(records).collect(),
        sittings: vec![sitting(0, 12, End::Interrupted), sitting(130, 141, End::Error(trouble))],
        work: "work".into(),
    };
    Report {
        id: "0123456789abcdef".into(),
        begun: at(0),
        ended: at(141),
        settings: Settings::default(),
        status: summary.status(),
        rows: summary.rows(),
        begun_steps: BTreeMap::from([(4, vec![at(140)])]),
        logs: vec![Log { name: "os-1-step-12".into(), text: "</pre><script>".into(), left_out: 5 }],
        summary,
    }
}

/// The cells of a table by its lines.
fn table(report: &Report, name: &str) -> Vec<String> {
    let files = report.files();
    let (_, text) = files.iter().find(|(own, _)| *own == name).unwrap();
    assert!(text.ends_with("\r\n"));
    text.split_terminator("\r\n").map(str::to_owned).collect()
}

#[test]
fn tables_of_updates_by_image_and_success() {
    let report = report();
    let header = "ImageIndex,ImageName,UpdateType,UpdateTitle,UpdateFile,Status,Error,Timestamp,ImageType,Step";
    let hostile = "\"'=cmd|'\"\"><script>alert(1)<script>\u{202e}&.cab\"";
    let file = Path::new("packages").join(HOSTILE).display().to_string().replace('"', "\"\"");
    let image = "\"Home, \"\"N\"\" <b>\"";
    assert_eq!(
        table(&report, "WindowsImage_Success.csv"),
        [header, &format!("2,{image},Cumulative,{hostile},\"{file}\",Success,,2026-01-31T14:15:00Z,OS,12")]
    );
    assert_eq!(
        table(&report, "WindowsImage_Errors.csv"),
        [
            header,
            &format!(
                "1,{image},Cumulative,{hostile},\"{file}\",Failed,0x800F0922: an <installer> failed,2026-01-31T12:10:00Z,OS,12"
            )
        ]
    );
    assert_eq!(table(&report, "BootImage_Success.csv"), [header]);
    let wim = Path::new("work").join("images").join("winpe-1.wim");
    let mount = format!(
        "1,{image},MountOperation,Image Mount/Processing,{},Failed,\"winpe-1, mounting or unmounting: 5: access denied\",2026-01-31T14:21:00Z,WinPE,",
        wim.display()
    );
    assert_eq!(table(&report, "BootImage_Errors.csv"), [header, &mount]);
    let packages = table(&report, "Downloaded_Packages.csv");
    assert_eq!(packages[0], "Title,Class,KB,Version,Architecture,Size,LocalFile,TargetImages");
    assert_eq!(packages[1], format!("{hostile},cumulative,,10.0.26100.4061,x64,1234,\"{file}\",OS"));
}

#[test]
fn the_summary_has_the_counts_of_the_guide() {
    let report = report();
    let summary = serde_json::to_value(document(&report)).unwrap();
    let windows = &summary["WindowsImageResults"];
    assert_eq!(
        windows,
        &serde_json::json!({ "ImagesProcessed": 2, "SuccessfulOperations": 1, "FailedOperations": 1, "SuccessRate": 50.0 })
    );
    assert_eq!(summary["BootImageResults"]["FailedOperations"], 1);
    assert_eq!((&summary["TotalDuration"], &summary["WorkDuration"]), (&"02:21:00".into(), &"00:23:00".into()));
    assert_eq!((&summary["OverallStatus"], &summary["schema"]), (&"Failed".into(), &"wimkit.refresh-report/1".into()));
    assert_eq!(summary["SearchResults"]["TotalPackagesFound"], 1);
    let outcomes: Vec<&str> =
        summary["Steps"].as_array().unwrap().iter().map(|step| step["Outcome"].as_str().unwrap()).collect();
    assert_eq!(outcomes, ["failed", "done", "done", "done", "begun", "left-out"]);
    // What failed, with advice, comes first; notes last.
    let warnings = summary["Warnings"].as_array().unwrap();
    let shown: Vec<_> =
        warnings.iter().map(|warning| (warning["Severity"].as_str().unwrap(), warning["Advice"].is_string())).collect();
    assert_eq!(shown, [("Error", true), ("Error", true), ("Note", false)], "{warnings:?}");
}

/// The tags of a page, and whether each that is opened is closed in its order.
fn assert_well_formed(page: &str) {
    const VOID: [&str; 2] = ["meta", "!doctype"];
    let mut open = Vec::new();
    let mut rest = page;
    while let Some(start) = rest.find('<') {
        let end = start + rest[start..].find('>').expect("a tag ends");
        let tag = &rest[start + 1..end];
        let name = tag.trim_end_matches('/').split([' ', '\n']).next().unwrap();
        match name.strip_prefix('/') {
            Some(name) => assert_eq!(open.pop(), Some(name), "{tag}"),
            None if VOID.contains(&name) || tag.ends_with('/') => {}
            None => open.push(name),
        }
        rest = &rest[end + 1..];
    }
    assert_eq!(open, [""; 0]);
}

#[test]
fn the_page_stands_alone_and_takes_nothing_for_a_tag() {
    let page = html::page(&report());
    assert_well_formed(&page);
    for word in
        ["<script", "<img", "<link", "<iframe", "src=", "href=", "http://", "https://", "url(", "@import", "\u{202e}"]
    {
        assert!(!page.contains(word), "{word}");
    }
    for words in [
        "default-src 'none'; style-src 'unsafe-inline'",
        "=cmd|&#39;&quot;&gt;&lt;script&gt;alert(1)&lt;script&gt;\\u{202e}&amp;.cab",
        "&lt;/pre&gt;&lt;script&gt;",
        "gone on with, 2026-01-31 14:10:00 UTC",
        "an &lt;installer&gt; failed",
        "read the end of CBS.log",
        "<p>open an elevated prompt</p>",
        "0.98 KiB → 1.46 KiB",
        "+50 %",
        "/Add-Package /PackagePath:",
        "left:0.00%;width:45.45%",
        "left:54.55%;width:22.73%",
        "prefers-color-scheme: dark",
        "@media print",
    ] {
        assert!(page.contains(words), "{words}\n{page}");
    }
}

#[test]
fn folders_appear_whole_and_beside_each_other() {
    let place = tempfile::tempdir().unwrap();
    let report = report();
    let into = place.path().join("reports");
    let names = ["DynamicUpdate_Report_20260131_142100", "DynamicUpdate_Report_20260131_142100_2"];
    for name in names {
        assert_eq!(report.write(&into).unwrap(), into.join(name));
    }
    let mut files: Vec<_> =
        fs::read_dir(into.join(names[1])).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    files.sort();
    let expected = [
        "BootImage_Errors.csv",
        "BootImage_Success.csv",
        "Downloaded_Packages.csv",
        "Report.html",
        "Summary.json",
        "WindowsImage_Errors.csv",
        "WindowsImage_Success.csv",
    ];
    assert_eq!(files, expected);
    assert_eq!(fs::read_dir(&into).unwrap().count(), 2);
    // Where a file is, there is no room for a folder.
    let error = report.write(&into.join(names[0]).join("Report.html")).unwrap_err();
    assert!(error.to_string().contains("Report.html"), "{error}");
}
