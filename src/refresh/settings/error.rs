//! Why settings cannot be used.

use std::io;
use std::path::PathBuf;

/// Settings that cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SettingsError {
    /// The file cannot be read.
    #[error("{path}: {source}", path = .path.display())]
    Io {
        /// Which file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// It is no TOML, or has other settings.
    #[error("{path}: {source}", path = .path.display())]
    Toml {
        /// Which file.
        path: PathBuf,
        /// What is wrong, and where.
        source: basic_toml::Error,
    },
    /// A language's tag has another form.
    #[error("{tag:?} is no language such as ja-jp")]
    Tag {
        /// The tag.
        tag: String,
    },
    /// Two of the directories are the same, or one is inside the other.
    #[error("{first} and {second}: {names} must be apart from each other", first = .first.display(), second = .second.display())]
    Overlap {
        /// One of them.
        first: PathBuf,
        /// The other.
        second: PathBuf,
        /// Which settings they are.
        names: &'static str,
    },
    /// What is no part of the media would be among them.
    #[error("{path}: {name} must not be in the media, {media}", path = .path.display(), media = .media.display())]
    InMedia {
        /// The setting.
        name: &'static str,
        /// What it says.
        path: PathBuf,
        /// The media.
        media: PathBuf,
    },
}

impl SettingsError {
    /// What may help.
    pub fn hint(&self) -> &'static str {
        match self {
            Self::Toml { source, .. } if source.to_string().contains("escape") => {
                r"in double quotes a backslash begins an escape: put paths of Windows in single ones, as in media = 'D:\media'"
            }
            _ => "`wimkit refresh init` writes a file with all settings, explained",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::refresh::settings::Settings;

    #[test]
    fn paths_of_windows_in_double_quotes() {
        let hint = |text: &str| {
            let source = basic_toml::from_str::<Settings>(text).unwrap_err();
            SettingsError::Toml { path: "refresh.toml".into(), source }.hint()
        };
        for text in [r#"media = "D:\media""#, r#"media = "D:\users""#, r#"media = "D:\x64""#] {
            assert!(hint(text).contains("single ones"), "{text}");
        }
        assert!(hint("medai = 'D:'").contains("refresh init"));
    }
}
