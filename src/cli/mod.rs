//! Arguments and dispatch.

/// Runs the program.
pub(crate) fn main() -> std::process::ExitCode {
    std::process::ExitCode::SUCCESS
}
