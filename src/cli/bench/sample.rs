//! The data that is measured with.

use super::super::exit::Failure;
use std::path::{Path, PathBuf};
use wimkit::address;
use wimkit::util::read_at::ReadAt;
use wimkit::wim::OpenOptions;

/// What is taken at one place of data that is too much. Long enough for what matches find within any usual chunk but
/// the largest, short enough that a sample of some MiB comes from many places.
const PIECE: u64 = 1 << 20;

/// Some files' content, one after the other, or pieces of it.
pub(super) struct Sample {
    pub(super) data: Vec<u8>,
    /// How many bytes the files have.
    pub(super) total: u64,
}

impl Sample {
    /// Reads all of `paths`, or of more than `limit` bytes as many in pieces.
    pub(super) fn read(paths: &[PathBuf], limit: u64) -> Result<Self, Failure> {
        let sizes = paths.iter().map(|path| open(path).map(|file| file.size())).collect::<Result<Vec<_>, _>>()?;
        let total: u64 = sizes.iter().sum();
        let size = total.min(limit);
        if size == 0 {
            return Err(Failure::message("nothing to measure: the data is empty, or --limit is 0"));
        }
        let mut data = Vec::new();
        let wanted = usize::try_from(size).ok().filter(|size| data.try_reserve_exact(*size).is_ok());
        if wanted.is_none() {
            let message = format!("{size} bytes of data do not fit into memory");
            return Err(Failure::message(message).with_hint("choose a smaller --limit"));
        }
        // To open what lies in an image takes long, and to keep many files open may not be allowed.
        let mut opened: Option<(usize, Box<dyn ReadAt>)> = None;
        for (start, end) in pieces(total, size) {
            let mut file_start = 0;
            for (index, (path, file_size)) in paths.iter().zip(&sizes).enumerate() {
                let file_end = file_start + file_size;
                let (from, to) = (start.max(file_start), end.min(file_end));
                if from < to {
                    let begin = data.len();
                    data.resize(begin + (to - from) as usize, 0);
                    let (_, file) = match opened.take().filter(|(opened, _)| *opened == index) {
                        Some(same) => opened.insert(same),
                        None => opened.insert((index, open(path)?)),
                    };
                    file.read_exact_at(&mut data[begin..], from - file_start)
                        .map_err(|error| Failure::message(format!("{}: {error}", path.display())))?;
                }
                file_start = file_end;
            }
        }
        Ok(Self { data, total })
    }
}

fn open(path: &Path) -> Result<Box<dyn ReadAt>, Failure> {
    let options = OpenOptions { no_mmap: true, ..OpenOptions::default() };
    Ok(address::open(path, &options)?)
}

/// Ranges that make up `size` of `total` bytes: everything, or pieces from the beginning to the end.
fn pieces(total: u64, size: u64) -> Vec<(u64, u64)> {
    if total == size {
        return vec![(0, size)];
    }
    let count = size.div_ceil(PIECE);
    let left_out = u128::from(total - size);
    let place = |index: u64| {
        let before = left_out * u128::from(index) / u128::from((count - 1).max(1));
        let start = index * PIECE + before as u64;
        (start, start + PIECE.min(size - index * PIECE))
    };
    (0..count).map(place).collect()
}

#[cfg(test)]
mod tests {
    use super::pieces;

    #[test]
    fn pieces_are_spread_and_do_not_overlap() {
        assert_eq!(pieces(5000, 5000), [(0, 5000)]);
        assert_eq!(pieces(5000, 3000), [(0, 3000)]);
        const M: u64 = 1 << 20;
        assert_eq!(pieces(10 * M, 3 * M), [(0, M), (4 * M + M / 2, 5 * M + M / 2), (9 * M, 10 * M)]);
        for (total, size) in [(u64::MAX, 7 * M + 1), (2 * M + 5, 2 * M + 4), (100 * M, 99 * M)] {
            let pieces = pieces(total, size);
            assert!(pieces.windows(2).all(|pair| pair[0].1 <= pair[1].0), "{pieces:?}");
            assert_eq!(pieces.iter().map(|(start, end)| end - start).sum::<u64>(), size);
            assert_eq!((pieces[0].0, pieces[pieces.len() - 1].1), (0, total));
        }
    }
}
