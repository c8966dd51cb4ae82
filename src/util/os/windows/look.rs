//! Looking at a name: all that NTFS keeps of the file, through one handle.

use std::fs::{File, Metadata, OpenOptions};
use std::io;
use std::os::windows::fs::{MetadataExt, OpenOptionsExt};
use std::path::Path;

use windows_sys::Wdk::Storage::FileSystem::{FileAlternateNameInformation, FileEaInformation};
use windows_sys::Win32::Foundation::{
    ERROR_ACCESS_DENIED, ERROR_HANDLE_EOF, ERROR_MORE_DATA, ERROR_PRIVILEGE_NOT_HELD,
};
use windows_sys::Win32::Storage::FileSystem::{
    FILE_ATTRIBUTE_REPARSE_POINT, FILE_FLAG_BACKUP_SEMANTICS, FILE_FLAG_OPEN_REPARSE_POINT, FILE_READ_ATTRIBUTES,
    FILE_READ_EA, FileAttributeTagInfo, FileIdInfo, FileStreamInfo, READ_CONTROL, SYNCHRONIZE,
};
use windows_sys::Win32::System::Ioctl::{FSCTL_GET_OBJECT_ID, FSCTL_GET_REPARSE_POINT};

use super::super::extended_attributes;
use super::super::ntfs::{NamedStream, ReparsePoint, WindowsFacts};
use super::handle::{self, Aligned};
use super::{FileId, privileges, security};
use crate::util::{le, utf16};

/// The right to read and write what of a security descriptor says which accesses are recorded.
pub(super) const ACCESS_SYSTEM_SECURITY: u32 = 0x0100_0000;
/// The most that a reparse point has, with its header.
const MAX_REPARSE_NBYTES: usize = 16 << 10;
/// The most that the names of streams may take, in bytes: NTFS keeps far less of them.
const MAX_STREAMS_NBYTES: usize = 16 << 20;
/// The most that extended attributes take, in bytes.
const MAX_EA_NBYTES: u32 = 64 << 10;

/// What a name stands for.
#[derive(Debug)]
pub struct Look {
    /// What the standard library tells.
    pub metadata: Metadata,
    /// What the system knows it by, and how many names it has.
    pub identity: Option<(FileId, u64)>,
    /// What NTFS keeps of it.
    pub windows: Option<WindowsFacts>,
}

/// Looks at what `path` names; at a link itself.
///
/// # Errors
/// What the system says.
pub fn look(path: &Path) -> io::Result<Look> {
    let file = open_for_looking(path)?;
    let metadata = file.metadata()?;
    let is_reparse_point = metadata.file_attributes() & FILE_ATTRIBUTE_REPARSE_POINT != 0;
    let windows = WindowsFacts {
        attributes: metadata.file_attributes(),
        short_name: short_name(&file, path),
        security_descriptor: security::read(&file).ok(),
        streams: streams(&file)?,
        reparse_point: if is_reparse_point { Some(reparse_point(&file)?) } else { None },
        object_id: object_id(&file),
        extended_attributes: extended_attributes_of(&file)?,
    };
    Ok(Look { metadata, identity: identify(&file), windows: Some(windows) })
}

/// Opens a file with as many rights as can be had to look at it.
fn open_for_looking(path: &Path) -> io::Result<File> {
    let least = FILE_READ_ATTRIBUTES | SYNCHRONIZE;
    let usual = least | READ_CONTROL | FILE_READ_EA;
    let most = if privileges::held().security { usual | ACCESS_SYSTEM_SECURITY } else { usual };
    let open = |access: u32| {
        let flags = FILE_FLAG_BACKUP_SEMANTICS | FILE_FLAG_OPEN_REPARSE_POINT;
        OpenOptions::new().access_mode(access).custom_flags(flags).open(path)
    };
    let mut opened = open(most);
    for access in [usual, least] {
        opened = match opened {
            Err(error) if is_denied(&error) => open(access),
            opened => return opened,
        };
    }
    opened
}

/// Whether a right or a privilege is missing.
pub(super) fn is_denied(error: &io::Error) -> bool {
    let code = error.raw_os_error().map(|code| code as u32);
    matches!(code, Some(ERROR_ACCESS_DENIED | ERROR_PRIVILEGE_NOT_HELD))
}

/// What the system knows an open file by, and how many names it has.
pub(super) fn identify(file: &File) -> Option<(FileId, u64)> {
    let basics = handle::basics(file).ok()?;
    let mut id = Aligned::zeroed(24);
    let wide = handle::information(file, FileIdInfo, &mut id).ok();
    let wide = wide.and_then(|()| le::u64(id.bytes(), 0).zip(id.bytes()[8..24].try_into().ok()));
    let id = match wide {
        Some((volume, file)) => FileId { volume, file: u128::from_le_bytes(file) },
        // FAT has the narrow form alone.
        None => FileId {
            volume: basics.dwVolumeSerialNumber.into(),
            file: u128::from(basics.nFileIndexHigh) << 32 | u128::from(basics.nFileIndexLow),
        },
    };
    Some((id, basics.nNumberOfLinks.into()))
}

/// The 8.3 name, unless there is none besides the name itself, or the file system does not tell.
fn short_name(file: &File, path: &Path) -> Vec<u8> {
    let mut buffer = Aligned::zeroed(64);
    if handle::native_information(file, FileAlternateNameInformation, &mut buffer).is_err() {
        return Vec::new();
    }
    let bytes = buffer.bytes();
    let name = le::u32(bytes, 0).and_then(|nbytes| bytes.get(4..)?.get(..nbytes as usize));
    let own = path.file_name().map(|name| utf16::from_str(&name.to_string_lossy())).unwrap_or_default();
    name.filter(|name| !utf16::eq_ignore_case(name, &own)).unwrap_or_default().to_vec()
}

/// The named streams: `u32 offset of the next, u32 length of the name, u64 size, u64 allocated, name`, each of them.
fn streams(file: &File) -> io::Result<Vec<NamedStream>> {
    let mut buffer = Aligned::zeroed(4096);
    loop {
        match handle::information(file, FileStreamInfo, &mut buffer) {
            Ok(()) => break,
            Err(error) => match error.raw_os_error().map(|code| code as u32) {
                Some(ERROR_MORE_DATA) if buffer.bytes().len() < MAX_STREAMS_NBYTES => {
                    buffer = Aligned::zeroed(buffer.bytes().len() * 4);
                }
                // A directory has no stream, or the file system knows none.
                Some(ERROR_HANDLE_EOF) => return Ok(Vec::new()),
                _ if is_unknown(&error) => return Ok(Vec::new()),
                _ => return Err(error),
            },
        }
    }
    let mut rest = buffer.bytes();
    let mut streams = Vec::new();
    loop {
        let next = le::u32(rest, 0).unwrap_or_default() as usize;
        let name = le::u32(rest, 4).and_then(|nbytes| rest.get(24..)?.get(..nbytes as usize));
        let (Some(name), Some(size)) = (name, le::u64(rest, 8)) else { break };
        streams.extend(stream_name(name).map(|name| NamedStream { name: utf16::to_string(name), size }));
        match rest.get(next..).filter(|_| next > 0) {
            Some(others) => rest = others,
            None => break,
        }
    }
    Ok(streams)
}

/// What is between the colons of `:name:$DATA`, UTF-16LE; `None` for the unnamed stream and for what is no data.
fn stream_name(full: &[u8]) -> Option<&[u8]> {
    let (colon, data) = (utf16::from_str(":"), utf16::from_str(":$DATA"));
    full.strip_prefix(&colon[..])?.strip_suffix(&data[..]).filter(|name| !name.is_empty())
}

/// The tag of an open file, if it is a reparse point.
pub(super) fn reparse_tag(file: &File) -> Option<u32> {
    let mut tag = Aligned::zeroed(8);
    handle::information(file, FileAttributeTagInfo, &mut tag).ok()?;
    let is_reparse_point = le::u32(tag.bytes(), 0)? & FILE_ATTRIBUTE_REPARSE_POINT != 0;
    le::u32(tag.bytes(), 4).filter(|_| is_reparse_point)
}

/// The reparse point that the file is known to be.
fn reparse_point(file: &File) -> io::Result<ReparsePoint> {
    let mut buffer = vec![0; MAX_REPARSE_NBYTES];
    let nbytes = handle::control(file, FSCTL_GET_REPARSE_POINT, &[], &mut buffer)?;
    buffer.truncate(nbytes);
    let header = le::u32(&buffer, 0).zip(le::u16(&buffer, 6)).zip(buffer.get(8..));
    let ((tag, reserved), data) = header.ok_or(io::ErrorKind::InvalidData)?;
    Ok(ReparsePoint { tag, reserved, data: data.to_vec() })
}

/// The object id with all that belongs to it; most files have none.
fn object_id(file: &File) -> Option<[u8; 64]> {
    let mut id = [0; 64];
    handle::control(file, FSCTL_GET_OBJECT_ID, &[], &mut id).ok().filter(|nbytes| *nbytes == id.len()).map(|_| id)
}

fn extended_attributes_of(file: &File) -> io::Result<Vec<u8>> {
    let mut size = Aligned::zeroed(8);
    let told = handle::native_information(file, FileEaInformation, &mut size);
    let nbytes = told.ok().and_then(|()| le::u32(size.bytes(), 0)).unwrap_or_default();
    if nbytes == 0 {
        return Ok(Vec::new());
    }
    // The number is that of a packed form; in the list, each entry is larger.
    let mut list = Aligned::zeroed(2 * MAX_EA_NBYTES as usize);
    match handle::extended_attributes(file, &mut list) {
        Ok(nbytes) => extended_attributes::from_list(&list.bytes()[..nbytes])
            .ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, "the list of extended attributes is damaged")),
        // Of a reparse point, the tag stands in the place of their size.
        Err(error) if error.kind() == io::ErrorKind::NotFound || is_unknown(&error) => Ok(Vec::new()),
        Err(error) => Err(error),
    }
}

/// Whether the system, or the file system, does not know what it was asked.
pub(super) fn is_unknown(error: &io::Error) -> bool {
    use windows_sys::Win32::Foundation as code;
    let found = error.raw_os_error().map(|code| code as u32);
    matches!(
        found,
        Some(
            code::ERROR_INVALID_FUNCTION
                | code::ERROR_NOT_SUPPORTED
                | code::ERROR_INVALID_PARAMETER
                | code::ERROR_CALL_NOT_IMPLEMENTED
                | code::ERROR_INVALID_LEVEL
        )
    )
}
