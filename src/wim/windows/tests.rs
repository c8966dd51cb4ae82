//! A Windows with a registry alone.

use super::{Files, Windows};
use crate::hive::writer::Key;
use crate::util::read_at::ReadAt;
use crate::wim::xml::ImageXml;
use std::io::{self, Cursor};

const DIRECTORY: u8 = 0;

/// One directory with the two hives.
struct Tree {
    software: Vec<u8>,
    system: Vec<u8>,
}

impl Files for Tree {
    type File = u8;

    fn directories(&self) -> Vec<(u8, String)> {
        vec![(DIRECTORY, "Windows".to_owned())]
    }

    fn find(&self, _: u8, path: &[&str]) -> Option<u8> {
        match path.last() {
            Some(&"SOFTWARE") => Some(1),
            Some(&"SYSTEM") => Some(2),
            _ => None,
        }
    }

    fn open(&self, file: u8) -> io::Result<Box<dyn ReadAt + '_>> {
        let hive = if file == 1 { &self.software } else { &self.system };
        Ok(Box::new(Cursor::new(&hive[..])))
    }

    fn path(&self, file: u8) -> String {
        file.to_string()
    }
}

#[test]
fn a_name_that_xml_cannot_have_is_left_out() {
    for name in ["Windows\u{1}", "Windows\u{FFFF}"] {
        let mut software = Key::new("ROOT");
        let current = software.at("Microsoft\\Windows NT\\CurrentVersion");
        current.text("ProductName", name).text("EditionID", "Professional");
        let tree = Tree { software: software.hive(), system: Key::new("ROOT").hive() };
        let found = Windows::find(&tree).unwrap().describe(&tree);
        assert_eq!((&found.registered_name, &found.info.product_name), (&None, &None));
        assert_eq!(found.warnings.len(), 1);
        let mut image = ImageXml::default();
        found.state(&mut image).unwrap();
        assert_eq!(image.get("FLAGS").unwrap().as_deref(), Some("Professional"));
    }
}

#[test]
fn languages_without_end_are_not_read() {
    let mut system = Key::new("ROOT");
    for number in 0..300 {
        system.at(&format!("ControlSet001\\Control\\MUI\\UILanguages\\{number}"));
    }
    let tree = Tree { software: Key::new("ROOT").hive(), system: system.hive() };
    let found = Windows::find(&tree).unwrap().describe(&tree);
    assert_eq!(found.info.languages.len(), 256);
}
