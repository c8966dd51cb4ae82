//! The rules of order: whatever makes a plan, none that breaks them is carried out.

use super::{Plan, Step};
use crate::refresh::step::{Target, Task};

/// Two steps the wrong way round.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{first} comes before {second} on {target}: {rule}")]
pub struct OrderError {
    /// What comes first and must not …
    pub first: &'static str,
    /// … before this.
    pub second: &'static str,
    /// On what.
    pub target: &'static str,
    /// Why.
    pub rule: &'static str,
}

/// Tasks on an image from the first to the last, each with the reason why it is not before those above it.
const RANKS: [(&[Task], &str); 11] = [
    (&[Task::CopyMedia, Task::TakeWinre], "everything works on copies"),
    (&[Task::ServicingStack], "the copy is made first"),
    (&[Task::LanguagePack], "the servicing stack installs everything else"),
    (
        &[Task::LocalizedPackages, Task::FontSupport, Task::TextToSpeech],
        "what belongs to a language comes after its language pack",
    ),
    (&[Task::LangIni, Task::Features], "features have parts for the languages"),
    (&[Task::SafeOs, Task::Cumulative], "the update comes last, so that what was added is updated, too"),
    (&[Task::CleanUp], "cleaning up comes after all that supersedes something"),
    (&[Task::Components], "components leave operations pending, with which cleaning up fails"),
    (&[Task::DotNet], ".NET leaves operations pending, with which cleaning up fails"),
    (&[Task::PutWinre, Task::SaveSetup], "files are exchanged when servicing is over"),
    (&[Task::Export], "the export is what makes the image small"),
];

fn rank(step: &Step) -> Option<usize> {
    // What wimkit writes itself gets into the image when servicing is over.
    let is_exchanged = step.task == Task::LangIni && !step.is_serviced();
    let task = if is_exchanged { Task::PutWinre } else { step.task };
    RANKS.iter().position(|(tasks, _)| tasks.contains(&task))
}

/// Checks the order of the steps that are done.
pub(super) fn check(plan: &Plan) -> Result<(), OrderError> {
    let steps: Vec<&Step> = plan.done().collect();
    let error = |first: &Step, second: &Step, rule| OrderError {
        first: first.task.title(),
        second: second.task.title(),
        target: first.target.name(),
        rule,
    };
    for (place, first) in steps.iter().enumerate() {
        for second in &steps[place + 1..] {
            // An export is of all images; other steps are compared with those on their own image.
            let is_same = first.target == second.target
                && (first.image == second.image || first.image.is_none() || second.image.is_none());
            if let (true, Some(one), Some(other)) = (is_same, rank(first), rank(second))
                && one > other
            {
                return Err(error(first, second, RANKS[one].1));
            }
            if second.task == Task::ExpandFeatures && first.is_serviced() {
                return Err(error(first, second, "what is added to images is taken out of its ISO image before"));
            }
            // Setup's files come from the serviced Windows PE, and after those of the update.
            let media = [
                Task::SetupDu,
                Task::SetupBinaries,
                Task::BootManagers,
                Task::PlaceLangIni,
                Task::CheckMedia,
                Task::WriteIso,
            ];
            let place_of = |step: &Step| media.iter().position(|task| *task == step.task);
            match (place_of(first), place_of(second)) {
                (Some(one), Some(other)) if one > other => {
                    return Err(error(first, second, "files of Windows PE take the place of those of the update"));
                }
                (Some(_), None) if second.target != Target::Media => {
                    return Err(error(first, second, "the files come out of the serviced images"));
                }
                _ => {}
            }
        }
    }
    // A winre.wim is serviced before it is put into the editions.
    let exported = steps.iter().position(|step| step.target == Target::WinRe && step.task == Task::Export);
    let put = steps.iter().position(|step| step.task == Task::PutWinre);
    match (put, exported) {
        (Some(put), Some(exported)) if put < exported => {
            Err(error(steps[put], steps[exported], "the same serviced file goes into every edition"))
        }
        _ => Ok(()),
    }
}
