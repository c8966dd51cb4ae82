//! The new media as they were before steps that are done again, or are planned no more: what these have put there goes, and
//! what they have put it over comes back.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use super::inputs::Inputs;
use super::journal::{Begun, Journal, Kept};
use super::places::Places;
use super::standing::Standing;
use super::{RunError, native};
use crate::refresh::plan::{Plan, Step};
use crate::refresh::step::Task;
use crate::servicing::none::done_mark;
use crate::util::progress::Control;

/// Makes a journal tell what holds, and takes from the media what does not.
pub(super) fn undo(
    journal: &Journal,
    plan: &Plan,
    inputs: &Inputs,
    standing: &Standing,
    places: &Places<'_>,
    control: Control<'_>,
) -> Result<(), RunError> {
    let (kept, begun) = (journal.kept()?, journal.begun()?);
    let mut keys: BTreeSet<String> = standing.gone.clone();
    keys.extend(standing.again.keys().map(|place| plan.steps[*place as usize].key()));
    // A step that was begun and is not done has perhaps written a part: it does not count if it is begun with the same again.
    // Images in the hands of the servicer are none of the new media.
    for (place, step) in (0..).zip(&plan.steps).filter(|(_, step)| !step.is_serviced()) {
        let is_other = |begun: &Begun| !begun.outputs.is_empty() && begun.inputs != inputs.of(place).digest();
        if begun.get(&step.key()).is_some_and(is_other) && !standing.done.contains(&place) {
            keys.insert(step.key());
        }
    }
    if keys.is_empty() {
        return Ok(());
    }
    let paths = |key: &String| -> BTreeSet<PathBuf> {
        let kept = kept.get(key).into_iter().flat_map(Kept::paths);
        kept.chain(begun.get(key).into_iter().flat_map(|begun| &begun.outputs)).cloned().collect()
    };
    let times = |key: &String| begun.get(key).map(|begun| begun.times.clone()).unwrap_or_default();
    // First: whoever is stopped from here on does all of it once more, also if the plan is by then what it was before.
    let doubtful = |key: &String| Begun { times: times(key), inputs: String::new(), outputs: paths(key) };
    journal.forget(&keys.iter().map(|key| (key.clone(), doubtful(key))).collect())?;
    for key in &keys {
        let is_serviced = |step: &Step| step.key() == *key && step.is_serviced();
        if let Some(session) = key.split(' ').next()
            && (standing.gone.contains(key) || plan.steps.iter().any(is_serviced))
        {
            // What Windows was given to do is to be done again, too.
            remove(&done_mark(&places.in_work("done"), session))?;
        }
    }
    let again = written_again(plan, standing, places)?;
    for path in keys.iter().flat_map(paths).collect::<BTreeSet<_>>().difference(&again) {
        put_back(path, places, control)?;
    }
    let forgotten = keys.iter().map(|key| {
        let mut left = Begun { times: times(key), ..Begun::default() };
        let native =
            (0..).zip(&plan.steps).find(|(_, step)| step.key() == *key && step.is_done() && !step.is_serviced());
        if let Some((place, _)) = native {
            // An image that it has changed is none that others have damaged.
            (left.inputs, left.outputs) = (inputs.of(place).digest(), paths(key));
        }
        (key.clone(), left)
    });
    journal.forget(&forgotten.collect())
}

/// What the steps that are left will write in any case. What a Setup update brings depends on what is there.
fn written_again(plan: &Plan, standing: &Standing, places: &Places<'_>) -> Result<BTreeSet<PathBuf>, RunError> {
    let is_left = |(place, step): &(u32, &Step)| {
        !standing.done.contains(place) && !matches!(step.task, Task::SetupDu | Task::BootManagers)
    };
    let mut paths = BTreeSet::new();
    for (_, step) in (0..).zip(&plan.steps).filter(is_left) {
        paths.extend(places.written(step)?);
    }
    Ok(paths)
}

/// Puts a file of the new media back to what the original ones have. Others, in the work directory, are written anew.
fn put_back(path: &Path, places: &Places<'_>, control: Control<'_>) -> Result<(), RunError> {
    let Some(inside) = places.inside_new_media(path) else { return Ok(()) };
    let name: Vec<_> = inside.iter().map(|part| part.to_string_lossy()).collect();
    let original = places.media().find(&name.join("/"));
    let original = original.and_then(|original| Some(original.strip_prefix(places.media().root()).ok()?.to_owned()));
    match original {
        Some(original) => {
            native::copy_files(places.media(), [original.as_path()].into_iter(), places.new_media(), control)
        }
        None => {
            remove(path)?;
            // Media have no empty directories: copying makes none.
            let above = path.ancestors().skip(1).take_while(|above| *above != places.new_media());
            above.map(fs::remove_dir).take_while(Result::is_ok).for_each(drop);
            Ok(())
        }
    }
}

fn remove(path: &Path) -> Result<(), RunError> {
    native::make_writable(path)?;
    match fs::remove_file(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(RunError::Io { path: path.to_owned(), source: error })
        }
        _ => Ok(()),
    }
}
