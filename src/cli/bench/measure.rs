//! Compresses and decompresses with one setting, checks the result, and takes the time.

use super::super::exit::Failure;
use super::Setting;
use super::clock::Clock;
use std::hint::black_box;
use std::io;
use std::panic::resume_unwind;
use std::thread;
use std::time::Duration;
use wimkit::codec::{Compressor, Decompressor, Format};
use wimkit::util::progress::Control;

/// A pass over little data is repeated until this time is over: clocks and caches have their own ideas of less.
const SHORTEST: Duration = Duration::from_millis(100);

/// How a setting is measured.
#[derive(Clone, Copy, Debug)]
pub(super) struct Effort {
    pub(super) runs: u32,
    /// Each goes through all the data.
    pub(super) threads: usize,
    pub(super) clock: Clock,
}

/// What was found out about a setting.
#[derive(Clone, Copy, Debug)]
pub(super) struct Measured {
    /// Bytes of data.
    pub(super) bytes: u64,
    /// Bytes of its chunks as they would be stored.
    pub(super) compressed_bytes: u64,
    /// Bytes of data a second, all threads together.
    pub(super) encode_speed: f64,
    /// The same of the chunks that shrank; `None` if none did.
    pub(super) decode_speed: Option<f64>,
    /// Bytes of one compressor's context.
    pub(super) encoder_memory: u64,
}

/// Measures one setting.
pub(super) fn measure(
    setting: Setting,
    data: &[u8],
    effort: Effort,
    control: Control<'_>,
) -> Result<Measured, Failure> {
    let Setting { format, chunk_size, level } = setting;
    let mut workers =
        (0..effort.threads).map(|_| Worker::new(setting, data, control)).collect::<Result<Vec<_>, _>>()?;
    control.progress.begin(phase(format), 2 * u64::from(effort.runs) * data.len() as u64);

    let mut encode_speeds = Vec::new();
    for _ in 0..effort.runs {
        encode_speeds.push(speed(&mut workers, data.len() as u64, effort.clock, Worker::encode)?);
        control.progress.advance(data.len() as u64);
    }
    workers.iter_mut().try_for_each(Worker::check)?;

    let decoded_bytes = workers[0].shrunk_bytes();
    let mut decode_speeds = Vec::new();
    for _ in 0..effort.runs {
        if decoded_bytes > 0 {
            decode_speeds.push(speed(&mut workers, decoded_bytes, effort.clock, Worker::decode)?);
        }
        control.progress.advance(data.len() as u64);
    }
    Ok(Measured {
        bytes: data.len() as u64,
        compressed_bytes: workers[0].compressed_bytes(),
        encode_speed: median(encode_speeds).expect("there is at least one run"),
        decode_speed: median(decode_speeds),
        encoder_memory: format.compressor_memory(chunk_size, level),
    })
}

fn phase(format: Format) -> &'static str {
    match format {
        Format::Xpress => "measuring xpress",
        Format::Lzx => "measuring lzx",
        Format::Lzms => "measuring lzms",
    }
}

/// Lets every worker make passes over `bytes` bytes at the same time; bytes a second, all together.
fn speed<'a>(workers: &mut [Worker<'a>], bytes: u64, clock: Clock, pass: fn(&mut Worker<'a>)) -> Result<f64, Failure> {
    let total = thread::scope(|scope| {
        let mut threads = Vec::new();
        for worker in &mut *workers {
            let work = move || bytes as f64 / seconds(clock, || pass(worker));
            threads.push(thread::Builder::new().spawn_scoped(scope, work)?);
        }
        Ok(threads.into_iter().map(|thread| thread.join().unwrap_or_else(|panic| resume_unwind(panic))).sum())
    });
    let total = total.map_err(|error: io::Error| Failure::message(format!("cannot start a thread: {error}")))?;
    if workers[0].control.interrupted() { Err(Failure::Interrupted) } else { Ok(total) }
}

/// The mean time of a pass.
fn seconds(clock: Clock, mut pass: impl FnMut()) -> f64 {
    let begun = clock.now();
    let mut passes = 0;
    loop {
        pass();
        passes += 1;
        let taken = clock.now() - begun;
        if taken >= SHORTEST {
            return taken.as_secs_f64() / f64::from(passes);
        }
    }
}

fn median(mut values: Vec<f64>) -> Option<f64> {
    values.sort_by(f64::total_cmp);
    let middle = values.get(values.len() / 2)?;
    Some(if values.len() % 2 == 1 { *middle } else { (values[values.len() / 2 - 1] + middle) / 2.0 })
}

/// What one thread needs.
struct Worker<'a> {
    setting: Setting,
    data: &'a [u8],
    control: Control<'a>,
    compressor: Box<dyn Compressor>,
    decompressor: Box<dyn Decompressor>,
    /// Each chunk's result, at the chunk's place.
    packed: Vec<u8>,
    /// Stored sizes of the chunks; `None` = raw.
    stored: Vec<Option<usize>>,
    unpacked: Vec<u8>,
}

impl<'a> Worker<'a> {
    fn new(setting: Setting, data: &'a [u8], control: Control<'a>) -> Result<Self, Failure> {
        let Setting { format, chunk_size, level } = setting;
        let refuse = |error| Failure::new(error, None::<String>);
        Ok(Self {
            setting,
            data,
            control,
            compressor: format.compressor(chunk_size, level).map_err(refuse)?,
            decompressor: format.decompressor(chunk_size).map_err(refuse)?,
            // Not zeros: those the system would hand out page by page, within the first pass.
            packed: vec![1; data.len()],
            stored: Vec::with_capacity(data.len().div_ceil(chunk_size as usize)),
            unpacked: vec![1; data.len().min(chunk_size as usize)],
        })
    }

    fn encode(&mut self) {
        self.stored.clear();
        let size = self.setting.chunk_size as usize;
        for (chunk, packed) in self.data.chunks(size).zip(self.packed.chunks_mut(size)) {
            if self.control.interrupted() {
                return;
            }
            self.stored.push(self.compressor.compress(chunk, packed));
        }
    }

    fn decode(&mut self) {
        let Self { decompressor, unpacked, .. } = self;
        let size = self.setting.chunk_size as usize;
        for ((chunk, packed), stored) in self.data.chunks(size).zip(self.packed.chunks(size)).zip(&self.stored) {
            if self.control.interrupted() {
                return;
            }
            if let Some(stored) = *stored {
                // That it succeeds was checked.
                let _ = black_box(decompressor.decompress(&packed[..stored], &mut unpacked[..chunk.len()]));
            }
        }
    }

    /// What was encoded must decode to the same bytes.
    fn check(&mut self) -> Result<(), Failure> {
        let Self { decompressor, unpacked, .. } = self;
        let size = self.setting.chunk_size as usize;
        for (index, ((chunk, packed), stored)) in
            self.data.chunks(size).zip(self.packed.chunks(size)).zip(&self.stored).enumerate()
        {
            let Some(stored) = *stored else { continue };
            let fault = match decompressor.decompress(&packed[..stored], &mut unpacked[..chunk.len()]) {
                Ok(()) if unpacked[..chunk.len()] == *chunk => continue,
                Ok(()) => "other bytes than it was made of".to_owned(),
                Err(error) => format!("an error: {error}"),
            };
            let (Setting { format, level, .. }, place) = (self.setting, index * size);
            let level = level.get();
            return Err(Failure::message(format!("{format}:{level}: the chunk at {place:#x} decodes to {fault}"))
                .with_hint("this is a fault of wimkit; please report it with the data"));
        }
        Ok(())
    }

    fn chunks(&self) -> impl Iterator<Item = (usize, Option<usize>)> {
        let lengths = self.data.chunks(self.setting.chunk_size as usize).map(<[u8]>::len);
        lengths.zip(self.stored.iter().copied())
    }

    fn compressed_bytes(&self) -> u64 {
        self.chunks().map(|(length, stored)| stored.unwrap_or(length) as u64).sum()
    }

    /// Bytes of the chunks that shrank.
    fn shrunk_bytes(&self) -> u64 {
        self.chunks().filter(|(_, stored)| stored.is_some()).map(|(length, _)| length as u64).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use wimkit::codec::Level;

    const SETTING: Setting = Setting { format: Format::Xpress, chunk_size: 4096, level: Level::DEFAULT };

    #[test]
    fn what_decodes_to_something_else_is_told() {
        let data = b"tell me, ".repeat(1000);
        let mut worker = Worker::new(SETTING, &data, Control::silent()).unwrap();
        worker.encode();
        worker.check().unwrap();
        let other = b"tell him ".repeat(1000);
        worker.data = &other;
        let Err(Failure::CouldNot { error, .. }) = worker.check() else { panic!("the difference must be seen") };
        assert!(error.to_string().starts_with("xpress:5: the chunk at 0x0 decodes to other bytes"), "{error}");
    }

    #[test]
    fn threads_work_at_the_same_time() {
        let data = b"all together now ".repeat(500);
        let effort = |threads| Effort { runs: 2, threads, clock: Clock::Wall };
        let alone = measure(SETTING, &data, effort(1), Control::silent()).unwrap();
        let three = measure(SETTING, &data, effort(3), Control::silent()).unwrap();
        assert_eq!((alone.bytes, alone.compressed_bytes), (three.bytes, three.compressed_bytes));
        assert!(alone.compressed_bytes < alone.bytes && alone.encode_speed > 0.0 && alone.decode_speed > Some(0.0));
    }

    #[test]
    fn medians() {
        assert_eq!(median(vec![]), None);
        assert_eq!(median(vec![5.0, 1.0, 2.0]), Some(2.0));
        assert_eq!(median(vec![4.0, 1.0, 2.0, 8.0]), Some(3.0));
    }
}
