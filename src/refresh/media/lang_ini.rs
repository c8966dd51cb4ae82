//! `lang.ini`: the languages that Setup offers.

use std::collections::BTreeSet;

use crate::util::utf16;

/// The language that stands in for others where nothing else is stated.
const COMMON: &str = "en-us";
/// The mark at the beginning of UTF-16.
const WIDE: [u8; 2] = [0xFF, 0xFE];
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

/// The languages that there are.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Languages {
    /// Those of each image of the system; of one that states none it is not known.
    pub images: Vec<Vec<String>>,
    /// Those whose packs lie on the media.
    pub packs: Vec<String>,
    /// The default of the first image.
    pub default: Option<String>,
    /// Languages with the one that stands in for each, as images state it.
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
        let text = match bytes.strip_prefix(&WIDE) {
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

    /// The file as it is after languages were added. Languages are those of the images and of packs on the media. Entries that are
    /// there keep their numbers; new ones get 0 where the images have the language, and 1 where only a pack does; the default gets
    /// 3. Languages that nobody has go, if it is known what all images have.
    pub fn renewed(&self, found: &Languages) -> Self {
        let lower = |text: &String| text.to_lowercase();
        let installed: BTreeSet<String> = found.images.iter().flatten().map(lower).filter(|tag| is_tag(tag)).collect();
        let mut all: BTreeSet<String> = installed.iter().cloned().chain(found.packs.iter().map(lower)).collect();
        if found.images.iter().any(Vec::is_empty) || found.images.is_empty() {
            all.extend(self.languages.iter().map(|(language, _)| language.clone()));
        }
        let stated = found.default.as_ref().map(lower).filter(|language| all.contains(language));
        let before = self.default_language().filter(|language| all.contains(*language)).map(str::to_owned);
        let default = stated.or(before).or_else(|| all.first().cloned()).unwrap_or_default();
        let number = |language: &String| match self.languages.iter().find(|(own, _)| own == language) {
            _ if *language == default => 3,
            Some((_, number)) if *number != 3 => *number,
            Some(_) => 0,
            None => u32::from(!installed.contains(language)),
        };
        // The default first, then by their names.
        let mut ordered: Vec<&String> = all.iter().collect();
        ordered.sort_by_key(|language| (**language != default, language.as_str()));
        let fallback = |language: &String| {
            let stated = found.fallbacks.iter().find(|(of, _)| of.eq_ignore_ascii_case(language));
            let stated = stated.map(|(_, fallback)| fallback.to_lowercase()).filter(|fallback| is_tag(fallback));
            let common = all.contains(COMMON).then(|| COMMON.to_owned());
            (language.clone(), stated.or(common).unwrap_or_else(|| default.clone()))
        };
        Self {
            languages: ordered.iter().map(|language| ((*language).clone(), number(language))).collect(),
            fallbacks: ordered.iter().map(|language| fallback(language)).collect(),
        }
    }

    /// The bytes of the file, in the encoding of `before`.
    pub fn to_bytes(&self, before: &[u8]) -> Vec<u8> {
        let mut text = "\r\n[Available UI Languages]\r\n".to_owned();
        self.languages.iter().for_each(|(language, number)| text += &format!("{language} = {number}\r\n"));
        text += "\r\n[Fallback Languages]\r\n";
        self.fallbacks.iter().for_each(|(language, fallback)| text += &format!("{language} = {fallback}\r\n"));
        match before.starts_with(&WIDE) {
            true => [&WIDE[..], &utf16::from_str(&text)].concat(),
            false => text.into_bytes(),
        }
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

    /// The cases are those of the rules, one by one.
    #[test]
    fn after_languages_were_added() {
        let list = |tags: &[&str]| tags.iter().map(|tag| (*tag).to_owned()).collect::<Vec<_>>();
        let before = LangIni::parse(b"[Available UI Languages]\nen-us = 3\nde-de = 2\nfr-fr = 1\n").unwrap();
        let found = Languages {
            images: vec![list(&["en-US", "ja-JP"]), list(&["en-US", "de-DE"])],
            packs: list(&["pl-pl", "ja-jp"]),
            default: Some("en-US".into()),
            fallbacks: vec![("ja-JP".into(), "de-DE".into())],
        };
        let expected = "\r\n[Available UI Languages]\r\nen-us = 3\r\nde-de = 2\r\nja-jp = 0\r\npl-pl = 1\r\n\r\n\
                        [Fallback Languages]\r\nen-us = en-us\r\nde-de = en-us\r\nja-jp = de-de\r\npl-pl = en-us\r\n";
        let text =
            |before: &LangIni, found: &Languages| String::from_utf8(before.renewed(found).to_bytes(b"")).unwrap();
        assert_eq!(text(&before, &found), expected);
        // What it says is what is read of it, and it is not renewed twice.
        let renewed = before.renewed(&found);
        let wide = renewed.to_bytes(&[0xFF, 0xFE, b'\r', 0]);
        assert!(wide.starts_with(&[0xFF, 0xFE]));
        assert_eq!(
            [LangIni::parse(&wide), LangIni::parse(expected.as_bytes())],
            [Ok(renewed.clone()), Ok(renewed.clone())]
        );
        assert_eq!(renewed.renewed(&found), renewed);
        // Another default; without English it stands in for the others.
        let found = Languages {
            images: vec![list(&["de-DE", "ja-JP"])],
            default: Some("ja-JP".into()),
            ..Languages::default()
        };
        let expected = "\r\n[Available UI Languages]\r\nja-jp = 3\r\nde-de = 2\r\n\r\n\
                        [Fallback Languages]\r\nja-jp = ja-jp\r\nde-de = ja-jp\r\n";
        assert_eq!(text(&before, &found), expected);
        // Of images that state nothing it is not known what they lack.
        let found = Languages { images: vec![Vec::new(), list(&["ja-JP"])], ..Languages::default() };
        let renewed = before.renewed(&found);
        let languages: Vec<_> = renewed.languages.iter().map(|(language, number)| (&**language, *number)).collect();
        assert_eq!(languages, [("en-us", 3), ("de-de", 2), ("fr-fr", 1), ("ja-jp", 0)]);
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
