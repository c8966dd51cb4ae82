//! What kind of update a package is.
//!
//! A package is known by what is in it: by the identity and the release type of its manifest and the names of its members.
//! A file can be called anything, so its own name counts for nothing here. The tests stand in an ordered table; the first
//! that holds decides.

use std::fmt;

use super::identity::{Kb, starts_with};
use super::mum::Mum;

/// The update that takes Adobe Flash Player away. Later cumulative updates of some releases have it in them.
pub const FLASH_REMOVAL: Kb = Kb(4_577_586);

/// The kind of a package.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Class {
    /// Setup Dynamic Update: files for the media's `sources`.
    SetupDu,
    /// Safe OS Dynamic Update: for Windows RE.
    SafeOsDu,
    /// Servicing stack update.
    ServicingStack,
    /// Latest cumulative update.
    Cumulative,
    /// Hotpatch: for running systems, not for images.
    Hotpatch,
    /// Cumulative update for .NET Framework.
    DotNet,
    /// A revision of another update.
    Revised,
    /// Windows feature experience pack.
    ExperiencePack,
    /// What turns features on that a cumulative update has brought, and raises the build number.
    Enablement,
    /// Removal of Adobe Flash Player.
    FlashRemoval,
    /// Language pack for Windows PE and RE.
    PeLanguagePack,
    /// Fonts for Windows PE and RE.
    PeFontSupport,
    /// Speech for Windows PE and RE.
    PeTextToSpeech,
    /// Another optional component for Windows PE and RE, or the part of one for a language.
    PeComponent,
    /// Language pack.
    LanguagePack,
    /// Feature on demand.
    FeatureOnDemand,
    /// Drivers.
    Drivers,
    /// Another update.
    Update,
    /// Another package for component servicing.
    Other,
    /// No package that is known.
    Unknown,
}

impl Class {
    /// Each of them.
    pub const ALL: [Self; 20] = [
        Self::SetupDu,
        Self::SafeOsDu,
        Self::ServicingStack,
        Self::Cumulative,
        Self::Hotpatch,
        Self::DotNet,
        Self::Revised,
        Self::ExperiencePack,
        Self::Enablement,
        Self::FlashRemoval,
        Self::PeLanguagePack,
        Self::PeFontSupport,
        Self::PeTextToSpeech,
        Self::PeComponent,
        Self::LanguagePack,
        Self::FeatureOnDemand,
        Self::Drivers,
        Self::Update,
        Self::Other,
        Self::Unknown,
    ];

    /// One word for it, as JSON documents have it.
    pub fn name(self) -> &'static str {
        match self {
            Self::SetupDu => "setup-du",
            Self::SafeOsDu => "safe-os-du",
            Self::ServicingStack => "servicing-stack",
            Self::Cumulative => "cumulative",
            Self::Hotpatch => "hotpatch",
            Self::DotNet => "dotnet",
            Self::Revised => "revised",
            Self::ExperiencePack => "experience-pack",
            Self::Enablement => "enablement",
            Self::FlashRemoval => "flash-removal",
            Self::PeLanguagePack => "winpe-language-pack",
            Self::PeFontSupport => "winpe-font-support",
            Self::PeTextToSpeech => "winpe-text-to-speech",
            Self::PeComponent => "winpe-component",
            Self::LanguagePack => "language-pack",
            Self::FeatureOnDemand => "feature-on-demand",
            Self::Drivers => "drivers",
            Self::Update => "update",
            Self::Other => "other",
            Self::Unknown => "unknown",
        }
    }

    /// What it is, in words.
    pub fn title(self) -> &'static str {
        match self {
            Self::SetupDu => "Setup Dynamic Update",
            Self::SafeOsDu => "Safe OS Dynamic Update",
            Self::ServicingStack => "Servicing stack update",
            Self::Cumulative => "Cumulative update",
            Self::Hotpatch => "Hotpatch",
            Self::DotNet => ".NET Framework cumulative update",
            Self::Revised => "Revised update",
            Self::ExperiencePack => "Feature experience pack",
            Self::Enablement => "Enablement package",
            Self::FlashRemoval => "Removal of Adobe Flash Player",
            Self::PeLanguagePack => "Windows PE language pack",
            Self::PeFontSupport => "Windows PE font support",
            Self::PeTextToSpeech => "Windows PE text-to-speech",
            Self::PeComponent => "Windows PE optional component",
            Self::LanguagePack => "Language pack",
            Self::FeatureOnDemand => "Feature on demand",
            Self::Drivers => "Drivers",
            Self::Update => "Update",
            Self::Other => "Component package",
            Self::Unknown => "Unknown",
        }
    }
}

impl fmt::Display for Class {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// What a package shows of itself.
pub(super) struct Evidence<'a> {
    mum: Option<&'a Mum>,
    /// The paths of its members, in lower case with `\` between the parts.
    paths: Vec<String>,
}

impl<'a> Evidence<'a> {
    pub(super) fn new<'p>(mum: Option<&'a Mum>, paths: impl Iterator<Item = &'p str>) -> Self {
        Self { mum, paths: paths.map(comparable).collect() }
    }

    /// Whether the package's name begins with one of these.
    fn is_called(&self, starts: &[&str]) -> bool {
        self.mum.is_some_and(|mum| starts.iter().any(|start| mum.identity.starts_with(start)))
    }

    fn has_release_type(&self, types: &[&str]) -> bool {
        let found = self.mum.and_then(|mum| mum.release_type.as_deref());
        found.is_some_and(|found| types.iter().any(|name| found.eq_ignore_ascii_case(name)))
    }

    fn is_bare(&self) -> bool {
        self.mum.is_none()
    }

    /// The names of members at the top that a test is about.
    fn count_at_top(&self, is_meant: impl Fn(&str) -> bool) -> usize {
        self.paths.iter().filter(|path| !path.contains('\\') && is_meant(path)).count()
    }

    fn has(&self, is_meant: impl Fn(&str) -> bool) -> bool {
        self.paths.iter().any(|path| is_meant(path))
    }

    /// Whether there is a manifest of a component whose name begins with one of these.
    fn has_component(&self, names: &[&str]) -> bool {
        self.has(|path| component(path).is_some_and(|component| names.iter().any(|name| component.starts_with(name))))
    }

    /// Whether it is a cumulative update, or holds one.
    fn has_rollup(&self) -> bool {
        self.is_called(&[ROLLUP]) || self.has(|path| path.ends_with(".mum") && starts_with(path, ROLLUP))
    }

    /// Whether more than half of its components belong to .NET Framework 4.
    fn is_mostly_dotnet(&self) -> bool {
        let components = self.paths.iter().filter_map(|path| component(path));
        let (all, dotnet) = components.fold((0, 0), |(all, dotnet), component| {
            (all + 1, dotnet + usize::from(component.starts_with("netfx4") || component.contains("_netfx4")))
        });
        2 * dotnet > all
    }
}

/// A member's path as the tests have it.
pub(super) fn comparable(path: &str) -> String {
    path.replace('/', "\\").trim_start_matches('\\').to_lowercase()
}

/// The part of a component manifest's name that begins with the component's: they are called
/// `amd64_microsoft-windows-core_31bf3856ad364e35_10.0.26100.1_none_a943f5e781a44c5c.manifest`.
fn component(path: &str) -> Option<&str> {
    let name = path.strip_suffix(".manifest").filter(|name| !name.contains('\\'))?;
    name.split_once('_').map(|(_, component)| component)
}

const ROLLUP: &str = "Package_for_RollupFix";

/// Files of Setup, two of which at the top of a cabinet tell a Setup Dynamic Update.
const SETUP_FILES: [&str; 6] =
    ["setup.exe", "setuphost.exe", "setupcore.dll", "setupprep.exe", "setupplatform.dll", "winsetup.dll"];

/// Release types of updates, where the identity says nothing.
const UPDATE_TYPES: [&str; 6] =
    ["Update", "Hotfix", "Security Update", "Critical Update", "Software Update", "Service Pack"];

struct Test {
    class: Class,
    /// What holds, in words.
    why: &'static str,
    holds: fn(&Evidence<'_>) -> bool,
}

const fn test(class: Class, why: &'static str, holds: fn(&Evidence<'_>) -> bool) -> Test {
    Test { class, why, holds }
}

/// From the particular to the general.
const TESTS: &[Test] = &[
    test(Class::SetupDu, "no update.mum, and files of Setup", |it| {
        it.is_bare()
            && it.count_at_top(|name| {
                SETUP_FILES.contains(&name) || name.starts_with("appraiser") && name.ends_with(".dll")
            }) >= 2
    }),
    test(Class::Drivers, "no update.mum, and driver INF files", |it| {
        it.is_bare() && it.has(|path| path.ends_with(".inf"))
    }),
    test(Class::SafeOsDu, "its identity", |it| it.is_called(&["Package_for_SafeOSDU"])),
    test(Class::SafeOsDu, "components of Windows RE and no rollup", |it| {
        const COMPONENTS: [&str; 4] =
            ["microsoft-windows-sysreset", "microsoft-windows-winre-tools", "winre-tools", "winpe_tools"];
        !it.is_bare() && !it.has_rollup() && it.has_component(&COMPONENTS)
    }),
    test(Class::ServicingStack, "its identity", |it| it.is_called(&["Package_for_ServicingStack"]) && !it.has_rollup()),
    test(Class::ServicingStack, "the servicing stack's component and no rollup", |it| {
        !it.is_bare() && !it.has_rollup() && it.has_component(&["microsoft-windows-servicingstack_"])
    }),
    test(Class::Cumulative, "its identity", |it| it.is_called(&[ROLLUP])),
    test(Class::DotNet, "its identity", |it| it.is_called(&["Package_for_DotNetRollup"])),
    test(Class::FlashRemoval, "its article, KB4577586", |it| it.mum.and_then(Mum::kb) == Some(FLASH_REMOVAL)),
    test(Class::DotNet, "mostly components of .NET Framework 4", |it| {
        it.is_called(&["Package_for_KB"]) && it.is_mostly_dotnet()
    }),
    test(Class::Revised, "its identity", |it| it.is_called(&["Package_for_RevisedFix"])),
    test(Class::ExperiencePack, "its identity", |it| it.is_called(&["Package_for_WindowsExperienceFeaturePack"])),
    test(Class::Enablement, "an enablement package in it", |it| {
        it.has(|path| path.contains("enablement-package~") && path.ends_with(".mum"))
    }),
    test(Class::PeLanguagePack, "its identity", |it| it.is_called(&["Microsoft-Windows-WinPE-LanguagePack-Package"])),
    // These three are called as optional components are, and come before those.
    test(Class::PeFontSupport, "its identity", |it| it.is_called(&["WinPE-FontSupport-"])),
    test(Class::PeTextToSpeech, "its identity", |it| it.is_called(&["WinPE-Speech-TTS-"])),
    test(Class::PeComponent, "its identity", |it| {
        it.mum.is_some_and(|mum| {
            let name = mum.identity.name.to_ascii_lowercase();
            name.starts_with("winpe-") && name.ends_with("-package")
        })
    }),
    test(Class::LanguagePack, "its identity", |it| {
        const NAMES: [&str; 2] =
            ["Microsoft-Windows-Client-LanguagePack-Package", "Microsoft-Windows-Server-LanguagePack-Package"];
        it.is_called(&NAMES)
    }),
    test(Class::LanguagePack, "its release type", |it| it.has_release_type(&["Language Pack"])),
    test(Class::FeatureOnDemand, "its release type", |it| it.has_release_type(&["OnDemand Pack"])),
    test(Class::FeatureOnDemand, "it declares a capability", |it| {
        it.mum.is_some_and(|mum| !mum.capabilities.is_empty())
    }),
    test(Class::FeatureOnDemand, "its identity", |it| it.is_called(&["Microsoft-Windows-LanguageFeatures-"])),
    test(Class::Drivers, "most of it are drivers", |it| it.mum.is_some_and(|mum| 2 * mum.drivers > mum.updates)),
    test(Class::Update, "its identity", |it| it.is_called(&["Package_for_KB"])),
    test(Class::Update, "its release type", |it| it.has_release_type(&UPDATE_TYPES)),
    test(Class::Other, "an update.mum, and nothing that tells more", |it| !it.is_bare()),
    test(Class::Unknown, "no update.mum, and nothing else that is known", |_| true),
];

/// The kind of a package, and by what it is told.
pub(super) fn classify(evidence: &Evidence<'_>) -> (Class, &'static str) {
    let decides = TESTS.iter().find(|test| (test.holds)(evidence)).expect("the last test always holds");
    (decides.class, decides.why)
}

#[cfg(test)]
mod tests;
