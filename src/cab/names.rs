//! Names of files in a cabinet: how they are encoded, and which are safe to make.

use encoding_rs::{Encoding, WINDOWS_1252};

use crate::util::file_name::is_device;

/// How names are encoded that do not say that they are UTF-8.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum NameEncoding {
    /// UTF-8 where that is what they can be, else Windows-1252.
    #[default]
    Guess,
    /// This code page.
    CodePage(&'static Encoding),
}

impl NameEncoding {
    /// The encoding of this name, such as `shift_jis`, `koi8-r` or `windows-1250`.
    pub fn from_label(label: &str) -> Option<Self> {
        Encoding::for_label(label.as_bytes()).map(Self::CodePage)
    }

    /// A name in words. What the encoding does not know becomes U+FFFD.
    pub(super) fn decode(self, name: &[u8], is_utf8: bool) -> String {
        match self {
            _ if is_utf8 => decode_utf8(name),
            Self::Guess => match std::str::from_utf8(name) {
                Ok(name) => name.to_owned(),
                Err(_) => WINDOWS_1252.decode_without_bom_handling(name).0.into_owned(),
            },
            Self::CodePage(encoding) => encoding.decode_without_bom_handling(name).0.into_owned(),
        }
    }
}

/// Reads UTF-8 as the established reader does: three and four bytes count by their value even if fewer would do, what can
/// stand for no character becomes U+FFFD, and a separator in a form that is too long becomes an x.
fn decode_utf8(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len());
    let mut rest = bytes;
    while let [first, behind @ ..] = rest {
        let continued = behind.iter().take(3).take_while(|byte| **byte & 0xC0 == 0x80).count();
        let more = match first {
            0xC2..=0xDF => 1,
            0xE0..=0xEF => 2,
            0xF0..=0xF5 => 3,
            _ => 0,
        };
        let is_one = *first < 0x80;
        if !is_one && (more == 0 || continued < more) {
            text.push(char::REPLACEMENT_CHARACTER);
            rest = behind;
            continue;
        }
        // The first byte has as many bits less as there are bytes.
        let bits = if is_one { u32::from(*first) } else { u32::from(*first) & (0x3F >> more) };
        let value = behind[..more].iter().fold(bits, |value, byte| value << 6 | u32::from(byte & 0x3F));
        rest = &behind[more..];
        text.push(match char::from_u32(value) {
            Some('/' | '\\') if more > 0 => 'x',
            Some('\0' | '\u{FFFE}' | '\u{FFFF}') | None => char::REPLACEMENT_CHARACTER,
            Some(character) => character,
        });
    }
    text
}

/// Why a name must not be made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum UnsafeName {
    /// `..`
    #[error("it leads out of the target directory")]
    Parent,
    /// A colon: a drive, or an alternate stream.
    #[error("it contains a colon")]
    Colon,
    /// A zero byte.
    #[error("it contains a zero byte")]
    Nul,
    /// The name of a device of Windows.
    #[error("it is the name of a device")]
    Device,
    /// Nothing is left of it.
    #[error("it names nothing")]
    Empty,
}

/// The parts of a stored path below the target directory. Leading separators, empty parts and `.` are dropped.
pub fn target_path(name: &str) -> Result<Vec<&str>, UnsafeName> {
    let mut parts = Vec::new();
    for part in name.split(['\\', '/']).filter(|part| !part.is_empty() && *part != ".") {
        let stem = part.split('.').next().unwrap_or_default().trim_end();
        match part {
            ".." => return Err(UnsafeName::Parent),
            _ if part.contains(':') => return Err(UnsafeName::Colon),
            _ if part.contains('\0') => return Err(UnsafeName::Nul),
            _ if is_device(stem) => return Err(UnsafeName::Device),
            _ => parts.push(part),
        }
    }
    if parts.is_empty() { Err(UnsafeName::Empty) } else { Ok(parts) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn encodings() {
        let guess = NameEncoding::Guess;
        assert_eq!(guess.decode("gr\u{fc}n".as_bytes(), false), "gr\u{fc}n");
        assert_eq!(guess.decode(b"gr\xFCn", false), "gr\u{fc}n");
        assert_eq!(guess.decode(b"gr\xFCn", true), "gr\u{fffd}n");
        let koi8 = NameEncoding::from_label("koi8-r").unwrap();
        assert_eq!(koi8.decode(&[0xC1], false), "\u{430}");
        assert_eq!(koi8.decode("\u{430}".as_bytes(), true), "\u{430}");
        assert_eq!(NameEncoding::from_label("klingon"), None);
    }

    #[test]
    fn odd_utf8() {
        for text in ["", "plain", "\u{7ff}\u{800}\u{ffff0}\u{10ffff}", "a\\b"] {
            assert_eq!(decode_utf8(text.as_bytes()), text);
        }
        for (bytes, text) in [
            (&b"\xE0\x80\xAF\xF0\x80\x80\x80"[..], "x\u{fffd}"),
            (b"\xE0\x9F\xBF", "\u{7ff}"),
            (b"\xC0\xAF\xC1", "\u{fffd}\u{fffd}\u{fffd}"),
            (b"\xED\xA0\x80\xEF\xBF\xBE", "\u{fffd}\u{fffd}"),
            (b"\xE4\xB8", "\u{fffd}\u{fffd}"),
            (b"\xF5\x80\x80\x80\xF8", "\u{fffd}\u{fffd}"),
        ] {
            assert_eq!(decode_utf8(bytes), text, "{bytes:02x?}");
        }
    }

    #[test]
    fn paths() {
        assert_eq!(target_path("a\\b/c.txt"), Ok(vec!["a", "b", "c.txt"]));
        assert_eq!(target_path("\\\\a\\.\\b"), Ok(vec!["a", "b"]));
        assert_eq!(target_path("a\\..\\b"), Err(UnsafeName::Parent));
        assert_eq!(target_path("C:\\b"), Err(UnsafeName::Colon));
        assert_eq!(target_path("a\0b"), Err(UnsafeName::Nul));
        assert_eq!(target_path("a/nul.txt"), Err(UnsafeName::Device));
        assert_eq!(target_path("\\/."), Err(UnsafeName::Empty));
        assert_eq!(target_path("..."), Ok(vec!["..."]));
    }
}
