//! The codes that DISM and the component store answer with.

use std::fmt;
use std::str::FromStr;

/// What a program ended with: a Win32 code or an HRESULT.
///
/// The two notations of one code are equal: `0x80070002` is Windows' way to put Win32 code 2 into an HRESULT, and DISM ends
/// with either.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Code(u32);

/// HRESULTs that carry a Win32 code have this in their upper half.
const FACILITY_WIN32: u32 = 0x8007_0000;

impl Code {
    /// All went well.
    pub const SUCCESS: Self = Self(0);

    /// The code with these bits.
    pub const fn new(bits: u32) -> Self {
        // A zero in the lower half would become success.
        let is_win32 = bits & 0xFFFF_0000 == FACILITY_WIN32 && bits != FACILITY_WIN32;
        Self(if is_win32 { bits & 0xFFFF } else { bits })
    }

    /// The exit code of a process, which is an HRESULT as a signed number or a small one.
    pub fn of_exit(exit: i32) -> Self {
        Self::new(exit.cast_unsigned())
    }

    /// Its bits; of a Win32 code without what makes an HRESULT of it.
    pub const fn bits(self) -> u32 {
        self.0
    }

    /// Whether it is a Win32 code.
    pub const fn is_win32(self) -> bool {
        self.0 <= 0xFFFF
    }

    /// The HRESULT.
    pub const fn hresult(self) -> u32 {
        if self.0 != 0 && self.is_win32() { FACILITY_WIN32 | self.0 } else { self.0 }
    }

    /// What an exit code that is an HRESULT looks like.
    pub const fn signed(self) -> i32 {
        self.hresult().cast_signed()
    }
}

/// Win32 codes are written as numbers, others as HRESULTs.
impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_win32() { f.pad(&self.0.to_string()) } else { f.pad(&format!("{:#010X}", self.0).replace('X', "x")) }
    }
}

/// A text that is no code.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no code: a decimal number such as -2146498554, or a hexadecimal one such as 0x800F0806")]
pub struct ParseCodeError(String);

impl FromStr for Code {
    type Err = ParseCodeError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let wrong = || ParseCodeError(text.to_owned());
        let digits = text.strip_prefix("0x").or_else(|| text.strip_prefix("0X"));
        let bits = match digits {
            // The parser of numbers takes a sign, which hexadecimal codes do not have.
            Some(digits) if digits.starts_with('+') => None,
            Some(digits) => u32::from_str_radix(digits, 16).ok(),
            None if text.starts_with('-') => text.parse::<i32>().ok().map(i32::cast_unsigned),
            None if text.starts_with('+') => None,
            None => text.parse().ok(),
        };
        bits.map(Self::new).ok_or_else(wrong)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_notation_of_a_code() {
        let code = |text: &str| text.parse::<Code>().unwrap();
        assert_eq!(code("-2146498554"), Code::new(0x800F_0806));
        assert_eq!(code("0x800f0806"), code("2148468742"));
        assert_eq!((code("0x80070002"), code("2").hresult()), (code("2"), 0x8007_0002));
        assert_eq!(code("-2147024770"), code("126"));
        assert_eq!(Code::of_exit(-2_147_024_770).signed(), -2_147_024_770);
        assert_eq!((code("0").hresult(), code("0x80070000").bits()), (0, 0x8007_0000));
        assert_eq!((code("126").to_string(), code("0x800f0806").to_string()), ("126".into(), "0x800F0806".into()));
        for wrong in ["", "-", "0x", "0x800F0806A", "4294967296", "-2147483649", "+5", "0x+5", "x", "1.5"] {
            assert!(wrong.parse::<Code>().is_err(), "{wrong}");
        }
    }
}
