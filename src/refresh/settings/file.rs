//! The file that settings come from, and what of it has changed since it was read.

use std::io;
use std::path::{Path, PathBuf};

use serde_json::Value;

use super::{Settings, SettingsError};

/// A file with settings, and what it said when it was read.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct SettingsFile {
    /// The file.
    pub path: PathBuf,
    /// What it said.
    pub settings: Settings,
}

impl SettingsFile {
    /// Reads a file, as [`Settings::read`] does.
    ///
    /// # Errors
    /// [`SettingsError`].
    pub fn read(path: &Path) -> Result<Self, SettingsError> {
        Ok(Self { path: path.to_owned(), settings: Settings::read(path)? })
    }

    /// The same with paths that mean the same from everywhere.
    ///
    /// # Errors
    /// The current directory is not known.
    pub fn absolute(&self) -> io::Result<Self> {
        Ok(Self { path: std::path::absolute(&self.path)?, settings: self.settings.absolute()? })
    }
}

/// Settings that a file has otherwise than before, by their names in it: `clean_up.os`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Changes {
    /// Those that count now.
    pub taken: Vec<String>,
    /// Those that a flag had taken the place of, and still does.
    pub overruled: Vec<String>,
}

/// The settings of a run with what its file says now, in the place of what it said `before`. What is in `used` and was not in
/// the file, flags have said, and they stay.
///
/// # Errors
/// A path is none that a JSON document can have.
pub fn renewed(used: &Settings, before: &Settings, now: &Settings) -> Result<(Settings, Changes), serde_json::Error> {
    let mut renewed = serde_json::to_value(used)?;
    let mut changes = Changes::default();
    renew(&mut renewed, &serde_json::to_value(before)?, &serde_json::to_value(now)?, "", &mut changes);
    Ok((serde_json::from_value(renewed)?, changes))
}

fn renew(used: &mut Value, before: &Value, now: &Value, name: &str, changes: &mut Changes) {
    if let (Value::Object(used), Value::Object(before), Value::Object(now)) = (&mut *used, before, now) {
        for (key, used) in used {
            let name = if name.is_empty() { key.clone() } else { format!("{name}.{key}") };
            renew(used, before.get(key).unwrap_or(&Value::Null), now.get(key).unwrap_or(&Value::Null), &name, changes);
        }
    } else if before != now && used != now {
        if used == before {
            *used = now.clone();
            changes.taken.push(name.to_owned());
        } else {
            changes.overruled.push(name.to_owned());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_flags_have_said_stays() {
        let with = |text: &str| basic_toml::from_str::<Settings>(text).unwrap();
        let before = with("media = \"old\"\nlanguages = [{ tag = \"ja-jp\" }]\n[clean_up]\nos = \"plain\"");
        // As it was called with other media, and an image.
        let used = Settings {
            media: "flag".into(),
            iso: Some(super::super::IsoSettings::new("x.iso".into())),
            ..before.clone()
        };
        let cases: [(&str, &str, &[&str], &[&str]); 6] = [
            ("", "media = \"flag\"", &["languages"], &[]),
            ("jobs = 4\n", "media = \"flag\"\njobs = 4", &["jobs", "languages"], &[]),
            ("media = \"new\"\n", "media = \"flag\"", &["languages"], &["media"]),
            (
                "[clean_up]\nos = \"off\"\n",
                "media = \"flag\"\n[clean_up]\nos = \"off\"",
                &["clean_up.os", "languages"],
                &[],
            ),
            ("iso = { path = \"y.iso\" }\n", "media = \"flag\"", &["languages"], &["iso"]),
            // What the file comes to say as well is nobody's change.
            ("media = \"flag\"\n", "media = \"flag\"", &["languages"], &[]),
        ];
        for (now, expected, taken, overruled) in cases {
            let now = with(now);
            // Unless it says so, the media are where they were.
            let now = Settings {
                media: if now.media == Settings::default().media { "old".into() } else { now.media.clone() },
                ..now
            };
            let (found, changes) = renewed(&used, &before, &now).unwrap();
            assert_eq!(found, Settings { iso: used.iso.clone(), ..with(expected) });
            let names = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
            assert_eq!(changes, Changes { taken: names(taken), overruled: names(overruled) });
        }
        assert_eq!(renewed(&used, &before, &before).unwrap(), (used, Changes::default()));
    }
}
