//! An executable of our own, of which the part behind an RVA has moved.

use super::super::super::test_encoder::BitWriter;
use super::super::TargetHash;
use super::*;
use crate::util::filetime::FileTime;
use crate::util::le;

/// All transformations that deltas between executables for AMD64 have.
const FLAGS: u64 = 0x2_E63E;
const BASE: u64 = 0x1_4000_0000;
const NEW_BASE: u64 = 0x1_8000_0000;
/// What is at this RVA or behind it has moved …
const MOVED: i64 = 0x1100;
/// … so far.
const BY: u32 = 0x20;

/// Bytes in the making.
struct Bytes(Vec<u8>);

impl Bytes {
    fn put(&mut self, at: usize, bytes: &[u8]) {
        self.0[at..at + bytes.len()].copy_from_slice(bytes);
    }

    fn put_u32s(&mut self, at: usize, values: &[u32]) {
        values.iter().enumerate().for_each(|(index, value)| self.put(at + 4 * index, &value.to_le_bytes()));
    }
}

/// One section, whose RVAs 0x1000 to 0x1600 are at 0x200 in the file.
fn image() -> Vec<u8> {
    let mut image = Bytes(vec![0; 0x800]);
    image.put(0, b"MZ");
    image.put_u32s(0x3C, &[0x80]);
    image.put(0x80, b"PE\0\0\x64\x86\x01\0");
    image.put_u32s(0x88, &[0x1111_1111]); // time stamp
    image.put(0x94, &0xF0_u16.to_le_bytes()); // size of the optional header
    image.put(0x98, &0x20B_u16.to_le_bytes());
    image.put(0xB0, &BASE.to_le_bytes());
    image.put_u32s(0xD0, &[0x2000]); // size of the image
    image.put_u32s(0xD8, &[0x2222_2222]); // checksum
    image.put_u32s(0x104, &[16]);
    for (directory, rva, size) in
        [(0, 0x1380, 40), (1, 0x13C0, 40), (2, 0x1440, 0x80), (3, 0x1200, 12), (5, 0x1280, 12), (11, 0x1C0, 8)]
    {
        image.put_u32s(0x108 + 8 * directory, &[rva, size]);
    }
    image.put(0x188, b".text\0\0\0");
    image.put_u32s(0x190, &[0x600, 0x1000, 0x600, 0x200]);
    image.put_u32s(0x1AC, &[0x6000_0020]);
    image.put(0x1C0, b"bound to");
    image.put(0x200, &[0xE8]); // call 0x1180
    image.put_u32s(0x201, &[0x1180 - 0x1005]);
    image.put(0x300, &(BASE + 0x1180).to_le_bytes());
    image.put_u32s(0x400, &[0x1000, 0x1010, 0x1300]); // a function
    image.put_u32s(0x480, &[0x1000, 12]); // relocations
    image.put(0x488, &0xA100_u16.to_le_bytes());
    image.put(0x500, &[0x09, 0, 1, 0, 0, 0, 0, 0]); // unwinding: one code, a handler
    image.put_u32s(0x508, &[0x1150]);
    image.put_u32s(0x580, &[0, 0, 0, 0x1150, 1, 1, 1, 0x13A8, 0x13AC, 0x13B0]); // exports
    image.put_u32s(0x5A8, &[0x1010, 0x1160]);
    image.put_u32s(0x5C0, &[0x13F0, 7, 8, 0x1170, 0x1410]); // imports, which are bound
    image.put_u32s(0x5F0, &[0x1190, 0]);
    image.put(0x5F8, &(1_u64 << 63 | 5).to_le_bytes());
    image.put(0x610, &[0xAA; 16]);
    image.put_u32s(0x640, &[0, 0, 0, 0x1_0000, 3, 0x18]); // resources
    image.put_u32s(0x658, &[0x1500, 4]);
    image.0
}

fn preprocess(file_offsets: &[(i64, i64)], moved: &[(i64, i64)], has_metadata: bool) -> Vec<u8> {
    let mut writer = BitWriter::default();
    writer.bits(NEW_BASE, 64);
    writer.bits(0x3333_3333, 32);
    writer.bits(0x4444_4444, 32);
    writer.rift_table(file_offsets);
    writer.bits(has_metadata.into(), 1);
    writer.rift_table(moved);
    writer.bits(0, 1);
    writer.finish()
}

fn header(file_type: FileType, flags: u64) -> Header {
    Header { time: FileTime::ZERO, file_type_set: 15, file_type, flags, target_size: 0, target_hash: TargetHash::None }
}

fn prepared(source: &[u8]) -> Prepared {
    let moved = [(0, 0), (MOVED, MOVED + i64::from(BY))];
    let preprocess = preprocess(&[(0, 0), (0x1000, 0x200)], &moved, false);
    prepare(source, &header(FileType::AMD64, FLAGS), &preprocess, 0).unwrap()
}

#[test]
fn references_lead_where_things_have_moved() {
    let source = prepared(&image()).source;
    let u32s = |at: usize, count: usize| -> Vec<u32> {
        (0..count).map(|index| le::u32(&source, at + 4 * index).unwrap()).collect()
    };
    let moved = |rva: u32| rva + BY;
    assert_eq!((u32s(0x88, 1)[0], u32s(0xD8, 1)[0]), (0x4444_4444, 0), "time stamp and checksum");
    assert_eq!(le::u64(&source, 0xB0), Some(NEW_BASE));
    assert_eq!(source[0x1C0..0x1C8], [0; 8], "what it was bound to");
    assert_eq!(u32s(0x201, 1), [moved(0x1180) - 0x1005], "call");
    assert_eq!(le::u64(&source, 0x300), Some(NEW_BASE + u64::from(moved(0x1180))), "relocated address");
    assert_eq!(u32s(0x480, 3), [0x1000, 12, 0xA000 | moved(0x100)], "relocations");
    assert_eq!(u32s(0x400, 3), [0x1000, 0x1010, moved(0x1300)], "function");
    assert_eq!(u32s(0x508, 1), [moved(0x1150)], "handler");
    assert_eq!(
        u32s(0x580, 10),
        [0, 0, 0, moved(0x1150), 1, 1, 1, moved(0x13A8), moved(0x13AC), moved(0x13B0)],
        "exports"
    );
    assert_eq!(u32s(0x5A8, 2), [0x1010, moved(0x1160)], "exported addresses and names");
    assert_eq!(u32s(0x5C0, 5), [moved(0x13F0), 0, 0, moved(0x1170), moved(0x1410)], "imports are unbound");
    assert_eq!((u32s(0x5F0, 2), u32s(0x610, 2)), (vec![moved(0x1190), 0], vec![moved(0x1190), 0]), "imported names");
    assert_eq!(le::u64(&source, 0x618), Some(1 << 63 | 5), "an ordinal number");
    assert_eq!(u32s(0x654, 2), [0x18, 0x1500], "resources move together");
}

#[test]
fn corresponding_bytes() {
    let rifts = prepared(&image()).rifts;
    let corresponding = |place: i64| place + rifts.at(place).0;
    assert_eq!((corresponding(0), corresponding(0x1F0)), (0, 0x1F0));
    assert_eq!((corresponding(0x200), corresponding(0x2FF)), (0x200, 0x2FF));
    assert_eq!((corresponding(0x320), corresponding(0x500)), (0x300, 0x4E0));
}

#[test]
fn what_is_not_known() {
    let plain = preprocess(&[], &[], false);
    let refused = |source: &[u8], file_type, flags, preprocess: &[u8]| {
        prepare(source, &header(file_type, flags), preprocess, 0).err().expect("it is refused")
    };
    let other = FileType(0x40);
    assert_eq!(refused(&image(), other, FLAGS, &plain), Unsupported::FileType(other).into());
    let unknown = Unsupported::Transformations { file_type: FileType::AMD64, flags: 1 << 11 };
    assert_eq!(refused(&image(), FileType::AMD64, FLAGS | 1 << 11, &plain), unknown.into());
    let managed = Unsupported::ManagedCode(FileType::AMD64);
    assert_eq!(refused(&image(), FileType::AMD64, FLAGS, &preprocess(&[], &[], true)), managed.clone().into());
    let mut with_clr = image();
    with_clr[0x108 + 8 * 14 + 1] = 0x10;
    assert_eq!(refused(&with_clr, FileType::AMD64, FLAGS, &plain), managed.into());
    // What is no executable stays as it is.
    let text = prepare(b"text", &header(FileType::AMD64, FLAGS), &plain, 0).unwrap();
    assert_eq!((&*text.source, text.rifts), (&b"text"[..], RiftTable::default()));
}

#[test]
fn damaged_executables_are_no_danger() {
    let whole = image();
    let moved = [(0, 0), (MOVED, MOVED + i64::from(BY))];
    let preprocess = preprocess(&[(0, 0), (0x1000, 0x200)], &moved, false);
    for file_type in [FileType::I386, FileType::AMD64] {
        for at in 0..whole.len() {
            for value in [0xFF, whole[at] ^ 0x80] {
                let mut damaged = whole.clone();
                damaged[at] = value;
                let _ = prepare(&damaged, &header(file_type, FLAGS | 0x1FE), &preprocess, 0);
            }
            let _ = prepare(&whole[..at], &header(file_type, FLAGS | 0x1FE), &preprocess, 0);
        }
    }
}

#[test]
fn overlapping_tables_do_not_take_forever() {
    // As many functions as there is room for, each of them all of the section.
    let mut hostile = Bytes(vec![0x90; 0x10_0000]);
    hostile.put(0, &image()[..0x200]);
    let size = 0x10_0000 - 0x200;
    hostile.put_u32s(0xD0, &[0x20_0000]);
    hostile.put_u32s(0x190, &[size, 0x1000, size, 0x200]);
    hostile.put_u32s(0x108 + 8 * 3, &[0x1000, size]);
    for function in 0..size as usize / 12 {
        hostile.put_u32s(0x200 + 12 * function, &[0x1000, 0x1000 + size, 0]);
    }
    let preprocess = preprocess(&[], &[(0x1000, 0x1010)], false);
    let result = prepare(&hostile.0, &header(FileType::AMD64, 0x600), &preprocess, 0);
    assert!(matches!(result.err(), Some(DeltaError::Malformed { problem: Malformed::TooMuchWork, .. })));
}

#[test]
fn calls_in_the_target() {
    let mut target = Bytes(image());
    target.put(0x84, &0x14C_u16.to_le_bytes());
    target.put(0x98, &0x10B_u16.to_le_bytes());
    target.put_u32s(0x94 + 4 + 0x5C, &[0]); // no directories
    target.put_u32s(0x201, &[0x300]);
    let before = target.0.clone();
    finish(&mut target.0, 0);
    assert_eq!(target.0, before);
    finish(&mut target.0, flag::CALLS_IN_TARGET);
    assert_eq!(le::u32(&target.0, 0x201), Some(0x300 - 0x200));
}
