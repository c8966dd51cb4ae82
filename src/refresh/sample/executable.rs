//! The smallest Portable Executable that tells a version: headers, and one section with a version resource.

use crate::pe::FileVersion;
use crate::util::utf16;

/// 64-bit x86.
const MACHINE: u16 = 0x8664;
/// Where the section begins in memory …
const SECTION_RVA: u32 = 0x1000;
/// … and in the file, which is the size of the headers.
const SECTION_OFFSET: usize = 0x200;
/// Sizes in the file are multiples of this.
const FILE_ALIGNMENT: usize = 0x200;
/// The tree of resources: three directories with one entry each, and the description of the data.
const TREE_SIZE: u32 = 3 * (16 + 8) + 16;

/// An executable without code, called `name`, of this version.
pub(super) fn executable(name: &str, version: FileVersion) -> Vec<u8> {
    let resource = version_resource(name, version);
    let section = [resource_tree(resource.len() as u32), resource].concat();
    let mut file = headers(section.len() as u32);
    file.resize(SECTION_OFFSET, 0);
    file.extend(section);
    file.resize(file.len().next_multiple_of(FILE_ALIGNMENT), 0);
    file
}

fn headers(section_size: u32) -> Vec<u8> {
    let raw_size = section_size.next_multiple_of(FILE_ALIGNMENT as u32);
    let mut file = vec![0; 0x40];
    file[..2].copy_from_slice(b"MZ");
    file[0x3C] = 0x40;
    file.extend(b"PE\0\0");
    // One section, no time, no symbols; the optional header's size; an executable that takes large addresses.
    put16(&mut file, &[MACHINE, 1]);
    put32(&mut file, &[0, 0, 0]);
    put16(&mut file, &[240, 0x0022]);
    // PE32+, linker 14.0; sizes of code and data; no entry point; the base of code, and of the image.
    put16(&mut file, &[0x020B, 14]);
    put32(&mut file, &[0, raw_size, 0, 0, 0, 0x4000_0000, 1]);
    put32(&mut file, &[SECTION_RVA, FILE_ALIGNMENT as u32]);
    // Versions of the system, the image and the subsystem.
    put16(&mut file, &[10, 0, 10, 0, 10, 0]);
    put32(&mut file, &[0, SECTION_RVA + section_size.next_multiple_of(SECTION_RVA), SECTION_OFFSET as u32, 0]);
    // A console program; stack and heap, reserved and committed, in 64 bits each.
    put16(&mut file, &[3, 0]);
    put32(&mut file, &[0x10_0000, 0, 0x1000, 0, 0x10_0000, 0, 0x1000, 0]);
    // No loader flags; 16 directories, of which the third has resources.
    put32(&mut file, &[0, 16, 0, 0, 0, 0, SECTION_RVA, section_size]);
    put32(&mut file, &[0; 2 * 13]);
    file.extend(b".rsrc\0\0\0");
    // Initialized data that can be read.
    put32(&mut file, &[section_size, SECTION_RVA, raw_size, SECTION_OFFSET as u32, 0, 0, 0, 0x4000_0040]);
    file
}

/// Directories by type, name and language, with one entry each, and where the data are.
fn resource_tree(size: u32) -> Vec<u8> {
    const RT_VERSION: u32 = 16;
    const ENGLISH: u32 = 0x0409;
    const SUBDIRECTORY: u32 = 0x8000_0000;
    let mut tree = Vec::new();
    for (id, target) in [(RT_VERSION, SUBDIRECTORY | 24), (1, SUBDIRECTORY | 48), (ENGLISH, 72)] {
        put32(&mut tree, &[0, 0, 0]);
        put16(&mut tree, &[0, 1]); // no entries by name, one by number
        put32(&mut tree, &[id, target]);
    }
    put32(&mut tree, &[SECTION_RVA + TREE_SIZE, size, 0, 0]);
    tree
}

fn version_resource(name: &str, version: FileVersion) -> Vec<u8> {
    let FileVersion([major, minor, build, revision]) = version;
    let (high, low) = (u32::from(major) << 16 | u32::from(minor), u32::from(build) << 16 | u32::from(revision));
    let mut fixed = Vec::new();
    // Signature, version of the structure, file, product, flags (mask and value), NT, an application, no date.
    put32(&mut fixed, &[0xFEEF_04BD, 0x0001_0000, high, low, high, low, 0x3F, 0, 0x0004_0004, 1, 0, 0, 0]);
    let version = version.to_string();
    let strings = [
        ("CompanyName", "wimkit sample"),
        ("FileDescription", "A sample that does nothing"),
        ("FileVersion", &*version),
        ("OriginalFilename", name),
        ("ProductVersion", &*version),
    ];
    let strings: Vec<Vec<u8>> = strings.iter().map(|(key, text)| text_node(key, text)).collect();
    let table = node("040904B0", false, &[], &strings);
    let translation = node("Translation", false, &[0x09, 0x04, 0xB0, 0x04], &[]);
    let children = [node("StringFileInfo", true, &[], &[table]), node("VarFileInfo", true, &[], &[translation])];
    node("VS_VERSION_INFO", false, &fixed, &children)
}

fn text_node(key: &str, text: &str) -> Vec<u8> {
    let mut value = utf16::from_str(text);
    value.extend([0, 0]);
    node(key, true, &value, &[])
}

/// A node of a version resource: three lengths and kinds, the key, the value and the children, each at a multiple of four.
fn node(key: &str, is_text: bool, value: &[u8], children: &[Vec<u8>]) -> Vec<u8> {
    let mut node = vec![0; 6];
    node.extend(utf16::from_str(key));
    node.extend([0, 0]);
    for part in std::iter::once(value).chain(children.iter().map(Vec::as_slice)).filter(|part| !part.is_empty()) {
        node.resize(node.len().next_multiple_of(4), 0);
        node.extend(part);
    }
    // The length of text counts its units.
    let value_length = if is_text { value.len() / 2 } else { value.len() };
    for (at, number) in [(0, node.len()), (2, value_length), (4, usize::from(is_text))] {
        node[at..at + 2].copy_from_slice(&(number as u16).to_le_bytes());
    }
    node
}

fn put16(out: &mut Vec<u8>, numbers: &[u16]) {
    out.extend(numbers.iter().flat_map(|number| number.to_le_bytes()));
}

fn put32(out: &mut Vec<u8>, numbers: &[u32]) {
    out.extend(numbers.iter().flat_map(|number| number.to_le_bytes()));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pe;

    #[test]
    fn it_tells_what_it_is() {
        let version = FileVersion([10, 0, 26100, 4061]);
        let file = executable("setup.exe", version);
        assert_eq!(pe::file_version(&file), Some(version));
        assert_eq!(pe::machine(&file).and_then(pe::architecture), Some(9));
        assert_eq!((file.len() % FILE_ALIGNMENT, &file[..2]), (0, &b"MZ"[..]));
        assert_eq!(&file[SECTION_OFFSET - 120..][..5], &[0; 5], "the headers end before the section");
    }
}
