//! Seeks panics and endless work in the parser of packages' manifests, identities that change when they are printed and read,
//! and everything that is concluded from them.
//!
//!     cargo +nightly fuzz run mum
#![no_main]

use libfuzzer_sys::fuzz_target;
use wimkit::catalog::identity::Identity;
use wimkit::catalog::inspect::{Members, Receive, inspect_members};
use wimkit::catalog::mum::Mum;
use wimkit::catalog::set::{Content, Entry, check};

/// A package with nothing but its manifest.
struct Manifest<'a>(&'a [u8]);

impl Members for Manifest<'_> {
    fn paths(&self) -> Vec<&str> {
        vec!["update.mum"]
    }

    fn size(&self, _: usize) -> u64 {
        self.0.len() as u64
    }

    fn read(&self, _: usize, limit: usize) -> Result<Vec<u8>, String> {
        Ok(self.0[..self.0.len().min(limit)].to_vec())
    }

    fn open(&self, _: &[usize], _: &mut Receive<'_>) {}
}

fuzz_target!(|data: &[u8]| {
    let Ok(mum) = Mum::parse(data) else { return };
    for identity in [&mum.identity].into_iter().chain(&mum.packages) {
        // A tilde inside of a part cannot be told from one between parts.
        if let Ok(again) = identity.to_string().parse::<Identity>() {
            assert_eq!(&again, identity);
        }
    }
    let info = inspect_members(&Manifest(data), "package.cab").expect("its manifest can be read");
    assert_eq!(info.identity.as_ref(), Some(&mum.identity));
    let entry = Entry { name: "package.cab", directory: None, content: Content::Package(&info) };
    let report = check(&[entry, entry]);
    assert_eq!(report.findings.len(), 2);
});
