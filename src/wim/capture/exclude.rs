//! What is left out of a capture: lists of patterns, as `WimScript.ini` has them.
//!
//! A pattern that begins with a backslash counts from the root of the tree; any other fits a path by its end, so that a
//! single name fits everywhere. `*` stands for any characters of a name, `?` for one; letter case does not count.

use crate::util::utf16;
use std::cmp::Ordering;

/// What Windows leaves out unless told otherwise.
const WINDOWS_DEFAULTS: [&str; 8] = [
    r"\$ntfs.log",
    r"\hiberfil.sys",
    r"\pagefile.sys",
    r"\swapfile.sys",
    r"\System Volume Information",
    r"\RECYCLER",
    r"\$RECYCLE.BIN",
    r"\Windows\CSC",
];

/// Which paths are left out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Exclusions {
    excluded: Vec<Pattern>,
    exceptions: Vec<Pattern>,
}

/// A line of a configuration file that means nothing.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// A section that no such file has.
    #[error("line {line}: there is no section [{name}]; expected ExclusionList or ExclusionException")]
    Section {
        /// Counted from 1.
        line: usize,
        /// Its name.
        name: String,
    },
    /// A line before the first section.
    #[error("line {line}: {text:?} stands before the first section, such as [ExclusionList]")]
    NoSection {
        /// Counted from 1.
        line: usize,
        /// The line.
        text: String,
    },
    /// Neither UTF-8 nor UTF-16.
    #[error("the text is neither UTF-8 nor UTF-16LE with a byte order mark")]
    NotText,
}

impl Default for Exclusions {
    /// What Windows leaves out: page files, the recycle bin and the like.
    fn default() -> Self {
        Self { excluded: WINDOWS_DEFAULTS.into_iter().map(Pattern::new).collect(), exceptions: Vec::new() }
    }
}

impl Exclusions {
    /// Nothing is left out.
    pub fn none() -> Self {
        Self { excluded: Vec::new(), exceptions: Vec::new() }
    }

    /// The lists of a `WimScript.ini`, in place of the defaults. What such a file says about compression is for
    /// other programs.
    ///
    /// # Errors
    /// [`ConfigError`].
    pub fn parse(bytes: &[u8]) -> Result<Self, ConfigError> {
        let text = utf16::decode_text(bytes).ok_or(ConfigError::NotText)?;
        enum Section {
            Excluded,
            Exceptions,
            Foreign,
        }
        let mut lists = Self::none();
        let mut section = None;
        for (line, text) in (1..).zip(text.lines()) {
            let text = text.trim();
            if text.is_empty() || text.starts_with([';', '#']) {
                continue;
            }
            if let Some(name) = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
                section = Some(match name.to_ascii_lowercase().as_str() {
                    "exclusionlist" => Section::Excluded,
                    "exclusionexception" => Section::Exceptions,
                    "compressionexclusionlist" | "compressionfolderlist" | "prepopulatelist" | "alignmentlist" => {
                        Section::Foreign
                    }
                    _ => return Err(ConfigError::Section { line, name: name.to_owned() }),
                });
                continue;
            }
            match section {
                Some(Section::Excluded) => lists.excluded.push(Pattern::new(text)),
                Some(Section::Exceptions) => lists.exceptions.push(Pattern::new(text)),
                Some(Section::Foreign) => {}
                None => return Err(ConfigError::NoSection { line, text: text.to_owned() }),
            }
        }
        Ok(lists)
    }

    /// Leaves out what fits `pattern`, too.
    pub fn exclude(&mut self, pattern: &str) {
        self.excluded.push(Pattern::new(pattern));
    }

    /// Whether the entry is left out whose path from the root has these names. Of a directory that is left out, nothing
    /// is looked at: an exception below it has no effect.
    pub(super) fn excludes(&self, path: &[&str]) -> bool {
        let fits = |list: &[Pattern]| list.iter().any(|pattern| pattern.fits(path));
        fits(&self.excluded) && !fits(&self.exceptions)
    }
}

/// A pattern, cut at its separators.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Pattern {
    is_rooted: bool,
    names: Vec<Vec<char>>,
}

impl Pattern {
    fn new(text: &str) -> Self {
        // Configurations are written with quotes where a name has blanks, and with either separator.
        let text = text.trim_matches('"').replace('/', "\\");
        let names = text.split('\\').filter(|name| !name.is_empty()).map(|name| name.chars().collect()).collect();
        Self { is_rooted: text.starts_with('\\'), names }
    }

    fn fits(&self, path: &[&str]) -> bool {
        let tail = match self.names.len().cmp(&path.len()) {
            Ordering::Greater => return false,
            Ordering::Less if self.is_rooted => return false,
            _ => &path[path.len() - self.names.len()..],
        };
        !self.names.is_empty() && self.names.iter().zip(tail).all(|(pattern, name)| name_fits(pattern, name))
    }
}

/// Whether a name fits a pattern with `*` and `?`. When a character does not fit, the last `*` takes one more: no
/// earlier one needs to, so the work is at most the product of both lengths.
fn name_fits(pattern: &[char], name: &str) -> bool {
    let name: Vec<char> = name.chars().collect();
    let (mut at, mut in_name) = (0, 0);
    let mut last_star: Option<(usize, usize)> = None;
    while in_name < name.len() {
        match pattern.get(at) {
            Some('*') => {
                last_star = Some((at, in_name));
                at += 1;
            }
            Some(expected) if *expected == '?' || eq_ignore_case(*expected, name[in_name]) => {
                at += 1;
                in_name += 1;
            }
            _ => match &mut last_star {
                Some((star, taken)) => {
                    *taken += 1;
                    (at, in_name) = (*star + 1, *taken);
                }
                None => return false,
            },
        }
    }
    pattern[at..].iter().all(|c| *c == '*')
}

fn eq_ignore_case(a: char, b: char) -> bool {
    a == b || a.to_uppercase().eq(b.to_uppercase())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn excludes(lists: &Exclusions, path: &str) -> bool {
        lists.excludes(&path.split('/').collect::<Vec<_>>())
    }

    #[test]
    fn patterns_fit_names() {
        let fits = |pattern: &str, name: &str| name_fits(&pattern.chars().collect::<Vec<_>>(), name);
        for (pattern, name) in
            [("*", "a"), ("*.LOG", "x.log"), ("a*b*c", "aXbYbZc"), ("?", "ä"), ("Ä*", "äh"), ("***", "x"), ("a**", "a")]
        {
            assert!(fits(pattern, name), "{pattern} {name}");
        }
        for (pattern, name) in [("?", "ab"), ("*.log", "x.log1"), ("a*b", "abc"), ("", "a"), ("a", "")] {
            assert!(!fits(pattern, name), "{pattern} {name}");
        }
        // Steps back are bounded: a pattern that fits almost ends in no time.
        assert!(!fits(&"a*".repeat(200), &format!("{}b", "a".repeat(200)).repeat(2).replace('a', "c")));
        assert!(!fits(&format!("{}b", "*a".repeat(50)), &"a".repeat(5000)));
    }

    #[test]
    fn windows_defaults() {
        let lists = Exclusions::default();
        for path in ["PageFile.sys", "$Recycle.Bin", "Windows/csc", "System Volume Information"] {
            assert!(excludes(&lists, path), "{path}");
        }
        for path in ["sub/pagefile.sys", "Windows", "Windows/CSC/v2", "CSC", "recycler.txt"] {
            assert!(!excludes(&lists, path), "{path}");
        }
    }

    #[test]
    fn a_configuration_file() {
        let text = "; comment\r\n# another\r\n[ExclusionList]\r\n*.tmp\r\n\\Users\\*\r\n\"logs/old *\"\r\n\
                    [ExclusionException]\r\nkeep.tmp\r\n[CompressionExclusionList]\r\n*.zip\r\n";
        let mut utf16 = vec![0xFF, 0xFE];
        utf16.extend(utf16::from_str(text));
        let lists = Exclusions::parse(text.as_bytes()).unwrap();
        assert_eq!(Exclusions::parse(&utf16), Ok(lists.clone()));
        for path in ["a.TMP", "deep/down/b.tmp", "Users/me", "var/logs/old ones"] {
            assert!(excludes(&lists, path), "{path}");
        }
        for path in ["Users", "keep.tmp", "a/keep.tmp", "x.zip", "pagefile.sys", "Home/Users/me"] {
            assert!(!excludes(&lists, path), "{path}");
        }
        let mut lists = lists;
        lists.exclude("/var/logs");
        assert!(excludes(&lists, "var/logs") && !excludes(&lists, "srv/var/logs"));
    }

    #[test]
    fn wrong_configuration_files() {
        let section = ConfigError::Section { line: 2, name: "Exclusions".into() };
        assert_eq!(Exclusions::parse(b"\n[Exclusions]\n"), Err(section));
        let line = ConfigError::NoSection { line: 1, text: "*.tmp".into() };
        assert_eq!(Exclusions::parse(b"*.tmp\n[ExclusionList]"), Err(line));
        assert_eq!(Exclusions::parse(b"[ExclusionList]\n\xFF"), Err(ConfigError::NotText));
        assert_eq!(Exclusions::parse(b""), Ok(Exclusions::none()));
    }
}
