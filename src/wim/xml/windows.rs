//! The WINDOWS element: which Windows an image holds.

use std::fmt;

use super::element::{Element, check_characters};
use super::error::XmlError;
use crate::pe::FileVersion;

/// A processor architecture, by the number that Windows gives it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Architecture(pub u32);

impl Architecture {
    /// Its usual name; `None` for a number without one.
    pub fn name(self) -> Option<&'static str> {
        Some(match self.0 {
            0 => "x86",
            5 => "arm",
            6 => "ia64",
            9 => "x64",
            12 => "arm64",
            _ => return None,
        })
    }
}

impl fmt::Display for Architecture {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name() {
            Some(name) => f.write_str(name),
            None => write!(f, "unknown ({})", self.0),
        }
    }
}

impl serde::Serialize for Architecture {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// A version of Windows, such as 10.0.26100.4061.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct WindowsVersion {
    /// 10 for Windows 10 and 11.
    pub major: u32,
    /// 0 for Windows 10 and 11.
    pub minor: u32,
    /// The build.
    pub build: u32,
    /// The revision of the build (UBR), which each cumulative update raises.
    pub revision: u32,
}

impl From<FileVersion> for WindowsVersion {
    fn from(FileVersion([major, minor, build, revision]): FileVersion) -> Self {
        let [major, minor, build, revision] = [major, minor, build, revision].map(u32::from);
        Self { major, minor, build, revision }
    }
}

impl fmt::Display for WindowsVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}.{}", self.major, self.minor, self.build, self.revision)
    }
}

impl serde::Serialize for WindowsVersion {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// A language that stands in for what another one lacks.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct FallbackLanguage {
    /// The language that may lack something.
    pub of: String,
    /// The one that stands in for it.
    pub language: String,
}

/// What the document says about the Windows in an image. What is absent or empty is `None`.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct WindowsInfo {
    /// The processor it runs on.
    pub architecture: Option<Architecture>,
    /// Such as `Microsoft® Windows® Operating System`.
    pub product_name: Option<String>,
    /// Such as `Professional` or `WindowsPE`.
    pub edition_id: Option<String>,
    /// Such as `Client`, `Server` or `WindowsPE`.
    pub installation_type: Option<String>,
    /// Such as `WinNT` or `ServerNT`.
    pub product_type: Option<String>,
    /// Such as `Terminal Server`.
    pub product_suite: Option<String>,
    /// The hardware abstraction layer, such as `acpiapic`.
    pub hal: Option<String>,
    /// The installed languages, in order.
    pub languages: Vec<String>,
    /// For a language, the one that stands in for what it lacks.
    pub fallback_languages: Vec<FallbackLanguage>,
    /// The language that is used unless another is chosen.
    pub default_language: Option<String>,
    /// The version, if its four numbers are stated; a missing revision counts as 0.
    pub version: Option<WindowsVersion>,
    /// The service pack.
    pub service_pack_level: Option<u32>,
    /// The branch it was built from.
    pub branch: Option<String>,
    /// The name of the Windows directory.
    pub system_root: Option<String>,
}

impl WindowsInfo {
    pub(super) fn from_element(windows: &Element) -> Self {
        let text = |element: Option<&Element>| element.map(|e| e.text().into_owned()).filter(|text| !text.is_empty());
        let own = |name| text(windows.child(name));
        let version = windows.child("VERSION");
        let of_version = |name| text(version.and_then(|version| version.child(name)));
        let number = |name| of_version(name)?.parse::<u32>().ok();
        let languages = windows.child("LANGUAGES");
        let called = |name| languages.into_iter().flat_map(Element::elements).filter(move |e| e.name == name);
        let fallback = |element: &Element| FallbackLanguage {
            of: element.attribute("LANGUAGE").unwrap_or_default().to_owned(),
            language: element.text().into_owned(),
        };
        Self {
            architecture: own("ARCH").and_then(|arch| arch.parse().ok()).map(Architecture),
            product_name: own("PRODUCTNAME"),
            edition_id: own("EDITIONID"),
            installation_type: own("INSTALLATIONTYPE"),
            product_type: own("PRODUCTTYPE"),
            product_suite: own("PRODUCTSUITE"),
            hal: own("HAL"),
            languages: called("LANGUAGE").map(|e| e.text().into_owned()).collect(),
            fallback_languages: called("FALLBACK").map(fallback).collect(),
            default_language: text(languages.and_then(|languages| languages.child("DEFAULT"))),
            version: number("MAJOR").zip(number("MINOR")).zip(number("BUILD")).map(|((major, minor), build)| {
                WindowsVersion { major, minor, build, revision: number("SPBUILD").unwrap_or(0) }
            }),
            service_pack_level: number("SPLEVEL"),
            branch: of_version("BRANCH"),
            system_root: own("SYSTEMROOT"),
        }
    }

    /// States all of it that is known; what is not stays as it was.
    ///
    /// # Errors
    /// A text has characters that XML does not have: see [`Self::drop_impossible_texts`].
    pub(super) fn write(&self, windows: &mut Element) -> Result<(), XmlError> {
        let number = |number: Option<u32>| number.map(|number| number.to_string());
        let of_version = |part: fn(&WindowsVersion) -> u32| number(self.version.as_ref().map(part));
        let texts = [
            ("ARCH", number(self.architecture.map(|architecture| architecture.0))),
            ("PRODUCTNAME", self.product_name.clone()),
            ("EDITIONID", self.edition_id.clone()),
            ("INSTALLATIONTYPE", self.installation_type.clone()),
            ("HAL", self.hal.clone()),
            ("PRODUCTTYPE", self.product_type.clone()),
            ("PRODUCTSUITE", self.product_suite.clone()),
            ("VERSION/MAJOR", of_version(|version| version.major)),
            ("VERSION/MINOR", of_version(|version| version.minor)),
            ("VERSION/BUILD", of_version(|version| version.build)),
            ("VERSION/SPBUILD", of_version(|version| version.revision)),
            ("VERSION/SPLEVEL", number(self.service_pack_level)),
            ("VERSION/BRANCH", self.branch.clone()),
            ("SYSTEMROOT", self.system_root.clone()),
        ];
        for (path, text) in texts {
            if let Some(text) = text {
                windows.replace(path, &text)?;
            }
        }
        if !self.languages.is_empty() {
            windows.remove("LANGUAGES")?;
            windows.insert(self.languages_element());
        }
        Ok(())
    }

    fn languages_element(&self) -> Element {
        let mut languages = Element::new("LANGUAGES");
        self.languages.iter().for_each(|language| languages.insert(Element::with_text("LANGUAGE", language)));
        for FallbackLanguage { of, language } in &self.fallback_languages {
            let attributes = vec![("LANGUAGE".to_owned(), of.clone())];
            languages.insert(Element { attributes, ..Element::with_text("FALLBACK", language) });
        }
        let default = self.default_language.iter();
        default.for_each(|default| languages.insert(Element::with_text("DEFAULT", default)));
        languages
    }

    /// Drops texts that come from nobody knows where and that XML cannot hold; answers how many.
    pub(in crate::wim) fn drop_impossible_texts(&mut self) -> usize {
        let mut dropped = 0;
        let texts = [
            &mut self.product_name,
            &mut self.edition_id,
            &mut self.installation_type,
            &mut self.product_type,
            &mut self.product_suite,
            &mut self.hal,
            &mut self.default_language,
            &mut self.branch,
            &mut self.system_root,
        ];
        for text in texts {
            dropped += usize::from(text.take_if(|text| !is_possible(text)).is_some());
        }
        let before = self.languages.len() + self.fallback_languages.len();
        self.languages.retain(|language| is_possible(language));
        self.fallback_languages.retain(|fallback| is_possible(&fallback.of) && is_possible(&fallback.language));
        dropped + before - self.languages.len() - self.fallback_languages.len()
    }
}

/// Whether XML can hold a text.
pub(in crate::wim) fn is_possible(text: &str) -> bool {
    check_characters(text, String::new).is_ok()
}
