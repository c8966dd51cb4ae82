//! What DISM says: its progress, versions and errors, in English.

use std::collections::VecDeque;

use super::code::Code;
use super::outcome::explain;

/// So many lines at the end are kept.
const TAIL: usize = 20;

/// What was said so far.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Output {
    /// How much is done, from 0 to 100.
    pub percent: Option<f32>,
    /// DISM's own version.
    pub host_version: Option<String>,
    /// The version of the image.
    pub image_version: Option<String>,
    /// The last error.
    pub error: Option<Code>,
    /// Whether it said that all went well.
    pub succeeded: bool,
    /// The last lines, without progress.
    pub tail: VecDeque<String>,
}

impl Output {
    /// Takes the next line in: what ends with a line feed or, as progress does, with a carriage return.
    pub fn line(&mut self, line: &str) {
        let line = line.trim();
        if line.is_empty() {
            return;
        }
        if let Some(percent) = progress(line) {
            self.percent = Some(percent);
            return;
        }
        // A package that fails has its error behind its name; an exit has a line of its own.
        if let Some((_, rest)) = line.rsplit_once("Error: ") {
            let word = rest.split([' ', '\t', '.']).next().unwrap_or_default();
            self.error = word.parse().ok().or(self.error);
        } else if let Some(code) = code_alone(line) {
            self.error = Some(code);
        } else if let Some(version) = line.strip_prefix("Image Version: ") {
            self.image_version = Some(version.to_owned());
        } else if let Some(version) = line.strip_prefix("Version: ") {
            self.host_version = Some(version.to_owned());
        } else if line == "The operation completed successfully." {
            self.succeeded = true;
        }
        if self.tail.len() == TAIL {
            self.tail.pop_front();
        }
        self.tail.push_back(line.to_owned());
    }

    /// The code that a call has ended with: the exit code if that is known, or the last error if that tells more.
    pub fn code(&self, exit: i32) -> Code {
        let code = Code::of_exit(exit);
        if explain(code).is_some() {
            return code;
        }
        self.error.filter(|error| *error != Code::SUCCESS).unwrap_or(code)
    }
}

/// `Fehler: 0x800f0806`: the line of the error where `/English` is not heeded.
fn code_alone(line: &str) -> Option<Code> {
    let (word, code) = line.rsplit_once(':')?;
    let is_word = word.split_whitespace().count() == 1;
    let code = Some(code.trim()).filter(|code| is_word && code.starts_with("0x"))?;
    code.parse().ok()
}

/// `[=====   50.0%   ]`
fn progress(line: &str) -> Option<f32> {
    let inside = line.strip_prefix('[')?;
    let number = inside.split('%').next().filter(|number| number.len() < inside.len())?;
    let percent: f32 = number.trim_matches(['=', ' ']).parse().ok()?;
    (0.0..=100.0).contains(&percent).then_some(percent)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_that_fails() {
        let mut output = Output::default();
        for line in [
            "Deployment Image Servicing and Management tool",
            "Version: 10.0.26100.1",
            "",
            "Image Version: 10.0.26100.1742",
            "Processing 1 of 1 - Adding package Package_for_RollupFix~31bf3856ad364e35~amd64~~26100.4061.1.1",
            "[=                          2.0%                           ]",
            "[===========================50.5%                          ]",
            "An error occurred - Package_for_RollupFix Error: 0x800f0806",
            "Error: 0x800f0806",
            "The operation could not be completed due to pending operations.",
        ] {
            output.line(line);
        }
        assert_eq!(output.percent, Some(50.5));
        assert_eq!(output.host_version.as_deref(), Some("10.0.26100.1"));
        assert_eq!(output.image_version.as_deref(), Some("10.0.26100.1742"));
        let pending = Code::new(0x800F_0806);
        assert_eq!((output.error, output.succeeded), (Some(pending), false));
        assert_eq!((output.code(-2_146_498_554), output.code(1)), (pending, pending));
        assert_eq!(output.code(5), Code::new(5), "an exit code that is known counts");
        assert_eq!(output.tail.len(), 7);
    }

    #[test]
    fn an_error_in_another_language() {
        let code = |line: &str| {
            let mut output = Output::default();
            output.line(line);
            output.code(1)
        };
        let pending = Code::new(0x800F_0806);
        assert_eq!([code("Fehler: 0x800f0806"), code("Erreur : 0x800f0806")], [pending; 2]);
        for other in ["at address: 0x800f0806", "Fehler: 0xyz", "0x800f0806", "Version: 0"] {
            assert_eq!(code(other), Code::new(1), "{other}");
        }
    }

    #[test]
    fn a_call_that_succeeds_and_lines_that_mean_nothing() {
        let mut output = Output::default();
        for line in ["[", "[%", "[=== x% ]", "[=== 1000% ]", "[NaN%]", "Error: ", "Error: none"] {
            output.line(line);
        }
        assert_eq!((output.percent, output.error), (None, None));
        output.line("Error: 87");
        output.line("The operation completed successfully.");
        assert_eq!((output.code(0), output.succeeded), (Code::SUCCESS, true));
        assert_eq!(output.code(1), Code::new(87));
        (0..100).for_each(|number| output.line(&number.to_string()));
        assert_eq!((output.tail.len(), output.tail[19].as_str()), (TAIL, "99"));
    }
}
