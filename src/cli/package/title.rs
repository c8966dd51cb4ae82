//! What an update is by the words of the Microsoft Update Catalog.

use super::super::Context;
use super::super::exit::{Failure, Outcome};
use super::super::printer::{self, Out, visible};
use clap::Args;
use serde::Serialize;
use wimkit::catalog::rules::{Answer, Listing, Title, recognize};

/// The fields of a page of the catalog.
#[derive(Args, Debug)]
pub(super) struct TitleArguments {
    /// Tell what an update is by its title in the Microsoft Update Catalog, in place of looking into a package
    #[arg(long, value_name = "TITLE", conflicts_with = "packages")]
    title: Option<String>,
    /// The products that the catalog has for it
    #[arg(long, value_name = "PRODUCT", requires = "title")]
    product: Option<String>,
    /// The description that the catalog has for it
    #[arg(long, value_name = "TEXT", requires = "title")]
    description: Option<String>,
}

/// The JSON document.
#[derive(Serialize)]
struct Document<'a> {
    schema: &'static str,
    title: &'a str,
    class: Option<&'static str>,
    candidates: Vec<&'static str>,
    missing: Vec<String>,
    month: Option<String>,
    preview: Option<bool>,
    system: Option<&'static str>,
    version: Option<&'a str>,
    builds: &'static [u16],
    architecture: Option<&'static str>,
    kb: Option<String>,
}

impl TitleArguments {
    /// Answers about a title, if there is one.
    pub(super) fn run(&self, context: &Context) -> Result<Option<Outcome>, Failure> {
        let Some(text) = &self.title else { return Ok(None) };
        let (product, description) = (self.product.as_deref(), self.description.as_deref());
        let answer = recognize(&Listing { title: text, product, description });
        let title = Title::parse(text);
        if context.global.json {
            printer::json(&document(text, title.as_ref(), &answer))?;
        } else {
            write(title.as_ref(), &answer)?;
        }
        Ok(Some(if matches!(answer, Answer::Class(_)) { Outcome::Done } else { Outcome::Partial }))
    }
}

fn document<'a>(text: &'a str, title: Option<&'a Title>, answer: &Answer) -> Document<'a> {
    let (class, candidates, missing) = match answer {
        Answer::Class(class) => (Some(class.name()), Vec::new(), Vec::new()),
        Answer::Undecided { candidates, missing } => (
            None,
            candidates.iter().map(|class| class.name()).collect(),
            missing.iter().map(ToString::to_string).collect(),
        ),
        Answer::Unknown => (None, Vec::new(), Vec::new()),
    };
    Document {
        schema: "wimkit.package-title/1",
        title: text,
        class,
        candidates,
        missing,
        month: title.and_then(|title| title.month).map(|month| month.to_string()),
        preview: title.map(|title| title.is_preview),
        system: title.map(|title| title.system.name()),
        version: title.and_then(|title| title.version.as_deref()),
        builds: title.and_then(Title::family).map_or(&[], |family| family.builds),
        architecture: title.and_then(|title| title.architecture).map(|architecture| architecture.name()),
        kb: title.and_then(|title| title.kb).map(|kb| kb.to_string()),
    }
}

fn write(title: Option<&Title>, answer: &Answer) -> Result<(), Failure> {
    let mut out = Out::new();
    match answer {
        Answer::Class(class) => writeln!(out, "{}: {}", class, class.title())?,
        Answer::Undecided { candidates, missing } => {
            let candidates: Vec<&str> = candidates.iter().map(|class| class.name()).collect();
            let missing: Vec<String> = missing.iter().map(|field| format!("--{field}")).collect();
            writeln!(out, "undecided: {}; {} would tell", candidates.join(" or "), missing.join(" and "))?;
        }
        Answer::Unknown => writeln!(out, "unknown: no rule is about this title")?,
    }
    let Some(title) = title else { return out.finish() };
    let mut line = |key: &str, value: Option<String>| match value {
        Some(value) => writeln!(out, "  {key:<14}{}", visible(&value)),
        None => Ok(()),
    };
    line("month", title.month.map(|month| month.to_string()))?;
    line("article", title.kb.map(|kb| kb.to_string()))?;
    line("architecture", title.architecture.map(|architecture| architecture.to_string()))?;
    let version = title.version.as_deref().map(|version| format!(" {version}")).unwrap_or_default();
    let builds = title.family().map(|family| {
        let builds: Vec<String> = family.builds.iter().map(ToString::to_string).collect();
        format!(" ({})", builds.join(", "))
    });
    line("for", Some(format!("{}{version}{}", title.system.name(), builds.unwrap_or_default())))?;
    line("preview", title.is_preview.then(|| "yes".to_owned()))?;
    out.finish()
}
