//! Real deltas: the decoder against files whose content is known.

mod support;

use std::fs;
use std::path::Path;
use support::foreign;
use wimkit::address::container::{Container, ContainerOptions};
use wimkit::catalog::cix::{CABINET_INDEX, Index, PieceKind};
use wimkit::catalog::psf::{Members, Options, reconstruct};
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

/// What became of the deltas of a real update: all files that are made have the digests of its index.
#[test]
#[allow(clippy::print_stderr, reason = "the counts are to be seen")]
fn real_updates() {
    let Some(directory) = foreign("msu") else { return };
    let (mut decoded, mut refused) = (0, 0);
    for update in ["Windows6.1-KB2465285-x64", "Windows6.1-KB2780124-x64", "Windows6.1-KB3040017-x64"] {
        let address = directory.join(format!("{update}.msu!/{update}.cab"));
        let container = Container::open(Path::new(&address), &ContainerOptions::default()).unwrap();
        let names: Vec<&str> = container.members().iter().map(|member| &*member.path).collect();
        let index = names.iter().position(|name| *name == CABINET_INDEX).unwrap();
        let index = Index::parse(&container.read(index, 1 << 20).unwrap()).unwrap();
        let mut members = Members::default();
        container.open_members(&(0..names.len()).collect::<Vec<_>>(), &mut |member, content| {
            members.insert(names[member], content.unwrap());
        });
        let is_delta = |place: &usize| {
            let piece = index.files[*place].ways[0].piece.as_ref();
            piece.is_some_and(|piece| piece.kind == PieceKind::Pa30)
        };
        let deltas: Vec<usize> = (0..index.files.len()).filter(is_delta).collect();
        let Ok(outcome) = reconstruct(&index, &members, &deltas, &Options::default(), |place, bytes| {
            let digest = index.files[place].digest.unwrap();
            assert_eq!(digest.of_same_kind(bytes), digest);
            Ok::<_, std::convert::Infallible>(())
        });
        eprintln!(
            "{update}: {} PA30 decoded, {} refused, {} failed",
            outcome.decoded,
            outcome.refused.len(),
            outcome.failed.len()
        );
        for (kind, count) in outcome.refused_by_kind() {
            eprintln!("  refused: {count} × {kind}");
        }
        for (place, failure) in &outcome.failed {
            eprintln!("  failed: {}: {failure}", index.files[*place].name);
        }
        assert!(outcome.failed.is_empty());
        decoded += outcome.decoded;
        refused += outcome.refused.len();
    }
    eprintln!("together: {decoded} decoded, {refused} refused");
    assert_eq!(decoded + refused as u64, 51);
}
