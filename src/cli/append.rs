//! `wimkit append`: a directory becomes a further image of an existing file.

use super::Context;
use super::capture::ImageArgs;
use super::exit::{Failure, Outcome};
use clap::Args;
use wimkit::wim::capture;

/// Add an image of a directory to an existing file
///
/// What the file has already is not stored again. It is added to in place: until all is written, the file has its old images,
/// and if the work does not come to an end they are all it has.
#[derive(Args, Debug)]
pub(crate) struct Append {
    #[command(flatten)]
    image: ImageArgs,
    /// Name of the image, which no other image of the file may have
    #[arg(long)]
    name: String,
}

impl Append {
    pub(crate) fn run(&self, context: &Context) -> Result<Outcome, Failure> {
        let options = self.image.options(self.name.clone(), context)?;
        self.image.run(context, "wimkit.append/1", || {
            capture::append(self.image.dir(), self.image.wim(), &options, context.control())
        })
    }
}
