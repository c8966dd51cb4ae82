//! Names that Windows does not allow, or takes for something else.

use std::path::Path;

/// Which rule of Windows a name breaks.
pub fn windows_fault(name: &str) -> Option<&'static str> {
    if name.contains(':') {
        return Some("a colon begins the name of an alternate stream");
    }
    if name.contains(['*', '?', '"', '<', '>', '|']) || name.contains(|c: char| c < ' ') {
        return Some("it has a character that is not allowed");
    }
    if name.ends_with(['.', ' ']) {
        return Some("it ends with a dot or a blank, which is dropped");
    }
    is_device(stem(name)).then_some("it is the name of a device")
}

/// Whether a path ends with the name of a device, whatever its extension.
pub fn is_path_of_device(path: &Path) -> bool {
    path.file_name().is_some_and(|name| is_device(stem(&name.to_string_lossy())))
}

/// What tells a device: the name without extensions and the blanks before them.
fn stem(name: &str) -> &str {
    name.split('.').next().unwrap_or_default().trim_end()
}

/// Whether a name without its extension is a device's, in whatever directory.
pub fn is_device(stem: &str) -> bool {
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
        assert!(is_path_of_device(Path::new("dir/con.wim")) && !is_path_of_device(Path::new("con/a.wim")));
        for name in ["console", "COM0", "COM10", "a.b", ".a", "null", "ä"] {
            assert_eq!(windows_fault(name), None, "{name:?}");
        }
    }
}
