//! Seeks panics, cycles and blow-up in the reader of registry hives: every key and value is read, each from its cells anew.
//!
//!     cargo +nightly fuzz run hive
//!
//! A tree whose keys share their lists could be larger than its hive; since each key names its parent, it cannot, and there are
//! no more keys on the way down than fit in it.
#![no_main]

use libfuzzer_sys::fuzz_target;
use std::io::Cursor;
use wimkit::hive::Hive;

fuzz_target!(|data: &[u8]| {
    let source = Cursor::new(data);
    let Ok(hive) = Hive::open(&source) else { return };
    let _ = (hive.is_dirty(), hive.key("Microsoft\\Windows NT\\CurrentVersion").map(|key| key.is_some()));
    let Ok(root) = hive.root() else { return };
    let mut pending = vec![(root, 0)];
    let mut visited = 0;
    while let Some((key, depth)) = pending.pop() {
        visited += 1;
        assert!(depth <= data.len() / 80, "a way down that is longer than there are keys");
        if visited > 1000 {
            return; // one key may be in a list many times
        }
        for value in key.values().unwrap_or_default() {
            assert!(value.data.len() <= data.len());
            let _ = (value.number(), value.text(), value.texts(), key.value(&value.name));
        }
        let subkeys = key.subkeys().unwrap_or_default();
        assert!(subkeys.len() <= data.len() / 80);
        if let Some(first) = subkeys.first() {
            assert!(key.subkey(first.name()).is_ok_and(|found| found.is_some()), "a key that is listed is found");
        }
        pending.extend(subkeys.into_iter().map(|subkey| (subkey, depth + 1)));
    }
});
