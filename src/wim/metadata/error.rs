//! What can be wrong with a metadata resource, and what is merely odd.

/// A metadata resource that cannot be read. Offsets count from the start of the uncompressed resource.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum MetadataError {
    /// Larger than the limit.
    #[error("the metadata resource has {size} bytes, the limit is {limit}")]
    TooLarge {
        /// Its size, in bytes.
        size: u64,
        /// The limit, in bytes.
        limit: u64,
    },
    /// Something does not fit in the resource.
    #[error("metadata offset {offset:#x}: the {what} runs past the end of the resource ({size} bytes)")]
    Truncated {
        /// What was being read.
        what: &'static str,
        /// Where it begins.
        offset: u64,
        /// The size of the resource, in bytes.
        size: u64,
    },
    /// The security table contradicts itself.
    #[error(
        "metadata offset 0x0: the security table of {total} bytes cannot hold {count} descriptors of {needed} bytes in all, header included"
    )]
    SecurityTable {
        /// The declared length of the table, in bytes.
        total: u32,
        /// The declared number of descriptors.
        count: u32,
        /// What header, sizes and descriptors would take, in bytes, as far as it could be summed up.
        needed: u64,
    },
    /// A security descriptor beyond the limit.
    #[error("security descriptor {index} has {size} bytes, the limit is {limit}")]
    SecurityDescriptorTooLarge {
        /// Its number in the table.
        index: u32,
        /// Its size, in bytes.
        size: u64,
        /// The limit, in bytes.
        limit: u64,
    },
    /// A dentry whose declared length cannot hold what it declares.
    #[error(
        "metadata offset {offset:#x}: the dentry declares a length of {length} bytes, its fields and names need {needed}"
    )]
    DentryTooShort {
        /// Where the dentry begins.
        offset: u64,
        /// Its declared length.
        length: u64,
        /// What it needs.
        needed: u64,
    },
    /// A dentry beyond the limit.
    #[error("metadata offset {offset:#x}: the dentry declares a length of {length} bytes, the limit is {limit}")]
    DentryTooLong {
        /// Where the dentry begins.
        offset: u64,
        /// Its declared length.
        length: u64,
        /// The limit, in bytes.
        limit: u64,
    },
    /// A name with half a code unit.
    #[error("metadata offset {offset:#x}: the {what} has an odd length of {nbytes} bytes")]
    OddName {
        /// Which name.
        what: &'static str,
        /// Where the dentry or stream entry begins.
        offset: u64,
        /// The declared length, in bytes.
        nbytes: u16,
    },
    /// An extra stream entry whose declared length cannot hold what it declares.
    #[error(
        "metadata offset {offset:#x}: the stream entry declares a length of {length} bytes, its fields and name need {needed}"
    )]
    StreamTooShort {
        /// Where the entry begins.
        offset: u64,
        /// Its declared length.
        length: u64,
        /// What it needs.
        needed: u64,
    },
    /// The root is no directory.
    #[error("metadata offset {offset:#x}: the root is no directory (attributes {attributes:#x})")]
    RootNotDirectory {
        /// Where the root dentry begins.
        offset: u64,
        /// Its attributes.
        attributes: u32,
    },
    /// A directory's list of children lies in bytes that belong to another dentry: a cycle, or a list shared by two
    /// directories.
    #[error(
        "metadata offset {dentry:#x}: the children of this directory, at offset {offset:#x}, were already visited at {visited:#x}: a cycle or a shared list"
    )]
    Cycle {
        /// Where the directory's dentry begins.
        dentry: u64,
        /// The directory's subdirectory offset.
        offset: u64,
        /// Where in the list the bytes begin that were read before.
        visited: u64,
    },
    /// Directories nested beyond the limit.
    #[error("metadata offset {offset:#x}: directories are nested deeper than {limit}")]
    TooDeep {
        /// The subdirectory offset that would go deeper.
        offset: u64,
        /// The limit.
        limit: u32,
    },
}

/// Something odd in a metadata resource that does not keep it from being read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("metadata offset {offset:#x}: {kind}")]
pub struct MetadataWarning {
    /// Where the dentry begins, counted from the start of the uncompressed resource.
    pub offset: u64,
    /// What is odd.
    pub kind: WarningKind,
}

/// The oddities of [`MetadataWarning`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum WarningKind {
    /// The root has a name, which is dropped.
    #[error("the root has a name, which is ignored")]
    NamedRoot,
    /// A name that no file may have: empty, `.`, `..`, or with NUL, `/` or `\` in it. Listed, never extracted.
    #[error("the name {0:?} is not allowed, the entry will not be extracted")]
    UnsafeName(String),
    /// A name that occurs twice in its directory; the first is kept.
    #[error("the name {0:?} occurs twice in its directory, the second is ignored")]
    DuplicateName(String),
    /// A file with a list of children, which is ignored.
    #[error("the entry is no directory but has children, which are ignored")]
    ChildrenOfFile,
    /// A security id beyond the table; taken as none.
    #[error("the security id {id} is beyond the table of {count} descriptors, it is taken as none")]
    SecurityIdOutOfRange {
        /// The id.
        id: u32,
        /// How many descriptors there are.
        count: u32,
    },
    /// More unnamed streams than have a meaning; they are kept, but not extracted.
    #[error("the entry has unnamed streams of unknown meaning")]
    UnknownStream,
    /// Dentries with one hard link group id but different contents; they are taken as separate files.
    #[error("the hard link group {0:#x} has members with different contents, which are taken as separate files")]
    InconsistentHardLinks(u64),
    /// A tagged item that does not fit in its dentry; it and what follows is ignored.
    #[error("a tagged item runs past the end of its dentry and is ignored")]
    TaggedItem,
}

/// The first warnings of a resource, and how many there were in all.
#[derive(Clone, Debug, Default)]
pub struct Warnings {
    kept: Vec<MetadataWarning>,
    total: u64,
}

impl Warnings {
    /// A hostile resource can hold millions of oddities; nobody reads more than a screenful.
    const KEPT: usize = 100;

    pub(super) fn push(&mut self, offset: usize, kind: impl FnOnce() -> WarningKind) {
        self.total += 1;
        if self.kept.len() < Self::KEPT {
            self.kept.push(MetadataWarning { offset: offset as u64, kind: kind() });
        }
    }

    /// The warnings that were kept, in the order of the resource.
    pub fn iter(&self) -> std::slice::Iter<'_, MetadataWarning> {
        self.kept.iter()
    }

    /// How many there were, those not kept included.
    pub fn total(&self) -> u64 {
        self.total
    }
}

/// A tree that no metadata resource can hold.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum EncodeError {
    /// A name beyond 65,534 bytes.
    #[error("the name {name:?} has more than 32,766 UTF-16 code units")]
    NameTooLong {
        /// The name.
        name: String,
    },
    /// More than 65,535 extra streams.
    #[error("the file {name:?} has {count} streams, at most 65,535 can be stored")]
    TooManyStreams {
        /// The file's name.
        name: String,
        /// How many streams it has.
        count: usize,
    },
    /// More than 2 GiB.
    #[error("the tree needs more than the 2 GiB that a metadata resource may have")]
    TooLarge,
}
