//! System calls on an open file that take or give a block of bytes. Structures are read and made as bytes by those who call.
#![allow(unsafe_code)]

use std::fs::File;
use std::io;
use std::os::windows::io::AsRawHandle;
use std::ptr;

use windows_sys::Wdk::Storage::FileSystem::{
    FILE_INFORMATION_CLASS, NtQueryEaFile, NtQueryInformationFile, NtSetEaFile, NtSetInformationFile,
};
use windows_sys::Win32::Foundation::{HANDLE, NTSTATUS, RtlNtStatusToDosError};
use windows_sys::Win32::Storage::FileSystem::{
    BY_HANDLE_FILE_INFORMATION, FILE_INFO_BY_HANDLE_CLASS, GetFileInformationByHandle, GetFileInformationByHandleEx,
    SetFileInformationByHandle,
};
use windows_sys::Win32::System::IO::{DeviceIoControl, IO_STATUS_BLOCK};

/// Bytes that begin at a multiple of 8, as any structure of the system may.
pub(super) struct Aligned(Vec<u64>);

impl Aligned {
    /// Zeros, at least `nbytes` of them.
    pub(super) fn zeroed(nbytes: usize) -> Self {
        Self(vec![0; nbytes.div_ceil(8)])
    }

    /// These bytes, and perhaps zeros behind them.
    pub(super) fn from_bytes(bytes: &[u8]) -> Self {
        let mut aligned = Self::zeroed(bytes.len());
        aligned.bytes_mut()[..bytes.len()].copy_from_slice(bytes);
        aligned
    }

    pub(super) fn bytes(&self) -> &[u8] {
        // SAFETY: the numbers are as many initialised bytes, borrowed as long as the result; any byte is a u8.
        unsafe { std::slice::from_raw_parts(self.0.as_ptr().cast(), self.0.len() * 8) }
    }

    pub(super) fn bytes_mut(&mut self) -> &mut [u8] {
        // SAFETY: as in `bytes`, borrowed for writing; whatever is written, it is a u64.
        unsafe { std::slice::from_raw_parts_mut(self.0.as_mut_ptr().cast(), self.0.len() * 8) }
    }

    pub(super) fn nbytes(&self) -> u32 {
        (self.0.len() * 8).try_into().unwrap_or(u32::MAX)
    }
}

pub(super) fn raw(file: &File) -> HANDLE {
    file.as_raw_handle()
}

pub(super) fn result(is_done: i32) -> io::Result<()> {
    if is_done == 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}

fn status(status: NTSTATUS) -> io::Result<()> {
    if status >= 0 {
        return Ok(());
    }
    // SAFETY: it takes any number.
    let code = unsafe { RtlNtStatusToDosError(status) };
    Err(io::Error::from_raw_os_error(code as i32))
}

/// Fills `buffer` with what the system tells of the class.
pub(super) fn information(file: &File, class: FILE_INFO_BY_HANDLE_CLASS, buffer: &mut Aligned) -> io::Result<()> {
    let nbytes = buffer.nbytes();
    // SAFETY: the handle is open, and the buffer has so many bytes that may be written.
    result(unsafe { GetFileInformationByHandleEx(raw(file), class, buffer.bytes_mut().as_mut_ptr().cast(), nbytes) })
}

/// What every file system tells, FAT included.
pub(super) fn basics(file: &File) -> io::Result<BY_HANDLE_FILE_INFORMATION> {
    let mut basics = BY_HANDLE_FILE_INFORMATION::default();
    // SAFETY: the handle is open, and the structure may be written to.
    result(unsafe { GetFileInformationByHandle(raw(file), &raw mut basics) })?;
    Ok(basics)
}

/// As [`information`], of the classes that only the native interface has.
pub(super) fn native_information(file: &File, class: FILE_INFORMATION_CLASS, buffer: &mut Aligned) -> io::Result<()> {
    let nbytes = buffer.nbytes();
    let mut answer = IO_STATUS_BLOCK::default();
    // SAFETY: the handle is open and synchronous, so both buffers are written to before the call ends; they may be.
    status(unsafe {
        NtQueryInformationFile(raw(file), &raw mut answer, buffer.bytes_mut().as_mut_ptr().cast(), nbytes, class)
    })
}

/// Sets what `structure` says, which is one of the class.
pub(super) fn set_information(file: &File, class: FILE_INFO_BY_HANDLE_CLASS, structure: &[u8]) -> io::Result<()> {
    let aligned = Aligned::from_bytes(structure);
    // SAFETY: the handle is open, and the buffer has at least as many bytes, which are only read.
    result(unsafe {
        SetFileInformationByHandle(raw(file), class, aligned.bytes().as_ptr().cast(), structure.len() as u32)
    })
}

/// As [`set_information`], of the classes that only the native interface has.
pub(super) fn set_native_information(file: &File, class: FILE_INFORMATION_CLASS, structure: &[u8]) -> io::Result<()> {
    let (aligned, nbytes) = (Aligned::from_bytes(structure), nbytes_of(structure)?);
    let mut answer = IO_STATUS_BLOCK::default();
    // SAFETY: the handle is open and synchronous, and the buffer has at least as many bytes, which are only read.
    status(unsafe { NtSetInformationFile(raw(file), &raw mut answer, aligned.bytes().as_ptr().cast(), nbytes, class) })
}

/// A control code of the file system, with what it takes and gives; answers how many bytes it gave.
pub(super) fn control(file: &File, code: u32, input: &[u8], output: &mut [u8]) -> io::Result<usize> {
    let mut given = 0;
    let (input_nbytes, output_nbytes) = (nbytes_of(input)?, nbytes_of(output)?);
    // SAFETY: the handle is open and synchronous; the system reads and writes no more than these bytes, and copies what it
    // needs aligned, as all codes that are used here are buffered ones.
    result(unsafe {
        DeviceIoControl(
            raw(file),
            code,
            input.as_ptr().cast(),
            input_nbytes,
            output.as_mut_ptr().cast(),
            output_nbytes,
            &raw mut given,
            ptr::null_mut(),
        )
    })?;
    Ok(given as usize)
}

fn nbytes_of(bytes: &[u8]) -> io::Result<u32> {
    u32::try_from(bytes.len()).map_err(|_| io::ErrorKind::InvalidInput.into())
}

/// Fills `buffer` with all extended attributes.
pub(super) fn extended_attributes(file: &File, buffer: &mut Aligned) -> io::Result<usize> {
    let nbytes = buffer.nbytes();
    let mut answer = IO_STATUS_BLOCK::default();
    // SAFETY: the handle is open and synchronous, and the buffer may be written to; without a list of names or a place
    // to begin at, all attributes are told from the first on.
    status(unsafe {
        NtQueryEaFile(
            raw(file),
            &raw mut answer,
            buffer.bytes_mut().as_mut_ptr().cast(),
            nbytes,
            false,
            ptr::null(),
            0,
            ptr::null(),
            true,
        )
    })?;
    Ok(answer.Information.min(nbytes as usize))
}

/// Sets extended attributes: a list as the system has it.
pub(super) fn set_extended_attributes(file: &File, list: &[u8]) -> io::Result<()> {
    let (aligned, nbytes) = (Aligned::from_bytes(list), nbytes_of(list)?);
    let mut answer = IO_STATUS_BLOCK::default();
    // SAFETY: the handle is open and synchronous, and the list has so many bytes. The system checks how they are linked.
    status(unsafe { NtSetEaFile(raw(file), &raw mut answer, aligned.bytes().as_ptr().cast(), nbytes) })
}
