//! Plans against sequences that were written by hand from Microsoft's guide.

use std::path::{Path, PathBuf};

use super::*;
use crate::refresh::media::images::ImageFacts;
use crate::refresh::settings::{By, Checkpoints, IsoSettings, Language, Settings, StackMode};
use crate::servicing::request::CleanUp;
use crate::util::sha1::Sha1;
use crate::wim::xml::WindowsVersion;

fn image(index: u32, build: u32) -> ImageFacts {
    ImageFacts {
        index,
        name: format!("image {index}"),
        bytes: 1000 * u64::from(index),
        version: Some(WindowsVersion { major: 10, minor: 0, build, revision: 1742 }),
        architecture: Some(Architecture(9)),
        languages: vec!["en-US".into()],
        winre: None,
        has_lang_ini: false,
        is_pending: false,
        components: Vec::new(),
    }
}

fn package(name: &str, class: Class, version: &str) -> PackageFacts {
    PackageFacts {
        path: name.into(),
        class,
        is_combined: class == Class::Cumulative,
        architecture: Some("x64"),
        version: version.parse().unwrap(),
        kb: None,
        size: None,
        fault: None,
    }
}

/// Media of this build with so many editions, and packages of every kind but a servicing stack.
fn facts(build: u32, editions: u32) -> Facts {
    let setup = ImageFacts { has_lang_ini: true, ..image(2, build) };
    let edition = |index| ImageFacts { winre: Some(Sha1::of(b"winre")), ..image(index, build) };
    let components = vec!["WinPE-Scripting".into(), "WinPE-WMI".into()];
    Facts {
        boot: Some(vec![ImageFacts { components: components.clone(), ..image(1, build) }, setup]),
        boot_index: Some(2),
        install: Some((1..=editions).map(edition).collect()),
        winre: Some(ImageFacts { components, ..image(1, build) }),
        packages: vec![
            package("lcu", Class::Cumulative, "26100.4061.1.1"),
            package("safe-os", Class::SafeOsDu, "26100.4060.1.1"),
            package("setup-du", Class::SetupDu, "0.0.0.0"),
            package("dotnet", Class::DotNet, "10.0.9310.3"),
        ],
        features: None,
        warnings: Vec::new(),
    }
}

/// What the ISO has for Japanese: no component's part but that of WMI.
fn features() -> FeatureSource {
    let pe = |name: &str| format!("Windows Preinstallation Environment/x64/WinPE_OCs/{name}");
    let files = [
        pe("ja-jp/lp.cab"),
        pe("ja-jp/WinPE-WMI_ja-jp.cab"),
        pe("ja-jp/WinPE-HTA_ja-jp.cab"),
        pe("WinPE-FontSupport-JA-JP.cab"),
        pe("WinPE-Speech-TTS.cab"),
        pe("WinPE-Speech-TTS-ja-jp.cab"),
        "LanguagesAndOptionalFeatures/Microsoft-Windows-Client-Language-Pack_x64_ja-jp.cab".into(),
    ];
    FeatureSource::new(Path::new("F"), files)
}

fn japanese() -> Settings {
    let language = Language { tag: "ja-jp".into(), fonts: Some("jpan".into()) };
    Settings { languages: vec![language], features: Some("F".into()), ..Settings::default() }
}

/// The steps that are done: their numbers, or tasks where they have none, with the image behind a slash.
fn sequence(settings: &Settings, facts: &Facts) -> String {
    let plan = plan(settings, facts).unwrap();
    let steps = plan.done().map(|step| {
        let step_name = step.number.map_or(step.task.name().to_owned(), |number| number.to_string());
        let image = step.image.as_ref().map(|image| format!("/{}", image.index)).unwrap_or_default();
        format!("{step_name}{image}")
    });
    steps.collect::<Vec<_>>().join(" ")
}

/// What is asked for at a step, on its first image.
fn requests(settings: &Settings, facts: &Facts, number: u8) -> Vec<String> {
    let plan = plan(settings, facts).unwrap();
    let step = plan.steps.iter().find(|step| step.number == Some(number)).unwrap();
    match &step.work {
        Work::Service(requests) => requests.iter().map(Request::title).collect(),
        other => panic!("step {number}: {other:?}"),
    }
}

fn reason(settings: &Settings, facts: &Facts, number: u8) -> Reason {
    let plan = plan(settings, facts).unwrap();
    let step = plan.steps.into_iter().find(|step| step.number == Some(number)).unwrap();
    match step.work {
        Work::LeftOut(reason) => reason,
        other => panic!("step {number}: {other:?}"),
    }
}

#[test]
fn no_languages() {
    let facts = facts(26100, 1);
    let expected = "copy-media take-winre 1 6 7 8 9/1 12/1 13/1 15/1 put-winre/1 16 17/1 23/1 24/1 \
                    17/2 23/2 24/2 save-setup/2 25 26 27 28 check-media";
    assert_eq!(sequence(&Settings::default(), &facts), expected);
    for (number, expected) in
        [(2, Reason::NoLanguage), (5, Reason::NoLanguage), (11, Reason::NotAsked), (14, Reason::NotAsked)]
    {
        assert_eq!(reason(&Settings::default(), &facts, number), expected, "{number}");
    }
}

#[test]
fn an_iso_image_comes_last() {
    let settings = Settings { iso: Some(IsoSettings::new("new.iso".into())), ..Settings::default() };
    assert!(sequence(&settings, &facts(26100, 1)).ends_with(" 26 27 28 check-media write-iso"));
}

#[test]
fn one_language() {
    let facts = Facts { features: Some(features()), ..facts(26100, 1) };
    // Image 1 of boot.wim has no lang.ini; image 2 has no optional components.
    let expected = "copy-media take-winre 1 2 3 4 5 6 7 8 9/1 10/1 11/1 12/1 13/1 15/1 put-winre/1 16 \
                    17/1 18/1 19/1 20/1 21/1 23/1 24/1 17/2 18/2 20/2 21/2 22/2 23/2 24/2 save-setup/2 25 \
                    26 27 28 place-lang-ini check-media";
    let settings = japanese();
    assert_eq!(sequence(&settings, &facts), expected);
    let at = |number| requests(&settings, &facts, number);
    assert_eq!(at(2), ["lp.cab"]);
    assert_eq!(at(3), ["WinPE-WMI_ja-jp.cab"], "the image has no HTA, and there is none for Scripting");
    assert_eq!(at(4), ["WinPE-FontSupport-JA-JP.cab"]);
    assert_eq!(at(5), ["WinPE-Speech-TTS.cab", "WinPE-Speech-TTS-ja-jp.cab"]);
    assert_eq!(at(10), ["Microsoft-Windows-Client-Language-Pack_x64_ja-jp.cab"]);
    let features = [
        "Language.Fonts.Jpan~~~und-JPAN~0.0.1.0",
        "Language.Basic~~~ja-jp~0.0.1.0",
        "Language.OCR~~~ja-jp~0.0.1.0",
        "Language.Handwriting~~~ja-jp~0.0.1.0",
        "Language.TextToSpeech~~~ja-jp~0.0.1.0",
        "Language.Speech~~~ja-jp~0.0.1.0",
    ];
    assert_eq!(at(11), features);
    let without_base = FeatureSource::new(
        Path::new("F"),
        [
            "Windows Preinstallation Environment/x64/WinPE_OCs/ja-jp/lp.cab",
            "Windows Preinstallation Environment/x64/WinPE_OCs/WinPE-Speech-TTS-ja-jp.cab",
            "x64/langpacks/Microsoft-Windows-Client-Language-Pack_x64_ja-jp.cab",
        ]
        .map(str::to_owned),
    );
    let facts = Facts { features: Some(without_base), ..facts };
    assert_eq!(reason(&settings, &facts, 5), Reason::NoFiles);
    assert_eq!(requests(&settings, &facts, 10), ["Microsoft-Windows-Client-Language-Pack_x64_ja-jp.cab"]);
}

#[test]
fn lang_ini_by_wimkit() {
    let facts = Facts { features: Some(features()), ..facts(26100, 1) };
    let settings = Settings { lang_ini: By::Native, ..japanese() };
    // When the image is serviced, and before its files are kept; the other image has none.
    let expected = " 17/1 18/1 19/1 20/1 21/1 23/1 24/1 17/2 18/2 20/2 21/2 23/2 24/2 22/2 save-setup/2 25 \
                    26 27 28 place-lang-ini check-media";
    let found = sequence(&settings, &facts);
    assert!(found.ends_with(expected), "{found}");
    // Without languages it stays as it is.
    let found = sequence(&Settings { languages: Vec::new(), ..settings }, &facts);
    assert!(found.ends_with(" 24/2 save-setup/2 25 26 27 28 check-media"), "{found}");
}

#[test]
fn faults_of_packages() {
    let with = |index: usize, concern: Concern| {
        let mut facts = facts(26100, 1);
        facts.packages[index].fault = Some(Fault { problem: "a part of it cannot be read".into(), concern });
        plan(&Settings::default(), &facts)
    };
    let [update, safe_os, setup, dotnet] = [0, 1, 2, 3];
    let left_out = |index: usize, concern: Concern| -> Vec<u8> {
        let plan = with(index, concern).unwrap();
        assert_eq!(plan.warnings.iter().filter(|warning| warning.contains("not added: a part of it")).count(), 1);
        let is_bad = |step: &&Step| matches!(step.work, Work::LeftOut(Reason::BadPackage { .. }));
        plan.steps.iter().filter(is_bad).filter_map(|step| step.number).collect()
    };
    assert_eq!(left_out(safe_os, Concern::Steps), [6]);
    assert_eq!(left_out(setup, Concern::Steps), [26]);
    assert_eq!(left_out(dotnet, Concern::Steps), [15]);
    // One that nothing would add is missed nowhere.
    assert_eq!(left_out(dotnet, Concern::Itself), [0; 0]);
    // Without the cumulative update there is nothing to be done, and a set that is mixed is added to nothing.
    for (index, concern) in [(update, Concern::Steps), (update, Concern::Set), (dotnet, Concern::Set)] {
        assert!(matches!(with(index, concern), Err(PlanError::Package { .. })), "{index} {concern:?}");
    }
}

#[test]
fn several_editions() {
    let facts = facts(22631, 3);
    let all = "copy-media take-winre 1 6 7 8 9/1 12/1 13/1 15/1 put-winre/1 9/2 12/2 13/2 15/2 put-winre/2 \
               9/3 12/3 13/3 15/3 put-winre/3 16 17/1 23/1 24/1 17/2 23/2 24/2 save-setup/2 25 26 27 28 check-media";
    assert_eq!(sequence(&Settings::default(), &facts), all);
    // The one Windows RE goes into every edition, also into those that are not serviced.
    let one = "copy-media take-winre 1 6 7 8 put-winre/1 9/2 12/2 13/2 15/2 put-winre/2 put-winre/3 16 \
               17/1 23/1 24/1 17/2 23/2 24/2 save-setup/2 25 26 27 28 check-media";
    assert_eq!(sequence(&Settings { editions: vec![2], ..Settings::default() }, &facts), one);
    let error = plan(&Settings { editions: vec![4], ..Settings::default() }, &facts).unwrap_err();
    assert!(matches!(error, PlanError::NoEdition { index: 4, count: 3 }), "{error}");
}

#[test]
fn a_chain_of_checkpoints() {
    let mut facts = facts(26100, 1);
    facts.packages.insert(0, package("checkpoint", Class::Cumulative, "26100.1742.1.1"));
    let settings = Settings::default();
    for number in [1, 9, 12, 17, 23] {
        assert_eq!(requests(&settings, &facts, number), ["lcu"], "step {number}: its directory supplies the chain");
    }
    let separate = Settings { checkpoints: Checkpoints::Separate, ..Settings::default() };
    for (number, expected) in
        [(1, &["lcu"][..]), (9, &["checkpoint", "lcu"]), (12, &["lcu"]), (17, &["checkpoint", "lcu"]), (23, &["lcu"])]
    {
        assert_eq!(requests(&separate, &facts, number), expected, "step {number}");
    }
    let customized = Settings { components: vec!["MediaPlayback".into()], ..separate };
    assert!(matches!(plan(&customized, &facts), Err(PlanError::SeparateCheckpoints)));
}

#[test]
fn modes_of_the_servicing_stack() {
    let mut facts = facts(19041, 1);
    let with = |servicing_stack| Settings { servicing_stack, ..Settings::default() };
    let error = plan(&with(StackMode::SeparateOnly), &facts).unwrap_err();
    assert!(matches!(error, PlanError::NoStack { mode: "separate-only" }), "{error}");
    facts.packages.push(package("ssu", Class::ServicingStack, "19041.1.1.1"));
    for (mode, expected) in [
        (StackMode::Combined, &["lcu"][..]),
        (StackMode::SeparateFirst, &["ssu", "lcu"]),
        (StackMode::SeparateOnly, &["ssu"]),
    ] {
        for number in [1, 9, 17] {
            assert_eq!(requests(&with(mode), &facts, number), expected, "{mode:?}, step {number}");
        }
        assert_eq!(requests(&with(mode), &facts, 12), ["lcu"], "{mode:?}");
    }
    facts.packages[0].is_combined = false;
    assert_eq!(reason(&with(StackMode::Combined), &facts, 9), Reason::NoPackage(Class::ServicingStack));
}

#[test]
fn missing_pieces() {
    let settings = Settings::default();
    let whole = facts(26100, 1);
    let no_winre = Facts { winre: None, ..whole.clone() };
    let expected =
        "copy-media 9/1 12/1 13/1 15/1 16 17/1 23/1 24/1 17/2 23/2 24/2 save-setup/2 25 26 27 28 check-media";
    assert_eq!(sequence(&settings, &no_winre), expected);
    assert_eq!(reason(&settings, &no_winre, 6), Reason::NoWinre);
    let no_boot = Facts { boot: None, ..whole.clone() };
    let expected = "copy-media take-winre 1 6 7 8 9/1 12/1 13/1 15/1 put-winre/1 16 26 check-media";
    assert_eq!(sequence(&settings, &no_boot), expected);
    let no_install = Facts { install: None, winre: None, ..whole.clone() };
    let expected = "copy-media 17/1 23/1 24/1 17/2 23/2 24/2 save-setup/2 25 26 27 28 check-media";
    assert_eq!(sequence(&settings, &no_install), expected);
    assert_eq!(plan(&settings, &no_install).unwrap().warnings.len(), 1);
    // Nothing is cleaned up or exported that nothing was added to.
    let no_packages = Facts { packages: Vec::new(), ..whole };
    assert_eq!(sequence(&settings, &no_packages), "copy-media save-setup/2 27 28 check-media");
}

#[test]
fn settings_of_targets_and_cleanup() {
    let facts = facts(22631, 1);
    let mut settings = Settings::default();
    settings.targets.winre = false;
    settings.targets.winpe = false;
    let expected = "copy-media 9/1 12/1 13/1 15/1 16 save-setup/2 26 27 28 check-media";
    assert_eq!(sequence(&settings, &facts), expected);
    let mut settings = Settings::default();
    settings.clean_up.os = CleanUp::Off;
    assert_eq!(reason(&settings, &facts, 13), Reason::TurnedOff);
    let cleanup = |number| requests(&Settings::default(), &facts, number);
    assert_eq!((cleanup(7), cleanup(13)), (cleanup(24), vec!["superseded components".to_owned()]));
    assert_eq!(cleanup(7), ["superseded components, for good, deferred"]);
}

#[test]
fn components_and_dotnet_come_after_cleanup() {
    let facts = Facts { features: Some(features()), ..facts(26100, 1) };
    let components = vec!["MediaPlayback".into(), "WindowsMediaPlayer".into()];
    let settings =
        Settings { components, dotnet35: true, capabilities: vec!["XPS.Viewer~~~~0.0.1.0".into()], ..japanese() };
    assert!(sequence(&settings, &facts).contains(" 9/1 10/1 11/1 12/1 13/1 14/1 15/1 put-winre/1 16 "));
    assert_eq!(requests(&settings, &facts, 14), ["MediaPlayback", "WindowsMediaPlayer"]);
    assert_eq!(requests(&settings, &facts, 15), ["NetFX3~~~~", "dotnet"]);
    assert_eq!(requests(&settings, &facts, 11)[6], "XPS.Viewer~~~~0.0.1.0");
    let warnings = plan(&settings, &facts).unwrap().warnings;
    assert!(warnings.iter().any(|warning| warning.contains("begin with these original media")), "{warnings:?}");
}

#[test]
fn setuphost_is_kept_from_its_build_on() {
    for (build, expected) in [(22631, &["setup.exe"][..]), (26100, &["setup.exe", "setuphost.exe"])] {
        let plan = plan(&Settings::default(), &facts(build, 1)).unwrap();
        let placed = plan.steps.iter().find_map(|step| match &step.work {
            Work::Native(Native::PlaceSetup { names }) => Some(names.clone()),
            _ => None,
        });
        assert_eq!(placed.unwrap(), expected, "{build}");
    }
}

#[test]
fn what_is_refused() {
    let error = |change: fn(&mut Facts)| {
        let mut facts = facts(26100, 2);
        change(&mut facts);
        plan(&Settings::default(), &facts).unwrap_err().to_string()
    };
    let stray = error(|facts| {
        facts.packages[3].fault =
            Some(Fault { problem: "it lies beside a cumulative update".into(), concern: Concern::Set })
    });
    assert_eq!(stray, "dotnet: it lies beside a cumulative update");
    assert_eq!(
        error(|facts| facts.packages[1].architecture = Some("arm64")),
        "safe-os: it is for arm64, the media are for x64"
    );
    let second = error(|facts| facts.packages.push(package("other", Class::SafeOsDu, "1.0.0.0")));
    assert_eq!(second, "safe-os and other: two packages of one kind");
    let pending = error(|facts| facts.install.as_mut().unwrap()[1].is_pending = true);
    assert_eq!(pending, "image 2 of install.wim has pending operations");
    let no_features = plan(&japanese(), &facts(26100, 1)).unwrap_err().to_string();
    assert!(no_features.starts_with("languages are to be added"), "{no_features}");
    let no_pack = Facts { features: Some(FeatureSource::default()), ..facts(26100, 1) };
    let no_pack = plan(&japanese(), &no_pack).unwrap_err();
    assert!(matches!(&no_pack, PlanError::NoLanguagePack { name, .. } if name == "ja-jp/lp.cab"), "{no_pack}");
}

#[test]
fn a_plan_in_the_wrong_order_is_refused() {
    let settings = Settings { dotnet35: true, components: vec!["MediaPlayback".into()], ..japanese() };
    let facts = Facts { features: Some(features()), ..facts(26100, 2) };
    let right = plan(&settings, &facts).unwrap();
    let swapped = |one: u8, other: u8| {
        let mut plan = right.clone();
        let place = |number| plan.steps.iter().position(|step| step.number == Some(number)).unwrap();
        let (one, other) = (place(one), place(other));
        plan.steps.swap(one, other);
        order::check(&plan).is_err()
    };
    assert_eq!(order::check(&right), Ok(()));
    for (one, other) in
        [(1, 2), (2, 6), (6, 7), (7, 8), (9, 10), (10, 11), (11, 12), (12, 13), (13, 14), (14, 15), (17, 18), (23, 24)]
    {
        assert!(swapped(one, other), "{one} and {other}");
    }
    assert!(swapped(26, 27) && swapped(25, 26) && swapped(15, 16));
    assert!(!swapped(4, 5), "fonts and speech know no order");
    // A put before the export of what is put.
    let mut plan = right.clone();
    let put = plan.steps.iter().position(|step| step.task == Task::PutWinre).unwrap();
    let step = plan.steps.remove(put);
    plan.steps.insert(1, step);
    assert!(order::check(&plan).is_err());
}

#[test]
fn paths_stay_as_they_are_found() {
    let source = features();
    assert_eq!(source.capabilities(), PathBuf::from("F/LanguagesAndOptionalFeatures"));
    assert_eq!(FeatureSource::new(Path::new("F"), ["a.cab".to_owned()]).capabilities(), PathBuf::from("F"));
}
