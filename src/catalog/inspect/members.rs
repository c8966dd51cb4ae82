//! Where the members of a package come from.

use std::path::PathBuf;

use crate::address::container::{Container, ContainerOptions};

/// Gets containers that were opened, each with its index, or why it could not be.
pub type Receive<'r> = dyn FnMut(usize, Result<Box<dyn Members + '_>, String>) + 'r;

/// The files of a container, whatever it is made of.
pub trait Members {
    /// Their paths, in the order of their indices.
    fn paths(&self) -> Vec<&str>;

    /// How many bytes a member is said to have.
    fn size(&self, member: usize) -> u64;

    /// Reads a member of at most `limit` bytes.
    ///
    /// # Errors
    /// Why it cannot be read, in words.
    fn read(&self, member: usize, limit: usize) -> Result<Vec<u8>, String>;

    /// Opens members that are containers themselves, by their indices. What is stored together is decoded once.
    fn open(&self, members: &[usize], receive: &mut Receive<'_>);
}

/// A cabinet or an image with the way in which those in it are opened.
pub(super) struct Opened {
    pub(super) container: Container,
    pub(super) options: ContainerOptions,
}

impl Members for Opened {
    fn paths(&self) -> Vec<&str> {
        self.container.members().iter().map(|member| &*member.path).collect()
    }

    fn size(&self, member: usize) -> u64 {
        self.container.members()[member].size
    }

    fn read(&self, member: usize, limit: usize) -> Result<Vec<u8>, String> {
        self.container.read(member, limit).map_err(|error| error.to_string())
    }

    fn open(&self, members: &[usize], receive: &mut Receive<'_>) {
        let mut options = self.options.clone();
        options.cab.parts.clear();
        self.container.open_members(members, &mut |member, source| {
            let path = self.container.members()[member].path.replace('\\', "/");
            let address = PathBuf::from(format!("{}!/{path}", self.container.path().display()));
            let opened = source.and_then(|source| Container::from_source(source, &address, &options));
            let opened = opened.map_err(|error| error.to_string());
            receive(member, opened.map(|container| Box::new(Self { container, options: options.clone() }) as _));
        });
    }
}
