//! In which order packages are applied, and at which steps of a media refresh.

use super::super::class::Class;
use super::super::identity::Version;
use super::super::inspect::PackageInfo;

/// The steps of refreshing media, by their numbers in Microsoft's guide, at which a package is added. A cumulative update
/// that has the servicing stack in it stands for that, too.
pub fn steps(info: &PackageInfo) -> &'static [u8] {
    match info.class {
        Class::ServicingStack => &[1, 9, 17],
        Class::Cumulative if info.is_combined() => &[1, 9, 12, 17, 23],
        Class::Cumulative => &[12, 23],
        Class::PeLanguagePack => &[2, 18],
        Class::PeComponent if info.language.is_some() => &[3, 19],
        Class::PeFontSupport => &[4, 20],
        Class::PeTextToSpeech => &[5, 21],
        Class::SafeOsDu => &[6],
        Class::LanguagePack => &[10],
        Class::FeatureOnDemand => &[11],
        Class::DotNet => &[15],
        Class::SetupDu => &[26],
        _ => &[],
    }
}

/// The place of a class: servicing stack, languages, features, and the cumulative update behind them all, so that what was
/// added is brought up to date. What leaves operations pending comes last.
fn rank(info: &PackageInfo) -> u8 {
    let is_for_language = info.language.is_some();
    match info.class {
        Class::ServicingStack => 0,
        Class::LanguagePack | Class::PeLanguagePack => 1,
        Class::PeComponent => 2 + u8::from(is_for_language),
        Class::PeFontSupport => 4,
        // Between steps 20 and 21, by the guide.
        Class::FlashRemoval => 5,
        Class::PeTextToSpeech => 6 + u8::from(is_for_language),
        Class::FeatureOnDemand => 8 + u8::from(is_for_language),
        Class::SafeOsDu => 10,
        Class::Cumulative => 12,
        Class::Enablement => 13,
        Class::DotNet => 14,
        Class::SetupDu => 15,
        _ => 11,
    }
}

/// The version by which packages of a class follow each other.
pub(super) fn version(info: &PackageInfo) -> Version {
    info.identity.as_ref().map(|identity| identity.version).unwrap_or_default()
}

/// The indices of packages, in order.
pub(super) fn sorted(mut packages: Vec<(usize, &PackageInfo)>) -> Vec<usize> {
    packages.sort_by_key(|(file, info)| (rank(info), version(info), *file));
    packages.into_iter().map(|(file, _)| file).collect()
}
