//! `wimkit info`: what a file is, which images it holds; and changes of their names and properties.

mod blobs;
mod document;
mod edit;
mod header;
mod recover;
mod text;
mod xml;

use super::Context;
use super::args::ImageWord;
use super::exit::{Failure, Outcome};
use super::printer::Out;
use super::source::{Source, find_images, tell_warnings};
use clap::Args;
use document::Document;
use edit::Edits;

/// Show header, images, Windows versions and sizes, or change names and properties
#[derive(Args, Debug)]
pub(crate) struct Info {
    #[command(flatten)]
    source: Source,
    /// The images: numbers from 1, a name, or all
    #[arg(default_value = "all")]
    image: ImageWord,
    /// Print the XML document instead
    #[arg(long, group = "show")]
    xml: bool,
    /// Print all fields of the header instead
    #[arg(long, group = "show")]
    header: bool,
    /// Print the blob table instead
    #[arg(long, group = "show")]
    blobs: bool,
    #[command(flatten)]
    edits: Edits,
    /// Take off what a program left behind that was changing the file and did not finish; the images are those from before
    #[arg(long, conflicts_with_all = ["show", "edits", "image"], help_heading = "Changes")]
    recover: bool,
}

impl Info {
    pub(crate) fn run(&self, context: &Context) -> Result<Outcome, Failure> {
        let wim = self.source.open_silently(context)?;
        if self.recover {
            return recover::recover(&wim, context);
        }
        let images = find_images(&wim, &self.image)?;
        if !self.edits.is_empty() {
            self.edits.apply(&wim, &images, context)?;
            return Ok(Outcome::Done);
        }
        let json = context.global.json;
        let mut out = Out::new();
        if self.xml {
            xml::print(&wim, &mut out, json)?;
        } else if self.blobs {
            let contents = wim.contents()?;
            if json {
                out.json_line(&blobs::Document::new(&wim, contents))?;
            } else {
                blobs::print(&wim, contents, &mut out)?;
            }
        } else {
            let document = Document::new(&wim, &images);
            match (json, self.header) {
                (true, _) => out.json(&document)?,
                (false, true) => header::print(&wim, &mut out)?,
                (false, false) => text::print(&document, &mut out)?,
            }
        }
        tell_warnings(&wim);
        out.finish()?;
        Ok(Outcome::Done)
    }
}
