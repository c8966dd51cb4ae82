//! `wimkit expand` on payloads, deltas and compressed manifests.

mod support;
#[path = "../src/codec/delta/test_encoder.rs"]
#[allow(dead_code, unreachable_pub)] // it is the library's, too
mod test_encoder;

use serde_json::Value;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Output;
use support::{arg, cabinet, foreign, has_peer, read_tree, run, stderr, wimkit};
use tempfile::TempDir;
use test_encoder::{Fields, Item, delta, null_delta};
use wimkit::util::sha1::Sha1;

const TEXT: &[u8] = b"how much wood would a woodchuck chuck if a woodchuck could chuck wood";

fn json(output: &Output) -> Value {
    serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {}", stderr(output)))
}

/// A piece of the made-up payload.
struct Piece {
    name: &'static str,
    kind: &'static str,
    content: Vec<u8>,
    /// What it becomes.
    file: &'static [u8],
    basis: &'static str,
}

fn pieces() -> Vec<Piece> {
    let piece = |name, kind, content: &[u8], file, basis| Piece { name, kind, content: content.to_vec(), file, basis };
    vec![
        piece("raw.txt", "RAW", b"as it is", b"as it is", ""),
        piece("amd64_component\\n\\file.dll", "PA30", &null_delta(TEXT, 0, &[]), TEXT, ""),
        piece("amd64_component\\f\\file.dll", "PA30", &null_delta(b"x", 0, &[]), b"x", "<Basis file=\"9999\"/>"),
        piece("newer.dll", "PA31", b"PA31", b"x", ""),
    ]
}

/// The PSF of these pieces, and its index.
fn payload(pieces: &[Piece]) -> (Vec<u8>, String) {
    let mut psf = b"PSTREAM\0".to_vec();
    let mut files = String::new();
    for (id, Piece { name, kind, content, file, basis }) in pieces.iter().enumerate() {
        let (offset, length, size) = (psf.len(), content.len(), file.len());
        let (of_file, of_piece) = (Sha1::of(file), Sha1::of(content));
        files += &format!(
            "<File id=\"{id}\" name=\"{name}\" length=\"{size}\" time=\"132223104000000000\" attr=\"32\">\
             <Hash alg=\"SHA1\" value=\"{of_file}\"/><Delta>\
             <Source type=\"{kind}\" offset=\"{offset}\" length=\"{length}\"><Hash alg=\"SHA1\" value=\"{of_piece}\"/></Source>\
             {basis}</Delta></File>"
        );
        psf.extend_from_slice(content);
    }
    let index = format!(
        "<Container name=\"x\" type=\"PSF\" length=\"{}\" version=\"1\" xmlns=\"urn:ContainerIndex\"><Files>{files}</Files></Container>",
        psf.len()
    );
    (psf, index)
}

/// A directory with a PSF; its index is to be put somewhere.
fn place() -> (TempDir, PathBuf, String) {
    let place = tempfile::tempdir().unwrap();
    let (psf, index) = payload(&pieces());
    let path = place.path().join("Windows11.0-KB1-x64.psf");
    fs::write(&path, psf).unwrap();
    (place, path, index)
}

fn check_files(tree: &Path, prefix: &str) {
    let found = read_tree(tree);
    assert!(found[&format!("{prefix}raw.txt")] == b"as it is");
    assert!(found[&format!("{prefix}amd64_component/n/file.dll")] == TEXT);
    assert!(!found.contains_key(&format!("{prefix}newer.dll")));
}

#[test]
fn a_psf_and_its_index_beside_it() {
    for name in ["Windows11.0-KB1-x64.psf.cix.xml", "express.psf.cix.xml", "elsewhere.xml"] {
        let (place, psf, index) = place();
        let index_path = place.path().join(name);
        fs::write(&index_path, index).unwrap();
        let target = place.path().join("target");
        let mut arguments = vec!["expand", arg(&psf), "--to", arg(&target)];
        if name == "elsewhere.xml" {
            let output = wimkit(&arguments);
            assert_eq!(output.status.code(), Some(2));
            assert!(stderr(&output).contains("--index"), "{}", stderr(&output));
            arguments.extend(["--index", arg(&index_path)]);
        }
        let output = wimkit(&arguments);
        // Two are refused, which is not all that was asked for.
        assert_eq!(output.status.code(), Some(1), "{}", stderr(&output));
        assert!(stderr(&output).contains("payload: 2 decoded, 2 refused, 0 failed"), "{}", stderr(&output));
        assert!(stderr(&output).contains("not extracted: newer.dll: pieces of the type PA31"), "{}", stderr(&output));
        check_files(&target, "");
        let written = fs::metadata(target.join("raw.txt")).unwrap().modified().unwrap();
        assert_eq!(written, std::time::UNIX_EPOCH + std::time::Duration::from_secs(1_577_836_800));

        arguments.extend(["--json", "-F", "*.dll"]);
        let told = json(&wimkit(&arguments));
        assert_eq!((&told["payload"]["decoded"], &told["payload"]["refused"]["PA31"]), (&1.into(), &1.into()));
        arguments.push("-D");
        let listed = json(&wimkit(&arguments));
        let how: Vec<_> = listed["files"].as_array().unwrap().iter().map(|file| &file["compression"]).collect();
        assert_eq!(how, ["PA30", "PA30, needs a file of the system", "PA31"]);
        assert_eq!(listed["containers"][0], arg(&psf));
    }
}

#[test]
fn a_psf_in_a_package() {
    if !has_peer("wimlib-imagex") || !has_peer("gcab") {
        return;
    }
    let (place, psf, index) = place();
    let path = |name: &str| place.path().join(name);
    fs::write(path("express.psf.cix.xml"), index).unwrap();
    fs::write(path("update.mum"), "<assembly/>").unwrap();
    let inner = path("Windows11.0-KB1-x64.cab");
    run("gcab", &["-c", "-n", "-z", arg(&inner), arg(&path("update.mum")), arg(&path("express.psf.cix.xml"))]);
    fs::remove_file(path("express.psf.cix.xml")).unwrap();

    // Alone, with the package beside it.
    let output = wimkit(&["expand", arg(&psf), "--to", arg(&path("alone"))]);
    assert_eq!(output.status.code(), Some(1), "{}", stderr(&output));
    check_files(&path("alone"), "");

    // Both in a cabinet, and in an image.
    let cabinet = path("update.msu");
    run("gcab", &["-c", "-n", "-z", arg(&cabinet), arg(&inner), arg(&psf)]);
    let tree = path("tree");
    fs::create_dir_all(tree.join("inner")).unwrap();
    fs::copy(&psf, tree.join("Windows11.0-KB1-x64.psf")).unwrap();
    let image = path("update-24h2.msu");
    let inner_tree = path("inner-tree");
    fs::create_dir(&inner_tree).unwrap();
    run("gcab", &["-x", "-C", arg(&inner_tree), arg(&inner)]);
    let capture =
        |tree: &Path, to: &Path| run("wimlib-imagex", &["capture", arg(tree), arg(to), "x", "--compress=none"]);
    fs::remove_dir(tree.join("inner")).unwrap();
    capture(&inner_tree, &tree.join("Windows11.0-KB1-x64.wim"));
    capture(&tree, &image);
    for (package, prefix) in [(&cabinet, "Windows11.0-KB1-x64.cab/"), (&image, "Windows11.0-KB1-x64.wim/")] {
        let target = path("target").join(prefix);
        let output = wimkit(&["expand", arg(package), "--recursive", "--to", arg(&target)]);
        assert_eq!(output.status.code(), Some(1), "{}", stderr(&output));
        assert!(stderr(&output).contains("payload: 2 decoded, 2 refused, 0 failed"), "{}", stderr(&output));
        check_files(&target, prefix);
        let found = read_tree(&target);
        assert!(found.contains_key(&format!("{prefix}update.mum")) && !found.contains_key("Windows11.0-KB1-x64.psf"));
        // Without, the payload is one file.
        let listed = json(&wimkit(&["expand", "-D", "--json", arg(package)]));
        assert_eq!(listed["files"].as_array().unwrap().len(), 2);
    }
}

/// A `.psm`, which has no digests, and deltas of an older kind.
#[test]
fn a_psf_and_its_older_index() {
    let place = tempfile::tempdir().unwrap();
    let path = |name: &str| place.path().join(name);
    let delta = null_delta(TEXT, 0, &[]);
    let psf = [b"PSTREAM\0as it isPA19".to_vec(), delta.clone()].concat();
    fs::write(path("KB1.psf"), &psf).unwrap();
    let index = format!(
        "[i386\\raw.txt]\r\nfull=8,8\r\n[i386\\old.dll]\r\np0=10,4\r\n[new.dll]\r\np0=14,{:x}\r\n[other.dll]\r\np7=1\r\n",
        delta.len()
    );
    fs::write(path("kb1.psm"), &index).unwrap();
    let (psf, target) = (path("KB1.psf"), path("target"));
    let check = |output: &Output, target: &Path, prefix: &str| {
        let said = stderr(output);
        assert_eq!(output.status.code(), Some(1), "{said}");
        assert!(
            said.contains("payload: 2 decoded, 2 refused, 0 failed\n  refused: 1 (PA19)\n  refused: 1 (p7)"),
            "{said}"
        );
        assert!(said.contains("warning: ") && said.contains("its index has no digests"), "{said}");
        let found = read_tree(target);
        assert!(found[&format!("{prefix}i386/raw.txt")] == b"as it is" && found[&format!("{prefix}new.dll")] == TEXT);
        assert_eq!(found.values().filter(|content| !content.is_empty()).count(), 2);
    };
    let index_path = path("kb1.psm");
    let with_index = ["expand", arg(&psf), "--to", arg(&target), "--index", arg(&index_path)];
    check(&wimkit(&with_index), &target, "");
    fs::rename(&index_path, path("KB1.psm")).unwrap();
    check(&wimkit(&with_index[..4]), &target, "");
    assert_eq!(wimkit(&[&with_index[..4], &["--strict"]].concat()).status.code(), Some(2), "nothing can be checked");
    let listed = json(&wimkit(&[&with_index[..4], &["-D", "--json"]].concat()));
    let files = listed["files"].as_array().unwrap();
    let told: Vec<_> = files.iter().map(|file| (&file["size"], &file["compression"], &file["modified"])).collect();
    let (zero, null, unknown) = (Value::from(0), Value::Null, Value::from("delta, of an unknown size"));
    assert_eq!(told[..2], [(&8.into(), &"RAW".into(), &null), (&zero, &unknown, &null)]);

    // Out of a package, and in one.
    fs::write(path("package.cab"), cabinet(&[("update\\kb1.PSM", index.as_bytes())])).unwrap();
    let (package, from) = (path("package.cab"), path("from"));
    check(&wimkit(&["expand", arg(&psf), "--to", arg(&from), "--index", arg(&package)]), &from, "");
    let inner = cabinet(&[("update\\kb1.PSM", index.as_bytes())]);
    fs::write(path("both.cab"), cabinet(&[("KB1.psf", &fs::read(&psf).unwrap()), ("update.cab", &inner)])).unwrap();
    let (both, ground) = (path("both.cab"), path("ground"));
    let output = wimkit(&["expand", arg(&both), "--recursive", "--to", arg(&ground)]);
    fs::remove_file(ground.join("update.cab/update/kb1.PSM")).unwrap();
    check(&output, &ground, "update.cab/");

    // Nobody knows beforehand how much comes out of it.
    let limited = path("limited");
    for (limit, code) in [(8 + TEXT.len(), 1), (7 + TEXT.len(), 2)] {
        let (_, limit) = (fs::remove_dir_all(&limited), limit.to_string());
        fs::write(path("KB1.psm"), &index).unwrap();
        let output = wimkit(&["expand", arg(&psf), "--to", arg(&limited), "--max-size", &limit]);
        assert_eq!(output.status.code(), Some(code), "{}", stderr(&output));
        assert_eq!(limited.join("new.dll").exists(), code == 1);
        assert_eq!(stderr(&output).contains("hint: --max-size sets the limit"), code == 2, "{}", stderr(&output));
    }

    // What leads outside, or to what is not there.
    fs::write(path("KB1.psm"), index.replace("i386\\raw", "..\\raw")).unwrap();
    let nothing = path("nothing");
    let output = wimkit(&["expand", arg(&psf), "--to", arg(&nothing)]);
    assert_eq!(output.status.code(), Some(2));
    assert!(stderr(&output).contains("KB1.psm: the index, byte 0:") && !nothing.exists(), "{}", stderr(&output));
    fs::write(path("KB1.psm"), "[a]\nfull=8,ffff").unwrap();
    let output = wimkit(&["expand", arg(&psf), "--to", arg(&nothing)]);
    assert_eq!(output.status.code(), Some(2));
    assert!(stderr(&output).contains("65535 bytes at offset 8 lies outside"), "{}", stderr(&output));
}

/// Beside a PSF, too, an index with digests wins.
#[test]
fn an_older_index_comes_last() {
    let (place, psf, index) = place();
    let path = |name: &str| place.path().join(name);
    let listed = || {
        let listed = json(&wimkit(&["expand", "-D", "--json", arg(&psf)]));
        listed["files"].as_array().unwrap().iter().any(|file| file["path"] == "older.txt")
    };
    fs::write(path("Windows11.0-KB1-x64.psm"), "[older.txt]\nfull=0,1").unwrap();
    assert!(listed());
    fs::write(path("Windows11.0-KB1-x64.cab"), cabinet(&[("express.psf.cix.xml", index.as_bytes())])).unwrap();
    assert!(!listed());
    fs::remove_file(path("Windows11.0-KB1-x64.cab")).unwrap();
    fs::write(path("express.psf.cix.xml"), &index).unwrap();
    assert!(!listed());
}

/// A PSF whose header leads to its own index.
#[test]
fn a_psf_that_describes_itself() {
    let place = tempfile::tempdir().unwrap();
    let path = |name: &str| place.path().join(name);
    let made = |index: &dyn Fn(String) -> Vec<u8>| {
        // The pieces stand behind a header of 128 bytes; the index behind them.
        let (pieces, text) = payload(&pieces());
        let shifted = |text: &str| {
            let mut parts = text.split(" offset=\"");
            let mut shifted = parts.next().unwrap().to_owned();
            for part in parts {
                let (offset, rest) = part.split_once('"').unwrap();
                shifted += &format!(" offset=\"{}\"{rest}", offset.parse::<usize>().unwrap() + 120);
            }
            shifted
        };
        let index = index(shifted(&text));
        let mut psf = b"PSTREAM\0".to_vec();
        psf.resize(128, 0);
        psf.extend_from_slice(&pieces[8..]);
        let at = psf.len() as u32;
        psf[40..44].copy_from_slice(&at.to_le_bytes());
        psf[44..48].copy_from_slice(&(index.len() as u32).to_le_bytes());
        psf.extend(index);
        psf
    };
    let delta = |text: String| null_delta(text.as_bytes(), 0, &[]);
    let psf = path("KB1.psf");
    fs::write(&psf, made(&delta)).unwrap();
    let target = path("target");
    let output = wimkit(&["expand", arg(&psf), "--to", arg(&target)]);
    assert_eq!(output.status.code(), Some(1), "{}", stderr(&output));
    assert!(stderr(&output).contains("payload: 2 decoded, 2 refused, 0 failed"), "{}", stderr(&output));
    check_files(&target, "");

    // In a package its files go into a directory of its name.
    fs::write(path("package.cab"), cabinet(&[("dir\\KB1.psf", &made(&delta)), ("a.txt", b"a")])).unwrap();
    let (package, ground) = (path("package.cab"), path("ground"));
    let output = wimkit(&["expand", arg(&package), "--recursive", "--to", arg(&ground)]);
    assert_eq!(output.status.code(), Some(1), "{}", stderr(&output));
    check_files(&ground, "dir/KB1.psf/");
    assert!(read_tree(&ground).contains_key("a.txt"));

    // One that does not describe itself stays what it is, and a damaged index is told.
    let expand = |psf: Vec<u8>| {
        fs::write(path("KB1.psf"), psf).unwrap();
        let output = wimkit(&["expand", arg(&path("KB1.psf")), "--to", arg(&path("nothing"))]);
        assert_eq!(output.status.code(), Some(2));
        stderr(&output)
    };
    let no_delta = |text: String| text.into_bytes();
    let elsewhere = |at: usize, bytes: [u8; 4]| {
        let mut psf = made(&delta);
        psf[at..at + 4].copy_from_slice(&bytes);
        psf
    };
    for psf in [made(&no_delta), elsewhere(40, [0xFF; 4]), elsewhere(40, [8, 0, 0, 0]), elsewhere(44, [0xFF; 4])] {
        let said = expand(psf);
        assert!(said.contains("without its index a PSF cannot be taken apart") && said.contains("--index"), "{said}");
    }
    let mut cut = made(&delta);
    let index_length = u32::from_le_bytes(cut[44..48].try_into().unwrap()) / 2;
    cut[44..48].copy_from_slice(&index_length.to_le_bytes());
    let said = expand(cut);
    assert!(said.contains("KB1.psf: offset 0x") && said.contains("the index that it has in itself"), "{said}");
    let said = expand(made(&|_| null_delta(b"<a/>", 0, &[])));
    assert!(said.contains("KB1.psf: the document begins with a"), "{said}");
    fs::write(path("package.cab"), cabinet(&[("KB1.psf", b"PSTREAM\0".as_slice())])).unwrap();
    let output = wimkit(&["expand", arg(&package), "--recursive", "--to", arg(&path("plain"))]);
    assert!(output.status.success() && path("plain/KB1.psf").is_file(), "{}", stderr(&output));
}

#[test]
fn damaged_payloads() {
    let (place, psf, index) = place();
    let index_path = place.path().join("express.psf.cix.xml");
    fs::write(&index_path, &index).unwrap();
    let mut damaged = fs::read(&psf).unwrap();
    damaged[8] ^= 1;
    fs::write(&psf, &damaged).unwrap();
    let target = place.path().join("target");
    let output = wimkit(&["expand", arg(&psf), "--to", arg(&target)]);
    assert_eq!(output.status.code(), Some(2));
    assert!(stderr(&output).contains("raw.txt: its piece has the SHA1"), "{}", stderr(&output));
    let output = wimkit(&["expand", arg(&psf), "--to", arg(&target), "--keep-going"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(stderr(&output).contains("payload: 1 decoded, 2 refused, 1 failed"), "{}", stderr(&output));

    damaged.truncate(12);
    fs::write(&psf, &damaged).unwrap();
    let output = wimkit(&["expand", arg(&psf), "--to", arg(&target)]);
    assert!(stderr(&output).contains("lies outside of the payload, which has 12"), "{}", stderr(&output));

    // A path that leads out refuses the whole payload.
    fs::write(&index_path, index.replace("newer.dll", "..\\newer.dll")).unwrap();
    let nothing = place.path().join("nothing");
    let output = wimkit(&["expand", arg(&psf), "--to", arg(&nothing)]);
    assert_eq!(output.status.code(), Some(2));
    assert!(stderr(&output).contains("leads out of the target directory") && !nothing.exists(), "{}", stderr(&output));
}

#[test]
fn a_single_delta() {
    let place = tempfile::tempdir().unwrap();
    let path = |name: &str| place.path().join(name);
    fs::write(path("source.bin"), TEXT).unwrap();
    let items = [Item::InFront { in_front: 0, length: TEXT.len() as u64 }, Item::Literal(b'!')];
    let whole = [TEXT, b"!"].concat();
    let digest = Sha1::of(&whole).0;
    let fields = Fields { size: whole.len() as u64, algorithm: 0x8004, digest: &digest, ..Fields::default() };
    fs::write(path("file.dll.pa30"), delta(&fields, &items)).unwrap();
    let (delta, source, target) = (path("file.dll.pa30"), path("source.bin"), path("target"));
    let arguments = ["expand", arg(&delta), "--to", arg(&target), "--source", arg(&source)];
    let output = wimkit(&arguments);
    assert!(output.status.success(), "{}", stderr(&output));
    assert!(fs::read(target.join("file.dll")).unwrap() == whole);
    let output = wimkit(&arguments[..4]);
    assert_eq!(output.status.code(), Some(2));
    assert!(stderr(&output).contains("--source"), "{}", stderr(&output));
    let output = wimkit(&[&arguments[..], &["--no-overwrite"]].concat());
    assert_eq!(output.status.code(), Some(2));
    let output = wimkit(&[&arguments[..], &["--max-size", "10"]].concat());
    assert!(
        stderr(&output).contains("the limit is 10") && stderr(&output).contains("--max-size sets"),
        "{}",
        stderr(&output)
    );
    let needed = fs::metadata(&delta).unwrap().len() + TEXT.len() as u64;
    for (memory, problem) in
        [(10, "too many to be kept"), (needed - 1, "too many to be kept"), (needed, "the limit is 0")]
    {
        let output = wimkit(&[&arguments[..], &["--memory", &memory.to_string()]].concat());
        assert_eq!(output.status.code(), Some(2), "{memory}");
        let said = stderr(&output);
        assert!(said.contains(problem) && said.contains("hint: --memory sets the limit"), "{memory}: {said}");
    }
    let listed = json(&wimkit(&[&arguments[..], &["-D", "--json"]].concat()));
    assert_eq!((&listed["path"], &listed["size"]), (&"file.dll".into(), &whole.len().into()));

    // A compressed manifest keeps its name, so it does not go where it is.
    let manifest = path("a.manifest");
    fs::write(&manifest, [b"DCN\x01", &null_delta(TEXT, 0, &[])[..]].concat()).unwrap();
    let output = wimkit(&["expand", arg(&manifest), "--to", arg(place.path())]);
    assert_eq!(output.status.code(), Some(2));
    assert!(stderr(&output).contains("would replace the file itself"), "{}", stderr(&output));
    let output = wimkit(&["expand", arg(&manifest), "--to", arg(&target)]);
    assert!(output.status.success() && fs::read(target.join("a.manifest")).unwrap() == TEXT, "{}", stderr(&output));
}

#[test]
fn a_package_whose_manifest_is_compressed() {
    let place = tempfile::tempdir().unwrap();
    let path = |name: &str| place.path().join(name);
    let base = r#"<assembly><assemblyIdentity name="Package_for_RollupFix" version="26100.1742.1.10"/></assembly>"#;
    let length = base.len() as u64;
    let manifest = delta(&Fields { size: length, ..Fields::default() }, &[Item::InFront { in_front: 0, length }]);
    let manifest = [&b"DCM\x01"[..], &manifest].concat();
    fs::write(path("package.cab"), cabinet(&[("update.mum", &manifest)])).unwrap();
    fs::write(path("base.bin"), base).unwrap();
    let (package, base) = (path("package.cab"), path("base.bin"));
    let output = wimkit(&["package", arg(&package)]);
    assert_eq!(output.status.code(), Some(2));
    assert!(stderr(&output).contains("hint: give the base manifest with --base"), "{}", stderr(&output));
    let output = wimkit(&["package", arg(&package), "--base", arg(&base), "--json"]);
    assert!(output.status.success(), "{}", stderr(&output));
    assert_eq!(json(&output)["files"][0]["package"]["class"], "cumulative");
}

#[test]
fn real_manifests() {
    let Some(directory) = foreign("msu/dcm") else { return };
    let manifests = fs::read_dir(&directory).unwrap().map(|entry| entry.unwrap().path());
    let manifest = manifests.into_iter().find(|path| path.to_string_lossy().contains("wow64_microsoft")).unwrap();
    let target = tempfile::tempdir().unwrap();
    let base = directory.join("base_manifest.bin");
    let output = wimkit(&["expand", arg(&manifest), "--to", arg(target.path())]);
    assert_eq!(output.status.code(), Some(2));
    assert!(stderr(&output).contains("resource 614 of wcp.dll"), "{}", stderr(&output));
    let output = wimkit(&["expand", arg(&manifest), "--base", arg(&base), "--to", arg(target.path())]);
    assert!(output.status.success(), "{}", stderr(&output));
    let decoded = target.path().join(manifest.file_name().unwrap());
    assert!(fs::read(decoded).unwrap() == fs::read(directory.join("wow64_golden.xml")).unwrap());
}
