//! Which files are meant.

use super::super::exit::Failure;
use super::super::printer::visible;
use globset::{GlobBuilder, GlobSet, GlobSetBuilder};

/// Patterns as expand.exe has them: letter case does not count, `*` goes across directories.
pub(super) struct Matcher {
    /// As they were given, for messages.
    patterns: Vec<String>,
    globs: GlobSet,
    /// For each pattern, whether it is for whole paths.
    for_paths: Vec<bool>,
}

impl Matcher {
    /// Patterns as they were given; none stand for all files.
    pub(super) fn new(patterns: &[String]) -> Result<Self, Failure> {
        let wrong = |error: globset::Error| Failure::message(error.to_string());
        let mut set = GlobSetBuilder::new();
        // expand.exe writes a colon behind the letter.
        let patterns: Vec<String> =
            patterns.iter().map(|pattern| pattern.strip_prefix(':').unwrap_or(pattern).to_owned()).collect();
        for pattern in &patterns {
            // Only * and ? are special.
            let pattern = pattern.replace('\\', "/").replace('[', "[[]").replace('{', "[{]").replace('}', "[}]");
            let mut glob = GlobBuilder::new(pattern.trim_start_matches('/'));
            glob.case_insensitive(true).literal_separator(false).backslash_escape(false);
            set.add(glob.build().map_err(wrong)?);
        }
        let for_paths = patterns.iter().map(|pattern| pattern.contains(['\\', '/'])).collect();
        Ok(Self { globs: set.build().map_err(wrong)?, for_paths, patterns })
    }

    /// Those of the paths that are meant, by index. Each pattern must mean something.
    pub(super) fn choose<'a>(&self, paths: impl Iterator<Item = &'a str>) -> Result<Vec<usize>, Failure> {
        if self.patterns.is_empty() {
            return Ok((0..paths.count()).collect());
        }
        let mut used = vec![false; self.patterns.len()];
        let mut chosen = Vec::new();
        for (index, path) in paths.enumerate() {
            let matches = self.matches(path);
            if !matches.is_empty() {
                chosen.push(index);
            }
            matches.into_iter().for_each(|pattern| used[pattern] = true);
        }
        match used.iter().position(|used| !used) {
            Some(unused) => Err(Failure::message(format!("{}: no file matches", visible(&self.patterns[unused])))
                .with_hint("`wimkit expand -D PKG` lists the files")),
            None => Ok(chosen),
        }
    }

    /// Which patterns match a stored path.
    fn matches(&self, stored: &str) -> Vec<usize> {
        let path = stored.replace('\\', "/");
        let path = path.trim_start_matches('/');
        let name = path.rsplit('/').next().unwrap_or_default();
        let of_path = self.globs.matches(path).into_iter().filter(|pattern| self.for_paths[*pattern]);
        let of_name = self.globs.matches(name).into_iter().filter(|pattern| !self.for_paths[*pattern]);
        of_path.chain(of_name).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PATHS: [&str; 5] = ["setup.exe", "en-US\\setup.exe.mui", "a[1].TXT", "dir/sub/b.txt", "noextension"];

    fn choose(patterns: &[&str]) -> Option<Vec<usize>> {
        let patterns: Vec<String> = patterns.iter().map(|pattern| (*pattern).to_owned()).collect();
        Matcher::new(&patterns).ok()?.choose(PATHS.into_iter()).ok()
    }

    #[test]
    fn patterns_of_expand() {
        assert_eq!(choose(&[]), Some(vec![0, 1, 2, 3, 4]));
        assert_eq!(choose(&["*"]), Some(vec![0, 1, 2, 3, 4]));
        assert_eq!(choose(&[":SETUP*"]), Some(vec![0, 1]));
        assert_eq!(choose(&["*.txt"]), Some(vec![2, 3]));
        assert_eq!(choose(&["a[1].t?t"]), Some(vec![2]));
        assert_eq!(choose(&["dir\\*"]), Some(vec![3]));
        assert_eq!(choose(&["\\en-us\\setup.exe.mui", "setup.exe"]), Some(vec![0, 1]));
        assert_eq!(choose(&["setup.exe", "nothing"]), None);
    }
}
