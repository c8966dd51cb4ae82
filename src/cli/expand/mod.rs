//! `wimkit expand`: the files of a cabinet or an update package.

mod document;
mod matcher;
mod package;

use super::Context;
use super::args::Size;
use super::exit::{Failure, Outcome};
use super::human::{Counted, Human};
use super::printer::{self, Out, visible, warn};
use clap::Args;
use document::{Extracted, Listing};
use matcher::Matcher;
use package::{Member, Package};
use std::path::{Path, PathBuf};
use std::time::Instant;
use wimkit::cab::extract::ExtractError;
use wimkit::cab::{CabError, NameEncoding};

/// List or extract the files of a cabinet or an update package
///
/// What Windows' expand.exe is asked in its own way is understood: `expand update.cab -F:* DIR`.
#[derive(Args, Debug)]
pub(crate) struct Expand {
    /// The cabinet, the update package (.msu), or a file with a cabinet in it; of a set any one
    pkg: PathBuf,
    /// The directory to extract to, as expand.exe takes it
    #[arg(value_name = "DIR", conflicts_with = "to")]
    dest: Option<PathBuf>,
    /// The directory to extract to [default: the current one]
    #[arg(long, value_name = "DIR")]
    to: Option<PathBuf>,
    /// Files to take; * and ? match anything. With \ or / in it the pattern is for whole paths, else for names [default: *]
    #[arg(short = 'F', long = "files", value_name = "PATTERN")]
    patterns: Vec<String>,
    /// List the files instead of extracting them
    #[arg(short = 'D', visible_short_alias = 'd', long)]
    list: bool,
    /// Ignore the directories: put all files into the target itself
    #[arg(short = 'I', visible_short_alias = 'i', long)]
    flatten: bool,
    /// Understood for expand.exe's sake: files always get the names that are stored
    #[arg(short = 'R', visible_short_alias = 'r')]
    rename: bool,
    /// Leave files that exist alone and stop, in place of replacing them
    #[arg(long)]
    no_overwrite: bool,
    /// Go on behind damage: extract what can still be had, and tell what is missing
    #[arg(long)]
    keep_going: bool,
    /// Refuse to extract more than this
    #[arg(long, value_name = "SIZE")]
    max_size: Option<Size>,
    /// The code page of names that do not say it, such as shift_jis, koi8-r or windows-1250 [default: a guess]
    #[arg(long, value_name = "NAME", value_parser = encoding)]
    encoding: Option<NameEncoding>,
    /// The other cabinets of a set [default: those beside the first that it names]
    #[arg(long = "part", value_name = "FILE")]
    parts: Vec<PathBuf>,
}

fn encoding(label: &str) -> Result<NameEncoding, String> {
    NameEncoding::from_label(label).ok_or_else(|| "expected a code page such as windows-1252 or shift_jis".into())
}

impl Expand {
    pub(crate) fn run(&self, context: &Context) -> Result<Outcome, Failure> {
        let begun = Instant::now();
        let package = Package::open(self, context)?;
        let warnings = package.warnings();
        for warning in &warnings {
            warn(visible(warning));
        }
        let members = package.members()?;
        let chosen = Matcher::new(&self.patterns)?.choose(members.iter().map(|member| &*member.path))?;
        if self.list {
            list(&package, members, &chosen, warnings, context)?;
            return Ok(Outcome::Done);
        }
        let target = self.to.as_deref().or(self.dest.as_deref()).unwrap_or(Path::new("."));
        let result = package.extract(&chosen, target, self, context);
        context.bars.clear();
        let done = result?;
        for (path, problem) in &done.missing {
            warn(format_args!("not extracted: {}: {}", visible(path), visible(problem)));
        }
        let is_complete = done.missing.is_empty() && warnings.is_empty();
        if context.global.json {
            printer::json(&Extracted::new(target, done, warnings))?;
        } else {
            let (files, bytes, seconds) =
                (Counted(done.files, "file"), Human(done.bytes), begun.elapsed().as_secs_f64());
            context.say(format_args!("{}: {files} ({bytes}), in {seconds:.1} s", target.display()));
        }
        Ok(if is_complete { Outcome::Done } else { Outcome::Partial })
    }
}

fn list(
    package: &Package,
    members: Vec<Member>,
    chosen: &[usize],
    warnings: Vec<String>,
    context: &Context,
) -> Result<(), Failure> {
    let mut is_chosen = vec![false; members.len()];
    chosen.iter().for_each(|index| is_chosen[*index] = true);
    let members = members.into_iter().zip(is_chosen).filter_map(|(member, is_chosen)| is_chosen.then_some(member));
    if context.global.json {
        return printer::json(&Listing::new(package.containers(), members, warnings));
    }
    let mut out = Out::new();
    for member in members {
        writeln!(out, "{:>12}  {:<20}  {}", member.size, member.time.to_string(), visible(&member.path))?;
    }
    out.finish()
}

impl From<CabError> for Failure {
    fn from(error: CabError) -> Self {
        let hint = error.hint();
        Self::new(error, hint)
    }
}

impl From<ExtractError> for Failure {
    fn from(error: ExtractError) -> Self {
        match error {
            ExtractError::Interrupted => Self::Interrupted,
            error => {
                let hint = error.hint();
                Self::new(error, hint)
            }
        }
    }
}
