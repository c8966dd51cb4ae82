//! Seeks panics, endless work and runaway memory in packages: cabinets and images in each other, with their payloads, and what is
//! concluded from them.
//!
//!     cargo +nightly fuzz run package
#![no_main]

use libfuzzer_sys::fuzz_target;
use std::io::Cursor;
use std::path::Path;
use wimkit::address::container::{Container, ContainerOptions};
use wimkit::cab;
use wimkit::catalog::inspect::inspect;
use wimkit::catalog::package::{Options, Package};
use wimkit::util::read_at::ReadAt;

fuzz_target!(|data: &[u8]| {
    for salvage in [false, true] {
        let cab = cab::OpenOptions { salvage, ..cab::OpenOptions::default() };
        let options =
            Options { container: ContainerOptions { cab, memory: 16 << 20 }, recursive: true, max_inner: 1 << 20 };
        let open = || {
            let source: Box<dyn ReadAt> = Box::new(Cursor::new(data.to_vec()));
            Container::from_source(source, Path::new("nowhere/input.msu"), &options.container)
        };
        let Ok(container) = open() else { continue };
        let package = Package::new(container, &options);
        for file in package.files() {
            // An inner path is that of the member, with those of the containers in front.
            assert!(file.path.ends_with(&package.member(file).path), "{}", file.path);
        }
        if let Ok(container) = open() {
            let _ = inspect(container, &options.container, None);
        }
    }
});
