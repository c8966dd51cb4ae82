//! What a volume can hold, and how much; how much memory there is.
#![allow(unsafe_code)]

use std::fs::{File, OpenOptions};
use std::os::windows::ffi::OsStrExt;
use std::os::windows::fs::OpenOptionsExt;
use std::path::Path;
use std::ptr;

use windows_sys::Win32::Storage::FileSystem::{
    FILE_FLAG_BACKUP_SEMANTICS, FILE_READ_ATTRIBUTES, GetDiskFreeSpaceExW, GetVolumeInformationByHandleW,
};
use windows_sys::Win32::System::SystemInformation::{GlobalMemoryStatusEx, MEMORYSTATUSEX};

use super::super::ntfs::Abilities;
use super::handle::raw;

// What the flags of a volume say.
const PERSISTENT_ACLS: u32 = 0x0000_0008;
const SPARSE_FILES: u32 = 0x0000_0040;
const REPARSE_POINTS: u32 = 0x0000_0080;
const OBJECT_IDS: u32 = 0x0001_0000;
const NAMED_STREAMS: u32 = 0x0004_0000;
const EXTENDED_ATTRIBUTES: u32 = 0x0080_0000;

/// What the volume of an open file or directory can hold.
pub(super) fn abilities(file: &File) -> Abilities {
    let mut flags = 0;
    let none = ptr::null_mut::<u32>();
    // SAFETY: the handle is open, the place for the flags may be written to, and nothing else is asked for.
    let is_told = unsafe {
        GetVolumeInformationByHandleW(raw(file), ptr::null_mut(), 0, none, none, &raw mut flags, ptr::null_mut(), 0)
    };
    let has = |flag: u32| is_told != 0 && flags & flag != 0;
    Abilities {
        attributes: true, // every file system that Windows has keeps them
        security_descriptors: has(PERSISTENT_ACLS),
        named_streams: has(NAMED_STREAMS),
        reparse_points: has(REPARSE_POINTS),
        sparse_files: has(SPARSE_FILES),
        object_ids: has(OBJECT_IDS),
        extended_attributes: has(EXTENDED_ATTRIBUTES),
    }
}

/// What the file system is called that a directory is on: `NTFS`, `ReFS`; `None` if the system does not say.
pub fn file_system(directory: &Path) -> Option<String> {
    let mut options = OpenOptions::new();
    options.access_mode(FILE_READ_ATTRIBUTES).custom_flags(FILE_FLAG_BACKUP_SEMANTICS);
    let file = options.open(directory).ok()?;
    let mut name = [0_u16; 64];
    let none = ptr::null_mut::<u32>();
    // SAFETY: the handle is open, the buffer has as many code units as is said, and nothing else is asked for.
    let is_told = unsafe {
        let (buffer, length) = (name.as_mut_ptr(), name.len() as u32);
        GetVolumeInformationByHandleW(raw(&file), ptr::null_mut(), 0, none, none, none, buffer, length)
    };
    let name = name.split(|unit| *unit == 0).next().filter(|_| is_told != 0)?;
    Some(String::from_utf16_lossy(name))
}

/// How many bytes the user may still write to the volume with this directory.
pub(super) fn free_bytes(directory: &Path) -> Option<u64> {
    let path: Vec<u16> = directory.as_os_str().encode_wide().chain([0]).collect();
    let mut available = 0;
    // SAFETY: the path ends with NUL, the place for the number may be written to, and nothing else is asked for.
    let is_told = unsafe { GetDiskFreeSpaceExW(path.as_ptr(), &raw mut available, ptr::null_mut(), ptr::null_mut()) };
    (is_told != 0).then_some(available)
}

/// How much memory the machine has, in bytes.
pub fn physical_memory() -> Option<u64> {
    let mut status = MEMORYSTATUSEX { dwLength: size_of::<MEMORYSTATUSEX>() as u32, ..Default::default() };
    // SAFETY: the structure says its own size, and may be written to.
    (unsafe { GlobalMemoryStatusEx(&raw mut status) } != 0).then_some(status.ullTotalPhys)
}
