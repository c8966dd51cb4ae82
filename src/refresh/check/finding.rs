//! What there is to say about media.

use std::fmt;

use crate::catalog::set::Standing;
use crate::pe::FileVersion;
use crate::wim::xml::Architecture;

/// Something to say about media: about which file, and what.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// The path on the media, perhaps with that of a file in an image.
    pub path: String,
    /// What is wrong.
    pub problem: Problem,
}

/// What is wrong with media.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Problem {
    /// A file that must be there is not.
    Missing,
    /// A second archive with images of the system.
    SecondArchive,
    /// It cannot be read.
    Unreadable {
        /// Why.
        problem: String,
    },
    /// Contents of an archive are damaged.
    Damaged {
        /// In how many ways.
        findings: usize,
    },
    /// Firmware and Setup cannot read archives of this kind to start from.
    BootCompression {
        /// How it is compressed.
        found: String,
    },
    /// Not the images that boot.wim has.
    BootImages {
        /// How many images there are.
        count: u32,
        /// The one that starts.
        boot: Option<u32>,
    },
    /// Versions that must be equal are not.
    Version {
        /// On the media.
        media: Option<FileVersion>,
        /// In boot.wim.
        boot: Option<FileVersion>,
        /// The step of a refresh that mends it.
        step: u8,
    },
    /// Boot managers of 2023 without the trust list that the image has for them.
    NoTrustList,
    /// Architectures differ.
    Architecture {
        /// What it is for.
        found: Architecture,
        /// What the media are for.
        expected: Architecture,
    },
    /// The builds of Windows PE and the system differ.
    Build {
        /// That of boot.wim.
        boot: u32,
        /// That of the system.
        install: u32,
    },
    /// An edition without Windows RE.
    NoWinre,
    /// Editions with different ones.
    WinreDiffers,
    /// `lang.ini` cannot be understood.
    LangIni {
        /// Why.
        problem: String,
    },
    /// `lang.ini` offers a language that no edition has.
    Language {
        /// Which one.
        language: String,
    },
    /// `lang.ini` offers a language that some editions do not have.
    LanguageInPart {
        /// Which one.
        language: String,
    },
    /// `lang.ini` differs between the media and boot.wim.
    LangIniDiffers,
}

impl Problem {
    /// One word for it, as JSON documents have it.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Missing => "missing",
            Self::SecondArchive => "second-archive",
            Self::Unreadable { .. } => "unreadable",
            Self::Damaged { .. } => "damaged",
            Self::BootCompression { .. } => "boot-compression",
            Self::BootImages { .. } => "boot-images",
            Self::Version { .. } => "version",
            Self::NoTrustList => "no-trust-list",
            Self::Architecture { .. } => "architecture",
            Self::Build { .. } => "build",
            Self::NoWinre => "no-winre",
            Self::WinreDiffers => "winre-differs",
            Self::LangIni { .. } => "lang-ini",
            Self::Language { .. } => "language",
            Self::LanguageInPart { .. } => "language-in-part",
            Self::LangIniDiffers => "lang-ini-differs",
        }
    }

    /// How much is wrong.
    pub fn standing(&self) -> Standing {
        match self {
            Self::BootImages { .. }
            | Self::NoTrustList
            | Self::Build { .. }
            | Self::WinreDiffers
            | Self::LanguageInPart { .. }
            | Self::LangIniDiffers => Standing::Doubtful,
            _ => Standing::Bad,
        }
    }

    /// How to mend it, where that can be said.
    pub fn hint(&self) -> Option<String> {
        Some(match self {
            Self::Version { step, .. } => {
                format!(
                    "Setup fails with this; take the file from image 2 of boot.wim, as step {step} of a refresh does"
                )
            }
            Self::NoTrustList => {
                "take it from image 2 of boot.wim, as step 28 of a refresh with --boot-managers 2023 does".into()
            }
            Self::Damaged { .. } => "`wimkit verify` tells what is damaged".into(),
            Self::SecondArchive => "Setup takes the first of install.wim, .esd and .swm; remove the others".into(),
            Self::BootCompression { .. } => {
                "`wimkit export boot.wim all NEW.wim --compress lzx` makes one that starts".into()
            }
            Self::BootImages { .. } => {
                "boot.wim has Windows PE and Setup, and Setup starts: `wimkit info --boot 2`".into()
            }
            Self::Language { .. } | Self::LanguageInPart { .. } => {
                "add the language to the editions, or take it out of lang.ini".into()
            }
            Self::LangIniDiffers => "put the same lang.ini into image 2 of boot.wim and into sources".into(),
            _ => return None,
        })
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let told = |version: &Option<FileVersion>| version.map_or("none".to_owned(), |version| version.to_string());
        match self {
            Self::Missing => f.write_str("it is not there"),
            Self::SecondArchive => f.write_str("there is another archive with images of the system"),
            Self::Unreadable { problem } => f.write_str(problem),
            Self::Damaged { findings: 1 } => f.write_str("it is damaged"),
            Self::Damaged { findings } => write!(f, "it is damaged in {findings} ways"),
            Self::BootCompression { found } => {
                write!(f, "it has {found}; LZX or XPRESS with chunks of 32768 bytes are what starts")
            }
            Self::BootImages { count, boot: Some(boot) } => write!(f, "it has {count} images and starts number {boot}"),
            Self::BootImages { count, boot: None } => write!(f, "it has {count} images and starts none"),
            Self::Version { media, boot, .. } => {
                write!(f, "its version is {}, in image 2 of boot.wim it is {}", told(media), told(boot))
            }
            Self::NoTrustList => {
                f.write_str("it is not there, and the boot managers of 2023 come with one in boot.wim")
            }
            Self::Architecture { found, expected } => write!(f, "it is for {found}, the media are for {expected}"),
            Self::Build { boot, install } => write!(f, "its build is {boot}, that of the system is {install}"),
            Self::NoWinre => f.write_str("it has no winre.wim"),
            Self::WinreDiffers => f.write_str("its winre.wim is not the same as that of image 1"),
            Self::LangIni { problem } => f.write_str(problem),
            Self::Language { language } => write!(f, "it offers {language}, which no edition has"),
            Self::LanguageInPart { language } => write!(f, "it offers {language}, which not every edition has"),
            Self::LangIniDiffers => f.write_str("it differs from the one in image 2 of boot.wim"),
        }
    }
}
