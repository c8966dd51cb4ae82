//! How much of a package may still be opened. An archive can promise more than anybody has.

/// So many containers and payloads are opened in the outermost. Real packages have a few dozen; of each a file may be open.
const MAX_CONTAINERS: usize = 500;
/// So many files they may list together: cumulative updates have some hundred thousand.
const MAX_FILES: usize = 1 << 20;

/// What is left.
#[derive(Debug)]
pub(super) struct Budget {
    containers: usize,
    files: usize,
    pub(super) bytes: u64,
}

impl Budget {
    pub(super) fn new(bytes: u64) -> Self {
        Self { containers: MAX_CONTAINERS, files: MAX_FILES, bytes }
    }

    /// Takes a container, or the pieces of a payload, of so many bytes; else answers which limit forbids it.
    pub(super) fn take(&mut self, size: u64) -> Result<(), String> {
        if self.containers == 0 {
            return Err(format!("{MAX_CONTAINERS} are the most"));
        }
        self.take_bytes(size)?;
        self.containers -= 1;
        Ok(())
    }

    /// Takes bytes of one that was taken.
    pub(super) fn take_bytes(&mut self, size: u64) -> Result<(), String> {
        let left = self.bytes.checked_sub(size);
        self.bytes = left.ok_or_else(|| format!("its {size} bytes are beyond the limit for inner ones"))?;
        Ok(())
    }

    /// Takes the files that a container lists.
    pub(super) fn take_files(&mut self, count: usize) -> Result<(), String> {
        let left = self.files.checked_sub(count);
        self.files = left.ok_or_else(|| format!("with its {count} files there are more than {MAX_FILES}"))?;
        Ok(())
    }
}
