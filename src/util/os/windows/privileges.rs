//! What the process may do besides what its user may, asked for once.
#![allow(unsafe_code)]

use std::os::windows::io::{AsRawHandle, FromRawHandle, OwnedHandle};
use std::ptr;
use std::sync::OnceLock;

use windows_sys::Win32::Foundation::{ERROR_SUCCESS, GetLastError, LUID};
use windows_sys::Win32::Security::{
    AdjustTokenPrivileges, LUID_AND_ATTRIBUTES, LookupPrivilegeValueW, SE_PRIVILEGE_ENABLED, TOKEN_ADJUST_PRIVILEGES,
    TOKEN_PRIVILEGES, TOKEN_QUERY,
};
use windows_sys::Win32::System::Threading::{GetCurrentProcess, OpenProcessToken};

/// Which privileges are held.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Privileges {
    /// Read whatever there is.
    pub backup: bool,
    /// Write whatever there is, and give it to anyone.
    pub restore: bool,
    /// Read and write what of a security descriptor says which accesses are recorded.
    pub security: bool,
    /// Make symbolic links.
    pub links: bool,
}

const BACKUP: &str = "SeBackupPrivilege";
const RESTORE: &str = "SeRestorePrivilege";
const SECURITY: &str = "SeSecurityPrivilege";
const LINKS: &str = "SeCreateSymbolicLinkPrivilege";

/// Enables what can be had, the first time; answers what that was.
pub(super) fn held() -> Privileges {
    static HELD: OnceLock<Privileges> = OnceLock::new();
    *HELD.get_or_init(|| {
        let Some(token) = own_token() else { return Privileges::default() };
        let [backup, restore, security, links] = [BACKUP, RESTORE, SECURITY, LINKS].map(|name| enable(&token, name));
        Privileges { backup, restore, security, links }
    })
}

/// The privileges without which a capture may not see everything, as far as they cannot be had.
pub fn missing_for_reading() -> Vec<&'static str> {
    let held = held();
    missing([(held.backup, BACKUP), (held.security, SECURITY)])
}

/// The privileges without which not everything can be restored, as far as they cannot be had.
pub fn missing_for_writing() -> Vec<&'static str> {
    let held = held();
    missing([(held.restore, RESTORE), (held.security, SECURITY), (held.links, LINKS)])
}

fn missing<const N: usize>(all: [(bool, &'static str); N]) -> Vec<&'static str> {
    all.into_iter().filter(|(is_held, _)| !is_held).map(|(_, name)| name).collect()
}

fn own_token() -> Option<OwnedHandle> {
    let mut token = ptr::null_mut();
    // SAFETY: the pseudo handle of the process is always valid, and the place for the token may be written to.
    let is_open =
        unsafe { OpenProcessToken(GetCurrentProcess(), TOKEN_ADJUST_PRIVILEGES | TOKEN_QUERY, &raw mut token) };
    // SAFETY: the handle was opened just now and is nobody else's.
    (is_open != 0).then(|| unsafe { OwnedHandle::from_raw_handle(token) })
}

fn enable(token: &OwnedHandle, name: &str) -> bool {
    let name: Vec<u16> = name.encode_utf16().chain([0]).collect();
    let mut luid = LUID::default();
    // SAFETY: the name ends with NUL, no system is named, and the place for the answer may be written to.
    if unsafe { LookupPrivilegeValueW(ptr::null(), name.as_ptr(), &raw mut luid) } == 0 {
        return false;
    }
    let one = LUID_AND_ATTRIBUTES { Luid: luid, Attributes: SE_PRIVILEGE_ENABLED };
    let wanted = TOKEN_PRIVILEGES { PrivilegeCount: 1, Privileges: [one] };
    // SAFETY: the token is open for this, the structure has as many privileges as it says, and what was before is not
    // asked for. A call that does not enable the privilege succeeds, too: the last error tells.
    unsafe {
        AdjustTokenPrivileges(token.as_raw_handle(), 0, &raw const wanted, 0, ptr::null_mut(), ptr::null_mut()) != 0
            && GetLastError() == ERROR_SUCCESS
    }
}
