//! The update language of command files, as users of open tools know it.
//!
//! ```text
//! # a comment
//! add [--no-replace] SOURCE DESTINATION
//! delete [--force] [--recursive] PATH
//! rename OLD_PATH NEW_PATH
//! ```
//!
//! One command in a line. Words are separated by blanks; a word that has blanks in it stands in `'` or `"`. Nothing else has a
//! meaning, so that a backslash is one.

use super::Command;
use crate::util::utf16;

/// A line that is no command.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum LanguageError {
    /// It begins with an unknown word.
    #[error("{word:?} is no command; expected add, delete or rename")]
    UnknownCommand {
        /// The word.
        word: String,
    },
    /// It has an unknown option.
    #[error("`{command}` has no option {option}")]
    UnknownOption {
        /// The command.
        command: &'static str,
        /// The option.
        option: String,
    },
    /// It has an option of other tools that means nothing good here.
    #[error("the option {option} of `add` is not supported: {why}")]
    UnsupportedOption {
        /// The option.
        option: String,
        /// Why not.
        why: &'static str,
    },
    /// It has too few words, or too many.
    #[error("expected `{usage}`, found {found} words behind the options")]
    Words {
        /// What was expected.
        usage: &'static str,
        /// How many words there are.
        found: usize,
    },
    /// A quotation mark without its fellow, or with something attached to it.
    #[error("the word that begins with {quote} at character {at} {problem}")]
    Quote {
        /// The quotation mark.
        quote: char,
        /// Where it stands, from 1.
        at: usize,
        /// What is wrong.
        problem: &'static str,
    },
    /// A word of no characters.
    #[error("word {word} is empty")]
    EmptyWord {
        /// Which one, from 1.
        word: usize,
    },
    /// Neither UTF-8 nor UTF-16.
    #[error("the text is neither UTF-8 nor UTF-16LE with a byte order mark")]
    NotText,
}

/// The commands of a file.
///
/// # Errors
/// The number of the first line that is no command, from 1, and what is wrong there.
pub fn parse_script(bytes: &[u8]) -> Result<Vec<Command<String>>, (usize, LanguageError)> {
    let text = utf16::decode_text(bytes).ok_or((1, LanguageError::NotText))?;
    let mut commands = Vec::new();
    for (number, line) in (1..).zip(text.lines()) {
        let parsed = parse_line(line).map_err(|error| (number, error))?;
        commands.extend(parsed);
    }
    Ok(commands)
}

/// The command in a line; `None` for a comment or an empty line.
///
/// # Errors
/// [`LanguageError`].
pub fn parse_line(line: &str) -> Result<Option<Command<String>>, LanguageError> {
    if line.trim_start().starts_with('#') {
        return Ok(None);
    }
    let mut words = words(line)?.into_iter();
    let Some(first) = words.next() else { return Ok(None) };
    let (command, usage) = match first.text.to_ascii_lowercase().as_str() {
        "add" => ("add", "add [--no-replace] SOURCE DESTINATION"),
        "delete" => ("delete", "delete [--force] [--recursive] PATH"),
        "rename" => ("rename", "rename OLD_PATH NEW_PATH"),
        _ => return Err(LanguageError::UnknownCommand { word: first.text }),
    };
    let (mut no_replace, mut force, mut recursive) = (false, false, false);
    let mut arguments = Vec::new();
    let mut options_end = false;
    for word in words {
        let is_option = word.text.starts_with("--") && !word.is_quoted && !options_end;
        match (command, word.text.as_str()) {
            _ if !is_option => arguments.push(word.text),
            (_, "--") => options_end = true,
            ("add", "--no-replace") => no_replace = true,
            // Security descriptors are not read from disk anyway.
            ("add", "--no-acls") => {}
            ("add", "--dereference" | "--unix-data" | "--strict-acls") => {
                let why = match word.text.as_str() {
                    "--dereference" => "links are added as links",
                    "--unix-data" => "owners and modes of Unix are not stored",
                    _ => "security descriptors are not read from disk",
                };
                return Err(LanguageError::UnsupportedOption { option: word.text, why });
            }
            ("delete", "--force") => force = true,
            ("delete", "--recursive") => recursive = true,
            _ => return Err(LanguageError::UnknownOption { command, option: word.text }),
        }
    }
    let wrong = |found: usize| LanguageError::Words { usage, found };
    Ok(Some(match command {
        "delete" => {
            let [path] = <[String; 1]>::try_from(arguments).map_err(|words| wrong(words.len()))?;
            Command::Delete { path, force, recursive }
        }
        _ => {
            let [first, second] = <[String; 2]>::try_from(arguments).map_err(|words| wrong(words.len()))?;
            match command {
                "add" => Command::Add { source: first, destination: second, no_replace },
                _ => Command::Rename { from: first, to: second },
            }
        }
    }))
}

struct Word {
    text: String,
    is_quoted: bool,
}

/// Cuts a line into words.
fn words(line: &str) -> Result<Vec<Word>, LanguageError> {
    let mut words = Vec::new();
    let mut characters = (1..).zip(line.chars()).peekable();
    while let Some((at, first)) = characters.next() {
        if first.is_whitespace() {
            continue;
        }
        let mut text = String::new();
        let is_quoted = matches!(first, '\'' | '"');
        if is_quoted {
            let wrong = |problem| LanguageError::Quote { quote: first, at, problem };
            loop {
                match characters.next() {
                    None => return Err(wrong("does not end")),
                    Some((_, c)) if c == first => break,
                    Some((_, c)) => text.push(c),
                }
            }
            if characters.peek().is_some_and(|(_, next)| !next.is_whitespace()) {
                return Err(wrong("goes on behind its end"));
            }
            if text.is_empty() {
                return Err(LanguageError::EmptyWord { word: words.len() + 1 });
            }
        } else {
            text.push(first);
            while let Some((_, c)) = characters.next_if(|(_, c)| !c.is_whitespace()) {
                text.push(c);
            }
        }
        words.push(Word { text, is_quoted });
    }
    Ok(words)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn add(source: &str, destination: &str) -> Command<String> {
        Command::add(source.to_owned(), destination)
    }

    #[test]
    fn lines() {
        let parsed = |line: &str| parse_line(line).unwrap();
        assert_eq!(parsed(""), None);
        assert_eq!(parsed("  # add a b"), None);
        assert_eq!(parsed("add a /b"), Some(add("a", "/b")));
        assert_eq!(parsed("\tADD 'C:\\My Dir' \"it's\" "), Some(add("C:\\My Dir", "it's")));
        assert_eq!(parsed("add a'b' c"), Some(add("a'b'", "c")));
        assert_eq!(parsed("add -- --a '--b'"), Some(add("--a", "--b")));
        assert_eq!(
            parsed("add --no-acls --no-replace a b"),
            Some(Command::Add { source: "a".into(), destination: "b".into(), no_replace: true })
        );
        assert_eq!(
            parsed("delete x --recursive"),
            Some(Command::Delete { path: "x".into(), force: false, recursive: true })
        );
        assert_eq!(parsed("rename a#1 #b"), Some(Command::Rename { from: "a#1".into(), to: "#b".into() }));
    }

    #[test]
    fn lines_that_are_no_commands() {
        let error = |line: &str| parse_line(line).unwrap_err();
        assert_eq!(error("copy a b"), LanguageError::UnknownCommand { word: "copy".into() });
        assert!(matches!(error("add a"), LanguageError::Words { found: 1, .. }));
        assert!(matches!(error("add a b c"), LanguageError::Words { found: 3, .. }));
        assert!(matches!(error("delete"), LanguageError::Words { found: 0, .. }));
        assert!(matches!(error("rename a b # c"), LanguageError::Words { found: 4, .. }));
        assert_eq!(error("add --force a b"), LanguageError::UnknownOption { command: "add", option: "--force".into() });
        assert!(matches!(error("add --dereference a b"), LanguageError::UnsupportedOption { .. }));
        assert_eq!(error("add 'a b"), LanguageError::Quote { quote: '\'', at: 5, problem: "does not end" });
        assert!(matches!(error("add 'a'b c"), LanguageError::Quote { at: 5, .. }));
        assert_eq!(error("delete \"\""), LanguageError::EmptyWord { word: 2 });
    }

    #[test]
    fn scripts() {
        let script = "# first\r\n\r\nadd 'ä b' /c\r\ndelete d\r\n";
        let mut utf16 = vec![0xFF, 0xFE];
        utf16.extend(utf16::from_str(script));
        let delete = Command::Delete { path: "d".into(), force: false, recursive: false };
        let expected = Ok(vec![add("ä b", "/c"), delete]);
        assert_eq!(parse_script(script.as_bytes()), expected);
        assert_eq!(parse_script(&utf16), expected);
        assert_eq!(parse_script(&[b"\xEF\xBB\xBF", script.as_bytes()].concat()), expected);
        assert_eq!(parse_script(b"\xFF"), Err((1, LanguageError::NotText)));
        let unknown = LanguageError::UnknownCommand { word: "move".into() };
        assert_eq!(parse_script(b"delete a\nmove a b"), Err((2, unknown)));
    }

    proptest! {
        #[test]
        fn quoted_words_come_back(source in "[^\"\r\n]{1,20}", destination in "[^'\r\n]{1,20}") {
            let line = format!("add \"{source}\" '{destination}'");
            prop_assert_eq!(parse_line(&line), Ok(Some(add(&source, &destination))));
        }

        #[test]
        fn no_line_is_too_odd(line in ".{0,60}") {
            let _ = parse_line(&line);
        }
    }
}
