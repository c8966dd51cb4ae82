//! `wimkit package`: what update packages are.

mod document;
mod gather;
mod text;
mod title;

use super::Context;
use super::exit::{Failure, Outcome};
use super::human::Counted;
use super::printer::{self, Out, visible, warn};
use super::source::{open_address, whole};
use clap::Args;
use document::Document;
use gather::File;
use std::path::PathBuf;
use title::TitleArguments;
use wimkit::catalog::class::Class;
use wimkit::catalog::set::{self, Standing};
use wimkit::catalog::text::MAX_SIZE;

/// Tell what update packages are: class, KB, version, architecture, and what they are for
///
/// Packages are known by what is in them. Several of them, or a directory, are taken for a set: whether they go together is
/// told, and in which order they are applied. The exit code is 1 if something does not belong, or is missing.
#[derive(Args, Debug)]
pub(crate) struct Package {
    /// Packages (.msu, .cab, .wim; also inside of other files), and directories of packages
    #[arg(value_name = "PKG", required_unless_present = "title")]
    packages: Vec<PathBuf>,
    /// Tell everything about each package of a set, too
    #[arg(long, short)]
    long: bool,
    /// For packages with compressed manifests (DCM): the base manifest of the image that they are from
    #[arg(long, value_name = "FILE")]
    base: Option<PathBuf>,
    #[command(flatten)]
    title: TitleArguments,
}

impl Package {
    pub(crate) fn run(&self, context: &Context) -> Result<Outcome, Failure> {
        if let Some(outcome) = self.title.run(context)? {
            return Ok(outcome);
        }
        let base = self.base.as_ref().map(|path| whole(&*open_address(path, context)?, path, MAX_SIZE as u64));
        let files = gather::gather(&self.packages, base.transpose()?.as_deref(), context)?;
        let is_set = files.len() != 1 || self.packages[0].is_dir();
        let report = set::check(&files.iter().map(File::entry).collect::<Vec<_>>());
        for problem in files.iter().filter_map(File::package).flat_map(|info| &info.problems) {
            warn(visible(problem));
        }
        if context.global.json {
            printer::json(&Document::new(&files, is_set.then_some(&report)))?;
        } else {
            let mut out = Out::new();
            for info in files.iter().filter_map(File::package).filter(|_| self.long || !is_set) {
                text::write(info, &mut out)?;
            }
            if is_set {
                text::write_set(&files, &report, &mut out)?;
            }
            out.finish()?;
        }
        if !is_set {
            // Alone it can lack nothing but what is in it.
            let is_well = files
                .iter()
                .filter_map(File::package)
                .all(|info| info.class != Class::Unknown && info.problems.is_empty());
            return Ok(if is_well { Outcome::Done } else { Outcome::Partial });
        }
        let count = |wanted| (0..files.len()).filter(|file| report.standing(*file) == wanted).count();
        let (bad, doubtful) = (count(Standing::Bad), count(Standing::Doubtful));
        let files = Counted(files.len() as u64, "file");
        context.say(format_args!("{files}: {bad} bad, {doubtful} doubtful"));
        Ok(if bad == 0 { Outcome::Done } else { Outcome::Partial })
    }
}
