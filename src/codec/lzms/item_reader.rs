//! Reads the items of a chunk, a batch at a time.

use super::backward_bits::BackwardBits;
use super::batch::{Batch, MAX_LITERALS, Match};
use super::decode_code::{ByteEntry, DecodeCode, Lengths, Offsets, SlotEntry};
use super::format::{
    LENGTH_SYMBOLS, LITERAL_SYMBOLS, LONG_REBUILD_INTERVAL, POWER_SYMBOLS, SHORT_REBUILD_INTERVAL, contexts,
    num_offset_symbols,
};
use super::queue::{DeltaPair, ItemKind, RepeatQueue};
use super::range::{Decisions, RangeDecoder};
use crate::codec::matchfinder::prefetch::prefetch;
use crate::codec::{DecodeError, DecodeErrorKind};

/// Literals read between two times of providing bits: with 56 bits, three codewords of at most 15.
const LITERALS_PER_REFILL: usize = 3;

/// The adaptive codes, kept from chunk to chunk for their memory.
#[derive(Debug)]
pub(super) struct DecodeCodes {
    literals: DecodeCode<ByteEntry>,
    lengths: DecodeCode<SlotEntry<Lengths>>,
    lz_offsets: DecodeCode<SlotEntry<Offsets>>,
    delta_offsets: DecodeCode<SlotEntry<Offsets>>,
    delta_powers: DecodeCode<ByteEntry>,
}

impl DecodeCodes {
    pub(super) fn new() -> Self {
        Self {
            literals: DecodeCode::new(LONG_REBUILD_INTERVAL),
            lengths: DecodeCode::new(SHORT_REBUILD_INTERVAL),
            lz_offsets: DecodeCode::new(LONG_REBUILD_INTERVAL),
            delta_offsets: DecodeCode::new(LONG_REBUILD_INTERVAL),
            delta_powers: DecodeCode::new(SHORT_REBUILD_INTERVAL),
        }
    }

    pub(super) fn reset(&mut self, uncompressed_size: usize) {
        let offset_symbols = num_offset_symbols(uncompressed_size);
        self.literals.reset(LITERAL_SYMBOLS);
        self.lengths.reset(LENGTH_SYMBOLS);
        self.lz_offsets.reset(offset_symbols);
        self.delta_offsets.reset(offset_symbols);
        self.delta_powers.reset(POWER_SYMBOLS);
    }
}

/// The state of the stream between two items.
pub(super) struct ItemReader<'a> {
    src_len: usize,
    range: RangeDecoder<'a>,
    bits: BackwardBits<'a>,
    main: Decisions<{ contexts::MAIN }>,
    is_delta: Decisions<{ contexts::MATCH }>,
    lz: RepeatDecisions,
    delta: RepeatDecisions,
    lz_queue: RepeatQueue<u32>,
    delta_queue: RepeatQueue<DeltaPair>,
    previous: ItemKind,
}

impl<'a> ItemReader<'a> {
    pub(super) fn new(src: &'a [u8]) -> Self {
        Self {
            src_len: src.len(),
            range: RangeDecoder::new(src),
            bits: BackwardBits::new(src),
            main: Decisions::new(),
            is_delta: Decisions::new(),
            lz: RepeatDecisions::new(),
            delta: RepeatDecisions::new(),
            lz_queue: RepeatQueue::LZ,
            delta_queue: RepeatQueue::DELTA,
            previous: ItemKind::Literal,
        }
    }

    /// Reads items that produce the bytes of `dst` from `pos` on into the batch, and returns where they end.
    #[inline(always)]
    pub(super) fn read_batch(
        &mut self,
        codes: &mut DecodeCodes,
        batch: &mut Batch,
        dst: &[u8],
        mut pos: usize,
    ) -> Result<usize, DecodeError> {
        let src_len = self.src_len;
        let end = dst.len();
        let Self { main, is_delta, lz, delta, lz_queue, delta_queue, .. } = self;
        // Copies that nothing points to live in registers.
        let (mut range, mut bits, mut previous) = (self.range, self.bits, self.previous);
        let literals = &mut *batch.literals;
        let mut num_literals = 0;
        // Where the literals before the next match begin; `pos` is their place in `dst`.
        let mut run_start = 0;
        // The literals up to there have been reported to their code.
        let mut reported = 0;
        let limit_from = |pos: usize, run_start: usize, reported: usize, longest_run: usize| {
            MAX_LITERALS.min(run_start + (end - pos)).min(reported + longest_run)
        };
        let mut limit = limit_from(pos, run_start, reported, codes.literals.longest_run());
        let mut num_matches = 0;
        while let Some(slot) = batch.matches.get_mut(num_matches) {
            if main.is_run_of_zeros() && limit - num_literals >= LITERALS_PER_REFILL {
                num_literals +=
                    read_long_run(&mut range, &mut bits, &mut codes.literals, &mut literals[num_literals..limit]);
            }
            let is_match = 'run: loop {
                for literal in 0..LITERALS_PER_REFILL {
                    if num_literals >= limit {
                        break 'run false;
                    }
                    let decision = main.next(&mut range);
                    if decision.bit {
                        main.take(decision, true, &mut range);
                        break 'run true;
                    }
                    main.take(decision, false, &mut range);
                    if literal == 0 {
                        bits.refill();
                    }
                    literals[num_literals] = codes.literals.decode_of_run(&mut bits);
                    num_literals += 1;
                }
            };
            if !is_match {
                codes.literals.end_run(num_literals - reported);
                reported = num_literals;
                limit = limit_from(pos, run_start, reported, codes.literals.longest_run());
                if num_literals == limit {
                    break;
                }
                continue;
            }
            bits.refill();
            let run = num_literals - run_start;
            run_start = num_literals;
            pos += run;
            if run > 0 {
                previous = ItemKind::Literal;
            }
            let (power, raw_offset, reach);
            let decision = is_delta.next(&mut range);
            if !decision.bit {
                is_delta.take(decision, false, &mut range);
                let later = usize::from(previous == ItemKind::Lz);
                raw_offset = match lz.read_repeat(&mut range, lz_queue, later) {
                    Some(offset) => offset,
                    None => {
                        let offset = codes.lz_offsets.decode(&mut bits);
                        lz_queue.push(offset);
                        offset
                    }
                };
                previous = ItemKind::Lz;
                (power, reach) = (Match::LZ, u64::from(raw_offset));
            } else {
                is_delta.take(decision, true, &mut range);
                let later = usize::from(previous == ItemKind::Delta);
                let pair = match delta.read_repeat(&mut range, delta_queue, later) {
                    Some(pair) => pair,
                    None => {
                        let power = codes.delta_powers.decode(&mut bits);
                        bits.refill();
                        let pair = DeltaPair { power, raw_offset: codes.delta_offsets.decode(&mut bits) };
                        delta_queue.push(pair);
                        pair
                    }
                };
                previous = ItemKind::Delta;
                raw_offset = pair.raw_offset;
                (power, reach) = (u32::from(pair.power), (u64::from(raw_offset) + 1) << pair.power);
            }
            bits.refill();
            let length = codes.lengths.decode(&mut bits);

            let error = |kind| DecodeError { kind, src_offset: src_len - range.remaining(), dst_offset: pos };
            if reach > pos as u64 {
                return Err(error(DecodeErrorKind::BadOffset { offset: reach }));
            }
            if length as usize > end - pos {
                return Err(error(DecodeErrorKind::BadLength { length: length.into() }));
            }
            // By the time the match is carried out its source will have come from memory.
            prefetch(&dst[pos - reach as usize]);
            *slot = Match { literals: run as u32, length, raw_offset, power };
            num_matches += 1;
            pos += length as usize;
            if end - pos < MAX_LITERALS {
                limit = limit_from(pos, run_start, reported, codes.literals.longest_run());
                if pos == end {
                    break;
                }
            }
        }
        if num_literals > reported {
            codes.literals.end_run(num_literals - reported);
        }
        if num_literals > run_start {
            previous = ItemKind::Literal;
        }
        (self.range, self.bits, self.previous) = (range, bits, previous);
        batch.num_literals = num_literals;
        batch.num_matches = num_matches;
        Ok(pos + num_literals - run_start)
    }
}

/// Reads literals until a match comes or `literals` may be full, and returns how many. That a literal is one is almost
/// certain.
///
/// Incompressible data consists of such runs. Apart from the rest, where little else needs a register, reading them
/// takes half the time.
#[inline(always)]
fn read_long_run(
    range: &mut RangeDecoder<'_>,
    bits: &mut BackwardBits<'_>,
    code: &mut DecodeCode<ByteEntry>,
    literals: &mut [u8],
) -> usize {
    let (mut local_range, mut local_bits) = (*range, *bits);
    let mut count = 0;
    'run: for group in literals.as_chunks_mut::<LITERALS_PER_REFILL>().0 {
        local_bits.refill();
        for literal in group {
            if !local_range.next_of_zeros() {
                break 'run;
            }
            *literal = code.decode_of_run(&mut local_bits);
            count += 1;
        }
    }
    (*range, *bits) = (local_range, local_bits);
    count
}

/// The decisions whether a match repeats an offset, and which.
struct RepeatDecisions {
    is_repeat: Decisions<{ contexts::REPEAT }>,
    not_first: Decisions<{ contexts::REPEAT }>,
    not_second: Decisions<{ contexts::REPEAT }>,
}

impl RepeatDecisions {
    fn new() -> Self {
        Self { is_repeat: Decisions::new(), not_first: Decisions::new(), not_second: Decisions::new() }
    }

    /// Reads which recent offset a match repeats and brings it to the front of its queue; `None` for an explicit offset.
    /// `later` is 1 directly after a match of the same queue, when the stream's indices do not count its latest entry,
    /// else 0.
    #[inline(always)]
    fn read_repeat<T: Copy>(
        &mut self,
        range: &mut RangeDecoder<'_>,
        queue: &mut RepeatQueue<T>,
        later: usize,
    ) -> Option<T> {
        let decision = self.is_repeat.next(range);
        if !decision.bit {
            self.is_repeat.take(decision, false, range);
            return None;
        }
        self.is_repeat.take(decision, true, range);
        let decision = self.not_first.next(range);
        if !decision.bit {
            self.not_first.take(decision, false, range);
            return Some(queue.take(later));
        }
        self.not_first.take(decision, true, range);
        let decision = self.not_second.next(range);
        if !decision.bit {
            self.not_second.take(decision, false, range);
            return Some(queue.take(1 + later));
        }
        self.not_second.take(decision, true, range);
        Some(queue.take(2 + later))
    }
}
