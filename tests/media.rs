//! Installation media: samples of them made, checked, written to ISO images and read from them; boot managers and languages.

mod support;

use serde_json::Value;
use std::path::Path;
use support::scene::{RECORDED, assert_same_media, clear, features, refresh, sample};
use support::{arg, assert_code, assert_same_tree, document, has_peer, run, stderr, text};

#[test]
fn the_sample_is_the_same_each_time_and_what_it_seems() {
    let place = tempfile::tempdir().unwrap();
    let [first, second] = ["first", "second"].map(|name| place.path().join(name));
    for directory in [&first, &second] {
        text(0, &["sample", "media", arg(directory), "--quiet"]);
    }
    assert_same_media(&first, &second, "samples");
    // Not over something else.
    text(2, &["sample", "media", arg(&first)]);

    let sources = first.join("oldMedia/sources");
    let boot = document(0, "wimkit.info/1", &["info", arg(&sources.join("boot.wim"))]);
    assert_eq!((&boot["header"]["boot_index"], boot["images"].as_array().unwrap().len()), (&2.into(), 2), "{boot}");
    let install = sources.join("install.wim");
    let winre = format!("{}!/2/Windows/System32/Recovery/winre.wim", install.display());
    for wim in [arg(&sources.join("boot.wim")), arg(&install), &winre] {
        text(0, &["verify", wim, "--strict"]);
    }
    let info = document(0, "wimkit.info/1", &["info", arg(&install)]);
    assert_eq!(info["images"][1]["windows"]["edition_id"], "Professional", "{info}");
    assert_eq!(info["images"][1]["windows"]["version"], "10.0.26100.1742", "{info}");

    let set = document(
        0,
        "wimkit.package/1",
        &["package", arg(&first.join("packages/CU")), arg(&first.join("packages/Other"))],
    );
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
    let document = document(code, "wimkit.media-check/1", &["media", "check", arg(media)]);
    let findings = document["findings"].as_array().unwrap().iter();
    findings.map(|found| format!("{} {}", found["kind"].as_str().unwrap(), found["path"].as_str().unwrap())).collect()
}

#[test]
fn media_are_checked() {
    let place = tempfile::tempdir().unwrap();
    let directory = place.path().join("sample");
    sample(&directory);
    let media = directory.join("oldMedia");
    let good = document(0, "wimkit.media-check/1", &["media", "check", arg(&media)]);
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
fn media_in_an_iso_image() {
    let place = tempfile::tempdir().unwrap();
    let directory = place.path();
    sample(directory);
    let [old, image] = ["oldMedia", "old.iso"].map(|name| directory.join(name));
    text(0, &["media", "iso", arg(&old), arg(&image), "--quiet"]);
    let [in_directory, in_image] = [&old, &image].map(|media| {
        let mut document = document(0, "wimkit.media-check/1", &["media", "check", arg(media)]);
        document["path"] = Value::Null;
        document
    });
    assert_eq!(in_image, in_directory);

    assert_code(&refresh(directory, &RECORDED), 0);
    let from_image = [&RECORDED[..], &["--media", "old.iso", "--new-media", "fromImage", "--work", "other"]].concat();
    // Stopped on the way, too: the rest of it reads the image again.
    assert_code(&refresh(directory, &[&from_image[..], &["--stop-after", "4"]].concat()), 2);
    assert_code(&refresh(directory, &["resume", "other"]), 0);
    assert_same_media(&directory.join("newMedia"), &directory.join("fromImage"), "made from the image");

    // Neither what is no image, nor one with names that no file can have everywhere.
    let refused = refresh(directory, &[&RECORDED[..], &["--media", "oldMedia/setup.exe"]].concat());
    assert_code(&refused, 2);
    assert!(stderr(&refused).contains("media are a directory or an ISO image"));
    if cfg!(unix) {
        std::fs::write(old.join("sources/lang.ini:stream"), "of another file").unwrap();
        std::fs::remove_file(&image).unwrap();
        text(0, &["media", "iso", arg(&old), arg(&image), "--quiet"]);
        let refused = refresh(directory, &from_image);
        assert_code(&refused, 2);
        assert!(stderr(&refused).contains("no file on disk can be called"), "{}", stderr(&refused));
    }
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
    assert_code(&refresh(directory, &["resume"]), 0);
    assert!(image.exists());

    // What firmware is to start is missed before anything is done, and not at the end.
    std::fs::remove_file(directory.join("oldMedia/efi/microsoft/boot/efisys.bin")).unwrap();
    clear(directory);
    let refused = refresh(directory, &[&RECORDED[..], &["--iso", "images/new.iso"]].concat());
    assert_code(&refused, 2);
    assert!(stderr(&refused).contains("have no efi/microsoft/boot/efisys.bin"));
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
        clear(directory);
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
    let check = document(0, "wimkit.media-check/1", &["media", "check", arg(&directory.join("newMedia"))]);
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
    let said = stderr(&output);
    assert!(said.contains("has no Windows/Boot/EFI_EX/bootmgfw_EX.efi: that of 2011"), "{said}");
    assert!(managers() == of_2011 && new(placed[0]).is_none());
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
        clear(directory);
        std::fs::write(directory.join("refresh.toml"), format!("{settings}{more}")).unwrap();
        // Stopped behind the step that writes it, too.
        assert_code(&refresh(directory, &[&RECORDED[..], &["--stop-after", "30"]].concat()), 2);
        assert_code(&refresh(directory, &["resume"]), 0);
        let media = directory.join("newMedia");
        assert_eq!(std::fs::read_to_string(media.join("sources/lang.ini")).unwrap(), expected, "{more}");
        let in_boot = support::wimkit(&["cat", arg(&media.join("sources/boot.wim")), "2", "/sources/lang.ini"]).stdout;
        assert_eq!(String::from_utf8(in_boot).unwrap(), expected, "{more}");
        let check = document(0, "wimkit.media-check/1", &["media", "check", arg(&media)]);
        assert_eq!(check["standing"], standing, "{more}: {check}");
    }
    // A language that no edition has is another matter.
    std::fs::write(directory.join("newMedia/sources/lang.ini"), new.replace("pl-pl", "fr-fr")).unwrap();
    let found = findings(1, &directory.join("newMedia"));
    assert!(found.contains(&"language sources/lang.ini".to_owned()), "{found:?}");
    assert!(found.contains(&"language-in-part sources/lang.ini".to_owned()), "{found:?}");
}
