//! A directory of a test's own, and sample media to refresh in it.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::LazyLock;

use wimkit::util::sha1::Sha1;
use wimkit::wim::{OpenOptions, Wim};

use super::{arg, expect, read_tree};

/// Arguments of a refresh that nobody services.
pub(crate) const RECORDED: [&str; 3] = ["run", "--servicer", "recorded"];
/// Where editions have their Windows RE.
pub(crate) const WINRE: &str = "/Windows/System32/Recovery/Winre.wim";

/// A directory that is gone after the test.
pub(crate) struct Scene(tempfile::TempDir);

impl Scene {
    /// An empty one.
    pub(crate) fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    /// An empty one, whose path has what means something to command processors.
    pub(crate) fn odd() -> Self {
        Self(tempfile::Builder::new().prefix("5% & %PATH% (a) ").tempdir().unwrap())
    }

    /// One with sample media and packages.
    pub(crate) fn sample() -> Self {
        let scene = Self::new();
        sample(scene.root());
        scene
    }

    pub(crate) fn root(&self) -> &Path {
        self.0.path()
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.root().join(name)
    }

    /// As [`refresh`].
    pub(crate) fn refresh(&self, arguments: &[&str]) -> Output {
        refresh(self.root(), arguments)
    }

    /// Takes away what a run has made.
    pub(crate) fn clear(&self) {
        clear(self.root());
    }
}

/// wimkit in a directory, with times that are the same each time, and a history of its own.
pub(crate) fn program(directory: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(assert_cmd::cargo::cargo_bin("wimkit"));
    command.args(arguments).current_dir(directory);
    command.env("SOURCE_DATE_EPOCH", "1750000000").env("WIMKIT_DATABASE", "history.redb");
    command
}

/// Refreshes media in a directory.
pub(crate) fn refresh(directory: &Path, arguments: &[&str]) -> Output {
    program(directory, &[&["refresh"], arguments].concat()).output().unwrap()
}

/// Takes away what a run in a directory has made.
pub(crate) fn clear(directory: &Path) {
    for name in ["newMedia", "work"] {
        let _ = fs::remove_dir_all(directory.join(name));
    }
}

/// Puts sample media and packages into a directory. They are made once and copied: Wine makes up an object id for each file, so
/// that no two images that are captured there are the same.
pub(crate) fn sample(directory: &Path) {
    static SAMPLE: LazyLock<BTreeMap<String, Vec<u8>>> = LazyLock::new(|| {
        let place = tempfile::tempdir().unwrap();
        expect(0, &["sample", "media", arg(place.path()), "--quiet"]);
        read_tree(place.path())
    });
    // A directory, whose name ends with a slash, comes before what is in it.
    for (name, content) in &*SAMPLE {
        let path = directory.join(name);
        if name.ends_with('/') {
            fs::create_dir_all(&path).unwrap();
        } else {
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(&path, content).unwrap();
        }
    }
}

/// What media hold, so that it can be compared: files with their bytes. On Windows, what is in their images takes the place of
/// archives: see [`sample`].
pub(crate) fn media(root: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut tree = read_tree(root);
    if cfg!(windows) {
        let archives: Vec<String> = tree.keys().filter(|name| name.ends_with(".wim")).cloned().collect();
        for name in archives {
            tree.remove(&name);
            let inside = contents(&root.join(&name)).into_iter();
            tree.extend(inside.map(|(path, sha1)| (format!("{name}!/{path}"), sha1.0.to_vec())));
        }
    }
    tree
}

/// Panics with the first difference between two media.
#[track_caller]
pub(crate) fn assert_same_media(expected: &Path, found: &Path, what: &str) {
    super::assert_same(&media(expected), &media(found), what);
}

/// The images of a file by their names, and the hashes of what is in each; those of the Windows RE in it in the place of its own.
pub(crate) fn contents(wim: &Path) -> BTreeMap<String, Sha1> {
    let wim = Wim::open(wim, &OpenOptions::default()).unwrap();
    let mut found = BTreeMap::new();
    for image in wim.images() {
        for entry in wim.metadata(image).unwrap().entries() {
            let path = entry.path();
            if path == WINRE {
                let number = image.to_string();
                let bytes = expect(0, &["cat", arg(wim.path()), &number, &path]).stdout;
                let place = tempfile::tempdir().unwrap();
                let inner = place.path().join("winre.wim");
                fs::write(&inner, bytes).unwrap();
                found.extend(contents(&inner).into_iter().map(|(path, sha1)| (format!("{image}{WINRE}!{path}"), sha1)));
            } else {
                found.insert(format!("{image}{path}"), entry.data_hash().unwrap_or_default());
            }
        }
    }
    found
}

/// What the ISO image with languages and features has for Japanese.
pub(crate) fn features(directory: &Path) {
    let components = "features/Windows Preinstallation Environment/x64/WinPE_OCs";
    for file in [
        format!("{components}/ja-jp/lp.cab"),
        format!("{components}/ja-jp/WinPE-WMI_ja-jp.cab"),
        format!("{components}/WinPE-FontSupport-ja-jp.cab"),
        format!("{components}/WinPE-Speech-TTS.cab"),
        format!("{components}/WinPE-Speech-TTS-ja-jp.cab"),
        "features/LanguagesAndOptionalFeatures/Microsoft-Windows-Client-Language-Pack_x64_ja-jp.cab".into(),
    ] {
        let path = directory.join(file);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, "of a language").unwrap();
    }
}
