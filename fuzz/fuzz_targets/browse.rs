//! Seeks panics, endless work and runaway memory in looking into an image as a mount does, WIMs in it included.
//!
//!     cargo +nightly fuzz run browse
#![no_main]

use libfuzzer_sys::fuzz_target;
use std::io::Cursor;
use std::sync::Arc;
use wimkit::wim::Wim;
use wimkit::wim::browse::{Browser, Inode, Options};

/// Entries that are looked at: a hostile tree may have many, and WIMs in WIMs.
const MAX_ENTRIES: usize = 200;
/// Bytes of a decoded chunk, of the cache and of each read.
const MEMORY: u64 = 16 << 20;

fuzz_target!(|data: &[u8]| {
    let Ok(wim) = Wim::from_source(Box::new(Cursor::new(data.to_vec())), "input") else { return };
    let options = Options { cache: MEMORY, scratch: None, memory: MEMORY, nested: true };
    let Ok(mut browser) = Browser::all_images(Arc::new(wim), options) else { return };
    let mut pending = vec![Inode::ROOT];
    let mut seen = 0;
    while let Some(inode) = pending.pop() {
        seen += 1;
        if seen > MAX_ENTRIES {
            break;
        }
        assert_eq!(Inode::from_u64(inode.to_u64()), Some(inode));
        let Ok(attributes) = browser.attributes(inode) else { continue };
        assert_eq!(attributes.inode, inode);
        let _ = browser.read_link(inode);
        if let Ok(file) = browser.open(inode) {
            let whole = file.read(0, MEMORY as usize);
            assert!(whole.is_err() || whole.is_ok_and(|bytes| bytes.len() as u64 == file.size().min(MEMORY)));
            assert!(file.read(u64::MAX, 1).is_ok_and(|bytes| bytes.is_empty()));
        }
        for name in browser.xattr_names(inode).unwrap_or_default() {
            let _ = browser.xattr(inode, &name);
        }
        for name in ["system.ntfs_acl", "system.ntfs_reparse_data", "system.ntfs_dos_name", "system.ntfs_object_id"] {
            let _ = browser.xattr(inode, name);
        }
        let mut names = Vec::new();
        let listed = browser.list(inode, 0, &mut |line| {
            names.push((line.inode, line.name.to_owned()));
            names.len() < MAX_ENTRIES
        });
        if listed.is_ok() {
            for (child, name) in &names[2..] {
                // Of names that occur twice, one is found.
                assert!(browser.lookup(inode, name).is_ok());
                pending.push(*child);
            }
        }
    }
});
