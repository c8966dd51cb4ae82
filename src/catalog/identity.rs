//! Names of packages: identities, KB numbers, architectures.

use std::cmp::Ordering;
use std::fmt;
use std::str::FromStr;

/// Four numbers, each below 65536.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Version(pub [u16; 4]);

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self([a, b, c, d]) = self;
        write!(f, "{a}.{b}.{c}.{d}")
    }
}

impl FromStr for Version {
    type Err = IdentityError;

    fn from_str(text: &str) -> Result<Self, IdentityError> {
        let wrong = || IdentityError::Version { found: text.to_owned() };
        let mut numbers = [0; 4];
        let mut parts = text.split('.');
        for number in &mut numbers {
            let part = parts.next().filter(|part| part.bytes().all(|byte| byte.is_ascii_digit()));
            *number = part.and_then(|part| part.parse().ok()).ok_or_else(wrong)?;
        }
        if parts.next().is_some() { Err(wrong()) } else { Ok(Self(numbers)) }
    }
}

/// What a package is called: `Package_for_RollupFix~31bf3856ad364e35~amd64~~26100.1742.1.10`.
///
/// Letter case does not count when identities are compared; versions are compared as numbers.
#[derive(Clone, Debug)]
pub struct Identity {
    /// Its name.
    pub name: String,
    /// The public key token of its publisher, in hexadecimal.
    pub token: String,
    /// What it is for, as it is written: `amd64`, `x86`, `arm64`, `wow64` …
    pub architecture: String,
    /// Its language, such as `de-DE`; empty if it has none.
    pub language: String,
    /// Its version.
    pub version: Version,
}

impl Identity {
    /// In lower case, in the order of the string.
    fn key(&self) -> (String, String, String, String, Version) {
        let lower = |text: &str| text.to_ascii_lowercase();
        (lower(&self.name), lower(&self.token), lower(&self.architecture), lower(&self.language), self.version)
    }

    /// Whether the name begins with `start`, in whatever letter case.
    pub fn starts_with(&self, start: &str) -> bool {
        starts_with(&self.name, start)
    }
}

/// Whether `text` begins with `start`, in whatever letter case.
pub(super) fn starts_with(text: &str, start: &str) -> bool {
    text.get(..start.len()).is_some_and(|begin| begin.eq_ignore_ascii_case(start))
}

impl PartialEq for Identity {
    fn eq(&self, other: &Self) -> bool {
        self.key() == other.key()
    }
}

impl Eq for Identity {}

impl PartialOrd for Identity {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Identity {
    fn cmp(&self, other: &Self) -> Ordering {
        self.key().cmp(&other.key())
    }
}

impl fmt::Display for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { name, token, architecture, language, version } = self;
        write!(f, "{name}~{token}~{architecture}~{language}~{version}")
    }
}

impl FromStr for Identity {
    type Err = IdentityError;

    fn from_str(text: &str) -> Result<Self, IdentityError> {
        let parts: Vec<&str> = text.split('~').collect();
        let [name, token, architecture, language, version] = parts[..] else {
            return Err(IdentityError::Parts { found: text.to_owned(), tildes: parts.len() - 1 });
        };
        if name.is_empty() {
            return Err(IdentityError::NoName { found: text.to_owned() });
        }
        Ok(Self {
            name: name.to_owned(),
            token: token.to_owned(),
            architecture: architecture.to_owned(),
            language: language.to_owned(),
            version: version.parse()?,
        })
    }
}

/// Text that is not what it should name.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum IdentityError {
    /// Not five parts.
    #[error("{found:?} is no identity: expected Name~Token~Architecture~Language~Version, found {tildes} tildes")]
    Parts {
        /// The text.
        found: String,
        /// How many there are.
        tildes: usize,
    },
    /// Nothing before the first tilde.
    #[error("{found:?} is no identity: it has no name")]
    NoName {
        /// The text.
        found: String,
    },
    /// Not a version.
    #[error("{found:?} is no version: expected four numbers up to 65535 with dots between them")]
    Version {
        /// The text.
        found: String,
    },
}

/// The number of an article in Microsoft's Knowledge Base, by which an update is known: `KB5043080`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Kb(pub u32);

impl Kb {
    /// The first one that is named in `text`: KB and six to eight digits, in whatever letter case.
    pub fn find(text: &str) -> Option<Self> {
        let bytes = text.as_bytes();
        bytes.windows(2).enumerate().filter(|(_, pair)| pair.eq_ignore_ascii_case(b"KB")).find_map(|(at, _)| {
            let is_inside = at > 0 && bytes[at - 1].is_ascii_alphanumeric();
            let digits = bytes[at + 2..].iter().take_while(|byte| byte.is_ascii_digit()).count();
            let number = (6..=8).contains(&digits).then(|| &text[at + 2..at + 2 + digits]);
            number.filter(|_| !is_inside)?.parse().ok().map(Self)
        })
    }
}

impl fmt::Display for Kb {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "KB{}", self.0)
    }
}

/// What a package is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Architecture {
    /// 32-bit x86.
    X86,
    /// 64-bit x86: `amd64` in identities.
    X64,
    /// 32-bit ARM.
    Arm,
    /// 64-bit ARM.
    Arm64,
}

impl Architecture {
    /// By the words that identities, file names and titles have for it. `wow64` goes with `amd64`.
    pub fn from_word(word: &str) -> Option<Self> {
        Some(match &*word.to_ascii_lowercase() {
            "x86" => Self::X86,
            "amd64" | "x64" | "wow64" => Self::X64,
            "arm" => Self::Arm,
            "arm64" => Self::Arm64,
            _ => return None,
        })
    }

    /// The first one that is named in the words of `text`, such as a file name or a title.
    pub fn find(text: &str) -> Option<Self> {
        text.split(|c: char| !c.is_ascii_alphanumeric()).find_map(Self::from_word)
    }

    /// Its usual name.
    pub fn name(self) -> &'static str {
        match self {
            Self::X86 => "x86",
            Self::X64 => "x64",
            Self::Arm => "arm",
            Self::Arm64 => "arm64",
        }
    }
}

impl fmt::Display for Architecture {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn identities() {
        const TEXT: &str = "Package_for_RollupFix~31bf3856ad364e35~amd64~~26100.1742.1.10";
        let identity: Identity = TEXT.parse().unwrap();
        assert_eq!(identity.to_string(), TEXT);
        assert_eq!((&*identity.name, &*identity.language), ("Package_for_RollupFix", ""));
        assert_eq!(identity.version, Version([26100, 1742, 1, 10]));
        assert_eq!(identity, TEXT.to_uppercase().parse().unwrap());
        assert!(identity > TEXT.replace("1742", "999").parse().unwrap(), "versions are numbers");
        assert!(identity.starts_with("package_FOR_") && !identity.starts_with("for"));
        for wrong in ["", "a~b~c~1.2.3.4", "a~b~c~d~1.2.3.4~", "~b~c~d~1.2.3.4", "a~b~c~d~1.2.3", "a~b~c~d~1.2.3.65536"]
        {
            assert!(wrong.parse::<Identity>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn versions() {
        assert_eq!("65535.0.1.2".parse(), Ok(Version([65535, 0, 1, 2])));
        for wrong in ["", "1", "1.2.3.4.5", "1.2.3.", "+1.2.3.4", "1.2.3. 4", "99999.0.0.0"] {
            assert!(wrong.parse::<Version>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn kb_numbers() {
        for (text, number) in [
            ("Windows11.0-KB5043080-x64.msu", Some(5_043_080)),
            ("windows6.1-kb976902-x64", Some(976_902)),
            ("2024-10 Cumulative Update (KB5044284) (26100.2033)", Some(5_044_284)),
            ("Package_1_for_KB2465285", Some(2_465_285)),
            ("KB12345", None),
            ("KB123456789", None),
            ("xKB5043080", None),
            ("5043080", None),
            ("K", None),
        ] {
            assert_eq!(Kb::find(text), number.map(Kb), "{text}");
        }
    }

    #[test]
    fn architectures() {
        assert_eq!(Architecture::find("Windows11.0-KB5043080-x64.msu"), Some(Architecture::X64));
        assert_eq!(Architecture::find("Windows 11 Version 24H2 for ARM64-based Systems"), Some(Architecture::Arm64));
        assert_eq!(Architecture::find("SSU-22621.1-x86_1234.cab"), Some(Architecture::X86));
        assert_eq!(Architecture::find("lp.cab"), None);
    }
}
