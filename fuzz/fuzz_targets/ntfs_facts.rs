//! Seeks panics in what reads extended attributes and security descriptors, and lists that do not come back the same.
//!
//!     cargo +nightly fuzz run ntfs_facts
#![no_main]

use libfuzzer_sys::fuzz_target;
use wimkit::util::os::parsers::{from_list, parts, to_be_set, to_list};

fuzz_target!(|data: &[u8]| {
    if let Some(list) = to_list(data) {
        // An entry grows by four bytes at most, and by what the next one is aligned to.
        assert!(list.len() <= 2 * data.len());
        if !list.is_empty() {
            let packed = from_list(&list).expect("a list that was made here");
            assert_eq!(to_list(&packed), Some(list), "it is no longer the same");
        }
    }
    if let Some(packed) = from_list(data) {
        assert!(packed.len() <= data.len(), "more than the list has");
    }
    let set = to_be_set(data);
    assert_eq!(set.len(), data.len());
    assert_eq!(parts(&set), parts(data), "another descriptor than it was");
});
