//! Payloads and indices of our own.

use std::convert::Infallible;
use std::io::Cursor;

use super::super::cix::{Basis, ContainerKind, Place};
use super::*;
use crate::codec::delta::test_encoder::{Fields, Item, delta, null_delta};
use crate::util::filetime::FileTime;

fn sha1(bytes: &[u8]) -> Digest {
    Digest::Sha1([0; 20]).of_same_kind(bytes)
}

fn sha256(bytes: &[u8]) -> Digest {
    Digest::Sha256([0; 32]).of_same_kind(bytes)
}

/// A PSF and its index in the making.
struct Payload {
    psf: Vec<u8>,
    index: Index,
}

impl Payload {
    fn new() -> Self {
        // Something in front, so that no piece is at offset 0.
        Self {
            psf: b"PSTREAM\0".to_vec(),
            index: Index { name: "x".to_owned(), kind: ContainerKind::Psf, files: Vec::new() },
        }
    }

    fn piece(&mut self, kind: PieceKind, bytes: &[u8]) -> Piece {
        let place = Place::Range { offset: self.psf.len() as u64, length: bytes.len() as u64 };
        self.psf.extend_from_slice(bytes);
        Piece { kind, place, digest: Some(sha256(bytes)) }
    }

    fn file(&mut self, content: &[u8], ways: Vec<Way>) -> usize {
        let place = self.index.files.len();
        self.index.files.push(IndexedFile {
            id: 100 + place as u64,
            name: format!("dir\\{place}"),
            size: Some(content.len() as u64),
            time: FileTime::ZERO,
            attributes: 32,
            digest: Some(sha1(content)),
            ways,
        });
        place
    }

    /// A file that is made of a piece.
    fn add(&mut self, kind: PieceKind, piece: &[u8], content: &[u8], basis: Option<u64>) -> usize {
        let piece = Some(self.piece(kind, piece));
        let basis = basis.map(|file| Basis { file: Some(file) });
        self.file(content, vec![Way { piece, basis }])
    }

    fn run(&self, chosen: &[usize], options: &Options) -> (Outcome, Vec<(usize, Vec<u8>)>) {
        let mut made = Vec::new();
        let psf = Cursor::new(&self.psf[..]);
        let outcome = reconstruct(&self.index, &Psf(&psf), chosen, options, |place, bytes| {
            made.push((place, bytes.to_vec()));
            Ok::<_, Infallible>(())
        });
        let Ok(outcome) = outcome;
        (outcome, made)
    }

    fn run_all(&self) -> (Outcome, Vec<(usize, Vec<u8>)>) {
        self.run(&(0..self.index.files.len()).collect::<Vec<_>>(), &Options::default())
    }

    /// The only failure of the only file.
    fn failure(&self) -> Failure {
        let (outcome, made) = self.run_all();
        assert!(made.is_empty() && outcome.refused.is_empty());
        outcome.failed[0].1.clone()
    }
}

const RAW: PieceKind = PieceKind::Raw;
const PA30: PieceKind = PieceKind::Pa30;

/// A delta that appends a letter to its source.
fn appending(source: &[u8], letter: u8) -> Vec<u8> {
    let length = source.len() as u64;
    let items = [Item::InFront { in_front: 0, length }, Item::Literal(letter)];
    delta(&Fields { size: length + 1, ..Fields::default() }, &items)
}

#[test]
fn whole_files_and_null_deltas() {
    let mut payload = Payload::new();
    payload.add(RAW, b"as it is", b"as it is", None);
    payload.add(PA30, &null_delta(b"la la la land", 0, &[]), b"la la la land", None);
    payload.add(RAW, b"", b"", None);
    let (outcome, made) = payload.run_all();
    assert_eq!((outcome.decoded, outcome.bytes), (3, 21));
    assert!(outcome.refused.is_empty() && outcome.failed.is_empty());
    assert_eq!(made, [(0, b"as it is".to_vec()), (1, b"la la la land".to_vec()), (2, Vec::new())]);
}

#[test]
fn deltas_against_files_of_the_package() {
    let mut payload = Payload::new();
    payload.add(PA30, &appending(b"abcd", b'e'), b"abcde", Some(102));
    payload.file(b"abcde", vec![Way { piece: None, basis: Some(Basis { file: Some(100) }) }]);
    payload.add(PA30, &appending(b"abc", b'd'), b"abcd", Some(103));
    payload.add(RAW, b"abc", b"abc", None);
    let (outcome, made) = payload.run_all();
    assert_eq!((outcome.decoded, outcome.failed), (4, Vec::new()));
    let places: Vec<usize> = made.iter().map(|(place, _)| *place).collect();
    assert_eq!(places, [3, 2, 0, 1], "each after what it is made of");
    // What is needed and not chosen is made, and not handed out.
    let (outcome, made) = payload.run(&[1], &Options::default());
    assert_eq!((outcome.decoded, made), (1, vec![(1, b"abcde".to_vec())]));
    // Without memory for it, nothing can be made of another file.
    let (outcome, _) = payload.run(&[0], &Options { max_kept: 2, ..Options::default() });
    assert!(matches!(&outcome.refused[..], [(0, Refusal::BasisNotMade(name))] if name == "dir\\2"));
    let (outcome, _) = payload.run(&[2], &Options { max_kept: 2, ..Options::default() });
    assert!(matches!(&outcome.refused[..], [(2, Refusal::BasisNotKept { limit: 2, .. })]));
}

#[test]
fn what_is_not_known_is_refused_and_counted() {
    let mut payload = Payload::new();
    payload.add(PieceKind::Other("PA31".to_owned()), b"PA31", b"a", None);
    payload.add(PieceKind::Other("PA19".to_owned()), b"PA19", b"b", None);
    payload.add(PieceKind::Other("PA31".to_owned()), b"PA31", b"c", None);
    payload.add(PA30, &appending(b"abc", b'd'), b"abcd", Some(7));
    payload.add(PA30, &appending(b"abcd", b'e'), b"abcde", Some(103));
    let foreign = Fields { file_type: 0x80, preprocess: &[0; 20], ..Fields::default() };
    payload.add(PA30, &delta(&foreign, &[]), b"", None);
    // A way that is known is preferred to one that is not.
    let unknown = payload.piece(PieceKind::Other("PA31".to_owned()), b"");
    let known = payload.piece(RAW, b"known");
    let way = |piece| Way { piece: Some(piece), basis: None };
    payload.file(b"known", vec![way(unknown), way(known)]);
    let (outcome, made) = payload.run_all();
    assert_eq!(made, [(6, b"known".to_vec())]);
    assert!(outcome.failed.is_empty());
    let counts = outcome.refused_by_kind();
    assert_eq!((counts["PA31"], counts["PA19"], counts["needs a file of the system"]), (2, 1, 1));
    assert_eq!(counts["needs a file that was not made"], 1);
    assert_eq!(counts["PA30, file type 128 (executable with CLI 4 (ARM64))"], 1);
    assert_eq!(counts.values().sum::<u64>(), 6);
}

#[test]
fn damage_is_told() {
    let one = || {
        let mut payload = Payload::new();
        payload.add(PA30, &null_delta(b"la la la land", 0, &[]), b"la la la land", None);
        payload
    };
    for at in 8..one().psf.len() {
        let mut payload = one();
        payload.psf[at] ^= 1;
        assert!(matches!(payload.failure(), Failure::PieceDigest { .. }), "byte {at}");
        let mut payload = one();
        payload.psf.truncate(at);
        assert!(matches!(payload.failure(), Failure::Outside { offset: 8, .. }), "{at} bytes");
    }
    let mut payload = one();
    payload.index.files[0].digest = Some(sha256(b"something else"));
    assert!(matches!(payload.failure(), Failure::FileDigest { .. }));
    let mut payload = Payload::new();
    payload.add(RAW, b"longer", b"long", None);
    assert_eq!(payload.failure(), Failure::Size { expected: 4, found: 6 });
    let mut payload = Payload::new();
    payload.add(PA30, &null_delta(b"la la la land", 0, &[]), b"la", None);
    assert!(matches!(payload.failure(), Failure::Delta(DeltaError::TooLarge { size: 13, limit: 2 })));
    let mut payload = Payload::new();
    payload.add(PA30, b"PA30", b"", None);
    assert!(matches!(payload.failure(), Failure::Delta(DeltaError::Malformed { .. })));
    let mut payload = Payload::new();
    payload.file(b"", Vec::new());
    assert_eq!(payload.failure(), Failure::NoWay);
    for (offset, length) in [(u64::MAX, 2), (8, 9), (9, 1), (8, u64::MAX), (0, (1 << 31) + 1)] {
        let mut payload = Payload::new();
        let piece = Piece { kind: RAW, place: Place::Range { offset, length }, digest: None };
        payload.file(b"x", vec![Way { piece: Some(piece), basis: None }]);
        let expected = match length {
            0..10 => Failure::Outside { offset, length, size: 8 },
            _ => Failure::TooLarge { size: length, limit: 1 << 31 },
        };
        assert_eq!(payload.failure(), expected);
    }
}

#[test]
fn circles() {
    let mut payload = Payload::new();
    for basis in [101, 102, 100, 103] {
        payload.file(b"", vec![Way { piece: None, basis: Some(Basis { file: Some(basis) }) }]);
    }
    payload.add(RAW, b"sound", b"sound", None);
    let (outcome, made) = payload.run_all();
    assert_eq!(outcome.failed, [0, 1, 2, 3].map(|place| (place, Failure::Circle)));
    assert_eq!(made, [(4, b"sound".to_vec())]);
}

#[test]
fn a_long_chain_is_no_deep_recursion() {
    let mut payload = Payload::new();
    payload.add(RAW, b"x", b"x", None);
    for basis in 100..50_100 {
        payload.file(b"x", vec![Way { piece: None, basis: Some(Basis { file: Some(basis) }) }]);
    }
    let (outcome, _) = payload.run(&[50_000], &Options { max_kept: 2, ..Options::default() });
    assert_eq!(outcome.decoded, 1);
}

#[test]
fn limits() {
    let mut payload = Payload::new();
    payload.add(RAW, b"12345", b"12345", None);
    let (outcome, _) = payload.run(&[0], &Options { max_file: 4, ..Options::default() });
    assert_eq!(outcome.failed, [(0, Failure::TooLarge { size: 5, limit: 4 })]);
}

#[test]
fn members_by_name() {
    let mut members = Members::default();
    members.insert("Dir/0", Box::new(Cursor::new(b"zero")));
    assert_eq!(members.read(&Place::Member("\\dir\\0".to_owned())).as_deref(), Ok(&b"zero"[..]));
    assert_eq!(members.read(&Place::Member("1".to_owned())), Err(Failure::NoMember("1".to_owned())));
}
