//! Which names a target can have.

use super::outcome::Problem;
use crate::wim::metadata::Entry;

/// How many bytes a name may have on the usual file systems of Unix.
const MAX_NAME_NBYTES: usize = 255;

/// Whose rules names must keep.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NameRules {
    /// Those of Unix: everything but NUL and `/` goes.
    Unix,
    /// Those of Windows, which has device names and alternate streams.
    Windows,
}

impl Default for NameRules {
    /// Those of the system that the program runs on.
    fn default() -> Self {
        if cfg!(windows) { Self::Windows } else { Self::Unix }
    }
}

impl NameRules {
    /// The name under which `entry` is extracted.
    pub(super) fn target_name(self, entry: &Entry<'_>) -> Result<String, Problem> {
        if !entry.is_name_safe() {
            return Err(Problem::UnsafeName);
        }
        let name = entry.name().to_str().ok_or(Problem::NameNotText)?;
        match self {
            Self::Unix if name.len() > MAX_NAME_NBYTES => Err(Problem::NameTooLong { nbytes: name.len() }),
            Self::Unix => Ok(name),
            Self::Windows => match windows_fault(&name) {
                Some(why) => Err(Problem::NotForWindows { why }),
                None => Ok(name),
            },
        }
    }
}

/// Which rule of Windows a name breaks.
fn windows_fault(name: &str) -> Option<&'static str> {
    if name.contains(':') {
        return Some("a colon begins the name of an alternate stream");
    }
    if name.contains(['*', '?', '"', '<', '>', '|']) || name.contains(|c: char| c < ' ') {
        return Some("it has a character that is not allowed");
    }
    if name.ends_with(['.', ' ']) {
        return Some("it ends with a dot or a blank, which is dropped");
    }
    let stem = name.split('.').next().unwrap_or_default().trim_end();
    is_device(stem).then_some("it is the name of a device")
}

/// Whether a name without its extension is a device's, in whatever directory.
fn is_device(stem: &str) -> bool {
    let stem = stem.to_ascii_uppercase();
    if matches!(stem.as_str(), "CON" | "PRN" | "AUX" | "NUL" | "CONIN$" | "CONOUT$" | "CLOCK$") {
        return true;
    }
    let number = stem.strip_prefix("COM").or_else(|| stem.strip_prefix("LPT"));
    // Superscript digits count as digits here.
    number.is_some_and(|number| {
        let mut characters = number.chars();
        matches!((characters.next(), characters.next()), (Some('1'..='9' | '¹' | '²' | '³'), None))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_windows() {
        for name in
            ["CON", "nul.txt", "Lpt1", "COM¹.log", "aux .txt", "a:b", "a::$DATA", "a*", "a.", "a ", "a\u{1}", "a|b"]
        {
            assert!(windows_fault(name).is_some(), "{name:?}");
        }
        for name in ["console", "COM0", "COM10", "a.b", ".a", "null", "ä"] {
            assert_eq!(windows_fault(name), None, "{name:?}");
        }
    }
}
