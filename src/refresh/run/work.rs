//! A run under way: one step after the other, and images of one archive at the same time where that is asked for.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::num::NonZeroUsize;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;

use super::inputs::Inputs;
use super::journal::{Journal, Kept, Output};
use super::places::{Places, at_work};
use super::record::{Outcome, Record};
use super::session::{Asked, Ended};
use super::stamp::Stamp;
use super::{Options, RunError, Told, native};
use crate::refresh::plan::{Plan, Step, Work};
use crate::refresh::settings::Settings;
use crate::refresh::step::Task;
use crate::servicing::presentation::Presentation;
use crate::servicing::{Servicing, ServicingError, Workplace};
use crate::util::filetime::FileTime;
use crate::util::progress::Control;

/// What an image is given at the least, in bytes: otherwise fewer are serviced at the same time. A chunk of a solid resource and its
/// decoder take as much.
const LEAST_MEMORY: u64 = 256 << 20;

/// What work on an image is given.
#[derive(Clone, Copy)]
pub(super) struct Means<'a> {
    /// Somebody to tell, and a flag that asks it to stop.
    pub(super) control: Control<'a>,
    /// Bytes of decoded data that it may have in memory.
    pub(super) memory: u64,
}

/// A run under way.
pub(super) struct Run<'a> {
    pub(super) settings: &'a Settings,
    pub(super) journal: &'a Journal,
    pub(super) plan: &'a Plan,
    pub(super) inputs: &'a Inputs,
    pub(super) places: Places<'a>,
    pub(super) servicing: &'a dyn Servicing,
    pub(super) options: &'a Options,
    pub(super) control: Control<'a>,
    /// What came of the steps that are done.
    pub(super) records: BTreeMap<u32, Record>,
    is_deferred: bool,
    /// Steps done by this call.
    count: AtomicU32,
    /// Whether images that are being serviced are to be left behind the step that they are at.
    is_halted: AtomicBool,
    /// What there is to say at the next step that the servicer does.
    pub(super) notes: Mutex<Vec<String>>,
}

impl<'a> Run<'a> {
    #[expect(clippy::too_many_arguments, reason = "each is another thing, and they are named once")]
    pub(super) fn new(
        journal: &'a Journal,
        plan: &'a Plan,
        inputs: &'a Inputs,
        places: Places<'a>,
        records: BTreeMap<u32, Record>,
        servicing: &'a dyn Servicing,
        options: &'a Options,
        control: Control<'a>,
    ) -> Self {
        Self {
            settings: &journal.settings,
            journal,
            plan,
            inputs,
            places,
            servicing,
            options,
            control,
            records,
            is_deferred: false,
            count: AtomicU32::new(0),
            is_halted: AtomicBool::new(false),
            notes: Mutex::new(Vec::new()),
        }
    }

    /// Does what is to be done, and answers whether images wait to be serviced elsewhere. What an earlier run has left mounted or
    /// applied is given up before, and what stays so behind a failure after that.
    pub(super) fn carry_out(mut self, told: Told<'_>) -> Result<bool, RunError> {
        for directory in [self.settings.new_media.clone(), self.places.in_work("images"), self.places.saved()] {
            native::sweep(&directory, self.places.media())?;
        }
        let is_service = |(place, step): (u32, &Step)| step.is_serviced() && !self.records.contains_key(&place);
        let is_serviced = (0..).zip(&self.plan.steps).any(is_service);
        if !is_serviced {
            // A run that was killed behind its last image has left it empty.
            let _ = fs::remove_dir(self.places.in_work(Presentation::Apply.directory()));
        }
        if is_serviced {
            self.at_work(|place| self.servicing.check(place))?;
            let notes = self.clean(self.control)?;
            *self.notes.lock().unwrap_or_else(PoisonError::into_inner) = notes;
        }
        let result = self.steps(told);
        if is_serviced {
            // Also behind Ctrl-C, and whatever comes of it: the failure tells more, and the next run looks again.
            let _ = self.clean(Control::silent());
        }
        result?;
        Ok(self.is_deferred)
    }

    fn clean(&self, control: Control<'_>) -> Result<Vec<String>, RunError> {
        self.at_work(|place| self.servicing.clean(place, control))
    }

    /// Asks the servicer for something about all images.
    fn at_work<T>(&self, ask: impl FnOnce(&Workplace<'_>) -> Result<T, ServicingError>) -> Result<T, RunError> {
        at_work(&self.settings.work, ask)
    }

    fn steps(&mut self, told: Told<'_>) -> Result<(), RunError> {
        let plan = self.plan;
        let mut begun = BTreeSet::new();
        for (place, step) in (0..).zip(&plan.steps) {
            if self.control.interrupted() {
                return Err(RunError::Interrupted);
            }
            match &step.work {
                Work::Service(_) if !self.records.contains_key(&place) && !begun.contains(&step.session()) => {
                    begun.extend(self.images(place, told)?);
                }
                Work::Native(native) if !self.is_deferred && !self.records.contains_key(&place) => {
                    let begun = self.now();
                    let written = self.places.written(step)?.into_iter().collect();
                    self.journal.begin_step(&step.key(), begun, self.inputs.of(place).digest(), written)?;
                    let (mut record, written) = self.native(step, native, begun)?;
                    record.ended = self.now();
                    told(step, &record);
                    let is_failure = record.outcome == Outcome::Failed;
                    let outputs = written.into_iter().map(|path| self.output(step, path)).collect::<Result<_, _>>()?;
                    self.finish(vec![(place, record)], outputs)?;
                    self.counted()?;
                    if is_failure && self.options.stop_on_error {
                        break;
                    }
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// A file that a step has left.
    fn output(&self, step: &Step, path: std::path::PathBuf) -> Result<Output, RunError> {
        // Files on the media may be changed by whoever owns them; archives there are what the work was for.
        let is_looked_at = match step.task {
            Task::Export | Task::TakeWinre | Task::SaveSetup | Task::PutWinre | Task::LangIni => true,
            _ => step.is_serviced(),
        };
        let stamp = is_looked_at.then(|| Stamp::of(&path)).transpose()?;
        Ok(Output { path, stamp })
    }

    /// Keeps what came of steps that belong together, and of the files that they have left.
    fn finish(&mut self, records: Vec<(u32, Record)>, outputs: Vec<Output>) -> Result<(), RunError> {
        self.keep(&records, outputs)?;
        self.records.extend(records);
        Ok(())
    }

    fn keep(&self, records: &[(u32, Record)], outputs: Vec<Output>) -> Result<(), RunError> {
        let mut outputs = Some(outputs);
        // With the last: before that the files are not what they are now.
        let kept = records.iter().rev().map(|(place, record)| {
            let (record, inputs) = (record.clone(), self.inputs.of(*place).clone());
            let outputs = outputs.take().unwrap_or_default();
            (self.plan.steps[*place as usize].key(), Kept { record, inputs, outputs })
        });
        self.journal.finish(&kept.collect::<Vec<_>>())
    }

    /// Services the image of a step, and with it others of the same archive if several are serviced at the same time. Answers what
    /// they are called.
    fn images(&mut self, place: u32, told: Told<'_>) -> Result<Vec<String>, RunError> {
        let jobs = self.options.jobs.map_or(1, NonZeroUsize::get);
        let at_once = if self.servicing.may_overlap() { jobs } else { 1 };
        let images = self.asked(place, at_once > 1);
        let results = match images.as_slice() {
            [one] => vec![Some(self.image(one, self.means(), told))],
            several => self.at_the_same_time(several, at_once, told),
        };
        let mut failure = None;
        let mut is_stopped = false;
        for result in results.into_iter().flatten() {
            match result {
                Ok(ended) => {
                    self.is_deferred |= ended.is_deferred;
                    is_stopped |= ended.is_stopped;
                    self.records.extend(ended.records);
                }
                Err(error) => failure = failure.or(Some(error)),
            }
        }
        match failure {
            Some(error) => Err(error),
            None if is_stopped => Err(RunError::Stopped { steps: self.count.load(Ordering::Relaxed) }),
            None => Ok(images.iter().map(Asked::name).collect()),
        }
    }

    /// What is asked for on the image of a step, and with `others` on those of the same target behind it that are not done.
    fn asked(&self, place: u32, others: bool) -> Vec<Asked<'a>> {
        let plan = self.plan;
        let first = &plan.steps[place as usize];
        let mut images: Vec<Asked<'a>> = Vec::new();
        for (place, step) in (0..).zip(&plan.steps).filter(|(_, step)| step.target == first.target) {
            let Work::Service(requests) = &step.work else { continue };
            if !others && step.image != first.image {
                continue;
            }
            match images.last_mut().filter(|image| image.is_of(step)) {
                Some(image) => image.steps.push((place, step, requests)),
                None => images.push(Asked { steps: vec![(place, step, requests)] }),
            }
        }
        images.retain(|image| image.steps.iter().any(|(place, ..)| !self.records.contains_key(place)));
        images
    }

    /// Services one image, and keeps what came of it.
    fn image(&self, asked: &Asked<'_>, means: Means<'_>, told: Told<'_>) -> Result<Ended, RunError> {
        let result = self.session(asked, means, told).and_then(|ended| {
            if !ended.records.is_empty() {
                let (_, step, _) = asked.steps[0];
                let own = self.places.own_file(step.target, step.image.as_ref().map(|image| image.index));
                self.keep(&ended.records, vec![self.output(step, own)?])?;
            }
            Ok(ended)
        });
        if result.is_err() {
            // Whatever else is under way ends in good order.
            self.is_halted.store(true, Ordering::Relaxed);
        }
        result
    }

    /// Services several images, so many at once as there is memory for, which they share. Answers in their order; `None`: not begun, as another
    /// one failed.
    fn at_the_same_time(
        &self,
        images: &[Asked<'_>],
        at_once: usize,
        told: Told<'_>,
    ) -> Vec<Option<Result<Ended, RunError>>> {
        let results: Vec<Mutex<Option<Result<Ended, RunError>>>> = images.iter().map(|_| Mutex::new(None)).collect();
        let next = AtomicUsize::new(0);
        let at_once = at_once.min(images.len()).min((self.options.memory / LEAST_MEMORY) as usize).max(1);
        let memory = self.options.memory / at_once as u64;
        thread::scope(|scope| {
            for _ in 0..at_once {
                scope.spawn(|| {
                    while let Some((image, result)) = {
                        let at = next.fetch_add(1, Ordering::Relaxed);
                        images.get(at).zip(results.get(at))
                    } {
                        if self.is_halted.load(Ordering::Relaxed) {
                            break;
                        }
                        let progress = self.control.progress.part(&image.name());
                        let control = Control { progress: &*progress, ..self.control };
                        let ended = self.image(image, Means { control, memory }, told);
                        *result.lock().unwrap_or_else(PoisonError::into_inner) = Some(ended);
                    }
                });
            }
        });
        results.into_iter().map(|result| result.into_inner().unwrap_or_else(PoisonError::into_inner)).collect()
    }

    /// Counts a step of an image. Answers whether it is the last for now.
    pub(super) fn is_enough(&self) -> bool {
        let count = self.count.fetch_add(1, Ordering::Relaxed) + 1;
        if self.options.stop_after.is_some_and(|steps| steps <= count) {
            self.is_halted.store(true, Ordering::Relaxed);
        }
        self.is_halted.load(Ordering::Relaxed)
    }

    /// Counts a step, and stops behind the last that was asked for.
    fn counted(&self) -> Result<(), RunError> {
        if self.is_enough() {
            return Err(RunError::Stopped { steps: self.count.load(Ordering::Relaxed) });
        }
        Ok(())
    }

    /// What work is given that goes on alone.
    pub(super) fn means(&self) -> Means<'a> {
        Means { control: self.control, memory: self.options.memory }
    }

    pub(super) fn now(&self) -> FileTime {
        self.options.clock.now()
    }
}
