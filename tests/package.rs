//! `wimkit package` on real packages, and on packages and sets made here.

mod support;

use assert_cmd::cargo::cargo_bin;
use serde_json::Value;
use std::fs;
use std::path::Path;
use std::process::{Command, Output};
use support::{arg, cabinet, foreign, has_peer, run, stderr};

fn wimkit(arguments: &[&str]) -> Output {
    Command::new(cargo_bin("wimkit")).arg("package").args(arguments).output().unwrap()
}

fn stdout(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// The answer as JSON, and the exit code.
fn json(arguments: &[&str]) -> (Value, Option<i32>) {
    let output = wimkit(&[arguments, &["--json"]].concat());
    let document = serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{}", stderr(&output)));
    (document, output.status.code())
}

/// What is said about one package.
fn package(path: &Path) -> Value {
    let (mut document, code) = json(&[arg(path)]);
    assert_eq!((&document["schema"], code), (&"wimkit.package/1".into(), Some(0)), "{}", path.display());
    assert_eq!(document["set"], Value::Null);
    document["files"][0]["package"].take()
}

/// A manifest of this identity, with this inside of its package element.
fn manifest(identity: &str, attributes: &str, inside: &str) -> Vec<u8> {
    let parts: Vec<&str> = identity.split('~').collect();
    let [name, token, architecture, language, version] = parts[..] else { panic!("{identity}") };
    format!(
        r#"<?xml version="1.0" encoding="utf-8"?><assembly xmlns="urn:schemas-microsoft-com:asm.v3"><assemblyIdentity
        name="{name}" version="{version}" processorArchitecture="{architecture}" language="{language}"
        publicKeyToken="{token}" /><package {attributes}>{inside}</package></assembly>"#
    )
    .into_bytes()
}

/// A cabinet with a manifest of this identity, built in this month.
fn built(identity: &str, month: &str) -> Vec<u8> {
    let text = String::from_utf8(manifest(identity, "", "")).unwrap();
    let text = text.replace("<assembly ", &format!(r#"<assembly creationTimeStamp="{month}-10T00:00:00Z" "#));
    cabinet(&[("update.mum", text.as_bytes())])
}

const SSU: &str = "Package_for_ServicingStack_1738~31bf3856ad364e35~amd64~~26100.1738.1.0";
const LCU: &str = "Package_for_RollupFix~31bf3856ad364e35~amd64~~26100.1742.1.10";

#[test]
fn real_packages_are_known() {
    // Verified by looking into each with cabextract.
    for (file, class, kb, release_type, month, builds) in [
        ("msu/Windows6.1-KB2465285-x64.msu", "update", "KB2465285", "Hotfix", Some("2010-12"), &[7600, 7601][..]),
        ("msu/Windows6.1-KB2780124-x64.msu", "update", "KB2780124", "Hotfix", Some("2012-11"), &[7601]),
        ("msu/Windows6.1-KB3040017-x64.msu", "update", "KB3040017", "Hotfix", Some("2015-03"), &[7601]),
        (
            "cab/ms-Windows6.1-KB2883457-amd64.cab",
            "safe-os-du",
            "KB2883457",
            "Security Update",
            Some("2013-08"),
            &[7601],
        ),
        ("cab/ms-Windows8.1-KB2938772-x64.cab", "update", "KB2938772", "Update", Some("2014-03"), &[9600]),
        ("cab/ms-Windows6.2-HyperVIntegrationServices-x64.cab", "drivers", "KB4072650", "Update", None, &[9200, 9600]),
    ] {
        let Some(path) = foreign(file) else { return };
        let found = package(&path);
        assert_eq!((&found["class"], &found["kb"]), (&class.into(), &kb.into()), "{file}");
        assert_eq!(found["release_type"], release_type, "{file}");
        assert_eq!(found["month"].as_str(), month, "{file}");
        assert_eq!(found["architecture"], "x64", "{file}");
        assert_eq!(found["builds"], Value::from(builds), "{file}");
        let is_msu = file.ends_with(".msu");
        assert_eq!(found["packages"].as_array().unwrap().len(), usize::from(is_msu), "{file}");
        if is_msu {
            let inner = &found["packages"][0];
            assert_eq!((&inner["class"], &inner["identity"]), (&found["class"], &found["identity"]), "{file}");
            // An address leads to the same.
            let address = format!("{}!/{}", path.display(), inner["name"].as_str().unwrap());
            assert_eq!(package(Path::new(&address))["identity"], found["identity"], "{file}");
        }
    }
}

#[test]
fn packages_of_every_class() {
    let place = tempfile::tempdir().unwrap();
    let component = |name: &str| format!("amd64_{name}_31bf3856ad364e35_10.0.1.1_none_0123456789abcdef.manifest");
    let netfx = [component("netfx4-clr"), component("netfx4-wpf")];
    let stack = component("microsoft-windows-servicingstack");
    let sysreset = component("microsoft-windows-sysreset");
    let enablement = "microsoft-windows-product-23h2-enablement-package~31bf3856ad364e35~amd64~~10.0.22621.1.mum";
    let capability = r#"<declareCapability><capability><capabilityIdentity name="Language.OCR" language="ja-JP"
        version="0.0.1.0" /></capability></declareCapability>"#;
    let kb = "Package_for_KB5000001~31bf3856ad364e35~amd64~~10.0.1.0";
    let plain = |name: &str| format!("{name}~31bf3856ad364e35~amd64~~10.0.22621.1");
    let drivers = r#"<update name="a"><driver inf="a.inf" /></update>"#;
    for (class, identity, attributes, inside, members) in [
        ("safe-os-du", plain("Package_for_SafeOSDU"), "", "", vec![]),
        ("safe-os-du", kb.to_owned(), "", "", vec![&*sysreset]),
        ("servicing-stack", SSU.to_owned(), "", "", vec![]),
        ("servicing-stack", kb.to_owned(), "", "", vec![&*stack]),
        ("cumulative", LCU.to_owned(), r#"releaseType="Security Update""#, "", vec![&*stack]),
        ("dotnet", plain("Package_for_DotNetRollup_481"), "", "", vec![]),
        ("dotnet", kb.to_owned(), "", "", netfx.iter().map(|name| &**name).collect()),
        ("revised", plain("Package_for_RevisedFix"), "", "", vec![]),
        ("experience-pack", plain("Package_for_WindowsExperienceFeaturePack"), "", "", vec![]),
        ("enablement", kb.to_owned(), "", "", vec![enablement]),
        ("flash-removal", kb.replace("5000001", "4577586"), r#"identifier="KB4577586""#, "", vec![]),
        ("winpe-language-pack", plain("Microsoft-Windows-WinPE-LanguagePack-Package"), "", "", vec![]),
        ("winpe-font-support", plain("WinPE-FontSupport-JA-JP-Package"), "", "", vec![]),
        ("winpe-text-to-speech", plain("WinPE-Speech-TTS-Package"), "", "", vec![]),
        ("winpe-component", plain("WinPE-WMI-Package"), r#"releaseType="Feature Pack""#, "", vec![]),
        ("language-pack", plain("Microsoft-Windows-Client-LanguagePack-Package"), "", "", vec![]),
        ("language-pack", plain("Something"), r#"releaseType="Language Pack""#, "", vec![]),
        ("feature-on-demand", plain("Something"), r#"releaseType="OnDemand Pack""#, "", vec![]),
        ("feature-on-demand", plain("Something"), "", capability, vec![]),
        ("drivers", plain("Something"), r#"releaseType="Update""#, drivers, vec![]),
        ("update", kb.to_owned(), r#"releaseType="Update""#, "", vec![]),
        ("other", plain("Something"), r#"releaseType="Product""#, "", vec![]),
    ] {
        let manifest = manifest(&identity, attributes, inside);
        let mut files = vec![("update.mum", &manifest[..])];
        files.extend(members.into_iter().map(|name| (name, &b""[..])));
        let path = place.path().join("package.cab");
        fs::write(&path, cabinet(&files)).unwrap();
        let found = package(&path);
        assert_eq!(found["class"], class, "{identity} {attributes} {inside}");
        assert_eq!(found["identity"], identity);
    }
    for (class, members) in [
        ("setup-du", ["setup.exe", "setuphost.exe", "appraiserres.dll"]),
        ("drivers", ["net\\net.inf", "net\\net.sys", "net\\net.cat"]),
    ] {
        let path = place.path().join("Windows11.0-KB5044414-arm64.cab");
        fs::write(&path, cabinet(&members.map(|name| (name, &b"x"[..])))).unwrap();
        let found = package(&path);
        assert_eq!((&found["class"], &found["kb"]), (&class.into(), &"KB5044414".into()));
        assert_eq!(found["architecture"], "arm64");
    }
}

/// The members of a combined update.
fn combined() -> Vec<(&'static str, Vec<u8>)> {
    let manifest = manifest(LCU, r#"identifier="KB5043080" releaseType="Security Update""#, "");
    vec![
        ("SSU-26100.1738-x64.cab", built(SSU, "2024-09")),
        ("Windows11.0-KB5043080-x64.cab", cabinet(&[("update.mum", &manifest), ("express.psf.cix.xml", b"")])),
        ("Windows11.0-KB5043080-x64.psf", vec![0; 100]),
        ("WSUSSCAN.cab", b"damaged, and not needed".to_vec()),
        ("DesktopDeployment.cab", cabinet(&[("dpx.dll", b"x")])),
        ("onepackage.AggregatedMetadata.cab", cabinet(&[("LCUCompDB_KB5043080.xml.cab", b"x")])),
    ]
}

fn as_slices<'a>(members: &'a [(&'static str, Vec<u8>)]) -> Vec<(&'static str, &'a [u8])> {
    members.iter().map(|(name, content)| (*name, &**content)).collect()
}

#[test]
fn an_msu_of_either_form() {
    let place = tempfile::tempdir().unwrap();
    let msu = place.path().join("a.msu");
    let check = |what: &str| {
        let found = package(&msu);
        assert_eq!((&found["class"], &found["combined"]), (&"cumulative".into(), &true.into()), "{what}");
        assert_eq!((&found["kb"], &found["build"]), (&"KB5043080".into(), &"26100.1742".into()), "{what}");
        assert_eq!((&found["checkpoint"], &found["psf"]), (&true.into(), &true.into()), "{what}");
        assert_eq!(found["steps"], Value::from(vec![1, 9, 12, 17, 23]), "{what}");
        let classes: Vec<&Value> = found["packages"].as_array().unwrap().iter().map(|inner| &inner["class"]).collect();
        assert_eq!(classes, ["servicing-stack", "cumulative"], "{what}");
    };
    let members = combined();
    fs::write(&msu, cabinet(&as_slices(&members))).unwrap();
    check("cabinet");

    let mut hotpatch = members.clone();
    hotpatch[5].1 = cabinet(&[("HotpatchCompDB_KB5043080.xml.cab", b"x")]);
    let path = place.path().join("hotpatch.msu");
    fs::write(&path, cabinet(&as_slices(&hotpatch))).unwrap();
    assert_eq!(package(&path)["class"], "hotpatch");

    if !has_peer("wimlib-imagex") {
        return;
    }
    // The form since Windows 11 24H2: an image with an image in it.
    let capture = |tree: &Path, target: &Path| {
        run("wimlib-imagex", &["capture", arg(tree), arg(target), "package", "--compress=none"]);
    };
    let [outer, inner] = ["outer", "inner"].map(|name| place.path().join(name));
    [&outer, &inner].into_iter().for_each(|directory| fs::create_dir(directory).unwrap());
    for (name, content) in &members {
        fs::write(outer.join(name), content).unwrap();
    }
    fs::remove_file(outer.join("Windows11.0-KB5043080-x64.cab")).unwrap();
    fs::write(inner.join("update.mum"), manifest(LCU, r#"identifier="KB5043080""#, "")).unwrap();
    fs::write(inner.join("express.psf.cix.xml"), "").unwrap();
    capture(&inner, &outer.join("Windows11.0-KB5043080-x64.wim"));
    fs::remove_file(&msu).unwrap();
    capture(&outer, &msu);
    check("image");
}

#[test]
fn a_set_in_order() {
    let place = tempfile::tempdir().unwrap();
    let put = |name: &str, content: &[u8]| fs::write(place.path().join(name), content).unwrap();
    put("a.cab", &built("Package_for_RollupFix~31bf3856ad364e35~amd64~~22621.4169.1.1", "2024-09"));
    put("b.cab", &built("Package_for_SafeOSDU~31bf3856ad364e35~amd64~~22621.4160.1.1", "2024-09"));
    put("c.cab", &built("Microsoft-Windows-Client-LanguagePack-Package~~amd64~ja-JP~10.0.22621.1", "2022-05"));
    put("d.cab", &built("Package_for_ServicingStack_1~~amd64~~22621.1.1.0", "2024-09"));
    put("a.psf", b"the files of a.cab");
    let (document, code) = json(&[arg(place.path())]);
    assert_eq!((&document["set"]["standing"], code), (&"good".into(), Some(0)), "{document}");
    let order: Vec<String> =
        ["d.cab", "c.cab", "b.cab", "a.cab"].map(|name| place.path().join(name).display().to_string()).into();
    assert_eq!(document["set"]["order"], Value::from(order));

    put("readme.txt", b"no package");
    put("e.cab", &built("Package_for_SafeOSDU~31bf3856ad364e35~arm64~~22621.4160.1.1", "2024-09"));
    put("f.cab", &built("Package_for_DotNetRollup_481~31bf3856ad364e35~amd64~~10.0.9256.1", "2024-12"));
    put("g.cab", b"MSCF and nothing behind it");
    let (document, code) = json(&[arg(place.path())]);
    assert_eq!(code, Some(1));
    let verdict = |name: &str| {
        let verdicts = document["set"]["verdicts"].as_array().unwrap();
        let found = verdicts.iter().find(|verdict| verdict["path"].as_str().unwrap().ends_with(name)).unwrap();
        let kinds = found["findings"].as_array().unwrap().iter().map(|finding| finding["kind"].as_str().unwrap());
        (found["standing"].as_str().unwrap().to_owned(), kinds.map(str::to_owned).collect::<Vec<_>>().join(" "))
    };
    let expect =
        |name, standing: &str, kinds: &str| assert_eq!(verdict(name), (standing.into(), kinds.into()), "{name}");
    expect("a.cab", "good", "");
    expect("e.cab", "bad", "wrong-architecture");
    expect("f.cab", "bad", "newer");
    expect("g.cab", "bad", "unreadable");
    expect("readme.txt", "doubtful", "stray");
    let text = stdout(&wimkit(&[arg(place.path())]));
    assert!(text.contains("bad: it is for arm64, the set is for x64"), "{text}");
    let last = text.lines().find(|line| line.contains(arg(&place.path().join("a.cab")))).unwrap();
    assert!(last.starts_with("  4  cumulative"), "{text}");
}

#[test]
fn a_missing_checkpoint() {
    let place = tempfile::tempdir().unwrap();
    let msu = |name: &str, version: &str| {
        let identity = LCU.replace("26100.1742.1.10", version);
        let members = [("SSU.cab", built(SSU, "2024-10")), ("LCU.cab", built(&identity, "2024-10"))];
        let path = place.path().join(name);
        fs::write(&path, cabinet(&as_slices(&members))).unwrap();
        path
    };
    let last = msu("windows11.0-kb5044284-x64.msu", "26100.2033.1.3");
    let (document, code) = json(&[arg(place.path())]);
    assert_eq!(code, Some(1));
    let finding = &document["set"]["verdicts"][0]["findings"][0];
    assert_eq!(finding["kind"], "missing-checkpoint");
    assert!(finding["message"].as_str().unwrap().contains("KB5043080, 26100.1742"), "{finding}");
    // Alone it is what it is.
    let found = package(&last);
    assert_eq!(found["needs_checkpoints"][0]["kb"], "KB5043080");

    let first = msu("windows11.0-kb5043080-x64.msu", "26100.1742.1.10");
    let (document, code) = json(&[arg(&last), arg(&first)]);
    assert_eq!((&document["set"]["standing"], code), (&"good".into(), Some(0)), "{document}");
    assert_eq!(document["set"]["order"], Value::from(vec![arg(&first), arg(&last)]));
}

#[test]
fn what_cannot_be_read_is_an_error() {
    let place = tempfile::tempdir().unwrap();
    let path = place.path().join("x.cab");
    let fails = |content: &[u8], said: &str| {
        fs::write(&path, content).unwrap();
        let output = wimkit(&[arg(&path)]);
        assert_eq!((output.status.code(), &*stdout(&output)), (Some(2), ""), "{said}");
        assert!(stderr(&output).starts_with("error: ") && stderr(&output).contains(said), "{}", stderr(&output));
    };
    fails(b"text", "this is no cabinet");
    fails(&cabinet(&[("update.mum", b"<assembly>")]), "x.cab: update.mum: offset 0xa: ");
    fails(&cabinet(&[("update.mum", b"DCM\x01PA30")]), "it is compressed as DCM");
    fails(&cabinet(&[("inner.cab", b"text")]), "inner.cab");
    fs::write(&path, cabinet(&[("readme.txt", b"x")])).unwrap();
    assert_eq!(wimkit(&[arg(&path)]).status.code(), Some(1), "no package");
    assert_eq!(wimkit(&[]).status.code(), Some(2));
    assert_eq!(wimkit(&["x.cab", "--title", "x"]).status.code(), Some(2));
    fs::remove_file(&path).unwrap();
    let output = wimkit(&[arg(place.path())]);
    assert!(output.status.code() == Some(2) && stderr(&output).contains("no files"), "{}", stderr(&output));
}

#[test]
fn titles() {
    let title = "2024-10 Cumulative Update for Windows 11 Version 24H2 for x64-based Systems (KB5044284) (26100.2033)";
    let (document, code) = json(&["--title", title]);
    assert_eq!((&document["schema"], code), (&"wimkit.package-title/1".into(), Some(0)));
    assert_eq!((&document["class"], &document["month"]), (&"cumulative".into(), &"2024-10".into()));
    assert_eq!((&document["kb"], &document["architecture"]), (&"KB5044284".into(), &"x64".into()));
    assert_eq!(document["builds"], Value::from(vec![26100, 26200]));

    let title = "2023-09 Dynamic Update for Windows 10 Version 22H2 for x64-based Systems";
    let (document, code) = json(&["--title", title]);
    assert_eq!((&document["class"], code), (&Value::Null, Some(1)));
    assert_eq!(document["candidates"], Value::from(vec!["safe-os-du", "setup-du"]));
    assert_eq!(document["missing"], Value::from(vec!["product", "description"]));
    let fields = ["--product", "Windows Safe OS Dynamic Update", "--description", "ComponentUpdate"];
    let output = wimkit(&[&["--title", title], &fields[..]].concat());
    assert_eq!(output.status.code(), Some(0));
    assert!(stdout(&output).starts_with("safe-os-du: Safe OS Dynamic Update\n"), "{}", stdout(&output));
}

#[test]
fn titles_of_the_catalog() {
    use wimkit::catalog::rules::{Answer, Listing, recognize};

    let Some(folder) = foreign("text/catalog") else { return };
    let mut titles = 0;
    for file in fs::read_dir(folder).unwrap() {
        let text = fs::read_to_string(file.unwrap().path()).unwrap();
        // In the table of a search, and in the script of a download dialog.
        let links = text.split("goToDetails(").skip(1).filter_map(|link| link.split_once('>')?.1.split_once('<'));
        let scripts = text.split("enTitle ='").skip(1).filter_map(|rest| rest.split_once('\''));
        for title in links.chain(scripts).map(|(title, _)| title.trim()).filter(|title| !title.is_empty()) {
            titles += 1;
            // They are all about Office.
            assert!(title.starts_with("Update for Microsoft Office 2013 (KB"), "{title}");
            assert_eq!(recognize(&Listing { title, ..Listing::default() }), Answer::Unknown, "{title}");
        }
    }
    assert_eq!(titles, 28);
}
