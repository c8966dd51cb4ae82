//! Where an address leads nowhere.

use std::path::PathBuf;

use crate::wim::WimError;

/// An address that cannot be opened.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AddressError {
    /// The file it begins with cannot be opened; it leads into a file that is no WIM or a damaged one, or to an image that
    /// is not there.
    #[error(transparent)]
    Wim(#[from] WimError),
    /// It leads to nothing that could be read.
    #[error("{container}: {path}: {what}", container = container.display())]
    Inside {
        /// The container, as an address.
        container: PathBuf,
        /// The path in it; the first part is the image.
        path: String,
        /// What is wrong.
        what: &'static str,
    },
}

impl AddressError {
    /// How to mend it, where that can be said.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Wim(error) => error.hint(),
            Self::Inside { .. } => {
                Some("an address is FILE!/IMAGE/PATH; `wimkit ls FILE IMAGE` shows the paths, which ignore case".into())
            }
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
