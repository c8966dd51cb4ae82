//! Security descriptors of open files.
#![allow(unsafe_code)]

use std::fs::File;
use std::io;

use windows_sys::Win32::Foundation::ERROR_INSUFFICIENT_BUFFER;
use windows_sys::Win32::Security::{
    ATTRIBUTE_SECURITY_INFORMATION, BACKUP_SECURITY_INFORMATION, DACL_SECURITY_INFORMATION, GROUP_SECURITY_INFORMATION,
    GetKernelObjectSecurity, LABEL_SECURITY_INFORMATION, OBJECT_SECURITY_INFORMATION, OWNER_SECURITY_INFORMATION,
    SACL_SECURITY_INFORMATION, SCOPE_SECURITY_INFORMATION, SetKernelObjectSecurity,
};

use super::super::security_descriptor;
use super::handle::{Aligned, raw, result};

/// What anybody may read who may read the descriptor at all.
const COMMON: OBJECT_SECURITY_INFORMATION =
    OWNER_SECURITY_INFORMATION | GROUP_SECURITY_INFORMATION | DACL_SECURITY_INFORMATION | LABEL_SECURITY_INFORMATION;
/// The parts of the list that says what is recorded, and what else needs its privilege.
const SYSTEM: OBJECT_SECURITY_INFORMATION = SACL_SECURITY_INFORMATION
    | LABEL_SECURITY_INFORMATION
    | ATTRIBUTE_SECURITY_INFORMATION
    | SCOPE_SECURITY_INFORMATION;
/// Larger than any: both its lists have 16-bit sizes.
const MAX_NBYTES: u32 = 1 << 20;

/// Reads the descriptor, all of it where the handle and the privileges allow.
pub(super) fn read(file: &File) -> io::Result<Vec<u8>> {
    read_parts(file, COMMON | SYSTEM | BACKUP_SECURITY_INFORMATION)
        .or_else(|_| read_parts(file, COMMON))
        .or_else(|_| read_parts(file, COMMON & !LABEL_SECURITY_INFORMATION))
}

fn read_parts(file: &File, parts: OBJECT_SECURITY_INFORMATION) -> io::Result<Vec<u8>> {
    let mut buffer = Aligned::zeroed(512);
    loop {
        let mut needed = 0;
        let nbytes = buffer.nbytes();
        // SAFETY: the handle is open, and the buffer has so many bytes that may be written.
        let read = result(unsafe {
            GetKernelObjectSecurity(raw(file), parts, buffer.bytes_mut().as_mut_ptr().cast(), nbytes, &raw mut needed)
        });
        match read {
            Ok(()) => {
                let descriptor = buffer.bytes().get(..needed as usize).filter(|bytes| !bytes.is_empty());
                return descriptor.map(<[u8]>::to_vec).ok_or_else(|| io::ErrorKind::InvalidData.into());
            }
            Err(error)
                if error.raw_os_error() == Some(ERROR_INSUFFICIENT_BUFFER as i32)
                    && (nbytes..MAX_NBYTES).contains(&needed)
                    && needed > nbytes =>
            {
                buffer = Aligned::zeroed(needed as usize);
            }
            Err(error) => return Err(error),
        }
    }
}

/// Sets the descriptor, as much of it as the privileges allow. Answers whether that is all.
pub(super) fn write(file: &File, descriptor: &[u8]) -> bool {
    let Some(has) = security_descriptor::parts(descriptor) else { return false };
    let information = [
        (has.owner, OWNER_SECURITY_INFORMATION),
        (has.group, GROUP_SECURITY_INFORMATION),
        (has.dacl, DACL_SECURITY_INFORMATION),
        (has.sacl, SYSTEM),
    ];
    let all = information.into_iter().filter(|(has, _)| *has).fold(0, |all, (_, part)| all | part);
    let bytes = Aligned::from_bytes(&security_descriptor::to_be_set(descriptor));
    let mut tried = 0;
    for parts in [all, all & !SYSTEM, all & DACL_SECURITY_INFORMATION] {
        if parts != 0 && parts != tried && write_parts(file, &bytes, parts) {
            return parts == all;
        }
        tried = parts;
    }
    all == 0
}

/// `descriptor` has been found to be one.
fn write_parts(file: &File, descriptor: &Aligned, parts: OBJECT_SECURITY_INFORMATION) -> bool {
    // SAFETY: the handle is open. The descriptor begins at a multiple of 8, and all that its offsets and sizes lead to lies
    // inside it. It is only read.
    unsafe { SetKernelObjectSecurity(raw(file), parts, descriptor.bytes().as_ptr().cast_mut().cast()) != 0 }
}
