//! What integration tests share: peers, foreign files, trees on disk.
#![allow(dead_code, reason = "every test binary uses a part of it")]
#![allow(clippy::print_stderr, reason = "a skipped test must be seen")]

pub(crate) mod hive;
pub(crate) mod scene;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use wimkit::util::os;

/// A file of the collection of foreign images beside the repository; says loudly when it is not there.
pub(crate) fn foreign(name: &str) -> Option<PathBuf> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/data").join(name);
    if !path.exists() {
        eprintln!("\n######## SKIPPED: {} is not there ########\n", path.display());
        return None;
    }
    Some(path)
}

/// Whether a peer program is installed; says loudly when it is not.
pub(crate) fn has_peer(program: &str) -> bool {
    let found = Command::new(program).arg("--help").output().is_ok();
    if !found {
        eprintln!("\n######## SKIPPED: {program} is not installed ########\n");
    }
    found
}

/// Runs a program that must succeed.
pub(crate) fn run(program: &str, args: &[&str]) -> Output {
    let output = Command::new(program).args(args).output().unwrap_or_else(|error| panic!("{program}: {error}"));
    assert!(
        output.status.success(),
        "{program} {args:?}: {}\n{}\n{}",
        output.status,
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    output
}

/// Runs wimkit.
pub(crate) fn wimkit(arguments: &[&str]) -> Output {
    Command::new(assert_cmd::cargo::cargo_bin("wimkit"))
        .args(arguments)
        .env_remove("SOURCE_DATE_EPOCH")
        .output()
        .unwrap()
}

/// What a program said on standard error.
pub(crate) fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// Runs wimkit, which must end with `code`.
#[track_caller]
pub(crate) fn expect(code: i32, arguments: &[&str]) -> Output {
    let output = wimkit(arguments);
    assert_eq!(output.status.code(), Some(code), "{arguments:?}: {}", stderr(&output));
    output
}

/// The JSON document of a command that must be done.
#[track_caller]
pub(crate) fn json(arguments: &[&str]) -> serde_json::Value {
    let output = expect(0, &[arguments, &["--json"]].concat());
    serde_json::from_slice(&output.stdout).unwrap()
}

/// What a program said on standard output, as text, when it ended with `code`.
#[track_caller]
pub(crate) fn text(code: i32, arguments: &[&str]) -> String {
    String::from_utf8(expect(code, arguments).stdout).unwrap()
}

/// The JSON document of a command that must end with `code`.
#[track_caller]
pub(crate) fn document(code: i32, schema: &str, arguments: &[&str]) -> serde_json::Value {
    let document: serde_json::Value = serde_json::from_str(&text(code, &[arguments, &["--json"]].concat())).unwrap();
    assert_eq!(document["schema"], schema);
    document
}

/// How a program ended.
#[track_caller]
pub(crate) fn assert_code(output: &Output, code: i32) {
    assert_eq!(output.status.code(), Some(code), "{}", stderr(output));
}

/// Whether the user may do all that applying and capturing an image takes. Says so if not.
pub(crate) fn may_apply_images() -> bool {
    let missing = [os::missing_for_reading(), os::missing_for_writing()].concat();
    if !missing.is_empty() {
        eprintln!(
            "\n######## SKIPPED: images cannot be applied and captured without {} ########\n",
            missing.join(", ")
        );
    }
    missing.is_empty()
}

/// How a refresh with `--json` ended, and the steps that are neither done nor left out: `13/1 skipped`.
pub(crate) fn refresh_ending(output: &Output) -> (Option<i32>, String) {
    let document: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap_or_default();
    let steps = document["steps"].as_array().cloned().unwrap_or_default();
    let others = steps.iter().filter(|step| !matches!(step["outcome"].as_str().unwrap(), "done" | "left-out"));
    let others = others.map(|step| {
        let image = step["image"].as_u64().map(|image| format!("/{image}")).unwrap_or_default();
        format!("{}{image} {}", step["number"], step["outcome"].as_str().unwrap())
    });
    (output.status.code(), others.collect::<Vec<_>>().join(", "))
}

/// A path as an argument.
pub(crate) fn arg(path: &Path) -> &str {
    path.to_str().expect("test paths are UTF-8")
}

/// A cabinet with these files, stored in one folder without checksums.
pub(crate) fn cabinet(files: &[(&str, &[u8])]) -> Vec<u8> {
    let data: Vec<u8> = files.iter().flat_map(|(_, content)| content.iter().copied()).collect();
    let blocks: Vec<&[u8]> = data.chunks(32768).collect();
    let mut entries = Vec::new();
    let mut offset = 0_u32;
    for (name, content) in files {
        let size = u32::try_from(content.len()).expect("files of tests are small");
        entries.extend([size.to_le_bytes(), offset.to_le_bytes()].concat());
        // Folder 0, no date, ARCHIVE.
        entries.extend([0, 0, 0x21, 0, 0, 0, 0x20, 0]);
        entries.extend(name.bytes().chain([0]));
        offset += size;
    }
    let start = 36 + 8 + entries.len() as u32;
    let size = start + (8 * blocks.len() + data.len()) as u32;
    let mut cabinet = b"MSCF\0\0\0\0".to_vec();
    for number in [size, 0, 44, 0] {
        cabinet.extend(number.to_le_bytes());
    }
    for number in [0x0103, 1, files.len() as u16, 0, 0, 0] {
        cabinet.extend(number.to_le_bytes());
    }
    cabinet.extend(start.to_le_bytes());
    cabinet.extend([(blocks.len() as u16).to_le_bytes(), [0, 0]].concat());
    cabinet.extend(entries);
    for block in blocks {
        let size = (block.len() as u16).to_le_bytes();
        cabinet.extend([&[0; 4][..], &size, &size, block].concat());
    }
    cabinet
}

/// As much of a Portable Executable as tells its machine, its version and its product.
pub(crate) fn executable(machine: u16, version: [u16; 4], product: &str) -> Vec<u8> {
    let mut file = vec![0; 0x40];
    file[0x3C] = 0x40;
    file.extend(b"PE\0\0");
    file.extend(machine.to_le_bytes());
    file.resize(0x82, 0);
    file.extend("VS_VERSION_INFO\0".encode_utf16().flat_map(u16::to_le_bytes));
    file.resize(file.len().next_multiple_of(4), 0);
    let [major, minor, build, revision] = version.map(u32::from);
    for number in [0xFEEF_04BD_u32, 0x1_0000, major << 16 | minor, build << 16 | revision] {
        file.extend(number.to_le_bytes());
    }
    file.extend(format!("ProductName\0{product}\0").encode_utf16().flat_map(u16::to_le_bytes));
    file
}

/// Deterministic noise.
pub(crate) struct Noise(pub(crate) u64);

impl Noise {
    /// The next number.
    pub(crate) fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    /// That many random bytes.
    pub(crate) fn bytes(&mut self, count: usize) -> Vec<u8> {
        (0..count).map(|_| (self.next() >> 32) as u8).collect()
    }

    /// Something like x86 code of that many bytes: few opcodes, small operands, and calls and jumps to few targets.
    pub(crate) fn program(&mut self, count: usize) -> Vec<u8> {
        const OPCODES: [&[u8]; 8] = [
            b"\x48\x8B\x45",
            b"\x48\x89\x5C\x24",
            b"\x0F\xB6",
            b"\x33\xC0\xC3\xCC\xCC",
            b"\x48\x8D\x0D",
            b"\xFF\x15",
            b"\x83\xC4",
            b"\x55\x8B\xEC",
        ];
        let mut code = Vec::with_capacity(count + 16);
        while code.len() < count {
            let number = self.next();
            code.extend_from_slice(OPCODES[number as usize % OPCODES.len()]);
            code.push((number >> 8) as u8 & 0x3F);
            if number & 0x3_0000 == 0 {
                let target = (number >> 20 & 31) as u32 * 1000;
                code.push(if number & 0x4_0000 == 0 { 0xE8 } else { 0xE9 });
                code.extend(target.wrapping_sub(code.len() as u32 + 4).to_le_bytes());
            }
        }
        code.truncate(count);
        code
    }

    /// Text of that many bytes, which compresses about as programs do.
    pub(crate) fn text(&mut self, count: usize) -> Vec<u8> {
        const WORDS: [&str; 16] = [
            "component",
            "registry",
            "service",
            "\u{e8}\0\0\0\0",
            "driver",
            "policy",
            "network",
            "storage",
            "audio",
            "display",
            "feature",
            "update",
            "kernel",
            "interface",
            "manifest",
            "\r\n",
        ];
        let mut text = Vec::with_capacity(count + 16);
        while text.len() < count {
            let number = self.next();
            text.extend(WORDS[number as usize % WORDS.len()].as_bytes());
            if number & 0x700 == 0 {
                text.extend(format!("{number:x}").as_bytes());
            }
            text.push(b' ');
        }
        text.truncate(count);
        text
    }
}

/// Makes a small tree with what images have: text, noise, zeros, empty files, hard links, odd names, deep directories and
/// sizes around the chunk size.
pub(crate) fn make_tree(root: &Path) {
    let mut noise = Noise(0x1234_5678_9ABC_DEF1);
    let put = |name: &str, data: &[u8]| {
        let path = root.join(name);
        fs::create_dir_all(path.parent().expect("inside the root")).unwrap();
        fs::write(path, data).unwrap();
    };
    for size in [0, 1, 2, 70, 4095, 4096, 32767, 32768, 32769, 65536, 100_000, 300_000, 2_500_000] {
        put(&format!("Windows/text/{size}.txt"), &noise.text(size));
        put(&format!("Windows/noise/{size}.bin"), &noise.bytes(size));
        put(&format!("Windows/zeros/{size}.dat"), &vec![0; size]);
    }
    let mut mixed = noise.text(200_000);
    mixed.extend(noise.bytes(200_000));
    mixed.extend(vec![0; 200_000]);
    put("Windows/System32/mixed.dll", &mixed);
    put("Windows/System32/copy of mixed.dll", &mixed);
    put("odd/naïve ファイル 𝄞.txt", b"names outside ASCII");
    put("odd/UPPER and lower.TXT", b"case");
    put("odd/.hidden", b"a leading dot");
    put("odd/no extension", b"none");
    put(&format!("odd/{}", "x".repeat(200)), b"a long name");
    put(&format!("deep/{}end.txt", "d/".repeat(60)), b"deep");
    fs::create_dir_all(root.join("empty directory")).unwrap();
    fs::hard_link(root.join("Windows/System32/mixed.dll"), root.join("hard link.dll")).unwrap();
    #[cfg(unix)]
    std::os::unix::fs::symlink("Windows/System32/mixed.dll", root.join("symbolic link")).unwrap();
}

/// What a tree on disk holds: the kind and content of every path.
pub(crate) fn read_tree(root: &Path) -> BTreeMap<String, Vec<u8>> {
    fn visit(root: &Path, directory: &Path, found: &mut BTreeMap<String, Vec<u8>>) {
        for entry in fs::read_dir(directory).unwrap() {
            let path = entry.unwrap().path();
            let name = path.strip_prefix(root).unwrap().to_str().unwrap().replace(std::path::MAIN_SEPARATOR, "/");
            let kind = path.symlink_metadata().unwrap().file_type();
            if kind.is_symlink() {
                let target = fs::read_link(&path).unwrap();
                found.insert(name, format!("-> {}", target.display()).into_bytes());
            } else if kind.is_dir() {
                found.insert(name + "/", Vec::new());
                visit(root, &path, found);
            } else {
                found.insert(name, fs::read(&path).unwrap());
            }
        }
    }
    let mut found = BTreeMap::new();
    visit(root, root, &mut found);
    found
}

/// Panics with the first difference between two trees.
pub(crate) fn assert_same_tree(expected: &Path, found: &Path, what: &str) {
    assert_same(&read_tree(expected), &read_tree(found), what);
}

/// Panics with the first difference between what was read from two trees.
pub(crate) fn assert_same(expected: &BTreeMap<String, Vec<u8>>, found: &BTreeMap<String, Vec<u8>>, what: &str) {
    for (name, content) in expected {
        match found.get(name) {
            None => panic!("{what}: {name} is missing"),
            Some(other) if other != content => panic!("{what}: {name} differs"),
            Some(_) => {}
        }
    }
    if let Some(name) = found.keys().find(|name| !expected.contains_key(*name)) {
        panic!("{what}: {name} should not be there");
    }
}

/// Runs wimkit with a copy of `scene` as its directory, on a file system on which only so many bytes are free; what the
/// directory holds then is in `after`. `None` where that cannot be had.
pub(crate) fn on_small_disk(scene: &Path, free: u64, after: &Path, arguments: &[String]) -> Option<Output> {
    if !Command::new("unshare").args(["-rm", "true"]).status().is_ok_and(|status| status.success()) {
        eprintln!("\n######## SKIPPED: no namespace for a small file system (unshare -rm) ########\n");
        return None;
    }
    const SCRIPT: &str = r#"
        disk=$(mktemp -d) && mount -t tmpfs -o size="$1" tmpfs "$disk" && cp -r "$2"/. "$disk" && cd "$disk" || exit 99
        after=$3
        shift 3
        "$@"
        code=$?
        cp -a . "$after" && cd / && umount "$disk" && rmdir "$disk" || exit 99
        exit $code"#;
    const PAGE: u64 = 4096;
    let used: u64 =
        fs::read_dir(scene).unwrap().map(|entry| entry.unwrap().metadata().unwrap().len().next_multiple_of(PAGE)).sum();
    let output = Command::new("unshare")
        .args(["-rm", "sh", "-c", SCRIPT, "sh", &(used + free).to_string(), arg(scene), arg(after)])
        .arg(assert_cmd::cargo::cargo_bin("wimkit"))
        .args(arguments)
        .output()
        .unwrap();
    assert_ne!(output.status.code(), Some(99), "{}", String::from_utf8_lossy(&output.stderr));
    Some(output)
}
