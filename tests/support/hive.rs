//! A writer of registry hives, for tests: every kind of list and of data that Windows writes.

/// A key with all that is in it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Key {
    pub(crate) name: String,
    /// Name, number of the kind, and data.
    pub(crate) values: Vec<(String, u32, Vec<u8>)>,
    pub(crate) subkeys: Vec<Key>,
}

impl Key {
    pub(crate) fn new(name: &str) -> Self {
        Self { name: name.to_owned(), ..Self::default() }
    }

    /// The key at a path below this one; keys are made as needed.
    pub(crate) fn at(&mut self, path: &str) -> &mut Self {
        path.split('\\').fold(self, |key, name| {
            let known = key.subkeys.iter().position(|subkey| subkey.name == name);
            let place = known.unwrap_or_else(|| {
                key.subkeys.push(Self::new(name));
                key.subkeys.len() - 1
            });
            &mut key.subkeys[place]
        })
    }

    pub(crate) fn text(&mut self, name: &str, text: &str) -> &mut Self {
        self.value(name, 1, utf16(&format!("{text}\0")))
    }

    pub(crate) fn texts(&mut self, name: &str, texts: &[&str]) -> &mut Self {
        let all: String = texts.iter().map(|text| format!("{text}\0")).collect();
        self.value(name, 7, utf16(&(all + "\0")))
    }

    pub(crate) fn number(&mut self, name: &str, number: u32) -> &mut Self {
        self.value(name, 4, number.to_le_bytes().to_vec())
    }

    pub(crate) fn value(&mut self, name: &str, kind: u32, data: Vec<u8>) -> &mut Self {
        self.values.push((name.to_owned(), kind, data));
        self
    }

    /// The hive with this key at its top.
    pub(crate) fn hive(&self) -> Vec<u8> {
        let mut bins = Bins { bytes: vec![0; 32] };
        let root = bins.key(self, u32::MAX, 0x0C);
        let mut bytes = bins.bytes;
        let size = bytes.len().next_multiple_of(4096);
        if size - bytes.len() >= 8 {
            let free = (size - bytes.len()) as i32;
            bytes.extend(free.to_le_bytes());
        }
        bytes.resize(size, 0);
        bytes[..4].copy_from_slice(b"hbin");
        bytes[8..12].copy_from_slice(&(size as u32).to_le_bytes());

        let mut base = vec![0; 4096];
        base[..4].copy_from_slice(b"regf");
        let fields = [(4, 7), (8, 7), (20, 1), (24, 5), (28, 0), (32, 1), (36, root), (40, size as u32), (44, 1)];
        for (at, number) in fields {
            base[at..at + 4].copy_from_slice(&u32::to_le_bytes(number));
        }
        let sum = base[..508].chunks(4).fold(0, |sum, word| sum ^ u32::from_le_bytes(word.try_into().unwrap()));
        base[508..512].copy_from_slice(&sum.to_le_bytes());
        [base, bytes].concat()
    }
}

fn utf16(text: &str) -> Vec<u8> {
    text.encode_utf16().flat_map(u16::to_le_bytes).collect()
}

/// A name, and whether it is stored with one byte for a character.
fn name(name: &str) -> (Vec<u8>, bool) {
    let latin1: Option<Vec<u8>> = name.chars().map(|c| u8::try_from(u32::from(c)).ok()).collect();
    latin1.map_or_else(|| (utf16(name), false), |bytes| (bytes, true))
}

struct Bins {
    bytes: Vec<u8>,
}

impl Bins {
    /// Adds a cell; answers its offset.
    fn cell(&mut self, data: &[u8]) -> u32 {
        let offset = self.bytes.len() as u32;
        let size = (data.len() + 4).next_multiple_of(8);
        self.bytes.extend((-(size as i32)).to_le_bytes());
        self.bytes.extend(data);
        self.bytes.resize(offset as usize + size, 0);
        offset
    }

    fn key(&mut self, key: &Key, parent: u32, flags: u16) -> u32 {
        let (name, is_latin1) = name(&key.name);
        let mut data = vec![0; 76];
        data[..2].copy_from_slice(b"nk");
        data[2..4].copy_from_slice(&(flags | if is_latin1 { 0x20 } else { 0 }).to_le_bytes());
        data[72..74].copy_from_slice(&(name.len() as u16).to_le_bytes());
        data.extend(name);
        let offset = self.cell(&data);
        let values = self.values(key);
        let subkeys = self.subkeys(key, offset);
        let (subkey_count, value_count) = (key.subkeys.len() as u32, key.values.len() as u32);
        let none = u32::MAX;
        let fields = [
            (16, parent),
            (20, subkey_count),
            (28, subkeys),
            (32, none),
            (36, value_count),
            (40, values),
            (44, none),
            (48, none),
        ];
        for (at, number) in fields {
            let at = offset as usize + 4 + at;
            self.bytes[at..at + 4].copy_from_slice(&number.to_le_bytes());
        }
        offset
    }

    /// The kind of list depends on how many keys there are: so a large tree has all kinds.
    fn subkeys(&mut self, key: &Key, parent: u32) -> u32 {
        if key.subkeys.is_empty() {
            return u32::MAX;
        }
        let offsets: Vec<u32> = key.subkeys.iter().map(|subkey| self.key(subkey, parent, 0)).collect();
        let mut list = |offsets: &[u32]| {
            let (kind, has_hints) = [(b"lf", true), (b"lh", true), (b"li", false)][offsets.len() % 3];
            let mut data = [&kind[..], &(offsets.len() as u16).to_le_bytes()].concat();
            for offset in offsets {
                data.extend(offset.to_le_bytes());
                data.extend(if has_hints { &[1; 4][..] } else { &[] });
            }
            self.cell(&data)
        };
        if offsets.len() <= 8 {
            return list(&offsets);
        }
        let lists: Vec<u32> = offsets.chunks(8).map(list).collect();
        let mut data = [&b"ri"[..], &(lists.len() as u16).to_le_bytes()].concat();
        data.extend(lists.iter().flat_map(|list| list.to_le_bytes()));
        self.cell(&data)
    }

    fn values(&mut self, key: &Key) -> u32 {
        if key.values.is_empty() {
            return u32::MAX;
        }
        let offsets: Vec<u8> = key.values.iter().map(|value| self.value(value)).flat_map(u32::to_le_bytes).collect();
        self.cell(&offsets)
    }

    fn value(&mut self, (value_name, kind, data): &(String, u32, Vec<u8>)) -> u32 {
        let (value_name, is_latin1) = name(value_name);
        let size = data.len() as u32;
        let (size, place) = if let (0..=4, mut inline) = (size, [0; 4]) {
            inline[..data.len()].copy_from_slice(data);
            (size | 0x8000_0000, u32::from_le_bytes(inline))
        } else if data.len() <= 16_344 {
            (size, self.cell(data))
        } else {
            let segments: Vec<u8> =
                data.chunks(16_344).map(|segment| self.cell(segment)).flat_map(u32::to_le_bytes).collect();
            let count = segments.len() as u16 / 4;
            let list = self.cell(&segments);
            (size, self.cell(&[&b"db"[..], &count.to_le_bytes(), &list.to_le_bytes()].concat()))
        };
        let mut cell = [&b"vk"[..], &(value_name.len() as u16).to_le_bytes()].concat();
        for number in [size, place, *kind, u32::from(is_latin1)] {
            cell.extend(number.to_le_bytes());
        }
        cell.extend(value_name);
        self.cell(&cell)
    }
}
