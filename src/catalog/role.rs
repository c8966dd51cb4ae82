//! What a member of an update package is there for, told by its name.

use std::fmt;

/// The part that a member plays in an MSU.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Role {
    /// A cabinet with a component package: manifests, and the files where there is no PSF.
    PayloadCabinet,
    /// An image with a component package, since Windows 11 24H2.
    PayloadImage,
    /// The files of a component package, as an index elsewhere tells them apart.
    Psf,
    /// A servicing stack update, which goes first.
    ServicingStack,
    /// For the update agent: whether the update is for a machine. Not needed offline.
    Applicability,
    /// The answer file that names the packages and their order.
    AnswerFile,
    /// What the update is, in words.
    Properties,
    /// The tools that put the update together.
    Tools,
    /// Databases of what the update is composed of.
    CompositionDatabases,
    /// An update package in this one.
    Msu,
}

/// What the names end with that say something.
const EXTENSIONS: [&str; 7] = ["cab", "wim", "esd", "psf", "msu", "txt", "xml"];

impl Role {
    /// The role of a member of this path; `None` where the name says nothing.
    pub fn of(path: &str) -> Option<Self> {
        // Most names say nothing, which is soon known.
        let (_, extension) = path.rsplit_once('.')?;
        if !EXTENSIONS.iter().any(|known| known.eq_ignore_ascii_case(extension)) {
            return None;
        }
        let name = path.rsplit(['\\', '/']).next().unwrap_or(path).to_ascii_lowercase();
        let (stem, extension) = name.rsplit_once('.')?;
        let is_update = stem.contains("-kb") || stem.starts_with("windows");
        Some(match extension {
            "cab" if stem == "wsusscan" => Self::Applicability,
            "cab" if stem.starts_with("ssu-") => Self::ServicingStack,
            "cab" if stem.starts_with("desktopdeployment") => Self::Tools,
            "cab" if stem.ends_with(".aggregatedmetadata") => Self::CompositionDatabases,
            "cab" if is_update => Self::PayloadCabinet,
            "wim" | "esd" if is_update => Self::PayloadImage,
            "psf" => Self::Psf,
            "msu" => Self::Msu,
            "txt" if stem.ends_with("-pkgproperties") => Self::Properties,
            "xml" if is_update => Self::AnswerFile,
            _ => return None,
        })
    }

    /// One word for it, as JSON documents have it.
    pub fn name(self) -> &'static str {
        match self {
            Self::PayloadCabinet => "payload-cabinet",
            Self::PayloadImage => "payload-image",
            Self::Psf => "psf",
            Self::ServicingStack => "servicing-stack",
            Self::Applicability => "applicability",
            Self::AnswerFile => "answer-file",
            Self::Properties => "properties",
            Self::Tools => "tools",
            Self::CompositionDatabases => "composition-databases",
            Self::Msu => "msu",
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn roles_by_name() {
        for (path, role) in [
            ("WSUSSCAN.cab", Some(Role::Applicability)),
            ("Windows6.1-KB2465285-x64.cab", Some(Role::PayloadCabinet)),
            ("Windows6.1-KB2465285-x64-pkgProperties.txt", Some(Role::Properties)),
            ("Windows6.1-KB2465285-x64.xml", Some(Role::AnswerFile)),
            ("SSU-26100.1738-x64.cab", Some(Role::ServicingStack)),
            ("dir\\Windows11.0-KB5043080-x64.wim", Some(Role::PayloadImage)),
            ("Windows11.0-KB5043080-x64.psf", Some(Role::Psf)),
            ("DesktopDeployment_x86.cab", Some(Role::Tools)),
            ("onepackage.AggregatedMetadata.cab", Some(Role::CompositionDatabases)),
            ("Windows11.0-KB5043080-x64.msu", Some(Role::Msu)),
            ("update.mum", None),
            ("README", None),
        ] {
            assert_eq!(Role::of(path), role, "{path}");
        }
    }
}
