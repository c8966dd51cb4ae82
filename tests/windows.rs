//! What images tell about the Windows they hold: captured, appended, changed, and against wimlib.

mod support;

use std::fs;
use std::path::{Path, PathBuf};
use support::hive::Key;
use support::scene::Scene;
use support::{arg, executable, expect, foreign, has_peer, json, run, stderr};

const PRODUCT: &str = "Microsoft® Windows® Operating System";
const AMD64: u16 = 0x8664;

impl Scene {
    /// A tree with a Windows.
    fn windows() -> Self {
        let scene = Self::new();
        for name in ["ntoskrnl.exe", "kernel32.dll"] {
            scene.put(&format!("System32/{name}"), &executable(AMD64, [10, 0, 26100, 1], PRODUCT));
        }
        scene.put("System32/config/SOFTWARE", &software(4061).hive());
        scene.put("System32/config/SYSTEM", &system().hive());
        scene
    }

    /// A file in the Windows directory.
    fn put(&self, name: &str, content: &[u8]) -> PathBuf {
        // With the system's own separators, as messages have them.
        let path = name.split('/').fold(self.path("tree").join("Windows"), |path, name| path.join(name));
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, content).unwrap();
        path
    }

    /// Captures the tree; answers the file, and what was said.
    fn capture(&self, options: &[&str]) -> (PathBuf, String) {
        let wim = self.path("new.wim");
        let output = expect(0, &[&["capture", arg(&self.path("tree")), arg(&wim), "--force"], options].concat());
        (wim, stderr(&output))
    }
}

fn software(revision: u32) -> Key {
    let mut root = Key::new("CMI-CreateHive");
    root.at("Microsoft\\Windows NT\\CurrentVersion")
        .text("CurrentVersion", "6.3")
        .number("CurrentMajorVersionNumber", 10)
        .number("CurrentMinorVersionNumber", 0)
        .text("CurrentBuild", "26100")
        .text("CurrentBuildNumber", "26100")
        .number("UBR", revision)
        .text("EditionID", "Professional")
        .text("InstallationType", "Client")
        .text("BuildBranch", "ge_release")
        .text("ProductName", "Windows 10 Pro");
    root
}

fn system() -> Key {
    let mut root = Key::new("CMI-CreateHive");
    // The set that is not current says something else.
    root.at("ControlSet001\\Control\\ProductOptions").text("ProductType", "ServerNT");
    root.at("Select").number("Current", 2);
    let control = root.at("ControlSet002\\Control");
    control.at("ProductOptions").text("ProductType", "WinNT").texts("ProductSuite", &["Terminal Server", "Other"]);
    control.at("Class\\{4D36E966-E325-11CE-BFC1-08002BE10318}\\0000").text("MatchingDeviceId", "acpiapic");
    control.at("Windows").number("CSDVersion", 0x0100).number("CSDBuildNumber", 720);
    control.at("Nls\\Language").text("InstallLanguage", "0407");
    control.at("MUI\\UILanguages\\de-DE").number("LCID", 0x0407).text("DefaultFallback", "en-US");
    control.at("MUI\\UILanguages\\en-US").number("LCID", 0x0409);
    root
}

/// The XML document.
fn xml(wim: &Path) -> String {
    String::from_utf8(expect(0, &["info", arg(wim), "--xml"]).stdout).unwrap()
}

fn element(xml: &str, name: &str) -> String {
    let (open, close) = (format!("<{name}>"), format!("</{name}>"));
    let start = xml.find(&open).unwrap_or_else(|| panic!("no {name} in {xml}"));
    xml[start + open.len()..].split(&close).next().unwrap().to_owned()
}

#[test]
fn the_element_is_that_of_microsofts_tools() {
    let scene = Scene::windows();
    let (wim, said) = scene.capture(&["--name", "One"]);
    assert!(!said.contains("warning"), "{said}");
    let document = xml(&wim);
    let expected = format!(
        "<ARCH>9</ARCH><PRODUCTNAME>{PRODUCT}</PRODUCTNAME><EDITIONID>Professional</EDITIONID>\
         <INSTALLATIONTYPE>Client</INSTALLATIONTYPE><HAL>acpiapic</HAL><PRODUCTTYPE>WinNT</PRODUCTTYPE>\
         <PRODUCTSUITE>Terminal Server</PRODUCTSUITE><LANGUAGES><LANGUAGE>de-DE</LANGUAGE><LANGUAGE>en-US</LANGUAGE>\
         <FALLBACK LANGUAGE=\"de-DE\">en-US</FALLBACK><DEFAULT>de-DE</DEFAULT></LANGUAGES><VERSION><MAJOR>10</MAJOR>\
         <MINOR>0</MINOR><BUILD>26100</BUILD><SPBUILD>4061</SPBUILD><SPLEVEL>1</SPLEVEL><BRANCH>ge_release</BRANCH>\
         </VERSION><SYSTEMROOT>WINDOWS</SYSTEMROOT>"
    );
    assert_eq!(element(&document, "WINDOWS"), expected);
    let order = ["DIRCOUNT", "HARDLINKBYTES", "CREATIONTIME", "LASTMODIFICATIONTIME", "WINDOWS", "NAME", "FLAGS"];
    assert!(order.map(|name| document.find(&format!("<{name}>")).expect(name)).is_sorted(), "{document}");
    assert_eq!(
        (element(&document, "FLAGS").as_str(), element(&document, "DISPLAYNAME").as_str()),
        ("Professional", "Windows 10 Pro")
    );

    let info = json(&["info", arg(&wim)]);
    let windows = &info["images"][0]["windows"];
    assert_eq!(windows["version"], "10.0.26100.4061", "{windows}");
    assert_eq!(windows["fallback_languages"], serde_json::json!([{ "of": "de-DE", "language": "en-US" }]));

    // What the user says counts.
    let tree = scene.path("tree");
    expect(0, &["append", arg(&tree), arg(&wim), "--name", "Two", "--flags", "Own", "--description", "Text"]);
    let second = json(&["info", arg(&wim), "2"])["images"][0].clone();
    assert_eq!((&second["flags"], &second["description"]), (&"Own".into(), &"Text".into()));
    assert_eq!(second["windows"], *windows);
}

#[test]
fn an_image_made_in_memory_tells_the_same() {
    let scene = Scene::windows();
    let (wim, _) = scene.capture(&[]);
    let mut image = wimkit::wim::ImageBuilder::new();
    let kernel = executable(AMD64, [10, 0, 26100, 1], PRODUCT);
    // The library is another name of a file that is elsewhere.
    let library = image.file("store/kernel32.dll", kernel.clone()).unwrap();
    image.hard_link("windows/system32/KERNEL32.dll", library).unwrap();
    image.file("windows/system32/ntoskrnl.exe", kernel).unwrap();
    image.file("windows/system32/config/SOFTWARE", software(4061).hive()).unwrap();
    image.file("windows/system32/config/SYSTEM", system().hive()).unwrap();
    let made = scene.path("made.wim");
    let (options, silent) = (Default::default(), wimkit::util::progress::Control::silent());
    let done = image.write(&made, &options, silent).unwrap();
    assert!(done.warnings.is_empty(), "{:?}", done.warnings);
    assert_eq!(element(&xml(&made), "WINDOWS"), element(&xml(&wim), "WINDOWS"));

    let mut plain = wimkit::wim::ImageBuilder::new();
    plain.file("windows/notes.txt", "no Windows").unwrap();
    plain.append(&made, &options, silent).unwrap();
    assert_eq!(xml(&made).matches("<WINDOWS>").count(), 1);
}

#[test]
fn wimlib_finds_the_same() {
    if !has_peer("wimlib-imagex") {
        return;
    }
    let scene = Scene::windows();
    // It takes the first control set whatever the hive says, and the service pack's build for the revision.
    let mut system = system();
    system.subkeys.remove(0);
    system
        .subkeys
        .iter_mut()
        .filter(|key| key.name == "ControlSet002")
        .for_each(|key| key.name = "ControlSet001".into());
    system.at("Select").values.clear();
    scene.put("System32/config/SYSTEM", &system.hive());
    scene.put("System32/config/SOFTWARE", &software(720).hive());
    let (wim, _) = scene.capture(&[]);
    let theirs = scene.path("theirs.wim");
    run("wimlib-imagex", &["capture", arg(&scene.path("tree")), arg(&theirs)]);
    let (ours, theirs) = (xml(&wim), xml(&theirs));
    for name in [
        "ARCH",
        "EDITIONID",
        "INSTALLATIONTYPE",
        "HAL",
        "PRODUCTTYPE",
        "PRODUCTSUITE",
        "DEFAULT",
        "MAJOR",
        "MINOR",
        "BUILD",
        "SPBUILD",
        "SPLEVEL",
        "SYSTEMROOT",
        "FLAGS",
        "DISPLAYNAME",
        "DISPLAYDESCRIPTION",
    ] {
        assert_eq!(element(&ours, name), element(&theirs, name), "{name}: {theirs}");
    }
    for language in ["de-DE", "en-US"] {
        let language = format!("<LANGUAGE>{language}</LANGUAGE>");
        assert!(ours.contains(&language) && theirs.contains(&language), "{theirs}");
    }
}

#[test]
fn a_damaged_hive_costs_a_warning_and_its_fields() {
    let scene = Scene::windows();
    let path = scene.put("System32/config/SOFTWARE", b"this is no hive");
    let (wim, said) = scene.capture(&[]);
    assert!(said.contains(&format!("warning: {}: ", arg(&path))) && said.contains("begins with"), "{said}");
    let windows = json(&["info", arg(&wim)])["images"][0]["windows"].clone();
    assert_eq!(windows["version"], "10.0.26100.1", "the kernel's: {windows}");
    assert_eq!((&windows["edition_id"], &windows["hal"]), (&serde_json::Value::Null, &"acpiapic".into()));

    // A key that cannot be read costs no other one.
    let mut hive = system().hive();
    let name = hive.windows(14).rposition(|window| window == b"ProductOptions").unwrap();
    let signature = name - 76;
    assert_eq!(&hive[signature..signature + 2], b"nk");
    hive[signature] = b'x';
    scene.put("System32/config/SYSTEM", &hive);
    scene.put("System32/config/SOFTWARE", &software(5).hive());
    let (wim, said) = scene.capture(&[]);
    assert!(said.contains("is no key"), "{said}");
    let windows = json(&["info", arg(&wim)])["images"][0]["windows"].clone();
    assert_eq!((&windows["product_type"], &windows["hal"]), (&serde_json::Value::Null, &"acpiapic".into()));
    assert_eq!(windows["version"], "10.0.26100.5");

    // A text that XML cannot hold.
    let mut odd = software(5);
    odd.at("Microsoft\\Windows NT\\CurrentVersion").values.retain(|(name, ..)| name != "EditionID");
    odd.at("Microsoft\\Windows NT\\CurrentVersion").text("EditionID", "Pro\u{1}");
    scene.put("System32/config/SOFTWARE", &odd.hive());
    let (wim, said) = scene.capture(&[]);
    assert!(said.contains("no XML can"), "{said}");
    assert_eq!(json(&["info", arg(&wim)])["images"][0]["flags"], serde_json::Value::Null);
}

#[test]
fn a_change_of_the_files_that_tell_is_stated() {
    let scene = Scene::windows();
    let (wim, _) = scene.capture(&["--flags", "Own"]);
    expect(0, &["append", arg(&scene.path("tree")), arg(&wim), "--name", "Two"]);
    let version = |image: usize| json(&["info", arg(&wim)])["images"][image]["windows"]["version"].clone();
    let put = |path: &Path, place: &str, images: &str| {
        let command = format!("add '{}' '/Windows/{place}'", arg(path));
        stderr(&expect(0, &["update", arg(&wim), images, "--command", &command]))
    };
    expect(
        0,
        &["info", arg(&wim), "1", "--set", "WINDOWS/VERSION/SPBUILD=7", "--set", "WINDOWS/SERVICINGDATA/IMAGESTATE=X"],
    );
    let other = scene.path("other");
    fs::write(&other, "text").unwrap();
    put(&other, "System32/other.txt", "1");
    assert_eq!(version(0), "10.0.26100.7", "nothing that tells has changed");

    fs::write(&other, software(5000).hive()).unwrap();
    assert!(!put(&other, "system32/CONFIG/software", "1").contains("warning"));
    assert_eq!((version(0), version(1)), ("10.0.26100.5000".into(), "10.0.26100.4061".into()));
    let document = xml(&wim);
    assert_eq!((element(&document, "IMAGESTATE").as_str(), element(&document, "FLAGS").as_str()), ("X", "Own"));
    assert!(document.find("<SERVICINGDATA>") < document.find("<HAL>"), "{document}");

    // From memory, from another image, and as a whole directory.
    fs::write(&other, software(6000).hive()).unwrap();
    put(&other, "System32/config/SOFTWARE", "all");
    assert_eq!((version(0), version(1)), ("10.0.26100.6000".into(), "10.0.26100.6000".into()));
    let (old, _) = (scene.path("old.wim"), fs::copy(&wim, scene.path("old.wim")).unwrap());
    fs::write(&other, b"regf and nothing else").unwrap();
    let said = put(&other, "System32/config/SOFTWARE", "2");
    assert!(said.contains("image 2: /Windows/System32/config/SOFTWARE: "), "{said}");
    assert_eq!(version(1), "10.0.26100.1", "the kernel's, which did not change");
    let place = "Windows/System32/config/SOFTWARE";
    expect(
        0,
        &["update", arg(&wim), "2", "--from-image", arg(&old), "1", "--command", &format!("add {place} {place}")],
    );
    assert_eq!(version(1), "10.0.26100.6000");
}

/// The hives at hand come from Windows 10 and Windows PE; one is damaged.
#[test]
fn real_hives() {
    let Some(hive) = foreign("hive/regipy-SYSTEM_WIN_10_1709") else { return };
    let scene = Scene::windows();
    scene.put("System32/config/SYSTEM", &fs::read(hive).unwrap());
    let (wim, said) = scene.capture(&[]);
    assert!(said.contains("not written back completely"), "{said}");
    let windows = json(&["info", arg(&wim)])["images"][0]["windows"].clone();
    assert_eq!(windows["hal"], "acpiapic", "{windows}");
    assert_eq!((&windows["product_type"], &windows["product_suite"]), (&"WinNT".into(), &"Terminal Server".into()));
    assert_eq!((&windows["languages"][0], &windows["default_language"]), (&"en-US".into(), &"en-US".into()));
    assert_eq!(windows["service_pack_level"], 0);
    for name in ["hive/winpe17763-stub-SYSTEM", "hive/hivex-special", "hostile/hive-regipy-corrupted_system_hive"] {
        let Some(hive) = foreign(name) else { return };
        scene.put("System32/config/SYSTEM", &fs::read(hive).unwrap());
        let (wim, _) = scene.capture(&[]);
        assert_eq!(json(&["info", arg(&wim)])["images"][0]["windows"]["edition_id"], "Professional", "{name}");
    }
}
