//! What of the journal still holds when a run is looked at again: which steps stay done, and which are done once more, and why.
//!
//! A step stays done if what it was made from is what it was, and so is what the steps before it left that it builds upon.
//! What is done to one image in the hands of the servicer belongs together: it is mounted once, so that it is begun anew as a
//! whole. A file of the work directory that is gone, or is not as it was left, is missed only where something still needs it.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use super::inputs::{Inputs, title};
use super::journal::{Begun, Kept, Output};
use super::stamp::Stamp;
use crate::refresh::plan::{Plan, Step};
use crate::refresh::step::Task;

/// What of the journal still holds.
#[derive(Clone, Debug, Default)]
pub(super) struct Standing {
    /// Steps that stay done.
    pub(super) done: BTreeSet<u32>,
    /// Steps that were done and are to be done again, with the reason.
    pub(super) again: BTreeMap<u32, String>,
    /// Keys of what was done, or begun, and is no part of the plan as it is now.
    pub(super) gone: BTreeSet<String>,
}

impl Standing {
    /// Whether nothing that was done is done again.
    pub(super) fn is_unchanged(&self) -> bool {
        self.again.is_empty() && self.gone.is_empty()
    }
}

/// Compares the journal with what steps are made from now.
pub(super) fn standing(
    plan: &Plan,
    inputs: &Inputs,
    kept: &BTreeMap<String, Kept>,
    begun: &BTreeMap<String, Begun>,
) -> Standing {
    let keys: Vec<String> = plan.steps.iter().map(Step::key).collect();
    let places = || 0..plan.steps.len() as u32;
    let step = |place: u32| &plan.steps[place as usize];
    let mut found = Standing::default();
    for place in places().filter(|place| step(*place).is_done()) {
        let kept = kept.get(&keys[place as usize]);
        match kept.map(|kept| inputs.of(place).change_since(&kept.inputs, kept.record.outcome)) {
            Some(None) => drop(found.done.insert(place)),
            Some(Some(why)) => drop(found.again.insert(place, why)),
            None => {}
        }
    }
    let is_planned = |key: &&String| keys.iter().zip(&plan.steps).any(|(own, step)| own == *key && step.is_done());
    let is_trace =
        |key: &&String| kept.contains_key(*key) || begun.get(*key).is_some_and(|begun| !begun.outputs.is_empty());
    found.gone = kept.keys().chain(begun.keys()).filter(|key| !is_planned(key) && is_trace(key)).cloned().collect();
    let look = Look { plan, inputs, kept, begun, keys: &keys };
    loop {
        let before = found.done.len();
        look.images(&mut found);
        look.followers(&mut found);
        look.outputs(&mut found);
        if found.done.len() == before {
            return found;
        }
    }
}

struct Look<'a> {
    plan: &'a Plan,
    inputs: &'a Inputs,
    kept: &'a BTreeMap<String, Kept>,
    begun: &'a BTreeMap<String, Begun>,
    keys: &'a [String],
}

impl Look<'_> {
    fn step(&self, place: u32) -> &Step {
        &self.plan.steps[place as usize]
    }

    fn kept(&self, place: u32) -> Option<&Kept> {
        self.kept.get(&self.keys[place as usize])
    }

    fn again(found: &mut Standing, place: u32, why: String) {
        if found.done.remove(&place) {
            found.again.insert(place, why);
        }
    }

    /// An image is begun anew as a whole.
    fn images(&self, found: &mut Standing) {
        let serviced = |(_, step): &(u32, &Step)| step.is_serviced();
        let serviced: Vec<(u32, &Step)> = (0..).zip(&self.plan.steps).filter(serviced).collect();
        let sessions: BTreeSet<String> = serviced.iter().map(|(_, step)| step.session()).collect();
        for session in sessions {
            let places: Vec<u32> =
                serviced.iter().filter(|(_, step)| step.session() == session).map(|(place, _)| *place).collect();
            // What was done to the image and is planned no more is in it all the same.
            let is_of_image = |key: &&String| key.split(' ').next() == Some(&*session);
            let gone = found.gone.iter().find(is_of_image);
            let gone =
                gone.map(|key| format!("the image has {:?} in it", key.split(' ').next_back().unwrap_or_default()));
            let cause = places.iter().find(|place| found.again.contains_key(place));
            let cause = cause.map(|place| format!("the image is begun anew: {}", found.again[place]));
            // What was done before a stop is gone on from, if nothing is missing in between.
            let first_missing = places.iter().position(|place| !found.done.contains(place)).unwrap_or(places.len());
            let is_broken = places[first_missing..].iter().any(|place| found.done.contains(place));
            let broken = is_broken.then(|| "the image is begun anew: a step before it is new".to_owned());
            if let Some(why) = gone.or(cause).or(broken) {
                places.into_iter().for_each(|place| Self::again(found, place, why.clone()));
            }
        }
    }

    /// What builds upon a step that is done again is done again.
    fn followers(&self, found: &mut Standing) {
        for place in 0..self.plan.steps.len() as u32 {
            let cause = self.inputs.upon(place).iter().find(|upon| found.again.contains_key(upon));
            if let Some(cause) = cause {
                Self::again(found, place, format!("it comes after {}", title(self.step(*cause))));
            }
        }
    }

    /// Files that are gone, or are not as they were left.
    fn outputs(&self, found: &mut Standing) {
        for place in found.done.clone().into_iter().rev() {
            let Some(kept) = self.kept(place) else { continue };
            let bad = kept.outputs.iter().find_map(|output| self.problem(found, place, output));
            let Some((path, why)) = bad.filter(|(path, _)| self.is_needed(found, place, path)) else { continue };
            // Whoever wrote it before begins it.
            let writers: Vec<u32> = found.done.iter().copied().filter(|other| self.writes(*other, &path)).collect();
            writers.into_iter().for_each(|writer| Self::again(found, writer, why.clone()));
        }
    }

    fn writes(&self, place: u32, path: &Path) -> bool {
        self.kept(place).is_some_and(|kept| kept.outputs.iter().any(|output| output.path == path))
    }

    /// What is wrong with a file that a step has left.
    fn problem(&self, found: &Standing, place: u32, output: &Output) -> Option<(PathBuf, String)> {
        let path = &output.path;
        if !path.exists() {
            return Some((path.clone(), format!("{} is gone", path.display())));
        }
        let stamp = output.stamp.as_ref()?;
        // A later step has changed it since, or was about to.
        let is_later = |later: &u32| *later > place;
        let is_changed = found.done.iter().copied().filter(is_later).any(|later| self.writes(later, path));
        let is_begun = (place + 1..self.plan.steps.len() as u32).any(|later| {
            let begun = self.begun.get(&self.keys[later as usize]);
            !found.done.contains(&later) && begun.is_some_and(|begun| begun.outputs.contains(path))
        });
        // But an image that the servicer is to go on with has to be what it has left.
        let is_begun = is_begun && !self.goes_on(found, place);
        let is_same = is_changed || is_begun || Stamp::of(path).is_ok_and(|now| now == *stamp);
        (!is_same).then(|| (path.clone(), format!("{} is not as it was left", path.display())))
    }

    /// Whether something is still going to read what a step has left, or it is what all the work is for.
    fn is_needed(&self, found: &Standing, place: u32, path: &Path) -> bool {
        let step = self.step(place);
        let is_result = step.target == crate::refresh::step::Target::Media && step.task != Task::ExpandFeatures
            || step.task == Task::Export && step.target != crate::refresh::step::Target::WinRe;
        let is_left = |other: u32| self.step(other).is_done() && !found.done.contains(&other);
        let mut others = (0..self.plan.steps.len() as u32).filter(|other| is_left(*other));
        is_result
            || self.goes_on(found, place)
            || others.any(|other| self.inputs.upon(other).contains(&place) || self.is_rewritten(other, path))
    }

    /// Whether a step is of an image that has others left: these go on from the file that the first ones have left.
    fn goes_on(&self, found: &Standing, place: u32) -> bool {
        let step = self.step(place);
        let mut others = (0..).zip(&self.plan.steps).filter(|(other, _)| !found.done.contains(other));
        step.is_serviced() && others.any(|(_, other)| other.is_serviced() && other.session() == step.session())
    }

    /// Whether a step was about to change a file.
    fn is_rewritten(&self, place: u32, path: &Path) -> bool {
        self.begun
            .get(&self.keys[place as usize])
            .is_some_and(|begun| begun.outputs.iter().any(|output| output == path))
    }
}
