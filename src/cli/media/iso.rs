//! `wimkit media iso`: a bootable ISO image of installation media.

use super::super::Context;
use super::super::exit::{Failure, Outcome};
use super::super::human::{Counted, Human};
use super::super::printer;
use clap::Args;
use serde::Serialize;
use std::path::PathBuf;
use std::time::Instant;
use wimkit::iso::create::{DEFAULT_LABEL, Options, create};
use wimkit::refresh::media::Media as Files;
use wimkit::refresh::media::boot::{BootImages, Signer};

/// Write installation media to a bootable ISO image
///
/// The files are in a UDF file system, in which they may be larger than 4 GiB; BIOS and EFI firmware start what the media have for
/// them. Identical files are stored once.
#[derive(Args, Debug)]
pub(super) struct Iso {
    /// The directory with the media
    dir: PathBuf,
    /// The image; it is replaced if it exists
    out: PathBuf,
    /// The volume's name, at most 32 characters
    #[arg(long, default_value = DEFAULT_LABEL)]
    label: String,
    /// What BIOS starts, instead of boot/etfsboot.com on the media; without --efi, EFI then starts nothing
    #[arg(long, value_name = "FILE")]
    bios: Option<PathBuf>,
    /// What EFI starts, instead of efi/microsoft/boot/efisys.bin; without --bios, BIOS then starts nothing
    #[arg(long, value_name = "FILE")]
    efi: Option<PathBuf>,
    /// EFI starts without asking for a key: efisys_noprompt.bin
    #[arg(long, conflicts_with_all = ["bios", "efi"])]
    no_prompt: bool,
    /// Which authority has signed what EFI starts: 2023 takes the _EX files
    #[arg(long, value_name = "YEAR", default_value = "2011", conflicts_with_all = ["bios", "efi"])]
    signer: Signer,
    /// Write an image that does not boot
    #[arg(long, conflicts_with_all = ["bios", "efi", "no_prompt"])]
    no_boot: bool,
    /// Store identical files each for itself
    #[arg(long)]
    no_share: bool,
}

/// The JSON document; its members are described in docs/json/media.md.
#[derive(Serialize)]
struct Document<'a> {
    schema: &'static str,
    path: String,
    label: &'a str,
    files: u64,
    directories: u64,
    bytes: u64,
    shared: u64,
    size: u64,
    bios: Option<String>,
    efi: Option<String>,
}

impl Iso {
    pub(super) fn run(&self, context: &Context) -> Result<Outcome, Failure> {
        let begun = Instant::now();
        let BootImages { bios, efi } = self.boot_images()?;
        let options = Options { label: self.label.clone(), bios, efi, share: !self.no_share };
        let result = create(&self.dir, &self.out, &options, context.control());
        context.bars.clear();
        let done = result?;
        let boots = match (&options.bios, &options.efi) {
            (Some(_), Some(_)) => "boots with BIOS and EFI",
            (Some(_), None) => "boots with BIOS alone",
            (None, Some(_)) => "boots with EFI alone",
            (None, None) => "does not boot",
        };
        let told = |path: &Option<PathBuf>| path.as_ref().map(|path| path.display().to_string());
        if context.global.json {
            printer::json(&Document {
                schema: "wimkit.media-iso/1",
                path: self.out.display().to_string(),
                label: &options.label,
                files: done.files,
                directories: done.directories,
                bytes: done.bytes,
                shared: done.shared,
                size: done.size,
                bios: told(&options.bios),
                efi: told(&options.efi),
            })?;
        } else {
            let (files, bytes, size) = (Counted(done.files, "file"), Human(done.bytes), Human(done.size));
            let seconds = begun.elapsed().as_secs_f64();
            let path = self.out.display();
            context.say(format_args!("{path}: {files} ({bytes}) in {size}, {boots}, in {seconds:.1} s"));
        }
        Ok(Outcome::Done)
    }

    fn boot_images(&self) -> Result<BootImages, Failure> {
        let given = BootImages { bios: self.bios.clone(), efi: self.efi.clone() };
        if self.no_boot || given != BootImages::default() {
            return Ok(given);
        }
        Ok(Files::open(&self.dir)?.boot_images(self.signer, !self.no_prompt)?)
    }
}
