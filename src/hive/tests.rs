//! Hives that a writer of our own makes, whole and damaged.

use super::writer::Key as NewKey;
use super::{Hive, HiveError, Key, Value};
use proptest::prelude::*;
use std::io::Cursor;

/// All that is in a key, as far as it can be read.
fn read(key: &Key<'_>) -> Result<NewKey, HiveError> {
    let number = |value: &Value| match value.kind {
        super::ValueKind::Text => 1,
        super::ValueKind::ExpandableText => 2,
        super::ValueKind::U32 => 4,
        super::ValueKind::Texts => 7,
        super::ValueKind::U64 => 11,
        super::ValueKind::Other(number) => number,
    };
    let values = key.values()?.into_iter().map(|value| (value.name.clone(), number(&value), value.data)).collect();
    let subkeys: Result<Vec<NewKey>, HiveError> = key.subkeys()?.iter().map(read).collect();
    Ok(NewKey { name: key.name().to_owned(), values, subkeys: subkeys? })
}

fn all(bytes: &[u8]) -> Result<NewKey, HiveError> {
    let source = Cursor::new(bytes);
    let hive = Hive::open(&source)?;
    read(&hive.root()?)
}

fn sample() -> NewKey {
    let mut root = NewKey::new("ROOT");
    root.at("Microsoft\\Windows NT\\CurrentVersion")
        .text("EditionID", "Professional")
        .number("UBR", 4061)
        .texts("Suites", &["Terminal Server", "Größe"])
        .value("", 2, vec![b'a', 0, b'b'])
        .value("Large", 3, (0..40_000).map(|index| index as u8).collect())
        .value("Wide", 11, 7_u64.to_le_bytes().to_vec());
    for number in 0..30 {
        root.at(&format!("Many\\Schlüssel {number} ы"));
    }
    root
}

#[test]
fn values_are_found_by_name() {
    let bytes = sample().hive();
    let source = Cursor::new(&bytes);
    let hive = Hive::open(&source).unwrap();
    assert!(!hive.is_dirty());
    let key = hive.key("MICROSOFT\\windows nt\\CurrentVersion").unwrap().unwrap();
    let value = |name: &str| key.value(name).unwrap().unwrap();
    assert_eq!(value("editionid").text().as_deref(), Some("Professional"));
    assert_eq!(value("editionid").number(), None);
    assert_eq!((value("UBR").number(), value("wide").number()), (Some(4061), Some(7)));
    assert_eq!(value("suites").texts().unwrap(), ["Terminal Server", "Größe"]);
    assert_eq!(value("").text().as_deref(), Some("a"), "an odd byte is cut");
    assert_eq!(value("Large").data.len(), 40_000);
    assert!(key.value("Nothing").unwrap().is_none() && hive.key("Microsoft\\Nothing\\Here").unwrap().is_none());
    assert!(hive.key("many\\SCHLÜSSEL 29 Ы").unwrap().is_some());
}

#[test]
fn a_hive_that_was_not_written_back_is_dirty() {
    let clean = sample().hive();
    for at in [4, 100] {
        let mut bytes = clean.clone();
        bytes[at] ^= 1;
        let source = Cursor::new(&bytes);
        let hive = Hive::open(&source).unwrap();
        assert!(hive.is_dirty());
        assert_eq!(read(&hive.root().unwrap()).unwrap(), sample());
    }
}

#[test]
fn what_is_no_hive() {
    let clean = sample().hive();
    let with = |at: usize, bytes: &[u8]| {
        let mut changed = clean.clone();
        changed[at..at + bytes.len()].copy_from_slice(bytes);
        all(&changed).unwrap_err()
    };
    assert!(matches!(all(&clean[..100]), Err(HiveError::TooShort { size: 100 })));
    assert!(matches!(all(&clean[..clean.len() - 1]), Err(HiveError::BinsSize { .. })));
    assert!(matches!(with(0, b"regF"), HiveError::Signature { .. }));
    assert!(matches!(with(28, &[6]), HiveError::Format { kind: 6, .. }));
    assert!(matches!(with(24, &[2]), HiveError::Format { minor: 2, .. }));
    assert!(matches!(with(40, &[1]), HiveError::BinsSize { .. }));
    for root in [7, 0xFFFF_FFF8, u32::MAX, 0x10_0000] {
        assert!(matches!(with(36, &u32::to_le_bytes(root)), HiveError::Cell { .. }), "{root:#x}");
    }
    assert!(matches!(with(4096 + 32, &[0xFF; 4]), HiveError::Cell { .. }), "a size of one");
    assert!(matches!(with(4096 + 32, &[0, 1, 0, 0]), HiveError::Cell { .. }), "a cell that is free");
    assert!(matches!(with(4096 + 36, b"vk"), HiveError::Kind { .. }));
}

/// The root's list names the root, or a list names itself.
#[test]
fn circles_are_refused() {
    let mut root = NewKey::new("ROOT");
    root.at("a\\b");
    let mut bytes = root.hive();
    let at = |signature: &[u8], bytes: &[u8]| {
        let found = bytes.windows(signature.len()).enumerate().filter(|(_, window)| *window == signature);
        found.map(|(at, _)| at).collect::<Vec<_>>()
    };
    // Both lists have one entry each, and hints.
    let lists = at(b"lh\x01\0", &bytes);
    assert_eq!(lists.len(), 2);
    // The root is the first cell. It may say that it belongs to one of its own keys.
    const ROOT: u32 = 32;
    let mut through_the_root = bytes.clone();
    let key: [u8; 4] = bytes[lists[1] + 4..lists[1] + 8].try_into().unwrap();
    through_the_root[4096 + 36 + 16..4096 + 36 + 20].copy_from_slice(&key);
    assert_eq!(all(&through_the_root).unwrap(), root);
    through_the_root[lists[0] + 4..lists[0] + 8].copy_from_slice(&ROOT.to_le_bytes());
    assert!(matches!(all(&through_the_root), Err(HiveError::Parent { offset: ROOT, .. })));
    for list in &lists {
        bytes[list + 4..list + 8].copy_from_slice(&ROOT.to_le_bytes());
    }
    assert!(matches!(all(&bytes), Err(HiveError::Parent { .. })), "{:?}", all(&bytes));
    for list in &lists {
        bytes[*list..list + 2].copy_from_slice(b"ri");
        let own = (list - 4096 - 4) as u32;
        bytes[list + 4..list + 8].copy_from_slice(&own.to_le_bytes());
    }
    assert!(matches!(all(&bytes), Err(HiveError::Kind { .. })), "{:?}", all(&bytes));
}

#[test]
fn a_list_cannot_name_more_keys_than_there_is_room_for() {
    let mut root = NewKey::new("ROOT");
    for number in 0..64 {
        root.at(&format!("{number}"));
    }
    let mut bytes = root.hive();
    // A longer list of lists, in a bin of its own, names the first one again and again.
    let lists = bytes.windows(4).position(|window| window == b"ri\x08\0").unwrap();
    let first: [u8; 4] = bytes[lists + 4..lists + 8].try_into().unwrap();
    let mut data = b"ri".to_vec();
    data.extend(u16::to_le_bytes(2000));
    data.extend(first.repeat(2000));
    let offset = bytes.len() as u32 - 4096;
    let mut bin = vec![0; 32];
    bin[..4].copy_from_slice(b"hbin");
    bin.extend((-(12_288_i32 - 32)).to_le_bytes());
    bin.extend(data);
    bin.resize(12_288, 0);
    bytes.extend(bin);
    let size = bytes.len() as u32 - 4096;
    bytes[40..44].copy_from_slice(&size.to_le_bytes());
    // The root is the first cell.
    bytes[4096 + 32 + 4 + 28..][..4].copy_from_slice(&(offset + 32).to_le_bytes());
    assert!(matches!(all(&bytes), Err(HiveError::TooLarge { .. })), "{:?}", all(&bytes));
}

#[test]
fn no_more_cells_are_read_than_a_hive_of_windows_takes() {
    let bytes = sample().hive();
    let source = Cursor::new(&bytes);
    let hive = Hive::open(&source).unwrap();
    let last = (0..super::MAX_READS).map(|_| hive.root().map(drop)).find(Result::is_err);
    assert!(last.is_none());
    assert!(matches!(hive.root(), Err(HiveError::TooManyReads { limit: super::MAX_READS })));
}

fn keys() -> impl Strategy<Value = NewKey> {
    let name = "[a-zA-Zäß 0-9ы]{0,12}";
    let value = (name, 0..12_u32, proptest::collection::vec(any::<u8>(), 0..40));
    let leaf = (name, proptest::collection::vec(value.clone(), 0..4)).prop_map(|(name, values)| NewKey {
        name,
        values,
        subkeys: Vec::new(),
    });
    leaf.prop_recursive(4, 60, 12, move |inner| {
        let values = proptest::collection::vec(value.clone(), 0..4);
        (name, values, proptest::collection::vec(inner, 0..12)).prop_map(|(name, values, subkeys)| NewKey {
            name,
            values,
            subkeys,
        })
    })
}

proptest! {
    #[test]
    fn what_is_written_is_read(root in keys()) {
        prop_assert_eq!(all(&root.hive()).unwrap(), root);
    }

    #[test]
    fn damage_is_an_error_or_another_tree(root in keys(), changes in proptest::collection::vec((any::<u32>(), any::<u8>()), 1..8)) {
        let mut bytes = root.hive();
        for (at, byte) in changes {
            let at = at as usize % bytes.len();
            bytes[at] = byte;
        }
        let _ = all(&bytes);
    }
}
