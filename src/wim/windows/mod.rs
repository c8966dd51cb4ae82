//! Which Windows a tree holds, as its kernel and its registry tell: what the image's WINDOWS element says.

mod find;
mod registry;
#[cfg(test)]
mod tests;

pub(in crate::wim) use find::{Files, Windows};

use super::xml::{Architecture, ImageXml, WindowsInfo, WindowsVersion, XmlError, is_possible};
use crate::hive::{Hive, HiveError};
use crate::pe;
use crate::util::read_at::{ReadAt, bytes_at};
use registry::Registry;
use std::fmt;
use std::io;

/// A kernel has some 12 MiB.
const MAX_EXECUTABLE_NBYTES: u64 = 64 << 20;

/// What was found out.
#[derive(Debug)]
pub(in crate::wim) struct Description {
    pub(in crate::wim) info: WindowsInfo,
    /// The name that the registry gives the product, such as `Windows 11 Pro`.
    pub(in crate::wim) registered_name: Option<String>,
    pub(in crate::wim) warnings: Vec<Warning>,
}

/// What could not be found out.
#[derive(Debug)]
pub(in crate::wim) struct Warning {
    path: String,
    trouble: Trouble,
}

#[derive(Debug)]
enum Trouble {
    Unreadable(io::Error),
    Damaged(HiveError),
    Dirty,
    Text,
}

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let path = &self.path;
        match &self.trouble {
            Trouble::Unreadable(error) => {
                write!(f, "{path}: {error}: what it tells is not stated in the image's description")
            }
            Trouble::Damaged(error) => {
                write!(
                    f,
                    "{path}: {error}: what this part of the registry tells is not stated in the image's description"
                )
            }
            Trouble::Dirty => {
                write!(
                    f,
                    "{path}: the registry was not written back completely; its transaction logs are not looked at"
                )
            }
            Trouble::Text => write!(f, "{path}: the registry holds a text that no XML can; it is left out"),
        }
    }
}

impl<F: Copy + Eq> Windows<F> {
    /// Finds out what the files tell. What cannot be read is missing, and told.
    pub(in crate::wim) fn describe(&self, files: &impl Files<File = F>) -> Description {
        let mut found = Description { info: WindowsInfo::default(), registered_name: None, warnings: Vec::new() };
        found.info.system_root = Some(self.system_root().to_uppercase());
        let library = self.library.and_then(|file| found.executable(files, file));
        let kernel = self.kernel.and_then(|file| found.executable(files, file));
        let headers = library.as_deref().or(kernel.as_deref());
        found.info.architecture = headers.and_then(pe::machine).and_then(pe::architecture).map(Architecture);
        drop(library);
        let kernel_version = kernel.as_deref().and_then(pe::file_version).map(WindowsVersion::from);
        let product = kernel.as_deref().and_then(pe::product_name);
        drop(kernel);

        if let Some(file) = self.software {
            found.hive(files, file, registry::software);
        }
        let known = found.info.version;
        if let Some(file) = self.system {
            found.hive(files, file, registry::system);
        }
        let info = &mut found.info;
        // Without the registry's word, the kernel's own counts; and for the revision alone, if it is of the same build.
        let is_same_build = |kernel: &WindowsVersion| known.is_some_and(|known| known.build == kernel.build);
        match (&mut info.version, kernel_version) {
            (version @ None, kernel) => *version = kernel,
            (Some(version), Some(kernel)) if version.revision == 0 && is_same_build(&kernel) => {
                version.revision = kernel.revision;
            }
            _ => {}
        }
        let is_dropped = found.registered_name.take_if(|name| !is_possible(name)).is_some();
        info.product_name = product.or_else(|| found.registered_name.clone());
        if info.drop_impossible_texts() > 0 || is_dropped {
            let file = self.software.or(self.system);
            let path = file.map_or_else(String::new, |file| files.path(file));
            found.warnings.push(Warning { path, trouble: Trouble::Text });
        }
        found
    }
}

impl Description {
    fn warn(&mut self, path: String, trouble: Trouble) {
        self.warnings.push(Warning { path, trouble });
    }

    /// The file, unless it is too large to be what is looked for.
    fn executable<F: Copy + Eq>(&mut self, files: &impl Files<File = F>, file: F) -> Option<Vec<u8>> {
        let read = || {
            let source = files.open(file)?;
            bytes_at(&*source, 0, source.size().min(MAX_EXECUTABLE_NBYTES) as usize).map(std::borrow::Cow::into_owned)
        };
        read().map_err(|error| self.warn(files.path(file), Trouble::Unreadable(error))).ok()
    }

    /// Takes in what a hive tells.
    fn hive<F: Copy + Eq>(
        &mut self,
        files: &impl Files<File = F>,
        file: F,
        tell: fn(&mut Registry<'_>, &mut Description),
    ) {
        let path = || files.path(file);
        let source: Box<dyn ReadAt + '_> = match files.open(file) {
            Ok(source) => source,
            Err(error) => return self.warn(path(), Trouble::Unreadable(error)),
        };
        let hive = match Hive::open(&*source) {
            Ok(hive) => hive,
            Err(error) => return self.warn(path(), Trouble::Damaged(error)),
        };
        if hive.is_dirty() {
            self.warn(path(), Trouble::Dirty);
        }
        let mut registry = Registry::new(&hive);
        tell(&mut registry, self);
        if let Some(error) = registry.error {
            self.warn(path(), Trouble::Damaged(error));
        }
    }

    /// States it in the element of an image that is captured, whose own words count more.
    pub(in crate::wim) fn state(&self, image: &mut ImageXml) -> Result<(), XmlError> {
        image.set_windows(&self.info)?;
        let registered_name = &self.registered_name;
        let derived = [
            ("FLAGS", &self.info.edition_id),
            ("DISPLAYNAME", registered_name),
            ("DISPLAYDESCRIPTION", registered_name),
        ];
        for (name, text) in derived {
            if let Some(text) = text
                && image.get(name)?.is_none()
            {
                image.set(name, text)?;
            }
        }
        Ok(())
    }
}
