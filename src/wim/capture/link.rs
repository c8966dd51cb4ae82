//! Symbolic links of this system as reparse points of Windows.

use super::error::Problem;
use crate::wim::metadata::reparse::{self, Link, SYMLINK};
use std::path::{Component, Path, PathBuf};

/// The tree that is captured, as far as links need to know it.
#[derive(Debug)]
pub(super) struct LinkRoot {
    /// Its path without links.
    pub canonical: PathBuf,
    /// Whether absolute targets inside the tree are made to count from its root.
    pub fix_up: bool,
}

/// What an image stores of a link.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct NewLink {
    /// The reparse data, without its 8-byte header.
    pub data: Vec<u8>,
    /// It leads to a directory of the tree: Windows tells such links from others.
    pub to_directory: bool,
    /// The target was not made to count from the root of the tree.
    pub is_not_fixed: bool,
}

impl LinkRoot {
    /// The link at `path`.
    ///
    /// A relative target stays one. An absolute target gets a drive; one inside the tree begins at the root of that drive,
    /// as the tree will.
    pub(super) fn read(&self, path: &Path) -> Result<NewLink, Problem> {
        let target = std::fs::read_link(path)?;
        let inside = self.fix_up.then(|| self.inside(&target)).flatten();
        let is_not_fixed = inside.is_none();
        let text = inside.as_deref().unwrap_or(&target).to_str().ok_or(Problem::TargetNotText)?;
        if cfg!(unix) && text.contains('\\') {
            return Err(Problem::TargetBackslash);
        }
        let link = if target.is_absolute() {
            Link::absolute(&format!("C:{}", text.replace('/', "\\")))
        } else {
            Link::relative(text)
        };
        Ok(NewLink { data: link.encode(SYMLINK)?, to_directory: self.leads_to_directory(path), is_not_fixed })
    }

    /// The reparse data of a link of Windows whose absolute target inside the tree is made to count from its root. `None`: it
    /// stays as it is.
    pub(super) fn fix(&self, tag: u32, data: &[u8]) -> Option<Vec<u8>> {
        if !self.fix_up || !reparse::is_windows_link_tag(tag) {
            return None;
        }
        let root = self.canonical.to_str()?;
        let link = Link::parse(tag, data).ok()?;
        link.from_root(root.strip_prefix(r"\\?\").unwrap_or(root))?.encode(tag).ok()
    }

    /// An absolute target inside the tree, as a path from the tree's root. `..` could lead through links: such a target is
    /// taken to be outside.
    fn inside(&self, target: &Path) -> Option<PathBuf> {
        if !target.is_absolute() || target.components().any(|part| part == Component::ParentDir) {
            return None;
        }
        Some(Path::new("/").join(target.strip_prefix(&self.canonical).ok()?))
    }

    fn leads_to_directory(&self, path: &Path) -> bool {
        path.canonicalize().is_ok_and(|end| end.starts_with(&self.canonical) && end.is_dir())
    }
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;
    use crate::util::utf16;
    use crate::wim::metadata::reparse::MOUNT_POINT;
    use std::os::unix::fs::symlink;

    #[test]
    fn links_of_windows_are_fixed_inside_the_tree() {
        let root = LinkRoot { canonical: PathBuf::from(r"\\?\C:\tree"), fix_up: true };
        let data = |target: &str, tag| Link::absolute(target).encode(tag).unwrap();
        for tag in [SYMLINK, MOUNT_POINT] {
            assert_eq!(root.fix(tag, &data(r"C:\TREE\dir", tag)), Some(data(r"C:\dir", tag)));
            assert_eq!(root.fix(tag, &data(r"C:\other", tag)), None);
        }
        assert_eq!(root.fix(0x8000_001B, &data(r"C:\tree\dir", SYMLINK)), None);
        let as_it_is = LinkRoot { fix_up: false, ..root };
        assert_eq!(as_it_is.fix(SYMLINK, &data(r"C:\tree\dir", SYMLINK)), None);
    }

    #[test]
    fn targets_inside_and_outside() {
        let directory = tempfile::tempdir().unwrap();
        let canonical = directory.path().canonicalize().unwrap();
        std::fs::create_dir(canonical.join("dir")).unwrap();
        let root = LinkRoot { canonical: canonical.clone(), fix_up: true };
        let read = |target: &Path, root: &LinkRoot| {
            let path = canonical.join("link");
            let _ = std::fs::remove_file(&path);
            symlink(target, &path).unwrap();
            let link = root.read(&path)?;
            let parsed = Link::parse(SYMLINK, &link.data).unwrap();
            let name = utf16::to_string(&parsed.substitute_name).unwrap();
            assert_eq!(name.trim_start_matches("\\??\\"), utf16::to_string(&parsed.print_name).unwrap());
            Ok::<_, Problem>((name, parsed.is_relative, link.to_directory, link.is_not_fixed))
        };
        assert_eq!(read(Path::new("dir"), &root).unwrap(), ("dir".into(), true, true, true));
        assert_eq!(read(Path::new("a/../b"), &root).unwrap(), ("a\\..\\b".into(), true, false, true));
        let inside = canonical.join("dir");
        assert_eq!(read(&inside, &root).unwrap(), ("\\??\\C:\\dir".into(), false, true, false));
        assert_eq!(read(&canonical, &root).unwrap(), ("\\??\\C:\\".into(), false, true, false));
        assert_eq!(read(Path::new("/usr"), &root).unwrap(), ("\\??\\C:\\usr".into(), false, false, true));
        let as_it_is = LinkRoot { canonical: canonical.clone(), fix_up: false };
        let expected = format!("\\??\\C:{}", inside.to_str().unwrap().replace('/', "\\"));
        assert_eq!(read(&inside, &as_it_is).unwrap(), (expected, false, true, true));
        assert!(matches!(read(Path::new("a\\b"), &root), Err(Problem::TargetBackslash)));
    }
}
