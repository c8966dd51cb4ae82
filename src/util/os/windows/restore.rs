//! Giving a file what NTFS keeps of it.
//!
//! In order: the 8.3 name and compression, which need the right to write ▶ the content is compacted ▶ extended attributes,
//! object id, security descriptor, and last the attributes and times: READONLY and the descriptor may forbid all before.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::windows::fs::{MetadataExt, OpenOptionsExt};
use std::path::Path;
use std::time::Duration;

use windows_sys::Wdk::Storage::FileSystem::FileShortNameInformation;
use windows_sys::Win32::Foundation::{ERROR_SHARING_VIOLATION, GENERIC_READ, GENERIC_WRITE};
use windows_sys::Win32::Storage::FileSystem::{
    DELETE, FILE_ATTRIBUTE_COMPRESSED, FILE_ATTRIBUTE_DIRECTORY, FILE_ATTRIBUTE_NORMAL, FILE_ATTRIBUTE_SPARSE_FILE,
    FILE_ATTRIBUTE_TEMPORARY, FILE_FLAG_BACKUP_SEMANTICS, FILE_FLAG_OPEN_REPARSE_POINT, FILE_READ_ATTRIBUTES,
    FILE_WRITE_ATTRIBUTES, FILE_WRITE_EA, FileBasicInfo, READ_CONTROL, SYNCHRONIZE, WRITE_DAC, WRITE_OWNER,
};
use windows_sys::Win32::System::Ioctl::{
    FSCTL_SET_COMPRESSION, FSCTL_SET_EXTERNAL_BACKING, FSCTL_SET_OBJECT_ID, FSCTL_SET_REPARSE_POINT, FSCTL_SET_SPARSE,
};

use super::super::dir::Times;
use super::super::extended_attributes;
use super::super::ntfs::{CompactFormat, NotHeld, ReparsePoint, Restore};
use super::look::{ACCESS_SYSTEM_SECURITY, is_denied};
use super::{handle, privileges, security};
use crate::util::filetime::FileTime;

/// The attributes that a program sets. Others say what kind of file it is, or are set by codes of their own.
const SETTABLE: u32 = 0x0000_3127;
/// How often a file is opened that somebody holds, such as a virus scanner.
const TRIES: u32 = 5;
/// The default format of NTFS compression.
const COMPRESSION_FORMAT_DEFAULT: u16 = 1;
/// The system says so of a file that would not get smaller.
const ERROR_COMPRESSION_NOT_BENEFICIAL: i32 = 344;

/// Gives the file or directory at `path` what `what` says; answers what it did not take.
pub(super) fn restore(path: &Path, what: &Restore<'_>) -> io::Result<NotHeld> {
    let mut not_held = NotHeld::default();
    if !what.short_name.is_empty() {
        not_held.short_name = set_short_name(path, what.short_name).is_err();
    }
    if what.attributes & FILE_ATTRIBUTE_COMPRESSED != 0 {
        // Whether it worked shows in the attributes, at the end.
        open(path, GENERIC_READ | GENERIC_WRITE).and_then(|file| compress(&file)).ok();
    }
    if let Some(format) = what.compact {
        not_held.compact = open(path, GENERIC_READ).and_then(|file| compact(&file, format)).is_err();
    }
    let file = open_for_restoring(path)?;
    if let Some(packed) = what.extended_attributes {
        not_held.tagged_items |= !set_extended_attributes(&file, packed);
    }
    if let Some(id) = what.object_id {
        not_held.tagged_items |= set_object_id(&file, id).is_err();
    }
    if let Some(descriptor) = what.security_descriptor {
        not_held.security_descriptor = !security::write(&file, descriptor);
    }
    set_basic(&file, what.attributes, &what.times)?;
    if what.attributes != 0 {
        let shown = SETTABLE | FILE_ATTRIBUTE_COMPRESSED | FILE_ATTRIBUTE_SPARSE_FILE;
        not_held.attributes = what.attributes & shown & !file.metadata()?.file_attributes() != 0;
    }
    Ok(not_held)
}

/// Opens with the rights to change what there is about a file, as many as can be had.
fn open_for_restoring(path: &Path) -> io::Result<File> {
    let least = FILE_READ_ATTRIBUTES | FILE_WRITE_ATTRIBUTES | SYNCHRONIZE;
    let usual = least | FILE_WRITE_EA | READ_CONTROL | WRITE_DAC;
    let most = if privileges::held().security { ACCESS_SYSTEM_SECURITY } else { 0 } | usual | WRITE_OWNER;
    let mut opened = open(path, most);
    for access in [usual | WRITE_OWNER, usual, least] {
        opened = match opened {
            Err(error) if is_denied(&error) => open(path, access),
            opened => return opened,
        };
    }
    opened
}

/// Opens a file or directory, or a link itself, as often as it takes until nobody else holds it.
pub(super) fn open(path: &Path, access: u32) -> io::Result<File> {
    // The right to everything comes from the privilege, if it is held.
    privileges::held();
    let flags = FILE_FLAG_BACKUP_SEMANTICS | FILE_FLAG_OPEN_REPARSE_POINT;
    let mut tries = 1;
    loop {
        match OpenOptions::new().access_mode(access).custom_flags(flags).open(path) {
            Err(error) if error.raw_os_error() == Some(ERROR_SHARING_VIOLATION as i32) && tries < TRIES => {
                std::thread::sleep(Duration::from_millis(10 << tries));
                tries += 1;
            }
            opened => return opened,
        }
    }
}

/// Gives the name at `path` an 8.3 name beside it.
pub(super) fn set_short_name(path: &Path, name: &[u8]) -> io::Result<()> {
    let file = open(path, GENERIC_WRITE | DELETE)?;
    // Not by SetFileShortNameW, which Wine lacks altogether: calling it would end the program.
    let structure = [&(name.len() as u32).to_le_bytes(), name].concat();
    handle::set_native_information(&file, FileShortNameInformation, &structure)
}

/// What of the attributes can be set. No directory is short-lived, and the system refuses all of what says so.
fn settable(attributes: u32) -> u32 {
    let is_directory = attributes & FILE_ATTRIBUTE_DIRECTORY != 0;
    attributes & SETTABLE & if is_directory { !FILE_ATTRIBUTE_TEMPORARY } else { u32::MAX }
}

fn set_extended_attributes(file: &File, packed: &[u8]) -> bool {
    match extended_attributes::to_list(packed) {
        Some(list) if list.is_empty() => true,
        Some(list) => handle::set_extended_attributes(file, &list).is_ok(),
        None => false,
    }
}

fn set_object_id(file: &File, id: &[u8]) -> io::Result<()> {
    let mut whole = [0; 64];
    let nbytes = id.len().min(whole.len());
    whole[..nbytes].copy_from_slice(&id[..nbytes]);
    handle::control(file, FSCTL_SET_OBJECT_ID, &whole, &mut []).map(drop)
}

/// Sets attributes and times; zeros leave them as they are.
pub(super) fn set_basic(file: &File, attributes: u32, times: &Times) -> io::Result<()> {
    // The system's times are signed, and a negative one has a meaning of its own.
    let ticks = |time: FileTime| if i64::try_from(time.0).is_ok() { time.0 } else { 0 };
    let attributes = match settable(attributes) {
        0 if attributes != 0 => FILE_ATTRIBUTE_NORMAL,
        settable => settable,
    };
    let mut structure = [0; 40];
    for (field, time) in structure.chunks_exact_mut(8).zip([times.creation, times.access, times.write]) {
        field.copy_from_slice(&ticks(time).to_le_bytes());
    }
    structure[32..36].copy_from_slice(&attributes.to_le_bytes());
    handle::set_information(file, FileBasicInfo, &structure)
}

fn compress(file: &File) -> io::Result<()> {
    handle::control(file, FSCTL_SET_COMPRESSION, &COMPRESSION_FORMAT_DEFAULT.to_le_bytes(), &mut []).map(drop)
}

/// Lets the Windows Overlay Filter keep the content compressed.
pub(super) fn compact(file: &File, format: CompactFormat) -> io::Result<()> {
    // Version 1 of the request, provider 2 (a file of its own); version 1 of that, how, and no flags.
    let request = [1, 2, 1, format as u32, 0].map(u32::to_le_bytes).concat();
    match handle::control(file, FSCTL_SET_EXTERNAL_BACKING, &request, &mut []) {
        Err(error) if error.raw_os_error() == Some(ERROR_COMPRESSION_NOT_BENEFICIAL) => Ok(()),
        done => done.map(drop),
    }
}

/// Prepares a file for holes; answers whether it may have them now.
pub fn make_sparse(file: &File) -> bool {
    handle::control(file, FSCTL_SET_SPARSE, &[], &mut []).is_ok()
}

/// Makes the empty file or directory at `path` a reparse point.
pub(super) fn set_reparse_point(path: &Path, point: &ReparsePoint) -> io::Result<()> {
    // The GUID of a tag that is not Microsoft's does not count.
    let guid_nbytes = if point.tag & 0x8000_0000 == 0 { 16 } else { 0 };
    let nbytes = point.data.len().checked_sub(guid_nbytes).and_then(|nbytes| u16::try_from(nbytes).ok());
    let nbytes = nbytes.ok_or(io::ErrorKind::InvalidData)?;
    let header = [&point.tag.to_le_bytes()[..], &nbytes.to_le_bytes(), &point.reserved.to_le_bytes()].concat();
    let file = open(path, GENERIC_READ | GENERIC_WRITE)?;
    handle::control(&file, FSCTL_SET_REPARSE_POINT, &[&header[..], &point.data].concat(), &mut []).map(drop)
}
