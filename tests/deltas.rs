//! Real deltas: the decoder against files whose content is known.

mod support;

use std::fs;
use support::foreign;
use wimkit::codec::delta::{DeltaError, dcm, pa30};

/// No target here is larger.
const LIMIT: u64 = 1 << 24;

#[test]
fn a_delta_with_a_source() {
    let Some(directory) = foreign("msu/pa30") else { return };
    let read = |name: &str| fs::read(directory.join(name)).unwrap();
    let made = pa30::apply(&read("source.bin"), &read("delta.pa30"), LIMIT).unwrap();
    assert!(made == read("target.bin"));
}

#[test]
fn compressed_manifests() {
    let Some(directory) = foreign("msu/dcm") else { return };
    let base = fs::read(directory.join("base_manifest.bin")).unwrap();
    let mut decoded = 0;
    for entry in fs::read_dir(&directory).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_none_or(|extension| extension != "manifest") {
            continue;
        }
        let file = fs::read(&path).unwrap();
        assert_eq!(dcm::Kind::of(&file), Some(dcm::Kind::Dcm));
        assert_eq!(dcm::decode(&file, None, LIMIT), Err(DeltaError::NoSource { kind: dcm::Kind::Dcm }));
        let made = dcm::decode(&file, Some(&base), LIMIT).unwrap();
        // These deltas tell no digest. A manifest is one assembly, whose identity is in the file's name.
        let text = String::from_utf8(made).unwrap();
        assert!(text.trim_start_matches('\u{feff}').starts_with("<?xml"), "{}: {text:.100}", path.display());
        assert!(text.trim_end().ends_with("</assembly>"), "{}", path.display());
        let name = path.file_name().unwrap().to_str().unwrap();
        for part in [name.split('_').next().unwrap(), name.split('_').nth(3).unwrap()] {
            assert!(text.contains(&format!("\"{part}\"")), "{name} does not tell {part:?}");
        }
        if name.starts_with("wow64") {
            let golden = fs::read(directory.join("wow64_golden.xml")).unwrap();
            assert!(text.as_bytes() == golden);
        }
        decoded += 1;
    }
    assert_eq!(decoded, 3);
}
