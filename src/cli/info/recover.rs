//! `info --recover`: a file that a writer left unfinished.

use super::super::Context;
use super::super::exit::{Failure, Outcome};
use super::super::human::Human;
use wimkit::wim::{Wim, recover};

pub(super) fn recover(wim: &Wim, context: &Context) -> Result<Outcome, Failure> {
    let path = wim.path().display();
    match recover::recover(wim, context.control())? {
        Some(bytes) => context.say(format_args!("{path}: recovered; {} were taken off its end", Human(bytes))),
        None => context.say(format_args!("{path}: no program left this file unfinished; nothing was changed")),
    }
    Ok(Outcome::Done)
}
