//! Reparse points: the data of links, and what a link means on Unix.
//!
//! A WIM stores the reparse data without its 8-byte header; the tag is in the dentry. For the two kinds of links it is:
//!
//! | offset | size | field |
//! |---|---|---|
//! | 0, 2 | 2, 2 | offset and length of the substitute name in the name buffer, in bytes |
//! | 4, 6 | 2, 2 | offset and length of the print name |
//! | 8 | 4 | flags, symbolic links only: 1 = relative |
//! | 8 or 12 | | name buffer, UTF-16LE |

use crate::util::{le, utf16};

/// The largest reparse data, in bytes: the system allows 16 KiB with the 8-byte header.
pub const MAX_NBYTES: u64 = 16_384 - 8;
/// The longest target of a Unix symbolic link, in bytes.
const MAX_TARGET_NBYTES: usize = 4095;
/// The flag of a symbolic link whose target is relative to its directory.
const RELATIVE: u32 = 1;

/// Tag of a junction or volume mount point.
pub const MOUNT_POINT: u32 = 0xA000_0003;
/// Tag of a symbolic link.
pub const SYMLINK: u32 = 0xA000_000C;
/// Tag of a symbolic link made by the Linux subsystem.
pub const LX_SYMLINK: u32 = 0xA000_001D;

/// Tag of a file whose content the system keeps together with that of others.
pub const DEDUP: u32 = 0x8000_0013;
/// Tag of a file whose content the Windows Overlay Filter makes up.
pub const WOF: u32 = 0x8000_0017;

/// Whether a reparse point of this kind stands for something elsewhere, as links do.
pub fn is_name_surrogate(tag: u32) -> bool {
    tag & 0x2000_0000 != 0
}

/// Whether a reparse point of this kind is a symbolic link or junction.
pub fn is_link_tag(tag: u32) -> bool {
    matches!(tag, SYMLINK | MOUNT_POINT | LX_SYMLINK)
}

/// Whether a reparse point of this kind holds the names that links of Windows have.
pub fn is_windows_link_tag(tag: u32) -> bool {
    matches!(tag, SYMLINK | MOUNT_POINT)
}

/// The usual name of a reparse tag.
pub fn tag_name(tag: u32) -> Option<&'static str> {
    Some(match tag {
        MOUNT_POINT => "MOUNT_POINT",
        SYMLINK => "SYMLINK",
        LX_SYMLINK => "LX_SYMLINK",
        DEDUP => "DEDUP",
        WOF => "WOF",
        0x8000_0018 => "WCI",
        0x8000_001B => "APPEXECLINK",
        0x8000_0023 => "AF_UNIX",
        _ if tag & 0xFFFF_0FFF == 0x9000_001A => "CLOUD",
        _ => return None,
    })
}

/// A tag as messages show it.
fn describe_tag(tag: &u32) -> String {
    tag_name(*tag).map_or_else(|| format!("{tag:#010x}"), str::to_owned)
}

/// Reparse data that is no usable link.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ReparseError {
    /// Not a link at all.
    #[error("a reparse point of the kind {} is no link", describe_tag(.0))]
    NotALink(u32),
    /// A field or name lies outside the data.
    #[error("the {what} of the reparse data does not lie inside its {nbytes} bytes")]
    OutOfBounds {
        /// Which part.
        what: &'static str,
        /// How many bytes there are.
        nbytes: usize,
    },
    /// Half a code unit.
    #[error("the {what} of the reparse data has an odd offset or length")]
    Odd {
        /// Which name.
        what: &'static str,
    },
    /// A target that no Unix path can be.
    #[error("the link target {target:?} {problem}")]
    Target {
        /// The target, as far as it is text.
        target: String,
        /// Why it cannot be a path.
        problem: &'static str,
    },
}

/// A symbolic link or junction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Link {
    /// Where it leads, UTF-16LE: `\??\C:\dir`, or `..\dir` if relative.
    pub substitute_name: Vec<u8>,
    /// What the user is shown, UTF-16LE: `C:\dir`.
    pub print_name: Vec<u8>,
    /// Whether it leads from its own directory.
    pub is_relative: bool,
}

impl Link {
    /// Out of reparse data as a WIM stores it.
    ///
    /// # Errors
    /// If the tag is not a link's, or a name does not lie inside the data.
    pub fn parse(tag: u32, data: &[u8]) -> Result<Self, ReparseError> {
        let out_of_bounds = |what| ReparseError::OutOfBounds { what, nbytes: data.len() };
        let (buffer_at, flags) = match tag {
            SYMLINK => (12, le::u32(data, 8).ok_or_else(|| out_of_bounds("header"))?),
            MOUNT_POINT => (8, 0),
            LX_SYMLINK => return Self::parse_linux(data),
            _ => return Err(ReparseError::NotALink(tag)),
        };
        let buffer = data.get(buffer_at..).ok_or_else(|| out_of_bounds("header"))?;
        let name = |what, at| {
            let (offset, nbytes) = (le::u16(data, at), le::u16(data, at + 2));
            let (Some(offset), Some(nbytes)) = (offset, nbytes) else { return Err(out_of_bounds("header")) };
            if !offset.is_multiple_of(2) || !nbytes.is_multiple_of(2) {
                return Err(ReparseError::Odd { what });
            }
            let name = buffer.get(usize::from(offset)..).and_then(|rest| rest.get(..nbytes.into()));
            name.map(<[u8]>::to_vec).ok_or_else(|| out_of_bounds(what))
        };
        Ok(Self {
            substitute_name: name("substitute name", 0)?,
            print_name: name("print name", 4)?,
            is_relative: flags & RELATIVE != 0,
        })
    }

    /// The Linux subsystem stores `u32 2` and the target in UTF-8, to be taken as it is.
    fn parse_linux(data: &[u8]) -> Result<Self, ReparseError> {
        let text = data.get(4..).ok_or(ReparseError::OutOfBounds { what: "header", nbytes: data.len() })?;
        let name = utf16::from_str(&String::from_utf8_lossy(text));
        Ok(Self { substitute_name: name.clone(), print_name: name, is_relative: true })
    }

    /// A relative symbolic link; `target` is separated by `/` or `\`.
    pub fn relative(target: &str) -> Self {
        let name = utf16::from_str(&target.replace('/', "\\"));
        Self { substitute_name: name.clone(), print_name: name, is_relative: true }
    }

    /// A symbolic link to an absolute Windows path such as `C:\dir`.
    pub fn absolute(target: &str) -> Self {
        let substitute_name = utf16::from_str(&format!("\\??\\{target}"));
        Self { substitute_name, print_name: utf16::from_str(target), is_relative: false }
    }

    /// The reparse data of a [`SYMLINK`] (or, if `tag` says so, of a [`MOUNT_POINT`]), without its 8-byte header. Both
    /// names are followed by a NUL, which junctions need.
    ///
    /// # Errors
    /// If the names are longer than [`MAX_NBYTES`] allows.
    pub fn encode(&self, tag: u32) -> Result<Vec<u8>, ReparseError> {
        let lengths = [0, self.substitute_name.len(), self.substitute_name.len() + 2, self.print_name.len()];
        let mut data = Vec::new();
        for length in lengths {
            data.extend((length as u16).to_le_bytes());
        }
        if tag != MOUNT_POINT {
            data.extend(u32::from(self.is_relative).to_le_bytes());
        }
        for name in [&self.substitute_name, &self.print_name] {
            data.extend(name);
            data.extend([0; 2]);
        }
        if data.len() as u64 > MAX_NBYTES {
            let target = utf16::to_string_lossy(&self.print_name);
            return Err(ReparseError::Target { target, problem: "is too long for a reparse point" });
        }
        Ok(data)
    }

    /// The same with a target that counts from the root of the drive as it does here from the directory `root`, an absolute
    /// path with a drive; `None` if it leads elsewhere.
    pub fn from_root(&self, root: &str) -> Option<Self> {
        let target = self.absolute_target()?;
        let drive = target.get(..2).filter(|drive| drive.ends_with(':'))?;
        let rest = below(without_prefix(&target), root)?;
        Some(Self::absolute(&format!("{drive}\\{}", rest.trim_start_matches(['\\', '/']))))
    }

    /// The same with a target that counts from the directory `root` as it does here from the root of its drive or volume.
    pub fn into_root(&self, root: &str) -> Option<Self> {
        let target = self.absolute_target()?;
        let rest = without_volume(&target, false).ok()?.trim_start_matches(['\\', '/']);
        Some(Self::absolute(format!("{}\\{rest}", root.trim_end_matches('\\')).trim_end_matches('\\')))
    }

    /// The target as one tells it to Windows when a link is made; `None` if it is no text.
    pub fn windows_target(&self) -> Option<String> {
        if self.is_relative { utf16::to_string(&self.substitute_name) } else { self.absolute_target() }
    }

    /// The substitute name without what stands before drive or volume; `None` for a relative one.
    fn absolute_target(&self) -> Option<String> {
        let text = utf16::to_string(&self.substitute_name).filter(|_| !self.is_relative)?;
        Some(without_prefix(&text).to_owned())
    }

    /// The target of the symbolic link that stands for this one on Unix.
    ///
    /// `depth` is the number of directories between the image's root and the link: where an absolute target was made
    /// relative to the image at capture (`not_fixed` is false), the link is written as a relative one, so that the tree
    /// can be moved. Else its path is written as it is, without drive or volume.
    ///
    /// # Errors
    /// If the target is a network share, a volume that means nothing elsewhere, not text, or too long.
    pub fn unix_target(&self, depth: usize, not_fixed: bool) -> Result<String, ReparseError> {
        let text = utf16::to_string_lossy(&self.substitute_name);
        let refuse = |problem| ReparseError::Target { target: text.clone(), problem };
        if utf16::to_string(&self.substitute_name).is_none() {
            return Err(refuse("is not text"));
        }
        let target = if self.is_relative {
            text.replace('\\', "/")
        } else {
            let path = without_volume(&text, not_fixed).map_err(refuse)?.replace('\\', "/");
            let path = path.trim_start_matches('/');
            match (not_fixed, depth, path.is_empty()) {
                (true, ..) => format!("/{path}"),
                (false, 0, true) => ".".to_owned(),
                (false, _, true) => vec![".."; depth].join("/"),
                (false, _, false) => format!("{}{path}", "../".repeat(depth)),
            }
        };
        match target {
            target if target.is_empty() => Err(refuse("is empty")),
            target if target.contains('\0') => Err(refuse("contains NUL")),
            target if target.len() > MAX_TARGET_NBYTES => Err(refuse("is longer than 4095 bytes")),
            target => Ok(target),
        }
    }
}

fn starts_with(text: &str, prefix: &str) -> bool {
    text.get(..prefix.len()).is_some_and(|start| start.eq_ignore_ascii_case(prefix))
}

/// What is left of an absolute path behind what says that it is one of the system's.
fn without_prefix(path: &str) -> &str {
    let prefixes = ["\\??\\", "\\\\?\\", "\\DosDevices\\", "\\\\.\\"];
    prefixes.iter().find(|prefix| starts_with(path, prefix)).map_or(path, |prefix| &path[prefix.len()..])
}

/// What is left of the absolute path `target` below the directory `root`, letter case aside; both begin with a drive or what
/// stands for one.
fn below<'a>(target: &'a str, root: &str) -> Option<&'a str> {
    let is_separator = |c: char| c == '\\' || c == '/';
    let mut rest = target;
    for name in root.split(is_separator).filter(|name| !name.is_empty()) {
        rest = rest.trim_start_matches(is_separator);
        let (found, behind) = rest.split_at(rest.find(is_separator).unwrap_or(rest.len()));
        if !utf16::eq_ignore_case(&utf16::from_str(found), &utf16::from_str(name)) {
            return None;
        }
        rest = behind;
    }
    // Names that climb could lead out again.
    rest.split(is_separator).all(|name| name != "..").then_some(rest)
}

/// What is left of an absolute Windows path behind its drive or volume.
fn without_volume(path: &str, not_fixed: bool) -> Result<&str, &'static str> {
    let path = without_prefix(path);
    if let [letter, b':', rest @ ..] = path.as_bytes()
        && letter.is_ascii_alphabetic()
        && matches!(rest, [] | [b'\\' | b'/', ..])
    {
        return Ok(&path[2..]);
    }
    if starts_with(path, "UNC\\") || starts_with(path, "\\\\") {
        return Err("is a network share");
    }
    let volume = starts_with(path, "Volume{");
    let device = starts_with(path, "\\Device\\HarddiskVolume");
    if !(volume || device) {
        return Err("is no path on a drive");
    }
    if not_fixed {
        return Err("leads to another volume");
    }
    let name_at = if device { "\\Device\\".len() } else { 0 };
    Ok(path[name_at..].find('\\').map_or("", |separator| &path[name_at + separator..]))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn absolute(target: &str) -> Link {
        Link { substitute_name: utf16::from_str(target), print_name: Vec::new(), is_relative: false }
    }

    #[test]
    fn links_go_both_ways() {
        for (tag, link) in [(SYMLINK, Link::relative("../a b")), (MOUNT_POINT, Link::absolute("C:\\dir"))] {
            assert_eq!(Link::parse(tag, &link.encode(tag).unwrap()), Ok(link));
        }
        assert!(Link::relative(&"a".repeat(9000)).encode(SYMLINK).is_err());
    }

    #[test]
    fn names_outside_the_data() {
        let mut data = Link::relative("target").encode(SYMLINK).unwrap();
        assert!(matches!(Link::parse(SYMLINK, &data[..10]), Err(ReparseError::OutOfBounds { what: "header", .. })));
        data[2] = 0xFE;
        let error = Link::parse(SYMLINK, &data);
        assert!(matches!(error, Err(ReparseError::OutOfBounds { what: "substitute name", .. })), "{error:?}");
        data[2] = 3;
        assert_eq!(Link::parse(SYMLINK, &data), Err(ReparseError::Odd { what: "substitute name" }));
        assert_eq!(Link::parse(0x8000_0017, &[]), Err(ReparseError::NotALink(0x8000_0017)));
    }

    #[test]
    fn targets_on_unix() {
        assert_eq!(Link::relative("..\\x\\y").unix_target(5, true).unwrap(), "../x/y");
        let fixed = |target, depth| absolute(target).unix_target(depth, false).unwrap();
        assert_eq!(fixed("\\??\\C:\\Users\\All", 0), "Users/All");
        assert_eq!(fixed("\\??\\C:\\Users\\All", 2), "../../Users/All");
        assert_eq!(fixed("\\??\\C:\\", 0), ".");
        assert_eq!(fixed("\\??\\C:", 2), "../..");
        assert_eq!(fixed("\\??\\Volume{0123}\\dir", 1), "../dir");
        assert_eq!(fixed("\\Device\\HarddiskVolume2\\dir", 0), "dir");
        assert_eq!(absolute("\\??\\D:\\data").unix_target(3, true).unwrap(), "/data");
    }

    #[test]
    fn targets_move_with_the_tree() {
        let text = |link: Link| utf16::to_string(&link.substitute_name).unwrap();
        let out = |target, root| absolute(target).from_root(root).map(text);
        assert_eq!(out("\\??\\D:\\Tree\\a\\b", "d:\\tree").as_deref(), Some("\\??\\D:\\a\\b"));
        assert_eq!(out("\\??\\D:\\tree", "D:\\tree").as_deref(), Some("\\??\\D:\\"));
        assert_eq!(out("\\??\\C:\\a", "C:\\").as_deref(), Some("\\??\\C:\\a"));
        for elsewhere in ["\\??\\D:\\tree2\\a", "\\??\\C:\\tree\\a", "\\??\\D:\\tree\\..\\a", "\\??\\Volume{0}\\tree"] {
            assert_eq!(out(elsewhere, "D:\\tree"), None, "{elsewhere}");
        }
        assert_eq!(Link::relative("a").from_root("D:\\"), None);

        let into = |target, root| absolute(target).into_root(root).map(text);
        assert_eq!(into("\\??\\C:\\a\\b", "E:\\x").as_deref(), Some("\\??\\E:\\x\\a\\b"));
        assert_eq!(into("\\??\\C:\\", "E:\\x").as_deref(), Some("\\??\\E:\\x"));
        assert_eq!(into("\\??\\C:\\a", "E:\\").as_deref(), Some("\\??\\E:\\a"));
        assert_eq!(into("\\??\\Volume{0}\\a", "E:\\").as_deref(), Some("\\??\\E:\\a"));
        assert_eq!(into("\\??\\UNC\\server\\share", "E:\\"), None);
    }

    #[test]
    fn targets_that_unix_cannot_have() {
        for (target, not_fixed) in
            [("\\??\\UNC\\server\\share", false), ("\\??\\Volume{0123}\\dir", true), ("\\??\\é", false)]
        {
            assert!(absolute(target).unix_target(0, not_fixed).is_err(), "{target}");
        }
        for target in ["", "a\0b"] {
            assert!(Link::relative(target).unix_target(0, false).is_err(), "{target:?}");
        }
        assert!(Link::relative(&"a".repeat(5000)).unix_target(0, false).is_err());
    }
}
