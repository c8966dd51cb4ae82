//! `lang.ini`: the languages that Setup offers.

use crate::util::utf16;

/// The largest that is read, in bytes.
pub const MAX_NBYTES: u64 = 64 << 10;

/// What a `lang.ini` says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LangIni {
    /// The languages in the order of the file, in lower case, each with its number; 3 is that of the default.
    pub languages: Vec<(String, u32)>,
    /// Languages with the one that stands in for each.
    pub fallbacks: Vec<(String, String)>,
}

/// What is wrong with a `lang.ini`.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum LangIniError {
    /// Neither UTF-8 nor UTF-16 with a byte order mark.
    #[error("it is neither ASCII nor UTF-16 with a byte order mark")]
    Encoding,
    /// It lacks what it is for.
    #[error("the section [Available UI Languages] is missing")]
    NoLanguages,
    /// A line that means nothing.
    #[error("line {line}: expected `language = {expected}`, found {found:?}")]
    Line {
        /// Its number, from 1.
        line: usize,
        /// What stands behind the equals sign.
        expected: &'static str,
        /// The line.
        found: String,
    },
    /// More than one default.
    #[error("line {line}: a second language has number 3, which marks the default")]
    SecondDefault {
        /// Its number, from 1.
        line: usize,
    },
}

impl LangIni {
    /// Reads a file's bytes.
    ///
    /// # Errors
    /// [`LangIniError`].
    pub fn parse(bytes: &[u8]) -> Result<Self, LangIniError> {
        let text = match bytes.strip_prefix(&[0xFF, 0xFE]) {
            Some(wide) => utf16::to_string(wide).ok_or(LangIniError::Encoding)?,
            None => str::from_utf8(bytes.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(bytes))
                .map_err(|_| LangIniError::Encoding)?
                .to_owned(),
        };
        let mut parsed = Self::default();
        let mut section = String::new();
        let mut has_languages = false;
        for (index, line) in text.lines().map(str::trim).enumerate() {
            if line.is_empty() || line.starts_with(';') {
                continue;
            }
            if let Some(name) = line.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
                section = name.trim().to_lowercase();
                has_languages |= section == "available ui languages";
                continue;
            }
            let wrong = |expected| LangIniError::Line { line: index + 1, expected, found: line.to_owned() };
            let pair = line.split_once('=').map(|(key, value)| (key.trim().to_lowercase(), value.trim()));
            let pair = pair.filter(|(key, _)| is_tag(key));
            match &*section {
                "available ui languages" => {
                    let (language, value) = pair.ok_or_else(|| wrong("number"))?;
                    let number = value.parse().map_err(|_| wrong("number"))?;
                    if number == 3 && parsed.default_language().is_some() {
                        return Err(LangIniError::SecondDefault { line: index + 1 });
                    }
                    parsed.languages.push((language, number));
                }
                "fallback languages" => {
                    let (language, value) = pair.ok_or_else(|| wrong("language"))?;
                    let fallback = Some(value.to_lowercase()).filter(|value| is_tag(value));
                    parsed.fallbacks.push((language, fallback.ok_or_else(|| wrong("language"))?));
                }
                _ => {}
            }
        }
        if has_languages { Ok(parsed) } else { Err(LangIniError::NoLanguages) }
    }

    /// The language that is marked as the default.
    pub fn default_language(&self) -> Option<&str> {
        self.languages.iter().find(|(_, number)| *number == 3).map(|(language, _)| language.as_str())
    }
}

/// Whether it has the form of a language's tag: letters, then groups of letters and digits behind hyphens.
pub(crate) fn is_tag(text: &str) -> bool {
    let mut parts = text.split('-');
    let is_group = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_alphanumeric());
    let first = parts.next().unwrap_or_default();
    !first.is_empty() && first.bytes().all(|byte| byte.is_ascii_alphabetic()) && parts.all(is_group)
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str =
        "\r\n[Available UI Languages]\r\nen-us = 3\r\nde-DE=1\r\n\r\n[Fallback Languages]\r\nde-de = en-us\r\n";

    #[test]
    fn both_encodings() {
        let expected = LangIni {
            languages: vec![("en-us".into(), 3), ("de-de".into(), 1)],
            fallbacks: vec![("de-de".into(), "en-us".into())],
        };
        assert_eq!(LangIni::parse(TEXT.as_bytes()).as_ref(), Ok(&expected));
        let wide = [&[0xFF, 0xFE][..], &utf16::from_str(TEXT)].concat();
        assert_eq!(LangIni::parse(&wide).as_ref(), Ok(&expected));
        assert_eq!(expected.default_language(), Some("en-us"));
    }

    #[test]
    fn what_is_wrong() {
        let error = |text: &str| LangIni::parse(text.as_bytes()).unwrap_err().to_string();
        assert_eq!(error(""), "the section [Available UI Languages] is missing");
        assert!(error("[Available UI Languages]\nen-us = x").starts_with("line 2: expected `language = number`"));
        assert!(error("[Available UI Languages]\n-us = 1").starts_with("line 2"));
        assert!(error("[Available UI Languages]\nen-us = 3\nde-de = 3").starts_with("line 3: a second"));
        assert_eq!(LangIni::parse(b"\x80"), Err(LangIniError::Encoding));
        assert_eq!(LangIni::parse(b"\xFF\xFE\x00"), Err(LangIniError::Encoding));
    }
}
