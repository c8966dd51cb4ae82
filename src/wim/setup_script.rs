//! `SetupComplete.cmd`: commands that Windows Setup carries out once, as the system, when it is done.
//!
//! wimkit's commands stand at the head of the script, before whatever was there, which may end with a restart. Each stands between two
//! comments, by which it is found again:
//!
//! ```text
//! rem wimkit setup-action 5d41402a begin, priority 50: Mark the image
//! reg add HKLM\SOFTWARE\Marker /v Date /d 2026-11-21 /f
//! rem wimkit setup-action 5d41402a end
//! ```
//!
//! The number is made of the command, so that the same command is there once. Bytes outside of such blocks stay as they
//! are: batch files are in the code page of the console, which nobody declares.

use crate::util::sha1::Sha1;

/// Where Windows Setup looks for the script in an image.
pub const PATH: &str = "Windows/Setup/Scripts/SetupComplete.cmd";
/// Where the script is kept as it was before wimkit changed it.
pub const ORIGINAL_PATH: &str = "Windows/Setup/Scripts/SetupComplete.original.cmd";

const MARK: &str = "rem wimkit setup-action ";
/// Commands wait for no user, and their echo is for nobody.
const ECHO_OFF: &[u8] = b"@echo off\r\n";
const MAX_LINE: usize = 8191;

/// A command for the end of Setup.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Action {
    /// The command, one line. A batch file is called with `call`, or what follows is not reached.
    pub command: String,
    /// What it is for; may be empty.
    pub description: String,
    /// Those of lower priority numbers come first; of equal ones, those that were added first.
    pub priority: u16,
}

impl Action {
    /// What the command is known by: eight hexadecimal digits.
    pub fn id(&self) -> String {
        Sha1::of(self.command.as_bytes()).to_string()[..8].to_owned()
    }
}

/// A script that wimkit cannot change, or an action that it cannot hold.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ScriptError {
    /// Batch files cannot be UTF-16.
    #[error("the script is UTF-16, which the command interpreter cannot read")]
    Utf16,
    /// A block that somebody has changed by hand.
    #[error("line {line}: the block of setup action {id} {problem}")]
    Block {
        /// Where it begins, from 1.
        line: usize,
        /// Its number.
        id: String,
        /// What is wrong with it.
        problem: &'static str,
    },
    /// A text that is not one line.
    #[error("the {what} {problem}")]
    Text {
        /// Command or description.
        what: &'static str,
        /// What is wrong with it.
        problem: &'static str,
    },
}

/// A `SetupComplete.cmd`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SetupScript {
    actions: Vec<Action>,
    /// All that is not ours.
    rest: Vec<u8>,
}

impl Default for SetupScript {
    fn default() -> Self {
        Self { actions: Vec::new(), rest: ECHO_OFF.to_vec() }
    }
}

impl SetupScript {
    /// Reads a script.
    ///
    /// # Errors
    /// [`ScriptError::Utf16`], [`ScriptError::Block`].
    pub fn parse(bytes: &[u8]) -> Result<Self, ScriptError> {
        if bytes.starts_with(&[0xFF, 0xFE]) || bytes.starts_with(&[0xFE, 0xFF]) {
            return Err(ScriptError::Utf16);
        }
        let mut script = Self { actions: Vec::new(), rest: Vec::new() };
        let mut lines = (1..).zip(bytes.split_inclusive(|byte| *byte == b'\n'));
        while let Some((line, text)) = lines.next() {
            let Some((id, priority, description)) = begin(text) else {
                script.rest.extend(text);
                continue;
            };
            let wrong = |problem| ScriptError::Block { line, id: id.clone(), problem };
            let command = lines.next().and_then(|(_, text)| line_text(text)).ok_or(wrong("has no command"))?;
            let end = lines.next().and_then(|(_, text)| line_text(text));
            if end.as_deref() != Some(&format!("{MARK}{id} end")) {
                return Err(wrong("does not end behind its command"));
            }
            script.actions.push(Action { command, description, priority });
        }
        Ok(script)
    }

    /// The actions, in their order.
    pub fn actions(&self) -> &[Action] {
        &self.actions
    }

    /// Whether there is anything besides actions.
    pub fn has_more(&self) -> bool {
        !self.rest.is_empty()
    }

    /// Adds an action, or gives the one with the same command another priority and description. Answers whether anything
    /// changed.
    ///
    /// # Errors
    /// [`ScriptError::Text`].
    pub fn add(&mut self, action: Action) -> Result<bool, ScriptError> {
        for (what, text) in [("command", &action.command), ("description", &action.description)] {
            let problem = match text {
                text if text.chars().any(|c| c.is_control() && c != '\t') => "has more than one line",
                text if text.len() > MAX_LINE => "is longer than the 8191 bytes of a line",
                text if text.trim() != text => "begins or ends with a blank",
                text if text.is_empty() && what == "command" => "is empty",
                _ => continue,
            };
            return Err(ScriptError::Text { what, problem });
        }
        match self.actions.iter_mut().find(|known| known.command == action.command) {
            Some(known) if *known == action => return Ok(false),
            Some(known) => *known = action,
            None => self.actions.push(action),
        }
        self.actions.sort_by_key(|action| action.priority);
        Ok(true)
    }

    /// Removes the action with this number. Answers whether it was there.
    pub fn remove(&mut self, id: &str) -> bool {
        let before = self.actions.len();
        self.actions.retain(|action| !action.id().eq_ignore_ascii_case(id));
        self.actions.len() < before
    }

    /// The script as it is written.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut out = Vec::new();
        // The line that silences a script stays the first.
        let first_nbytes = self.rest.iter().position(|byte| *byte == b'\n').map_or(self.rest.len(), |end| end + 1);
        let (first, others) = self.rest.split_at(first_nbytes);
        let is_echo_off = first.trim_ascii().eq_ignore_ascii_case(ECHO_OFF.trim_ascii()) && first.ends_with(b"\n");
        let (head, tail) = if is_echo_off { (first, others) } else { (&[][..], &*self.rest) };
        out.extend(head);
        for action in &self.actions {
            let (id, Action { command, description, priority }) = (action.id(), action);
            let block =
                format!("{MARK}{id} begin, priority {priority}: {description}\r\n{command}\r\n{MARK}{id} end\r\n");
            out.extend(block.as_bytes());
        }
        out.extend(tail);
        out
    }
}

/// A line without its end, if it is text.
fn line_text(line: &[u8]) -> Option<String> {
    let line = line.strip_suffix(b"\n").unwrap_or(line);
    String::from_utf8(line.strip_suffix(b"\r").unwrap_or(line).to_vec()).ok()
}

/// Number, priority and description out of the line that begins a block.
fn begin(line: &[u8]) -> Option<(String, u16, String)> {
    let line = line_text(line)?;
    let (id, rest) = line.strip_prefix(MARK)?.split_once(" begin, priority ")?;
    let (priority, description) = rest.split_once(':')?;
    Some((id.to_owned(), priority.parse().ok()?, description.trim_start().to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn action(command: &str, description: &str, priority: u16) -> Action {
        Action { command: command.into(), description: description.into(), priority }
    }

    fn text(script: &SetupScript) -> String {
        String::from_utf8(script.to_bytes()).unwrap()
    }

    #[test]
    fn a_new_script() {
        let mut script = SetupScript::default();
        assert_eq!(script.add(action("echo second", "", 60)), Ok(true));
        assert_eq!(script.add(action("echo first", "The first", 50)), Ok(true));
        let [first, second] = ["echo first", "echo second"].map(|command| action(command, "", 0).id());
        let expected = format!(
            "@echo off\r\n\
             rem wimkit setup-action {first} begin, priority 50: The first\r\necho first\r\n\
             rem wimkit setup-action {first} end\r\n\
             rem wimkit setup-action {second} begin, priority 60: \r\necho second\r\n\
             rem wimkit setup-action {second} end\r\n"
        );
        assert_eq!(text(&script), expected);
        assert_eq!(SetupScript::parse(expected.as_bytes()), Ok(script.clone()));
        // The same again changes nothing; another priority moves it.
        assert_eq!(script.add(action("echo second", "", 60)), Ok(false));
        assert_eq!(script.add(action("echo second", "now first", 1)), Ok(true));
        assert_eq!(script.actions()[0].description, "now first");
        assert!(script.remove(&second) && !script.remove(&second));
        assert!(script.remove(&first.to_uppercase()));
        assert_eq!(text(&script), "@echo off\r\n");
    }

    #[test]
    fn what_was_there_stays() {
        for old in ["@ECHO OFF\nshutdown /r\n", "call oem.cmd", "", "\r\n\r\n", "rem wimkit setup-action\r\n"] {
            let mut script = SetupScript::parse(old.as_bytes()).unwrap();
            assert_eq!(script.to_bytes(), old.as_bytes());
            script.add(action("echo ours", "", 50)).unwrap();
            let new = text(&script);
            assert!(new.ends_with(old.strip_prefix("@ECHO OFF\n").unwrap_or(old)), "{new}");
            assert_eq!(new.starts_with("@ECHO OFF\n"), old.starts_with('@'));
            let mut again = SetupScript::parse(new.as_bytes()).unwrap();
            assert_eq!(again, script);
            again.remove(&script.actions()[0].id());
            assert_eq!(again.to_bytes(), old.as_bytes());
        }
    }

    #[test]
    fn scripts_and_actions_that_cannot_be() {
        assert_eq!(SetupScript::parse(b"\xFF\xFEr\0"), Err(ScriptError::Utf16));
        for (text, problem) in [
            ("x\r\nrem wimkit setup-action 1 begin, priority 2: d", "has no command"),
            ("x\r\nrem wimkit setup-action 1 begin, priority 2: d\r\na\r\nb\r\n", "does not end behind its command"),
        ] {
            let error = ScriptError::Block { line: 2, id: "1".into(), problem };
            assert_eq!(SetupScript::parse(text.as_bytes()), Err(error));
        }
        let mut script = SetupScript::default();
        for (command, description) in [("", ""), ("a\r\nb", ""), ("a", "b\nc"), (" a", ""), (&*"x".repeat(9000), "")] {
            assert!(matches!(script.add(action(command, description, 1)), Err(ScriptError::Text { .. })), "{command}");
        }
    }

    proptest! {
        #[test]
        fn every_script_comes_back(old in prop::collection::vec(any::<u8>(), 0..80), command in "[!-~]{1,20}") {
            prop_assume!(!old.starts_with(&[0xFF, 0xFE]) && !old.starts_with(&[0xFE, 0xFF]));
            let mut script = SetupScript::parse(&old).unwrap();
            script.add(action(&command, "", 50)).unwrap();
            let mut again = SetupScript::parse(&script.to_bytes()).unwrap();
            prop_assert_eq!(&again, &script);
            again.remove(&script.actions()[0].id());
            prop_assert_eq!(again.to_bytes(), old);
        }
    }
}
