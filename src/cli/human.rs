//! Numbers and times as people read them.

use std::fmt;
use wimkit::util::filetime::FileTime;

/// Bytes with three significant digits and a binary unit.
pub(crate) struct Human(pub u64);

impl fmt::Display for Human {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const UNITS: [&str; 6] = ["B", "KiB", "MiB", "GiB", "TiB", "PiB"];
        let mut value = self.0 as f64;
        let mut unit = 0;
        while value >= 999.5 && unit + 1 < UNITS.len() {
            value /= 1024.0;
            unit += 1;
        }
        let decimals = match value {
            v if v.fract() == 0.0 => 0,
            v if v < 9.995 => 2,
            v if v < 99.95 => 1,
            _ => 0,
        };
        f.pad(&format!("{value:.decimals$} {}", UNITS[unit]))
    }
}

/// A number with its noun, which takes an s unless the number is 1.
pub(crate) struct Counted(pub u64, pub &'static str);

impl fmt::Display for Counted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self(1, noun) => write!(f, "1 {noun}"),
            Self(count, noun) => match noun.strip_suffix('y') {
                Some(stem) if !stem.ends_with(['a', 'e', 'o', 'u']) => write!(f, "{count} {stem}ies"),
                _ => write!(f, "{count} {noun}s"),
            },
        }
    }
}

/// A time cut to whole seconds, so that a column of them is straight.
pub(crate) struct Seconds(pub FileTime);

impl fmt::Display for Seconds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const TICKS: u64 = 10_000_000;
        FileTime(self.0.0 / TICKS * TICKS).fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes() {
        let human = |bytes| Human(bytes).to_string();
        assert_eq!(human(0), "0 B");
        assert_eq!(human(999), "999 B");
        assert_eq!(human(1000), "0.98 KiB");
        assert_eq!(human(1536), "1.50 KiB");
        assert_eq!(human(10 << 20), "10 MiB");
        assert_eq!(human((10 << 20) + (1 << 19)), "10.5 MiB");
        assert_eq!(human(u64::MAX), "16384 PiB");
        assert_eq!(format!("{:>9}", Human(5)), "      5 B");
    }

    #[test]
    fn counts() {
        let counted = |count, noun| Counted(count, noun).to_string();
        assert_eq!(counted(1, "directory"), "1 directory");
        assert_eq!(counted(0, "directory"), "0 directories");
        assert_eq!(counted(2, "file"), "2 files");
    }

    #[test]
    fn seconds() {
        assert_eq!(Seconds(FileTime(12_345_678)).to_string(), "1601-01-01T00:00:01Z");
    }
}
