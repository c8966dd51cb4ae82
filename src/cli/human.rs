//! Numbers and times as people read them.

use std::fmt;
use wimkit::util::filetime::FileTime;
pub(crate) use wimkit::util::human::Human;

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
