//! Deltas of our own, whole and damaged.

use super::super::test_encoder::{BitWriter, Fields, Item, around, delta, null_delta};
use super::super::{DeltaError, Malformed, Unsupported};
use super::{FileType, Header, TargetHash, apply};
use crate::util::sha1::Sha1;

const TEXT: &[u8] = b"how much wood would a woodchuck chuck if a woodchuck could chuck wood";

fn fields(size: usize) -> Fields<'static> {
    Fields { size: size as u64, ..Fields::default() }
}

fn with_sha1(text: &[u8]) -> Vec<u8> {
    null_delta(text, 0x8004, &Sha1::of(text).0)
}

#[test]
fn null_deltas() {
    for text in [TEXT, b"", b"x", &[7; 5000], &[0; 100_000]] {
        let delta = with_sha1(text);
        let header = Header::read(&delta).unwrap();
        assert_eq!((header.file_type, header.flags, header.target_size), (FileType::RAW, 0x20000, text.len() as u64));
        assert_eq!(header.time.0, 0x01CD_4567_89AB_CDEF);
        assert_eq!(header.target_hash, TargetHash::Sha1(Sha1::of(text).0));
        assert_eq!(apply(b"", &delta, text.len() as u64).as_deref(), Ok(text));
    }
}

#[test]
fn every_kind_of_digest() {
    use sha2::Digest;
    for (algorithm, digest) in
        [(0x8003, md5::Md5::digest(TEXT).to_vec()), (0x800C, sha2::Sha256::digest(TEXT).to_vec()), (0, Vec::new())]
    {
        assert_eq!(apply(b"", &null_delta(TEXT, algorithm, &digest), 100).as_deref(), Ok(TEXT));
        if let Some((last, digest)) = digest.split_last() {
            let other = [digest, &[last ^ 1]].concat();
            let error = apply(b"", &null_delta(TEXT, algorithm, &other), 100).unwrap_err();
            assert!(matches!(error, DeltaError::Hash { .. }), "{error}");
            let error = apply(b"", &null_delta(TEXT, algorithm, digest), 100).unwrap_err();
            assert!(matches!(error, DeltaError::Malformed { problem: Malformed::HashSize { .. }, .. }), "{error}");
        }
    }
    let error = apply(b"", &null_delta(TEXT, 0x8005, &[1]), 100).unwrap_err();
    assert_eq!(error, Unsupported::HashAlgorithm(0x8005).into());
}

#[test]
fn every_way_to_say_where_from() {
    let source: Vec<u8> = (0..400_000_u32).map(|n| (n.wrapping_mul(0x9E37_79B1) >> 24) as u8).collect();
    let mut target: Vec<u8> = Vec::new();
    let mut items = Vec::new();
    let mut recent = [0_u64; 3];
    // Around the corresponding place, in front of and behind it, up to where each range ends.
    for in_front in [0, 1, -1, 0x1FFF, -0x2000, 0x2000, -0x2001, 0x9FFF, -0xA000, 0xA000, -0xA001, 0x29FFF, -0x2A000] {
        let from = target.len() as i64 - in_front;
        let length = 9;
        if from < 0 {
            // There is no such place yet: come nearer.
            let missing = (-from) as usize;
            items.push(Item::InFront { in_front: 0, length: missing as u64 });
            let start = target.len();
            target.extend_from_slice(&source[start..start + missing]);
        }
        let from = (target.len() as i64 - in_front) as usize;
        items.push(Item::InFront { in_front, length });
        target.extend_from_slice(&source[from..from + length as usize]);
    }
    // Distances of every slot that the source has room for, short and long lengths.
    let mut window = [&source[..], &target[..]].concat();
    let push = |window: &mut Vec<u8>, distance: u64, length: u64| {
        let from = window.len() - distance as usize;
        (from..from + length as usize).for_each(|index| window.push(window[index]));
    };
    for shift in 0..18 {
        for distance in [1 << shift, (1 << shift) + (1 << shift >> 1), (2 << shift) - 1] {
            let length = 2 + distance % 300;
            items.push(Item::Back { distance, length });
            push(&mut window, distance, length);
            recent = [distance, recent[0], if recent[1] == distance { recent[2] } else { recent[1] }];
        }
    }
    for index in [2, 0, 1, 2] {
        let distance = recent[index];
        items.push(Item::Recent { index: index as u64, length: 3 });
        push(&mut window, distance, 3);
        recent[..=index].rotate_right(1);
    }
    for length in [8, 9, 263, 264, 519, 520, 70_000] {
        items.push(Item::Back { distance: 5, length });
        push(&mut window, 5, length);
    }
    let target = &window[source.len()..];
    let made = apply(&source, &delta(&fields(target.len()), &items), 1 << 24).unwrap();
    assert!(made == target);
}

#[test]
fn a_rift_table_shifts_the_corresponding_place() {
    // From the target's byte 4 on, what corresponds is 10 bytes further on in the source.
    let source = b"0123456789abcdefghijklmnop";
    let at = source.len() as i64 + 4;
    let mut patch = BitWriter::default();
    patch.rift_table(&[(at, 14)]);
    patch.bits(1, 1);
    patch.flat(600, 256 + 3 * 8 + 7); // eight bytes, across the place
    let made = apply(source, &around(&fields(8), &patch.finish()), 8);
    assert_eq!(made.as_deref(), Ok(&b"0123efgh"[..]));
}

#[test]
fn rift_tables_beyond_any_real_one() {
    // Of bits there are enough.
    let count = (1 << 20) + 1;
    let mut patch = BitWriter::default();
    patch.rift_table(&vec![(0, 0); count]);
    let error = apply(b"", &around(&fields(8), &patch.finish()), 8).unwrap_err();
    assert!(
        matches!(error, DeltaError::Malformed { problem: Malformed::RiftSize(found), .. } if found == count as u64)
    );
}

#[test]
fn what_is_not_known_is_no_damage() {
    let whole = with_sha1(TEXT);
    for (signature, name) in [(b"PA31", "PA31"), (b"PA19", "PA19")] {
        let other = [&signature[..], &whole[4..]].concat();
        assert_eq!(apply(b"", &other, 100).unwrap_err(), Unsupported::Generation(name).into());
    }
    let reverse = delta(&Fields { file_type_set: 0x101, ..fields(0) }, &[]);
    assert_eq!(apply(b"", &reverse, 100).unwrap_err(), Unsupported::Reverse.into());
    let of_arm = delta(&Fields { file_type: 0x80, preprocess: &[0; 20], ..fields(0) }, &[]);
    assert_eq!(apply(b"", &of_arm, 100).unwrap_err(), Unsupported::FileType(FileType(0x80)).into());
    assert!(matches!(apply(b"", b"MZ", 100), Err(DeltaError::Signature { .. })));
}

#[test]
fn limits() {
    let whole = with_sha1(&[7; 5000]);
    assert_eq!(apply(b"", &whole, 4999).unwrap_err(), DeltaError::TooLarge { size: 5000, limit: 4999 });
    // A terabyte that is told but not there takes no memory.
    let told = delta(&Fields { size: 1 << 40, ..fields(0) }, &[Item::Literal(1)]);
    assert!(matches!(apply(b"", &told, u64::MAX), Err(DeltaError::Malformed { problem: Malformed::Truncated, .. })));
}

#[test]
fn matches_that_lead_astray() {
    let one = |item| apply(b"source", &delta(&fields(10), &[Item::Literal(b'x'), item]), 10).unwrap_err();
    for (item, distance) in [
        (Item::Back { distance: 8, length: 2 }, 8),
        (Item::Recent { index: 1, length: 2 }, 0),
        (Item::InFront { in_front: 2, length: 2 }, 8),
        (Item::InFront { in_front: -6, length: 2 }, 0),
    ] {
        let DeltaError::Malformed { problem, .. } = one(item) else { panic!("{item:?}") };
        assert_eq!(problem, Malformed::Distance { position: 1, distance }, "{item:?}");
    }
    let DeltaError::Malformed { problem, .. } = one(Item::Back { distance: 1, length: 10 }) else { panic!() };
    assert_eq!(problem, Malformed::Length { position: 1, length: 10 });
}

#[test]
fn truncated_at_each_byte() {
    let whole = with_sha1(TEXT);
    for size in 0..whole.len() {
        assert!(apply(b"", &whole[..size], 1000).is_err(), "{size} bytes of {}", whole.len());
    }
}

#[test]
fn each_bit_turned_over() {
    let whole = with_sha1(TEXT);
    for bit in 0..8 * whole.len() {
        let mut damaged = whole.clone();
        damaged[bit / 8] ^= 1 << (bit % 8);
        // What has no bearing on the target may change: the time, the set of file types, the flags.
        if let Ok(made) = apply(b"", &damaged, 1000) {
            assert_eq!(made, TEXT, "bit {bit}");
        }
    }
}

#[test]
fn blocks_have_codes_of_their_own() {
    // Two blocks over the letters a and b: in the first the codeword of a is 0, in the second that of c.
    let mut patch = BitWriter::default();
    patch.bits(0, 2);
    patch.number(2);
    patch.number(0);
    patch.number(3);
    // The precode: lengths 0 and 1, the last length once again, or 64 times and more; two bits each.
    let used = [0, 1, 23, 30];
    (0..39).for_each(|symbol| patch.bits(if used.contains(&symbol) { 2 } else { 0 }, 4));
    let precode = |patch: &mut BitWriter, symbol: u64| {
        let codeword = used.iter().position(|used| *used == symbol).unwrap() as u64;
        patch.bits(codeword >> 1, 1);
        patch.bits(codeword, 1);
    };
    let zeros = |patch: &mut BitWriter, mut count: u64| {
        while count >= 64 {
            let more = (count - 64).min(63);
            precode(patch, 30);
            patch.bits(more, 6);
            count -= 64 + more;
        }
        (0..count).for_each(|_| precode(patch, 23));
    };
    let lens = |patch: &mut BitWriter, one: u64, other: u64| {
        precode(patch, 0);
        zeros(patch, one - 1);
        precode(patch, 1);
        precode(patch, 0);
        zeros(patch, other - one - 2);
        precode(patch, 1);
        precode(patch, 0);
        zeros(patch, 872 - other - 2);
    };
    lens(&mut patch, 97, 99);
    lens(&mut patch, 99, 101);
    patch.bits(0b010, 3); // aca
    patch.bits(0b010, 3); // cec
    let made = apply(b"", &around(&fields(6), &patch.finish()), 6);
    assert_eq!(made.as_deref(), Ok(&b"acacec"[..]));
}
