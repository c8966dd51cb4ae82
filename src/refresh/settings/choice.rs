//! Settings of which one is chosen.

use std::str::FromStr;

/// How the servicing stack gets into an image.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum StackMode {
    /// With the combined cumulative update, which has it inside.
    #[default]
    Combined,
    /// A servicing stack update, and then the combined cumulative update: where that demands it.
    SeparateFirst,
    /// A servicing stack update alone: releases before combined updates.
    SeparateOnly,
}

/// How checkpoints get into an image.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Checkpoints {
    /// One call names the cumulative update; DISM finds its checkpoints beside it.
    #[default]
    ByDirectory,
    /// At steps 9 and 17 a call for each, checkpoints first: only where nothing else is added.
    Separate,
}

/// Who does what both DISM and wimkit can do.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum By {
    /// DISM, by whose doings others are measured.
    #[default]
    Dism,
    /// wimkit.
    Native,
}

impl FromStr for By {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "dism" => Ok(Self::Dism),
            "native" => Ok(Self::Native),
            _ => Err("expected dism or native"),
        }
    }
}

/// Who services images.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Servicer {
    /// Nobody: what DISM has to do is written into a script for Windows.
    #[default]
    None,
    /// DISM.
    Dism,
    /// Nobody, but as if: a marker in each image takes the place of what DISM would change.
    Recorded,
}

impl FromStr for Servicer {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "none" => Ok(Self::None),
            "dism" => Ok(Self::Dism),
            "recorded" => Ok(Self::Recorded),
            _ => Err("expected none, dism or recorded"),
        }
    }
}

/// What becomes of an image of the system whose servicing stack, at step 9, is not added.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum StackFailure {
    /// It is kept as it was: nothing else can be relied on.
    #[default]
    KeepImage,
    /// It is gone on with, and step 12, which brings the same servicing stack, decides: if that fails, too, it is kept as it was.
    #[serde(rename = "step-12-decides")]
    Step12Decides,
}
