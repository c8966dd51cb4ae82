//! The logs that servicing has left: their ends, for logs have no bounds.

use std::fs::{self, File};
use std::io::{self, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

/// So much of a log is shown …
const LOG_NBYTES: u64 = 32 << 10;
/// … and of so many.
const MAX_LOGS: usize = 200;

/// The end of a log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Log {
    /// The name of its file, without `.log`.
    pub(super) name: String,
    /// Its end.
    pub(super) text: String,
    /// Bytes before that.
    pub(super) left_out: u64,
}

/// The ends of the logs in a directory, by name. What cannot be read is left out.
pub(super) fn gather(directory: &Path) -> Vec<Log> {
    let entries = fs::read_dir(directory).into_iter().flatten().flatten().map(|entry| entry.path());
    let mut paths: Vec<PathBuf> =
        entries.filter(|path| path.is_file() && path.extension().is_some_and(|extension| extension == "log")).collect();
    paths.sort();
    paths.truncate(MAX_LOGS);
    paths.iter().filter_map(|path| end_of(path).ok()).collect()
}

fn end_of(path: &Path) -> io::Result<Log> {
    let mut file = File::open(path)?;
    let mut mark = Vec::new();
    file.by_ref().take(2).read_to_end(&mut mark)?;
    // An even place: where characters of UTF-16 begin.
    let left_out = file.metadata()?.len().saturating_sub(LOG_NBYTES) & !1;
    file.seek(SeekFrom::Start(left_out))?;
    let mut bytes = Vec::new();
    file.take(LOG_NBYTES + 1).read_to_end(&mut bytes)?;
    let encoding = if mark == [0xFF, 0xFE] { encoding_rs::UTF_16LE } else { encoding_rs::UTF_8 };
    let (text, _) = encoding.decode_with_bom_removal(&bytes);
    let name = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
    Ok(Log { name, text: text.replace("\r\n", "\n"), left_out })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ends_of_logs_in_both_encodings() {
        let directory = tempfile::tempdir().unwrap();
        let put = |name: &str, content: &[u8]| fs::write(directory.path().join(name), content).unwrap();
        put("a.log", b"one\r\ntwo\r\n");
        let wide: Vec<u8> = "\u{feff}Gr\u{fc}\u{df}e".encode_utf16().flat_map(u16::to_le_bytes).collect();
        put("b.log", &wide);
        put("c.log", "x".repeat(100_001).as_bytes());
        put("d.txt", b"no log");
        let found = gather(directory.path());
        let shown: Vec<_> = found.iter().map(|log| (&*log.name, log.text.len(), log.left_out)).collect();
        assert_eq!(shown, [("a", 8, 0), ("b", 7, 0), ("c", 32769, 67232)]);
        assert_eq!((&*found[0].text, &*found[1].text), ("one\ntwo\n", "Grüße"));
        assert_eq!(gather(&directory.path().join("none")), []);
    }
}
