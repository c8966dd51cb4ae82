//! The ISO 9660 part (ECMA-119): it makes the image an ISO image, leads firmware to what boots, and tells readers that know
//! nothing of UDF where the files are.

use super::layout::Layout;
use super::volume::put;
use crate::iso::SECTOR;
use crate::util::filetime::FileTime;

/// What a reader that knows ISO 9660 alone sees.
pub(super) const README: &[u8] = b"The files of this disc are in its UDF file system (ISO/IEC 13346),\r\n\
which the program or system that shows this text does not read.\r\n";
const README_NAME: &[u8] = b"README.TXT;1";

const IDENTIFIER: &[u8] = b"CD001";

/// A sector's worth of bytes.
pub(super) type Sector = [u8; SECTOR as usize];

/// A number in both byte orders.
fn both32(value: u32) -> [u8; 8] {
    let mut bytes = [0; 8];
    put(&mut bytes, 0, &value.to_le_bytes());
    put(&mut bytes, 4, &value.to_be_bytes());
    bytes
}

fn both16(value: u16) -> [u8; 4] {
    let ([a, b], [c, d]) = (value.to_le_bytes(), value.to_be_bytes());
    [a, b, c, d]
}

/// How the recognition sequence begins its sectors: a type, an identifier and a version.
pub(super) fn announced(kind: u8, identifier: &[u8]) -> Sector {
    let mut sector = [0; SECTOR as usize];
    sector[0] = kind;
    put(&mut sector, 1, identifier);
    sector[6] = 1;
    sector
}

/// The sector that leads to the boot catalog.
pub(super) fn boot_record(catalog: u64) -> Sector {
    let mut sector = announced(0, IDENTIFIER);
    put(&mut sector, 7, b"EL TORITO SPECIFICATION");
    put(&mut sector, 0x47, &(catalog as u32).to_le_bytes());
    sector
}

/// The end of the volume descriptors.
pub(super) fn terminator() -> Sector {
    announced(255, IDENTIFIER)
}

/// The label in the few characters that ISO 9660 has.
fn plain_label(label: &str) -> String {
    let plain = |c: char| if c.is_ascii_alphanumeric() { c.to_ascii_uppercase() } else { '_' };
    label.chars().map(plain).collect()
}

/// The primary volume descriptor.
pub(super) fn primary(label: &str, unique: &str, time: FileTime, layout: &Layout) -> Sector {
    let [tables, big_endian_tables, root, _] = layout.stub;
    let mut sector = announced(1, IDENTIFIER);
    for text in [8..40, 40..72, 190..318, 318..446, 446..574, 574..702, 702..739, 739..776, 776..813] {
        sector[text].fill(b' ');
    }
    put(&mut sector, 40, plain_label(label).as_bytes());
    put(&mut sector, 80, &both32(layout.sectors as u32));
    put(&mut sector, 120, &both16(1));
    put(&mut sector, 124, &both16(1));
    put(&mut sector, 128, &both16(SECTOR as u16));
    put(&mut sector, 132, &both32(path_table(root, true).len() as u32));
    put(&mut sector, 140, &(tables as u32).to_le_bytes());
    put(&mut sector, 148, &(big_endian_tables as u32).to_be_bytes());
    put(&mut sector, 156, &record(&[0], root, SECTOR, true, time));
    put(&mut sector, 190, plain_label(unique).as_bytes());
    put(&mut sector, 574, b"WIMKIT");
    put_digits(&mut sector[813..830], Some(time));
    put_digits(&mut sector[830..847], Some(time));
    put_digits(&mut sector[847..864], None);
    put_digits(&mut sector[864..881], None);
    sector[881] = 1;
    sector
}

/// A time in digits and in UTC, with hundredths of a second; or none.
fn put_digits(field: &mut [u8], time: Option<FileTime>) {
    field[..16].fill(b'0');
    if let Some(time) = time {
        let [year, month, day, hour, minute, second] = time.to_civil();
        let digits = format!("{:04}{month:02}{day:02}{hour:02}{minute:02}{second:02}", year.min(9999));
        put(field, 0, digits.as_bytes());
    }
}

/// A directory's record of a file or a directory.
fn record(name: &[u8], sector: u64, size: u64, is_directory: bool, time: FileTime) -> Vec<u8> {
    const DIRECTORY: u8 = 2;
    let mut bytes = vec![0; (33 + name.len()).next_multiple_of(2)];
    bytes[0] = bytes.len() as u8;
    put(&mut bytes, 2, &both32(sector as u32));
    put(&mut bytes, 10, &both32(size as u32));
    let [year, rest @ ..] = time.to_civil();
    bytes[18] = year.saturating_sub(1900).min(255) as u8;
    put(&mut bytes, 19, &rest.map(|part| part as u8));
    bytes[25] = if is_directory { DIRECTORY } else { 0 };
    put(&mut bytes, 28, &both16(1));
    bytes[32] = name.len() as u8;
    put(&mut bytes, 33, name);
    bytes
}

/// The list of all directories, which is the root.
fn path_table(root: u64, little_endian: bool) -> [u8; 10] {
    let mut table = [0; 10];
    let root = root as u32;
    table[0] = 1;
    put(&mut table, 2, &if little_endian { root.to_le_bytes() } else { root.to_be_bytes() });
    put(&mut table, 6, &if little_endian { 1_u16.to_le_bytes() } else { 1_u16.to_be_bytes() });
    table
}

/// The sectors of the stub, in the order of the layout.
pub(super) fn sectors(layout: &Layout, time: FileTime) -> [Vec<u8>; 4] {
    let [_, _, root, readme] = layout.stub;
    let records = [
        record(&[0], root, SECTOR, true, time),
        record(&[1], root, SECTOR, true, time),
        record(README_NAME, readme, README.len() as u64, false, time),
    ];
    [path_table(root, true).into(), path_table(root, false).into(), records.concat(), README.into()]
}
