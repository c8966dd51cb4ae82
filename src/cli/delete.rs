//! `wimkit delete`: images taken out of a file.

use super::Context;
use super::args::ImageWord;
use super::exit::{Failure, Outcome};
use super::human::{Counted, Human};
use super::printer;
use super::source::{Source, find_images};
use clap::Args;
use serde::Serialize;
use wimkit::wim::edit;

/// Remove images from a file
#[derive(Args, Debug)]
pub(crate) struct Delete {
    #[command(flatten)]
    source: Source,
    /// The images: numbers from 1 (1,3-5), a name, or all
    image: ImageWord,
}

/// The JSON document; its members are described in docs/json/delete.md.
#[derive(Serialize)]
struct Document {
    schema: &'static str,
    path: String,
    deleted: Vec<u32>,
    images_left: u32,
    unused_bytes: u64,
    size: u64,
}

impl Delete {
    pub(crate) fn run(&self, context: &Context) -> Result<Outcome, Failure> {
        let wim = self.source.open(context)?;
        let images = find_images(&wim, &self.image)?;
        let result = edit::delete(&wim, &images, context.control());
        context.bars.clear();
        let done = result?;
        let document = Document {
            schema: "wimkit.delete/1",
            path: wim.path().display().to_string(),
            deleted: images.iter().map(|image| image.get()).collect(),
            images_left: done.images_left,
            unused_bytes: done.unused_bytes,
            size: done.size,
        };
        if context.global.json {
            printer::json(&document)?;
        } else {
            let (path, deleted) = (wim.path().display(), Counted(images.len() as u64, "image"));
            context.say(format_args!("{path}: {deleted} deleted, {} left", done.images_left));
            if done.unused_bytes > 0 {
                let unused = Human(done.unused_bytes);
                context.say(format_args!("  {unused} are used no more; `wimkit optimize` gives their space back"));
            }
        }
        Ok(Outcome::Done)
    }
}
