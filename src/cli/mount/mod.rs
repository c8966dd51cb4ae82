//! `wimkit mount` and `wimkit unmount`: an image as a file system.

#[cfg(target_os = "linux")]
mod fuse;
#[cfg(target_os = "linux")]
mod mounted;

use super::Context;
use super::args::{ImageWord, Size};
use super::exit::{Failure, Outcome};
use super::source::Source;
use clap::Args;
use std::path::PathBuf;

/// Mount an image, read-only, until Ctrl-C or `wimkit unmount` (Linux)
///
/// Named streams are extended attributes, user.NAME, and can be read as FILE:STREAM. What lies in a WIM in the image is
/// found below FILE.wim!/1. Names are looked up as they are, then without regard to letter case.
#[derive(Args, Debug)]
#[cfg_attr(not(target_os = "linux"), allow(dead_code, reason = "there, nothing can be mounted"))]
pub(crate) struct Mount {
    #[command(flatten)]
    source: Source,
    /// The image: a number from 1, or a name; with "all", each is a directory
    image: ImageWord,
    /// The directory to mount on
    dir: PathBuf,
    /// List the directories FILE.wim! as well, so that programs that walk the tree see them
    #[arg(long)]
    nested: bool,
    /// Keep so many bytes of decoded data in memory
    #[arg(long, value_name = "SIZE", default_value = "64M")]
    cache: Size,
    /// Keep decoded data of solid resources in a file without a name here [default: /var/tmp]
    #[arg(long, value_name = "DIR")]
    scratch: Option<PathBuf>,
    /// Keep it nowhere: files of solid resources are then read slowly, except in the order in which they are stored
    #[arg(long, conflicts_with = "scratch")]
    no_scratch: bool,
    /// Let other users in, too
    #[arg(long)]
    allow_other: bool,
    /// The user that files belong to [default: who mounts]
    #[arg(long, value_name = "UID")]
    uid: Option<u32>,
    /// The group that files belong to [default: that of who mounts]
    #[arg(long, value_name = "GID")]
    gid: Option<u32>,
}

/// Unmount what `wimkit mount` has mounted (Linux)
#[derive(Args, Debug)]
#[cfg_attr(not(target_os = "linux"), allow(dead_code, reason = "there, nothing can be mounted"))]
pub(crate) struct Unmount {
    /// The directory
    dir: PathBuf,
    /// Take it away even if it is in use; it ends when it no longer is
    #[arg(long)]
    lazy: bool,
}

#[cfg(target_os = "linux")]
impl Mount {
    pub(crate) fn run(&self, context: &Context) -> Result<Outcome, Failure> {
        use super::printer::warn;
        use super::source::{find_image, read_tree};
        use std::sync::Arc;
        use wimkit::wim::browse::{Browser, Options};

        let wim = Arc::new(self.source.open(context)?);
        let memory = context.memory();
        let options = Options { cache: self.cache.0, scratch: self.scratch_directory(), memory, nested: self.nested };
        let browser = if self.image == ImageWord::All {
            Browser::all_images(Arc::clone(&wim), options)
        } else {
            let image = find_image(&wim, &self.image)?;
            drop(read_tree(&wim, image)?);
            Browser::image(Arc::clone(&wim), image, options)
        };
        let browser = browser.map_err(|error| Failure::new(error, None::<String>))?;
        let unseen = browser.unseen();
        if unseen > 0 {
            warn(format_args!("{unseen} entries have names that cannot be shown here; `wimkit extract` lists them"));
        }
        let user = (rustix::process::geteuid().as_raw(), rustix::process::getegid().as_raw());
        let owner = fuse::Owner { uid: self.uid.unwrap_or(user.0), gid: self.gid.unwrap_or(user.1) };
        mounted::serve(fuse::ImageFs::new(browser, owner), wim.path(), &self.dir, self.allow_other, context)
    }

    /// The directory that was named, or else the first one that takes a file.
    fn scratch_directory(&self) -> Option<PathBuf> {
        let usual = || [PathBuf::from("/var/tmp"), std::env::temp_dir()];
        let is_writable = |directory: &PathBuf| tempfile::tempfile_in(directory).is_ok();
        if self.no_scratch { None } else { self.scratch.clone().or_else(|| usual().into_iter().find(is_writable)) }
    }
}

#[cfg(target_os = "linux")]
impl Unmount {
    pub(crate) fn run(&self, _: &Context) -> Result<Outcome, Failure> {
        mounted::unmount_ours(&self.dir, self.lazy)
    }
}

#[cfg(not(target_os = "linux"))]
fn only_on_linux() -> Failure {
    Failure::message("images can be mounted on Linux only")
        .with_hint("`wimkit extract` and `wimkit cat` work everywhere")
}

#[cfg(not(target_os = "linux"))]
impl Mount {
    pub(crate) fn run(&self, _: &Context) -> Result<Outcome, Failure> {
        Err(only_on_linux())
    }
}

#[cfg(not(target_os = "linux"))]
impl Unmount {
    pub(crate) fn run(&self, _: &Context) -> Result<Outcome, Failure> {
        Err(only_on_linux())
    }
}
