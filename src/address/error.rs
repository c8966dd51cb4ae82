//! Where an address leads nowhere.

use std::path::{Path, PathBuf};

use crate::cab::CabError;
use crate::iso::read::IsoError;
use crate::wim::WimError;

/// An address that cannot be opened.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AddressError {
    /// The file it begins with cannot be opened; it leads into a file that is no WIM or a damaged one, or to an image that
    /// is not there.
    #[error(transparent)]
    Wim(#[from] WimError),
    /// It leads into a file that is no cabinet or a damaged one.
    #[error(transparent)]
    Cabinet(#[from] CabError),
    /// It leads into an ISO image that is damaged.
    #[error(transparent)]
    Iso(#[from] IsoError),
    /// It leads into a file that holds no files.
    #[error("{path}: nothing leads into this file: offset 0x0: expected MSWIM or MSCF, or an ISO image", path = path.display())]
    NotAContainer {
        /// The file, as an address.
        path: PathBuf,
    },
    /// It leads to nothing that could be read.
    #[error("{container}: {path}: {problem}", container = container.display())]
    Inside {
        /// The container, as an address.
        container: PathBuf,
        /// The path in it; in a WIM the first part is the image.
        path: String,
        /// What is wrong.
        problem: String,
    },
    /// Something else than one image.
    #[error("{path}: a package is one image, here are {count}", path = path.display())]
    NotOneImage {
        /// The WIM.
        path: PathBuf,
        /// How many images it has.
        count: u32,
    },
}

impl AddressError {
    pub(super) fn inside(container: &Path, path: &str, problem: impl Into<String>) -> Self {
        Self::Inside { container: container.to_owned(), path: path.to_owned(), problem: problem.into() }
    }

    /// How to mend it, where that can be said.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Wim(error) => error.hint(),
            Self::Cabinet(error) => error.hint(),
            Self::Iso(error) => error.hint(),
            Self::Inside { .. } => Some(
                "an address is WIM!/IMAGE/PATH, CABINET!/PATH or ISO!/PATH; `wimkit ls` and `wimkit expand -D` show the paths"
                    .into(),
            ),
            Self::NotAContainer { .. } => Some("an address leads into WIMs, cabinets and ISO images".into()),
            Self::NotOneImage { .. } => Some("`wimkit extract` takes files out of any image".into()),
        }
    }
}

impl From<AddressError> for WimError {
    fn from(error: AddressError) -> Self {
        match error {
            AddressError::Wim(error) => error,
            inside => Self::Address { hint: inside.hint(), error: Box::new(inside) },
        }
    }
}
