//! `info --name`, `--description`, `--set`, `--boot`: changes of the XML document and the header.

use super::super::Context;
use super::super::exit::Failure;
use clap::Args;
use std::str::FromStr;
use wimkit::wim::edit::{self, ImageEdit};
use wimkit::wim::{ImageIndex, Wim};

#[derive(Args, Debug)]
#[group(id = "edits", multiple = true)]
pub(super) struct Edits {
    /// Give the image this name; an empty one removes it
    #[arg(long, conflicts_with = "show", help_heading = "Changes")]
    name: Option<String>,
    /// Give the image this description; an empty one removes it
    #[arg(long, conflicts_with = "show", help_heading = "Changes")]
    description: Option<String>,
    /// Set a property of the image, such as FLAGS=Core or WINDOWS/VERSION/SPBUILD=1742; an empty value removes it
    #[arg(long, value_name = "PROP=VALUE", conflicts_with = "show", help_heading = "Changes")]
    set: Vec<Property>,
    /// Make image N bootable; 0 makes none so
    #[arg(long, value_name = "N", conflicts_with = "show", help_heading = "Changes")]
    boot: Option<u32>,
}

/// A property and its new value.
#[derive(Clone, Debug)]
struct Property(String, String);

impl FromStr for Property {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text.split_once('=') {
            Some((path, value)) if !path.is_empty() => Ok(Self(path.into(), value.into())),
            _ => Err("expected PROP=VALUE, such as FLAGS=Core"),
        }
    }
}

impl Edits {
    pub(super) fn is_empty(&self) -> bool {
        self.boot.is_none() && self.properties().is_empty()
    }

    fn properties(&self) -> Vec<(String, String)> {
        let named = [("NAME", &self.name), ("DESCRIPTION", &self.description)];
        let named = named.into_iter().filter_map(|(path, value)| Some((path.to_owned(), value.clone()?)));
        named.chain(self.set.iter().map(|Property(path, value)| (path.clone(), value.clone()))).collect()
    }

    /// Makes the changes to `images` of `wim`.
    pub(super) fn apply(&self, wim: &Wim, images: &[ImageIndex], context: &Context) -> Result<(), Failure> {
        let properties = self.properties();
        if self.name.is_some() && images.len() != 1 {
            return Err(Failure::message(format!("one name cannot be given to {} images", images.len()))
                .with_hint("say which image: wimkit info SRC IMAGE --name NAME"));
        }
        let edits: Vec<_> = match properties.is_empty() {
            true => Vec::new(),
            false => {
                images.iter().map(|image| ImageEdit { image: image.get(), properties: properties.clone() }).collect()
            }
        };
        let result = edit::edit(wim, &edits, self.boot.map(ImageIndex::new), context.control());
        context.bars.clear();
        Ok(result?)
    }
}
