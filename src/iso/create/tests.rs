//! What is written, looked at byte by byte where no other program would.

use std::fs;

use super::*;

fn options() -> Options {
    Options { label: "TEST".into(), bios: None, efi: None, share: true }
}

fn tree(files: &[(&str, &[u8])]) -> tempfile::TempDir {
    let place = tempfile::tempdir().unwrap();
    for (name, bytes) in files {
        let path = place.path().join("tree").join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
    }
    place
}

fn written(place: &tempfile::TempDir, options: &Options) -> Result<(Vec<u8>, Summary), CreateError> {
    let target = place.path().join("out.iso");
    let summary = create(&place.path().join("tree"), &target, options, Control::silent())?;
    Ok((fs::read(target).unwrap(), summary))
}

fn sector(image: &[u8], sector: usize) -> &[u8] {
    &image[2048 * sector..][..2048]
}

#[test]
fn identical_files_are_stored_once() {
    let large = vec![7; 100_000];
    let place = tree(&[("a", &large), ("b/c", &large), ("d", &large[1..]), ("empty", b"")]);
    let (shared, summary) = written(&place, &options()).unwrap();
    assert_eq!((summary.files, summary.directories, summary.bytes), (4, 2, 299_999));
    assert_eq!((summary.shared, summary.size), (100_000, shared.len() as u64));
    let (whole, summary) = written(&place, &Options { share: false, ..options() }).unwrap();
    assert_eq!(summary.shared, 0);
    assert!(whole.len() > shared.len() + 90_000);
    assert_eq!(shared.len() % 32768, 0);
}

/// Changes a file when the image begins to be written, and gives it the time that it had.
struct Changing {
    path: PathBuf,
    keeps_time: bool,
}

impl crate::util::progress::Progress for Changing {
    fn begin(&self, phase: &'static str, _: u64) {
        if phase == "Writing" {
            let time = fs::metadata(&self.path).unwrap().modified().unwrap();
            let time = if self.keeps_time { time } else { time + std::time::Duration::from_secs(1) };
            let mut bytes = fs::read(&self.path).unwrap();
            bytes[50_000] ^= 1;
            fs::write(&self.path, bytes).unwrap();
            fs::File::options().write(true).open(&self.path).unwrap().set_modified(time).unwrap();
        }
    }

    fn advance(&self, _: u64) {}
}

#[test]
fn files_that_change_between_comparing_and_writing_are_noticed() {
    let large = vec![7; 100_000];
    // The one that is written for both, the other one, and one that is like no other.
    for (name, keeps_time) in [("a", true), ("a", false), ("b", false), ("c", false)] {
        let place = tree(&[("a", &large), ("b", &large), ("c", &large[1..])]);
        let progress = Changing { path: place.path().join("tree").join(name), keeps_time };
        let interrupt = std::sync::atomic::AtomicBool::new(false);
        let control = Control { progress: &progress, interrupt: &interrupt };
        let target = place.path().join("out.iso");
        let error = create(&place.path().join("tree"), &target, &options(), control).unwrap_err();
        assert!(
            matches!(&error, CreateError::Altered { path } if *path == progress.path),
            "{name} {keeps_time}: {error}"
        );
        assert!(!target.exists());
    }
}

#[test]
fn the_boot_catalog_leads_to_the_boot_images() {
    let place = tree(&[("boot/etfsboot.com", &[0xEB; 4096]), ("efi/microsoft/boot/efisys.bin", &[0xF0; 9000])]);
    let path = |name: &str| Some(place.path().join("tree").join(name));
    let bios = path("boot/etfsboot.com");
    let efi = path("efi/microsoft/boot/efisys.bin");
    let both = Options { bios: bios.clone(), efi: efi.clone(), ..options() };
    let (image, _) = written(&place, &both).unwrap();
    let record = sector(&image, 17);
    assert_eq!(&record[..7], b"\0CD001\x01");
    let catalog = sector(&image, u32::from_le_bytes(record[0x47..0x4B].try_into().unwrap()) as usize);
    let words = catalog[..32].chunks(2).map(|word| u16::from_le_bytes([word[0], word[1]]));
    assert_eq!(words.fold(0, u16::wrapping_add), 0);
    assert_eq!((catalog[1], &catalog[30..34]), (0, &[0x55, 0xAA, 0x88, 0][..]));
    assert_eq!((catalog[38], catalog[64..66].to_vec(), catalog[96]), (8, vec![0x91, 0xEF], 0x88));
    let leads_to =
        |entry: usize| sector(&image, u32::from_le_bytes(catalog[entry + 8..][..4].try_into().unwrap()) as usize);
    assert_eq!((leads_to(32)[0], leads_to(96)[0]), (0xEB, 0xF0));

    // EFI alone: what Arm machines have.
    let (image, _) = written(&place, &Options { efi, ..options() }).unwrap();
    let record = sector(&image, 17);
    let catalog = sector(&image, u32::from_le_bytes(record[0x47..0x4B].try_into().unwrap()) as usize);
    assert_eq!((catalog[1], catalog[32], &catalog[64..96]), (0xEF, 0x88, &[0; 32][..]));

    // One from elsewhere is put beside the files.
    let elsewhere = place.path().join("boot.img");
    fs::write(&elsewhere, [0xAB; 600]).unwrap();
    let (image, summary) = written(&place, &Options { bios: Some(elsewhere), ..options() }).unwrap();
    let record = sector(&image, 17);
    let catalog = sector(&image, u32::from_le_bytes(record[0x47..0x4B].try_into().unwrap()) as usize);
    assert_eq!((catalog[38], summary.files), (2, 2));
    let first = u32::from_le_bytes(catalog[40..44].try_into().unwrap()) as usize;
    assert_eq!(sector(&image, first)[..601], [&[0xAB; 600][..], &[0]].concat());
}

#[test]
fn without_boot_images_nothing_says_that_it_boots() {
    let place = tree(&[("a", b"a")]);
    let (image, _) = written(&place, &options()).unwrap();
    let kinds = [16, 17, 18, 19, 20].map(|at| sector(&image, at)[..6].to_vec());
    assert_eq!(kinds, [b"\x01CD001", b"\xFFCD001", b"\0BEA01", b"\0NSR02", b"\0TEA01"].map(|kind| kind.to_vec()));
}

#[test]
fn what_cannot_be_written_is_named() {
    let place = tree(&[("a", b"a"), ("boot", b"")]);
    let fails = |options: &Options| written(&place, options).unwrap_err().to_string();
    assert!(fails(&Options { label: "L".repeat(33), ..options() }).contains("33 characters"));
    assert!(fails(&Options { label: String::new(), ..options() }).contains("0 characters"));
    let boot = |name: &str| Some(place.path().join("tree").join(name));
    assert!(fails(&Options { bios: boot("boot"), ..options() }).contains("a boot image of 0 bytes"));
    assert!(matches!(written(&place, &Options { efi: boot("missing"), ..options() }), Err(CreateError::Input { .. })));
    let inside = place.path().join("tree/out.iso");
    let result = create(&place.path().join("tree"), &inside, &options(), Control::silent());
    assert!(matches!(result, Err(CreateError::Itself { .. })) && !inside.exists());
    let file = place.path().join("tree/a");
    let result = create(&file, &place.path().join("b.iso"), &options(), Control::silent());
    assert!(matches!(result, Err(CreateError::NotADirectory { .. })), "{result:?}");
    #[cfg(unix)]
    {
        let link = place.path().join("tree/link");
        std::os::unix::fs::symlink("a", &link).unwrap();
        assert!(matches!(written(&place, &options()), Err(CreateError::Special { path }) if path == link));
        fs::remove_file(&link).unwrap();
        fs::write(place.path().join("tree/A"), "").unwrap();
        assert!(matches!(written(&place, &options()), Err(CreateError::CaseCollision { .. })));
        fs::remove_file(place.path().join("tree/A")).unwrap();
        fs::write(place.path().join("tree").join("ж".repeat(127)), "").unwrap();
        assert!(fails(&options()).contains("the name takes 255 bytes"));
    }
    assert!(!place.path().join("out.iso").exists());
}
