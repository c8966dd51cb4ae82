use super::super::tests::Maker;
use super::*;

/// The contents of all files, by their indices.
fn opened(cabinet: &Cabinet) -> Vec<Result<Vec<u8>, String>> {
    let everything: Vec<usize> = (0..cabinet.files().len()).collect();
    let mut contents = vec![None; everything.len()];
    cabinet.open_files(&everything, &mut |file, source| {
        let content = source.map_err(ToString::to_string).map(|source| {
            assert!(source.read_exact_at(&mut [0], source.size()).is_err());
            read_at::bytes_at(&*source, 0, source.size() as usize).unwrap().into_owned()
        });
        assert_eq!(contents[file].replace(content), None, "a file is handed out once");
    });
    contents.into_iter().map(Option::unwrap).collect()
}

#[test]
fn files_that_overlap_are_kept_once_and_read_apart() {
    let data: Vec<u8> = (0..100_000_u32).map(|byte| (byte % 251) as u8).collect();
    let mut maker = Maker::with_files(&[("whole", &data)]);
    for (offset, size) in [(90_000, 10_000), (0, 0), (5, 10), (10, 60_000), (100_000, 0), (32_768, 1)] {
        maker.files.push((0, offset, size, "part"));
    }
    maker.folders.push(vec![(b"second".to_vec(), 6)]);
    maker.files.push((1, 2, 3, "other"));
    let expected = |maker: &Maker| -> Vec<Result<Vec<u8>, String>> {
        let content = |(folder, offset, size, _): &(u16, u32, u32, &str)| {
            let data = if *folder == 0 { &*data } else { b"second" };
            Ok(data[*offset as usize..(offset + size) as usize].to_vec())
        };
        maker.files.iter().map(content).collect()
    };
    assert_eq!(opened(&maker.open().unwrap()), expected(&maker));
    maker.files.remove(0); // now with a gap
    assert_eq!(opened(&maker.open().unwrap()), expected(&maker));
}

#[test]
fn many_large_files_over_the_same_data_take_no_more_than_it() {
    let data = vec![7; 2 << 20];
    let mut maker = Maker::with_files(&[("first", &data)]);
    maker.files.extend([(0, 0, data.len() as u32, "again"); 5000]);
    let cabinet = maker.open().unwrap();
    let everything: Vec<usize> = (0..cabinet.files().len()).collect();
    let mut sources = Vec::new();
    cabinet.open_files(&everything, &mut |_, source| sources.push(source.unwrap()));
    assert_eq!(sources.len(), 5001);
    let first = sources[0].as_slice().unwrap();
    assert!(first == data);
    assert!(sources.iter().all(|source| std::ptr::eq(source.as_slice().unwrap(), first)));
}

#[test]
fn what_lies_before_damage_is_opened() {
    let mut maker = Maker::with_files(&[("a", &[1; 40_000]), ("b", &[2; 40_000])]);
    maker.folders[0][2].1 -= 1;
    maker.folders.push(vec![(b"second".to_vec(), 6)]);
    maker.files.extend([(0, 60_000, 10, "c"), (1, 0, 6, "d"), (1, 3, 4, "beyond")]);
    let found = opened(&maker.open().unwrap());
    assert_eq!((&found[0], &found[2], &found[3]), (&Ok(vec![1; 40_000]), &Ok(vec![2; 10]), &Ok(b"second".to_vec())));
    assert!(found[1].as_ref().unwrap_err().contains("stored block"), "{:?}", found[1]);
    assert!(found[4].as_ref().unwrap_err().contains("ends behind the end"), "{:?}", found[4]);
}
