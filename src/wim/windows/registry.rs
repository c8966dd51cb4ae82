//! What the registry tells about its Windows.

use super::Description;
use crate::hive::{Hive, HiveError, Key, Value};
use crate::wim::xml::{FallbackLanguage, WindowsVersion};

/// No Windows has so many languages; a damaged hive may say that it has.
const MAX_LANGUAGES: usize = 256;

/// A hive that is asked for single values, and the first thing that is wrong with it. The rest may still be had.
pub(super) struct Registry<'h> {
    hive: &'h Hive<'h>,
    pub(super) error: Option<HiveError>,
}

impl<'h> Registry<'h> {
    pub(super) fn new(hive: &'h Hive<'h>) -> Self {
        Self { hive, error: None }
    }

    fn note<T>(&mut self, result: Result<Option<T>, HiveError>) -> Option<T> {
        result.unwrap_or_else(|error| {
            self.error.get_or_insert(error);
            None
        })
    }

    fn key(&mut self, path: &str) -> Option<Key<'h>> {
        self.note(self.hive.key(path))
    }

    fn value(&mut self, key: Option<&Key<'_>>, name: &str) -> Option<Value> {
        self.note(key?.value(name))
    }

    fn text(&mut self, key: Option<&Key<'_>>, name: &str) -> Option<String> {
        self.value(key, name)?.text().filter(|text| !text.is_empty())
    }

    fn number(&mut self, key: Option<&Key<'_>>, name: &str) -> Option<u32> {
        self.value(key, name)?.number().and_then(|number| number.try_into().ok())
    }

    /// The control set that the next start would use.
    fn control_set(&mut self) -> u32 {
        let select = self.key("Select");
        self.number(select.as_ref(), "Current").filter(|number| (1..1000).contains(number)).unwrap_or(1)
    }
}

/// Takes in what the hive SOFTWARE tells: edition and version.
pub(super) fn software(registry: &mut Registry<'_>, found: &mut Description) {
    let current = registry.key("Microsoft\\Windows NT\\CurrentVersion");
    let current = current.as_ref();
    let info = &mut found.info;
    info.edition_id = registry.text(current, "EditionID");
    info.installation_type = registry.text(current, "InstallationType");
    info.branch = registry.text(current, "BuildBranch");
    found.registered_name = registry.text(current, "ProductName");
    // Until Windows 8.1, the version was a text alone; since then that text is always 6.3.
    let old = registry.text(current, "CurrentVersion");
    let old = old.as_deref().and_then(|text| text.split_once('.'));
    let old = old.and_then(|(major, minor)| major.parse().ok().zip(minor.parse().ok()));
    let new = registry.number(current, "CurrentMajorVersionNumber");
    let new = new.zip(registry.number(current, "CurrentMinorVersionNumber"));
    // In old versions, the first of the two names has a text with dots.
    let builds = ["CurrentBuild", "CurrentBuildNumber"].map(|name| registry.text(current, name));
    let build = builds.into_iter().flatten().find_map(|text| text.parse().ok());
    let revision = registry.number(current, "UBR").unwrap_or(0);
    let version = new.or(old).zip(build);
    info.version = version.map(|((major, minor), build)| WindowsVersion { major, minor, build, revision });
}

/// Takes in what the hive SYSTEM tells: product, languages, service pack.
pub(super) fn system(registry: &mut Registry<'_>, found: &mut Description) {
    let info = &mut found.info;
    let control = format!("ControlSet{:03}\\Control", registry.control_set());
    let product = registry.key(&format!("{control}\\ProductOptions"));
    info.product_type = registry.text(product.as_ref(), "ProductType");
    // A product of no suite has an empty list, and that is stated.
    let suites = registry.value(product.as_ref(), "ProductSuite").and_then(|value| value.texts());
    info.product_suite = suites.map(|suites| suites.into_iter().next().unwrap_or_default());
    let computer = registry.key(&format!("{control}\\Class\\{{4D36E966-E325-11CE-BFC1-08002BE10318}}\\0000"));
    info.hal = registry.text(computer.as_ref(), "MatchingDeviceId");

    let windows = registry.key(&format!("{control}\\Windows"));
    info.service_pack_level = registry.number(windows.as_ref(), "CSDVersion").map(|version| version >> 8);
    let service_pack_build = registry.number(windows.as_ref(), "CSDBuildNumber");
    if let Some(version) = info.version.as_mut().filter(|version| version.revision == 0) {
        version.revision = service_pack_build.unwrap_or(0);
    }

    let default = registry.key(&format!("{control}\\Nls\\Language"));
    let default = registry.text(default.as_ref(), "InstallLanguage");
    let default = default.and_then(|digits| u32::from_str_radix(&digits, 16).ok());
    let languages =
        registry.key(&format!("{control}\\MUI\\UILanguages")).map(|key| key.first_subkeys(MAX_LANGUAGES).map(Some));
    let languages = languages.and_then(|languages| registry.note(languages)).unwrap_or_default();
    for language in &languages {
        let name = || language.name().to_owned();
        info.languages.push(name());
        if let Some(fallback) = registry.text(Some(language), "DefaultFallback") {
            info.fallback_languages.push(FallbackLanguage { of: name(), language: fallback });
        }
        if default.is_some() && registry.number(Some(language), "LCID") == default {
            info.default_language = Some(name());
        }
    }
}
