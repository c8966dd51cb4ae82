//! Numbers as people read them.

use std::fmt;

/// Bytes with three significant digits and a binary unit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Human(pub u64);

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
}
