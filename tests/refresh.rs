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

/// What `media check` says: the kinds of its findings with their files.
fn findings(code: i32, media: &Path) -> Vec<String> {
    let document = json(code, "wimkit.media-check/1", &["media", "check", arg(media)]);
    let findings = document["findings"].as_array().unwrap().iter();
    findings.map(|found| format!("{} {}", found["kind"].as_str().unwrap(), found["path"].as_str().unwrap())).collect()
}

#[test]
fn media_are_checked() {
    let place = tempfile::tempdir().unwrap();
    let directory = place.path().join("sample");
    sample(&directory);
    let media = directory.join("oldMedia");
    let good = json(0, "wimkit.media-check/1", &["media", "check", arg(&media)]);
    assert_eq!((&good["standing"], &good["architecture"]), (&"good".into(), &"x64".into()), "{good}");
    assert_eq!(good["binaries"].as_array().unwrap().len(), 4, "{good}");
    let images = good["images"].as_array().unwrap();
    assert_eq!((images.len(), &images[3]["winre_version"]), (4, &"10.0.26100.1742".into()), "{good}");
    let shown = text(0, &["media", "check", arg(&media)]);
    assert!(shown.lines().all(|line| line.chars().count() <= 80), "{shown}");

    let put = |name: &str, content: &[u8]| std::fs::write(media.join(name), content).unwrap();
    let newer = std::fs::read(media.join("sources/setupcore.dll")).unwrap();
    put("sources/setup.exe", &newer);
    put("efi/boot/bootx64.efi", &newer);
    std::fs::remove_file(media.join("sources/setuphost.exe")).unwrap();
    put("sources/lang.ini", b"[Available UI Languages]\r\nen-us = 3\r\nde-de = 0\r\n");
    let expected = [
        "version sources/setup.exe",
        "missing sources/setuphost.exe",
        "version efi/boot/bootx64.efi",
        "language sources/lang.ini",
        "lang-ini-differs sources/lang.ini",
    ];
    assert_eq!(findings(1, &media), expected);
    let shown = text(1, &["media", "check", arg(&media)]);
    assert!(shown.contains("as step 27 of a refresh does") && shown.contains("as step 28"), "{shown}");

    // An edition loses its Windows RE's bytes; another archive appears; boot.wim goes.
    let install = media.join("sources/install.wim");
    let mut bytes = std::fs::read(&install).unwrap();
    bytes[300] ^= 1;
    std::fs::write(&install, &bytes).unwrap();
    std::fs::rename(media.join("sources/boot.wim"), media.join("sources/boot.old")).unwrap();
    put("sources/INSTALL.ESD", &bytes);
    let found = findings(1, &media);
    for expected in ["missing sources/boot.wim", "second-archive sources/INSTALL.ESD", "damaged sources/install.wim"] {
        assert!(found.iter().any(|found| found == expected), "{expected}: {found:?}");
    }
    text(2, &["media", "check", arg(&install)]);
}

#[test]
fn a_refresh_is_planned() {
    let place = tempfile::tempdir().unwrap();
    let directory = place.path().join("sample");
    sample(&directory);
    let file = directory.join("refresh.toml");
    text(0, &["refresh", "init", arg(&file), "--quiet"]);
    text(2, &["refresh", "init", arg(&file)]);
    let plan = json(0, "wimkit.refresh-plan/1", &["refresh", "plan", arg(&file)]);
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
    let other = json(0, "wimkit.refresh-plan/1", &["refresh", "plan", arg(&file), "--packages", arg(&packages)]);
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
    let output = wimkit(&["refresh", "plan", arg(&file)]);
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(2), "{said}");
    assert!(said.contains("stray.cab") || said.contains("SafeOS_DU"), "{said}");
    std::fs::remove_file(&stray).unwrap();
    text(2, &["refresh", "plan", arg(&file), "--edition", "3"]);
    text(2, &["refresh", "plan", arg(&file), "--language", "ja-jp:Jpan"]);
    text(2, &["refresh", "plan", arg(&file), "--media", arg(&directory.join("packages"))]);
}

/// What the ISO image with languages and features has for Japanese.
fn features(directory: &Path) {
    let components = "features/Windows Preinstallation Environment/x64/WinPE_OCs";
    for file in [
        format!("{components}/ja-jp/lp.cab"),
        format!("{components}/ja-jp/WinPE-WMI_ja-jp.cab"),
        format!("{components}/WinPE-FontSupport-ja-jp.cab"),
        format!("{components}/WinPE-Speech-TTS.cab"),
        format!("{components}/WinPE-Speech-TTS-ja-jp.cab"),
        "features/LanguagesAndOptionalFeatures/Microsoft-Windows-Client-Language-Pack_x64_ja-jp.cab".into(),
    ] {
        let path = directory.join(file);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, "of a language").unwrap();
    }
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
fn lang_ini_has_the_languages_that_were_added() {
    let place = tempfile::tempdir().unwrap();
    let directory = place.path();
    sample(directory);
    features(directory);
    let pack = directory.join("oldMedia/langpacks/pl-pl/lp.cab");
    std::fs::create_dir_all(pack.parent().unwrap()).unwrap();
    std::fs::write(pack, "of a language").unwrap();
    let settings = "features = \"features\"\nlanguages = [{ tag = \"ja-jp\", fonts = \"Jpan\" }]\n";
    let old = std::fs::read_to_string(directory.join("oldMedia/sources/lang.ini")).unwrap();
    let new = "\r\n[Available UI Languages]\r\nen-us = 3\r\nja-jp = 0\r\npl-pl = 1\r\n\r\n\
               [Fallback Languages]\r\nen-us = en-us\r\nja-jp = en-us\r\npl-pl = en-us\r\n";
    for (more, expected, standing) in [
        // Recorded answers change no file: DISM would.
        ("", &*old, "good"),
        ("lang_ini = \"native\"\n", new, "good"),
        ("lang_ini = \"native\"\neditions = [2]\n", new, "doubtful"),
    ] {
        for name in ["newMedia", "work"] {
            let _ = std::fs::remove_dir_all(directory.join(name));
        }
        std::fs::write(directory.join("refresh.toml"), format!("{settings}{more}")).unwrap();
        // Stopped behind the step that writes it, too.
        assert_code(&refresh(directory, &[&RECORDED[..], &["--stop-after", "30"]].concat()), 2);
        assert_code(&refresh(directory, &RESUME), 0);
        let media = directory.join("newMedia");
        assert_eq!(std::fs::read_to_string(media.join("sources/lang.ini")).unwrap(), expected, "{more}");
        let in_boot = support::wimkit(&["cat", arg(&media.join("sources/boot.wim")), "2", "/sources/lang.ini"]).stdout;
        assert_eq!(String::from_utf8(in_boot).unwrap(), expected, "{more}");
        let check = json(0, "wimkit.media-check/1", &["media", "check", arg(&media)]);
        assert_eq!(check["standing"], standing, "{more}: {check}");
    }
    // A language that no edition has is another matter.
    std::fs::write(directory.join("newMedia/sources/lang.ini"), new.replace("pl-pl", "fr-fr")).unwrap();
    let found = findings(1, &directory.join("newMedia"));
    assert!(found.contains(&"language sources/lang.ini".to_owned()), "{found:?}");
    assert!(found.contains(&"language-in-part sources/lang.ini".to_owned()), "{found:?}");
}

#[test]
fn media_in_an_iso_image() {
    let place = tempfile::tempdir().unwrap();
    let directory = place.path();
    sample(directory);
    let [old, image] = ["oldMedia", "old.iso"].map(|name| directory.join(name));
    text(0, &["media", "iso", arg(&old), arg(&image), "--quiet"]);
    let [in_directory, in_image] = [&old, &image].map(|media| {
        let mut document = json(0, "wimkit.media-check/1", &["media", "check", arg(media)]);
        document["path"] = Value::Null;
        document
    });
    assert_eq!(in_image, in_directory);

    assert_code(&refresh(directory, &RECORDED), 0);
    let from_image = [&RECORDED[..], &["--media", "old.iso", "--new-media", "fromImage", "--work", "other"]].concat();
    // Stopped on the way, too: the rest of it reads the image again.
    assert_code(&refresh(directory, &[&from_image[..], &["--stop-after", "4"]].concat()), 2);
    assert_code(&refresh(directory, &["resume", "other", "--servicer", "recorded"]), 0);
    assert_same_tree(&directory.join("newMedia"), &directory.join("fromImage"), "made from the image");

    // Neither what is no image, nor one with names that no file can have everywhere.
    let refused = refresh(directory, &[&RECORDED[..], &["--media", "oldMedia/setup.exe"]].concat());
    assert_code(&refused, 2);
    assert!(support::stderr(&refused).contains("media are a directory or an ISO image"));
    if cfg!(unix) {
        std::fs::write(old.join("sources/lang.ini:stream"), "of another file").unwrap();
        std::fs::remove_file(&image).unwrap();
        text(0, &["media", "iso", arg(&old), arg(&image), "--quiet"]);
        let refused = refresh(directory, &from_image);
        assert_code(&refused, 2);
        assert!(support::stderr(&refused).contains("no file on disk can be called"), "{}", support::stderr(&refused));
    }
}

/// A refresh of the sample in `directory`, with times that are the same each time.
fn refresh(directory: &Path, arguments: &[&str]) -> Output {
    let mut command = Command::new(cargo_bin("wimkit"));
    command
        .arg("refresh")
        .args(arguments)
        .current_dir(directory)
        .env("SOURCE_DATE_EPOCH", "1750000000")
        .env("WIMKIT_DATABASE", "history.redb")
        .output()
        .unwrap()
}

#[track_caller]
fn assert_code(output: &Output, code: i32) {
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(code), "{said}");
}

const RECORDED: [&str; 3] = ["run", "--servicer", "recorded"];
const RESUME: [&str; 3] = ["resume", "--servicer", "recorded"];
const MARKER: &str = "/Windows/servicing/wimkit-recorded.txt";

#[test]
fn a_whole_refresh_and_one_that_is_stopped_after_each_step() {
    let place = tempfile::tempdir().unwrap();
    let whole = place.path().join("whole");
    sample(&whole);
    let original = support::read_tree(&whole.join("oldMedia"));
    assert_code(&refresh(&whole, &RECORDED), 0);
    assert!(original == support::read_tree(&whole.join("oldMedia")), "the original media were changed");

    let new = whole.join("newMedia");
    json(0, "wimkit.media-check/1", &["media", "check", arg(&new)]);
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
    let boot = json(0, "wimkit.info/1", &["info", arg(&new.join("sources/boot.wim"))]);
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
        for directory in ["newMedia", "work"] {
            let _ = std::fs::remove_dir_all(stopped.join(directory));
        }
        let after = steps.to_string();
        assert_code(&refresh(&stopped, &[&RECORDED[..], &["--stop-after", &after]].concat()), 2);
        assert_code(&refresh(&stopped, &RESUME), 0);
        assert_same_tree(&new, &stopped.join("newMedia"), &format!("stopped after {steps} steps"));
    }
    // Stopped again and again, each time behind more steps than an image has: an unfinished one is begun anew.
    for directory in ["newMedia", "work"] {
        std::fs::remove_dir_all(stopped.join(directory)).unwrap();
    }
    assert_code(&refresh(&stopped, &[&RECORDED[..], &["--stop-after", "5"]].concat()), 2);
    while refresh(&stopped, &[&RESUME[..], &["--stop-after", "5"]].concat()).status.code() == Some(2) {}
    assert_same_tree(&new, &stopped.join("newMedia"), "stopped after every five steps");
}

#[test]
fn an_iso_image_of_the_new_media() {
    let place = tempfile::tempdir().unwrap();
    let directory = place.path();
    sample(directory);
    assert_code(&refresh(directory, &[&RECORDED[..], &["--iso", "images/new.iso"]].concat()), 0);
    let image = directory.join("images/new.iso");
    text(0, &["expand", arg(&image), "--to", arg(&directory.join("target")), "--quiet"]);
    assert_same_tree(&directory.join("newMedia"), &directory.join("target"), "in the image");
    let inside = format!("{}!/sources/boot.wim", image.display());
    text(0, &["verify", &inside, "--quiet"]);

    // Stopped just before: it is written by whoever goes on.
    for name in ["newMedia", "work", "images"] {
        std::fs::remove_dir_all(directory.join(name)).unwrap();
    }
    assert_code(&refresh(directory, &[&RECORDED[..], &["--iso", "images/new.iso", "--stop-after", "29"]].concat()), 2);
    assert!(!image.exists());
    assert_code(&refresh(directory, &RESUME), 0);
    assert!(image.exists());

    // What firmware is to start is missed before anything is done, and not at the end.
    std::fs::remove_file(directory.join("oldMedia/efi/microsoft/boot/efisys.bin")).unwrap();
    for name in ["newMedia", "work"] {
        std::fs::remove_dir_all(directory.join(name)).unwrap();
    }
    let refused = refresh(directory, &[&RECORDED[..], &["--iso", "images/new.iso"]].concat());
    assert_code(&refused, 2);
    assert!(support::stderr(&refused).contains("have no efi/microsoft/boot/efisys.bin"));
    assert!(!directory.join("newMedia").exists());
}

#[test]
fn boot_managers_of_either_authority() {
    let place = tempfile::tempdir().unwrap();
    let directory = place.path();
    sample(directory);
    let boot = directory.join("oldMedia/sources/boot.wim");
    let in_image = |path: &str| support::wimkit(&["cat", arg(&boot), "2", path]).stdout;
    let run = |year: &str| {
        for name in ["newMedia", "work"] {
            let _ = std::fs::remove_dir_all(directory.join(name));
        }
        refresh(directory, &[&RECORDED[..], &["--boot-managers", year]].concat())
    };
    let managers = || {
        ["efi/boot/bootx64.efi", "bootmgr.efi"]
            .map(|path| std::fs::read(directory.join("newMedia").join(path)).unwrap())
    };
    let of_2011 = ["bootmgfw.efi", "bootmgr.efi"].map(|name| in_image(&format!("Windows/Boot/EFI/{name}")));
    let of_2023 = ["bootmgfw_EX.efi", "bootmgr_EX.efi"].map(|name| in_image(&format!("Windows/Boot/EFI_EX/{name}")));
    assert!(of_2011 != of_2023 && of_2023.iter().all(|file| file.starts_with(b"MZ")));
    for (year, expected) in [("2011", &of_2011), ("2023", &of_2023)] {
        assert_code(&run(year), 0);
        assert!(managers() == *expected, "{year}");
    }
    // What belongs to those of 2023 comes with them, and the check compares them with their like.
    let newer = directory.join("oldMedia/sources/setupcore.dll");
    let put = |path: &str, content: &Path| {
        let command = format!("add \"{}\" \"/Windows/Boot/{path}\"", content.display());
        text(0, &["update", arg(&boot), "2", "-c", &command, "--quiet"]);
    };
    let font = directory.join("font");
    std::fs::write(&font, "a font of 2023").unwrap();
    put("EFI_EX/bootmgfw_EX.efi", &newer);
    for path in [
        "FONTS_EX/segoe_slboot_EX.ttf",
        "FONTS_EX/notes_EX.txt",
        "DVD_EX/EFI/en-US/efisys_EX.bin",
        "PCAT_EX/bootmgr_EX",
    ] {
        put(path, &font);
    }
    let new = |path: &str| std::fs::read(directory.join("newMedia").join(path)).ok();
    let trust_list = "efi/microsoft/boot/boot.stl";
    let placed = ["efi/microsoft/boot/fonts/segoe_slboot.ttf", "efi/microsoft/boot/efisys_ex.bin", "bootmgr"];
    assert_code(&run("2011"), 0);
    assert!(placed.iter().all(|path| new(path).as_deref() != Some(b"a font of 2023")));
    assert_eq!(new(trust_list), None);
    assert_code(&run("2023"), 0);
    assert!(placed.iter().all(|path| new(path).as_deref() == Some(b"a font of 2023")));
    assert_eq!(std::fs::read_dir(directory.join("newMedia/efi/microsoft/boot/fonts")).unwrap().count(), 1);
    let check = json(0, "wimkit.media-check/1", &["media", "check", arg(&directory.join("newMedia"))]);
    assert_eq!(check["standing"], "good", "{check}");
    // The trust list of the image comes with them, and is missed where it is not, but media that have one keep it.
    assert_eq!(new(trust_list), Some(in_image("Windows/Boot/EFI/boot.stl")));
    std::fs::remove_file(directory.join("newMedia").join(trust_list)).unwrap();
    assert_eq!(findings(0, &directory.join("newMedia")), [format!("no-trust-list {trust_list}")]);
    let own = directory.join("oldMedia/efi/microsoft/boot/BOOT.STL");
    std::fs::write(&own, "that of the media").unwrap();
    assert_code(&run("2023"), 0);
    assert_eq!(new("efi/microsoft/boot/BOOT.STL").as_deref(), Some(&b"that of the media"[..]));
    std::fs::remove_file(&own).unwrap();
    text(0, &["update", arg(&boot), "2", "-c", "delete --recursive /Windows/Boot/FONTS_EX", "--quiet"]);
    // Images that have none keep those that start, and it is told.
    text(0, &["update", arg(&boot), "2", "-c", "delete --recursive /Windows/Boot/EFI_EX", "--quiet"]);
    let output = run("2023");
    assert_code(&output, 1);
    let said = support::stderr(&output);
    assert!(said.contains("has no Windows/Boot/EFI_EX/bootmgfw_EX.efi: that of 2011"), "{said}");
    assert!(managers() == of_2011 && new(placed[0]).is_none());
}

#[test]
fn what_follows_from_failures() {
    let place = tempfile::tempdir().unwrap();
    let directory = place.path().join("sample");
    sample(&directory);
    let run = |answers: &str, more: &[&str]| {
        for name in ["newMedia", "work"] {
            let _ = std::fs::remove_dir_all(directory.join(name));
        }
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
    assert_eq!(run("os-1 12 112", &[]).0, Some(3));
    assert_code(&refresh(&directory, &RESUME), 0);
    assert_eq!(run("os-1 12 0x800F0922", &["--stop-on-error"]).0, Some(3));
    assert_code(&refresh(&directory, &RESUME), 0);
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
    json(0, "wimkit.media-check/1", &["media", "check", arg(&directory.join("newMedia"))]);
    assert!(directory.join("newMedia/sources/servicingcommon.dll").exists());
}
