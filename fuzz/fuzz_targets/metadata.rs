//! Seeks panics, cycles and blow-up in the parser of metadata resources, and trees that writing changes.
//!
//!     cargo +nightly fuzz run metadata
#![no_main]

use libfuzzer_sys::fuzz_target;
use std::convert::Infallible;
use wimkit::wim::metadata::{DentryId, Metadata, ParseOptions};

fuzz_target!(|data: &[u8]| {
    let Ok(tree) = Metadata::parse(data, &ParseOptions::default()) else { return };
    assert!(tree.len() <= data.len() / 104 + 1, "{} dentries out of {} bytes", tree.len(), data.len());
    let mut visited = 0;
    let Ok(()) = tree.walk(DentryId::ROOT, |path, entry| {
        visited += 1;
        assert!(path.starts_with('/'));
        assert!(entry.link_count() >= 1 && entry.security_descriptor().is_some() == entry.security_id().is_some());
        let _ = (entry.streams().count(), entry.tagged_items().count(), tree.lookup(path));
        Ok::<_, Infallible>(())
    });
    assert_eq!(visited, tree.len(), "a walk meets every dentry once");

    let Ok(written) = tree.encode() else { return };
    let again = Metadata::parse(written, &ParseOptions::default()).expect("what was written can be read");
    assert_eq!(again.len(), tree.len());
    assert_eq!(again.statistics(|_| 1), tree.statistics(|_| 1), "writing changed the tree");
    assert_eq!(again.encode().as_deref(), Ok(again.as_bytes()), "writing twice gives the same bytes");
});
