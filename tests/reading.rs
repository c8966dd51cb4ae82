//! What reading touches: opening and listing must not read a large file, one small file must not decode its neighbours.

use std::collections::BTreeSet;
use std::io;
use std::sync::{Arc, Mutex};
use wimkit::util::progress::Control;
use wimkit::util::read_at::ReadAt;
use wimkit::util::sha1::Sha1;
use wimkit::wim::blob_table::Location;
use wimkit::wim::engine::{BlobEnd, BlobSource, Segment, Sink, default_memory, read_blobs};
use wimkit::wim::header::{Header, ResourceHeader, resource_flag};
use wimkit::wim::metadata::{NewFile, TreeBuilder};
use wimkit::wim::resource::read_chunk;
use wimkit::wim::xml::{ImageXml, WimXml};
use wimkit::wim::{ImageIndex, Wim, verify};

/// A sparse source that remembers which pages were read.
struct Counting {
    size: u64,
    pieces: Vec<(u64, Vec<u8>)>,
    pages: Arc<Mutex<BTreeSet<u64>>>,
}

const PAGE: u64 = 4096;

impl ReadAt for Counting {
    fn size(&self) -> u64 {
        self.size
    }

    fn read_exact_at(&self, buf: &mut [u8], offset: u64) -> io::Result<()> {
        let end = offset + buf.len() as u64;
        if end > self.size {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        if !buf.is_empty() {
            self.pages.lock().unwrap().extend(offset / PAGE..=(end - 1) / PAGE);
        }
        buf.fill(0);
        for (start, bytes) in &self.pieces {
            let (from, to) = (offset.max(*start), end.min(start + bytes.len() as u64));
            if from < to {
                buf[(from - offset) as usize..(to - offset) as usize]
                    .copy_from_slice(&bytes[(from - start) as usize..(to - start) as usize]);
            }
        }
        Ok(())
    }
}

/// An uncompressed WIM of 5 GiB: a huge blob of zeros, then a small one, then the tables.
fn huge_wim() -> (Counting, Arc<Mutex<BTreeSet<u64>>>) {
    const HUGE: u64 = 5 << 30;
    let small = b"a small file behind a huge one".to_vec();
    let mut tree = TreeBuilder::new();
    tree.add(TreeBuilder::ROOT, NewFile::file("huge.vhdx", Sha1([0xAA; 20])));
    tree.add(TreeBuilder::ROOT, NewFile::file("small.txt", Sha1::of(&small)));
    let metadata = tree.encode().unwrap();
    let mut image = ImageXml::default();
    image.set("NAME", "Huge").unwrap();
    let mut xml = WimXml::new();
    xml.add_image(image);
    let xml = xml.encode().unwrap();

    let resource = |offset, size: u64, flags| ResourceHeader {
        size_in_wim: size,
        flags,
        offset_in_wim: offset,
        uncompressed_size: size,
    };
    let mut at = 208;
    let mut place = |size: u64, flags| {
        at += size;
        resource(at - size, size, flags)
    };
    let huge = place(HUGE, 0);
    let small_resource = place(small.len() as u64, 0);
    let metadata_resource = place(metadata.len() as u64, resource_flag::METADATA);
    let mut table = Vec::new();
    for (resource, sha1) in
        [(metadata_resource, Sha1::of(&metadata)), (huge, Sha1([0xAA; 20])), (small_resource, Sha1::of(&small))]
    {
        let entry = wimkit::wim::blob_table::Entry { resource, part_number: 1, reference_count: 1, sha1 };
        table.extend(entry.encode());
    }
    let table_resource = place(table.len() as u64, resource_flag::METADATA);
    let xml_resource = place(xml.len() as u64, resource_flag::METADATA);
    let header =
        Header { guid: [1; 16], image_count: 1, blob_table: table_resource, xml: xml_resource, ..Header::new(None, 0) };
    let pieces = vec![
        (0, header.encode().to_vec()),
        (small_resource.offset_in_wim, small),
        (metadata_resource.offset_in_wim, metadata),
        (table_resource.offset_in_wim, table),
        (xml_resource.offset_in_wim, xml),
    ];
    let pages = Arc::new(Mutex::new(BTreeSet::new()));
    (Counting { size: at, pieces, pages: Arc::clone(&pages) }, pages)
}

/// Collects one blob.
#[derive(Default)]
struct Collect(Vec<u8>, Option<BlobEnd>);

impl Sink for Collect {
    type Error = ();

    fn accept(&mut self, batch: &[Segment<'_>]) -> Result<(), ()> {
        for segment in batch {
            self.0.extend(segment.data);
            self.1 = segment.end.or(self.1);
        }
        Ok(())
    }
}

#[test]
fn opening_a_huge_file_reads_header_and_xml_alone() {
    let (source, pages) = huge_wim();
    let wim = Wim::from_source(Box::new(source), "huge.wim").unwrap();
    assert_eq!(wim.xml().image(1).unwrap().name().unwrap(), "Huge");
    assert_eq!(wim.image_count(), 1);
    assert!(pages.lock().unwrap().len() <= 3, "{:?}", pages.lock().unwrap());
}

#[test]
fn a_small_file_costs_tables_metadata_and_its_own_bytes() {
    let (source, pages) = huge_wim();
    let wim = Wim::from_source(Box::new(source), "huge.wim").unwrap();
    let metadata = wim.metadata(ImageIndex::new(1).unwrap()).unwrap();
    let sha1 = metadata.lookup("SMALL.TXT").unwrap().data_hash().unwrap();
    let blob = *wim.contents().unwrap().find(&sha1).unwrap();
    assert!(matches!(blob.location, Location::Plain(_)));
    let request = wim.request(&blob).unwrap();
    let mut sink = Collect::default();
    read_blobs(&wim.sources(), &[request], &mut sink, wim.decoders(), default_memory(), Control::silent()).unwrap();
    assert_eq!(sink.0, b"a small file behind a huge one");
    assert_eq!(sink.1, Some(BlobEnd::Intact));
    assert!(pages.lock().unwrap().len() <= 6, "{:?}", pages.lock().unwrap());
}

#[test]
fn one_chunk_of_a_compressed_file_costs_its_entries_and_itself() {
    let bytes = std::fs::read("testdata/sample.wim").unwrap();
    let pages = Arc::new(Mutex::new(BTreeSet::new()));
    let source = Counting { size: bytes.len() as u64, pieces: vec![(0, bytes)], pages: Arc::clone(&pages) };
    let wim = Wim::from_source(Box::new(source), "sample.wim").unwrap();
    let contents = wim.contents().unwrap();
    let maps = contents.blobs.iter().filter_map(|blob| match wim.request(blob).unwrap().source {
        BlobSource::Resource(map) => Some(map),
        BlobSource::Solid { .. } | BlobSource::Broken(_) => None,
    });
    let map = maps.filter(|map| map.coding().is_some()).max_by_key(|map| map.chunk_count()).unwrap();
    assert!(map.chunk_count() >= 3);
    pages.lock().unwrap().clear();
    let mut chunks = Vec::new();
    let source = &*wim.files()[0].source;
    map.locate(source, 1..2, &mut chunks).unwrap();
    assert_eq!(pages.lock().unwrap().len(), 1, "two entries of the chunk table");
    let mut chunk = vec![0; chunks[0].uncompressed_size as usize];
    read_chunk(source, &chunks[0], map.coding(), wim.decoders(), &mut chunk).unwrap();
    assert!(pages.lock().unwrap().len() as u64 <= 3 + chunks[0].stored_size / PAGE);
}

#[test]
fn the_xml_may_be_damaged() {
    let mut bytes = std::fs::read("testdata/sample.wim").unwrap();
    let wim = Wim::from_source(Box::new(io::Cursor::new(bytes.clone())), "sample.wim").unwrap();
    let names: Vec<_> = wim.xml().images().map(|image| image.name().unwrap().into_owned()).collect();
    let statistics = wim.xml().image(1).unwrap().statistics().unwrap();
    assert_eq!(wim.warnings().count(), 0);
    let xml = wim.header().xml.offset_in_wim as usize;

    bytes[xml + 10] = b'<';
    let damaged = Wim::from_source(Box::new(io::Cursor::new(bytes)), "sample.wim").unwrap();
    assert_eq!(damaged.xml().image_count() as usize, names.len());
    assert_eq!(damaged.xml().image(1).unwrap().name(), None);
    assert_eq!(damaged.xml().image(1).unwrap().statistics(), Some(statistics));
    assert!(damaged.warnings().next().unwrap().contains("names and properties"), "{:?}", damaged.warnings().next());
    assert!(verify::verify(&damaged, &verify::Options::default(), Control::silent()).unwrap().is_good());
}

#[test]
fn an_encrypted_esd_is_refused_by_name() {
    let mut xml = String::from("<WIM><ESD><ENCRYPTED>1</ENCRYPTED></ESD><IMAGE INDEX=\"1\"></IMAGE></WIM>");
    xml.insert(0, '\u{feff}');
    let xml: Vec<u8> = xml.encode_utf16().flat_map(u16::to_le_bytes).collect();
    let original = std::fs::read("testdata/sample.esd").unwrap();
    let mut header = Header::decode(original[..208].try_into().unwrap()).unwrap();
    header.image_count = 1;
    header.xml.offset_in_wim = original.len() as u64;
    header.xml.size_in_wim = xml.len() as u64;
    header.xml.uncompressed_size = xml.len() as u64;
    let mut file = original;
    file[..208].copy_from_slice(&header.encode());
    file.extend(&xml);
    let error = Wim::from_source(Box::new(io::Cursor::new(file)), "secret.esd").unwrap_err();
    assert!(error.to_string().contains("encrypted ESD"), "{error}");
    assert!(error.hint().is_some());
}
