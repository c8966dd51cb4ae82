//! Values that several commands understand: sizes, compression words, images.

use super::exit::Failure;
use std::str::FromStr;
use wimkit::codec::{Format, Level};

/// Whether `--unix-data` was given, where it has a meaning.
pub(crate) fn unix_data(is_given: bool) -> Result<bool, Failure> {
    if is_given && !cfg!(target_os = "linux") {
        return Err(Failure::message("--unix-data is for Linux: other systems have no such owners, modes and devices")
            .with_hint("leave it out; what an image keeps for Unix stays in it"));
    }
    Ok(is_given)
}

/// A number of bytes, written `1048576`, `1024K`, `1M` or `1MiB`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Size(pub u64);

impl FromStr for Size {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let digits = text.len() - text.trim_start_matches(|c: char| c.is_ascii_digit()).len();
        let (number, unit) = text.split_at(digits);
        let unit = unit.trim_start().to_ascii_lowercase();
        let shift = match unit.strip_suffix("ib").or(unit.strip_suffix('b')).unwrap_or(&unit) {
            "" => 0,
            "k" => 10,
            "m" => 20,
            "g" => 30,
            "t" => 40,
            _ => return Err("expected a number of bytes with K, M, G or T behind it, such as 3800M".into()),
        };
        let number: u64 = number.parse().map_err(|_| String::from("expected a number, such as 3800M"))?;
        number.checked_mul(1 << shift).map(Self).ok_or_else(|| "more bytes than 64 bits can count".into())
    }
}

/// How `--compress` says how to store data.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct CompressionWord {
    /// `None`: uncompressed.
    pub format: Option<Format>,
    /// The level after the colon.
    pub level: Option<Level>,
    /// The word stands for solid resources (DISM's `recovery`).
    pub solid: bool,
}

impl FromStr for CompressionWord {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (word, level) = match text.split_once(':') {
            Some((word, level)) => (word, Some(level)),
            None => (text, None),
        };
        let (format, solid) = match word.to_ascii_lowercase().as_str() {
            "none" => (None, false),
            "xpress" | "fast" => (Some(Format::Xpress), false),
            "lzx" | "max" | "maximum" => (Some(Format::Lzx), false),
            "lzms" => (Some(Format::Lzms), false),
            "recovery" => (Some(Format::Lzms), true),
            _ => return Err("expected none, xpress, lzx or lzms (or DISM's fast, max, recovery)".into()),
        };
        let level = match level {
            None => None,
            Some(_) if format.is_none() => return Err("none has no level".into()),
            Some(level) => {
                let level = level.parse().ok().and_then(Level::new);
                Some(level.ok_or("expected a level from 1 to 9 behind the colon, such as lzx:8")?)
            }
        };
        Ok(Self { format, level, solid })
    }
}

/// Levels, written `5`, `1-9` or `3,5,9`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Levels(pub Vec<Level>);

impl FromStr for Levels {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let level = |number: u32| u8::try_from(number).ok().and_then(Level::new);
        let levels = numbers(text).and_then(|numbers| numbers.into_iter().map(level).collect());
        levels.map(Self).ok_or("expected levels from 1 to 9, such as 1-9 or 3,5,9")
    }
}

/// Which images a command is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum ImageWord {
    /// Every image.
    All,
    /// Images by number, from 1: `2`, `1,3`, `2-4`.
    Numbers(Vec<u32>),
    /// The image of this name. Numbers come first: a name that looks like one does not reach its image.
    Name(String),
}

impl FromStr for ImageWord {
    type Err = std::convert::Infallible;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text.eq_ignore_ascii_case("all") {
            return Ok(Self::All);
        }
        Ok(numbers(text).map_or_else(|| Self::Name(text.into()), Self::Numbers))
    }
}

impl ImageWord {
    /// The numbers of the images among `count`; `None` if there is one that is not.
    pub(crate) fn numbers(&self, count: u32, by_name: impl Fn(&str) -> Option<u32>) -> Option<Vec<u32>> {
        match self {
            Self::All => Some((1..=count).collect()),
            Self::Numbers(numbers) => Some(numbers.clone()).filter(|all| all.iter().all(|n| (1..=count).contains(n))),
            Self::Name(name) => by_name(name).map(|number| vec![number]),
        }
    }
}

/// `2`, `1,3` and `2-4` as numbers, each once, in the order given; `None` for anything else.
fn numbers(text: &str) -> Option<Vec<u32>> {
    /// No WIM has more images.
    const MAX: u32 = 65535;
    let mut numbers = Vec::new();
    for item in text.split(',') {
        let (first, last) = item.split_once('-').unwrap_or((item, item));
        if !first.bytes().chain(last.bytes()).all(|b| b.is_ascii_digit()) {
            return None;
        }
        let (first, last) = (first.parse().ok()?, last.parse().ok().filter(|last| *last <= MAX)?);
        if first > last {
            return None;
        }
        for number in first..=last {
            if !numbers.contains(&number) {
                numbers.push(number);
            }
        }
    }
    Some(numbers)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes() {
        let size = |text: &str| text.parse::<Size>().map(|size| size.0);
        assert_eq!(size("0"), Ok(0));
        assert_eq!(size("3800M"), Ok(3800 << 20));
        assert_eq!(size("4GiB"), Ok(4 << 30));
        assert_eq!(size("4 gb"), Ok(4 << 30));
        assert_eq!(size("17b"), Ok(17));
        for wrong in ["", "M", "-1", "1.5G", "12Q", "99999999999999999999", "20000000T", "1i"] {
            assert!(size(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn compression_words() {
        let word = |text: &str| text.parse::<CompressionWord>();
        let plain = |format| CompressionWord { format, level: None, solid: false };
        assert_eq!(word("none"), Ok(plain(None)));
        assert_eq!(word("fast"), Ok(plain(Some(Format::Xpress))));
        assert_eq!(word("MAX"), Ok(plain(Some(Format::Lzx))));
        assert_eq!(word("recovery"), Ok(CompressionWord { solid: true, ..plain(Some(Format::Lzms)) }));
        assert_eq!(word("lzx:8"), Ok(CompressionWord { level: Level::new(8), ..plain(Some(Format::Lzx)) }));
        for wrong in ["zip", "lzx:", "lzx:0", "lzx:10", "none:3", ""] {
            assert!(word(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn levels() {
        let levels =
            |text: &str| text.parse::<Levels>().map(|levels| levels.0.iter().map(|level| level.get()).collect());
        assert_eq!(levels("5"), Ok(vec![5]));
        assert_eq!(levels("3,7-9"), Ok(vec![3, 7, 8, 9]));
        for wrong in ["", "0-3", "8-10", "fast", "300"] {
            assert!(levels(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn image_words() {
        let word = |text: &str| text.parse::<ImageWord>().unwrap();
        assert_eq!(word("ALL"), ImageWord::All);
        assert_eq!(word("7"), ImageWord::Numbers(vec![7]));
        assert_eq!(word("3,1-2,2"), ImageWord::Numbers(vec![3, 1, 2]));
        for name in ["Windows 11 Pro", "1-", "-1", "4-2", "", "1,,2", "+1", "1-99999999", "99999999999"] {
            assert_eq!(word(name), ImageWord::Name(name.into()), "{name}");
        }
    }
}
