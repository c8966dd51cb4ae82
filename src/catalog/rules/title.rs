//! The parts of a title in the Microsoft Update Catalog:
//! `2024-10 Cumulative Update Preview for Windows 11 Version 24H2 for x64-based Systems (KB5044384) (26100.2161)`.

use super::super::identity::{Architecture, Kb};
use super::super::release::{FAMILIES, Family, Month};

/// What titles call a system.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum System {
    /// Windows 11.
    Windows11,
    /// Windows 10.
    Windows10,
    /// Windows Server 2022 and later.
    ServerOperatingSystem,
    /// Azure Stack HCI.
    AzureStackHci,
    /// Windows Server 2019 and earlier.
    WindowsServer,
}

const SYSTEMS: [(&str, System); 6] = [
    ("Windows 11", System::Windows11),
    ("Windows 10", System::Windows10),
    ("Microsoft server operating systems", System::ServerOperatingSystem),
    ("Microsoft server operating system", System::ServerOperatingSystem),
    ("Azure Stack HCI", System::AzureStackHci),
    ("Windows Server", System::WindowsServer),
];

impl System {
    /// Its usual name.
    pub fn name(self) -> &'static str {
        let named = SYSTEMS.iter().rfind(|(_, system)| *system == self);
        named.map_or("", |(name, _)| name)
    }
}

/// A title, taken apart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Title {
    /// The month that it begins with.
    pub month: Option<Month>,
    /// What the update is: the words before the first `for`, without `Preview`.
    pub kind: String,
    /// Whether it is a preview.
    pub is_preview: bool,
    /// What it updates, if that is not the system: `.NET Framework 3.5 and 4.8.1`.
    pub subject: String,
    /// The system.
    pub system: System,
    /// The version of the system: `24H2`, `1809`.
    pub version: Option<String>,
    /// The architecture.
    pub architecture: Option<Architecture>,
    /// The article.
    pub kb: Option<Kb>,
}

impl Title {
    /// Takes a title apart; `None` if it names no system.
    pub fn parse(text: &str) -> Option<Self> {
        let words: Vec<&str> = text.split_whitespace().collect();
        let month = words.first().and_then(|word| Month::at_start(word));
        let text = words[usize::from(month.is_some())..].join(" ");
        let parts: Vec<&str> = split_at_for(&text);
        let (at, system, rest) = parts.iter().enumerate().skip(1).find_map(|(at, part)| {
            let (name, system) = SYSTEMS.iter().find(|(name, _)| super::super::identity::starts_with(part, name))?;
            Some((at, *system, &part[name.len()..]))
        })?;
        let kind = parts[0];
        let preview = kind
            .len()
            .checked_sub(PREVIEW.len())
            .filter(|at| kind.get(*at..).is_some_and(|end| end.eq_ignore_ascii_case(PREVIEW)));
        Some(Self {
            month,
            kind: kind[..preview.unwrap_or(kind.len())].to_owned(),
            is_preview: preview.is_some(),
            subject: parts[1..at].join(" for "),
            system,
            version: version(rest),
            architecture: Architecture::find(&parts[at..].join(" ")),
            kb: Kb::find(&text),
        })
    }

    /// The version as year and half of the year: 24H2 is (24, 2).
    pub fn half_year(&self) -> Option<(u8, u8)> {
        let (year, half) = self.version.as_deref()?.split_once(['H', 'h'])?;
        Some((year.parse().ok()?, half.parse().ok()?))
    }

    /// The builds of the release.
    pub fn family(&self) -> Option<&'static Family> {
        let version = self.version.as_deref().unwrap_or_default();
        let release = match (self.system, version.to_ascii_uppercase().as_str()) {
            // Its updates go without a version.
            (System::Windows11, "") => "Windows 11 21H2".to_owned(),
            (System::ServerOperatingSystem, "21H2") => "Windows Server 2022".to_owned(),
            (System::ServerOperatingSystem | System::AzureStackHci, "22H2") => "Azure Stack HCI 22H2".to_owned(),
            (System::ServerOperatingSystem, "23H2") => "Windows Server 23H2".to_owned(),
            (System::ServerOperatingSystem, "24H2") => "Windows Server 2025".to_owned(),
            (system, version) => format!("{} {version}", system.name()),
        };
        FAMILIES.iter().find(|family| family.releases.contains(&&*release))
    }
}

const PREVIEW: &str = " Preview";

/// The parts between the words `for`.
fn split_at_for(text: &str) -> Vec<&str> {
    const FOR: &[u8] = b" for ";
    let mut parts = Vec::new();
    let mut from = 0;
    while let Some(at) = text.as_bytes()[from..].windows(FOR.len()).position(|found| found.eq_ignore_ascii_case(FOR)) {
        parts.push(&text[from..from + at]);
        from += at + FOR.len();
    }
    parts.push(&text[from..]);
    parts
}

/// The version behind the name of a system: ` Version 24H2`, `, version 22H2`, ` 2019 (1809)`.
fn version(rest: &str) -> Option<String> {
    let mut words = rest.split([' ', ',']).filter(|word| !word.is_empty());
    let first = words.next()?;
    let word = if first.eq_ignore_ascii_case("version") { words.next()? } else { first };
    word.starts_with(|c: char| c.is_ascii_digit()).then(|| word.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_whole_title() {
        let text = "2024-10 Cumulative Update Preview for Windows 11 Version 24H2 for x64-based Systems (KB5044384) (26100.2161)";
        let title = Title::parse(text).unwrap();
        assert_eq!(title.month, Some(Month { year: 2024, month: 10 }));
        assert_eq!((&*title.kind, title.is_preview, &*title.subject), ("Cumulative Update", true, ""));
        assert_eq!((title.system, title.version.as_deref()), (System::Windows11, Some("24H2")));
        assert_eq!(title.half_year(), Some((24, 2)));
        assert_eq!((title.architecture, title.kb), (Some(Architecture::X64), Some(Kb(5_044_384))));
        assert_eq!(title.family().unwrap().builds, [26100, 26200]);
    }

    #[test]
    fn systems_and_versions() {
        for (text, system, version, build) in [
            ("Cumulative Update for Windows 11 for ARM64-based Systems", System::Windows11, None, Some(22000)),
            ("x for .NET Framework 3.5 for windows 11, version 23H2", System::Windows11, Some("23H2"), Some(22621)),
            ("x for Windows 10 Version 1809 for x86", System::Windows10, Some("1809"), Some(17763)),
            ("x for Windows Server 2019 (1809)", System::WindowsServer, Some("2019"), Some(17763)),
            (
                "x for Microsoft server operating system, version 22H2",
                System::ServerOperatingSystem,
                Some("22H2"),
                Some(20349),
            ),
            ("x for Azure Stack HCI, version 99H9", System::AzureStackHci, Some("99H9"), None),
        ] {
            let title = Title::parse(text).unwrap();
            assert_eq!((title.system, title.version.as_deref()), (system, version), "{text}");
            assert_eq!(title.family().map(|family| family.builds[0]), build, "{text}");
        }
        for none in
            ["", "2024-10", "Windows 11", "Update for Microsoft Office 2013 (KB4022233) 64-Bit Edition", " for "]
        {
            assert_eq!(Title::parse(none), None, "{none}");
        }
    }
}
