//! `wimkit cab create`, and what other programs make of its cabinets.

mod support;

use assert_cmd::cargo::cargo_bin;
use serde_json::Value;
use support::{Noise, arg, has_peer, read_tree, run, wimkit};

#[test]
fn cabinets_are_read_by_others() {
    let place = tempfile::tempdir().unwrap();
    let tree = place.path().join("tree");
    std::fs::create_dir_all(tree.join("dir/sub")).unwrap();
    let mut noise = Noise(3);
    for (name, content) in [
        ("a.txt", noise.text(200_000)),
        ("dir/b.bin", noise.bytes(100_000)),
        ("dir/sub/grün.txt", noise.text(70_000)),
        ("dir/empty", Vec::new()),
        ("z", vec![0; 1 << 20]),
    ] {
        std::fs::write(tree.join(name), content).unwrap();
    }
    let expected = read_tree(&tree);
    let out = place.path().join("out.cab");
    for more in [&["none"][..], &["mszip"], &["mszip:9"], &["lzx:2"], &["lzx"], &["lzx:9", "--window", "17"]] {
        for folder_size in ["100K", "64M"] {
            let common = ["cab", "create", "--json", "--folder-size", folder_size, arg(&out), arg(&tree), "--compress"];
            let made = wimkit(&[&common, more].concat());
            assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
            let document: Value = serde_json::from_slice(&made.stdout).unwrap();
            assert_eq!((&document["schema"], &document["files"]), (&"wimkit.cab-create/1".into(), &5.into()));
            assert_eq!(document["size"], std::fs::metadata(&out).unwrap().len());
            assert_eq!(document["folders"], if folder_size == "64M" { 1 } else { 3 }, "{more:?}");

            let extract = |name: &str, program: &str, arguments: &[&str]| {
                let target = place.path().join(name);
                let target_of_7zz = format!("-o{}", target.display());
                let target_arguments = match name {
                    "7zz" => vec![&*target_of_7zz],
                    "cabextract" => vec!["-d", arg(&target)],
                    _ => vec!["--to", arg(&target)],
                };
                run(program, &[arguments, &target_arguments, &[arg(&out)]].concat());
                assert!(read_tree(&target) == expected, "{name} {more:?}");
                std::fs::remove_dir_all(target).unwrap();
            };
            extract("wimkit", arg(&cargo_bin("wimkit")), &["expand", "--quiet"]);
            if has_peer("cabextract") {
                extract("cabextract", "cabextract", &["-q"]);
            }
            if has_peer("7zz") {
                extract("7zz", "7zz", &["x"]);
            }
        }
    }
    let refused = wimkit(&["cab", "create", arg(&out), arg(&tree), "--compress", "mszip", "--window", "17"]);
    assert_eq!(refused.status.code(), Some(2));
}
