//! Media refresh: codes explained, plans, and sample media refreshed.

mod support;

use serde_json::Value;
use std::path::Path;
use support::scene::{RECORDED, assert_same_media, clear, features, refresh, sample};
use support::{arg, assert_code, assert_same_tree, document, text};

/// What recorded answers leave in an image.
const MARKER: &str = "/Windows/servicing/wimkit-recorded.txt";

#[test]
fn codes_are_explained_in_every_notation() {
    for code in ["0x800F0806", "-2146498554", "0x800f0806", "2148468742"] {
        let document = document(0, "wimkit.explain/1", &["explain", code]);
        assert_eq!((&document["code"], &document["action"]), (&"0x800F0806".into(), &"skip-cleanup".into()), "{code}");
        assert_eq!((&document["exit"], &document["win32"]), (&(-2146498554).into(), &Value::Null));
    }
    let text_126 = text(0, &["explain", "0x8007007e"]);
    assert_eq!(text_126, text(0, &["explain", "126"]));
    assert!(text_126.contains("at steps 1 and 17 warns and goes on"), "{text_126}");
    let unknown = document(1, "wimkit.explain/1", &["explain", "0x12345678"]);
    assert_eq!((&unknown["meaning"], &unknown["exit"]), (&Value::Null, &0x1234_5678.into()));
    text(2, &["explain", "nonsense"]);
}

#[test]
fn a_refresh_is_planned() {
    let place = tempfile::tempdir().unwrap();
    let directory = place.path().join("sample");
    sample(&directory);
    let file = directory.join("refresh.toml");
    text(0, &["refresh", "init", arg(&file), "--quiet"]);
    text(2, &["refresh", "init", arg(&file)]);
    let plan = document(0, "wimkit.refresh-plan/1", &["refresh", "plan", arg(&file)]);
    let done: Vec<u64> = plan["steps"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|step| step["left_out"].is_null())
        .filter_map(|step| step["number"].as_u64())
        .collect();
    let expected = [1, 6, 7, 8, 9, 12, 13, 15, 9, 12, 13, 15, 16, 17, 23, 24, 17, 23, 24, 25, 26, 27, 28];
    assert_eq!(done, expected, "{plan}");
    // The checkpoint beside the update is named by no call.
    assert!(!plan["steps"].to_string().contains("kb5043080"), "{plan}");

    // The directory of the packages' directories stands for them.
    let packages = directory.join("packages");
    let other = document(0, "wimkit.refresh-plan/1", &["refresh", "plan", arg(&file), "--packages", arg(&packages)]);
    assert_eq!(other["steps"], plan["steps"]);

    let shown = text(0, &["refresh", "plan", arg(&file)]);
    let below_title: Vec<&str> = shown.lines().skip(1).collect();
    assert!(below_title.iter().all(|line| line.chars().count() <= 80), "{shown}");
    assert!(shown.contains("   6  Safe OS update            SafeOS_DU-KB5057781-x64.cab"), "{shown}");
    assert!(shown.contains("to 5                      left out: no language is added"), "{shown}");
    let long = text(0, &["refresh", "plan", arg(&file), "--long"]);
    assert!(long.contains("/Cleanup-Image /StartComponentCleanup /ResetBase /Defer"), "{long}");

    // A package that does not belong beside the cumulative update.
    let stray = directory.join("packages/CU/stray.cab");
    std::fs::copy(directory.join("packages/Other/SafeOS_DU-KB5057781-x64.cab"), &stray).unwrap();
    let output = support::wimkit(&["refresh", "plan", arg(&file)]);
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(2), "{said}");
    assert!(said.contains("stray.cab") || said.contains("SafeOS_DU"), "{said}");
    std::fs::remove_file(&stray).unwrap();
    text(2, &["refresh", "plan", arg(&file), "--edition", "3"]);
    text(2, &["refresh", "plan", arg(&file), "--language", "ja-jp:Jpan"]);
    text(2, &["refresh", "plan", arg(&file), "--media", arg(&directory.join("packages"))]);
}

/// The golden file was compared line by line with Microsoft's guide and DISM's reference.
#[test]
fn the_command_lines_of_a_full_refresh() {
    let place = tempfile::tempdir().unwrap();
    let directory = place.path().join("sample");
    sample(&directory);
    features(&directory);
    let settings = r#"
        features = "features"
        languages = [{ tag = "ja-jp", fonts = "Jpan" }]
        capabilities = ["XPS.Viewer~~~~0.0.1.0"]
        components = ["MediaPlayback"]
        dotnet35 = true
        editions = [2]
    "#;
    std::fs::write(directory.join("refresh.toml"), settings).unwrap();
    let plan = || {
        let output = refresh(&directory, &["plan", "--json"]);
        serde_json::from_slice::<Value>(&output.stdout).unwrap()
    };
    // Paths in the plan are as short as those in the settings.
    let commands = |plan: &Value| -> String {
        let steps = plan["steps"].as_array().unwrap().iter();
        let commands = steps.flat_map(|step| step["commands"].as_array().unwrap());
        commands.map(|command| command.as_str().unwrap().replace('\\', "/") + "\n").collect()
    };
    let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/refresh_commands.txt");
    let golden = std::fs::read_to_string(golden).unwrap();
    assert_eq!(commands(&plan()), golden);

    // The same out of an ISO image: what is needed is taken out of it first.
    let [features, image] = ["features", "features.iso"].map(|name| directory.join(name));
    // Letter case does not count in it.
    let names = ["LanguagesAndOptionalFeatures", "LANGUAGESANDOPTIONALFEATURES"];
    let [usual, other] = names.map(|name| features.join(name));
    std::fs::write(usual.join("feature.cab"), "of no package that is named").unwrap();
    std::fs::rename(usual, other).unwrap();
    std::fs::write(features.join("not needed"), "for anything").unwrap();
    text(0, &["media", "iso", "--no-boot", arg(&features), arg(&image), "--quiet"]);
    std::fs::remove_file(features.join("not needed")).unwrap();
    std::fs::write(directory.join("refresh.toml"), settings.replace("\"features\"", "\"features.iso\"")).unwrap();
    let found = plan();
    assert_eq!(commands(&found).replace("work/features/", "features/").replace(names[1], names[0]), golden);
    assert_eq!(found["steps"][1]["task"], "expand-features");
    assert_code(&refresh(&directory, &["run", "--servicer", "recorded"]), 0);
    assert_same_tree(&features, &directory.join("work/features"), "taken out of the image");
}

#[test]
fn a_whole_refresh_and_one_that_is_stopped_after_each_step() {
    let place = tempfile::tempdir().unwrap();
    let whole = place.path().join("whole");
    sample(&whole);
    let original = support::read_tree(&whole.join("oldMedia"));
    assert_code(&refresh(&whole, &RECORDED), 0);
    assert!(original == support::read_tree(&whole.join("oldMedia")), "the original media were changed");

    let new = whole.join("newMedia");
    document(0, "wimkit.media-check/1", &["media", "check", arg(&new)]);
    let image = |path: &str| format!("{}!/{path}", new.join("sources/install.wim").display());
    let winre = "Windows/System32/Recovery/winre.wim";
    for edition in ["1", "2"] {
        let done = text(0, &["cat", arg(&new.join("sources/install.wim")), edition, MARKER]);
        assert_eq!(
            done.lines().map(|line| &line[..7]).collect::<Vec<_>>(),
            ["step 9:", "step 12", "step 13", "step 15"]
        );
        let done = text(0, &["cat", &image(&format!("{edition}/{winre}")), "1", MARKER]);
        assert_eq!(done.lines().map(|line| &line[..7]).collect::<Vec<_>>(), ["step 1:", "step 6:", "step 7:"]);
    }
    let boot = document(0, "wimkit.info/1", &["info", arg(&new.join("sources/boot.wim"))]);
    assert_eq!((&boot["header"]["boot_index"], &boot["images"][1]["flags"]), (&2.into(), &"2".into()));
    // The Setup update: newer and new files, but not what the media have newer, and Setup itself comes from boot.wim.
    let same = |one: &str, other: &str| original[one] == std::fs::read(new.join(other)).unwrap();
    assert!(same("sources/setupcore.dll", "sources/setupcore.dll") && same("sources/setup.exe", "sources/setup.exe"));
    assert!(!same("sources/appraiserres.dll", "sources/appraiserres.dll"));
    assert!(new.join("sources/servicingcommon.dll").exists());
    assert!(new.join("sources/replacementmanifests/sample-replacement.man").exists());
    // What is done is not begun again, and can be shown.
    assert_code(&refresh(&whole, &RECORDED), 2);
    let status = refresh(&whole, &["status", "--json"]);
    let status: Value = serde_json::from_slice(&status.stdout).unwrap();
    let count = status["steps"].as_array().unwrap().iter().filter(|step| step["outcome"] == "done").count();
    assert_eq!((&status["schema"], count), (&"wimkit.refresh-run/1".into(), 29), "{status}");

    let stopped = place.path().join("stopped");
    sample(&stopped);
    for steps in 1..=count {
        clear(&stopped);
        let after = steps.to_string();
        assert_code(&refresh(&stopped, &[&RECORDED[..], &["--stop-after", &after]].concat()), 2);
        assert_code(&refresh(&stopped, &["resume"]), 0);
        assert_same_media(&new, &stopped.join("newMedia"), &format!("stopped after {steps} steps"));
    }
    // Stopped again and again, each time behind more steps than an image has: an unfinished one is begun anew.
    clear(&stopped);
    assert_code(&refresh(&stopped, &[&RECORDED[..], &["--stop-after", "5"]].concat()), 2);
    while refresh(&stopped, &[&["resume"][..], &["--stop-after", "5"]].concat()).status.code() == Some(2) {}
    assert_same_media(&new, &stopped.join("newMedia"), "stopped after every five steps");
}

#[test]
fn what_follows_from_failures() {
    let place = tempfile::tempdir().unwrap();
    let directory = place.path().join("sample");
    sample(&directory);
    let run = |answers: &str, more: &[&str]| {
        clear(&directory);
        std::fs::write(directory.join("answers"), answers).unwrap();
        let arguments = [&RECORDED[..], &["--answers", "answers", "--json"], more].concat();
        let output = refresh(&directory, &arguments);
        support::refresh_ending(&output)
    };
    for (answers, code, others) in [
        // The quirk of combined updates: harmless at steps 1 and 17 if the later update goes in …
        ("winre 1 0x8007007e", 0, "1 tolerated"),
        ("winpe-2 17 -2147024770", 0, "17/2 tolerated"),
        // … and not without, nor anywhere else.
        ("winre 1 126\nwinre 6 0x800F0922", 1, "1 failed, 6 failed"),
        ("os-1 12 0x8007007e", 1, "12/1 failed"),
        // Without its servicing stack an image is kept as it was.
        ("os-2 9 0x8007007e", 1, "9/2 failed, 12/2 skipped, 13/2 skipped, 15/2 skipped"),
        // Pending operations are harmless at cleanup alone.
        ("os-1 13 -2146498554", 0, "13/1 skipped"),
        ("os-1 12 0x800F0806", 1, "12/1 failed"),
        ("os-1 15 0x800F081E", 0, "15/1 not-applicable"),
        ("os-1 12 3010", 0, ""),
        // Tried once more, and not twice.
        ("winpe-1 23 0x800F0823", 0, ""),
        ("winpe-1 23 0x800F0823\nwinpe-1 23 0x800F0823", 1, "23/1 failed"),
        // A corrupt component store.
        ("os-1 12 14098", 1, "9/1 skipped, 12/1 failed, 13/1 skipped, 15/1 skipped"),
    ] {
        assert_eq!(run(answers, &[]), (Some(code), others.into()), "{answers}");
    }
    // What nothing can follow on stops the run, and it goes on when that is mended.
    for (answers, more) in [("os-1 12 112", &[][..]), ("os-1 12 0x800F0922", &["--stop-on-error"])] {
        assert_eq!(run(answers, more).0, Some(3));
        std::fs::write(directory.join("answers"), "").unwrap();
        assert_code(&refresh(&directory, &["resume"]), 0);
    }
    assert_eq!(run("os-1 nonsense", &[]).0, Some(2));
    // An image that was given up is as it was.
    run("os-2 9 5000", &[]);
    let install = directory.join("newMedia/sources/install.wim");
    text(0, &["cat", arg(&install), "1", MARKER]);
    text(2, &["cat", arg(&install), "2", MARKER]);
}

#[test]
fn what_remains_for_dism_is_a_script() {
    let place = tempfile::tempdir().unwrap();
    let directory = place.path().join("sample");
    sample(&directory);
    assert_code(&refresh(&directory, &["run"]), 1);
    let script = std::fs::read_to_string(directory.join("work/service.cmd")).unwrap();
    let calls = |word: &str| script.lines().filter(|line| line.starts_with("dism.exe") && line.contains(word)).count();
    assert_eq!((calls("/Mount-Image"), calls("/Commit"), calls("/Discard")), (5, 5, 5), "{script}");
    assert_eq!((calls("/Add-Package"), calls("/Cleanup-Image")), (12, 5), "{script}");
    assert_eq!(calls("\"/English\""), calls(""), "{script}");
    let stack = script.lines().skip_while(|line| !line.contains("winre-step-1.log")).nth(1).unwrap();
    assert!(stack.contains("\"-2147024770\"") && stack.ends_with("goto failed_winre"), "{stack}");
    let update = script.lines().skip_while(|line| !line.contains("os-1-step-12.log")).nth(1).unwrap();
    assert!(!update.contains("\"-2147024770\""), "{update}");
    assert!(!directory.join("newMedia/sources/servicingcommon.dll").exists());

    // As if Windows had done it.
    for name in ["winre", "os-1", "os-2", "winpe-1", "winpe-2"] {
        assert!(directory.join(format!("work/images/{name}.wim")).exists(), "{name}");
        std::fs::write(directory.join(format!("work/done/{name}.done")), "done").unwrap();
    }
    assert_code(&refresh(&directory, &["resume"]), 0);
    document(0, "wimkit.media-check/1", &["media", "check", arg(&directory.join("newMedia"))]);
    assert!(directory.join("newMedia/sources/servicingcommon.dll").exists());
}
