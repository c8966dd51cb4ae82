//! `wimkit explain`: what a code of DISM means.

use super::Context;
use super::exit::{Failure, Outcome};
use super::printer::{self, Out};
use clap::Args;
use serde::Serialize;
use wimkit::servicing::code::Code;
use wimkit::servicing::outcome;

/// Tell what a code of DISM or the component store means, and what to do about it
///
/// The exit code is 1 if nothing is known about it.
#[derive(Args, Debug)]
pub(crate) struct Explain {
    /// The code: an exit code (-2146498554) or an HRESULT (0x800F0806)
    #[arg(allow_negative_numbers = true)]
    code: Code,
}

/// The JSON document; its members are described in docs/json/explain.md.
#[derive(Serialize)]
struct Document {
    schema: &'static str,
    code: String,
    hresult: String,
    exit: i32,
    win32: Option<u32>,
    meaning: Option<&'static str>,
    action: Option<&'static str>,
    advice: Option<&'static str>,
}

impl Explain {
    pub(crate) fn run(&self, context: &Context) -> Result<Outcome, Failure> {
        let code = self.code;
        let known = outcome::explain(code);
        let hresult = format!("0x{:08X}", code.hresult());
        if context.global.json {
            printer::json(&Document {
                schema: "wimkit.explain/1",
                code: code.to_string(),
                hresult,
                exit: code.signed(),
                win32: code.is_win32().then(|| code.bits()),
                meaning: known.map(|known| known.meaning),
                action: known.map(|known| known.action.name()),
                advice: known.map(|known| known.advice),
            })?;
        } else {
            let mut out = Out::new();
            let meaning = known.map_or("nothing is known about this code", |known| known.meaning);
            writeln!(out, "{code}: {meaning}")?;
            let mut notations = vec![hresult, format!("exit code {}", code.signed())];
            notations.extend(code.is_win32().then(|| format!("Win32 code {}", code.bits())));
            writeln!(out, "  also written  {}", notations.join(", "))?;
            let action = outcome::action(code).in_words();
            writeln!(out, "  a refresh     {action}")?;
            if let Some(known) = known {
                writeln!(out, "  what to do    {}", known.advice)?;
            }
            out.finish()?;
        }
        Ok(if known.is_some() { Outcome::Done } else { Outcome::Partial })
    }
}
