//! What codes mean, and what follows from them: data, which the run and `wimkit explain` share.

use super::code::Code;

/// What follows from a code.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Action {
    /// It is done.
    Continue,
    /// Done; a restart would be needed on a running system, and an image has none.
    ContinueOffline,
    /// The step has failed.
    Fail,
    /// The step is tried once more, then it has failed.
    RetryOnce,
    /// The package is not meant for this image: nothing is wrong.
    NotApplicable,
    /// Where the image is cleaned up that is left out; elsewhere the step has failed.
    SkipCleanup,
    /// Where the servicing stack of Windows RE or PE is added the rest of the run shows whether it is harmless; elsewhere the
    /// step has failed.
    TolerateAtStack,
    /// The image cannot be used any more: it is begun anew from the original.
    DiscardImage,
    /// No step can succeed: the run stops, and can be resumed.
    StopRun,
}

impl Action {
    /// One word for it, as JSON documents have it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Continue => "continue",
            Self::ContinueOffline => "continue-offline",
            Self::Fail => "fail",
            Self::RetryOnce => "retry-once",
            Self::NotApplicable => "not-applicable",
            Self::SkipCleanup => "skip-cleanup",
            Self::TolerateAtStack => "tolerate-at-stack",
            Self::DiscardImage => "discard-image",
            Self::StopRun => "stop-run",
        }
    }

    /// What a refresh does, in words.
    pub fn in_words(self) -> &'static str {
        match self {
            Self::Continue => "goes on",
            Self::ContinueOffline => "goes on: an image has nothing to restart",
            Self::Fail => "records that the step failed",
            Self::RetryOnce => "tries once more, then records that the step failed",
            Self::NotApplicable => "records that the package is not applicable, and goes on",
            Self::SkipCleanup => {
                "at cleanup (steps 7, 13, 24) warns and goes on; elsewhere records that the step failed"
            }
            Self::TolerateAtStack => {
                "at steps 1 and 17 warns and goes on, if step 6 or 23 then succeeds; elsewhere records that the step failed"
            }
            Self::DiscardImage => "discards the image's changes, and keeps the image as it was",
            Self::StopRun => "stops; `wimkit refresh resume` goes on",
        }
    }
}

/// Codes with one meaning.
#[derive(Debug)]
pub struct Meaning {
    /// The codes, Win32 codes without what makes HRESULTs of them.
    codes: &'static [u32],
    /// What happened.
    pub meaning: &'static str,
    /// What follows.
    pub action: Action,
    /// What to do about it.
    pub advice: &'static str,
}

impl Meaning {
    /// The codes.
    pub fn codes(&self) -> impl Iterator<Item = Code> + use<'_> {
        self.codes.iter().map(|code| Code::new(*code))
    }
}

const fn meaning(codes: &'static [u32], meaning: &'static str, action: Action, advice: &'static str) -> Meaning {
    Meaning { codes, meaning, action, advice }
}

/// All that are known.
pub const MEANINGS: &[Meaning] = &[
    meaning(&[0], "done", Action::Continue, "nothing"),
    meaning(&[3010], "done; a running Windows would have to be restarted", Action::ContinueOffline, "nothing"),
    meaning(
        &[3017],
        "failed, and a restart would undo what was done",
        Action::DiscardImage,
        "read the end of the log, mend the cause and begin with the original image",
    ),
    meaning(
        &[5, 740],
        "access denied: this needs an administrator's rights",
        Action::StopRun,
        "open an elevated prompt (Run as administrator) and go on with `wimkit refresh resume`",
    ),
    meaning(
        &[2, 3],
        "a file or a directory is missing",
        Action::Fail,
        "look whether the path in the command line exists, and whether the share or drive is still there",
    ),
    meaning(
        &[87],
        "DISM does not know an option of the command line",
        Action::Fail,
        "use the DISM of a Windows or an ADK that is not older than the image",
    ),
    meaning(
        &[112, 0x800F_0828],
        "the disk is full",
        Action::StopRun,
        "free space in the work and scratch directories and go on with `wimkit refresh resume`",
    ),
    meaning(
        &[1726],
        "the call to another process failed; the package may be installed all the same",
        Action::RetryOnce,
        "list the packages of the image; if it is not there, add it again",
    ),
    meaning(
        &[14098, 0x800F_0831],
        "the component store of the image is corrupt, or lacks what the package builds upon",
        Action::DiscardImage,
        "begin with the original image; if it shows the same, check it with /ScanHealth or take another",
    ),
    meaning(
        &[126],
        "a module could not be found: combined cumulative updates show this where only their servicing stack went in",
        Action::TolerateAtStack,
        "nothing at steps 1 and 17, if step 6 (Windows RE) or 23 (Windows PE) succeeds; elsewhere use a newer DISM",
    ),
    meaning(
        &[50, 14107],
        "the boot image refused the cumulative update",
        Action::RetryOnce,
        "add the servicing stack to the image first, then the cumulative update again",
    ),
    meaning(
        &[552, 0x800F_0838],
        "a checkpoint is missing, or the directory of the cumulative update holds something else",
        Action::Fail,
        "put only the update and its checkpoints into one directory; `wimkit package DIR` names what is wrong with it",
    ),
    meaning(
        &[13],
        "the data of the package are invalid",
        Action::Fail,
        "compare the file's digest with the catalog's and download it again",
    ),
    meaning(
        &[0x800F_0805],
        "this is no package for component servicing, or it is for another architecture",
        Action::Fail,
        "`wimkit package FILE` tells what it is",
    ),
    meaning(
        &[0x800F_0806],
        "operations are pending in the image",
        Action::SkipCleanup,
        "features and .NET come after cleanup; next month begin with the original image, which has nothing pending",
    ),
    meaning(&[0x800F_080A], "the servicing session has to be opened again", Action::RetryOnce, "try again"),
    meaning(
        &[0x800F_081D],
        "packages need each other in a circle",
        Action::Fail,
        "compare the set of packages with the article about the update",
    ),
    meaning(
        &[0x800F_081E],
        "the package is not applicable to this image",
        Action::NotApplicable,
        "nothing, if the image has a newer one; else look for the package of its release and architecture",
    ),
    meaning(
        &[0x800F_081F],
        "source files are missing",
        Action::Fail,
        "give the features on demand of the image's own release as source",
    ),
    meaning(
        &[0x800F_0820, 0x800F_0821],
        "the operation was cancelled or aborted",
        Action::Fail,
        "go on with `wimkit refresh resume`",
    ),
    meaning(
        &[0x800F_0823],
        "a newer servicing stack is needed",
        Action::RetryOnce,
        "add the servicing stack update or the checkpoint first, then the package again",
    ),
    meaning(
        &[0x800F_0825],
        "the package cannot be removed",
        Action::Fail,
        "begin with an image that does not have it: it is permanent, as everything is after /ResetBase",
    ),
    meaning(
        &[0x800F_0826],
        "another package's pending operation stands in the way",
        Action::Fail,
        "begin with the original image, and add the packages in the order of the steps",
    ),
    meaning(&[0x800F_0827], "the servicing stack has to be closed first", Action::RetryOnce, "run the command again"),
    meaning(
        &[0x800F_0830],
        "the image cannot be serviced any more",
        Action::DiscardImage,
        "begin with the original image",
    ),
    meaning(
        &[0x800F_0900],
        "a manifest in the package cannot be read",
        Action::Fail,
        "compare the file's digest with the catalog's and download it again",
    ),
    meaning(
        &[0x800F_0906, 0x800F_0907, 0x800F_0950, 0x800F_0954, 0x800F_0955],
        "the feature could not be downloaded, or a policy forbids it",
        Action::Fail,
        "give the features on demand as source; a refresh passes /Source and needs no network",
    ),
    meaning(
        &[0x800F_0922],
        "an installer in the package failed",
        Action::Fail,
        "read the end of CBS.log: it names the component",
    ),
    meaning(
        &[0x800F_0982, 0x800F_0983, 0x800F_0984, 0x800F_0985, 0x800F_0986, 0x800F_0987, 0x800F_0988, 0x800F_0989],
        "files could not be made from their differences: the versions these are based on are not in the image",
        Action::DiscardImage,
        "begin with the original image; check the order, and that nothing was cleaned up in between",
    ),
    meaning(
        &[0x800F_0991],
        "a file of the package is missing",
        Action::Fail,
        "check the set with `wimkit package`: a PSF or a checkpoint may not be there",
    ),
    meaning(
        &[0xC142_0117],
        "the image cannot be unmounted: files in it are open",
        Action::Fail,
        "close windows and programs (virus scanners, too) that look into the mount directory, wait, and try again",
    ),
    meaning(
        &[0xC142_0127],
        "the image is mounted already",
        Action::Fail,
        "`DISM /Get-MountedImageInfo` lists mounts, `DISM /Cleanup-Mountpoints` removes stale ones",
    ),
    meaning(
        &[0xC142_010C],
        "the changes could not be written back into the image",
        Action::DiscardImage,
        "discard the mount and begin with the original image",
    ),
];

/// What `code` means; `None` if that is not known.
pub fn explain(code: Code) -> Option<&'static Meaning> {
    MEANINGS.iter().find(|meaning| meaning.codes.contains(&code.bits()))
}

/// What follows from `code`. What is not known is a failure.
pub fn action(code: Code) -> Action {
    explain(code).map_or(Action::Fail, |meaning| meaning.action)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn action_of(text: &str) -> Action {
        action(text.parse().unwrap())
    }

    #[test]
    fn codes_have_one_meaning_each_in_their_shortest_form() {
        let mut codes: Vec<u32> = MEANINGS.iter().flat_map(|meaning| meaning.codes).copied().collect();
        for code in &codes {
            assert_eq!(Code::new(*code).bits(), *code, "{code:#x}");
        }
        let count = codes.len();
        codes.sort_unstable();
        codes.dedup();
        assert_eq!(codes.len(), count);
    }

    #[test]
    fn codes_of_the_document() {
        for (code, expected) in [
            ("0", Action::Continue),
            ("3010", Action::ContinueOffline),
            ("740", Action::StopRun),
            ("0x80070070", Action::StopRun),
            ("0x80070003", Action::Fail),
            ("0x80073712", Action::DiscardImage),
            ("0x8007007e", Action::TolerateAtStack),
            ("0x8007371b", Action::RetryOnce),
            ("0x80070032", Action::RetryOnce),
            ("0x80070228", Action::Fail),
            ("-2146498554", Action::SkipCleanup),
            ("0x800F081E", Action::NotApplicable),
            ("0x800F0823", Action::RetryOnce),
            ("0x800F0986", Action::DiscardImage),
            ("0xC1420117", Action::Fail),
            ("0x12345678", Action::Fail),
        ] {
            assert_eq!(action_of(code), expected, "{code}");
        }
    }
}
