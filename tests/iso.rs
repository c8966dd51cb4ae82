//! `wimkit media iso`, and what other programs make of its images.

mod support;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use assert_cmd::cargo::cargo_bin;
use support::{Noise, arg, expect, has_peer, json, read_tree, run, stderr, wimkit};

/// A tree with names, sizes and depths of all kinds, and the boot images of media.
fn make_tree(tree: &Path) {
    let mut noise = Noise(5);
    for (name, content) in [
        ("boot/etfsboot.com", noise.bytes(4096)),
        ("efi/microsoft/boot/efisys.bin", noise.bytes(1_474_560)),
        ("efi/microsoft/boot/efisys_noprompt.bin", noise.bytes(100_000)),
        ("setup.exe", noise.program(70_000)),
        ("sources/empty", Vec::new()),
        ("sources/one", vec![1]),
        ("sources/block", noise.bytes(2048)),
        ("sources/größe 漢字 😀.txt", noise.text(5000)),
        ("sources/a/b/c/d/e/f/g/deep", noise.text(10)),
        ("sources/copy of setup.exe", Vec::new()),
    ] {
        let path = tree.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }
    fs::copy(tree.join("setup.exe"), tree.join("sources/copy of setup.exe")).unwrap();
    fs::create_dir_all(tree.join("sources/empty directory")).unwrap();
    fs::write(tree.join("sources").join("n".repeat(200)), "a long name").unwrap();
    // A directory whose list has several blocks.
    fs::create_dir(tree.join("many")).unwrap();
    for number in 0..500 {
        fs::write(tree.join(format!("many/file {number}")), format!("{number}")).unwrap();
    }
}

/// A path with the system's own separators.
fn below(tree: &Path, path: &str) -> PathBuf {
    path.split('/').fold(tree.to_owned(), |path, name| path.join(name))
}

#[test]
fn images_are_read_by_others() {
    let place = tempfile::tempdir().unwrap();
    let (tree, image) = (place.path().join("tree"), place.path().join("out.iso"));
    make_tree(&tree);
    let document = json(&["media", "iso", "--label", "Größe 漢", arg(&tree), arg(&image)]);
    assert_eq!(document["schema"], "wimkit.media-iso/1");
    assert_eq!(document["files"], 511);
    assert_eq!(document["shared"], 70_000);
    assert_eq!(document["size"], fs::metadata(&image).unwrap().len());
    for (member, name) in [("bios", "boot/etfsboot.com"), ("efi", "efi/microsoft/boot/efisys.bin")] {
        assert_eq!(document[member], arg(&below(&tree, name)));
    }

    if has_peer("7zz") {
        let target = place.path().join("7zz");
        run("7zz", &["x", &format!("-o{}", arg(&target)), arg(&image)]);
        assert!(read_tree(&target) == read_tree(&tree), "7zz finds another tree");
    }
    if has_peer("udfinfo") {
        let told = String::from_utf8(run("udfinfo", &["--utf8", arg(&image)]).stdout).unwrap();
        for line in [
            "label=Größe 漢",
            "udfrev=1.02",
            "blocksize=2048",
            "numfiles=511",
            "integrity=closed",
            "accesstype=readonly",
        ] {
            assert!(told.lines().any(|found| found == line), "{line} is not in\n{told}");
        }
    }
    if has_peer("xorriso") {
        let output = run("xorriso", &["-indev", arg(&image), "-report_el_torito", "plain", "-find", "/"]);
        let told = String::from_utf8(output.stdout).unwrap();
        assert!(told.contains("README.TXT"), "{told}");
        let boots: Vec<&str> = told.lines().filter(|line| line.starts_with("El Torito boot img")).collect();
        assert_eq!(boots.len(), 2, "{told}");
        let has =
            |line: usize, words: &[&str]| words.iter().all(|word| boots[line].split_whitespace().any(|w| w == *word));
        assert!(has(0, &["BIOS", "y", "none", "8"]) && has(1, &["UEFI", "y", "none", "1"]), "{told}");
    }
}

#[test]
fn the_same_tree_gives_the_same_image() {
    let place = tempfile::tempdir().unwrap();
    let tree = place.path().join("tree");
    make_tree(&tree);
    let image = |name: &str| {
        let image = place.path().join(name);
        let mut command = Command::new(cargo_bin("wimkit"));
        command.env("SOURCE_DATE_EPOCH", "1700000000").args(["media", "iso", arg(&tree), arg(&image)]);
        assert!(command.output().unwrap().status.success());
        fs::read(image).unwrap()
    };
    assert!(image("first.iso") == image("second.iso"));
}

#[test]
fn boot_images_are_chosen_and_asked_for() {
    let place = tempfile::tempdir().unwrap();
    let (tree, image) = (place.path().join("tree"), place.path().join("out.iso"));
    make_tree(&tree);
    let document = json(&["media", "iso", "--no-prompt", arg(&tree), arg(&image)]);
    assert_eq!(document["efi"], arg(&below(&tree, "efi/microsoft/boot/efisys_noprompt.bin")));
    let document = json(&["media", "iso", "--no-boot", arg(&tree), arg(&image)]);
    assert_eq!((&document["efi"], &document["bios"]), (&().into(), &().into()));
    fs::remove_file(&image).unwrap();

    let output = wimkit(&["media", "iso", "--signer", "2023", arg(&tree), arg(&image)]);
    assert_eq!(output.status.code(), Some(2));
    let told = stderr(&output);
    assert!(told.contains("have no efi/microsoft/boot/efisys_ex.bin") && told.contains("--no-boot"), "{told}");
    assert!(!image.exists());

    // Letter case does not count on media.
    fs::rename(tree.join("efi"), tree.join("EFI")).unwrap();
    fs::rename(tree.join("EFI/microsoft/boot/efisys.bin"), tree.join("EFI/microsoft/boot/EFISYS.BIN")).unwrap();
    let document = json(&["media", "iso", arg(&tree), arg(&image)]);
    let found = document["efi"].as_str().unwrap();
    assert!(found.eq_ignore_ascii_case(arg(&below(&tree, "EFI/microsoft/boot/EFISYS.BIN"))), "{found}");
    expect(0, &["media", "iso", "--efi", arg(&tree.join("setup.exe")), arg(&tree), arg(&image)]);
}

#[test]
fn files_come_out_of_images() {
    let place = tempfile::tempdir().unwrap();
    let (tree, image, target) = (place.path().join("tree"), place.path().join("out.iso"), place.path().join("target"));
    make_tree(&tree);
    fs::remove_dir(tree.join("sources/empty directory")).unwrap();
    expect(0, &["media", "iso", arg(&tree), arg(&image)]);
    expect(0, &["expand", arg(&image), "--to", arg(&target)]);
    assert!(read_tree(&target) == read_tree(&tree));
    let time = |tree: &Path| fs::metadata(tree.join("setup.exe")).unwrap().modified().unwrap();
    assert!(time(&tree).duration_since(time(&target)).unwrap() < std::time::Duration::from_micros(2));
    let listed = json(&["expand", "-D", arg(&image)]);
    assert_eq!(listed["files"].as_array().unwrap().len(), 511);

    // Not where the image does not end.
    let bytes = fs::read(&image).unwrap();
    fs::write(&image, &bytes[..bytes.len() / 2]).unwrap();
    let output = wimkit(&["expand", arg(&image), "--to", arg(&place.path().join("none"))]);
    assert_eq!(output.status.code(), Some(2));
    assert!(stderr(&output).contains("the image ends at"), "{}", stderr(&output));
    assert!(!place.path().join("none").exists());
}
