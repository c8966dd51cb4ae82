//! Files out of a folder while its data goes by.

use super::{CabError, Cabinet, Stopped};

/// Who receives the content of files. Several are open at once where they overlap.
pub(super) trait Sink {
    /// A file that is being received.
    type File;
    /// Why no more is wanted.
    type Error;

    /// Asked at each block whether to go on.
    fn go_on(&mut self) -> Result<(), Self::Error> {
        Ok(())
    }

    /// A file begins. `None`: it is left out.
    fn begin(&mut self, file: usize) -> Result<Option<Self::File>, Self::Error>;

    /// The next piece of a file; `None` gives the file up.
    fn write(&mut self, file: usize, open: Self::File, piece: &[u8]) -> Result<Option<Self::File>, Self::Error>;

    /// A file is complete.
    fn finish(&mut self, file: usize, open: Self::File) -> Result<(), Self::Error>;
}

/// Why not all files of a folder were received.
pub(super) enum Ended<E> {
    /// The sink does not want more.
    Sink(E),
    /// The folder is damaged, and these files are not complete.
    Damaged { problem: CabError, unfinished: Vec<usize> },
}

/// A folder is left before its end.
enum Left<E> {
    /// Everything that was wanted is there.
    Done,
    Sink(E),
}

impl Cabinet {
    /// Gives the `files` of a folder to the sink. The folder is decoded once, up to the end of the last of them.
    pub(super) fn read_files<S: Sink>(
        &self,
        folder: usize,
        mut files: Vec<usize>,
        sink: &mut S,
    ) -> Result<(), Ended<S::Error>> {
        files.sort_by_key(|file| (self.files[*file].offset, *file));
        let mut queue = Queue { cabinet: self, waiting: files.into_iter().peekable(), open: Vec::new() };
        queue.begin_until(0, sink).map_err(Ended::Sink)?;
        if queue.is_done() {
            return Ok(());
        }
        let read = self.read_folder(folder, |position, data| {
            sink.go_on().and_then(|()| queue.take(position, data, sink)).map_err(Left::Sink)?;
            if queue.is_done() { Err(Left::Done) } else { Ok(()) }
        });
        let problem = match read {
            Err(Stopped::Receiver(Left::Done)) => return Ok(()),
            Err(Stopped::Receiver(Left::Sink(error))) => return Err(Ended::Sink(error)),
            Err(Stopped::Damaged(problem)) => problem,
            Ok(()) => self.folder_ends_early(folder, queue.first_unfinished()),
        };
        Err(Ended::Damaged { problem, unfinished: queue.unfinished().collect() })
    }
}

/// The files of a folder that are wanted and not complete.
struct Queue<'c, F> {
    cabinet: &'c Cabinet,
    /// Those that are not yet begun, by their beginning.
    waiting: std::iter::Peekable<std::vec::IntoIter<usize>>,
    open: Vec<(usize, F)>,
}

impl<F> Queue<'_, F> {
    fn is_done(&mut self) -> bool {
        self.open.is_empty() && self.waiting.peek().is_none()
    }

    fn range(&self, file: usize) -> (u64, u64) {
        let file = &self.cabinet.files[file];
        (file.offset, file.offset + file.size)
    }

    /// Takes in a piece of the folder.
    fn take<S: Sink<File = F>>(&mut self, position: u64, data: &[u8], sink: &mut S) -> Result<(), S::Error> {
        let end = position + data.len() as u64;
        self.begin_until(end, sink)?;
        for (file, open) in std::mem::take(&mut self.open) {
            let (file_start, file_end) = self.range(file);
            let (from, to) = (file_start.max(position), file_end.min(end));
            match sink.write(file, open, &data[(from - position) as usize..(to - position) as usize])? {
                Some(open) if file_end <= end => sink.finish(file, open)?,
                Some(open) => self.open.push((file, open)),
                None => {}
            }
        }
        Ok(())
    }

    /// Begins the files before `end`, and those without any bytes at `end`.
    fn begin_until<S: Sink<File = F>>(&mut self, end: u64, sink: &mut S) -> Result<(), S::Error> {
        let files = &self.cabinet.files;
        while let Some(file) = self.waiting.next_if(|file| files[*file].offset < end || files[*file].size == 0) {
            match sink.begin(file)? {
                Some(open) if files[file].size == 0 => sink.finish(file, open)?,
                Some(open) => self.open.push((file, open)),
                None => {}
            }
        }
        Ok(())
    }

    fn first_unfinished(&mut self) -> usize {
        let open = self.open.first().map(|(file, _)| *file);
        open.or_else(|| self.waiting.peek().copied()).unwrap_or_default()
    }

    fn unfinished(self) -> impl Iterator<Item = usize> {
        self.open.into_iter().map(|(file, _)| file).chain(self.waiting)
    }
}
