use super::*;

const MEMORY: u64 = 1 << 30;
use crate::codec::{Format, Level};
use crate::util::sha1::Sha1;
use crate::wim::header::{Header, ResourceHeader};
use crate::wim::resource::{ChunkMap, ResourceError};
use std::io::Cursor;
use std::sync::Arc;

/// Collects every blob and how it ended.
#[derive(Default)]
struct Collect {
    blobs: Vec<(usize, Vec<u8>, BlobEnd)>,
    open: Option<(usize, Vec<u8>)>,
}

impl Sink for Collect {
    type Error = ();

    fn accept(&mut self, batch: &[Segment<'_>]) -> Result<(), ()> {
        for segment in batch {
            let (request, bytes) = self.open.get_or_insert_with(|| (segment.request, Vec::new()));
            assert_eq!((*request, bytes.len() as u64), (segment.request, segment.offset));
            bytes.extend(segment.data);
            if let Some(end) = segment.end {
                let (request, bytes) = self.open.take().unwrap();
                self.blobs.push((request, bytes, end));
            }
        }
        Ok(())
    }
}

/// A source that is neither memory nor mapped.
struct Positioned(Cursor<Vec<u8>>);

impl ReadAt for Positioned {
    fn size(&self) -> u64 {
        self.0.size()
    }
    fn read_exact_at(&self, buf: &mut [u8], offset: u64) -> std::io::Result<()> {
        self.0.read_exact_at(buf, offset)
    }
}

fn raw(file: &[u8], range: std::ops::Range<usize>) -> Request {
    let size = range.len() as u64;
    let resource =
        ResourceHeader { size_in_wim: size, flags: 0, offset_in_wim: range.start as u64, uncompressed_size: size };
    let map = ChunkMap::new(&resource, &Header::new(None, 0), file.len() as u64).unwrap();
    Request { sha1: Sha1::of(&file[range]), size, file: 0, source: BlobSource::Resource(map) }
}

fn read(file: &[u8], requests: &[Request], memory: u64) -> Vec<(usize, Vec<u8>, BlobEnd)> {
    let sources: [Box<dyn ReadAt>; 2] =
        [Box::new(Cursor::new(file.to_vec())), Box::new(Positioned(Cursor::new(file.to_vec())))];
    let [mapped, positioned] = sources.map(|source| {
        let mut sink = Collect::default();
        read_blobs(&[&*source], requests, &mut sink, &DecoderPool::new(), memory, Control::silent()).unwrap();
        assert!(sink.open.is_none());
        sink.blobs
    });
    assert_eq!(mapped, positioned);
    mapped
}

fn noise(len: usize) -> Vec<u8> {
    let mut state = 1_u32;
    std::iter::repeat_with(|| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 24) as u8
    })
    .take(len)
    .collect()
}

#[test]
fn blobs_come_whole_and_in_order_whatever_the_batches() {
    let file = noise(20 << 20);
    let ranges = [0..10, 10..(18 << 20), 5..6, (1 << 20)..(3 << 20), 7..7];
    let requests: Vec<_> = ranges.iter().map(|range| raw(&file, range.clone())).collect();
    for memory in [MEMORY, 3 << 20] {
        let blobs = read(&file, &requests, memory);
        for (index, range) in ranges.iter().enumerate() {
            assert!(blobs[index] == (index, file[range.clone()].to_vec(), BlobEnd::Intact), "blob {index}");
        }
    }
}

/// What is kept of a blob while it is read takes more than a few bytes, so it is not kept of any number of them.
#[test]
fn a_batch_has_a_bounded_number_of_blobs() {
    struct Largest(usize);
    impl Sink for Largest {
        type Error = ();
        fn accept(&mut self, batch: &[Segment<'_>]) -> Result<(), ()> {
            self.0 = self.0.max(batch.len());
            Ok(())
        }
    }
    let file = noise(100_000);
    let requests: Vec<_> = (0..file.len()).map(|at| raw(&file, at..at + 1)).collect();
    let mut sink = Largest(0);
    let source = Cursor::new(file);
    read_blobs(&[&source], &requests, &mut sink, &DecoderPool::new(), MEMORY, Control::silent()).unwrap();
    assert!((1..20_000).contains(&sink.0), "{}", sink.0);
}

/// Of a chunk of LZX that comes whole, to a sink that asks for them.
#[test]
fn chunks_come_with_their_matches() {
    struct Count {
        wants: bool,
        matches: Vec<usize>,
    }
    impl Sink for Count {
        type Error = ();
        fn wants_matches(&self) -> bool {
            self.wants
        }
        fn accept(&mut self, batch: &[Segment<'_>]) -> Result<(), ()> {
            self.matches
                .extend(batch.iter().map(|segment| segment.matches.iter().map(|found| found.length()).sum::<usize>()));
            Ok(())
        }
    }
    let content = [&b"0123456789abcdef".repeat(2048)[..], &noise(32768), &b"xyz".repeat(1000)].concat();
    let (mut file, mut stored) = (vec![0; 8], Vec::new());
    for chunk in content.chunks(32768) {
        let mut packed = vec![0; chunk.len()];
        let size = Format::Lzx.compressor(32768, Level::DEFAULT).unwrap().compress(chunk, &mut packed);
        stored.extend_from_slice(size.map_or(chunk, |size| &packed[..size]));
        let end = stored.len() as u32;
        if let Some(entry) = [0, 4].into_iter().find(|at| file[*at..at + 4] == [0; 4]) {
            file[entry..entry + 4].copy_from_slice(&end.to_le_bytes());
        }
    }
    file.extend(stored);
    let resource = ResourceHeader {
        size_in_wim: file.len() as u64,
        flags: 4,
        offset_in_wim: 0,
        uncompressed_size: content.len() as u64,
    };
    let map = ChunkMap::new(&resource, &Header::new(Some(Format::Lzx), 32768), file.len() as u64).unwrap();
    let source = BlobSource::Resource(map);
    let request = Request { sha1: Sha1::of(&content), size: content.len() as u64, file: 0, source };
    for (wants, expected) in [(true, [32752, 0, 2997]), (false, [0; 3])] {
        let mut sink = Count { wants, matches: Vec::new() };
        let (source, decoders) = (Cursor::new(file.clone()), DecoderPool::new());
        read_blobs(&[&source], std::slice::from_ref(&request), &mut sink, &decoders, MEMORY, Control::silent())
            .unwrap();
        assert_eq!(sink.matches, expected);
    }
}

#[test]
fn a_wrong_hash_and_a_missing_range_end_their_blob_only() {
    let file = noise(6 << 20);
    let mut requests: Vec<_> = [0..(5 << 20), 5..100, 200..300].map(|range| raw(&file, range)).into();
    requests[0].sha1 = Sha1([1; 20]);
    requests.insert(
        1,
        Request {
            sha1: Sha1([2; 20]),
            size: 5,
            file: 0,
            source: BlobSource::Broken(ResourceError::NoFormat { offset: 3 }),
        },
    );
    let blobs = read(&file, &requests, MEMORY);
    assert_eq!(blobs[0].2, BlobEnd::Mismatch { found: Sha1::of(&file[..5 << 20]) });
    assert_eq!(blobs[1].2, BlobEnd::Unreadable(ResourceError::NoFormat { offset: 3 }));
    assert_eq!((blobs[2].2, blobs[3].2), (BlobEnd::Intact, BlobEnd::Intact));
}

#[test]
fn a_chunk_beyond_the_memory_limit_is_refused() {
    let file = noise(3 << 20);
    let requests = [raw(&file, 0..3 << 20), raw(&file, 0..10)];
    let blobs = read(&file, &requests, 1 << 20);
    assert!(matches!(blobs[0].2, BlobEnd::Unreadable(ResourceError::TooLarge { limit: 524_288, .. })));
    assert_eq!(blobs[1].2, BlobEnd::Intact);
}

/// Reads `ranges` of a solid resource of `size` bytes, stored without compression in chunks of `chunk_size`.
fn assert_solid_reads(size: usize, chunk_size: usize, ranges: &[std::ops::Range<usize>]) {
    let content = noise(size);
    let mut file = Vec::new();
    file.extend((size as u64).to_le_bytes());
    file.extend((chunk_size as u32).to_le_bytes());
    file.extend(0_u32.to_le_bytes());
    for chunk in content.chunks(chunk_size) {
        file.extend((chunk.len() as u32).to_le_bytes());
    }
    file.extend(&content);
    let resource =
        ResourceHeader { size_in_wim: file.len() as u64, flags: 0x10, offset_in_wim: 0, uncompressed_size: 1 << 32 };
    let map = Arc::new(ChunkMap::solid(&Cursor::new(&file), &resource).unwrap());
    let requests: Vec<_> = ranges
        .iter()
        .map(|range| Request {
            sha1: Sha1::of(&content[range.clone()]),
            size: range.len() as u64,
            file: 0,
            source: BlobSource::Solid { resource: Arc::clone(&map), offset: range.start as u64 },
        })
        .collect();
    for (index, (request, bytes, end)) in read(&file, &requests, MEMORY).into_iter().enumerate() {
        assert_eq!((request, end), (index, BlobEnd::Intact));
        assert!(bytes == content[ranges[index].clone()], "blob {index}");
    }
}

#[test]
fn solid_blobs_share_chunks_and_cross_them() {
    assert_solid_reads(100_000, 32768, &[0..10, 10..70_000, 70_000..70_001, 99_000..100_000, 5..6]);
}

/// Enough chunks that buffers are used again, by chunks of another size too; alone and by several threads.
#[test]
fn chunks_with_buffers_of_their_own_are_not_mixed_up() {
    const M: usize = 1 << 20;
    for threads in [1, 3] {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| assert_solid_reads(90 * M, 16 * M, &[0..M, M..40 * M, 40 * M..41 * M, 70 * M..90 * M, 5..6]));
    }
}

#[test]
fn an_interrupt_stops_the_work() {
    use std::sync::atomic::AtomicBool;
    let file = noise(100);
    let control = Control { progress: &crate::util::progress::NoProgress, interrupt: &AtomicBool::new(true) };
    let source = Cursor::new(file.clone());
    let requests = [raw(&file, 0..100)];
    let result = read_blobs(&[&source], &requests, &mut Collect::default(), &DecoderPool::new(), MEMORY, control);
    assert_eq!(result, Err(Stopped::Interrupted));
}
