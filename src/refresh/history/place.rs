//! Where the database is, unless another place is named.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

const FILE: &str = "wimkit/history.redb";

/// The place for what this user's programs keep; `None` where the environment names none.
pub fn default_place() -> Option<PathBuf> {
    place(std::env::consts::OS, |name| std::env::var_os(name))
}

fn place(os: &str, variable: impl Fn(&str) -> Option<OsString>) -> Option<PathBuf> {
    // A relative path would be another one in each directory.
    let directory = |name: &str| variable(name).map(PathBuf::from).filter(|path| path.has_root());
    let home = |below: &str| Some(directory("HOME")?.join(below));
    let state = match os {
        "windows" => directory("LOCALAPPDATA"),
        "macos" => home("Library/Application Support"),
        _ => directory("XDG_STATE_HOME").or_else(|| home(".local/state")),
    };
    Some(state?.join(Path::new(FILE)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places() {
        let place = |os: &str, set: &[(&str, &str)]| {
            let variable = |name: &str| set.iter().find(|(own, _)| *own == name).map(|(_, value)| value.into());
            place(os, variable).map(|path| path.to_string_lossy().replace('\\', "/"))
        };
        let home = ("HOME", "/home/me");
        assert_eq!(place("linux", &[home]).unwrap(), "/home/me/.local/state/wimkit/history.redb");
        assert_eq!(place("linux", &[home, ("XDG_STATE_HOME", "/state")]).unwrap(), "/state/wimkit/history.redb");
        let relative = ("XDG_STATE_HOME", "state");
        assert_eq!(place("linux", &[home, relative]).unwrap(), "/home/me/.local/state/wimkit/history.redb");
        assert_eq!(place("macos", &[home]).unwrap(), "/home/me/Library/Application Support/wimkit/history.redb");
        assert_eq!(place("windows", &[("LOCALAPPDATA", "/local")]).unwrap(), "/local/wimkit/history.redb");
        assert_eq!((place("windows", &[home]), place("linux", &[])), (None, None));
    }
}
