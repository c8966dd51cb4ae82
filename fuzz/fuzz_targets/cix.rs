//! Seeks panics, endless work and paths that lead outside in container indices of both kinds, those that PSFs have in themselves, and
//! in what is made after them.
//!
//!     cargo +nightly fuzz run cix
//!
//! Input: 1 byte for the payload's length, then the payload, then the index.
#![no_main]

use libfuzzer_sys::fuzz_target;
use std::convert::Infallible;
use std::io::Cursor;
use std::path::Path;
use wimkit::cab::target_path;
use wimkit::catalog::cix::Index;
use wimkit::catalog::payload::{OwnIndex, Payload};
use wimkit::catalog::psf::{Options, Psf, reconstruct};

fuzz_target!(|data: &[u8]| {
    let Some((length, rest)) = data.split_first() else { return };
    let (payload, document) = rest.split_at(usize::from(*length).min(rest.len()));
    let psf = Box::new(Cursor::new(payload.to_vec()));
    if let Some(own) = OwnIndex::find(&*psf)
        && let Ok(described) = Payload::self_described(Path::new("x.psf"), psf, &own)
    {
        assert!(described.members().iter().all(|member| target_path(&member.path).is_ok()));
    }
    let Ok(index) = Index::parse(document) else { return };
    assert!(index.files.iter().all(|file| target_path(&file.name).is_ok()));
    let chosen: Vec<usize> = (0..index.files.len()).collect();
    let options = Options { max_file: 1 << 20, max_kept: 1 << 20 };
    let mut handed = 0;
    let Ok(outcome) = reconstruct(&index, &Psf(&Cursor::new(payload)), &chosen, &options, |place, bytes| {
        if let Some(digest) = index.files[place].digest {
            assert_eq!(digest.of_same_kind(bytes), digest);
        }
        handed += 1;
        Ok::<_, Infallible>(())
    });
    assert_eq!(outcome.decoded, handed);
    assert_eq!(outcome.decoded as usize + outcome.refused.len() + outcome.failed.len(), chosen.len());
});
