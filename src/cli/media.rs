//! `wimkit media`: installation media as a whole.

mod iso;

use super::Context;
use super::exit::{Failure, Outcome};
use super::human::Counted;
use super::printer::{self, Out, visible};
use clap::{Args, Subcommand};
use serde::Serialize;
use std::path::PathBuf;
use wimkit::catalog::set::Standing;
use wimkit::refresh::check::{self, CheckError, Options, Report};
use wimkit::refresh::media::images::ImageFacts;
use wimkit::refresh::media::{Media as Files, MediaError};

/// Look at installation media
#[derive(Args, Debug)]
pub(crate) struct Media {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Check(Check),
    Iso(iso::Iso),
}

/// Tell whether installation media are consistent
///
/// Setup on the media and in boot.wim, boot managers, architectures, builds, languages, Windows RE in each edition; and every
/// image is verified. The exit code is 1 if something is bad.
#[derive(Args, Debug)]
struct Check {
    /// The directory with the media, or their ISO image
    dir: PathBuf,
    /// Do not read the contents of the images
    #[arg(long)]
    no_verify: bool,
}

impl Media {
    pub(crate) fn run(&self, context: &Context) -> Result<Outcome, Failure> {
        match &self.command {
            Command::Check(command) => command.run(context),
            Command::Iso(command) => command.run(context),
        }
    }
}

impl Check {
    fn run(&self, context: &Context) -> Result<Outcome, Failure> {
        let media = Files::open(&self.dir)?;
        let result =
            check::check(&media, &Options { verify: !self.no_verify, memory: context.memory() }, context.control());
        context.bars.clear();
        let report = result?;
        if context.global.json {
            printer::json(&Document::new(media.root().display().to_string(), &report))?;
        } else {
            write(&report)?;
            let count = |standing| report.findings.iter().filter(|found| found.problem.standing() == standing).count();
            let files = Counted(media.files().count() as u64, "file");
            let (bad, doubtful) = (count(Standing::Bad), count(Standing::Doubtful));
            context.say(format_args!("{}: {files}, {bad} bad, {doubtful} doubtful", self.dir.display()));
        }
        Ok(if report.standing() == Standing::Bad { Outcome::Partial } else { Outcome::Done })
    }
}

fn told(value: Option<impl ToString>) -> String {
    value.map_or("-".to_owned(), |value| value.to_string())
}

/// Writes tables of what was compared, and then what is wrong. Each fits into 80 columns unless names are long.
pub(crate) fn write(report: &Report) -> Result<(), Failure> {
    let mut out = Out::new();
    writeln!(out, "{:<38}  {:<15}  in boot.wim", "file", "version")?;
    for binary in &report.binaries {
        let (media, boot) = (told(binary.media), told(binary.boot));
        writeln!(out, "{:<38}  {media:<15}  {boot}", visible(&binary.path))?;
    }
    writeln!(out, "\n{:<38}  {:<15}  {:<15}  lang", "image", "version", "winre")?;
    let boot = report.boot.iter().map(|image| ("boot", image, None));
    let editions = report.editions.iter().map(|(image, winre)| ("install", image, *winre));
    for (file, image, winre) in boot.chain(editions) {
        let name = format!("{file} {} {}", image.index, image.name);
        let (version, winre, languages) = (told(image.version), told(winre), image.languages.join(", "));
        writeln!(out, "{:<38}  {version:<15}  {winre:<15}  {}", visible(&name), visible(&languages))?;
    }
    if !report.findings.is_empty() {
        writeln!(out)?;
    }
    for finding in &report.findings {
        let standing = finding.problem.standing().name();
        let problem = finding.problem.to_string();
        writeln!(out, "{standing}: {}: {}", visible(&finding.path), visible(&problem))?;
        if let Some(hint) = finding.problem.hint() {
            writeln!(out, "  {hint}")?;
        }
    }
    out.finish()
}

impl From<MediaError> for Failure {
    fn from(error: MediaError) -> Self {
        let hint = error.hint();
        Self::new(error, hint)
    }
}

impl From<CheckError> for Failure {
    fn from(error: CheckError) -> Self {
        match error {
            CheckError::Interrupted => Self::Interrupted,
            CheckError::Media(error) => error.into(),
            error => Self::new(error, None::<String>),
        }
    }
}

/// The JSON document; its members are described in docs/json/media.md.
#[derive(Serialize)]
struct Document {
    schema: &'static str,
    path: String,
    standing: &'static str,
    architecture: Option<String>,
    binaries: Vec<Binary>,
    images: Vec<Image>,
    findings: Vec<Finding>,
}

#[derive(Serialize)]
struct Binary {
    path: String,
    media: Option<String>,
    boot: Option<String>,
}

#[derive(Serialize)]
struct Image {
    file: &'static str,
    index: u32,
    name: String,
    version: Option<String>,
    languages: Vec<String>,
    winre: Option<String>,
    winre_version: Option<String>,
}

#[derive(Serialize)]
struct Finding {
    path: String,
    standing: &'static str,
    kind: &'static str,
    message: String,
    hint: Option<String>,
}

impl Document {
    fn new(path: String, report: &Report) -> Self {
        let image = |file, facts: &ImageFacts, winre_version| Image {
            file,
            index: facts.index,
            name: facts.name.clone(),
            version: facts.version.map(|version| version.to_string()),
            languages: facts.languages.clone(),
            winre: facts.winre.map(|hash| hash.to_string()),
            winre_version,
        };
        let boot = report.boot.iter().map(|facts| image("boot", facts, None));
        let editions = report.editions.iter();
        let editions = editions.map(|(facts, winre)| image("install", facts, winre.map(|version| version.to_string())));
        Self {
            schema: "wimkit.media-check/1",
            path,
            standing: report.standing().name(),
            architecture: report.architecture.map(|architecture| architecture.to_string()),
            binaries: report
                .binaries
                .iter()
                .map(|binary| Binary {
                    path: binary.path.clone(),
                    media: binary.media.map(|version| version.to_string()),
                    boot: binary.boot.map(|version| version.to_string()),
                })
                .collect(),
            images: boot.chain(editions).collect(),
            findings: report
                .findings
                .iter()
                .map(|finding| Finding {
                    path: finding.path.clone(),
                    standing: finding.problem.standing().name(),
                    kind: finding.problem.name(),
                    message: finding.problem.to_string(),
                    hint: finding.problem.hint(),
                })
                .collect(),
        }
    }
}
