//! The images of an archive, and what of each matters to a refresh.

use std::path::Path;
use std::sync::Arc;

use super::MediaError;
use crate::address;
use crate::pe::{self, FileVersion};
use crate::util::read_at::{ReadAt, bytes_at};
use crate::util::sha1::Sha1;
use crate::wim::blob_reader::BlobReader;
use crate::wim::engine::default_memory;
use crate::wim::metadata::Metadata;
use crate::wim::xml::{Architecture, WindowsVersion};
use crate::wim::{ImageIndex, OpenOptions, Wim, WimError};

/// Where an image of the system holds Windows RE.
pub const WINRE: &str = "Windows/System32/Recovery/winre.wim";
/// Setup's languages in an image.
pub const LANG_INI: &str = "sources/lang.ini";
/// What a component servicing that is not complete leaves behind.
const PENDING: &str = "Windows/WinSxS/pending.xml";
/// The manifests of the packages that an image has.
const PACKAGES: &str = "Windows/servicing/Packages";

/// Files with a version resource have less.
pub const MAX_EXECUTABLE_NBYTES: u64 = 64 << 20;

/// An open archive.
#[derive(Clone, Debug)]
pub struct Archive {
    wim: Arc<Wim>,
}

/// What of an image matters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ImageFacts {
    /// Its number.
    pub index: u32,
    /// Its name; empty if it has none.
    pub name: String,
    /// Bytes of its files, each counted once, as it states them.
    pub bytes: u64,
    /// The version of Windows in it.
    pub version: Option<WindowsVersion>,
    /// What it runs on.
    pub architecture: Option<Architecture>,
    /// Its languages.
    pub languages: Vec<String>,
    /// The content of the winre.wim in it.
    pub winre: Option<Sha1>,
    /// Whether it is one of Setup, which has a `lang.ini`.
    pub has_lang_ini: bool,
    /// Whether operations are pending in it.
    pub is_pending: bool,
    /// Optional components of Windows PE and RE in it: names of packages up to `-Package`.
    pub components: Vec<String>,
}

impl Archive {
    /// Opens an archive on disk, or in an ISO image by its address.
    ///
    /// # Errors
    /// It cannot be read.
    pub fn open(path: &Path) -> Result<Self, MediaError> {
        let options = OpenOptions { opener: address::open_wim, ..OpenOptions::default() };
        Ok(Self { wim: Arc::new(Wim::open(path, &options)?) })
    }

    /// The archive.
    pub fn wim(&self) -> &Wim {
        &self.wim
    }

    /// The content of a file in an image; `None` if there is none at that path, or an empty one.
    ///
    /// # Errors
    /// The image cannot be read, or the file's blob is missing.
    pub fn file(&self, image: ImageIndex, path: &str) -> Result<Option<BlobReader>, MediaError> {
        self.file_of(&self.wim.metadata(image)?, path)
    }

    fn file_of(&self, tree: &Metadata, path: &str) -> Result<Option<BlobReader>, MediaError> {
        let hash = tree.lookup(path).filter(|entry| !entry.is_directory()).and_then(|entry| entry.data_hash());
        let Some(blob) = hash.and_then(|hash| self.wim.contents().map(|contents| contents.find(&hash)).transpose())
        else {
            return Ok(None);
        };
        Ok(Some(BlobReader::new(Arc::clone(&self.wim), blob?, default_memory())?))
    }

    /// The whole of a file in an image, of `limit` bytes at most; `None` if there is none.
    ///
    /// # Errors
    /// As [`Self::file`]; or it is larger, or damaged.
    pub fn read(&self, image: ImageIndex, path: &str, limit: u64) -> Result<Option<Vec<u8>>, MediaError> {
        let Some(file) = self.file(image, path)? else { return Ok(None) };
        let place = || self.wim.path().join(image.to_string()).join(path);
        let size = file.size();
        if size > limit {
            return Err(MediaError::TooLarge { path: place(), size, limit });
        }
        let bytes = bytes_at(&file, 0, size as usize).map_err(|source| MediaError::Io { path: place(), source })?;
        Ok(Some(bytes.into_owned()))
    }

    /// The version of an executable in an image; `None` if it is not there, `Some(None)` if it tells no version.
    ///
    /// # Errors
    /// As [`Self::read`].
    pub fn version(&self, image: ImageIndex, path: &str) -> Result<Option<Option<FileVersion>>, MediaError> {
        let file = self.read(image, path, MAX_EXECUTABLE_NBYTES)?;
        Ok(file.map(|file| pe::file_version(&file)))
    }

    /// The winre.wim in an image, as an archive of its own.
    ///
    /// # Errors
    /// It cannot be read, or is no archive.
    pub fn winre(&self, image: ImageIndex) -> Result<Option<Self>, MediaError> {
        let Some(file) = self.file(image, WINRE)? else { return Ok(None) };
        let name = format!("{}!/{image}/{WINRE}", self.wim.path().display());
        Ok(Some(Self { wim: Arc::new(Wim::from_source(Box::new(file), &name)?) }))
    }

    /// What of each image matters.
    ///
    /// # Errors
    /// An image cannot be read.
    pub fn images(&self) -> Result<Vec<ImageFacts>, MediaError> {
        self.wim.images().map(|image| Ok(self.facts(image)?)).collect()
    }

    fn facts(&self, image: ImageIndex) -> Result<ImageFacts, WimError> {
        let xml = self.wim.xml().image(image.get());
        let windows = xml.and_then(|xml| xml.windows()).unwrap_or_default();
        let statistics = xml.and_then(|xml| xml.statistics());
        let tree = self.wim.metadata(image)?;
        let mut components = Vec::new();
        for package in tree.lookup(PACKAGES).into_iter().flat_map(|directory| directory.children()) {
            let name = package.name().to_str().unwrap_or_default();
            // `WinPE-WMI-Package~token~architecture~language~version.mum`; those of a language are no components.
            let mut parts = name.strip_suffix(".mum").unwrap_or_default().split('~');
            let is_neutral = parts.clone().nth(3).is_some_and(str::is_empty);
            let component = parts.next().and_then(|name| name.find("-Package").map(|end| &name[..end]));
            if let Some(component) = component.filter(|name| is_neutral && name.starts_with("WinPE-")) {
                components.push(component.to_owned());
            }
        }
        components.sort();
        components.dedup();
        Ok(ImageFacts {
            index: image.get(),
            name: xml.and_then(|xml| xml.name()).unwrap_or_default().into_owned(),
            bytes: statistics.map_or(0, |of| of.total_bytes.saturating_sub(of.hard_link_bytes)),
            version: windows.version,
            architecture: windows.architecture,
            languages: windows.languages,
            winre: tree.lookup(WINRE).and_then(|entry| entry.data_hash()),
            has_lang_ini: tree.lookup(LANG_INI).is_some(),
            is_pending: tree.lookup(PENDING).is_some(),
            components,
        })
    }
}

/// The version of an executable on disk; `None` if it tells none.
///
/// # Errors
/// It cannot be read, or is too large to be one.
pub fn version_of(path: &Path) -> Result<Option<FileVersion>, MediaError> {
    Ok(pe::file_version(&super::Media::read(path, MAX_EXECUTABLE_NBYTES)?))
}

/// The machine that an executable on disk is for.
///
/// # Errors
/// It cannot be read, or is too large to be one.
pub fn architecture_of(path: &Path) -> Result<Option<Architecture>, MediaError> {
    let file = super::Media::read(path, MAX_EXECUTABLE_NBYTES)?;
    Ok(pe::machine(&file).and_then(pe::architecture).map(Architecture))
}
