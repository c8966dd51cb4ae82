use std::fs;
use std::io::Cursor;

use super::*;
use crate::cab::{Cabinet, OpenOptions};
use crate::util::filetime::FileTime;

fn input(directory: &Path, name: &str, content: &[u8]) -> Input {
    let path = directory.join(name.replace('\\', "_"));
    fs::write(&path, content).unwrap();
    let time = FileTime::from_dos(0x5C21, 0xBF7D);
    Input { name: name.to_owned(), path, size: content.len() as u64, time, attributes: 0x20 }
}

/// The cabinet's files with their contents.
fn read(path: &Path) -> Vec<(crate::cab::File, Vec<u8>)> {
    let cabinet = Cabinet::open(path, &OpenOptions::default()).unwrap();
    assert!(cabinet.warnings().is_empty());
    let mut contents = vec![Vec::new(); cabinet.files().len()];
    let all: Vec<usize> = (0..contents.len()).collect();
    cabinet.open_files(&all, &mut |file, source| {
        let source = source.unwrap();
        contents[file] = vec![0; source.size() as usize];
        source.read_exact_at(&mut contents[file], 0).unwrap();
    });
    cabinet.files().iter().cloned().zip(contents).collect()
}

#[test]
fn what_is_written_is_read() {
    let place = tempfile::tempdir().unwrap();
    let text = b"some text, some more text; ".repeat(5000);
    let contents: [(&str, &[u8]); 5] =
        [("a.txt", &text), ("dir\\b.bin", b"x"), ("empty", b""), ("gr\u{fc}n.txt", &text[5..70_000]), ("z", &text)];
    let inputs = contents.map(|(name, content)| input(place.path(), name, content));
    let target = place.path().join("out.cab");
    for method in [None, Some(Method::Mszip), Some(Method::Lzx { window_order: 17 }), Options::default().method] {
        for folder_size in [1, 140_000, 1 << 20] {
            let options = Options { method, folder_size, ..Options::default() };
            let summary = create(&inputs, &target, &options, Control::silent()).unwrap();
            assert_eq!(summary.size, fs::metadata(&target).unwrap().len());
            assert_eq!((summary.files, summary.bytes), (5, contents.iter().map(|(_, c)| c.len() as u64).sum()));
            let found = read(&target);
            assert_eq!(found.len(), 5);
            for ((file, found), (name, content)) in found.iter().zip(contents) {
                assert_eq!((&*file.name, file.time), (name, inputs[0].time));
                assert_eq!(file.attributes, if name.is_ascii() { 0x20 } else { 0xA0 });
                assert!(found == content);
            }
            let again = place.path().join("again.cab");
            create(&inputs, &again, &options, Control::silent()).unwrap();
            assert!(fs::read(&target).unwrap() == fs::read(again).unwrap());
        }
    }
}

#[test]
fn neither_threads_nor_memory_change_a_byte() {
    let place = tempfile::tempdir().unwrap();
    let text: Vec<u8> = (0..2_700_000_u32).map(|at| (at.wrapping_mul(at) >> 16) as u8 & 0x1F).collect();
    let (cut, unit) = (1_048_576, 1 << 20);
    let contents: [&[u8]; 7] = [b"", &text[..cut], b"", &text[cut..], b"", b"x", b""];
    let names = ["a", "b", "c", "d", "e", "f", "g"];
    let inputs: Vec<Input> =
        names.iter().zip(contents).map(|(name, content)| input(place.path(), name, content)).collect();
    for method in [None, Some(Method::Mszip), Some(Method::Lzx { window_order: 17 })] {
        for folder_size in [unit, 1 << 30] {
            let mut first = None;
            for (threads, memory) in [(1, 1 << 30), (4, 1 << 30), (4, 0)] {
                let options = Options { method, level: Level::new(1).unwrap(), folder_size, memory };
                let target = place.path().join("out.cab");
                let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
                pool.install(|| create(&inputs, &target, &options, Control::silent())).unwrap();
                let bytes = fs::read(&target).unwrap();
                assert!(*first.get_or_insert_with(|| bytes.clone()) == bytes, "{method:?} {threads} {memory}");
            }
            let found = read(&place.path().join("out.cab"));
            assert!(found.iter().map(|(_, content)| &**content).eq(contents), "{method:?} {folder_size}");
        }
    }
}

#[test]
fn nothing_is_left_of_what_fails() {
    let place = tempfile::tempdir().unwrap();
    let source = tempfile::tempdir().unwrap();
    let target = place.path().join("out.cab");
    let write = |inputs: &[Input], options: &Options| create(inputs, &target, options, Control::silent()).unwrap_err();
    let mut file = input(source.path(), "file", b"content");
    let options = Options::default();
    assert!(matches!(write(&[], &options), CreateError::Nothing));
    let itself =
        Input { path: source.path().join("..").join(source.path().file_name().unwrap()).join("file"), ..file.clone() };
    let over_it = create(&[itself], &file.path, &options, Control::silent()).unwrap_err();
    assert!(matches!(over_it, CreateError::Itself { .. }));
    assert_eq!(fs::read(&file.path).unwrap(), b"content");
    let quantum = Options { method: Some(Method::Quantum { window_order: 15 }), ..options };
    assert!(matches!(write(&[file.clone()], &quantum), CreateError::Method(_)));
    for size in [6, 8] {
        file.size = size;
        assert!(matches!(write(&[file.clone()], &options), CreateError::Changed { .. }));
    }
    file.size = 1 << 31;
    assert!(matches!(write(&[file.clone()], &options), CreateError::FileTooLarge { .. }));
    file.path = source.path().join("gone");
    file.size = 7;
    assert!(matches!(write(&[file], &options), CreateError::Input { .. }));
    assert_eq!(fs::read_dir(place.path()).unwrap().count(), 0);
}

#[test]
fn a_directory_is_collected_in_order() {
    let place = tempfile::tempdir().unwrap();
    fs::create_dir_all(place.path().join("b/c")).unwrap();
    for name in ["b/c/2", "b/1", "a", "c"] {
        fs::write(place.path().join(name), name).unwrap();
    }
    let names =
        |place: &Path| collect(place).map(|inputs| inputs.into_iter().map(|input| input.name).collect::<Vec<_>>());
    assert_eq!(names(place.path()).unwrap(), ["a", "b\\1", "b\\c\\2", "c"]);
    // Windows itself makes no such file.
    if cfg!(not(windows)) {
        fs::write(place.path().join("b").join("nul.txt"), "").unwrap();
        assert!(names(place.path()).unwrap_err().to_string().contains("the name of a device"));
    }
}

/// A cabinet that only ever was in memory opens as well.
#[test]
fn headers_are_sound() {
    let bytes = [&head(36 + 8 + 18, 44, 1, 1)[..], &[62, 0, 0, 0, 0, 0, 0, 0], &[0; 16], b"x\0"].concat();
    let cabinet =
        Cabinet::from_source(Box::new(Cursor::new(bytes)), Path::new("x.cab"), &OpenOptions::default()).unwrap();
    assert_eq!((cabinet.files().len(), &*cabinet.compression(0)), (1, "stored"));
}
