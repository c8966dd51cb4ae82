//! Makes small PA30 deltas for tests and seeds, with the codes that need no lengths. It knows nothing of the decoder.

/// What a patch consists of.
#[derive(Clone, Copy, Debug)]
pub enum Item {
    /// A byte.
    Literal(u8),
    /// A copy from so many bytes back.
    Back {
        /// The distance in bytes.
        distance: u64,
        /// The length in bytes, 2 at least.
        length: u64,
    },
    /// A copy from so many bytes in front of the corresponding place.
    InFront {
        /// How many bytes.
        in_front: i64,
        /// The length in bytes, 2 at least.
        length: u64,
    },
    /// A copy from as far back as one of the last three.
    Recent {
        /// Which one, 0 is the newest.
        index: u64,
        /// The length in bytes, 2 at least.
        length: u64,
    },
}

/// What a header tells.
#[derive(Clone, Copy, Debug)]
pub struct Fields<'a> {
    /// The time in ticks.
    pub time: u64,
    /// The set of file types.
    pub file_type_set: u64,
    /// The file type.
    pub file_type: u64,
    /// The flags.
    pub flags: u64,
    /// The target's size.
    pub size: u64,
    /// The digest's algorithm.
    pub algorithm: u64,
    /// The digest.
    pub digest: &'a [u8],
    /// The preprocess buffer.
    pub preprocess: &'a [u8],
}

impl Default for Fields<'_> {
    fn default() -> Self {
        Self {
            time: 0x01CD_4567_89AB_CDEF,
            file_type_set: 1,
            file_type: 1,
            flags: 0x20000,
            size: 0,
            algorithm: 0,
            digest: &[],
            preprocess: &[],
        }
    }
}

/// A delta of these items.
pub fn delta(fields: &Fields<'_>, items: &[Item]) -> Vec<u8> {
    let mut patch = BitWriter::default();
    patch.bits(0b10, 2); // no rift table, codes without lengths
    items.iter().for_each(|item| write_item(&mut patch, *item));
    around(fields, &patch.finish())
}

/// A delta of this patch buffer.
pub fn around(fields: &Fields<'_>, patch: &[u8]) -> Vec<u8> {
    let mut header = BitWriter::default();
    for number in [fields.file_type_set, fields.file_type, fields.flags, fields.size, fields.algorithm] {
        header.number(number);
    }
    [fields.digest, fields.preprocess, patch].into_iter().for_each(|buffer| header.buffer(buffer));
    [&b"PA30"[..], &fields.time.to_le_bytes(), &header.finish()].concat()
}

/// A null delta that becomes `target`: what repeats what is up to 255 bytes in front of it is copied.
pub fn null_delta(target: &[u8], algorithm: u64, digest: &[u8]) -> Vec<u8> {
    let mut items = Vec::new();
    let mut position = 0;
    while position < target.len() {
        let length = |distance: &usize| {
            let repeated = target[position..].iter().zip(&target[position - distance..]);
            repeated.take_while(|(new, old)| new == old).count()
        };
        let best = (1..position.min(256)).max_by_key(length).filter(|distance| length(distance) >= 2);
        items.push(match best {
            Some(distance) => Item::Back { distance: distance as u64, length: length(&distance) as u64 },
            None => Item::Literal(target[position]),
        });
        position += best.map_or(1, |distance| length(&distance));
    }
    delta(&Fields { size: target.len() as u64, algorithm, digest, ..Fields::default() }, &items)
}

fn write_item(writer: &mut BitWriter, item: Item) {
    let (slot, length) = match item {
        Item::Literal(byte) => return writer.flat(600, byte.into()),
        Item::Back { distance, length } => (slot_of(distance), length),
        Item::InFront { in_front, length } => {
            let slot = match in_front {
                0 => 3,
                -0x2000..0x2000 => 0,
                -0xA000..0xA000 => 1,
                _ => 2,
            };
            (slot, length)
        }
        Item::Recent { index, length } => (4 + index, length),
    };
    let class = if length <= 8 { length - 1 } else { 0 };
    writer.flat(600, 256 + slot_or_escape(slot) * 8 + class);
    match item {
        Item::Back { distance, .. } => write_distance(writer, slot, distance),
        Item::InFront { in_front, .. } => {
            let (bits, inside) = [(14, 0), (16, 0x2000), (18, 0xA000), (0, 0)][slot as usize];
            let value = if in_front < 0 { in_front + inside } else { in_front - inside };
            writer.bits((value + (1 << bits >> 1)) as u64, bits);
        }
        Item::Literal(_) | Item::Recent { .. } => {}
    }
    if class == 0 {
        let long = length - 8;
        writer.flat(256, if long < 256 { long } else { 0 });
        if long >= 256 {
            let bits = long.ilog2();
            writer.bits(1 << (bits - 8), bits - 7);
            writer.bits(long & ((1 << bits) - 1), bits);
        }
    }
}

/// The slot of a distance.
fn slot_of(distance: u64) -> u64 {
    match distance {
        0..4 => distance + 7,
        _ => 11 + 2 * (u64::from(distance.ilog2()) - 2) + (distance >> (distance.ilog2() - 1) & 1),
    }
}

/// Slots from 43 on have no symbols: 7 stands for them.
fn slot_or_escape(slot: u64) -> u64 {
    if slot < 43 { slot } else { 7 }
}

fn write_distance(writer: &mut BitWriter, slot: u64, distance: u64) {
    match slot {
        43..47 => writer.bits((slot - 43) << 1, 3),
        47..55 => writer.bits((slot - 47) << 2 | 1, 5),
        55.. => writer.bits((slot - 55) << 2 | 3, 6),
        _ => {}
    }
    let Some(doubling) = slot.checked_sub(11) else { return };
    let bits = (doubling / 2 + 1) as u32;
    let low = distance & ((1 << bits) - 1);
    if bits < 4 {
        writer.bits(low, bits);
    } else {
        writer.bits(low >> 4, bits - 4);
        writer.flat(16, low & 15);
    }
}

/// Writes a stream of bits.
#[derive(Clone, Debug)]
pub struct BitWriter {
    bits: Vec<bool>,
}

impl Default for BitWriter {
    fn default() -> Self {
        Self { bits: vec![false; 3] } // how many bits of the last byte are none: known in the end
    }
}

impl BitWriter {
    /// Adds the lowest `count` bits, lowest first.
    pub fn bits(&mut self, value: u64, count: u32) {
        self.bits.extend((0..count).map(|bit| value >> bit & 1 == 1));
    }

    /// Adds a number.
    pub fn number(&mut self, value: u64) {
        let groups = value.checked_ilog2().unwrap_or(0) / 4;
        self.bits(1 << groups, groups + 1);
        self.bits(value, 4 * (groups + 1));
    }

    /// Adds a buffer.
    pub fn buffer(&mut self, bytes: &[u8]) {
        self.number(bytes.len() as u64);
        self.bits.resize(self.bits.len().next_multiple_of(8), false);
        bytes.iter().for_each(|byte| self.bits((*byte).into(), 8));
    }

    /// Adds a symbol of the flat code over `symbols` symbols.
    pub fn flat(&mut self, symbols: u64, symbol: u64) {
        let len = (symbols - 1).ilog2() + 1;
        let short = (1 << len) - symbols;
        let (codeword, len) =
            if symbol < short { ((symbols - short) / 2 + symbol, len - 1) } else { (symbol - short, len) };
        (0..len).rev().for_each(|bit| self.bits(codeword >> bit, 1));
    }

    /// Adds a rift table: places, and what is there in the other file.
    pub fn rift_table(&mut self, entries: &[(i64, i64)]) {
        self.bits((!entries.is_empty()).into(), 1);
        if entries.is_empty() {
            return;
        }
        for _ in 0..2 {
            // All lengths are told: those of the flat code over 252 symbols.
            [126, 126, 0].into_iter().for_each(|count| self.bits(count, 8));
            (0..252).for_each(|symbol| self.bits(if symbol < 4 { 6 } else { 7 }, 4));
            self.bits(0, 4);
        }
        self.number(entries.len() as u64);
        let mut last = (0, 0);
        for (from, to) in entries {
            self.int(from - last.0);
            self.int(to - from - last.1);
            last = (*from, to - from);
        }
    }

    /// Adds an integer of a rift table.
    fn int(&mut self, value: i64) {
        let half = if value < 0 { 126 } else { 0 };
        let magnitude = (if value < 0 { !value } else { value }) as u64;
        if magnitude < 4 {
            return self.flat(252, half + magnitude);
        }
        let bits = magnitude.ilog2() - 1;
        self.flat(252, half + 2 * u64::from(bits) + (magnitude >> bits));
        self.bits(magnitude, bits);
    }

    /// The bytes.
    pub fn finish(mut self) -> Vec<u8> {
        let unused = self.bits.len().next_multiple_of(8) - self.bits.len();
        (0..3).for_each(|bit| self.bits[bit] = unused >> bit & 1 == 1);
        self.bits.chunks(8).map(|byte| byte.iter().rev().fold(0, |value, bit| value << 1 | u8::from(*bit))).collect()
    }
}
