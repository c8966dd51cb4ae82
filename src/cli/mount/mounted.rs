//! The life of a mount: made, served until somebody ends it, taken away.

use super::super::Context;
use super::super::exit::{Failure, Outcome};
use super::super::interrupt;
use super::super::printer::talk;
use super::fuse::ImageFs;
use fuser::MountOption;
use rustix::io::Errno;
use rustix::mount::UnmountFlags;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::Ordering;
use std::time::Duration;

/// How our mounts are known in the system's table: what stands for the device begins so.
const DEVICE: &str = "wimkit#";
/// How often is looked whether there was a Ctrl-C or the mount is gone.
const LOOK: Duration = Duration::from_millis(50);

/// Mounts on `dir` and serves until it is unmounted, by Ctrl-C or by others.
pub(super) fn serve(
    fs: ImageFs,
    wim: &Path,
    dir: &Path,
    allow_other: bool,
    context: &Context,
) -> Result<Outcome, Failure> {
    let cannot = |error: io::Error| cannot_mount(dir, &error);
    let dir = dir.canonicalize().map_err(cannot)?;
    if !dir.is_dir() {
        return Err(cannot(io::ErrorKind::NotADirectory.into()));
    }
    // A comma would end the option.
    let device = format!("{DEVICE}{}", wim.display()).replace([',', '\\'], "_");
    let mut options = vec![
        MountOption::RO,
        MountOption::FSName(device),
        MountOption::Subtype("wimkit".into()),
        MountOption::DefaultPermissions,
    ];
    if allow_other {
        options.push(MountOption::AllowOther);
    }
    let session = fuser::spawn_mount2(fs, &dir, &options).map_err(cannot)?;
    context.say(format_args!("{} is mounted on {}; Ctrl-C or `wimkit unmount` ends it", wim.display(), dir.display()));
    while !session.guard.is_finished() {
        if interrupt::flag().load(Ordering::Relaxed) {
            return end(session, &dir);
        }
        std::thread::sleep(LOOK);
    }
    Ok(Outcome::Done)
}

/// Takes the mount away, and if it is in use, takes it out of sight: then its users get errors, but nothing is left.
fn end(session: fuser::BackgroundSession, dir: &Path) -> Result<Outcome, Failure> {
    match unmount(dir, false) {
        Ok(()) => session.join(),
        Err(_) => {
            let gone = unmount(dir, true);
            // It would unmount what is mounted there now, if anything.
            std::mem::forget(session);
            gone.map_err(|error| Failure::message(format!("{}: cannot unmount: {error}", dir.display())))?;
            talk(format_args!("{} was still in use; whoever uses it now gets errors", dir.display()));
        }
    }
    Ok(Outcome::Done)
}

fn cannot_mount(dir: &Path, error: &io::Error) -> Failure {
    let failure = Failure::message(format!("{}: cannot mount: {error}", dir.display()));
    if !Path::new("/dev/fuse").exists() {
        failure.with_hint("this system has no /dev/fuse; `modprobe fuse` may bring it")
    } else if error.kind() == io::ErrorKind::NotConnected {
        failure.with_hint("a program that had mounted here died; `wimkit unmount` or `fusermount3 -u` clears it away")
    } else if error.kind() == io::ErrorKind::NotFound && dir.is_dir() {
        failure.with_hint("who is not root needs fusermount3, which comes with the package fuse3")
    } else {
        failure
    }
}

/// Unmounts `dir` if it is ours.
pub(super) fn unmount_ours(dir: &Path, lazy: bool) -> Result<Outcome, Failure> {
    let cannot = |error: io::Error| Failure::message(format!("{}: cannot unmount: {error}", dir.display()));
    let path = full_path(dir).map_err(cannot)?;
    let table = std::fs::read("/proc/self/mountinfo").map_err(cannot)?;
    if !is_ours(&table, &path) {
        let failure = Failure::message(format!("{}: nothing that wimkit has mounted is mounted here", dir.display()));
        return Err(failure.with_hint("`findmnt` or `mount` shows what is mounted where"));
    }
    match unmount(&path, lazy) {
        Ok(()) => Ok(Outcome::Done),
        Err(error) if error.kind() == io::ErrorKind::ResourceBusy => {
            let failure = Failure::message(format!("{}: it is in use", dir.display()));
            Err(failure.with_hint("`fuser -m` shows by whom; --lazy takes it away all the same"))
        }
        Err(error) => Err(cannot(error)),
    }
}

/// Unmounts as root does, or else by the helper that may.
fn unmount(dir: &Path, lazy: bool) -> io::Result<()> {
    let detach = if lazy { UnmountFlags::DETACH } else { UnmountFlags::empty() };
    match rustix::mount::unmount(dir, UnmountFlags::NOFOLLOW | detach) {
        Err(Errno::PERM) => {}
        result => return result.map_err(io::Error::from),
    }
    let mut helper = Command::new("fusermount3");
    helper.arg(if lazy { "-uz" } else { "-u" }).arg("--").arg(dir).stdin(Stdio::null());
    let output = helper.output()?;
    if output.status.success() {
        Ok(())
    } else {
        Err(io::Error::other(String::from_utf8_lossy(&output.stderr).trim().to_owned()))
    }
}

/// The path of a mount point without links. The mount point itself is not looked at: its program may be dead.
fn full_path(dir: &Path) -> io::Result<PathBuf> {
    let absolute = std::path::absolute(dir)?;
    match (absolute.parent(), absolute.file_name()) {
        (Some(parent), Some(name)) => Ok(parent.canonicalize()?.join(name)),
        _ => Ok(absolute),
    }
}

/// Whether the last mount on `dir` in the system's table is one of ours.
fn is_ours(table: &[u8], dir: &Path) -> bool {
    let mut mounts = table.split(|byte| *byte == b'\n').filter_map(|line| {
        let mut fields = line.split(|byte| *byte == b' ');
        let on = unescape(fields.nth(4)?);
        // Optional fields end with a dash; the type and the device follow.
        let device = unescape(fields.skip_while(|field| *field != b"-").nth(2)?);
        Some((on, device))
    });
    let last = mounts.rfind(|(on, _)| on == dir.as_os_str().as_bytes());
    last.is_some_and(|(_, device)| device.starts_with(DEVICE.as_bytes()))
}

/// The table writes blanks and the like as a backslash and three octal digits.
fn unescape(field: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(field.len());
    let mut rest = field;
    while let Some((first, behind)) = rest.split_first() {
        let digits = behind.get(..3).and_then(|digits| std::str::from_utf8(digits).ok());
        let code = digits.and_then(|digits| u8::from_str_radix(digits, 8).ok());
        match code.filter(|_| *first == b'\\') {
            Some(code) => {
                bytes.push(code);
                rest = &behind[3..];
            }
            None => {
                bytes.push(*first);
                rest = behind;
            }
        }
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn our_mounts_are_told_from_others() {
        let table = b"\
36 25 0:30 / /mnt/a\\040b ro,nosuid - fuse wimkit#/x/install.wim ro,user_id=0\n\
37 25 8:1 / /home rw shared:1 master:2 - ext4 /dev/vda rw\n\
38 25 0:31 / /mnt/c ro - fuse.wimkit wimkit#boot.wim ro\n\
39 25 0:32 / /mnt/c ro - tmpfs none rw\n\
40 25 0:33 / /mnt/d ro - fuse sshfs#host ro\n\
41 bad\n";
        for (dir, ours) in [("/mnt/a b", true), ("/home", false), ("/mnt/c", false), ("/mnt/d", false), ("/mnt", false)]
        {
            assert_eq!(is_ours(table, Path::new(dir)), ours, "{dir}");
        }
    }

    #[test]
    fn the_table_s_escapes() {
        assert_eq!(unescape(b"a\\040b\\134\\"), b"a b\\\\");
    }
}
