//! The command lines of a step, as plans and reports show them.

use super::plan::{Step, Work};
use super::settings::Settings;
use crate::servicing::dism::{self, Place};

/// The command lines of DISM for a step, with the image at the directory it is going to be mounted or applied to.
pub fn commands(step: &Step, settings: &Settings) -> Vec<String> {
    let Work::Service(requests) = &step.work else { return Vec::new() };
    let unit = step.session();
    let image = settings.work.join(settings.images.directory()).join(&unit);
    let scratch = settings.work.join("scratch").join(&unit);
    let log = settings.work.join("logs").join(format!("{unit}-step-{}.log", step.number.unwrap_or_default()));
    let place = Place { image: &image, scratch: &scratch, log: &log };
    let calls = requests.iter().flat_map(|request| dism::arguments(request, &place));
    calls.map(|arguments| format!("DISM {}", quoted(&arguments))).collect()
}

/// Arguments as a command line of Windows has them.
fn quoted(arguments: &[String]) -> String {
    let quote = |argument: &String| match argument.contains([' ', '\t']) {
        true => format!("\"{argument}\""),
        false => argument.clone(),
    };
    arguments.iter().map(quote).collect::<Vec<_>>().join(" ")
}
