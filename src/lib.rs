//! Windows installation images (WIM, ESD, SWM) in pure Rust: open, inspect, extract, verify, convert, export. And the
//! cabinets and packages that update them: list, extract, tell what they are.
//!
//! # Glossary
//!
//! One word per thing, used everywhere in code, messages and documentation.
//!
//! | word | meaning |
//! |---|---|
//! | **image** | one captured tree inside a WIM; numbered from 1 |
//! | **blob** | a content, known by the SHA-1 of its uncompressed bytes; stored once however many files use it |
//! | **blob table** | the WIM's list of blobs and metadata resources ("lookup table", "offset table") |
//! | **resource** | a range of stored bytes, described by a 24-byte **resource header** |
//! | **chunk** | the unit of compression; chunks of a resource are independent |
//! | **chunk table** | where each chunk of a compressed resource begins |
//! | **solid resource** | many blobs concatenated, then compressed with large chunks (`.esd`) |
//! | **metadata resource** | the directory tree of one image |
//! | **dentry** | directory entry: one name in a directory |
//! | **inode** | what hard-linked dentries share |
//! | **stream** | one data attribute of a file, unnamed or named |
//! | **security descriptor** | opaque access-control bytes, shared by index |
//! | **reparse point** | a symbolic link, junction or another redirection |
//! | **integrity table** | SHA-1 of each 10 MiB piece of the file |
//! | **cabinet** | a `.cab` file; perhaps one of a set that goes on from one to the next |
//! | **folder** | in a cabinet: one compressed stream, with files one behind the other |
//! | **block** | of a folder: what becomes 32 KiB; blocks share a history, unlike chunks |
//! | **package** | what component servicing installs: a cabinet or image with an `update.mum`; in an MSU there are several |
//! | **manifest** | of a package: `update.mum`, which tells its **identity**, `Name~Token~Architecture~Language~Version` |
//! | **class** | of a package: what kind of update it is |
//! | **checkpoint** | a cumulative update upon which later ones build |
//! | **payload** | of a package: files as **pieces**, in numbered members of a cabinet or in a **PSF**; an **index** tells what becomes of them |
//! | **delta** | how a **target** is made out of a **source**; a **null delta** needs none |
//! | **hive** | a file of Windows' registry: **keys**, each with subkeys and **values** |
//! | **base manifest** | the source of all compressed manifests (DCM) of an image |
//! | **split WIM part** | one file of an SWM set |
//!
//! # Layers
//!
//! `refresh` → {`catalog`, `servicing`} → `address` → {`wim`, `cab`, `iso`} → {`codec`, `hive`, `pe`} → `util`: an arrow points down only, and within a layer there is none. The codecs take slices and never hear of files.
#![deny(unsafe_code, missing_docs)]

pub mod address;
pub mod cab;
pub mod catalog;
pub mod codec;
pub mod hive;
pub mod iso;
pub mod pe;
pub mod refresh;
pub mod servicing;
pub mod util;
pub mod wim;

/// The README's example compiles.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
