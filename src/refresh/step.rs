//! The vocabulary of a refresh: what is done to what, in which of the 28 steps of Microsoft's guide.

/// What a step is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Target {
    /// Windows RE, the winre.wim in the system's images.
    WinRe,
    /// The system, install.wim.
    Os,
    /// Windows PE and Setup, boot.wim.
    WinPe,
    /// The files of the new media.
    Media,
}

impl Target {
    /// As it is told.
    pub fn name(self) -> &'static str {
        match self {
            Self::WinRe => "WinRE",
            Self::Os => "OS",
            Self::WinPe => "WinPE",
            Self::Media => "media",
        }
    }
}

/// What a step does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Task {
    /// Make new media as a copy that can be written.
    CopyMedia,
    /// Take languages and features out of their ISO image.
    ExpandFeatures,
    /// Take winre.wim out of the first image of the system.
    TakeWinre,
    /// Add the servicing stack.
    ServicingStack,
    /// Add language packs.
    LanguagePack,
    /// Add the parts of optional components for the languages.
    LocalizedPackages,
    /// Add fonts.
    FontSupport,
    /// Add text-to-speech.
    TextToSpeech,
    /// Write lang.ini anew.
    LangIni,
    /// Add features on demand.
    Features,
    /// Add the Safe OS Dynamic Update.
    SafeOs,
    /// Add the cumulative update.
    Cumulative,
    /// Remove what is superseded.
    CleanUp,
    /// Turn optional components on.
    Components,
    /// Add .NET Framework 3.5 and the update for .NET.
    DotNet,
    /// Put the serviced winre.wim into an edition.
    PutWinre,
    /// Keep Setup and the boot managers of Windows PE for the media.
    SaveSetup,
    /// Write the images anew, without what is used no more.
    Export,
    /// Put the files of the Setup Dynamic Update onto the media.
    SetupDu,
    /// Put setup.exe and setuphost.exe of Windows PE onto the media.
    SetupBinaries,
    /// Put the boot managers of Windows PE onto the media.
    BootManagers,
    /// Put the lang.ini of Windows PE onto the media.
    PlaceLangIni,
    /// Check the new media.
    CheckMedia,
    /// Write an ISO image of the new media.
    WriteIso,
}

impl Task {
    /// One word for it, as JSON documents have it.
    pub fn name(self) -> &'static str {
        match self {
            Self::CopyMedia => "copy-media",
            Self::ExpandFeatures => "expand-features",
            Self::TakeWinre => "take-winre",
            Self::ServicingStack => "servicing-stack",
            Self::LanguagePack => "language-pack",
            Self::LocalizedPackages => "localized-packages",
            Self::FontSupport => "font-support",
            Self::TextToSpeech => "text-to-speech",
            Self::LangIni => "lang-ini",
            Self::Features => "features",
            Self::SafeOs => "safe-os",
            Self::Cumulative => "cumulative",
            Self::CleanUp => "clean-up",
            Self::Components => "components",
            Self::DotNet => "dotnet",
            Self::PutWinre => "put-winre",
            Self::SaveSetup => "save-setup",
            Self::Export => "export",
            Self::SetupDu => "setup-du",
            Self::SetupBinaries => "setup-binaries",
            Self::BootManagers => "boot-managers",
            Self::PlaceLangIni => "place-lang-ini",
            Self::CheckMedia => "check-media",
            Self::WriteIso => "write-iso",
        }
    }

    /// What it does, in words.
    pub fn title(self) -> &'static str {
        match self {
            Self::CopyMedia => "copy the media",
            Self::ExpandFeatures => "languages and features",
            Self::TakeWinre => "take winre.wim",
            Self::ServicingStack => "servicing stack",
            Self::LanguagePack => "language pack",
            Self::LocalizedPackages => "localized packages",
            Self::FontSupport => "font support",
            Self::TextToSpeech => "text-to-speech",
            Self::LangIni => "lang.ini",
            Self::Features => "features on demand",
            Self::SafeOs => "Safe OS update",
            Self::Cumulative => "cumulative update",
            Self::CleanUp => "clean up",
            Self::Components => "optional components",
            Self::DotNet => ".NET and its update",
            Self::PutWinre => "put winre.wim in",
            Self::SaveSetup => "keep Setup's files",
            Self::Export => "export",
            Self::SetupDu => "Setup update",
            Self::SetupBinaries => "setup.exe, setuphost.exe",
            Self::BootManagers => "boot managers",
            Self::PlaceLangIni => "lang.ini",
            Self::CheckMedia => "check the media",
            Self::WriteIso => "write an ISO image",
        }
    }
}

/// A step of the guide.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GuideStep {
    /// Its number, from 1 to 28.
    pub number: u8,
    /// What it does …
    pub task: Task,
    /// … to what.
    pub target: Target,
}

const fn step(number: u8, task: Task, target: Target) -> GuideStep {
    GuideStep { number, task, target }
}

/// The table of the guide, in its order.
pub const GUIDE: [GuideStep; 28] = [
    step(1, Task::ServicingStack, Target::WinRe),
    step(2, Task::LanguagePack, Target::WinRe),
    step(3, Task::LocalizedPackages, Target::WinRe),
    step(4, Task::FontSupport, Target::WinRe),
    step(5, Task::TextToSpeech, Target::WinRe),
    step(6, Task::SafeOs, Target::WinRe),
    step(7, Task::CleanUp, Target::WinRe),
    step(8, Task::Export, Target::WinRe),
    step(9, Task::ServicingStack, Target::Os),
    step(10, Task::LanguagePack, Target::Os),
    step(11, Task::Features, Target::Os),
    step(12, Task::Cumulative, Target::Os),
    step(13, Task::CleanUp, Target::Os),
    step(14, Task::Components, Target::Os),
    step(15, Task::DotNet, Target::Os),
    step(16, Task::Export, Target::Os),
    step(17, Task::ServicingStack, Target::WinPe),
    step(18, Task::LanguagePack, Target::WinPe),
    step(19, Task::LocalizedPackages, Target::WinPe),
    step(20, Task::FontSupport, Target::WinPe),
    step(21, Task::TextToSpeech, Target::WinPe),
    step(22, Task::LangIni, Target::WinPe),
    step(23, Task::Cumulative, Target::WinPe),
    step(24, Task::CleanUp, Target::WinPe),
    step(25, Task::Export, Target::WinPe),
    step(26, Task::SetupDu, Target::Media),
    step(27, Task::SetupBinaries, Target::Media),
    step(28, Task::BootManagers, Target::Media),
];

/// The steps of the guide that are done to each image of a target: all but its export.
pub fn of_image(target: Target) -> impl Iterator<Item = GuideStep> {
    GUIDE.into_iter().filter(move |step| step.target == target && step.task != Task::Export)
}

/// The number of a task in the guide; `None` for what the guide does without a number.
pub fn number(task: Task, target: Target) -> Option<u8> {
    GUIDE.iter().find(|step| step.task == task && step.target == target).map(|step| step.number)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The guide's table, read by its rows.
    #[test]
    fn the_table_of_the_guide() {
        use Target::{Media, Os, WinPe, WinRe};
        for (task, numbers) in [
            (Task::ServicingStack, &[(WinRe, 1), (Os, 9), (WinPe, 17)][..]),
            (Task::LanguagePack, &[(WinRe, 2), (Os, 10), (WinPe, 18)]),
            (Task::LocalizedPackages, &[(WinRe, 3), (WinPe, 19)]),
            (Task::FontSupport, &[(WinRe, 4), (WinPe, 20)]),
            (Task::TextToSpeech, &[(WinRe, 5), (WinPe, 21)]),
            (Task::LangIni, &[(WinPe, 22)]),
            (Task::Features, &[(Os, 11)]),
            (Task::SafeOs, &[(WinRe, 6)]),
            (Task::SetupDu, &[(Media, 26)]),
            (Task::SetupBinaries, &[(Media, 27)]),
            (Task::BootManagers, &[(Media, 28)]),
            (Task::Cumulative, &[(Os, 12), (WinPe, 23)]),
            (Task::CleanUp, &[(WinRe, 7), (Os, 13), (WinPe, 24)]),
            (Task::Components, &[(Os, 14)]),
            (Task::DotNet, &[(Os, 15)]),
            (Task::Export, &[(WinRe, 8), (Os, 16), (WinPe, 25)]),
        ] {
            let found: Vec<_> = GUIDE.iter().filter(|step| step.task == task).collect();
            assert_eq!(found.iter().map(|step| (step.target, step.number)).collect::<Vec<_>>(), numbers, "{task:?}");
        }
        assert!(GUIDE.iter().zip(1..).all(|(step, number)| step.number == number));
    }
}
