//! Which blobs are copied as they are, which are compressed anew, and in which order. Pure: nothing is read or written.

use crate::codec::Format;
use crate::wim::blob_table::Location;
use crate::wim::header::{Header, resource_flag};
use crate::wim::reader::{Contents, KnownBlob, reading_order};
use crate::wim::resource::Coding;
use std::collections::{HashMap, HashSet};

/// How blobs are stored in the destination.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Storage {
    /// How plain resources are compressed; `None` = not at all.
    pub plain: Option<Coding>,
    /// How the solid resource is compressed, where blobs go into one.
    pub solid: Option<Coding>,
    /// Compress everything anew.
    pub recompress: bool,
}

/// Why a resource cannot be copied as it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reason {
    /// It was asked for.
    Asked,
    /// The source has the layout for pipes, in which chunks have headers.
    Pipable,
    /// One of the two is solid, the other is not.
    Solid,
    /// The format or chunk size differs.
    Coding,
    /// The source stores it uncompressed, not because it does not shrink but because nothing is compressed there.
    Uncompressed,
}

/// Whether a plain resource can be copied as it is into a file that stores plain resources as `storage` says.
pub(super) fn copy_or_reason(resource_flags: u8, source: &Header, storage: &Storage) -> Result<(), Reason> {
    if storage.recompress {
        return Err(Reason::Asked);
    }
    if storage.solid.is_some() {
        return Err(Reason::Solid);
    }
    let source_coding = source.format().ok().flatten().map(|format| (format, source.chunk_size));
    if resource_flags & resource_flag::COMPRESSED != 0 {
        if source.pipable {
            return Err(Reason::Pipable);
        }
        return if storage.plain == source_coding && storage.plain.is_some() { Ok(()) } else { Err(Reason::Coding) };
    }
    match (storage.plain.map(coding_format), source_coding.map(coding_format)) {
        (None, _) => Ok(()),
        // The same format tried and did not make it smaller; another chunk size will hardly do better.
        (Some(ours), Some(theirs)) if ours == theirs => Ok(()),
        (Some(_), _) => Err(Reason::Uncompressed),
    }
}

fn coding_format(coding: Coding) -> Format {
    coding.0
}

/// A blob to export: which source (an index into the caller's list) holds it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Wanted {
    pub source: usize,
    pub blob: KnownBlob,
}

/// What to do, in order.
#[derive(Debug, Default)]
pub(super) struct Plan {
    /// Plain resources to copy, by place.
    pub copies: Vec<Wanted>,
    /// Solid resources to copy whole: source, index of the resource there, its blobs.
    pub solid_copies: Vec<(usize, usize, Vec<Wanted>)>,
    /// Blobs to compress anew, in the order in which they are read and written.
    pub encodes: Vec<Wanted>,
}

/// One source as the plan sees it.
#[derive(Clone, Copy)]
pub(super) struct Source<'a> {
    pub contents: &'a Contents,
    /// Headers of the source's files.
    pub headers: &'a [&'a Header],
}

/// Divides `wanted`. `solid_key` sorts the blobs of a new solid resource so that similar ones are neighbours.
pub(super) fn plan<K: Ord>(
    wanted: &[Wanted],
    sources: &[Source<'_>],
    storage: &Storage,
    solid_key: impl Fn(&Wanted) -> K,
) -> Plan {
    let mut plan = Plan::default();
    let mut by_solid: HashMap<(usize, usize), Vec<Wanted>> = HashMap::new();
    for item in wanted {
        match item.blob.location {
            Location::Solid { resource, .. } => by_solid.entry((item.source, resource)).or_default().push(*item),
            Location::Plain(resource) => {
                let header = sources[item.source].headers[item.blob.file];
                match copy_or_reason(resource.flags, header, storage) {
                    Ok(()) => plan.copies.push(*item),
                    Err(_) => plan.encodes.push(*item),
                }
            }
        }
    }

    let place = |item: &Wanted| (item.source, reading_order(&item.blob, sources[item.source].contents));
    let mut solids: Vec<_> = by_solid.into_iter().collect();
    solids.sort_unstable_by_key(|(key, _)| *key);
    for ((source, resource), mut blobs) in solids {
        blobs.sort_by_key(place);
        if is_whole(&blobs, source, resource, sources, storage) {
            plan.solid_copies.push((source, resource, blobs));
        } else {
            plan.encodes.extend(blobs);
        }
    }

    plan.copies.sort_by_key(place);
    refuse_overlaps(&mut plan);
    plan.encodes.sort_by_key(place);
    if storage.solid.is_some() {
        // Blobs that come out of a solid resource are in such an order already, and another one would decode its
        // chunks again and again.
        let is_solid = |item: &Wanted| matches!(item.blob.location, Location::Solid { .. });
        plan.encodes.sort_by_cached_key(|item| if is_solid(item) { (0, None) } else { (1, Some(solid_key(item))) });
    }
    plan
}

/// Whether a solid resource can be copied: the destination wants one just like it, and all that it holds.
fn is_whole(blobs: &[Wanted], source: usize, resource: usize, sources: &[Source<'_>], storage: &Storage) -> bool {
    let contents = sources[source].contents;
    let Ok(map) = &contents.solid_resources[resource].2 else { return false };
    if storage.recompress || storage.solid.is_none() || storage.solid != map.coding() {
        return false;
    }
    let all = contents
        .blobs
        .iter()
        .filter(|blob| matches!(blob.location, Location::Solid { resource: other, .. } if other == resource))
        .count();
    blobs.len() == all
}

/// Moves resources that overlap another one from the copies to the blobs whose hashes are checked: a table that names one
/// range many times cannot make a small file into a huge one unnoticed.
fn refuse_overlaps(plan: &mut Plan) {
    let mut suspects = HashSet::new();
    let mut last: Option<(usize, usize, u64)> = None;
    for (index, item) in plan.copies.iter().enumerate() {
        let Location::Plain(resource) = item.blob.location else { continue };
        let end = resource.end_in_wim().unwrap_or(u64::MAX);
        match last {
            Some((source, file, last_end))
                if (source, file) == (item.source, item.blob.file) && resource.offset_in_wim < last_end =>
            {
                suspects.insert(index);
                last = Some((source, file, last_end.max(end)));
            }
            _ => last = Some((item.source, item.blob.file, end)),
        }
    }
    if !suspects.is_empty() {
        let mut index = 0;
        plan.copies.retain(|item| {
            let suspect = suspects.contains(&index);
            index += 1;
            if suspect {
                plan.encodes.push(*item);
            }
            !suspect
        });
    }
}

/// Sorts blobs of a solid resource so that similar ones are neighbours: those without a name first, then by extension,
/// then by name.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::wim) struct SolidKey {
    extension: Option<String>,
    name: Option<String>,
}

impl SolidKey {
    /// The key of a blob that is the content of a file called `name`.
    pub(in crate::wim) fn new(name: Option<&str>) -> Self {
        let name = name.map(str::to_lowercase);
        let extension =
            name.as_deref().and_then(|name| name.rsplit_once('.')).map(|(_, extension)| extension.to_owned());
        Self { extension, name }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::util::sha1::Sha1;
    use crate::wim::header::ResourceHeader;

    fn header(format: Option<Format>, chunk_size: u32, pipable: bool) -> Header {
        Header { pipable, ..Header::new(format, chunk_size) }
    }

    #[test]
    fn resources_are_copied_when_the_coding_agrees() {
        let lzx = Some((Format::Lzx, 32768));
        let storage = |plain| Storage { plain, solid: None, recompress: false };
        let source = header(Some(Format::Lzx), 32768, false);
        let compressed = resource_flag::COMPRESSED;
        assert_eq!(copy_or_reason(compressed, &source, &storage(lzx)), Ok(()));
        assert_eq!(copy_or_reason(0, &source, &storage(lzx)), Ok(()));
        assert_eq!(copy_or_reason(0, &source, &storage(None)), Ok(()));
        assert_eq!(copy_or_reason(compressed, &source, &storage(None)), Err(Reason::Coding));
        assert_eq!(copy_or_reason(compressed, &source, &storage(Some((Format::Lzx, 65536)))), Err(Reason::Coding));
        assert_eq!(copy_or_reason(0, &header(None, 0, false), &storage(lzx)), Err(Reason::Uncompressed));
        let pipable = header(Some(Format::Lzx), 32768, true);
        assert_eq!(copy_or_reason(compressed, &pipable, &storage(lzx)), Err(Reason::Pipable));
        let solid = Storage { solid: Some((Format::Lzms, 1 << 26)), ..storage(lzx) };
        assert_eq!(copy_or_reason(compressed, &source, &solid), Err(Reason::Solid));
        let asked = Storage { recompress: true, ..storage(lzx) };
        assert_eq!(copy_or_reason(compressed, &source, &asked), Err(Reason::Asked));
    }

    #[test]
    fn overlapping_ranges_are_not_copied_blindly() {
        let wanted = |offset: u64, size: u64| Wanted {
            source: 0,
            blob: KnownBlob {
                sha1: Sha1([offset as u8; 20]),
                size,
                reference_count: 1,
                file: 0,
                location: Location::Plain(ResourceHeader {
                    size_in_wim: size,
                    flags: 0,
                    offset_in_wim: offset,
                    uncompressed_size: size,
                }),
            },
        };
        let header = header(None, 0, false);
        let contents = Contents::default();
        let sources = [Source { contents: &contents, headers: &[&header] }];
        let storage = Storage { plain: None, solid: None, recompress: false };
        let items = [wanted(300, 100), wanted(208, 50), wanted(250, 50), wanted(399, 10)];
        let plan = plan(&items, &sources, &storage, |_| 0);
        let offsets = |items: &[Wanted]| items.iter().map(|item| item.blob.sha1.0[0]).collect::<Vec<_>>();
        assert_eq!(offsets(&plan.copies), [208, 44]); // 300 as u8
        assert_eq!(offsets(&plan.encodes), [250, 143]); // 399 as u8
    }

    #[test]
    fn solid_order_is_by_extension_then_name() {
        let mut names = [Some("b.dll"), Some("a.EXE"), None, Some("readme"), Some("A.dll"), Some("x.tar.dll")];
        names.sort_by_key(|name| SolidKey::new(*name));
        assert_eq!(names, [None, Some("readme"), Some("A.dll"), Some("b.dll"), Some("x.tar.dll"), Some("a.EXE")]);
    }
}
