//! `wimkit setup-action`: commands for the end of Windows Setup, inside images.

use super::Context;
use super::args::ImageWord;
use super::exit::{Failure, Outcome};
use super::human::Counted;
use super::printer::{self, Out, visible};
use super::source::{find_images, open_in_place, whole};
use clap::{Args, Subcommand};
use serde::Serialize;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use wimkit::util::sha1::Sha1;
use wimkit::wim::blob_reader::BlobReader;
use wimkit::wim::metadata::Metadata;
use wimkit::wim::setup_script::{Action, ORIGINAL_PATH, PATH, SetupScript};
use wimkit::wim::update::{Batch, Command, Options, Source, update_batches};
use wimkit::wim::{ImageIndex, Wim, WimError};

/// A script of more bytes is none.
const MAX_SCRIPT_NBYTES: u64 = 1 << 20;

/// Commands that Windows Setup carries out when it is done, in Windows/Setup/Scripts/SetupComplete.cmd of an image
#[derive(Args, Debug)]
pub(crate) struct SetupAction {
    #[command(subcommand)]
    task: Task,
}

#[derive(Debug, Subcommand)]
enum Task {
    Add(Add),
    List(List),
    Remove(Remove),
}

/// Add a command; what the script has already stays, and is kept beside it as it was at first
#[derive(Args, Debug)]
struct Add {
    #[command(flatten)]
    place: Place,
    /// The command, one line; call a batch file with `call`
    command: String,
    /// What the command is for
    #[arg(long, short, default_value = "")]
    description: String,
    /// Commands with lower numbers come first
    #[arg(long, short, value_name = "N", default_value_t = 50)]
    priority: u16,
}

/// Show the commands that were added
#[derive(Args, Debug)]
struct List {
    #[command(flatten)]
    place: Place,
}

/// Take a command out
#[derive(Args, Debug)]
struct Remove {
    #[command(flatten)]
    place: Place,
    /// The number that `list` shows
    id: String,
}

/// The images whose scripts are meant.
#[derive(Args, Debug)]
struct Place {
    /// The file
    wim: PathBuf,
    /// The images: numbers from 1 (1,3-5), a name, or all
    image: ImageWord,
}

/// The JSON document; its members are described in docs/json/setup-action.md.
#[derive(Serialize)]
struct Document {
    schema: &'static str,
    path: String,
    images: Vec<Image>,
}

#[derive(Serialize)]
struct Image {
    index: u32,
    changed: bool,
    actions: Vec<JsonAction>,
}

#[derive(Serialize)]
struct JsonAction {
    id: String,
    priority: u16,
    description: String,
    command: String,
}

impl SetupAction {
    pub(crate) fn run(&self, context: &Context) -> Result<Outcome, Failure> {
        match &self.task {
            Task::Add(task) => {
                let Add { command, description, priority, .. } = task;
                let action = Action { command: command.clone(), description: description.clone(), priority: *priority };
                task.place.change(context, |script| {
                    script.add(action.clone()).map_err(|error| Failure::new(error, None::<String>))
                })
            }
            Task::List(task) => task.place.list(context),
            Task::Remove(task) => task.place.change(context, |script| Ok(script.remove(&task.id))),
        }
    }
}

impl Place {
    /// Changes the scripts of all images, those that are to be changed in one transaction.
    fn change(
        &self,
        context: &Context,
        change: impl Fn(&mut SetupScript) -> Result<bool, Failure>,
    ) -> Result<Outcome, Failure> {
        let wim = Arc::new(open_in_place(&self.wim, context)?);
        let mut images = Vec::new();
        let mut changes: Vec<([ImageIndex; 1], Vec<Command<Source<'_>>>)> = Vec::new();
        for index in find_images(&wim, &self.image)? {
            let tree = wim.metadata(index)?;
            let old = read(&wim, index, &tree, context)?;
            let mut script = parse(&self.wim, index, old.as_deref())?;
            let was_ours = !script.actions().is_empty();
            let changed = change(&mut script)?;
            if changed {
                let mut commands = vec![Command::add(Source::Bytes(script.to_bytes()), PATH)];
                if let Some(old) = old.filter(|_| !was_ours && tree.lookup(ORIGINAL_PATH).is_none()) {
                    commands.push(Command::add(Source::Bytes(old), ORIGINAL_PATH));
                }
                changes.push(([index], commands));
            }
            images.push((index, changed, script));
        }
        drop(wim);
        if !changes.is_empty() {
            let batches: Vec<_> = changes.iter().map(|(images, commands)| Batch { images, commands }).collect();
            let options = Options { memory: context.memory(), no_mmap: context.global.no_mmap, ..Options::default() };
            let result = update_batches(&self.wim, &batches, &options, context.control());
            context.bars.clear();
            result?;
        }
        if context.global.json {
            printer::json(&self.document(&images))?;
        } else {
            for (index, changed, script) in &images {
                let what = if *changed { "changed" } else { "as it was" };
                let count = Counted(script.actions().len() as u64, "setup action");
                context.say(format_args!("{}: image {index}: {what}, {count}", self.wim.display()));
            }
        }
        Ok(Outcome::Done)
    }

    fn list(&self, context: &Context) -> Result<Outcome, Failure> {
        let wim = Arc::new(open_in_place(&self.wim, context)?);
        let mut images = Vec::new();
        for index in find_images(&wim, &self.image)? {
            let old = read(&wim, index, &wim.metadata(index)?, context)?;
            images.push((index, false, parse(&self.wim, index, old.as_deref())?));
        }
        let mut out = Out::new();
        if context.global.json {
            out.json(&self.document(&images))?;
        } else {
            for (index, _, script) in &images {
                for action in script.actions() {
                    let (id, Action { command, description, priority }) = (action.id(), action);
                    let prefix = if images.len() > 1 { format!("{index}  ") } else { String::new() };
                    writeln!(out, "{prefix}{id}  {priority:>5}  {}", visible(command))?;
                    if !description.is_empty() {
                        writeln!(out, "{:1$}{2}", "", prefix.len() + 17, visible(description))?;
                    }
                }
            }
        }
        out.finish()?;
        Ok(Outcome::Done)
    }

    fn document(&self, images: &[(ImageIndex, bool, SetupScript)]) -> Document {
        let action = |action: &Action| JsonAction {
            id: action.id(),
            priority: action.priority,
            description: action.description.clone(),
            command: action.command.clone(),
        };
        let image = |(index, changed, script): &(ImageIndex, bool, SetupScript)| Image {
            index: index.get(),
            changed: *changed,
            actions: script.actions().iter().map(action).collect(),
        };
        Document {
            schema: "wimkit.setup-action/1",
            path: self.wim.display().to_string(),
            images: images.iter().map(image).collect(),
        }
    }
}

/// The script of an image, if it has one.
fn read(wim: &Arc<Wim>, image: ImageIndex, tree: &Metadata, context: &Context) -> Result<Option<Vec<u8>>, Failure> {
    let Some(entry) = tree.lookup(PATH) else { return Ok(None) };
    let name = PathBuf::from(format!("{}!/{image}{}", wim.path().display(), entry.path()));
    let Some(sha1) = entry.data_hash().filter(|_| !entry.is_reparse_point() && !entry.is_encrypted()) else {
        return Err(Failure::message(format!("{}: this is no ordinary file", name.display())));
    };
    if sha1.is_zero() {
        return Ok(Some(Vec::new()));
    }
    let missing = || WimError::MissingBlob { path: wim.path().to_owned(), sha1, needed_by: Some(entry.path()) };
    let blob = *wim.contents()?.find(&sha1).ok_or_else(missing)?;
    let reader = BlobReader::new(Arc::clone(wim), &blob, context.memory())?;
    let script = whole(&reader, &name, MAX_SCRIPT_NBYTES)?;
    if Sha1::of(&script) != sha1 {
        return Err(Failure::message(format!("{}: the file is damaged", name.display())));
    }
    Ok(Some(script))
}

fn parse(path: &Path, image: ImageIndex, script: Option<&[u8]>) -> Result<SetupScript, Failure> {
    let Some(script) = script else { return Ok(SetupScript::default()) };
    SetupScript::parse(script).map_err(|error| {
        Failure::message(format!("{}!/{image}/{PATH}: {error}", path.display()))
            .with_hint("mend or delete the script with `wimkit update`")
    })
}
