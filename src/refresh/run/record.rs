//! What is kept of a run: of each step, and of each time that somebody sat down to it.

use crate::servicing::code::Code;
use crate::servicing::outcome::explain;
use crate::util::filetime::FileTime;

/// What came of a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// It is done.
    Done,
    /// The package was not meant for the image.
    NotApplicable,
    /// It failed in a way that does no harm.
    Tolerated,
    /// It could not be done, and is not missed; or it is lost with an image that is kept as it was.
    Skipped,
    /// It failed.
    Failed,
}

impl Outcome {
    /// One word for it, as JSON documents have it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::NotApplicable => "not-applicable",
            Self::Tolerated => "tolerated",
            Self::Skipped => "skipped",
            Self::Failed => "failed",
        }
    }
}

/// What is kept of a step.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Record {
    /// What came of it.
    pub outcome: Outcome,
    /// What there is to say.
    pub notes: Vec<String>,
    /// When it was begun.
    #[serde(default)]
    pub begun: FileTime,
    /// When it came to its end.
    #[serde(default)]
    pub ended: FileTime,
    /// What came of each thing that the servicer was asked for, in the plan's order; what follows a failure was not asked for.
    #[serde(default)]
    pub asked: Vec<Asked>,
    /// How large images were before and are now; where they were written anew.
    #[serde(default)]
    pub sizes: Option<Sizes>,
}

impl Record {
    /// A step that was begun then, and that nothing has gone wrong with.
    pub(super) fn new(begun: FileTime) -> Self {
        Self { outcome: Outcome::Done, notes: Vec::new(), begun, ended: begun, asked: Vec::new(), sizes: None }
    }

    /// The step does not count any more, for this reason. What was not meant for the image was never in it to be lost.
    pub(super) fn lose(&mut self, outcome: Outcome, why: &str) {
        let mut is_lost = self.outcome != Outcome::NotApplicable;
        let is_kept = |asked: &&mut Asked| matches!(asked.outcome, Outcome::Failed | Outcome::NotApplicable);
        for asked in self.asked.iter_mut().filter(|asked| !is_kept(asked)) {
            asked.outcome = outcome;
            asked.error = Some(why.to_owned());
            is_lost = true;
        }
        if is_lost {
            self.outcome = outcome;
            self.notes.push(why.to_owned());
        }
    }
}

/// What came of one thing that the servicer was asked for.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Asked {
    /// What came of it.
    pub outcome: Outcome,
    /// With which code it failed.
    pub code: Option<u32>,
    /// Why it failed, in words.
    pub error: Option<String>,
    /// When that was.
    pub ended: FileTime,
}

impl Asked {
    /// What can be done about it.
    pub fn advice(&self) -> Option<&'static str> {
        explain(Code::new(self.code?)).map(|meaning| meaning.advice)
    }
}

/// How large an archive and its images were, and are.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Sizes {
    /// Its path on the media; `winre.wim` for the one in the system's images.
    pub archive: String,
    /// Bytes of the file before; `None`: unknown.
    pub before: Option<u64>,
    /// Bytes of it now.
    pub after: Option<u64>,
    /// Its images.
    pub images: Vec<ImageSizes>,
}

/// How large an image was, and is.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct ImageSizes {
    /// Its number.
    pub index: u32,
    /// Its name; empty if it has none.
    pub name: String,
    /// Bytes of its files before, as the archive states them; `None`: unknown.
    pub before: Option<u64>,
    /// Bytes of them now.
    pub after: Option<u64>,
}

/// A time that somebody sat down to a run: `run` once, and then each `resume`.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Sitting {
    /// When it was begun.
    pub begun: FileTime,
    /// When it came to its end; `None`: it has not, or nobody was left to tell.
    pub ended: Option<FileTime>,
    /// Who serviced images.
    pub servicer: String,
    /// What the user noted about it.
    pub note: Option<String>,
    /// How it ended.
    pub end: Option<End>,
}

/// How a sitting ended.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(tag = "Kind", rename_all = "PascalCase")]
pub enum End {
    /// Nothing is left to do.
    Complete,
    /// Images wait to be serviced elsewhere.
    Deferred,
    /// It was asked to stop.
    Interrupted,
    /// An error, behind which nothing could be done.
    Error(Trouble),
}

/// An error behind which nothing could be done.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Trouble {
    /// What happened.
    pub error: String,
    /// What can be done about it.
    pub hint: Option<String>,
    /// Whether a program failed, and not wimkit.
    pub is_external: bool,
    /// Which image was worked on: `os-1`.
    pub session: Option<String>,
    /// At which step; `None`: it was being mounted or unmounted, applied or captured.
    pub step: Option<u8>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_not_applicable_is_not_lost() {
        let asked = |outcome| Asked { outcome, code: None, error: None, ended: FileTime::ZERO };
        let mut record = Record { outcome: Outcome::NotApplicable, ..Record::new(FileTime::ZERO) };
        record.asked.push(asked(Outcome::NotApplicable));
        let before = record.clone();
        record.lose(Outcome::Failed, "lost");
        assert_eq!(record, before);
        // Another package of the same step was in the image.
        record.asked.push(asked(Outcome::Done));
        record.lose(Outcome::Failed, "lost");
        let outcomes = [record.outcome, record.asked[0].outcome, record.asked[1].outcome];
        assert_eq!(outcomes, [Outcome::Failed, Outcome::NotApplicable, Outcome::Failed]);
    }
}
