//! Releases of Windows and months of release.

use std::fmt;

use super::identity::{Kb, Version};

/// Builds that share their updates: an enablement package makes 22631 of 22621, and the same cumulative update serves both.
#[derive(Debug, PartialEq, Eq)]
pub struct Family {
    /// The version of the system: 10.0, or that of an older one.
    pub system: [u16; 2],
    /// The builds, the one with the files first.
    pub builds: &'static [u16],
    /// The releases that have them.
    pub releases: &'static [&'static str],
    /// The checkpoint that later cumulative updates build upon.
    pub first_checkpoint: Option<Checkpoint>,
}

/// A cumulative update that others contain only the difference to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Checkpoint {
    /// The article about it.
    pub kb: Kb,
    /// The revision that it brings a build to.
    pub revision: u16,
}

const fn family(
    system: [u16; 2],
    builds: &'static [u16],
    releases: &'static [&'static str],
    first_checkpoint: Option<Checkpoint>,
) -> Family {
    Family { system, builds, releases, first_checkpoint }
}

/// The families that are known, in order.
pub static FAMILIES: [Family; 20] = [
    family([6, 0], &[6002, 6003], &["Windows Server 2008 SP2"], None),
    family([6, 1], &[7600], &["Windows 7", "Windows Server 2008 R2"], None),
    family([6, 1], &[7601], &["Windows 7 SP1", "Windows Server 2008 R2 SP1"], None),
    family([6, 2], &[9200], &["Windows 8", "Windows Server 2012"], None),
    family([6, 3], &[9600], &["Windows 8.1", "Windows Server 2012 R2"], None),
    family([10, 0], &[10240], &["Windows 10 1507"], None),
    family([10, 0], &[10586], &["Windows 10 1511"], None),
    family([10, 0], &[14393], &["Windows 10 1607", "Windows Server 2016"], None),
    family([10, 0], &[15063], &["Windows 10 1703"], None),
    family([10, 0], &[16299], &["Windows 10 1709"], None),
    family([10, 0], &[17134], &["Windows 10 1803"], None),
    family([10, 0], &[17763], &["Windows 10 1809", "Windows Server 2019"], None),
    family([10, 0], &[18362, 18363], &["Windows 10 1903", "Windows 10 1909"], None),
    family(
        [10, 0],
        &[19041, 19042, 19043, 19044, 19045],
        &["Windows 10 2004", "Windows 10 20H2", "Windows 10 21H1", "Windows 10 21H2", "Windows 10 22H2"],
        None,
    ),
    family([10, 0], &[20348], &["Windows Server 2022"], None),
    family([10, 0], &[20349], &["Azure Stack HCI 22H2"], None),
    family([10, 0], &[22000], &["Windows 11 21H2"], None),
    family([10, 0], &[22621, 22631], &["Windows 11 22H2", "Windows 11 23H2"], None),
    family([10, 0], &[25398], &["Windows Server 23H2"], None),
    family(
        [10, 0],
        &[26100, 26200],
        &["Windows 11 24H2", "Windows 11 25H2", "Windows Server 2025"],
        Some(Checkpoint { kb: Kb(5_043_080), revision: 1742 }),
    ),
];

impl Family {
    /// The family of a build of Windows.
    pub fn of_build(build: u16) -> Option<&'static Self> {
        FAMILIES.iter().find(|family| family.builds.contains(&build))
    }

    /// The families that a version of a package or a file stands for: `10.0.26100.1742`, `26100.1742.1.10` as cumulative
    /// updates have it, or `6.1.1.0`, which tells the system and not the build.
    pub fn of_version(version: Version) -> Vec<&'static Self> {
        let Version([first, second, third, _]) = version;
        let of_system = || FAMILIES.iter().filter(|family| family.system == [first, second]);
        match (first, second) {
            (10_000.., _) => Self::of_build(first).into_iter().collect(),
            (6, _) if third < 6000 => of_system().collect(),
            (6, _) | (10, 0) => of_system().filter(|family| family.builds.contains(&third)).collect(),
            _ => Vec::new(),
        }
    }
}

/// A month of release.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Month {
    /// The year.
    pub year: u16,
    /// 1 to 12.
    pub month: u8,
}

impl Month {
    /// The month that `text` begins with: `2024-09 Cumulative Update`, `2024-09-12T21:27:54Z`, `2012/11/03`.
    pub fn at_start(text: &str) -> Option<Self> {
        let (year, rest) = (text.get(..4)?, text.get(4..)?);
        let month = rest.strip_prefix(['-', '/'])?.get(..2)?;
        let is_number = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
        let goes_on = rest.as_bytes().get(3).is_some_and(u8::is_ascii_digit);
        if !is_number(year) || !is_number(month) || goes_on {
            return None;
        }
        let (year, month) = (year.parse().ok()?, month.parse().ok()?);
        ((1990..2100).contains(&year) && (1..=12).contains(&month)).then_some(Self { year, month })
    }

    /// How many months after `earlier` it is; negative if before.
    pub fn since(self, earlier: Self) -> i32 {
        let count = |month: Self| 12 * i32::from(month.year) + i32::from(month.month);
        count(self) - count(earlier)
    }
}

impl fmt::Display for Month {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04}-{:02}", self.year, self.month)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn families_by_version() {
        let releases = |version: &str| -> Vec<&str> {
            Family::of_version(version.parse().unwrap()).iter().map(|family| family.releases[0]).collect()
        };
        assert_eq!(releases("26100.1742.1.10"), ["Windows 11 24H2"]);
        assert_eq!(releases("10.0.22631.1"), ["Windows 11 22H2"]);
        assert_eq!(releases("10.0.9347.1"), [""; 0], "a version of .NET's");
        assert_eq!(releases("6.1.1.0"), ["Windows 7", "Windows 7 SP1"]);
        assert_eq!(releases("6.1.7601.17514"), ["Windows 7 SP1"]);
        assert_eq!(releases("6.3.0.0"), ["Windows 8.1"]);
        assert_eq!(releases("1000.26100.36.0"), [""; 0]);
    }

    #[test]
    fn each_build_is_in_one_family() {
        let mut builds: Vec<u16> = FAMILIES.iter().flat_map(|family| family.builds).copied().collect();
        let count = builds.len();
        builds.sort_unstable();
        builds.dedup();
        assert_eq!(builds.len(), count);
    }

    #[test]
    fn months() {
        let month = |year, month| Some(Month { year, month });
        assert_eq!(Month::at_start("2024-09 Cumulative Update"), month(2024, 9));
        assert_eq!(Month::at_start("2012/11/03"), month(2012, 11));
        assert_eq!(Month::at_start("2026-09-12T21:27:54Z"), month(2026, 9));
        for wrong in ["", "2024", "2024-13 x", "2024-00", "2024-123", "20240-1", "1024-10", "x2024-10", "2024-1ä"] {
            assert_eq!(Month::at_start(wrong), None, "{wrong}");
        }
        let since = |a: &str, b: &str| Month::at_start(a).unwrap().since(Month::at_start(b).unwrap());
        assert_eq!(since("2024-02", "2023-11"), 3);
        assert_eq!(since("2023-11", "2024-02"), -3);
        assert_eq!(month(2024, 9).unwrap().to_string(), "2024-09");
    }
}
