//! Arguments and dispatch.

mod append;
mod apply;
mod args;
mod bench;
mod cab;
mod capture;
mod cat;
mod completions;
mod compression;
mod delete;
mod exit;
mod expand;
mod explain;
mod export;
mod extract;
mod extracted;
mod history;
mod human;
mod info;
mod interrupt;
mod join;
mod ls;
mod man;
mod media;
mod mount;
mod optimize;
mod package;
mod printer;
mod progress;
mod refresh;
mod report;
mod sample;
mod setup_action;
mod source;
mod split;
mod update;
mod verify;

use args::Size;
use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{Args, Parser, Subcommand};
use exit::{Failure, Outcome};
use progress::Bars;
use std::num::NonZeroUsize;
use std::process::ExitCode;
use wimkit::util::clock::Clock;
use wimkit::util::guard;
use wimkit::util::progress::Control;
use wimkit::wim::engine::default_memory;

/// Open, inspect, extract, verify, convert and export Windows installation images (WIM, ESD, SWM)
#[derive(Debug, Parser)]
#[command(name = "wimkit", version, propagate_version = true, max_term_width = 110, after_help = EXIT_CODES)]
struct Cli {
    #[command(flatten)]
    global: Global,
    #[command(subcommand)]
    command: Command,
}

const EXIT_CODES: &str = "\
Exit codes: 0 done · 1 looked and found it bad, or done in part · 2 could not · 3 an external tool failed · \
130 interrupted";

/// Options that every command takes.
#[derive(Args, Debug)]
struct Global {
    /// Print the answer as one JSON object
    #[arg(long, global = true, help_heading = "Global options")]
    json: bool,
    /// Use so many threads [default: one per core; bench: one]
    #[arg(long, global = true, value_name = "N", help_heading = "Global options")]
    threads: Option<NonZeroUsize>,
    /// Use at most about so much memory for buffers, such as 512M
    #[arg(long, global = true, value_name = "SIZE", help_heading = "Global options")]
    memory: Option<Size>,
    /// Read files piece by piece instead of mapping them: slower, but safe if another process shortens one
    #[arg(long, global = true, help_heading = "Global options")]
    no_mmap: bool,
    /// No progress bars and no summary
    #[arg(long, short, global = true, help_heading = "Global options")]
    quiet: bool,
}

#[derive(Debug, Subcommand)]
enum Command {
    Info(info::Info),
    #[command(visible_alias = "dir")]
    Ls(ls::Ls),
    Cat(cat::Cat),
    Extract(extract::Extract),
    Expand(expand::Expand),
    Cab(cab::Cab),
    Package(package::Package),
    Verify(verify::Verify),
    Export(export::Export),
    Capture(capture::Capture),
    Append(append::Append),
    Apply(apply::Apply),
    Mount(mount::Mount),
    #[command(visible_alias = "umount")]
    Unmount(mount::Unmount),
    Update(update::Update),
    SetupAction(setup_action::SetupAction),
    Optimize(optimize::Optimize),
    Split(split::Split),
    Join(join::Join),
    Delete(delete::Delete),
    Refresh(refresh::Refresh),
    History(history::History),
    Report(report::Report),
    Media(media::Media),
    Sample(sample::Sample),
    Explain(explain::Explain),
    Bench(bench::Bench),
    Completions(completions::Completions),
    Man(man::Man),
}

/// What a command is given besides its own arguments.
struct Context {
    global: Global,
    bars: Bars,
    clock: Clock,
}

impl Context {
    /// For long work of the library.
    fn control(&self) -> Control<'_> {
        Control { progress: &self.bars, interrupt: interrupt::flag() }
    }

    /// Bytes of decoded data that may be in memory at once.
    fn memory(&self) -> u64 {
        self.global.memory.map_or_else(default_memory, |size| size.0)
    }

    /// Says a line of talk, unless quiet was asked for.
    fn say(&self, line: std::fmt::Arguments<'_>) {
        if !self.global.quiet {
            printer::talk(line);
        }
    }
}

impl Command {
    fn run(&self, context: &Context) -> Result<Outcome, Failure> {
        match self {
            Self::Info(command) => command.run(context),
            Self::Ls(command) => command.run(context),
            Self::Cat(command) => command.run(context),
            Self::Extract(command) => command.run(context),
            Self::Expand(command) => command.run(context),
            Self::Cab(command) => command.run(context),
            Self::Package(command) => command.run(context),
            Self::Verify(command) => command.run(context),
            Self::Export(command) => command.run(context),
            Self::Capture(command) => command.run(context),
            Self::Append(command) => command.run(context),
            Self::Apply(command) => command.run(context),
            Self::Mount(command) => command.run(context),
            Self::Unmount(command) => command.run(context),
            Self::Update(command) => command.run(context),
            Self::SetupAction(command) => command.run(context),
            Self::Optimize(command) => command.run(context),
            Self::Split(command) => command.run(context),
            Self::Join(command) => command.run(context),
            Self::Delete(command) => command.run(context),
            Self::Refresh(command) => command.run(context),
            Self::History(command) => command.run(context),
            Self::Report(command) => command.run(context),
            Self::Media(command) => command.run(context),
            Self::Sample(command) => command.run(context),
            Self::Explain(command) => command.run(context),
            Self::Bench(command) => command.run(context),
            Self::Completions(command) => command.run(),
            Self::Man(command) => command.run(),
        }
    }
}

/// Runs the program.
pub(crate) fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            let error = with_switch_hint(error);
            // Help and version are an answer, on standard output; the rest is talk. A closed pipe is nobody's fault.
            let _ = error.print();
            if error.use_stderr() {
                tell_of_quotes();
            }
            return ExitCode::from(if error.use_stderr() { 2 } else { 0 });
        }
    };
    interrupt::listen();
    // A panic that is an answer is told as an error.
    let tell = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        if !guard::is_guarded() {
            tell(panic)
        }
    }));
    let result = run(cli);
    let could_not = matches!(result, Err(Failure::CouldNot { .. }));
    let code = exit::finish(result);
    if could_not {
        tell_of_quotes();
    }
    code
}

/// Tells of arguments that have swallowed others, as `"C:\dir\" x.wim` does on Windows: there, no path has a quote.
fn tell_of_quotes() {
    let hints = std::env::args_os().skip(1).filter_map(|argument| quote_hint(&argument.to_string_lossy()));
    hints.filter(|_| cfg!(windows)).for_each(|hint| printer::talk(format_args!("hint: {hint}")));
}

fn quote_hint(argument: &str) -> Option<String> {
    let is_odd = !argument.matches('"').count().is_multiple_of(2);
    is_odd.then(|| {
        format!(
            r"{}: behind a backslash a quote is a part of the word: leave the last \ out",
            printer::visible(argument)
        )
    })
}

/// Tells of a switch of expand.exe's in front of what is one argument too many: it was taken for an argument itself.
fn with_switch_hint(mut error: clap::Error) -> clap::Error {
    let mut arguments = std::env::args_os().skip(1);
    if error.kind() == ErrorKind::UnknownArgument
        && arguments.any(|argument| argument == "expand")
        && let Some((argument, hint)) = arguments.find_map(|it| expand::switch_hint(it.as_ref()).map(|hint| (it, hint)))
    {
        let hint = format!("{}: {hint}", argument.display());
        error.insert(ContextKind::Suggested, ContextValue::StyledStrs(vec![hint.into()]));
    }
    error
}

fn run(cli: Cli) -> Result<Outcome, Failure> {
    if let Some(threads) = cli.global.threads {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads.get()).build_global();
        pool.map_err(|error| Failure::message(format!("cannot start {threads} threads: {error}")))?;
    }
    let context = Context { bars: Bars::new(cli.global.quiet), global: cli.global, clock: clock()? };
    cli.command.run(&context)
}

/// The system's clock, or one that stands where the environment variable `WIMKIT_NOW` says.
fn clock() -> Result<Clock, Failure> {
    let Ok(text) = std::env::var("WIMKIT_NOW") else { return Ok(Clock::System) };
    let time = text.parse().map_err(|error| Failure::message(format!("WIMKIT_NOW: {error}")))?;
    Ok(Clock::Stopped(time))
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn definitions_are_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn a_quote_that_was_swallowed() {
        assert!(quote_hint(r#"C:\dir" x.wim"#).unwrap().ends_with(r"leave the last \ out"));
        assert_eq!(quote_hint(r#"add "a b" c"#), None);
    }
}
