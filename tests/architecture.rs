//! The house has floors, and arrows point down only: what the sources import is read here and an upward arrow fails.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// The floors from top to bottom. A room may use the rooms of floors below its own and none beside it.
const FLOORS: &[&[&str]] = &[
    &["main"],
    &["cli"],
    &["refresh"],
    &["catalog", "servicing"],
    &["address"],
    &["wim", "cab", "iso"],
    &["hive", "codec", "pe"],
    &["util"],
];

/// Where `unsafe` may stand, in files that open with `#![allow(unsafe_code)]`.
const UNSAFE_PLACES: &[&str] = &["codec/", "util/read_at", "util/os/"];

/// One source file: where it is below `src/`, and its text without comments and literals.
struct Source {
    path: String,
    code: String,
}

impl Source {
    /// The module path: `wim/resource/read.rs` is `[wim, resource, read]`, `wim/mod.rs` is `[wim]`.
    fn module(&self) -> Vec<&str> {
        let path = self.path.trim_end_matches(".rs");
        path.trim_end_matches("/mod").split('/').filter(|part| *part != "lib").collect()
    }

    /// The room the file belongs to; `lib.rs`, which only declares rooms, has none.
    fn room(&self) -> Option<&str> {
        self.module().first().copied()
    }

    /// The rooms that the file's paths lead to.
    fn uses(&self) -> BTreeSet<String> {
        let mut rooms = BTreeSet::new();
        let in_program = matches!(self.room(), Some("main" | "cli"));
        for root in ["crate::", "wimkit::"] {
            for (start, _) in self.code.match_indices(root) {
                let is_word = self.code[..start].ends_with(|c: char| c.is_alphanumeric() || c == '_' || c == ':');
                if !is_word && (root == "crate::" || in_program) {
                    rooms.extend(heads(&self.code[start + root.len()..]));
                }
            }
        }
        // `super::` chains that climb to the root of the crate. Inline modules (tests) add one step of depth, and a
        // path out of one that stops short of the root names a module of the same room: nothing to record.
        let depth = self.module().len();
        for (start, _) in self.code.match_indices("super::") {
            if self.code[..start].ends_with("super::") {
                continue;
            }
            let rest = &self.code[start..];
            let steps = rest.split("::").take_while(|part| *part == "super").count();
            if steps >= depth {
                rooms.extend(heads(&rest[steps * "super::".len()..]));
            }
        }
        rooms
    }
}

/// The first names of a path or of a braced group of paths: `wim::{a, b}` gives `wim`, `{wim::a, util}` gives both.
fn heads(path: &str) -> Vec<String> {
    let name = |text: &str| -> String { text.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect() };
    let Some(group) = path.strip_prefix('{') else { return vec![name(path)] };
    let mut names = Vec::new();
    let mut depth = 0;
    let mut at_head = true;
    for (index, c) in group.char_indices() {
        match c {
            '{' => depth += 1,
            '}' if depth == 0 => break,
            '}' => depth -= 1,
            ',' if depth == 0 => at_head = true,
            c if at_head && !c.is_whitespace() => {
                names.push(name(&group[index..]));
                at_head = false;
            }
            _ => {}
        }
    }
    names
}

/// Blanks comments, and the contents of string and character literals.
fn strip(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        let rest = &bytes[at..];
        let raw_hashes = rest.strip_prefix(b"r").map(|r| r.iter().take_while(|b| **b == b'#').count());
        let after_word = at > 0 && (bytes[at - 1].is_ascii_alphanumeric() || bytes[at - 1] == b'_');
        let skipped = if rest.starts_with(b"//") {
            rest.iter().position(|b| *b == b'\n').unwrap_or(rest.len())
        } else if rest.starts_with(b"/*") {
            end_of_block_comment(rest)
        } else if let Some(hashes) = raw_hashes
            && (!after_word || bytes[at - 1] == b'b')
            && rest.get(1 + hashes) == Some(&b'"')
        {
            let close = [b"\"".as_slice(), &b"#".repeat(hashes)].concat();
            let body = 2 + hashes;
            body + find(&rest[body..], &close).expect("a raw string ends") + close.len()
        } else if rest[0] == b'"' {
            end_of_quoted(rest, b'"')
        } else if rest[0] == b'\'' && (rest[1] == b'\\' || text[at + 1..].chars().nth(1) == Some('\'')) {
            end_of_quoted(rest, b'\'') // not a lifetime
        } else {
            out.push(rest[0]);
            at += 1;
            continue;
        };
        out.push(b' ');
        at += skipped;
    }
    String::from_utf8(out).expect("only whole literals and comments were taken out")
}

fn find(haystack: &[u8], needle: &[u8]) -> Option<usize> {
    haystack.windows(needle.len()).position(|window| window == needle)
}

fn end_of_quoted(text: &[u8], quote: u8) -> usize {
    let mut at = 1;
    while text[at] != quote {
        at += if text[at] == b'\\' { 2 } else { 1 };
    }
    at + 1
}

fn end_of_block_comment(text: &[u8]) -> usize {
    let mut depth = 0;
    let mut at = 0;
    loop {
        match &text[at..at + 2] {
            b"/*" => (depth, at) = (depth + 1, at + 2),
            b"*/" => (depth, at) = (depth - 1, at + 2),
            _ => at += 1,
        }
        if depth == 0 {
            return at;
        }
    }
}

fn src() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("src")
}

fn sources() -> Vec<Source> {
    fn walk(directory: &Path, files: &mut Vec<PathBuf>) {
        for entry in fs::read_dir(directory).expect("src can be listed") {
            let path = entry.expect("src can be listed").path();
            if path.is_dir() {
                walk(&path, files);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                files.push(path);
            }
        }
    }
    let mut files = Vec::new();
    walk(&src(), &mut files);
    files.sort();
    let sources: Vec<_> = files
        .iter()
        .map(|file| Source {
            path: file.strip_prefix(src()).expect("it is below src").to_string_lossy().replace('\\', "/"),
            code: strip(&fs::read_to_string(file).expect("a source is UTF-8")),
        })
        .collect();
    assert!(sources.len() > 10, "only {} sources found: the test looks in the wrong place", sources.len());
    sources
}

fn floor(room: &str) -> Option<usize> {
    FLOORS.iter().position(|rooms| rooms.contains(&room))
}

/// Whether `code` contains `word` as a whole word.
fn has_word(code: &str, word: &str) -> bool {
    let part = |c: char| c.is_alphanumeric() || c == '_';
    code.match_indices(word).any(|(at, _)| !code[..at].ends_with(part) && !code[at + word.len()..].starts_with(part))
}

fn assert_none(faults: &[String], rule: &str) {
    assert!(faults.is_empty(), "{rule}\n  {}", faults.join("\n  "));
}

#[test]
fn arrows_point_down() {
    let mut faults = Vec::new();
    for source in sources() {
        let Some(room) = source.room() else { continue };
        let Some(from) = floor(room) else {
            faults.push(format!("{}: the room `{room}` stands on no floor; give it one in this test", source.path));
            continue;
        };
        for used in source.uses() {
            // A name that is no room is an item or a module of the program's root.
            if let Some(to) = floor(&used).filter(|to| used != room && *to <= from) {
                faults.push(format!("{}: `{room}` (floor {from}) uses `{used}` (floor {to})", source.path));
            }
        }
    }
    assert_none(&faults, "arrows point down only");
}

#[test]
fn codecs_know_slices_and_nothing_else() {
    let mut faults = Vec::new();
    for source in sources().iter().filter(|source| source.room() == Some("codec")) {
        for word in ["std::fs", "std::io", "std::path", "std::thread", "rayon::"] {
            if source.code.contains(word) {
                faults.push(format!("{}: {word}", source.path));
            }
        }
    }
    assert_none(&faults, "a codec takes a slice and fills a slice; it hears of no file, path or thread");
}

#[test]
fn unsafe_stays_in_its_places() {
    let mut faults = Vec::new();
    for source in sources() {
        let permitted = UNSAFE_PLACES.iter().any(|place| source.path.starts_with(place));
        if has_word(&source.code, "unsafe") && !(permitted && source.code.contains("#![allow(unsafe_code)]")) {
            faults.push(source.path);
        }
    }
    assert_none(&faults, "unsafe stands only in kernels below codec/, the memory map and system calls");
}

#[test]
fn the_library_neither_prints_nor_exits() {
    let mut faults = Vec::new();
    for source in sources().iter().filter(|source| !matches!(source.room(), Some("main" | "cli"))) {
        for call in ["println!", "eprintln!", "print!", "eprint!", "dbg!", "process::exit", "process::abort"] {
            if source.code.contains(call) {
                faults.push(format!("{}: {call}", source.path));
            }
        }
    }
    assert_none(&faults, "the library neither prints nor exits");
}

#[test]
fn the_reader_of_sources_sees_what_it_must() {
    let code = strip(
        "// crate::cli\nlet a = \"crate::cli \\\" {\"; /* a /* b */ unsafe */ let c = '\"'; let r = r#\"crate::wim\"#;",
    );
    assert!(!code.contains("crate") && !code.contains("unsafe"), "{code}");
    let source = |path: &str, code: &str| Source { path: path.into(), code: code.into() };
    let uses = |path, code| source(path, code).uses().into_iter().collect::<Vec<_>>();
    assert_eq!(uses("util/le.rs", "use crate::{\n codec::{Format, Level}, wim};"), ["codec", "wim"]);
    assert_eq!(uses("util/le.rs", "fn f() -> crate::wim::Wim"), ["wim"]);
    assert_eq!(uses("util/le.rs", "use super::super::codec::Format;"), ["codec"]);
    assert_eq!(uses("codec/lzx/decode.rs", "use super::super::bits;"), [""; 0]);
    assert_eq!(uses("cli/info.rs", "use wimkit::wim::Wim;"), ["wim"]);
    assert!(has_word("pub unsafe fn", "unsafe") && !has_word("#![allow(unsafe_code)]", "unsafe"));
}
