//! Media refresh: codes explained, sample media made, checked, planned and refreshed.

mod support;

use assert_cmd::cargo::cargo_bin;
use serde_json::Value;
use std::path::Path;
use std::process::{Command, Output};
use support::{arg, assert_same_tree, has_peer, run};

fn wimkit(arguments: &[&str]) -> Output {
    Command::new(cargo_bin("wimkit")).args(arguments).output().unwrap()
}

#[track_caller]
fn text(code: i32, arguments: &[&str]) -> String {
    let output = wimkit(arguments);
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(code), "{arguments:?}\n{said}");
    String::from_utf8(output.stdout).unwrap()
}

#[track_caller]
fn json(code: i32, schema: &str, arguments: &[&str]) -> Value {
    let document: Value = serde_json::from_str(&text(code, &[arguments, &["--json"]].concat())).unwrap();
    assert_eq!(document["schema"], schema);
    document
}

#[test]
fn codes_are_explained_in_every_notation() {
    for code in ["0x800F0806", "-2146498554", "0x800f0806", "2148468742"] {
        let document = json(0, "wimkit.explain/1", &["explain", code]);
        assert_eq!((&document["code"], &document["action"]), (&"0x800F0806".into(), &"skip-cleanup".into()), "{code}");
        assert_eq!((&document["exit"], &document["win32"]), (&(-2146498554).into(), &Value::Null));
    }
    let text_126 = text(0, &["explain", "0x8007007e"]);
    assert_eq!(text_126, text(0, &["explain", "126"]));
    assert!(text_126.contains("at steps 1 and 17 warns and goes on"), "{text_126}");
    let unknown = json(1, "wimkit.explain/1", &["explain", "0x12345678"]);
    assert_eq!((&unknown["meaning"], &unknown["exit"]), (&Value::Null, &0x1234_5678.into()));
    text(2, &["explain", "nonsense"]);
}

fn sample(directory: &Path) {
    text(0, &["sample", "media", arg(directory), "--quiet"]);
}

#[test]
fn the_sample_is_the_same_each_time_and_what_it_seems() {
    let place = tempfile::tempdir().unwrap();
    let [first, second] = ["first", "second"].map(|name| place.path().join(name));
    sample(&first);
    sample(&second);
    assert_same_tree(&first, &second, "samples");
    // Not over something else.
    text(2, &["sample", "media", arg(&first)]);

    let sources = first.join("oldMedia/sources");
    let boot = json(0, "wimkit.info/1", &["info", arg(&sources.join("boot.wim"))]);
    assert_eq!((&boot["header"]["boot_index"], boot["images"].as_array().unwrap().len()), (&2.into(), 2), "{boot}");
    let install = sources.join("install.wim");
    let winre = format!("{}!/2/Windows/System32/Recovery/winre.wim", install.display());
    for wim in [arg(&sources.join("boot.wim")), arg(&install), &winre] {
        text(0, &["verify", wim, "--strict"]);
    }
    let document = json(0, "wimkit.info/1", &["info", arg(&install)]);
    assert_eq!(document["images"][1]["windows"]["edition_id"], "Professional", "{document}");
    assert_eq!(document["images"][1]["windows"]["version"], "10.0.26100.1742", "{document}");

    let set =
        json(0, "wimkit.package/1", &["package", arg(&first.join("packages/CU")), arg(&first.join("packages/Other"))]);
    let classes: Vec<&str> =
        set["files"].as_array().unwrap().iter().map(|file| file["package"]["class"].as_str().unwrap()).collect();
    assert_eq!(classes, ["cumulative", "cumulative", "dotnet", "safe-os-du", "setup-du"]);
    assert_eq!(set["set"]["standing"], "good", "{set}");

    if has_peer("7zz") {
        let listed = run("7zz", &["l", "-slt", arg(&first.join("oldMedia/setup.exe"))]);
        let listed = String::from_utf8_lossy(&listed.stdout).into_owned();
        assert!(listed.contains("FileVersion: 10.0.26100.1742"), "{listed}");
    }
}
