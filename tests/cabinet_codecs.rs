//! The folders of real cabinets, against what cabextract makes of them.

mod support;

use std::fs;

use support::{arg, foreign, has_peer, run};
use wimkit::codec::cabinet::Method;

fn u16_at(bytes: &[u8], at: usize) -> usize {
    u16::from_le_bytes([bytes[at], bytes[at + 1]]).into()
}

fn u32_at(bytes: &[u8], at: usize) -> usize {
    u32::from_le_bytes(bytes[at..at + 4].try_into().unwrap()) as usize
}

/// The content of all folders of a sound cabinet that belongs to no set, one behind the other.
fn folders(cabinet: &[u8]) -> Vec<u8> {
    let (mut folder, mut folder_reserve, mut block_reserve) = (36, 0, 0);
    if cabinet[30] & 4 != 0 {
        folder += 4 + u16_at(cabinet, 36);
        (folder_reserve, block_reserve) = (usize::from(cabinet[38]), usize::from(cabinet[39]));
    }
    let mut content = Vec::new();
    for _ in 0..u16_at(cabinet, 26) {
        let (mut block, count, method) =
            (u32_at(cabinet, folder), u16_at(cabinet, folder + 4), u16_at(cabinet, folder + 6));
        folder += 8 + folder_reserve;
        let window_order = (method >> 8 & 31) as u32;
        let method = match method & 15 {
            1 => Method::Mszip,
            2 => Method::Quantum { window_order },
            3 => Method::Lzx { window_order },
            other => panic!("method {other}"),
        };
        let mut decompressor = method.decompressor().unwrap();
        for index in 0..count {
            let (stored_size, size) = (u16_at(cabinet, block + 4), u16_at(cabinet, block + 6));
            block += 8 + block_reserve;
            let decoded = decompressor.decompress_block(&cabinet[block..block + stored_size], size);
            content.extend(decoded.unwrap_or_else(|error| panic!("{method:?}, block {index}: {error}")));
            block += stored_size;
        }
    }
    content
}

#[test]
fn folders_of_real_cabinets() {
    if !has_peer("cabextract") {
        return;
    }
    // Of most of them, several blocks; the larger ones are by Microsoft, with LZX and its largest window.
    for name in [
        "cabarchive-compressed",
        "cabarchive-multi-folder-compressed",
        "cabextract-large-files-cab",
        "cabextract-mixed",
        "gcab-test-mszip",
        "ms-Windows6.1-KB2883457-amd64",
        "ms-Windows6.2-HyperVIntegrationServices-x64",
        "ms-Windows8.1-KB2938772-x64",
        "mspack-mszip_lzx_qtm",
        "mspack-normal_2files_2folders",
    ] {
        let Some(path) = foreign(&format!("cab/{name}.cab")) else { return };
        // It prints the files as they stand in their folders.
        let expected = run("cabextract", &["-q", "-p", arg(&path)]).stdout;
        assert!(folders(&fs::read(&path).unwrap()) == expected, "{name}");
    }
}
